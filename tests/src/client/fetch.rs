//! Follows redirects as the Fetch standard does, without a page and its origin.

use std::io;

use super::{Answer, Call, Client, Digested};
use crate::agents::Agent;
use crate::browser::redirect;

/// A browser gives up at the next one.
const REDIRECTS_MAX: usize = 20;

/// An answer and the redirects on the way to it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The answers that redirected, in order.
    pub redirects: Vec<Answer>,
    /// The last request: what was asked where the redirects led.
    pub call: Call,
    /// The answer.
    pub answer: Answer,
}

impl Client {
    /// Sends, and follows redirects.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], and when there are more than 20 redirects or one without a usable `Location`.
    pub async fn fetch(&self, call: &Call) -> io::Result<Fetched> {
        // It follows, and says so: the proxy redirects only clients that are known to follow.
        let call = &Agent::Curl.named(call);
        self.follow(call, |call, answer| redirect::next(call, answer).map_err(io::Error::other))
            .await
    }

    /// Sends, and goes on for as long as `next` makes a request of the answer.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], those of `next`, and when there are more than 20 redirects.
    pub async fn follow(
        &self,
        call: &Call,
        next: impl Fn(&Call, &Answer) -> io::Result<Option<Call>>,
    ) -> io::Result<Fetched> {
        let mut call = call.clone();
        let mut redirects = Vec::new();
        loop {
            let answer = self.send(&call).await?;
            let Some(next) = next(&call, &answer)? else {
                return Ok(Fetched { redirects, call, answer });
            };
            redirects.push(answer);
            if redirects.len() > REDIRECTS_MAX {
                return Err(io::Error::other(format!("{} redirects in a circle", call.url)));
            }
            call = next;
        }
    }

    /// As [`Client::fetch`] for a body of any size: one answer, at most one redirect.
    ///
    /// # Errors
    ///
    /// As [`Client::digest`] and [`Client::fetch`].
    pub async fn fetch_digest(&self, call: &Call) -> io::Result<Digested> {
        let call = &Agent::Curl.named(call);
        let digested = self.digest(call).await?;
        let head = Answer {
            status: digested.status,
            headers: digested.headers.clone(),
            body: bytes::Bytes::new(),
        };
        match redirect::next(call, &head).map_err(io::Error::other)? {
            Some(next) => self.digest(&next).await,
            None => Ok(digested),
        }
    }
}
