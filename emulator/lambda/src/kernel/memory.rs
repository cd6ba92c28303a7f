//! The memory use of a sandbox, as the kernel counts it.
//!
//! The measured unit is a process with its descendants. A control group limits what can happen between two samples
//! (`control_group.rs`), but its count includes the files in `/tmp`, which are not memory on AWS. Sampling works on every
//! Linux. Elsewhere the memory is unknown, and its limit is not enforced.

/// The memory of a process and its descendants, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The current memory.
    pub(crate) resident: u64,
    /// The sum of each process's maximum.
    pub(crate) peak: u64,
}

/// The memory of a process and its descendants; `None` if it has ended, or if the system provides no numbers.
#[cfg(target_os = "linux")]
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let mut total = of_process(pid)?;
    let mut ancestors = vec![pid];
    // A process that forks faster than this loop reads must not keep it busy forever.
    let mut left = 1024;
    while let Some(parent) = ancestors.pop() {
        for child in children(parent) {
            if left == 0 {
                return Some(total);
            }
            left -= 1;
            if let Some(usage) = of_process(child) {
                total.resident += usage.resident;
                total.peak += usage.peak;
                ancestors.push(child);
            }
        }
    }
    Some(total)
}

/// Only Linux provides this number.
#[cfg(not(target_os = "linux"))]
pub(crate) fn usage(_pid: u32) -> Option<Usage> {
    None
}

/// Only Linux provides this number.
#[cfg(not(target_os = "linux"))]
pub(crate) fn of_process(_pid: u32) -> Option<Usage> {
    None
}

/// The memory of the process without its descendants: fast enough for the end of every invocation.
#[cfg(target_os = "linux")]
pub(crate) fn of_process(pid: u32) -> Option<Usage> {
    use std::io::Read as _;

    // One read gets all of it. `std::fs::read` would make ten system calls.
    let mut status = [0; STATUS_BYTES];
    let length = std::fs::File::open(format!("/proc/{pid}/status")).ok()?.read(&mut status).ok()?;
    parse_status(&String::from_utf8_lossy(&status[..length]))
}

/// The size of a buffer that contains the beginning of `/proc/PID/status` up to the lines about memory.
#[cfg(target_os = "linux")]
const STATUS_BYTES: usize = 4096;

#[cfg(target_os = "linux")]
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| parse_children(&list)).collect()
}

#[cfg(target_os = "linux")]
fn parse_children(list: &str) -> Vec<u32> {
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(target_os = "linux")]
fn parse_status(status: &str) -> Option<Usage> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some(Usage { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_kernel_are_parsed() {
        let status = "Name:\tguest\nVmPeak:\t  9999 kB\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\nThreads:\t1\n";
        let expected = Usage { resident: 4096 * 1024, peak: 5120 * 1024 };
        assert_eq!(parse_status(status), Some(expected));
        assert_eq!(parse_status("Name:\tzombie\n"), None, "a process that has ended has no memory");
        assert_eq!(parse_children("12 34 \n"), [12, 34]);
    }

    #[test]
    fn only_a_running_process_has_a_memory_use() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.resident > 0 && own.peak >= own.resident, "{own:?}");
        assert_eq!(usage(u32::MAX), None);
    }
}
