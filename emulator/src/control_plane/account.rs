//! GetAccountSettings.

use serde_json::json;

use super::Shared;
use super::answer::{Done, Outcome};
use hardcap_core::context::Context;

/// `GET /2016-08-19/account-settings`: the members as recorded on 2023-11-20.
pub(super) fn settings(shared: &Shared, ctx: &Context) -> Outcome {
    let (concurrency, unreserved) = shared.lambda.concurrency(&ctx.limits);
    let (used, most) = shared.code_size();
    Ok(Done::Ok(json!({
        "AccountLimit": {
            "TotalCodeSize": most,
            "CodeSizeUnzipped": ctx.limits.lambda_unzipped.max,
            "CodeSizeZipped": ctx.limits.lambda_zip.max,
            "ConcurrentExecutions": concurrency,
            "UnreservedConcurrentExecutions": unreserved,
        },
        "AccountUsage": { "TotalCodeSize": used, "FunctionCount": shared.entries().len() },
    })))
}
