//! The corpus of reports: inputs in the shapes that people paste, each with its right answer beside it.
//!
//! `fixtures/reports/<tool>/<name>.toml` has the answer and the origin of the fact; the input lies beside it under the same name.
//! The test prints how many answers of each tool and type are right.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hardcap_cli::explain::Explained;
use hardcap_cli::replay::{Capture, Outcome, verdicts};
use hardcap_limits::Limits;
use serde::Deserialize;

/// The right answer to one input.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Answer {
    /// Where the fact is from, and its date.
    source: String,
    date: String,
    /// `validated`, `official`, `observed`, as in the table of limits.
    confidence: String,
    /// The day whose limits are in force.
    limits: String,
    /// The type that must be recognized.
    #[serde(rename = "type")]
    kind: String,
    /// The causes of the first finding, the most likely first; the list may be longer.
    causes: Vec<String>,
    /// Causes of further findings that must be there.
    also: Vec<String>,
    observed: Option<u64>,
    max: Option<u64>,
    over: Option<u64>,
    /// The row, the number and the limit of a document that is measured.
    row: Option<String>,
    measured: Option<u64>,
    of: Option<u64>,
    /// Phrases that the text for people must have, and must not have.
    says: Vec<String>,
    never: Vec<String>,
    /// Whether nothing can be explained.
    unknown: bool,
    /// Strings of the input that are replaced by so many x.
    fill: BTreeMap<String, usize>,
    replay: Option<Replayed>,
}

/// What `replay` must take from a capture.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Replayed {
    /// `exchanges`, `event`, `sizes` or `refused`.
    capture: String,
    /// Whether a function is named.
    function: bool,
    exchanges: Vec<Sent>,
    left_out: Vec<Skipped>,
    /// How each verdict of a capture of sizes comes out.
    outcomes: Vec<String>,
    /// The bytes of the event.
    bytes: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    entry: usize,
    method: String,
    url: String,
    bytes: usize,
    status: Option<u16>,
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skipped {
    entry: usize,
    reason: String,
}

struct Case {
    tool: String,
    name: String,
    input: Vec<u8>,
    answer: Answer,
}

fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("fixtures/reports")
}

fn cases(tool: &str) -> Vec<Case> {
    let folder = reports().join(tool);
    let mut cases = Vec::new();
    let mut inputs: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_some_and(|ending| ending != "toml") {
            assert!(inputs.insert(name.clone(), path).is_none(), "{name} has two inputs");
        }
    }
    for (name, path) in inputs {
        let answer = std::fs::read_to_string(folder.join(format!("{name}.toml")));
        let answer: Answer =
            toml::from_str(&answer.unwrap_or_else(|error| panic!("{name}: {error}")))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut input = std::fs::read(&path).expect("a readable input");
        for (mark, length) in &answer.fill {
            let text = String::from_utf8(input).expect("text");
            assert!(text.contains(mark), "{name} has no {mark}");
            input = text.replace(mark, &"x".repeat(*length)).into_bytes();
        }
        cases.push(Case { tool: tool.to_owned(), name, input, answer });
    }
    cases
}

fn limits(answer: &Answer) -> Limits {
    let day = if answer.limits.is_empty() { "current" } else { &answer.limits };
    Limits::at(day.parse().expect("a day"))
}

/// What is wrong with the explanation of a case; empty when it is right.
fn faults_of_explain(case: &Case) -> Vec<String> {
    let answer = &case.answer;
    let limits = limits(answer);
    let explained = Explained::new(&case.input, &limits);
    let text = explained.to_text(&limits);
    let mut faults = Vec::new();
    let mut expect = |what: &str, is: String, should: String| {
        if is != should {
            faults.push(format!("{what} is {is}, not {should}"));
        }
    };
    expect("type", explained.kind.name().to_owned(), answer.kind.clone());
    expect("unknown", (!explained.is_explained()).to_string(), answer.unknown.to_string());
    let names = |at: usize| -> Vec<&str> {
        let finding = explained.findings.get(at);
        finding.map(|one| one.causes.iter().map(|cause| cause.name).collect()).unwrap_or_default()
    };
    let first: Vec<&str> = names(0).into_iter().take(answer.causes.len().max(1)).collect();
    expect("causes", format!("{first:?}"), format!("{:?}", answer.causes));
    let finding = explained.findings.first();
    expect(
        "observed",
        format!("{:?}", finding.and_then(|one| one.observed)),
        format!("{:?}", answer.observed),
    );
    expect("max", format!("{:?}", finding.and_then(|one| one.max)), format!("{:?}", answer.max));
    if answer.over.is_some() {
        let over = match (&answer.row, &explained.document) {
            (Some(_), Some(document)) => {
                document.measured[0].observed.checked_sub(document.measured[0].max)
            }
            _ => finding.and_then(|one| one.over(&limits)),
        };
        expect("over", format!("{over:?}"), format!("{:?}", answer.over));
    }
    let document = explained.document.as_ref().and_then(|document| document.measured.first());
    expect(
        "row",
        format!("{:?}", document.map(|one| one.row)),
        format!("{:?}", answer.row.as_deref()),
    );
    expect(
        "measured",
        format!("{:?}", document.map(|one| one.observed)),
        format!("{:?}", answer.measured),
    );
    if answer.of.is_some() {
        expect("of", format!("{:?}", document.map(|one| one.max)), format!("{:?}", answer.of));
    }
    let all: Vec<&str> = (0..explained.findings.len()).flat_map(names).collect();
    for cause in answer.also.iter().filter(|cause| !all.contains(&cause.as_str())) {
        faults.push(format!("{cause} is not among {all:?}"));
    }
    for finding in &explained.findings {
        if finding.causes.iter().any(|cause| cause.remedy().is_empty()) {
            faults.push(format!("a cause without a remedy: {finding:?}"));
        }
    }
    for phrase in answer.says.iter().filter(|phrase| !text.contains(phrase.as_str())) {
        faults.push(format!("does not say `{phrase}`"));
    }
    for phrase in answer.never.iter().filter(|phrase| text.contains(phrase.as_str())) {
        faults.push(format!("says `{phrase}`"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        faults.push("prints control characters".to_owned());
    }
    if !faults.is_empty() {
        faults.push(format!("it said:\n{text}\n"));
    }
    faults
}

fn faults_of_replay(case: &Case) -> Vec<String> {
    let Some(should) = &case.answer.replay else { return vec!["has no [replay]".to_owned()] };
    let limits = limits(&case.answer);
    let capture = Capture::read(&case.input, &limits, should.function);
    let mut faults = Vec::new();
    let kind = match &capture {
        Ok(Capture::Exchanges(_)) => "exchanges",
        Ok(Capture::Event(_)) => "event",
        Ok(Capture::Sizes(_)) => "sizes",
        Err(_) => "refused",
    };
    if kind != should.capture {
        return vec![format!("is {kind}, not {}: {capture:?}", should.capture)];
    }
    match capture {
        Ok(Capture::Exchanges(captured)) => {
            let is: Vec<_> = captured
                .exchanges
                .iter()
                .map(|one| {
                    (one.entry, one.method.clone(), one.url.clone(), one.body.len(), one.status)
                })
                .collect();
            let want: Vec<_> = should
                .exchanges
                .iter()
                .map(|one| (one.entry, one.method.clone(), one.url.clone(), one.bytes, one.status))
                .collect();
            if is != want {
                faults.push(format!("sends {is:?}, not {want:?}"));
            }
            for (one, want) in captured.exchanges.iter().zip(&should.exchanges) {
                let notes = one.notes.join("; ");
                if want.note.is_empty() != notes.is_empty() || !notes.contains(&want.note) {
                    faults
                        .push(format!("entry {}: says `{notes}`, not `{}`", one.entry, want.note));
                }
            }
            let is: Vec<_> = captured.left_out.iter().map(|one| one.entry).collect();
            let want: Vec<_> = should.left_out.iter().map(|one| one.entry).collect();
            if is != want {
                faults.push(format!("leaves out {:?}, not {want:?}", captured.left_out));
            }
            for (one, want) in captured.left_out.iter().zip(&should.left_out) {
                if !one.reason.contains(&want.reason) {
                    faults.push(format!(
                        "entry {}: `{}` does not say `{}`",
                        one.entry, one.reason, want.reason
                    ));
                }
            }
        }
        Ok(Capture::Event(event)) if should.bytes.is_some_and(|bytes| bytes != event.len()) => {
            faults.push(format!("the event has {} bytes, not {:?}", event.len(), should.bytes));
        }
        Ok(Capture::Sizes(explained)) => {
            let all = verdicts(&explained, &limits);
            let outcomes: Vec<&str> = all
                .iter()
                .map(|verdict| match verdict.outcome {
                    Outcome::Reproduced => "reproduced",
                    Outcome::NotReproduced => "not_reproduced",
                    Outcome::Unknown => "unknown",
                })
                .collect();
            if outcomes != should.outcomes {
                faults
                    .push(format!("outcomes are {outcomes:?}, not {:?}: {all:?}", should.outcomes));
            }
            let text: String = all.iter().map(hardcap_cli::replay::Verdict::to_text).collect();
            for phrase in case.answer.says.iter().filter(|phrase| !text.contains(phrase.as_str())) {
                faults.push(format!("does not say `{phrase}`: {text}"));
            }
            for phrase in case.answer.never.iter().filter(|phrase| text.contains(phrase.as_str())) {
                faults.push(format!("says `{phrase}`: {text}"));
            }
        }
        Ok(Capture::Event(_)) | Err(_) => {}
    }
    faults
}

/// Runs the cases of a tool, and prints the score of each type.
fn score(tool: &str, faults: impl Fn(&Case) -> Vec<String>) {
    let (mut wrong, mut by_type) = (String::new(), BTreeMap::<String, (usize, usize)>::new());
    for case in cases(tool) {
        let found = faults(&case);
        let kind = match &case.answer.replay {
            Some(replay) => replay.capture.clone(),
            None => case.answer.kind.clone(),
        };
        let (right, all) = by_type.entry(kind).or_default();
        *all += 1;
        *right += usize::from(found.is_empty());
        if !found.is_empty() {
            let _ = writeln!(wrong, "{}/{}: {}", case.tool, case.name, found.join("\n    "));
        }
    }
    for (kind, (right, all)) in &by_type {
        eprintln!("{tool:>8} {kind:<20} {right:>3} of {all:>3}");
    }
    let (right, all) = by_type.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    eprintln!("{tool:>8} {:<20} {right:>3} of {all:>3}", "all");
    assert!(wrong.is_empty(), "{right} of {all} answers of {tool} are right; wrong are:\n{wrong}");
}

#[test]
fn explain_is_right_about_every_report() {
    score("explain", faults_of_explain);
}

#[test]
fn replay_takes_every_capture_apart_as_it_was_sent() {
    score("replay", faults_of_replay);
}

#[test]
fn every_report_names_the_origin_of_its_fact() {
    let all: Vec<Case> = ["explain", "replay"].iter().flat_map(|tool| cases(tool)).collect();
    assert!(all.len() >= 120, "{} reports", all.len());
    for Case { tool, name, answer, .. } in &all {
        let is_known = ["validated", "official", "observed", "derived", "unconfirmed"]
            .contains(&answer.confidence.as_str());
        assert!(
            is_known && !answer.source.is_empty() && answer.date.len() >= 4,
            "{tool}/{name}: {answer:?}"
        );
    }
}

/// What `hardcap explain` says of every report, as a table.
fn page() -> String {
    let mut page = String::from(
        "# What `hardcap explain` says\n\nEvery report of `fixtures/reports/explain`, under the limits of its answer. Written by a test; each report has the origin of \
         its fact beside it.\n\n| report | recognized as | begins with | causes, the most likely first | by how much |\n| --- | --- | --- | --- | --- |\n",
    );
    for case in cases("explain") {
        let limits = limits(&case.answer);
        let explained = Explained::new(&case.input, &limits);
        let text = String::from_utf8_lossy(&case.input);
        let printable = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
        let begin: String = text.chars().take(400).map(printable).collect();
        let begin: String =
            begin.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
        let causes = explained.findings.first().map_or_else(String::new, |finding| {
            let names =
                finding.causes.iter().map(|cause| format!("{} ({})", cause.name, cause.rank));
            names.collect::<Vec<_>>().join(", ")
        });
        let measured = explained.document.as_ref().and_then(|document| document.measured.first());
        let causes = match (causes.as_str(), measured) {
            ("", None) => "unknown".to_owned(),
            ("", Some(one)) => one.row.to_owned(),
            _ => causes,
        };
        let finding = explained.findings.first();
        let over = finding.and_then(|one| {
            Some(format!("{} over", hardcap_cli::explain::amount(one.unit(), one.over(&limits)?)))
        });
        let over = over
            .or_else(|| measured.map(hardcap_cli::explain::Measured::describe))
            .unwrap_or_default();
        let begin = begin.replace('\\', "").replace('|', " ").replace('`', "'");
        let begin = if begin.is_empty() { String::new() } else { format!("`{begin}`") };
        let _ =
            writeln!(page, "| {} | {} | {begin} | {causes} | {over} |", case.name, explained.kind);
    }
    page
}

/// Rewrites the page when it is stale and fails once, so a stale page is never merged.
#[test]
fn the_page_of_explanations_is_fresh() {
    let path = reports().join("../../docs/explain.md");
    let fresh = page();
    if std::fs::read_to_string(&path).unwrap_or_default() != fresh {
        std::fs::write(&path, fresh).expect("docs/explain.md can be written");
        panic!("docs/explain.md was stale; it has been written again: look at it and commit it");
    }
}

/// A deterministic source of numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides.max(1)).expect("small"))
            .expect("small")
    }
}

/// Changes an input the way that copying, cutting and bad luck do.
fn mutate(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const BITS: [&[u8]; 16] = [
        b"{",
        b"}",
        b"\"",
        b"\\",
        b"[",
        b"\n",
        b"\r",
        b"\x1b[",
        b"\0",
        b"REPORT RequestId:",
        b"99999999999999999999",
        b"-1",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        "\u{202e}é".as_bytes(),
        b"null",
    ];
    let mut text = input.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(text.len() + 1);
        let length = dice.roll(40).min(text.len() - at);
        match dice.roll(6) {
            0 => drop(text.drain(at..at + length)),
            1 => text.truncate(at),
            2 => drop(text.splice(at..at + length, BITS[dice.roll(BITS.len())].iter().copied())),
            3 if !text.is_empty() => {
                let at = at.min(text.len() - 1);
                text[at] ^= 1 << dice.roll(8);
            }
            4 => {
                let from = dice.roll(other.len() + 1);
                let to = (from + dice.roll(200)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let copy = text[at..at + length].to_vec();
                text.splice(at..at, copy);
            }
        }
    }
    text
}

/// `HARDCAP_MUTATIONS=1000000` runs as many as that; `just fuzz-reports` does it optimized.
#[test]
fn no_mutated_report_makes_a_tool_panic_or_print_control_characters() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the number of rounds is chosen by whoever starts the test"
    )]
    let rounds = std::env::var("HARDCAP_MUTATIONS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(2_000_u64);
    let all: Vec<Vec<u8>> = ["explain", "replay"]
        .iter()
        .flat_map(|tool| cases(tool))
        .map(|case| case.input)
        .filter(|input| input.len() < 20_000)
        .collect();
    assert!(all.len() > 100, "{} inputs", all.len());
    let (classic, current) = (Limits::classic(), Limits::current());
    let (mut explained, mut captured) = (0_u64, 0_u64);
    for round in 0..rounds {
        let mut dice = Dice(round);
        let (one, other) = (dice.roll(all.len()), dice.roll(all.len()));
        let input = mutate(&all[one], &all[other], &mut dice);
        let limits = if round % 2 == 0 { &classic } else { &current };
        let explanation = Explained::new(&input, limits);
        explained += u64::from(explanation.is_explained());
        let text = explanation.to_text(limits);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "round {round}: {text:?}");
        assert!(explanation.to_json(limits)["findings"].is_array(), "round {round}");
        match Capture::read(&input, limits, round % 16 == 0) {
            Ok(Capture::Sizes(sizes)) => drop(verdicts(&sizes, limits)),
            Ok(_) => captured += 1,
            Err(_) => {}
        }
    }
    println!(
        "{rounds} mutated reports: {explained} explained, {captured} captures that could be sent, no panic"
    );
    assert!(
        explained > rounds / 10,
        "{explained} of {rounds}: the mutations leave nothing to explain"
    );
}
