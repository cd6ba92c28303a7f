//! Parameter Store and Secrets Manager, called with signed JSON, because two SDKs for three operations would slow cold starts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::{Reference, Secret};
use crate::causes::with_causes;
use crate::clock;
use crate::credentials::CredentialsCache;
use crate::http_client::HttpClient;
use crate::sign::{self, Scope, Signable};

/// The timeout of one call.
const PATIENCE: Duration = Duration::from_secs(3);
/// The number of attempts of a call with transient errors.
const TRIES: u32 = 2;
/// The maximum size of a response, in bytes: ten parameters of 8 KB each, with any escaping.
const RESPONSE_MAX: usize = 1024 * 1024;
/// The maximum number of pages of ten parameters.
const PAGES_MAX: u32 = 20;

/// The endpoints of the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The region that calls are signed for.
    pub region: String,
    /// Parameter Store.
    pub ssm: Uri,
    /// Secrets Manager.
    pub secrets: Uri,
}

/// Why a setting has no value. The error never contains a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The service refused the call.
    #[error("{reference}: {code}")]
    Refused {
        /// The reference.
        reference: String,
        /// The error code of the service.
        code: String,
        /// The service's message. It contains roles and accounts, so it is logged but not sent to clients.
        message: String,
    },
    /// The service is unavailable.
    #[error("{0}: {1}")]
    Unavailable(String, String),
    /// The stored value cannot be used.
    #[error("{0}: {1}")]
    Unusable(String, &'static str),
}

/// The services.
pub struct Services {
    endpoints: Endpoints,
    ssm: OnceCell<HttpClient>,
    secrets: OnceCell<HttpClient>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("places", &self.endpoints).finish_non_exhaustive()
    }
}

/// The error of one call.
enum CallError {
    /// A transient error.
    Passing(String),
    Refused(String, String),
}

#[derive(Clone, Copy)]
enum Service {
    Ssm,
    Secrets,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneParameter {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<String>,
}

/// An error response; services differ in the spelling of `message`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorResponse {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: String,
}

impl Services {
    /// Services without connections.
    #[must_use]
    pub fn new(endpoints: Endpoints) -> Services {
        Services { endpoints, ssm: OnceCell::new(), secrets: OnceCell::new() }
    }

    /// Fetches a value.
    ///
    /// # Errors
    ///
    /// [`SettingError`].
    pub async fn fetch(
        &self,
        reference: &Reference,
        credentials: &CredentialsCache,
    ) -> Result<Secret, SettingError> {
        let name = reference.to_string();
        let fetched = match reference {
            Reference::Parameter(parameter) => {
                let body = json!({ "Name": parameter, "WithDecryption": true });
                let one =
                    self.call::<OneParameter>(Service::Ssm, "GetParameter", &body, credentials);
                one.await.map(|one| Some(one.parameter.value))
            }
            Reference::Parameters(path) => self.parts(path, credentials).await.map(Some),
            Reference::Secret { name, .. } => {
                let body = json!({ "SecretId": name });
                let call = self.call::<SecretValue>(
                    Service::Secrets,
                    "GetSecretValue",
                    &body,
                    credentials,
                );
                call.await.map(|secret| secret.secret_string)
            }
        };
        let text = match fetched {
            Ok(Some(text)) => text,
            Ok(None) => return Err(SettingError::Unusable(name, "the secret is not a text")),
            Err(CallError::Passing(why)) => return Err(SettingError::Unavailable(name, why)),
            Err(CallError::Refused(code, message)) => {
                tracing::warn!(reference = name, code, message, "a setting was refused");
                return Err(SettingError::Refused { reference: name, code, message });
            }
        };
        let text = match reference {
            Reference::Secret { key: Some(key), .. } => member(&text, key)
                .ok_or(SettingError::Unusable(name.clone(), "the secret has no such member"))?,
            _ => text,
        };
        if text.is_empty() {
            return Err(SettingError::Unusable(name, "the value is empty"));
        }
        Ok(Secret::new(text))
    }

    async fn parts(&self, path: &str, credentials: &CredentialsCache) -> Result<String, CallError> {
        let mut parts = Vec::new();
        let mut next = None;
        for _ in 0..PAGES_MAX {
            let mut body = json!({ "Path": path, "WithDecryption": true });
            if let Some(token) = next {
                body["NextToken"] = Value::String(token);
            }
            let page = self.call::<Page>(Service::Ssm, "GetParametersByPath", &body, credentials);
            let page = page.await?;
            parts.extend(page.parameters);
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        parts.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        Ok(parts.into_iter().map(|part| part.value).collect())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        service: Service,
        operation: &str,
        body: &Value,
        credentials: &CredentialsCache,
    ) -> Result<T, CallError> {
        let body = Bytes::from(body.to_string());
        let mut tried = 0;
        loop {
            let once = self.call_once(service, operation, body.clone(), credentials);
            let result = clock::before(clock::instant() + PATIENCE, once).await;
            let result = result.unwrap_or_else(|clock::Late| {
                Err(CallError::Passing(format!("no response within {PATIENCE:?}")))
            });
            tried += 1;
            match result {
                Err(CallError::Passing(_)) if tried < TRIES => {}
                Err(failed) => return Err(failed),
                Ok(bytes) => {
                    return serde_json::from_slice(&bytes)
                        // The response contains the value, so the error has only the position.
                        .map_err(|e| {
                            CallError::Passing(format!("invalid response at column {}", e.column()))
                        });
                }
            }
        }
    }

    async fn call_once(
        &self,
        service: Service,
        operation: &str,
        body: Bytes,
        credentials: &CredentialsCache,
    ) -> Result<Bytes, CallError> {
        let (place, cell, name, target) = match service {
            Service::Ssm => (&self.endpoints.ssm, &self.ssm, "ssm", "AmazonSSM"),
            Service::Secrets => {
                (&self.endpoints.secrets, &self.secrets, "secretsmanager", "secretsmanager")
            }
        };
        let host = place.authority().map(|host| host.as_str()).unwrap_or_default();
        let url = format!("{}://{host}/", place.scheme_str().unwrap_or("https"));
        let target = format!("{target}.{operation}");
        let scope = Scope { service: name.to_owned(), region: self.endpoints.region.clone() };
        let credentials =
            credentials.current().await.map_err(|error| CallError::Passing(error.to_string()))?;
        let body_sha256 = hex::encode(Sha256::digest(&body));
        let headers = [("x-amz-target", target.as_str())];
        let signable = Signable {
            method: "POST",
            url: &url,
            host,
            headers: &headers,
            body_sha256: &body_sha256,
        };
        let signature = sign::signature_headers(signable, &scope, &credentials, clock::now());
        let mut request = http::Request::post(&url)
            .header("host", host)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", &target)
            .body(Full::new(body).map_err(|never| match never {}).boxed_unsync())
            .map_err(|error| CallError::Passing(error.to_string()))?;
        let signature = signature.map_err(|error| CallError::Passing(error.to_string()))?;
        request.headers_mut().extend(signature);
        let client = cell.get_or_try_init(|| async { HttpClient::new(place, PATIENCE) }).await;
        let response =
            client.map_err(|error| CallError::Passing(error.to_string()))?.request(request).await;
        let (head, body) =
            response.map_err(|error| CallError::Passing(with_causes(&error)))?.into_parts();
        let body = Limited::new(body, RESPONSE_MAX).collect().await;
        let body = body.map_err(|error| CallError::Passing(error.to_string()))?.to_bytes();
        if head.status == StatusCode::OK { Ok(body) } else { Err(failed(head.status, &body)) }
    }
}

fn failed(status: StatusCode, body: &[u8]) -> CallError {
    let ErrorResponse { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    // Some services prefix the type with a namespace.
    let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
    if status.is_server_error() || code.contains("Throttl") || code == "TooManyUpdates" {
        return CallError::Passing(format!("{status} {code}"));
    }
    CallError::Refused(if code.is_empty() { status.to_string() } else { code }, message)
}

/// A member of a JSON object; a value that is not a string is returned as JSON.
fn member(text: &str, key: &str) -> Option<String> {
    let object: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    match object.get(key)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
