//! The values of parameters, conditions and intrinsic functions.

use std::path::Path;

use hardcap_limits::{Limits, Millis};

use super::{bad, good};
use crate::settings::Settings;
use crate::template::load;

/// One function with these lines in its `Variables`, and the value of `V`.
fn value_of(variable: &str, rest: &str) -> String {
    let text = format!(
        "{rest}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Environment:\n        Variables:\n          V: {variable}\n  Files:\n    Type: AWS::S3::Bucket\n    Properties: {{BucketName: my-files}}\n  Web: {{Type: AWS::Serverless::HttpApi}}\n  Q: {{Type: AWS::SQS::Queue}}\n  T: {{Type: AWS::SNS::Topic, Properties: {{TopicName: topic}}}}\n  M: {{Type: AWS::Serverless::StateMachine}}\n  R: {{Type: AWS::IAM::Role}}\n  A: {{Type: AWS::AppSync::GraphQLApi}}\n  L: {{Type: AWS::Serverless::Function, Properties: {{AutoPublishAlias: live}}}}\n"
    );
    good(&text).config.functions[0]
        .environment
        .get("V")
        .cloned()
        .unwrap_or_else(|| "(absent)".to_owned())
}

#[test]
fn intrinsic_functions_have_the_values_that_cloudformation_gives() {
    let parameters = "
Parameters:
  Name: {Type: String, Default: abc}
  List: {Type: CommaDelimitedList, Default: 'x, y,z'}
Conditions:
  Yes: !Equals [!Ref Name, abc]
  No: !Not [{Condition: Yes}]
  Both: !And [!Condition Yes, !Condition No]
  Any: !Or [!Condition Yes, !Condition No]
Mappings:
  Sizes: {us-east-1: {small: 3, zones: [p, q]}}";
    for (expression, value) in [
        ("!Ref Name", "abc"),
        ("{Ref: Name}", "abc"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref AWS::StackName", "hardcap"),
        ("!Ref AWS::NoValue", "(absent)"),
        ("!Ref Files", "my-files"),
        ("!Ref F", "F"),
        ("!GetAtt Files.Arn", "arn:aws:s3:::my-files"),
        ("!GetAtt [Files, RegionalDomainName]", "my-files.s3.us-east-1.amazonaws.com"),
        ("!GetAtt F.Arn", "arn:aws:lambda:us-east-1:000000000000:function:F"),
        (
            "!Sub 'a-${Name}-${AWS::Partition}-${Files}-${!Literal}'",
            "a-abc-aws-my-files-${Literal}",
        ),
        ("!Sub ['${x}/${Name}', {x: !Ref Files}]", "my-files/abc"),
        (
            "!Sub 'https://${Web}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1'",
            "${hardcap:origin:Web}/v1",
        ),
        ("!Sub '${Web.ApiEndpoint}/v1'", "${hardcap:origin:Web}/v1"),
        ("!Sub '${companions.search.url}/x'", "${companions.search.url}/x"),
        ("!Join ['-', [a, !Ref Name, c]]", "a-abc-c"),
        ("!Join ['|', !Ref List]", "x|y|z"),
        ("!Select [1, !Ref List]", "y"),
        ("!Select [2, !Split [',', 'a,b,c']]", "c"),
        ("!Select ['0', !GetAZs '']", "us-east-1a"),
        ("!If [Yes, one, two]", "one"),
        ("!If [No, one, !Ref AWS::NoValue]", "(absent)"),
        ("!If [Both, one, two]", "two"),
        ("!If [Any, one, two]", "one"),
        ("!FindInMap [Sizes, !Ref AWS::Region, small]", "3"),
        ("!Join ['', !FindInMap [Sizes, us-east-1, zones]]", "pq"),
        ("!FindInMap [Sizes, eu-west-1, small, {DefaultValue: none}]", "none"),
        ("!Base64 hello", "aGVsbG8="),
        ("\"caf\\u00e9\"", "café"),
        ("!!str 12", "12"),
        ("! plain", "plain"),
    ] {
        assert_eq!(value_of(expression, parameters), value, "{expression}");
    }
}

#[test]
fn references_to_other_services_and_functions_of_language_extensions_have_the_forms_of_aws() {
    let parameters = "
Parameters:
  Name: {Type: String, Default: abc}
  List: {Type: CommaDelimitedList, Default: 'x, y,z'}";
    for (expression, value) in [
        ("!Ref Q", "${hardcap:aws}/000000000000/hardcap-Q"),
        ("!GetAtt Q.QueueUrl", "${hardcap:aws}/000000000000/hardcap-Q"),
        ("!GetAtt Q.Arn", "arn:aws:sqs:us-east-1:000000000000:hardcap-Q"),
        ("!GetAtt Q.QueueName", "hardcap-Q"),
        ("!Ref T", "arn:aws:sns:us-east-1:000000000000:topic"),
        ("!GetAtt T.TopicName", "topic"),
        ("!GetAtt A.GraphQLUrl", "https://a.appsync-api.us-east-1.amazonaws.com/graphql"),
        ("!Ref M", "arn:aws:states:us-east-1:000000000000:stateMachine:hardcap-M"),
        ("!GetAtt R.Arn", "arn:aws:iam::000000000000:role/hardcap-R"),
        ("!Ref L.Alias", "arn:aws:lambda:us-east-1:000000000000:function:L:live"),
        ("!Ref L.Version", "arn:aws:lambda:us-east-1:000000000000:function:L:1"),
        ("!Sub '${L.Alias}'", "arn:aws:lambda:us-east-1:000000000000:function:L:live"),
        ("!ToJsonString {a: [x, !Ref Name]}", r#"{"a":["x","abc"]}"#),
        ("!Length [a, b, c]", "3"),
        ("!Length {Ref: List}", "3"),
        ("!Select [1, !Cidr [10.0.0.0/16, 3, 8]]", "10.0.1.0/24"),
        ("!Select [255, !Cidr [10.0.0.0/16, 256, 8]]", "10.0.255.0/24"),
    ] {
        assert_eq!(value_of(expression, parameters), value, "{expression}");
    }
}

#[test]
fn the_url_of_a_queue_is_at_the_emulator_or_at_the_one_that_the_function_names() {
    let loaded = good(
        "
Resources:
  Q: {Type: AWS::SQS::Queue}
  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {Q: !Ref Q}}}}
  G:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          Q: !Sub 'https://sqs.${AWS::Region}.amazonaws.com/${AWS::AccountId}/${Q.QueueName}'
          AWS_ENDPOINT_URL_SQS: http://127.0.0.1:9324/
  H:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {Q: !Ref Q, AWS_ENDPOINT_URL_SQS: https://sqs.us-east-1.amazonaws.com/}}
Outputs: {Q: {Value: !Ref Q}}
",
    );
    let at = |function: usize| loaded.config.functions[function].environment["Q"].as_str();
    assert_eq!(at(0), "${hardcap:aws}/000000000000/hardcap-Q");
    assert_eq!(at(1), "http://127.0.0.1:9324/000000000000/hardcap-Q");
    assert_eq!(at(2), "https://sqs.us-east-1.amazonaws.com/000000000000/hardcap-Q");
    assert_eq!(loaded.config.stack.outputs[0].value, "${hardcap:aws}/000000000000/hardcap-Q");
}

#[test]
fn the_url_of_a_function_is_known_when_the_emulator_listens() {
    let loaded = good(
        "
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      FunctionUrlConfig: {AuthType: NONE}
  G:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {URL: !GetAtt FUrl.FunctionUrl, ROLE: !GetAtt FRole.Arn}}}
",
    );
    let environment = &loaded.config.functions[1].environment;
    assert_eq!(environment["URL"], "${hardcap:url:FUrl}/");
    assert_eq!(environment["ROLE"], "arn:aws:iam::000000000000:role/FRole");
}

#[test]
fn parameters_and_variables_of_hardcap_toml_replace_those_of_the_template() {
    let settings = Settings::read(
        "[parameters]\nName = \"given\"\n[functions.F.environment]\nB = \"over\"\nC = \"new\"\n",
        Path::new("hardcap.toml"),
    )
    .expect("it is right");
    let text = "
Parameters: {Name: {Type: String}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {A: !Ref Name, B: !ImportValue other}}}
";
    let loaded = load(text, Path::new("t.yaml"), &settings, Limits::classic())
        .unwrap_or_else(|error| panic!("{error}"));
    let environment: Vec<String> = loaded.config.functions[0]
        .environment
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(environment, ["A=given", "B=over", "C=new"]);
}

#[test]
fn the_export_of_another_stack_has_the_value_of_hardcap_toml() {
    let text = "
Parameters: {Users: {Type: String, Default: users}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {A: !ImportValue {'Fn::Sub': '${Users}-Pool'}}}}
";
    let settings = Settings::read("[imports]\nusers-Pool = \"p\"\n", Path::new("hardcap.toml"));
    let settings = settings.expect("it is right");
    let loaded = load(text, Path::new("t.yaml"), &settings, Limits::classic())
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.functions[0].environment["A"], "p");
    let error = bad(text);
    assert!(
        error.contains("the export `users-Pool` of another stack has no value here"),
        "{error}"
    );
    assert!(error.contains("under [imports] in hardcap.toml: \"users-Pool\" = "), "{error}");
}

#[test]
fn a_stage_named_by_a_parameter_without_a_value_is_an_error_that_names_the_parameter() {
    let text = "
Parameters: {StageParameter: {Type: String}, TheStage: {Type: String}}
Resources:
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: !Ref TheStage}}
";
    let error = bad(text);
    assert!(error.contains("the parameter `TheStage` has no value"), "{error}");
}

#[test]
fn a_template_may_be_json_and_may_have_anchors_and_conditions() {
    let json = "{\n\t\"Resources\": {\"F\": {\"Type\": \"AWS::Serverless::Function\", \"Properties\": {\"Timeout\": 5, \"Environment\": {\"Variables\": {\"V\": {\"Fn::Sub\": \"${AWS::Region}\"}}}}}}\n}";
    let loaded = good(json);
    assert_eq!(loaded.config.functions[0].timeout, Millis(5000));
    assert_eq!(loaded.config.functions[0].environment["V"], "us-east-1");

    let loaded = good(
        "
Conditions: {Never: !Equals [a, b]}
Resources:
  F: &f
    Type: AWS::Serverless::Function
    Properties: &p {Timeout: 7}
  G: *f
  H: {Type: AWS::Serverless::Function, Properties: {<<: *p, MemorySize: 256}}
  I: {Type: AWS::Serverless::Function, Condition: Never}
",
    );
    let shown: Vec<String> = (loaded.config.functions.iter())
        .map(|f| format!("{} {} {}", f.name, f.timeout.0, f.memory_mb))
        .collect();
    assert_eq!(shown, ["F 7000 128", "G 7000 128", "H 7000 256"]);
}

#[test]
fn an_attribute_that_is_a_list_can_be_selected_from() {
    let text = "
Resources:
  Endpoint: {Type: AWS::EC2::VPCEndpoint, Properties: {ServiceName: s, VpcId: v}}
  F:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {HOST: !Select [1, !Split [':', !Select [0, !GetAtt Endpoint.DnsEntries]]]}}}
";
    let config = good(text).config;
    assert_eq!(config.functions[0].environment["HOST"], "hardcap-Endpoint.vpce.amazonaws.com");
}
