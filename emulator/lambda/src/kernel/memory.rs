//! The memory use of a sandbox, as the kernel counts it.
//!
//! The measured unit is a process with its descendants. A page that several of them share counts once, as in a control group:
//! a fork copies no memory until one of the two writes to it. A control group limits what can happen between two samples
//! (`control_group.rs`), but its count includes the files in `/tmp`, which are not memory on AWS. Sampling works on every
//! Linux. Elsewhere the memory is unknown, and its limit is not enforced.

/// The memory of a process and its descendants, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The current memory.
    pub(crate) resident: u64,
    /// The maximum: the current memory, and what each process has given back since its own maximum.
    pub(crate) peak: u64,
}

/// The memory of a process and its descendants; `None` if it has ended, or if the system provides no numbers.
#[cfg(target_os = "linux")]
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let mut usages = vec![(pid, of_process(pid)?)];
    let mut ancestors = vec![pid];
    // A process that forks faster than this loop reads must not keep it busy forever.
    let mut left = 1024;
    while let Some(parent) = ancestors.pop() {
        for child in children(parent) {
            if left == 0 {
                return total(&usages);
            }
            left -= 1;
            if let Some(usage) = of_process(child) {
                usages.push((child, usage));
                ancestors.push(child);
            }
        }
    }
    total(&usages)
}

/// The memory of a process, the first one, and its descendants.
///
/// The proportional size (PSS) of a page is divided by the number of processes that have it. Programs of other sandboxes may have
/// the same libraries, so the sum can be less than what the first process has alone.
#[cfg(target_os = "linux")]
fn total(usages: &[(u32, Usage)]) -> Option<Usage> {
    let (_, first) = *usages.first()?;
    if usages.len() == 1 {
        return Some(first);
    }
    let size = |&(pid, usage): &(u32, Usage)| proportional(pid).unwrap_or(usage.resident);
    let resident = usages.iter().map(size).sum::<u64>().max(first.resident);
    let given_back = usages.iter().map(|(_, usage)| usage.peak.saturating_sub(usage.resident));
    Some(Usage { resident, peak: resident + given_back.sum::<u64>() })
}

/// The proportional size of a process in bytes; `None` if it has ended, or if it may not be read.
#[cfg(target_os = "linux")]
fn proportional(pid: u32) -> Option<u64> {
    parse_proportional(&std::fs::read(format!("/proc/{pid}/smaps_rollup")).ok()?)
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
    parse_status(&status[..length])
}

/// The page faults of a process, with all its threads. A process without a new one has no more memory than before, and this
/// number costs a quarter of what [`of_process`] costs, because its file stays open.
#[derive(Debug)]
pub(super) struct PageFaults {
    #[cfg(target_os = "linux")]
    stat: Option<std::fs::File>,
}

#[cfg(target_os = "linux")]
impl PageFaults {
    /// Those of this process.
    pub(super) fn of(pid: u32) -> PageFaults {
        PageFaults { stat: std::fs::File::open(format!("/proc/{pid}/stat")).ok() }
    }

    /// Their number; `None` if the process has ended.
    pub(super) fn count(&self) -> Option<u64> {
        let mut stat = [0; STAT_BYTES];
        let length = rustix::io::pread(self.stat.as_ref()?, &mut stat, 0).ok()?;
        parse_stat(&stat[..length])
    }
}

/// Only Linux provides this number.
#[cfg(not(target_os = "linux"))]
impl PageFaults {
    pub(super) fn of(_pid: u32) -> PageFaults {
        PageFaults {}
    }

    pub(super) fn count(&self) -> Option<u64> {
        None
    }
}

/// The size of a buffer that contains the beginning of `/proc/PID/stat` up to the page faults.
#[cfg(target_os = "linux")]
const STAT_BYTES: usize = 512;

/// Fields 10 and 12, `minflt` and `majflt` (man page proc_pid_stat). The name before them may contain anything.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
    let minor: u64 = fields.nth(7)?.parse().ok()?;
    let major: u64 = fields.nth(1)?.parse().ok()?;
    Some(minor + major)
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
fn parse_status(status: &[u8]) -> Option<Usage> {
    let mut lines = status.split(|&byte| byte == b'\n');
    // The kernel writes the lines in this order.
    let mut field = |name: &[u8]| bytes(lines.find_map(|line| line.strip_prefix(name))?);
    let peak = field(b"VmHWM:")?;
    Some(Usage { resident: field(b"VmRSS:")?, peak })
}

#[cfg(target_os = "linux")]
fn parse_proportional(rollup: &[u8]) -> Option<u64> {
    let mut lines = rollup.split(|&byte| byte == b'\n');
    bytes(lines.find_map(|line| line.strip_prefix(b"Pss:"))?)
}

/// The value of a line, which the kernel writes as `  5120 kB`, in bytes.
#[cfg(target_os = "linux")]
fn bytes(value: &[u8]) -> Option<u64> {
    let kib = std::str::from_utf8(value).ok()?.trim().strip_suffix("kB")?.trim();
    Some(kib.parse::<u64>().ok()? * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn the_numbers_of_the_kernel_are_parsed() {
        let status = b"Name:\tguest\nVmPeak:\t  9999 kB\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\nThreads:\t1\n";
        let expected = Usage { resident: 4096 * 1024, peak: 5120 * 1024 };
        assert_eq!(parse_status(status), Some(expected));
        assert_eq!(
            parse_status(b"Name:\tzombie\n"),
            None,
            "a process that has ended has no memory"
        );
        assert_eq!(parse_children("12 34 \n"), [12, 34]);
    }

    #[test]
    fn the_page_faults_are_the_sum_of_minor_and_major_ones_for_every_process_name() {
        let stat = b"42 (a) b) S 1 42 42 0 -1 4194560 1503 99 7 98 12 30 0 0 20 0 5 0 9119 2306";
        assert_eq!(parse_stat(stat), Some(1510));
        assert_eq!(parse_stat(b"42 (a) S 1 42"), None);
    }

    #[test]
    fn memory_that_is_touched_for_the_first_time_is_a_page_fault() {
        let faults = PageFaults::of(std::process::id());
        let before = faults.count().unwrap();
        std::hint::black_box(vec![1_u8; 64 * 1024 * 1024]);
        assert!(faults.count().unwrap() > before);
    }

    #[test]
    fn memory_that_forks_share_counts_once() {
        // A variable of 32 MB, and four subshells that have a copy of it and write nothing to it.
        const SHELL: &str = "x=$(head -c 32000000 /dev/zero | tr '\\0' x)
            exec 3<&0
            for each in 1 2 3 4; do (read line <&3; : \"$x\") & done
            echo forked; read line";
        #[expect(clippy::disallowed_methods, reason = "a program that forks is measured")]
        let mut shell = std::process::Command::new("sh")
            .args(["-c", SHELL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut forked = [0; 7];
        shell.stdout.take().unwrap().read_exact(&mut forked).unwrap();
        let processes = children(shell.id());
        let each: u64 = processes.iter().map(|&pid| of_process(pid).unwrap().resident).sum();
        let all = usage(shell.id()).unwrap();
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!(processes.len(), 4);
        assert!(each > 4 * 32_000_000, "{each} bytes in the forks");
        assert!(all.resident > 32_000_000 && all.resident < each / 2, "{all:?}, {each}");
        assert!(all.peak >= all.resident, "{all:?}");
    }

    #[test]
    fn only_a_running_process_has_a_memory_use() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.resident > 0 && own.peak >= own.resident, "{own:?}");
        assert_eq!(usage(u32::MAX), None);
    }
}
