//! The operations of SNS.

use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::Context;
use indexmap::IndexMap;

use super::Topics;
use super::error::SnsError;
use super::form::{Form, Xml};
use super::input;
use super::publish::Entry;
use super::store::{Store, Texts, check_arn};
use super::subscription::Subscription;
use super::tell_of_protocol;

/// The number of topics or subscriptions of a page (SNS API reference, ListTopics).
const PAGE: usize = 100;

const OPERATIONS: [&str; 17] = [
    "ConfirmSubscription",
    "CreateTopic",
    "DeleteTopic",
    "GetSubscriptionAttributes",
    "GetTopicAttributes",
    "ListSubscriptions",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "ListTopics",
    "Publish",
    "PublishBatch",
    "SetSubscriptionAttributes",
    "SetTopicAttributes",
    "Subscribe",
    "TagResource",
    "Unsubscribe",
    "UntagResource",
];

/// The result of an operation; `None` for an operation without an output.
type Outcome = Result<Option<Xml>, SnsError>;

/// Runs an operation.
pub(super) async fn run(topics: &Topics, ctx: &Context, action: &str, form: Form) -> Outcome {
    match action {
        "Publish" => return publish(topics, ctx, &form).await,
        "PublishBatch" => return publish_batch(topics, ctx, &form).await,
        "DeleteTopic" => {
            let arn = input::required(&form, "TopicArn")?;
            let name = topics.shared.store().name_of(arn).map(str::to_owned);
            topics.shared.fifo().forget(name.as_deref().unwrap_or_default());
        }
        _ => {}
    }
    let run: fn(&mut Store, &Form) -> Outcome = match action {
        "CreateTopic" => create_topic,
        "DeleteTopic" => delete_topic,
        "ListTopics" => list_topics,
        "GetTopicAttributes" => get_topic_attributes,
        "SetTopicAttributes" => set_topic_attributes,
        "Subscribe" => subscribe,
        "Unsubscribe" => unsubscribe,
        "ConfirmSubscription" => confirm_subscription,
        "ListSubscriptions" => list_subscriptions,
        "ListSubscriptionsByTopic" => list_subscriptions_by_topic,
        "GetSubscriptionAttributes" => get_subscription_attributes,
        "SetSubscriptionAttributes" => set_subscription_attributes,
        "TagResource" => tag_resource,
        "UntagResource" => untag_resource,
        "ListTagsForResource" => list_tags,
        other => {
            let text = format!(
                "hardcap's SNS has no operation `{other}`; it has {}",
                OPERATIONS.join(", ")
            );
            return Err(SnsError::Api(400, "InvalidAction", text));
        }
    };
    topics.on_store(move |store| run(store, &form)).await
}

async fn publish(topics: &Topics, ctx: &Context, form: &Form) -> Outcome {
    let message = input::message(form, "")?;
    let published = match (form.get("TopicArn").or(form.get("TargetArn")), form.get("PhoneNumber"))
    {
        (Some(arn), _) => {
            if form.get("TopicArn").is_none() && arn.contains(":endpoint/") {
                let text = "TargetArn Reason: No endpoint found for the target arn specified";
                return Err(SnsError::invalid(text));
            }
            let name = topics.shared.store().existing("TopicArn", arn)?.to_owned();
            topics.publish(ctx, &name, message).await?
        }
        (None, Some(number)) => return Err(phone(number)),
        (None, None) => {
            let text = "TopicArn or TargetArn Reason: no value for required parameter";
            return Err(SnsError::invalid(text));
        }
    };
    let mut xml = Xml::default();
    xml.text("MessageId", &published.id);
    if let Some(sequence) = &published.sequence {
        xml.text("SequenceNumber", sequence);
    }
    Ok(Some(xml))
}

/// SMS messages are not sent: AWS's refusal of an invalid phone number, or else hardcap's own.
fn phone(number: &str) -> SnsError {
    let digits = number.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        let text = format!("PhoneNumber Reason: {number} is not valid to publish to");
        return SnsError::invalid(text);
    }
    tracing::warn!("a message to a phone number is refused: hardcap sends no SMS");
    SnsError::invalid("PhoneNumber Reason: hardcap sends no SMS; it delivers to sqs and lambda")
}

async fn publish_batch(topics: &Topics, ctx: &Context, form: &Form) -> Outcome {
    let arn = input::required(form, "TopicArn")?;
    let name = topics.shared.store().existing("TopicArn", arn)?.to_owned();
    let mut entries = Vec::new();
    for item in form.items("PublishBatchRequestEntries") {
        let id = form.get(&format!("{item}.Id")).unwrap_or_default().to_owned();
        entries.push(Entry { id, message: input::message(form, &format!("{item}."))? });
    }
    let published = topics.publish_batch(ctx, &name, entries).await?;
    let mut xml = Xml::default();
    xml.element("Successful", |xml| {
        for (id, published) in published {
            xml.element("member", |xml| {
                xml.text("Id", &id);
                xml.text("MessageId", &published.id);
                if let Some(sequence) = &published.sequence {
                    xml.text("SequenceNumber", sequence);
                }
            });
        }
    });
    xml.element("Failed", |_| {});
    Ok(Some(xml))
}

fn one(name: &str, value: &str) -> Option<Xml> {
    let mut xml = Xml::default();
    xml.text(name, value);
    Some(xml)
}

fn create_topic(store: &mut Store, form: &Form) -> Outcome {
    let name = input::required(form, "Name")?;
    let mut attributes = form.map("Attributes");
    // `FifoTopic: false` is the same as nothing.
    attributes.retain(|name, value| name != "FifoTopic" || value.eq_ignore_ascii_case("true"));
    store.create(name, attributes, input::tags(form)?)?;
    Ok(one("TopicArn", &store.arn(name)))
}

fn delete_topic(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "TopicArn")?;
    check_arn("TopicArn", arn)?;
    if let Some(name) = store.name_of(arn) {
        store.delete(name)?;
    }
    Ok(None)
}

fn list_topics(store: &mut Store, form: &Form) -> Outcome {
    let arns: Vec<String> = store.iter().map(|(name, _)| store.arn(name)).collect();
    page(form, "Topics", &arns, |xml, arn| xml.text("TopicArn", arn))
}

/// A page of a list. A token is the number of items before the page.
fn page<T>(form: &Form, list: &str, items: &[T], show: impl Fn(&mut Xml, &T)) -> Outcome {
    let start = match form.get("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            let start = token.parse().ok().filter(|start| *start <= items.len());
            start.ok_or_else(|| SnsError::invalid("NextToken Reason: the token is invalid"))?
        }
    };
    let end = items.len().min(start + PAGE);
    let mut xml = Xml::default();
    xml.element(list, |xml| {
        for item in &items[start..end] {
            xml.element("member", |xml| show(xml, item));
        }
    });
    if end < items.len() {
        xml.text("NextToken", &end.to_string());
    }
    Ok(Some(xml))
}

fn get_topic_attributes(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "TopicArn")?;
    let name = store.existing("TopicArn", arn)?;
    let topic = store.get(name).ok_or_else(SnsError::no_topic)?;
    let mut xml = Xml::default();
    xml.map("Attributes", topic.shown(arn));
    Ok(Some(xml))
}

fn set_topic_attributes(store: &mut Store, form: &Form) -> Outcome {
    let name = store.existing("TopicArn", input::required(form, "TopicArn")?)?.to_owned();
    let value = form.get("AttributeValue").unwrap_or_default();
    store.set_attribute(&name, input::required(form, "AttributeName")?, value)?;
    Ok(None)
}

fn subscribe(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "TopicArn")?;
    let name = store.existing("TopicArn", arn)?.to_owned();
    let protocol = input::required(form, "Protocol")?;
    let endpoint = form.get("Endpoint").unwrap_or_default();
    let id = store.subscribe(&name, (protocol, endpoint), &form.map("Attributes"))?;
    tell_of_protocol(&name, protocol);
    let is_pending = store
        .get(&name)
        .is_some_and(|topic| topic.subscriptions.iter().any(|it| it.id == id && it.is_pending()));
    let shows_arn = !is_pending || form.get("ReturnSubscriptionArn") == Some("true");
    let shown = if shows_arn { format!("{arn}:{id}") } else { "pending confirmation".to_owned() };
    Ok(one("SubscriptionArn", &shown))
}

fn unsubscribe(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "SubscriptionArn")?;
    check_arn("SubscriptionArn", arn)?;
    let id = arn.split(':').nth(6).unwrap_or_default();
    if uuid::Uuid::parse_str(id).is_err() {
        return Err(SnsError::invalid("SubscriptionId"));
    }
    store.unsubscribe(arn)?;
    Ok(None)
}

/// hardcap sends no token, so every one is invalid.
fn confirm_subscription(store: &mut Store, form: &Form) -> Outcome {
    store.existing("TopicArn", input::required(form, "TopicArn")?)?;
    Err(SnsError::Api(400, "InvalidParameter", "Invalid token".to_owned()))
}

fn list_subscriptions(store: &mut Store, form: &Form) -> Outcome {
    let of = |(name, topic): (&str, &super::store::Topic)| {
        let arn = store.arn(name);
        let all = topic.subscriptions.clone();
        all.into_iter().map(move |it| (arn.clone(), it)).collect::<Vec<_>>()
    };
    let all: Vec<(String, Subscription)> = store.iter().flat_map(of).collect();
    page(form, "Subscriptions", &all, show_subscription)
}

fn list_subscriptions_by_topic(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "TopicArn")?;
    let name = store.existing("TopicArn", arn)?;
    let topic = store.get(name).ok_or_else(SnsError::no_topic)?;
    let all = topic.subscriptions.iter().map(|it| (arn.to_owned(), it.clone()));
    page(form, "Subscriptions", &all.collect::<Vec<_>>(), show_subscription)
}

fn show_subscription(xml: &mut Xml, (topic, subscription): &(String, Subscription)) {
    let arn = match subscription.is_pending() {
        true => "PendingConfirmation".to_owned(),
        false => format!("{topic}:{}", subscription.id),
    };
    xml.text("SubscriptionArn", &arn);
    xml.text("Owner", ACCOUNT_ID);
    xml.text("Protocol", &subscription.protocol);
    xml.text("Endpoint", &subscription.endpoint);
    xml.text("TopicArn", topic);
}

fn get_subscription_attributes(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "SubscriptionArn")?;
    let (name, at) = store.subscription(arn)?;
    let topic = store.get(&name).ok_or_else(SnsError::no_topic)?;
    let subscription = &topic.subscriptions[at];
    let is_pending = subscription.is_pending();
    let mut shown: IndexMap<&str, String> = IndexMap::from([
        ("SubscriptionArn", arn.to_owned()),
        ("TopicArn", store.arn(&name)),
        ("Protocol", subscription.protocol.clone()),
        ("Endpoint", subscription.endpoint.clone()),
        ("Owner", ACCOUNT_ID.to_owned()),
        ("PendingConfirmation", is_pending.to_string()),
        ("ConfirmationWasAuthenticated", (!is_pending).to_string()),
        ("SubscriptionPrincipal", format!("arn:aws:iam::{ACCOUNT_ID}:user/test")),
    ]);
    shown.extend(subscription.shown());
    let mut xml = Xml::default();
    xml.map("Attributes", shown);
    Ok(Some(xml))
}

fn set_subscription_attributes(store: &mut Store, form: &Form) -> Outcome {
    let arn = input::required(form, "SubscriptionArn")?;
    let name = input::required(form, "AttributeName")?;
    let value = form.get("AttributeValue").unwrap_or_default();
    store.set_subscription_attributes(arn, &Texts::from([(name.to_owned(), value.to_owned())]))?;
    Ok(None)
}

/// The topic that a call about tags names.
fn tagged(store: &Store, form: &Form) -> Result<String, SnsError> {
    let arn = input::required(form, "ResourceArn")?;
    let name = store.name_of(arn).filter(|name| store.get(name).is_some());
    let missing = || SnsError::Api(404, "ResourceNotFound", "Resource does not exist".to_owned());
    name.map(str::to_owned).ok_or_else(missing)
}

fn tag_resource(store: &mut Store, form: &Form) -> Outcome {
    let (name, tags) = (tagged(store, form)?, input::tags(form)?);
    store.change(&name, |topic| {
        topic.tags.extend(tags);
        Ok(())
    })?;
    Ok(Some(Xml::default()))
}

fn untag_resource(store: &mut Store, form: &Form) -> Outcome {
    let name = tagged(store, form)?;
    let keys: Vec<&str> = form.items("TagKeys").iter().filter_map(|key| form.get(key)).collect();
    store.change(&name, |topic| {
        topic.tags.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(())
    })?;
    Ok(Some(Xml::default()))
}

fn list_tags(store: &mut Store, form: &Form) -> Outcome {
    let name = tagged(store, form)?;
    let tags = store.get(&name).map(|topic| topic.tags.clone()).unwrap_or_default();
    let mut xml = Xml::default();
    xml.element("Tags", |xml| {
        for (key, value) in &tags {
            xml.element("member", |xml| {
                xml.text("Key", key);
                xml.text("Value", value);
            });
        }
    });
    Ok(Some(xml))
}
