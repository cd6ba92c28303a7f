//! What jobs cost, as ratios measured in one run: the hand-over from one generation to the next, as times of a plain
//! asynchronous invocation; an export, as times of a plain loop that fetches the same pages and puts the same object.
//!
//! Nothing here fails for being slow. The table goes to standard error, the figures as JSON to standard output.

mod plain;
mod stage;

use std::io::{self, Write as _};
use std::time::Duration;

use hardcap::Clock;
use hardcap_tests::search::Index;
use serde_json::json;
use stage::{Events, Export, Stage};

/// How often everything is measured; what is shown is the median.
const TURNS: usize = 5;
/// Pages of an export of many generations, one each.
const GENERATIONS: u64 = 60;
/// How many plain invocations make a measurement.
const INVOCATIONS: u32 = 100;
/// The documents of the large export: 180 MB.
const DOCUMENTS: u64 = 20_000;
const DOCUMENT_BYTES: usize = 9_000;
const PAGE: u64 = 500;

#[derive(Debug, Default)]
struct Figures {
    invocation: Vec<Duration>,
    inline: Vec<Duration>,
    by_reference: Vec<Duration>,
    plain: Vec<Duration>,
    export: Vec<Duration>,
    bytes: u64,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut figures = Figures::default();
    for turn in 1..=TURNS {
        eprintln!("turn {turn} of {TURNS} …");
        hand_overs(&mut figures).await?;
        exports(&mut figures).await?;
    }
    figures.print()
}

async fn hand_overs(figures: &mut Figures) -> io::Result<()> {
    let clock = Clock::default();
    // A page is a step, for it has more bytes than a part has to have.
    let index = || Index::new("logs", GENERATIONS, 4_000);
    let export = |events, steps| Export { index: index(), page: 1, part: 3_000, events, steps };
    let at_once = Stage::start(export(Events::Inline, u64::MAX)).await?;
    at_once.invoke(10).await?;
    let watch = clock.stopwatch();
    at_once.invoke(INVOCATIONS).await?;
    figures.invocation.push(watch.elapsed() / INVOCATIONS);
    let (alone, _) = at_once.export().await?;
    for (events, took) in
        [(Events::Inline, &mut figures.inline), (Events::ByReference, &mut figures.by_reference)]
    {
        let many = Stage::start(export(events, 1)).await?;
        let (all, job) = many.export().await?;
        let generations = job["generation"].as_u64().and_then(|number| u32::try_from(number).ok());
        let hand_overs = generations
            .filter(|number| *number > 1)
            .ok_or_else(|| io::Error::other(format!("an export of one generation: {job}")))?
            - 1;
        took.push(all.saturating_sub(alone) / hand_overs);
    }
    Ok(())
}

async fn exports(figures: &mut Figures) -> io::Result<()> {
    let index = || Index::new("logs", DOCUMENTS, DOCUMENT_BYTES);
    let (part, steps) = (8 * 1024 * 1024, u64::MAX);
    let stage =
        Stage::start(Export { index: index(), page: PAGE, part, events: Events::Inline, steps })
            .await?;
    // The functions run, and have met everything.
    stage.export_of("nothing-*").await?;
    let (took, job) = stage.export().await?;
    figures.export.push(took);
    let (plain, bytes) = plain::export(&stage, index(), PAGE).await?;
    figures.plain.push(plain);
    figures.bytes = bytes;
    if job["result"]["bytes"] != json!(bytes) {
        return Err(io::Error::other(format!("not the {bytes} bytes of the plain loop: {job}")));
    }
    Ok(())
}

impl Figures {
    fn print(mut self) -> io::Result<()> {
        let [invocation, inline, by_reference, plain, export] = [
            &mut self.invocation,
            &mut self.inline,
            &mut self.by_reference,
            &mut self.plain,
            &mut self.export,
        ]
        .map(|times| millis(times));
        let megabytes = Duration::from_micros(self.bytes).as_secs_f64();
        let rows = [
            ("asynchronous invocation", invocation, None),
            ("hand-over, state inline", inline, Some(inline / invocation)),
            ("hand-over, by reference", by_reference, Some(by_reference / invocation)),
            ("plain loop", plain, None),
            ("export", export, Some(export / plain)),
        ];
        eprintln!("\n{:<28}{:>15}{:>10}", "", "", "times");
        for (name, millis, times) in rows {
            let times = times.map_or_else(String::new, |times| format!("{times:>10.2}"));
            eprintln!("{name:<28}{millis:>12.2} ms{times}");
        }
        eprintln!("{megabytes:.0} MB: export {:.0} MB/s", megabytes / export * 1_000.0);
        let figures = json!({
            "asynchronous_invocation_ms": invocation,
            "hand_over": {
                "inline_ms": inline, "inline_times": inline / invocation,
                "by_reference_ms": by_reference, "by_reference_times": by_reference / invocation,
            },
            "export": {
                "bytes": self.bytes, "plain_loop_ms": plain, "export_ms": export, "times": export / plain,
            },
        });
        writeln!(io::stdout(), "{figures}")
    }
}

/// The median.
fn millis(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}
