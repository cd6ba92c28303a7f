//! With a data directory every acknowledged parameter and secret survives, however the emulator ends.

use hardcap_limits::Date;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardcap::Emulator;
use hardcap::config::{Parameter, Secret};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::eventually::eventually;
use serde_json::{Value, json};

use super::{call, output, refused};

async fn emulator(data: &Path) -> Emulator {
    Emulator::builder()
        .limits(Date::CLASSIC)
        .data(data)
        .start()
        .await
        .expect("an emulator on free ports")
}

/// Makes parameters and secrets of every kind; gives what the creation of the secret `s/a` answered.
async fn fill(emulator: &Emulator) -> Value {
    let run = async |target: &str, input: Value| output(&call(emulator, target, input).await);
    run("AmazonSSM.PutParameter", json!({ "Name": "/p/a", "Value": "one", "Type": "SecureString", "Description": "d", "Tags": [{ "Key": "k", "Value": "v" }] })).await;
    run(
        "AmazonSSM.PutParameter",
        json!({ "Name": "/p/a", "Value": "tw\u{f6}", "Overwrite": true, "AllowedPattern": "tw." }),
    )
    .await;
    run(
        "AmazonSSM.LabelParameterVersion",
        json!({ "Name": "/p/a", "ParameterVersion": 1, "Labels": ["old"] }),
    )
    .await;
    run("AmazonSSM.PutParameter", json!({ "Name": "gone", "Value": "x", "Type": "String" })).await;
    run("AmazonSSM.DeleteParameter", json!({ "Name": "gone" })).await;
    let made = run("secretsmanager.CreateSecret", json!({ "Name": "s/a", "SecretString": "one", "ClientRequestToken": "t1", "Tags": [{ "Key": "k", "Value": "v" }] })).await;
    run("secretsmanager.PutSecretValue", json!({ "SecretId": "s/a", "SecretBinary": "AAH/", "ClientRequestToken": "t2", "VersionStages": ["AWSPENDING", "mine"] })).await;
    run("secretsmanager.UpdateSecretVersionStage", json!({ "SecretId": "s/a", "VersionStage": "AWSCURRENT", "MoveToVersionId": "t2", "RemoveFromVersionId": "t1" })).await;
    for name in ["gone", "going"] {
        run(
            "secretsmanager.CreateSecret",
            json!({ "Name": name, "SecretString": "x", "ClientRequestToken": "t" }),
        )
        .await;
    }
    run(
        "secretsmanager.DeleteSecret",
        json!({ "SecretId": "gone", "ForceDeleteWithoutRecovery": true }),
    )
    .await;
    run("secretsmanager.DeleteSecret", json!({ "SecretId": "going", "RecoveryWindowInDays": 7 }))
        .await;
    made
}

/// What is asked before and after a restart.
fn questions() -> Vec<(&'static str, Value)> {
    vec![
        ("AmazonSSM.GetParameterHistory", json!({ "Name": "/p/a", "WithDecryption": true })),
        ("AmazonSSM.GetParameter", json!({ "Name": "/p/a:old" })),
        ("AmazonSSM.DescribeParameters", json!({})),
        (
            "AmazonSSM.ListTagsForResource",
            json!({ "ResourceType": "Parameter", "ResourceId": "/p/a" }),
        ),
        ("secretsmanager.ListSecrets", json!({ "IncludePlannedDeletion": true })),
        (
            "secretsmanager.ListSecretVersionIds",
            json!({ "SecretId": "s/a", "IncludeDeprecated": true }),
        ),
        (
            "secretsmanager.GetSecretValue",
            json!({ "SecretId": "s/a", "VersionStage": "AWSPREVIOUS" }),
        ),
        ("secretsmanager.GetSecretValue", json!({ "SecretId": "s/a", "VersionStage": "mine" })),
        ("secretsmanager.DescribeSecret", json!({ "SecretId": "s/a" })),
    ]
}

#[tokio::test]
async fn versions_labels_stages_tags_and_deletions_survive_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let first = emulator(data.path()).await;
    let made = fill(&first).await;
    let run = async |target: &str, input: Value| output(&call(&first, target, input).await);
    let questions = questions();
    let mut before = Vec::new();
    // Twice: reading a value changes the day of the last access.
    for _ in 0..2 {
        before.clear();
        for (target, input) in &questions {
            before.push(run(target, input.clone()).await);
        }
    }
    assert_eq!(before[0]["Parameters"][1]["Value"], "tw\u{f6}");
    first.stop().await;

    let second = emulator(data.path()).await;
    for ((target, input), before) in questions.iter().zip(&before) {
        assert_eq!(&output(&call(&second, target, input.clone()).await), before, "{target}");
    }
    let gone = call(&second, "AmazonSSM.GetParameter", json!({ "Name": "gone" })).await;
    assert_eq!(refused(&gone).0, "ParameterNotFound");
    let restored =
        call(&second, "secretsmanager.RestoreSecret", json!({ "SecretId": "going" })).await;
    assert_eq!(output(&restored)["Name"], "going");
    let again = call(
        &second,
        "secretsmanager.CreateSecret",
        json!({ "Name": "gone", "SecretString": "x", "ClientRequestToken": "t" }),
    )
    .await;
    assert_ne!(output(&again)["ARN"], made["ARN"]);
}

#[tokio::test]
async fn a_template_replaces_stored_values_only_when_it_has_changed() {
    let data = tempfile::tempdir().unwrap();
    let start = async |parameter: &str, secret: &str| {
        let builder = Emulator::builder()
            .limits(Date::CLASSIC)
            .data(data.path())
            .parameter(Parameter::new("/p", parameter));
        builder.secret(Secret::new("s", secret)).start().await.expect("an emulator on free ports")
    };
    let values = async |emulator: &Emulator| {
        let parameter =
            output(&call(emulator, "AmazonSSM.GetParameter", json!({ "Name": "/p" })).await);
        let secret = output(
            &call(emulator, "secretsmanager.GetSecretValue", json!({ "SecretId": "s" })).await,
        );
        [parameter["Parameter"]["Value"].clone(), secret["SecretString"].clone()]
    };
    let first = start("template", "template").await;
    assert_eq!(values(&first).await, ["template", "template"]);
    output(
        &call(
            &first,
            "AmazonSSM.PutParameter",
            json!({ "Name": "/p", "Value": "put", "Overwrite": true }),
        )
        .await,
    );
    output(
        &call(
            &first,
            "secretsmanager.PutSecretValue",
            json!({ "SecretId": "s", "SecretString": "put", "ClientRequestToken": "t" }),
        )
        .await,
    );
    first.stop().await;

    let second = start("template", "template").await;
    assert_eq!(values(&second).await, ["put", "put"]);
    second.stop().await;

    let third = start("edited", "edited").await;
    assert_eq!(values(&third).await, ["edited", "edited"]);
    let versions = output(&call(&third, "AmazonSSM.GetParameter", json!({ "Name": "/p" })).await);
    assert_eq!(versions["Parameter"]["Version"], 3);
}

#[tokio::test]
async fn a_broken_record_stops_the_start_with_its_name() {
    for (folder, target, input) in [
        ("ssm", "AmazonSSM.PutParameter", json!({ "Name": "p", "Value": "v", "Type": "String" })),
        (
            "secrets",
            "secretsmanager.CreateSecret",
            json!({ "Name": "s", "SecretString": "v", "ClientRequestToken": "t" }),
        ),
    ] {
        let data = tempfile::tempdir().unwrap();
        let first = emulator(data.path()).await;
        output(&call(&first, target, input).await);
        first.stop().await;
        let records = data.path().join(folder).join("records");
        let file = records.read_dir().unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read(&file).unwrap();
        std::fs::write(&file, &text[..text.len() / 2]).unwrap();
        let started = Emulator::builder().limits(Date::CLASSIC).data(data.path()).start().await;
        let error = started.expect_err("a record is broken");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let text = format!("{error} {cause:?}");
        assert!(
            text.contains(file.to_str().unwrap()) && text.contains("Remove that file"),
            "{text}"
        );
    }
}

const CHILD: &str = "HARDCAP_TESTS_DATA_DIRECTORY";

/// Not a test of its own: what the next one starts as a process, to kill it.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_there_to_be_killed() {
    #[expect(clippy::disallowed_methods, reason = "how this process learns that it is the child")]
    let Ok(folder) = std::env::var(CHILD) else { return };
    let emulator = emulator(folder.as_ref()).await;
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

/// An emulator in a process of its own, and its address.
fn spawn(data: &Path) -> (Killed, String) {
    #[expect(clippy::disallowed_methods, reason = "a process of its own, to be killed")]
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "data::durable::a_process_that_is_there_to_be_killed", "--nocapture"])
        .env(CHILD, data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = Killed(child.expect("the child starts"));
    let lines = BufReader::new(child.0.stdout.take().expect("its output")).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
    (child, url.expect("the child listens"))
}

/// The changes of one parameter and one secret, one after the other. The last deletes both.
fn changes(name: &str) -> [(&'static str, Value); 8] {
    [
        ("AmazonSSM.PutParameter", json!({ "Name": name, "Value": "1", "Type": "String" })),
        ("AmazonSSM.PutParameter", json!({ "Name": name, "Value": "2", "Overwrite": true })),
        (
            "AmazonSSM.LabelParameterVersion",
            json!({ "Name": name, "ParameterVersion": 1, "Labels": ["l"] }),
        ),
        (
            "secretsmanager.CreateSecret",
            json!({ "Name": name, "SecretString": "1", "ClientRequestToken": "t1" }),
        ),
        (
            "secretsmanager.PutSecretValue",
            json!({ "SecretId": name, "SecretString": "2", "ClientRequestToken": "t2" }),
        ),
        (
            "secretsmanager.TagResource",
            json!({ "SecretId": name, "Tags": [{ "Key": "k", "Value": "v" }] }),
        ),
        ("AmazonSSM.DeleteParameter", json!({ "Name": name })),
        (
            "secretsmanager.DeleteSecret",
            json!({ "SecretId": name, "ForceDeleteWithoutRecovery": true }),
        ),
    ]
}

/// How many of [`changes`] a store shows, `None` when it shows what no number of them gives.
async fn seen(emulator: &Emulator, name: &str) -> Option<usize> {
    let parameter = call(emulator, "AmazonSSM.GetParameterHistory", json!({ "Name": name })).await;
    let secret = call(emulator, "secretsmanager.DescribeSecret", json!({ "SecretId": name })).await;
    let values: Vec<_> = parameter.json()["Parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            format!(
                "{}{}",
                it["Value"].as_str().unwrap_or_default(),
                if it["Labels"] == json!(["l"]) { "l" } else { "" }
            )
        })
        .collect();
    let values = values.join(" ");
    let versions = secret.json()["VersionIdsToStages"].as_object().map(serde_json::Map::len);
    let is_tagged = secret.json()["Tags"] == json!([{ "Key": "k", "Value": "v" }]);
    match (values.as_str(), versions, is_tagged) {
        ("1", None, false) => Some(1),
        ("1 2", None, false) => Some(2),
        ("1l 2", None, false) => Some(3),
        ("1l 2", Some(1), false) => Some(4),
        ("1l 2", Some(2), false) => Some(5),
        ("1l 2", Some(2), true) => Some(6),
        ("", Some(2), true) => Some(7),
        // None of them, or all: which it is follows from what was acknowledged.
        ("", None, false) => Some(8),
        _ => None,
    }
}

/// Makes changes, one after the other, until nobody answers; `kept` has how many of each name were acknowledged.
async fn change(url: String, line: usize, kept: Arc<Mutex<BTreeMap<String, usize>>>) {
    let client = Client::new();
    for at in 0.. {
        let name = format!("n{line}-{at}");
        // Two of three are not deleted.
        let count = if at % 3 == 2 { 8 } else { 6 };
        for (done, (target, input)) in changes(&name).into_iter().enumerate().take(count) {
            let call = Call::post(format!("{url}/"), input.to_string())
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", target);
            let Ok(answer) = client.send(&call).await else { return };
            assert_eq!(answer.status, 200, "{answer:?}");
            kept.lock().expect("no panic").insert(name.clone(), done + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_changes_every_parameter_and_secret_is_there_whole() {
    let data = tempfile::tempdir().unwrap();
    let kept = Arc::new(Mutex::new(BTreeMap::new()));
    for round in 0..5 {
        let (child, url) = spawn(data.path());
        let lines: Vec<_> = (0..4)
            .map(|line| tokio::spawn(change(url.clone(), round * 10 + line, Arc::clone(&kept))))
            .collect();
        let wanted = 20 * (round + 1);
        eventually(Duration::from_secs(120), "20 more values are acknowledged", async || {
            let kept = kept.lock().expect("no panic").len();
            if kept < wanted { Err(kept) } else { Ok(()) }
        })
        .await;
        drop(child);
        for line in lines {
            line.await.expect("no panic");
        }
    }
    let kept = kept.lock().expect("no panic").clone();
    let emulator = emulator(data.path()).await;
    for (name, acknowledged) in &kept {
        let found = seen(&emulator, name).await;
        let found =
            found.unwrap_or_else(|| panic!("{name}: a mixture after {acknowledged} changes"));
        assert!(
            (*acknowledged..=acknowledged + 1).contains(&found),
            "{name}: {acknowledged} acknowledged, {found} found"
        );
    }
    for folder in ["ssm/new", "secrets/new"] {
        assert_eq!(data.path().join(folder).read_dir().unwrap().count(), 0, "{folder}");
    }
}
