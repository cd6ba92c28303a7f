//! Captures that people give to `hardcap replay`: HAR, the output of curl, events, logs.

use hardcap_cli::replay::{Capture, Exchange, verdicts};
use hardcap_limits::Limits;

/// What is sent again can be sent: a method, a URL, headers that HTTP permits, and every entry once or left out with a reason.
pub fn capture(data: &[u8]) {
    // Bodies are made up to the length that a capture declares.
    if has_long_number(data) {
        return;
    }
    let limits = Limits::classic();
    for for_function in [false, true] {
        match Capture::read(data, &limits, for_function) {
            Ok(Capture::Exchanges(captured)) => {
                captured.exchanges.iter().for_each(must_be_sendable);
                let mut entries: Vec<usize> =
                    captured.exchanges.iter().map(|one| one.entry).collect();
                for one in &captured.left_out {
                    assert!(!one.reason.is_empty(), "{one:?}");
                    entries.push(one.entry);
                }
                let all = entries.len();
                entries.sort_unstable();
                entries.dedup();
                assert!(entries.len() == all && entries.first() != Some(&0), "{captured:?}");
            }
            Ok(Capture::Event(event)) => {
                assert!(event.len() <= data.len() * 3, "{event:?}");
            }
            Ok(Capture::Sizes(explained)) => {
                assert!(!for_function && explained.is_explained());
                for verdict in verdicts(&explained, &limits) {
                    let text = verdict.to_text();
                    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn must_be_sendable(exchange: &Exchange) {
    assert!(http::Method::from_bytes(exchange.method.as_bytes()).is_ok(), "{exchange:?}");
    assert!(!exchange.url.is_empty(), "{exchange:?}");
    for (name, value) in &exchange.headers {
        assert!(http::HeaderName::try_from(name.as_str()).is_ok(), "{exchange:?}");
        assert!(http::HeaderValue::try_from(value.as_str()).is_ok(), "{exchange:?}");
        assert!(
            !["host", "content-length", "connection"].contains(&name.to_ascii_lowercase().as_str())
        );
    }
    assert!(exchange.status.is_none_or(|status| (100..1000).contains(&status)), "{exchange:?}");
}

fn has_long_number(data: &[u8]) -> bool {
    data.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 6)
        // `1e9`
        || data.windows(2).any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E'))
}
