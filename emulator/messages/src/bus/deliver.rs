//! The way of an event: the rules of its bus that select it, and their targets.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_core::context::Context;

use super::Buses;
use super::event::{Event, shown_time};
use super::input::{self, Matched};
use super::rule::RuleTarget;
use super::store::MatchedRule;
use crate::queue::attribute::{Attributes, MessageAttribute};
use crate::queue::{NewMessage, SqsError};
use crate::topic::{NewNotification, SnsError};
use crate::{Target, functions};

/// The sender of messages to queues.
const SENDER: &str = "AIDAEVENTS";
/// The maximum number of buses that an event passes. The number is hardcap's; it ends a circle of buses.
const HOPS_MAX: u32 = 10;

/// The reason why a target did not get an event.
enum Failure {
    /// It is too large. AWS loses such an event without an error.
    TooLarge(String),
    Other(&'static str, String),
}

impl Buses {
    /// Sends an event to the targets of every rule of a bus that selects it. They have it when this returns.
    pub(super) fn route<'a>(
        &'a self,
        ctx: &'a Context,
        bus: &'a str,
        event: &'a Event,
        hops: u32,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let json = event.json();
            let rules = self.shared.store().matching(bus, &json);
            for rule in &rules {
                self.send_all(ctx, rule, event, hops).await;
            }
        })
    }

    /// Sends an event to all targets of a rule.
    pub(super) async fn send_all(
        &self,
        ctx: &Context,
        rule: &MatchedRule,
        event: &Event,
        hops: u32,
    ) {
        for target in &rule.targets {
            let Err(failure) = self.send(ctx, rule, target, event, hops).await else { continue };
            let (code, cause) = match failure {
                Failure::TooLarge(cause) => {
                    tracing::warn!(
                        "an event of the rule {} is lost, as on AWS without an error: it is too large for {}: {cause}",
                        rule.arn,
                        target.arn
                    );
                    continue;
                }
                Failure::Other(code, cause) => (code, cause),
            };
            if let Err(lost) = self.keep(ctx, rule, target, event, (code, &cause)).await {
                tracing::warn!(
                    "an event of the rule {} for {} is lost: {cause}; {lost}",
                    rule.arn,
                    target.arn
                );
            }
        }
    }

    async fn send(
        &self,
        ctx: &Context,
        rule: &MatchedRule,
        target: &RuleTarget,
        event: &Event,
        hops: u32,
    ) -> Result<(), Failure> {
        let Some(to) = target.target() else { return Ok(()) };
        if let Target::Bus(bus) = &to {
            return self.forward(ctx, bus, event, hops).await;
        }
        let Some(text) = text_for(target, rule, event, ctx) else {
            tracing::info!(
                "the rule {} sends nothing to {}: its input of this event is not JSON",
                rule.arn,
                target.arn
            );
            return Ok(());
        };
        // An event has a request id of its own and continues the chain of requests.
        let own = Context { trace: ctx.trace.clone(), ..self.shared.platform.context() };
        match to {
            Target::Function(function) => self.invoke(own, function, text).await,
            Target::Queue(queue) => {
                let group =
                    target.sqs_parameters.as_ref().and_then(|it| it.message_group_id.clone());
                let trace = Some(ctx.trace.to_string());
                let sender = SENDER.to_owned();
                let new = NewMessage { group, trace, sender, ..NewMessage::new(text) };
                let sent = self.shared.queues.send(&own, &queue, new).await;
                sent.map(|_| ()).map_err(|error| match error {
                    SqsError::Refused(exceeded) => Failure::TooLarge(exceeded.to_string()),
                    error => Failure::Other("SDK_CLIENT_ERROR", error.to_string()),
                })
            }
            Target::Topic(topic) => {
                let published =
                    self.shared.topics.publish(&own, &topic, NewNotification::new(text)).await;
                published.map(|_| ()).map_err(|error| match error {
                    SnsError::Refused(exceeded) => Failure::TooLarge(exceeded.to_string()),
                    error => Failure::Other("SDK_CLIENT_ERROR", error.to_string()),
                })
            }
            Target::Bus(_) => Ok(()),
        }
    }

    async fn invoke(&self, ctx: Context, function: String, text: String) -> Result<(), Failure> {
        let Some(lambda) = self.shared.functions.get() else { return Ok(()) };
        if lambda.timeout(&function).is_none() {
            let cause = format!("the function {function} does not exist");
            return Err(Failure::Other("SDK_CLIENT_ERROR", cause));
        }
        let accepted = lambda.accept(ctx, function, Bytes::from(text)).await;
        accepted.map_err(|failure| match failure {
            functions::Failure::TooLarge(cause) => Failure::TooLarge(cause),
            failure => Failure::Other("SDK_CLIENT_ERROR", failure.to_string()),
        })
    }

    async fn forward(
        &self,
        ctx: &Context,
        bus: &str,
        event: &Event,
        hops: u32,
    ) -> Result<(), Failure> {
        if hops >= HOPS_MAX {
            let cause = format!("an event passes at most {HOPS_MAX} buses");
            return Err(Failure::Other("SDK_CLIENT_ERROR", cause));
        }
        if !self.has(bus) {
            let cause = format!("Event bus {bus} does not exist.");
            return Err(Failure::Other("SDK_CLIENT_ERROR", cause));
        }
        self.route(ctx, bus, event, hops + 1).await;
        Ok(())
    }

    /// Sends an event to the dead-letter queue of a target, with the attributes of the user guide (EventBridge, dead-letter queues).
    async fn keep(
        &self,
        ctx: &Context,
        rule: &MatchedRule,
        target: &RuleTarget,
        event: &Event,
        (code, cause): (&str, &str),
    ) -> Result<(), String> {
        let arn = target.dead_letter_config.as_ref().and_then(|it| it.arn.as_deref());
        let Some(Target::Queue(queue)) = arn.and_then(Target::of) else {
            return Err("the target has no dead-letter queue".to_owned());
        };
        let attributes = [
            ("ERROR_CODE", code),
            ("ERROR_MESSAGE", cause),
            ("RULE_ARN", &rule.arn),
            ("TARGET_ARN", &target.arn),
        ];
        let attributes: Attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), MessageAttribute::string(value)))
            .collect();
        let sender = SENDER.to_owned();
        let new = NewMessage { attributes, sender, ..NewMessage::new(event.json().to_string()) };
        let sent = self.shared.queues.send(ctx, &queue, new).await;
        sent.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// What a target gets of an event; `None` for nothing.
fn text_for(
    target: &RuleTarget,
    rule: &MatchedRule,
    event: &Event,
    ctx: &Context,
) -> Option<String> {
    if let Some(input) = &target.input {
        return Some(input.clone());
    }
    if let Some(path) = &target.input_path {
        return input::at_path(&event.json(), path).map(ToString::to_string);
    }
    match &target.input_transformer {
        Some(transformer) => {
            let ingested = shown_time(ctx.arrived);
            let matched =
                Matched { rule_arn: &rule.arn, rule_name: &rule.name, ingested: &ingested };
            transformer.apply(event, matched)
        }
        None => Some(event.json().to_string()),
    }
}

/// The services of targets to which hardcap delivers nothing, by the ARNs of the targets.
pub(super) fn undelivered(targets: &[RuleTarget]) -> BTreeMap<String, String> {
    let undelivered = targets.iter().filter(|target| target.target().is_none());
    undelivered
        .map(|target| {
            let service = target.arn.split(':').nth(2).unwrap_or_default().to_owned();
            (target.arn.clone(), service)
        })
        .collect()
}
