//! Templates that AWS and AWS SAM accept, in the forms that people write them.

use std::path::Path;

use hardcap_limits::Limits;

use super::{bad, good, warnings};
use crate::settings::Settings;
use crate::template::load;
use hardcap_core::config::ApiKind;

const FUNCTION: &str = "  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: fn}}\n";

/// `METHOD PATH` of each route of the first API.
fn routes(text: &str) -> Vec<String> {
    let loaded = good(text);
    loaded.config.apis[0]
        .routes
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect()
}

/// An operation that calls the function `F`.
const OPERATION: &str = "{x-amazon-apigateway-integration: {type: aws_proxy, uri: !GetAtt F.Arn}}";

#[test]
fn a_websocket_api_is_left_out_with_one_warning_and_the_rest_of_the_template_is_read() {
    let text = "
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Events: {A: {Type: HttpApi}}}}
  W: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref W, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn}}
  R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref W, RouteKey: $connect, Target: !Sub 'integrations/${I}'}}
  S: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref W, StageName: prod}}
";
    assert_eq!(
        warnings(&good(text)),
        ["t.yaml:4:3: `W` is a WebSocket API, which is not emulated: it is left out"]
    );
    assert_eq!(routes(text), ["ANY $default"]);
}

#[test]
fn a_definition_in_a_file_is_read_from_an_include_and_from_a_definition_uri() {
    let folder = tempfile::tempdir().unwrap();
    let api = format!("swagger: '2.0'\npaths:\n  /a:\n    get: {OPERATION}\n");
    std::fs::write(folder.path().join("api.yaml"), &api).unwrap();
    std::fs::write(folder.path().join("broken.yaml"), "a: [1\n").unwrap();
    let template = |definition: &str| {
        format!(
            "Resources:\n{FUNCTION}  Api:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: s\n      {definition}\n"
        )
    };
    let path = folder.path().join("t.yaml");
    let read = |definition: &str| {
        load(&template(definition), &path, &Settings::default(), Limits::classic())
    };
    for definition in [
        "DefinitionBody: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: api.yaml}}}",
        "DefinitionBody: {info: {}, Fn::Transform: {Name: AWS::Include, Parameters: {Location: ./api.yaml}}}",
        "DefinitionUri: api.yaml",
    ] {
        let loaded = read(definition).unwrap_or_else(|error| panic!("{definition}: {error}"));
        let routes = &loaded.config.apis[0].routes;
        assert_eq!((routes.len(), routes[0].path.as_str()), (1, "/a"), "{definition}");
        assert_eq!(loaded.files.len(), 1, "{definition}");
    }
    let broken = read("DefinitionUri: broken.yaml").expect_err("it is not YAML");
    assert!(broken.message.contains("broken.yaml:2:1: this is not YAML"), "{broken}");
    let gone = read("DefinitionUri: gone.yaml").expect_err("it is not there");
    assert!(gone.message.contains("gone.yaml cannot be read: No such file"), "{gone}");
    assert_eq!(gone.position.line, 7, "{gone}");
    let folder = read("DefinitionUri: .").expect_err("it is a folder");
    assert!(folder.message.ends_with("the path is not a file"), "{folder}");
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(elsewhere.path(), "secret: text\n").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), path.with_file_name("link.yaml")).unwrap();
    for outside in [&elsewhere.path().display().to_string(), "link.yaml"] {
        let outside = read(&format!("DefinitionUri: {outside}")).expect_err("it is outside");
        assert!(
            outside.message.contains("cannot be read: it is outside of the project"),
            "{outside}"
        );
        assert!(!outside.message.contains("secret"), "{outside}");
    }
    let remote = read("DefinitionUri: s3://bucket/api.yaml").expect("a warning");
    let remote = warnings(&remote);
    assert!(
        remote[0].ends_with("is not emulated: name a file of the template's folder"),
        "{remote:?}"
    );
}

#[test]
fn an_event_adds_no_route_to_an_api_that_has_a_definition() {
    let text = |event: &str| {
        format!(
            "
Resources:
  F: {{Type: AWS::Serverless::Function, Properties: {{Events: {{A: {{Type: Api, Properties: {{{event}, RestApiId: !Ref Api}}}}}}}}}}
  Api:
    Type: AWS::Serverless::Api
    Properties: {{StageName: s, DefinitionBody: {{paths: {{/a: {{get: {OPERATION}}}}}}}}}
"
        )
    };
    let same = text("Path: /a, Method: get");
    assert_eq!(routes(&same), ["GET /a"]);
    assert_eq!(warnings(&good(&same)), [""; 0]);
    let other = text("Path: /b, Method: get");
    assert_eq!(routes(&other), ["GET /a"]);
    let told = warnings(&good(&other));
    assert!(told[0].contains("the definition of `Api` has no operation GET /b"), "{told:?}");
    let merged = other.replace("StageName: s", "StageName: s, MergeDefinitions: true");
    assert_eq!(routes(&merged), ["GET /a", "GET /b"]);
}

#[test]
fn binary_media_types_and_compression_of_a_definition_are_read() {
    let text = format!(
        "
Resources:
{FUNCTION}  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: s
      BinaryMediaTypes: [image~1png]
      DefinitionBody:
        x-amazon-apigateway-binary-media-types: [application/pdf]
        x-amazon-apigateway-minimum-compression-size: 1000
        paths: {{/a: {{get: {OPERATION}}}}}
"
    );
    let loaded = good(&text);
    let expected = ApiKind::Rest {
        binary_media_types: vec!["image/png".to_owned(), "application/pdf".to_owned()],
        minimum_compression_size: Some(1000),
    };
    assert_eq!(loaded.config.apis[0].kind, expected);
}

#[test]
fn unknown_attributes_and_repeated_keys_are_warnings() {
    let text = "Resources:\n  F: {Type: AWS::Serverless::Function, Description: d, Properties: {Timeout: 4, Timeout: 5}}\n";
    let loaded = good(text);
    assert_eq!(loaded.config.functions[0].timeout.0, 5000);
    assert_eq!(
        warnings(&loaded),
        [
            "t.yaml:2:40: the resource `F` has the attribute `Description`, which has no effect; write properties one level deeper, under `Properties`",
            "t.yaml:2:81: the key `Timeout` is repeated: the last value takes effect; the first one is on line 2; keep one",
        ]
    );
    let merged = "X: &x {Timeout: 1}\nResources: {F: {Type: AWS::Serverless::Function, Properties: {<<: *x, Timeout: 2}}}\n";
    let told = bad(merged);
    assert!(
        told.contains("no section `X`"),
        "an own key beside a merged one is not repeated: {told}"
    );
}

#[test]
fn every_section_of_globals_is_known_and_a_resource_may_ignore_them() {
    let text = "
Globals: {StateMachine: {PropagateTags: true}, LayerVersion: {}, WebSocketApi: {}, Function: {Timeout: 9, MemorySize: 256}}
Resources:
  F: {Type: AWS::Serverless::Function}
  G: {Type: AWS::Serverless::Function, IgnoreGlobals: '*'}
  H: {Type: AWS::Serverless::Function, IgnoreGlobals: [Timeout]}
";
    let shown: Vec<_> =
        good(text).config.functions.iter().map(|f| (f.timeout.0, f.memory_mb)).collect();
    assert_eq!(shown, [(9000, 256), (3000, 128), (3000, 256)]);
}

#[test]
fn the_error_of_a_parameter_without_a_value_says_how_to_give_one() {
    let text = "
Parameters: {TableNames: {Type: String}, TableName: {Type: String, Default: t}}
Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: !Ref TableNames}}}
";
    assert_eq!(
        bad(text),
        "3:72: the parameter `TableNames` has no value; give it with --parameter TableNames=…, or under [parameters] in hardcap.toml"
    );
}

#[test]
fn a_type_that_aws_has_is_not_corrected_as_a_misspelling() {
    for kind in [
        "AWS::Serverless::LayerVersion",
        "AWS::Serverless::Connector",
        "AWS::Serverless::StateMachine",
        "AWS::Serverless::Application",
        "AWS::Lambda::Version",
        "AWS::Glue::Table",
        "AWS::SNS::Topic",
    ] {
        let told = warnings(&good(&format!("Resources: {{A: {{Type: {kind}}}}}")));
        assert!(!told.join("\n").contains("did you mean"), "{told:?}");
    }
    let told = warnings(&good("Resources: {A: {Type: AWS::Serverless::Funktion}}"));
    assert!(told[0].ends_with("did you mean `AWS::Serverless::Function`?"), "{told:?}");
}

#[test]
fn json_in_yaml_is_read_with_its_closing_bracket_at_the_parent_s_indentation() {
    let text = "
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Policies:
        - Statement: [{
            \"Effect\": \"Allow\"
          }]
      Environment: {
      Variables: {A: 'x
  y'}
      }
      Timeout: !If [Nope, 1, 2]
";
    assert_eq!(bad(text), "14:21: the template has no condition `Nope`");
    let loaded = good(&text.replace("!If [Nope, 1, 2]", "7"));
    assert_eq!(loaded.config.functions[0].environment["A"], "x y");
    assert_eq!(bad(&text.replace("}]", "}")).split(':').next(), Some("10"));
}

#[test]
fn a_loop_is_expanded_for_each_item() {
    let text = "
Parameters: {Names: {Type: CommaDelimitedList, Default: 'a, b-c'}}
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Functions:
    - Name
    - !Ref Names
    - F&{Name}:
        Type: AWS::Serverless::Function
        Properties: {Handler: !Ref Name, FunctionName: !Sub '${Name}-${AWS::Region}'}
";
    let shown: Vec<_> = good(text)
        .config
        .functions
        .iter()
        .map(|f| format!("{} {} {}", f.logical_id, f.name, f.handler))
        .collect();
    assert_eq!(shown, ["Fa a-us-east-1 a", "Fbc b-c-us-east-1 b-c"]);
    let given = Settings::read("[parameters]\nNames = \"x\"\n", Path::new("hardcap.toml")).unwrap();
    let loaded = load(text, Path::new("t.yaml"), &given, Limits::classic()).unwrap();
    assert_eq!(loaded.config.functions[0].logical_id, "Fx");
    let items = |count: usize| (0..count).map(|n| format!("i{n}")).collect::<Vec<_>>().join(",");
    let many = text.replace("a, b-c", &items(5000));
    assert_eq!(good(&many).config.functions.len(), 5000);
    let over = text.replace("a, b-c", &items(5001));
    assert_eq!(bad(&over), "5:3: `Fn::ForEach::Functions` produces more than 5000 entries");
    let same = text.replace("F&{Name}", "F");
    assert_eq!(
        bad(&same),
        "5:3: `Fn::ForEach::Functions` produces the key `F` twice; write `${Name}` into the key"
    );
}

#[test]
fn the_stack_has_the_parameters_outputs_and_resources_of_the_template() {
    let text = "
Description: A shop
Parameters: {Stage: {Type: String, Default: dev}, Secret: {Type: String}}
Conditions: {Never: !Equals [a, b]}
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Events: {A: {Type: Api, Properties: {Path: /hello, Method: get}}}}}
  T: {Type: AWS::Serverless::SimpleTable}
  Q: {Type: AWS::SQS::Queue}
  N: {Type: AWS::S3::Bucket, Condition: Never}
Outputs:
  Url: {Description: d, Value: !Sub 'https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/hello/'}
  Arn: {Value: !GetAtt F.Arn, Export: {Name: !Sub '${AWS::StackName}-arn'}}
  Off: {Condition: Never, Value: x}
  Lost: {Value: !Ref Secret}
";
    let loaded = good(text);
    let stack = &loaded.config.stack;
    assert_eq!((stack.name.as_str(), stack.description.as_str()), ("hardcap", "A shop"));
    assert_eq!(stack.parameters.iter().collect::<Vec<_>>(), [(&"Stage".into(), &"dev".into())]);
    let outputs: Vec<_> = stack
        .outputs
        .iter()
        .map(|output| (output.key.as_str(), output.value.as_str(), output.export.as_deref()))
        .collect();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:F";
    assert_eq!(
        outputs,
        [
            ("Url", "${hardcap:origin:ServerlessRestApi}/Prod/hello/", None),
            ("Arn", arn, Some("hardcap-arn")),
        ]
    );
    let resources: Vec<_> = stack
        .resources
        .iter()
        .map(|it| (it.logical_id.as_str(), it.physical_id.as_str(), it.kind.as_str()))
        .take(3)
        .collect();
    assert_eq!(
        resources,
        [
            ("F", "F", "AWS::Lambda::Function"),
            ("T", "hardcap-T", "AWS::DynamoDB::Table"),
            ("Q", "https://sqs.us-east-1.amazonaws.com/000000000000/hardcap-Q", "AWS::SQS::Queue"),
        ]
    );
    let told = warnings(&loaded);
    let told = told.iter().find(|text| text.contains("Lost")).expect("the output has no value");
    assert!(
        told.contains("the output `Lost` is left out: the parameter `Secret` has no value"),
        "{told}"
    );
}

#[test]
fn an_alias_of_cloudformation_is_published_at_the_start() {
    let loaded = good(
        "
Resources:
  F: {Type: AWS::Lambda::Function, Properties: {Code: ./f, Role: r, Runtime: python3.11, Handler: app.handler}}
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}
  A: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live}}
",
    );
    assert_eq!(loaded.config.functions[0].publishing.aliases[0].name, "live");
    assert_eq!(warnings(&loaded), [""; 0]);
}

#[test]
fn a_reference_to_an_api_is_the_id_in_its_events() {
    let text = "
Resources:
  Web: {Type: AWS::Serverless::HttpApi}
  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {API: !Ref Web}}}}
";
    let config = good(text).config;
    assert_eq!(config.functions[0].environment["API"], hardcap_core::config::api_id("Web"));
}

#[test]
fn the_default_route_of_a_sam_event_has_every_method() {
    let text = "
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      FunctionUrlConfig: {AuthType: NONE}
      Events: {Any: {Type: HttpApi, Properties: {Path: $default, Method: DEFAULT}}}
";
    let config = good(text).config;
    let route = &config.apis[0].routes[0];
    assert_eq!((route.method.as_str(), route.path.as_str()), ("ANY", "$default"));
    let name = &config.functions[0].name;
    assert_eq!(route.function, format!("{name}:live"), "events invoke the alias");
    assert_eq!(route.function_name(), name);
    assert_eq!(config.function_urls[0].function, format!("{name}:live"));
    assert_eq!(config.functions[0].publishing.aliases[0].name, "live");
}
