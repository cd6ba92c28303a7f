//! The names and the numbers of the parts of a template that CloudFormation accepts.

use hardcap_limits::{Count, Limit, Limits, Party};

use super::diagnostic::{Diagnostic, Position};
use super::references::kind;
use super::scope::Scope;
use super::tree::{Mapping, MappingEntry, Node};

/// Warns of what CloudFormation refuses.
pub(super) fn check(scope: &Scope<'_>, template: &Node, limits: &Limits) {
    let outputs = template.get("Outputs");
    let counted = [
        ("Resources", scope.resources, limits.cloudformation_resources),
        ("Parameters", scope.declared, limits.cloudformation_parameters),
        (
            "Outputs",
            outputs.and_then(|node| node.entries("").ok()).unwrap_or(Mapping::none()),
            limits.cloudformation_outputs,
        ),
    ];
    for (section, entries, limit) in counted {
        let at = template.get(section).map_or(template.at, |node| node.at);
        number(scope, at, entries.len(), limit);
    }
    scope.declared.iter().for_each(|entry| name_of_parameter(scope, entry));
    scope.resources.iter().for_each(|entry| name_of_resource(scope, entry));
}

fn number(scope: &Scope<'_>, at: Position, observed: usize, limit: Limit<Count>) {
    let Err(exceeded) = limit.admit(Count(observed as u64)) else { return };
    let text = exceeded.refusal(Party::Invoker).map_or_else(|| exceeded.to_string(), |it| it.body);
    let warning = Diagnostic::new(at, format!("AWS refuses the template: {text}"));
    scope.warn(warning.rule("template-limits").help(limit.row.remedy()));
}

/// The text: aws-cloudformation/cfn-lint#160 (2018-06-25); of AWS SAM: aws-sam-translator, read 2026-12-01.
fn name_of_resource(scope: &Scope<'_>, entry: &MappingEntry) {
    let name = &entry.key;
    if is_alphanumeric(name) {
        return;
    }
    let text = match kind(entry).starts_with("AWS::Serverless::") {
        true => format!("Resource with id [{name}] is invalid. Logical ids must be alphanumeric."),
        false => format!("Template format error: Resource name {name} is non alphanumeric."),
    };
    refuse(scope, entry, &text);
}

/// The text: convox/rack#364 (2016-02-19).
fn name_of_parameter(scope: &Scope<'_>, entry: &MappingEntry) {
    let name = &entry.key;
    if !is_alphanumeric(name) {
        let text = format!("Template format error: Parameter name {name} is non alphanumeric.");
        refuse(scope, entry, &text);
    }
}

fn refuse(scope: &Scope<'_>, entry: &MappingEntry, text: &str) {
    let warning = Diagnostic::new(entry.at, format!("AWS refuses the template: {text}"));
    scope.warn(warning.rule("logical-id").help("write letters and digits only"));
}

fn is_alphanumeric(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
