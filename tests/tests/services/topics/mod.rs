//! SNS: calls of the query protocol as boto3 sends them.

mod delivery;
mod limits;
mod operations;

use hardcap::Emulator;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::Value;

use super::queues;

const ARN: &str = "arn:aws:sns:us-east-1:000000000000:";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:";
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0";

/// Calls an operation with these members.
async fn call(emulator: &Emulator, action: &str, members: &[(&str, &str)]) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", "2010-03-31");
    form.extend_pairs(members);
    let call = Call::post(format!("{}/", emulator.aws_url()), form.finish())
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("authorization", SIGNED);
    Client::new().send(&call).await.expect("the AWS port answers")
}

/// The XML of a call that succeeds.
async fn output(emulator: &Emulator, action: &str, members: &[(&str, &str)]) -> String {
    let answer = call(emulator, action, members).await;
    assert_eq!(answer.status, 200, "{action}: {answer:?}");
    answer.text().to_owned()
}

/// The status, the code and the message of a call that fails.
async fn refused(
    emulator: &Emulator,
    action: &str,
    members: &[(&str, &str)],
) -> (u16, String, String) {
    let answer = call(emulator, action, members).await;
    let text = answer.text();
    assert!(!answer.status.is_success(), "{action}: {text}");
    (answer.status.as_u16(), element(text, "Code"), element(text, "Message"))
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> String {
    let inner = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    let inner = inner.map_or("", |(inner, _)| inner);
    inner.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The value of an entry of a map.
fn entry(xml: &str, key: &str) -> String {
    let rest = xml.split_once(&format!("<key>{key}</key>")).map_or("", |(_, rest)| rest);
    element(rest, "value")
}

/// Creates a topic and returns its ARN.
pub(crate) async fn create(emulator: &Emulator, name: &str) -> String {
    let fifo = [
        ("Name", name),
        ("Attributes.entry.1.key", "FifoTopic"),
        ("Attributes.entry.1.value", "true"),
    ];
    let members = if name.ends_with(".fifo") { &fifo[..] } else { &fifo[..1] };
    element(&output(emulator, "CreateTopic", members).await, "TopicArn")
}

/// Subscribes a queue with attributes and returns the ARN of the subscription.
pub(crate) async fn subscribe(
    emulator: &Emulator,
    topic: &str,
    (protocol, endpoint): (&str, &str),
    attributes: &[(&str, &str)],
) -> String {
    let mut members = vec![
        ("TopicArn".to_owned(), topic),
        ("Protocol".to_owned(), protocol),
        ("Endpoint".to_owned(), endpoint),
    ];
    for (at, (key, value)) in attributes.iter().enumerate() {
        members.push((format!("Attributes.entry.{}.key", at + 1), key));
        members.push((format!("Attributes.entry.{}.value", at + 1), value));
    }
    let members: Vec<(&str, &str)> =
        members.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    element(&output(emulator, "Subscribe", &members).await, "SubscriptionArn")
}

async fn publish(emulator: &Emulator, topic: &str, message: &str) -> String {
    let members = [("TopicArn", topic), ("Message", message)];
    element(&output(emulator, "Publish", &members).await, "MessageId")
}

/// An emulator with a topic `t` and a queue `q` that has subscribed to it.
async fn with_queue(attributes: &[(&str, &str)]) -> (Emulator, String, String) {
    let emulator = Emulator::builder().start().await.expect("an emulator on free ports");
    let queue = queues::create(&emulator, "q", serde_json::json!({})).await;
    let topic = create(&emulator, "t").await;
    subscribe(&emulator, &topic, ("sqs", &format!("{QUEUE}q")), attributes).await;
    (emulator, topic, queue)
}

/// The bodies of the messages of a queue, and of envelopes the messages in them.
async fn messages(emulator: &Emulator, queue: &str) -> Vec<String> {
    let received = queues::receive(emulator, queue).await;
    let text = |message: &Value| {
        let body = message["Body"].as_str().unwrap_or_default();
        let envelope: Value = serde_json::from_str(body).unwrap_or_default();
        envelope["Message"].as_str().unwrap_or(body).to_owned()
    };
    let mut texts: Vec<String> = received.iter().map(text).collect();
    texts.sort();
    texts
}
