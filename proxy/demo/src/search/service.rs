//! The steps of a request: read, verify, record, route, respond.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::{Duration, UtcDateTime};

use super::authorization::{Authorization, Expected, Refusal};
use super::cursor::Cursors;
use super::index::UnknownIndex;
use super::keys::Keys;
use super::received::{Log, Received};
use super::reply::{Reply, ReplyBody, accepts_gzip};
use super::sigv4::{self, WireRequest};
use super::{Flavor, SearchConfig, bulk, discover, exact, index, pages};
use crate::clock;

/// `http.max_content_length` of Elasticsearch: 100 MiB.
const BODY_MAX: u64 = 100 * 1024 * 1024;

/// The state shared by all handlers.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: SearchConfig,
    pub(super) cursors: Cursors,
    pub(super) received: Log,
    pub(super) keys: Keys,
}

/// A request as received.
pub(super) struct ClientRequest {
    pub(super) method: Method,
    /// Path and query as on the wire.
    pub(super) target: String,
    /// Names in lower case, in the order sent.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
    body_sha256: String,
}

impl ClientRequest {
    /// The decoded segments of the path; a `%2F` does not separate.
    pub(super) fn segments(&self) -> Vec<String> {
        let (path, _) = sigv4::split_target(&self.target);
        path.trim_start_matches('/').split('/').map(decoded).collect()
    }

    /// The query's parameters in order, decoded as forms are; a bare key has an empty value.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        let (_, query) = sigv4::split_target(&self.target);
        query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| {
                (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
            })
            .collect()
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Whether a parameter is present and not `false`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value != "false" && value != "0")
    }

    /// The first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_slice())
    }
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&sigv4::percent_decode(text)).into_owned()
}

impl Service {
    pub(super) fn new(config: SearchConfig) -> Service {
        let keys = Keys::new(config.keys.clone(), config.keys_url.clone());
        Service { config, cursors: Cursors::default(), received: Log::default(), keys }
    }

    /// The receiver's time.
    pub(super) fn now(&self) -> UtcDateTime {
        clock::now() + Duration::seconds(self.config.clock_ahead_seconds)
    }

    /// Handles one request.
    pub(super) async fn handle(&self, request: http::Request<Incoming>) -> Response<ReplyBody> {
        let (request, body_bytes) = match read(request).await {
            Ok(read) => read,
            Err(reply) => return reply.into_response(false),
        };
        if request.target == "/_received" {
            return self.received(&request).into_response(false);
        }
        let refusal = self.authorize(&request).await;
        let reply = match &refusal {
            Ok(None) if body_bytes > BODY_MAX => too_large(),
            Ok(None) => self.route(&request).await,
            Ok(Some(refusal)) => refused(refusal),
            Err(error) => no_keys(error),
        };
        self.received.push(Received {
            method: request.method.to_string(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            body_bytes,
            body_sha256: request.body_sha256.clone(),
            status: reply.status.as_u16(),
            refusal: refusal.ok().flatten().map(|refusal| refusal.to_string()),
        });
        let reply = if accepts_gzip(&request.headers) { reply.compressed() } else { reply };
        self.with_product(reply).into_response(request.method == Method::HEAD)
    }

    async fn authorize(&self, request: &ClientRequest) -> io::Result<Option<Refusal>> {
        if !self.config.verify {
            return Ok(None);
        }
        let headers = if self.config.behind_balancer {
            balanced(&request.headers)
        } else {
            request.headers.clone()
        };
        let wire = WireRequest {
            method: request.method.as_str(),
            target: &request.target,
            headers: &headers,
            payload_sha256: &request.body_sha256,
        };
        let authorization = match Authorization::of(&wire) {
            Ok(authorization) => authorization,
            Err(refusal) => return Ok(Some(refusal)),
        };
        let key = self.keys.find(&authorization.access_key_id).await?;
        let expected = Expected {
            region: &self.config.region,
            service: &self.config.service,
            now: self.now(),
        };
        Ok(authorization.verify(&wire, key.as_ref(), &expected).err())
    }

    async fn route(&self, request: &ClientRequest) -> Reply {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let reads = matches!(request.method, Method::GET | Method::HEAD | Method::POST);
        match segments.as_slice() {
            ["_bytes", size] => exact::bytes(request, size).await,
            [""] if reads => self.cluster(),
            ["_cat", "indices"] | ["_cat", "indices", _] if reads => self.cat(request),
            ["_bulk"] | [_, "_bulk"] if request.method != Method::GET => bulk::bulk(request),
            ["_msearch"] | [_, "_msearch"] if reads => bulk::msearch(self, request),
            ["_search", "scroll"] | ["_search", "scroll", _] => pages::scroll(self, request),
            ["_pit"] | ["_search", "point_in_time"] | ["_search", "point_in_time", _] => {
                pages::close_point_in_time(self, request)
            }
            ["_search"] if reads => self.search(request, "_all").await,
            [name, "_search"] if reads => self.search(request, name).await,
            [name, "_pit"] | [name, "_search", "point_in_time"]
                if request.method == Method::POST =>
            {
                pages::open_point_in_time(self, name)
            }
            ["_count"] if reads => pages::count(self, "_all"),
            [name, "_count"] if reads => pages::count(self, name),
            [name, "_doc", id] if reads => pages::document(self, name, id),
            ["_dashboards", name @ ..] if reads => {
                discover::file(name).unwrap_or_else(|| unknown(request))
            }
            [name] if request.method == Method::HEAD => pages::exists(self, name),
            _ => unknown(request),
        }
    }

    async fn search(&self, request: &ClientRequest, name: &str) -> Reply {
        let takes = self.config.search_takes;
        if takes.0 > 0 {
            clock::wait(takes).await;
        }
        pages::search(self, request, name)
    }

    fn cluster(&self) -> Reply {
        let version = match self.config.flavor {
            Flavor::OpenSearch => json!({
                "distribution": "opensearch", "number": "2.19.0", "build_type": "tar",
                "lucene_version": "9.12.1", "minimum_wire_compatibility_version": "7.10.0",
                "minimum_index_compatibility_version": "7.0.0",
            }),
            Flavor::Elasticsearch => json!({
                "number": "7.17.0", "build_flavor": "default", "build_type": "docker",
                "lucene_version": "8.11.1", "minimum_wire_compatibility_version": "6.8.0",
                "minimum_index_compatibility_version": "6.0.0-beta1",
            }),
        };
        let tagline = match self.config.flavor {
            Flavor::OpenSearch => "The OpenSearch Project: https://opensearch.org/",
            Flavor::Elasticsearch => "You Know, for Search",
        };
        Reply::json(
            StatusCode::OK,
            &json!({
                "name": "search", "cluster_name": "000000000000:search",
                "cluster_uuid": "AAAAAAAAAAAAAAAAAAAAAA", "version": version, "tagline": tagline,
            }),
        )
    }

    fn cat(&self, request: &ClientRequest) -> Reply {
        let rows = self.config.indices.iter().map(|index| {
            let bytes = index.documents.saturating_mul(index.document_bytes as u64);
            (index.name.as_str(), index.documents, bytes)
        });
        if request.parameter("format").as_deref() == Some("json") {
            let rows: Vec<_> = rows
                .map(|(name, documents, bytes)| {
                    json!({
                        "health": "green", "status": "open", "index": name, "pri": "1", "rep": "0",
                        "docs.count": documents.to_string(), "store.size": format!("{bytes}b"),
                    })
                })
                .collect();
            return Reply::json(StatusCode::OK, &json!(rows));
        }
        let mut text = String::new();
        if request.flag("v") {
            text.push_str("health status index pri rep docs.count store.size\n");
        }
        for (name, documents, bytes) in rows {
            text.push_str(&format!("green open {name} 1 0 {documents} {bytes}b\n"));
        }
        Reply::whole(StatusCode::OK, "text/plain; charset=UTF-8", text)
    }

    /// The received requests, for tests in other processes. This route is neither verified nor recorded.
    fn received(&self, request: &ClientRequest) -> Reply {
        if request.method == Method::DELETE {
            self.received.clear();
        }
        Reply::json(StatusCode::OK, &json!(self.received.newest()))
    }

    /// Elastic's clients refuse a 2xx without this header.
    fn with_product(&self, mut reply: Reply) -> Reply {
        if self.config.flavor == Flavor::Elasticsearch {
            let product = HeaderValue::from_static("Elasticsearch");
            reply.headers.entry("x-elastic-product").or_insert(product);
        }
        reply
    }

    /// The index that a segment names, or a 404.
    pub(super) fn index(&self, name: &str) -> Result<Option<(super::Index, String)>, Reply> {
        index::find(&self.config.indices, name, self.now()).map_err(|UnknownIndex(missing)| {
            let reason = format!("no such index [{missing}]");
            let cause = json!({
                "type": "index_not_found_exception", "reason": reason, "index": missing,
                "resource.id": missing, "resource.type": "index_or_alias", "index_uuid": "_na_",
            });
            let mut error = cause.clone();
            error["root_cause"] = json!([cause]);
            Reply::json(StatusCode::NOT_FOUND, &json!({"error": error, "status": 404}))
        })
    }
}

/// The headers after a load balancer.
fn balanced(headers: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    const OF_A_CONNECTION: [&str; 7] = [
        "accept-encoding",
        "connection",
        "expect",
        "te",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-proto",
    ];
    let kept = headers.iter().filter(|(name, _)| !OF_A_CONNECTION.contains(&name.as_str()));
    let own = ("x-forwarded-for".to_owned(), b"10.0.0.1".to_vec());
    kept.cloned().chain([own]).collect()
}

/// Reads a request to its end. Bytes beyond [`BODY_MAX`] are counted and digested, but not stored.
async fn read(request: http::Request<Incoming>) -> Result<(ClientRequest, u64), Reply> {
    let (head, mut body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    let mut kept = BytesMut::new();
    let mut sha256 = Sha256::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Reply::illegal_argument("the request ended before its body did"));
        };
        let Ok(data) = frame.into_data() else { continue };
        sha256.update(&data);
        length += data.len() as u64;
        if length <= BODY_MAX {
            kept.extend_from_slice(&data);
        }
    }
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let body_sha256 = hex::encode(sha256.finalize());
    let request =
        ClientRequest { method: head.method, target, headers, body: kept.freeze(), body_sha256 };
    Ok((request, length))
}

fn refused(refusal: &Refusal) -> Reply {
    // The policy's error has `Message`, that of the signature check `message`.
    let name = if matches!(refusal, Refusal::Anonymous(_)) { "Message" } else { "message" };
    let mut reply = Reply::json(StatusCode::FORBIDDEN, &json!({name: refusal.to_string()}));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        reply.headers.insert("x-amzn-requestid", id);
    }
    reply
}

fn no_keys(error: &io::Error) -> Reply {
    let reason = format!("the keys cannot be fetched: {error}");
    Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "keys_unavailable", &reason)
}

fn too_large() -> Reply {
    Reply::whole(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "")
}

fn unknown(request: &ClientRequest) -> Reply {
    let error =
        format!("no handler found for uri [{}] and method [{}]", request.target, request.method);
    Reply::json(StatusCode::BAD_REQUEST, &json!({"error": error}))
}
