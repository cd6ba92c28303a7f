//! Any bytes of any length come back as they were, by every way in and every way out.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use hardcap::Emulator;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::vocabulary::*;

/// A way in.
#[derive(Clone, Copy, Debug)]
enum In {
    Signed,
    Sdk,
    Link,
    Parts,
}

/// Lengths drawn evenly over their magnitudes, and around the sizes at which bodies change their place.
fn length() -> impl Strategy<Value = usize> {
    let near = |edge: usize| (edge - 64)..=(edge + 64);
    prop_oneof![
        4 => (0_u32..22).prop_flat_map(|bits| 0_usize..=(1 << bits)),
        1 => near(131_072),
        1 => near(1_048_576),
        1 => near(5_242_880),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    (length(), any::<u64>(), 0..4).prop_map(|(length, seed, kind)| match kind {
        0 => vec![0; length],
        1 => b"\"\\\r\n0;chunk-signature=\r\n".iter().copied().cycle().take(length).collect(),
        2 => "\u{feff}\u{e9}\u{1f600}".bytes().cycle().take(length).collect(),
        _ => noise(length, seed),
    })
}

async fn put(emulator: &Emulator, way: In, data: &[u8]) {
    let sdk = sdk(emulator);
    let minute = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let body = || data.to_vec().into();
    match way {
        In::Signed => {
            let answer = signed(emulator, ask("PUT", "/bucket/k").body(data.to_vec())).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        In::Sdk => {
            sdk.put_object().bucket(BUCKET).key("k").body(body()).send().await.unwrap();
        }
        In::Link => {
            let link = sdk.put_object().bucket(BUCKET).key("k").presigned(minute).await.unwrap();
            let path = link.uri().trim_start_matches(emulator.aws_url()).to_owned();
            let answer = ask("PUT", &path).body(data.to_vec()).send(emulator.aws_url()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        In::Parts => {
            let begun = sdk.create_multipart_upload().bucket(BUCKET).key("k").send().await.unwrap();
            let id = begun.upload_id().unwrap();
            let mut listed = CompletedMultipartUpload::builder();
            let parts = data.chunks(5_242_880).chain(data.is_empty().then_some(&[][..]));
            for (number, part) in (1..).zip(parts) {
                let sent = sdk.upload_part().bucket(BUCKET).key("k").upload_id(id);
                let sent =
                    sent.part_number(number).body(part.to_vec().into()).send().await.unwrap();
                let part = CompletedPart::builder().part_number(number);
                listed = listed.parts(part.set_e_tag(sent.e_tag).build());
            }
            let complete = sdk.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(id);
            complete.multipart_upload(listed.build()).send().await.unwrap();
        }
    }
}

/// The digest of what the SDK, a link, and two ranges put together give.
async fn digests(emulator: &Emulator, length: usize, cut: usize) -> [String; 3] {
    let sdk = sdk(emulator);
    let digest = |data: &[u8]| hex::encode(Sha256::digest(data));
    let get = sdk.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    let whole = digest(&get.body.collect().await.unwrap().into_bytes());
    let link = ask("GET", "/bucket/k").presigned(&host(emulator), &Signing::now());
    let linked = digest(&link.send(emulator.aws_url()).await.body);
    let mut pieces = Vec::new();
    for (from, to) in [(0, cut), (cut, length)] {
        if from < to {
            let range = format!("bytes={from}-{}", to - 1);
            let piece = signed(emulator, ask("GET", "/bucket/k").header("range", &range)).await;
            assert_eq!(piece.status, 206);
            pieces.extend_from_slice(&piece.body);
        }
    }
    [whole, linked, digest(&pieces)]
}

fn come_back(durable: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.data = durable.then(|| folder.path().to_owned());
    let emulator = runtime.block_on(start(config));
    let ways = prop_oneof![Just(In::Signed), Just(In::Sdk), Just(In::Link), Just(In::Parts)];
    let cases = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(cases);
    let outcome = runner.run(&(ways, bytes(), any::<usize>()), |(way, data, cut)| {
        let expected = hex::encode(Sha256::digest(&data));
        let found = runtime.block_on(async {
            put(&emulator, way, &data).await;
            digests(&emulator, data.len(), cut % (data.len() + 1)).await
        });
        for digest in found {
            prop_assert_eq!(&digest, &expected, "{:?}, {} bytes", way, data.len());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_bytes_come_back_from_memory() {
    come_back(false);
}

#[test]
fn any_bytes_come_back_from_a_directory() {
    come_back(true);
}
