//! Delivery to one subscriber: batches, each a POST to the extension's listener.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::mpsc;

use super::{Event, Subscription};
use crate::clock::Clock;
use hardcap_limits::Millis;

type Http = Client<HttpConnector, Full<Bytes>>;

/// Delivers until the sandbox ends and the queue is empty.
///
/// A batch that nobody takes is lost: on AWS too, memory is not kept for a listener that is not there. One that is taken slowly
/// makes the queue wait, and that is where events are dropped and counted. There is no time limit, for an extension that is
/// frozen takes its batch when its sandbox goes on.
pub(super) async fn deliver(
    subscription: Subscription,
    mut events: mpsc::Receiver<Event>,
    clock: Clock,
) {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let url = format!("http://127.0.0.1:{}{}", subscription.port, subscription.path);
    while let Some(first) = events.recv().await {
        let batch = collect(&subscription, first, &mut events, &clock).await;
        let Some(request) = request(&url, &subscription, batch) else { return };
        match http.request(request).await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::debug!(status = %answer.status(), url, "telemetry was refused"),
            Err(error) => tracing::debug!(%error, url, "telemetry could not be delivered"),
        }
    }
}

/// A JSON array of what comes until the batch is full or its time is over.
async fn collect(
    subscription: &Subscription,
    first: Event,
    events: &mut mpsc::Receiver<Event>,
    clock: &Clock,
) -> Bytes {
    let since = clock.stopwatch();
    let mut batch = BytesMut::from(&b"["[..]);
    batch.put(first.json);
    let mut items = 1;
    while items < subscription.max_items && batch.len() < subscription.max_bytes {
        let left = subscription.timeout.0.saturating_sub(since.elapsed_millis().0);
        let Some(Some(event)) = clock.timeout(Millis(left), events.recv()).await else { break };
        batch.put_u8(b',');
        batch.put(event.json);
        items += 1;
    }
    batch.put_u8(b']');
    batch.freeze()
}

fn request(url: &str, subscription: &Subscription, batch: Bytes) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::post(url).body(Full::new(batch)).ok()?;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let host = format!("sandbox.localdomain:{}", subscription.port);
    headers.insert(header::HOST, HeaderValue::from_str(&host).ok()?);
    Some(request)
}
