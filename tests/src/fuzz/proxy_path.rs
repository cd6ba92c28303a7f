//! The target of a request through the proxy.

use bytes::Bytes;
use hardcap_proxy::event::{ApiType, Query, Request};
use hardcap_proxy::path::Target;
use http::{Method, Uri};

use super::input::Input;

const DOORS: [ApiType; 4] = [ApiType::Rest, ApiType::HttpV1, ApiType::HttpV2, ApiType::FunctionUrl];

/// What goes upstream has one meaning: no dots, no empty segments, no broken escapes, and it is the same once it is read again.
pub fn proxy_path(data: &[u8]) {
    let mut input = Input::new(data);
    let api = *input.choose(&DOORS);
    let query = input.text(60);
    let path = String::from_utf8_lossy(input.rest()).into_owned();
    let Ok(target) = Target::of(&request(api, &path, Query::Raw(query))) else { return };
    let sent = target.path_and_query();
    let uri: Uri = sent.parse().unwrap_or_else(|error| panic!("{sent:?}: {error}"));
    assert_eq!(uri.path_and_query().map(|it| it.as_str()), Some(sent.as_str()), "{path:?}");
    assert!(uri.authority().is_none() && uri.path() == target.path, "{sent:?}");
    assert!(target.path.starts_with('/') && !target.path.contains("//"), "{sent:?}");
    assert!(target.path.bytes().all(|byte| byte.is_ascii_graphic()), "{sent:?}");
    assert!(!target.path.contains(['\\', '#', '?']), "{sent:?}");
    for decoded in [decode(target.path.as_bytes()), decode(&decode(target.path.as_bytes()))] {
        let text = String::from_utf8_lossy(&decoded).into_owned();
        assert!(
            !text.split('/').any(|segment| matches!(segment, "." | "..")),
            "{sent:?} is {text:?}"
        );
    }
    // A gateway that decodes paths has lost nothing: what goes upstream decodes to what it said.
    if api != ApiType::Rest && !path.is_empty() {
        assert_eq!(decode(target.path.as_bytes()), path.as_bytes(), "{sent:?}");
    }
    let query = Query::Raw(target.query.clone().unwrap_or_default());
    let again = Target::of(&request(ApiType::Rest, &target.path, query));
    assert_eq!(again.as_ref(), Ok(&target), "{path:?}");
    // The proxy's own routes are its own in any spelling.
    let own = decode(target.path.as_bytes());
    let is_own = own == b"/_proxy" || own.starts_with(b"/_proxy/");
    assert_eq!(target.own_route().is_some(), is_own, "{sent:?}");
}

pub(super) fn request(api: ApiType, path: &str, query: Query) -> Request {
    Request {
        api,
        method: Method::GET,
        path: path.to_owned(),
        query,
        headers: Vec::new(),
        body: Bytes::new(),
        source_ip: None,
        stage_prefix: String::new(),
    }
}

/// Every `%XX` as its byte; other `%` stay.
fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits
            .filter(|digits| *first == b'%' && digits.bytes().all(|it| it.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(*first));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    decoded
}
