//! Streamed responses of templates: their configuration, and the warnings of responses that are buffered.

use std::path::Path;

use hardcap_limits::Limits;

use super::{bad, good, warnings};
use crate::settings::Settings;
use crate::template::{Loaded, load};
use hardcap_core::config::{InvokeMode, ResponseTransferMode};

const SAM: &str = "
Resources:
  Stream:
    Type: AWS::Serverless::Function
    Properties:
      FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
      Events:
        Get: {Type: Api, Properties: {Path: /, Method: get, ResponseTransferMode: STREAM, TimeoutInMillis: 900000}}
        Put: {Type: Api, Properties: {Path: /, Method: put}}
";

fn current(text: &str) -> Loaded {
    let limits = Limits::current();
    load(text, Path::new("t.yaml"), &Settings::default(), limits).expect("a good template")
}

fn modes(loaded: &Loaded) -> Vec<ResponseTransferMode> {
    loaded.config.apis[0].routes.iter().map(|route| route.response_transfer_mode).collect()
}

#[test]
fn a_function_url_and_a_route_of_sam_configure_streaming() {
    let loaded = current(SAM);
    assert_eq!(warnings(&loaded), [""; 0]);
    assert_eq!(loaded.config.function_urls[0].invoke_mode, InvokeMode::ResponseStream);
    assert_eq!(modes(&loaded), [ResponseTransferMode::Stream, ResponseTransferMode::Buffered]);
}

#[test]
fn definitions_and_resources_of_cloudformation_configure_streaming_too() {
    let definition = "
Resources:
  F: {Type: 'AWS::Lambda::Function'}
  Url: {Type: 'AWS::Lambda::Url', Properties: {AuthType: NONE, TargetFunctionArn: !Ref F, InvokeMode: BUFFERED}}
  Allow: {Type: 'AWS::Lambda::Permission', Properties: {FunctionName: !Ref F, Action: 'lambda:InvokeFunctionUrl', Principal: '*'}}
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body:
        paths:
          /:
            get:
              x-amazon-apigateway-integration:
                type: AWS_PROXY
                uri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2021-11-15/functions/${F.Arn}/response-streaming-invocations'
                responseTransferMode: STREAM
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: PUT
      Integration: {Type: AWS_PROXY, Uri: !GetAtt F.Arn, ResponseTransferMode: STREAM}
";
    let loaded = current(definition);
    assert_eq!(warnings(&loaded), [""; 0]);
    assert_eq!(loaded.config.function_urls[0].invoke_mode, InvokeMode::Buffered);
    assert_eq!(modes(&loaded), [ResponseTransferMode::Stream, ResponseTransferMode::Stream]);
}

#[test]
fn a_streaming_route_with_the_uri_of_an_ordinary_invocation_is_a_warning() {
    let template = |functions: &str, mode: &str| {
        format!(
            "
Resources:
  F: {{Type: 'AWS::Lambda::Function'}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        paths:
          /:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                uri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:lambda:path/{functions}'
                responseTransferMode: {mode}
"
        )
    };
    let ordinary = "2015-03-31/functions/${F.Arn}/invocations";
    let streaming = "2021-11-15/functions/${F.Arn}/response-streaming-invocations";
    let told = warnings(&current(&template(ordinary, "STREAM")));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the URI of an ordinary invocation"), "{told:?}");
    for (uri, mode) in [(ordinary, "BUFFERED"), (streaming, "STREAM")] {
        assert_eq!(warnings(&current(&template(uri, mode))), [""; 0], "{uri} {mode}");
    }
}

#[test]
fn an_unknown_response_mode_is_an_error() {
    assert!(
        bad(&SAM.replace("RESPONSE_STREAM", "UNKNOWN")).contains(
            "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must \
             satisfy enum value set: [RESPONSE_STREAM, BUFFERED]"
        )
    );
    let told = bad(&SAM.replace("ResponseTransferMode: STREAM", "ResponseTransferMode: CHUNKED"));
    assert!(told.contains("must be BUFFERED or STREAM, not `CHUNKED`"), "{told}");
}

#[test]
fn streaming_in_a_run_before_its_introduction_is_reported() {
    let warnings = warnings(&good(SAM));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("`StreamUrl` has `InvokeMode: RESPONSE_STREAM`"), "{warnings:?}");
    assert!(warnings[0].contains("since 2023-04-07: in this run its responses are buffered"));
    assert!(warnings[1].contains("GET / has `ResponseTransferMode: STREAM`"), "{warnings:?}");
    assert!(warnings[1].contains("since 2025-11-19"), "{warnings:?}");
}
