//! What is received when: visibility, dead letters, FIFO queues, retention, restarts.

use hardcap::Emulator;
use hardcap::config::Queue;
use serde_json::{Value, json};

use super::{advance, bodies, create, delete, output, receive, refused, send, start};

#[tokio::test]
async fn a_received_message_comes_back_after_its_visibility_timeout_unless_it_is_deleted() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({ "VisibilityTimeout": "60" })).await;
    send(&emulator, &url, "a").await;
    send(&emulator, &url, "b").await;
    let first = receive(&emulator, &url).await;
    assert_eq!(bodies(&first), ["a", "b"]);
    assert_eq!(receive(&emulator, &url).await.len(), 0);
    delete(&emulator, &url, &first[0]).await;
    delete(&emulator, &url, &first[0]).await;
    advance(&emulator, 60).await;
    let second = receive(&emulator, &url).await;
    assert_eq!(bodies(&second), ["b"]);
    assert_eq!(second[0]["Attributes"]["ApproximateReceiveCount"], "2");
    assert_ne!(second[0]["ReceiptHandle"], first[1]["ReceiptHandle"]);
    // The handle of an earlier receipt deletes nothing.
    delete(&emulator, &url, &first[1]).await;
    advance(&emulator, 60).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), ["b"]);
}

/// Recorded on AWS, 2024-04-30: `test_change_message_visibility_after_visibility_timeout_expiration`, in both protocols.
#[tokio::test]
async fn a_visible_message_stays_visible_when_its_visibility_timeout_is_changed() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({ "VisibilityTimeout": "60" })).await;
    send(&emulator, &url, "m").await;
    let change = |message: &Value, timeout: u64| {
        let handle = &message["ReceiptHandle"];
        json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": timeout })
    };
    let first = receive(&emulator, &url).await;
    output(&emulator, "ChangeMessageVisibility", change(&first[0], 0)).await;
    output(&emulator, "ChangeMessageVisibility", change(&first[0], 60)).await;
    let second = receive(&emulator, &url).await;
    assert_eq!(bodies(&second), ["m"], "after a timeout of 0");
    advance(&emulator, 60).await;
    let mut entry = change(&second[0], 60);
    entry["Id"] = json!("a");
    let batch = json!({ "QueueUrl": url, "Entries": [entry] });
    let changed = output(&emulator, "ChangeMessageVisibilityBatch", batch).await;
    assert_eq!(changed, json!({ "Successful": [{ "Id": "a" }] }));
    let third = receive(&emulator, &url).await;
    assert_eq!(bodies(&third), ["m"], "after the end of the timeout");
    // A message in flight is hidden for longer.
    output(&emulator, "ChangeMessageVisibility", change(&third[0], 120)).await;
    advance(&emulator, 60).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), [""; 0]);
}

#[tokio::test]
async fn a_message_that_is_received_too_often_goes_to_the_dead_letter_queue() {
    let emulator = start().await;
    let dead = create(&emulator, "dead", json!({})).await;
    let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 2 }).to_string();
    let attributes = json!({ "RedrivePolicy": policy, "VisibilityTimeout": "0" });
    let url = create(&emulator, "q", attributes).await;
    let sent = send(&emulator, &url, "poison").await;
    for count in ["1", "2"] {
        let received = receive(&emulator, &url).await;
        assert_eq!(received[0]["Attributes"]["ApproximateReceiveCount"], count);
    }
    assert_eq!(receive(&emulator, &url).await.len(), 0);
    let letters = receive(&emulator, &dead).await;
    assert_eq!(bodies(&letters), ["poison"]);
    assert_eq!(letters[0]["MessageId"], sent["MessageId"]);
    let attributes = &letters[0]["Attributes"];
    assert_eq!(attributes["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:q");
    assert_eq!(attributes["ApproximateReceiveCount"], "3");
    let sources =
        output(&emulator, "ListDeadLetterSourceQueues", json!({ "QueueUrl": dead })).await;
    assert_eq!(sources["queueUrls"], json!([url]));
}

#[tokio::test]
async fn a_dead_letter_queue_must_exist_and_be_of_the_same_type() {
    let emulator = start().await;
    create(&emulator, "dead.fifo", json!({ "FifoQueue": "true" })).await;
    for (name, reason) in [
        ("absent", "Dead letter target does not exist."),
        ("dead.fifo", "Dead-letter queue must be same type of queue as the source."),
    ] {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 1 }).to_string();
        let input = json!({ "QueueName": "q", "Attributes": { "RedrivePolicy": policy } });
        let (code, text) = refused(&emulator, "CreateQueue", input).await;
        assert_eq!(code, "InvalidParameterValue");
        let expected =
            format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}");
        assert_eq!(text, expected);
    }
}

async fn send_to_group(emulator: &Emulator, url: &str, body: &str, group: &str) -> Value {
    let input = json!({ "QueueUrl": url, "MessageBody": body, "MessageGroupId": group });
    output(emulator, "SendMessage", input).await
}

#[tokio::test]
async fn a_group_of_a_fifo_queue_waits_for_its_first_message() {
    let emulator = start().await;
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
    let url = create(&emulator, "q.fifo", attributes).await;
    let mut sequence = String::new();
    for (body, group) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")] {
        let sent = send_to_group(&emulator, &url, body, group).await;
        let next = sent["SequenceNumber"].as_str().unwrap().to_owned();
        assert!((next.len(), &next) > (sequence.len(), &sequence), "{next} after {sequence}");
        sequence = next;
    }
    let one = json!({ "QueueUrl": url });
    let first = output(&emulator, "ReceiveMessage", one.clone()).await["Messages"][0].clone();
    assert_eq!(first["Body"], "a1");
    assert_eq!(bodies(&receive(&emulator, &url).await), ["b1"]);
    delete(&emulator, &url, &first).await;
    let rest = receive(&emulator, &url).await;
    assert_eq!(bodies(&rest), ["a2", "a3"]);
    // The last message alone is deleted: the first one still comes before any later one.
    delete(&emulator, &url, &rest[1]).await;
    send_to_group(&emulator, &url, "a4", "a").await;
    advance(&emulator, 30).await;
    let expected = ["b1", "a2", "a4"];
    let mut received = bodies(&receive(&emulator, &url).await).join(" ");
    received.push(' ');
    for body in expected {
        assert!(received.contains(&format!("{body} ")), "{received}");
    }
    assert!(received.find("a2") < received.find("a4"), "{received}");
    // The receipt has expired.
    let handle = &rest[0]["ReceiptHandle"];
    let input = json!({ "QueueUrl": url, "ReceiptHandle": handle });
    let (code, text) = refused(&emulator, "DeleteMessage", input).await;
    assert_eq!(code, "InvalidParameterValue");
    assert!(text.ends_with("Reason: The receipt handle has expired."), "{text}");
}

#[tokio::test]
async fn a_fifo_queue_takes_a_deduplication_id_once_in_5_minutes() {
    // sqs_deduplication_window
    let emulator = start().await;
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
    let url = create(&emulator, "q.fifo", attributes).await;
    let first = send_to_group(&emulator, &url, "same", "a").await;
    advance(&emulator, 290).await;
    let second = send_to_group(&emulator, &url, "same", "b").await;
    assert_eq!(first["MessageId"], second["MessageId"]);
    assert_eq!(first["SequenceNumber"], second["SequenceNumber"]);
    let received = receive(&emulator, &url).await;
    assert_eq!(bodies(&received), ["same"]);
    delete(&emulator, &url, &received[0]).await;
    advance(&emulator, 10).await;
    let third = send_to_group(&emulator, &url, "same", "a").await;
    assert_ne!(first["MessageId"], third["MessageId"]);
    assert_eq!(bodies(&receive(&emulator, &url).await), ["same"]);
}

#[tokio::test]
async fn a_message_of_a_fifo_queue_needs_a_group_and_a_deduplication_id() {
    let emulator = start().await;
    let url = create(&emulator, "q.fifo", json!({ "FifoQueue": "true" })).await;
    let input = json!({ "QueueUrl": url, "MessageBody": "x" });
    let (code, text) = refused(&emulator, "SendMessage", input).await;
    assert_eq!(code, "MissingParameter");
    assert_eq!(text, "The request must contain the parameter MessageGroupId.");
    let input = json!({ "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g" });
    let (code, text) = refused(&emulator, "SendMessage", input).await;
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(
        text,
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    );
    let input = json!({
        "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2,
    });
    let (_, text) = refused(&emulator, "SendMessage", input).await;
    assert_eq!(
        text,
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this \
         queue type."
    );
}

#[tokio::test]
async fn a_message_that_is_older_than_the_retention_period_is_gone() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({ "MessageRetentionPeriod": "60" })).await;
    send(&emulator, &url, "old").await;
    advance(&emulator, 59).await;
    send(&emulator, &url, "new").await;
    advance(&emulator, 1).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), ["new"]);
    let all = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let shown = output(&emulator, "GetQueueAttributes", all).await;
    assert_eq!(shown["Attributes"]["ApproximateNumberOfMessages"], "0");
    assert_eq!(shown["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1");
}

#[tokio::test]
async fn messages_and_queues_outlive_a_restart_with_a_data_directory() {
    let data = tempfile::tempdir().unwrap();
    let start = || {
        let queue = Queue::new("orders").with("VisibilityTimeout", "60");
        Emulator::builder().queue(queue).data(data.path()).start()
    };
    let emulator = start().await.unwrap();
    let orders = format!("{}/000000000000/orders", emulator.aws_url());
    let own = create(&emulator, "own.fifo", json!({ "FifoQueue": "true" })).await;
    let input = json!({
        "QueueUrl": own, "MessageBody": "kept", "MessageGroupId": "g", "MessageDeduplicationId": "d",
        "MessageAttributes": { "b": { "DataType": "Binary", "BinaryValue": "AAE=" } },
    });
    output(&emulator, "SendMessage", input).await;
    send(&emulator, &orders, "deleted").await;
    let received = receive(&emulator, &orders).await;
    delete(&emulator, &orders, &received[0]).await;
    send(&emulator, &orders, "received").await;
    assert_eq!(receive(&emulator, &orders).await.len(), 1);
    emulator.stop().await;

    let emulator = start().await.unwrap();
    let url = |name: &str| format!("{}/000000000000/{name}", emulator.aws_url());
    let kept = receive(&emulator, &url("own.fifo")).await;
    assert_eq!(bodies(&kept), ["kept"]);
    assert_eq!(kept[0]["MessageAttributes"]["b"]["BinaryValue"], "AAE=");
    assert_eq!(receive(&emulator, &url("orders")).await.len(), 0, "it is still in flight");
    advance(&emulator, 60).await;
    assert_eq!(bodies(&receive(&emulator, &url("orders")).await), ["received"]);
    emulator.stop().await;
}
