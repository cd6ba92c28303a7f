//! Percent-encoding and queries.

use hardcap_core::{percent, uri};

/// What was encoded decodes to the same bytes, strictly and leniently; pairs of a query survive being written again.
pub fn percent(data: &[u8]) {
    for keep_slash in [false, true] {
        let encoded = uri::encode(data, keep_slash);
        assert!(encoded.is_ascii(), "{encoded}");
        assert_eq!(uri::decode(&encoded).as_deref(), Some(data), "{encoded}");
        let text = percent::decode(&encoded);
        assert_eq!(text, String::from_utf8_lossy(data), "{encoded}");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(strict) = uri::decode(text) {
        assert!(strict.len() <= text.len());
        assert_eq!(percent::decode(text), String::from_utf8_lossy(&strict), "{text:?}");
    }
    let pairs = percent::query_pairs(text, &['&', ';']);
    assert!(pairs.len() <= text.matches(['&', ';']).count() + 1, "{text:?}: {pairs:?}");
    let again: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            format!(
                "{}={}",
                uri::encode(name.as_bytes(), false),
                uri::encode(value.as_bytes(), false)
            )
        })
        .collect();
    assert_eq!(percent::query_pairs(&again.join("&"), &['&', ';']), pairs, "{text:?}");
    let values: usize = percent::grouped(&pairs).iter().map(|(_, values)| values.len()).sum();
    assert_eq!(values, pairs.len(), "{text:?}");
    if let Some(strict) = uri::query(text) {
        let lenient = percent::query_pairs(text, &['&']);
        let strict: Vec<(String, String)> = strict
            .iter()
            .map(|(name, value)| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                (text(name), text(value))
            })
            .collect();
        assert_eq!(strict, lenient, "{text:?}");
    }
}
