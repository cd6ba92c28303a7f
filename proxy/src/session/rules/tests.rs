//! Tests of `rules`.

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
            "POST /api/console/proxy",
            "POST /_dashboards/api/console/proxy",
            "POST /s/space/api/console/proxy",
        ] {
            check(&rules, role, request, false);
        }
    }
}

#[test]
fn a11_a_spelling_makes_no_way_around() {
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
fn a11_reads_are_reads_whatever_their_method() {
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
        "DELETE /_search/point_in_time/all",
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
        "POST /internal/bsearch",
        "POST /_dashboards/internal/search/opensearch",
        "POST /s/space/internal/bsearch",
    ] {
        check(&rules, Role::Read, request, true);
        check(&rules, Role::Full, request, true);
    }
}

#[test]
fn a11_writes_are_for_full_alone() {
    let rules = Rules::default();
    for request in [
        "PUT /logs",
        "POST /_bulk",
        "POST /logs/_bulk",
        "POST /logs/_doc",
        "PUT /logs/_doc/1",
        "POST /logs/_update/1",
        "POST /logs/_delete_by_query",
        "POST /_reindex",
        "POST /_aliases",
        "PATCH /x",
        "PUT /_dashboards/api/saved_objects/a",
    ] {
        check(&rules, Role::Read, request, false);
        check(&rules, Role::Full, request, true);
    }
    check(&rules, Role::Full, "DELETE /_dashboards/api/saved_objects/dashboard/1", true);
    check(&rules, Role::Read, "DELETE /_dashboards/api/saved_objects/dashboard/1", false);
}

#[test]
fn a7_a_document_that_is_called_like_a_search_is_none() {
    let rules = Rules::default();
    for request in [
        "POST /logs/_doc/_search",
        "POST /logs/type/_search",
        "POST /logs%2F_doc/_search",
        "POST /_doc/_search",
        "POST /_bulk/_search",
        "POST /logs/_search/x",
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
fn what_is_no_rule_is_refused_with_the_words() {
    for (text, said) in [
        ("allow", "four words"),
        ("permit full GET /a", "neither `allow` nor `deny`"),
        ("allow admin GET /a", "`admin` is no role"),
        ("allow full get /a", "in capitals"),
        ("allow full GET, /a", "in capitals"),
        ("allow full GET a", "does not begin with `/`"),
        ("allow full GET /a?x", "without a query"),
    ] {
        let error = Rules::read(text).unwrap_err();
        assert!(error.contains(text) && error.contains(said), "{error}");
    }
}

#[test]
fn a_refusal_names_the_role_the_method_and_the_rule() {
    let refused = Rules::default().admit(Role::Read, &Method::DELETE, "/logs").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the role `read` may not DELETE this path; the rule is `deny * DELETE /**`"
    );
    let refused = Rules::default().admit(Role::Read, &Method::POST, "/logs/_doc").unwrap_err();
    assert!(refused.to_string().contains("`what no rule allows is denied`"), "{refused}");
}

proptest! {
    #[test]
    fn a7_nothing_that_is_decoded_to_administration_gets_through(
        tail in "[a-z/]{0,10}", escapes in proptest::collection::vec(any::<bool>(), 9),
    ) {
        let spelled: String = "_snapshot".chars().zip(escapes).map(|(character, escape)| {
            if escape { format!("%{:02x}", u32::from(character)) } else { character.to_string() }
        }).collect();
        let path = format!("/{spelled}/{tail}");
        prop_assert!(Rules::default().admit(Role::Full, &Method::GET, &path).is_err(), "{}", path);
    }

    #[test]
    fn no_path_makes_a_rule_panic(path in ".{0,60}") {
        let _ = Rules::default().admit(Role::Read, &Method::POST, &path);
    }
}
