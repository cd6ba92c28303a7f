//! S3 through boto3 and the AWS CLI v1 with their defaults: presigned URLs and forms of SigV2, copies in parts, and the
//! cleanup of a bucket.

use hardcap_limits::Date;
use std::path::Path;

use hardcap::Emulator;
use hardcap_tests::installed;
use hardcap_tests::process::output_with;
use serde_json::{Value, json};

const VARIABLES: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_MAX_ATTEMPTS", "1"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn boto3_presigns_copies_and_cleans_up_with_its_defaults() {
    let python = installed::python();
    let emulator =
        Emulator::builder().limits(Date::CLASSIC).start().await.expect("an emulator on free ports");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/s3.py");
    let arguments = [script.as_os_str(), emulator.aws_url().as_ref()];
    let ran = output_with(&python, arguments, &VARIABLES).expect("Python runs");
    let text = String::from_utf8_lossy(&ran.stdout);
    let seen: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(
        seen,
        json!({
            "put_is_version_2": true,
            "put": 200,
            "get": [200, "presigned"],
            "metadata": { "m": "v" },
            "post": 204,
            "posted": "the file",
            "copy": true,
            "left": [],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn the_aws_cli_copies_20_mb_within_s3_and_presigns() {
    let emulator = Emulator::builder().start().await.expect("an emulator on free ports");
    let folder = tempfile::tempdir().expect("a folder");
    let (up, down) = (folder.path().join("up"), folder.path().join("down"));
    let data: Vec<u8> = (0..20 * 1024 * 1024_u32).map(|at| at.to_le_bytes()[1] ^ 7).collect();
    std::fs::write(&up, &data).expect("written");
    let run = |arguments: &[&str]| {
        let all =
            ["--endpoint-url", emulator.aws_url()].into_iter().chain(arguments.iter().copied());
        let ran = output_with(&installed::tool("aws"), all, &VARIABLES).expect("the CLI runs");
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    };
    let text = |path: &Path| path.display().to_string();
    run(&["s3", "mb", "s3://cli"]);
    run(&["s3", "cp", &text(&up), "s3://cli/a"]);
    run(&["s3", "cp", "s3://cli/a", "s3://cli/b"]);
    run(&["s3", "mv", "s3://cli/b", "s3://cli/c"]);
    run(&["s3", "cp", "s3://cli/c", &text(&down)]);
    assert!(std::fs::read(&down).expect("read") == data, "the copy has other bytes");
    let link = run(&["s3", "presign", "s3://cli/c"]);
    let client = hardcap_tests::client::Client::new();
    let answer = client.get(&link).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, data.len()));
    run(&["s3", "rb", "--force", "s3://cli"]);
}
