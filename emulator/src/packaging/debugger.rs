//! Commands under a debugger: debugpy for Python, the inspector for Node. To other programs a debugger attaches by process id.

use std::ffi::OsString;
use std::path::PathBuf;

use super::machine::Machine;
use super::{Found, Package, PackagingError, python};

/// The debugger of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebuggerKind {
    /// debugpy, which speaks the Debug Adapter Protocol.
    Debugpy,
    /// Node's inspector, which speaks the Chrome DevTools Protocol.
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
            Found::Command(_) | Found::Cargo(_) => DebuggerKind::Process,
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
    port: u16,
    machine: &mut Machine,
) -> Result<Vec<OsString>, PackagingError> {
    match kind {
        DebuggerKind::Process => {}
        DebuggerKind::Inspector => {
            command.insert(1, format!("--inspect=127.0.0.1:{port}").into());
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
            command = python::under_debugpy(command, port);
        }
    }
    Ok(command)
}
