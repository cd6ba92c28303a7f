//! Generated lifecycle rules and objects against a small model, written from the S3 user guide's "Lifecycle configuration
//! elements" and the API reference, not from the emulator: which objects are there when the clock shows a time.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hardcap::Emulator;
use hardcap_limits::Millis;
use hardcap_tests::property::in_threads;
use proptest::prelude::*;

use super::vocabulary::*;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// What a rule asks of an object. Each is written alone where it can be, else within `And`.
#[derive(Clone, Debug, Default)]
struct Conditions {
    prefix: Option<String>,
    greater: Option<u64>,
    less: Option<u64>,
    tags: Vec<(String, String)>,
    /// Written within `And` though it is one condition alone.
    in_and: bool,
}

#[derive(Clone, Debug)]
enum When {
    Days(u64),
    /// A midnight, this many days after the first.
    Date(u64),
}

#[derive(Clone, Debug)]
struct Rule {
    conditions: Conditions,
    when: When,
    is_enabled: bool,
}

#[derive(Clone, Debug)]
struct Stored {
    key: String,
    size: u64,
    tags: Vec<(String, String)>,
}

impl Rule {
    /// Every condition holds; sizes are exclusive bounds.
    fn is_about(&self, object: &Stored) -> bool {
        let Conditions { prefix, greater, less, tags, .. } = &self.conditions;
        prefix.as_ref().is_none_or(|prefix| object.key.starts_with(prefix))
            && greater.is_none_or(|greater| object.size > greater)
            && less.is_none_or(|less| object.size < less)
            && tags.iter().all(|tag| object.tags.contains(tag))
    }

    /// Days are added to the creation and rounded up to the next midnight; a date is that midnight.
    fn ends(&self, created: u64, first_midnight: u64) -> u64 {
        match self.when {
            When::Days(days) => (created + days * DAY).div_ceil(DAY) * DAY,
            When::Date(days) => first_midnight + days * DAY,
        }
    }

    fn xml(&self, at: usize, first_midnight: u64) -> String {
        let Conditions { prefix, greater, less, tags, in_and } = &self.conditions;
        let mut parts = Vec::new();
        parts.extend(prefix.as_ref().map(|it| format!("<Prefix>{it}</Prefix>")));
        parts.extend(
            greater.map(|it| format!("<ObjectSizeGreaterThan>{it}</ObjectSizeGreaterThan>")),
        );
        parts.extend(less.map(|it| format!("<ObjectSizeLessThan>{it}</ObjectSizeLessThan>")));
        for (key, value) in tags {
            parts.push(format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"));
        }
        let filter = match parts.len() {
            0 => String::new(),
            1 if !in_and => parts.concat(),
            _ => format!("<And>{}</And>", parts.concat()),
        };
        let when = match self.when {
            When::Days(days) => format!("<Days>{days}</Days>"),
            When::Date(days) => {
                let seconds = i64::try_from((first_midnight + days * DAY) / 1000).unwrap();
                let date = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap().date();
                let (year, month, day) = date.to_calendar_date();
                format!("<Date>{year:04}-{:02}-{day:02}T00:00:00.000Z</Date>", u8::from(month))
            }
        };
        let status = if self.is_enabled { "Enabled" } else { "Disabled" };
        format!(
            "<Rule><ID>r{at}</ID><Filter>{filter}</Filter><Status>{status}</Status><Expiration>{when}</Expiration></Rule>"
        )
    }
}

fn tags() -> impl Strategy<Value = Vec<(String, String)>> {
    let tags = prop::collection::btree_map("[ab]", "[12]", 0..=2);
    tags.prop_map(|tags| tags.into_iter().collect())
}

fn rule() -> impl Strategy<Value = Rule> {
    let prefix = prop::option::of(prop_oneof![Just(""), Just("a"), Just("a/"), Just("b")]);
    let size = || prop::option::of(0..60_u64);
    let when = prop_oneof![(1..4_u64).prop_map(When::Days), (0..5_u64).prop_map(When::Date)];
    (prefix, size(), size(), tags(), any::<bool>(), when, prop::bool::weighted(0.85)).prop_map(
        |(prefix, greater, less, tags, in_and, when, is_enabled)| Rule {
            conditions: Conditions {
                prefix: prefix.map(str::to_owned),
                greater,
                less,
                tags,
                in_and,
            },
            when,
            is_enabled,
        },
    )
}

/// Objects with the step at which each is put.
fn objects() -> impl Strategy<Value = Vec<(usize, Stored)>> {
    let key = ("(a/|a|b/|b|c)", 0..4_u8).prop_map(|(start, number)| format!("{start}{number}"));
    let object = (0..3_usize, key, 0..60_u64, tags());
    prop::collection::vec(object, 8..24).prop_map(|objects| {
        let stored = |(step, key, size, tags)| (step, Stored { key, size, tags });
        objects.into_iter().map(stored).collect()
    })
}

async fn listed(emulator: &Emulator) -> BTreeSet<String> {
    let answer = signed(emulator, ask("GET", "/bucket?list-type=2")).await;
    answer.elements("Key").into_iter().collect()
}

async fn advance_to(emulator: &Emulator, wanted: u64) {
    let now = emulator.clock().now().0;
    if wanted > now {
        emulator.clock().advance(Millis(wanted - now)).await;
    }
}

/// The noons at which objects are put and counted, in days after the first midnight. Each advance of the clock takes up to
/// a second, so there are few.
const NOONS: [u64; 6] = [0, 1, 2, 3, 5, 8];

/// Puts the rules first, so that objects end while others are still to come.
async fn run(rules: &[Rule], objects: &[(usize, Stored)]) -> Result<(), TestCaseError> {
    let emulator = emulator().await;
    let first_midnight = (emulator.clock().now().0 / DAY + 1) * DAY;
    let mut body = "<LifecycleConfiguration>".to_owned();
    for (at, rule) in rules.iter().enumerate() {
        write!(body, "{}", rule.xml(at, first_midnight)).unwrap();
    }
    body.push_str("</LifecycleConfiguration>");
    let put =
        ask("PUT", "/bucket?lifecycle=").header("content-md5", &md5(&body)).body(body.clone());
    let answer = signed(&emulator, put).await;
    prop_assert_eq!(answer.status, 200, "{}: {}", body, answer.text());

    let mut there: Vec<(u64, &Stored)> = Vec::new();
    let over = |created: u64, object: &Stored, now: u64| {
        let about = rules.iter().filter(|rule| rule.is_enabled && rule.is_about(object));
        about.map(|rule| rule.ends(created, first_midnight)).min().is_some_and(|end| end <= now)
    };
    for (step, noon) in NOONS.into_iter().enumerate() {
        advance_to(&emulator, first_midnight + noon * DAY + DAY / 2).await;
        let now = emulator.clock().now().0;
        // What a midnight has passed over since it was put is gone; what is put now stays until the next one.
        there.retain(|(created, object)| !over(*created, object, now));
        for (_, object) in objects.iter().filter(|(at, _)| *at == step) {
            let tagging: Vec<_> = object.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let size = usize::try_from(object.size).unwrap();
            let mut put = ask("PUT", &format!("/bucket/{}", object.key)).body(vec![0; size]);
            if !tagging.is_empty() {
                put = put.header("x-amz-tagging", &tagging.join("&"));
            }
            prop_assert_eq!(signed(&emulator, put).await.status, 200);
            there.retain(|(_, other)| other.key != object.key);
            there.push((emulator.clock().now().0, object));
        }
        let found = listed(&emulator).await;
        let expected: BTreeSet<String> =
            there.iter().map(|(_, object)| object.key.clone()).collect();
        prop_assert_eq!(found, expected, "noon {} of {}", noon, body);
    }
    Ok(())
}

fn md5(text: &str) -> String {
    use base64::Engine as _;
    use md5::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(md5::Md5::digest(text))
}

/// On several threads, for a case waits for seconds to end.
#[test]
fn generated_rules_end_the_objects_that_the_documentation_says_and_no_others() {
    let config = ProptestConfig {
        cases: 2,
        max_shrink_iters: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let worlds = || (prop::collection::vec(rule(), 1..4), objects());
    // Each case waits until the next full second.
    in_threads(20, &config, worlds, |(rules, objects)| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.unwrap().block_on(run(&rules, &objects))
    });
}

/// The rule that lost data: a bound of the size alone, outside `And`.
#[tokio::test]
async fn a_rule_by_size_alone_ends_only_objects_of_that_size() {
    for (filter, expected) in [
        ("<ObjectSizeGreaterThan>20</ObjectSizeGreaterThan>", ["20", "5"].as_slice()),
        ("<ObjectSizeLessThan>20</ObjectSizeLessThan>", &["20", "21"]),
    ] {
        let emulator = emulator().await;
        let rules = format!(
            "<LifecycleConfiguration><Rule><ID>r</ID><Filter>{filter}</Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"
        );
        let put = ask("PUT", "/bucket?lifecycle=").header("content-md5", &md5(&rules)).body(rules);
        assert_eq!(signed(&emulator, put).await.status, 200);
        for size in [5, 20, 21] {
            let put = ask("PUT", &format!("/bucket/{size}")).body(vec![0; size]);
            let put = signed(&emulator, put).await;
            let is_announced = put.header("x-amz-expiration").is_some();
            assert_eq!(
                is_announced,
                !expected.contains(&size.to_string().as_str()),
                "{filter} {size}"
            );
        }
        emulator.clock().advance(Millis(4 * DAY)).await;
        assert_eq!(listed(&emulator).await.into_iter().collect::<Vec<_>>(), expected, "{filter}");
    }
}

const ALL: &str = "<Filter></Filter>";
const DAYS: &str = "<Expiration><Days>7</Days></Expiration>";

/// A rule with an id.
fn xml_of(id: &str, status: &str, inner: &str) -> String {
    format!("<Rule><ID>{id}</ID><Status>{status}</Status>{inner}</Rule>")
}

const MALFORMED: Expected<'static> =
    (400, "MalformedXML", "The XML you provided was not well-formed");

/// Rules that S3 does not take, and what it says of each.
fn refused_rules() -> Vec<(&'static str, String, Expected<'static>)> {
    let rule = |inner: &str| xml_of("x", "Enabled", inner);
    let named = |id: &str| xml_of(id, "Enabled", &format!("{ALL}{DAYS}"));
    vec![
        ("no filter", rule(DAYS), MALFORMED),
        (
            "empty noncurrent",
            rule(&format!(
                "{ALL}{DAYS}<NoncurrentVersionExpiration></NoncurrentVersionExpiration>"
            )),
            MALFORMED,
        ),
        (
            "And beside Prefix",
            rule(&format!(
                "<Filter><And><Prefix>test</Prefix></And><Prefix></Prefix></Filter>{DAYS}"
            )),
            MALFORMED,
        ),
        (
            "size beside Prefix",
            rule(&format!(
                "<Filter><ObjectSizeGreaterThan>500</ObjectSizeGreaterThan><Prefix></Prefix></Filter>{DAYS}"
            )),
            MALFORMED,
        ),
        (
            "not at midnight",
            rule(&format!("{ALL}<Expiration><Date>2023-01-01T02:02:00Z</Date></Expiration>")),
            (400, "InvalidArgument", "'Date' must be at midnight GMT"),
        ),
        (
            "tags twice",
            rule(&format!(
                "<Filter><And><Tag><Key>k</Key><Value>1</Value></Tag><Tag><Key>k</Key><Value>2</Value></Tag></And></Filter>{DAYS}"
            )),
            (400, "InvalidRequest", "Duplicate Tag Keys are not allowed."),
        ),
        (
            "days and marker",
            rule(&format!(
                "{ALL}<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
            )),
            MALFORMED,
        ),
        ("status", xml_of("x", "enabled", &format!("{ALL}{DAYS}")), MALFORMED),
        ("one id too long", named(&"i".repeat(256)), (400, "InvalidArgument", "255")),
        (
            "one id twice",
            format!("{}{}", named("x"), named("x")),
            (400, "InvalidArgument", "unique"),
        ),
        ("no action", rule(ALL), (400, "InvalidRequest", "At least one action")),
        (
            "transition",
            rule(&format!(
                "{ALL}<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"
            )),
            (501, "NotImplemented", "Transitions"),
        ),
    ]
}

/// Recorded on AWS, 2026-02-21: `test_put_bucket_lifecycle_conf_exc`; ids and statuses as s3-tests has them.
#[tokio::test]
async fn rules_that_s3_does_not_take_are_refused_and_the_old_ones_stay() {
    let emulator = emulator().await;
    let put = async |rules: &str| {
        let body = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        let put = ask("PUT", "/bucket?lifecycle=").header("content-md5", &md5(&body)).body(body);
        signed(&emulator, put).await
    };
    assert_eq!(put(&xml_of("x", "Enabled", &format!("{ALL}{DAYS}"))).await.status, 200);
    for (name, rules, expected) in refused_rules() {
        refused(name, &put(&rules).await, expected);
    }
    let kept = signed(&emulator, ask("GET", "/bucket?lifecycle=")).await;
    assert_eq!(kept.elements("ID"), ["x"], "{}", kept.text());
    assert_eq!(
        put(&xml_of(&"i".repeat(255), "Enabled", &format!("{ALL}{DAYS}"))).await.status,
        200
    );
    healthy(&emulator).await;
}
