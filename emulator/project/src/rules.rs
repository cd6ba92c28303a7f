//! The rules of `hardcap check`: ids, severities, summaries. `docs/check.md` has a section for each.

use serde::Serialize;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// hardcap ignores it, or cannot check it.
    Note,
    /// It works, but perhaps not as intended.
    Warning,
    /// It fails.
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The id, for programs and for silencing the rule.
    pub id: &'static str,
    /// The severity of its findings. Only findings of `no-program` can be less severe.
    pub severity: Severity,
    /// The summary, one sentence.
    pub summary: &'static str,
}

const fn rule(id: &'static str, severity: Severity, summary: &'static str) -> Rule {
    Rule { id, severity, summary }
}

/// All rules: first those of AWS's refusals, then the others.
pub const RULES: &[Rule] = &[
    rule("invalid-template", Severity::Error, "The template cannot be read."),
    rule(
        "circular-dependency",
        Severity::Error,
        "Resources depend on each other, or a resource on itself.",
    ),
    rule(
        "unresolved-dependency",
        Severity::Error,
        "A resource depends on one that is not in the template.",
    ),
    rule(
        "unknown-attribute",
        Severity::Error,
        "An expression names an attribute that the resource does not have.",
    ),
    rule("logical-id", Severity::Error, "The name of a resource or of a parameter is invalid."),
    rule("template-limits", Severity::Error, "The template has too many parts."),
    rule("event-type", Severity::Error, "AWS SAM does not know the type of an event."),
    rule("timeout", Severity::Error, "Lambda refuses the function's timeout."),
    rule("memory", Severity::Error, "Lambda refuses the function's memory."),
    rule("ephemeral-storage", Severity::Error, "Lambda refuses the size of the function's /tmp."),
    rule("function-name", Severity::Error, "Lambda refuses the function's name."),
    rule("handler", Severity::Error, "Lambda refuses the function's handler."),
    rule(
        "function-property",
        Severity::Error,
        "AWS refuses the value of a property of the function.",
    ),
    rule("environment-size", Severity::Error, "The function's environment is too large."),
    rule("environment-key", Severity::Error, "Lambda refuses the name of an environment variable."),
    rule(
        "reserved-keys",
        Severity::Error,
        "An environment variable has a name that Lambda reserves.",
    ),
    rule("queue", Severity::Error, "SQS refuses the name or an attribute of a queue."),
    rule("event-source-mapping", Severity::Error, "Lambda refuses the event source mapping."),
    rule("topic", Severity::Error, "SNS refuses the topic or a subscription of it."),
    rule("event-rule", Severity::Error, "EventBridge refuses the rule or a target."),
    rule("parameter", Severity::Error, "Systems Manager refuses the parameter."),
    rule("secret", Severity::Error, "Secrets Manager refuses the secret."),
    rule("bucket", Severity::Error, "S3 refuses the name of the bucket."),
    rule("table", Severity::Error, "CloudFormation refuses the table."),
    rule("layers", Severity::Error, "The function has too many layers."),
    rule(
        "reserved-concurrency",
        Severity::Error,
        "The reserved concurrency leaves too little to other functions.",
    ),
    rule(
        "compression-size",
        Severity::Error,
        "API Gateway refuses the minimum size of a compressed response.",
    ),
    rule(
        "mapping-template-size",
        Severity::Error,
        "API Gateway refuses the size of a mapping template.",
    ),
    rule("runtime", Severity::Error, "Lambda does not accept the function's runtime."),
    rule("package-size", Severity::Error, "The function's code is too large."),
    rule("no-program", Severity::Error, "The function's program is missing."),
    rule("no-handler", Severity::Error, "The function's handler is missing."),
    rule(
        "timeout-above-gateway",
        Severity::Warning,
        "The function may run longer than its gateway waits.",
    ),
    rule(
        "binary-media-types",
        Severity::Warning,
        "A REST API declares binary bodies and does not list their media types.",
    ),
    rule("mapping-template", Severity::Warning, "An integration fails at each request."),
    rule("access-not-checked", Severity::Warning, "AWS checks access here, and hardcap does not."),
    rule("open-access", Severity::Warning, "The proxy accepts every client."),
    rule("bucket-lifecycle", Severity::Warning, "The proxy's bucket keeps its objects forever."),
    rule("bucket-multipart", Severity::Warning, "The proxy's bucket keeps unfinished uploads."),
    rule("bucket-cors", Severity::Warning, "Browsers cannot read the proxy's bucket."),
    rule("unknown-property", Severity::Warning, "A property is not known to hardcap."),
    rule("repeated-key", Severity::Warning, "A mapping has a key twice."),
    rule("ignored-attribute", Severity::Warning, "A resource has an attribute without effect."),
    rule("runtime-version", Severity::Warning, "The function runs on another version here."),
    rule("template", Severity::Warning, "A part of the template works differently here."),
    rule("container-image", Severity::Note, "The function runs in a container here."),
    rule("not-emulated", Severity::Note, "hardcap does not emulate a resource or a property."),
];

/// A rule of `hardcap check` that is silenced, for one resource or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The logical id; all resources when `None`.
    pub resource: Option<String>,
    /// The rule's id.
    pub rule: String,
    /// The reason, as it is written beside the rule.
    pub reason: Option<String>,
}

/// The rule of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path of the page of the rules.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.md");

    #[test]
    fn the_page_has_one_section_for_each_rule_in_the_same_order() {
        let page = std::fs::read_to_string(PAGE).expect("the page is there");
        let rules = page.split_once("## Rules").expect("the page has a list of rules").1;
        let sections: Vec<&str> =
            rules.lines().filter_map(|line| line.strip_prefix("### ")).map(str::trim).collect();
        let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(sections, ids);
        for rule in RULES {
            let section = rules.split(&format!("### {}\n", rule.id)).nth(1).unwrap_or_default();
            let section = section.split("### ").next().unwrap_or_default();
            let severity = format!("Severity: {}.", rule.severity);
            assert!(section.contains(&severity), "{}: {section}", rule.id);
            assert!(section.contains(rule.summary), "{}: {section}", rule.id);
        }
    }

    #[test]
    fn no_two_rules_have_the_same_id() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(RULES[at + 1..].iter().all(|other| other.id != rule.id), "{}", rule.id);
        }
    }
}
