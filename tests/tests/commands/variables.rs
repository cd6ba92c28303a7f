//! Variables, profiles and silenced findings: settings of a run from the command line and from hardcap.toml.

use serde_json::Value;

use crate::project::Project;

const ENVIRONMENT: &str = r#"{"env":true}"#;

/// The environment of `Behave`, started with these options.
async fn environment(project: &Project, more: &[&str]) -> Value {
    let template = project.path().join("template.yaml");
    let invoke = ["invoke", "--template", template.to_str().unwrap(), "Behave", "-e", ENVIRONMENT];
    let ran = project.run(&[&invoke, more].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.printed).unwrap()
}

/// Adds a text to the project's hardcap.toml.
fn extend_settings(project: &Project, text: &str) {
    let settings = std::fs::read_to_string(project.path().join("hardcap.toml")).unwrap();
    project.write("hardcap.toml", &format!("{settings}{text}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_the_command_line_win_over_those_of_files_and_those_over_hardcap_toml() {
    let project = Project::new();
    extend_settings(
        &project,
        "environment = {A = 'toml', B = 'toml', C = 'toml', D = 'toml'}\n[environment]\nE = 'all'\n",
    );
    let lines = project.write("one.env", "# local\nB=file\nC='two words'\nBehave.D=file\n");
    let json = project.write("two.json", r#"{"Parameters": {"F": 1}, "Behave": {"D": "json"}}"#);
    let options = ["--env-file", &lines, "--env-file", &json, "--env", "Behave.B=option"];
    let environment = environment(&project, &options).await;
    for (name, value) in [
        ("A", "toml"),
        ("B", "option"),
        ("C", "two words"),
        ("D", "json"),
        ("E", "all"),
        ("F", "1"),
    ] {
        assert_eq!(environment[name], value, "{name}: {environment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_the_command_line_count_for_the_limit_of_4_kb() {
    let project = Project::new();
    let fits = format!("Behave.A={}", "x".repeat(4_000));
    let large = format!("Behave.A={}", "x".repeat(5_000));
    let check = async |variable: &str| project.run(&["check", "--env", variable]).await;
    let ran = check(&fits).await;
    assert!(!ran.printed.contains("environment-size"), "{ran:?}");
    let ran = check(&large).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.printed.contains("error[environment-size]"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_or_a_profile_that_does_not_fit_the_project_is_an_error() {
    let project = Project::new();
    extend_settings(&project, "[profiles.ci]\nregion = 'eu-west-1'\n");
    let broken = project.write("broken.env", "A B");
    for (arguments, code, said) in [
        (["check", "--env", "Behav.A=1"], 1, "did you mean `Behave`?"),
        (["check", "--env", "A=1"], 2, "FUNCTION.NAME=VALUE"),
        (["check", "--env-file", &broken], 1, "has a line that is not NAME=VALUE"),
        (["check", "--env-file", "missing.env"], 1, "missing.env cannot be read"),
        (["check", "--profile", "c"], 1, "there is no profile `c`"),
    ] {
        let ran = project.run(&arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.said.contains(said), "{arguments:?}: {ran:?}");
    }
    std::fs::remove_file(project.path().join("hardcap.toml")).unwrap();
    let ran = project.run(&["check", "--profile", "ci"]).await;
    assert!(ran.said.contains("hardcap.toml does not exist"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_takes_precedence_over_the_rest_of_hardcap_toml() {
    let project = Project::new();
    let profile = "[profiles.eu]\nregion = 'eu-west-1'\n[profiles.eu.functions.Behave.environment]\nSTAGE = 'eu'\n";
    extend_settings(&project, profile);
    let eu = environment(&project, &["--profile", "eu"]).await;
    assert_eq!((&eu["AWS_REGION"], &eu["STAGE"]), (&"eu-west-1".into(), &"eu".into()));
    let none = environment(&project, &[]).await;
    assert_eq!((&none["AWS_REGION"], &none["STAGE"]), (&"us-east-1".into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silenced_finding_is_counted_and_listed_with_its_reason() {
    let project = Project::new();
    project.write("template.yaml", &crate::project::TEMPLATE.replace("Timeout: 30", "Timeout: 31"));
    let json = async || {
        let ran = project.run(&["check", "--format", "json"]).await;
        serde_json::from_str::<Value>(&ran.printed).unwrap()
    };
    let before = json().await;
    let rules = |of: &Value, list: &str| {
        let all =
            of[list].as_array().unwrap().iter().map(|it| it["rule"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    assert!(rules(&before, "findings").contains(&"timeout-above-gateway".to_owned()), "{before}");
    assert_eq!(before["silenced"], serde_json::json!([]));
    extend_settings(
        &project,
        "[check]\nignore = [{rule = 'Behave:timeout-above-gateway', reason = 'called by a schedule too'}]\n",
    );
    let after = json().await;
    assert!(!rules(&after, "findings").contains(&"timeout-above-gateway".to_owned()), "{after}");
    assert_eq!(rules(&after, "silenced"), ["timeout-above-gateway"], "{after}");
    assert_eq!(after["silenced"][0]["reason"], "called by a schedule too");
    let text = project.run(&["check"]).await;
    assert!(text.said.trim_end().ends_with("1 silenced"), "{text:?}");
}
