//! Media types: which bodies each gateway treats as binary.

use super::request::ClientRequest;

/// The types whose bodies reach a function as text, in addition to `text/*`. All others arrive as base64.
///
/// UNCONFIRMED for HTTP APIs and function URLs: this is the rule that AWS documents for its load balancers; the gateways'
/// own list is not published. `application/octet-stream` and multipart as base64, `text/plain` and JSON as text are
/// recorded (2025-04-14, 2025-11-24).
const TEXT_TYPES: &[&str] = &["application/json", "application/javascript", "application/xml"];

/// Whether an HTTP API or a function URL gives this request's body to the function as base64.
pub(crate) fn is_binary(request: &ClientRequest) -> bool {
    if request.header("content-encoding").is_some() {
        return true;
    }
    let Some(content_type) = request.header("content-type") else { return true };
    let essence = essence(content_type);
    !(essence.starts_with("text/") || TEXT_TYPES.contains(&essence.as_str()))
}

/// Whether a REST API's list of binary media types holds this type. `*/*` holds all, `image/*` all images.
pub(crate) fn is_listed(binary_media_types: &[String], media_type: &str) -> bool {
    let wanted = essence(media_type);
    binary_media_types.iter().any(|listed| {
        let listed = essence(listed);
        match listed.split_once('/') {
            Some(("*", "*")) => true,
            Some((group, "*")) => wanted.split_once('/').is_some_and(|(of, _)| of == group),
            _ => listed == wanted,
        }
    })
}

/// The first media type of an `Accept` header, the only one that a REST API honours.
pub(crate) fn first_accepted(accept: Option<&str>) -> &str {
    // UNCONFIRMED: without the header the API's default type applies.
    accept.and_then(|accept| accept.split(',').next()).map_or("application/json", str::trim)
}

/// A media type without its parameters, in lower case.
pub(crate) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_binary_types_may_have_wildcards() {
        let all = ["*/*".to_owned()];
        let images = ["image/*".to_owned(), "application/pdf".to_owned()];
        assert!(is_listed(&all, "text/plain"));
        assert!(is_listed(&all, ""));
        assert!(is_listed(&images, "image/png"));
        assert!(is_listed(&images, "Application/PDF; x=y"));
        assert!(!is_listed(&images, "imagery/png"));
        assert!(!is_listed(&images, "*/*"));
        assert!(!is_listed(&[], "image/png"));
    }

    #[test]
    fn only_the_first_accepted_type_counts() {
        assert_eq!(first_accepted(Some("text/html, image/png")), "text/html");
        assert_eq!(first_accepted(Some("*/*")), "*/*");
        assert_eq!(first_accepted(None), "application/json");
    }
}
