//! The table as its readers see it: numbers written by hand, texts of a day, and names. The required members of entries are
//! tested in `data.rs`.

use hardcap_limits::{
    Bytes, Confidence, Count, Date, Exceeded, Limits, Megabytes, Millis, Party, ROWS, RefusalText,
    Row, Unit,
};

fn body(limits: &Limits, row: &str, observed: u64, to: Party) -> String {
    let (row, max) =
        limits.in_force().find(|(found, _)| found.name == row).expect("the row exists");
    let exceeded = hardcap_limits::Exceeded { row, observed, max, date: limits.date() };
    exceeded.refusal(to).map(|refusal| refusal.body).unwrap_or_default()
}

fn on(day: &str) -> Limits {
    Limits::at(day.parse().expect("a day of the calendar"))
}

#[test]
fn the_classic_day_has_the_commonly_quoted_numbers() {
    let limits = Limits::classic();
    assert_eq!(limits.lambda_sync_request.max, Bytes(6_291_456));
    assert_eq!(limits.lambda_sync_response.max, Bytes(6_291_556));
    assert_eq!(limits.lambda_async_request.max, Bytes(262_144));
    assert_eq!(limits.lambda_timeout.max, Millis(900_000));
    assert_eq!(limits.lambda_init.max, Millis(10_000));
    assert_eq!(limits.lambda_environment.max, Bytes(4096));
    assert_eq!(limits.lambda_concurrency.max, Count(1000));
    assert_eq!(limits.rest_request_body.max, Bytes(10_485_760));
    assert_eq!(limits.rest_headers.max, Bytes(10_240));
    assert_eq!(limits.rest_timeout.max, Millis(29_000));
    assert_eq!(limits.http_timeout.max, Millis(30_000));
    assert_eq!(limits.s3_presign_expiry.max, Millis(604_800_000));
    assert_eq!(limits.s3_part_min.max, Bytes(5_242_880));
    assert_eq!(limits.s3_put.max, Bytes(5_368_709_120));
    assert_eq!(limits.s3_object.max, Bytes(5_497_558_138_880));
}

#[test]
fn a_number_changes_on_its_day_and_not_the_day_before() {
    for (day, expected) in [
        ("2018-11-15", 131_072),
        ("2018-11-16", 262_144),
        ("2025-10-27", 262_144),
        ("2025-10-28", 1_048_576),
        ("current", 1_048_576),
    ] {
        assert_eq!(on(day).lambda_async_request.max, Bytes(expected), "on {day}");
    }
    assert_eq!(on("2018-10-09").lambda_timeout.max, Millis(300_000));
    assert_eq!(on("2018-10-10").lambda_timeout.max, Millis(900_000));
    assert_eq!(on("2020-11-30").lambda_memory_max.max, Megabytes(3008));
    assert_eq!(on("2020-12-01").lambda_memory_max.max, Megabytes(10_240));
    assert_eq!(on("2022-03-23").lambda_tmp.max, Megabytes(512));
    assert_eq!(on("2022-03-24").lambda_tmp.max, Megabytes(10_240));
}

#[test]
fn the_refusal_of_a_large_response_has_the_text_of_the_day() {
    let told = |day, to| body(&on(day), "lambda_sync_response", 6_291_560, to);
    assert_eq!(told("2018-01-01", Party::Invoker), r#"{"errorMessage":"body size is too long"}"#);
    assert_eq!(told("2018-01-01", Party::Log), "body size is too long");
    assert_eq!(
        told("2021-06-01", Party::Invoker),
        r#"{"errorMessage":"Response payload size (6291560 bytes) exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
    );
    assert_eq!(
        told("2021-06-02", Party::Invoker),
        r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
    );
    for day in ["2018-01-01", "classic", "current"] {
        assert_eq!(told(day, Party::RestClient), r#"{"message": "Internal server error"}"#);
    }
}

#[test]
fn the_text_of_a_timeout_is_that_of_the_day_with_the_functions_seconds() {
    let told = |day: &str| {
        let limit = on(day).lambda_timeout.lowered_to(Millis(1500));
        let names = [("request_id", "{max}"), ("timestamp", "2018-07-17T10:17:00.383Z")];
        limit.exceeded_by(Millis(1501)).refusal_with(Party::Invoker, &names).unwrap().body
    };
    assert_eq!(
        told("classic"),
        r#"{"errorMessage":"2018-07-17T10:17:00.383Z {max} Task timed out after 1.50 seconds"}"#
    );
    assert_eq!(
        told("2025-11-24"),
        r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {max} Error: Task timed out after 1.50 seconds"}"#
    );
}

#[test]
fn neither_ended_texts_nor_alternatives_are_rendered() {
    let told = |day, row, to| body(&on(day), row, 7_000_000, to);
    assert!(told("2026-05-21", "lambda_timeout", Party::Log).contains("Task timed out after"));
    assert_eq!(told("2026-05-22", "lambda_timeout", Party::Log), "");
    for day in ["2018-01-01", "current"] {
        assert_eq!(
            told(day, "lambda_sync_request", Party::Invoker),
            r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#
        );
    }
    let texts = Limits::row("lambda_sync_request").expect("the row exists").refusals;
    let other = texts.iter().filter(|text| text.alternative).map(|text| text.body);
    assert_eq!(
        other.collect::<Vec<_>>(),
        [
            r#"{"Message":"{observed} byte payload is too large for the RequestResponse invocation type (limit {max} bytes)"}"#
        ]
    );
}

#[test]
fn a_misspelt_name_is_an_error_with_a_suggestion() {
    let error = Limits::classic().set("lambda_sync_respones", 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no limit called `lambda_sync_respones`; did you mean `lambda_sync_response`? \
         `hardcap limits` lists them all"
    );
    for (name, nearest) in [
        ("Lambda-Timeout", Some("lambda_timeout")),
        ("rest-timeout", Some("rest_timeout")),
        ("", None),
        ("é", None),
    ] {
        let told = Limits::classic().set(name, 1).unwrap_err().to_string();
        let suggested = told.split("did you mean `").nth(1).and_then(|rest| rest.split('`').next());
        assert_eq!(suggested, nearest, "{told}");
    }
}

#[test]
fn an_override_is_in_force_and_listed() {
    let mut limits = Limits::classic();
    limits.set("rest_timeout", 250).unwrap();
    assert!(limits.rest_timeout.admit(Millis(250)).is_ok());
    assert!(limits.rest_timeout.admit(Millis(251)).is_err());
    let told: Vec<_> = limits.overridden().map(|(row, value)| (row.name, value)).collect();
    assert_eq!(told, [("rest_timeout", 250)]);
}

#[test]
fn two_days_differ_in_exactly_the_rows_whose_numbers_changed() {
    let differences = |a: &Limits, b: &Limits| {
        a.differences(b).map(|(row, here, there)| (row.name, here, there)).collect::<Vec<_>>()
    };
    assert_eq!(differences(&on("2022-04-22"), &Limits::classic()), []);
    assert_eq!(
        differences(&Limits::classic(), &Limits::current()),
        [
            ("lambda_create_request", 69_905_067, 70_167_211),
            ("lambda_code_storage", 80_530_636_800, 322_122_547_200),
            ("lambda_async_request", 262_144, 1_048_576),
            ("lambda_stream_response", 20_971_520, 209_715_200),
            ("s3_object", 5_497_558_138_880, 53_687_091_200_000),
            ("dynamodb_transaction", 25, 100),
            ("sqs_message", 262_144, 1_048_576),
            ("sqs_batch", 262_144, 1_048_576),
            ("sqs_in_flight_fifo", 20_000, 120_000),
            ("eventbridge_request", 262_144, 1_048_576),
        ]
    );
}

#[test]
fn names_of_rows_are_unique_and_start_with_their_service() {
    for (at, row) in ROWS.iter().enumerate() {
        assert!(ROWS[..at].iter().all(|earlier| earlier.name != row.name), "{}", row.name);
        assert_eq!(Limits::row(row.name).map(|found| found.name), Some(row.name));
    }
    assert!(ROWS.len() > 90, "{} rows", ROWS.len());
}

#[test]
fn a_limit_of_something_new_begins_on_its_day() {
    for (day, begun) in
        [("2023-04-06", false), ("2023-04-07", true), ("2023-04-08", true), ("current", true)]
    {
        assert_eq!(on(day).lambda_stream_response.has_begun(), begun, "{day}");
    }
    assert!(on("2015-01-01").lambda_timeout.has_begun(), "the beginning is not known");
}

#[test]
fn a_setting_lowers_a_limit_and_never_raises_it() {
    let limit = Limits::classic().rest_timeout;
    for (asked, max) in [(1, 1), (28_999, 28_999), (29_000, 29_000), (29_001, 29_000)] {
        let lowered = limit.lowered_to(Millis(asked));
        assert_eq!((lowered.max, lowered.row.name), (Millis(max), "rest_timeout"));
    }
}

#[test]
fn a_row_whose_name_ends_with_min_is_a_minimum() {
    let is_minimum = |name| Limits::row(name).expect("the row exists").is_minimum();
    assert!(is_minimum("lambda_memory_min"));
    assert!(!is_minimum("lambda_memory_max"));
    assert!(!is_minimum("lambda_timeout"));
}

#[test]
fn an_excess_is_described_with_its_unit_and_by_how_much() {
    let of = |name| Limits::row(name).expect("the row exists");
    for (row, observed, max, text) in [
        (of("rest_timeout"), 29_001, 29_000, "rest_timeout: 29001 ms, 1 over the limit of 29000"),
        (of("lambda_layers"), 7, 5, "lambda_layers: 7, 2 over the limit of 5"),
        (of("lambda_memory_min"), 1, 128, "lambda_memory_min: 1 MB, 0 over the limit of 128"),
    ] {
        let exceeded = Exceeded { row, observed, max, date: Date::CLASSIC };
        assert_eq!(exceeded.to_string(), text);
    }
}

#[test]
fn a_number_is_grouped_in_threes_before_its_unit() {
    for (unit, number, text) in [
        (Unit::Bytes, 0, "0 bytes"),
        (Unit::Bytes, 999, "999 bytes"),
        (Unit::Milliseconds, 1_000, "1,000 ms"),
        (Unit::Megabytes, 123_456, "123,456 MB"),
        (Unit::Count, 1_234_567, "1,234,567"),
    ] {
        assert_eq!(unit.of(number), text);
    }
}

const NEVER: Date = Date::LATEST;
const FIRST: Date = Date::new(2010, 1, 1);
const SECOND: Date = Date::new(2020, 1, 1);

const fn text(to: Party, since: Date, until: Option<Date>, body: &'static str) -> RefusalText {
    RefusalText {
        to,
        since,
        until,
        alternative: false,
        status: 400,
        error_type: "",
        content_type: "",
        body,
        confidence: Confidence::Derived,
        source: "",
    }
}

/// Two texts for one party, one that has ended for another, and alternatives before and after.
static TEXTS: [RefusalText; 5] = [
    RefusalText { alternative: true, ..text(Party::Log, FIRST, None, "other") },
    text(Party::Log, FIRST, None, "first"),
    text(Party::Report, FIRST, Some(SECOND), "ended"),
    text(Party::Log, SECOND, None, "second"),
    RefusalText { alternative: true, ..text(Party::Log, NEVER, None, "newest") },
];

#[test]
fn a_party_is_shown_its_newest_text_that_has_begun_and_has_not_ended() {
    let timeout = Limits::row("rest_timeout").expect("the row exists");
    let row = Row { refusals: &TEXTS, ..*timeout };
    let shown = |to, day: &str| row.refusal_at(to, day.parse().unwrap()).map(|text| text.body);
    for (to, day, body) in [
        (Party::Log, "2009-12-31", Some("first")),
        (Party::Log, "2010-01-01", Some("first")),
        (Party::Log, "2019-12-31", Some("first")),
        (Party::Log, "2020-01-01", Some("second")),
        (Party::Log, "current", Some("second")),
        (Party::Report, "2019-12-31", Some("ended")),
        (Party::Report, "2020-01-01", None),
        (Party::Function, "2020-01-01", None),
    ] {
        assert_eq!(shown(to, day), body, "{to} on {day}");
    }
}

static TEMPLATE: [RefusalText; 1] = [text(
    Party::Invoker,
    FIRST,
    None,
    r#"{"max":{max},"observed":{observed},"s":"{max_seconds}","whole":{max_whole_seconds},"id":"{id}","{x}"#,
)];

#[test]
fn a_text_is_filled_in_one_pass_and_the_braces_of_json_stay() {
    let timeout = Limits::row("rest_timeout").expect("the row exists");
    let row = Row { refusals: &TEMPLATE, ..*timeout };
    let row: &'static Row = Box::leak(Box::new(row));
    let exceeded = Exceeded { row, observed: 90_061, max: 61_230, date: Date::CLASSIC };
    let names = [("other", "wrong"), ("id", "{max}")];
    let rendered = exceeded.refusal_with(Party::Invoker, &names).expect("a text");
    assert_eq!(
        rendered.body,
        r#"{"max":61230,"observed":90061,"s":"61.23","whole":61,"id":"{max}","{x}"#
    );
}
