//! The S3 service: the wire protocol by `s3s`, everything else by this crate.
//!
//! Requests are checked before the library sees them: signature, headers, body. The library gets an unsigned request in path
//! style, with a body that fails at its end if it differs from its declaration. Responses are completed after the library:
//! error elements, ids, CORS headers.

mod address;
mod api;
mod attributes;
mod auth;
mod call;
mod checksum;
mod chunked;
mod conditions;
mod cors;
mod deliver;
mod fetch;

pub use fetch::ObjectError;
pub use notify::Destinations;
mod form;
#[doc(hidden)]
pub mod fuzz;
mod lifecycle;
mod mail;
mod notify;
mod pages;
mod payload;
mod refusal;
mod region;
mod store;
mod tags;

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use futures_util::future::BoxFuture;
use hardcap_limits::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use http_body_util::BodyExt as _;
use s3s::service::{S3Service, S3ServiceBuilder};

use address::Address;
use api::Api;
use call::{Call, Ids};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{self, Config};
use hardcap_core::context::Platform;
use hardcap_core::faults::{self, Service};
use hardcap_core::guard::{Caller, GuardRefusal};
use notify::Notifier;
use payload::Payload;
use refusal::Refusal;
use region::SigningRegion;
use store::ObjectStore;

use hardcap_core::serve::RequestBody;

/// The S3 API over one store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3 {
    platform: Platform,
    store: Arc<ObjectStore>,
    notifier: Notifier,
    protocol: S3Service,
    next_lifecycle: Arc<AtomicU64>,
}

/// The reason why S3 refuses to create a bucket of a template; `None` if it does not refuse.
#[must_use]
pub fn refusal(bucket: &config::Bucket) -> Option<String> {
    let name = &bucket.name;
    let is_valid = s3s::path::check_bucket_name(name);
    (!is_valid).then(|| {
        format!("`{name}` is not a valid bucket name: use 3 to 63 lower-case letters, digits, dots and hyphens")
    })
}

/// The subject of faults of S3: the bucket, or the service for a request without a bucket.
fn bucket(address: &Address) -> &str {
    address.bucket.as_deref().unwrap_or("s3")
}

impl S3 {
    /// Opens the store, in `config.data` if it is set, and creates the template's buckets.
    ///
    /// # Errors
    ///
    /// If the directory is in use, cannot be written to, or contains unreadable records. The message names it.
    pub fn open(platform: &Platform, config: &Config) -> io::Result<S3> {
        let store =
            ObjectStore::open(config.data.as_deref().map(|data| data.join("s3")).as_deref())?;
        for bucket in &config.buckets {
            if let Some(refusal) = refusal(bucket) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, refusal));
            }
            store.provide(bucket, platform.clock.now())?;
        }
        let store = Arc::new(store);
        let notifier = Notifier::new(platform);
        let (region, notifier_of_api) = (platform.region.clone(), notifier.clone());
        let api = Api { store: store.clone(), region, notifier: notifier_of_api };
        Ok(S3 {
            platform: platform.clone(),
            store,
            notifier,
            protocol: S3ServiceBuilder::new(api).build(),
            next_lifecycle: Arc::default(),
        })
    }

    /// Refuses a request whose host is not this machine.
    pub fn refuse<'a>(
        &'a self,
        refused: &'a GuardRefusal,
        request: Request<RequestBody>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async move {
            let context = self.platform.context();
            let (head, _body) = request.into_parts();
            let ids = Ids::of(&context);
            identified(render(&Refusal::host(refused), &ids, &head), &ids)
        })
    }

    /// Sends the notifications of all buckets through `destinations` from now on.
    pub fn notify_through(&self, destinations: Arc<dyn Destinations>) {
        self.notifier.connect(destinations);
    }

    /// Handles one request of a caller.
    pub fn handle<'a>(
        &'a self,
        caller: &'a Caller,
        request: Request<RequestBody>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async move {
            self.lifecycle_when_due().await;
            let mut context = self.platform.context();
            let ids = Ids::of(&context);
            let (head, body) = request.into_parts();
            let trace = head.headers.get("x-amzn-trace-id").and_then(|it| it.to_str().ok());
            if let Some(trace) = trace.filter(|_| context.limits.lambda_recursion_s3.has_begun()) {
                context.trace = trace.into();
            }
            let mut response = match Address::of(&head, &self.platform.region) {
                Ok(address) => {
                    let call = Call::new(context, ids.clone(), head.headers.clone());
                    faults::slow_down(call.context(), Service::S3, bucket(&address)).await;
                    let answer = self.answer(&call, &address, (caller, &head), body).await;
                    let mut response =
                        answer.unwrap_or_else(|refusal| render(&refusal, &ids, &head));
                    if head.method != Method::OPTIONS {
                        response.headers_mut().extend(cors::actual(&self.store, &address, &head));
                    }
                    response
                }
                Err(refusal) => render(&refusal, &ids, &head),
            };
            pages::confine(&head, &mut response);
            identified(response, &ids)
        })
    }

    async fn answer(
        &self,
        call: &Call,
        address: &Address,
        (caller, head): (&Caller, &request::Parts),
        body: RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        if let Some(failure) = faults::injected_error(call.context(), Service::S3, bucket(address))
        {
            return Err(Refusal::injected(failure));
        }
        if head.method == Method::OPTIONS {
            let headers = cors::preflight(&self.store, address, head)?;
            return Ok(with_headers(Response::default(), headers));
        }
        let platform = &self.platform;
        let region = SigningRegion::of(head, address, (&self.store, &platform.region))?;
        if form::is_form(head, address) {
            return self.post_form(call, address, (caller, head, &region), body).await;
        }
        let bucket = address.bucket.as_deref();
        let verified = auth::verify(head, bucket, &region, &platform.keyring, call.context());
        let by_rule = cors::allows(&self.store, address, head);
        let admitted = pages::admit(caller, head, by_rule, pages::SignatureKind::of(&verified));
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        let verified = admitted.map_err(|refused| Refusal::page(&refused)).and(verified);
        // Recorded 2026-02-21: the response to a read without a signature says that its bucket does not exist.
        let verified = verified.map_err(|refusal| match bucket {
            Some(name) if reads && refusal == Refusal::access_denied() => {
                self.store.bucket(name).err().unwrap_or(refusal)
            }
            _ => refusal,
        })?;
        call.set_region(verified.region);
        call.set_access_key(verified.access_key_id);
        let call = call.with_headers(verified.headers);
        let creates_bucket = head.method == Method::PUT && address.key.is_none();
        attributes::refuse_unsupported(call.headers(), creates_bucket)?;
        admit_key(&call, address)?;
        let payload = Payload::new(&call, head, body, verified.form)?;
        let request = self.for_protocol(&call, address, head, &verified.query, payload)?;
        let response = self
            .protocol
            .call(request)
            .await
            .map_err(|error| Refusal::bug(&format!("{error:?}")))?;
        self.after_protocol(&call, address, head, response).await
    }

    /// The request for the library.
    fn for_protocol(
        &self,
        call: &Call,
        address: &Address,
        head: &request::Parts,
        query: &str,
        payload: Payload,
    ) -> Result<Request<s3s::Body>, Refusal> {
        call.set_body_length(payload.length());
        attributes::check_copy_source(call)?;
        let mut headers = payload::decoded_headers(call.headers(), payload.length());
        // The library reads text only. What S3 keeps as bytes is taken from the call.
        attributes::remove_bytes(&mut headers);
        let mut request = Request::new(s3s::Body::http_body_unsync(payload));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = address::rewritten(address, query)?;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(call.clone());
        Ok(request)
    }

    /// The response of the library, with its errors replaced by this crate's.
    async fn after_protocol(
        &self,
        call: &Call,
        address: &Address,
        head: &request::Parts,
        response: Response<s3s::Body>,
    ) -> Result<Response<Body>, Refusal> {
        if let Some(refusal) = call.take_refusal() {
            return Err(refusal);
        }
        if response.status().is_client_error() || response.status().is_server_error() {
            let refusal = translated(response, head).await;
            if refusal.status == StatusCode::NOT_IMPLEMENTED
                && let Some(bucket) = &address.bucket
            {
                // A missing bucket takes precedence over other errors.
                self.store.bucket(bucket)?;
            }
            return Err(refusal);
        }
        let response = match address.key {
            Some(_) if object_attributes(head) => rewritten(response, unquoted).await?,
            Some(_) if head.method != Method::POST => response,
            // Everything of a bucket, and a multipart upload, is answered with XML.
            Some(_) | None => rewritten(response, with_references).await?,
        };
        let (mut parts, body) = response.into_parts();
        if let Some(status) = parts.extensions.remove::<StatusCode>() {
            parts.status = status;
        }
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    /// Removes all data and creates the buckets of a configuration, for the next test.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if the disk fails.
    pub fn reset<'a>(
        &'a self,
        buckets: &'a [config::Bucket],
    ) -> BoxFuture<'a, Result<(), ObjectError>> {
        Box::pin(async move { Ok(self.store.reset(buckets, self.platform.clock.now()).await?) })
    }

    /// Removes everything that has expired by the emulator's clock.
    pub fn run_lifecycle(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let now = self.platform.clock.now();
            self.next_lifecycle.store(lifecycle::next_midnight(now).0, Ordering::Relaxed);
            lifecycle::run(&self.store, &self.notifier, now).await;
        })
    }

    /// Objects expire at midnight, so each is checked once between two midnights.
    async fn lifecycle_when_due(&self) {
        if self.platform.clock.now() >= EpochMillis(self.next_lifecycle.load(Ordering::Relaxed)) {
            self.run_lifecycle().await;
        }
    }
}

/// Whether a request is GetObjectAttributes.
fn object_attributes(head: &request::Parts) -> bool {
    let query = head.uri.query().unwrap_or_default();
    head.method == Method::GET
        && query.split('&').any(|pair| pair.split('=').next() == Some("attributes"))
}

/// A response of the library whose XML is changed.
async fn rewritten(
    response: Response<s3s::Body>,
    change: impl FnOnce(String) -> String,
) -> Result<Response<s3s::Body>, Refusal> {
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| Refusal::bug(&error))?.to_bytes();
    let text = change(String::from_utf8_lossy(&body).into_owned());
    if parts.headers.contains_key(header::CONTENT_LENGTH) {
        parts.headers.insert(header::CONTENT_LENGTH, text.len().into());
    }
    Ok(Response::from_parts(parts, s3s::Body::from(text)))
}

/// The response of GetObjectAttributes. Only there AWS writes the entity tag without quotes (recorded 2026-02-21).
fn unquoted(text: String) -> String {
    match (text.find("<ETag>"), text.find("</ETag>")) {
        (Some(start), Some(end)) if start < end => {
            let tag = text[start..end].replace("&quot;", "").replace('"', "");
            format!("{}{tag}{}", &text[..start], &text[end..])
        }
        _ => text,
    }
}

/// XML with references instead of control characters. AWS writes them also for characters that XML 1.0 does not have, which
/// parsers refuse (boto/botocore#3496, aws/aws-sdk-java-v2#2828): a key with one is listed with `encoding-type=url`.
fn with_references(text: String) -> String {
    let is_control = |c: char| c.is_ascii_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_control) {
        return text;
    }
    let mut written = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_control(c) {
            // Writing to a string cannot fail.
            let _ = write!(written, "&#x{:x};", u32::from(c));
        } else {
            written.push(c);
        }
    }
    written
}

fn admit_key(call: &Call, address: &Address) -> Result<(), Refusal> {
    let Some(key) = &address.key else { return Ok(()) };
    let limit = &call.context().limits.s3_key;
    call.context().admit(limit, Bytes::of(key.as_bytes())).map_err(|exceeded| {
        Refusal::limit(&exceeded)
            .with("Size", key.len().to_string())
            .with("MaxSizeAllowed", limit.max.0.to_string())
    })
}

/// The response for a refusal.
fn render(refusal: &Refusal, ids: &Ids, head: &request::Parts) -> Response<Body> {
    let silent = head.method == Method::HEAD || refusal.status == StatusCode::NOT_MODIFIED;
    let body = if silent { Body::empty() } else { Body::from(refusal.xml(ids)) };
    let mut response = Response::new(body);
    *response.status_mut() = refusal.status;
    if refusal.status != StatusCode::NOT_MODIFIED {
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(header::CONTENT_TYPE, xml);
    }
    with_headers(response, refusal.headers.iter().cloned().collect())
}

/// Adds the ids to a response.
fn identified(mut response: Response<Body>, ids: &Ids) -> Response<Body> {
    let headers = response.headers_mut();
    let mut put = |name, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).expect("an id is ASCII"));
    };
    put("x-amz-request-id", &ids.request);
    put("x-amz-id-2", &ids.host);
    headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
    response
}

fn with_headers(mut response: Response<Body>, headers: HeaderMap) -> Response<Body> {
    response.headers_mut().extend(headers);
    response
}

/// Converts an error of the library: its code, with AWS's text if the library has its own.
async fn translated(response: Response<s3s::Body>, head: &request::Parts) -> Refusal {
    let status = response.status();
    let body = response.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let xml = body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
    let element = |name: &str| {
        let after = xml.split_once(&format!("<{name}>"))?.1;
        Some(after.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    let code = element("Code").unwrap_or_else(|| "InternalError".to_owned());
    match code.as_str() {
        "InternalError" => Refusal::bug(&xml),
        "MalformedXML" => Refusal::malformed_xml(),
        "MissingContentLength" => Refusal::missing_content_length(),
        "MethodNotAllowed" => Refusal::method_not_allowed()
            .with("Method", head.method.as_str())
            .with("ResourceType", "OBJECT"),
        "NotImplemented" => {
            // The library's text begins with the name of the operation.
            let message = element("Message").unwrap_or_default();
            let operation = message.split(' ').next().filter(|name| !name.is_empty());
            Refusal::not_emulated(operation.unwrap_or("The operation"))
        }
        _ => {
            let message = element("Message").unwrap_or_else(|| code.clone());
            Refusal::new(status, code, message)
        }
    }
}
