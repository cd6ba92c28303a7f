//! Cases of our own in the manner of Event Ruler's. Texts of errors are those of LocalStack's snapshots of AWS
//! (`tests/aws/services/events/test_events_patterns.snapshot.json`).

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn selects(pattern: &Value, event: &Value) -> bool {
    let text = pattern.to_string();
    Pattern::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(event)
}

fn refusal(pattern: &str) -> String {
    Pattern::parse(pattern).unwrap_err().to_string()
}

/// Each operator with values that it selects and values that it does not select.
#[test]
fn an_operator_selects_its_values_and_no_others() {
    let (yes, no) = (true, false);
    for (operator, values) in [
        (json!("a"), vec![(json!("a"), yes), (json!("A"), no), (json!(null), no)]),
        (json!(5), vec![(json!(5), yes), (json!(5.0), yes), (json!("5"), no), (json!(6), no)]),
        (json!(0.1), vec![(json!(0.1), yes), (json!(0.10001), no)]),
        (json!(null), vec![(json!(null), yes), (json!("null"), no), (json!(false), no)]),
        (json!(true), vec![(json!(true), yes), (json!("true"), no), (json!(false), no)]),
        (json!({"exactly": "a"}), vec![(json!("a"), yes), (json!("ab"), no)]),
        (json!({"prefix": "ab"}), vec![(json!("abc"), yes), (json!("xab"), no), (json!(1), no)]),
        (json!({"prefix": ""}), vec![(json!("abc"), yes), (json!(1), no)]),
        (json!({"suffix": ".png"}), vec![(json!("a.png"), yes), (json!("a.pngx"), no)]),
        (
            json!({"prefix": {"equals-ignore-case": "eventB"}}),
            vec![(json!("EVENTBridge"), yes), (json!("anEventB"), no)],
        ),
        (
            json!({"suffix": {"equals-ignore-case": ".Png"}}),
            vec![(json!("a.PNG"), yes), (json!("PNG"), no)],
        ),
        (
            json!({"equals-ignore-case": "ÄB"}),
            vec![(json!("äb"), yes), (json!("ab"), no), (json!(""), no)],
        ),
        (json!({"exists": true}), vec![(json!("x"), yes), (json!(null), yes), (json!([]), no)]),
        (json!({"exists": false}), vec![(json!("x"), no), (json!([]), yes), (json!({}), yes)]),
        (
            json!({"numeric": [">", 0, "<=", 5]}),
            vec![(json!(0), no), (json!(0.5), yes), (json!(5), yes), (json!(5.1), no)],
        ),
        (json!({"numeric": ["=", 3.018e2]}), vec![(json!(301.8), yes), (json!("301.8"), no)]),
        (json!({"numeric": ["<", 10]}), vec![(json!(-1e300), yes), (json!(10), no)]),
        (json!({"numeric": [">=", -2]}), vec![(json!(-2), yes), (json!(-3), no)]),
        (
            json!({"cidr": "10.0.0.0/24"}),
            vec![(json!("10.0.0.255"), yes), (json!("10.0.1.0"), no), (json!("x"), no)],
        ),
        (
            json!({"cidr": "2001:db8:1234:1a00::/56"}),
            vec![(json!("2001:0db8:1234:1aff:0:0:0:0"), yes), (json!("2001:db8:1234:1b00::"), no)],
        ),
        (json!({"cidr": "0.0.0.0/0"}), vec![(json!("1.2.3.4"), yes), (json!("::1"), no)]),
        (json!("10.1.0.1"), vec![(json!("10.1.0.1"), yes), (json!("10.1.0.2"), no)]),
        (json!("::1"), vec![(json!("0:0:0:0:0:0:0:1"), yes), (json!("::2"), no)]),
        (
            json!({"wildcard": "a*c*"}),
            vec![(json!("ac"), yes), (json!("abbcd"), yes), (json!("xac"), no)],
        ),
        (json!({"wildcard": "*"}), vec![(json!(""), yes), (json!(1), no)]),
        (json!({"wildcard": "*ab"}), vec![(json!("abab"), yes), (json!("aba"), no)]),
        (
            json!({"wildcard": "a*a"}),
            vec![(json!("aa"), yes), (json!("a"), no), (json!("aba"), yes)],
        ),
        (json!({"wildcard": r"a\*b\\*"}), vec![(json!(r"a*b\x"), yes), (json!("axb"), no)]),
        (json!({"wildcard": ""}), vec![(json!(""), yes), (json!("a"), no)]),
        (
            json!({"anything-but": "a"}),
            vec![(json!("b"), yes), (json!("a"), no), (json!(null), yes), (json!(1), yes)],
        ),
        (json!({"anything-but": 5}), vec![(json!(5.0), no), (json!(6), yes)]),
        (json!({"anything-but": ["a", "b"]}), vec![(json!("b"), no), (json!("c"), yes)]),
        (json!({"anything-but": [1, 2]}), vec![(json!(2), no), (json!(3), yes)]),
        (json!({"anything-but": {"prefix": "a"}}), vec![(json!("ab"), no), (json!("ba"), yes)]),
        (
            json!({"anything-but": {"suffix": ["a", "b"]}}),
            vec![(json!("xb"), no), (json!("x"), yes)],
        ),
        (
            json!({"anything-but": {"equals-ignore-case": ["A"]}}),
            vec![(json!("a"), no), (json!("b"), yes)],
        ),
        (json!({"anything-but": {"wildcard": "a*"}}), vec![(json!("ab"), no), (json!(1), yes)]),
    ] {
        for (value, expected) in values {
            let pattern = json!({"f": [operator.clone()]});
            assert_eq!(selects(&pattern, &json!({"f": value})), expected, "{operator} {value}");
        }
    }
}

#[test]
fn the_fields_below_one_array_are_in_the_same_element() {
    let pattern = json!({"d": {"a": [1], "b": [2]}});
    for (event, expected) in [
        (json!({"d": {"a": 1, "b": 2}}), true),
        (json!({"d": [{"a": 1, "b": 2}]}), true),
        (json!({"d": [{"a": 1}, {"b": 2}]}), false),
        (json!({"d": [{"a": 1}, {"a": 1, "b": 2}]}), true),
        (json!({"d": [[{"a": 1}], [{"a": 1, "b": [3, 2]}]]}), true),
        (json!({"d": [[{"a": 1}, {"b": 2}]]}), false),
        (json!({"d": {"a": [1, 3], "b": [2]}}), true),
        (json!({"d": []}), false),
    ] {
        assert_eq!(selects(&pattern, &event), expected, "{event}");
    }
    // A value directly in an array does not choose an element of it.
    let pattern = json!({"a": ["x"], "a.b": [1]});
    assert!(selects(&pattern, &json!({"a": ["x", {"b": 1}]})));
    assert!(!selects(&pattern, &json!({"a": [["x"], {"b": 1}]})));
}

#[test]
fn a_field_is_absent_only_if_no_element_has_it() {
    let pattern = json!({"d": {"a": [{"exists": false}], "b": [2]}});
    assert!(selects(&pattern, &json!({"d": [{"b": 2}]})));
    assert!(!selects(&pattern, &json!({"d": [{"a": 1}, {"b": 2}]})));
    let pattern = json!({"d": {"a": {"s": [{"anything-but": "x"}, {"exists": false}]}}});
    assert!(selects(&pattern, &json!({"d": {"b": 1}})));
    assert!(!selects(&pattern, &json!({"d": {"a": {"s": "x"}}})));
}

#[test]
fn or_joins_its_objects_and_the_fields_beside_it() {
    let pattern = json!({
        "source": ["s"],
        "$or": [{"a": [1]}, {"b": [2], "c": [3]}, {"$or": [{"d": [4]}, {"e": [5]}]}],
    });
    for (event, expected) in [
        (json!({"source": "s", "a": 1}), true),
        (json!({"source": "s", "b": 2}), false),
        (json!({"source": "s", "b": 2, "c": 3}), true),
        (json!({"source": "s", "e": 5}), true),
        (json!({"source": "t", "a": 1}), false),
    ] {
        assert_eq!(selects(&pattern, &event), expected, "{event}");
    }
}

#[test]
fn names_with_dots_are_paths() {
    for (pattern, event) in [
        (json!({"a": {"b": [1]}}), json!({"a.b": 1})),
        (json!({"a.b": [1]}), json!({"a": {"b": 1}})),
        (json!({"a.b": [1]}), json!({"a.b": 1, "a": {"b": 2}})),
        (json!({"a": {"b.c": [1]}}), json!({"a.b": {"c": 1}})),
    ] {
        assert!(selects(&pattern, &event), "{pattern} {event}");
    }
}

#[test]
fn the_last_of_two_arrays_of_one_path_counts() {
    let pattern = Pattern::parse(r#"{"a": [1], "a": [2]}"#).unwrap();
    assert!(pattern.matches(&json!({"a": 2})) && !pattern.matches(&json!({"a": 1})));
}

#[test]
fn an_invalid_pattern_is_refused_with_awss_text_and_place() {
    for (pattern, reason, column) in [
        (r#"{"int": 42}"#, r#""int" must be an object or an array"#, 11),
        (r#"{"string": "my-value"}"#, r#""string" must be an object or an array"#, 13),
        (r#"{"resources": []}"#, "Empty arrays are not allowed", 17),
        (r#"{"my_key": [{"EXISTS": true}]}"#, "Unrecognized match type EXISTS", 28),
        (
            r#"{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}"#,
            "Unrecognized match type NUMERIC",
            36,
        ),
        (
            r#"{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}"#,
            "Bad numeric range operator: >",
            49,
        ),
        (
            r#"{"detail": {"c-count": [{"numeric": [">", 0, "<"]}]}}"#,
            "Value of < must be numeric",
            50,
        ),
        (r#"{"detail": {"c-count": [{"numeric": 10}]}}"#, "Value of numeric must be an array.", 39),
        (
            r#"{"detail": {"FileName": [{"anything-but": {"prefix": ""}}]}}"#,
            "Null prefix/suffix not allowed",
            56,
        ),
        (r#"{"FileName": [{"suffix": 123}]}"#, "suffix match pattern must be a string", 29),
        (r#"{"time": [{"prefix": ["2022-07-13"]}]}"#, "prefix match pattern must be a string", 23),
        (r#"["not", "a", "dict", "but valid json"]"#, "Filter is not an object", 2),
        (
            r#"{'bad': 'quotation'}"#,
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            2,
        ),
        (
            r#"{"not": closed mark""#,
            "Unrecognized token 'closed': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            15,
        ),
        ("{}", "Empty objects are not allowed", 3),
    ] {
        let expected =
            format!("{reason}\n at [Source: (String)\"{pattern}\"; line: 1, column: {column}]");
        assert_eq!(refusal(pattern), expected);
    }
    for (range, reason) in [
        ("bad", "Malformed CIDR, one '/' required"),
        ("10.0.0.0/x", "Malformed CIDR, mask bits must be an integer"),
        ("10.0.0.0/-1", "Malformed CIDR, mask bits must not be negative"),
        ("10.0.0.0/32", "IPv4 mask bits must be < 32"),
        ("::/128", "IPv6 mask bits must be < 128"),
        ("xx.11.xx/8", "Nonstandard IP address: xx.11.xx"),
    ] {
        assert_eq!(refusal(&json!({"a": [{"cidr": range}]}).to_string()), reason);
    }
}

#[test]
fn a_wildcard_with_too_many_ways_to_match_is_refused() {
    let text = |wildcard: &str| json!({"a": [{"wildcard": wildcard}]}).to_string();
    assert!(refusal(&text("*:*:*:*:*:event-bus/*")).starts_with("Rule is too complex - try using"));
    Pattern::parse(&text("*:*:*:event-bus/*")).unwrap();
    assert!(refusal(&text("a**b")).starts_with("Consecutive wildcard characters at pos 2\n"));
    assert!(refusal(&text(r"a\b")).starts_with("Invalid escape character at pos 2\n"));
}

#[test]
fn the_combinations_of_or_are_at_most_1000() {
    let or = |count: usize, name: &str| {
        let all: Vec<Value> = (0..count).map(|n| json!({ name: [n] })).collect();
        json!({ "$or": all })
    };
    let pattern = |first: usize| json!({"x": or(first, "a"), "y": or(10, "b")}).to_string();
    Pattern::parse(&pattern(100)).unwrap();
    assert!(refusal(&pattern(101)).starts_with("Rule is too complex"));
}

#[test]
fn a_pattern_that_is_nested_without_end_is_refused_without_a_crash() {
    for (open, depth) in [(r#"{"a":"#, 100_000), (r#"{"a":[["#, 100_000), (r#"{"$or":["#, 100_000)]
    {
        assert!(!refusal(&open.repeat(depth)).is_empty());
    }
}

#[test]
fn a_large_event_is_matched_in_linear_time() {
    let elements: Vec<Value> = (0..50_000).map(|n| json!({"a": n, "b": [n, n]})).collect();
    let event = json!({"x": elements, "y": elements});
    let pattern = json!({
        "x": {"a": [49_999], "b": [49_999]}, "y": {"a": [49_999], "b": [{"anything-but": 49_999}]},
    });
    assert!(!selects(&pattern, &event));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}\":,\\\\a$or0-9.eu ä-]{0,60}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            pattern.matches(&json!({"a": [1, {"b": "c"}]}));
        }
    }
}
