//! The measurement: every load on every subject, by turns.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use hardcap::Clock;
use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use crate::crowd::{self, Crowd};
use crate::function::REST_BYTES;
use crate::load::{LARGE_BYTES, Load, SMALL_BYTES, Work};
use crate::subject::{self, Setup, Subject, SubjectKind};

/// How often the subjects take turns.
const TURNS: usize = 5;
const OBJECT_TURNS: usize = 3;
/// The time that a turn may take. A subject that takes longer does not answer.
const TURN_WITHIN: Millis = Millis(60_000);
/// The starts of which the median is taken.
const STARTS: usize = 5;
/// The invocations with a large event before the memory is read again.
const LARGE_CALLS: usize = 1_000;

const LOADS: [Load; 5] = [
    Load { name: "1 KB, 1 client", calls: 1_000, ..Load::SMALL },
    Load { name: "1 KB, 16 clients", clients: 16, calls: 100, ..Load::SMALL },
    Load { name: "1 KB, 64 clients", clients: 64, calls: 25, ..Load::SMALL },
    Load { name: "6 MB event", calls: 20, event: LARGE_BYTES, ..Load::SMALL },
    Load { name: "6 MB response", calls: 20, response: LARGE_BYTES, ..Load::SMALL },
];
/// A binary body in both directions through a REST API: as much as fits.
const REST: Load = Load::object("REST, 4.7 MB in and out", Work::Rest, REST_BYTES, 20);
const OBJECT_BYTES: usize = 100_000_000;
const OBJECTS: [Load; 4] = [
    Load::object("PUT of 1 KB", Work::Put, SMALL_BYTES, 500),
    Load::object("GET of 1 KB", Work::Get, SMALL_BYTES, 500),
    Load::object("PUT of 100 MB", Work::Put, OBJECT_BYTES, 2),
    Load::object("GET of 100 MB", Work::Get, OBJECT_BYTES, 2),
];
const SIZES: [usize; 6] = [64, SMALL_BYTES, 10_000, 100_000, 1_000_000, LARGE_BYTES];
const OBJECT_SIZES: [usize; 6] = [1, SMALL_BYTES, 100_000, 1_000_000, 10_000_000, OBJECT_BYTES];
const CLIENTS: [usize; 6] = [1, 4, 16, 64, 250, 1_000];

/// Milliseconds: the median of all calls, and the lowest and the highest median of a turn.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Time {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

/// What one subject needed for a load, or why there is no number.
pub(crate) type Outcome = Result<Time, String>;

/// By subject: milliseconds, and bytes of memory afterwards.
pub(crate) type Points = BTreeMap<String, (f64, u64)>;

/// Everything that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) machine: String,
    pub(crate) versions: BTreeMap<String, String>,
    /// By load, then by subject.
    pub(crate) loads: Vec<(String, BTreeMap<String, Outcome>)>,
    /// The same for objects.
    pub(crate) objects: Vec<(String, BTreeMap<String, Outcome>)>,
    /// By subject.
    pub(crate) processes: BTreeMap<String, Process>,
    pub(crate) binary_bytes: u64,
    /// By the size of the event in bytes.
    pub(crate) sizes: Vec<(usize, Points)>,
    /// By the size of an object that is put.
    pub(crate) object_sizes: Vec<(usize, Points)>,
    /// By the number of clients.
    pub(crate) clients: Vec<(usize, Points)>,
    /// A thousand functions.
    pub(crate) crowd: Crowd,
    pub(crate) seconds: u64,
}

/// The start and the memory of a subject's process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) ready_ms: f64,
    pub(crate) idle_bytes: u64,
    /// A second after [`LARGE_CALLS`] large events; `None` if it did not answer them.
    pub(crate) afterwards_bytes: Option<u64>,
}

/// Measures everything.
pub(crate) async fn all(peers: &Path) -> io::Result<Figures> {
    let watch = Clock::default().stopwatch();
    let installed = |kinds: [SubjectKind; 4]| -> Vec<SubjectKind> {
        kinds.into_iter().filter(|kind| kind.is_installed(peers)).collect()
    };
    let (kinds, stores) = (installed(SubjectKind::FUNCTIONS), installed(SubjectKind::STORES));
    let (mut loads, mut objects) = (Vec::new(), Vec::new());
    for load in LOADS {
        eprintln!("{} …", load.name);
        let row = row(&kinds, peers, load, TURNS).await?;
        loads.push((load.name.to_owned(), times(row)));
    }
    eprintln!("{} …", REST.name);
    let rest = row(&[SubjectKind::Floor, SubjectKind::Hardcap], peers, REST, TURNS).await?;
    loads.push((REST.name.to_owned(), times(rest)));
    for load in OBJECTS {
        eprintln!("{} …", load.name);
        let row = row(&stores, peers, load, OBJECT_TURNS).await?;
        objects.push((load.name.to_owned(), times(row)));
    }
    let own = [SubjectKind::Floor, SubjectKind::Hardcap];
    let (mut sizes, mut clients) = (Vec::new(), Vec::new());
    for event in SIZES {
        eprintln!("an event of {event} bytes …");
        let calls = (20_000_000 / event).clamp(20, 500);
        let row = row(&own, peers, Load { event, calls, ..Load::SMALL }, 2).await?;
        sizes.push((event, points(row)));
    }
    for number in CLIENTS {
        eprintln!("{number} clients …");
        let load = Load { clients: number, calls: (1_000 / number).max(4), ..Load::SMALL };
        clients.push((number, points(row(&own, peers, load, 2).await?)));
    }
    let mut object_sizes = Vec::new();
    for size in OBJECT_SIZES {
        eprintln!("an object of {size} bytes …");
        let load = Load::object("", Work::Put, size, (10_000_000 / size).clamp(2, 200));
        let row = row(&[SubjectKind::Plain, SubjectKind::Hardcap], peers, load, 2).await?;
        object_sizes.push((size, points(row)));
    }
    let mut processes = BTreeMap::new();
    for &kind in &kinds {
        eprintln!("start and memory of {} …", kind.name());
        processes.insert(kind.name().to_owned(), process(kind, peers).await?);
    }
    eprintln!("a thousand functions …");
    let crowd = crowd::measure().await?;
    Ok(Figures {
        machine: machine(),
        versions: versions(kinds.iter().chain(&stores), peers).await,
        loads,
        objects,
        processes,
        binary_bytes: std::fs::metadata(subject::hardcap_binary())?.len(),
        sizes,
        object_sizes,
        clients,
        crowd,
        seconds: watch.elapsed().as_secs(),
    })
}

/// What a subject needed: the time, and its memory afterwards.
type Row = BTreeMap<String, Result<(Time, u64), String>>;

fn times(row: Row) -> BTreeMap<String, Outcome> {
    row.into_iter().map(|(name, it)| (name, it.map(|(time, _)| time))).collect()
}

fn points(row: Row) -> Points {
    let points = row.into_iter().filter_map(|(name, it)| {
        let (time, bytes) = it.inspect_err(|error| eprintln!("{name}: {error}")).ok()?;
        Some((name, (time.median, bytes)))
    });
    points.collect()
}

/// One load on every subject. The first turn starts the sandboxes, and is not counted.
async fn row(kinds: &[SubjectKind], peers: &Path, load: Load, turns: usize) -> io::Result<Row> {
    struct Running {
        subject: Subject,
        took: Vec<Duration>,
        medians: Vec<f64>,
        failure: Option<String>,
    }
    let setup = Setup { peers, functions: load.clients, work: load.work };
    let mut all = Vec::new();
    for &kind in kinds {
        let (subject, _) = Subject::start(kind, setup).await?;
        all.push(Running { subject, took: Vec::new(), medians: Vec::new(), failure: None });
    }
    for turn in 0..=turns {
        for it in all.iter_mut().filter(|it| it.failure.is_none()) {
            match in_time(load, &it.subject).await {
                Ok(took) if turn > 0 => {
                    it.medians.push(median(&took));
                    it.took.extend(took);
                }
                Ok(_) => {}
                Err(error) => it.failure = Some(error.to_string()),
            }
        }
    }
    let mut row = Row::new();
    for it in all {
        let name = it.subject.kind.name().to_owned();
        let outcome = match (it.failure, it.subject.resident()) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(error.to_string()),
            (None, Ok(bytes)) => {
                let lowest = it.medians.iter().copied().fold(f64::INFINITY, f64::min);
                let highest = it.medians.iter().copied().fold(0.0, f64::max);
                Ok((Time { median: median(&it.took), lowest, highest }, bytes))
            }
        };
        it.subject.stop().await?;
        row.insert(name, outcome);
    }
    Ok(row)
}

async fn in_time(load: Load, subject: &Subject) -> io::Result<Vec<Duration>> {
    let turn = Clock::default().timeout(TURN_WITHIN, load.run(&subject.target)).await;
    turn.unwrap_or_else(|| {
        Err(io::Error::other(format!("no answer within {} s", TURN_WITHIN.0 / 1_000)))
    })
}

async fn process(kind: SubjectKind, peers: &Path) -> io::Result<Process> {
    let setup = Setup { peers, functions: 1, work: Work::Invoke };
    let mut starts = Vec::new();
    for _ in 1..STARTS {
        let (subject, took) = Subject::start(kind, setup).await?;
        subject.stop().await?;
        starts.push(took);
    }
    let (subject, took) = Subject::start(kind, setup).await?;
    starts.push(took);
    starts.sort_unstable_by(f64::total_cmp);
    Clock::default().pause(Duration::from_secs(1)).await;
    let idle_bytes = subject.resident()?;
    let load = Load { calls: LARGE_CALLS / 10, event: LARGE_BYTES, ..Load::SMALL };
    let mut answered = true;
    for _ in 0..10 {
        answered = answered && in_time(load, &subject).await.is_ok();
    }
    Clock::default().pause(Duration::from_secs(1)).await;
    let afterwards_bytes = answered.then(|| subject.resident()).transpose()?;
    subject.stop().await?;
    Ok(Process { ready_ms: starts[starts.len() / 2], idle_bytes, afterwards_bytes })
}

pub(crate) fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}

/// Processor and system, as the kernel names them.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores, {}, Linux {}", model.unwrap_or("unknown processor"), kernel.trim())
}

async fn versions(
    kinds: impl Iterator<Item = &SubjectKind>,
    peers: &Path,
) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for kind in kinds {
        versions.insert(kind.name().to_owned(), kind.version(peers).await);
    }
    versions
}
