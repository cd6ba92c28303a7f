//! The service without HTTP: dead-letter queues that form a circle.

use hardcap_core::config::{Config, queue_arn};
use hardcap_core::keyring::Keyring;
use hardcap_limits::Limits;

use super::*;

const REGION: &str = "us-east-1";

/// Two queues, whose messages go to the dead-letter queue `of` of each after one receipt.
fn circle(of: [&str; 2]) -> (Queues, Context) {
    let platform = Platform::new(REGION, Limits::classic(), Keyring::default());
    let mut config = Config::empty(Limits::classic());
    config.queues = vec![redriven("a", of[0]), redriven("b", of[1])];
    let queues = Queues::open(&platform, &config, &CancellationToken::new()).unwrap();
    (queues, platform.context())
}

fn redriven(name: &str, dead: &str) -> hardcap_core::config::Queue {
    let mut queue = hardcap_core::config::Queue::new(name);
    let policy = serde_json::json!({
        "deadLetterTargetArn": queue_arn(REGION, dead),
        "maxReceiveCount": 1,
    });
    queue.attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
    queue
}

/// The counts of the messages that a call receives. They are visible again at once.
async fn poll(queues: &Queues, ctx: &Context, queue: &str, wait: u64) -> Vec<u64> {
    let want = Want { count: 10, visibility: Millis(0), receives_max: None };
    let received = queues.receive(ctx, queue, want, Millis(wait)).await.unwrap();
    received.iter().map(|received| received.message().receives).collect()
}

#[tokio::test]
async fn a_queue_that_is_its_own_dead_letter_queue_gives_a_message_in_every_second_call() {
    let (queues, ctx) = circle(["a", "a"]);
    queues.send(&ctx, "a", NewMessage::new("x".to_owned())).await.unwrap();
    for expected in [&[1][..], &[], &[2], &[], &[3]] {
        assert_eq!(poll(&queues, &ctx, "a", 20_000).await, expected);
    }
}

#[tokio::test]
async fn a_message_moves_once_for_each_receipt_between_queues_that_name_each_other() {
    let (queues, ctx) = circle(["b", "a"]);
    queues.send(&ctx, "a", NewMessage::new("x".to_owned())).await.unwrap();
    for (queue, expected) in
        [("a", &[1][..]), ("a", &[]), ("b", &[2]), ("b", &[]), ("a", &[3]), ("b", &[])]
    {
        assert_eq!(poll(&queues, &ctx, queue, 0).await, expected, "{queue}");
    }
}
