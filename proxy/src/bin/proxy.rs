//! The Lambda function `proxy`; see `hardcap_proxy`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hardcap_proxy::run().await
}
