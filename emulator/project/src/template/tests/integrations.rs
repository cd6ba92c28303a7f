//! Custom integrations and actions of services in templates.

use super::{bad, good, warnings};
use hardcap_core::config::{
    ActionSubtype, Backend, ContentHandling, CustomIntegration, Integration, Passthrough, Route,
    ServiceAction, ServiceCall,
};

fn routes(text: &str) -> Vec<Route> {
    good(text).config.apis.remove(0).routes
}

fn action(route: &Route) -> &ServiceAction {
    match &route.integration {
        Integration::Action(action) => action,
        other => panic!("{other:?} is not an action"),
    }
}

fn custom(route: &Route) -> &CustomIntegration {
    match &route.integration {
        Integration::Custom(custom) => custom,
        other => panic!("{other:?} is not a custom integration"),
    }
}

/// A REST API with this integration of `POST /`.
fn rest(integration: &str) -> String {
    format!(
        "
Resources:
  F: {{Type: AWS::Serverless::Function}}
  Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: jobs}}}}
  Rest: {{Type: AWS::ApiGateway::RestApi}}
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !GetAtt Rest.RootResourceId
      HttpMethod: POST
      Integration: {integration}
"
    )
}

/// An HTTP API whose `POST /` has this subtype and these parameters.
fn http(subtype: &str, parameters: &str) -> String {
    format!(
        "
Resources:
  Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: jobs}}}}
  H: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
  I: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{ApiId: !Ref H, IntegrationType: AWS_PROXY, IntegrationSubtype: {subtype}, CredentialsArn: 'arn:aws:iam::1:role/r', PayloadFormatVersion: '1.0', RequestParameters: {parameters}}}}}
  R: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref H, RouteKey: POST /, Target: !Sub 'integrations/${{I}}'}}}}
"
    )
}

#[test]
fn a_route_of_an_http_api_calls_an_action_of_sqs_or_eventbridge() {
    let text = http("SQS-SendMessage", "{QueueUrl: !Ref Q, MessageBody: $request.body.text}");
    assert_eq!(warnings(&good(&text)), [""; 0]);
    let routes = routes(&text);
    let sent = action(&routes[0]);
    assert_eq!(sent.subtype, ActionSubtype::SendMessage);
    assert_eq!(sent.parameters["MessageBody"], "$request.body.text");
    assert!(sent.parameters["QueueUrl"].ends_with("/000000000000/jobs"), "{sent:?}");
    assert!(!routes[0].calls_function());

    let parameters = "{Detail: $request.body, DetailType: t, Source: s, EventBusName: b}";
    let routes = self::routes(&http("EventBridge-PutEvents", parameters));
    assert_eq!(action(&routes[0]).subtype, ActionSubtype::PutEvents);
}

#[test]
fn an_action_in_a_definition_is_the_same() {
    let text = "
Resources:
  Q: {Type: AWS::SQS::Queue}
  H:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        openapi: '3.0'
        paths:
          /jobs:
            post:
              x-amazon-apigateway-integration:
                type: aws_proxy
                integrationSubtype: SQS-SendMessage
                credentials: arn:aws:iam::1:role/r
                payloadFormatVersion: '1.0'
                requestParameters: {QueueUrl: !Ref Q, MessageBody: $request.body}
";
    let routes = routes(text);
    assert_eq!(action(&routes[0]).subtype, ActionSubtype::SendMessage);
    assert_eq!((routes[0].method.as_str(), routes[0].path.as_str()), ("POST", "/jobs"));
}

#[test]
fn an_action_without_a_required_parameter_or_with_an_unknown_one_is_an_error() {
    assert_eq!(
        bad(&http("SQS-SendMessage", "{MessageBody: x}")),
        "5:57: `RequestParameters` of the integration `I` has no `QueueUrl`, which SQS-SendMessage requires"
    );
    let parameters = "{QueueUrl: u, MessageBody: x, MessageGroupID: g}";
    assert_eq!(
        bad(&http("SQS-SendMessage", parameters)),
        "5:57: `RequestParameters` of the integration `I` has `MessageGroupID`, which is not a parameter of SQS-SendMessage; did you mean `MessageGroupId`?"
    );
}

#[test]
fn an_action_and_a_service_that_are_not_emulated_are_left_out_and_named() {
    let text = http("Kinesis-PutRecord", "{StreamName: s, Data: d, PartitionKey: p}");
    assert_eq!(
        warnings(&good(&text)),
        [
            "t.yaml:5:57: the integration `I` is Kinesis-PutRecord, which is not emulated: its routes are left out"
        ]
    );
    let text = rest(
        "{Type: AWS, Uri: 'arn:aws:apigateway:us-east-1:states:action/StartExecution', IntegrationHttpMethod: POST}",
    );
    assert_eq!(
        warnings(&good(&text)),
        [
            "t.yaml:12:20: `Integration` of the method `M` is AWS with the service `states`, which is not emulated: the method is left out"
        ]
    );
    let text = rest("{Type: HTTP_PROXY, Uri: 'https://a.example', IntegrationHttpMethod: POST}");
    assert_eq!(
        warnings(&good(&text)),
        [
            "t.yaml:12:20: `Integration` of the method `M` is HTTP_PROXY, which is not emulated: the method is left out"
        ]
    );
}

#[test]
fn a_custom_integration_has_parameters_templates_and_responses() {
    let text = rest(
        "
        Type: AWS
        Uri: !Sub 'arn:aws:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/${Q.QueueName}'
        IntegrationHttpMethod: POST
        PassthroughBehavior: NEVER
        ContentHandling: CONVERT_TO_TEXT
        Credentials: arn:aws:iam::1:role/r
        RequestParameters: {integration.request.header.Content-Type: \"'application/x-www-form-urlencoded'\"}
        RequestTemplates: {application/json: 'Action=SendMessage&MessageBody=$util.urlEncode($input.body)'}
        IntegrationResponses:
          - {StatusCode: 202, ResponseTemplates: {application/json: '{}'}}
          - {StatusCode: 502, SelectionPattern: '5\\d{2}', ResponseParameters: {method.response.header.x: integration.response.header.y}}
",
    );
    assert_eq!(warnings(&good(&text)), [""; 0]);
    let routes = routes(&text);
    let custom = custom(&routes[0]);
    let call = ServiceCall::Path("/000000000000/jobs".to_owned());
    let (service, method) = ("sqs".to_owned(), Some("POST".to_owned()));
    assert_eq!(custom.backend, Backend::Service { service, method, call });
    assert_eq!(custom.passthrough, Passthrough::Never);
    assert_eq!(custom.content_handling, Some(ContentHandling::ToText));
    assert_eq!(custom.request_parameters.len(), 1);
    assert_eq!(custom.responses[0].status, 202);
    assert_eq!(custom.responses[1].pattern.as_deref(), Some(r"5\d{2}"));
    assert_eq!(custom.responses[1].headers.len(), 1);
}

#[test]
fn a_custom_integration_with_lambda_names_its_function() {
    let uri = "!Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'";
    let text = rest(&format!(
        "{{Type: AWS, Uri: {uri}, IntegrationHttpMethod: POST, IntegrationResponses: [{{StatusCode: 200}}]}}"
    ));
    let routes = routes(&text);
    assert_eq!(custom(&routes[0]).responses.len(), 1);
    assert!(routes[0].calls_function(), "{:?}", routes[0]);

    let other = text.replace("${F.Arn}", "arn:aws:lambda:us-east-1:1:function:elsewhere");
    let loaded = good(&other);
    assert!(loaded.config.apis[0].routes.is_empty());
    let expected = "this route goes to the function `elsewhere`, which is not in this template: it is left out";
    assert!(warnings(&loaded)[0].ends_with(expected), "{:?}", warnings(&loaded));
}

#[test]
fn an_invalid_mapping_template_or_parameter_is_named() {
    let dynamodb = |more: &str| {
        let uri = "'arn:aws:apigateway:us-east-1:dynamodb:action/PutItem'";
        let responses = "IntegrationResponses: [{StatusCode: 200}]";
        rest(&format!(
            "{{Type: AWS, Uri: {uri}, IntegrationHttpMethod: POST, {responses}, {more}}}"
        ))
    };
    let text = dynamodb("RequestTemplates: {application/json: '#if($x) {}'}");
    assert_eq!(
        warnings(&good(&text)),
        [
            "t.yaml:12:20: `Integration` of the method `M`: the mapping template of application/json: line 1, column 4: #end is missing: a request gets 500"
        ]
    );
    let text = dynamodb("RequestParameters: {integration.request.header.a: text/plain}");
    let expected = "12:20: `integration.request.header.a` in `RequestParameters` of `Integration` of the method `M`: `text/plain` is not a mapping expression; write a text in single quotes";
    assert!(bad(&text).starts_with(expected), "{}", bad(&text));
    let text = dynamodb("PassthroughBehavior: SOMETIMES");
    let expected = "12:20: `PassthroughBehavior` of `Integration` of the method `M` cannot be `SOMETIMES`; write WHEN_NO_MATCH, WHEN_NO_TEMPLATES or NEVER";
    assert_eq!(bad(&text), expected);
}

#[test]
fn the_variables_of_an_imported_definition_are_resolved_as_api_gateway_resolves_them() {
    let text = "
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      DefinitionBody:
        paths:
          /jobs:
            post:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: 'arn:${AWS::Partition}:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/jobs'
                requestTemplates: {application/json: 'to ${AWS::AccountId} of ${other}'}
                responses: {default: {statusCode: 200}}
";
    assert_eq!(warnings(&good(text)), [""; 0]);
    let routes = routes(text);
    let custom = custom(&routes[0]);
    let call = ServiceCall::Path("/000000000000/jobs".to_owned());
    let (service, method) = ("sqs".to_owned(), Some("POST".to_owned()));
    assert_eq!(custom.backend, Backend::Service { service, method, call });
    assert_eq!(custom.request_templates["application/json"], "to 000000000000 of ${other}");
}
