//! Tags of functions. All responses were recorded on 2023-11-20.

use axum::body::Body;
use http::Request;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::answer::{Done, Outcome, Problem, constraint, invalid, missing};
use super::entry::FunctionEntry;
use super::request::{input, named};
use hardcap_core::function_name::is_function_name;
use hardcap_core::percent;

/// The maximum number of tags of a resource: AWS's number for all services.
const TAGS_MAX: usize = 50;

/// Refuses more tags than a resource may have.
pub(super) fn check(tags: &IndexMap<String, String>) -> Result<(), Problem> {
    if tags.len() > TAGS_MAX {
        return Err(invalid("Number of tags exceeds resource tag limit."));
    }
    Ok(())
}

/// `GET /2017-03-31/tags/{arn}`
pub(super) fn list(shared: &Shared, arn: &str) -> Outcome {
    Ok(Done::Ok(json!({ "Tags": find(shared, arn)?.about.tags })))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagInput {
    tags: Option<IndexMap<String, String>>,
}

/// `POST /2017-03-31/tags/{arn}`
pub(super) async fn tag(shared: &Shared, arn: &str, request: Request<Body>) -> Outcome {
    let TagInput { tags } = input(request).await?;
    let tags = tags.ok_or_else(|| missing("tags"))?;
    let _turn = shared.turn.lock().await;
    let mut entry = find(shared, arn)?;
    if tags.is_empty() {
        return Err(invalid("An error occurred and the request cannot be processed."));
    }
    entry.about.tags.extend(tags);
    check(&entry.about.tags)?;
    shared.configure(entry).await?;
    Ok(Done::NoContent)
}

/// `DELETE /2017-03-31/tags/{arn}?tagKeys=…&tagKeys=…`
pub(super) async fn untag(shared: &Shared, arn: &str, query: &str) -> Outcome {
    let pairs = percent::query_pairs(query, &['&']);
    let keys: Vec<String> =
        pairs.into_iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key).collect();
    if keys.is_empty() {
        return Err(missing("tagKeys"));
    }
    let _turn = shared.turn.lock().await;
    let mut entry = find(shared, arn)?;
    entry.about.tags.retain(|key, _| !keys.contains(key));
    shared.configure(entry).await?;
    Ok(Done::NoContent)
}

fn find(shared: &Shared, arn: &str) -> Result<FunctionEntry, Problem> {
    if !arn.starts_with("arn:") || !is_function_name(arn) {
        return Err(constraint(format!(
            "Value '{arn}' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: \
             arn:(aws[a-zA-Z-]*)?:lambda:[a-z]{{2}}((-gov)|(-iso(b?)))?-[a-z]+-\\d{{1}}:\\d{{12}}:\
             (function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|layer:[a-zA-Z0-9-_]+)"
        )));
    }
    let named = named(arn, None, &shared.platform.region)?;
    if named.qualifier.is_some() {
        return Err(invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    shared.find(&named)
}
