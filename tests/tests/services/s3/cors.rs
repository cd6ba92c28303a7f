//! Cross-origin rules, as recorded from AWS between 2023-07-31 and 2025-07-07.

use hardcap::Emulator;
use hardcap::config::{Bucket, BucketCorsRule, Credential};

use super::vocabulary::*;

const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

async fn with_rules(rules: Vec<BucketCorsRule>) -> Emulator {
    let mut config = config();
    config.buckets[0].cors = rules;
    config.buckets.push(Bucket { name: "plain".to_owned(), ..Bucket::default() });
    let emulator = start(config).await;
    let put = signed(&emulator, ask("PUT", "/bucket/key").body("test-cors")).await;
    assert_eq!(put.status, 200);
    emulator
}

fn one_rule() -> Vec<BucketCorsRule> {
    vec![BucketCorsRule {
        allowed_origins: texts(&["https://localhost:4200"]),
        allowed_methods: texts(&["GET", "PUT"]),
        allowed_headers: texts(&["x-amz-expected-bucket-owner", "x-AMZ-server-SIDE-encryption"]),
        expose_headers: texts(&["ETag", "x-amz-request-id"]),
        max_age_seconds: Some(3000),
    }]
}

async fn preflight(emulator: &Emulator, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut wanted = ask("OPTIONS", path);
    for (name, value) in headers {
        wanted = wanted.header(name, value);
    }
    wanted.send(emulator.aws_url()).await
}

const ORIGIN: (&str, &str) = ("origin", "https://localhost:4200");
const PUT: (&str, &str) = ("access-control-request-method", "PUT");

#[tokio::test]
async fn a_preflight_that_matches_is_answered_without_a_signature() {
    let emulator = with_rules(one_rule()).await;
    let answer = preflight(&emulator, "/bucket/key", &[ORIGIN, PUT]).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
    assert_eq!(answer.header("content-length"), Some("0"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://localhost:4200"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-max-age"), Some("3000"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("ETag, x-amz-request-id"));
    assert_eq!(answer.header("access-control-allow-headers"), None);
    assert_eq!(answer.header("vary"), Some(VARY));
    let wanted = (
        "access-control-request-headers",
        "X-Amz-Expected-Bucket-Owner, x-amz-server-side-encryption",
    );
    let answer = preflight(&emulator, "/bucket/key", &[ORIGIN, PUT, wanted]).await;
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("x-amz-expected-bucket-owner, x-amz-server-side-encryption")
    );
}

#[tokio::test]
async fn any_origin_means_no_credentials() {
    let rule = BucketCorsRule {
        allowed_origins: texts(&["*"]),
        allowed_methods: texts(&["GET"]),
        ..BucketCorsRule::default()
    };
    let emulator = with_rules(vec![rule]).await;
    let origins = ["null", "https://random:1234"];
    for origin in origins {
        let get = ("access-control-request-method", "GET");
        let answer = preflight(&emulator, "/bucket/key", &[("origin", origin), get]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("access-control-max-age"), None);
    }
}

/// Name, path, headers; status, message, method and kind of resource.
type Case<'a> =
    (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str, Option<(&'a str, &'a str)>);

#[tokio::test]
async fn other_preflights_are_refused_in_awss_words() {
    let emulator = with_rules(one_rule()).await;
    let needed = "Insufficient information. Origin request header needed.";
    let disabled = "CORSResponse: CORS is not enabled for this bucket.";
    let missing = "CORSResponse: Bucket not found";
    let stranger = ("origin", "https://localhost:4201");
    let delete = ("access-control-request-method", "DELETE");
    let header = ("access-control-request-headers", "x-amz-request-payer");
    let cases: [Case<'_>; 9] = [
        ("no origin", "/bucket/key", &[PUT], 400, needed, None),
        (
            "only a referer",
            "/bucket/key",
            &[("referer", "https://localhost:4200")],
            400,
            needed,
            None,
        ),
        ("no rules", "/plain/key", &[ORIGIN, PUT], 403, disabled, Some(("PUT", "BUCKET"))),
        ("no rules, no method", "/plain", &[ORIGIN], 403, disabled, Some(("OPTIONS", "BUCKET"))),
        ("no bucket", "/nowhere/key", &[ORIGIN], 403, missing, Some(("OPTIONS", "BUCKET"))),
        ("origin", "/bucket/key", &[stranger, PUT], 403, NOT_ALLOWED, Some(("PUT", "OBJECT"))),
        ("method", "/bucket/key", &[ORIGIN, delete], 403, NOT_ALLOWED, Some(("DELETE", "OBJECT"))),
        (
            "header",
            "/bucket/key",
            &[ORIGIN, PUT, header],
            403,
            NOT_ALLOWED,
            Some(("PUT", "OBJECT")),
        ),
        ("bucket", "/bucket", &[stranger, PUT], 403, NOT_ALLOWED, Some(("PUT", "BUCKET"))),
    ];
    for (name, path, headers, status, message, elements) in cases {
        let answer = preflight(&emulator, path, headers).await;
        let code = if status == 400 { "BadRequest" } else { "AccessForbidden" };
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{name}");
        assert_eq!(answer.element("Message").as_deref(), Some(message), "{name}");
        let found = answer.element("Method").zip(answer.element("ResourceType"));
        let found = found.as_ref().map(|(method, kind)| (method.as_str(), kind.as_str()));
        assert_eq!(found, elements, "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{name}");
    }
}

#[tokio::test]
async fn actual_answers_carry_the_headers_only_when_a_rule_matches() {
    let mut config = config();
    config.buckets[0].cors = one_rule();
    config.credentials.push(Credential {
        access_key_id: "AKIASECRET".to_owned(),
        secret_access_key: "of-nobody-else".to_owned(),
        session_token: None,
    });
    let emulator = start(config).await;
    let put = signed(&emulator, ask("PUT", "/bucket/key").body("test-cors")).await;
    assert_eq!(put.status, 200);
    // A key that every page knows is not answered as a secret one is.
    let secret = Signing {
        access_key_id: "AKIASECRET".to_owned(),
        secret: "of-nobody-else".to_owned(),
        ..Signing::now()
    };
    let get = |origin: &str| ask("GET", "/bucket/key").header("origin", origin);
    let answer = signed(&emulator, get("https://localhost:4200")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "test-cors"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://localhost:4200"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(answer.header("vary"), Some(VARY));
    for origin in
        ["https://localhost:4201", "http://localhost:4200", "https://localhost:4200.evil", "null"]
    {
        let asked = get(origin).signed(&host(&emulator), &secret);
        let answer = asked.send(emulator.aws_url()).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "test-cors"));
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(answer.header("vary"), None);
        let answer = signed(&emulator, get(origin)).await;
        assert_eq!(answer.refusal(), (403, "AccessDenied".to_owned()), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    let delete = ask("DELETE", "/bucket/key").header("origin", "https://localhost:4200");
    let answer = signed(&emulator, delete).await;
    assert_eq!(answer.refusal(), (403, "AccessDenied".to_owned()));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(signed(&emulator, ask("GET", "/bucket/key")).await.status, 200, "it is there");
}

#[tokio::test]
async fn a_refused_request_carries_them_too() {
    let emulator = with_rules(one_rule()).await;
    let anonymous = ask("GET", "/bucket/key").header("origin", "https://localhost:4200");
    let answer = anonymous.send(emulator.aws_url()).await;
    assert_eq!(answer.refusal(), (403, "AccessDenied".to_owned()));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://localhost:4200"));
    assert_eq!(answer.header("vary"), Some(VARY));
}

/// Puts a CORS configuration with its digest.
async fn put_rules(emulator: &Emulator, xml: &str) -> Answer {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let sum = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(xml));
    let wanted = ask("PUT", "/bucket?cors").body(xml.to_owned());
    signed(emulator, wanted.header("x-amz-checksum-sha256", &sum)).await
}

/// The first texts are quoted by users of S3 and by Ceph's s3-tests, that of the method is recorded (2023-07-31).
#[tokio::test]
async fn rules_that_s3_does_not_accept_are_refused_and_the_old_ones_stay() {
    let emulator = with_rules(one_rule()).await;
    let least = "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>";
    let rule = |inner: &str| format!("<CORSRule>{inner}</CORSRule>");
    let all = |rules: &str| format!("<CORSConfiguration>{rules}</CORSConfiguration>");
    for (inner, message) in [
        (
            "<ExposeHeader>*</ExposeHeader>",
            "ExposeHeader \"*\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
        ),
        (
            "<ExposeHeader>x-amz-meta-*</ExposeHeader>",
            "ExposeHeader \"x-amz-meta-*\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
        ),
        (
            "<AllowedOrigin>https://*.a.*</AllowedOrigin>",
            "AllowedOrigin \"https://*.a.*\" can not have more than one wildcard.",
        ),
        (
            "<AllowedHeader>**</AllowedHeader>",
            "AllowedHeader \"**\" can not have more than one wildcard.",
        ),
        (
            "<AllowedMethod>PATCH</AllowedMethod>",
            "Found unsupported HTTP method in CORS config. Unsupported method is PATCH",
        ),
    ] {
        let answer = put_rules(&emulator, &all(&rule(&format!("{least}{inner}")))).await;
        assert_eq!(answer.refusal(), (400, "InvalidRequest".to_owned()), "{inner}");
        assert_eq!(answer.element("Message").as_deref(), Some(message));
    }
    let long = |length: usize| rule(&format!("<ID>{}</ID>{least}", "i".repeat(length)));
    for rules in [
        rule(least).repeat(101),
        rule("<AllowedMethod>GET</AllowedMethod>"),
        rule("<AllowedOrigin>*</AllowedOrigin>"),
        long(256),
    ] {
        let answer = put_rules(&emulator, &all(&rules)).await;
        assert_eq!(answer.refusal(), (400, "MalformedXML".to_owned()), "{rules}");
    }
    let kept = signed(&emulator, ask("GET", "/bucket?cors")).await;
    assert_eq!(kept.elements("AllowedOrigin"), ["https://localhost:4200"]);
    let most = format!("{}{}", rule(least).repeat(99), long(255));
    assert_eq!(put_rules(&emulator, &all(&most)).await.status, 200);
    let stored = signed(&emulator, ask("GET", "/bucket?cors")).await;
    assert_eq!(stored.elements("AllowedOrigin").len(), 100);
}

#[tokio::test]
async fn rules_are_put_read_and_removed() {
    let emulator = with_rules(Vec::new()).await;
    let get = || signed(&emulator, ask("GET", "/bucket?cors"));
    let put = async |xml: &str| put_rules(&emulator, xml).await;
    let answer = get().await;
    assert_eq!(answer.refusal(), (404, "NoSuchCORSConfiguration".to_owned()));
    assert_eq!(answer.element("Message").as_deref(), Some("The CORS configuration does not exist"));
    assert_eq!(answer.element("BucketName").as_deref(), Some(BUCKET));
    let rule = |method: &str| {
        format!(
            "<CORSConfiguration><CORSRule><AllowedMethod>{method}</AllowedMethod><AllowedOrigin>*</AllowedOrigin><MaxAgeSeconds>7</MaxAgeSeconds></CORSRule></CORSConfiguration>"
        )
    };
    let answer = put(&rule("MYMETHOD")).await;
    assert_eq!(answer.refusal(), (400, "InvalidRequest".to_owned()));
    assert_eq!(
        answer.element("Message").as_deref(),
        Some("Found unsupported HTTP method in CORS config. Unsupported method is MYMETHOD")
    );
    let answer = put("<CORSConfiguration></CORSConfiguration>").await;
    assert_eq!(answer.refusal(), (400, "MalformedXML".to_owned()));
    assert_eq!(put(&rule("PUT")).await.status, 200);
    let answer = get().await;
    assert_eq!(answer.element("AllowedMethod").as_deref(), Some("PUT"));
    assert_eq!(answer.element("MaxAgeSeconds").as_deref(), Some("7"));
    assert_eq!(preflight(&emulator, "/bucket/key", &[ORIGIN, PUT]).await.status, 200);
    assert_eq!(signed(&emulator, ask("DELETE", "/bucket?cors")).await.status, 204);
    assert_eq!(get().await.status, 404);
    assert_eq!(preflight(&emulator, "/bucket/key", &[ORIGIN, PUT]).await.status, 403);
    let bare = ask("PUT", "/bucket?cors").body(rule("GET"));
    assert_eq!(signed(&emulator, bare).await.refusal(), (400, "InvalidRequest".to_owned()));
}
