//! Texts that people paste into `hardcap explain`.

use hardcap_cli::explain::Explained;
use hardcap_limits::Limits;

/// The explanation ends, prints no control characters, and names lines that the text has.
pub fn explain(data: &[u8]) {
    let limits = if data.first().is_some_and(|byte| byte & 1 == 1) {
        Limits::current()
    } else {
        Limits::classic()
    };
    let explained = Explained::new(data, &limits);
    let text = explained.to_text(&limits);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    let json = explained.to_json(&limits);
    let findings = json["findings"].as_array().unwrap_or_else(|| panic!("{json}"));
    assert_eq!(findings.len(), explained.findings.len(), "{json}");
    let lines = data.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    for finding in &explained.findings {
        assert!(finding.line.is_none_or(|line| (1..=lines.max(1)).contains(&line)), "{finding:?}");
        assert!(!finding.causes.is_empty() && finding.times >= 1, "{finding:?}");
    }
}
