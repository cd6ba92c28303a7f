//! The Lambda function `sweeper`; see `hardcap_proxy::job`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hardcap_proxy::programs::jobs::run_sweeper()
}
