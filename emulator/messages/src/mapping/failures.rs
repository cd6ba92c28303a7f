//! Which messages of a batch failed, as the function's response says it. Pure.

use std::collections::HashSet;

use serde_json::Value;

/// The result of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// These messages failed, by their ids; the others succeeded.
    Failed(HashSet<String>),
    /// The response cannot be used, so every message failed.
    Invalid(&'static str),
}

/// Reads `{"batchItemFailures": [{"itemIdentifier": "ID"}]}`.
///
/// Nothing, `null`, an empty object and an empty list mean success. An id that is missing, empty or not of this batch fails the
/// whole batch (Lambda developer guide, "Implementing partial batch responses").
pub(super) fn read(response: &[u8], ids: &HashSet<&str>) -> Verdict {
    if response.is_empty() {
        return Verdict::Failed(HashSet::new());
    }
    let failures = match serde_json::from_slice::<Value>(response) {
        Ok(Value::Null) => return Verdict::Failed(HashSet::new()),
        Ok(Value::Object(mut members)) => members.remove("batchItemFailures"),
        Ok(_) | Err(_) => return Verdict::Invalid("the response is not an object"),
    };
    let failures = match failures {
        None | Some(Value::Null) => return Verdict::Failed(HashSet::new()),
        Some(Value::Array(failures)) => failures,
        Some(_) => return Verdict::Invalid("`batchItemFailures` is not a list"),
    };
    let mut failed = HashSet::new();
    for failure in failures {
        match failure.get("itemIdentifier").and_then(Value::as_str) {
            Some(id) if ids.contains(id) => failed.insert(id.to_owned()),
            Some("") => return Verdict::Invalid("an `itemIdentifier` is empty"),
            Some(_) => return Verdict::Invalid("an `itemIdentifier` is not the id of a message"),
            None => return Verdict::Invalid("an item has no `itemIdentifier`"),
        };
    }
    Verdict::Failed(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_names_the_messages_that_failed_or_fails_the_batch() {
        let ids = HashSet::from(["a", "b"]);
        for response in
            ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#]
        {
            assert_eq!(
                read(response.as_bytes(), &ids),
                Verdict::Failed(HashSet::new()),
                "{response}"
            );
        }
        let one = r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        let failed = HashSet::from(["b".to_owned()]);
        assert_eq!(read(one.as_bytes(), &ids), Verdict::Failed(failed));
        for response in [
            "{",
            "[]",
            r#""done""#,
            r#"{"batchItemFailures":"a"}"#,
            r#"{"batchItemFailures":[{"foo":"notvalid"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#,
        ] {
            let verdict = read(response.as_bytes(), &ids);
            assert!(matches!(verdict, Verdict::Invalid(_)), "{response}: {verdict:?}");
        }
    }
}
