//! What a script can read of the refusals that the gateway in front of the proxy makes itself.

use hardcap::Emulator;
use hardcap::config::{Api, ApiKind, GatewayResponses};
use hardcap_limits::{Date, Millis};
use hardcap_tests::browser::{Browser, NetworkError, Page, Request, Response};
use hardcap_tests::functions::{guest, proxy};
use hardcap_tests::search::{Search, SearchConfig};
use http::Method;

use super::APPLICATION;
use super::deployed::loaded;

/// The smallest body whose base64 alone is as long as Lambda's longest event.
const TOO_LARGE: usize = 4_718_592;
/// What takes any body.
const ECHO: &str = "/_bytes/10?kind=ascii";

struct World {
    emulator: Emulator,
    _search: Search,
}

/// The proxy behind two REST APIs: one with the gateway responses of `template.yaml`, and one without any.
async fn world() -> World {
    let search = Search::start(SearchConfig::default()).await.unwrap();
    let mut function = proxy(&search.url(), "overflow");
    function.environment.insert("ALLOWED_ORIGINS".to_owned(), APPLICATION.to_owned());
    let mut apis = loaded(&[("AllowedOrigin", APPLICATION)]).apis.into_iter();
    let deployed = apis.find(|api| !api.gateway_responses.is_empty()).unwrap();
    let rest = |name: &str, gateway_responses: GatewayResponses| {
        let kind = ApiKind::Rest {
            binary_media_types: vec!["*/*".to_owned()],
            minimum_compression_size: None,
        };
        let routes = [("ANY", "/_bytes/{n}", "proxy"), ("GET", "/late", "never-poll")];
        let mut api = Api { gateway_responses, ..Api::new(name, kind, "prod", &routes) };
        api.routes[1].timeout = Some(Millis(200));
        api
    };
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .function(guest("never-poll"))
        .api(rest("Deployed", deployed.gateway_responses))
        .api(rest("Bare", GatewayResponses::new()))
        .start()
        .await
        .unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    World { emulator, _search: search }
}

impl World {
    /// What a script of another origin gets.
    async fn fetch(
        &self,
        api: &str,
        path: &str,
        body: Option<usize>,
    ) -> Result<Response, NetworkError> {
        let url = format!("{}{path}", self.emulator.api_url(api).unwrap());
        let request = match body {
            Some(size) => Request::new(Method::POST, url)
                .header("content-type", "application/x-ndjson")
                .body(vec![b'x'; size]),
            None => Request::get(url),
        };
        Browser::new().fetch(&Page::of(APPLICATION), request).await.outcome
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn j12_x4_a_script_reads_from_the_gateway_how_large_a_body_may_be_and_where_a_larger_one_goes()
 {
    let world = world().await;
    let refused = world.fetch("Deployed", ECHO, Some(TOO_LARGE)).await.unwrap();
    assert_eq!(refused.status, 413);
    let told: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(
        (&told["status"], &told["uploads"]),
        (&413.into(), &"/_proxy/uploads".into()),
        "{told}"
    );
    let inline = usize::try_from(told["max_inline_bytes"].as_u64().unwrap()).unwrap();
    let answer = world.fetch("Deployed", ECHO, Some(inline)).await.unwrap();
    assert_eq!(answer.status, 200, "a body of {inline} bytes goes through: {answer:?}");

    // Where nothing is set, and of what is refused in front of the API, a script gets nothing to read.
    let bare = world.fetch("Bare", ECHO, Some(TOO_LARGE)).await;
    assert!(matches!(bare, Err(NetworkError::Cors { .. })), "{bare:?}");
    let front = world.fetch("Deployed", ECHO, Some(10_485_761)).await;
    assert!(matches!(front, Err(NetworkError::Cors { .. })), "{front:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_script_can_read_a_missing_route_and_a_timeout_of_the_gateway() {
    let world = world().await;
    for (path, status, message) in [
        ("/nothing", 403, r#"{"message":"Missing Authentication Token"}"#),
        ("/late", 504, r#"{"message": "Endpoint request timed out"}"#),
    ] {
        let refused = world.fetch("Deployed", path, None).await.unwrap();
        assert_eq!((refused.status, refused.body.as_ref()), (status, message.as_bytes()));
        let bare = world.fetch("Bare", path, None).await;
        assert!(matches!(bare, Err(NetworkError::Cors { .. })), "{path}: {bare:?}");
    }
}
