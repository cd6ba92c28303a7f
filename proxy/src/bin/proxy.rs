//! The Lambda function `proxy`; see `hardcap_proxy`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hardcap_proxy::run()
}
