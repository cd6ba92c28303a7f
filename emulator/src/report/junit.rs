//! JUnit's XML, which CI services read. Pure.

use std::fmt::Write as _;

/// One test case of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestCase {
    /// The name within the suite.
    pub name: String,
    /// The reasons why it failed; empty if it passed.
    pub failures: Vec<String>,
    /// A text that is shown whether it passed or failed.
    pub output: Option<String>,
}

/// A suite as an XML document. `classname` groups its cases.
#[must_use]
pub fn document(suite: &str, classname: &str, cases: &[TestCase]) -> String {
    let failed = cases.iter().filter(|case| !case.failures.is_empty()).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">\n",
        escaped(suite),
        cases.len(),
    );
    for TestCase { name, failures, output } in cases {
        let _ = write!(
            xml,
            "  <testcase classname=\"{}\" name=\"{}\"",
            escaped(classname),
            escaped(name)
        );
        if failures.is_empty() && output.is_none() {
            xml.push_str("/>\n");
            continue;
        }
        xml.push_str(">\n");
        for failure in failures {
            let _ = writeln!(xml, "    <failure message=\"{}\"/>", escaped(failure));
        }
        if let Some(output) = output {
            let _ = writeln!(xml, "    <system-out>{}</system-out>", escaped(output));
        }
        xml.push_str("  </testcase>\n");
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// A text for an attribute or an element. XML 1.0 has no control characters except tab and line breaks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_counts_its_cases_and_those_that_failed() {
        let named = |name: &str| TestCase { name: name.to_owned(), ..TestCase::default() };
        let xml = document(
            "a \"suite\"",
            "group",
            &[
                named("passed"),
                TestCase { failures: vec!["1 < 2".to_owned(), "&".to_owned()], ..named("failed") },
                TestCase { output: Some("red \u{1b}[31m".to_owned()), ..named("noted") },
            ],
        );
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"a &quot;suite&quot;\" tests=\"3\" failures=\"1\">\n  \
             <testcase classname=\"group\" name=\"passed\"/>\n  \
             <testcase classname=\"group\" name=\"failed\">\n    \
             <failure message=\"1 &lt; 2\"/>\n    <failure message=\"&amp;\"/>\n  </testcase>\n  \
             <testcase classname=\"group\" name=\"noted\">\n    \
             <system-out>red \u{fffd}[31m</system-out>\n  </testcase>\n\
             </testsuite>\n"
        );
    }
}
