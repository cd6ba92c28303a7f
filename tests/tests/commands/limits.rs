//! `hardcap limits`, and the date that a run takes its limits from.

use super::project::{Project, run};

#[tokio::test(flavor = "multi_thread")]
async fn one_limit_is_printed_with_its_history_and_the_error_of_each_party() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["limits", "lambda_async_request"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in ["1,048,576 bytes", "262,144 bytes", "since 2025-10", "Measured: "] {
        assert!(ran.printed.contains(part), "{part}: {}", ran.printed);
    }
    let ran = run(folder.path(), &["limits", "lambda_async_request", "--format", "json"]).await;
    let page: serde_json::Value = serde_json::from_str(&ran.printed).unwrap();
    assert_eq!(page["rows"].as_array().map(Vec::len), Some(1), "{ran:?}");
    assert_eq!(page["rows"][0]["name"], "lambda_async_request", "{ran:?}");
    assert_eq!(page["rows"][0]["in_force"], 1_048_576, "{ran:?}");
    assert_eq!(page["failures"], serde_json::json!([]), "{ran:?}");
    let ran = run(folder.path(), &["limits", "lambda_async_request", "--format", "markdown"]).await;
    assert!(ran.printed.starts_with("### lambda_async_request\n\n"), "{ran:?}");
    assert_eq!(ran.printed.matches("### ").count(), 1, "{ran:?}");
    let ran = run(folder.path(), &["limits", "lambda_async_reqest"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.said.contains("did you mean `lambda_async_request`?"), "{}", ran.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_that_changed_between_two_days_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["limits", "--diff", "classic", "current"]).await;
    let changed = ran.printed.lines().find(|line| line.contains("lambda_async_request"));
    let changed = changed.unwrap_or_else(|| panic!("{ran:?}"));
    assert!(changed.contains("262,144 B") && changed.contains("1,048,576 B"), "{changed}");
    assert!(!ran.printed.contains("lambda_sync_response"), "{}", ran.printed);
    let ran = run(folder.path(), &["limits", "--diff", "2026-01-01", "2026-01-01"]).await;
    assert!(ran.printed.contains("No number differs."), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_the_newest_limits_unless_hardcap_toml_or_the_command_line_names_a_day() {
    let project = Project::new();
    let settings = std::fs::read_to_string(project.path().join("hardcap.toml")).unwrap();
    for (toml, options, first_line, async_max) in [
        ("", &[][..], "limits: current (the newest known)", 1_048_576),
        ("limits = \"classic\"\n", &[], "limits: 2022-04-22 (classic); ", 262_144),
        ("limits = \"classic\"\n", &["--limits", "current"], "limits: current", 1_048_576),
        ("", &["--set", "lambda_async_request=2MB"], "limits: current", 2_097_152),
    ] {
        project.write("hardcap.toml", &format!("{toml}{settings}"));
        let up = project.up(options).await;
        let said = up.said();
        assert!(said.starts_with(first_line), "{toml} {options:?}: {said}");
        let limits = up.control("limits").await.to_string();
        assert!(limits.contains(&async_max.to_string()), "{toml} {options:?}: {limits}");
        up.stop().await;
    }
    project.write("hardcap.toml", &format!("{settings}[limits]\ndate = \"2026-13-01\"\n"));
    let ran = project.run(&["check"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.said.contains("`2026-13-01` is not a date for limits"), "{}", ran.said);
}
