//! The limits of SQS, each crossed from outside.

use hardcap::Emulator;
use hardcap_limits::Date;
use serde_json::{Map, Value, json};

use super::{advance, bodies, call, create, delete, output, receive, refused, send, start};

/// A body of `size` bytes whose attribute takes `name`, `String` and `value` of them.
fn message(url: &str, size: usize) -> Value {
    let body = "\u{e9}".repeat((size - 12) / 2) + if size.is_multiple_of(2) { "" } else { "x" };
    json!({
        "QueueUrl": url,
        "MessageBody": body,
        "MessageAttributes": { "n": { "DataType": "String", "StringValue": "value" } },
    })
}

#[tokio::test]
async fn a_message_fits_the_limit_of_its_day_and_one_byte_more_is_refused() {
    // sqs_message
    for (date, most) in [(Some(Date::CLASSIC), 262_144), (None, 1_048_576)] {
        let builder = Emulator::builder();
        let builder = date.into_iter().fold(builder, |builder, date| builder.limits(date));
        let emulator = builder.start().await.unwrap();
        let url = create(&emulator, "q", json!({})).await;
        output(&emulator, "SendMessage", message(&url, most)).await;
        let expected = format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        );
        let (code, text) = refused(&emulator, "SendMessage", message(&url, most + 1)).await;
        assert_eq!((code.as_str(), text), ("InvalidParameterValue", expected));
        send(&emulator, &url, "healthy").await;
        let used = &emulator.totals().limits["sqs_message"];
        assert_eq!((used.highest_admitted, used.refused), (most as u64, 1));
        assert_eq!(receive(&emulator, &url).await.len(), 2);
    }
}

#[tokio::test]
async fn the_maximum_message_size_of_a_queue_lowers_the_limit() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({ "MaximumMessageSize": "1024" })).await;
    send(&emulator, &url, &"x".repeat(1024)).await;
    let input = json!({ "QueueUrl": url, "MessageBody": "x".repeat(1025) });
    let (_, text) = refused(&emulator, "SendMessage", input).await;
    assert!(text.ends_with("Message must be shorter than 1024 bytes."), "{text}");
    let entries = json!([
        { "Id": "1", "MessageBody": "a" },
        { "Id": "2", "MessageBody": "x".repeat(1025) },
    ]);
    let batch =
        output(&emulator, "SendMessageBatch", json!({ "QueueUrl": url, "Entries": entries })).await;
    assert_eq!(batch["Successful"][0]["Id"], "1");
    let text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.";
    let failed =
        json!({ "Id": "2", "SenderFault": true, "Code": "InvalidParameterValue", "Message": text });
    assert_eq!(batch["Failed"], json!([failed]));
}

#[tokio::test]
async fn a_batch_fits_the_limit_of_its_day_and_one_byte_more_is_refused() {
    // sqs_batch
    for (date, most) in [(Some(Date::CLASSIC), 262_144), (None, 1_048_576)] {
        let builder = Emulator::builder();
        let builder = date.into_iter().fold(builder, |builder, date| builder.limits(date));
        let emulator = builder.start().await.unwrap();
        let url = create(&emulator, "q", json!({})).await;
        let batch = |size: usize| {
            let half = size / 2;
            json!({ "QueueUrl": url, "Entries": [
                { "Id": "a", "MessageBody": "x".repeat(half) },
                { "Id": "b", "MessageBody": "x".repeat(size - half - 12),
                  "MessageAttributes": { "n": { "DataType": "String", "StringValue": "value" } } },
            ] })
        };
        let sent = output(&emulator, "SendMessageBatch", batch(most)).await;
        assert_eq!(sent["Successful"].as_array().unwrap().len(), 2);
        let answer = call(&emulator, "SendMessageBatch", batch(most + 1)).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let expected = json!({
            "__type": "com.amazonaws.sqs#BatchRequestTooLong",
            "message": format!(
                "Batch requests cannot be longer than {most} bytes. You have sent {} bytes.", most + 1
            ),
        });
        assert_eq!(answer.json(), expected);
        assert_eq!(
            answer.header("x-amzn-query-error"),
            Some("AWS.SimpleQueueService.BatchRequestTooLong;Sender")
        );
        output(&emulator, "SendMessageBatch", batch(100)).await;
        assert_eq!(receive(&emulator, &url).await.len(), 4);
    }
}

fn entries(count: usize) -> Value {
    (0..count).map(|id| json!({ "Id": id.to_string(), "MessageBody": "x", "ReceiptHandle": "x", "VisibilityTimeout": 1 })).collect()
}

#[tokio::test]
async fn a_batch_has_at_most_10_entries() {
    // sqs_batch_entries
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let input = |count| json!({ "QueueUrl": url, "Entries": entries(count) });
    for operation in ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"] {
        output(&emulator, operation, input(10)).await;
        let text = "Maximum number of entries per request are 10. You have sent 11.";
        let code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
        let refusal = refused(&emulator, operation, input(11)).await;
        assert_eq!(refusal, (code.to_owned(), text.to_owned()));
        let (code, _) = refused(&emulator, operation, input(0)).await;
        assert_eq!(code, "AWS.SimpleQueueService.EmptyBatchRequest");
    }
    output(&emulator, "SendMessageBatch", input(1)).await;
}

#[tokio::test]
async fn the_id_of_an_entry_has_at_most_80_characters() {
    // sqs_batch_id
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let batch = |ids: &[&str]| {
        let entries = ids.iter().map(|id| json!({ "Id": id, "MessageBody": "x" }));
        json!({ "QueueUrl": url, "Entries": entries.collect::<Vec<_>>() })
    };
    output(&emulator, "SendMessageBatch", batch(&[&"i".repeat(80)])).await;
    let text = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 \
                letters long.";
    for id in [&"i".repeat(81), "", "invalid:id"] {
        let refusal = refused(&emulator, "SendMessageBatch", batch(&[id])).await;
        let code = "AWS.SimpleQueueService.InvalidBatchEntryId";
        assert_eq!(refusal, (code.to_owned(), text.to_owned()), "{id}");
    }
    let (code, text) = refused(&emulator, "SendMessageBatch", batch(&["a", "a"])).await;
    assert_eq!(code, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
    assert_eq!(text, "Id a repeated.");
    output(&emulator, "SendMessageBatch", batch(&["a", "b"])).await;
}

#[tokio::test]
async fn a_message_has_at_most_10_attributes() {
    // sqs_message_attributes
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let with = |count: usize| {
        let one =
            |number| (format!("a{number}"), json!({ "DataType": "Number", "StringValue": "1" }));
        let attributes: Map<String, Value> = (0..count).map(one).collect();
        json!({ "QueueUrl": url, "MessageBody": "x", "MessageAttributes": attributes })
    };
    output(&emulator, "SendMessage", with(10)).await;
    let (code, text) = refused(&emulator, "SendMessage", with(11)).await;
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(text, "Number of message attributes [11] exceeds the allowed maximum [10].");
    send(&emulator, &url, "healthy").await;
}

#[tokio::test]
async fn the_name_of_an_attribute_has_at_most_255_bytes() {
    // sqs_attribute_name
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let with = |name: &str, kind: &str, value: &str| {
        json!({ "QueueUrl": url, "MessageBody": "x",
                "MessageAttributes": { name: { "DataType": kind, "StringValue": value } } })
    };
    output(&emulator, "SendMessage", with(&"n".repeat(255), "String", "v")).await;
    for (name, kind, value, expected) in [
        (
            &*"n".repeat(256),
            "String",
            "v",
            "Message (user) attribute names must be shorter than 256 Bytes",
        ),
        (
            "ErrorDetails",
            "String",
            "",
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        ),
        ("n", "Number", "one", "Can't cast the value of message (user) attribute 'n' to a number."),
    ] {
        let (code, text) = refused(&emulator, "SendMessage", with(name, kind, value)).await;
        assert_eq!((code.as_str(), text.as_str()), ("InvalidParameterValue", expected));
    }
    let kind = format!("String.{}", "k".repeat(248));
    output(&emulator, "SendMessage", with("n", &kind, "v")).await;
    let (_, text) = refused(&emulator, "SendMessage", with("n", &(kind + "k"), "v")).await;
    assert_eq!(text, "Message (user) attribute types must be shorter than 256 Bytes");
}

#[tokio::test]
async fn the_delay_of_a_message_is_at_most_900_seconds() {
    // sqs_delay
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let delayed =
        |delay: i64| json!({ "QueueUrl": url, "MessageBody": "late", "DelaySeconds": delay });
    output(&emulator, "SendMessage", delayed(900)).await;
    for delay in [901, -1] {
        let (code, text) = refused(&emulator, "SendMessage", delayed(delay)).await;
        let expected = format!(
            "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        );
        assert_eq!((code.as_str(), text), ("InvalidParameterValue", expected));
    }
    advance(&emulator, 890).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), [""; 0]);
    advance(&emulator, 10).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), ["late"]);
}

#[tokio::test]
async fn a_visibility_timeout_is_at_most_43200_seconds() {
    // sqs_visibility
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    send(&emulator, &url, "m").await;
    let with = |timeout: i64| json!({ "QueueUrl": url, "VisibilityTimeout": timeout });
    for timeout in [43_201, -1] {
        let (code, text) = refused(&emulator, "ReceiveMessage", with(timeout)).await;
        let expected = format!(
            "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."
        );
        assert_eq!((code.as_str(), text), ("InvalidParameterValue", expected));
    }
    let received = output(&emulator, "ReceiveMessage", with(43_200)).await;
    let handle = &received["Messages"][0]["ReceiptHandle"];
    advance(&emulator, 10).await;
    let change = |timeout: i64| json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": timeout });
    // The span counts from the receipt.
    let (_, text) = refused(&emulator, "ChangeMessageVisibility", change(43_200)).await;
    assert_eq!(
        text,
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is \
         beyond the limit [43200 seconds]"
    );
    output(&emulator, "ChangeMessageVisibility", change(43_100)).await;
    output(&emulator, "ChangeMessageVisibility", change(0)).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), ["m"]);
}

#[tokio::test]
async fn a_long_poll_waits_at_most_20_seconds() {
    // sqs_wait
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let with = |wait: i64| json!({ "QueueUrl": url, "WaitTimeSeconds": wait });
    for wait in [21, -1] {
        let (code, text) = refused(&emulator, "ReceiveMessage", with(wait)).await;
        let expected = format!(
            "Value {wait} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
        );
        assert_eq!((code.as_str(), text), ("InvalidParameterValue", expected));
    }
    let late = async {
        let delayed = json!({ "QueueUrl": url, "MessageBody": "late", "DelaySeconds": 15 });
        output(&emulator, "SendMessage", delayed).await;
        advance(&emulator, 15).await;
    };
    let (received, ()) = tokio::join!(output(&emulator, "ReceiveMessage", with(20)), late);
    assert_eq!(received["Messages"][0]["Body"], "late");
}

#[tokio::test]
async fn one_call_receives_at_most_10_messages() {
    // sqs_receive
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    for number in 0..11 {
        send(&emulator, &url, &number.to_string()).await;
    }
    let with = |count: i64| json!({ "QueueUrl": url, "MaxNumberOfMessages": count });
    for count in [11, 0] {
        let (code, text) = refused(&emulator, "ReceiveMessage", with(count)).await;
        let expected = format!(
            "Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        );
        assert_eq!((code.as_str(), text), ("InvalidParameterValue", expected));
    }
    let received = output(&emulator, "ReceiveMessage", with(10)).await;
    assert_eq!(received["Messages"].as_array().unwrap().len(), 10);
    let received = output(&emulator, "ReceiveMessage", json!({ "QueueUrl": url })).await;
    assert_eq!(received["Messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_queue_with_its_most_messages_in_flight_gives_no_more_until_one_is_deleted() {
    // sqs_in_flight, sqs_in_flight_fifo
    let builder = Emulator::builder().set("sqs_in_flight", 2).set("sqs_in_flight_fifo", 2);
    let emulator = builder.start().await.unwrap();
    for name in ["q", "q.fifo"] {
        let attributes = match name {
            "q" => json!({}),
            _ => json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" }),
        };
        let url = create(&emulator, name, attributes).await;
        for body in ["a", "b", "c"] {
            let mut input = json!({ "QueueUrl": url, "MessageBody": body });
            if name != "q" {
                input["MessageGroupId"] = json!(body);
            }
            output(&emulator, "SendMessage", input).await;
        }
        let received = receive(&emulator, &url).await;
        assert_eq!(bodies(&received), ["a", "b"]);
        let one = json!({ "QueueUrl": url });
        match name {
            "q" => assert_eq!(refused(&emulator, "ReceiveMessage", one).await.0, "OverLimit"),
            _ => assert_eq!(output(&emulator, "ReceiveMessage", one).await, json!({})),
        }
        delete(&emulator, &url, &received[0]).await;
        assert_eq!(bodies(&receive(&emulator, &url).await), ["c"]);
    }
    assert_eq!(emulator.totals().limits["sqs_in_flight"].refused, 1);
    assert_eq!(emulator.totals().limits["sqs_in_flight_fifo"].refused, 1);
}

#[tokio::test]
async fn the_attributes_of_a_queue_are_refused_one_beyond_both_ends() {
    // sqs_retention, sqs_retention_min, sqs_message_min, sqs_receive_count
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let set = |name: &str, value: &str| json!({ "QueueUrl": url, "Attributes": { name: value } });
    for (name, least, most) in [
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("DelaySeconds", 0, 900),
        ("VisibilityTimeout", 0, 43_200),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ] {
        for value in [least, most] {
            output(&emulator, "SetQueueAttributes", set(name, &value.to_string())).await;
        }
        for value in [least - 1, most + 1] {
            let input = set(name, &value.to_string());
            let (code, text) = refused(&emulator, "SetQueueAttributes", input).await;
            assert_eq!(code, "InvalidAttributeValue", "{name} {value}");
            assert_eq!(text, format!("Invalid value for the parameter {name}."));
        }
        let shown = json!({ "QueueUrl": url, "AttributeNames": [name] });
        let shown = output(&emulator, "GetQueueAttributes", shown).await;
        assert_eq!(shown["Attributes"][name], most.to_string());
    }
    let dead = create(&emulator, "dead", json!({})).await;
    assert!(dead.ends_with("/000000000000/dead"), "{dead}");
    let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    let policy =
        |count: u64| format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#);
    for count in [1, 1000] {
        output(&emulator, "SetQueueAttributes", set("RedrivePolicy", &policy(count))).await;
    }
    for count in [0, 1001] {
        let input = set("RedrivePolicy", &policy(count));
        let (_, text) = refused(&emulator, "SetQueueAttributes", input).await;
        let reason = format!(
            "Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        );
        assert!(text.ends_with(&reason), "{text}");
    }
}

#[tokio::test]
async fn the_name_of_a_queue_has_at_most_80_characters() {
    // sqs_queue_name
    let emulator = start().await;
    create(&emulator, &"q".repeat(80), json!({})).await;
    create(&emulator, &("f".repeat(75) + ".fifo"), json!({ "FifoQueue": "true" })).await;
    for name in ["q".repeat(81), "a.b".to_owned(), "plain.fifo".to_owned()] {
        let (code, text) = refused(&emulator, "CreateQueue", json!({ "QueueName": name })).await;
        assert_eq!(code, "InvalidParameterValue");
        let expected =
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        assert_eq!(text, expected);
    }
    let listed = output(&emulator, "ListQueues", json!({})).await;
    assert_eq!(listed["QueueUrls"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_ids_of_a_message_have_at_most_128_characters() {
    // sqs_fifo_id
    let emulator = start().await;
    let url = create(&emulator, "q.fifo", json!({ "FifoQueue": "true" })).await;
    let with = |group: &str, id: &str| json!({ "QueueUrl": url, "MessageBody": "x", "MessageGroupId": group, "MessageDeduplicationId": id });
    output(&emulator, "SendMessage", with(&"g".repeat(128), &"d".repeat(128))).await;
    for id in ["x".repeat(129), String::new(), "group 123".to_owned()] {
        for (input, name) in
            [(with(&id, "d"), "MessageGroupId"), (with("g", &id), "MessageDeduplicationId")]
        {
            let (code, text) = refused(&emulator, "SendMessage", input).await;
            assert_eq!(code, "InvalidParameterValue");
            let expected = format!(
                "Value {id} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and \
                 punctuation characters. 1 to 128 in length."
            );
            assert_eq!(text, expected);
        }
    }
    output(&emulator, "SendMessage", with("g", "d")).await;
}

#[tokio::test]
async fn a_queue_is_purged_once_in_60_seconds() {
    // sqs_purge_interval
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    send(&emulator, &url, "gone").await;
    let purge = json!({ "QueueUrl": url });
    output(&emulator, "PurgeQueue", purge.clone()).await;
    assert_eq!(receive(&emulator, &url).await.len(), 0);
    let (code, text) = refused(&emulator, "PurgeQueue", purge.clone()).await;
    assert_eq!(code, "AWS.SimpleQueueService.PurgeQueueInProgress");
    assert_eq!(text, "Only one PurgeQueue operation on q is allowed every 60 seconds.");
    advance(&emulator, 60).await;
    output(&emulator, "PurgeQueue", purge).await;
}

#[tokio::test]
async fn a_deleted_queue_is_created_again_after_60_seconds() {
    // sqs_recreate_wait
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    output(&emulator, "DeleteQueue", json!({ "QueueUrl": url })).await;
    let (code, text) = refused(&emulator, "CreateQueue", json!({ "QueueName": "q" })).await;
    assert_eq!(code, "AWS.SimpleQueueService.QueueDeletedRecently");
    assert_eq!(
        text,
        "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    );
    advance(&emulator, 60).await;
    create(&emulator, "q", json!({})).await;
}

#[tokio::test]
async fn a_queue_has_at_most_50_tags() {
    // sqs_tags
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let tags = |from: usize, to: usize| {
        let tags: Map<String, Value> =
            (from..to).map(|tag| (tag.to_string(), json!("v"))).collect();
        json!({ "QueueUrl": url, "Tags": tags })
    };
    output(&emulator, "TagQueue", tags(0, 50)).await;
    let (code, _) = refused(&emulator, "TagQueue", tags(50, 51)).await;
    assert_eq!(code, "InvalidParameterValue");
    let untag = json!({ "QueueUrl": url, "TagKeys": ["0"] });
    output(&emulator, "UntagQueue", untag).await;
    output(&emulator, "TagQueue", tags(50, 51)).await;
    let listed = output(&emulator, "ListQueueTags", json!({ "QueueUrl": url })).await;
    assert_eq!(listed["Tags"].as_object().unwrap().len(), 50);
}
