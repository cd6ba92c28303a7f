//! The buses with their rules. With `--data` each bus is one record.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{self, ACCOUNT_ID};
use hardcap_core::durable::DurableMap;
use hardcap_limits::{Count, Limits};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::EventsError;
use super::rule::{Rule, RuleTarget, Tags, check_name, check_rule_name};
use crate::pattern::Pattern;

/// The bus that always exists.
pub(super) const DEFAULT: &str = "default";
/// The maximum number of buses (EventBridge user guide, quotas).
const BUSES_MAX: usize = 100;
/// The maximum number of rules of a bus (EventBridge user guide, quotas).
const RULES_MAX: usize = 300;

/// A bus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bus {
    pub(super) created: Option<EpochMillis>,
    /// `Description`, `KmsKeyIdentifier`, `DeadLetterConfig`, `LogConfig`.
    pub(super) members: Map<String, Value>,
    pub(super) tags: Tags,
    pub(super) rules: BTreeMap<String, Rule>,
}

/// A rule that an event has matched, with its targets.
#[derive(Clone, Debug)]
pub(super) struct MatchedRule {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) targets: Vec<RuleTarget>,
}

/// All buses.
#[derive(Debug)]
pub(super) struct Store {
    region: String,
    buses: DurableMap<Bus>,
    /// The patterns of the rules, by bus and rule.
    patterns: HashMap<(String, String), Arc<Pattern>>,
}

impl Store {
    /// Opens the store, with the buses of earlier runs if there is a folder.
    pub(super) fn open(region: &str, root: Option<&Path>) -> io::Result<Store> {
        let buses: DurableMap<Bus> = DurableMap::open(root)?;
        let mut store = Store { region: region.to_owned(), buses, patterns: HashMap::new() };
        let names: Vec<String> = store.buses.iter().map(|(name, _)| name.to_owned()).collect();
        names.iter().for_each(|name| store.read_patterns(name));
        if store.buses.get(DEFAULT).is_none() {
            store.buses.put(DEFAULT, Bus::default())?;
        }
        Ok(store)
    }

    fn read_patterns(&mut self, name: &str) {
        self.patterns.retain(|(bus, _), _| bus != name);
        let Some(bus) = self.buses.get(name) else { return };
        for (rule, pattern) in bus.rules.iter().filter_map(|(name, it)| Some((name, it.pattern()?)))
        {
            self.patterns.insert((name.to_owned(), rule.clone()), Arc::new(pattern));
        }
    }

    /// The ARN of a bus.
    pub(super) fn arn(&self, bus: &str) -> String {
        format!("arn:aws:events:{}:{ACCOUNT_ID}:event-bus/{bus}", self.region)
    }

    /// The ARN of a rule.
    pub(super) fn rule_arn(&self, bus: &str, rule: &str) -> String {
        let bus = if bus == DEFAULT { String::new() } else { format!("{bus}/") };
        format!("arn:aws:events:{}:{ACCOUNT_ID}:rule/{bus}{rule}", self.region)
    }

    /// The bus and the rule of the ARN of a rule, or the bus of its own.
    pub(super) fn of_arn(&self, arn: &str) -> Option<(String, Option<String>)> {
        let (kind, rest) = arn.splitn(6, ':').nth(5)?.split_once('/')?;
        match (kind, rest.rsplit_once('/')) {
            ("event-bus", _) => Some((rest.to_owned(), None)),
            ("rule", Some((bus, rule))) => Some((bus.to_owned(), Some(rule.to_owned()))),
            ("rule", None) => Some((DEFAULT.to_owned(), Some(rest.to_owned()))),
            _ => None,
        }
    }

    pub(super) fn buses(&self) -> impl Iterator<Item = (&str, &Bus)> {
        self.buses.iter()
    }

    /// A bus by its name.
    pub(super) fn bus(&self, name: &str) -> Result<&Bus, EventsError> {
        self.buses.get(name).ok_or_else(|| EventsError::no_bus(name))
    }

    /// A rule of a bus.
    pub(super) fn rule(&self, bus: &str, rule: &str) -> Result<&Rule, EventsError> {
        let found = self.bus(bus)?.rules.get(rule);
        found.ok_or_else(|| EventsError::no_rule(rule, bus))
    }

    pub(super) fn create_bus(&mut self, name: &str, bus: Bus) -> Result<(), EventsError> {
        check_name(name, "name", 256, "/.-_")?;
        if self.buses.get(name).is_some() {
            let text = format!("Event bus {name} already exists.");
            return Err(EventsError::Api("ResourceAlreadyExistsException", text));
        }
        limit(self.buses.iter().count(), BUSES_MAX)?;
        Ok(self.buses.put(name, bus)?)
    }

    pub(super) fn delete_bus(&mut self, name: &str) -> Result<(), EventsError> {
        if name == DEFAULT {
            return Err(EventsError::invalid("Cannot delete event bus default."));
        }
        self.bus(name)?;
        self.buses.remove(name)?;
        self.read_patterns(name);
        Ok(())
    }

    /// Changes a bus. If `change` fails, nothing is changed.
    pub(super) fn change<T>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Bus) -> Result<T, EventsError>,
    ) -> Result<T, EventsError> {
        let mut bus = self.bus(name)?.clone();
        let value = change(&mut bus)?;
        self.buses.put(name, bus)?;
        self.read_patterns(name);
        Ok(value)
    }

    /// Changes a rule. If `change` fails, nothing is changed.
    pub(super) fn change_rule<T>(
        &mut self,
        (bus, rule): (&str, &str),
        change: impl FnOnce(&mut Rule) -> Result<T, EventsError>,
    ) -> Result<T, EventsError> {
        self.change(bus, |found| {
            let rule = found.rules.get_mut(rule).ok_or_else(|| EventsError::no_rule(rule, bus))?;
            change(rule)
        })
    }

    /// Makes a rule, or gives it another definition. Its targets stay.
    pub(super) fn put_rule(
        &mut self,
        bus: &str,
        name: &str,
        rule: Rule,
    ) -> Result<(), EventsError> {
        check_rule_name(name)?;
        rule.check(bus)?;
        self.change(bus, |bus| {
            match bus.rules.get_mut(name) {
                Some(existing) => {
                    let is_same = existing.schedule_expression == rule.schedule_expression;
                    let since = if is_same { existing.since } else { rule.since };
                    let (targets, tags) = (existing.targets.clone(), existing.tags.clone());
                    *existing = Rule { targets, tags, since, ..rule };
                }
                None => {
                    limit(bus.rules.len(), RULES_MAX)?;
                    bus.rules.insert(name.to_owned(), rule);
                }
            }
            Ok(())
        })
    }

    pub(super) fn delete_rule(&mut self, bus: &str, name: &str) -> Result<(), EventsError> {
        self.change(bus, |bus| {
            if bus.rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
                return Err(EventsError::invalid("Rule can't be deleted since it has targets."));
            }
            bus.rules.remove(name);
            Ok(())
        })
    }

    /// Adds targets to a rule, or replaces those with the same ids.
    pub(super) fn put_targets(
        &mut self,
        of: (&str, &str),
        targets: Vec<RuleTarget>,
        admit: impl FnOnce(Count) -> Result<(), EventsError>,
    ) -> Result<(), EventsError> {
        self.change_rule(of, |rule| {
            for (at, target) in targets.iter().enumerate() {
                target.check(at + 1)?;
            }
            for target in targets {
                match rule.targets.iter_mut().find(|it| it.id == target.id) {
                    Some(existing) => *existing = target,
                    None => rule.targets.push(target),
                }
            }
            admit(Count(rule.targets.len() as u64))
        })
    }

    /// The rules of a bus that select an event.
    pub(super) fn matching(&self, bus: &str, event: &Value) -> Vec<MatchedRule> {
        let Some(found) = self.buses.get(bus) else { return Vec::new() };
        let selects = |name: &str| {
            let pattern = self.patterns.get(&(bus.to_owned(), name.to_owned()));
            pattern.is_some_and(|pattern| pattern.matches(event))
        };
        let rules = found.rules.iter().filter(|(name, rule)| rule.is_enabled() && selects(name));
        rules.map(|(name, rule)| self.matched(bus, name, rule)).collect()
    }

    fn matched(&self, bus: &str, name: &str, rule: &Rule) -> MatchedRule {
        MatchedRule {
            name: name.to_owned(),
            arn: self.rule_arn(bus, name),
            targets: rule.targets.clone(),
        }
    }

    /// The rules whose schedule was due between two points in time, each with that time, and the time of the next one.
    pub(super) fn due(
        &self,
        last: EpochMillis,
        now: EpochMillis,
    ) -> (Vec<(MatchedRule, EpochMillis)>, Option<EpochMillis>) {
        let (mut due, mut next): (_, Option<EpochMillis>) = (Vec::new(), None);
        let rules = self.buses.get(DEFAULT).into_iter().flat_map(|bus| &bus.rules);
        for (name, rule) in rules.filter(|(_, rule)| rule.is_enabled()) {
            let Some(schedule) = rule.schedule() else { continue };
            let from = last.max(rule.since);
            let Some(at) = schedule.next_after(rule.since, from) else { continue };
            let mut coming = Some(at);
            if at <= now {
                due.push((self.matched(DEFAULT, name, rule), at));
                coming = schedule.next_after(rule.since, now);
            }
            next = [next, coming].into_iter().flatten().min();
        }
        (due, next)
    }

    /// Removes every bus and rule.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.patterns.clear();
        self.buses.clear()?;
        self.buses.put(DEFAULT, Bus::default())
    }

    /// Creates a bus of the template, if it does not exist.
    pub(super) fn provide_bus(&mut self, name: &str, now: EpochMillis) -> Result<(), EventsError> {
        match self.buses.get(name) {
            Some(_) => Ok(()),
            None => self.create_bus(name, Bus { created: Some(now), ..Bus::default() }),
        }
    }

    /// Creates or changes a rule of the template, with its targets. Targets of other ids stay.
    pub(super) fn provide_rule(
        &mut self,
        given: &config::BusRule,
        limits: &Limits,
        now: EpochMillis,
    ) -> Result<(), EventsError> {
        let config::BusRule { bus, rule, targets, .. } = given;
        let name = rule.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut rule = read::<Rule>(&Value::Object(rule.clone()))?;
        rule.since = now;
        self.put_rule(bus, &name, rule)?;
        let targets = targets.iter().map(read::<RuleTarget>).collect::<Result<Vec<_>, _>>()?;
        let most = limits.eventbridge_targets;
        self.put_targets((bus, &name), targets, |count| Ok(most.admit(count)?))
    }
}

/// Reads a value of the API.
pub(super) fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, EventsError> {
    T::deserialize(value)
        .map_err(|error| EventsError::Api("SerializationException", error.to_string()))
}

fn limit(count: usize, most: usize) -> Result<(), EventsError> {
    if count < most {
        return Ok(());
    }
    let text = "The requested resource exceeds the maximum number allowed.".to_owned();
    Err(EventsError::Api("LimitExceededException", text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).unwrap()
    }

    fn target(id: &str) -> RuleTarget {
        let arn = "arn:aws:sqs:us-east-1:000000000000:q".to_owned();
        RuleTarget { id: id.to_owned(), arn, ..RuleTarget::default() }
    }

    fn store() -> Store {
        let mut store = Store::open("us-east-1", None).unwrap();
        store.create_bus("b", Bus::default()).unwrap();
        store.put_rule("b", "r", rule(json!({"EventPattern": r#"{"source":["s"]}"#}))).unwrap();
        store.put_targets(("b", "r"), vec![target("t")], |_| Ok(())).unwrap();
        store
    }

    #[test]
    fn a_rule_selects_events_of_its_bus_while_it_is_enabled() {
        let mut store = store();
        let event = json!({"source": "s"});
        let matched = store.matching("b", &event);
        assert_eq!(matched[0].arn, "arn:aws:events:us-east-1:000000000000:rule/b/r");
        assert_eq!(matched[0].targets, [target("t")]);
        assert!(store.matching("default", &event).is_empty());
        assert!(store.matching("b", &json!({"source": "t"})).is_empty());
        store
            .change_rule(("b", "r"), |rule| {
                rule.state = super::super::rule::State::Disabled;
                Ok(())
            })
            .unwrap();
        assert!(store.matching("b", &event).is_empty());
    }

    #[test]
    fn another_definition_of_a_rule_keeps_its_targets() {
        let mut store = store();
        store.put_rule("b", "r", rule(json!({"EventPattern": r#"{"source":["t"]}"#}))).unwrap();
        assert_eq!(store.matching("b", &json!({"source": "t"}))[0].targets.len(), 1);
        let refused = store.delete_rule("b", "r").unwrap_err();
        assert_eq!(refused.to_string(), "Rule can't be deleted since it has targets.");
        store
            .change_rule(("b", "r"), |rule| {
                rule.targets.clear();
                Ok(())
            })
            .unwrap();
        store.delete_rule("b", "r").unwrap();
        assert_eq!(
            store.rule("b", "r").unwrap_err().to_string(),
            "Rule r does not exist on EventBus b."
        );
    }

    #[test]
    fn an_invalid_rule_is_refused_and_changes_nothing() {
        let mut store = store();
        for (bus, given, expected) in [
            ("b", json!({}), "Parameter(s) EventPattern or ScheduleExpression must be specified."),
            (
                "b",
                json!({"EventPattern": "[]"}),
                "Event pattern is not valid. Reason: Filter is not an object\n at [Source: (String)\"[]\"; line: 1, column: 2]",
            ),
            (
                "b",
                json!({"ScheduleExpression": "rate(5 minutes)"}),
                "ScheduleExpression is supported only on the default event bus.",
            ),
            (
                "default",
                json!({"ScheduleExpression": "rate(1 minutes)"}),
                "Parameter ScheduleExpression is not valid.",
            ),
            ("none", json!({"EventPattern": r#"{"a":[1]}"#}), "Event bus none does not exist."),
        ] {
            assert_eq!(store.put_rule(bus, "r", rule(given)).unwrap_err().to_string(), expected);
        }
        assert_eq!(store.matching("b", &json!({"source": "s"})).len(), 1);
    }

    #[test]
    fn schedules_are_due_once_for_each_look() {
        let mut store = store();
        let mut every = rule(json!({"ScheduleExpression": "rate(1 minute)"}));
        every.since = EpochMillis(1_000);
        store.put_rule("default", "every", every).unwrap();
        let look = |store: &Store, last: u64, now: u64| {
            let (due, next) = store.due(EpochMillis(last), EpochMillis(now));
            (due.iter().map(|(_, at)| at.0).collect::<Vec<_>>(), next.map(|at| at.0))
        };
        assert_eq!(look(&store, 1_000, 60_999), (vec![], Some(61_000)));
        assert_eq!(look(&store, 60_999, 61_000), (vec![61_000], Some(121_000)));
        assert_eq!(look(&store, 61_000, 500_000), (vec![121_000], Some(541_000)));
    }

    #[test]
    fn buses_and_rules_outlive_the_store() {
        let root = tempfile::tempdir().unwrap();
        let mut store = Store::open("us-east-1", Some(root.path())).unwrap();
        store
            .put_rule("default", "r", rule(json!({"EventPattern": r#"{"source":["s"]}"#})))
            .unwrap();
        let store = Store::open("us-east-1", Some(root.path())).unwrap();
        assert_eq!(store.matching("default", &json!({"source": "s"})).len(), 1);
        assert_eq!(
            store.of_arn(&store.rule_arn("b", "r")),
            Some(("b".to_owned(), Some("r".to_owned())))
        );
        assert_eq!(store.of_arn(&store.arn("b")), Some(("b".to_owned(), None)));
    }
}
