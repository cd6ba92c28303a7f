//! Nested stacks: their parameters, outputs and names, and nested stacks that are left out.

use std::path::Path;

use hardcap_limits::Limits;

use super::super::{Loaded, TemplateError, load};
use super::warnings;
use crate::settings::{FunctionSettings, Settings};

/// Reads `t.yaml` of a folder with these files.
fn load_with(files: &[(&str, &str)], settings: &Settings) -> Result<Loaded, TemplateError> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("written");
        std::fs::write(path, text).expect("written");
    }
    let (_, text) = files.iter().find(|(name, _)| *name == "t.yaml").expect("the outermost one");
    load(text, &folder.path().join("t.yaml"), settings, Limits::classic())
}

fn good(files: &[(&str, &str)]) -> Loaded {
    load_with(files, &Settings::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn bad(files: &[(&str, &str)]) -> String {
    let error = load_with(files, &Settings::default()).expect_err("this template cannot be");
    let file = error.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
    format!("{file}:{}: {}{help}", error.position, error.message)
}

const SHOP: &str = "
Resources:
  Tables: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./tables.yaml, Parameters: {Kinds: [a, b]}}}
  Web:
    Type: AWS::Serverless::Application
    Properties:
      Location: web/template.yaml
      Parameters: {Table: !GetAtt Tables.Outputs.Name, Stage: dev}
  F:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {URL: !GetAtt Web.Outputs.Url, LINK: !Sub '${Web.Outputs.Link}x'}}}
Outputs: {Address: {Value: !GetAtt Web.Outputs.Url}}
";

const TABLES: &str = "
Parameters: {Kinds: {Type: CommaDelimitedList}}
Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties: {AttributeDefinitions: [{AttributeName: id, AttributeType: S}], KeySchema: [{AttributeName: id, KeyType: HASH}], BillingMode: PAY_PER_REQUEST}
Outputs: {Name: {Value: !Ref Items}, Kind: {Value: !Select [1, !Ref Kinds]}}
";

const WEB: &str = "
Parameters: {Table: {Type: String}, Stage: {Type: String, Default: prod}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      FunctionUrlConfig: {AuthType: NONE}
      Environment: {Variables: {TABLE: !Ref Table, STAGE: !Ref Stage, STACK: !Ref AWS::StackName}}
      Events: {Get: {Type: HttpApi, Properties: {Path: /, Method: GET}}}
Outputs:
  Url: {Value: !Sub 'https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com'}
  Link: {Value: !GetAtt FUrl.FunctionUrl}
";

#[test]
fn a_nested_stack_gets_parameters_and_gives_outputs() {
    let files = [("t.yaml", SHOP), ("tables.yaml", TABLES), ("web/template.yaml", WEB)];
    let loaded = good(&files);
    assert_eq!(warnings(&loaded), [""; 0]);
    let config = &loaded.config;
    let ids: Vec<&str> = config.functions.iter().map(|it| it.logical_id.as_str()).collect();
    assert_eq!(ids, ["F", "Web/F"]);
    let names: Vec<&str> = config.functions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["F", "Web-F"]);
    let web = &config.functions[1].environment;
    assert_eq!(config.tables[0].name, "hardcap-Tables-Items");
    assert_eq!(
        (&*web["TABLE"], &*web["STAGE"], &*web["STACK"]),
        ("hardcap-Tables-Items", "dev", "hardcap-Web")
    );
    assert_eq!(config.apis[0].logical_id, "Web/ServerlessHttpApi");
    assert_eq!(config.apis[0].routes[0].function, "Web-F");
    let url = "${hardcap:origin:Web/ServerlessHttpApi}";
    assert_eq!(config.functions[0].environment["URL"], url);
    assert_eq!(config.functions[0].environment["LINK"], "${hardcap:url:Web/FUrl}/x");
    assert_eq!(config.stack.outputs[0].value, url);
    assert!(loaded.packages[1].local_code().is_some_and(|code| code.ends_with("web/code")));
    assert_eq!(loaded.files.len(), 2);
    assert!(loaded.places["Web/F"].0.ends_with("web/template.yaml"));
    let stacks: Vec<_> = config.stacks().map(|it| (&*it.name, it.parent())).collect();
    assert_eq!(
        stacks,
        [("hardcap", None), ("hardcap-Tables", Some("")), ("hardcap-Web", Some(""))]
    );
    assert_eq!(config.nested_stacks[0].outputs[1].value, "b");
    let arn = "arn:aws:cloudformation:us-east-1:000000000000:stack/hardcap-Web/hardcap";
    assert_eq!(config.stack.resources[1].physical_id, arn);
}

#[test]
fn two_stacks_of_one_template_and_a_stack_in_a_stack_have_different_names() {
    let inner = "Resources: {Web: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: web.yaml, Parameters: {Table: t}}}}";
    let outer = "
Resources:
  A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: inner.yaml}}
  B: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: inner.yaml}}
";
    let loaded = good(&[("t.yaml", outer), ("inner.yaml", inner), ("web.yaml", WEB)]);
    let functions: Vec<_> =
        loaded.config.functions.iter().map(|it| (&*it.logical_id, &*it.name)).collect();
    assert_eq!(functions, [("A/Web/F", "A-Web-F"), ("B/Web/F", "B-Web-F")]);
    let paths: Vec<&str> = loaded.config.stacks().map(|it| &*it.path).collect();
    assert_eq!(paths, ["", "A/", "A/Web/", "B/", "B/Web/"]);
    assert_eq!(loaded.config.nested_stacks[1].name, "hardcap-A-Web");
    assert_eq!(loaded.config.nested_stacks[1].parent(), Some("A/"));
}

#[test]
fn a_generated_name_is_as_short_as_aws_allows_and_stays_unique() {
    let long = "N".repeat(40);
    let nested = "
Resources:
  FffffffffffffffffffffffffffffffffffffffA: {Type: AWS::Serverless::Function}
  FffffffffffffffffffffffffffffffffffffffB: {Type: AWS::Serverless::Function}
";
    let outer = format!(
        "Resources: {{{long}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: n.yaml}}}}}}"
    );
    let loaded = good(&[("t.yaml", &outer), ("n.yaml", nested)]);
    let names: Vec<&str> = loaded.config.functions.iter().map(|it| &*it.name).collect();
    assert_eq!((names[0].len(), names[1].len()), (64, 64));
    assert_ne!(names[0], names[1]);
}

#[test]
fn a_route_may_go_to_a_function_of_another_stack() {
    let functions = "
Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: ./f, Role: r}}}
Outputs: {Arn: {Value: !GetAtt F.Arn}}
";
    let api = "
Parameters: {Arn: {Type: String}, Own: {Type: String}}
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP, Target: !Ref Arn}}
  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref Own, AuthType: AWS_IAM}}
";
    let outer = "
Resources:
  Api: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: api.yaml, Parameters: {Arn: !GetAtt Functions.Outputs.Arn, Own: !Ref Own}}}
  Functions: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: functions.yaml}}
  Own: {Type: AWS::Serverless::Function}
";
    let loaded = good(&[("t.yaml", outer), ("api.yaml", api), ("functions.yaml", functions)]);
    assert_eq!(loaded.config.apis[0].routes[0].function, "Functions-F");
    assert_eq!(loaded.config.function_urls[0].function, "Own");
    loaded.config.check_targets().expect("every target exists");
}

#[test]
fn cdk_names_a_nested_template_in_its_metadata_or_in_the_assets_of_a_stack() {
    let template = |metadata: &str| {
        format!(
            "
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties: {{TemplateURL: !Sub 'https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/cdk-assets/abc.json'}}
{metadata}"
        )
    };
    let nested = r#"{"Resources": {"F": {"Type": "AWS::Serverless::Function"}}}"#;
    let assets = r#"{"files": {"abc": {"source": {"path": "Nested.nested.template.json"}, "destinations": {"x": {"objectKey": "abc.json"}}}}}"#;
    let by_metadata = template("    Metadata: {'aws:asset:path': Nested.nested.template.json}\n");
    let loaded = good(&[("t.yaml", &by_metadata), ("Nested.nested.template.json", nested)]);
    assert_eq!(loaded.config.functions[0].name, "Nested-F");
    let by_assets = template("");
    let loaded = good(&[
        ("t.yaml", &by_assets),
        ("Nested.nested.template.json", nested),
        ("Shop.assets.json", assets),
    ]);
    assert_eq!(loaded.config.functions[0].name, "Nested-F");
}

#[test]
fn a_nested_stack_that_is_not_on_this_machine_is_left_out_with_a_warning() {
    let loaded = good(&[(
        "t.yaml",
        "
Resources:
  Far: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://s3.amazonaws.com/b/k.yaml'}}
  Repo: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: 'arn:x', SemanticVersion: 1.0.0}}}
  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {X: !GetAtt Far.Outputs.Name}}}}
",
    )]);
    let said = warnings(&loaded);
    assert!(
        said[0].contains("the template of the nested stack `Far` is not on this machine"),
        "{said:?}"
    );
    assert!(
        said[1].contains("`Repo` is an application of the Serverless Application Repository"),
        "{said:?}"
    );
    assert_eq!(said.len(), 2);
    assert_eq!(loaded.config.functions[0].environment["X"], "hardcap-Far-Outputs.Name");
}

#[test]
fn an_error_in_a_nested_template_has_the_position_in_its_own_file() {
    let outer = "
Parameters: {Vpc: {Type: String}}
Resources:
  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: n.yaml, Parameters: {Vpc: !Ref Vpc}}}
  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {X: !GetAtt Nested.Outputs.Nam}}}}
";
    let nested = "Parameters: {Vpc: {Type: String}}\nResources: {F: {Type: AWS::Serverless::Function}}\nOutputs: {Name: {Value: x}}\n";
    assert_eq!(
        bad(&[("t.yaml", outer), ("n.yaml", nested)]),
        "t.yaml:5:82: the nested stack `Nested` has no output `Nam`, or its value cannot be evaluated here; did you mean `Name`?"
    );
    let used = "Parameters: {Vpc: {Type: String}}\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {X: !Ref Vpc}}}}\n";
    assert_eq!(
        bad(&[("t.yaml", outer), ("n.yaml", used)]),
        "n.yaml:3:82: the parameter `Vpc` of this nested stack has no value: the parameter `Vpc` has no value; \
         give it with --parameter Vpc=…, or under [parameters] in hardcap.toml"
    );
    let missing =
        "Resources: {N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: gone.yaml}}}";
    let said = bad(&[("t.yaml", missing)]);
    assert!(said.contains("the template of the nested stack `N` cannot be read: "), "{said}");
    assert!(said.ends_with("correct its path, which is relative to this template"), "{said}");
    let itself =
        "Resources: {N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: t.yaml}}}";
    let said = bad(&[("t.yaml", itself)]);
    assert!(said.contains("the nested stack `N` contains itself: "), "{said}");
}

#[test]
fn two_nested_stacks_that_need_each_other_are_an_error() {
    let outer = "
Resources:
  A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: n.yaml, Parameters: {P: !GetAtt B.Outputs.O}}}
  B: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: n.yaml, Parameters: {P: !GetAtt A.Outputs.O}}}
";
    let nested = "Parameters: {P: {Type: String}}\nResources: {F: {Type: AWS::Serverless::Function, Properties: {Description: !Ref P, Handler: !Ref P}}}\nOutputs: {O: {Value: !Ref P}}\n";
    let said = bad(&[("t.yaml", outer), ("n.yaml", nested)]);
    assert!(said.contains("`A` depend on its own outputs"), "{said}");
}

#[test]
fn settings_name_a_function_of_a_nested_stack_by_its_path() {
    let files = [("t.yaml", SHOP), ("tables.yaml", TABLES), ("web/template.yaml", WEB)];
    let mut settings =
        Settings { folder: Some(Path::new("/project").into()), ..Settings::default() };
    let mut own = FunctionSettings { code: Some("other".into()), ..FunctionSettings::default() };
    own.environment.insert("STAGE".to_owned(), "mine".to_owned());
    settings.functions.insert("Web/F".to_owned(), own);
    let loaded = load_with(&files, &settings).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.functions[1].environment["STAGE"], "mine");
    assert_eq!(loaded.packages[1].local_code(), Some(Path::new("/project/other")));
    assert!(!loaded.config.functions[0].environment.contains_key("STAGE"));
}
