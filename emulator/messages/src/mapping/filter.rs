//! `FilterCriteria`: which messages reach the function. The others are deleted. Pure.

use serde_json::Value;

use crate::pattern::Pattern;

/// The filters of a mapping. A message passes if one of them selects it. Without filters every message passes.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters(Vec<Filter>);

#[derive(Clone, Debug)]
struct Filter {
    pattern: Pattern,
    /// Whether the pattern looks into the body, so that the body has to be JSON.
    reads_body: bool,
}

impl Filters {
    /// Reads the patterns. `None` if one of them is invalid.
    pub(super) fn parse(patterns: &[String]) -> Option<Filters> {
        let filters = patterns.iter().map(|text| {
            let value: Value = serde_json::from_str(text).ok()?;
            let pattern = Pattern::parse(text).ok()?;
            Some(Filter { pattern, reads_body: value["body"].is_object() })
        });
        Some(Filters(filters.collect::<Option<_>>()?))
    }

    /// Whether the record of a message passes.
    pub(super) fn pass(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|filter| filter.selects(record))
    }
}

impl Filter {
    fn selects(&self, record: &Value) -> bool {
        if !self.reads_body {
            return self.pattern.matches(record);
        }
        let body = record["body"].as_str().unwrap_or_default();
        let Ok(body) = serde_json::from_str::<Value>(body) else { return false };
        let mut record = record.clone();
        record["body"] = body;
        self.pattern.matches(&record)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pass(patterns: &[&str], body: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let filters = Filters::parse(&patterns).expect("valid patterns");
        filters.pass(&json!({ "messageId": "m", "body": body }))
    }

    #[test]
    fn a_pattern_of_members_needs_a_body_that_is_json_and_a_pattern_of_texts_compares_the_body() {
        let members = r#"{"body":{"number":[{"numeric":[">",100]}]}}"#;
        assert!(pass(&[members], r#"{"number":101}"#));
        assert!(!pass(&[members], r#"{"number":100}"#));
        assert!(!pass(&[members], "number"));
        assert!(pass(&[r#"{"body":["plain"]}"#], "plain"));
        assert!(!pass(&[r#"{"body":["plain"]}"#], r#"{"plain":1}"#));
        assert!(pass(&[members, r#"{"body":["plain"]}"#], "plain"), "one filter is enough");
        assert!(pass(&[], "anything"));
    }

    #[test]
    fn a_pattern_that_is_not_one_is_invalid() {
        for text in ["simple string", "null", "[]", r#"{"body":"text"}"#] {
            assert!(Filters::parse(&[text.to_owned()]).is_none(), "{text}");
        }
    }
}
