//! The template's stack as CloudFormation describes it: parameters, outputs and resources.

use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::references::kind;
use super::scope::Scope;
use super::tree::{Node, Value};
use hardcap_core::config::{Output, Stack, StackResource};

/// The stack of a template. An output that cannot be evaluated is left out with a warning.
pub(super) fn read(scope: &Scope<'_>, template: &Node) -> Result<Stack, Diagnostic> {
    let description = template.get("Description").and_then(|node| node.scalar("").ok());
    Ok(Stack {
        name: scope.names.stack.clone(),
        path: String::new(),
        description: description.unwrap_or_default().to_owned(),
        parameters: (scope.parameters.iter())
            .map(|(name, value)| (name.clone(), shown(value)))
            .collect(),
        outputs: outputs(scope, template)?,
        resources: resources(scope)?,
    })
}

fn outputs(scope: &Scope<'_>, template: &Node) -> Result<Vec<Output>, Diagnostic> {
    let Some(section) = template.get("Outputs") else { return Ok(Vec::new()) };
    let mut outputs = Vec::new();
    for entry in section.entries("`Outputs`")? {
        let of = Properties::new(scope, format!("the output `{}`", entry.key), &entry.value)?;
        if let Some(condition) = of.node("Condition")? {
            let name = condition.scalar(&of.name("Condition"))?;
            if !scope.condition(name, condition.at)? {
                continue;
            }
        }
        let value = of.value("Value").and_then(|value| match value {
            Some(value) => Ok(shown(&value)),
            None => Err(Diagnostic::new(entry.at, format!("{} has no `Value`", of.what))),
        });
        let export = of.child("Export").and_then(|export| match export {
            Some(export) => export.text("Name"),
            None => Ok(None),
        });
        match (value, export) {
            (Ok(value), Ok(export)) => outputs.push(Output {
                key: entry.key.clone(),
                value,
                description: of.text("Description")?,
                export,
            }),
            (Err(diagnostic), _) | (_, Err(diagnostic)) => {
                let message = format!("{} is left out: {}", of.what, diagnostic.message);
                scope.warn(Diagnostic { message, ..diagnostic });
            }
        }
    }
    Ok(outputs)
}

fn resources(scope: &Scope<'_>) -> Result<Vec<StackResource>, Diagnostic> {
    let mut resources = Vec::new();
    for entry in scope.resources {
        if !scope.exists(entry)? {
            continue;
        }
        // A name that cannot be evaluated here is not an error: AWS generates one.
        let physical_id = match scope.resource_reference(&entry.key, entry.at) {
            Ok(node) => shown(&node),
            Err(_) => format!("{}-{}", scope.names.stack, entry.key),
        };
        let (logical_id, kind) = (entry.key.clone(), deployed(kind(entry)).to_owned());
        resources.push(StackResource { logical_id, physical_id, kind });
    }
    Ok(resources)
}

/// The type that AWS SAM deploys for one of its own.
fn deployed(kind: &str) -> &str {
    match kind {
        "AWS::Serverless::Function" => "AWS::Lambda::Function",
        "AWS::Serverless::Api" => "AWS::ApiGateway::RestApi",
        "AWS::Serverless::HttpApi" => "AWS::ApiGatewayV2::Api",
        "AWS::Serverless::SimpleTable" => "AWS::DynamoDB::Table",
        "AWS::Serverless::StateMachine" => "AWS::StepFunctions::StateMachine",
        "AWS::Serverless::LayerVersion" => "AWS::Lambda::LayerVersion",
        "AWS::Serverless::Application" => "AWS::CloudFormation::Stack",
        other => other,
    }
}

/// A value as CloudFormation shows it: a list with commas.
pub(super) fn shown(node: &Node) -> String {
    match &node.value {
        Value::Absent | Value::Map(_) => String::new(),
        Value::Text(text) => text.clone(),
        Value::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
    }
}
