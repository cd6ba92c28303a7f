//! Commands under a debugger: debugpy for Python, the inspector for Node. A debugger attaches to other programs by process id.

use std::ffi::OsString;
use std::path::PathBuf;

use super::machine::Machine;
use super::{Found, Package, PackagingError, python};

/// The debugger of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebuggerKind {
    /// debugpy, with the Debug Adapter Protocol.
    Debugpy,
    /// Node's inspector, with the Chrome DevTools Protocol.
    Inspector,
    /// A debugger for native programs, such as lldb or gdb.
    Process,
}

impl DebuggerKind {
    /// The debugger for a program.
    #[must_use]
    pub fn of(found: &Found) -> DebuggerKind {
        match found {
            Found::Python => DebuggerKind::Debugpy,
            Found::Node => DebuggerKind::Inspector,
            Found::Command(_) | Found::Cargo(_) | Found::Image(_) => DebuggerKind::Process,
        }
    }

    /// The port that its clients try first; `None` if it has no port.
    #[must_use]
    pub fn usual_port(self) -> Option<u16> {
        match self {
            DebuggerKind::Debugpy => Some(5678),
            DebuggerKind::Inspector => Some(9229),
            DebuggerKind::Process => None,
        }
    }
}

/// The debugger's port of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The port of the loopback interface.
    pub port: u16,
    /// Whether the program waits for a debugger before it loads the function.
    pub waits: bool,
}

/// The first versions of Node with `--inspect-wait`, by their major version (<https://nodejs.org/api/cli.html#--inspect-waithostport>).
const INSPECT_WAIT: [(u32, u32); 2] = [(20, 15), (22, 2)];

/// The command of a resolved Python or Node function, changed so that the program listens for a debugger on a port of the
/// loopback interface. The command of another program stays as it is.
///
/// # Errors
///
/// [`PackagingError`] if the function's Python does not have debugpy.
pub async fn under_debugger(
    kind: DebuggerKind,
    package: &Package,
    mut command: Vec<OsString>,
    Listening { port, waits }: Listening,
    machine: &mut Machine,
) -> Result<Vec<OsString>, PackagingError> {
    match kind {
        DebuggerKind::Process => {}
        DebuggerKind::Inspector => {
            let node = PathBuf::from(command.first().cloned().unwrap_or_default());
            let option = if !waits {
                "--inspect"
            } else if machine.node(&node).await.is_some_and(has_inspect_wait) {
                "--inspect-wait"
            } else {
                // It waits too, and then stops at the first line of the runtime.
                "--inspect-brk"
            };
            command.insert(1, format!("{option}=127.0.0.1:{port}").into());
        }
        DebuggerKind::Debugpy => {
            let python = PathBuf::from(command.first().cloned().unwrap_or_default());
            let in_code = package.task_root().join("debugpy/__init__.py").is_file();
            if !in_code && !machine.has_debugpy(&python).await {
                let program = python.display();
                return Err(PackagingError::new(
                    format!(
                        "`--debug {}` needs debugpy, which {program} does not have",
                        package.logical_id
                    ),
                    format!("{program} -m pip install debugpy"),
                ));
            }
            command = python::under_debugpy(command, port, waits);
        }
    }
    Ok(command)
}

fn has_inspect_wait([major, minor, _]: [u32; 3]) -> bool {
    match INSPECT_WAIT.iter().find(|(of, _)| *of == major) {
        Some((_, first)) => minor >= *first,
        None => major > 22,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_waits_for_an_inspector_from_20_15_and_22_2_on() {
        for (version, expected) in [
            ([18, 20, 8], false),
            ([20, 14, 0], false),
            ([20, 15, 0], true),
            ([21, 7, 3], false),
            ([22, 1, 0], false),
            ([22, 2, 0], true),
            ([23, 0, 0], true),
        ] {
            assert_eq!(has_inspect_wait(version), expected, "{version:?}");
        }
    }
}
