//! J6: the choice between inline and reference, on the whole payload.

use proptest::prelude::*;

use super::*;

const JOB: &str = "3f0c3c5e-0000-4000-8000-000000000001";

/// The number of bytes of a byte in a JSON string.
fn escaped(byte: &u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// Counts the payload by hand: the bytes around the state, and the bytes of the state in either form.
fn oracle(generation: u64, state: &[u8], max: u64) -> bool {
    let around =
        r#"{"job":"","generation":,"digest":{"sha256":"","bytes":},"state":{"":""}}"#.len();
    let fixed = around + JOB.len() + 64;
    let numbers = generation.to_string().len() + state.len().to_string().len();
    let text = std::str::from_utf8(state)
        .is_ok()
        .then(|| "text".len() + state.iter().map(escaped).sum::<usize>());
    let base64 = "base64".len() + state.len().div_ceil(3) * 4;
    let shortest = text.map_or(base64, |text| text.min(base64));
    (fixed + numbers + shortest) as u64 <= max
}

fn check(state: &[u8], max: u64) {
    let digest = Digest::of(state);
    let payload = payload(JOB, 7, &digest, state, max);
    let event: JobEvent = serde_json::from_slice(&payload).unwrap();
    let inline = event.inline().unwrap();
    assert_eq!(inline.is_some(), oracle(7, state, max), "{} bytes, limit {max}", state.len());
    match inline {
        Some(bytes) => {
            assert_eq!(bytes, state, "handed over intact");
            assert!(payload.len() as u64 <= max, "{} of {max}", payload.len());
        }
        None => assert!(payload.len() < 300, "a reference is small: {}", payload.len()),
    }
    assert!(event.digest.matches(state));
}

/// Every kind of byte.
fn state() -> impl Strategy<Value = Vec<u8>> {
    let unit = prop_oneof![
        Just(b"a".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\x01".to_vec()),
        Just("é\u{1F980}".as_bytes().to_vec()),
        Just(b"\xff\xfe".to_vec()),
        Just(b"\x1f\x8b\x00".to_vec()),
        prop::collection::vec(any::<u8>(), 1..64),
    ];
    (unit, 0..4096_usize).prop_map(|(unit, length)| unit.into_iter().cycle().take(length).collect())
}

proptest! {
    #[test]
    fn j6_every_state_arrives_in_the_form_that_the_oracle_chooses(state in state(), around in -64_i64..64) {
        // Limits below and above the size of this state, in either form.
        let digest = Digest::of(&state);
        let whole = payload(JOB, 7, &digest, &state, u64::MAX).len() as u64;
        check(&state, whole.saturating_add_signed(around));
        check(&state, 2048);
    }
}

/// The repeated content of a state whose size is near the limit.
const UNITS: [&[u8]; 9] = [
    b"a",
    b"\"",
    b"\\",
    b"\x01",
    b"\n",
    "é\u{1F980}".as_bytes(),
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1f\x8b\x00plain text",
];

fn of_unit(unit: &[u8], length: usize) -> Vec<u8> {
    unit.iter().copied().cycle().take(length).collect()
}

/// A length that the oracle decides to be inline, while one byte more is by reference.
fn last_inline(unit: &[u8], max: u64) -> usize {
    // The search starts from an estimate: 180 bytes and some digits are around a state.
    let room = usize::try_from(max).unwrap() - 190;
    let as_text = std::str::from_utf8(unit).map(|_| unit.iter().map(escaped).sum::<usize>());
    let in_base64 = room / 4 * 3;
    let mut length = as_text.map_or(in_base64, |taken| in_base64.max(room / taken * unit.len()));
    while !oracle(7, &of_unit(unit, length), max) {
        length -= 1;
    }
    while oracle(7, &of_unit(unit, length + 1), max) {
        length += 1;
    }
    length
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn j6_states_around_the_limits_arrive_in_the_form_that_the_oracle_chooses(
        unit in prop::sample::select(&UNITS[..]),
        around in -64_isize..=64,
    ) {
        // 2022-04-22, and since October 2025.
        for max in [262_144, 1_048_576] {
            let last = last_inline(unit, max);
            check(&of_unit(unit, last), max);
            check(&of_unit(unit, last + 1), max);
            check(&of_unit(unit, last.saturating_add_signed(around)), max);
        }
    }
}

#[test]
fn j6_the_limit_of_2022_takes_a_payload_of_262144_bytes_and_not_one_more() {
    // 72 around, 36 of the id, 64 of the digest, 1 and 6 of the numbers, 4 of `text`: 183, and two quotes escaped.
    let exact = 262_144 - 183;
    let event = |length: usize| {
        let state = vec![b'x'; length];
        payload(JOB, 7, &Digest::of(&state), &state, 262_144)
    };
    assert_eq!(event(exact).len(), 262_144, "inline, and full");
    let over = event(exact + 1);
    assert!(over.ends_with(br#""state":"stored"}"#), "by reference: {} bytes", over.len());
}

#[test]
fn j6_an_event_that_names_a_bucket_a_key_or_a_url_is_refused() {
    let digest = Digest::of(b"{}");
    let honest = JobEvent::by_reference(JOB, 1, digest);
    let mut event = serde_json::to_value(&honest).unwrap();
    assert!(serde_json::from_value::<JobEvent>(event.clone()).is_ok());
    for (name, value) in
        [("bucket", "other"), ("key", "../secret"), ("url", "http://169.254.169.254/")]
    {
        event[name] = value.into();
        let refused = serde_json::from_value::<JobEvent>(event.clone());
        assert!(refused.is_err(), "{event}");
        event.as_object_mut().unwrap().remove(name);
    }
    event["state"] = serde_json::json!({ "stored": "s3://other/key" });
    assert!(serde_json::from_value::<JobEvent>(event).is_err(), "a reference has no address");
}
