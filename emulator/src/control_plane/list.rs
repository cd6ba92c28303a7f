//! ListFunctions and ListVersionsByFunction.

use serde_json::json;

use super::Shared;
use super::answer::{Done, Outcome, Problem, constraint};
use super::entry::{Entry, Shown};
use super::request::{Parameters, named};
use hardcap_lambda::name::LATEST;

/// A page that asks for no size: AWS's number for ListFunctions.
const PAGE: usize = 50;
/// AWS's model allows so many to be asked for.
const PAGE_MAX: usize = 10_000;

/// `GET /2015-03-31/functions`
pub(super) fn functions(shared: &Shared, parameters: &Parameters) -> Outcome {
    let region = &*shared.platform.region;
    let qualifier = match parameters.function_version.as_deref() {
        Some("ALL") => Some(LATEST),
        _ => None,
    };
    let size = page_size(parameters)?;
    let entries = shared.entries();
    // A marker is the last name of the page before: it stays right when functions come and go.
    let after = parameters.marker.as_deref().unwrap_or_default();
    let mut rest = entries.iter().filter(|entry| entry.function.name.as_str() > after);
    let page: Vec<&Entry> = rest.by_ref().take(size).collect();
    let mut members = json!({
        "Functions": page
            .iter()
            .map(|entry| entry.configuration(region, qualifier, Shown::Listed))
            .collect::<Vec<_>>(),
    });
    if let (Some(last), Some(_)) = (page.last(), rest.next()) {
        members["NextMarker"] = last.function.name.as_str().into();
    }
    Ok(Done::Ok(members))
}

/// `GET /2015-03-31/functions/{name}/versions`
pub(super) fn versions(shared: &Shared, name: &str) -> Outcome {
    let region = &*shared.platform.region;
    let entry = shared.find(&named(name, None, region)?)?;
    let latest = entry.configuration(region, Some(LATEST), Shown::Listed);
    Ok(Done::Ok(json!({ "Versions": [latest] })))
}

fn page_size(parameters: &Parameters) -> Result<usize, Problem> {
    let Some(asked) = parameters.max_items.as_deref() else { return Ok(PAGE) };
    let size: i64 = asked.parse().unwrap_or(0);
    let bound = match size {
        ..1 => "greater than or equal to 1".to_owned(),
        _ => format!("less than or equal to {PAGE_MAX}"),
    };
    match usize::try_from(size) {
        Ok(size @ 1..=PAGE_MAX) => Ok(size.min(PAGE)),
        _ => Err(constraint(format!(
            "Value '{asked}' at 'maxItems' failed to satisfy constraint: Member must have value {bound}"
        ))),
    }
}
