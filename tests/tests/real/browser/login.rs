//! A person logs in through the form, gets the page that was asked for, and nothing once logged out.

use hardcap_proxy::session::dynamo::DynamoStore;
use hardcap_proxy::session::{Role, admin};

use super::chromium::Chromium;
use super::discover::{World, page, result, world};

const PASSWORD: &str = "correct horse battery";

/// A proxy for people who log in, and one of them. The cookies of a plain connection, for there is no TLS here.
async fn world_of_people() -> World {
    let variables =
        [("ACCESS", "sessions"), ("SESSIONS_TABLE", "sessions"), ("SESSION_COOKIES", "plain-http")];
    let world = world(&variables).await;
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .endpoint_url(world.emulator.aws_url())
        .credentials_provider(aws_sdk_s3::config::Credentials::new("test", "test", None, None, "t"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::from_conf(config), "sessions");
    admin::add(&store, "alice", Role::Full, PASSWORD, 1).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_person_logs_in_through_the_form_and_a_tab_that_is_logged_out_gets_it_again() {
    Chromium::with(|browser| async move {
        let world = world_of_people().await;
        // The stage in the path has to survive the way to the login and back.
        let [rest, _, _] = world.bases();
        world.admit(&hardcap_tests::browser::origin(rest).unwrap()).await;
        let discover = page(rest, "");
        let login = format!("{rest}/_proxy/login");

        browser.open(&discover).await;
        assert!(browser.url().await.starts_with(&login), "{}", browser.url().await);
        browser.screenshot("login").await;
        browser.fill("#user", "alice").await;
        browser.fill("#password", "wrong").await;
        browser.click("button[type=submit]").await;
        browser.until("document.querySelector('#said')?.innerText.includes('wrong')").await;
        browser.fill("#password", PASSWORD).await;
        browser.click("button[type=submit]").await;

        browser.until("document.querySelector('#histogram')").await;
        let shown = result(&browser).await;
        assert_eq!(browser.url().await, discover, "where the person wanted to go");
        assert_eq!(
            (&shown["sha256"], &shown["redirected"]),
            (&world.sha256.clone().into(), &true.into())
        );
        assert_eq!(browser.run("return document.cookie").await, "", "no script sees the ticket");
        browser.screenshot("discover-logged-in").await;

        browser.open(&login).await;
        browser.click("form[action=logout] button").await;
        browser.until("document.body.innerText.includes('logged out')").await;
        browser.open(&discover).await;
        assert!(browser.url().await.starts_with(&login), "{}", browser.url().await);
        // From a page whose policy lets it ask.
        browser.open(&format!("{rest}/_proxy/ping")).await;
        let asked = format!("fetch('{rest}/logs/_search').then((answer) => answer.status)");
        let refused = browser.wait_for(&asked).await;
        assert_eq!(refused, 401, "a script is told, and not led to a form");
    })
    .await;
}
