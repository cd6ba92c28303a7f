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
use super::way::Way;
use crate::queue::attribute::{Attributes, MessageAttribute};
use crate::queue::{NewMessage, SqsError};
use crate::topic::{NewNotification, SnsError};
use crate::{Target, functions};

/// The sender of messages to queues.
const SENDER: &str = "AIDAEVENTS";

/// The reason why a target did not get an event.
enum Failure {
    /// It is too large. AWS loses such an event without an error.
    TooLarge(String),
    Other(&'static str, String),
    /// The way of the event ends before a bus.
    End(String),
}

impl Buses {
    /// Sends an event to the targets of every rule of a bus that selects it. They have it when this returns.
    pub(super) fn route<'a>(
        &'a self,
        ctx: &'a Context,
        bus: &'a str,
        event: &'a Event,
        way: &'a mut Way,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let json = event.json();
            let patterns = self.shared.store().patterns(bus);
            for (name, compiled) in patterns {
                // Other work goes on while many rules are tested.
                tokio::task::yield_now().await;
                if self.shared.is_stopped() {
                    return;
                }
                if !compiled.pattern.matches(&json) {
                    continue;
                }
                let rule = self.shared.store().selected(bus, &name);
                if let Some(rule) = rule {
                    self.send_all(ctx, &rule, event, way).await;
                }
            }
        })
    }

    /// Sends an event to all targets of a rule.
    pub(super) async fn send_all(
        &self,
        ctx: &Context,
        rule: &MatchedRule,
        event: &Event,
        way: &mut Way,
    ) {
        for target in &rule.targets {
            let Err(failure) = self.send(ctx, rule, target, event, way).await else { continue };
            let is_end = matches!(failure, Failure::End(_));
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
                Failure::End(cause) => ("SDK_CLIENT_ERROR", cause),
            };
            if let Err(lost) = self.keep(ctx, rule, target, event, (code, &cause)).await {
                // A circle of buses ends at many targets.
                if is_end && std::mem::replace(&mut way.is_reported, true) {
                    continue;
                }
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
        way: &mut Way,
    ) -> Result<(), Failure> {
        let Some(to) = target.target() else { return Ok(()) };
        if let Target::Bus(bus) = &to {
            return self.forward(ctx, bus, event, way).await;
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
        way: &mut Way,
    ) -> Result<(), Failure> {
        if !self.has(bus) {
            let cause = format!("Event bus {bus} does not exist.");
            return Err(Failure::Other("SDK_CLIENT_ERROR", cause));
        }
        way.enter(bus).map_err(Failure::End)?;
        self.route(ctx, bus, event, way).await;
        way.leave();
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

#[cfg(test)]
mod tests {
    use hardcap_core::config::{Config, Queue};
    use hardcap_core::context::Platform;
    use hardcap_core::keyring::Keyring;
    use hardcap_limits::{Limits, Millis};
    use serde_json::{Map, Value, json};
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::bus::operations;
    use crate::functions::FunctionsSlot;
    use crate::queue::{Queues, Want};
    use crate::topic::Topics;

    const WANT: Want = Want { count: 10, visibility: Millis(30_000), receives_max: None };
    const ARN: &str = "arn:aws:events:us-east-1:000000000000:event-bus/";

    /// Buses of these names. A rule of each sends every event to all targets, and to the queue `q`.
    async fn buses(names: &[&str], targets: &[String]) -> (Buses, Queues, CancellationToken) {
        let stop = CancellationToken::new();
        let mut config = Config::empty(Limits::classic());
        config.queues.push(Queue::new("q"));
        let platform = Platform::new("us-east-1", Limits::classic(), Keyring::default());
        let functions = FunctionsSlot::default();
        let queues = Queues::open(&platform, &config, &stop).unwrap();
        let topics = Topics::open(&platform, &config, &queues, &functions).unwrap();
        let buses = Buses::open(&platform, &config, (&queues, &topics), &functions).unwrap();
        let queue = "arn:aws:sqs:us-east-1:000000000000:q".to_owned();
        let arns = targets.iter().map(|bus| format!("{ARN}{bus}")).chain([queue]);
        let targets: Vec<Value> =
            arns.enumerate().map(|(id, arn)| json!({ "Id": id.to_string(), "Arn": arn })).collect();
        for name in names {
            call(&buses, "CreateEventBus", json!({ "Name": name })).await;
            let pattern = json!({ "source": ["s"] }).to_string();
            let of = json!({ "Name": "r", "EventBusName": name, "EventPattern": pattern });
            call(&buses, "PutRule", of).await;
            let of = json!({ "Rule": "r", "EventBusName": name, "Targets": targets });
            call(&buses, "PutTargets", of).await;
        }
        buses.start(&TaskTracker::new(), &stop);
        (buses, queues, stop)
    }

    async fn call(buses: &Buses, operation: &str, input: Value) -> Value {
        let ctx = buses.shared.platform.context();
        operations::run(buses, &ctx, operation, input.to_string().as_bytes()).await.unwrap()
    }

    /// Sends an event to a bus, and counts the messages of the queue.
    async fn messages(buses: &Buses, queues: &Queues, bus: &str) -> usize {
        let entry =
            json!({ "Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": bus });
        call(buses, "PutEvents", json!({ "Entries": [entry] })).await;
        let ctx = buses.shared.platform.context();
        let mut count = 0;
        loop {
            let received = queues.receive(&ctx, "q", WANT, Millis(0)).await.unwrap();
            if received.is_empty() {
                return count;
            }
            count += received.len();
        }
    }

    #[tokio::test]
    async fn a_circle_of_many_targets_ends_at_the_bus_that_the_event_has_passed() {
        let (buses, queues, _stop) = buses(&["loop"], &vec!["loop".to_owned(); 4]).await;
        assert_eq!(messages(&buses, &queues, "loop").await, 1);
    }

    #[tokio::test]
    async fn buses_that_all_send_to_one_another_forward_an_event_a_bounded_number_of_times() {
        let names = ["b0", "b1", "b2", "b3"];
        let all: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (buses, queues, _stop) = buses(&names, &all).await;
        // The ways through four buses: 1 + 3 + 3 * 2 + 3 * 2 * 1
        assert_eq!(messages(&buses, &queues, "b0").await, 16);
    }

    #[tokio::test]
    async fn no_event_goes_on_after_the_stop() {
        let (buses, queues, stop) = buses(&["b"], &[]).await;
        assert_eq!(messages(&buses, &queues, "b").await, 1);
        stop.cancel();
        let ctx = buses.shared.platform.context();
        let event =
            Event::new("us-east-1", ("s".into(), "t".into()), Vec::new(), Map::new(), ctx.arrived);
        buses.route(&ctx, "b", &event, &mut Way::from("b")).await;
        let received = queues.receive(&ctx, "q", WANT, Millis(0)).await.unwrap();
        assert!(received.is_empty());
    }
}
