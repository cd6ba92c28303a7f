//! With a data directory created functions survive, and what was refused leaves nothing behind.

use std::path::Path;

use aws_sdk_lambda::types::FunctionUrlAuthType;
use hardcap::Emulator;
use hardcap_limits::Date;

use super::{Plane, code, environment, refused};

async fn plane(data: &Path) -> Plane {
    Plane::with(Emulator::builder().limits(Date::LATEST).data(data)).await
}

/// Every path below a folder.
fn files(folder: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            found.push(path.display().to_string());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_function_is_there_after_a_restart_with_all_that_was_set() {
    let data = tempfile::tempdir().expect("a folder");
    let first = plane(data.path()).await;
    let create = first.create("f1", "behave").environment(environment(&[("STAGE", "kept")]));
    let made = create.description("it stays").tags("a", "1").send().await.expect("made");
    let put = first.sdk.put_function_event_invoke_config().function_name("f1");
    put.maximum_retry_attempts(1).send().await.expect("put");
    let put = first.sdk.put_function_concurrency().function_name("f1");
    put.reserved_concurrent_executions(7).send().await.expect("reserved");
    let url = first.sdk.create_function_url_config().function_name("f1");
    url.auth_type(FunctionUrlAuthType::None).send().await.expect("opened");
    first.create("gone", "echo").send().await.expect("made");
    first.sdk.delete_function().function_name("gone").send().await.expect("deleted");
    first.emulator.stop().await;

    let second = plane(data.path()).await;
    let get = second.sdk.get_function().function_name("f1").send().await.expect("it is there");
    let configuration = get.configuration().expect("a configuration");
    assert_eq!(configuration.description(), Some("it stays"));
    assert_eq!(configuration.code_sha256(), made.code_sha256());
    assert_eq!(get.tags().and_then(|tags| tags.get("a")).map(String::as_str), Some("1"));
    assert_eq!(get.concurrency().and_then(|it| it.reserved_concurrent_executions()), Some(7));
    assert_eq!(second.invoke("f1", r#"{"env": true}"#).await["STAGE"], "kept");
    let events = second.sdk.get_function_event_invoke_config().function_name("f1").send().await;
    assert_eq!(events.expect("they are there").maximum_retry_attempts(), Some(1));
    let url = second.sdk.get_function_url_config().function_name("f1").send().await;
    let url = url.expect("it is there").function_url().to_owned();
    assert_eq!(second.client.get(&url).await.expect("an answer").status, 200);
    assert!(!second.has("gone").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_or_replaced_leaves_no_file() {
    let data = tempfile::tempdir().expect("a folder");
    let first = plane(data.path()).await;
    first.create("f1", "echo").send().await.expect("made");
    let (status, _, _) =
        refused(first.create("f2", "echo").code(code(b"no zip".to_vec())).send().await);
    assert_eq!(status, 400);
    let update = first.sdk.update_function_code().function_name("f1");
    update
        .zip_file(aws_sdk_lambda::primitives::Blob::new(super::guest()))
        .send()
        .await
        .expect("new");
    assert_eq!(first.invoke("f1", "1").await, 1);
    first.emulator.stop().await;
    // A package that a run which was cut off had begun to unpack.
    let rubbish = data.path().join("functions/f1/half/code");
    std::fs::create_dir_all(&rubbish).expect("made");

    let second = plane(data.path()).await;
    assert_eq!(second.invoke("f1", "1").await, 1);
    let kept = files(&data.path().join("functions"));
    let packages = kept.iter().filter(|file| file.ends_with("package.zip")).count();
    assert_eq!(packages, 1, "{kept:?}");
    assert!(!kept.iter().any(|file| file.contains("f2") || file.contains("half")), "{kept:?}");
}
