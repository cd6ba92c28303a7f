//! Requests for an upload, and requests that use one as their body.

use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::Proxy;
use crate::clock;
use crate::error::ProxyError;
use crate::event::Request;
use crate::handler::job_api::owner;
use crate::response::Response;
use crate::session::Principal;
use crate::upload::{
    self, Promise, RequestBody, UPLOAD_ID, UploadLink, UploadRefusal, UploadSource, UploadTicket,
};

impl Proxy {
    /// Handles a request to `/_proxy/uploads`.
    pub(super) async fn about_uploads(
        &self,
        request: &Request,
        principal: &Principal,
        cors: &HeaderMap,
    ) -> Result<Response, ProxyError> {
        let config = &self.config.uploads;
        if request.method == Method::GET {
            let advice = upload::advice(config.max, config.inline_max);
            return Ok(Response::json(200, Value::Object(advice).to_string(), &[cors]));
        }
        if request.method != Method::POST {
            return Err(ProxyError::OwnMethod("GET, POST"));
        }
        let owner = owner(principal);
        let promise = Promise::of(&request.body, config)?;
        let kept = u64::try_from(config.kept.as_millis()).unwrap_or(u64::MAX);
        let usable_until = clock::epoch_millis().saturating_add(kept);
        let ticket = UploadTicket { owner: owner.0, usable_until, promise };
        let id = upload::new_id();
        let store = &self.aws.get().await.store;
        let put = store.put_ticket(&config.ticket_key(&id), &ticket).await;
        put.map_err(UploadRefusal::Unavailable)?;
        let slot = store.slot(&config.key(&id), &ticket.promise, config.link_lifetime).await;
        let slot = slot.map_err(UploadRefusal::Unavailable)?;
        Ok(Response::json(201, Value::Object(offer(&id, &ticket, &slot)).to_string(), &[cors]))
    }

    /// The body of a request: its own, or the upload that `X-Upload-Id` names.
    pub(super) async fn body(
        &self,
        request: &Request,
        principal: &Principal,
    ) -> Result<RequestBody, ProxyError> {
        let Some(id) = request.header(UPLOAD_ID) else {
            return Ok(RequestBody::Inline(request.body.clone()));
        };
        let id = upload::known_id(id)?;
        if !request.body.is_empty() {
            return Err(UploadRefusal::WithBody(request.body.len()).into());
        }
        let owner = owner(principal);
        let config = &self.config.uploads;
        let store = &self.aws.get().await.store;
        let ticket = store.ticket(&config.ticket_key(id)).await;
        let ticket = ticket.map_err(UploadRefusal::Unavailable)?;
        let ticket = ticket.ok_or_else(|| UploadRefusal::Unknown(id.to_owned()))?;
        ticket.admit(id, &owner.0, clock::epoch_millis())?;
        let found = store.found(&config.key(id)).await.map_err(UploadRefusal::Unavailable)?;
        let uploaded = ticket.redeem(id, found)?;
        let media_type = ticket.promise.media_type;
        Ok(RequestBody::Uploaded(Box::new(UploadSource::new(uploaded, media_type, config, store))))
    }
}

/// The response to a request for an upload: where and how to PUT the bytes.
fn offer(id: &str, ticket: &UploadTicket, slot: &UploadLink) -> Map<String, Value> {
    let headers: Map<String, Value> =
        slot.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut members = Map::new();
    members.insert("id".to_owned(), json!(id));
    members.insert("method".to_owned(), json!("PUT"));
    members.insert("url".to_owned(), json!(slot.link.location));
    members.insert("headers".to_owned(), Value::Object(headers));
    members.insert("expires".to_owned(), json!(slot.link.expires_text()));
    members.insert("usable_until".to_owned(), json!(clock::rfc3339(ticket.usable_until)));
    members
}
