//! Strategies for property tests: sizes around the edges, bodies, headers, paths and queries that break what is not
//! transparent.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::content::{Content, ContentKind};
use crate::search::sigv4::percent_decode;

/// How far around a boundary sizes are drawn.
const AROUND: u64 = 64;

/// Sizes from 0 to `max`, every order of magnitude as often as any other.
pub fn size(max: u64) -> impl Strategy<Value = u64> {
    let bits = u64::BITS - max.leading_zeros();
    (0..=bits).prop_flat_map(move |bits| {
        let low = if bits == 0 { 0 } else { 1 << (bits - 1) };
        let high = if bits == 0 { 0 } else { low + (low - 1) };
        low..=high.min(max)
    })
}

/// Sizes from 0 to `max`: half of them as [`size`] has it, half within 64 of one of the boundaries.
pub fn size_around(boundaries: &[u64], max: u64) -> BoxedStrategy<u64> {
    let boundaries: Vec<u64> =
        boundaries.iter().copied().filter(|boundary| *boundary <= max).collect();
    if boundaries.is_empty() {
        return size(max).boxed();
    }
    let near = select(boundaries)
        .prop_flat_map(move |boundary| {
            boundary.saturating_sub(AROUND)..=boundary.saturating_add(AROUND).min(max)
        })
        .boxed();
    prop_oneof![size(max), near].boxed()
}

/// Every kind of body.
pub fn kind() -> impl Strategy<Value = ContentKind> {
    select(ContentKind::ALL.to_vec())
}

/// A body of any kind whose size is drawn as [`size_around`] has it.
pub fn content(boundaries: &[u64], max: u64) -> impl Strategy<Value = Content> {
    (kind(), size_around(boundaries, max), any::<u64>()).prop_map(|(kind, size, seed)| Content {
        kind,
        size,
        seed,
    })
}

/// End-to-end headers: names that nobody on the way has a meaning for, values of any bytes that HTTP lets through.
pub fn headers(max: usize) -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let name = "x-[a-z][a-z0-9-]{0,20}[a-z0-9]".prop_map(|name| name.replace("x-amz", "x-own"));
    let visible = "[!-~]([ -~]{0,60}[!-~])?".prop_map(String::into_bytes);
    let any_bytes = vec(prop_oneof![0x21_u8..=0x7E, 0x80_u8..=0xFF], 1..40);
    vec((name, prop_oneof![4 => visible, 1 => any_bytes]), 0..=max)
}

/// Raw paths that a client may send and that mean what they say: no dot segments, no empty ones.
pub fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z0-9._~-]{1,8}",
        select(vec!["*", "%2A", "%2F", "%3C", "%7Bnow%2Fd%7D", "%3E", "%20", "%25", "%C3%A9"])
            .prop_map(str::to_owned),
        "[:@!$&'()*+,;=]".prop_map(|text| text),
    ];
    let segment = vec(part, 1..5).prop_map(|parts| parts.concat());
    vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/"))).prop_filter(
        "has a dot segment or an empty one",
        |path| {
            // However often somebody on the way decodes it, and whether or not parameters are cut off.
            let once = percent_decode(path);
            let twice = percent_decode(&String::from_utf8_lossy(&once));
            let twice = String::from_utf8_lossy(&twice);
            twice.split('/').skip(1).all(|segment| {
                let name = segment.split(';').next().unwrap_or_default();
                !segment.is_empty() && name != "." && name != ".."
            })
        },
    )
}

/// Raw queries in canonical encoding: bare keys, empty values, duplicates and reserved characters among them. An empty
/// text is not a query.
pub fn query() -> impl Strategy<Value = String> {
    let text = vec(
        prop_oneof![
            "[A-Za-z0-9._~-]{1,6}",
            select(vec!["%20", "%2B", "%26", "%3D", "%2A", "%C3%A9", "%F0%9F%98%80"])
                .prop_map(str::to_owned),
        ],
        1..4,
    )
    .prop_map(|parts| parts.concat());
    let pair = prop_oneof![
        text.clone(),
        text.clone().prop_map(|name| format!("{name}=")),
        (text.clone(), text).prop_map(|(name, value)| format!("{name}={value}")),
    ];
    vec(pair, 0..5).prop_map(|mut pairs| {
        if let Some(first) = pairs.first().filter(|pair| pair.len() % 2 == 0).cloned() {
            pairs.push(first);
        }
        pairs.join("&")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    fn draws<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
        (0..count).map(draw).collect()
    }

    #[test]
    fn every_order_of_magnitude_is_drawn_and_none_above_the_most() {
        let drawn = draws(size(1_000_000), 2_000);
        assert!(drawn.iter().all(|size| *size <= 1_000_000));
        assert!(drawn.contains(&0) && drawn.contains(&1));
        for power in 1..6 {
            let (low, high) = (10_u64.pow(power), 10_u64.pow(power + 1));
            let within = drawn.iter().filter(|size| (low..high).contains(size)).count();
            assert!(within > 50, "{within} of 2000 from {low} to {high}");
        }
    }

    #[test]
    fn each_byte_around_a_boundary_is_drawn() {
        let drawn = draws(size_around(&[4_718_559], 10_000_000), 5_000);
        for size in 4_718_495..=4_718_623 {
            assert!(drawn.contains(&size), "{size} was never drawn");
        }
    }

    #[test]
    fn paths_and_queries_can_be_sent() {
        for (path, query) in draws((path(), query()), 1_000) {
            let target = format!("{path}?{query}");
            let uri: http::Uri = target.parse().unwrap_or_else(|error| panic!("{target}: {error}"));
            assert_eq!(uri.path_and_query().unwrap().as_str(), target);
        }
    }

    #[test]
    fn headers_can_be_sent() {
        for (name, value) in draws(headers(5), 500).concat() {
            http::HeaderName::try_from(&name).unwrap();
            http::HeaderValue::try_from(value).unwrap();
        }
    }
}
