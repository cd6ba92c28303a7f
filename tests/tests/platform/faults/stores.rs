//! What strikes S3 and DynamoDB: errors that SDKs try again, and slow answers.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use hardcap::config::Bucket;
use hardcap::faults::{Fail, Fault, InjectedError, Service, Slow};
use hardcap::{Builder, Clock, Emulator};
use hardcap_limits::Date;
use hardcap_tests::client::Call;
use hardcap_tests::lambda::Lambda;

use super::Suffering;

fn buckets() -> Builder {
    ["left", "right"]
        .into_iter()
        .fold(Emulator::builder().limits(Date::CLASSIC), |builder, name| {
            builder.bucket(Bucket { name: name.to_owned(), ..Bucket::default() })
        })
}

fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_fails_answers_as_s3_does_and_the_other_one_is_well() {
    for (error, status, code) in [
        (InjectedError::Internal, 500, "InternalError"),
        (InjectedError::Throttle, 503, "SlowDown"),
    ] {
        let fail = Fail { service: Service::S3, bucket: Some("left".to_owned()), error };
        let suffering = Suffering::start(buckets().fault(Fault::new(fail).count(1))).await;
        let url = suffering.emulator.aws_url();
        let right = suffering.send(Call::get(format!("{url}/right/none"))).await;
        assert_eq!(right.status, 403, "nobody signed this: {right:?}");
        let left = suffering.send(Call::get(format!("{url}/left/none"))).await;
        assert_eq!(left.status, status, "{left:?}");
        assert!(left.text().contains(&format!("<Code>{code}</Code>")), "{left:?}");
        let left = suffering.send(Call::get(format!("{url}/left/none"))).await;
        assert_eq!(left.status, 403, "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_tries_again_what_was_made_to_fail() {
    for error in [InjectedError::Internal, InjectedError::Throttle] {
        let fail = Fail { service: Service::S3, bucket: None, error };
        let suffering = Suffering::start(buckets().fault(Fault::new(fail).count(1))).await;
        let s3 = s3(&suffering.emulator);
        let body = ByteStream::from_static(b"intact");
        s3.put_object().bucket("left").key("key").body(body).send().await.expect("tried again");
        let got = s3.get_object().bucket("left").key("key").send().await.expect("it is there");
        let body = got.body.collect().await.expect("its body").into_bytes();
        assert_eq!(&body[..], b"intact");
        assert_eq!(suffering.struck("fail"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_fails_with_its_own_errors() {
    for (error, status, code) in [
        (InjectedError::Internal, 500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        (
            InjectedError::Throttle,
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        ),
    ] {
        let fail = Fail { service: Service::DynamoDb, bucket: None, error };
        let suffering = Suffering::start(buckets().fault(Fault::new(fail).count(1))).await;
        let call = Call::post(suffering.emulator.aws_url(), "{}")
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .header("content-type", "application/x-amz-json-1.0");
        let failed = suffering.send(call.clone()).await;
        assert_eq!((failed.status.as_u16(), &failed.json()["__type"]), (status, &code.into()));
        let after = suffering.send(call).await;
        assert_eq!(after.status, 200, "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_answers_later_and_right() {
    let slow = |service| Fault::new(Slow { service, bucket: None, millis: 400 }).count(1);
    let builder = buckets().fault(slow(Service::S3)).fault(slow(Service::DynamoDb));
    let suffering = Suffering::start(builder).await;
    let url = suffering.emulator.aws_url();
    let tables = Call::post(url, "{}")
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("content-type", "application/x-amz-json-1.0");
    for (call, status) in [(Call::get(format!("{url}/left/none")), 403), (tables, 200)] {
        let stopwatch = Clock::default().stopwatch();
        let answer = suffering.send(call).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(stopwatch.elapsed_millis().0 >= 400, "{:?}", stopwatch.elapsed());
    }
    assert_eq!(suffering.struck("slow"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_slow_for_an_hour_does_not_hold_up_the_end() {
    let slow = Slow { service: Service::S3, bucket: None, millis: 3_600_000 };
    let Suffering(Lambda { emulator, client }) =
        Suffering::start(buckets().fault(Fault::new(slow))).await;
    let call = Call::get(format!("{}/left/none", emulator.aws_url()));
    let mut records = emulator.recorder().watch();
    let waiting = tokio::spawn(async move { client.send(&call).await });
    while !emulator.totals().injected.contains_key("slow") {
        let _ = records.recv().await;
    }
    emulator.stop().await;
    // It has an answer or a connection that was closed.
    let _ = waiting.await.expect("the client does not panic");
}
