//! The resource policy of a function: the statements of `AddPermission`, which are kept and returned. Those that permit
//! everyone to invoke a function URL are enforced. The others are not, because every local caller may invoke every function.
//!
//! All responses were recorded on 2025-11-25: LocalStack's `TestLambdaPermissions`.

use axum::body::Body;
use http::Request;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::answer::{
    Done, Outcome, Problem, conflict, invalid, missing, not_found, policy_changed, validation,
};
use super::entry::{FunctionEntry, Policy, new_revision};
use super::request::{Parameters, input, named};
use hardcap_core::function_name::{FunctionName, LATEST};

/// The maximum size of a function's policy in bytes (Lambda developer guide, quotas: 20 KB).
const POLICY_BYTES_MAX: usize = 20 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddPermission {
    statement_id: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    revision_id: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
}

/// `POST /2015-03-31/functions/{name}/policy`
pub(super) async fn add(
    shared: &Shared,
    (name, parameters): (&str, &Parameters),
    request: Request<Body>,
) -> Outcome {
    let named = unqualified(shared, name, parameters)?;
    let input: AddPermission = input(request).await?;
    let id = input.statement_id.clone().ok_or_else(|| missing("statementId"))?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.is_empty() || !id.bytes().all(is_id) {
        return Err(validation(format!(
            "1 validation error detected: Value '{id}' at 'statementId' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: ([a-zA-Z0-9-_]+)"
        )));
    }
    let _turn = shared.turn.lock().await;
    let mut entry = shared.find(&named)?;
    let statement = statement(&input, &id, &entry.function.arn(&shared.platform.region))?;
    let policy = entry.about.policy.get_or_insert_with(Policy::default);
    same_revision(policy, input.revision_id.as_deref())?;
    if policy.statements.iter().any(|statement| statement["Sid"] == id) {
        return Err(conflict(format!(
            "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
        )));
    }
    policy.statements.push(statement.clone());
    policy.revision_id = new_revision();
    if document(policy).to_string().len() > POLICY_BYTES_MAX {
        let message =
            format!("The final policy size is bigger than the limit ({POLICY_BYTES_MAX}).");
        return Err(super::answer::policy_too_long(message));
    }
    shared.configure(entry.clone()).await?;
    shared.serve_by_policy(&entry);
    Ok(Done::Created(json!({ "Statement": statement.to_string() })))
}

/// `GET /2015-03-31/functions/{name}/policy`
pub(super) fn get(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let absent = || not_found("The resource you requested does not exist.");
    let named = named(name, parameters.qualifier.as_deref(), &shared.platform.region)?;
    let entry = shared.find(&named).map_err(|_| absent())?;
    if named.qualifier.as_deref().is_some_and(|qualifier| qualifier != LATEST) {
        return Err(absent());
    }
    let policy = entry.about.policy.filter(|policy| !policy.statements.is_empty());
    let policy = policy.ok_or_else(absent)?;
    let revision = policy.revision_id.clone();
    Ok(Done::Ok(json!({ "Policy": document(&policy).to_string(), "RevisionId": revision })))
}

/// `DELETE /2015-03-31/functions/{name}/policy/{statement}`
pub(super) async fn remove(
    shared: &Shared,
    (name, parameters): (&str, &Parameters),
    id: &str,
) -> Outcome {
    let named = unqualified(shared, name, parameters)?;
    let _turn = shared.turn.lock().await;
    let found = shared.find(&named);
    let mut entry = found.map_err(|_| {
        let arn = named.arn();
        let arn = arn.trim_end_matches(LATEST).trim_end_matches(':');
        not_found(format!("No policy found for: {arn}"))
    })?;
    let policy = entry.about.policy.as_mut().filter(|policy| !policy.statements.is_empty());
    let policy =
        policy.ok_or_else(|| not_found("No policy is associated with the given resource."))?;
    same_revision(policy, parameters.revision_id.as_deref())?;
    let before = policy.statements.len();
    policy.statements.retain(|statement| statement["Sid"] != id);
    if policy.statements.len() == before {
        return Err(not_found(format!("Statement {id} is not found in resource policy.")));
    }
    policy.revision_id = new_revision();
    shared.configure(entry.clone()).await?;
    shared.serve_by_policy(&entry);
    Ok(Done::NoContent)
}

impl Policy {
    /// Whether a statement permits everyone to invoke the URL of the function without a signature.
    pub(super) fn lets_everyone_invoke_url(&self) -> bool {
        self.statements.iter().any(|statement| {
            let auth = &statement["Condition"]["StringEquals"]["lambda:FunctionUrlAuthType"];
            statement["Principal"] == "*"
                && statement["Action"] == "lambda:InvokeFunctionUrl"
                && (auth.is_null() || auth == "NONE")
        })
    }
}

impl Shared {
    /// Serves the URL of a function under its changed policy.
    fn serve_by_policy(&self, entry: &FunctionEntry) {
        if let Some(url) = &entry.about.url {
            self.urls.change(&url.config(&entry.function.name, entry.about.policy.as_ref()));
        }
    }
}

/// The function itself. In hardcap, versions and aliases do not have policies.
fn unqualified(
    shared: &Shared,
    name: &str,
    parameters: &Parameters,
) -> Result<FunctionName, Problem> {
    let mut named = named(name, parameters.qualifier.as_deref(), &shared.platform.region)?;
    match named.qualifier.take().as_deref() {
        None => Ok(named),
        Some(LATEST) => Err(invalid("We currently do not support adding policies for $LATEST.")),
        Some(other) => {
            let arn = named.arn();
            let arn = arn.trim_end_matches(LATEST).trim_end_matches(':').to_owned();
            Err(not_found(format!("Function not found: {arn}:{other}")))
        }
    }
}

fn same_revision(policy: &Policy, given: Option<&str>) -> Result<(), Problem> {
    match given {
        Some(given) if given != policy.revision_id => Err(policy_changed()),
        _ => Ok(()),
    }
}

fn document(policy: &Policy) -> Value {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": policy.statements })
}

fn statement(input: &AddPermission, id: &str, arn: &str) -> Result<Value, Problem> {
    let action = input.action.as_deref().ok_or_else(|| missing("action"))?;
    let principal = input.principal.as_deref().ok_or_else(|| missing("principal"))?;
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": shown_principal(principal)?,
        "Action": action,
        "Resource": arn,
    });
    let mut equals = Map::new();
    for (key, value) in [
        ("AWS:SourceAccount", &input.source_account),
        ("lambda:EventSourceToken", &input.event_source_token),
        ("lambda:FunctionUrlAuthType", &input.function_url_auth_type),
        ("aws:PrincipalOrgID", &input.principal_org_id),
    ] {
        equals.extend(value.as_ref().map(|value| (key.to_owned(), json!(value))));
    }
    let mut condition = Map::new();
    if !equals.is_empty() {
        condition.insert("StringEquals".to_owned(), Value::Object(equals));
    }
    if let Some(source) = &input.source_arn {
        condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": source }));
    }
    if let Some(via) = input.invoked_via_function_url {
        let via = json!({ "lambda:InvokedViaFunctionUrl": via.to_string() });
        condition.insert("Bool".to_owned(), via);
    }
    if !condition.is_empty() {
        statement["Condition"] = Value::Object(condition);
    }
    Ok(statement)
}

/// A principal in the policy's format: everyone, a service, an account or an ARN.
fn shown_principal(principal: &str) -> Result<Value, Problem> {
    let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    match principal {
        "*" => Ok(json!("*")),
        _ if is_account => Ok(json!({ "AWS": format!("arn:aws:iam::{principal}:root") })),
        _ if principal.starts_with("arn:") => Ok(json!({ "AWS": principal })),
        _ if principal.contains('.') && !principal.contains(['/', ' ', ':']) => {
            Ok(json!({ "Service": principal }))
        }
        _ => Err(invalid(
            "The provided principal was invalid. Please check the principal and try again.",
        )),
    }
}
