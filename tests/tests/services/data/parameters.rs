//! The Parameter Store, by hand: what is on the wire.

use hardcap::Emulator;
use hardcap::config::{Parameter, ParameterKind};
use hardcap_limits::Date;
use hardcap_tests::client::Answer;
use serde_json::{Value, json};

use super::{call, output, refused};

async fn ssm(emulator: &Emulator, operation: &str, input: Value) -> Answer {
    call(emulator, &format!("AmazonSSM.{operation}"), input).await
}

async fn put(emulator: &Emulator, characters: usize, tier: &str) -> Answer {
    let value = "\u{e9}".repeat(characters);
    let input = json!({ "Name": "/a/value", "Value": value, "Type": "String", "Tier": tier, "Overwrite": true });
    ssm(emulator, "PutParameter", input).await
}

#[tokio::test]
async fn a_standard_parameter_of_4096_characters_is_put_and_one_more_is_refused() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    assert_eq!(
        output(&put(&emulator, 4_096, "Standard").await),
        json!({ "Version": 1, "Tier": "Standard" })
    );
    assert_eq!(
        refused(&put(&emulator, 4_097, "Standard").await),
        (
            "ValidationException".to_owned(),
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
             parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
                .to_owned()
        )
    );
    assert_eq!(output(&put(&emulator, 1, "Standard").await)["Version"], 2);
    let seen = &emulator.totals().limits["ssm_standard"];
    assert_eq!((seen.highest_admitted, seen.refused), (4_096, 1));
}

#[tokio::test]
async fn an_advanced_parameter_of_8192_characters_is_put_and_one_more_is_refused() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    assert_eq!(output(&put(&emulator, 8_192, "Advanced").await)["Tier"], "Advanced");
    let (code, message) = refused(&put(&emulator, 8_193, "Advanced").await);
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "The specified parameter value is too large. Advanced-tier parameters support a maximum parameter value of \
         8192 characters."
    );
    output(&put(&emulator, 1, "Advanced").await);
    let (_, message) = refused(&put(&emulator, 1, "Standard").await);
    assert!(message.starts_with("This parameter uses the advanced-parameter tier."), "{message}");
    assert_eq!(emulator.totals().limits["ssm_advanced"].refused, 1);
}

#[tokio::test]
async fn the_intelligent_tier_is_standard_while_the_value_fits() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let tier = async |characters| {
        output(&put(&emulator, characters, "Intelligent-Tiering").await)["Tier"].clone()
    };
    assert_eq!(tier(4_096).await, "Standard");
    assert_eq!(tier(4_097).await, "Advanced");
    assert_eq!(tier(1).await, "Advanced");
}

#[tokio::test]
async fn every_version_of_a_parameter_can_be_read() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .parameter(Parameter::new("/shop/url", "one"))
        .start()
        .await
        .unwrap();
    let again = json!({ "Name": "/shop/url", "Value": "two", "Type": "String" });
    assert_eq!(refused(&ssm(&emulator, "PutParameter", again).await).0, "ParameterAlreadyExists");
    let over = json!({ "Name": "/shop/url", "Value": "two", "Overwrite": true });
    assert_eq!(output(&ssm(&emulator, "PutParameter", over).await)["Version"], 2);
    let get = async |name: &str| ssm(&emulator, "GetParameter", json!({ "Name": name })).await;
    let newest = output(&get("/shop/url").await);
    assert_eq!(newest["Parameter"]["Value"], "two");
    assert_eq!(newest["Parameter"]["ARN"], "arn:aws:ssm:us-east-1:000000000000:parameter/shop/url");
    assert!(newest["Parameter"]["LastModifiedDate"].is_f64(), "{newest}");
    let first = output(&get("/shop/url:1").await);
    assert_eq!(first["Parameter"]["Value"], "one");
    assert_eq!(first["Parameter"]["Selector"], ":1");
    let arn = output(&get("arn:aws:ssm:us-east-1:000000000000:parameter/shop/url").await);
    assert_eq!(arn["Parameter"]["Value"], "two");
    let (code, message) = refused(&get("/shop/url:9").await);
    assert_eq!(code, "ParameterVersionNotFound");
    assert_eq!(
        message,
        "Systems Manager could not find version 9 of /shop/url. Verify the version and try again."
    );
    let absent = get("/shop/absent").await;
    assert_eq!(absent.text(), r#"{"__type":"ParameterNotFound"}"#);
    let history =
        output(&ssm(&emulator, "GetParameterHistory", json!({ "Name": "/shop/url" })).await);
    assert_eq!(history["Parameters"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_secure_string_is_hidden_unless_it_is_decrypted() {
    let secure =
        Parameter { kind: ParameterKind::SecureString, ..Parameter::new("/key", "canary") };
    let emulator =
        Emulator::builder().limits(Date::CLASSIC).parameter(secure).start().await.unwrap();
    let hidden = ssm(&emulator, "GetParameter", json!({ "Name": "/key" })).await;
    assert!(!hidden.text().contains("canary"), "{hidden:?}");
    assert_eq!(output(&hidden)["Parameter"]["Type"], "SecureString");
    let shown =
        ssm(&emulator, "GetParameter", json!({ "Name": "/key", "WithDecryption": true })).await;
    assert_eq!(output(&shown)["Parameter"]["Value"], "canary");
}

#[tokio::test]
async fn parameters_below_a_path_come_in_pages_of_ten() {
    let mut builder =
        Emulator::builder().limits(Date::CLASSIC).parameter(Parameter::new("/other", "0"));
    for number in 10..22 {
        builder = builder.parameter(Parameter::new(&format!("/shop/{number}"), "v"));
    }
    let emulator = builder.parameter(Parameter::new("/shop/deep/er", "v")).start().await.unwrap();
    let by_path = async |input: Value| output(&ssm(&emulator, "GetParametersByPath", input).await);
    let first = by_path(json!({ "Path": "/shop" })).await;
    assert_eq!(first["Parameters"].as_array().map(Vec::len), Some(10));
    let second = by_path(json!({ "Path": "/shop", "NextToken": first["NextToken"] })).await;
    assert_eq!(second["Parameters"].as_array().map(Vec::len), Some(2));
    assert!(second.get("NextToken").is_none(), "{second}");
    let rest = json!({ "Path": "/shop", "Recursive": true, "NextToken": first["NextToken"] });
    assert_eq!(by_path(rest).await["Parameters"].as_array().map(Vec::len), Some(3));
    let input = json!({ "Path": "/shop", "NextToken": "nonsense" });
    assert_eq!(refused(&ssm(&emulator, "GetParametersByPath", input).await).0, "InvalidNextToken");
    let input = json!({ "Path": "shop" });
    assert_eq!(
        refused(&ssm(&emulator, "GetParametersByPath", input).await).0,
        "ValidationException"
    );
    let filters = json!({ "ParameterFilters": [{ "Key": "Name", "Option": "BeginsWith", "Values": ["/shop/2"] }] });
    let described = output(&ssm(&emulator, "DescribeParameters", filters).await);
    assert_eq!(described["Parameters"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn many_parameters_are_read_and_deleted_with_those_that_are_not_there_named() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .parameter(Parameter::new("a", "1"))
        .parameter(Parameter::new("b", "2"))
        .start()
        .await
        .unwrap();
    let names = json!({ "Names": ["a", "absent", "b"] });
    let found = output(&ssm(&emulator, "GetParameters", names.clone()).await);
    assert_eq!(found["Parameters"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["InvalidParameters"], json!(["absent"]));
    let deleted = output(&ssm(&emulator, "DeleteParameters", names).await);
    assert_eq!(
        deleted,
        json!({ "DeletedParameters": ["a", "b"], "InvalidParameters": ["absent"] })
    );
    assert_eq!(
        refused(&ssm(&emulator, "DeleteParameter", json!({ "Name": "a" })).await).0,
        "ParameterNotFound"
    );
    let eleven: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    assert_eq!(
        refused(&ssm(&emulator, "GetParameters", json!({ "Names": eleven })).await).0,
        "ValidationException"
    );
    let (code, message) = refused(&ssm(&emulator, "GetInventory", json!({})).await);
    assert_eq!(code, "UnknownOperationException");
    assert!(message.contains("it has PutParameter, GetParameter,"), "{message}");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_stops_the_start_with_its_name() {
    let long = Parameter::new("/long", &"x".repeat(4_097));
    let error =
        Emulator::builder().limits(Date::CLASSIC).parameter(long).start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `/long`: ssm_standard: 4097, 1 over the limit of 4096"
    );
}

#[tokio::test]
async fn a_value_that_its_pattern_does_not_allow_is_refused_and_not_kept() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let put = async |value: &str, pattern: &str| {
        let input = json!({ "Name": "n", "Value": value, "Type": "String", "AllowedPattern": pattern, "Overwrite": true });
        ssm(&emulator, "PutParameter", input).await
    };
    output(&put("123", "^\\d+$").await);
    let (code, message) = refused(&put("abc", "^\\d+$").await);
    assert_eq!(code, "ParameterPatternMismatchException");
    assert!(message.contains("^\\d+$"), "{message}");
    assert_eq!(refused(&put("12a", "\\d+").await).0, "ParameterPatternMismatchException");
    assert_eq!(refused(&put("1", "(").await).0, "InvalidAllowedPatternException");
    let kept = output(&ssm(&emulator, "GetParameter", json!({ "Name": "n" })).await);
    assert_eq!(
        (&kept["Parameter"]["Value"], &kept["Parameter"]["Version"]),
        (&json!("123"), &json!(1))
    );
    let described = output(&ssm(&emulator, "DescribeParameters", json!({})).await);
    assert_eq!(described["Parameters"][0]["AllowedPattern"], "^\\d+$");
}

#[tokio::test]
async fn members_that_would_be_dropped_are_refused() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let put = async |member: &str, value: Value| {
        let mut input = json!({ "Name": "n", "Value": "v", "Type": "String" });
        input[member] = value;
        ssm(&emulator, "PutParameter", input).await
    };
    let (code, message) = refused(&put("DataType", json!("nonsense")).await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("data type is not supported: nonsense"), "{message}");
    let (_, message) = refused(&put("Policies", json!("[{\"Type\":\"Expiration\"}]")).await);
    assert!(message.contains("Policies"), "{message}");
    assert_eq!(
        refused(&ssm(&emulator, "GetParameter", json!({ "Name": "n" })).await).0,
        "ParameterNotFound"
    );
    output(&put("DataType", json!("aws:ec2:image")).await);
    let shown = output(&ssm(&emulator, "GetParameter", json!({ "Name": "n" })).await);
    assert_eq!(shown["Parameter"]["DataType"], "aws:ec2:image");
    let (code, _) = refused(&ssm(&emulator, "GetParameter", json!({ "Name": "/a//b" })).await);
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn a_label_is_on_one_version_and_names_it() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .parameter(Parameter::new("/p", "one"))
        .start()
        .await
        .unwrap();
    let over = json!({ "Name": "/p", "Value": "two", "Overwrite": true });
    output(&ssm(&emulator, "PutParameter", over.clone()).await);
    let label = async |version: Option<u64>, labels: Value| {
        let mut input = json!({ "Name": "/p", "Labels": labels });
        if let Some(version) = version {
            input["ParameterVersion"] = json!(version);
        }
        ssm(&emulator, "LabelParameterVersion", input).await
    };
    let first = output(&label(Some(1), json!(["live", "aws-x", "1st", "a b"])).await);
    assert_eq!(first, json!({ "InvalidLabels": ["aws-x", "1st", "a b"], "ParameterVersion": 1 }));
    let get = async |name: &str| ssm(&emulator, "GetParameter", json!({ "Name": name })).await;
    assert_eq!(output(&get("/p:live").await)["Parameter"]["Value"], "one");
    assert_eq!(output(&label(None, json!(["live"])).await)["ParameterVersion"], 2);
    assert_eq!(output(&get("/p:live").await)["Parameter"]["Value"], "two");
    assert_eq!(refused(&label(Some(9), json!(["x"])).await).0, "ParameterVersionNotFound");
    let ten: Vec<String> = (0..10).map(|at| format!("l{at}")).collect();
    assert_eq!(refused(&label(Some(2), json!(ten)).await).0, "ParameterVersionLabelLimitExceeded");
    output(&label(Some(1), json!(ten)).await);
    let remove = json!({ "Name": "/p", "ParameterVersion": 2, "Labels": ["live", "absent"] });
    let removed = output(&ssm(&emulator, "UnlabelParameterVersion", remove).await);
    assert_eq!(removed, json!({ "InvalidLabels": ["absent"], "RemovedLabels": ["live"] }));
    assert_eq!(refused(&get("/p:live").await).0, "ParameterVersionNotFound");
    // Version 1 has labels, so it cannot be forgotten: version 101 would need that.
    for _ in 2..100 {
        output(&ssm(&emulator, "PutParameter", over.clone()).await);
    }
    let (code, message) = refused(&ssm(&emulator, "PutParameter", over.clone()).await);
    assert_eq!(code, "ParameterMaxVersionLimitExceeded");
    assert!(message.contains("Version 1, the oldest version"), "{message}");
    let remove = json!({ "Name": "/p", "ParameterVersion": 1, "Labels": ten });
    output(&ssm(&emulator, "UnlabelParameterVersion", remove).await);
    assert_eq!(output(&ssm(&emulator, "PutParameter", over).await)["Version"], 101);
}

#[tokio::test]
async fn tags_of_a_parameter_are_kept_shown_and_filter_descriptions() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    for (name, tags) in [("/a", json!([{ "Key": "env", "Value": "prod" }])), ("/b", json!([]))] {
        let input = json!({ "Name": name, "Value": "v", "Type": "String", "Tags": tags });
        output(&ssm(&emulator, "PutParameter", input).await);
    }
    let resource = |extra: Value| {
        let mut input = json!({ "ResourceType": "Parameter", "ResourceId": "/b" });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        input
    };
    let add = resource(
        json!({ "Tags": [{ "Key": "env", "Value": "test" }, { "Key": "x", "Value": "" }] }),
    );
    output(&ssm(&emulator, "AddTagsToResource", add).await);
    output(&ssm(&emulator, "RemoveTagsFromResource", resource(json!({ "TagKeys": ["x"] }))).await);
    let listed = output(&ssm(&emulator, "ListTagsForResource", resource(json!({}))).await);
    assert_eq!(listed["TagList"], json!([{ "Key": "env", "Value": "test" }]));
    let described = async |filter: Value| {
        let input = json!({ "ParameterFilters": [filter] });
        let described = output(&ssm(&emulator, "DescribeParameters", input).await);
        let list = described["Parameters"].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|it| it["Name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(described(json!({ "Key": "tag:env", "Values": ["prod"] })).await, ["/a"]);
    assert_eq!(described(json!({ "Key": "tag:env" })).await, ["/a", "/b"]);
    let old = json!({ "Filters": [{ "Key": "Name", "Values": ["/b"] }] });
    let described = output(&ssm(&emulator, "DescribeParameters", old).await);
    assert_eq!(described["Parameters"].as_array().map(Vec::len), Some(1), "{described}");
}
