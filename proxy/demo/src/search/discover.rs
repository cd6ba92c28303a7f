//! A page like Discover of Kibana and OpenSearch Dashboards, with their content security policy, which restricts scripts to the
//! page's own origin. It fetches more hits than a response of Lambda can contain, and shows them.

use http::{HeaderValue, StatusCode, header};

use super::reply::Reply;

/// The policy of Kibana 8 and OpenSearch Dashboards 2, without inline styles, which are not needed here.
const POLICY: &str = "script-src 'self'; worker-src blob: 'self'; style-src 'self'";

/// The file of a name below `/_dashboards`, if there is one.
pub(super) fn file(name: &[&str]) -> Option<Reply> {
    let (content_type, text) = match name {
        ["app", "discover"] => ("text/html; charset=utf-8", include_str!("discover/discover.html")),
        ["discover.js"] => {
            ("application/javascript; charset=utf-8", include_str!("discover/discover.js"))
        }
        ["discover.css"] => ("text/css; charset=utf-8", include_str!("discover/discover.css")),
        _ => return None,
    };
    let mut reply = Reply::whole(StatusCode::OK, content_type, text);
    reply.headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Some(reply)
}
