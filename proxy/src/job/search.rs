//! What an export asks of a search cluster: a point in time, and page after page of it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::outcome::Problem;
use crate::aws::LazyAws;
use crate::body::{Gathered, UpstreamBody};
use crate::path::Target;
use crate::upload::RequestBody;
use crate::upstream::{Outgoing, Upstream, UpstreamError};

/// How long a point in time lives after each page: longer than a function may run, and a sweeper may take.
const KEEP_ALIVE: &str = "30m";
/// An answer that is no page, such as an error, is read up to here.
const SMALL_MAX: usize = 64 * 1024;

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchError {
    /// It may work when it is asked again.
    Again(String),
    /// It will not work.
    Failed(Problem),
    /// The cluster does not know the point in time any more.
    Lost,
    /// The page has more bytes than are held at once.
    TooLarge,
}

/// Whose words for a point in time the cluster understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// `_search/point_in_time`
    OpenSearch,
    /// `_pit`
    Elasticsearch,
}

/// A view of an index that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInTime {
    /// Its id, which may change with every page.
    pub id: String,
    /// Who gave it.
    pub flavor: Flavor,
}

/// What a search gives back.
pub type Found<'a, T> = BoxFuture<'a, Result<T, SearchError>>;

/// A search cluster.
pub trait Search: Send + Sync {
    /// Opens a point in time of an index, or of several with commas and stars.
    fn open<'a>(&'a self, index: &'a str) -> Found<'a, PointInTime>;

    /// Searches with a body that names the point in time, and gives the answer as it came, up to `max` bytes.
    fn page(&self, body: Value, max: usize) -> Found<'_, Bytes>;

    /// Closes a point in time. What comes of it is of no interest: it closes by itself.
    fn close<'a>(&'a self, point: &'a PointInTime) -> BoxFuture<'a, ()>;
}

/// How a point in time is named in a search.
#[must_use]
pub fn named(point: &PointInTime) -> Value {
    json!({ "id": point.id, "keep_alive": KEEP_ALIVE })
}

/// The cluster behind the proxy.
#[derive(Clone)]
pub struct UpstreamSearch {
    upstream: Arc<Upstream>,
    aws: Arc<LazyAws>,
}

impl fmt::Debug for UpstreamSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamSearch").finish_non_exhaustive()
    }
}

impl UpstreamSearch {
    /// A search that signs with what `aws` has.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>, aws: Arc<LazyAws>) -> UpstreamSearch {
        UpstreamSearch { upstream, aws }
    }

    async fn send(
        &self,
        method: Method,
        path: String,
        query: Option<String>,
        body: &Value,
    ) -> Result<(StatusCode, UpstreamBody), SearchError> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("accept-encoding", HeaderValue::from_static("identity"));
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let outgoing = Outgoing {
            method,
            target: Target { path, query },
            headers,
            body: RequestBody::Inline(body),
        };
        let aws = self.aws.get().await;
        let sent = self.upstream.send(&outgoing, &aws.credentials).await;
        let response = sent.map_err(|error| unsent(&error))?;
        Ok((response.status, response.body))
    }

    /// Opens in the words of one of the two; `None` when the cluster does not know them.
    async fn open_as(
        &self,
        index: &str,
        flavor: Flavor,
    ) -> Result<Option<PointInTime>, SearchError> {
        let route = match flavor {
            Flavor::OpenSearch => "_search/point_in_time",
            Flavor::Elasticsearch => "_pit",
        };
        let path = format!("/{}/{route}", encoded(index));
        let query = Some(format!("keep_alive={KEEP_ALIVE}"));
        let (status, body) = self.send(Method::POST, path, query, &Value::Null).await?;
        let answer = small(body).await?;
        if status.is_success() {
            let parsed: Value = serde_json::from_slice(&answer).unwrap_or_default();
            let id = ["pit_id", "id"].iter().find_map(|name| parsed.get(name)?.as_str());
            return match id {
                Some(id) => Ok(Some(PointInTime { id: id.to_owned(), flavor })),
                None => Err(refused(status, &answer)),
            };
        }
        let no_such_index = String::from_utf8_lossy(&answer).contains("index_not_found");
        let unknown = matches!(status.as_u16(), 400 | 404 | 405) && !no_such_index;
        if unknown { Ok(None) } else { Err(unhappy(status, &answer)) }
    }
}

impl Search for UpstreamSearch {
    fn open<'a>(&'a self, index: &'a str) -> Found<'a, PointInTime> {
        Box::pin(async move {
            for flavor in [Flavor::OpenSearch, Flavor::Elasticsearch] {
                if let Some(point) = self.open_as(index, flavor).await? {
                    return Ok(point);
                }
            }
            let detail = "It knows neither `_search/point_in_time` (OpenSearch 2.4 and later) nor `_pit` (Elasticsearch 7.10 and later).";
            let title = "The upstream has no points in time";
            Err(SearchError::Failed(Problem::new("no_point_in_time", title, detail)))
        })
    }

    fn page(&self, body: Value, max: usize) -> Found<'_, Bytes> {
        Box::pin(async move {
            let (status, answer) =
                self.send(Method::POST, "/_search".to_owned(), None, &body).await?;
            if !status.is_success() {
                let answer = small(answer).await?;
                let lost = status == StatusCode::NOT_FOUND
                    && String::from_utf8_lossy(&answer).contains("search_context_missing");
                return Err(if lost { SearchError::Lost } else { unhappy(status, &answer) });
            }
            match answer.gather(max).await.map_err(|error| unsent(&error.into()))? {
                Gathered::Whole(bytes) => Ok(bytes),
                Gathered::More(_) => Err(SearchError::TooLarge),
            }
        })
    }

    fn close<'a>(&'a self, point: &'a PointInTime) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (path, body) = match point.flavor {
                Flavor::OpenSearch => ("/_search/point_in_time", json!({ "pit_id": [point.id] })),
                Flavor::Elasticsearch => ("/_pit", json!({ "id": point.id })),
            };
            if let Err(error) = self.send(Method::DELETE, path.to_owned(), None, &body).await {
                tracing::info!(?error, "a point in time is left to close by itself");
            }
        })
    }
}

/// A name as a segment of a path.
fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

async fn small(body: UpstreamBody) -> Result<Bytes, SearchError> {
    match body.gather(SMALL_MAX).await.map_err(|error| unsent(&error.into()))? {
        Gathered::Whole(bytes) => Ok(bytes),
        Gathered::More(_) => Ok(Bytes::new()),
    }
}

fn unsent(error: &UpstreamError) -> SearchError {
    match error {
        UpstreamError::Unsigned(_) | UpstreamError::Source(_) => SearchError::Failed(Problem::new(
            "unsigned",
            "The upstream cannot be asked",
            error.to_string(),
        )),
        UpstreamError::Unreachable(_)
        | UpstreamError::Broken(_)
        | UpstreamError::Stalled(_)
        | UpstreamError::Setting(_) => SearchError::Again(error.to_string()),
    }
}

fn unhappy(status: StatusCode, answer: &[u8]) -> SearchError {
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return SearchError::Again(format!("the upstream answered {status}"));
    }
    refused(status, answer)
}

fn refused(status: StatusCode, answer: &[u8]) -> SearchError {
    let text = String::from_utf8_lossy(answer);
    let detail = format!("It answered {status}: {text}");
    SearchError::Failed(Problem::new("search_refused", "The upstream refuses the search", detail))
}
