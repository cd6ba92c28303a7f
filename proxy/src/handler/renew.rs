//! `/_proxy/overflow/{id}`: a new link to a stored response, for its owner, until the bucket removes it.

use http::{HeaderMap, Method};

use super::Proxy;
use crate::access_log::AccessLog;
use crate::announce;
use crate::delivery::OverflowOptions;
use crate::error::ProxyError;
use crate::event::Request;
use crate::handler::job_api::owner;
use crate::overflow_id::OverflowId;
use crate::response::{Head, Response};
use crate::session::Principal;
use crate::store::StoredResponse;

/// The path below `/_proxy`, before the id.
const ROUTE: &str = "/overflow/";

/// The id in a path below `/_proxy`, if the path is of this route.
pub(super) fn id_of(route: &str) -> Option<&str> {
    route.strip_prefix(ROUTE).filter(|id| !id.is_empty() && !id.contains('/'))
}

/// The URL at which the owner of a stored response requests a new link.
pub(super) fn address(public: &str, overflow_id: &OverflowId) -> String {
    format!("{public}{}{ROUTE}{}", crate::path::OWN_PREFIX, overflow_id.id())
}

impl Proxy {
    /// Responds with a new link. Another user gets the same response as for an unknown id.
    pub(super) async fn renew(
        &self,
        request: &Request,
        principal: &Principal,
        id: &str,
        cors: &HeaderMap,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        if request.method != Method::GET {
            return Err(ProxyError::OwnMethod("GET"));
        }
        let owner = owner(principal);
        let overflow_id = OverflowId::of_id(&self.config.overflow.prefix, id, &owner.0);
        let overflow_id = overflow_id.ok_or_else(|| ProxyError::UnknownResponse(id.to_owned()))?;
        let store = &self.aws.get().await.store;
        let found = store.find(&overflow_id.key).await?;
        let found = found.ok_or_else(|| ProxyError::ResponseGone(id.to_owned()))?;
        if found.mark != overflow_id.mark {
            return Err(ProxyError::UnknownResponse(id.to_owned()));
        }
        let link = store.link(&overflow_id.key).await?;
        let head = Head { status: 200, headers: cors.clone() };
        let form =
            OverflowOptions::of_stored(request, &self.config.clients)?.form(head.status, true);
        let stored = StoredResponse {
            key: overflow_id.key.clone(),
            size: found.size,
            sha256: found.sha256,
            excerpt: bytes::Bytes::new(),
        };
        let renew = address(self.public(request), &overflow_id);
        let (response, delivery) = announce::announce(&form, &head, &stored, &link, &renew);
        line.delivery = Some(delivery);
        Ok(response)
    }

    /// The prefix of this proxy's paths in public addresses.
    pub(super) fn public<'a>(&'a self, request: &'a Request) -> &'a str {
        self.config.public_url.as_deref().unwrap_or(&request.stage_prefix)
    }
}
