//! The proxy's AWS clients, created on first use, so that a cold start makes no request.

use std::fmt;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error, future,
};
use aws_sdk_s3::config::{IdentityCache, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::tls;
use tokio::sync::OnceCell;

use crate::credentials::CredentialsCache;
use crate::environment;
use crate::store::OverflowConfig;
use crate::store::ResponseStore;

/// The credentials and the bucket.
#[derive(Clone, Debug)]
pub struct Aws {
    /// The credentials of the function.
    pub credentials: Arc<CredentialsCache>,
    /// The bucket for large responses.
    pub store: ResponseStore,
}

/// [`Aws`], created on first use.
pub struct LazyAws {
    config: OverflowConfig,
    made: OnceCell<Aws>,
}

impl fmt::Debug for LazyAws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyAws").field("made", &self.made.initialized()).finish_non_exhaustive()
    }
}

impl LazyAws {
    /// Clients that are created from the function's environment.
    #[must_use]
    pub fn new(config: OverflowConfig) -> LazyAws {
        LazyAws { config, made: OnceCell::new() }
    }

    /// Clients that the caller created.
    #[must_use]
    pub fn of(aws: Aws) -> LazyAws {
        LazyAws { config: aws.store.config().clone(), made: OnceCell::new_with(Some(aws)) }
    }

    /// The clients; the first call creates them.
    pub async fn get(&self) -> &Aws {
        self.made.get_or_init(|| make(&self.config)).await
    }
}

/// The configuration that all clients share: connections, region and endpoints.
pub(crate) async fn shared(region: &str) -> SdkConfig {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(ring).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        .load()
        .await
}

/// A DynamoDB client for a program at a terminal. An endpoint on the same machine is an emulator's: without credentials in
/// the environment, the client then uses `test`, which every emulator accepts.
pub(crate) async fn dynamodb_of_terminal(
    region: Option<String>,
    endpoint: Option<String>,
) -> aws_sdk_dynamodb::Client {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(ring).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    let endpoint = endpoint.or_else(|| environment::variable("AWS_ENDPOINT_URL"));
    let local = endpoint.as_deref().is_some_and(is_local);
    if local && environment::variable("AWS_ACCESS_KEY_ID").is_none() {
        loader = loader.credentials_provider(Credentials::new("test", "test", None, None, "local"));
    }
    let region = region
        .or_else(|| environment::variable("AWS_REGION"))
        .or_else(|| environment::variable("AWS_DEFAULT_REGION"))
        .or_else(|| local.then(|| "us-east-1".to_owned()));
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    aws_sdk_dynamodb::Client::new(&loader.load().await)
}

fn is_local(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    matches!(host.as_deref(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

/// The credentials of this process, for values that are fetched before the configuration is known.
pub(crate) async fn credentials() -> CredentialsCache {
    let region = environment::variable("AWS_REGION").unwrap_or_default();
    credentials_of(&shared(&region).await)
}

fn credentials_of(shared: &SdkConfig) -> CredentialsCache {
    let provider = shared.credentials_provider();
    let provider = provider.unwrap_or_else(|| SharedCredentialsProvider::new(NoProvider));
    CredentialsCache::new(provider)
}

async fn make(config: &OverflowConfig) -> Aws {
    let shared = shared(&config.region).await;
    let credentials = Arc::new(credentials_of(&shared));
    let s3 = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(config.force_path_style)
        // The cache above decides when to fetch credentials; a second cache would disagree with it.
        .identity_cache(IdentityCache::no_cache())
        .credentials_provider(FromCache(Arc::clone(&credentials)))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    let client = aws_sdk_s3::Client::from_conf(s3);
    Aws { store: ResponseStore::new(client, Arc::clone(&credentials), config.clone()), credentials }
}

#[derive(Debug)]
struct FromCache(Arc<CredentialsCache>);

impl ProvideCredentials for FromCache {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let current = self.0.current().await;
            current.map_err(error::CredentialsError::not_loaded)
        })
    }
}

#[derive(Debug)]
struct NoProvider;

impl ProvideCredentials for NoProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let none =
            error::CredentialsError::not_loaded("the environment has no source of credentials");
        future::ProvideCredentials::ready(Err(none))
    }
}
