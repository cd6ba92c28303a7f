//! Function URL configurations. All responses were recorded on 2023-11-20 and 2025-11-24, unless a comment says otherwise.

use axum::body::Body;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{
    Done, Outcome, Problem, conflict, constraint, missing, not_found, not_one_of, validation,
};
use super::entry::{FunctionEntry, Policy, Url, url_time};
use super::request::{Parameters, input, named};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Cors, FunctionUrl, InvokeMode, UnknownInvokeMode};
use hardcap_core::context::Context;
use hardcap_core::function_name::qualified;

/// The `AuthType` under which requests must be signed.
const SIGNED: &str = "AWS_IAM";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UrlInput {
    auth_type: Option<String>,
    invoke_mode: Option<String>,
    cors: Option<CorsInput>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CorsInput {
    allow_credentials: bool,
    allow_headers: Vec<String>,
    allow_methods: Vec<String>,
    allow_origins: Vec<String>,
    expose_headers: Vec<String>,
    max_age: Option<u64>,
}

impl Url {
    /// The properties of a function URL of the template.
    pub(super) fn of_template(url: &FunctionUrl, port: u16, now: EpochMillis) -> Url {
        Url {
            logical_id: url.logical_id.clone(),
            is_public: !url.only_signed && !url.lacks_permission,
            alias: url.function.split_once(':').map(|(_, alias)| alias.to_owned()),
            auth_type: if url.only_signed { SIGNED } else { "NONE" }.to_owned(),
            invoke_mode: url.invoke_mode,
            cors: url.cors.clone(),
            created: now,
            modified: now,
            port,
        }
    }

    /// The URL as it is served: without signatures only if the policy permits everyone to invoke it.
    pub(super) fn config(&self, function: &str, policy: Option<&Policy>) -> FunctionUrl {
        FunctionUrl {
            logical_id: self.logical_id.clone(),
            function: match &self.alias {
                Some(alias) => qualified(function, alias),
                None => function.to_owned(),
            },
            cors: self.cors.clone(),
            invoke_mode: self.invoke_mode,
            only_signed: self.auth_type == SIGNED,
            lacks_permission: self.auth_type != SIGNED
                && !self.is_public
                && !policy.is_some_and(Policy::lets_everyone_invoke_url),
        }
    }
}

/// `POST /2021-10-31/functions/{name}/url`
pub(super) async fn create(
    shared: &Shared,
    ctx: &Context,
    (name, parameters): (&str, &Parameters),
    request: Request<Body>,
) -> Outcome {
    let input: UrlInput = input(request).await?;
    let auth_type = auth_type(input.auth_type.as_deref())?.ok_or_else(|| missing("authType"))?;
    let asked_mode = invoke_mode(input.invoke_mode.as_deref())?;
    let _turn = shared.turn.lock().await;
    let mut entry = find(shared, name, parameters, "Function does not exist")?;
    if entry.about.url.is_some() {
        let arn = entry.function.arn(&shared.platform.region);
        return Err(conflict(format!(
            "Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists for \
             this Lambda function"
        )));
    }
    let (listener, port) = shared.urls.bind(0).await?;
    let url = Url {
        logical_id: format!("{}Url", entry.function.name),
        is_public: false,
        alias: None,
        auth_type,
        invoke_mode: asked_mode.unwrap_or_default(),
        cors: input.cors.map(cors),
        created: ctx.arrived,
        modified: ctx.arrived,
        port,
    };
    let config = url.config(&entry.function.name, entry.about.policy.as_ref());
    entry.about.url = Some(url);
    let shown = members(shared, &entry, &["CreationTime"], asked_mode.is_some());
    shared.configure(entry).await?;
    shared.urls.open(listener, &config);
    Ok(Done::Created(shown))
}

/// `GET /2021-10-31/functions/{name}/url`
pub(super) fn get(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let entry = configured(shared, name, parameters)?;
    Ok(Done::Ok(members(shared, &entry, BOTH_TIMES, true)))
}

/// `PUT /2021-10-31/functions/{name}/url`
pub(super) async fn update(
    shared: &Shared,
    ctx: &Context,
    (name, parameters): (&str, &Parameters),
    request: Request<Body>,
) -> Outcome {
    let input: UrlInput = input(request).await?;
    let auth_type = auth_type(input.auth_type.as_deref())?;
    let asked_mode = invoke_mode(input.invoke_mode.as_deref())?;
    let _turn = shared.turn.lock().await;
    let mut entry = find(shared, name, parameters, "Function does not exist")?;
    let Some(url) = &mut entry.about.url else {
        return Err(not_found("Function does not exist"));
    };
    url.auth_type = auth_type.unwrap_or_else(|| url.auth_type.clone());
    url.invoke_mode = asked_mode.unwrap_or(url.invoke_mode);
    if let Some(wanted) = input.cors {
        url.cors = Some(cors(wanted));
    }
    url.modified = ctx.arrived;
    let config = url.config(&entry.function.name, entry.about.policy.as_ref());
    let shown = members(shared, &entry, BOTH_TIMES, asked_mode.is_some());
    shared.configure(entry).await?;
    shared.urls.change(&config);
    Ok(Done::Ok(shown))
}

/// `DELETE /2021-10-31/functions/{name}/url`
pub(super) async fn delete(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let _turn = shared.turn.lock().await;
    let mut entry = configured(shared, name, parameters)?;
    let url = entry.about.url.take();
    shared.configure(entry).await?;
    if let Some(url) = url {
        shared.urls.close(&url.logical_id);
    }
    Ok(Done::NoContent)
}

/// `GET /2021-10-31/functions/{name}/urls`
pub(super) fn list(shared: &Shared, name: &str) -> Outcome {
    let entry = find(shared, name, &Parameters::default(), "Function does not exist")?;
    let shown = entry.about.url.is_some();
    let all: Vec<Value> =
        shown.then(|| members(shared, &entry, BOTH_TIMES, true)).into_iter().collect();
    Ok(Done::Ok(json!({ "FunctionUrlConfigs": all })))
}

impl Shared {
    /// Serves the function URL of an earlier run, on its port if that is free.
    pub(super) async fn reopen_url(
        &self,
        mut entry: FunctionEntry,
    ) -> std::io::Result<FunctionEntry> {
        let Some(url) = &mut entry.about.url else { return Ok(entry) };
        let (listener, port) = self.urls.bind(url.port).await?;
        url.port = port;
        self.urls.open(listener, &url.config(&entry.function.name, entry.about.policy.as_ref()));
        Ok(entry)
    }
}

const BOTH_TIMES: &[&str] = &["CreationTime", "LastModifiedTime"];

fn members(shared: &Shared, entry: &FunctionEntry, times: &[&str], with_mode: bool) -> Value {
    let Some(url) = &entry.about.url else { return json!({}) };
    let mut members = json!({
        "FunctionUrl": shared.urls.address(url.port),
        "FunctionArn": entry.function.arn(&shared.platform.region),
        "AuthType": url.auth_type,
    });
    for (name, time) in [("CreationTime", url.created), ("LastModifiedTime", url.modified)] {
        if times.contains(&name) {
            members[name] = url_time(time).into();
        }
    }
    if let Some(cors) = &url.cors {
        members["Cors"] = cors_members(cors);
    }
    if with_mode {
        members["InvokeMode"] = json!(url.invoke_mode);
    }
    members
}

fn cors(input: CorsInput) -> Cors {
    Cors {
        allow_origins: input.allow_origins,
        allow_methods: input.allow_methods,
        allow_headers: input.allow_headers,
        expose_headers: input.expose_headers,
        allow_credentials: input.allow_credentials,
        max_age_seconds: input.max_age,
    }
}

fn cors_members(cors: &Cors) -> Value {
    let mut members = json!({});
    for (name, list) in [
        ("AllowOrigins", &cors.allow_origins),
        ("AllowMethods", &cors.allow_methods),
        ("AllowHeaders", &cors.allow_headers),
        ("ExposeHeaders", &cors.expose_headers),
    ] {
        if !list.is_empty() {
            members[name] = json!(list);
        }
    }
    if cors.allow_credentials {
        members["AllowCredentials"] = true.into();
    }
    if let Some(seconds) = cors.max_age_seconds {
        members["MaxAge"] = seconds.into();
    }
    members
}

/// The order of the set is not recorded.
fn auth_type(given: Option<&str>) -> Result<Option<String>, Problem> {
    match given {
        None | Some("NONE" | SIGNED) => Ok(given.map(str::to_owned)),
        Some(other) => Err(not_one_of("authType", other, "NONE, AWS_IAM")),
    }
}

fn invoke_mode(given: Option<&str>) -> Result<Option<InvokeMode>, Problem> {
    let mode = given.map(str::parse).transpose();
    mode.map_err(|error: UnknownInvokeMode| validation(error.to_string()))
}

fn configured(
    shared: &Shared,
    name: &str,
    parameters: &Parameters,
) -> Result<FunctionEntry, Problem> {
    let missing = "The resource you requested does not exist.";
    let entry = find(shared, name, parameters, missing)?;
    if entry.about.url.is_some() { Ok(entry) } else { Err(not_found(missing)) }
}

/// The function or the alias that a request names. A version is refused, because it has no URL.
fn find(
    shared: &Shared,
    name: &str,
    parameters: &Parameters,
    missing: &str,
) -> Result<FunctionEntry, Problem> {
    if let Some(qualifier) = &parameters.qualifier {
        let is_number = qualifier.bytes().all(|byte| byte.is_ascii_digit());
        if qualifier.starts_with('$') || is_number {
            return Err(constraint(format!(
                "Value '{qualifier}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression \
                 pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"
            )));
        }
    }
    let named = named(name, parameters.qualifier.as_deref(), &shared.platform.region)?;
    shared.find(&named).map_err(|_| not_found(missing))
}
