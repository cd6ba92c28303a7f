//! The preferences of `Prefer` (RFC 7240) that concern jobs.

use std::time::Duration;

use crate::event::Request;

/// The preferences of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// `respond-async`: the client accepts a 202.
    pub respond_async: bool,
    /// `wait=N`: how long the client waits before it prefers a 202.
    pub wait: Option<Duration>,
}

impl Preference {
    /// Reads the headers of a request. Unknown preferences are ignored.
    #[must_use]
    pub fn of(request: &Request) -> Preference {
        let lines = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("prefer"));
        let mut preference = Preference::default();
        for part in lines.flat_map(|(_, value)| value.split(',')) {
            // Parameters follow a semicolon; these preferences have none.
            let part = part.split(';').next().unwrap_or_default();
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => preference.respond_async = true,
                "wait" if preference.wait.is_none() => {
                    preference.wait = value.parse().ok().map(Duration::from_secs);
                }
                _ => {}
            }
        }
        preference
    }

    /// `Preference-Applied`.
    #[must_use]
    pub fn applied(&self) -> String {
        match self.wait {
            Some(wait) => format!("respond-async, wait={}", wait.as_secs()),
            None => "respond-async".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], respond_async: bool, wait: Option<u64>) {
        let event = serde_json::json!({
            "httpMethod": "GET", "path": "/", "multiValueHeaders": { "Prefer": lines },
        });
        let request: Request = serde_json::from_value(event).unwrap();
        let expected = Preference { respond_async, wait: wait.map(Duration::from_secs) };
        assert_eq!(Preference::of(&request), expected, "{lines:?}");
    }

    #[test]
    fn preferences_are_read_in_every_spelling_of_rfc_7240() {
        check(&[], false, None);
        check(&["respond-async"], true, None);
        check(&["respond-async, wait=10"], true, Some(10));
        check(&["Wait=\"10\"", "Respond-Async; foo=bar"], true, Some(10));
        check(&["wait=1, wait=2"], false, Some(1));
        check(&["return=minimal; x=\"respond-async\""], false, None);
        check(&["respond-async, wait=soon"], true, None);
    }
}
