//! The operations of SQS's API.

mod batch;

use axum::body::Body;
use hardcap_core::config::{self, ACCOUNT_ID};
use hardcap_core::context::Context;
use hardcap_core::serve;
use hardcap_limits::{Bytes, Count, Millis};
use http::{Request, Response};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::Queues;
use super::call::Call;
use super::error::{self, SqsError};
use super::input::{Entry, Input};
use super::line::Want;
use super::respond;

use self::batch::{Results, digests, shown_sent};

/// The maximum size of a request: a message of the largest size whose characters are all escaped.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// The most queues of one page of a list, as the SDK's model says.
const PAGE_MAX: usize = 1000;
/// The attributes that `GetQueueAttributes` can name. Origin: the SDK's model.
const ATTRIBUTES: [&str; 21] = [
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];
/// The attributes that `ReceiveMessage` can name. Origin: the SDK's model.
const SYSTEM_ATTRIBUTES: [&str; 9] = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// A call with what all operations need.
struct Served<'q> {
    queues: &'q Queues,
    ctx: &'q Context,
    sender: &'q str,
    base: &'q str,
    trace: Option<&'q str>,
}

/// Answers a request of either protocol.
pub(super) async fn handle(
    queues: &Queues,
    request: Request<Body>,
    sender: &str,
) -> Response<Body> {
    let ctx = queues.shared.platform.context();
    let (head, body) = request.into_parts();
    let body = serve::read_at_most(body, BODY_MAX).await;
    let is_too_large = body.is_none();
    let Call { protocol, action, input, base, trace } =
        Call::read(&head, &body.unwrap_or_default());
    let served = Served { queues, ctx: &ctx, sender, base: &base, trace: trace.as_deref() };
    let result = match input {
        _ if is_too_large => Err(SqsError::api(&error::TOO_LARGE, "The request is too large.")),
        Ok(input) => run(&served, &action, input).await,
        Err(error) => Err(error),
    };
    respond::respond(&ctx, protocol, &action, result)
}

async fn run(call: &Served<'_>, action: &str, input: Input) -> Result<Value, SqsError> {
    match action {
        "CreateQueue" => call.create(input).await,
        "DeleteQueue" => call.delete_queue(&input).await,
        "GetQueueUrl" => call.url_of(&input),
        "ListQueues" => call.list(&input),
        "GetQueueAttributes" => call.attributes(&input).await,
        "SetQueueAttributes" => call.configure(input).await,
        "SendMessage" => call.send(input).await,
        "SendMessageBatch" => call.send_batch(input).await,
        "ReceiveMessage" => call.receive(input).await,
        "DeleteMessage" => call.delete(queue(&input)?, input.entry).await,
        "DeleteMessageBatch" => call.delete_batch(input).await,
        "ChangeMessageVisibility" => call.change_visibility(queue(&input)?, input.entry).await,
        "ChangeMessageVisibilityBatch" => call.change_visibility_batch(input).await,
        "PurgeQueue" => call.purge(&input).await,
        "TagQueue" => call.tag(input).await,
        "UntagQueue" => call.untag(input).await,
        "ListQueueTags" => call.tags(&input),
        "ListDeadLetterSourceQueues" => call.sources(&input),
        "AddPermission"
        | "RemovePermission"
        | "StartMessageMoveTask"
        | "CancelMessageMoveTask"
        | "ListMessageMoveTasks" => Err(SqsError::api(
            &error::UNSUPPORTED,
            format!("hardcap's SQS does not have {action}."),
        )),
        _ => Err(SqsError::api(
            &error::UNKNOWN_OPERATION,
            format!("The action {action} is not valid for this endpoint."),
        )),
    }
}

/// The name of the queue that a call is for: the last part of the URL.
fn queue(input: &Input) -> Result<String, SqsError> {
    let url = input.queue_url.as_deref().unwrap_or_default();
    if url.is_empty() {
        return Err(SqsError::missing("QueueUrl"));
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => url,
    };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts[..] {
        [name] if !name.is_empty() && !url.contains("://") => Ok(name.to_owned()),
        [account, name] if account.len() == ACCOUNT_ID.len() && !name.is_empty() => {
            Ok(name.to_owned())
        }
        _ => Err(SqsError::api(
            &error::INVALID_ADDRESS,
            format!("The address {url} is not valid for this endpoint."),
        )),
    }
}

impl Served<'_> {
    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT_ID}/{name}", self.base)
    }

    async fn create(&self, input: Input) -> Result<Value, SqsError> {
        let name = input.queue_name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| SqsError::missing("QueueName"))?;
        let (attributes, tags) =
            (input.attributes.unwrap_or_default(), input.tags.unwrap_or_default());
        self.admit_tags(tags.len())?;
        let (ctx, key) = (self.ctx.clone(), name.clone());
        self.queues.on_store(move |store| store.create(&ctx, &key, &attributes, tags)).await?;
        self.queues.shared.created.notify_waiters();
        Ok(json!({ "QueueUrl": self.url(&name) }))
    }

    async fn delete_queue(&self, input: &Input) -> Result<Value, SqsError> {
        let (name, now) = (queue(input)?, self.ctx.clock.now());
        self.queues.on_store(move |store| store.delete(&name, now)).await?;
        Ok(json!({}))
    }

    fn url_of(&self, input: &Input) -> Result<Value, SqsError> {
        let name = input.queue_name.as_deref().ok_or_else(|| SqsError::missing("QueueName"))?;
        self.queues.shared.store().find(name)?;
        Ok(json!({ "QueueUrl": self.url(name) }))
    }

    fn list(&self, input: &Input) -> Result<Value, SqsError> {
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        let store = self.queues.shared.store();
        let names = store.all().map(|queue| queue.record.name.clone());
        let names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        drop(store);
        self.page("QueueUrls", input, &names)
    }

    fn sources(&self, input: &Input) -> Result<Value, SqsError> {
        let mut store = self.queues.shared.store();
        let target = queue(input)?;
        store.find(&target)?;
        let arn = config::queue_arn(&self.queues.shared.platform.region, &target);
        let of = |redrive: &super::settings::Redrive| redrive.target == arn;
        let sources =
            store.all().filter(|queue| queue.record.settings.redrive.as_ref().is_some_and(of));
        let names: Vec<String> = sources.map(|queue| queue.record.name.clone()).collect();
        drop(store);
        self.page("queueUrls", input, &names)
    }

    /// One page of URLs. The token is the last name of the page before.
    fn page(&self, member: &str, input: &Input, names: &[String]) -> Result<Value, SqsError> {
        let size = input.max_results.map(usize::try_from).transpose().ok();
        let size = match size {
            Some(None) => PAGE_MAX,
            Some(Some(size)) if (1..=PAGE_MAX).contains(&size) => size,
            _ => {
                let value = input.max_results.unwrap_or_default().to_string();
                let reason = format!("MaxResults must be an integer between 1 and {PAGE_MAX}.");
                return Err(SqsError::invalid(&value, "MaxResults", &reason));
            }
        };
        let start = match &input.next_token {
            Some(token) => names.partition_point(|name| name <= token),
            None => 0,
        };
        let end = names.len().min(start + size);
        let mut page = Map::new();
        if end > start {
            let urls: Vec<String> = names[start..end].iter().map(|name| self.url(name)).collect();
            page.insert(member.to_owned(), json!(urls));
        }
        // Without MaxResults AWS gives the first 1,000 and no token.
        if end < names.len() && input.max_results.is_some() {
            page.insert("NextToken".to_owned(), json!(names[end - 1]));
        }
        Ok(Value::Object(page))
    }

    async fn attributes(&self, input: &Input) -> Result<Value, SqsError> {
        let name = queue(input)?;
        let wanted = input.attribute_names.as_deref().unwrap_or_default();
        known(wanted, &ATTRIBUTES)?;
        let (limits, now) = (self.ctx.limits.clone(), self.ctx.clock.now());
        let all = self.queues.on_store(move |store| store.attributes(&name, &limits, now)).await?;
        let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == "All" || wanted == name);
        let shown: IndexMap<_, _> = all.into_iter().filter(|(name, _)| is_wanted(name)).collect();
        match shown.is_empty() {
            true => Ok(json!({})),
            false => Ok(json!({ "Attributes": shown })),
        }
    }

    async fn configure(&self, input: Input) -> Result<Value, SqsError> {
        let (ctx, name) = (self.ctx.clone(), queue(&input)?);
        let attributes = input.attributes.ok_or_else(|| SqsError::missing("Attributes"))?;
        self.queues.on_store(move |store| store.configure(&ctx, &name, &attributes)).await?;
        Ok(json!({}))
    }

    async fn send(&self, input: Input) -> Result<Value, SqsError> {
        let name = queue(&input)?;
        self.queues.shared.store().find(&name)?;
        if input.entry.message_body.is_none() {
            return Err(SqsError::missing("MessageBody"));
        }
        let new = input.entry.message(self.sender, self.trace)?;
        let digests = digests(&new);
        let sent = self.queues.send(self.ctx, &name, new).await?;
        Ok(Value::Object(shown_sent(sent, digests)))
    }

    async fn send_batch(&self, input: Input) -> Result<Value, SqsError> {
        let name = queue(&input)?;
        self.queues.shared.store().find(&name)?;
        let entries = self.entries(input, "SendMessageBatchRequestEntry")?;
        let mut messages = Vec::new();
        for (id, entry) in entries {
            messages.push((id, entry.message(self.sender, self.trace)));
        }
        let sizes = messages.iter().filter_map(|(_, new)| Some(new.as_ref().ok()?.size() as u64));
        self.ctx.admit(&self.ctx.limits.sqs_batch, Bytes(sizes.sum()))?;
        let mut results = Results::default();
        for (id, new) in messages {
            let sent = match new {
                Ok(new) => {
                    let digests = digests(&new);
                    let sent = self.queues.send(self.ctx, &name, new).await;
                    sent.map(|sent| shown_sent(sent, digests))
                }
                Err(error) => Err(error),
            };
            results.add(id, sent)?;
        }
        Ok(results.into_value())
    }

    async fn receive(&self, input: Input) -> Result<Value, SqsError> {
        let name = queue(&input)?;
        let limits = &self.ctx.limits;
        let (visibility, wait) = {
            let mut store = self.queues.shared.store();
            let settings = &store.find(&name)?.record.settings;
            (settings.visibility(), settings.wait_seconds.unwrap_or(0))
        };
        let count = match input.max_number_of_messages {
            None => 1,
            Some(count) => match u64::try_from(count) {
                Ok(count) if count > 0 => {
                    self.ctx.admit(&limits.sqs_receive, Count(count))?;
                    count
                }
                _ => {
                    let most = limits.sqs_receive.max.0;
                    let reason = format!("Must be between 1 and {most}, if provided.");
                    let value = count.to_string();
                    return Err(SqsError::invalid(&value, "MaxNumberOfMessages", &reason));
                }
            },
        };
        let wait = match input.wait_time_seconds {
            None => wait,
            Some(wait) => self.seconds(wait, "WaitTimeSeconds", &limits.sqs_wait)?,
        };
        let visibility = match input.entry.visibility_timeout {
            None => visibility,
            Some(given) => self.seconds(given, "VisibilityTimeout", &limits.sqs_visibility)?,
        };
        let mut system = input.attribute_names.unwrap_or_default();
        system.extend(input.message_system_attribute_names.unwrap_or_default());
        known(&system, &SYSTEM_ATTRIBUTES)?;
        let wanted = input.message_attribute_names.unwrap_or_default();
        let want = Want {
            count: usize::try_from(count).unwrap_or(usize::MAX),
            visibility: Millis(visibility * 1000),
            receives_max: None,
        };
        let received = self.queues.receive(self.ctx, &name, want, Millis(wait * 1000)).await?;
        if received.is_empty() {
            return Ok(json!({}));
        }
        let messages: Vec<Value> =
            received.iter().map(|received| received.shown(&system, &wanted)).collect();
        Ok(json!({ "Messages": messages }))
    }

    async fn delete(&self, name: String, entry: Entry) -> Result<Value, SqsError> {
        let handle = entry.receipt_handle.ok_or_else(|| SqsError::missing("ReceiptHandle"))?;
        self.queues.delete(&name, &handle).await?;
        Ok(json!({}))
    }

    async fn delete_batch(&self, input: Input) -> Result<Value, SqsError> {
        let name = queue(&input)?;
        self.queues.shared.store().find(&name)?;
        let mut results = Results::default();
        for (id, entry) in self.entries(input, "DeleteMessageBatchRequestEntry")? {
            let deleted = self.delete(name.clone(), entry).await;
            results.add(id, deleted.map(|_| Map::new()))?;
        }
        Ok(results.into_value())
    }

    async fn change_visibility(&self, name: String, entry: Entry) -> Result<Value, SqsError> {
        self.queues.shared.store().find(&name)?;
        let handle = entry.receipt_handle.ok_or_else(|| SqsError::missing("ReceiptHandle"))?;
        let timeout =
            entry.visibility_timeout.ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
        let limit = &self.ctx.limits.sqs_visibility;
        let timeout = self.seconds(timeout, "VisibilityTimeout", limit)?;
        self.queues.change_visibility(&name, &handle, timeout).await?;
        Ok(json!({}))
    }

    async fn change_visibility_batch(&self, input: Input) -> Result<Value, SqsError> {
        let name = queue(&input)?;
        self.queues.shared.store().find(&name)?;
        let mut results = Results::default();
        for (id, entry) in self.entries(input, "ChangeMessageVisibilityBatchRequestEntry")? {
            let changed = self.change_visibility(name.clone(), entry).await;
            results.add(id, changed.map(|_| Map::new()))?;
        }
        Ok(results.into_value())
    }

    async fn purge(&self, input: &Input) -> Result<Value, SqsError> {
        let (ctx, name) = (self.ctx.clone(), queue(input)?);
        self.queues.on_store(move |store| store.purge(&ctx, &name)).await?;
        Ok(json!({}))
    }

    async fn tag(&self, input: Input) -> Result<Value, SqsError> {
        let (ctx, name) = (self.ctx.clone(), queue(&input)?);
        let tags = input.tags.ok_or_else(|| SqsError::missing("Tags"))?;
        self.queues.on_store(move |store| store.tag(&ctx, &name, tags)).await?;
        Ok(json!({}))
    }

    async fn untag(&self, input: Input) -> Result<Value, SqsError> {
        let name = queue(&input)?;
        let keys = input.tag_keys.ok_or_else(|| SqsError::missing("TagKeys"))?;
        self.queues.on_store(move |store| store.untag(&name, &keys)).await?;
        Ok(json!({}))
    }

    fn tags(&self, input: &Input) -> Result<Value, SqsError> {
        let mut store = self.queues.shared.store();
        let tags = &store.find(&queue(input)?)?.record.tags;
        match tags.is_empty() {
            true => Ok(json!({})),
            false => Ok(json!({ "Tags": tags })),
        }
    }

    fn admit_tags(&self, count: usize) -> Result<(), SqsError> {
        match count {
            0 => Ok(()),
            count => Ok(self.ctx.admit(&self.ctx.limits.sqs_tags, Count(count as u64))?),
        }
    }

    /// A number of seconds from 0 to the limit.
    fn seconds(
        &self,
        value: i64,
        parameter: &str,
        limit: &hardcap_limits::Limit<Count>,
    ) -> Result<u64, SqsError> {
        let Ok(seconds) = u64::try_from(value) else {
            let reason = format!("Must be >= 0 and <= {}, if provided.", limit.max.0);
            return Err(SqsError::invalid(&value.to_string(), parameter, &reason));
        };
        self.ctx.admit(limit, Count(seconds))?;
        Ok(seconds)
    }
}

/// Refuses a name that is neither `All` nor one of `of`.
fn known(names: &[String], of: &[&str]) -> Result<(), SqsError> {
    let unknown = names.iter().find(|name| *name != "All" && !of.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(SqsError::unknown_attribute(name)))
}
