//! The corpus of the fuzz targets, replayed, with mutations of it: what `just fuzz` has found stays found.
//!
//! `fixtures/fuzz/NAME` has the inputs of a target. A file `*.pack` holds many, each behind its length as four bytes, the lowest
//! first; any other file is one input, named after what it once showed.

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::fuzz;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fuzz").join(name)
}

/// The inputs of a target, by name.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    let files = fs::read_dir(folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for file in files {
        let path = file.expect("an entry").path();
        let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{shown}: {error}"));
        if shown.ends_with(".pack") {
            let unpacked = unpacked(&bytes).into_iter().enumerate();
            inputs.extend(unpacked.map(|(at, input)| (format!("{shown}, input {at}"), input)));
        } else {
            inputs.push((shown, bytes));
        }
    }
    inputs.sort();
    inputs
}

fn unpacked(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).expect("a length");
        let (input, rest) = rest.split_at(length);
        inputs.push(input.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "{} bytes are left behind the last input", bytes.len());
    inputs
}

/// A change of an input.
#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    const PIECES: [&[u8]; 14] = [
        b"%2e", b"/", b"//", b"\r\n", b"\n", b"\"", b"{", b"}", b"=", b";", b":", b"\0", b"\xff",
        b"99999",
    ];
    let piece = prop_oneof![
        prop::sample::select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 1..5),
    ];
    let edit = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), piece).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<Index>(), 1_usize..20).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), 1_usize..20).prop_map(|(at, length)| Edit::Repeat(at, length)),
        any::<Index>().prop_map(Edit::Cut),
    ];
    prop::collection::vec(edit, 1..4)
}

fn edited(input: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for edit in edits {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match edit {
            Edit::Set(index, byte) => {
                let at = at(index);
                if let Some(place) = bytes.get_mut(at) {
                    *place = *byte;
                }
            }
            Edit::Insert(index, piece) => {
                let at = at(index);
                bytes.splice(at..at, piece.iter().copied());
            }
            Edit::Remove(index, length) => {
                let at = at(index);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Edit::Repeat(index, length) => {
                let at = at(index);
                let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Edit::Cut(index) => bytes.truncate(at(index)),
        }
    }
    bytes
}

/// Runs a target over its corpus, and over so many mutations of each input.
fn replay(name: &str, mutations: u32) {
    let body = fuzz::body(name);
    let inputs = corpus(name);
    assert!(inputs.len() >= 10, "{name} has {} inputs", inputs.len());
    for (shown, input) in &inputs {
        let held = catch_unwind(AssertUnwindSafe(|| body(input)));
        assert!(held.is_ok(), "{name}: {shown}: {:?}", String::from_utf8_lossy(input));
    }
    let ran = Cell::new(0);
    for (shown, input) in &inputs {
        // A runner counts the cases of all that it runs.
        let config = Config { cases: mutations, failure_persistence: None, ..Config::default() };
        let held = TestRunner::new(config).run(&edits(), |edits| {
            ran.set(ran.get() + 1);
            body(&edited(input, &edits));
            Ok(())
        });
        if let Err(error) = held {
            panic!("{name}: {shown}: {error}");
        }
    }
    assert_eq!(ran.get(), inputs.len() * usize::try_from(mutations).expect("a number"), "{name}");
}

macro_rules! replayed {
    ($($name:ident: $mutations:literal, $test:ident;)*) => {
        $(
            #[test]
            fn $test() {
                replay(stringify!($name), $mutations);
            }
        )*

        #[test]
        fn every_target_is_replayed_and_can_be_run() {
            let replayed = [$(stringify!($name)),*];
            let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
            for (name, _) in fuzz::TARGETS {
                assert!(replayed.contains(name), "no test replays the corpus of {name}");
                let program = fs::read_to_string(targets.join(format!("{name}.rs")));
                assert!(program.is_ok_and(|it| it.contains(name)), "tests/fuzz has no program {name}");
            }
        }
    };
}

replayed! {
    aws_chunked: 30, a_chunked_body_decodes_to_its_data_or_to_an_error;
    capture: 6, a_capture_is_taken_apart_into_requests_that_can_be_sent;
    cookies: 100, no_cookie_of_the_proxy_passes_in_either_direction;
    delivery: 30, an_answer_is_posted_in_the_smallest_form_that_fits;
    envelope: 50, the_predicted_size_of_an_envelope_is_its_size;
    explain: 4, an_explanation_ends_and_names_lines_of_the_text;
    form: 30, a_form_is_read_alike_in_whatever_pieces_it_comes;
    function_response: 30, a_response_of_a_function_arrives_as_it_was_meant;
    gateway_event: 30, a_function_finds_the_request_that_was_sent;
    gateway_head: 20, the_head_of_every_request_that_hyper_parses_is_known;
    location: 50, no_redirect_leads_away_from_the_public_address;
    percent: 100, what_was_percent_encoded_decodes_to_the_same;
    proxy_path: 100, a_path_that_goes_upstream_has_one_meaning;
    proxy_rules: 8, a_denied_path_is_denied_in_every_spelling;
    route: 100, a_path_that_matches_is_that_of_its_route;
    runtime_api: 10, the_runtime_api_answers_as_the_state_of_the_sandbox_wants_it;
    settings: 30, settings_are_read_or_refused_with_a_place;
    sigv4: 20, a_signature_holds_for_what_was_signed_alone;
    template: 10, a_template_is_read_or_refused_with_a_place;
}

/// What a list of indices is made of: names, wildcards and exclusions, and what makes a list look like another.
const PARTS: [&str; 22] = [
    "*",
    "*",
    "sec*",
    "logs*",
    "secret-1",
    "secret-*",
    "metrics",
    "_all",
    "-secret-*",
    "-secret-*",
    "-sec*",
    "-*",
    "-secret-1",
    "-logs-1",
    "-SECRET-*",
    "-secret%2D*",
    "-secret%252D*",
    "-secret-*%3Bx",
    "-secret-*;x",
    "%20-secret-*",
    "-secret-*%20",
    "%2B*",
];

proptest! {
    #![proptest_config(Config { cases: 4_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_list_of_names_wildcards_and_exclusions_reaches_an_index_that_is_denied(
        parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 1..6),
        spelling in any::<u8>(),
    ) {
        // POST, with the rules that deny `/secret-*/**`.
        let mut input = vec![2, 1, spelling];
        input.extend(format!("/{}/_search", parts.join(",")).bytes());
        fuzz::body("proxy_rules")(&input);
    }
}
