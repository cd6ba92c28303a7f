//! Events of functions: those of an API with a definition, and unusual methods.

use super::{good, warnings};

#[test]
fn an_event_is_merged_into_the_operation_of_a_definition_that_allows_it() {
    let text = "
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get, Auth: {ApiKeyRequired: true, Authorizer: AWS_IAM}}}
        Put: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: put}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      MergeDefinitions: true
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /a: {get: {x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: !Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${F.Arn}/invocations'}}}
";
    let config = good(text).config;
    let methods: Vec<&str> = config.apis[0].routes.iter().map(|route| &*route.method).collect();
    assert_eq!(methods, ["GET", "PUT"]);
    let access = &config.apis[0].routes[0].access;
    assert_eq!(access.authorization, hardcap_core::config::Authorization::Iam);
}

#[test]
fn an_http_api_event_with_the_method_default_and_a_path_adds_no_route() {
    let text = "
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {Path: /a, Method: DEFAULT}}
        B: {Type: HttpApi, Properties: {Path: /b, Method: GET}}
";
    let loaded = good(text);
    assert_eq!(loaded.config.apis[0].routes.len(), 1);
    let said = warnings(&loaded);
    assert!(said[0].contains("is not a method: AWS adds no route"), "{said:?}");
}
