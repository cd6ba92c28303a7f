//! File descriptors: the limit of this process, and the number of sandboxes that it allows.

use std::io;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The descriptors of one sandbox and its request: a listener and a connection of the Runtime API, a pipe, a process and its
/// status, two namespaces, the client's connection, and a connection from the function to the AWS APIs.
const OF_A_SANDBOX: u64 = 9;
/// The descriptors of the emulator itself: listeners, stores, logs and some connections.
const OF_THE_EMULATOR: u64 = 128;

/// The soft limit at the start of the program. Child programs get it.
static STARTED_WITH: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit to the hard limit. Only the program `hardcap` calls this function: the library does not change the
/// limits of its process. Child programs get the limit that hardcap was started with ([`started_with`]), functions get 1,024
/// (row `lambda_file_descriptors`).
pub fn raise() {
    let limit = *STARTED_WITH.get_or_init(|| getrlimit(Resource::Nofile));
    if limit.current != limit.maximum {
        // If this fails, as on macOS above OPEN_MAX, the soft limit stays.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// The limit for child programs; `None` if hardcap has not changed its own.
pub fn started_with() -> Option<Rlimit> {
    STARTED_WITH.get().copied()
}

/// The maximum number of concurrent sandboxes. It is below the concurrency limit only if descriptors are scarce.
pub fn sandboxes_max() -> u64 {
    sandboxes_of(getrlimit(Resource::Nofile).current)
}

fn sandboxes_of(limit: Option<u64>) -> u64 {
    limit.map_or(u64::MAX, |limit| (limit.saturating_sub(OF_THE_EMULATOR) / OF_A_SANDBOX).max(1))
}

/// The limit in force and the command that raises it, for messages.
pub fn advice() -> String {
    let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |it| it.to_string());
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    format!(
        "The limit of open files, RLIMIT_NOFILE, is {} (hard limit {}): raise it with `ulimit -n`",
        shown(current),
        shown(maximum)
    )
}

/// A lack of a resource of the machine, which may pass: what is missing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Shortage(pub String);

/// The shortage that an error reports; `None` for an error that a retry would not avoid.
pub fn shortage(error: &io::Error) -> Option<Shortage> {
    let missing = match Errno::from_raw_os_error(error.raw_os_error()?) {
        Errno::MFILE => format!("hardcap has run out of file descriptors. {}", advice()),
        Errno::NFILE => "the machine has run out of file descriptors (fs.file-max)".to_owned(),
        Errno::NOMEM => format!("the machine has run out of memory: {error}"),
        Errno::AGAIN => {
            format!("the machine cannot start another process (RLIMIT_NPROC or pids.max): {error}")
        }
        _ => return None,
    };
    Some(Shortage(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_hard_limits_allow_a_thousand_sandboxes_and_a_small_one_allows_few() {
        for (limit, sandboxes) in [
            (None, u64::MAX),
            (Some(1_048_576), 116_494),
            (Some(20_000), 2_208),
            (Some(9_128), 1_000),
            (Some(9_127), 999),
            (Some(1_024), 99),
            (Some(137), 1),
            (Some(0), 1),
        ] {
            assert_eq!(sandboxes_of(limit), sandboxes, "{limit:?}");
        }
    }

    #[test]
    fn only_a_temporary_lack_of_resources_is_a_shortage() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN] {
            assert!(shortage(&errno.into()).is_some(), "{errno:?}");
        }
        for errno in [Errno::PERM, Errno::NOSYS, Errno::INVAL, Errno::ACCESS, Errno::NOENT] {
            assert_eq!(shortage(&errno.into()), None, "{errno:?}");
        }
        assert!(shortage(&Errno::MFILE.into()).unwrap().0.contains("RLIMIT_NOFILE"));
    }
}
