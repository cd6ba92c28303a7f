//! `hardcap init`: what it writes runs at once.

use crate::project::run;

const BUCKET: &str = "Resources: {Files: {Type: 'AWS::S3::Bucket'}}\n";

#[tokio::test]
async fn init_writes_a_project_once_and_never_over_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), &["init"]).await;
    assert_eq!((first.code, first.printed.as_str()), (Some(0), ""), "{first:?}");
    assert!(first.said.contains("wrote template.yaml\n"), "{first:?}");
    let checked = run(folder.path(), &["check"]).await;
    assert_eq!((checked.code, checked.printed.as_str()), (Some(0), ""), "{checked:?}");

    let template = folder.path().join("template.yaml");
    std::fs::write(&template, BUCKET).unwrap();
    std::fs::remove_file(folder.path().join("hardcap.toml")).unwrap();
    let again = run(folder.path(), &["init"]).await;
    assert!(
        again.said.contains("wrote hardcap.toml") && !again.said.contains("template"),
        "{again:?}"
    );
    assert_eq!(std::fs::read_to_string(template).unwrap(), BUCKET);
    let settings = std::fs::read_to_string(folder.path().join("hardcap.toml")).unwrap();
    assert!(settings.lines().all(|line| line.is_empty() || line.starts_with('#')), "{settings}");
    let kept = run(folder.path(), &["init"]).await;
    assert!(kept.said.contains("kept  hardcap.toml"), "{kept:?}");
    assert_eq!(run(folder.path(), &["check"]).await.code, Some(0));
}

#[tokio::test]
async fn every_comment_of_the_settings_for_an_existing_project_is_true_when_it_is_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let template = "Parameters: {Stage: {Type: String, Default: x}}\nResources: {MyFunction: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: .}}}\n";
    std::fs::write(folder.path().join("template.yaml"), template).unwrap();
    run(folder.path(), &["init"]).await;
    let settings = folder.path().join("hardcap.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let out = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = text.lines().map(out).collect();
    std::fs::write(&settings, text.join("\n")).unwrap();
    let checked = run(folder.path(), &["check", "--format", "json"]).await;
    assert!(checked.printed.contains("no-program"), "only its program is missing: {checked:?}");
    assert!(checked.printed.contains("\"errors\": 1"), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs curl: just test-all"]
async fn a_new_project_runs_at_once() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]).await;
    let template = folder.path().join("template.yaml");
    let event = r#"{"queryStringParameters":{"size":"12"}}"#;
    let arguments = ["invoke", "--template", template.to_str().unwrap(), "-e", event];
    let ran = run(folder.path(), &arguments).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.contains("\"body\":\"xxxxxxxxxxxx\""), "{ran:?}");
}
