//! Both protocols of SQS, byte by byte where clients read them.

use hardcap::Emulator;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::json;

use super::{bodies, call, create, delete, output, receive, refused, send, start};

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sqs/aws4_request, \
                      SignedHeaders=host, Signature=0";

/// Calls an operation with a form, as SDKs did before November 2023.
async fn form(emulator: &Emulator, path: &str, form: &str) -> Answer {
    let call = Call::post(format!("{}{path}", emulator.aws_url()), form.to_owned())
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("authorization", SIGNED);
    Client::new().send(&call).await.expect("the AWS port answers")
}

#[tokio::test]
async fn the_query_protocol_sends_and_receives_in_xml() {
    let emulator = start().await;
    let created = form(
        &emulator,
        "/",
        "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0",
    )
    .await;
    let url = format!("{}/000000000000/q", emulator.aws_url());
    let expected = format!("<CreateQueueResult><QueueUrl>{url}</QueueUrl></CreateQueueResult>");
    assert!(created.text().contains(&expected), "{created:?}");
    assert_eq!(created.header("content-type"), Some("text/xml"));
    let sent = form(
        &emulator,
        "/000000000000/q",
        "Action=SendMessage&MessageBody=a%3Cb&MessageAttribute.1.Name=Foo&MessageAttribute.1.Value.DataType=String\
         &MessageAttribute.1.Value.StringValue=Bar",
    )
    .await;
    for part in [
        "<MD5OfMessageBody>63b3ba43c9d9ae3a1bb3cb54f4a2fb2c</MD5OfMessageBody>",
        "<MD5OfMessageAttributes>ae7155c6026991b6d54b11589678bf9c</MD5OfMessageAttributes>",
    ] {
        let tag = &part[..part.find('>').unwrap()];
        assert!(sent.text().contains(tag), "{sent:?}");
    }
    assert!(sent.text().contains("ae7155c6026991b6d54b11589678bf9c"), "{sent:?}");
    let received = form(
        &emulator,
        "/000000000000/q",
        "Action=ReceiveMessage&AttributeName.1=All&MessageAttributeName.1=All&MaxNumberOfMessages=10",
    )
    .await;
    for part in [
        "<ReceiveMessageResult><Message><MessageId>",
        "<Body>a&lt;b</Body>",
        "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>",
        "<MessageAttribute><Name>Foo</Name><Value><StringValue>Bar</StringValue><DataType>String</DataType></Value>\
         </MessageAttribute>",
    ] {
        assert!(received.text().contains(part), "{part} is not in {received:?}");
    }
}

#[tokio::test]
async fn a_refusal_has_the_format_of_its_protocol() {
    let emulator = start().await;
    let url = format!("{}/000000000000/absent", emulator.aws_url());
    let answer =
        call(&emulator, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" })).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(
        answer.header("x-amzn-query-error"),
        Some("AWS.SimpleQueueService.NonExistentQueue;Sender")
    );
    assert_eq!(
        answer.json(),
        json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist." })
    );
    let answer = form(&emulator, "/000000000000/absent", "Action=SendMessage&MessageBody=x").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    for part in [
        "<ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>\
         <Code>AWS.SimpleQueueService.NonExistentQueue</Code>",
        "<Message>The specified queue does not exist for this wsdl version.</Message>",
    ] {
        assert!(answer.text().contains(part), "{part} is not in {answer:?}");
    }
    let answer = form(&emulator, "/", "Action=Unknown").await;
    assert!(answer.text().contains("<Code>InvalidAction</Code>"), "{answer:?}");
}

#[tokio::test]
async fn a_queue_is_created_once_and_with_the_same_attributes_only() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({ "DelaySeconds": "1" })).await;
    assert_eq!(create(&emulator, "q", json!({ "DelaySeconds": "1" })).await, url);
    assert_eq!(create(&emulator, "q", json!({})).await, url);
    let input = json!({ "QueueName": "q", "Attributes": { "DelaySeconds": "2" } });
    let (code, text) = refused(&emulator, "CreateQueue", input).await;
    assert_eq!(code, "QueueAlreadyExists");
    assert_eq!(
        text,
        "A queue already exists with the same name and a different value for attribute DelaySeconds"
    );
    for (name, text) in [
        ("FifoQueue", "Unknown Attribute FifoQueue."),
        ("ContentBasedDeduplication", "Unknown Attribute ContentBasedDeduplication."),
        (
            "DeduplicationScope",
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        ("Other", "Unknown Attribute Other."),
    ] {
        let input = json!({ "QueueName": "r", "Attributes": { name: "false" } });
        let refusal = refused(&emulator, "CreateQueue", input).await;
        assert_eq!(refusal, ("InvalidAttributeName".to_owned(), text.to_owned()));
    }
}

#[tokio::test]
async fn a_new_queue_shows_the_defaults_of_aws() {
    let emulator = start().await;
    let url = create(&emulator, "q.fifo", json!({ "FifoQueue": "true" })).await;
    let all = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let mut shown = output(&emulator, "GetQueueAttributes", all).await;
    let attributes = shown["Attributes"].as_object_mut().unwrap();
    for time in ["CreatedTimestamp", "LastModifiedTimestamp"] {
        assert!(attributes.remove(time).unwrap().as_str().unwrap().parse::<u64>().is_ok());
    }
    // LocalStack's snapshots of AWS, test_fifo_set_content_based_deduplication_strategy.
    let expected = json!({
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "DelaySeconds": "0",
        "FifoQueue": "true",
        "FifoThroughputLimit": "perQueue",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:q.fifo",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    });
    assert_eq!(shown["Attributes"], expected);
    let none = output(&emulator, "GetQueueAttributes", json!({ "QueueUrl": url })).await;
    assert_eq!(none, json!({}));
}

#[tokio::test]
async fn invalid_characters_and_an_empty_body_are_refused() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    for body in ["\u{0}", "\u{8}", "\u{ffff}"] {
        let input = json!({ "QueueUrl": url, "MessageBody": body });
        let (code, _) = refused(&emulator, "SendMessage", input).await;
        assert_eq!(code, "InvalidMessageContents");
    }
    for input in [json!({ "QueueUrl": url, "MessageBody": "" }), json!({ "QueueUrl": url })] {
        let refusal = refused(&emulator, "SendMessage", input).await;
        let text = "The request must contain the parameter MessageBody.";
        assert_eq!(refusal, ("MissingParameter".to_owned(), text.to_owned()));
    }
    send(&emulator, &url, "\t\n\r \u{10ffff}").await;
    let received = receive(&emulator, &url).await;
    assert_eq!(bodies(&received), ["\t\n\r \u{10ffff}"]);
}

#[tokio::test]
async fn a_receipt_handle_that_is_not_one_is_named() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({})).await;
    let input = json!({ "QueueUrl": url, "ReceiptHandle": "garbage", "VisibilityTimeout": 1 });
    for operation in ["DeleteMessage", "ChangeMessageVisibility"] {
        let (code, text) = refused(&emulator, operation, input.clone()).await;
        assert_eq!(code, "ReceiptHandleIsInvalid");
        assert_eq!(text, "The input receipt handle \"garbage\" is not a valid receipt handle.");
    }
    send(&emulator, &url, "m").await;
    let received = receive(&emulator, &url).await;
    delete(&emulator, &url, &received[0]).await;
    let handle = received[0]["ReceiptHandle"].as_str().unwrap();
    let input = json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 42 });
    let (code, text) = refused(&emulator, "ChangeMessageVisibility", input).await;
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(
        text,
        format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available \
             for visibility timeout change."
        )
    );
}

/// Recorded on AWS, 2024-04-30: `test_change_message_visibility_after_visibility_timeout_expiration[sqs_query]`.
#[tokio::test]
async fn a_visible_message_stays_visible_when_the_query_protocol_changes_its_timeout() {
    let emulator = start().await;
    let url = create(&emulator, "q", json!({ "VisibilityTimeout": "0" })).await;
    send(&emulator, &url, "m").await;
    let received = receive(&emulator, &url).await;
    let handle = received[0]["ReceiptHandle"].as_str().unwrap().replace('+', "%2B");
    let one = format!("ReceiptHandle={handle}&VisibilityTimeout=60");
    let entry = "ChangeMessageVisibilityBatchRequestEntry.1";
    let batch = format!("{entry}.Id=a&{entry}.ReceiptHandle={handle}&{entry}.VisibilityTimeout=60");
    for (action, parameters) in
        [("ChangeMessageVisibility", one), ("ChangeMessageVisibilityBatch", batch)]
    {
        let body = format!("Action={action}&{parameters}");
        let changed = form(&emulator, "/000000000000/q", &body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert!(!changed.text().contains("Error"), "{changed:?}");
    }
    assert_eq!(bodies(&receive(&emulator, &url).await), ["m"]);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_prefix() {
    let emulator = start().await;
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        create(&emulator, name, json!({})).await;
    }
    let names = async |input| {
        let listed = output(&emulator, "ListQueues", input).await;
        let urls = listed["QueueUrls"].as_array().cloned().unwrap_or_default();
        let name =
            |url: &serde_json::Value| url.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (urls.iter().map(name).collect::<Vec<_>>().join(" "), listed["NextToken"].clone())
    };
    let (found, token) = names(json!({ "QueueNamePrefix": "a-", "MaxResults": 2 })).await;
    assert_eq!(found, "a-1 a-2");
    let input = json!({ "QueueNamePrefix": "a-", "MaxResults": 2, "NextToken": token });
    let (found, token) = names(input).await;
    assert_eq!((found.as_str(), token.is_null()), ("a-3", true));
    let by_name = output(&emulator, "GetQueueUrl", json!({ "QueueName": "b-1" })).await;
    assert_eq!(by_name["QueueUrl"], format!("{}/000000000000/b-1", emulator.aws_url()));
}
