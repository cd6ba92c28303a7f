//! ListFunctions and ListVersionsByFunction.

use serde_json::{Value, json};

use super::Shared;
use super::answer::{Done, Outcome, Problem, constraint};
use super::entry::{FunctionEntry, Shown};
use super::request::{Parameters, named};

/// The default number of functions on a page, AWS's for ListFunctions.
const PAGE: usize = 50;
/// The maximum of `MaxItems` in AWS's model.
const PAGE_MAX: usize = 10_000;

/// `GET /2015-03-31/functions`
pub(super) fn functions(shared: &Shared, parameters: &Parameters) -> Outcome {
    let region = &*shared.platform.region;
    let all_versions = parameters.function_version.as_deref() == Some("ALL");
    let mut entries = shared.entries();
    if all_versions {
        // With `ALL`, each version follows its function.
        let with_versions = |entry: FunctionEntry| {
            let versions: Vec<FunctionEntry> = entry.versions.values().cloned().collect();
            std::iter::once(entry).chain(versions)
        };
        entries = entries.into_iter().flat_map(with_versions).collect();
        let shown = entries.iter().map(|entry| {
            let version = entry.function.version();
            let shown = entry.configuration(region, Some(version), Shown::Listed);
            (format!("{}:{version}", entry.function.name), shown)
        });
        return Ok(Done::Ok(page("Functions", shown.collect(), parameters)?));
    }
    let size = page_size(parameters)?;
    // A marker is the last name of the previous page, so it stays valid when functions are created and deleted.
    let after = parameters.marker.as_deref().unwrap_or_default();
    let mut rest = entries.iter().filter(|entry| entry.function.name.as_str() > after);
    let page: Vec<&FunctionEntry> = rest.by_ref().take(size).collect();
    let mut members = json!({
        "Functions": page
            .iter()
            .map(|entry| entry.configuration(region, None, Shown::Listed))
            .collect::<Vec<_>>(),
    });
    if let (Some(last), Some(_)) = (page.last(), rest.next()) {
        members["NextMarker"] = last.function.name.as_str().into();
    }
    Ok(Done::Ok(members))
}

/// `GET /2015-03-31/functions/{name}/versions`: `$LATEST` first, then the versions by number.
pub(super) fn versions(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let region = &*shared.platform.region;
    let entry = shared.find(&named(name, None, region)?)?;
    let all: Vec<&FunctionEntry> = std::iter::once(&entry).chain(entry.versions.values()).collect();
    let shown = all.into_iter().map(|entry| {
        let version = entry.function.version();
        (version.to_owned(), entry.configuration(region, Some(version), Shown::Listed))
    });
    Ok(Done::Ok(page("Versions", shown.collect(), parameters)?))
}

/// One page of a list. The marker is the name of the last member of the previous page.
pub(super) fn page(
    member: &str,
    all: Vec<(String, Value)>,
    parameters: &Parameters,
) -> Result<Value, Problem> {
    let size = page_size(parameters)?;
    let after = parameters.marker.as_deref();
    let begin = after.and_then(|after| all.iter().position(|(name, _)| name == after));
    let mut rest = all.into_iter().skip(begin.map_or(0, |begin| begin + 1));
    let (names, shown): (Vec<_>, Vec<_>) = rest.by_ref().take(size).unzip();
    let mut members = json!({ member: shown });
    if let (Some(last), Some(_)) = (names.last(), rest.next()) {
        members["NextMarker"] = last.as_str().into();
    }
    Ok(members)
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
