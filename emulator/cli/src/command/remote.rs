//! The client of another hardcap that is running.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Failure;
use crate::client::{Client, ClientError, Response, http_url};
use hardcap_core::nearest::nearest;

/// The default address of `hardcap up`.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:4566";

/// The variable with the address of the running hardcap: that of its AWS port or of its control API. `hardcap exec` sets it for
/// its command.
pub(super) const CONTROL: &str = "HARDCAP_CONTROL";

/// The default address of the running hardcap: that of [`CONTROL`], else the one of the usual port.
pub(super) fn usual_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "a default of the command line")]
    let named = std::env::var(CONTROL).ok().filter(|url| !url.is_empty());
    named.unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// The address of the AWS port. `url` is that address, or the address of the control API.
pub(super) fn base(url: &str) -> &str {
    url.trim_end_matches('/').trim_end_matches("/_hardcap")
}

/// The address of a route of the control API. `url` is the address of the AWS port or of the control API.
pub(super) fn control(url: &str, route: &str) -> String {
    format!("{}/_hardcap/{route}", base(url))
}

/// Fetches a resource that exists.
pub(super) async fn get(url: &str) -> Result<Bytes, Failure> {
    let response = send(&client()?, Method::GET, url, &[], Bytes::new()).await?;
    if !response.status.is_success() {
        let text = String::from_utf8_lossy(&response.body);
        return Err(Failure::new(format!("{url} responded {}: {}", response.status, text.trim())));
    }
    Ok(response.body)
}

/// Fetches a resource that exists, as JSON.
pub(super) async fn get_json<T: DeserializeOwned>(url: &str) -> Result<T, Failure> {
    serde_json::from_slice(&get(url).await?)
        .map_err(|error| Failure::new(format!("{url} did not respond as hardcap does: {error}")))
}

pub(super) fn client() -> Result<Client, Failure> {
    Client::new().map_err(|error| {
        Failure::new(format!("cannot read the certificates of the system: {error}"))
    })
}

/// Sends a request. Any status is a response.
pub(super) async fn send(
    client: &Client,
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Response, Failure> {
    let request = request(method, url, headers, body)?;
    client.send(request).await.map_err(|error| unreachable(url, &error))
}

pub(super) fn request(
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Failure> {
    let uri = http_url(url).map_err(|error| {
        Failure::new(format!(
            "`{url}` cannot be requested: {error}\n  = help: write an address such as {DEFAULT_URL}"
        ))
    })?;
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body));
    request.map_err(|error| Failure::new(format!("`{url}` cannot be requested: {error}")))
}

pub(super) fn unreachable(url: &str, error: &ClientError) -> Failure {
    Failure::new(format!(
        "{url} did not respond: {error}\n  = help: start one with `hardcap up`, or name the address of its AWS port; `hardcap up` prints it"
    ))
}

/// A function of a running hardcap.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Function {
    pub(super) logical_id: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
struct Functions {
    functions: Vec<Function>,
}

/// The functions of a running hardcap.
pub(super) async fn functions(url: &str) -> Result<Vec<Function>, Failure> {
    let url = control(url, "functions");
    let list: Functions = get_json(&url).await?;
    Ok(list.functions)
}

/// The function with this logical id or name; without one, the only function.
pub(super) fn choose(functions: Vec<Function>, wanted: Option<&str>) -> Result<Function, Failure> {
    let ids: Vec<String> = functions.iter().map(|function| function.logical_id.clone()).collect();
    let known = ids.join(", ");
    match wanted {
        None => match <[Function; 1]>::try_from(functions) {
            Ok([only]) => Ok(only),
            Err(_) => Err(Failure::new(format!("name a function, one of: {known}"))),
        },
        Some(wanted) => {
            let is_it = |one: &Function| one.logical_id == wanted || one.name == wanted;
            functions.into_iter().find(is_it).ok_or_else(|| {
                let help = match nearest(wanted, ids.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {known}"),
                };
                Failure::new(format!("there is no function `{wanted}`\n  = help: {help}"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(logical_id: &str, name: &str) -> Function {
        Function { logical_id: logical_id.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_function_is_known_by_id_and_by_name_and_alone_without_either() {
        let both = || vec![function("Hello", "stack-hello"), function("Giant", "giant")];
        let chosen = |wanted| choose(both(), wanted).map(|one| one.name).map_err(|e| e.to_string());
        assert_eq!(chosen(Some("Hello")).as_deref(), Ok("stack-hello"));
        assert_eq!(chosen(Some("stack-hello")).as_deref(), Ok("stack-hello"));
        assert_eq!(chosen(None), Err("name a function, one of: Hello, Giant".to_owned()));
        assert!(chosen(Some("Helo")).unwrap_err().contains("did you mean `Hello`?"));
        assert_eq!(
            choose(vec![function("A", "a")], None).map(|one| one.name).ok().as_deref(),
            Some("a")
        );
    }

    #[test]
    fn routes_of_the_control_api_are_found_from_either_address() {
        for base in ["http://h:1", "http://h:1/", "http://h:1/_hardcap", "http://h:1/_hardcap/"] {
            assert_eq!(control(base, "logs"), "http://h:1/_hardcap/logs");
            assert_eq!(super::base(base), "http://h:1");
        }
    }
}
