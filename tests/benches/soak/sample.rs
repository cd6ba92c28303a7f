//! What the kernel says of a process, and whether it grows.

use std::fmt;
use std::io;
use std::time::Duration;

/// One look at a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Since the beginning of the run, in seconds.
    pub(crate) seconds: f64,
    /// Resident memory in KiB (`VmRSS`).
    pub(crate) memory_kib: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
    /// Threads.
    pub(crate) threads: u64,
}

impl Sample {
    /// # Errors
    ///
    /// When there is no such process any more.
    pub(crate) fn of(process: u32, since: Duration) -> io::Result<Sample> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        Ok(Sample {
            seconds: since.as_secs_f64(),
            memory_kib: number("VmRSS:"),
            descriptors: std::fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
            threads: number("Threads:"),
        })
    }
}

/// All samples, one a line.
pub(crate) fn csv(samples: &[Sample]) -> String {
    let mut text = String::from("seconds,memory_kib,descriptors,threads\n");
    for Sample { seconds, memory_kib, descriptors, threads } in samples {
        text += &format!("{seconds:.1},{memory_kib},{descriptors},{threads}\n");
    }
    text
}

/// Medians of the second and of the last tenth of a run.
#[derive(Debug)]
pub(crate) struct Growth {
    memory_kib: [u64; 2],
    descriptors: [u64; 2],
    threads: [u64; 2],
}

pub(crate) fn growth(samples: &[Sample]) -> Growth {
    let tenth = (samples.len() / 10).max(1);
    let early = &samples[tenth.min(samples.len() - 1)..(2 * tenth).min(samples.len())];
    let late = &samples[samples.len() - tenth..];
    let both = |of: fn(&Sample) -> u64| [median(early, of), median(late, of)];
    Growth {
        memory_kib: both(|sample| sample.memory_kib),
        descriptors: both(|sample| sample.descriptors),
        threads: both(|sample| sample.threads),
    }
}

fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

impl Growth {
    pub(crate) fn is_flat(&self) -> bool {
        let [early, late] = self.memory_kib;
        late <= early + early / 4
            && self.descriptors[1] <= self.descriptors[0] + 16
            && self.threads[1] <= self.threads[0] + 16
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Growth { memory_kib: [m1, m2], descriptors: [d1, d2], threads: [t1, t2] } = self;
        write!(
            f,
            "second tenth to last tenth: {m1} to {m2} KiB, {d1} to {d2} descriptors, {t1} to {t2} threads"
        )
    }
}
