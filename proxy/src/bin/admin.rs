//! The users of the proxy; see `--help`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hardcap_proxy::session::command::run().await
}
