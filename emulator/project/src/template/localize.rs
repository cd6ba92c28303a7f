//! Addresses on AWS in the values of a template, which become addresses of the emulator.

use indexmap::IndexMap;

use super::references::api_endpoint;
use hardcap_core::config::{Api, Config};

/// The variable that gives the SDKs another endpoint for SQS.
const SQS_ENDPOINT: &str = "AWS_ENDPOINT_URL_SQS";

/// Replaces the addresses of APIs on AWS by those of the emulator in variables, parameters, secrets and outputs.
pub(super) fn localize(config: &mut Config) {
    let region = config.region.clone();
    let endpoint = |api: &Api| {
        (api_endpoint(&api.logical_id, &region), format!("${{hardcap:origin:{}}}", api.logical_id))
    };
    let endpoints: IndexMap<String, String> = config.apis.iter().map(endpoint).collect();
    for value in config.placeholders_mut() {
        for (there, here) in &endpoints {
            if value.contains(there.as_str()) {
                *value = value.replace(there.as_str(), here);
            }
        }
    }
    localize_queues(config);
}

/// Replaces AWS's host in URLs of queues by the emulator, or by the address in `AWS_ENDPOINT_URL_SQS` of the function. The SDK for
/// JavaScript sends a message to the host of the queue's URL, not to its endpoint (`useQueueUrlAsEndpoint` of
/// `@aws-sdk/middleware-sdk-sqs`), so messages would be sent to AWS.
fn localize_queues(config: &mut Config) {
    let there = format!("https://sqs.{}.amazonaws.com/", config.region);
    let mut functions = std::mem::take(&mut config.functions);
    for function in &mut functions {
        let own = function.environment.get(SQS_ENDPOINT);
        let here = own.map_or("${hardcap:aws}", |own| own.trim_end_matches('/')).to_owned() + "/";
        for (_, value) in function.environment.iter_mut().filter(|(name, _)| *name != SQS_ENDPOINT)
        {
            *value = value.replace(&there, &here);
        }
    }
    for value in config.placeholders_mut() {
        *value = value.replace(&there, "${hardcap:aws}/");
    }
    config.functions = functions;
}
