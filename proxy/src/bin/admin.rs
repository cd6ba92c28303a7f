//! The program `admin`, which manages the users of the proxy; see `--help`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hardcap_proxy::programs::admin::run().await
}
