//! Mistakes of the first minutes, and what the program prints about them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::program::{
    ANY_PORT, fails, fails_with, folder, hardcap, ready_file, run, stop, up, with_program,
};

fn standard_error(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_folder_without_a_template_is_an_error_that_names_init() {
    let empty = folder(&[]);
    for command in
        [&["up"][..], &["check"], &["exec", "--", "true"], &["invoke", "F", "--template", "."]]
    {
        fails(empty.path(), command, 1, &["has no template.yaml", "`hardcap init`"]);
    }
}

#[test]
fn init_writes_no_template_into_a_project_of_another_tool() {
    for file in ["cdk.json", "samconfig.toml", "serverless.yml"] {
        let project = folder(&[(file, "")]);
        assert!(run(project.path(), &["init"]).status.success());
        assert!(project.path().join("hardcap.toml").exists(), "{file}");
        assert!(!project.path().join("template.yaml").exists(), "{file}");
    }
    let sample = folder(&[("notes.txt", "")]);
    assert!(run(sample.path(), &["init"]).status.success());
    assert!(sample.path().join("template.yaml").exists());
}

#[test]
fn init_refuses_a_file_and_prints_a_path_as_a_word_of_a_shell() {
    let project = folder(&[("notes.txt", "")]);
    fails(project.path(), &["init", "notes.txt"], 1, &["notes.txt is not a folder"]);
    let said = standard_error(&run(project.path(), &["init", "my app"]));
    assert!(said.ends_with("next: cd 'my app' && hardcap\n"), "{said}");
}

#[test]
fn a_folder_stands_for_its_template() {
    let outer = folder(&[]);
    assert!(run(outer.path(), &["init", "app"]).status.success());
    let output = run(outer.path(), &["check", "app"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    fs::create_dir(outer.path().join("other")).expect("a new folder");
    fails(outer.path(), &["up", "other"], 1, &["error: other has no template.yaml"]);
}

#[test]
fn a_folder_for_temporary_files_that_cannot_be_used_is_named_with_tmpdir() {
    let project = with_program(&[("file", "")]);
    for (place, cause) in [("/does/not/exist", "No such file"), ("file", "Not a directory")] {
        let said = [
            &format!("a folder for temporary files cannot be created in {place}: {cause}"),
            "set TMPDIR to an existing folder that can be written to",
        ];
        for command in [&ANY_PORT[..], &["exec", "--", "true"]] {
            fails_with(project.path(), command, 1, &said, |it| {
                it.env("TMPDIR", place);
            });
        }
    }
}

#[test]
fn a_report_that_could_not_be_written_is_an_error_before_the_run() {
    let project = with_program(&[]);
    for option in ["--json", "--junit", "--html", "--records"] {
        let command = ["exec", option, "no/folder/report", "--", "touch", "was-run"];
        let said = "cannot write no/folder/report: ";
        fails(project.path(), &command, 1, &[said, "name a file in an existing folder"]);
    }
    assert!(!project.path().join("was-run").exists());
    let records = [&ANY_PORT[..], &["--records", "no/folder/run.json"]].concat();
    fails(project.path(), &records, 1, &["cannot write no/folder/run.json: "]);
}

#[test]
fn a_command_of_exec_without_two_dashes_is_an_error_with_a_tip() {
    let project = with_program(&[]);
    for command in [&["exec", "npm", "test"][..], &["exec", "pytest"], &["exec"]] {
        fails(
            project.path(),
            command,
            2,
            &["write `--` before the command: hardcap exec -- npm test"],
        );
    }
}

#[test]
fn a_program_of_exec_that_is_a_line_of_shell_is_an_error_with_a_tip() {
    let project = with_program(&[]);
    let said = ["cannot run `echo a b`: ", "for a line of shell, write: sh -c 'echo a b'"];
    fails(project.path(), &["exec", "--", "echo a b"], 1, &said);
}

#[test]
fn a_day_outside_of_the_known_changes_has_a_note_for_every_command_with_limits() {
    let project = with_program(&[("error.log", "Task timed out after 3.00 seconds")]);
    let day = ["--limits", "1999-01-01"];
    for command in [
        &["limits"][..],
        &["limits", "lambda_sync_response"],
        &["check"],
        &["explain", "error.log"],
        &["exec", "--", "true"],
    ] {
        let at = command.iter().position(|word| *word == "--").unwrap_or(command.len());
        let command = [&command[..at], &day, &command[at..]].concat();
        let said = standard_error(&run(project.path(), &command));
        assert!(said.contains("note: 1999-01-01 is before "), "{command:?}: {said}");
    }
    let said = standard_error(&run(project.path(), &["limits", "--diff", "2999-01-01", "current"]));
    assert!(said.starts_with("note: 2999-01-01 is after "), "{said}");
    let said = standard_error(&run(project.path(), &["limits", "--limits", "classic"]));
    assert_eq!(said, "");
}

#[test]
fn the_day_of_hardcap_toml_is_the_default_of_commands_without_a_template() {
    let project = folder(&[("hardcap.toml", "limits = \"classic\"\n")]);
    let printed = |arguments: &[&str]| {
        String::from_utf8_lossy(&run(project.path(), arguments).stdout).into_owned()
    };
    let row = printed(&["limits", "lambda_async_request"]);
    assert!(row.starts_with("lambda_async_request: 262,144 bytes (2022-04-22 (classic))"), "{row}");
    let row = printed(&["limits", "lambda_async_request", "--limits", "current"]);
    assert!(row.starts_with("lambda_async_request: 1,048,576 bytes (current)"), "{row}");
}

#[test]
fn logs_that_are_followed_end_when_their_output_is_no_longer_read() {
    let project = with_program(&[]);
    let (child, stderr, _) = up(project.path(), &["--ready-file", "ready.json"]);
    let url = ready_file(project.path())["aws"].as_str().expect("a URL").to_owned();
    let invoke = || run(project.path(), &["invoke", "Hello", "--url", &url]);
    invoke();
    let mut logs = hardcap(project.path(), &["logs", "--follow", "--url", &url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("hardcap starts");
    let mut lines = BufReader::new(logs.stdout.take().expect("it is piped"));
    lines.read_line(&mut String::new()).expect("a line");
    drop(lines);
    // The next line cannot be written.
    invoke();
    assert_eq!(logs.wait().expect("it ends").code(), Some(0));
    stop(child, stderr);
}
