//! Redirects of an upstream, and where a login leads.

use hardcap_proxy::location;
use hardcap_proxy::session::ReturnTo;
use http::Uri;
use url::Url;

use super::input::Input;

const PUBLIC: [&str; 5] = [
    "",
    "/prod",
    "https://public.example",
    "https://public.example/es",
    "https://public.example:8443",
];
const ASKED: [&str; 4] = ["/", "/a/b", "/a/b/?c=d", "/logs-*/_search"];
const UPSTREAM: [&str; 3] =
    ["http://search-x.example/base", "https://search-x.example", "http://192.0.2.7:9200/"];

/// A browser that follows what is passed on stays at the public address, whatever the upstream said.
pub fn location(data: &[u8]) {
    let mut input = Input::new(data);
    let public = *input.choose(&PUBLIC);
    let asked = *input.choose(&ASKED);
    let upstream: Uri = input.choose(&UPSTREAM).parse().expect("an address");
    let said = String::from_utf8_lossy(input.rest()).into_owned();
    if let Ok(led) = location::public(&said, &upstream, asked, public) {
        let whole = if public.contains("://") {
            public.to_owned()
        } else {
            format!("https://client.example{public}")
        };
        let page = Url::parse(&format!("{whole}{asked}")).expect("an address");
        let there = page.join(&led).expect("a browser understands it");
        assert_eq!(there.origin(), page.origin(), "{said:?} became {led:?}");
        assert!(there.username().is_empty() && there.password().is_none(), "{led:?}");
        let below = Url::parse(&whole).expect("an address");
        assert!(there.path().starts_with(below.path()), "{said:?} became {led:?}");
        assert!(led.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{led:?}");
        assert!(!led.starts_with("//"), "{said:?} became {led:?}");
    }
    let kept = ReturnTo::read(&said);
    let page = Url::parse("https://client.example/_proxy/login").expect("an address");
    let there = page.join(kept.as_str()).expect("a path");
    assert_eq!(there.origin(), page.origin(), "{said:?}");
    assert!(kept.as_str().starts_with('/') && !kept.as_str().starts_with("//"), "{said:?}");
    assert_eq!(ReturnTo::read(kept.as_str()), kept, "{said:?}");
}
