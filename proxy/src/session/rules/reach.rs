//! Which indices a request reaches, as far as its path says.
//!
//! A path names indices as sets: lists, wildcards, exclusions, date math, other clusters. Rules that deny an index compare
//! their set with these. What a body names, and what an alias stands for, no path tells.

use crate::glob;

/// What a path says of the indices that the request reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// No documents of any index: the state of the cluster, pages, cursors that were opened by another request.
    Nothing,
    /// These expressions, all in lower case.
    Named(Vec<Expression>),
    /// It does not say: the indices are in the body, in the query, or all there are.
    Unknown,
}

/// How the segments of a path came to be what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As the cluster decodes them.
    AsSent,
    /// Read more widely: in lower case, decoded again, without parameters. Such a segment may name more than the cluster
    /// finds in it, never less, so an exclusion in it does not count: `*,-SECRET-*` excludes nothing.
    Widened,
}

/// One part of a list of indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    /// `true` for `-name`.
    excludes: bool,
    /// Whether it takes indices out of those of the wildcards before it: it is an exclusion as the cluster reads it, and a
    /// wildcard stands before it (Elasticsearch from 6 on, and OpenSearch).
    takes_out: bool,
    /// Whether a later exclusion applies to it. An exclusion removes what a wildcard has added. It removes a name that is
    /// written out only where wildcards are expanded, and `expand_wildcards=none` in the query turns that off
    /// (`WildcardExpressionResolver` in OpenSearch's `IndexNameExpressionResolver.java`, as of 2026-11).
    is_wildcard: bool,
    /// All that the part may stand for: of `cluster:index::failures` each piece.
    globs: Vec<String>,
    /// The part begins with a wildcard, and so does not name a hidden index.
    is_open: bool,
}

/// First segments under which no document of an index is reached.
const WITHOUT_INDICES: [&str; 12] = [
    "_nodes",
    "_tasks",
    "_license",
    "_ingest",
    "_scripts",
    "_script_context",
    "_script_language",
    "_remote",
    "_health_report",
    "_features",
    "_template",
    "_component_template",
];
/// The segments after these name indices, or what leads to some.
const BEFORE_INDICES: [&[&str]; 18] = [
    &["_cat", "indices"],
    &["_cat", "aliases"],
    &["_cat", "count"],
    &["_cat", "recovery"],
    &["_cat", "segments"],
    &["_cat", "shards"],
    &["_list", "indices"],
    &["_list", "shards"],
    &["_cluster", "health"],
    &["_mapping"],
    &["_mappings"],
    &["_settings"],
    &["_alias"],
    &["_aliases"],
    &["_data_stream"],
    &["_resolve", "index"],
    &["_plugins", "_ism", "explain"],
    &["_plugins", "_knn", "warmup"],
];
/// Paths about the cluster that are not about its documents.
const ABOUT_THE_CLUSTER: [&[&str]; 12] = [
    &["_cluster", "stats"],
    &["_cluster", "pending_tasks"],
    &["_cat", "health"],
    &["_cat", "nodes"],
    &["_cat", "master"],
    &["_cat", "cluster_manager"],
    &["_cat", "allocation"],
    &["_cat", "plugins"],
    &["_cat", "templates"],
    &["_cat", "thread_pool"],
    &["_search", "scroll"],
    &["_search", "point_in_time"],
];
/// What a page may send without reading documents, below the place of the dashboards.
const OF_PAGES: [&str; 8] = [
    "api/core/capabilities",
    "api/saved_objects",
    "api/content_management",
    "api/ui_metric",
    "api/ui_counters",
    "api/usage_collection",
    "api/licensing",
    "auth",
];

impl Reach {
    /// What a path reaches. `dashboards` are the places of Kibana or Dashboards, as segments; `reads` is whether it is a GET.
    pub(super) fn of(
        segments: &[String],
        spelling: Spelling,
        dashboards: &[Vec<String>],
        reads: bool,
    ) -> Reach {
        let starts = |with: &[&str]| {
            segments.len() >= with.len()
                && segments.iter().zip(with).all(|(one, other)| one == other)
        };
        for place in dashboards {
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            if starts(&place) {
                return of_page(&segments[place.len()..], reads);
            }
        }
        let Some(first) = segments.first() else {
            return Reach::Nothing;
        };
        if !first.starts_with('_') || first == "_all" {
            return Reach::Named(expressions(first, spelling));
        }
        if WITHOUT_INDICES.contains(&first.as_str())
            || ABOUT_THE_CLUSTER.iter().any(|it| starts(it))
        {
            return Reach::Nothing;
        }
        let before = BEFORE_INDICES.iter().find(|before| starts(before));
        match before.and_then(|before| segments.get(before.len())) {
            Some(named) => Reach::Named(expressions(named, spelling)),
            None => Reach::Unknown,
        }
    }

    /// Whether an index of the pattern may be reached.
    pub(super) fn may_touch(&self, pattern: &str) -> bool {
        match self {
            Reach::Nothing => false,
            Reach::Unknown => true,
            Reach::Named(expressions) => expressions.iter().enumerate().any(|(at, expression)| {
                // Among those from here on; one that excludes nothing takes nothing out.
                let taken_out = expression.is_wildcard
                    && expressions[at..]
                        .iter()
                        .any(|later| later.takes_out && later.holds_all(pattern));
                !expression.excludes && expression.may_be(pattern) && !taken_out
            }),
        }
    }

    /// Whether the path itself names an index of the pattern, more precisely than by a wildcard at the start.
    pub(super) fn names(&self, pattern: &str) -> bool {
        match self {
            Reach::Nothing | Reach::Unknown => false,
            Reach::Named(expressions) => expressions
                .iter()
                .any(|expression| !expression.is_open && expression.may_be(pattern)),
        }
    }
}

fn of_page(rest: &[String], reads: bool) -> Reach {
    let path = rest.join("/");
    let path = match rest {
        [s, _, below @ ..] if s == "s" => below.join("/"),
        _ => path,
    };
    let harmless = OF_PAGES.iter().any(|known| {
        path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if reads || harmless { Reach::Nothing } else { Reach::Unknown }
}

/// The parts of a list; an empty list is all indices, and so is an exclusion at the start, as Elasticsearch 6 has it.
fn expressions(list: &str, spelling: Spelling) -> Vec<Expression> {
    let mut after_wildcard = false;
    let mut found: Vec<Expression> = list
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let expression = Expression::of(part.trim());
            let excludes_for_sure =
                expression.excludes && spelling == Spelling::AsSent && is_plain(part);
            let takes_out = excludes_for_sure && after_wildcard;
            let is_wildcard = is_plain(part) && part.contains('*') && !expression.excludes;
            after_wildcard |= is_wildcard;
            Expression { takes_out, is_wildcard, ..expression }
        })
        .collect();
    if found.first().is_none_or(|first| first.excludes) {
        found.insert(0, Expression::of("*"));
    }
    found
}

/// Whether a part of a list holds only what names of indices are made of, and `*`: no blank, no date math, no name of a cluster,
/// nothing that a server might still decode. What else it becomes is not known, so it takes nothing out for sure.
fn is_plain(part: &str) -> bool {
    part.bytes().all(|byte| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'-' | b'_' | b'.' | b'*')
    })
}

impl Expression {
    fn of(part: &str) -> Expression {
        let (excludes, name) = match part.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, part.strip_prefix('+').unwrap_or(part)),
        };
        let name = if name == "_all" { "*".to_owned() } else { without_date_math(name) };
        let mut globs = vec![name.clone()];
        if name.contains(':') {
            globs.extend(name.split(':').filter(|piece| !piece.is_empty()).map(str::to_owned));
        }
        let is_open = name.starts_with('*');
        Expression { excludes, takes_out: false, is_wildcard: false, globs, is_open }
    }

    fn may_be(&self, pattern: &str) -> bool {
        self.globs.iter().any(|glob| glob::overlap(glob, pattern))
    }

    /// Whether every index of the pattern is one of these: a star of the pattern is matched by a star alone.
    fn holds_all(&self, pattern: &str) -> bool {
        self.globs.first().is_some_and(|glob| glob::matches(glob, pattern))
    }
}

/// `<logs-{now/d}>` as `logs-*`: what stands in braces may become anything.
fn without_date_math(name: &str) -> String {
    if !name.starts_with('<') && !name.contains('{') {
        return name.to_owned();
    }
    let mut glob = String::new();
    let mut depth = 0_u32;
    for character in name.trim_start_matches('<').trim_end_matches('>').chars() {
        match character {
            '{' => {
                depth += 1;
                if depth == 1 {
                    glob.push('*');
                }
            }
            '}' => depth = depth.saturating_sub(1),
            // Escapes what stands next.
            '\\' => {}
            other if depth == 0 => glob.push(other),
            _ => {}
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reach(path: &str) -> Reach {
        let segments: Vec<String> =
            path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Reach::of(&segments, Spelling::AsSent, &[vec!["_dashboards".to_owned()]], false)
    }

    #[test]
    fn sets_of_indices_are_compared_with_a_pattern() {
        for (path, touches) in [
            ("/secret-1/_search", true),
            ("/sec*/_search", true),
            ("/*/_search", true),
            ("/*-1/_search", true),
            ("/_all/_search", true),
            ("/,/_search", true),
            ("/<secret-{now/d}>/_search", true),
            ("/<{now}>/_search", true),
            ("/<secret-1>/_search", true),
            ("/<secret\\-1>/_search", true),
            ("/{now}-1/_search", true),
            ("/cluster:secret-1/_search", true),
            ("/*:*/_search", true),
            ("/secret-1::failures/_search", true),
            ("/logs,secret-1/_search", true),
            ("/+secret-1/_search", true),
            ("/-logs/_search", true),
            ("/*,-logs/_search", true),
            ("/*,-secret-1/_search", true),
            ("/-secret-*,*/_search", true),
            ("/secret-1,-secret-*,secret-2/_search", true),
            ("/secret-1,-secret-*/_search", true),
            ("/secret-1,-secret-1/_search", true),
            ("/logs,secret-1,-secret-*/_search", true),
            ("/_all,-secret-*/_search", true),
            ("/<secret-{now/d}>,-secret-*/_search", true),
            ("/c:secret-1,*,-secret-*/_search", true),
            ("/*,-{eecret-*/_search", true),
            ("/*,-{/_search", true),
            ("/*,-<secret-*>/_search", true),
            ("/*,-secret-{now}*/_search", true),
            ("/*,-s\\ecret-*/_search", true),
            ("/*,secret-1,-secret-*/_search", true),
            ("/*,secret-1,-secret-1/_search", true),
            ("/*, -secret-*/_search", true),
            ("/*,-secret-* /_search", true),
            ("/*,-secret-*;x/_search", true),
            ("/*,-secret%2d*/_search", true),
            ("/*,-SECRET-*/_search", true),
            ("/*,-\u{17f}ecret-*/_search", true),
            ("/*,-+secret-*/_search", true),
            ("/*,+-secret-*/_search", true),
            ("/*,--secret-*/_search", true),
            ("/+*,-secret-*/_search", true),
            ("/c:*,-secret-*/_search", true),
            ("/*,-secret-*,sec*/_search", true),
            ("/*,-secret-*/_search", false),
            ("/sec*,*,-secret-*/_search", false),
            ("/*,-sec*/_search", false),
            ("/logs/_search", false),
            ("/<logs-{now/d}>/_search", false),
            ("/logs-*,metrics-*/_search", false),
            ("/_cat/indices/secret-1", true),
            ("/_cat/indices", true),
            ("/_cat/indices/logs", false),
            ("/_cat/nodes", false),
            ("/_mapping/secret-1", true),
            ("/_mapping/logs", false),
            ("/_search", true),
            ("/_msearch", true),
            ("/_bulk", true),
            ("/_sql", true),
            ("/_search/scroll", false),
            ("/_cluster/health", true),
            ("/_cluster/health/logs", false),
            ("/_nodes/stats", false),
            ("/_dashboards/internal/bsearch", true),
            ("/_dashboards/s/team/internal/bsearch", true),
            ("/_dashboards/api/core/capabilities", false),
            ("/_dashboards/s/team/api/core/capabilities", false),
            ("/_dashboards/x/team/api/core/capabilities", true),
            ("/_dashboards/api/core/capabilities/x", false),
            ("/_dashboards/api/core/capabilitiesx", true),
            ("/", false),
        ] {
            assert_eq!(reach(path).may_touch("secret-*"), touches, "{path}");
        }
    }

    #[test]
    fn date_math_stands_for_anything_in_the_place_of_its_braces_alone() {
        for (path, touches) in [
            ("/<{now}>/_search", true),
            ("/<{now/d{yyyy}}-1>/_search", true),
            ("/<{now}-2>/_search", false),
            ("/<logs-{now}>/_search", false),
            // An exclusion counts behind a wildcard only.
            ("/<secret-{now}>,-secret-1/_search", true),
        ] {
            assert_eq!(reach(path).may_touch("secret-1"), touches, "{path}");
        }
    }

    #[test]
    fn a_name_is_more_than_a_wildcard_at_the_start() {
        for (path, names) in [
            ("/.security-7/_search", true),
            ("/.sec*/_search", true),
            ("/.*/_search", true),
            ("/logs,.security/_search", true),
            ("/c:.security/_search", true),
            ("/<.security-{now}>/_search", true),
            ("/_cat/indices/.security", true),
            ("/*/_search", false),
            ("/_all/_search", false),
            ("/_search", false),
            ("/security/_search", false),
        ] {
            assert_eq!(reach(path).names(".security*"), names, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_list_that_holds_an_index_touches_its_pattern(
            before in "[a-z]{1,5}", number in "[0-9]{1,3}", after in "[a-z]{1,5}",
        ) {
            let path = format!("/{before},secret-{number},{after}/_search");
            prop_assert!(reach(&path).may_touch("secret-*"), "{}", path);
        }

        #[test]
        fn no_path_makes_it_panic(path in "\\PC{0,40}", pattern in "[a-z*.]{0,8}") {
            let _ = (reach(&path).may_touch(&pattern), reach(&path).names(&pattern));
        }
    }
}
