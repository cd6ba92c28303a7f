//! The search cluster as an export uses it: a point in time, and its pages.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::outcome::JobError;
use super::work::StepError;
use crate::aws::LazyAws;
use crate::body::{Gathered, UpstreamBody};
use crate::path::{Target, encode_segment};
use crate::upload::RequestBody;
use crate::upstream::{Outgoing, Upstream, UpstreamError};

/// The time to live of a point in time after each page: longer than a function runs plus the delay of a sweeper.
const KEEP_ALIVE: &str = "30m";
/// The maximum size of a response that is not a page, such as an error, in bytes.
const SMALL_MAX: usize = 64 * 1024;

/// Why a search failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchError {
    /// A transient error.
    Again(String),
    /// A permanent error.
    Failed(JobError),
    /// The cluster no longer has the point in time.
    Lost,
    /// The page exceeds the maximum size.
    TooLarge,
}

impl From<SearchError> for StepError {
    fn from(error: SearchError) -> StepError {
        match error {
            SearchError::Again(why) => StepError::Again(why),
            SearchError::Failed(error) => StepError::Failed(error),
            SearchError::Lost => StepError::Again("the point in time was lost".to_owned()),
            SearchError::TooLarge => StepError::Failed(JobError::new(
                "hit_too_large",
                "A hit is too large",
                "A page with one hit exceeds the maximum size of a page.",
            )),
        }
    }
}

/// The API for points in time that the cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// `_search/point_in_time`
    OpenSearch,
    /// `_pit`
    Elasticsearch,
}

/// A point in time: a fixed view of indices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInTime {
    /// The id, which may change with every page.
    pub id: String,
    /// The API that created it.
    pub flavor: Flavor,
}

/// The future of a call to the cluster.
pub type SearchFuture<'a, T> = BoxFuture<'a, Result<T, SearchError>>;

/// A search cluster.
pub trait Search: Send + Sync {
    /// Opens a point in time of an index, or of several with commas and stars.
    fn open<'a>(&'a self, index: &'a str) -> SearchFuture<'a, PointInTime>;

    /// Searches with a body that contains the point in time; returns the response unchanged, up to `max` bytes.
    fn page(&self, body: Value, max: usize) -> SearchFuture<'_, Bytes>;

    /// Closes a point in time. Errors are ignored, because it expires by itself.
    fn close<'a>(&'a self, point: &'a PointInTime) -> BoxFuture<'a, ()>;
}

/// The member `pit` of a search.
#[must_use]
pub fn named(point: &PointInTime) -> Value {
    json!({ "id": point.id, "keep_alive": KEEP_ALIVE })
}

/// The sort of the request, made unambiguous: `search_after` skips hits with equal sort values.
#[must_use]
pub fn sort(asked: Option<&Value>, flavor: Flavor) -> Value {
    let mut keys = match asked {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(keys)) => keys.clone(),
        Some(key) => vec![key.clone()],
    };
    match flavor {
        // Within a point in time Elasticsearch appends `_shard_doc` itself, unless no sort is given.
        Flavor::Elasticsearch if keys.is_empty() => keys.push(json!({ "_shard_doc": "asc" })),
        Flavor::Elasticsearch => {}
        Flavor::OpenSearch => {
            keys.push(json!({ "_index": "asc" }));
            keys.push(json!({ "_id": "asc" }));
        }
    }
    Value::Array(keys)
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
    /// A search that signs with the credentials of `aws`.
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

    /// Opens a point in time with one API; `None` if the cluster does not have it.
    async fn open_as(
        &self,
        index: &str,
        flavor: Flavor,
    ) -> Result<Option<PointInTime>, SearchError> {
        let route = match flavor {
            Flavor::OpenSearch => "_search/point_in_time",
            Flavor::Elasticsearch => "_pit",
        };
        let path = format!("/{}/{route}", encode_segment(index));
        let query = Some(format!("keep_alive={KEEP_ALIVE}"));
        let (status, body) = self.send(Method::POST, path, query, &Value::Null).await?;
        let response = small(body).await?;
        if status.is_success() {
            let parsed: Value = serde_json::from_slice(&response).unwrap_or_default();
            let id = ["pit_id", "id"].iter().find_map(|name| parsed.get(name)?.as_str());
            return match id {
                Some(id) => Ok(Some(PointInTime { id: id.to_owned(), flavor })),
                None => Err(refused(status, &response)),
            };
        }
        let no_such_index = String::from_utf8_lossy(&response).contains("index_not_found");
        let unknown = matches!(status.as_u16(), 400 | 404 | 405) && !no_such_index;
        if unknown { Ok(None) } else { Err(unhappy(status, &response)) }
    }
}

impl Search for UpstreamSearch {
    fn open<'a>(&'a self, index: &'a str) -> SearchFuture<'a, PointInTime> {
        Box::pin(async move {
            for flavor in [Flavor::OpenSearch, Flavor::Elasticsearch] {
                if let Some(point) = self.open_as(index, flavor).await? {
                    return Ok(point);
                }
            }
            let detail = "The cluster has neither `_search/point_in_time` (OpenSearch 2.4 and later) nor `_pit` (Elasticsearch 7.10 and later).";
            let title = "The upstream does not support points in time";
            Err(SearchError::Failed(JobError::new("no_point_in_time", title, detail)))
        })
    }

    fn page(&self, body: Value, max: usize) -> SearchFuture<'_, Bytes> {
        Box::pin(async move {
            let (status, response) =
                self.send(Method::POST, "/_search".to_owned(), None, &body).await?;
            if !status.is_success() {
                let response = small(response).await?;
                let lost = status == StatusCode::NOT_FOUND
                    && String::from_utf8_lossy(&response).contains("search_context_missing");
                return Err(if lost { SearchError::Lost } else { unhappy(status, &response) });
            }
            match response.gather(max).await.map_err(|error| unsent(&error.into()))? {
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
                tracing::info!(?error, "a point in time could not be closed and will expire");
            }
        })
    }
}

async fn small(body: UpstreamBody) -> Result<Bytes, SearchError> {
    match body.gather(SMALL_MAX).await.map_err(|error| unsent(&error.into()))? {
        Gathered::Whole(bytes) => Ok(bytes),
        Gathered::More(_) => Ok(Bytes::new()),
    }
}

fn unsent(error: &UpstreamError) -> SearchError {
    match error {
        UpstreamError::Unsigned(_) | UpstreamError::Source(_) => SearchError::Failed(
            JobError::new("unsigned", "The search cannot be sent", error.to_string()),
        ),
        UpstreamError::Unreachable(_)
        | UpstreamError::Broken(_)
        | UpstreamError::Stalled(_)
        | UpstreamError::Setting(_) => SearchError::Again(error.to_string()),
    }
}

fn unhappy(status: StatusCode, response: &[u8]) -> SearchError {
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return SearchError::Again(format!("the upstream responded with {status}"));
    }
    refused(status, response)
}

fn refused(status: StatusCode, response: &[u8]) -> SearchError {
    let text = String::from_utf8_lossy(response);
    let detail = format!("The upstream responded with {status}: {text}");
    SearchError::Failed(JobError::new("search_refused", "The upstream refused the search", detail))
}
