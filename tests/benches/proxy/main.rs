//! What the proxy costs beside what it passes on, as times of the same bytes fetched straight from the upstream and, where
//! they go through S3, put straight to it. A last load goes into the S3 of hardcap, beside a plain PUT of as many bytes.
//!
//! Everything is measured in one run, by turns, so that a busy machine slows both. The upstream and the bucket of the other
//! loads are this program's own and do next to nothing, so what is left is the proxy. Nothing here fails for being slow. The table goes to
//! standard error, the medians as JSON to standard output.

mod figures;
mod function;
#[path = "../sign.rs"]
mod sign;
mod store;
mod world;

use std::io::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use hardcap::Clock;

use figures::{Figures, Own};
use function::Function;
use store::Store;
use world::World;

const MB: usize = 1_000_000;
const LARGE: usize = 100 * MB;
const GIB: usize = 1024 * 1024 * 1024;
/// How often the process is started.
const STARTS: usize = 15;

/// One kind of answer.
struct Load {
    name: &'static str,
    path: String,
    size: usize,
    turns: usize,
    overflows: bool,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let world = World::start().await?;
    let load = |name, kind: &str, size: usize, turns, overflows| {
        let path = format!("/bytes/{kind}/{size}");
        Load { name, path, size, turns, overflows }
    };
    let loads = [
        load("1 KB, inline", "json", 1_024, 500, false),
        load("4.7 MB of binary, inline", "binary", 4_700_000, 30, false),
        load("4.7 MB of JSON, inline", "json", 4_700_000, 30, false),
        load("100 MB through S3", "binary", LARGE, 5, true),
    ];
    let mut figures = Figures::default();
    for load in loads {
        eprintln!("{} …", load.name);
        figures.own.push(measure(&world, &load).await?);
    }
    eprintln!("100 MB into hardcap's S3 …");
    figures.own.push(beside_a_plain_put(&world).await?);
    eprintln!("starts …");
    for _ in 0..STARTS {
        figures.first_answer.push(first_answer(&world).await?);
    }
    eprintln!("1 GiB …");
    figures.peak_bytes = peak(&world).await?;
    eprint!("{figures}");
    writeln!(io::stdout(), "{:#}", figures.json())
}

/// The proxy and the straight way, by turns.
async fn measure(world: &World, load: &Load) -> io::Result<Own> {
    let function = Function::start(world, world.url()).await?;
    let clock = Clock::default();
    let event = function::event(&load.path);
    let (mut proxied, mut straight) = (Vec::new(), Vec::new());
    // The first turn makes the connections, and is not counted.
    for turn in 0..=load.turns {
        let watch = clock.stopwatch();
        let answer = function.invoke(event.clone()).await?;
        let took = watch.elapsed();
        check(load, &answer)?;
        let watch = clock.stopwatch();
        let passed = if load.overflows {
            world.pass_on(&load.path).await?
        } else {
            world.fetch(&load.path).await?
        };
        let took_straight = watch.elapsed();
        if passed != load.size {
            return Err(io::Error::other(format!("{passed} bytes straight, of {}", load.size)));
        }
        if turn > 0 {
            proxied.push(took);
            straight.push(took_straight);
        }
    }
    function.stop().await?;
    Ok(Own::of(load.name, &mut straight, &mut proxied))
}

/// An overflow into the S3 of hardcap and a plain PUT of as many bytes, by turns.
async fn beside_a_plain_put(world: &World) -> io::Result<Own> {
    const TURNS: usize = 7;
    let path = format!("/bytes/binary/{LARGE}");
    let load =
        Load { name: "100 MB into hardcap's S3", path, size: LARGE, turns: TURNS, overflows: true };
    let store = Store::start().await?;
    let function = Function::start(world, store.url()).await?;
    let clock = Clock::default();
    let event = function::event(&load.path);
    let body = Bytes::from(vec![0x5a; load.size]);
    let (mut overflows, mut puts) = (Vec::new(), Vec::new());
    for turn in 0..=load.turns {
        let watch = clock.stopwatch();
        let answer = function.invoke(event.clone()).await?;
        let took = watch.elapsed();
        check(&load, &answer)?;
        let watch = clock.stopwatch();
        store.put(body.clone()).await?;
        let took_plain = watch.elapsed();
        if turn > 0 {
            overflows.push(took);
            puts.push(took_plain);
        }
    }
    function.stop().await?;
    store.stop().await;
    Ok(Own::of(load.name, &mut puts, &mut overflows))
}

/// An inline answer has all bytes in it, and one through S3 says where they are.
fn check(load: &Load, answer: &Bytes) -> io::Result<()> {
    let begins = String::from_utf8_lossy(&answer[..answer.len().min(200)]);
    let right = if load.overflows {
        begins.contains("\"statusCode\":303")
    } else {
        begins.contains("\"statusCode\":200") && answer.len() >= load.size
    };
    if right { Ok(()) } else { Err(io::Error::other(format!("{}: {begins}", load.name))) }
}

/// From the start of the process until it has posted its first answer.
async fn first_answer(world: &World) -> io::Result<Duration> {
    let watch = Clock::default().stopwatch();
    let function = Function::start(world, world.url()).await?;
    function.invoke(function::event("/bytes/json/1024")).await?;
    let took = watch.elapsed();
    function.stop().await?;
    Ok(took)
}

/// The most memory of the process while one gibibyte overflows.
async fn peak(world: &World) -> io::Result<u64> {
    let function = Function::start(world, world.url()).await?;
    let event = function::event(&format!("/bytes/binary/{GIB}"));
    let answer = function.invoke(event).await?;
    let peak = function.peak()?;
    let load = Load { name: "1 GiB", path: String::new(), size: GIB, turns: 1, overflows: true };
    check(&load, &answer)?;
    function.stop().await?;
    Ok(peak)
}
