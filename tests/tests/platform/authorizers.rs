//! Who may call, from outside: Lambda authorizers, signatures, API keys, required parameters, and mock integrations.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hardcap::config::{
    Access, Api, ApiKind, Authorization, Authorizer, AuthorizerKind, CustomIntegration, Function,
    IdentitySource, Integration, IntegrationResponse, JwtKey, JwtRules, PayloadFormat,
    ResponseMapping,
};
use hardcap::{Emulator, StartError};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::functions::guest;
use hardcap_tests::process::binary;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// The function behind the routes: its response is the event.
fn shown() -> Function {
    let program = binary(env!("CARGO_PKG_NAME"), "mirror");
    let mut function = Function::new("shown", [program.into_os_string(), "event".into()]);
    function.timeout = Millis(30_000);
    function
}

fn rest() -> ApiKind {
    ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None }
}

/// An API with the routes `GET /a` and `GET /b`, both with this access.
fn api(kind: ApiKind, access: &Access) -> Api {
    let stage = if matches!(kind, ApiKind::Rest { .. }) { "dev" } else { "$default" };
    let mut api = Api::new("Api", kind, stage, &[("GET", "/a", "shown"), ("GET", "/b", "shown")]);
    api.routes.iter_mut().for_each(|route| route.access = access.clone());
    api
}

/// An API that asks the guest, which decides by the header `Authorization`.
fn guarded(kind: ApiKind, asks: AuthorizerKind, ttl: u64) -> Api {
    let authorization = Authorization::Authorizer("Own".to_owned());
    let mut api = api(kind, &Access { authorization, ..Access::default() });
    api.authorizers.push(Authorizer {
        name: "Own".to_owned(),
        function: "authorizer".to_owned(),
        kind: asks,
        identity: vec![IdentitySource::Header("Authorization".to_owned())],
        validation: None,
        ttl: Millis(ttl),
        jwt: None,
    });
    api
}

/// An API with a JWT or Cognito authorizer, and the key of `fixtures/jwt`.
fn with_tokens(kind: ApiKind, asks: AuthorizerKind, scopes: &[&str]) -> Api {
    let mut api = guarded(kind, asks, 0);
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(key().public());
    let key = JwtKey { kid: Some("one".to_owned()), modulus: public.n, exponent: public.e };
    api.authorizers[0].jwt = Some(JwtRules {
        issuer: "https://issuer.example".to_owned(),
        audience: vec!["orders".to_owned()],
        scopes: Vec::new(),
        keys: vec![key],
    });
    for route in &mut api.routes {
        route.access.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    }
    api
}

fn key() -> RsaKeyPair {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/jwt/key.pk8");
    RsaKeyPair::from_pkcs8(&std::fs::read(file).expect("a key")).expect("an RSA key")
}

/// A token with these claims beside issuer, audience and expiry, signed with RS256.
fn token(claims: Value) -> String {
    let mut all = json!({
        "iss": "https://issuer.example",
        "aud": "orders",
        "exp": 32_503_680_000_u64,
        "sub": "me",
        "scope": "read write",
    });
    let all_members = all.as_object_mut().expect("an object");
    all_members.extend(claims.as_object().expect("an object").clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256", "kid": "one" })), part(&all));
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_jwt_authorizer_verifies_signature_claims_and_scopes() {
    let kind = AuthorizerKind::Http { format: PayloadFormat::V2, simple: false };
    let emulator = start(with_tokens(ApiKind::Http { cors: None }, kind, &["read"])).await;
    let valid = token(json!({}));
    let (signed, _) = valid.rsplit_once('.').expect("a signature");
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 256]));
    let unauthorized = r#"{"message":"Unauthorized"}"#;
    for (sent, status, body) in [
        ("nothing".to_owned(), 401, unauthorized),
        (forged, 401, unauthorized),
        (token(json!({ "iss": "https://other.example" })), 401, unauthorized),
        (token(json!({ "aud": "other" })), 401, unauthorized),
        (token(json!({ "exp": 1 })), 401, unauthorized),
        (token(json!({ "scope": "write" })), 403, r#"{"message":"Forbidden"}"#),
    ] {
        let answer = get(&emulator, "/a", &[("Authorization", &format!("Bearer {sent}"))]).await;
        is(&answer, status, None, body);
        assert!(answer.header("www-authenticate").is_some(), "{answer:?}");
    }
    is(&get(&emulator, "/a", &[]).await, 401, None, unauthorized);
    let other = get(&emulator, "/a", &[("Authorization", &token(json!({ "aud": "other" })))]).await;
    assert_eq!(
        other.header("www-authenticate"),
        Some(
            r#"Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience""#
        )
    );
    let allowed = get(&emulator, "/a", &[("Authorization", &valid)]).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    let jwt = &allowed.json()["requestContext"]["authorizer"]["jwt"];
    assert_eq!(jwt["claims"]["sub"], "me");
    assert_eq!(jwt["claims"]["exp"], "32503680000");
    assert_eq!(jwt["scopes"], json!(["read"]));
}

#[tokio::test]
async fn a_cognito_authorizer_verifies_the_token_and_tells_its_claims() {
    let emulator = start(with_tokens(rest(), AuthorizerKind::Token, &[])).await;
    let expired = get(&emulator, "/a", &[("Authorization", &token(json!({ "exp": 1 })))]).await;
    let text = r#"{"message":"The incoming token has expired"}"#;
    is(&expired, 401, Some("UnauthorizedException"), text);
    let allowed = get(&emulator, "/a", &[("Authorization", &token(json!({})))]).await;
    let claims = &allowed.json()["requestContext"]["authorizer"]["claims"];
    assert_eq!(claims["sub"], "me", "{allowed:?}");
}

/// AWS Knowledge Center, "How do I troubleshoot 401 Unauthorized errors from an API Gateway REST API endpoint after I've set up an
/// Amazon Cognito user pool?".
#[tokio::test]
async fn a_cognito_authorizer_takes_an_access_token_only_for_a_method_with_scopes() {
    let access = token(json!({ "token_use": "access", "client_id": "orders" }));
    let id = token(json!({ "token_use": "id" }));
    let unauthorized = r#"{"message":"Unauthorized"}"#;
    let emulator = start(with_tokens(rest(), AuthorizerKind::Token, &[])).await;
    let refused = get(&emulator, "/a", &[("Authorization", &access)]).await;
    is(&refused, 401, Some("UnauthorizedException"), unauthorized);
    assert_eq!(get(&emulator, "/a", &[("Authorization", &id)]).await.status, 200);
    let emulator = start(with_tokens(rest(), AuthorizerKind::Token, &["read"])).await;
    let other = token(json!({ "token_use": "access", "scope": "write" }));
    let refused = get(&emulator, "/a", &[("Authorization", &other)]).await;
    is(&refused, 401, Some("UnauthorizedException"), unauthorized);
    assert_eq!(get(&emulator, "/a", &[("Authorization", &access)]).await.status, 200);
    // An HTTP API does not distinguish them.
    let kind = AuthorizerKind::Http { format: PayloadFormat::V2, simple: false };
    let emulator = start(with_tokens(ApiKind::Http { cors: None }, kind, &[])).await;
    assert_eq!(get(&emulator, "/a", &[("Authorization", &access)]).await.status, 200);
}

/// API reference of API Gateway, `Authorizer`: "API Gateway will match the `aud` field of the incoming token".
#[tokio::test]
async fn the_validation_expression_of_a_cognito_authorizer_is_compared_with_the_audience() {
    let mut api = with_tokens(rest(), AuthorizerKind::Token, &[]);
    api.authorizers[0].validation = Some("^orders-\\d+$".to_owned());
    api.authorizers[0].jwt.as_mut().expect("rules").audience.clear();
    let emulator = start(api).await;
    for (audience, status) in [("orders-1", 200), ("orders-", 401), ("my-orders-1", 401)] {
        let token = token(json!({ "aud": audience }));
        let answer = get(&emulator, "/a", &[("Authorization", &token)]).await;
        assert_eq!(answer.status, status, "{audience}: {answer:?}");
    }
}

async fn start(api: Api) -> Emulator {
    let started: Result<Emulator, StartError> = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(shown())
        .function(guest("authorizer"))
        .api(api)
        .start()
        .await;
    started.expect("an emulator on free ports")
}

async fn get(emulator: &Emulator, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut call =
        Call::get(format!("{}{path}", emulator.api_url("Api").expect("it is configured")));
    for (name, value) in headers {
        call = call.header(*name, value);
    }
    Client::new().send(&call).await.expect("an answer")
}

#[track_caller]
fn is(answer: &Answer, status: u16, kind: Option<&str>, body: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-amzn-errortype"), answer.text()),
        (status, kind, body),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_rest_api_tells_a_request_that_its_authorizer_does_not_allow_why() {
    let emulator = start(guarded(rest(), AuthorizerKind::Token, 0)).await;
    let unauthorized = r#"{"message":"Unauthorized"}"#;
    let denied = r#"{"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}"#;
    for (token, status, kind, body) in [
        (None, 401, "UnauthorizedException", unauthorized),
        (Some("unauthorized"), 401, "UnauthorizedException", unauthorized),
        (Some("deny"), 403, "AccessDeniedException", denied),
        (Some("crash"), 500, "AuthorizerFailureException", r#"{"message":null}"#),
        (Some("broken"), 500, "AuthorizerConfigurationException", r#"{"message":null}"#),
    ] {
        let headers: Vec<_> = token.iter().map(|token| ("Authorization", *token)).collect();
        is(&get(&emulator, "/a", &headers).await, status, Some(kind), body);
    }
    let allowed = get(&emulator, "/a", &[("Authorization", "anything")]).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    let authorizer = &allowed.json()["requestContext"]["authorizer"];
    assert_eq!(authorizer["principalId"], "me");
    assert!(authorizer["calls"].is_string(), "numbers are texts: {authorizer}");
}

/// Official: API reference of API Gateway, `Authorizer`.
#[tokio::test]
async fn a_token_that_does_not_match_the_validation_expression_is_a_401_without_a_call() {
    let mut api = guarded(rest(), AuthorizerKind::Token, 0);
    api.authorizers[0].validation = Some("^ok.*".to_owned());
    let emulator = start(api).await;
    let unauthorized = r#"{"message":"Unauthorized"}"#;
    for token in ["bad", "not ok", "OK"] {
        let refused = get(&emulator, "/a", &[("Authorization", token)]).await;
        is(&refused, 401, Some("UnauthorizedException"), unauthorized);
    }
    assert_eq!(emulator.totals().invocations, 0);
    let allowed = get(&emulator, "/a", &[("Authorization", "okay")]).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    assert_eq!(emulator.totals().invocations, 2);
}

#[tokio::test]
async fn a_decision_is_kept_by_its_identity_and_evaluated_for_each_method() {
    let emulator = start(guarded(rest(), AuthorizerKind::Token, 60_000)).await;
    let calls = async |path: &str, token: &str| {
        let answer = get(&emulator, path, &[("Authorization", token)]).await;
        answer.json()["requestContext"]["authorizer"]["calls"].clone()
    };
    assert_eq!(calls("/a", "first").await, "1");
    assert_eq!(calls("/a", "first").await, "1", "the decision is kept");
    assert_eq!(calls("/b", "first").await, "1", "for every method");
    assert_eq!(calls("/a", "second").await, "2", "by the token");
    assert_eq!(calls("/a", "one").await, "3");
    let other = get(&emulator, "/b", &[("Authorization", "one")]).await;
    let body = r#"{"Message":"User is not authorized to access this resource"}"#;
    is(&other, 403, Some("AccessDeniedException"), body);
    emulator.clock().advance(Millis(60_000)).await;
    assert_eq!(calls("/a", "first").await, "4", "until its time is over");
}

#[tokio::test]
async fn an_http_api_reads_a_simple_response_of_an_authorizer_and_answers_forbidden() {
    let kind = AuthorizerKind::Http { format: PayloadFormat::V2, simple: true };
    let emulator = start(guarded(ApiKind::Http { cors: None }, kind, 0)).await;
    is(&get(&emulator, "/a", &[]).await, 401, None, r#"{"message":"Unauthorized"}"#);
    let denied = get(&emulator, "/a", &[("Authorization", "deny")]).await;
    is(&denied, 403, None, r#"{"message":"Forbidden"}"#);
    let crashed = get(&emulator, "/a", &[("Authorization", "crash")]).await;
    is(&crashed, 500, None, r#"{"message":"Internal Server Error"}"#);
    let allowed = get(&emulator, "/a", &[("Authorization", "yes")]).await;
    assert!(
        allowed.json()["requestContext"]["authorizer"]["lambda"]["calls"].is_number(),
        "{allowed:?}"
    );
}

/// http_authorizer_timeout
#[tokio::test]
async fn an_http_api_waits_ten_seconds_for_its_authorizer() {
    let kind = AuthorizerKind::Http { format: PayloadFormat::V2, simple: true };
    let api = guarded(ApiKind::Http { cors: None }, kind, 0);
    let row = hardcap_limits::Limits::row("http_authorizer_timeout").expect("a row");
    assert_eq!(row.value_at(hardcap_limits::Date::LATEST), 10_000);
    let emulator = Emulator::builder()
        .limits(hardcap_limits::Date::CLASSIC)
        .function(shown())
        .function(guest("authorizer"))
        .api(api)
        .set("http_authorizer_timeout", 700)
        .start()
        .await
        .expect("an emulator on free ports");
    let slow = get(&emulator, "/a", &[("Authorization", "slow")]).await;
    is(&slow, 500, None, r#"{"message":"Internal Server Error"}"#);
    let allowed = get(&emulator, "/a", &[("Authorization", "yes")]).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
}

#[tokio::test]
async fn an_api_key_must_be_one_of_the_usage_plan() {
    let mut api = api(rest(), &Access { api_key_required: true, ..Access::default() });
    api.api_keys.push("a-key-of-20-letters-".to_owned());
    let emulator = start(api).await;
    let forbidden = r#"{"message":"Forbidden"}"#;
    for headers in [&[][..], &[("x-api-key", "a-key-of-20-letters")], &[("x-api-key", "")]] {
        is(&get(&emulator, "/a", headers).await, 403, Some("ForbiddenException"), forbidden);
    }
    let allowed = get(&emulator, "/a", &[("x-api-key", "a-key-of-20-letters-")]).await;
    assert_eq!(allowed.json()["requestContext"]["identity"]["apiKey"], "a-key-of-20-letters-");
}

#[tokio::test]
async fn a_request_without_a_signature_or_with_a_wrong_one_is_refused() {
    let access = Access { authorization: Authorization::Iam, ..Access::default() };
    let emulator = start(api(rest(), &access)).await;
    let missing = r#"{"message":"Missing Authentication Token"}"#;
    let kind = Some("MissingAuthenticationTokenException");
    is(&get(&emulator, "/a", &[]).await, 403, kind, missing);
    let signed = "AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=00";
    let headers = [("Authorization", signed), ("X-Amz-Date", "20260101T000000Z")];
    let unknown = r#"{"message":"The security token included in the request is invalid."}"#;
    is(&get(&emulator, "/a", &headers).await, 403, Some("UnrecognizedClientException"), unknown);
}

#[tokio::test]
async fn missing_parameters_are_named_and_a_mock_integration_answers_by_itself() {
    let access = Access {
        required_headers: vec!["X-Tenant".to_owned()],
        required_query: vec!["page".to_owned()],
        ..Access::default()
    };
    let mut api = api(rest(), &access);
    api.routes[1].access = Access::default();
    api.routes[1].function = String::new();
    let origin =
        ("Access-Control-Allow-Origin".to_owned(), ResponseMapping::Static("*".to_owned()));
    let response = IntegrationResponse {
        status: 204,
        headers: vec![origin],
        ..IntegrationResponse::default()
    };
    api.routes[1].integration = Integration::Custom(Box::new(CustomIntegration::mock(response)));
    let emulator = start(api).await;
    let both = r#"{"message":"Missing required request parameters: [page, X-Tenant]"}"#;
    is(&get(&emulator, "/a", &[]).await, 400, Some("BadRequestException"), both);
    let one = r#"{"message":"Missing required request parameters: [page]"}"#;
    let tenant = [("x-tenant", "t")];
    is(&get(&emulator, "/a", &tenant).await, 400, Some("BadRequestException"), one);
    assert_eq!(get(&emulator, "/a?page=1", &tenant).await.status, 200);
    let fixed = get(&emulator, "/b", &[]).await;
    assert_eq!(
        (fixed.status.as_u16(), fixed.header("access-control-allow-origin")),
        (204, Some("*"))
    );
    assert_eq!(fixed.header("x-amzn-trace-id"), None, "{fixed:?}");
}
