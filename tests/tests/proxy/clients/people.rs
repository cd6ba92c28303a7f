//! Two people who log in: what is stored for one of them is not for the other.

use hardcap_proxy::session::dynamo::DynamoStore;
use hardcap_proxy::session::{Role, admin};
use hardcap_tests::browser::{Browser, Page, Request};
use serde_json::Value;

use super::{GATEWAYS, Gateway, LARGE, World};

const PASSWORD: &str = "correct horse battery";

async fn world() -> World {
    let variables = [
        ("ACCESS", "sessions"),
        ("ACCESS_RULES", "allow full GET /_bytes/**"),
        ("SESSIONS_TABLE", "sessions"),
        ("SESSION_COOKIES", "plain-http"),
    ];
    let world = World::start(&variables, &["*"]).await;
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .endpoint_url(world.emulator.aws_url())
        .credentials_provider(aws_sdk_s3::config::Credentials::new("test", "test", None, None, "t"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::from_conf(config), "sessions");
    for name in ["alice", "bob"] {
        admin::add(&store, name, Role::Full, PASSWORD, 1).await.unwrap();
    }
    world
}

/// A browser in which somebody has logged in through the form.
async fn logged_in(world: &World, gateway: Gateway, user: &str) -> Browser {
    let browser = Browser::new();
    let page = Page::of(world.base(gateway));
    let there = format!("{}/logs", world.base(gateway));
    let shown = browser.fetch(&page, Request::navigation(there)).await.outcome.unwrap();
    assert!(shown.redirected && shown.url.contains("/_proxy/login"), "{}", shown.url);
    let html = String::from_utf8(shown.body.to_vec()).unwrap();
    let field = |name: &str| {
        let rest = html.split(&format!("name=\"{name}\" value=\"")).nth(1).expect(name);
        rest.split('"').next().unwrap().to_owned()
    };
    let (token, back) = (field("csrf_token"), field("return"));
    let fields =
        [("csrf_token", token.as_str()), ("return", &back), ("user", user), ("password", PASSWORD)];
    let login = format!("{}/_proxy/login", world.base(gateway));
    let sent = browser.fetch(&page, Request::form(login, &fields)).await;
    assert_eq!(sent.sent[0].1, 303, "{:?}", sent.outcome);
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_link_is_made_again_for_its_owner_and_is_unknown_to_everybody_else() {
    let world = world().await;
    for gateway in GATEWAYS {
        let page = Page::of(world.base(gateway));
        let (alice, bob) =
            (logged_in(&world, gateway, "alice").await, logged_in(&world, gateway, "bob").await);
        let asked = Request::get(world.url(gateway, LARGE)).header("x-overflow", "link");
        let told = alice.fetch(&page, asked).await.outcome.unwrap();
        let told: Value = serde_json::from_slice(&told.body).unwrap();
        let renew = told["renew"].as_str().unwrap_or_else(|| panic!("no address to renew: {told}"));
        let renew = world.own(gateway, renew);

        let again = alice.fetch(&page, Request::get(&renew)).await.outcome.unwrap();
        assert_eq!((again.status, again.body.len() as u64), (200, LARGE.size), "{gateway:?}");
        let refused = bob.fetch(&page, Request::get(&renew)).await.outcome.unwrap();
        assert_eq!(refused.status, 404, "{gateway:?}");
        let nobody = Browser::new().fetch(&page, Request::get(&renew)).await.outcome.unwrap();
        assert_eq!(nobody.status, 401, "{gateway:?}");
    }
}
