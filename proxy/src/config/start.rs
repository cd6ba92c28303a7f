//! Variables that are references, replaced by the stored values before the configuration is read.
//!
//! Any variable may be a reference: long rules and lists would exceed an environment's 4 KB, and one deployment may serve several
//! stages. The value is fetched once, when the function starts, and is used for the life of the execution environment.

use std::cell::RefCell;

use futures_util::future::join_all;

use super::Config;
use crate::credentials::CredentialsCache;
use crate::environment::{ConfigError, Lookup, Reader, VariableError, values};
use crate::settings::{BASIC_AUTH, Reference, Secret, Services, SettingError, endpoints};

/// A variable, its reference, and the fetched value.
type Fetched = (&'static str, Reference, Result<Secret, SettingError>);

/// The configuration with every reference resolved, except [`BASIC_AUTH`], which is refreshed while the proxy runs.
///
/// # Errors
///
/// [`ConfigError`]. They do not contain fetched values, which may be secrets.
pub(crate) async fn read(
    lookup: Lookup<'_>,
    credentials: impl Future<Output = CredentialsCache>,
) -> Result<Config, ConfigError> {
    let referred = RefCell::new(Vec::<(&'static str, Reference)>::new());
    let unfollowed = Config::read(&|name| {
        let text = lookup(name)?;
        let reference = text.trim().parse().ok().filter(|_| name != BASIC_AUTH);
        let mut referred = referred.borrow_mut();
        if let Some(reference) = reference
            && referred.iter().all(|(known, _)| *known != name)
        {
            referred.push((name, reference));
        }
        Some(text)
    });
    let referred = referred.into_inner();
    let mut reader = Reader { lookup, errors: Vec::new() };
    let region = reader.optional("AWS_REGION", "", values::text);
    // Without a region, which is an error anyway, no service can be called.
    if referred.is_empty() || region.is_empty() {
        return unfollowed;
    }
    // An invalid endpoint override is an error; the default endpoint does not replace it.
    let endpoints = endpoints(&mut reader, &region);
    let Some(endpoints) = endpoints.filter(|_| reader.errors.is_empty()) else {
        return Err(ConfigError(reader.errors));
    };
    let services = &Services::new(endpoints);
    let credentials = &credentials.await;
    let fetched = join_all(referred.into_iter().map(|(name, reference)| async move {
        let value = services.fetch(&reference, credentials).await;
        (name, reference, value)
    }));
    follow(lookup, &fetched.await)
}

fn follow(lookup: Lookup<'_>, fetched: &[Fetched]) -> Result<Config, ConfigError> {
    let unfetched: Vec<VariableError> = fetched
        .iter()
        .filter_map(|(name, _, value)| {
            let problem = format!("cannot be fetched: {}", value.as_ref().err()?);
            Some(VariableError { name, problem })
        })
        .collect();
    if !unfetched.is_empty() {
        return Err(ConfigError(unfetched));
    }
    let find = |name: &str| fetched.iter().find(|(known, ..)| *known == name);
    let read = Config::read(&|name| match find(name) {
        Some((_, _, value)) => value.as_ref().ok().map(|secret| secret.reveal().to_owned()),
        None => lookup(name),
    });
    read.map_err(|ConfigError(errors)| {
        let silent = |error: VariableError| match find(error.name) {
            Some((name, reference, _)) => {
                let problem = format!(
                    "the value of {reference} is not valid for this variable; set the value in the variable itself to \
                     see why"
                );
                VariableError { name, problem }
            }
            None => error,
        };
        ConfigError(errors.into_iter().map(silent).collect())
    })
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use serde_json::json;
    use wiremock::matchers::body_partial_json;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    /// A server with these values, as parameters and as secrets of the same names.
    async fn keeping(values: &[(&str, &str)]) -> MockServer {
        let server = MockServer::start().await;
        for (name, value) in values {
            let parameter = json!({ "Parameter": { "Name": name, "Value": value } });
            let secret = json!({ "SecretString": value });
            for (asked, response) in [("Name", parameter), ("SecretId", secret)] {
                Mock::given(body_partial_json(json!({ asked: name })))
                    .respond_with(ResponseTemplate::new(200).set_body_json(response))
                    .mount(&server)
                    .await;
            }
        }
        let absent = json!({ "__type": "ParameterNotFound" });
        Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(400).set_body_json(absent))
            .with_priority(9)
            .mount(&server)
            .await;
        server
    }

    async fn read_with(server: &MockServer, own: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let usual = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", &server.uri()),
            ("OVERFLOW_BUCKET", "answers"),
            ("UPSTREAM_URL", "https://search.example"),
        ];
        let lookup = |name: &str| {
            let found = own.iter().chain(&usual).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let fixed = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let cache = CredentialsCache::new(SharedCredentialsProvider::new(fixed));
        read(&lookup, async { cache }).await
    }

    async fn calls(server: &MockServer) -> usize {
        server.received_requests().await.expect("they are recorded").len()
    }

    #[tokio::test]
    async fn e3_any_variable_may_be_a_reference_and_has_the_value_it_refers_to() {
        let all = r#"{"url": "https://kept.example", "age": 7200}"#;
        let server = keeping(&[("/origins", "https://a.example\n"), ("all", all)]).await;
        let own = [
            ("ALLOWED_ORIGINS", " ssm:/origins "),
            ("UPSTREAM_URL", "secret:all#url"),
            ("SESSIONS_TABLE", "sessions"),
            ("SESSION_IDLE_SECONDS", "secret:all#age"),
        ];
        let config = read_with(&server, &own).await.expect("it is good");
        assert_eq!(config.allowed_origins, ["https://a.example"]);
        assert_eq!(config.upstream.url.host(), Some("kept.example"));
        let crate::config::Access::Sessions(sessions) = config.access else { panic!("{config:?}") };
        assert_eq!(sessions.settings.idle.as_secs(), 7200);
    }

    #[tokio::test]
    async fn e1_plain_values_and_the_basic_auth_reference_are_not_fetched_at_the_start() {
        let server = keeping(&[]).await;
        let own = [("UPSTREAM_SERVICE", "none"), ("UPSTREAM_BASIC_AUTH", "secret:upstream")];
        let config = read_with(&server, &own).await.expect("it is good");
        assert!(config.upstream.basic_auth.is_some());
        assert_eq!(calls(&server).await, 0);
    }

    #[tokio::test]
    async fn e3_every_reference_without_a_value_is_reported_at_the_start() {
        let server = keeping(&[]).await;
        let own = [("ACCESS_RULES", "ssm:/rules"), ("ALLOWED_ORIGINS", "secret:origins")];
        let ConfigError(errors) = read_with(&server, &own).await.expect_err("nothing is there");
        let mut said: Vec<String> =
            errors.iter().map(|it| format!("{} {}", it.name, it.problem)).collect();
        said.sort();
        let expected = [
            "ACCESS_RULES cannot be fetched: ssm:/rules: ParameterNotFound",
            "ALLOWED_ORIGINS cannot be fetched: secret:origins: ParameterNotFound",
        ];
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn no_service_is_called_with_an_invalid_endpoint_or_region() {
        let server = keeping(&[]).await;
        for (name, value) in [("AWS_ENDPOINT_URL_SSM", "nonsense"), ("AWS_REGION", "")] {
            let own = [("ACCESS_RULES", "ssm:/rules"), (name, value)];
            let errors = read_with(&server, &own).await.expect_err("it is wrong").to_string();
            assert!(errors.contains(&format!("\n  {name}: ")), "{errors}");
        }
        assert_eq!(calls(&server).await, 0);
    }

    #[tokio::test]
    async fn e4_an_invalid_fetched_value_is_not_repeated_in_the_error() {
        let server = keeping(&[("/bytes", "canary-password"), ("/rules", "canary-rule")]).await;
        let own =
            [("MAX_BODY_BYTES", "ssm:/bytes"), ("ACCESS_RULES", "ssm:/rules"), ("METRICS", "loud")];
        let errors = read_with(&server, &own).await.expect_err("they are wrong").to_string();
        assert!(!errors.contains("canary"), "{errors}");
        assert!(errors.contains("MAX_BODY_BYTES: the value of ssm:/bytes"), "{errors}");
        assert!(errors.contains("METRICS: `loud` is neither"), "{errors}");
    }
}
