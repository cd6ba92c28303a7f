//! The buses with their rules. With `--data` each bus is one record.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{self, ACCOUNT_ID};
use hardcap_core::durable::DurableMap;
use hardcap_limits::{Count, Limits};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::EventsError;
use super::rule::{Compiled, Rule, RuleTarget, Tags, check_name, check_rule_name};
use super::sizes;

/// The bus that always exists.
pub(super) const DEFAULT: &str = "default";
/// The maximum number of buses (EventBridge user guide, quotas).
const BUSES_MAX: usize = 100;
/// The maximum number of rules of a bus (EventBridge user guide, quotas).
const RULES_MAX: usize = 300;
/// The maximum number of fields in all combinations of all patterns. The number is hardcap's.
const FIELDS_MAX: usize = 500_000;

/// A bus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bus {
    pub(super) created: Option<EpochMillis>,
    /// `Description`, `KmsKeyIdentifier`, `DeadLetterConfig`, `LogConfig`.
    pub(super) members: Map<String, Value>,
    pub(super) tags: Tags,
    pub(super) rules: BTreeMap<String, Rule>,
}

/// A rule that can be put: AWS does not refuse it by itself, and its pattern is compiled.
#[derive(Clone, Debug)]
pub(super) struct CheckedRule {
    rule: Rule,
    compiled: Option<Compiled>,
}

impl CheckedRule {
    /// # Errors
    ///
    /// AWS's refusal.
    pub(super) fn new(bus: &str, name: &str, rule: Rule) -> Result<CheckedRule, EventsError> {
        check_rule_name(name)?;
        sizes::check_tags(&rule.tags)?;
        let compiled = rule.check(bus)?;
        Ok(CheckedRule { rule, compiled })
    }
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
    patterns: HashMap<(String, String), Compiled>,
}

impl Store {
    /// Opens the store, with the buses of earlier runs if there is a folder.
    pub(super) fn open(region: &str, root: Option<&Path>) -> io::Result<Store> {
        let buses: DurableMap<Bus> = DurableMap::open(root)?;
        let mut store = Store { region: region.to_owned(), buses, patterns: HashMap::new() };
        for (name, bus) in store.buses.iter() {
            let compiled = bus.rules.iter().filter_map(|(rule, it)| Some((rule, it.compiled()?)));
            let named = compiled.map(|(rule, it)| ((name.to_owned(), rule.clone()), it));
            store.patterns.extend(named);
        }
        if store.buses.get(DEFAULT).is_none() {
            store.buses.put(DEFAULT, Bus::default())?;
        }
        Ok(store)
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
        sizes::check_record("a bus", &bus.members)?;
        sizes::check_tags(&bus.tags)?;
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
        self.patterns.retain(|(bus, _), _| bus != name);
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
        rule: CheckedRule,
    ) -> Result<(), EventsError> {
        let CheckedRule { rule, compiled } = rule;
        let key = (bus.to_owned(), name.to_owned());
        let others = self.patterns.iter().filter(|(of, _)| **of != key).map(|(_, it)| it.fields);
        let fields = others.chain(compiled.iter().map(|it| it.fields)).sum::<usize>();
        if compiled.is_some() && fields > FIELDS_MAX {
            let text = format!(
                "hardcap keeps at most {FIELDS_MAX} fields in all combinations of all patterns; with this rule they are {fields}."
            );
            return Err(EventsError::Api("LimitExceededException", text));
        }
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
        })?;
        match compiled {
            Some(compiled) => self.patterns.insert(key, compiled),
            None => self.patterns.remove(&key),
        };
        Ok(())
    }

    pub(super) fn delete_rule(&mut self, bus: &str, name: &str) -> Result<(), EventsError> {
        self.change(bus, |bus| {
            if bus.rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
                return Err(EventsError::invalid("Rule can't be deleted since it has targets."));
            }
            bus.rules.remove(name);
            Ok(())
        })?;
        self.patterns.remove(&(bus.to_owned(), name.to_owned()));
        Ok(())
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

    /// The enabled rules of a bus with their patterns, which are tested without the store.
    pub(super) fn patterns(&self, bus: &str) -> Vec<(String, Compiled)> {
        let rules = self.buses.get(bus).into_iter().flat_map(|bus| &bus.rules);
        let enabled = rules.filter(|(_, rule)| rule.is_enabled());
        enabled
            .filter_map(|(name, _)| {
                let compiled = self.patterns.get(&(bus.to_owned(), name.clone()))?;
                Some((name.clone(), compiled.clone()))
            })
            .collect()
    }

    /// A rule that has selected an event. `None` if it was deleted since.
    pub(super) fn selected(&self, bus: &str, name: &str) -> Option<MatchedRule> {
        let rule = self.buses.get(bus)?.rules.get(name)?;
        Some(self.matched(bus, name, rule))
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
        sizes::check(&Value::Object(rule.clone()))?;
        sizes::check(&json!({ "Targets": targets }))?;
        let mut rule = read::<Rule>(&Value::Object(rule.clone()))?;
        rule.since = now;
        self.put_rule(bus, &name, CheckedRule::new(bus, &name, rule)?)?;
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
    use super::*;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).unwrap()
    }

    fn put(store: &mut Store, bus: &str, name: &str, value: Value) -> Result<(), EventsError> {
        store.put_rule(bus, name, CheckedRule::new(bus, name, rule(value))?)
    }

    /// The rules of a bus that select an event.
    fn matching(store: &Store, bus: &str, event: &Value) -> Vec<MatchedRule> {
        let selecting = store.patterns(bus).into_iter().filter(|(_, it)| it.pattern.matches(event));
        selecting.filter_map(|(name, _)| store.selected(bus, &name)).collect()
    }

    fn target(id: &str) -> RuleTarget {
        let arn = "arn:aws:sqs:us-east-1:000000000000:q".to_owned();
        RuleTarget { id: id.to_owned(), arn, ..RuleTarget::default() }
    }

    fn store() -> Store {
        let mut store = Store::open("us-east-1", None).unwrap();
        store.create_bus("b", Bus::default()).unwrap();
        put(&mut store, "b", "r", json!({"EventPattern": r#"{"source":["s"]}"#})).unwrap();
        store.put_targets(("b", "r"), vec![target("t")], |_| Ok(())).unwrap();
        store
    }

    #[test]
    fn a_rule_selects_events_of_its_bus_while_it_is_enabled() {
        let mut store = store();
        let event = json!({"source": "s"});
        let matched = matching(&store, "b", &event);
        assert_eq!(matched[0].arn, "arn:aws:events:us-east-1:000000000000:rule/b/r");
        assert_eq!(matched[0].targets, [target("t")]);
        assert!(matching(&store, "default", &event).is_empty());
        assert!(matching(&store, "b", &json!({"source": "t"})).is_empty());
        store
            .change_rule(("b", "r"), |rule| {
                rule.state = super::super::rule::State::Disabled;
                Ok(())
            })
            .unwrap();
        assert!(matching(&store, "b", &event).is_empty());
    }

    #[test]
    fn another_definition_of_a_rule_keeps_its_targets() {
        let mut store = store();
        put(&mut store, "b", "r", json!({"EventPattern": r#"{"source":["t"]}"#})).unwrap();
        assert_eq!(matching(&store, "b", &json!({"source": "t"}))[0].targets.len(), 1);
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
            assert_eq!(put(&mut store, bus, "r", given).unwrap_err().to_string(), expected);
        }
        assert_eq!(matching(&store, "b", &json!({"source": "s"})).len(), 1);
    }

    /// A pattern whose combinations have `fields` fields, of 512 that `$or` makes.
    fn complex(fields: usize) -> String {
        let plain: Vec<String> = (0..fields / 512 - 9).map(|at| format!("\"f{at}\":[1]")).collect();
        let or: Vec<String> =
            (0..9).map(|at| format!("\"$or\":[{{\"a{at}\":[1]}},{{\"b{at}\":[1]}}]")).collect();
        format!("{{{},{}}}", plain.join(","), or.join(","))
    }

    #[test]
    fn all_patterns_together_have_a_bounded_size() {
        let mut store = store();
        let pattern = json!({ "EventPattern": complex(19 * 512) });
        let checked = CheckedRule::new("b", "r", rule(pattern)).unwrap();
        // 51 * 9728 + 1 of the rule `r` = 496,129
        for at in 0..51 {
            store.put_rule("b", &format!("r{at}"), checked.clone()).unwrap();
        }
        let refused = store.put_rule("b", "one-more", checked.clone()).unwrap_err().to_string();
        assert!(refused.ends_with("with this rule they are 505857."), "{refused}");
        // The same rule again, a small rule, and one instead of a deleted one are not refused.
        store.put_rule("b", "r0", checked.clone()).unwrap();
        put(&mut store, "b", "small", json!({"EventPattern": r#"{"source":["t"]}"#})).unwrap();
        store.delete_rule("b", "r0").unwrap();
        store.put_rule("b", "one-more", checked).unwrap();
    }

    #[test]
    fn a_change_of_a_rule_compiles_no_other_pattern() {
        let mut store = store();
        let compiled = |store: &Store| store.patterns("b")[0].1.pattern.clone();
        let before = compiled(&store);
        put(&mut store, "b", "s", json!({"EventPattern": r#"{"source":["t"]}"#})).unwrap();
        store.put_targets(("b", "r"), vec![target("u")], |_| Ok(())).unwrap();
        store.delete_rule("b", "s").unwrap();
        assert!(std::sync::Arc::ptr_eq(&before, &compiled(&store)));
        assert_eq!(store.patterns("b").len(), 1);
    }

    #[test]
    fn schedules_are_due_once_for_each_look() {
        let mut store = store();
        let mut every = rule(json!({"ScheduleExpression": "rate(1 minute)"}));
        every.since = EpochMillis(1_000);
        let every = CheckedRule::new("default", "every", every).unwrap();
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
        put(&mut store, "default", "r", json!({"EventPattern": r#"{"source":["s"]}"#})).unwrap();
        let store = Store::open("us-east-1", Some(root.path())).unwrap();
        assert_eq!(matching(&store, "default", &json!({"source": "s"})).len(), 1);
        assert_eq!(
            store.of_arn(&store.rule_arn("b", "r")),
            Some(("b".to_owned(), Some("r".to_owned())))
        );
        assert_eq!(store.of_arn(&store.arn("b")), Some(("b".to_owned(), None)));
    }
}
