//! Versions and aliases, and the routes, URLs and authorizers that invoke them.

use hardcap_core::config::PublishedAlias;
use hardcap_limits::Millis;

use super::{bad, good, warnings};

const FUNCTION: &str = "
  F: {Type: AWS::Lambda::Function, Properties: {Code: ./f, Role: r, Runtime: python3.11, Handler: app.handler}}
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}
";

#[test]
fn every_alias_points_to_the_version_of_this_deployment_or_to_latest() {
    let loaded = good(&format!(
        "
Resources:{FUNCTION}
  Live: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live}}}}
  Next: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !GetAtt F.Arn, FunctionVersion: $LATEST, Name: next}}}}
"
    ));
    let publishing = &loaded.config.functions[0].publishing;
    assert!(publishing.version);
    let alias = |name: &str, latest| PublishedAlias { name: name.to_owned(), latest };
    assert_eq!(publishing.aliases, [alias("live", false), alias("next", true)]);
    assert_eq!(warnings(&loaded), [""; 0]);
}

#[test]
fn an_alias_to_latest_alone_publishes_no_version() {
    let loaded = good(
        "
Resources:
  F: {Type: AWS::Serverless::Function}
  A: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: $LATEST, Name: next}}
",
    );
    assert!(!loaded.config.functions[0].publishing.version);
    assert_eq!(loaded.config.functions[0].publishing.aliases.len(), 1);
}

#[test]
fn the_weights_of_an_alias_are_a_warning_because_a_run_has_one_version() {
    let loaded = good(&format!(
        "
Resources:{FUNCTION}
  A:
    Type: AWS::Lambda::Alias
    Properties:
      FunctionName: !Ref F
      FunctionVersion: !GetAtt V.Version
      Name: live
      RoutingConfig: {{AdditionalVersionWeights: [{{FunctionVersion: 2, FunctionWeight: 0.1}}]}}
"
    ));
    let said = warnings(&loaded);
    assert!(said[0].contains("`RoutingConfig` of the alias `A` is not emulated"), "{said:?}");
    assert_eq!(said.len(), 1);
}

#[test]
fn urls_integrations_and_authorizers_invoke_the_alias_or_version_of_their_arn() {
    let loaded = good(&format!(
        "
Resources:{FUNCTION}
  Live: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live}}}}
  Url: {{Type: AWS::Lambda::Url, Properties: {{TargetFunctionArn: !Ref Live, AuthType: AWS_IAM}}}}
  Named: {{Type: AWS::Lambda::Url, Properties: {{TargetFunctionArn: !Ref F, Qualifier: live, AuthType: AWS_IAM}}}}
  Api: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: a}}}}
  Check:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      RestApiId: !Ref Api
      Name: c
      Type: TOKEN
      IdentitySource: method.request.header.Authorization
      AuthorizerUri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{Live}}/invocations'
  OfAlias:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Check
      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{Live}}/invocations'}}
  OfVersion:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: PUT
      AuthorizationType: NONE
      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{V}}/invocations'}}
"
    ));
    assert_eq!(warnings(&loaded).iter().filter(|it| it.contains("alias")).count(), 0);
    let config = &loaded.config;
    let urls: Vec<&str> = config.function_urls.iter().map(|url| &*url.function).collect();
    assert_eq!(urls, ["F:live", "F:live"]);
    let routes: Vec<&str> = config.apis[0].routes.iter().map(|route| &*route.function).collect();
    assert_eq!(routes, ["F:live", "F:1"]);
    assert_eq!(config.apis[0].authorizers[0].function, "F:live");
    config.check_targets().expect("every target exists");
}

#[test]
fn a_target_with_an_alias_that_the_template_does_not_have_is_a_warning() {
    let loaded = good(&format!(
        "
Resources:{FUNCTION}
  Live: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live}}}}
  Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{Name: a, ProtocolType: HTTP, Target: !Sub '${{F.Arn}}:lve'}}}}
"
    ));
    let said = warnings(&loaded);
    assert!(
        said[0].contains("the function `F` has no alias or version `lve` in this template: every such invocation fails"),
        "{said:?}"
    );
    assert!(said[0].contains("did you mean `live`?"), "{said:?}");
}

#[test]
fn the_asynchronous_configuration_of_an_alias_is_not_that_of_latest() {
    let loaded = good(&format!(
        "
Resources:{FUNCTION}
  Live: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live}}}}
  Events: {{Type: AWS::Lambda::EventInvokeConfig, Properties: {{FunctionName: !Ref F, Qualifier: live, MaximumRetryAttempts: 0}}}}
  Latest: {{Type: AWS::Lambda::EventInvokeConfig, Properties: {{FunctionName: !Ref F, Qualifier: $LATEST, MaximumEventAgeInSeconds: 60}}}}
  G:
    Type: AWS::Serverless::Function
    Properties: {{AutoPublishAlias: live, EventInvokeConfig: {{MaximumRetryAttempts: 1}}, DeadLetterQueue: {{Type: SQS, TargetArn: 'arn:q'}}}}
"
    ));
    let [f, g] = &loaded.config.functions[..] else { panic!("two functions") };
    let of_alias = f.publishing.events.as_ref().expect("the alias has its own");
    assert_eq!((of_alias.maximum_retry_attempts, of_alias.maximum_event_age), (Some(0), None));
    assert_eq!(f.events.maximum_event_age, Some(Millis(60_000)));
    assert_eq!(f.events.maximum_retry_attempts, None);
    assert_eq!(g.events.maximum_retry_attempts, None);
    assert_eq!(g.events.dead_letter.as_deref(), Some("arn:q"));
    let of_alias = g.publishing.events.as_ref().expect("AWS SAM configures the alias");
    assert_eq!(of_alias.maximum_retry_attempts, Some(1));
    assert_eq!(of_alias.dead_letter.as_deref(), Some("arn:q"));
}

#[test]
fn two_aliases_of_one_name_are_an_error() {
    let said = bad(&format!(
        "
Resources:{FUNCTION}
  A: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref F, FunctionVersion: 1, Name: live}}}}
  B: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref F, FunctionVersion: 1, Name: live}}}}
"
    ));
    assert!(said.contains("the function `F` already has an alias `live`"), "{said}");
}
