//! Parameter Store and Secrets Manager, asked with signed JSON: three operations are not worth two SDKs.

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

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a call is made when it fails in a way that may pass.
const TRIES: u32 = 2;
/// Ten parameters of 8 KB each, however they are escaped.
const ANSWER_MAX: usize = 1024 * 1024;
/// Pages of ten parameters: more than any value has parts.
const PAGES_MAX: u32 = 20;

/// Where the services are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The region that calls are signed for.
    pub region: String,
    /// Parameter Store.
    pub ssm: Uri,
    /// Secrets Manager.
    pub secrets: Uri,
}

/// Why a setting has no value. It never holds one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The service refuses.
    #[error("{reference}: {code}")]
    Refused {
        /// What was asked for.
        reference: String,
        /// The type of the error.
        code: String,
        /// What the service says. It names roles and accounts, so it is for the log and not for clients.
        message: String,
    },
    /// The service cannot be asked.
    #[error("{0}: {1}")]
    Unavailable(String, String),
    /// What is kept there is of no use.
    #[error("{0}: {1}")]
    Unusable(String, &'static str),
}

/// The services.
pub struct Services {
    places: Places,
    ssm: OnceCell<HttpClient>,
    secrets: OnceCell<HttpClient>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("places", &self.places).finish_non_exhaustive()
    }
}

/// How one call failed.
enum Failed {
    /// It may work when it is made again.
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

/// An error, in either spelling.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: String,
}

impl Services {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(places: Places) -> Services {
        Services { places, ssm: OnceCell::new(), secrets: OnceCell::new() }
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
            Ok(None) => return Err(SettingError::Unusable(name, "the secret is no text")),
            Err(Failed::Passing(why)) => return Err(SettingError::Unavailable(name, why)),
            Err(Failed::Refused(code, message)) => {
                tracing::warn!(reference = name, code, message, "a setting is refused");
                return Err(SettingError::Refused { reference: name, code, message });
            }
        };
        let text = match reference {
            Reference::Secret { key: Some(key), .. } => member(&text, key)
                .ok_or(SettingError::Unusable(name.clone(), "the secret has no such text"))?,
            _ => text,
        };
        if text.is_empty() {
            return Err(SettingError::Unusable(name, "there is nothing"));
        }
        Ok(Secret::new(text))
    }

    async fn parts(&self, path: &str, credentials: &CredentialsCache) -> Result<String, Failed> {
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
    ) -> Result<T, Failed> {
        let body = Bytes::from(body.to_string());
        let mut tried = 0;
        loop {
            let once = self.call_once(service, operation, body.clone(), credentials);
            let answered = clock::before(clock::instant() + PATIENCE, once).await;
            let answered = answered.unwrap_or_else(|clock::Late| {
                Err(Failed::Passing(format!("no answer within {PATIENCE:?}")))
            });
            tried += 1;
            match answered {
                Err(Failed::Passing(_)) if tried < TRIES => {}
                Err(failed) => return Err(failed),
                Ok(bytes) => {
                    return serde_json::from_slice(&bytes)
                        // The answer holds the value: of what is wrong with it, only the place is told.
                        .map_err(|e| {
                            Failed::Passing(format!("no answer at column {}", e.column()))
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
    ) -> Result<Bytes, Failed> {
        let (place, cell, name, target) = match service {
            Service::Ssm => (&self.places.ssm, &self.ssm, "ssm", "AmazonSSM"),
            Service::Secrets => {
                (&self.places.secrets, &self.secrets, "secretsmanager", "secretsmanager")
            }
        };
        let host = place.authority().map(|host| host.as_str()).unwrap_or_default();
        let url = format!("{}://{host}/", place.scheme_str().unwrap_or("https"));
        let target = format!("{target}.{operation}");
        let scope = Scope { service: name.to_owned(), region: self.places.region.clone() };
        let credentials = credentials.current().await.map_err(Failed::Passing)?;
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
            .map_err(|error| Failed::Passing(error.to_string()))?;
        request.headers_mut().extend(signature.map_err(Failed::Passing)?);
        let client = cell.get_or_try_init(|| async { HttpClient::new(place, PATIENCE) }).await;
        let answer = client.map_err(Failed::Passing)?.request(request).await;
        let (head, body) =
            answer.map_err(|error| Failed::Passing(with_causes(&error)))?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        let body = body.map_err(|error| Failed::Passing(error.to_string()))?.to_bytes();
        if head.status == StatusCode::OK { Ok(body) } else { Err(failed(head.status, &body)) }
    }
}

fn failed(status: StatusCode, body: &[u8]) -> Failed {
    let ErrorAnswer { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    // Some services put a namespace before the type.
    let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
    if status.is_server_error() || code.contains("Throttl") || code == "TooManyUpdates" {
        return Failed::Passing(format!("{status} {code}"));
    }
    Failed::Refused(if code.is_empty() { status.to_string() } else { code }, message)
}

/// A text in a JSON object; what is no text is given as it is written.
fn member(text: &str, key: &str) -> Option<String> {
    let object: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    match object.get(key)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
