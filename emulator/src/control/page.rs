//! The live page: one document, its styles and its scripts, all part of this program.
//!
//! The page has a token that pages of other origins cannot read. All requests below `/_hardcap` carry it, also those for scripts
//! and styles. Each document also has a nonce of its own; no script and no style is applied without it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::Control;
use super::api::ControlError;
use super::request::Name;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files that the document loads: name, content type, text.
const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", CSS, crate::report::STYLE),
    ("page.css", CSS, include_str!("page/page.css")),
    ("app.js", SCRIPT, include_str!("page/app.js")),
    ("charts.js", SCRIPT, include_str!("page/charts.js")),
    ("connect.js", SCRIPT, include_str!("page/connect.js")),
    ("faults.js", SCRIPT, include_str!("page/faults.js")),
    ("html.js", SCRIPT, include_str!("page/html.js")),
    ("limits.js", SCRIPT, include_str!("page/limits.js")),
    ("parts.js", SCRIPT, include_str!("page/parts.js")),
    ("requests.js", SCRIPT, include_str!("page/requests.js")),
    ("route.js", SCRIPT, include_str!("page/route.js")),
    ("store.js", SCRIPT, include_str!("page/store.js")),
    ("story.js", SCRIPT, include_str!("page/story.js")),
    ("preact.js", SCRIPT, include_str!("page/vendor/preact.js")),
    ("hooks.js", SCRIPT, include_str!("page/vendor/hooks.js")),
    ("htm.js", SCRIPT, include_str!("page/vendor/htm.js")),
];

/// The libraries by their import names.
const LIBRARIES: [(&str, &str); 3] =
    [("preact", "preact.js"), ("preact/hooks", "hooks.js"), ("htm", "htm.js")];

/// The document. It cannot be framed, and a window that another page opens for it has no access to that page.
pub(super) async fn document(State(control): State<Control>) -> Response {
    let token = control.platform.trust.page_token();
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let html = include_str!("page/index.html")
        .replace("{{modules}}", &modules(token))
        .replace("{{token}}", token)
        .replace("{{nonce}}", &nonce);
    let policy = format!(
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("a nonce is letters and digits");
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    ([(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, policy)], html).into_response()
}

/// The import map: the address of each module, with the token.
fn modules(token: &str) -> String {
    let address = |name: &str| format!("/_hardcap/page/{name}?token={token}");
    let own = ASSETS.iter().filter(|(_, kind, _)| *kind == SCRIPT);
    let own = own.map(|(name, _, _)| (format!("/_hardcap/page/{name}"), address(name).into()));
    let libraries =
        LIBRARIES.iter().map(|(import, name)| ((*import).to_owned(), address(name).into()));
    serde_json::Value::Object(own.chain(libraries).collect()).to_string()
}

/// One of the files that the document loads.
pub(super) async fn asset(Name(wanted): Name) -> Result<Response, ControlError> {
    let found = ASSETS.iter().find(|(name, _, _)| *name == wanted);
    let (_, content_type, text) = found.ok_or_else(|| {
        ControlError::new(
            StatusCode::NOT_FOUND,
            format!("the live page has no file `{wanted}`; open /_hardcap/ in a browser"),
        )
    })?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(content_type))], *text).into_response())
}
