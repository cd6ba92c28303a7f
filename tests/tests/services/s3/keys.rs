//! Keys are texts, whatever they look like; and both ways to name a bucket reach the same object.

use super::vocabulary::*;

const KEYS: &[&str] = &[
    "x//y",
    "x/y",
    "../escaped",
    "a/../b",
    "b",
    "./c",
    "c",
    "trail/",
    "trail",
    "d",
    "d/e",
    "/leading",
    "//",
    "...",
    "sp ace+plus",
    "per%cent%2F",
    "q?u=e&r#y",
    "\u{e9}\u{1f600}",
    "e\u{301}",
    "UPPER",
    "upper",
    "quote\"'<>&;:@=,",
    "back\\slash",
    "con",
    "bucket.json",
];

async fn every_key_is_its_own(config: hardcap::config::Config) {
    let emulator = start(config).await;
    let sdk = sdk(&emulator);
    let longest = "\u{e9}".repeat(512);
    let keys = || KEYS.iter().copied().chain([longest.as_str()]);
    for key in keys() {
        let put = sdk.put_object().bucket(BUCKET).key(key).body(key.as_bytes().to_vec().into());
        put.send().await.unwrap_or_else(|error| panic!("{key}: {error:?}"));
    }
    for key in keys() {
        let get = sdk.get_object().bucket(BUCKET).key(key).send().await;
        let get = get.unwrap_or_else(|error| panic!("{key}: {error:?}"));
        assert_eq!(get.body.collect().await.unwrap().into_bytes(), key.as_bytes(), "{key}");
    }
    let listed = sdk.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let mut expected: Vec<&str> = keys().collect();
    expected.sort_unstable();
    let found: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(found, expected);
    for key in keys() {
        sdk.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    let listed = sdk.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert!(listed.contents().is_empty());
}

#[tokio::test]
async fn every_key_is_its_own_in_memory() {
    every_key_is_its_own(config()).await;
}

#[tokio::test]
async fn every_key_is_its_own_in_a_directory_and_none_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.data = Some(folder.path().join("data"));
    every_key_is_its_own(config).await;
    let outside: Vec<_> = folder.path().read_dir().unwrap().flatten().collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_hosts_name() {
    let emulator = emulator().await;
    let url = emulator.aws_url();
    let port = host(&emulator).rsplit_once(':').unwrap().1.to_owned();
    let now = Signing::now();
    for host in ["bucket.localhost", "bucket.s3.localhost", "bucket.s3.us-east-1.localhost"] {
        let host = format!("{host}:{port}");
        let put = ask("PUT", "/dir/key").header("host", &host).body(host.clone());
        let answer = put.signed(&host, &now).send(url).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
        let link = ask("GET", "/dir/key").header("host", &host).presigned(&host, &now);
        assert_eq!(link.send(url).await.text(), host);
        let path_style = signed(&emulator, ask("GET", "/bucket/dir/key")).await;
        assert_eq!(path_style.text(), host);
        let listed = ask("GET", "/?list-type=2").header("host", &host).signed(&host, &now);
        assert_eq!(listed.send(url).await.elements("Key"), ["dir/key"]);
    }
    let host = format!("nowhere.localhost:{port}");
    let answer = ask("GET", "/key").header("host", &host).signed(&host, &now).send(url).await;
    assert_eq!(answer.refusal(), (404, "NoSuchBucket".to_owned()));
}
