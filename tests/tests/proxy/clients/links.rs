//! How long a link lives, who gets another, and when what it leads to is gone.

use hardcap_limits::Millis;
use hardcap_tests::client::{Answer, Call, RawConnection};
use hardcap_tests::content::{Content, ContentKind};
use serde_json::Value;

use super::{GATEWAYS, Gateway, LARGE, World};

const SECOND: u64 = 1_000;
const DAY: u64 = 24 * 60 * 60 * SECOND;

/// Where an overflowing answer is, and where to ask for another link.
async fn told(world: &World, gateway: Gateway, content: Content) -> (String, String) {
    let call = Call::get(world.url(gateway, content)).header("x-overflow", "link");
    let answer = world.client.send(&call).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let told: Value = answer.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("location"), world.own(gateway, &text("renew")))
}

async fn get(world: &World, url: &str) -> Answer {
    world.client.get(url).await.unwrap()
}

/// s3_presign_expiry: the sixtieth second still counts, the next does not.
#[tokio::test(flavor = "multi_thread")]
async fn p3_a_link_lives_for_sixty_seconds_and_its_owner_gets_another() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        let (link, renew) = told(&world, gateway, LARGE).await;
        assert!(link.contains("X-Amz-Expires=60&"), "{link}");
        assert_eq!(get(&world, &link).await.sha256(), LARGE.digest());
        // Half a minute, for the machine may be busy; the very second is for S3's own test.
        world.emulator.clock().advance(Millis(30 * SECOND)).await;
        assert_eq!(get(&world, &link).await.sha256(), LARGE.digest(), "30 s");
        world.emulator.clock().advance(Millis(31 * SECOND)).await;
        let late = get(&world, &link).await;
        assert_eq!(late.status, 403, "61 s: {late:?}");
        assert!(late.text().contains("<Message>Request has expired</Message>"), "{late:?}");

        let fetched = world.client.fetch(&Call::get(&renew)).await.unwrap();
        assert_eq!(fetched.redirects[0].status, 303);
        assert_eq!(fetched.answer.sha256(), LARGE.digest(), "{gateway:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_download_that_began_in_time_may_end_after_the_link_has() {
    let world = World::start(&[], &[]).await;
    // More than the sockets between here and there can hold.
    let content = Content { kind: ContentKind::Incompressible, size: 30_000_000, seed: 3 };
    let (link, _) = told(&world, Gateway::Http, content).await;
    let mut download = RawConnection::open(&link).await.unwrap();
    let (host, target) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let head = format!("GET /{target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    download.write(head).await.unwrap();
    let began = String::from_utf8(download.read_until("\r\n\r\n").await.unwrap()).unwrap();
    assert!(began.starts_with("HTTP/1.1 200"), "{began}");

    world.emulator.clock().advance(Millis(90 * SECOND)).await;
    assert_eq!(get(&world, &link).await.status, 403, "for everybody else it is over");
    let body = download.read_to_end().await.unwrap();
    assert_eq!(body.len(), 30_000_000);
    assert!(body == content.bytes(), "other bytes came");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_download_that_broke_off_goes_on_under_another_link() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        let (_, renew) = told(&world, gateway, LARGE).await;
        world.emulator.clock().advance(Millis(3_600 * SECOND)).await;
        let resume = Call::get(&renew).header("range", "bytes=3000000-");
        let fetched = world.client.fetch(&resume).await.unwrap();
        assert_eq!(fetched.answer.status, 206, "{:?}", fetched.answer);
        assert_eq!(fetched.answer.header("content-range"), Some("bytes 3000000-4999999/5000000"));
        assert!(fetched.answer.body == LARGE.bytes()[3_000_000..], "{gateway:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn k2_an_answer_stays_for_a_day_and_goes_at_a_midnight_and_then_it_is_gone() {
    let world = World::start(&[], &[]).await;
    let clock = world.emulator.clock();
    // Noon, so that rounding up to a midnight is seen.
    clock.advance(Millis(DAY - clock.now().0 % DAY + DAY / 2)).await;
    let (_, renew) = told(&world, Gateway::Rest, LARGE).await;
    let to_midnight = || Millis(DAY - clock.now().0 % DAY + SECOND);
    clock.advance(to_midnight()).await;
    let fetched = world.client.fetch(&Call::get(&renew)).await.unwrap();
    assert_eq!(fetched.answer.status, 200, "half a day old: {:?}", fetched.answer);
    clock.advance(to_midnight()).await;
    let gone = get(&world, &renew).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.json()["type"]),
        (410, &Value::from("urn:hardcap:problem:answer-gone"))
    );
    let never = renew.replace("/overflow/", "/overflow/00000000-");
    assert_eq!(get(&world, &never).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_run_leaves_no_link_in_any_record() {
    let world = World::start(&[], &[]).await;
    let (link, renew) = told(&world, Gateway::Url, LARGE).await;
    get(&world, &link).await;
    get(&world, &renew).await;
    let signature = link.split("X-Amz-Signature=").nth(1).unwrap();
    let records = get(&world, &format!("{}/records", world.emulator.control_url())).await;
    assert!(!records.text().contains(&signature[..32]));
}
