//! An error in a data file fails the build with the file, the line and a sentence.

use crate::check::{DataFile, read};

/// Two valid entries. Each test changes one line and expects a diagnostic there.
const GOOD: &str = r#"service = "sqs"

[[limit]]
name = "sqs_message"
doc = "A message of a queue."
unit = "bytes"
measured = "body and attributes"
stated = "1 MiB"
confidence = "validated"
status = "tested"
tests = ["a_message_is_too_long"]

[[limit.number]]
value = 262_144
source = "@guide"

[[limit.number]]
since = 2025-08-04
value = 1_048_576
source = "a capture of 2025-08-19"

[[limit.text]]
to = "invoker"
status = 400
code = "InvalidParameterValue"
body = '{"message":"Message must be shorter than {max} bytes."}'
confidence = "validated"
source = "a capture of 2025-08-19"

[[limit.text]]
to = "log"
since = 2025-08-04
body = "shorter than {max}"
confidence = "unconfirmed"
source = "believed"

[[limit]]
name = "sqs_batch"
doc = "All messages of one batch."
unit = "count"
measured = "entries"
stated = "10"
confidence = "official"
status = "not emulated"
reason = "hardcap has no SQS"

[[limit.number]]
value = 10
source = "@guide"
"#;

const SOURCES: &str = "guide = \"AWS, SQS developer guide, 2025\"\n";

fn diagnostics(sources: &str, text: &str) -> Vec<String> {
    let file = |name: &str, text: &str| DataFile { name: name.to_owned(), text: text.to_owned() };
    let found = read(&file("data/sources.toml", sources), &[file("data/sqs.toml", text)]);
    found.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// The diagnostics after every line that equals `from` is replaced by `to`. An empty `to` removes the line.
fn after(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.lines().any(|line| line == from), "{from} is not a line of the good file");
    let changed = GOOD.lines().map(|line| if line == from { to } else { line });
    diagnostics(SOURCES, &changed.collect::<Vec<_>>().join("\n"))
}

#[test]
fn valid_entries_have_no_diagnostics() {
    assert_eq!(diagnostics(SOURCES, GOOD), [] as [&str; 0]);
}

#[test]
fn the_entry_in_the_documentation_of_the_table_is_accepted() {
    let lines =
        include_str!("../../src/table.rs").lines().filter_map(|line| line.strip_prefix("//!    "));
    let example =
        lines.skip_while(|line| *line != "```toml").skip(1).take_while(|line| *line != "```");
    // An empty line of a doc comment is `//!`, which the prefix does not match. TOML does not need it.
    let text = example.fold("service = \"sqs\"\n".to_owned(), |text, line| text + line + "\n");
    assert!(text.matches("[[limit").count() == 4, "{text}");
    assert_eq!(
        diagnostics("sqs_guide = \"AWS, SQS developer guide, 2025\"\n", &text),
        [] as [&str; 0]
    );
}

#[test]
fn an_unknown_key_is_an_error_that_lists_the_known_keys() {
    assert_eq!(
        after("stated = \"1 MiB\"", "statde = \"1 MiB\""),
        [
            "data/sqs.toml:8: unknown field `statde`, expected one of `name`, `doc`, `unit`, `measured`, `stated`, \
             `confidence`, `status`, `reason`, `tests`, `number`, `text`"
        ]
    );
    assert_eq!(
        after("since = 2025-08-04", "from = 2025-08-04")[0],
        "data/sqs.toml:18: unknown field `from`, expected one of `since`, `value`, `source`"
    );
}

#[test]
fn a_missing_key_is_an_error_at_its_entry() {
    assert_eq!(after("unit = \"bytes\"", ""), ["data/sqs.toml:3: missing field `unit`"]);
    assert_eq!(after("value = 262_144", ""), ["data/sqs.toml:13: missing field `value`"]);
}

#[test]
fn a_value_that_is_not_a_whole_number_is_an_error() {
    assert_eq!(
        after("value = 10", "value = \"ten\""),
        ["data/sqs.toml:48: invalid type: string \"ten\", expected u64"]
    );
    assert_eq!(
        after("value = 10", "value = -10"),
        ["data/sqs.toml:48: invalid value: integer `-10`, expected u64"]
    );
    assert_eq!(
        after("value = 10", "value = 1.5"),
        ["data/sqs.toml:48: invalid type: floating point `1.5`, expected u64"]
    );
    assert!(after("value = 10", "value = ten")[0].starts_with("data/sqs.toml:48: "));
}

#[test]
fn a_nonexistent_day_and_a_day_with_a_time_are_errors() {
    let first = after("since = 2025-08-04", "since = 2025-02-29");
    assert!(first[0].starts_with("data/sqs.toml:18: "), "{first:?}");
    assert_eq!(
        after("since = 2025-08-04", "since = 2025-08-04T10:00:00"),
        [
            "data/sqs.toml:18: `2025-08-04T10:00:00` is not a date: write it like 2022-04-22",
            "data/sqs.toml:18: the numbers of `sqs_message` are not in chronological order: the beginning \
             follows the beginning",
            "data/sqs.toml:32: `2025-08-04T10:00:00` is not a date: write it like 2022-04-22",
        ]
    );
}

#[test]
fn numbers_out_of_chronological_order_are_an_error() {
    let text = GOOD.replacen("value = 262_144", "since = 2025-08-05\nvalue = 262_144", 1);
    assert_eq!(
        diagnostics(SOURCES, &text),
        [
            "data/sqs.toml:19: the numbers of `sqs_message` are not in chronological order: 2025-08-04 follows \
             2025-08-05"
        ]
    );
}

#[test]
fn two_texts_for_one_party_from_one_day_are_an_error() {
    let text =
        GOOD.replacen("to = \"invoker\"\nstatus = 400", "to = \"log\"\nsince = 2025-08-04", 1);
    let text = text.replacen("code = \"InvalidParameterValue\"\n", "", 1);
    assert_eq!(
        diagnostics(SOURCES, &text),
        [
            "data/sqs.toml:31: the texts for one party are not in chronological order: 2025-08-04 follows \
             2025-08-04; mark a second text for the same days with `alternative = true`"
        ]
    );
    let alternative = text.replacen("since = 2025-08-04\nbody", "alternative = true\nbody", 1);
    assert_eq!(diagnostics(SOURCES, &alternative), [] as [&str; 0]);
}

#[test]
fn a_text_that_ends_before_it_begins_is_an_error() {
    for (until, expected) in [
        ("2025-08-05", None),
        (
            "2025-08-04",
            Some("data/sqs.toml:33: the text ends on 2025-08-04, before it begins on 2025-08-04"),
        ),
        (
            "2025-08-04T00:00:00",
            Some("data/sqs.toml:33: `2025-08-04T00:00:00` is not a date: write it like 2022-04-22"),
        ),
    ] {
        let end = format!("until = {until}\nbody = \"shorter than {{max}}\"");
        let found = after("body = \"shorter than {max}\"", &end);
        assert_eq!(found.first().map(String::as_str), expected, "{found:?}");
    }
}

#[test]
fn an_error_that_is_not_a_limit_obeys_the_rules_of_texts_and_needs_a_unique_name() {
    let failure = |name: &str, body: &str| {
        let text = format!(
            "{GOOD}\n[[failure]]\nname = \"{name}\"\ndoc = \"The queue does not exist.\"\n\n[[failure.text]]\n\
             to = \"log\"\nbody = \"{body}\"\nconfidence = \"observed\"\nsource = \"a capture of 2025\"\n"
        );
        diagnostics(SOURCES, &text)
    };
    assert_eq!(failure("sqs_missing", "no queue {arn}"), [] as [&str; 0]);
    assert_eq!(
        failure("sqs_message", "no queue"),
        ["data/sqs.toml:52: the name `sqs_message` is already used at data/sqs.toml:4"]
    );
    assert_eq!(
        failure("sqs_missing", ""),
        ["data/sqs.toml:57: a text needs a `body`, or at least a `code`"]
    );
}

#[test]
fn an_unknown_placeholder_is_an_error() {
    let known = "use one of {max}, {observed}, {max_seconds}, ";
    let found = after("body = \"shorter than {max}\"", "body = \"shorter than {maximum}\"");
    let expected = format!("data/sqs.toml:33: `{{maximum}}` is not a known placeholder: {known}");
    assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
}

#[test]
fn a_text_that_contains_the_number_itself_is_an_error() {
    assert_eq!(
        after("body = \"shorter than {max}\"", "body = \"shorter than 1048576\""),
        [
            "data/sqs.toml:33: the text contains the number 1048576, which `--set` would make wrong: write \
             {max}"
        ]
    );
}

#[test]
fn a_repeated_name_and_an_invalid_name_are_errors() {
    assert_eq!(
        after("name = \"sqs_batch\"", "name = \"sqs_message\""),
        ["data/sqs.toml:38: the name `sqs_message` is already used at data/sqs.toml:4"]
    );
    for name in ["batch", "Sqs_batch", "sqs-batch", "_batch", "", "sqs_bätch"] {
        let found = after("name = \"sqs_batch\"", &format!("name = \"{name}\""));
        let expected = format!("data/sqs.toml:38: `{name}` is not a name of a limit: ");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
    }
}

#[test]
fn an_unknown_source_and_an_unused_source_are_errors() {
    assert_eq!(
        after("source = \"@guide\"", "source = \"@guides\""),
        [
            "data/sqs.toml:15: sources.toml has no source named `guides`",
            "data/sqs.toml:49: sources.toml has no source named `guides`",
            "data/sources.toml:1: no entry refers to the source `guide`",
        ]
    );
    assert_eq!(
        after("source = \"believed\"", "source = \" \""),
        ["data/sqs.toml:35: `source` is empty: name a document or an address, and its day"]
    );
    let sources = format!("{SOURCES}model = \"AWS SDK model\"\n");
    assert_eq!(
        diagnostics(&sources, GOOD),
        ["data/sources.toml:2: no entry refers to the source `model`"]
    );
}

#[test]
fn an_untested_limit_needs_a_reason_and_a_tested_one_has_none() {
    assert_eq!(
        after("reason = \"hardcap has no SQS\"", ""),
        [
            "data/sqs.toml:44: a limit that is not emulated needs a `reason`: why hardcap does not enforce it"
        ]
    );
    assert_eq!(
        after("status = \"not emulated\"", "status = \"tested\"\ntests = [\"one\"]"),
        ["data/sqs.toml:46: `reason` is only for a limit that is not tested"]
    );
    assert_eq!(
        after("status = \"tested\"", "status = \"pending\"")[0],
        "data/sqs.toml:10: a pending limit needs a `reason`: what is missing"
    );
}

#[test]
fn only_a_tested_limit_names_its_tests() {
    let tests = "tests = [\"a_message_is_too_long\"]";
    assert_eq!(
        after(tests, ""),
        ["data/sqs.toml:10: a tested limit needs `tests`: the names of the tests that cross it"]
    );
    assert_eq!(
        after(tests, "tests = []"),
        ["data/sqs.toml:10: `tests` is empty: name the tests that cross the limit"]
    );
    assert_eq!(
        after(tests, "tests = [\"tests/sqs.rs::too_long\"]"),
        ["data/sqs.toml:11: `tests/sqs.rs::too_long` is not the name of a test function"]
    );
    assert_eq!(
        after(
            "reason = \"hardcap has no SQS\"",
            "reason = \"hardcap has no SQS\"\ntests = [\"one\"]"
        ),
        ["data/sqs.toml:46: `tests` is only for a tested limit"]
    );
}

#[test]
fn an_unknown_word_is_an_error_that_lists_the_known_words() {
    assert_eq!(
        after("confidence = \"official\"", "confidence = \"certain\""),
        [
            "data/sqs.toml:43: unknown variant `certain`, expected one of `validated`, `official`, `observed`, \
             `derived`, `unconfirmed`"
        ]
    );
    assert!(
        after("to = \"log\"", "to = \"logs\"")[0].starts_with("data/sqs.toml:31: unknown variant")
    );
    assert!(
        after("unit = \"count\"", "unit = \"s\"")[0]
            .starts_with("data/sqs.toml:40: unknown variant")
    );
    assert!(
        after("service = \"sqs\"", "service = \"SQS\"")[0]
            .starts_with("data/sqs.toml:1: unknown variant")
    );
}

#[test]
fn a_status_is_an_http_status_and_a_log_line_has_none() {
    assert_eq!(
        after("status = 400", "status = 40"),
        ["data/sqs.toml:24: 40 is not an HTTP status"]
    );
    assert_eq!(
        after("status = 400", ""),
        ["data/sqs.toml:23: `status` is missing: this party receives a response"]
    );
    assert_eq!(
        after("to = \"log\"", "to = \"log\"\nstatus = 200"),
        ["data/sqs.toml:32: a log line has no `status`"]
    );
    assert_eq!(
        after("to = \"log\"", "to = \"log\"\ncontent_type = \"text/plain\""),
        ["data/sqs.toml:32: a log line has no `content_type`"]
    );
}

#[test]
fn empty_facts_are_errors() {
    assert_eq!(
        after("doc = \"A message of a queue.\"", "doc = \"A message of a queue\""),
        ["data/sqs.toml:5: `doc` is not a sentence: it must end with a full stop"]
    );
    assert_eq!(after("stated = \"10\"", "stated = \"\""), ["data/sqs.toml:42: `stated` is empty"]);
    assert_eq!(
        after("body = \"shorter than {max}\"", "body = \"\""),
        [
            "data/sqs.toml:33: a text needs a `body`, or at least a `code`",
            "data/sqs.toml:33: `body` is empty: a tested limit needs its text",
        ]
    );
    let without_numbers = GOOD.split("\n[[limit.number]]\nvalue = 10").next().unwrap_or_default();
    assert_eq!(diagnostics("", "service = \"sqs\"\n"), ["data/sqs.toml:1: missing field `limit`"]);
    assert_eq!(diagnostics(SOURCES, without_numbers), ["data/sqs.toml:37: missing field `number`"]);
}

#[test]
fn all_errors_of_a_file_are_reported_together_and_bad_toml_at_its_line() {
    let text = GOOD
        .replace("stated = \"10\"", "stated = \"\"")
        .replace("value = 10", "value = 10\nsince = 10:00:00");
    assert_eq!(
        diagnostics(SOURCES, &text),
        [
            "data/sqs.toml:42: `stated` is empty",
            "data/sqs.toml:49: `10:00:00` is not a date: write it like 2022-04-22",
        ]
    );
    assert!(after("unit = \"count\"", "unit = \"count")[0].starts_with("data/sqs.toml:40: "));
    assert!(after("[[limit.number]]", "[[limit.number]")[0].starts_with("data/sqs.toml:13: "));
}
