//! Variables that are references, replaced by what is kept there before anything reads them.
//!
//! Any variable may be one: long rules and lists leave the environment its 4 KB, and one deployment serves several
//! places. Such a value is fetched once, when the function starts, and holds for as long as this environment lives.

use std::cell::RefCell;

use futures_util::future::join_all;

use super::Config;
use crate::credentials::CredentialsCache;
use crate::environment::{Lookup, Mistake, Mistakes, Reader};
use crate::settings::{BASIC_AUTH, Reference, Secret, Services, SettingError, places};

/// A variable, where its value is kept, and the value.
type Fetched = (&'static str, Reference, Result<Secret, SettingError>);

/// The configuration, with every reference followed but [`BASIC_AUTH`], which is followed again and again.
///
/// # Errors
///
/// [`Mistakes`]. Of a value that was fetched they say nothing, for it may be a secret.
pub(crate) async fn read(
    lookup: Lookup<'_>,
    credentials: impl Future<Output = CredentialsCache>,
) -> Result<Config, Mistakes> {
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
    let mut reader = Reader { lookup, mistakes: Vec::new() };
    let region = reader.optional("AWS_REGION", "", |text| Ok(text.to_owned()));
    // Without a region, which is a mistake anyway, there is nobody to ask.
    if referred.is_empty() || region.is_empty() {
        return unfollowed;
    }
    // Where a place is mistaken, its usual one is not asked instead.
    let places = places(&mut reader, &region);
    let Some(places) = places.filter(|_| reader.mistakes.is_empty()) else {
        return Err(Mistakes(reader.mistakes));
    };
    let services = &Services::new(places);
    let credentials = &credentials.await;
    let fetched = join_all(referred.into_iter().map(|(name, reference)| async move {
        let value = services.fetch(&reference, credentials).await;
        (name, reference, value)
    }));
    follow(lookup, &fetched.await)
}

fn follow(lookup: Lookup<'_>, fetched: &[Fetched]) -> Result<Config, Mistakes> {
    let unfetched: Vec<Mistake> = fetched
        .iter()
        .filter_map(|(name, _, value)| {
            let problem = format!("cannot be fetched: {}", value.as_ref().err()?);
            Some(Mistake { name, problem })
        })
        .collect();
    if !unfetched.is_empty() {
        return Err(Mistakes(unfetched));
    }
    let find = |name: &str| fetched.iter().find(|(known, ..)| *known == name);
    let read = Config::read(&|name| match find(name) {
        Some((_, _, value)) => value.as_ref().ok().map(|secret| secret.reveal().to_owned()),
        None => lookup(name),
    });
    read.map_err(|Mistakes(mistakes)| {
        let silent = |mistake: Mistake| match find(mistake.name) {
            Some((name, reference, _)) => {
                let problem = format!(
                    "what {reference} holds is not what this variable takes; a value in the variable itself would \
                     be told why"
                );
                Mistake { name, problem }
            }
            None => mistake,
        };
        Mistakes(mistakes.into_iter().map(silent).collect())
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

    /// Services that keep these values: parameters, and secrets of the same names.
    async fn keeping(values: &[(&str, &str)]) -> MockServer {
        let server = MockServer::start().await;
        for (name, value) in values {
            let parameter = json!({ "Parameter": { "Name": name, "Value": value } });
            let secret = json!({ "SecretString": value });
            for (asked, answer) in [("Name", parameter), ("SecretId", secret)] {
                Mock::given(body_partial_json(json!({ asked: name })))
                    .respond_with(ResponseTemplate::new(200).set_body_json(answer))
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

    async fn read_with(server: &MockServer, own: &[(&str, &str)]) -> Result<Config, Mistakes> {
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
    async fn e3_any_variable_may_be_a_reference_and_is_what_it_refers_to() {
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
    async fn e1_nothing_is_fetched_that_is_no_reference_nor_what_is_followed_later() {
        let server = keeping(&[]).await;
        let own = [("UPSTREAM_SERVICE", "none"), ("UPSTREAM_BASIC_AUTH", "secret:upstream")];
        let config = read_with(&server, &own).await.expect("it is good");
        assert!(config.upstream.basic_auth.is_some());
        assert_eq!(calls(&server).await, 0);
    }

    #[tokio::test]
    async fn e3_every_variable_that_has_no_value_is_named_at_the_start() {
        let server = keeping(&[]).await;
        let own = [("ACCESS_RULES", "ssm:/rules"), ("ALLOWED_ORIGINS", "secret:origins")];
        let Mistakes(mistakes) = read_with(&server, &own).await.expect_err("nothing is there");
        let mut said: Vec<String> =
            mistakes.iter().map(|it| format!("{} {}", it.name, it.problem)).collect();
        said.sort();
        let expected = [
            "ACCESS_RULES cannot be fetched: ssm:/rules: ParameterNotFound",
            "ALLOWED_ORIGINS cannot be fetched: secret:origins: ParameterNotFound",
        ];
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn nobody_is_asked_where_the_place_or_the_region_is_mistaken() {
        let server = keeping(&[]).await;
        for (name, value) in [("AWS_ENDPOINT_URL_SSM", "nonsense"), ("AWS_REGION", "")] {
            let own = [("ACCESS_RULES", "ssm:/rules"), (name, value)];
            let mistakes = read_with(&server, &own).await.expect_err("it is wrong").to_string();
            assert!(mistakes.contains(&format!("\n  {name}: ")), "{mistakes}");
        }
        assert_eq!(calls(&server).await, 0);
    }

    #[tokio::test]
    async fn e4_a_value_that_cannot_be_used_is_not_repeated() {
        let server = keeping(&[("/bytes", "canary-password"), ("/rules", "canary-rule")]).await;
        let own =
            [("MAX_BODY_BYTES", "ssm:/bytes"), ("ACCESS_RULES", "ssm:/rules"), ("METRICS", "loud")];
        let mistakes = read_with(&server, &own).await.expect_err("they are wrong").to_string();
        assert!(!mistakes.contains("canary"), "{mistakes}");
        assert!(mistakes.contains("MAX_BODY_BYTES: what ssm:/bytes holds"), "{mistakes}");
        assert!(mistakes.contains("METRICS: `loud` is neither"), "{mistakes}");
    }
}
