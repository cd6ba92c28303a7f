//! `/_proxy/overflow/{id}`: another link to an answer that is stored, for its owner, until the bucket has removed it.

use http::Method;

use super::Proxy;
use crate::announce;
use crate::answer::{Answer, Head};
use crate::claim::Claim;
use crate::delivery::Asked;
use crate::error::Failure;
use crate::event::Request;
use crate::handler::job_api::owner;
use crate::headers::Lines;
use crate::line::AccessLine;
use crate::session::Visitor;
use crate::store::Stored;

/// What stands before the id, below `/_proxy`.
const ROUTE: &str = "/overflow/";

/// The id in a path below `/_proxy`, if it is one of this route.
pub(super) fn id_of(route: &str) -> Option<&str> {
    route.strip_prefix(ROUTE).filter(|id| !id.is_empty() && !id.contains('/'))
}

/// Where the owner of a stored answer asks for another link to it.
pub(super) fn address(public: &str, claim: &Claim) -> String {
    format!("{public}{}{ROUTE}{}", crate::path::OWN_PREFIX, claim.id())
}

impl Proxy {
    /// Leads to the answer again. Whoever does not own it hears the same as of one that never was.
    pub(super) async fn again(
        &self,
        request: &Request,
        visitor: &Visitor,
        id: &str,
        cors: &Lines,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        if request.method != Method::GET {
            return Err(Failure::OwnMethod("GET"));
        }
        let owner = owner(visitor);
        let claim = Claim::of_id(&self.config.overflow.prefix, id, &owner.0);
        let claim = claim.ok_or_else(|| Failure::UnknownAnswer(id.to_owned()))?;
        let store = &self.aws.get().await.store;
        let found = store.find(&claim.key).await?;
        let found = found.ok_or_else(|| Failure::AnswerGone(id.to_owned()))?;
        if found.mark != claim.mark {
            return Err(Failure::UnknownAnswer(id.to_owned()));
        }
        let link = store.link(&claim.key).await?;
        let head = Head { status: 200, headers: cors.clone() };
        let form = Asked::of_stored(request, &self.config.clients)?.form(head.status, true);
        let stored = Stored {
            key: claim.key.clone(),
            size: found.size,
            sha256: found.sha256,
            excerpt: bytes::Bytes::new(),
        };
        let renew = address(self.public(request), &claim);
        let (answer, delivery) = announce::announce(&form, &head, &stored, &link, &renew);
        line.delivery = Some(delivery);
        Ok(answer)
    }

    /// What stands before the paths of this proxy in the addresses that clients use.
    pub(super) fn public<'a>(&'a self, request: &'a Request) -> &'a str {
        self.config.public_url.as_deref().unwrap_or(&request.stage_prefix)
    }
}
