//! What hardcap costs, as times of a floor: the least server that plays the Runtime API for the same function.
//!
//! Everything is measured in one run, floor and hardcap by turns, so that a busy machine slows both. Nothing here fails for
//! being slow. The table goes to standard error, the medians as JSON to standard output.
//!
//! This program plays three parts: without arguments it measures; with `floor FUNCTIONS` it is the floor; with `function`
//! it is the function that both of them run.

mod figures;
mod floor;
mod function;
mod load;
mod subject;

use std::io::{self, Write as _};

use figures::{Figures, Ratio};
use load::{LARGE_BYTES, Load, SMALL_BYTES};
use subject::Subject;

/// How often floor and hardcap take turns.
const TURNS: usize = 5;

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["function"] => function::run().await,
        ["floor", functions] => {
            let functions = functions.parse().map_err(io::Error::other)?;
            floor::run(functions).await
        }
        [] => measure().await,
        other => Err(io::Error::other(format!("{other:?} is no part of this program"))),
    }
}

async fn measure() -> io::Result<()> {
    let loads = [
        Load {
            name: "1 KB, 1 client",
            clients: 1,
            calls: 1_000,
            event: SMALL_BYTES,
            answer: SMALL_BYTES,
        },
        Load {
            name: "1 KB, 16 clients",
            clients: 16,
            calls: 4_000,
            event: SMALL_BYTES,
            answer: SMALL_BYTES,
        },
        Load { name: "6 MB event", clients: 1, calls: 40, event: LARGE_BYTES, answer: SMALL_BYTES },
        Load {
            name: "6 MB response",
            clients: 1,
            calls: 40,
            event: SMALL_BYTES,
            answer: LARGE_BYTES,
        },
    ];
    let mut figures = Figures::default();
    for load in loads {
        eprintln!("{} …", load.name);
        let floor = Subject::floor(load.clients).await?;
        let hardcap = Subject::hardcap().await?;
        let (mut of_floor, mut of_hardcap) = (Vec::new(), Vec::new());
        // The first turn starts the sandboxes, and is not counted.
        load.run(&floor).await?;
        load.run(&hardcap).await?;
        for _ in 0..TURNS {
            of_floor.extend(load.run(&floor).await?);
            of_hardcap.extend(load.run(&hardcap).await?);
        }
        floor.stop().await?;
        hardcap.stop().await?;
        figures.ratios.push(Ratio::of(load.name, &mut of_floor, &mut of_hardcap));
    }
    eprintln!("memory, start …");
    figures.copies_of_a_response = copies(Load { answer: LARGE_BYTES, ..Load::small() }).await?;
    figures.copies_of_an_event = copies(Load { event: LARGE_BYTES, ..Load::small() }).await?;
    figures.started_ms = subject::start_times(10).await?;
    figures.idle_bytes = idle().await?;
    figures.binary_bytes = std::fs::metadata(subject::hardcap_binary())?.len();
    eprint!("{figures}");
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", figures.json())
}

/// How much memory hardcap's peak grows by in one call with a large body, in bodies.
async fn copies(load: Load) -> io::Result<f64> {
    let hardcap = Subject::hardcap().await?;
    Load { calls: 20, ..Load::small() }.run(&hardcap).await?;
    hardcap.forget_peak()?;
    let before = hardcap.resident()?;
    load.run(&hardcap).await?;
    let grown = hardcap.peak()?.saturating_sub(before);
    hardcap.stop().await?;
    #[expect(clippy::cast_precision_loss, reason = "megabytes are far below the precision")]
    Ok(grown as f64 / LARGE_BYTES as f64)
}

async fn idle() -> io::Result<u64> {
    let hardcap = Subject::hardcap().await?;
    let resident = hardcap.resident()?;
    hardcap.stop().await?;
    Ok(resident)
}
