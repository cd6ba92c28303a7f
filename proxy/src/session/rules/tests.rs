//! Tests of `rules`.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

fn check(rules: &Rules, role: Role, request: &str, allowed: bool) {
    let (method, path) = request.split_once(' ').expect("a method and a path");
    let admitted = rules.admit(role, &method.parse().expect("a method"), path);
    assert_eq!(admitted.is_ok(), allowed, "{role} {request}: {admitted:?}");
}

#[test]
fn a11_administration_is_denied_to_everyone() {
    let rules = Rules::default();
    for role in [Role::Read, Role::Full] {
        for request in [
            "PUT /_cluster/settings",
            "GET /_cluster/settings",
            "GET /_cluster/settings/",
            "PUT /_snapshot/backup",
            "POST /_snapshot/backup/one/_restore",
            "GET /_snapshot",
            "PUT /_security/user/me",
            "PUT /_plugins/_security/api/roles/x",
            "PATCH /_opendistro/_security/api/roles",
            "POST /_nodes/reload_secure_settings",
            "POST /_nodes/a,b/reload_secure_settings",
            "DELETE /logs",
            "DELETE /logs/_doc/1",
            "DELETE /*",
            "DELETE /_all",
            "DELETE /_index_template/x",
            "POST /_aliases",
            "POST /logs/_delete_by_query",
            "POST /_delete_by_query/x:1/_rethrottle",
            "POST /_dangling/x",
            "PUT /_ilm/policy/x",
            "POST /_ilm/stop",
            "POST /logs/_ilm/remove",
            "PUT /_plugins/_ism/policies/x",
            "POST /_plugins/_ism/add/logs",
            "POST /_opendistro/_ism/add/logs",
            "PUT /_cluster/decommission/awareness/zone/a",
            "PUT /_cluster/routing/awareness/zone/weights",
            "POST /_features/_reset",
            "POST /_remotestore/_restore",
            "PUT /_plugins/_sm/policies/x",
            "PUT /_searchguard/api/roles/x",
            "POST /_tasks/x:1/_cancel",
            "POST /logs/_close",
            "PUT /_ingest/pipeline/x",
            "PUT /_watcher/watch/x",
            "PUT /_data_stream/x/_lifecycle",
            "POST /_data_stream/_modify",
            "GET /.opendistro_security/_search",
            "POST /.security-7/_search",
            "PUT /.opendistro_security/_doc/x",
            "POST /logs,.security-7/_search",
            "POST /.sec*/_search",
            "GET /_cat/indices/.security-7",
            "MOVE /logs/_doc/1",
            "TRACE /",
            "COPY /logs",
            "PATCH /logs/_doc/1",
            "CONNECT /",
            "DELETE /_search/scroll/_all",
            "DELETE /_search/point_in_time/_all",
            "DELETE /logs/_doc/api/saved_objects/x",
            "DELETE /api/saved_objects/dashboard/1",
            "POST /_dashboards/api/ism/apiCaller",
            "GET /_dashboards/api/v1/configuration/internalusers",
            "POST /_dashboards/api/index_management/indices/delete",
            "POST /_plugin/kibana/api/security/role/x",
            "POST /api/console/proxy",
            "POST /_dashboards/api/console/proxy",
            "POST /s/space/api/console/proxy",
        ] {
            check(&rules, role, request, false);
        }
    }
}

#[test]
fn a11_no_spelling_bypasses_a_denial() {
    let rules = Rules::default();
    for path in [
        "/_cluster%2Fsettings",
        "/%5fcluster/settings",
        "/_cluster/%73ettings",
        "/_CLUSTER/Settings",
        "/_cluster/settings;x=1",
        "/_cluster;a/settings",
        "/%255Fcluster/settings",
        "/%25255Fcluster/settings",
        "/_cluster%252Fsettings",
        "/_cluster/settings%20",
    ] {
        check(&rules, Role::Full, &format!("PUT {path}"), false);
    }
}

#[test]
fn a11_searches_are_reads_with_any_method() {
    let rules = Rules::default();
    for request in [
        "GET /",
        "HEAD /logs",
        "GET /logs/_search",
        "GET /_cat/indices",
        "GET /_cluster/health",
        "POST /_search",
        "POST /logs/_search",
        "POST /logs/_search/",
        "POST /logs-*,-logs-x/_search",
        "POST /_all/_search",
        "POST /%3Clogs-%7Bnow%2Fd%7D%3E/_search",
        "POST /_search/scroll",
        "DELETE /_search/scroll",
        "DELETE /_search/point_in_time",
        "DELETE /_pit",
        "POST /_msearch",
        "POST /logs/_msearch",
        "POST /logs/_count",
        "POST /_mget",
        "POST /logs/_explain/1",
        "POST /logs/_field_caps",
        "POST /logs/_validate/query",
        "POST /_sql",
        "POST /_plugins/_ppl",
        "POST /logs/_async_search",
        "POST /logs/type/_search",
        "GET /logs/type/1",
        "GET /logs/_doc/a%2Fb",
        "POST /_dashboards/internal/bsearch",
        "POST /_dashboards/internal/search/opensearch",
        "POST /_dashboards/s/space/internal/bsearch",
        "POST /_plugin/kibana/internal/bsearch",
    ] {
        check(&rules, Role::Read, request, true);
        check(&rules, Role::Full, request, true);
    }
}

#[test]
fn a11_read_can_open_dashboards_and_kibana() {
    let rules = Rules::default();
    for place in ["/_dashboards", "/_plugin/kibana", "/_dashboards/s/team"] {
        for request in [
            "GET /app/discover",
            "GET /ui/bundle.js",
            "GET /api/saved_objects/_find",
            "HEAD /",
            "POST /api/core/capabilities",
            "POST /api/metrics/vis/data",
            "POST /api/timeline/run",
            "POST /api/opensearch-dashboards/suggestions/values/logs",
            "POST /api/kibana/suggestions/values/logs",
            "POST /internal/kibana/suggestions/values/logs",
            "POST /api/saved_objects/_export",
            "POST /api/saved_objects/_bulk_get",
            "POST /api/ppl/search",
            "POST /api/enhancements/search/ppl",
            "POST /internal/data_views/_fields_for_wildcard",
            "POST /api/content_management/rpc/search",
            "POST /internal/ecs",
            "POST /api/ui_metric/report",
            "POST /api/ui_counters/_report",
            "POST /internal/bsearch",
            "POST /internal/search/ese/x",
            "DELETE /internal/search/ese/x",
        ] {
            let (method, path) = request.split_once(' ').expect("a method and a path");
            check(&rules, Role::Read, &format!("{method} {place}{path}"), true);
            check(&rules, Role::Full, &format!("{method} {place}{path}"), true);
        }
        for request in [
            "POST /api/saved_objects/dashboard",
            "PUT /api/saved_objects/dashboard/1",
            "POST /api/saved_objects/_import",
            "POST /api/content_management/rpc/delete",
            "POST /api/opensearch-dashboards/settings",
        ] {
            let (method, path) = request.split_once(' ').expect("a method and a path");
            check(&rules, Role::Read, &format!("{method} {place}{path}"), false);
            check(&rules, Role::Full, &format!("{method} {place}{path}"), true);
        }
    }
}

#[test]
fn a11_with_dashboards_at_the_root_cluster_paths_are_denied() {
    let rules = Rules::read_at("", &places("/").expect("a place")).expect("rules");
    for (role, request, allowed) in [
        (Role::Read, "POST /internal/bsearch", true),
        (Role::Read, "POST /s/team/internal/bsearch", true),
        (Role::Read, "GET /app/discover", true),
        (Role::Read, "POST /logs/_search", false),
        (Role::Full, "PUT /logs/_doc/1", false),
        (Role::Full, "DELETE /api/saved_objects/dashboard/1", true),
        (Role::Full, "POST /api/console/proxy", false),
    ] {
        check(&rules, role, request, allowed);
    }
    let rules = Rules::read_at("deny read * /secret-*/**", &places("/").expect("a place"));
    let rules = rules.expect("rules");
    check(&rules, Role::Read, "POST /internal/bsearch", false);
    check(&rules, Role::Read, "GET /app/discover", true);
    for text in ["dashboards", "/a b", "/a%2Fb", "/a*"] {
        assert!(places(text).is_err(), "{text}");
    }
}

#[test]
fn a11_only_full_may_write() {
    let rules = Rules::default();
    for request in [
        "PUT /logs",
        "POST /_bulk",
        "POST /logs/_bulk",
        "POST /logs/_doc",
        "PUT /logs/_doc/1",
        "PUT /logs/_doc/a%2Fb",
        "POST /logs/_update/1",
        "POST /logs/_update_by_query",
        "POST /_reindex",
        "PUT /logs/_mapping",
        "PUT /logs/_settings",
        "PUT /logs/_alias/a",
        "PUT /_index_template/x",
        "POST /logs/_refresh",
        "GET /logs/_refresh",
        "GET /logs/_flush",
        "POST /logs/type",
        "PUT /logs/type/1",
        "PUT /_dashboards/api/saved_objects/a/1",
        "DELETE /_dashboards/api/saved_objects/dashboard/1",
    ] {
        check(&rules, Role::Read, request, false);
        check(&rules, Role::Full, request, true);
    }
}

/// A path that matches a rule and, apart from coincidence, no other rule.
fn sample(path: &str) -> String {
    let place = path.replace("{dashboards}", "/_dashboards");
    let segments = place.split('/').map(|segment| match segment {
        "**" => "x1".to_owned(),
        "{index}" => "logs".to_owned(),
        glob => glob.replace('*', "x1"),
    });
    let sample: Vec<String> = segments.collect();
    sample.join("/")
}

#[test]
fn every_built_in_rule_decides_and_has_a_reason() {
    let rules = Rules::default();
    for line in parse(BUILT_IN) {
        assert!(!line.reason.is_empty(), "{} has no reason", line.text);
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let [effect, role, methods, path] = words[..] else { panic!("{}", line.text) };
        let path = sample(path);
        let methods = if methods == "*" { "GET,POST,PUT,DELETE,PATCH" } else { methods };
        for method in methods.split(',') {
            let request = format!("{method} {path}");
            match (effect, role) {
                ("allow", "full") => {
                    check(&rules, Role::Full, &request, true);
                    check(&rules, Role::Read, &request, false);
                }
                ("allow", _) => {
                    check(&rules, Role::Read, &request, true);
                    check(&rules, Role::Full, &request, true);
                }
                _ => {
                    check(&rules, Role::Read, &request, false);
                    check(&rules, Role::Full, &request, false);
                }
            }
        }
    }
}

#[test]
fn a_rule_that_denies_indices_applies_to_every_path_that_may_reach_them() {
    let rules = Rules::read("deny read * /secret-*/**").expect("a rule");
    for (request, allowed) in [
        ("GET /secret-1/_search", false),
        ("GET /sec*/_search", false),
        ("GET /*/_search", false),
        ("POST /_all/_search", false),
        ("POST /%3Csecret-%7Bnow%2Fd%7D%3E/_search", false),
        ("GET /cluster:secret-1/_search", false),
        ("GET /_cat/indices/secret-1", false),
        ("GET /_mapping/secret-1", false),
        ("GET /_search", false),
        ("POST /_msearch", false),
        ("POST /_sql", false),
        ("POST /_dashboards/internal/bsearch", false),
        ("GET /*,-secret-*/_search", true),
        ("GET /*,-SECRET-*/_search", false),
        ("GET /*,-secret%252D*/_search", false),
        ("GET /*,-secret-*;x/_search", false),
        ("GET /*,%20-secret-*/_search", false),
        ("GET /*,secret-1,-secret-*/_search", false),
        ("GET /_cat/indices/*,-secret-*", true),
        ("GET /_cat/indices/*,-SECRET-*", false),
        ("GET /_CAT/indices/*,-secret-*", false),
        ("GET /logs/_search", true),
        ("GET /logs-*/_search", true),
        ("GET /_cat/nodes", true),
        ("GET /_dashboards/app/home", true),
        ("POST /_dashboards/api/core/capabilities", true),
        ("GET /", true),
    ] {
        check(&rules, Role::Read, request, allowed);
    }
    // A deployment that bounds bodies itself allows them with a rule before this one.
    let rules = "allow read POST {dashboards}/internal/bsearch; deny read * /secret-*/**";
    let rules = Rules::read(rules).expect("rules");
    check(&rules, Role::Read, "POST /_plugin/kibana/internal/bsearch", true);
    check(&rules, Role::Read, "POST /_msearch", false);
    // A rule for one operation on an index does not apply to other operations.
    let rules = Rules::read("deny full PUT /secret-*").expect("a rule");
    check(&rules, Role::Full, "PUT /secret-1", false);
    check(&rules, Role::Full, "PUT /secret-1/_doc/1", true);
    check(&rules, Role::Full, "PUT /logs", true);
}

#[test]
fn a_rule_that_denies_a_name_after_an_operation_applies_to_lists_with_the_name() {
    let rules = Rules::read("deny * * /_cat/indices/secret-*; deny * * /_cat/count/a*b").unwrap();
    for (request, allowed) in [
        ("GET /_cat/indices/secret-1", false),
        ("GET /_cat/indices/open,secret-1", false),
        ("GET /_cat/indices/open", true),
        ("GET /_cat/count/a-b", false),
        ("GET /_cat/count/a,b", false),
        ("GET /_cat/count/a", true),
    ] {
        check(&rules, Role::Read, request, allowed);
    }
}

#[test]
fn a_denying_rule_applies_to_every_spelling_and_no_other_path() {
    let rules = "deny full PUT /{index}/_settings; deny full PUT /_x/*; allow full PUT /**";
    let rules = Rules::read(rules).unwrap();
    for (path, allowed) in [
        ("/logs/_settings", false),
        ("/logs,a/_settings", false),
        ("/_y/_settings", true),
        ("/_x/a", false),
        ("/_x;v=1/a", false),
        ("/_X/a", false),
        ("/_x/a%2Fb", false),
        ("/_x/a/b", true),
    ] {
        check(&rules, Role::Full, &format!("PUT {path}"), allowed);
    }
}

#[test]
fn a7_an_encoded_slash_is_read_by_both_roles_and_written_only_by_full() {
    let rules = Rules::default();
    check(&rules, Role::Read, "POST /logs/_explain/a", true);
    check(&rules, Role::Read, "GET /logs/_explain/a%2Fb", true);
    check(&rules, Role::Read, "POST /logs/_explain/a%2Fb", false);
    check(&rules, Role::Full, "POST /logs/_explain/a%2Fb", true);
    // Only the braces of date math may contain a slash.
    check(&rules, Role::Read, "POST /%3Clogs-%7Bnow%2Fd%7D%3E%2F_doc/_search", false);
}

#[test]
fn a7_a_document_with_the_name_of_an_operation_is_a_document() {
    let rules = Rules::default();
    for request in [
        "POST /logs/_doc/_search",
        "POST /logs%2F_doc/_search",
        "POST /_doc/_search",
        "POST /_bulk/_search",
        "POST /logs/_search/x",
        "POST /internal/bsearch",
        "POST /evilindex/internal/bsearch",
        "POST /s/x/internal/bsearch",
        "POST /logs/_create/internal/bsearch",
        "POST /logs/_doc/internal/search/1",
        "POST /api/saved_objects/_bulk_get",
        "POST /logs/_SEARCH",
        "POST /logs/%255Fsearch",
        "POST /a,_bulk/_search",
        "POST /,/_search",
    ] {
        check(&rules, Role::Read, request, false);
    }
}

#[test]
fn the_rules_of_the_configuration_come_first() {
    let rules = Rules::read(
        "allow full DELETE /logs-*; deny read GET /secret-*/**; allow full PUT,GET /_cluster/settings",
    )
    .unwrap();
    for (role, request, allowed) in [
        (Role::Full, "DELETE /logs-1", true),
        (Role::Full, "DELETE /logs-1,logs-2", true),
        (Role::Full, "DELETE /logs-1,other", false),
        (Role::Full, "DELETE /logs-1/_doc/1", false),
        (Role::Full, "DELETE /logs-_x", true),
        (Role::Full, "DELETE /LOGS-1", false),
        (Role::Read, "DELETE /logs-1", false),
        (Role::Read, "GET /secret-1/_search", false),
        (Role::Read, "GET /secret-1", false),
        (Role::Read, "GET /open,secret-1/_search", false),
        (Role::Read, "GET /SECRET-1/_search", false),
        (Role::Read, "GET /%73ecret-1/_search", false),
        (Role::Read, "GET /open/_search", true),
        (Role::Full, "GET /secret-1/_search", true),
        (Role::Full, "PUT /_cluster/settings", true),
        (Role::Full, "PUT /_cluster/%73ettings", true),
        (Role::Full, "PUT /_cluster/Settings", false),
        (Role::Full, "POST /_cluster/settings", false),
    ] {
        check(&rules, role, request, allowed);
    }
}

#[test]
fn an_invalid_rule_is_refused_with_its_text_and_the_reason() {
    for (text, said) in [
        ("allow", "four words"),
        ("permit full GET /a", "not begin with `allow`, `deny` or `deny-named`"),
        ("allow admin GET /a", "`admin` is not a role"),
        ("allow full get /a", "in capitals"),
        ("allow full GET, /a", "in capitals"),
        ("allow full GET a", "does not begin with `/`"),
        ("allow full GET /a?x", "without a query"),
    ] {
        let error = Rules::read(text).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains(said), "{error}");
    }
}

#[test]
fn a_refusal_names_the_role_the_method_and_the_rule() {
    let refused = Rules::default().admit(Role::Read, &Method::DELETE, "/logs").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the role `read` may not DELETE this path; the rule is `deny * DELETE /**` (deleting)"
    );
    let rules = Rules::read("deny  read GET /secret").unwrap();
    let refused = rules.admit(Role::Read, &Method::GET, "/secret").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the role `read` may not GET this path; the rule is `deny read GET /secret`"
    );
    let refused = Rules::default().admit(Role::Read, &Method::POST, "/logs/_doc").unwrap_err();
    assert!(
        refused.to_string().contains("the default, which denies requests that no rule allows"),
        "{refused}"
    );
}

/// The rules, parsed once because the generated tests check thousands of paths.
static USUAL: LazyLock<Rules> = LazyLock::new(Rules::default);

/// Whether a request writes a document or creates an index in Elasticsearch 7 or OpenSearch 1, by its routes
/// (`RestIndexAction`, `RestUpdateAction`, `RestBulkAction`, `RestCreateIndexAction` of 7.10).
fn writes(method: &str, segments: &[&str]) -> bool {
    const READS: [&str; 8] = [
        "_search",
        "_count",
        "_msearch",
        "_mget",
        "_explain",
        "_termvectors",
        "_mtermvectors",
        "_field_caps",
    ];
    let is_name = |segment: &&str| !segment.starts_with('_');
    if !matches!(method, "POST" | "PUT") {
        return false;
    }
    match segments {
        ["_bulk"] | [_, "_bulk"] | [_, _, "_bulk"] => true,
        [index] => method == "PUT" && is_name(index),
        [index, "_doc"] => is_name(index),
        [index, kind] => method == "POST" && is_name(index) && is_name(kind),
        [index, "_doc" | "_create" | "_update", _] => is_name(index),
        [index, kind, last] => is_name(index) && is_name(kind) && !READS.contains(last),
        [index, _, _, "_update" | "_create"] => is_name(index),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a11_read_cannot_write_to_an_old_cluster_on_any_path(
        method in prop_oneof![Just("POST"), Just("PUT")],
        segments in proptest::collection::vec(
            proptest::sample::select(vec![
                "logs", "api", "internal", "s", "x", "bsearch", "search", "saved_objects", "_bulk_get", "_doc", "_create",
                "_update", "_bulk", "_search", "_msearch", "_dashboards", "_plugin", "kibana", "core", "capabilities", "1",
            ]),
            1..6,
        ),
    ) {
        let path = format!("/{}", segments.join("/"));
        let admitted = USUAL.admit(Role::Read, &method.parse().expect("a method"), &path);
        prop_assert!(!writes(method, &segments) || admitted.is_err(), "{} {}", method, path);
    }

    #[test]
    fn a11_full_cannot_delete_on_any_path_of_an_index(
        segments in proptest::collection::vec("[a-z_*]{1,6}", 0..5), method in "[A-Z]{3,8}",
    ) {
        let rules = &*USUAL;
        let path = format!("/x{}", segments.iter().map(|it| format!("/{it}")).collect::<String>());
        prop_assert!(rules.admit(Role::Full, &Method::DELETE, &path).is_err(), "{}", path);
        let other = method.parse().expect("a method");
        if !["GET", "HEAD", "POST", "PUT", "OPTIONS"].contains(&method.as_str()) {
            prop_assert!(rules.admit(Role::Full, &other, &path).is_err(), "{} {}", method, path);
        }
    }

    #[test]
    fn a7_paths_that_decode_to_administration_are_denied(
        tail in "[a-z/]{0,10}", escapes in proptest::collection::vec(any::<bool>(), 9),
    ) {
        let spelled: String = "_snapshot".chars().zip(escapes).map(|(character, escape)| {
            if escape { format!("%{:02x}", u32::from(character)) } else { character.to_string() }
        }).collect();
        let path = format!("/{spelled}/{tail}");
        prop_assert!(USUAL.admit(Role::Full, &Method::GET, &path).is_err(), "{}", path);
    }

    #[test]
    fn evaluating_rules_never_panics(path in ".{0,60}") {
        let _ = USUAL.admit(Role::Read, &Method::POST, &path);
    }
}
