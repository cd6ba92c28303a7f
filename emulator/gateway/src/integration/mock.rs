//! Mock integrations: the template of the request gives the status code that selects the response.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::Answer;
use super::content::Content;
use crate::refusal::GatewayError;

/// The answer: a status and nothing else.
pub(super) fn answer(content: &Content) -> Result<Answer, GatewayError> {
    let status = match content {
        Content::Text(text) => status_code(text),
        Content::Binary(_) => None,
    };
    let Some(status) = status else {
        let cause = "Unable to parse statusCode. It should be an integer that is defined in the request template.";
        return Err(GatewayError::IntegrationFailed(cause.to_owned()));
    };
    Ok(Answer { status, headers: HeaderMap::new(), body: Bytes::new() })
}

/// `statusCode` of an object in JSON. Recorded 2024-11-29: AWS also reads `{statusCode: 200}`, the template that the AWS CDK writes.
fn status_code(text: &str) -> Option<StatusCode> {
    let number = match serde_json::from_str::<Value>(text) {
        Ok(value) => value["statusCode"].as_u64(),
        Err(_) => unquoted(text),
    };
    StatusCode::from_u16(u16::try_from(number?).ok()?).ok()
}

/// The number after `statusCode`, whose name may have single quotes or none.
fn unquoted(text: &str) -> Option<u64> {
    let members = text.trim().strip_prefix('{')?.strip_suffix('}')?.split(',');
    members
        .filter_map(|member| member.split_once(':'))
        .find(|(name, _)| name.trim().trim_matches(['\'', '"']) == "statusCode")
        .and_then(|(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_code_is_read_from_json_and_from_the_template_of_the_cdk() {
        let read = |text: &str| status_code(text).map(|status| status.as_u16());
        assert_eq!(read(r#"{"statusCode": 204}"#), Some(204));
        assert_eq!(read(" {statusCode: 200} "), Some(200));
        assert_eq!(read("{'a': 1, 'statusCode': 404}"), Some(404));
        for wrong in ["", "{}", r#"{"statusCode": "200"}"#, "{statusCode: x}", "200", "{"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
