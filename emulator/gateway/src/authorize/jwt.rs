//! JSON Web Tokens, as JWT authorizers of HTTP APIs and Cognito authorizers of REST APIs verify them. Pure.
//!
//! Official (API Gateway developer guide, "Control access to HTTP APIs with JWT authorizers"): only RSA signatures; the claims
//! `kid`, `iss`, `aud` or `client_id`, `exp`, `nbf`, `iat`, `scope` or `scp`. `client_id` counts only in a token without `aud`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents,
};
use serde_json::{Map, Value, json};
use time::macros::format_description;

use crate::event::Shape;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{JwtKey, JwtRules};

/// The refusal of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenRefusal {
    /// It is not three parts of base64url with JSON objects.
    #[error("the token is malformed")]
    Malformed,
    /// The signature has an algorithm that API Gateway does not verify.
    #[error("the token has an unsupported signing algorithm")]
    Algorithm,
    /// No key of the issuer has the identifier that the token names.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The signature does not belong to the token.
    #[error("the signature of the token is invalid")]
    Signature,
    /// `iss` is another issuer.
    #[error("the token does not have a valid issuer")]
    Issuer,
    /// `aud` and `client_id` are not in the audience.
    #[error("the token does not have a valid audience")]
    Audience,
    /// `exp` is missing or in the past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// It has none of the route's scopes.
    #[error("the token does not have a required scope")]
    Scopes,
    /// An access token on a method of a REST API that has no scopes.
    #[error(
        "the token is an access token, and the method has no scopes: a Cognito authorizer then needs an ID token"
    )]
    AccessToken,
}

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// Verifies a token, with or without `Bearer` before it.
pub(super) fn verify(
    token: &str,
    rules: &JwtRules,
    scopes: &[String],
    now: EpochMillis,
) -> Result<Claims, TokenRefusal> {
    let token = match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
        _ => token.trim(),
    };
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenRefusal::Malformed)?;
    let (header, claims) = (part(header)?, part(payload)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenRefusal::Malformed)?;
    let algorithm: &RsaParameters = match text(&header, "alg") {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        _ => return Err(TokenRefusal::Algorithm),
    };
    let kid = text(&header, "kid");
    let of_token = |key: &&JwtKey| key.kid.as_deref().is_none_or(|known| known == kid);
    let key = rules.keys.iter().find(of_token).ok_or(TokenRefusal::UnknownKey)?;
    let key = RsaPublicKeyComponents { n: &key.modulus, e: &key.exponent };
    key.verify(algorithm, signed.as_bytes(), &signature).map_err(|_| TokenRefusal::Signature)?;
    check(&claims, rules, scopes, now)?;
    Ok(claims)
}

/// What a Cognito authorizer of a REST API checks in addition. `is_known` is its validation expression.
///
/// Official (AWS Knowledge Center, "How do I troubleshoot 401 Unauthorized errors from an API Gateway REST API endpoint after I've
/// set up an Amazon Cognito user pool?"): a method without scopes needs an ID token. Official (API reference of API Gateway,
/// `Authorizer`): the validation expression is compared with `aud`. UNCONFIRMED: a token without `aud`, such as an access token, does
/// not match any.
pub(super) fn check_cognito(
    claims: &Claims,
    scopes: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Result<(), TokenRefusal> {
    if scopes.is_empty() && text(claims, "token_use") == "access" {
        return Err(TokenRefusal::AccessToken);
    }
    if is_known(text(claims, "aud")) { Ok(()) } else { Err(TokenRefusal::Audience) }
}

fn part(encoded: &str) -> Result<Claims, TokenRefusal> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenRefusal::Malformed)?;
    serde_json::from_slice(&decoded).map_err(|_| TokenRefusal::Malformed)
}

fn text<'a>(claims: &'a Claims, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check(
    claims: &Claims,
    rules: &JwtRules,
    scopes: &[String],
    now: EpochMillis,
) -> Result<(), TokenRefusal> {
    if text(claims, "iss") != rules.issuer {
        return Err(TokenRefusal::Issuer);
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => claims.get("client_id").and_then(Value::as_str).into_iter().collect(),
    };
    let is_known = |one: &&str| rules.audience.iter().any(|known| known == one);
    if !rules.audience.is_empty() && !audience.iter().any(is_known) {
        return Err(TokenRefusal::Audience);
    }
    let now = i64::try_from(now.0 / 1000).unwrap_or(i64::MAX);
    let seconds = |name: &str| claims.get(name).and_then(whole_seconds);
    if seconds("exp").is_none_or(|until| until <= now) {
        return Err(TokenRefusal::Expired);
    }
    if ["nbf", "iat"].iter().any(|name| seconds(name).is_some_and(|from| from > now)) {
        return Err(TokenRefusal::NotYet);
    }
    let given = scopes_of(claims);
    if !scopes.is_empty() && !scopes.iter().any(|scope| given.contains(&scope.as_str())) {
        return Err(TokenRefusal::Scopes);
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a fraction of a second is cut off, too large times are clamped"
)]
fn whole_seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

/// `scope`, words separated by spaces, or `scp`, which may also be a list.
fn scopes_of(claims: &Claims) -> Vec<&str> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().unwrap_or_default().split_whitespace().collect(),
        None => Vec::new(),
    }
}

/// The member of an event that describes a token: `requestContext.authorizer`. Its scopes are those that both the token and the
/// route have.
pub(super) fn event_member(claims: &Claims, scopes: &[String], shape: Shape) -> String {
    let given = scopes_of(claims);
    let granted: Vec<&String> = scopes.iter().filter(|it| given.contains(&it.as_str())).collect();
    let scopes = if scopes.is_empty() { Value::Null } else { json!(granted) };
    let is_rest = shape == Shape::Rest;
    let shown: Map<String, Value> = claims
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(claim(name, value, is_rest))))
        .collect();
    match shape {
        Shape::Rest => json!({ "claims": shown }),
        Shape::HttpV1 => json!({ "claims": shown, "scopes": scopes }),
        _ => json!({ "jwt": { "claims": shown, "scopes": scopes } }),
    }
    .to_string()
}

/// A claim as a text. Lists are in brackets on an HTTP API and separated by commas on a REST API. A REST API formats points in
/// time. Both are in many reports of events with `cognito:groups`, `exp` and `iat`.
fn claim(name: &str, value: &Value, is_rest: bool) -> String {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Array(several) => {
            let words: Vec<String> = several.iter().map(word).collect();
            if is_rest { words.join(",") } else { format!("[{}]", words.join(" ")) }
        }
        Value::Number(_) if is_rest && (name == "exp" || name == "iat") => {
            let format = format_description!(
                "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
            );
            let at = whole_seconds(value)
                .and_then(|it| time::OffsetDateTime::from_unix_timestamp(it).ok())
                .and_then(|at| at.format(&format).ok());
            at.unwrap_or_else(|| word(value))
        }
        other => word(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMillis = EpochMillis(1_700_000_000_000);

    fn rules() -> JwtRules {
        JwtRules {
            issuer: "https://issuer.example".to_owned(),
            audience: vec!["orders".to_owned()],
            ..JwtRules::default()
        }
    }

    fn claims(change: impl FnOnce(&mut Claims)) -> Claims {
        let Value::Object(mut claims) = json!({
            "iss": "https://issuer.example",
            "aud": "orders",
            "exp": 1_700_000_001,
            "scope": "read write",
        }) else {
            unreachable!("an object")
        };
        change(&mut claims);
        claims
    }

    #[test]
    fn claims_are_checked_as_api_gateway_documents() {
        let set =
            |name: &str, value: Value| claims(|claims| drop(claims.insert(name.to_owned(), value)));
        let no_audience = claims(|claims| {
            claims.remove("aud");
            claims.insert("client_id".to_owned(), json!("orders"));
        });
        let none: &[String] = &[];
        let (write, delete) = (["write".to_owned()], ["delete".to_owned()]);
        for (claims, scopes, expected) in [
            (claims(|_| ()), none, Ok(())),
            (set("iss", json!("https://other.example")), none, Err(TokenRefusal::Issuer)),
            (set("aud", json!("other")), none, Err(TokenRefusal::Audience)),
            (set("aud", json!(["other", "orders"])), none, Ok(())),
            (set("client_id", json!("other")), none, Ok(())),
            (no_audience, none, Ok(())),
            (set("exp", json!(1_700_000_000)), none, Err(TokenRefusal::Expired)),
            (set("exp", Value::Null), none, Err(TokenRefusal::Expired)),
            (set("nbf", json!(1_700_000_001)), none, Err(TokenRefusal::NotYet)),
            (set("iat", json!(1_700_000_001)), none, Err(TokenRefusal::NotYet)),
            (claims(|_| ()), &write, Ok(())),
            (claims(|_| ()), &delete, Err(TokenRefusal::Scopes)),
        ] {
            assert_eq!(check(&claims, &rules(), scopes, NOW), expected, "{claims:?} {scopes:?}");
        }
    }

    #[test]
    fn text_that_is_not_a_token_is_malformed() {
        for token in ["", "Bearer ", "a.b", "a.b.c", "bearer e30.e30", "é.é.é", "Bearer é"] {
            let refused = verify(token, &rules(), &[], NOW);
            assert_eq!(refused, Err(TokenRefusal::Malformed), "{token}");
        }
        let unsigned = verify("eyJhbGciOiJub25lIn0.e30.", &rules(), &[], NOW);
        assert_eq!(unsigned, Err(TokenRefusal::Algorithm));
    }

    #[test]
    fn events_have_claims_as_texts() {
        let claims = claims(|claims| drop(claims.insert("groups".to_owned(), json!(["a", "b"]))));
        let read = |shape| -> Value {
            serde_json::from_str(&event_member(&claims, &["read".to_owned()], shape)).expect("JSON")
        };
        let v2 = read(Shape::HttpV2);
        assert_eq!(v2["jwt"]["claims"]["exp"], "1700000001");
        assert_eq!(v2["jwt"]["claims"]["groups"], "[a b]");
        assert_eq!(v2["jwt"]["scopes"], json!(["read"]));
        assert_eq!(read(Shape::HttpV1)["scopes"], json!(["read"]));
        let rest = read(Shape::Rest);
        assert_eq!(rest["claims"]["exp"], "Tue Nov 14 22:13:21 UTC 2023");
        assert_eq!(rest["claims"]["groups"], "a,b");
    }
}
