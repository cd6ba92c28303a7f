//! The ARNs of tables, indexes and streams: the embedded engine has a region of its own in them, and clients the run's.

use bytes::Bytes;
use http::HeaderMap;

use super::rewrite::replaced;
use hardcap_core::config::ACCOUNT_ID;

/// The region in the engine's ARNs.
const ENGINE_REGION: &str = "dynoxide";
/// The operations whose requests or answers have ARNs outside of items.
const WITH_ARNS: [&str; 12] = [
    "CreateTable",
    "DeleteTable",
    "DescribeStream",
    "DescribeTable",
    "GetRecords",
    "GetShardIterator",
    "ListStreams",
    "ListTagsOfResource",
    "TagResource",
    "UntagResource",
    "UpdateTable",
    "UpdateTimeToLive",
];

/// Whether an operation has ARNs outside of items.
pub(super) fn has(operation: &str) -> bool {
    WITH_ARNS.contains(&operation)
}

/// A request as the engine reads it.
pub(super) fn for_engine(
    operation: &str,
    region: &str,
    headers: &mut HeaderMap,
    body: Bytes,
) -> Bytes {
    if !has(operation) || operation == "GetRecords" {
        return body;
    }
    replaced(&prefix(region), &prefix(ENGINE_REGION), headers, body)
}

/// An answer as clients read it.
pub(super) fn for_client(
    operation: &str,
    region: &str,
    headers: &mut HeaderMap,
    body: Bytes,
) -> Bytes {
    match operation {
        // Its records contain items, whose texts stay as they are.
        "GetRecords" => {
            let member = |region: &str| format!("\"awsRegion\":\"{region}\"");
            replaced(&member(ENGINE_REGION), &member(region), headers, body)
        }
        _ if has(operation) => replaced(&prefix(ENGINE_REGION), &prefix(region), headers, body),
        _ => body,
    }
}

fn prefix(region: &str) -> String {
    format!("arn:aws:dynamodb:{region}:{ACCOUNT_ID}:")
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn arns_have_the_region_of_the_run_and_items_stay_as_they_are() {
        let mut headers = HeaderMap::new();
        let of_engine =
            Bytes::from_static(br#"{"a":"arn:aws:dynamodb:dynoxide:000000000000:table/t"}"#);
        let shown = for_client("DescribeTable", "eu-west-1", &mut headers, of_engine.clone());
        assert_eq!(shown, r#"{"a":"arn:aws:dynamodb:eu-west-1:000000000000:table/t"}"#);
        assert_eq!(headers[header::CONTENT_LENGTH], shown.len().to_string());
        assert_eq!(for_engine("DescribeStream", "eu-west-1", &mut headers, shown), of_engine);
        assert_eq!(for_client("GetItem", "eu-west-1", &mut headers, of_engine.clone()), of_engine);
        assert_eq!(
            for_client("GetRecords", "eu-west-1", &mut headers, of_engine.clone()),
            of_engine
        );
    }
}
