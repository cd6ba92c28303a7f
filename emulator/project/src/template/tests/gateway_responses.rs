//! Gateway responses in templates.

use super::*;
use hardcap_core::config::{GatewayResponse, Mapping};

fn responses(text: &str) -> hardcap_core::config::GatewayResponses {
    let loaded = good(text);
    assert_eq!(warnings(&loaded), [""; 0]);
    loaded.config.apis[0].gateway_responses.clone()
}

const SAM: &str = "
Parameters: {Origin: {Type: String, Default: 'https://a.example'}}
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      GatewayResponses:
        DEFAULT_4XX:
          StatusCode: 418
          ResponseParameters:
            Headers:
              Access-Control-Allow-Origin: !Sub \"'${Origin}'\"
              X-Id: context.requestId
            QueryStrings: {a: \"'b'\"}
          ResponseTemplates: {application/json: '{}'}
";
const CLOUDFORMATION: &str = "
Parameters: {Origin: {Type: String, Default: 'https://a.example'}}
Resources:
  Rest: {Type: AWS::ApiGateway::RestApi}
  Response:
    Type: AWS::ApiGateway::GatewayResponse
    Properties:
      RestApiId: !Ref Rest
      ResponseType: DEFAULT_4XX
      StatusCode: '418'
      ResponseParameters:
        gatewayresponse.header.Access-Control-Allow-Origin: !Sub \"'${Origin}'\"
        gatewayresponse.header.X-Id: context.requestId
        gatewayresponse.querystring.a: \"'b'\"
      ResponseTemplates: {application/json: '{}'}
";
const OPENAPI: &str = "
Parameters: {Origin: {Type: String, Default: 'https://a.example'}}
Resources:
  Rest:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body:
        paths: {}
        x-amazon-apigateway-gateway-responses:
          DEFAULT_4XX:
            statusCode: '418'
            responseParameters:
              gatewayresponse.header.Access-Control-Allow-Origin: !Sub \"'${Origin}'\"
              gatewayresponse.header.X-Id: context.requestId
            responseTemplates: {application/json: '{}'}
";

#[test]
fn a_gateway_response_of_sam_cloudformation_and_openapi_is_read_the_same() {
    let expected = GatewayResponse {
        status: Some(418),
        headers: vec![
            (
                "Access-Control-Allow-Origin".to_owned(),
                Mapping::Static("https://a.example".to_owned()),
            ),
            ("X-Id".to_owned(), Mapping::Context("requestId".to_owned())),
        ],
        templates: [("application/json".to_owned(), "{}".to_owned())].into_iter().collect(),
    };
    for template in [SAM, CLOUDFORMATION, OPENAPI] {
        let read = responses(template);
        assert_eq!(read.get("DEFAULT_4XX"), Some(&expected), "{template}");
        assert_eq!(read.len(), 1);
    }
}

#[test]
fn an_invalid_gateway_response_is_an_error_with_its_position() {
    let template = |response: &str| {
        format!(
            "
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      GatewayResponses: {{{response}}}
"
        )
    };
    for (response, said) in [
        ("DEFAULT_3XX: {}", "`DEFAULT_3XX` is not a type of gateway response"),
        ("DEFAULT_4XX: {StatusCode: 600}", "`StatusCode` of `DEFAULT_4XX` of"),
        ("DEFAULT_4XX: {StatusCode: teapot}", "must be a whole number, not `teapot`"),
        (
            "DEFAULT_4XX: {ResponseParameters: {Headers: {X-Own: own}}}",
            "`own` is not a mapping expression",
        ),
    ] {
        let error = bad(&template(response));
        assert!(error.contains(said), "{error}");
    }
}
