//! The input of the control API: path, query and body. Invalid input is an error as JSON.

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::ControlError;

/// The largest number in a body, because larger numbers are inexact in JavaScript, such as the live page.
const LARGEST: u64 = (1 << 53) - 1;

/// The query of a request. A parameter that the route does not have, one that is given twice and an invalid value are errors.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ControlError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ControlError> {
        let uri = without_token(&parts.uri)?;
        let read = Query::<T>::try_from_uri(&uri);
        read.map(|Query(parameters)| Parameters(parameters)).map_err(|rejection| {
            let cause = rejection.body_text();
            let cause = cause.trim_start_matches("Failed to deserialize query string: ");
            ControlError::new(StatusCode::BAD_REQUEST, format!("the query is invalid: {cause}"))
        })
    }
}

/// The address without the token of the live page, which every route accepts.
fn without_token(uri: &Uri) -> Result<Uri, ControlError> {
    let query = uri.query().unwrap_or_default();
    let own: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("token=")).collect();
    Uri::try_from(format!("/?{}", own.join("&"))).map_err(|error| {
        ControlError::new(StatusCode::BAD_REQUEST, format!("the query is invalid: {error}"))
    })
}

/// The last segment of a path. A segment that is not UTF-8 after decoding is a 404.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ControlError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ControlError> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        read.map(|Path(name)| Name(name)).map_err(|rejection| {
            let text = format!("nothing has this path: {}", rejection.body_text());
            ControlError::new(StatusCode::NOT_FOUND, text)
        })
    }
}

/// An invalid body.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It is not JSON, or has a member that is missing, unknown or of another type.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A member is `null`. A member without a value is left out.
    #[error("`{0}` is null: leave it out instead")]
    Null(String),
    /// A number is too large.
    #[error("`{0}` is larger than {LARGEST}")]
    TooLarge(String),
}

/// Reads a body as JSON. The content type is ignored, because requests are written by hand.
///
/// # Errors
///
/// [`BodyError`] for a body that the document of the API does not describe.
pub(super) fn body<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    let mut value: Value = serde_json::from_slice(body)?;
    normalize(&mut value, "the body")?;
    Ok(serde_json::from_value(value)?)
}

/// Writes whole numbers without a fraction, because `1.0` and `1` are the same number in JSON. Refuses `null` and numbers that are
/// too large.
fn normalize(value: &mut Value, name: &str) -> Result<(), BodyError> {
    match value {
        Value::Null => return Err(BodyError::Null(name.to_owned())),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::INFINITY);
            if number.is_f64() && float.fract() == 0.0 {
                let whole: Option<u64> = format!("{float:.0}").parse().ok();
                *number = whole.map_or_else(|| number.clone(), Into::into);
            }
            if number.as_u64().map_or(float.abs() > 1e15, |whole| whole > LARGEST) {
                return Err(BodyError::TooLarge(name.to_owned()));
            }
        }
        Value::Array(items) => {
            for item in items {
                normalize(item, name)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                normalize(member, name)?;
            }
        }
        Value::Bool(_) | Value::String(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn error_of(text: &str) -> String {
        body::<Value>(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_or_an_exponent() {
        let read: Value = body(br#"{"a": 1.0, "b": [1e3], "c": 0.5}"#).unwrap();
        assert_eq!(read, json!({"a": 1, "b": [1000], "c": 0.5}));
    }

    #[test]
    fn null_and_numbers_above_2_to_the_53_are_refused_with_the_name_of_their_member() {
        assert_eq!(error_of("null"), "`the body` is null: leave it out instead");
        assert_eq!(error_of(r#"{"count": null}"#), "`count` is null: leave it out instead");
        let largest: Value = body(b"9007199254740991").unwrap();
        assert_eq!(largest, json!(9_007_199_254_740_991_u64));
        for text in ["9007199254740992", "1e30", "-1e30", "99999999999999999999"] {
            let error = error_of(&format!(r#"{{"max": {text}}}"#));
            assert_eq!(error, "`max` is larger than 9007199254740991", "{text}");
        }
    }
}
