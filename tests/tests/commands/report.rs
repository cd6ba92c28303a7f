//! `hardcap report`: a run rendered again, the same as when it ran.

use serde_json::Value;

use crate::project::Project;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_written_is_rendered_again_in_each_form_and_gated_anew() {
    let project = Project::new();
    let script = "curl_free() { :; }; exit 0";
    let template = project.path().join("template.yaml");
    let template = template.to_str().unwrap();
    let invoke = format!(
        "{:?} invoke --url $AWS_ENDPOINT_URL Behave -e '{{\"size\":1001}}' || {script}",
        hardcap_tests::process::binary("hardcap", "hardcap")
    );
    let ran = project
        .run(&[
            "exec",
            template,
            "-q",
            "--set",
            "lambda_sync_response=1000",
            "--records",
            "run.json",
            "--html",
            "run.html",
            "--",
            "sh",
            "-c",
            &invoke,
        ])
        .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let table = project.run(&["report", "run.json"]).await;
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(ran.said.contains(&table.printed), "as it was said then:\n{ran:?}\n{table:?}");
    assert!(table.printed.contains("1,001 B"), "{table:?}");

    let gated =
        project.run(&["report", "run.json", "--fail-on", "refused", "--format", "json"]).await;
    assert_eq!(gated.code, Some(3), "{gated:?}");
    let json: Value = serde_json::from_str(&gated.printed).unwrap();
    assert_eq!(json["failures"][0]["what"], "lambda_sync_response", "{json}");
    let junit =
        project.run(&["report", "run.json", "--min-headroom", "1", "--format", "junit"]).await;
    assert_eq!(junit.code, Some(3), "{junit:?}");
    assert!(
        junit.printed.contains(
            "<failure message=\"1,001 of 1,000 bytes leave 0 %, and 1 % are required\"/>"
        ),
        "{junit:?}"
    );
    let html = project.run(&["report", "run.json", "--format", "html"]).await;
    assert_eq!(html.printed, std::fs::read_to_string(project.path().join("run.html")).unwrap());

    project.write("other.json", "{}");
    let other = project.run(&["report", "other.json"]).await;
    assert_eq!(other.code, Some(1));
    assert!(other.said.contains("other.json: not a file written by `--records`"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_hardcap_that_runs_is_asked_for_by_its_address() {
    let project = Project::new();
    let written = project.path().join("run.json");
    let up = project.up(&["--records", written.to_str().unwrap()]).await;
    project.run(&["invoke", "--url", &up.aws, "Behave"]).await;
    let asked = project.run(&["report", &up.aws, "--format", "json"]).await;
    let json: Value = serde_json::from_str(&asked.printed).unwrap();
    assert_eq!(json["report"]["invocations"], 1, "{asked:?}");
    let totals = &up.control("records").await["totals"];
    assert_eq!(totals["invocations"], 1);
    up.stop().await;
    let kept = project.run(&["report", "run.json", "--format", "json"]).await;
    let kept: Value = serde_json::from_str(&kept.printed).unwrap();
    assert_eq!(kept["report"], json["report"], "what it said while it ran");
}
