//! Every refusal that was recorded from AWS is rendered from the table exactly as recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hardcap_limits::{
    Confidence, Date, Exceeded, Limits, Party, Proof, ROWS, RefusalText, RenderedRefusal, Row,
    Scope,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    row: String,
    party: String,
    limits: String,
    date: String,
    confidence: String,
    source: String,
    #[serde(default, rename = "note")]
    _note: String,
    #[serde(default, rename = "also_present")]
    _also_present: Vec<String>,
    /// Only this member of the body, or only the `status`, was recorded.
    part: Option<String>,
    max: Option<u64>,
    observed: Option<u64>,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

struct Recording {
    folder: PathBuf,
    origin: Origin,
}

impl Recording {
    fn row(&self) -> &'static Row {
        Limits::row(&self.origin.row).unwrap_or_else(|| panic!("{}: no such row", self.name()))
    }

    fn day(&self) -> Date {
        self.origin.limits.parse().expect("`limits` is a day")
    }

    /// The text of the table that belongs to this recording.
    fn refusal(&self) -> &'static RefusalText {
        let to = party(&self.origin.party);
        let found = self.row().refusal_at(to, self.day());
        found.unwrap_or_else(|| panic!("{}: {to} is shown nothing", self.name()))
    }

    fn rendered(&self) -> RenderedRefusal {
        let row = self.row();
        let max = self.origin.max.unwrap_or(row.value_at(self.day()));
        let observed = self.origin.observed.unwrap_or(max + 1);
        let exceeded = Exceeded { row, observed, max, date: self.day() };
        let names: Vec<_> =
            self.origin.values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        exceeded.refusal_with(self.refusal().to, &names).expect("the refusal was found")
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }
}

fn party(name: &str) -> Party {
    let all = [
        Party::RestClient,
        Party::HttpClient,
        Party::UrlClient,
        Party::AlbClient,
        Party::EdgeClient,
        Party::WebSocketClient,
        Party::Invoker,
        Party::Deployer,
        Party::Function,
        Party::Log,
        Party::Report,
        Party::GatewayLog,
    ];
    let named = all.into_iter().find(|party| format!("{party:?}") == name);
    named.unwrap_or_else(|| panic!("no party is called {name}"))
}

fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/refusals");
    let mut found = Vec::new();
    for limit in folders(&root) {
        for folder in folders(&limit) {
            let text = std::fs::read_to_string(folder.join("origin.toml"));
            let text = text.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            let origin: Origin = toml::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            assert_eq!(limit.file_name(), Some(origin.row.as_ref()), "{}", folder.display());
            found.push(Recording { folder, origin });
        }
    }
    assert!(found.len() >= 46, "only {} recordings were found", found.len());
    found
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).expect("the folder of recordings is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths
}

/// The recorded part of a response.
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Response {
    fn read(text: &str) -> Response {
        let (head, body) = text.split_once("\r\n\r\n").expect("an empty line ends the head");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).unwrap_or_default();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header has a colon");
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Response {
            status: status.parse().expect("the status is a number"),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

#[test]
fn every_recorded_refusal_is_rendered_byte_for_byte() {
    for recording in recordings() {
        let rendered = recording.rendered();
        let name = recording.name();
        if let Ok(text) = std::fs::read_to_string(recording.folder.join("text.txt")) {
            let recorded = text.strip_suffix('\n').expect("a text ends with a newline");
            let shown = match &recording.origin.part {
                None => rendered.body,
                Some(member) => {
                    let body: serde_json::Value =
                        serde_json::from_str(&rendered.body).expect("JSON");
                    body[member].as_str().unwrap_or_default().to_owned()
                }
            };
            assert_eq!(shown, recorded, "{name}");
            continue;
        }
        let text = std::fs::read_to_string(recording.folder.join("response.http"));
        let recorded = Response::read(&text.unwrap_or_else(|error| panic!("{name}: {error}")));
        assert_eq!(rendered.status, recorded.status, "{name}");
        if recording.origin.part.as_deref() == Some("status") {
            continue;
        }
        assert_eq!(rendered.body, recorded.body, "{name}");
        compare_heads(&rendered, &recorded, &name);
    }
}

fn compare_heads(rendered: &RenderedRefusal, recorded: &Response, name: &str) {
    if let Some(error_type) = recorded.header("x-amzn-errortype") {
        assert_eq!(rendered.error_type, error_type, "{name}");
    }
    if let Some(content_type) = recorded.header("content-type") {
        assert_eq!(rendered.content_type, content_type, "{name}");
    }
    if let Some(length) = recorded.header("content-length") {
        assert_eq!(rendered.body.len().to_string(), length, "{name}");
    }
    let body: Option<serde_json::Value> = serde_json::from_str(&recorded.body).ok();
    if let Some(error_type) = body.as_ref().and_then(|body| body["errorType"].as_str()) {
        assert_eq!(rendered.error_type, error_type, "{name}");
    }
}

/// A confidence above that of the recording would mislead readers.
#[test]
fn the_confidence_in_a_text_is_that_of_its_recording() {
    for recording in recordings() {
        let Origin { confidence, source, date, .. } = &recording.origin;
        assert!(!source.is_empty() && !date.is_empty(), "{}", recording.name());
        let in_table = recording.refusal().confidence.to_string();
        assert_eq!(&in_table, confidence, "{}", recording.name());
    }
}

/// Every enforced text of the gateways and of Lambda that is marked as recorded must have its recording here.
#[test]
fn every_validated_text_of_the_gateways_and_of_lambda_has_a_recording() {
    let recordings = recordings();
    let scopes = [Scope::Lambda, Scope::Rest, Scope::HttpApi];
    for row in ROWS.iter().filter(|row| row.proof == Proof::Tested && scopes.contains(&row.scope)) {
        let validated = |r: &&RefusalText| r.confidence == Confidence::Validated && !r.alternative;
        for refusal in row.refusals.iter().filter(validated) {
            let of_this = |recording: &Recording| {
                let found = recording.refusal();
                recording.origin.row == row.name
                    && (found.to, found.since) == (refusal.to, refusal.since)
            };
            assert!(
                recordings.iter().any(of_this),
                "{} to {} since {} has no recording",
                row.name,
                refusal.to,
                refusal.since
            );
        }
    }
}
