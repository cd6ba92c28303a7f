//! Versions and aliases: `AutoPublishAlias`, `AWS::Lambda::Version`, `AWS::Lambda::Alias`, `AWS::Lambda::EventInvokeConfig`.
//!
//! A run has the code of one deployment. It is published once, and every alias that does not name `$LATEST` points to that
//! version.

use super::assemble::Parts;
use super::asynchronous;
use super::diagnostic::{Diagnostic, Position};
use super::function::function_of;
use super::properties::Properties;
use super::references::kind;
use super::scope::Scope;
use hardcap_core::config::{EventInvokeConfig, Function, PublishedAlias};
use hardcap_core::function_name::LATEST;

/// `AutoPublishAlias` of AWS SAM: a version, an alias to it, and `EventInvokeConfig` for the alias.
pub(super) fn auto_publish(function: &mut Function, alias: &str) {
    function.publishing.version = true;
    function.publishing.aliases.push(PublishedAlias { name: alias.to_owned(), latest: false });
    let of_latest = EventInvokeConfig {
        dead_letter: function.events.dead_letter.clone(),
        ..EventInvokeConfig::default()
    };
    function.publishing.events = Some(std::mem::replace(&mut function.events, of_latest));
}

/// Reads versions, aliases and event configurations that are resources, after all functions were read.
pub(super) fn connect(scope: &Scope<'_>, parts: &mut Parts) -> Result<(), Diagnostic> {
    // Aliases are read before their event configurations.
    for (wanted, what) in
        [(VERSION, "the version"), (ALIAS, "the alias"), (EVENTS, "the configuration")]
    {
        for entry in scope.resources.iter().filter(|entry| kind(entry) == wanted) {
            if !scope.exists(entry)? {
                continue;
            }
            let of = Properties::of(scope, what, entry)?;
            let Some(name) = of.text("FunctionName")? else {
                let message = format!("{} has no `FunctionName`: it is left out", of.what);
                scope.warn(Diagnostic::new(of.at, message));
                continue;
            };
            let name = function_of(&name).to_owned();
            let function = parts.functions.iter_mut().find(|it| it.name == name);
            match function {
                Some(function) if wanted == VERSION => version(of, function)?,
                Some(function) if wanted == ALIAS => alias(of, function)?,
                Some(function) => events(of, function)?,
                // The function may be in another stack.
                None => not_here(&of, &name),
            }
        }
    }
    Ok(())
}

const VERSION: &str = "AWS::Lambda::Version";
const ALIAS: &str = "AWS::Lambda::Alias";
const EVENTS: &str = "AWS::Lambda::EventInvokeConfig";

fn not_here(of: &Properties<'_>, name: &str) {
    let message = format!(
        "{} belongs to the function `{name}`, which is not in this template: it is left out",
        of.what
    );
    of.scope.warn(Diagnostic::new(of.at, message).rule("not-emulated"));
}

fn version(of: Properties<'_>, function: &mut Function) -> Result<(), Diagnostic> {
    of.without_effect(&["CodeSha256", "Description", "FunctionScalingConfig", "RuntimePolicy"]);
    of.not_emulated("ProvisionedConcurrencyConfig", "sandboxes start when they are needed")?;
    function.publishing.version = true;
    of.finish();
    Ok(())
}

fn alias(of: Properties<'_>, function: &mut Function) -> Result<(), Diagnostic> {
    of.without_effect(&["Description"]);
    of.not_emulated("RoutingConfig", "a run has one version, which gets every invocation")?;
    of.not_emulated("ProvisionedConcurrencyConfig", "sandboxes start when they are needed")?;
    let name = of.required_text("Name")?;
    let latest = of.text("FunctionVersion")?.as_deref() == Some(LATEST);
    if function.publishing.alias(&name).is_some() {
        let message =
            format!("the function `{}` already has an alias `{name}`", function.logical_id);
        return Err(Diagnostic::new(of.at, message).help("give one of them another `Name`"));
    }
    function.publishing.version |= !latest;
    function.publishing.aliases.push(PublishedAlias { name, latest });
    of.finish();
    Ok(())
}

fn events(of: Properties<'_>, function: &mut Function) -> Result<(), Diagnostic> {
    let qualifier = of.required_text("Qualifier")?;
    let mut events = asynchronous::event_invoke_config(&of, function)?;
    events.dead_letter.clone_from(&function.events.dead_letter);
    let publishing = &mut function.publishing;
    if qualifier == LATEST || publishing.alias(&qualifier).is_some_and(|alias| alias.latest) {
        // Without this, the version would have the configuration of `$LATEST`.
        let before = std::mem::replace(&mut function.events, events);
        publishing.events.get_or_insert(before);
    } else {
        publishing.events = Some(events);
    }
    of.finish();
    Ok(())
}

/// Warns of targets with an alias or a version that the template does not publish.
pub(super) fn check(scope: &Scope<'_>, at: Position, target: &str, functions: &[Function]) {
    let Some((name, qualifier)) = target.split_once(':') else { return };
    let Some(function) = functions.iter().find(|it| it.name == name) else { return };
    if function.publishing.has(qualifier) {
        return;
    }
    let message = format!(
        "the function `{}` has no alias or version `{qualifier}` in this template: every such invocation fails, as on AWS",
        function.logical_id
    );
    let known = function.publishing.aliases.iter().map(|alias| alias.name.as_str());
    scope.warn(Diagnostic::new(at, message).nearest(qualifier, known));
}
