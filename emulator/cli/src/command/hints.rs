//! The messages of `hardcap up`: the limits, the addresses, commands to try. Pure.

use std::fmt::Write as _;

use hardcap_limits::{Date, Limits};
use indexmap::IndexMap;

use crate::check::{Finding, Severity};
use hardcap_core::addresses::Addresses;
use hardcap_core::config::Config;
use hardcap_limits::grouped;

/// The first line of a run: the date of the limits, and how many numbers differ from the newest ones; then the overrides.
pub(super) fn limits_line(limits: &Limits) -> String {
    let date = limits.date();
    let mut line = format!("limits: {date}");
    if date == Date::CLASSIC {
        line.push_str(" (classic)");
    }
    let newest = Limits::current();
    match Limits::at(date).differences(&newest).count() {
        _ if date == Date::LATEST => line.push_str(" (the newest known)"),
        0 => line.push_str("; every number is that of today"),
        1 => {
            let _ = write!(
                line,
                "; 1 number is not that of today: hardcap limits --diff {date} current"
            );
        }
        count => {
            let _ = write!(
                line,
                "; {count} numbers are not those of today: hardcap limits --diff {date} current"
            );
        }
    }
    for (row, value) in limits.overridden() {
        let aws = row.value_at(date);
        let _ = write!(line, "\nset: {} = {}, AWS has {}", row.name, grouped(value), grouped(aws));
    }
    line
}

/// A note about a day outside of the days from which changes are known.
pub(super) fn unknown_day(date: Date) -> Option<String> {
    let (first, last) = Limits::known_days();
    if date < first {
        return Some(format!(
            "note: {date} is before {first}, the first known change of a limit: the oldest known numbers and texts \
             are in force"
        ));
    }
    (date > last && date != Date::LATEST).then(|| {
        format!(
            "note: {date} is after {last}, the last known change of a limit: the newest known numbers and texts are \
             in force"
        )
    })
}

/// The notes: resources of other services in one line, every other note in its own line.
pub(super) fn notes(findings: &[Finding]) -> Vec<String> {
    let mut kinds: IndexMap<&str, Vec<&str>> = IndexMap::new();
    let mut lines = Vec::new();
    for finding in findings.iter().filter(|it| it.severity == Severity::Note) {
        let message = finding.message.strip_suffix(", which hardcap does not emulate");
        let resource = message.and_then(|message| message.split_once("` is a "));
        match resource {
            Some((id, kind)) => kinds.entry(kind).or_default().push(id.trim_start_matches('`')),
            None => lines.push(finding.to_string()),
        }
    }
    if !kinds.is_empty() {
        let kinds = kinds.iter().map(|(kind, ids)| format!("{kind} ({})", ids.join(", ")));
        lines.insert(0, format!("note: not emulated: {}", kinds.collect::<Vec<_>>().join(", ")));
    }
    lines
}

/// The addresses, one line each, and commands to try.
pub(super) fn addresses(
    config: &Config,
    addresses: &Addresses,
    debuggers: &IndexMap<&str, Option<String>>,
) -> String {
    let mut text = String::from("\n");
    let mut line = |what: &str, name: &str, url: &str| {
        let _ = writeln!(text, "  {what:<13} {name:<20} {url}");
    };
    for (name, url) in &addresses.apis {
        line("API", name, url);
    }
    for api in &config.apis {
        for key in &api.api_keys {
            line("API key", &api.logical_id, &format!("x-api-key: {key}"));
        }
    }
    for (name, url) in &addresses.function_urls {
        line("function URL", name, url);
    }
    for (name, url) in &addresses.companions {
        line("companion", name, url);
    }
    for (function, address) in debuggers {
        line("debugger", function, address.as_deref().unwrap_or("by process id, see its log"));
    }
    line("AWS endpoint", "AWS_ENDPOINT_URL", &addresses.aws);
    line("live page", "", &format!("{}/", addresses.control));
    if !config.stack.outputs.is_empty() {
        let _ = writeln!(text, "\noutputs of the stack {}:", config.stack.name);
    }
    for output in &config.stack.outputs {
        let _ = writeln!(text, "  {:<34} {}", output.key, addresses.fill(&output.value));
    }
    let tries = hardcap::tries(config);
    if !tries.is_empty() {
        text.push_str("\ntry:\n");
    }
    for one in tries {
        if !one.about.is_empty() {
            let _ = writeln!(text, "  # {}", one.about);
        }
        let _ = writeln!(text, "  {}", addresses.fill(&one.command));
    }
    text.push_str("\nCtrl-C stops everything and prints the report\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_outside_of_the_known_changes_has_a_note() {
        let (first, last) = Limits::known_days();
        assert!(first < Date::CLASSIC && Date::CLASSIC < last, "{first} to {last}");
        for date in [first, Date::CLASSIC, last, Date::LATEST] {
            assert_eq!(unknown_day(date), None, "{date}");
        }
        let before = unknown_day(Date::new(1999, 1, 1)).unwrap();
        assert!(before.starts_with(&format!("note: 1999-01-01 is before {first}, ")), "{before}");
        let after = unknown_day(Date::new(2999, 1, 1)).unwrap();
        assert!(after.starts_with(&format!("note: 2999-01-01 is after {last}, ")), "{after}");
    }
}
