//! What an invocation costs, as a multiple of a floor: the least server that plays the Runtime API for the same function.
//!
//! Floor, hardcap and peers are measured in one run, by turns, so that a busy machine slows all of them. Nothing here fails for
//! being slow. Progress goes to standard error, the figures as JSON to standard output.
//!
//! This program plays three parts. `measure PEERS [DOCS]` measures, with the peers that `just setup-peers` has installed in a
//! folder, and writes `speed.md` and its charts into another. `floor FUNCTIONS` is the floor. `function` is the function
//! behind every subject but serverless-offline.

mod chart;
mod floor;
mod function;
mod load;
mod measure;
mod page;
mod subject;
mod wire;

use std::io::{self, Write as _};
use std::path::Path;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["function"] => function::run().await,
        ["floor", functions] => {
            let functions = functions.parse().map_err(io::Error::other)?;
            floor::run(functions).await
        }
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
            let usage = "measure PEERS [DOCS], floor FUNCTIONS, or function";
            Err(io::Error::other(format!("{other:?} is not one of: {usage}")))
        }
    }
}
