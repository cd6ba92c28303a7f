//! The rendered table: the document is up to date, the columns are aligned, the data is complete.

use std::path::Path;

use hardcap_limits::{Limits, ROWS, page};

/// Rewrites an outdated document and fails once, so that an outdated document is never merged.
#[test]
#[expect(clippy::disallowed_methods, reason = "the variable is read for this test alone")]
fn the_document_of_limits_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    let fresh = page::markdown(&Limits::classic());
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written == fresh {
        return;
    }
    // cargo-mutants runs this test on changed code, and the next run has to find the document unchanged.
    let keep = std::env::var_os("HARDCAP_KEEP_DOCS").is_some();
    assert!(!keep, "docs/limits.md is stale");
    std::fs::create_dir_all(path.parent().expect("docs is a folder")).expect("docs can be made");
    std::fs::write(&path, fresh).expect("docs/limits.md can be written");
    panic!(
        "docs/limits.md was stale; it has been rewritten from the table: look at it and commit it"
    );
}

#[test]
fn the_text_fits_a_terminal_and_has_every_row() {
    for limits in [Limits::classic(), Limits::current()] {
        let text = page::text(&limits);
        for line in text.lines() {
            assert!(line.chars().count() <= 120, "{} wide: {line}", line.chars().count());
            assert_eq!(line.trim_end(), line);
        }
        for row in ROWS {
            assert!(text.contains(&format!("\n  {} ", row.name)), "{} is missing", row.name);
        }
    }
}

#[test]
fn the_text_shows_overrides_later_changes_and_limits_that_did_not_exist_yet() {
    let mut limits = Limits::classic();
    limits.set("rest_timeout", 250).unwrap();
    let text = page::text(&limits);
    let after = |name: &str| {
        let start = text.find(&format!("\n  {name} ")).expect("the row is there") + 1;
        text[start..].lines().take(2).collect::<Vec<_>>().join("\n")
    };
    assert!(text.starts_with("Limits of 2022-04-22 (classic).\n"));
    assert!(after("rest_timeout").contains("250 ms"), "{}", after("rest_timeout"));
    assert!(after("rest_timeout").ends_with("(set by this run; AWS has 29,000 ms)"));
    assert!(after("lambda_async_request").ends_with("(1,048,576 bytes since 2025-10-28)"));
    assert!(after("lambda_stream_response").ends_with("(did not exist before 2023-04-07)"));
    assert!(after("lambda_sync_request").contains("413 RequestEntityTooLargeException"));
}

#[test]
fn one_line_lists_the_numbers_that_are_not_the_newest() {
    let mut limits = Limits::current();
    assert_eq!(page::differences(&limits, &Limits::current()), "");
    limits.set("http_timeout", 100).unwrap();
    limits.set("lambda_memory_max", 3008).unwrap();
    assert_eq!(
        page::differences(&limits, &Limits::current()),
        "lambda_memory_max 3,008 MB (current: 10,240 MB), http_timeout 100 ms (current: 30,000 ms)"
    );
}

#[test]
fn the_data_contains_facts_and_numbers_of_every_row() {
    let mut limits = Limits::classic();
    limits.set("lambda_sync_response", 1000).unwrap();
    let page = serde_json::to_value(page::data(&limits)).unwrap();
    assert_eq!(page["version"], 1);
    assert_eq!(page["date"], "2022-04-22");
    let rows = page["rows"].as_array().expect("rows are a list");
    assert_eq!(rows.len(), ROWS.len());
    let row =
        rows.iter().find(|row| row["name"] == "lambda_sync_response").expect("the row is there");
    assert_eq!(row["in_force"], 1000);
    assert_eq!(row["of_the_day"], 6_291_556);
    assert_eq!(row["unit"], "bytes");
    assert_eq!(row["scope"], "Lambda");
    assert_eq!(row["confidence"], "official");
    assert_eq!(row["proof"]["state"], "tested");
    assert_eq!(row["tests"][1], "an_answer_over_the_limit_gets_413_and_everything_after_it_403");
    assert_eq!(
        row["doc"].as_str().and_then(|doc| doc.lines().next()),
        Some(
            "The response of a synchronous invocation. The limit is 100 bytes higher than that of the event."
        )
    );
    assert_eq!(row["history"][0]["value"], 6_291_556);
    assert_eq!(row["refusals"][0]["to"], "Function");
    assert_eq!(row["refusals"][0]["status"], 413);
}

#[test]
fn the_document_contains_history_texts_source_confidence_and_proof_of_a_row() {
    let document = page::markdown(&Limits::classic());
    let section_of = |name: &str| {
        let rest = document.split(&format!("\n### {name}\n")).nth(1).expect("the section is there");
        rest.split("\n### ").next().unwrap_or_default().to_owned()
    };
    let section = section_of("lambda_async_request");
    for part in [
        "- **131,072 bytes** (faultline/faultline#12, 2017-05-08).",
        "- **1,048,576 bytes** since 2025-10-28",
        "Proof: tested by `an_event_fits_the_limit_of_its_day_and_one_byte_more_does_not`.",
        "The caller of the service, 413 `RequestEntityTooLargeException` (observed; ",
        "{observed} byte payload is too large for the Event invocation type (limit {max} bytes)",
    ] {
        assert!(section.contains(part), "no {part} in {section}");
    }
    let section = section_of("alb_request_line");
    assert!(
        section.contains("Proof: pending: load balancers are not emulated yet.\n"),
        "{section}"
    );
}

#[test]
fn the_text_has_one_heading_a_service_and_its_columns_are_aligned() {
    let text = page::text(&Limits::classic());
    let lines: Vec<&str> = text.lines().collect();
    let count = |line: &str| lines.iter().filter(|other| **other == line).count();
    for line in [
        "  limit                                   in force  known        proof    error above it",
        "Lambda",
        "API Gateway: REST APIs",
        "  lambda_sync_request                  6,291,456 B  observed     tested   413 RequestEntityTooLargeException",
        "  lambda_timeout_default                  3,000 ms  official     none",
        "  lambda_sandbox_rate                           10  official     pending",
        "  lambda_memory_min                         128 MB  official     tested   400 ValidationException",
        "  lambda_recursion                              16  official     tested   400 RecursiveInvocationException",
        "                              (did not exist before 2023-07-05)",
    ] {
        assert_eq!(count(line), 1, "{line:?} in {text}");
    }
}

#[test]
fn a_limit_exists_from_its_first_day_on() {
    for (day, text, cell) in [
        ("2023-04-06", "(did not exist before 2023-04-07)", "– | 209,715,200 bytes"),
        (
            "2023-04-07",
            "(209,715,200 bytes since 2025-07-31)",
            "20,971,520 bytes | 209,715,200 bytes",
        ),
    ] {
        let limits = Limits::at(day.parse().expect("a day"));
        let page = page::text(&limits);
        let (_, rest) = page.split_once("\n  lambda_stream_response ").expect("the row is there");
        assert_eq!(rest.lines().nth(1).map(str::trim), Some(text), "{day}");
        let document = page::markdown(&limits);
        let row = format!("| [`lambda_stream_response`](#lambda_stream_response) | {cell} | ");
        assert!(document.contains(&row), "no {row} in {document}");
    }
    let document = page::markdown(&Limits::current());
    assert!(document.contains("| limit | current | as AWS writes it | known | proof |"));
    let row = "| [`lambda_stream_response`](#lambda_stream_response) | 209,715,200 bytes | ";
    assert!(document.contains(row), "no {row} in {document}");
}

#[test]
fn a_comparison_has_one_line_for_each_number_that_differs() {
    let (classic, mut changed) = (Limits::classic(), Limits::classic());
    assert_eq!(
        page::diff(&classic, &changed),
        "2022-04-22 (classic) to 2022-04-22 (classic)\n\n  No number differs.\n"
    );
    changed.set("lambda_sync_response", 1_000).unwrap();
    changed.set("rest_timeout", 250).unwrap();
    let expected = [
        "2022-04-22 (classic) to 2022-04-22 (classic)",
        "",
        "  lambda_sync_response                   6,291,556 B                 1,000 B",
        "  rest_timeout                             29,000 ms                  250 ms",
        "",
    ];
    let expected = expected.join("\n");
    assert_eq!(page::diff(&classic, &changed), expected);
}

#[test]
fn a_row_shows_its_number_in_force_its_history_and_the_error_of_each_party() {
    let row = ROWS.iter().find(|row| row.name == "lambda_async_request").expect("the row");
    let mut limits = Limits::classic();
    limits.set(row.name, 1_000).unwrap();
    let page = page::row(&limits, row);
    for line in [
        "lambda_async_request: 1,000 bytes (2022-04-22 (classic))",
        "Measured: the body of the Invoke request, which is the event as JSON.",
        "Numbers:",
        "  131,072 bytes  from the beginning  (faultline/faultline#12, 2017-05-08)",
        "  262,144 bytes  since 2018-11-16  (AWS, Lambda developer guide, release history)",
        "  {\"Message\":\"{observed} byte payload is too large for the Event invocation type (limit {max} bytes)\"}",
    ] {
        assert!(page.lines().any(|other| other == line), "{line} is missing:\n{page}");
    }
    assert!(
        page.contains("\nThe caller of the service: 413 RequestEntityTooLargeException ("),
        "{page}"
    );
    let without_status = ROWS.iter().find(|row| row.refusals.iter().any(|it| it.status == 0));
    let page = page::row(&limits, without_status.expect("a row"));
    assert!(!page.contains(": 0 ") && page.contains("\nThe "), "{page}");
}
