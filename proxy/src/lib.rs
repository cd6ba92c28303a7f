//! A signing reverse proxy on AWS Lambda that delivers responses of any size, through S3 if they exceed Lambda's limit.
//!
//! A request arrives as an event and is sent to one fixed upstream, signed with the function's role. The response is returned
//! unchanged: inline if it fits Lambda's envelope, otherwise through a link into S3. [`handler::Proxy`] is the path of a request,
//! one step a line. Modules are in layers, which `layers.rs` lists from the bottom to the top; a test checks that no import points
//! up. [`config`] and [`error`] combine the modules below them, [`handler`] has the routes, and [`programs`] the other programs.
//!
//! # What is known to go wrong, and the test that holds it off
//!
//! Tests carry the number of the trap at the start of their name, as far as one trap is theirs.
//!
//! | trap | test |
//! | --- | --- |
//! | Z1 the envelope is measured, not the body | `delivery::z1_*`, `tests/proxy/delivery.rs`: `z1_one_byte_more_than_fits_*` |
//! | Z2 the cutoff of the first report | `tests/tests/platform/headline.rs`, `tests/tests/platform/gateway/mod.rs`: `the_answer_of_zappa_*` |
//! | Z3 escapes inflate a text | `delivery::z3_*` |
//! | Z4 a request may be smaller than an answer | `tests/tests/platform/lambda/sizes.rs`, `tests/tests/proxy/properties.rs`: `at_the_largest_*` |
//! | Z5 headers count | `delivery::z5_*`, `tests/proxy/delivery.rs`: `z5_*` |
//! | Z6 limits are inclusive, everywhere | `tests/proxy/delivery.rs`: `z6_*` |
//! | Z7 memory is bounded, uploads are aborted | `tests/memory.rs`, `store::z7_*`, `tests/proxy/delivery.rs`: `z7_*` |
//! | Z8 upstreams lie about lengths | `tests/proxy/delivery.rs`: `z8_*` |
//! | Z9 what has no body never overflows | `delivery::z9_*`, `tests/proxy/delivery.rs`: `z9_r2_*` |
//! | Z10 time runs out | `deadline::z10_*`, `tests/proxy/requests.rs`: `z10_*` |
//! | B1 text only if lossless | `delivery::b1_*` |
//! | B2 base64 needs an API that takes everything for binary | `clients/deployed.rs`: `b2_*` |
//! | B3 request bodies are decoded exactly | `event::b3_*` |
//! | B4 the object describes its bytes | `tests/proxy/delivery.rs`: `b4_*` |
//! | B5 digests | `digest::b5_*`, `delivery::b5_*`, `tests/proxy/delivery.rs`: `b5_*`, `z7_*`, `tests/proxy/jobs.rs`: `b5_*` |
//! | B6 nothing is serialized again | `tests/proxy/delivery.rs`: `b6_*` |
//! | C1, C2 gzip first, and only for who accepts it | `compress::c1_*`, `delivery::c1_*`, `tests/proxy/delivery.rs`: `c1_*`, `clients/agents.rs`: `c2_*` |
//! | C3 `Accept-Encoding` is normalized | `headers::c3_*`, `delivery::c3_*` |
//! | C4 compression takes time | `tests/proxy/delivery.rs`: `c4_*` |
//! | R1, R4 303, and not to be kept | `announce::r1_r4_*`, `tests/proxy/delivery.rs`: `r1_*`, `r4_*`, `clients/browsers.rs`: `r1_*` |
//! | R2 HEAD | `tests/proxy/delivery.rs`: `z9_r2_*`, `clients/browsers.rs`: `r2_*` |
//! | R3 statuses survive | `delivery::r3_*`, `announce::r3_*`, `tests/proxy/delivery.rs`: `r3_*` |
//! | R5 clients that do not follow | `delivery::r5_*`, `announce::r5_*`, `tests/proxy/delivery.rs`: `r5_*`, `clients/agents.rs`: `r5_*` |
//! | R6 headers that S3 would act upon | `delivery::r6_*`, `clients/browsers.rs`, `clients/agents.rs`: `r6_*` |
//! | R7 redirects of the upstream | `location::r7_*`, `tests/proxy/requests.rs`: `r7_*` |
//! | R8 the proxy's own paths | `path::r8_*`, `tests/proxy/requests.rs`: `r8_*` |
//! | X1 preflights | `cors::x1_*`, `tests/proxy/requests.rs`: `x1_*`, `tests/proxy/sessions.rs`: `x1_*` |
//! | X2 the rule of the bucket | `clients/browsers.rs`, `clients/deployed.rs`: `x2_*`, `tests/tests/real/browser` |
//! | X3 the origin `null` | `clients/browsers.rs`: `x3_*` |
//! | X4 errors carry CORS | `tests/proxy/requests.rs`: `x4_*`, `tests/proxy/sessions.rs`: `a5_x4_*`, `clients/browsers.rs`, `clients/refusals.rs`: `x4_*` |
//! | X5 no origin is reflected | `cors::x5_*`, `config::x5_*` |
//! | X6 policies of pages | `delivery::x6_*`, `tests/proxy/delivery.rs`: `x6_*`, `clients/browsers.rs`: `x6_*` |
//! | X7 links name the region | `store::x7_*`, `config::x7_*` |
//! | P1 links and the end of credentials | `store::p1_*` |
//! | P2 how long a link may live | `config::p2_*` |
//! | P3 a link is short-lived, and another is to be had | `config::p3_*`, `tests/proxy/links.rs`, `clients/links.rs`: `p3_*` |
//! | P4 clocks differ | `tests/proxy/links.rs`: `p4_*` |
//! | P5 secrets | `tests/log/requests.rs`, `store::p5_*`, `announce::p5_*`, `sign::p5_*` |
//! | P6 least privilege | `clients/deployed.rs`, `tests/tests/proxy/deployment.rs`: `p6_*`, `tests/proxy/delivery.rs`: `b4_*` |
//! | P7, J11 nothing but the signature in a link | `store::j11_p7_*` |
//! | J10, J12 an upload is what was promised, and asked for | `upload::j10_*`, `tests/tests/proxy/uploads.rs`: `j10_*`, `clients/refusals.rs`: `j12_*` |
//! | E1 settings never block, and serve when they are old | `settings::e1_*` |
//! | E2 rotation | `settings::e2_*`, `tests/tests/proxy/settings.rs` |
//! | E3 values of any size, of any variable | `settings::e3_*`, `config::start::e3_*`, `tests/tests/proxy/settings.rs`: `e3_*` |
//! | E4 no value is shown | `settings::e4_*`, `config::start::e4_*`, `config::e4_*`, `tests/log/requests.rs` |
//! | P8, K1 keys | `key::p8_*`, `key::k1_*` |
//! | K2, K3 what ends, and when | `clients/links.rs`: `k2_*`, `clients/deployed.rs`: `k2_k3_*`, `tests/tests/proxy/deployment.rs`: `k2_*`, `k3_*` |
//! | P9 no link before the object | `store::p9_*`, `tests/proxy/delivery.rs`: `z8_an_upstream_that_ends_early_*` |
//! | S1, S5 paths | `path::s1_*`, `path::s5_*`, `event::s1_*` |
//! | S2, S6 what is signed | `sign::s2_*`, `tests/proxy/requests.rs`: `s2_*` |
//! | S3, S4 queries | `path::s3_*`, `path::s4_*` |
//! | S7, S13 headers of clients | `headers::s7_*`, `headers::s13_*` |
//! | S8, S9, S10 sending again | `tests/proxy/requests.rs`: `s8_*`, `s9_*`, `s10_*` |
//! | S11 the target is configuration | `path::s11_*`, `config::s11_*`, `tests/proxy/requests.rs`: `s11_*` |
//! | S12 characters that REST APIs refuse or split at | `tests/tests/platform/gateway/mod.rs`: `a_rest_api_refuses_characters_*` |
//! | A1 tickets | `session::ticket::a1_*`, `tests/proxy/sessions.rs`: `a1_*` |
//! | A2 cookies, expiry, fixation, logout | `cookie::a2_*`, `tests/proxy/sessions.rs`: `a2_*` |
//! | A3 cookies stay apart, ours goes nowhere | `headers::a3_*`, `cookie::a3_*`, `tests/proxy/requests.rs`: `a3_*`, `tests/proxy/sessions.rs`: `a3_*`, `clients/browsers.rs`: `a3_*` |
//! | A4 where a login leads | `session::return_to::a4_*`, `tests/proxy/sessions.rs`: `a4_*` |
//! | A5 who is not logged in | `session::arrival::a5_*`, `tests/proxy/sessions.rs`: `a5_*` |
//! | A6 who it is, only the proxy says | `headers::a6_*`, `tests/proxy/sessions.rs`: `a6_*` |
//! | A7 rules see method and path | `session::rules::a7_*`, `tests/proxy/sessions.rs`: `a7_*` |
//! | A8 other sites | `session::origin::a8_*`, `tests/proxy/sessions.rs`: `a8_*` |
//! | A9 guessing | `session::attempts::a9_*`, `session::password::a9_*`, `session::dynamo::a9_*`, `tests/proxy/sessions.rs`: `a9_*` |
//! | A10 the table is down | `session::dynamo::a10_*`, `tests/proxy/sessions.rs`: `a10_*` |
//! | A11 what a role may do | `session::rules::a11_*`, `tests/proxy/sessions.rs`: `a11_*` |
//! | E5 an environment has 4 KB | `hardcap::lambda::rules::the_environment_*`, `tests/tests/services/control_plane/limits.rs`: `an_environment_of_4096_*` |
//!
//! `clients` is `tests/tests/proxy/clients` of the workspace: the emulator around the real function, and each kind of client.
//!
//! # What other proxies got wrong
//!
//! Mistakes of theirs that no trap above names; `tests/proxy/peers.rs` where nothing else is said.
//!
//! | whose | mistake | test |
//! | --- | --- | --- |
//! | access-es | every status became 200 | `tests/proxy/requests.rs`: `every_status_and_method_*` |
//! | access-es | 500 without a content type | `an_answer_without_a_content_type_*` |
//! | access-es, opensearch-py | frozen or torn credentials | `credentials_are_those_of_the_moment_*` |
//! | aws-es-kibana | answers of people made cacheable | `nothing_is_made_cacheable_*` |
//! | aws-es-proxy | six headers forwarded | `every_header_that_is_needed_*` |
//! | aws-es-proxy | a path that ends the proxy | `no_path_is_a_command` |
//! | aws-es-proxy | one cookie jar for all | `tests/proxy/requests.rs`: `a3_*` |
//! | aws-sigv4-proxy | the caller's `Host` is the target | `tests/proxy/requests.rs`: `s11_*` |
//! | aws-signing-proxy | forwarded unsigned after a failure | `what_cannot_be_signed_is_not_sent` |
//! | alex-karpenko's | signs `Connection` and the like, panics on Latin-1 | `tests/proxy/requests.rs`: `s2_*`, `headers::s13_*` |
//! | SQS extended clients | items measured, and not their sum | `tests/proxy/delivery.rs`: `z5_*` |
//! | image resizers | kept redirects that go in circles | `tests/proxy/delivery.rs`: `r4_*`, `path::r8_*` |

pub mod announce;
pub mod response;
pub mod aws;
pub mod body;
pub mod causes;
pub mod clients;
pub mod clock;
pub mod compress;
pub mod config;
pub mod cookie;
pub mod cors;
pub mod credentials;
pub mod deadline;
pub mod delivery;
pub mod digest;
pub mod environment;
pub mod error;
pub mod event;
pub mod handler;
pub mod headers;
pub mod http_client;
pub mod job;
pub mod key;
pub mod access_log;
pub mod location;
pub mod log;
pub mod metrics;
pub mod overflow_id;
pub mod own;
pub mod path;
pub mod problem;
pub mod programs;
pub mod respond;
pub mod session;
pub mod settings;
pub mod sign;
pub mod store;
pub mod upload;
pub mod upstream;

mod glob;
mod integer;
#[cfg(test)]
mod layers;
mod object;

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::config::Config;
use crate::event::Request;
use crate::handler::Proxy;

/// Runs the function `proxy` until Lambda ends it.
///
/// With an invalid configuration it logs all errors and returns a failure.
pub async fn run() -> ExitCode {
    let Some(config) = configured(true).await else {
        return ExitCode::FAILURE;
    };
    let proxy = Arc::new(Proxy::new(config));
    let serve = service_fn(move |event: LambdaEvent<Request>| {
        let proxy = Arc::clone(&proxy);
        async move {
            let left = clock::until_epoch_millis(event.context.deadline);
            // Boxed, because the type of all steps together exceeds the compiler's recursion limit.
            posted(Box::pin(proxy.handle(event.payload, left)).await)
        }
    });
    match lambda_runtime::run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the runtime API of Lambda failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The configuration from the environment; starts the log and reports errors in it. `serves` is whether this program responds to
/// clients.
async fn configured(serves: bool) -> Option<Config> {
    let config = match Config::from_environment().await {
        Ok(config) => config,
        Err(errors) => {
            log::start("error");
            tracing::error!("{errors}");
            return None;
        }
    };
    log::start(&config.log);
    for warning in config.warnings(serves) {
        tracing::warn!("{warning}");
    }
    Some(config)
}

/// The envelope, posted as exactly these bytes.
fn posted(json: Vec<u8>) -> Result<Box<RawValue>, Error> {
    Ok(RawValue::from_string(String::from_utf8(json)?)?)
}
