//! Gateway responses in templates.

use super::*;
use crate::config::{GatewayResponse, Mapping};

fn responses(text: &str) -> crate::config::GatewayResponses {
    let loaded = good(text);
    assert_eq!(warnings(&loaded), [""; 0]);
    loaded.config.apis[0].gateway_responses.clone()
}

#[test]
fn sam_and_cloudformation_say_the_same_of_a_gateway_response() {
    let sam = responses(
        "
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
",
    );
    let raw = responses(
        "
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
",
    );
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
    assert_eq!(sam.get("DEFAULT_4XX"), Some(&expected));
    assert_eq!(raw, sam);
}

#[test]
fn a_wrong_gateway_response_is_said_where_it_stands() {
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
        ("DEFAULT_3XX: {}", "`DEFAULT_3XX` is no type of gateway response"),
        ("DEFAULT_4XX: {StatusCode: 600}", "`StatusCode` of `DEFAULT_4XX` of"),
        ("DEFAULT_4XX: {StatusCode: teapot}", "must be a whole number, not `teapot`"),
        (
            "DEFAULT_4XX: {ResponseParameters: {Headers: {X-Own: own}}}",
            "`own` is no mapping expression",
        ),
    ] {
        let error = bad(&template(response));
        assert!(error.contains(said), "{error}");
    }
}
