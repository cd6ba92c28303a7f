//! The program `admin`, which manages the users of the proxy; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hardcap_proxy::programs::admin::run()
}
