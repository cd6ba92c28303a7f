//! The limits of SNS, each crossed from outside.

use super::{call, element, messages, output, publish, refused, with_queue};

/// A message that has so many bytes together with its attribute, which takes 12.
fn members<'m>(topic: &'m str, message: &'m str) -> [(&'m str, &'m str); 5] {
    [
        ("TopicArn", topic),
        ("Message", message),
        ("MessageAttributes.entry.1.Name", "n"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "value"),
    ]
}

#[tokio::test]
async fn a_message_of_a_topic_is_accepted_up_to_262144_bytes_with_its_attributes() {
    // sns_message
    let (emulator, topic, queue) = with_queue(&[("RawMessageDelivery", "true")]).await;
    let message = |size: usize| {
        "\u{e9}".repeat((size - 12) / 2) + if size.is_multiple_of(2) { "" } else { "x" }
    };
    output(&emulator, "Publish", &members(&topic, &message(262_144))).await;
    let refusal = refused(&emulator, "Publish", &members(&topic, &message(262_145))).await;
    let expected = "Invalid parameter: Message too long".to_owned();
    assert_eq!(refusal, (400, "InvalidParameter".to_owned(), expected));
    publish(&emulator, &topic, "healthy").await;
    let received = messages(&emulator, &queue).await;
    assert_eq!(received.iter().map(String::len).collect::<Vec<_>>(), [7, 262_132]);
    let used = &emulator.totals().limits["sns_message"];
    assert_eq!((used.highest_admitted, used.refused), (262_144, 1));
}

#[tokio::test]
async fn the_messages_of_a_batch_have_at_most_262144_bytes_together() {
    // sns_batch
    let (emulator, topic, queue) = with_queue(&[("RawMessageDelivery", "true")]).await;
    let half = "x".repeat(131_072);
    let batch = async |second: &str| {
        let members = [
            ("TopicArn", topic.as_str()),
            ("PublishBatchRequestEntries.member.1.Id", "1"),
            ("PublishBatchRequestEntries.member.1.Message", &half),
            ("PublishBatchRequestEntries.member.2.Id", "2"),
            ("PublishBatchRequestEntries.member.2.Message", second),
        ];
        call(&emulator, "PublishBatch", &members).await
    };
    let accepted = batch(&half).await;
    assert_eq!(accepted.status, 200, "{accepted:?}");
    let over = batch(&format!("{half}x")).await;
    assert_eq!(
        (over.status.as_u16(), element(over.text(), "Code").as_str()),
        (400, "BatchRequestTooLong")
    );
    assert_eq!(
        element(over.text(), "Message"),
        "The length of all the messages put together is more than the limit."
    );
    assert_eq!(batch("healthy").await.status, 200);
    assert_eq!(messages(&emulator, &queue).await.len(), 4);
    assert_eq!(emulator.totals().limits["sns_batch"].refused, 1);
}

#[tokio::test]
async fn a_batch_of_a_topic_has_at_most_10_messages() {
    // sns_batch_entries
    let (emulator, topic, _) = with_queue(&[]).await;
    let batch = async |count: usize| {
        let mut members = vec![("TopicArn".to_owned(), topic.clone())];
        for number in 1..=count {
            let prefix = format!("PublishBatchRequestEntries.member.{number}");
            members.push((format!("{prefix}.Id"), number.to_string()));
            members.push((format!("{prefix}.Message"), "m".to_owned()));
        }
        let members: Vec<(&str, &str)> =
            members.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        call(&emulator, "PublishBatch", &members).await
    };
    assert_eq!(batch(10).await.status, 200);
    let over = batch(11).await;
    assert_eq!(element(over.text(), "Code"), "TooManyEntriesInBatchRequest", "{over:?}");
    assert_eq!(
        element(over.text(), "Message"),
        "The batch request contains more entries than permissible."
    );
    assert_eq!(element(batch(0).await.text(), "Code"), "EmptyBatchRequest");
    assert_eq!(batch(1).await.status, 200);
    assert_eq!(emulator.totals().limits["sns_batch_entries"].refused, 1);
}

#[tokio::test]
async fn a_subject_has_at_most_100_characters() {
    // sns_subject
    let (emulator, topic, _) = with_queue(&[]).await;
    let with = |subject: &str| {
        [("TopicArn", topic.clone()), ("Message", "m".to_owned()), ("Subject", subject.to_owned())]
    };
    let ok = with(&"\u{e9}".repeat(100));
    let ok: Vec<(&str, &str)> = ok.iter().map(|(name, value)| (*name, value.as_str())).collect();
    output(&emulator, "Publish", &ok).await;
    for subject in ["x".repeat(101), String::new(), "a\nb".to_owned()] {
        let over = with(&subject);
        let over: Vec<(&str, &str)> =
            over.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let refusal = refused(&emulator, "Publish", &over).await;
        let expected = "Invalid parameter: Subject".to_owned();
        assert_eq!(refusal, (400, "InvalidParameter".to_owned(), expected));
    }
    publish(&emulator, &topic, "healthy").await;
    assert_eq!(emulator.totals().limits["sns_subject"].refused, 1);
}
