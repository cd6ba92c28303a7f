//! Silenced rules of `hardcap check`: in `hardcap.toml`, and in the metadata of a template.

use super::{only, text};
use crate::rules::{self, Ignored};
use crate::source::diagnostic::Diagnostic;
use crate::source::tree::{Node, Value};

/// A rule that is silenced: `RULE`, `LOGICAL_ID:RULE`, or a mapping of one of them as `rule` with its `reason`.
///
/// # Errors
///
/// [`Diagnostic`] for another form. Whether the rule exists is not checked.
pub(crate) fn ignored(node: &Node) -> Result<Ignored, Diagnostic> {
    let (rule, reason) = match &node.value {
        Value::Map(_) => {
            only(node, "a rule in `ignore`", &["rule", "reason"])?;
            let rule = node
                .get("rule")
                .ok_or_else(|| Diagnostic::new(node.at, "an entry of `ignore` has no `rule`"))?;
            (rule, text(node, "reason")?)
        }
        Value::Absent | Value::Text(_) | Value::List(_) => (node, None),
    };
    let name = rule.scalar("a rule in `ignore`")?;
    let (resource, rule) = match name.split_once(':') {
        Some((resource, rule)) => (Some(resource.to_owned()), rule),
        None => (None, name),
    };
    Ok(Ignored { resource, rule: rule.to_owned(), reason })
}

/// As [`ignored`], for a file in which an unknown rule is an error.
pub(super) fn known(node: &Node) -> Result<Ignored, Diagnostic> {
    let ignored = ignored(node)?;
    if rules::find(&ignored.rule).is_none() {
        let known = rules::RULES.iter().map(|rule| rule.id);
        let message = format!("`hardcap check` has no rule `{}`", ignored.rule);
        return Err(Diagnostic::new(node.at, message)
            .help("docs/check.md lists the rules")
            .nearest(&ignored.rule, known));
    }
    Ok(ignored)
}
