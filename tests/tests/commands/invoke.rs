//! `hardcap invoke`: by a hardcap that runs, and by one that is started for it.

use crate::project::Project;

#[tokio::test(flavor = "multi_thread")]
async fn invoke_starts_the_template_and_prints_the_answer_alone() {
    let project = Project::new();
    let template = project.path().join("template.yaml");
    let template = template.to_str().unwrap();
    let ran = project
        .run(&[
            "invoke",
            "--template",
            template,
            "Behave",
            "-e",
            r#"{"print":"a word","size":9}"#,
            "--log",
        ])
        .await;
    assert_eq!((ran.code, ran.printed.as_str()), (Some(0), "\"xxxxxxx\"\n"), "{ran:?}");
    assert!(ran.said.starts_with("START RequestId: "), "{ran:?}");
    assert!(ran.said.contains("a word\n") && ran.said.contains("REPORT RequestId: "), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_of_a_function_that_fails_or_of_an_event_that_is_refused_ends_with_1() {
    let project = Project::new();
    let up =
        project.up(&["--set", "lambda_sync_request=100", "--set", "lambda_async_request=50"]).await;
    let url = ["invoke", "--url", &up.aws];
    let run = async |more: &[&str]| project.run(&[&url[..], more].concat()).await;

    let event = project.write("event.json", r#"{"error":"no luck"}"#);
    let failed = run(&["Behave", "-e", &event]).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.printed.contains("no luck"), "{failed:?}");
    assert!(failed.said.contains("`Behave` failed: Unhandled"), "{failed:?}");

    let large = format!("{{\"print\":\"{}\"}}", "x".repeat(100));
    let refused = run(&["Behave", "-e", &large]).await;
    assert_eq!((refused.code, refused.printed.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.said.contains("the event was refused: 413 "), "{refused:?}");
    let refused = run(&["Behave", "--async", "-e", &format!("\"{}\"", "x".repeat(49))]).await;
    assert!(refused.said.contains("the event was refused: 413 "), "{refused:?}");

    let queued = run(&["giant-of-the-stack", "--async"]).await;
    assert_eq!((queued.code, queued.printed.as_str()), (Some(0), ""), "{queued:?}");
    assert!(queued.said.contains("the event of `Giant` is queued"), "{queued:?}");

    let unknown = run(&["Gian"]).await;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.said.contains("did you mean `Giant`?"), "{unknown:?}");
    let unnamed = run(&[]).await;
    assert!(unnamed.said.contains("name a function, one of: Behave, Giant"), "{unnamed:?}");
    let neither = run(&["Behave", "-e", "no-such-file.json"]).await;
    assert!(neither.said.contains("--event accepts JSON, the name of a file, or -"), "{neither:?}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_event_for_a_template_that_is_started_has_ended_when_the_command_has() {
    let project = Project::new();
    let done = project.path().join("done");
    let template = project.path().join("template.yaml");
    let event = format!(r#"{{"file":{done:?}}}"#);
    let arguments =
        ["invoke", "--template", template.to_str().unwrap(), "Behave", "--async", "-e", &event];
    let ran = project.run(&arguments).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(std::fs::read_to_string(done).unwrap(), "written");
}
