//! The bodies of the fuzz targets: functions of bytes that assert what has to hold whatever the bytes are.
//!
//! `tests/fuzz` runs them under libFuzzer (`just fuzz`), `tests/tests/project/fuzz_corpus.rs` replays the corpus of `fixtures/fuzz` and
//! mutations of it. Both include this module by its path, so that no other crate of the tests is compiled with coverage.

mod aws_chunked;
mod capture;
mod cookies;
mod delivery;
mod envelope;
mod explain;
mod form;
mod function_response;
mod gateway_event;
mod gateway_head;
mod input;
mod location;
mod percent;
mod proxy_path;
mod proxy_rules;
mod route;
mod runtime_api;
mod settings;
mod sigv4;
mod template;

pub use aws_chunked::aws_chunked;
pub use capture::capture;
pub use cookies::cookies;
pub use delivery::delivery;
pub use envelope::envelope;
pub use explain::explain;
pub use form::form;
pub use function_response::function_response;
pub use gateway_event::gateway_event;
pub use gateway_head::gateway_head;
pub use location::location;
pub use percent::percent;
pub use proxy_path::proxy_path;
pub use proxy_rules::proxy_rules;
pub use route::route;
pub use runtime_api::runtime_api;
pub use settings::settings;
pub use sigv4::sigv4;
pub use template::template;

/// A target's name, which is also that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("aws_chunked", aws_chunked),
    ("capture", capture),
    ("cookies", cookies),
    ("delivery", delivery),
    ("envelope", envelope),
    ("explain", explain),
    ("form", form),
    ("function_response", function_response),
    ("gateway_event", gateway_event),
    ("gateway_head", gateway_head),
    ("location", location),
    ("percent", percent),
    ("proxy_path", proxy_path),
    ("proxy_rules", proxy_rules),
    ("route", route),
    ("runtime_api", runtime_api),
    ("settings", settings),
    ("sigv4", sigv4),
    ("template", template),
];

/// The body of a target.
///
/// # Panics
///
/// When there is no target of this name.
pub fn body(name: &str) -> fn(&[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("there is no target `{name}`")).1
}
