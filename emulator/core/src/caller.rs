//! The caller of a request, by the credential of its signature. The signature is not verified here: [`strict`](crate::strict) does that.

use http::{HeaderMap, Request, header};

use crate::config::ACCOUNT_ID;
use crate::context::Platform;

/// The ARN and the user id of a key: a function's role for the keys of its sandboxes, the user `test` for all others.
pub fn identity(key: &str, function: Option<&str>) -> (String, String) {
    match function {
        Some(function) => (
            format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{function}-role/{function}"),
            format!("AROA{}:{function}", &key[key.len().saturating_sub(16)..]),
        ),
        None => (format!("arn:aws:iam::{ACCOUNT_ID}:user/test"), "AIDATEST".to_owned()),
    }
}

/// The user id of the caller of a request.
pub fn user<B>(platform: &Platform, request: &Request<B>) -> String {
    let key = access_key(request.headers(), request.uri().query().unwrap_or_default());
    let key = key.unwrap_or_default();
    let function = platform.keyring.find(&key).and_then(|key| key.function);
    identity(&key, function.as_deref()).1
}

/// The access key id of a request's signature, in its header or (presigned) its query.
pub fn access_key(headers: &HeaderMap, query: &str) -> Option<String> {
    let credential = credential(headers, query)?;
    Some(credential.split('/').next().unwrap_or_default().to_owned())
}

/// `KEY/DATE/REGION/SERVICE/aws4_request`, from the header or from the query.
pub fn credential(headers: &HeaderMap, query: &str) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
    match header.and_then(|header| header.split_once("Credential=")) {
        Some((_, rest)) => Some(rest.split([',', ' ']).next().unwrap_or_default().to_owned()),
        None => Some(value(query, "X-Amz-Credential")?.replace("%2F", "/").replace("%2f", "/")),
    }
}

/// The value of a form's field, not decoded.
pub fn value<'q>(form: &'q str, name: &str) -> Option<&'q str> {
    form.split('&')
        .filter_map(|field| field.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_sandboxs_key_is_the_functions_role_and_every_other_key_the_user_test() {
        assert_eq!(
            identity("ASIA0123456789ABCDEF", Some("proxy")),
            (
                "arn:aws:sts::000000000000:assumed-role/proxy-role/proxy".to_owned(),
                "AROA0123456789ABCDEF:proxy".to_owned()
            )
        );
        assert_eq!(identity("test", None).0, "arn:aws:iam::000000000000:user/test");
    }

    #[test]
    fn the_key_is_found_in_the_header_and_in_the_query() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            access_key(
                &headers,
                "X-Amz-Credential=AKIA%2F20261123%2Fus-east-1%2Fsts%2Faws4_request"
            )
            .as_deref(),
            Some("AKIA")
        );
        assert_eq!(access_key(&headers, ""), None);
        let signed = "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(signed));
        assert_eq!(access_key(&headers, "").as_deref(), Some("test"));
    }
}
