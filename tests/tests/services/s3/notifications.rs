//! Notifications of a bucket to queues, topics, functions and the default event bus.

use hardcap::Emulator;
use hardcap::config::{
    BucketNotifications, BusRule, LifecycleRule, NotificationTarget, Queue, queue_arn,
};
use hardcap::limits::{Limits, Millis};
use hardcap::record::Observation;
use hardcap_tests::functions::guest;
use serde_json::{Value, json};

use super::vocabulary::*;
use crate::{queues, topics};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";
const DAY: u64 = 24 * 60 * 60 * 1000;

fn target(arn: &str, events: &[&str]) -> NotificationTarget {
    NotificationTarget {
        id: "id".to_owned(),
        arn: arn.to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        prefix: None,
        suffix: None,
    }
}

/// An emulator with the function `echo` and the queue `q`, whose bucket has these targets.
async fn with_targets(targets: Vec<NotificationTarget>) -> Emulator {
    let mut config = config();
    config.functions.push(guest("echo"));
    config.queues.push(Queue::new("q"));
    config.buckets[0].notifications = BucketNotifications { targets, event_bridge: false };
    start(config).await
}

fn queue() -> String {
    queue_arn("us-east-1", "q")
}

/// The messages of the queue `q`, as JSON.
async fn messages(emulator: &Emulator) -> Vec<Value> {
    let url = format!("{}/000000000000/q", emulator.aws_url());
    let received = queues::receive(emulator, &url).await;
    let bodies = received.iter().filter_map(|message| message["Body"].as_str());
    bodies.map(|body| serde_json::from_str(body).unwrap()).collect()
}

/// Name and key of the records of messages.
fn told(messages: &[Value]) -> Vec<(String, String)> {
    let records = messages.iter().map(|message| &message["Records"][0]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    records.map(|it| (text(&it["eventName"]), text(&it["s3"]["object"]["key"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned())).collect()
}

async fn configure(emulator: &Emulator, xml: &str, headers: &[(&str, &str)]) -> Answer {
    let xml = format!("<NotificationConfiguration>{xml}</NotificationConfiguration>");
    let ask = ask("PUT", "/bucket?notification").body(xml);
    let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    signed(emulator, ask).await
}

fn queue_configuration(arn: &str, rest: &str) -> String {
    format!("<QueueConfiguration><Queue>{arn}</Queue>{rest}</QueueConfiguration>")
}

const CREATED: &str = "<Event>s3:ObjectCreated:*</Event>";

#[tokio::test]
async fn a_function_gets_the_event_of_an_object() {
    let emulator = with_targets(vec![target(FUNCTION, &["s3:ObjectCreated:*"])]).await;
    let put = signed(&emulator, ask("PUT", "/bucket/a%20b").body("something")).await;
    emulator.until(|totals| totals.invocations == 1).await;
    let recorder = emulator.recorder();
    let records = recorder.newest();
    let invoked = records.iter().find(|it| matches!(it.what, Observation::Invoked { .. }));
    let payloads = recorder.payloads.of(&invoked.expect("an invocation").request_id);
    let mut event: Value = serde_json::from_slice(&payloads[0].head).unwrap();
    let record = &mut event["Records"][0];
    assert_eq!(record["eventTime"].take().as_str().unwrap().len(), 24);
    assert_eq!(record["s3"]["object"]["sequencer"].take().as_str().unwrap().len(), 18);
    let (id, host) = (put.header("x-amz-request-id"), put.header("x-amz-id-2"));
    // LocalStack's snapshots of AWS, test_object_created_put.
    let expected = json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": null,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDATEST"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": id, "x-amz-id-2": host},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "id",
            "bucket": {
                "name": "bucket",
                "ownerIdentity": {"principalId": "000000000000"},
                "arn": "arn:aws:s3:::bucket",
            },
            "object": {
                "key": "a+b",
                "size": 9,
                "eTag": "437b930db84b8079c2dd804a71936b5f",
                "sequencer": null,
            },
        },
    }]});
    assert_eq!(event, expected);
    assert_eq!(emulator.totals().events.accepted, 1, "the event is asynchronous");
}

#[tokio::test]
async fn every_way_to_create_change_and_remove_an_object_has_its_event() {
    let all = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"];
    let emulator = with_targets(vec![target(&queue(), &all)]).await;
    signed(&emulator, ask("PUT", "/bucket/k").body("data")).await;
    let copy = ask("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/k");
    assert_eq!(signed(&emulator, copy).await.status, 200);
    let begun = signed(&emulator, ask("POST", "/bucket/parts?uploads")).await;
    let id = begun.element("UploadId").unwrap();
    let part = ask("PUT", &format!("/bucket/parts?partNumber=1&uploadId={id}")).body("part");
    let tag = signed(&emulator, part).await.header("etag").unwrap().to_owned();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = ask("POST", &format!("/bucket/parts?uploadId={id}")).body(list);
    for _ in 0..2 {
        // The second completion is a repetition.
        assert_eq!(signed(&emulator, complete.clone()).await.status, 200);
    }
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    assert_eq!(signed(&emulator, ask("PUT", "/bucket/k?tagging").body(tags)).await.status, 200);
    assert_eq!(signed(&emulator, ask("DELETE", "/bucket/k?tagging")).await.status, 204);
    assert_eq!(signed(&emulator, ask("DELETE", "/bucket/k")).await.status, 204);
    assert_eq!(signed(&emulator, ask("DELETE", "/bucket/k")).await.status, 204, "nothing is there");
    sdk(&emulator)
        .delete_objects()
        .bucket(BUCKET)
        .delete(
            aws_sdk_s3::types::Delete::builder()
                .objects(
                    aws_sdk_s3::types::ObjectIdentifier::builder().key("copy").build().unwrap(),
                )
                .objects(
                    aws_sdk_s3::types::ObjectIdentifier::builder().key("none").build().unwrap(),
                )
                .build()
                .unwrap(),
        )
        .send()
        .await
        .unwrap();
    let told = told(&messages(&emulator).await);
    let expected = pairs(&[
        ("ObjectCreated:Put", "k"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectTagging:Put", "k"),
        ("ObjectTagging:Delete", "k"),
        ("ObjectRemoved:Delete", "k"),
        ("ObjectRemoved:Delete", "copy"),
    ]);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_refused_write_and_a_key_outside_the_filter_have_no_event() {
    let images = NotificationTarget {
        prefix: Some("images/".to_owned()),
        suffix: Some(".jpg".to_owned()),
        ..target(&queue(), &["s3:ObjectCreated:Put"])
    };
    let emulator = with_targets(vec![images]).await;
    for key in ["images/a.jpg", "images/a.png", "a.jpg"] {
        signed(&emulator, ask("PUT", &format!("/bucket/{key}")).body("x")).await;
    }
    let absent = ask("PUT", "/bucket/images/a.jpg").header("if-none-match", "*").body("y");
    assert_eq!(signed(&emulator, absent).await.status, 412);
    let copy = ask("PUT", "/bucket/images/b.jpg").header("x-amz-copy-source", "/bucket/a.jpg");
    assert_eq!(signed(&emulator, copy).await.status, 200, "another event");
    let told = told(&messages(&emulator).await);
    assert_eq!(told, pairs(&[("ObjectCreated:Put", "images/a.jpg")]));
}

#[tokio::test]
async fn a_topic_passes_a_notification_on_with_its_subject() {
    let emulator = with_targets(Vec::new()).await;
    let topic = topics::create(&emulator, "t").await;
    topics::subscribe(&emulator, &topic, ("sqs", &queue()), &[]).await;
    let xml = format!(
        "<TopicConfiguration><Id>one</Id><Topic>{topic}</Topic>{CREATED}</TopicConfiguration>"
    );
    assert_eq!(configure(&emulator, &xml, &[]).await.status, 200);
    signed(&emulator, ask("PUT", "/bucket/k").body("x")).await;
    let received = messages(&emulator).await;
    let subjects: Vec<&Value> = received.iter().map(|envelope| &envelope["Subject"]).collect();
    assert_eq!(subjects, ["Amazon S3 Notification"; 2], "the test message, and that of the object");
    let inner = |index: usize| -> Value {
        serde_json::from_str(received[index]["Message"].as_str().unwrap()).unwrap()
    };
    assert_eq!(inner(0)["Event"], "s3:TestEvent");
    assert_eq!(inner(1)["Records"][0]["s3"]["configurationId"], "one");
}

#[tokio::test]
async fn the_default_bus_gets_every_event_of_a_bucket_that_names_it() {
    let mut config = config();
    config.queues.push(Queue::new("q"));
    config.buckets[0].notifications.event_bridge = true;
    let targets = json!([{ "Id": "q", "Arn": queue() }]);
    let rule = json!({ "Name": "r", "EventPattern": r#"{"source": ["aws.s3"]}"# });
    config.rules.push(BusRule {
        bus: "default".to_owned(),
        rule: rule.as_object().unwrap().clone(),
        targets: targets.as_array().unwrap().clone(),
        ..BusRule::default()
    });
    let emulator = start(config).await;
    signed(&emulator, ask("PUT", "/bucket/a%20b").body("something")).await;
    signed(&emulator, ask("DELETE", "/bucket/a%20b")).await;
    let events = messages(&emulator).await;
    let told: Vec<_> = events
        .iter()
        .map(|it| (&it["detail-type"], &it["detail"]["object"]["key"], &it["detail"]["reason"]))
        .map(|(kind, key, reason)| json!([kind, key, reason]))
        .collect();
    let expected = [
        json!(["Object Created", "a b", "PutObject"]),
        json!(["Object Deleted", "a b", "DeleteObject"]),
    ];
    assert_eq!(told, expected, "{events:?}");
    assert_eq!(events[0]["resources"], json!(["arn:aws:s3:::bucket"]));
}

#[tokio::test]
async fn an_object_that_a_rule_removes_has_the_event_of_an_expiration() {
    let mut config = config();
    config.queues.push(Queue::new("q"));
    config.buckets[0].lifecycle =
        vec![LifecycleRule { expiration_days: Some(1), ..LifecycleRule::default() }];
    config.buckets[0].notifications.targets =
        vec![target(&queue(), &["s3:LifecycleExpiration:*", "s3:ObjectRemoved:*"])];
    let emulator = start(config).await;
    signed(&emulator, ask("PUT", "/bucket/k").body("x")).await;
    emulator.clock().advance(Millis(3 * DAY)).await;
    assert_eq!(signed(&emulator, ask("HEAD", "/bucket/k")).await.status, 404);
    let told = told(&messages(&emulator).await);
    assert_eq!(told, pairs(&[("LifecycleExpiration:Delete", "k")]));
}

#[tokio::test]
async fn a_configuration_is_returned_as_it_was_put_and_can_be_removed() {
    let emulator = with_targets(Vec::new()).await;
    let rules = "<Filter><S3Key><FilterRule><Name>SUFFIX</Name><Value></Value></FilterRule>\
                 <FilterRule><Name>prefix</Name><Value>a/</Value></FilterRule></S3Key></Filter>";
    let xml = queue_configuration(&queue(), &format!("<Id>one</Id>{CREATED}{rules}"));
    assert_eq!(configure(&emulator, &xml, &[]).await.status, 200);
    let test = &messages(&emulator).await[0];
    assert_eq!((&test["Event"], &test["Bucket"]), (&json!("s3:TestEvent"), &json!("bucket")));
    let got = signed(&emulator, ask("GET", "/bucket?notification")).await;
    for (name, expected) in [
        ("Id", vec!["one"]),
        ("Queue", vec![queue().as_str()]),
        ("Event", vec!["s3:ObjectCreated:*"]),
        ("Name", vec!["Prefix", "Suffix"]),
        ("Value", vec!["a/", ""]),
    ] {
        assert_eq!(got.elements(name), expected, "{}", got.text());
    }
    signed(&emulator, ask("PUT", "/bucket/a/k").body("x")).await;
    assert_eq!(told(&messages(&emulator).await), pairs(&[("ObjectCreated:Put", "a/k")]));
    assert_eq!(configure(&emulator, "", &[]).await.status, 200);
    let got = signed(&emulator, ask("GET", "/bucket?notification")).await;
    assert_eq!(got.elements("Queue"), [""; 0]);
    signed(&emulator, ask("PUT", "/bucket/a/k").body("x")).await;
    assert_eq!(messages(&emulator).await, [json!(null); 0]);
}

/// A configuration that S3 refuses, the message, and other elements of the response.
type RefusedConfiguration = (String, &'static str, Vec<(&'static str, String)>);

fn refused_configurations() -> Vec<RefusedConfiguration> {
    let [gone, other, fifo] = ["gone", "other", "q.fifo"].map(|name| queue_arn("us-east-1", name));
    let rule = |name: &str| {
        format!(
            "{CREATED}<Filter><S3Key><FilterRule><Name>{name}</Name><Value>a</Value></FilterRule></S3Key></Filter>"
        )
    };
    let unparsed = "The ARN could not be parsed";
    let unvalidated = "Unable to validate the following destination configurations";
    let missing = "The destination queue does not exist";
    let argument = |name: &str, value: &str| {
        vec![("ArgumentName", name.into()), ("ArgumentValue", value.into())]
    };
    vec![
        // LocalStack's snapshots of AWS, test_invalid_sqs_arn, test_multiple_invalid_sqs_arns and test_invalid_lambda_arn.
        (
            queue_configuration("invalid-queue", CREATED),
            unparsed,
            argument("Queue", "invalid-queue"),
        ),
        (
            format!(
                "<CloudFunctionConfiguration><CloudFunction>{gone}</CloudFunction>{CREATED}</CloudFunctionConfiguration>"
            ),
            unparsed,
            argument("CloudFunction", &gone),
        ),
        (
            queue_configuration(&gone, CREATED),
            unvalidated,
            vec![("ArgumentName1", gone.clone()), ("ArgumentValue1", missing.into())],
        ),
        (
            queue_configuration(&gone, "<Event>s3:ObjectRemoved:*</Event>")
                + &queue_configuration(&other, CREATED),
            unvalidated,
            vec![("ArgumentName2", other), ("ArgumentValue2", missing.into())],
        ),
        (
            queue_configuration(&fifo, CREATED),
            unvalidated,
            vec![
                ("ArgumentName1", fifo),
                ("ArgumentValue1", "S3 does not notify FIFO queues and topics".into()),
            ],
        ),
        (
            queue_configuration(&queue(), "<Event>s3:ObjectCreated:Write</Event>"),
            "A specified event is not supported for notifications.",
            argument("Event", "s3:ObjectCreated:Write"),
        ),
        (
            queue_configuration(&queue(), &rule("infix")),
            "filter rule name must be either prefix or suffix",
            argument("FilterRule.Name", "infix"),
        ),
        (
            queue_configuration(&queue(), CREATED).repeat(2),
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
            argument("Event", "s3:ObjectCreated:*, s3:ObjectCreated:*"),
        ),
        (
            queue_configuration(&queue(), &rule("prefix")).repeat(2),
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.",
            Vec::new(),
        ),
    ]
}

#[tokio::test]
async fn a_configuration_that_s3_refuses_changes_nothing() {
    let emulator = with_targets(vec![target(&queue(), &["s3:ObjectCreated:*"])]).await;
    queues::create(&emulator, "q.fifo", json!({ "FifoQueue": "true" })).await;
    for (xml, message, elements) in refused_configurations() {
        let refused = configure(&emulator, &xml, &[]).await;
        assert_eq!(refused.refusal(), (400, "InvalidArgument".to_owned()), "{xml}");
        assert_eq!(refused.element("Message").as_deref(), Some(message));
        for (element, expected) in elements {
            assert_eq!(refused.element(element), Some(expected), "{}", refused.text());
        }
    }
    let of = |event: &str, prefix: usize| {
        format!(
            "<Event>{event}</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>{prefix:04}/</Value></FilterRule></S3Key></Filter>"
        )
    };
    let many = |count: usize| -> String {
        (0..count).map(|at| queue_configuration(&queue(), &of("s3:ObjectRemoved:*", at))).collect()
    };
    let refused = configure(&emulator, &many(1_001), &[]).await;
    assert_eq!(refused.refusal(), (400, "MalformedXML".to_owned()));
    let skip = ("x-amz-skip-destination-validation", "true");
    let unparsed = queue_configuration("invalid-queue", CREATED);
    assert_eq!(configure(&emulator, &unparsed, &[skip]).await.status, 400);
    signed(&emulator, ask("PUT", "/bucket/k").body("x")).await;
    assert_eq!(told(&messages(&emulator).await), pairs(&[("ObjectCreated:Put", "k")]));
    let missing = queue_configuration(&queue_arn("us-east-1", "gone"), CREATED);
    assert_eq!(configure(&emulator, &missing, &[skip]).await.status, 200);
    let put = signed(&emulator, ask("PUT", "/bucket/k").body("x")).await;
    assert_eq!(put.status, 200, "a notification that is lost is not an error of the write");
}

/// lambda_recursion_s3: the chain of requests that the header of a write names goes on to the function.
#[tokio::test]
async fn a_function_that_writes_into_its_own_bucket_is_stopped_since_2024_10_09() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:behave";
    for (day, recursive) in [("2024-10-08", 0), ("2024-10-09", 1)] {
        let mut config = config();
        config.limits = Limits::at(day.parse().unwrap());
        config.functions.push(guest("behave"));
        config.buckets[0].notifications.targets = vec![target(arn, &["s3:ObjectCreated:*"])];
        let emulator = start(config).await;
        let invoked = emulator.invoke("behave", r#"{"env":true}"#).await.unwrap();
        let variables: Value = serde_json::from_slice(&invoked.payload).unwrap();
        let trace = variables["_X_AMZN_TRACE_ID"].as_str().unwrap();
        // The chain has passed the function once: `…;Lineage=1:HASH:0`.
        let (chain, _) = trace.rsplit_once(':').expect("a lineage");
        for passes in [15, 16] {
            let trace = format!("{chain}:{}", passes - 1);
            let put = ask("PUT", "/bucket/k").header("x-amzn-trace-id", &trace).body("x");
            assert_eq!(signed(&emulator, put).await.status, 200, "on {day}");
        }
        signed(&emulator, ask("PUT", "/bucket/healthy").body("x")).await;
        emulator.until(|totals| totals.events.ended() == 3).await;
        let events = emulator.totals().events;
        assert_eq!((events.recursive, events.delivered), (recursive, 3 - recursive), "on {day}");
    }
}

#[tokio::test]
async fn a_configuration_outlives_the_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let with_folder = || {
        let mut config = config();
        config.data = Some(folder.path().to_owned());
        config.queues.push(Queue::new("q"));
        config
    };
    let emulator = start(with_folder()).await;
    let xml = queue_configuration(&queue(), CREATED);
    let skip = ("x-amz-skip-destination-validation", "true");
    assert_eq!(configure(&emulator, &xml, &[skip]).await.status, 200);
    emulator.stop().await;
    let emulator = start(with_folder()).await;
    signed(&emulator, ask("PUT", "/bucket/k").body("x")).await;
    assert_eq!(told(&messages(&emulator).await), pairs(&[("ObjectCreated:Put", "k")]));
    emulator.stop().await;
}
