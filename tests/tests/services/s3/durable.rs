//! A directory outlives the emulator, however it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use hardcap::config::{BucketCorsRule, Config};

use hardcap_tests::eventually::eventually;

use super::vocabulary::*;

fn at(folder: &Path) -> Config {
    Config { data: Some(folder.to_owned()), ..config() }
}

fn files(folder: &Path) -> usize {
    folder.read_dir().map_or(0, Iterator::count)
}

#[tokio::test]
async fn objects_rules_and_unfinished_uploads_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = noise(5_242_880, 7);
    let mut config = at(folder.path());
    config.buckets[0].cors = vec![BucketCorsRule {
        allowed_origins: vec!["*".to_owned()],
        allowed_methods: vec!["GET".to_owned()],
        ..BucketCorsRule::default()
    }];
    let emulator = start(config).await;
    let sdk = sdk(&emulator);
    let put = sdk.put_object().bucket(BUCKET).key("a//b").metadata("m", "v");
    let put = put.content_type("x/y").body(data.clone().into()).send().await.unwrap();
    sdk.put_object().bucket(BUCKET).key("gone").body(data.clone().into()).send().await.unwrap();
    sdk.delete_object().bucket(BUCKET).key("gone").send().await.unwrap();
    sdk.create_bucket().bucket("made-later").send().await.unwrap();
    let begun = sdk.create_multipart_upload().bucket(BUCKET).key("parts").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let part = |number: i32| {
        let part = sdk.upload_part().bucket(BUCKET).key("parts").upload_id(id).part_number(number);
        part.body(ByteStream::from(data.clone())).send()
    };
    let first = part(1).await.unwrap();
    emulator.stop().await;

    let emulator = start(at(folder.path())).await;
    let sdk = super::vocabulary::sdk(&emulator);
    let get = sdk.get_object().bucket(BUCKET).key("a//b").send().await.unwrap();
    assert_eq!(get.e_tag(), put.e_tag());
    assert_eq!(get.content_type(), Some("x/y"));
    assert_eq!(get.metadata().unwrap()["m"], "v");
    assert_eq!(get.body.collect().await.unwrap().into_bytes(), data);
    let rules = sdk.get_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(rules.cors_rules()[0].allowed_origins(), ["*"]);
    let buckets = sdk.list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, [BUCKET, "made-later"]);
    let second = sdk.upload_part().bucket(BUCKET).key("parts").upload_id(id).part_number(2);
    let second = second.body(ByteStream::from_static(b"end")).send().await.unwrap();
    let listed = [(1, first.e_tag()), (2, second.e_tag())].map(|(number, tag)| {
        CompletedPart::builder().part_number(number).set_e_tag(tag.map(str::to_owned)).build()
    });
    let listed = CompletedMultipartUpload::builder().set_parts(Some(listed.to_vec())).build();
    let complete = sdk.complete_multipart_upload().bucket(BUCKET).key("parts").upload_id(id);
    complete.multipart_upload(listed).send().await.unwrap();
    assert_eq!(files(&folder.path().join("s3/blobs")), 3, "one object, and one of two parts");
    emulator.stop().await;

    let emulator = start(at(folder.path())).await;
    let sdk = super::vocabulary::sdk(&emulator);
    let get = sdk.get_object().bucket(BUCKET).key("parts").send().await.unwrap();
    assert_eq!(get.body.collect().await.unwrap().into_bytes(), [&data[..], b"end"].concat());
    sdk.delete_object().bucket(BUCKET).key("parts").send().await.unwrap();
    sdk.delete_object().bucket(BUCKET).key("a//b").send().await.unwrap();
    assert_eq!(files(&folder.path().join("s3/blobs")), 0);
    sdk.delete_bucket().bucket("made-later").send().await.unwrap();
    assert!(!folder.path().join("s3/buckets/made-later").exists());
}

#[tokio::test]
async fn a_directory_has_one_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let _first = start(at(folder.path())).await;
    let second = hardcap::Emulator::start(at(folder.path())).await.expect_err("it is in use");
    let text =
        format!("{second} {:?}", std::error::Error::source(&second).map(ToString::to_string));
    assert!(text.contains("in use by another emulator"), "{text}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = start(at(folder.path())).await;
    signed(&emulator, ask("PUT", "/bucket/key").body("x")).await;
    emulator.stop().await;
    let objects = folder.path().join("s3/buckets/bucket/objects");
    let file = objects.read_dir().unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "no json").unwrap();
    let error = hardcap::Emulator::start(at(folder.path())).await.expect_err("it is broken");
    let text = format!("{error} {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(text.contains(file.to_str().unwrap()) && text.contains("Remove that file"), "{text}");
}

const CHILD: &str = "HARDCAP_TESTS_S3_DIRECTORY";

/// Not a test of its own: what the next one starts as a process, to kill it.
#[tokio::test]
async fn a_process_that_is_there_to_be_killed() {
    #[expect(clippy::disallowed_methods, reason = "how this process learns that it is the child")]
    let Ok(folder) = std::env::var(CHILD) else { return };
    let config = if folder.is_empty() { config() } else { at(Path::new(&folder)) };
    let emulator = start(config).await;
    println!("\nlistening {}", emulator.aws_url());
    std::future::pending::<()>().await;
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(folder: &Path) -> (Killed, String) {
    #[expect(clippy::disallowed_methods, reason = "a process of its own, to be killed")]
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "s3::durable::a_process_that_is_there_to_be_killed", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()))
        .expect("the child listens");
    (child, url)
}

#[tokio::test]
async fn killed_in_the_middle_of_a_put_the_old_object_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (child, url) = spawn(folder.path());
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let before = noise(3_000_000, 11);
    let put = ask("PUT", "/bucket/key").body(before.clone()).signed(&host, &Signing::now());
    assert_eq!(put.send(&url).await.status, 200);

    let after = noise(30_000_000, 12);
    let put = ask("PUT", "/bucket/key").body(after.clone()).signed(&host, &Signing::now());
    let mut wire = TcpStream::connect(&host).unwrap();
    write!(wire, "PUT /bucket/key HTTP/1.1\r\nhost: {host}\r\ncontent-length: 30000000\r\n")
        .unwrap();
    for (name, value) in &put.headers {
        write!(wire, "{name}: {value}\r\n").unwrap();
    }
    wire.write_all(b"\r\n").unwrap();
    wire.write_all(&after[..20_000_000]).unwrap();
    // Once some of it is in a file, it is in the middle.
    let blobs = folder.path().join("s3/blobs");
    eventually(Duration::from_secs(60), "the new body is in a file", async || {
        let files = files(&blobs);
        if files < 2 { Err(files) } else { Ok(()) }
    })
    .await;
    drop(child);
    let mut rest = Vec::new();
    let _ = wire.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));

    let emulator = start(at(folder.path())).await;
    let get = signed(&emulator, ask("GET", "/bucket/key")).await;
    assert_eq!(get.body, before);
    assert_eq!(files(&blobs), 1, "the half of the new body was swept");
    assert_eq!(files(&folder.path().join("s3/new")), 0);
    let put = signed(&emulator, ask("PUT", "/bucket/key").body(after.clone())).await;
    assert_eq!(put.status, 200);
    assert_eq!(signed(&emulator, ask("GET", "/bucket/key")).await.body, after);
}

/// The most memory that a process has held, in bytes.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Sends and reads back an object of this many pieces of a mebibyte, by a socket of its own; gives both digests.
fn through(url: &str, pieces: usize) -> [String; 2] {
    use sha2::{Digest as _, Sha256};
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let connect = |ask: &Ask, length: usize| {
        let mut wire = TcpStream::connect(&host).unwrap();
        let head = format!("{} {} HTTP/1.1\r\nhost: {host}", ask.method, ask.path);
        write!(wire, "{head}\r\ncontent-length: {length}\r\nconnection: close\r\n").unwrap();
        for (name, value) in &ask.headers {
            write!(wire, "{name}: {value}\r\n").unwrap();
        }
        wire.write_all(b"\r\n").unwrap();
        wire
    };
    let piece = noise(1_048_576, 5);
    let (mut sent, mut read) = (Sha256::new(), Sha256::new());
    let put = ask("PUT", "/bucket/large");
    let (put, _) = put.signed_with_payload(&host, &Signing::now(), Some("UNSIGNED-PAYLOAD"));
    let mut wire = connect(&put, pieces * piece.len());
    for _ in 0..pieces {
        wire.write_all(&piece).unwrap();
        sent.update(&piece);
    }
    let mut answer = String::new();
    wire.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let get = ask("GET", "/bucket/large").signed(&host, &Signing::now());
    let mut wire = BufReader::new(connect(&get, 0));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        wire.read_line(&mut line).unwrap();
    }
    loop {
        let data = wire.fill_buf().unwrap();
        if data.is_empty() {
            break;
        }
        read.update(data);
        let length = data.len();
        wire.consume(length);
    }
    [hex::encode(sent.finalize()), hex::encode(read.finalize())]
}

#[test]
fn a_large_object_never_stands_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    for folder in [folder.path(), Path::new("")] {
        let (child, url) = spawn(folder);
        // The pages of the program itself count too; it is this test program, which grows with every test.
        let before = peak(child.0.id());
        let [sent, read] = through(&url, 300);
        assert_eq!(sent, read);
        let more = peak(child.0.id()) - before;
        assert!(more < 48 * 1_048_576, "{more} bytes more for an object of 300 MiB");
    }
}
