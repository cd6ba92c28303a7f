//! Functions to run in an emulator.

use hardcap::config::Function;
use hardcap_limits::Millis;

use crate::process::binary;

/// The guest in one of its modes; the function is called after the mode.
///
/// # Panics
///
/// When the guest is not built: it belongs to this package, so cargo builds it before any test of it.
#[must_use]
pub fn guest(mode: &str) -> Function {
    let program = binary(env!("CARGO_PKG_NAME"), "guest");
    Function::new(mode, [program.into_os_string(), mode.into()])
}

/// The real proxy in front of an upstream, open to everyone, with a bucket for what Lambda cannot carry.
///
/// It has the time of a gateway's longest request and the memory of the deployed one.
///
/// # Panics
///
/// When it cannot be built.
#[must_use]
pub fn proxy(upstream_url: &str, bucket: &str) -> Function {
    let mut function = Function::new("proxy", [binary("hardcap-proxy", "proxy")]);
    function.timeout = Millis(30_000);
    function.memory_mb = 128;
    let variables =
        [("ACCESS", "open"), ("UPSTREAM_URL", upstream_url), ("OVERFLOW_BUCKET", bucket)];
    for (name, value) in variables {
        function.environment.insert(name.to_owned(), value.to_owned());
    }
    function
}
