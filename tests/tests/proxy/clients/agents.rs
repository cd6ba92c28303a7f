//! Programs that are not browsers: those that follow, those that do not, and those that follow in a way of their own.

use hardcap_tests::agents::Agent;
use hardcap_tests::client::{Call, Fetched};
use hardcap_tests::content::Content;

use super::{GATEWAYS, Gateway, LARGE, SMALL, World};

/// What opensearch-py and opensearch-js send with a search.
fn search(world: &World, gateway: Gateway, content: Content) -> Call {
    Call::post(world.url(gateway, content), r#"{"query":{"match_all":{}}}"#)
        .header("content-type", "application/json")
        .header("authorization", "Basic dXNlcjp3b3Jk")
}

#[track_caller]
fn arrived(fetched: &Fetched, content: Content) {
    assert_eq!(fetched.answer.status, 200, "{:?}", fetched.answer);
    assert_eq!(fetched.answer.sha256(), content.digest());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_fits_reaches_every_client_through_every_gateway() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        for agent in Agent::ALL {
            let fetched = agent.send(&world.client, &search(&world, gateway, SMALL)).await.unwrap();
            arrived(&fetched, SMALL);
            assert!(fetched.redirects.is_empty(), "{agent:?} {gateway:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_what_does_not_fit_reaches_every_client_that_follows_as_one_should() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        for agent in [Agent::Curl, Agent::Requests, Agent::Reqwest] {
            let fetched = agent.send(&world.client, &search(&world, gateway, LARGE)).await.unwrap();
            arrived(&fetched, LARGE);
            assert_eq!(fetched.redirects.len(), 1, "{agent:?} {gateway:?}");
            assert_eq!(fetched.call.method, "GET");
            assert!(fetched.call.headers.iter().all(|(name, _)| name != "authorization"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_client_that_does_not_follow_reads_where_its_answer_is_in_every_mode() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        for agent in [Agent::Urllib3, Agent::OpensearchJs] {
            for (mode, status) in
                [(None, 406), (Some("redirect"), 303), (Some("link"), 200), (Some("error"), 406)]
            {
                let mut call = search(&world, gateway, LARGE);
                if let Some(mode) = mode {
                    call = call.header("x-overflow", mode);
                }
                let told = agent.send(&world.client, &call).await.unwrap().answer;
                assert_eq!(told.status, status, "{agent:?} {gateway:?} {mode:?}");
                let media_type = told.header("content-type").unwrap();
                let pointer = media_type == "application/vnd.hardcap.overflow+json";
                assert_eq!(pointer, mode == Some("link"), "no surprise: {media_type}");
                let link = told.json()["location"].as_str().unwrap().to_owned();
                arrived(&world.client.fetch(&Call::get(link)).await.unwrap(), LARGE);
            }
        }
    }
}

/// Real S3 answers these two as the emulator does; a fake that bears them lets bugs through (penpot#10776, awscurl#117).
#[tokio::test(flavor = "multi_thread")]
async fn r6_clients_that_follow_in_their_own_way_are_refused_by_s3_and_helped_by_the_link() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        let kept = Agent::KeepsEverything;
        let fetched = kept.send(&world.client, &search(&world, gateway, LARGE)).await.unwrap();
        assert_eq!(fetched.answer.status, 400, "{:?}", fetched.answer);
        assert!(fetched.answer.text().contains("Only one auth mechanism allowed"));

        let posted = Agent::CurlWithMethod;
        let fetched = posted.send(&world.client, &search(&world, gateway, LARGE)).await.unwrap();
        assert_eq!(fetched.call.method, "POST");
        assert!(fetched.answer.status.is_client_error(), "{:?}", fetched.answer);
        assert!(fetched.answer.text().contains("<Error>"), "{:?}", fetched.answer);

        for agent in [kept, posted] {
            let call = search(&world, gateway, LARGE).header("x-overflow", "link");
            let told = agent.send(&world.client, &call).await.unwrap().answer;
            assert_eq!(told.status, 200, "{told:?}");
            let link = told.json()["location"].as_str().unwrap().to_owned();
            arrived(&world.client.fetch(&Call::get(link)).await.unwrap(), LARGE);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_only_a_client_that_accepts_gzip_is_led_to_gzip() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        for accepted in [None, Some("identity"), Some("gzip;q=0, identity"), Some("gzip")] {
            let mut call = search(&world, gateway, LARGE);
            if let Some(accepted) = accepted {
                call = call.header("accept-encoding", accepted);
            }
            let fetched = Agent::Curl.send(&world.client, &call).await.unwrap();
            let coding = fetched.answer.header("content-encoding");
            assert!(coding.is_none() || accepted == Some("gzip"), "{accepted:?}: {coding:?}");
        }
    }
}
