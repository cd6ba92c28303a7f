//! What an invocation costs, as a multiple of a floor: the least server that plays the Runtime API for the same function.
//!
//! Floor, hardcap and peers are measured in one run, by turns, so that a busy machine slows all of them. Nothing here fails for
//! being slow. Progress goes to standard error, the figures as JSON to standard output.
//!
//! This program plays five parts. `measure PEERS [DOCS]` measures, with the peers that `just setup-peers` has installed in a
//! folder, and writes `speed.md` and its charts into another. `crowd` measures a thousand functions alone. `floor FUNCTIONS` is the floor. `plain` is a plain store of objects,
//! the measure of S3. `function` is the function behind every subject but serverless-offline.

mod chart;
mod crowd;
mod floor;
mod function;
mod load;
mod measure;
mod page;
mod plain;
#[path = "../sign.rs"]
mod sign;
mod subject;
mod wire;

use std::io::{self, Write as _};
use std::path::Path;

use floor::Front;
use function::Mode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["function"] => function::run(Mode::Sized).await,
        ["function", "rest"] => function::run(Mode::Rest).await,
        ["function", "echo"] => function::run(Mode::Echo).await,
        ["function", "held"] => function::run(Mode::Held).await,
        ["crowd"] => {
            let crowd = crowd::measure().await?;
            let crowd = serde_json::to_string_pretty(&crowd).map_err(io::Error::other)?;
            writeln!(io::stdout(), "{crowd}")
        }
        ["floor", functions, rest @ ..] => {
            let functions = functions.parse().map_err(io::Error::other)?;
            let front = if rest == ["rest"] { Front::Rest } else { Front::Invoke };
            floor::run(functions, front).await
        }
        ["plain"] => plain::run().await,
        ["measure", peers, docs @ ..] => {
            let peers = std::path::absolute(peers)?;
            let figures = measure::all(&peers).await?;
            for docs in docs {
                page::write(&figures, Path::new(docs))?;
            }
            let figures = serde_json::to_string_pretty(&figures).map_err(io::Error::other)?;
            writeln!(io::stdout(), "{figures}")
        }
        other => {
            let usage = "measure PEERS [DOCS], crowd, floor FUNCTIONS [rest], plain, or function [rest|echo|held]";
            Err(io::Error::other(format!("{other:?} is not one of: {usage}")))
        }
    }
}
