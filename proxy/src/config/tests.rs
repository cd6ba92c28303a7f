//! Tests of `config`.

use proptest::prelude::*;

use super::*;

const VALID: [(&str, &str); 5] = [
    ("UPSTREAM_URL", "https://search-x.eu-west-1.es.amazonaws.com"),
    ("OVERFLOW_BUCKET", "answers"),
    ("AWS_REGION", "eu-west-1"),
    ("ACCESS", "open"),
    ("UPSTREAM_SERVICE", "es"),
];

fn read(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&|name| {
        let changed = changes.iter().find(|(known, _)| *known == name);
        let found = changed.or_else(|| VALID.iter().find(|(known, _)| *known == name));
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// The names of the variables that are complained about.
fn errors(changes: &[(&str, &str)]) -> Vec<&'static str> {
    match read(changes) {
        Ok(_) => Vec::new(),
        Err(ConfigError(found)) => found.into_iter().map(|error| error.name).collect(),
    }
}

#[test]
fn settings_that_are_not_set_have_defaults() {
    let config = read(&[]).expect("it is valid");
    assert_eq!(config.access, Access::Open);
    assert_eq!(config.overflow.prefix, "overflow");
    assert_eq!(config.overflow.link_lifetime, Duration::from_secs(60));
    assert!(!config.overflow.force_path_style);
    assert!(!config.overflow.redirect_assets);
    assert_eq!(config.limits.lambda_sync_response.max.0, 6_291_556);
    let scope = config.upstream.scope.expect("requests are signed");
    assert_eq!((scope.service.as_str(), scope.region.as_str()), ("es", "eu-west-1"));
    assert_eq!(config.gateway_timeout, None);
    assert_eq!(config.public_url, None);
}

#[test]
fn all_invalid_variables_are_reported_together() {
    let found = read(&[
        ("UPSTREAM_URL", "ftp://x"),
        ("UPSTREAM_SERVICE", "s3"),
        ("OVERFLOW_BUCKET", "Dotted.Bucket"),
        ("OVERFLOW_TTL_SECONDS", "0"),
        ("LIMITS", "yesterday"),
        ("LIMIT_OVERRIDES", "lambda_sink=1"),
        ("ACCESS", "yes"),
        ("PUBLIC_URL", "x"),
        ("ALLOWED_ORIGINS", "*"),
        ("GATEWAY_TIMEOUT_MS", "soon"),
    ]);
    let Err(ConfigError(found)) = found else { panic!("it was accepted") };
    let mut names: Vec<_> = found.iter().map(|error| error.name).collect();
    names.sort_unstable();
    let expected = [
        "ACCESS",
        "ALLOWED_ORIGINS",
        "GATEWAY_TIMEOUT_MS",
        "LIMITS",
        "LIMIT_OVERRIDES",
        "OVERFLOW_BUCKET",
        "OVERFLOW_TTL_SECONDS",
        "PUBLIC_URL",
        "UPSTREAM_SERVICE",
        "UPSTREAM_URL",
    ];
    assert_eq!(names, expected);
    let text = ConfigError(found).to_string();
    assert!(text.contains("ftp://x") && text.contains("lambda_sink"), "{text}");
}

#[test]
fn required_variables_are_reported_if_missing() {
    let Err(ConfigError(found)) = Config::read(&|_| None) else { panic!("it was accepted") };
    let names: Vec<_> = found.iter().map(|error| error.name).collect();
    assert_eq!(names, ["UPSTREAM_URL", "UPSTREAM_REGION", "OVERFLOW_BUCKET", "AWS_REGION"]);
    assert_eq!(errors(&[("UPSTREAM_URL", " ")]), ["UPSTREAM_URL"], "blank is absent");
}

#[test]
fn without_access_configuration_the_proxy_is_closed() {
    assert_eq!(read(&[("ACCESS", "")]).unwrap().access, Access::Closed);
    assert_eq!(errors(&[("ACCESS", "sessions")]), ["SESSIONS_TABLE"]);
    for word in ["Open", "true", "1", "public"] {
        assert_eq!(errors(&[("ACCESS", word)]), ["ACCESS"], "{word}");
    }
    let open = read(&[]).unwrap().warnings(true).join("\n");
    assert!(open.contains("every client that reaches this proxy"), "{open}");
    let closed = read(&[("ACCESS", "")]).unwrap().warnings(true).join("\n");
    assert!(closed.contains("every request is refused"), "{closed}");
    let job = read(&[("ACCESS", "")]).unwrap().warnings(false);
    assert!(job.is_empty(), "a program without clients has no warning about access: {job:?}");
}

#[test]
fn a_table_requires_logins_unless_access_is_open() {
    let sessions = |changes: &[(&str, &str)]| {
        let table = [("ACCESS", ""), ("SESSIONS_TABLE", "people")];
        let config = read(&[changes, &table].concat()).expect("it is valid");
        let warnings = config.warnings(true).join("\n");
        match config.access {
            Access::Sessions(sessions) => (sessions, warnings),
            other => panic!("{other:?}"),
        }
    };
    let (usual, warnings) = sessions(&[]);
    assert_eq!(usual.table, "people");
    assert_eq!(usual.settings, crate::session::SessionSettings::default());
    assert!(!warnings.contains("plain-http"), "{warnings}");
    let (named, _) = sessions(&[("ACCESS", "sessions"), ("LOGIN_ATTEMPTS", "3")]);
    assert_eq!((named.table.as_str(), named.settings.bounds.pair), ("people", 3));
    let (plain, warnings) = sessions(&[("SESSION_COOKIES", "plain-http")]);
    assert_eq!(plain.settings.cookies, crate::session::Cookies::PlainHttp);
    assert!(warnings.contains("anyone who can read the traffic"), "{warnings}");
    let open = read(&[("ACCESS", "open"), ("SESSIONS_TABLE", "people")]).unwrap();
    assert_eq!(open.access, Access::Open);
}

#[test]
fn a_session_is_looked_up_every_five_minutes_at_least() {
    let table = ("SESSIONS_TABLE", "people");
    for (name, value, valid) in [
        ("SESSION_RECHECK_SECONDS", "300", true),
        ("SESSION_RECHECK_SECONDS", "301", false),
        ("SESSION_RECHECK_SECONDS", "0", false),
        ("SESSION_IDLE_SECONDS", "43200", true),
        ("SESSION_IDLE_SECONDS", "43201", false),
        ("SESSION_COOKIES", "insecure", false),
        ("ACCESS_RULES", "allow full DELETE /logs-*", true),
        ("ACCESS_RULES", "allow everything", false),
    ] {
        let found = errors(&[table, (name, value)]);
        assert_eq!(found.is_empty(), valid, "{name}={value}: {found:?}");
        assert!(found.iter().all(|error| *error == name), "{found:?}");
    }
}

#[test]
fn p2_a_link_lifetime_is_between_a_second_and_a_week() {
    for (seconds, valid) in [
        ("0", false),
        ("1", true),
        ("60", true),
        ("604800", true),
        ("604801", false),
        ("-1", false),
        ("99999999999999999999", false),
    ] {
        let valid_now = errors(&[("OVERFLOW_TTL_SECONDS", seconds)]).is_empty();
        assert_eq!(valid_now, valid, "{seconds}");
    }
}

#[test]
fn p3_a_short_link_lifetime_causes_a_warning() {
    let warned = |seconds: &str| {
        let config = read(&[("OVERFLOW_TTL_SECONDS", seconds)]).unwrap();
        config.warnings(true).iter().any(|warning| warning.contains("OVERFLOW_TTL_SECONDS"))
    };
    assert!(warned("59"));
    assert!(!warned("60"), "the default is not warned about");
    assert!(!warned("119"));
}

#[test]
fn x7_a_bucket_with_a_dot_is_refused() {
    for bucket in ["a.bucket", "ab", "UPPER", "under_score", &"a".repeat(64)] {
        assert_eq!(errors(&[("OVERFLOW_BUCKET", bucket)]), ["OVERFLOW_BUCKET"], "{bucket}");
    }
}

#[test]
fn s11_an_invalid_upstream_address_is_refused() {
    for url in [
        "http://169.254.169.254/",
        "http://169.254.170.2/creds",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/",
        "https://user:pass@host/",
        "https://host/?query",
        "https://host/#fragment",
        "https://host/a//b",
        "https://host/../b",
        "host",
        "https://",
    ] {
        assert_eq!(errors(&[("UPSTREAM_URL", url)]), ["UPSTREAM_URL"], "{url}");
    }
    for url in
        ["http://127.0.0.1:9200", "https://search-x.es.amazonaws.com/base", "http://[::1]:9200"]
    {
        assert_eq!(errors(&[("UPSTREAM_URL", url)]), [""; 0], "{url}");
    }
}

#[test]
fn a_custom_endpoint_implies_path_style_links() {
    let local = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    assert!(read(&[local]).unwrap().overflow.force_path_style);
    assert!(!read(&[local, ("S3_FORCE_PATH_STYLE", "false")]).unwrap().overflow.force_path_style);
}

#[test]
fn limits_depend_on_the_date_and_the_overrides() {
    let config = read(&[
        ("LIMITS", "2018-01-01"),
        ("LIMIT_OVERRIDES", "lambda_sync_response=100_000, rest_timeout=250"),
    ])
    .unwrap();
    assert_eq!(config.limits.date().to_string(), "2018-01-01");
    assert_eq!(config.limits.lambda_sync_response.max.0, 100_000);
    assert_eq!(config.limits.rest_timeout.max.0, 250);
    assert!(
        config
            .warnings(false)
            .iter()
            .any(|warning| warning.contains("lambda_sync_response is 100000"))
    );
    assert_eq!(errors(&[("LIMIT_OVERRIDES", "lambda_sync_response")]), ["LIMIT_OVERRIDES"]);
}

#[test]
fn invalid_key_prefixes_are_refused() {
    assert_eq!(read(&[("OVERFLOW_PREFIX", "a/b-1/")]).unwrap().overflow.prefix, "a/b-1");
    for prefix in ["/a", "a//b", "../a", "a/./b", "a b", "é", "a?b", "/"] {
        assert_eq!(errors(&[("OVERFLOW_PREFIX", prefix)]), ["OVERFLOW_PREFIX"], "{prefix}");
    }
}

#[test]
fn x5_origins_are_written_as_browsers_send_them() {
    let origins = read(&[("ALLOWED_ORIGINS", "https://a.example, http://localhost:5601")]).unwrap();
    assert_eq!(origins.allowed_origins, ["https://a.example", "http://localhost:5601"]);
    for bad in
        ["null", "*", "https://a.example/", "https://A.example", "a.example", "https://*.example"]
    {
        assert_eq!(errors(&[("ALLOWED_ORIGINS", bad)]), ["ALLOWED_ORIGINS"], "{bad}");
    }
}

proptest! {
    #[test]
    fn reading_the_configuration_never_panics(values in proptest::collection::vec(".{0,30}", 22)) {
        let names = [
            "ACCESS", "UPSTREAM_URL", "UPSTREAM_SERVICE", "UPSTREAM_REGION", "AWS_REGION",
            "OVERFLOW_BUCKET", "OVERFLOW_PREFIX", "OVERFLOW_TTL_SECONDS", "PUBLIC_URL", "LIMITS",
            "LIMIT_OVERRIDES", "GATEWAY_TIMEOUT_MS", "MAX_BODY_BYTES", "ALLOWED_ORIGINS",
            "S3_FORCE_PATH_STYLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "RUST_LOG",
            "OVERFLOW_REDIRECT_ASSETS", "UPSTREAM_CONNECT_TIMEOUT_MS", "UPSTREAM_IDLE_TIMEOUT_MS",
        ];
        let _ = Config::read(&|name| {
            let at = names.iter().position(|known| *known == name)?;
            Some(values[at].clone())
        });
    }
}

#[test]
fn e4_a_password_in_the_environment_is_refused_and_not_repeated() {
    let given = [("UPSTREAM_SERVICE", "none"), ("UPSTREAM_BASIC_AUTH", "proxy:hunter2")];
    let Err(found) = read(&given) else { panic!("it was accepted") };
    let text = found.to_string();
    assert!(text.contains("UPSTREAM_BASIC_AUTH") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_password_and_a_signature_exclude_each_other() {
    let reference = ("UPSTREAM_BASIC_AUTH", "secret:upstream#basic");
    assert_eq!(errors(&[reference]), ["UPSTREAM_BASIC_AUTH"]);
    let config = read(&[reference, ("UPSTREAM_SERVICE", "none")]).expect("it is valid");
    let places = config.upstream.basic_auth.expect("it is read").endpoints;
    assert_eq!(places.ssm, "https://ssm.eu-west-1.amazonaws.com");
    assert_eq!(places.secrets, "https://secretsmanager.eu-west-1.amazonaws.com");
    let local = [
        reference,
        ("UPSTREAM_SERVICE", "none"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1"),
    ];
    let places =
        read(&local).expect("it is valid").upstream.basic_auth.expect("it is read").endpoints;
    assert_eq!(places.ssm, "http://127.0.0.1:1");
    assert_eq!(places.secrets, "http://127.0.0.1:4566");
}
