//! Integrations other than Lambda proxy, from a template to the services that they call.

use std::path::Path;

use hardcap::Emulator;
use hardcap::config::{
    Api, ApiKind, Backend, CustomIntegration, Integration, IntegrationResponse, Passthrough,
    RequestParameter, ServiceCall,
};
use hardcap::limits::Limits;
use hardcap_project::settings::Settings;
use hardcap_project::template::load;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions::guest;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// An emulator of a template, with today's limits.
async fn start(template: &str) -> Emulator {
    let loaded = load(template, Path::new("t.yaml"), &Settings::default(), Limits::current());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [""; 0]);
    Emulator::start(loaded.config).await.expect("an emulator on free ports")
}

/// A REST API `Rest` with these operations of a definition, and these other resources.
fn rest(resources: &str, paths: &str) -> String {
    format!(
        "Resources:\n{resources}\n  Rest:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: dev\n      DefinitionBody:\n        paths:\n{paths}\n"
    )
}

async fn send(call: Call) -> Answer {
    Client::new().send(&call).await.expect("an answer")
}

fn post(emulator: &Emulator, path: &str, body: impl Into<bytes::Bytes>) -> Call {
    Call::post(url(emulator, path), body)
}

fn url(emulator: &Emulator, path: &str) -> String {
    let api = emulator.addresses().apis.keys().next().expect("an API").clone();
    format!("{}{path}", emulator.api_url(&api).expect("its URL"))
}

async fn call(emulator: &Emulator, target: &str, input: Value) -> Value {
    let call = Call::post(format!("{}/", emulator.aws_url()), input.to_string())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", target);
    let answer = send(call).await;
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    answer.json()
}

/// The messages of the queue `jobs`.
async fn messages(emulator: &Emulator) -> Vec<Value> {
    let queue = format!("{}/000000000000/jobs", emulator.aws_url());
    let input =
        json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
    let received = call(emulator, "AmazonSQS.ReceiveMessage", input).await;
    received["Messages"].as_array().cloned().unwrap_or_default()
}

/// The messages of the queue `jobs` when so many have arrived.
async fn arrived(emulator: &Emulator, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    eventually(Duration::from_secs(10), "the messages", async || {
        found.extend(messages(emulator).await);
        if found.len() == count { Ok(()) } else { Err(found.len()) }
    })
    .await;
    found
}

#[track_caller]
fn is(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status.as_u16(), answer.text()), (status, body), "{answer:?}");
}

const QUEUE: &str = "  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}";

/// `POST PATH` sends the body to the queue `jobs`, with these responses.
fn to_queue(path: &str, more: &str) -> String {
    format!(
        "          {path}:
            post:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:sqs:path/${{AWS::AccountId}}/${{Jobs.QueueName}}'
                credentials: arn:aws:iam::000000000000:role/r
                passthroughBehavior: never
                requestParameters: {{integration.request.header.Content-Type: \"'application/x-www-form-urlencoded'\"}}
                {more}"
    )
}

/// The requests and the messages are those of LocalStack's test on AWS of 2025-03-19, in our words.
#[tokio::test]
async fn a_rest_api_sends_the_body_to_a_queue_and_the_client_gets_the_json_of_sqs() {
    let paths = to_queue(
        "/jobs",
        "requestTemplates: {application/json: 'Action=SendMessage&MessageBody=$util.urlEncode($input.body)'}
                responses: {default: {statusCode: 200}}",
    );
    let emulator = start(&rest(QUEUE, &paths)).await;
    let text = r#"{"id": 7, "note": "a&b=c"}"#;
    let sent = post(&emulator, "/jobs", text).header("content-type", "application/json");
    let answer = send(sent).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-amzn-trace-id").is_some(), "{answer:?}");
    let response = &answer.json()["SendMessageResponse"];
    assert!(response["ResponseMetadata"]["RequestId"].is_string(), "{answer:?}");
    assert_eq!(response["SendMessageResult"]["SequenceNumber"], Value::Null);

    let empty = send(post(&emulator, "/jobs", "")).await;
    assert_eq!(empty.status, 200, "{empty:?}");
    let found = messages(&emulator).await;
    let mut bodies: Vec<&str> = found.iter().filter_map(|it| it["Body"].as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [text, "{}"]);

    let other = post(&emulator, "/jobs", "<a/>").header("content-type", "application/xml");
    let refused = send(other).await;
    is(&refused, 415, r#"{"message":"Unsupported Media Type"}"#);
    assert_eq!(refused.header("x-amzn-errortype"), Some("BadRequestException"));
}

#[tokio::test]
async fn a_rest_api_receives_messages_as_json() {
    let template = "requestTemplates: {application/json: 'Action=ReceiveMessage&AttributeName.1=SentTimestamp'}
                responses: {default: {statusCode: 200}}";
    let emulator = start(&rest(QUEUE, &to_queue("/jobs", template))).await;
    let empty = send(post(&emulator, "/jobs", "")).await;
    let result = &empty.json()["ReceiveMessageResponse"]["ReceiveMessageResult"];
    assert_eq!(result, &json!({ "messages": null }), "{empty:?}");
    let queue = format!("{}/000000000000/jobs", emulator.aws_url());
    let input = json!({ "QueueUrl": queue, "MessageBody": "hello" });
    call(&emulator, "AmazonSQS.SendMessage", input).await;
    let one = send(post(&emulator, "/jobs", "")).await;
    let message = &one.json()["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"][0];
    assert_eq!((&message["Body"], &message["MessageAttributes"]), (&json!("hello"), &Value::Null));
    assert_eq!(message["Attributes"][0]["Name"], "SentTimestamp", "{one:?}");
}

#[tokio::test]
async fn a_response_template_reads_the_answer_and_a_pattern_selects_it_by_its_status() {
    let templates = "requestTemplates: {application/json: \"Action=$input.params('action')&MessageBody=x\"}
                responses:
                  default:
                    statusCode: 202
                    responseParameters: {method.response.header.x-message: integration.response.body.SendMessageResponse.SendMessageResult.MessageId}
                    responseTemplates: {application/json: \"#set($r = $input.path('$.SendMessageResponse.SendMessageResult')){\\\"id\\\": \\\"$r.MessageId\\\"}\"}
                  '4\\d{2}':
                    statusCode: 409
                    responseTemplates: {application/json: \"{\\\"code\\\": $input.json('$.Error.Code')}\"}";
    let emulator = start(&rest(QUEUE, &to_queue("/jobs", templates))).await;
    let sent = send(post(&emulator, "/jobs?action=SendMessage", "")).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let id = sent.header("x-message").expect("the id").to_owned();
    assert_eq!(sent.text(), format!(r#"{{"id": "{id}"}}"#));
    let refused = send(post(&emulator, "/jobs?action=Nonsense", "")).await;
    is(&refused, 409, r#"{"code": "InvalidAction"}"#);
}

#[tokio::test]
async fn a_template_sets_the_headers_of_a_call_of_eventbridge() {
    let resources = format!(
        "{QUEUE}
  Rule:
    Type: AWS::Events::Rule
    Properties: {{EventPattern: {{source: [shop]}}, Targets: [{{Id: q, Arn: !GetAtt Jobs.Arn}}]}}"
    );
    let paths = r#"          /events:
            post:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: !Sub 'arn:aws:apigateway:${AWS::Region}:events:action/PutEvents'
                requestTemplates:
                  application/json: |
                    #set($context.requestOverride.header.X-Amz-Target = "AWSEvents.PutEvents")
                    #set($context.requestOverride.header.Content-Type = "application/x-amz-json-1.1")
                    {"Entries": [#foreach($item in $input.path('$.items'))
                      {"Source": "shop", "DetailType": "$item.kind", "Detail": "$util.escapeJavaScript($item.detail).replaceAll("\\'","'")"}#if($foreach.hasNext),#end
                    #end]}
                responses: {default: {statusCode: 200}}"#;
    let emulator = start(&rest(&resources, paths)).await;
    let body = json!({ "items": [
        { "kind": "created", "detail": "{\"note\": \"it's\"}" }, { "kind": "paid", "detail": "{}" },
    ] });
    let answer = send(post(&emulator, "/events", body.to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["FailedEntryCount"], 0, "{answer:?}");
    let found = arrived(&emulator, 2).await;
    let notes: Vec<Value> = found
        .iter()
        .map(|message| serde_json::from_str::<Value>(message["Body"].as_str().unwrap()).unwrap())
        .map(|event| event["detail"]["note"].clone())
        .collect();
    assert!(notes.contains(&json!("it's")), "{found:?}");
}

#[tokio::test]
async fn a_rest_api_writes_and_reads_a_table() {
    let table = "  Table: {Type: AWS::Serverless::SimpleTable, Properties: {TableName: orders, PrimaryKey: {Name: id, Type: String}}}";
    let action = |method: &str, action: &str, template: &str, response: &str| {
        format!(
            "            {method}:
              x-amazon-apigateway-integration:
                type: AWS
                httpMethod: POST
                uri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:dynamodb:action/{action}'
                requestTemplates: {{application/json: '{template}'}}
                responses: {{default: {{statusCode: 200{response}}}}}"
        )
    };
    let put = action(
        "put",
        "PutItem",
        r#"{"TableName": "orders", "Item": {"id": {"S": "$input.params(''''id'''')"}, "n": {"N": "$input.path(''''$.n'''')"}}}"#,
        "",
    );
    let get = action(
        "get",
        "GetItem",
        r#"{"TableName": "orders", "Key": {"id": {"S": "$input.params(''''id'''')"}}}"#,
        r#", responseTemplates: {application/json: '{"n": $input.path(''''$.Item.n.N'''')}'}"#,
    );
    let paths = format!("          /orders/{{id}}:\n{put}\n{get}").replace("''''", "''");
    let emulator = start(&rest(table, &paths)).await;
    let put = Call::new(Method::PUT, url(&emulator, "/orders/a-1")).body(r#"{"n": 41}"#);
    is(&send(put).await, 200, "{}");
    is(&send(Call::get(url(&emulator, "/orders/a-1"))).await, 200, r#"{"n": 41}"#);
}

/// A REST API that puts and gets the objects of a bucket.
fn bucket(types: &str) -> String {
    let integration = |method: &str| {
        format!(
            "            {method}:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: {method}
                uri: !Sub 'arn:aws:apigateway:${{AWS::Region}}:s3:path/uploads/{{key}}'
                requestParameters: {{integration.request.path.key: method.request.path.key, integration.request.header.Content-Type: method.request.header.Content-Type}}
                responses:
                  default: {{statusCode: 200, responseParameters: {{method.response.header.ETag: integration.response.header.ETag, method.response.header.Content-Type: integration.response.header.Content-Type}}}}
                  '404': {{statusCode: 404, responseTemplates: {{application/json: '{{\"missing\": true}}'}}}}"
        )
    };
    let bucket = "  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: uploads}}";
    let paths = format!("          /{{key}}:\n{}\n{}", integration("put"), integration("get"));
    rest(bucket, &paths)
        .replace("StageName: dev", &format!("StageName: dev\n      BinaryMediaTypes: [{types}]"))
}

#[tokio::test]
async fn a_rest_api_stores_an_object_and_gives_it_back_byte_for_byte() {
    let emulator = start(&bucket("'image/png'")).await;
    let put = |key: &str, kind: &str, body: &'static [u8]| {
        let call = Call::new(Method::PUT, url(&emulator, key)).body(body);
        call.header("content-type", kind)
    };
    let get = |key: &str, accept: &str| Call::get(url(&emulator, key)).header("accept", accept);
    let stored = send(put("/a.png", "image/png", b"\x89PNG\xff\x00")).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    assert!(stored.header("etag").is_some(), "{stored:?}");
    let image = send(get("/a.png", "image/png")).await;
    assert_eq!(image.body.as_ref(), b"\x89PNG\xff\x00", "{image:?}");
    assert_eq!(image.header("content-type"), Some("image/png"));
    // Recorded on AWS (LocalStack, 2025-03-17): a client that accepts text gets base64.
    is(&send(get("/a.png", "text/plain")).await, 200, "iVBOR/8A");
    let text = send(put("/b.txt", "text/plain", "née".as_bytes())).await;
    assert_eq!(text.status, 200, "{text:?}");
    is(&send(get("/b.txt", "text/plain")).await, 200, "née");
    // Text for a client that accepts a binary type is decoded as base64, which this one is not.
    is(&send(get("/b.txt", "image/png")).await, 500, r#"{"message": "Internal server error"}"#);
    is(&send(get("/none", "text/plain")).await, 404, r#"{"missing": true}"#);
}

#[tokio::test]
async fn the_path_of_a_client_reaches_no_other_service_than_that_of_the_integration() {
    let template = bucket("'image/png'")
        .replace("s3:path/uploads/{key}", "s3:path/{proxy}")
        .replace("/{key}", "/{proxy+}")
        .replace("request.path.key", "request.path.proxy");
    let emulator = start(&template).await;
    // S3 answers: the control surface and Lambda's API have these paths.
    for path in ["/_hardcap/health", "/_hardcap/faults"] {
        let answer = send(Call::get(url(&emulator, path))).await;
        assert!(answer.text().contains("<Code>InvalidBucketName</Code>"), "{answer:?}");
    }
    let functions = send(Call::get(url(&emulator, "/2015-03-31/functions/"))).await;
    is(&functions, 404, r#"{"missing": true}"#);
    let put = Call::new(Method::PUT, url(&emulator, "/uploads/a%2fb/../c?d#e")).body("x");
    assert_eq!(send(put).await.status, 200);
    is(&send(Call::get(url(&emulator, "/uploads/a%2fb/../c"))).await, 200, "x");
}

/// rest_response
#[tokio::test]
async fn a_rest_api_passes_on_10_mib_of_an_object_and_not_one_byte_more() {
    let emulator = start(&bucket("'*~1*'")).await;
    for (key, size) in [("at", 10_485_760), ("over", 10_485_761)] {
        let put = crate::queue::s3(&emulator).put_object().bucket("uploads").key(key);
        put.body(vec![b'x'; size].into()).send().await.expect("an object");
    }
    let at = send(Call::get(url(&emulator, "/at"))).await;
    assert_eq!((at.status.as_u16(), at.body.len()), (200, 10_485_760));
    let over = send(Call::get(url(&emulator, "/over"))).await;
    is(&over, 502, r#"{"message": "Internal server error"}"#);
    assert_eq!(over.header("x-amzn-errortype"), Some("InternalServerErrorException"));
    assert_eq!(send(Call::get(url(&emulator, "/at"))).await.body.len(), 10_485_760);
}

fn response(pattern: Option<&str>, status: u16, template: Option<&str>) -> IntegrationResponse {
    IntegrationResponse {
        pattern: pattern.map(str::to_owned),
        status,
        templates: template.iter().map(|it| ("application/json".into(), (*it).into())).collect(),
        ..IntegrationResponse::default()
    }
}

/// An emulator whose `POST /` calls the guest in a mode, with this template and these parameters and responses.
async fn calling(
    mode: &str,
    template: Option<&str>,
    parameters: &[(&str, &str)],
    responses: Vec<IntegrationResponse>,
) -> Emulator {
    let kind = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
    let mut api = Api::new("Api", kind, "dev", &[("POST", "/", mode)]);
    let read = |(key, value): &(&str, &str)| RequestParameter::read(key, value).expect("valid");
    api.routes[0].integration = Integration::Custom(Box::new(CustomIntegration {
        backend: Backend::Service {
            service: "lambda".to_owned(),
            method: Some("POST".to_owned()),
            call: ServiceCall::Path(format!("/2015-03-31/functions/{mode}/invocations")),
        },
        request_parameters: parameters.iter().map(read).collect(),
        request_templates: template
            .iter()
            .map(|it| ("application/json".into(), (*it).into()))
            .collect(),
        passthrough: Passthrough::WhenNoMatch,
        content_handling: None,
        responses,
    }));
    let builder = Emulator::builder().function(guest(mode)).api(api);
    builder.start().await.expect("an emulator on free ports")
}

#[tokio::test]
async fn a_function_gets_what_the_template_makes_and_the_client_what_the_function_returns() {
    let template = r#"{"id": $input.json('$.id'), "from": "$context.identity.sourceIp", "stage": "$context.stage"}"#;
    let emulator = calling("echo", Some(template), &[], vec![response(None, 200, None)]).await;
    let answer = send(post(&emulator, "/", r#"{"id": [1]}"#)).await;
    is(&answer, 200, r#"{"id": [1], "from": "127.0.0.1", "stage": "dev"}"#);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    // Recorded 2024-12-11: without a template and a body the event is `{}`.
    let emulator = calling("echo", None, &[], vec![response(None, 200, None)]).await;
    is(&send(post(&emulator, "/", "")).await, 200, "{}");
}

#[tokio::test]
async fn the_error_message_of_a_function_selects_the_response() {
    let responses = vec![
        response(None, 200, None),
        response(Some(".*four hundred.*"), 405, Some(r#"{"why": $input.json('$.errorMessage')}"#)),
        response(Some(".+"), 502, None),
        response(Some("200"), 504, None),
    ];
    let emulator = calling("behave", None, &[], responses).await;
    let answered = send(post(&emulator, "/", r#"{"size": 9}"#)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let failing = |text: &str| json!({ "error": text }).to_string();
    let failed = send(post(&emulator, "/", failing("it is four hundred"))).await;
    is(&failed, 405, r#"{"why": "it is four hundred"}"#);
    let other = send(post(&emulator, "/", failing("other"))).await;
    assert_eq!((other.status.as_u16(), &other.json()["errorMessage"]), (502, &json!("other")));
}

#[tokio::test]
async fn the_invocation_type_event_queues_the_event() {
    let event = [("integration.request.header.X-Amz-Invocation-Type", "'Event'")];
    let accepted = vec![response(None, 202, Some(r#"{"accepted": true}"#))];
    let emulator = calling("echo", Some(r#"{"a": 1}"#), &event, accepted).await;
    is(&send(post(&emulator, "/", "")).await, 202, r#"{"accepted": true}"#);
    emulator.events_ended().await;
    assert_eq!(emulator.totals().invocations, 1);
}

#[tokio::test]
async fn an_event_of_more_than_6_mib_is_refused_before_the_function() {
    let emulator = calling("echo", None, &[], vec![response(None, 200, None)]).await;
    let body = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    let at = send(post(&emulator, "/", body(6_291_456))).await;
    assert_eq!((at.status.as_u16(), at.body.len()), (200, 6_291_456));
    let over = send(post(&emulator, "/", body(6_291_457))).await;
    is(&over, 413, r#"{"message": "Request Too Long"}"#);
    is(&send(post(&emulator, "/", "1")).await, 200, "1");
}

#[tokio::test]
async fn a_parameter_cannot_set_a_header_that_the_gateway_sets() {
    for name in ["Content-Length", "Authorization", "Connection", "TE"] {
        let parameter = [(format!("integration.request.header.{name}"), "'x'")];
        let parameter = [(parameter[0].0.as_str(), parameter[0].1)];
        let emulator = calling("echo", None, &parameter, vec![response(None, 200, None)]).await;
        let answer = send(post(&emulator, "/", "1")).await;
        is(&answer, 500, r#"{"message": "Internal server error"}"#);
        assert_eq!(answer.header("x-amzn-errortype"), Some("InternalServerErrorException"));
    }
}

/// `GET /` with a mock integration.
async fn mock(template: &str, responses: Vec<IntegrationResponse>) -> Answer {
    let kind = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
    let mut api = Api::new("Api", kind, "dev", &[("GET", "/", "")]);
    let mut custom = CustomIntegration::mock(IntegrationResponse::default());
    custom.request_templates = [("application/json".to_owned(), template.to_owned())].into();
    custom.responses = responses;
    api.routes[0].integration = Integration::Custom(Box::new(custom));
    let emulator = Emulator::builder().api(api).start().await.expect("an emulator");
    send(Call::get(url(&emulator, "/"))).await
}

/// The rules are those of LocalStack's tests on AWS of 2024-11-06, 2024-11-29 and 2025-05-16, with our own texts.
#[tokio::test]
async fn a_mock_integration_responds_by_the_status_of_its_template() {
    let all = || vec![response(Some("2.."), 200, Some("two")), response(Some("404"), 404, None)];
    is(&mock("{statusCode: 200}", all()).await, 200, "two");
    is(&mock(r#"{"statusCode": 404}"#, all()).await, 404, "");
    let failure = r#"{"message": "Internal server error"}"#;
    is(&mock(r#"{"statusCode": 500}"#, all()).await, 500, failure);
    is(&mock("{}", all()).await, 500, failure);

    let template = r#"#set($context.responseOverride.status = 444)
        #set($context.responseOverride.header.x-own = "bar")
        #set($context.responseOverride.custom = "kept")
        {"statusCode": 200}"#;
    let kept = response(None, 200, Some("$context.responseOverride.custom"));
    let answer = mock(template, vec![kept]).await;
    is(&answer, 444, "kept");
    assert_eq!(answer.header("x-own"), Some("bar"));
    assert_eq!(answer.header("x-amzn-trace-id"), None, "{answer:?}");
}

/// Recorded by LocalStack on AWS, 2024-12-11.
#[tokio::test]
async fn headers_that_the_gateway_sets_itself_get_another_name() {
    let own = |name: &str| (name.to_owned(), "'own'".parse().expect("a mapping"));
    let names = ["Authorization", "Content-Length", "Server", "WWW-Authenticate", "TE", "Age"];
    let headers = names.map(own).to_vec();
    let with_headers = IntegrationResponse { headers, ..response(None, 200, None) };
    let answer = mock("{statusCode: 200}", vec![with_headers]).await;
    for name in ["authorization", "content-length", "server", "www-authenticate"] {
        assert_eq!(answer.header(&format!("x-amzn-remapped-{name}")), Some("own"), "{answer:?}");
    }
    assert_eq!((answer.header("te"), answer.header("age")), (Some("own"), Some("own")));
    assert_eq!(answer.header("content-length"), Some("0"), "{answer:?}");
}

/// rest_template_iterations
#[tokio::test]
async fn a_loop_of_a_mapping_template_ends_after_1000_iterations() {
    let looped = |count: u32| async move {
        let text = format!("#foreach($n in [1..{count}])x#end!");
        mock("{statusCode: 200}", vec![response(None, 200, Some(&text))]).await
    };
    is(&looped(1_000).await, 200, &format!("{}!", "x".repeat(1_000)));
    is(&looped(1_001).await, 200, &format!("{}!", "x".repeat(1_000)));
    is(&looped(2).await, 200, "xx!");
}

/// An HTTP API whose `POST /` calls an action with these parameters.
fn http(subtype: &str, parameters: &str) -> String {
    format!(
        "Resources:\n{QUEUE}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        openapi: '3.0'
        paths:
          /{{kind}}:
            post:
              x-amazon-apigateway-integration: {{type: aws_proxy, integrationSubtype: {subtype}, payloadFormatVersion: '1.0', credentials: r, requestParameters: {parameters}}}\n"
    )
}

#[tokio::test]
async fn a_route_of_an_http_api_sends_a_message_and_the_client_gets_the_xml_of_sqs() {
    let attributes = r#"'{"Kind": {"DataType": "String", "StringValue": "${request.path.kind} by ${request.header.x-from}"}}'"#;
    let parameters = format!(
        "{{QueueUrl: !Ref Jobs, MessageBody: $request.body.order, MessageAttributes: {attributes}}}"
    );
    let emulator = start(&http("SQS-SendMessage", &parameters)).await;
    let sent = post(&emulator, "/fast", r#"{"order": {"id": 7}}"#).header("x-from", "me");
    let answer = send(sent).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    let expected = "<?xml version=\"1.0\"?><SendMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><SendMessageResult>";
    assert!(answer.text().starts_with(expected), "{answer:?}");
    let found = messages(&emulator).await;
    assert_eq!(found[0]["Body"], r#"{"id":7}"#);
    assert_eq!(found[0]["MessageAttributes"]["Kind"]["StringValue"], "fast by me");

    let missing = post(&emulator, "/fast", r#"{"other": 1}"#).header("x-from", "me");
    is(&send(missing).await, 400, r#"{"message":"Bad Request"}"#);
    let without_header = post(&emulator, "/fast", r#"{"order": 1}"#);
    is(&send(without_header).await, 400, r#"{"message":"Bad Request"}"#);
}

#[tokio::test]
async fn a_route_of_an_http_api_receives_and_deletes_messages() {
    let receive = "{QueueUrl: !Ref Jobs, MaxNumberOfMessages: '1', AttributeNames: '[\"All\"]', WaitTimeSeconds: '0'}";
    let emulator = start(&http("SQS-ReceiveMessage", receive)).await;
    let queue = format!("{}/000000000000/jobs", emulator.aws_url());
    let input = json!({ "QueueUrl": queue, "MessageBody": "hello" });
    call(&emulator, "AmazonSQS.SendMessage", input).await;
    let received = send(post(&emulator, "/x", "")).await;
    assert_eq!(received.status, 200, "{received:?}");
    assert!(received.text().contains("<Body>hello</Body>"), "{received:?}");
    assert!(received.text().contains("<Name>SentTimestamp</Name>"), "{received:?}");

    let delete = "{QueueUrl: !Ref Jobs, ReceiptHandle: $request.querystring.handle}";
    let emulator = start(&http("SQS-DeleteMessage", delete)).await;
    let refused = send(post(&emulator, "/x?handle=none", "")).await;
    assert_eq!(refused.status, 404, "{refused:?}");
    assert!(refused.text().contains("<Code>ReceiptHandleIsInvalid</Code>"), "{refused:?}");
}

/// http_response
#[tokio::test]
async fn a_client_of_an_http_api_gets_10_mib_of_messages_and_not_one_byte_more() {
    let receive = "{QueueUrl: !Ref Jobs, MaxNumberOfMessages: '10', VisibilityTimeout: '0'}";
    let emulator = start(&http("SQS-ReceiveMessage", receive)).await;
    let queue = format!("{}/000000000000/jobs", emulator.aws_url());
    let purge = async || {
        call(&emulator, "AmazonSQS.PurgeQueue", json!({ "QueueUrl": queue })).await;
        emulator.advance_clock(hardcap::limits::Millis(61_000)).await;
    };
    // Ten messages: nine of one size and one of another.
    let received = async |size: usize, last: usize| {
        for size in [size; 9].into_iter().chain([last]) {
            let input = json!({ "QueueUrl": queue, "MessageBody": "x".repeat(size) });
            call(&emulator, "AmazonSQS.SendMessage", input).await;
        }
        send(post(&emulator, "/x", "")).await
    };
    let small = received(1, 1).await;
    assert_eq!(small.text().matches("<Body>").count(), 10, "{small:?}");
    let around = small.body.len() - 10;
    purge().await;
    let last = 10_485_760 - around - 9 * 1_048_500;
    let at = received(1_048_500, last).await;
    assert_eq!((at.status.as_u16(), at.body.len()), (200, 10_485_760));
    purge().await;
    is(&received(1_048_500, last + 1).await, 500, r#"{"message":"Internal Server Error"}"#);
    purge().await;
    assert_eq!(received(1, 1).await.status, 200);
}

#[tokio::test]
async fn a_route_of_an_http_api_puts_an_event() {
    let parameters = "{Source: com.shop.$request.path.kind, DetailType: made, Detail: $request.body, Time: '2026-11-30T10:00:00Z'}";
    let rule = "\n  Rule: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [com.shop.order]}, Targets: [{Id: q, Arn: !GetAtt Jobs.Arn}]}}";
    let template = http("EventBridge-PutEvents", parameters);
    let emulator = start(&template.replace(QUEUE, &format!("{QUEUE}{rule}"))).await;
    let answer = send(post(&emulator, "/order", r#"{"n": 1}"#)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["FailedEntryCount"]), (200, &json!(0)));
    let found = arrived(&emulator, 1).await;
    let event: Value = serde_json::from_str(found[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&event["detail"], &event["time"]),
        (&json!({"n": 1}), &json!("2026-11-30T10:00:00Z"))
    );
}

/// http_selected_body
#[tokio::test]
async fn a_path_into_a_body_sees_its_first_100_kib() {
    let parameters = "{QueueUrl: !Ref Jobs, MessageBody: $request.body.id}";
    let emulator = start(&http("SQS-SendMessage", parameters)).await;
    // The whole body up to the end of the id has this size, and more follows.
    let body = |size: usize| {
        let (start, end) = (r#"{"pad":""#, r#"","id":"x","#);
        let pad = "y".repeat(size - start.len() - end.len());
        format!("{start}{pad}{end}\"more\":[1,2,3]}}")
    };
    let at = send(post(&emulator, "/x", body(102_400))).await;
    assert_eq!(at.status, 200, "{at:?}");
    let over = send(post(&emulator, "/x", body(102_401))).await;
    is(&over, 400, r#"{"message":"Bad Request"}"#);
    let small = send(post(&emulator, "/x", body(100))).await;
    assert_eq!(small.status, 200, "{small:?}");
}

#[tokio::test]
async fn the_calls_of_an_integration_are_signed() {
    let paths = to_queue(
        "/jobs",
        "requestTemplates: {application/json: 'Action=SendMessage&MessageBody=x'}
                responses: {default: {statusCode: 200}}",
    );
    let text = rest(QUEUE, &paths);
    let loaded = load(&text, Path::new("t.yaml"), &Settings::default(), Limits::current()).unwrap();
    let mut config = loaded.config;
    config.strict_auth = true;
    let emulator = Emulator::start(config).await.expect("an emulator");
    let sent = send(post(&emulator, "/jobs", "")).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let unsigned =
        Call::post(format!("{}/000000000000/jobs", emulator.aws_url()), "Action=SendMessage")
            .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(unsigned).await.status, 403);
}
