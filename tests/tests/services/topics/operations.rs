//! Topics, subscriptions and their attributes.

use hardcap::Emulator;
use serde_json::Value;

use super::{
    ARN, QUEUE, call, create, element, entry, messages, output, publish, refused, subscribe,
    with_queue,
};

#[tokio::test]
async fn a_topic_is_created_described_listed_and_deleted() {
    let emulator = Emulator::builder().start().await.unwrap();
    let created = call(&emulator, "CreateTopic", &[("Name", "t")]).await;
    assert_eq!(created.header("content-type"), Some("text/xml"));
    let topic = element(created.text(), "TopicArn");
    assert_eq!(topic, format!("{ARN}t"));
    assert_eq!(create(&emulator, "t").await, topic);
    let shown = output(&emulator, "GetTopicAttributes", &[("TopicArn", &topic)]).await;
    assert_eq!(entry(&shown, "Owner"), "000000000000");
    assert_eq!(entry(&shown, "SubscriptionsConfirmed"), "0");
    let policy: Value =
        serde_json::from_str(&entry(&shown, "Policy").replace("&quot;", "\"")).unwrap();
    assert_eq!(policy["Statement"][0]["Resource"], topic);
    let set = [
        ("TopicArn", topic.as_str()),
        ("AttributeName", "DisplayName"),
        ("AttributeValue", "a & b"),
    ];
    output(&emulator, "SetTopicAttributes", &set).await;
    let shown = output(&emulator, "GetTopicAttributes", &[("TopicArn", &topic)]).await;
    assert_eq!(entry(&shown, "DisplayName"), "a & b");
    let listed = output(&emulator, "ListTopics", &[]).await;
    assert_eq!(element(&listed, "TopicArn"), topic);
    output(&emulator, "DeleteTopic", &[("TopicArn", &topic)]).await;
    output(&emulator, "DeleteTopic", &[("TopicArn", &topic)]).await;
    let gone = refused(&emulator, "GetTopicAttributes", &[("TopicArn", &topic)]).await;
    assert_eq!(gone, (404, "NotFound".to_owned(), "Topic does not exist".to_owned()));
}

#[tokio::test]
async fn lists_have_pages_of_100() {
    let emulator = Emulator::builder().start().await.unwrap();
    for number in 0..101 {
        create(&emulator, &format!("t{number:03}")).await;
    }
    let first = output(&emulator, "ListTopics", &[]).await;
    assert_eq!(first.matches("<TopicArn>").count(), 100);
    let token = element(&first, "NextToken");
    let second = output(&emulator, "ListTopics", &[("NextToken", &token)]).await;
    assert_eq!(element(&second, "TopicArn"), format!("{ARN}t100"));
    assert_eq!(element(&second, "NextToken"), "");
}

#[tokio::test]
async fn a_subscription_has_attributes_and_ends() {
    let (emulator, topic, queue) = with_queue(&[]).await;
    let listed = output(&emulator, "ListSubscriptionsByTopic", &[("TopicArn", &topic)]).await;
    assert_eq!(element(&listed, "Endpoint"), format!("{QUEUE}q"));
    let subscription = element(&listed, "SubscriptionArn");
    let of = [("SubscriptionArn", subscription.as_str())];
    let shown = output(&emulator, "GetSubscriptionAttributes", &of).await;
    for (name, value) in [
        ("Protocol", "sqs"),
        ("PendingConfirmation", "false"),
        ("ConfirmationWasAuthenticated", "true"),
        ("RawMessageDelivery", "false"),
        ("TopicArn", &topic),
    ] {
        assert_eq!(entry(&shown, name), value, "{name}");
    }
    let set = [of[0], ("AttributeName", "RawMessageDelivery"), ("AttributeValue", "true")];
    output(&emulator, "SetSubscriptionAttributes", &set).await;
    publish(&emulator, &topic, "raw").await;
    output(&emulator, "Unsubscribe", &of).await;
    output(&emulator, "Unsubscribe", &of).await;
    publish(&emulator, &topic, "lost").await;
    assert_eq!(messages(&emulator, &queue).await, ["raw"]);
    let gone = refused(&emulator, "GetSubscriptionAttributes", &of).await;
    assert_eq!(gone, (404, "NotFound".to_owned(), "Subscription does not exist".to_owned()));
    let listed = output(&emulator, "ListSubscriptions", &[]).await;
    assert_eq!(element(&listed, "SubscriptionArn"), "");
}

#[tokio::test]
async fn other_protocols_are_accepted_and_not_delivered() {
    let emulator = Emulator::builder().start().await.unwrap();
    let topic = create(&emulator, "t").await;
    let pending = subscribe(&emulator, &topic, ("email", "a@example.com"), &[]).await;
    assert_eq!(pending, "pending confirmation");
    let sms = subscribe(&emulator, &topic, ("sms", "+15551234567"), &[]).await;
    assert!(sms.starts_with(&format!("{topic}:")), "{sms}");
    publish(&emulator, &topic, "m").await;
    let phone = [("PhoneNumber", "+15551234567"), ("Message", "m")];
    let refusal = refused(&emulator, "Publish", &phone).await;
    assert!(refusal.2.contains("hardcap sends no SMS"), "{refusal:?}");
    let text = "Invalid parameter: PhoneNumber Reason: +1a234 is not valid to publish to";
    let phone = [("PhoneNumber", "+1a234"), ("Message", "m")];
    assert_eq!(refused(&emulator, "Publish", &phone).await.2, text);
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let emulator = Emulator::builder().start().await.unwrap();
    let topic = create(&emulator, "t").await;
    let of = ("ResourceArn", topic.as_str());
    let add = [
        of,
        ("Tags.member.1.Key", "k1"),
        ("Tags.member.1.Value", "v1"),
        ("Tags.member.2.Key", "k2"),
        ("Tags.member.2.Value", "v2"),
    ];
    output(&emulator, "TagResource", &add).await;
    output(&emulator, "UntagResource", &[of, ("TagKeys.member.1", "k1")]).await;
    let listed = output(&emulator, "ListTagsForResource", &[of]).await;
    assert!(
        listed.contains("<Key>k2</Key><Value>v2</Value>") && !listed.contains("k1"),
        "{listed}"
    );
    let twice = [of, ("Tags.member.1.Key", "k"), ("Tags.member.2.Key", "k")];
    let text = "Invalid parameter: Duplicated keys are not allowed.";
    assert_eq!(refused(&emulator, "TagResource", &twice).await.2, text);
}

#[tokio::test]
async fn an_unknown_operation_is_named() {
    let emulator = Emulator::builder().start().await.unwrap();
    let refusal = refused(&emulator, "AddPermission", &[]).await;
    assert_eq!(refusal.1, "InvalidAction");
    assert!(refusal.2.starts_with("hardcap's SNS has no operation `AddPermission`"), "{refusal:?}");
}

#[tokio::test]
async fn topics_and_subscriptions_outlive_the_emulator() {
    let data = tempfile::tempdir().unwrap();
    let start = async || Emulator::builder().data(data.path()).start().await.unwrap();
    let emulator = start().await;
    let queue = super::queues::create(&emulator, "q", serde_json::json!({})).await;
    let topic = create(&emulator, "t").await;
    let filter = [("FilterPolicyScope", "MessageBody"), ("FilterPolicy", r#"{"a":[1]}"#)];
    subscribe(&emulator, &topic, ("sqs", &format!("{QUEUE}q")), &filter).await;
    emulator.stop().await;
    let emulator = start().await;
    let queue = queue
        .replace(queue.split('/').nth(2).unwrap(), emulator.aws_url().split('/').nth(2).unwrap());
    publish(&emulator, &topic, r#"{"a":1}"#).await;
    publish(&emulator, &topic, r#"{"a":2}"#).await;
    assert_eq!(messages(&emulator, &queue).await, [r#"{"a":1}"#]);
}
