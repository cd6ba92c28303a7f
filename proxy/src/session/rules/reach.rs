//! The indices that a request reaches, as far as its path shows them.
//!
//! A path names sets of indices: lists, wildcards, exclusions, date math, other clusters. Rules that deny an index compare their
//! set with these. A path does not show the indices that a body names, nor the targets of aliases.

use crate::glob;

/// The indices that a request reaches according to its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// No documents of an index: cluster state, pages, or cursors of earlier requests.
    Nothing,
    /// These expressions, all in lower case.
    Named(Vec<Expression>),
    /// Unknown: the indices are in the body or in the query, or all indices are reached.
    Unknown,
}

/// The decoding of a path's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As the cluster decodes them.
    AsSent,
    /// Decoded more widely: in lower case, decoded again, without parameters. Such a segment may name more than the cluster finds in
    /// it, never less. Therefore its exclusions are ignored: `*,-SECRET-*` excludes nothing.
    Widened,
}

/// One part of a list of indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    /// `true` for `-name`.
    excludes: bool,
    /// Whether it removes indices from those of the wildcards before it: the cluster reads it as an exclusion, and a wildcard
    /// precedes it (Elasticsearch from 6 on, and OpenSearch).
    takes_out: bool,
    /// Whether a later exclusion applies to it. An exclusion removes what a wildcard has added. It removes a name that is
    /// written out only where wildcards are expanded, and `expand_wildcards=none` in the query turns that off
    /// (`WildcardExpressionResolver` in OpenSearch's `IndexNameExpressionResolver.java`, as of 2026-11).
    is_wildcard: bool,
    /// All globs that the part may mean: of `cluster:index::failures` each piece.
    globs: Vec<String>,
    /// Whether the part begins with a wildcard, so that it does not name a hidden index.
    is_open: bool,
}

/// First segments below which no document of an index is reached.
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
/// The next segment after these names indices, or something that leads to indices.
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
/// Paths about the cluster, but not about its documents.
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
/// Requests of pages that do not read documents, below the paths of dashboards.
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
    /// The reach of a path. `dashboards` are the paths of Kibana or Dashboards, as segments; `reads` is whether it is a GET.
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
                // A later exclusion that removes the whole pattern.
                let taken_out = expression.is_wildcard
                    && expressions[at..]
                        .iter()
                        .any(|later| later.takes_out && later.holds_all(pattern));
                !expression.excludes && expression.may_be(pattern) && !taken_out
            }),
        }
    }

    /// Whether the path itself names an index of the pattern, other than by a wildcard at the start.
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

/// The parts of a list. An empty list means all indices, and so does an exclusion at the start, as in Elasticsearch 6.
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

/// Whether a part of a list contains only characters of index names and `*`: no blank, date math, cluster name, or character that a
/// server might decode. Any other part is not certain to exclude anything.
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

    /// Whether every index of the pattern is included. Only a star matches a star of the pattern.
    fn holds_all(&self, pattern: &str) -> bool {
        self.globs.first().is_some_and(|glob| glob::matches(glob, pattern))
    }
}

/// `<logs-{now/d}>` as `logs-*`: date math may become any text.
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
            // Escapes the next character.
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
    fn date_math_matches_any_text_only_in_its_braces() {
        for (path, touches) in [
            ("/<{now}>/_search", true),
            ("/<{now/d{yyyy}}-1>/_search", true),
            ("/<{now}-2>/_search", false),
            ("/<logs-{now}>/_search", false),
            // An exclusion is effective only after a wildcard.
            ("/<secret-{now}>,-secret-1/_search", true),
        ] {
            assert_eq!(reach(path).may_touch("secret-1"), touches, "{path}");
        }
    }

    #[test]
    fn a_wildcard_at_the_start_does_not_name_an_index() {
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
