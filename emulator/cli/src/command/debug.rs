//! `--debug FUNCTION[=PORT]`: which functions have a debugger, and on which ports.

use std::str::FromStr;

use indexmap::IndexMap;

use super::Failure;
use hardcap_core::config::{Debugger, Function};
use hardcap_core::nearest::nearest;
use hardcap_core::serve::{self, LOOPBACK};
use hardcap_project::packaging::debugger::{self, DebuggerKind, Listening};
use hardcap_project::packaging::machine::Machine;
use hardcap_project::packaging::{Package, PackagingError};

/// A function that a debugger can attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DebugTarget {
    /// Its logical id or its name.
    function: String,
    /// The port; 0 for any free one.
    port: Option<u16>,
    /// Whether the first invocation waits until a debugger has attached.
    waits: bool,
}

/// A text that is not `FUNCTION[=PORT]`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write FUNCTION or FUNCTION=PORT, such as Hello=5678")]
pub(super) struct InvalidTarget;

impl FromStr for DebugTarget {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<DebugTarget, InvalidTarget> {
        let (function, port) = match text.split_once('=') {
            Some((function, port)) => (function, Some(port.parse().map_err(|_| InvalidTarget)?)),
            None => (text, None),
        };
        if function.is_empty() {
            return Err(InvalidTarget);
        }
        Ok(DebugTarget { function: function.to_owned(), port, waits: false })
    }
}

impl DebugTarget {
    /// The same target whose first invocation waits for the debugger, for a command that invokes it immediately.
    pub(super) fn waiting(&self) -> DebugTarget {
        DebugTarget { waits: true, ..self.clone() }
    }

    fn is(&self, function: &Function) -> bool {
        self.function == function.logical_id || self.function == function.name
    }
}

/// Checks the names, chooses the ports, and checks that they are free. Done once for a run, so that a reloaded function keeps its
/// port.
pub(super) async fn choose_ports(
    targets: &mut [DebugTarget],
    functions: &[Function],
    packages: &[Package],
) -> Result<(), Failure> {
    let mut next = IndexMap::new();
    for target in targets {
        let at = functions.iter().position(|function| target.is(function));
        let Some(package) = at.and_then(|at| packages.get(at)) else {
            let ids = functions.iter().map(|function| function.logical_id.as_str());
            let help = match nearest(&target.function, ids.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its functions are: {}", ids.collect::<Vec<_>>().join(", ")),
            };
            return Err(Failure::new(format!(
                "`--debug {0}`: the template has no function `{0}`\n  = help: {help}",
                target.function
            )));
        };
        if package.is_image() {
            return Err(Failure::new(format!(
                "`--debug {0}`: the function is a container image, and hardcap attaches no debugger to a container\n  = help: name its \
                 program with `command` in hardcap.toml",
                target.function
            )));
        }
        let Some(usual) = kind(package).usual_port() else {
            if target.waits {
                return Err(Failure::new(format!(
                    "`--debug {0}`: a debugger attaches to programs of {1} by their process id, and this command does not wait for \
                     that\n  = help: use `hardcap up --debug {0}`, attach, and run the command against it",
                    target.function, package.runtime
                )));
            }
            if target.port.is_some() {
                return Err(Failure::new(format!(
                    "`--debug {0}` has a port, but debuggers attach to programs of {1} by their process id\n  = help: write \
                     `--debug {0}`; docs/debugging.md shows how to attach",
                    target.function, package.runtime
                )));
            }
            continue;
        };
        let usual: &mut u16 = next.entry(usual).or_insert(usual);
        let wanted = target.port.unwrap_or(*usual);
        let bound = serve::bind(LOOPBACK, wanted).await;
        let (_, address) = bound.map_err(|error| {
            Failure::new(format!(
                "the debugger of `{0}`: {error}\n  = help: name another port: --debug {0}=PORT",
                target.function
            ))
        })?;
        if target.port.is_none() {
            *usual = wanted.saturating_add(1);
        }
        target.port = Some(address.port());
    }
    Ok(())
}

fn kind(package: &Package) -> DebuggerKind {
    match package.runtime.as_str() {
        _ if package.program.is_some() => DebuggerKind::Process,
        runtime if runtime.starts_with("python") => DebuggerKind::Debugpy,
        runtime if runtime.starts_with("nodejs") => DebuggerKind::Inspector,
        _ => DebuggerKind::Process,
    }
}

/// Puts a function under its debugger, if it has one: its command listens on the port, and its timeouts are off.
pub(super) async fn apply(
    targets: &[DebugTarget],
    function: &mut Function,
    package: &Package,
    machine: &mut Machine,
) -> Result<(), PackagingError> {
    let Some(target) = targets.iter().find(|target| target.is(function)) else { return Ok(()) };
    function.has_timeouts = false;
    function.debugger = Some(match target.port {
        None => Debugger::Process,
        Some(port) => {
            let listening = Listening { port, waits: target.waits };
            let command = function.command.clone();
            let command =
                debugger::under_debugger(kind(package), package, command, listening, machine);
            Debugger::Port { port, command: command.await? }
        }
    });
    Ok(())
}

/// The addresses of the debuggers that the first invocations wait for, one line each.
pub(super) fn waiting_line(functions: &[Function]) -> Option<String> {
    let debuggers = addresses(functions);
    let listens = debuggers.iter().filter_map(|(function, address)| {
        Some(format!("{function} waits for a debugger on {}", address.as_deref()?))
    });
    let lines = listens.collect::<Vec<_>>().join("\n");
    Some(lines).filter(|lines| !lines.is_empty())
}

/// The addresses of the debuggers, by the logical id of the function; `None` where a debugger attaches by process id.
pub(super) fn addresses(functions: &[Function]) -> IndexMap<&str, Option<String>> {
    let address = |debugger: &Debugger| match debugger {
        Debugger::Port { port, .. } => Some(format!("127.0.0.1:{port}")),
        Debugger::Process => None,
    };
    let debugged = functions.iter();
    let debugged = debugged.filter_map(|function| Some((function, function.debugger.as_ref()?)));
    debugged.map(|(function, it)| (function.logical_id.as_str(), address(it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_function_with_or_without_a_port() {
        let target = |text: &str| text.parse::<DebugTarget>().map(|it| (it.function, it.port));
        assert_eq!(target("Hello"), Ok(("Hello".to_owned(), None)));
        assert_eq!(target("Hello=5678"), Ok(("Hello".to_owned(), Some(5678))));
        assert_eq!(target("Hello=0"), Ok(("Hello".to_owned(), Some(0))));
        for text in ["", "=5678", "Hello=", "Hello=x", "Hello=65536"] {
            assert_eq!(target(text), Err(InvalidTarget), "{text}");
        }
    }
}
