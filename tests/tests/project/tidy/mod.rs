//! The repository's own rules, read from its text.

mod layers;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hardcap_limits::{Proof, ROWS};

/// A text that must not stand in code, and what to do instead.
struct Banned {
    text: &'static str,
    instead: &'static str,
}

/// Written in two halves where this file would otherwise find itself.
const BANNED: &[Banned] = &[
    Banned { text: concat!("FIX", "ME"), instead: "mend it before it lands" },
    Banned { text: concat!("XX", "X:"), instead: "say what is wrong and mend it" },
    Banned { text: concat!("should_", "panic"), instead: "assert the error itself" },
    Banned { text: concat!("/wo", "rk/"), instead: "a path relative to the workspace" },
    Banned { text: concat!("/ro", "ot/"), instead: "a path relative to the workspace" },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder of the workspace whose name ends so, as `(path from the root, text)`.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let skipped = name == ".git"
                || matches!(name.as_str(), ".aws-sam" | "target" | "node_modules" | "__pycache__");
            if path.is_dir() {
                folders.extend((!skipped).then_some(path));
            } else if name.ends_with(ending) {
                let relative = path
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_string_lossy()
                    .into_owned();
                found.push((relative, read(&path)));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no file that ends in {ending}");
    found
}

fn rust_files() -> Vec<(String, String)> {
    ["emulator", "proxy", "tests"].iter().flat_map(|folder| files(folder, ".rs")).collect()
}

/// The text of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn is_product(path: &str) -> bool {
    let of_tests =
        path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs");
    path.contains("/src/") && !of_tests
}

fn report(title: &str, faults: &str) {
    assert!(faults.is_empty(), "{title}\n{faults}");
}

#[test]
fn every_module_says_first_what_it_holds() {
    let mut faults = String::new();
    for (path, text) in rust_files() {
        if !text.starts_with("//! ") {
            let _ = writeln!(faults, "{path}: begins without a `//! …` line");
        }
    }
    report("modules without a first line:", &faults);
}

#[test]
fn nothing_banned_stands_in_the_repository() {
    let mut faults = String::new();
    let endings = [".rs", ".toml", ".yaml", ".md", ".py", "justfile", ".html"];
    for (path, text) in endings.iter().flat_map(|ending| files(".", ending)) {
        for banned in BANNED.iter().filter(|banned| text.contains(banned.text)) {
            let _ = writeln!(faults, "{path}: `{}`; {}", banned.text, banned.instead);
        }
    }
    report("banned texts:", &faults);
}

/// Whether a function of this name has an attribute that makes it a test.
fn has_test(sources: &[(String, String)], name: &str) -> bool {
    let definition = format!("fn {name}(");
    sources.iter().any(|(_, text)| {
        text.match_indices(&definition).any(|(at, _)| {
            let before = text[..at].trim_end_matches("async ").trim_end();
            let attributes = before.lines().rev().map(str::trim);
            let mut attributes = attributes.take_while(|line| line.starts_with("#["));
            attributes.any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"))
        })
    })
}

/// A row is enforced where code names it as a field of `limits`, and that is one room of the emulator: see [`room`].
#[test]
fn every_tested_row_is_enforced_in_one_place_and_its_tests_exist() {
    let sources: Vec<_> = files("emulator", ".rs")
        .into_iter()
        .filter(|(path, _)| !path.starts_with("emulator/limits/"))
        .collect();
    let tests: Vec<_> = files("tests", ".rs").into_iter().chain(files("emulator", ".rs")).collect();
    let mut faults = String::new();
    for row in ROWS {
        let mut places: Vec<_> = sources
            .iter()
            .filter(|(path, text)| is_product(path) && names_field(without_tests(text), row.name))
            .map(|(path, _)| room(path))
            .collect();
        places.dedup();
        let lost: Vec<_> = row
            .tests
            .iter()
            .filter(|name| !has_test(&tests, name))
            .map(ToString::to_string)
            .collect();
        if !lost.is_empty() {
            let _ = writeln!(faults, "{}: no test is called {}", row.name, lost.join(" or "));
        }
        let fault = match row.proof {
            Proof::Tested if places.is_empty() => "Tested, but the emulator does not enforce it",
            Proof::NotEmulated(_) if !places.is_empty() => "NotEmulated, but the emulator uses it",
            _ if places.len() > 1 => "enforced in more than one room",
            _ => continue,
        };
        let _ = writeln!(faults, "{}: {fault} {places:?}", row.name);
    }
    report("rows and the places that enforce them:", &faults);
}

/// The room of a source file: a folder or file directly below `emulator/src`; of the other crates, the crate, but Lambda's queue
/// is a room of its own.
fn room(path: &str) -> &str {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [_, "src", room, ..] => room,
        [_, "lambda", "src", room @ "queue", ..] => room,
        [_, room, ..] => room,
        _ => path,
    }
}

fn names_field(text: &str, row: &str) -> bool {
    let field = format!("limits.{row}");
    text.match_indices(&field).any(|(at, found)| {
        let rest = &text[at + found.len()..];
        !rest.starts_with(|next: char| next == '_' || next.is_ascii_alphanumeric())
    })
}

#[test]
fn every_path_that_the_map_names_exists() {
    let folders = ["emulator/", "proxy/", "tests/", "fixtures/", "docs/", ".ci/"];
    let mut faults = String::new();
    for page in ["ARCHITECTURE.md", "README.md"] {
        let text = read(&root().join(page));
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = folders.iter().any(|folder| quoted.starts_with(folder))
                && !quoted.contains([' ', '<', '{', '*', '\n']);
            if is_path && !root().join(quoted).exists() {
                let _ = writeln!(faults, "{page}: `{quoted}` does not exist");
            }
        }
    }
    report("stale entries of the map:", &faults);
}

/// The last cell of each row says by which test a recording is reproduced, `in part: `, or why not: `no: `.
#[test]
fn the_page_of_recordings_counts_its_rows_and_names_tests_that_are_there() {
    let page = read(&root().join("docs/recordings.md"));
    let proofs = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
        let proof = |row: &str| row.trim_end_matches(" |").rsplit(" | ").next().map(str::to_owned);
        rows.filter_map(proof).filter(|proof| proof != "proof").collect()
    };
    let counted = |proofs: &[String]| {
        let begin = |with: &str| proofs.iter().filter(|proof| proof.starts_with(with)).count();
        let (rows, part, no) = (proofs.len(), begin("in part: "), begin("no: "));
        format!("{rows} rows: {} reproduced, {part} in part, {no} not.", rows - part - no)
    };
    let mut faults = String::new();
    for section in page.split("\n## ").skip(1).chain([page.as_str()]) {
        let title = section.lines().next().unwrap_or_default();
        let counts = counted(&proofs(section));
        if section.lines().nth(2) != Some(&counts) {
            let _ = writeln!(faults, "{title}: does not begin with `{counts}`");
        }
    }
    for proof in proofs(&page) {
        let tests: Vec<_> = proof.split('`').filter_map(|quoted| quoted.split_once("::")).collect();
        if tests.is_empty() && !proof.starts_with("no: ") {
            let _ = writeln!(faults, "no test is named: {proof}");
        }
        for (file, name) in tests {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            if !text.contains(&format!("fn {name}()")) {
                let _ = writeln!(faults, "{file} has no test {name}");
            }
        }
    }
    report("docs/recordings.md:", &faults);
}

#[test]
fn emulator_and_proxy_do_not_know_each_other() {
    for (path, text) in files("emulator", "Cargo.toml") {
        assert!(!text.contains("hardcap-proxy"), "{path} depends on hardcap-proxy");
    }
    let proxy = read(&root().join("proxy/Cargo.toml"));
    assert!(!proxy.contains("hardcap.workspace"), "hardcap-proxy depends on hardcap");
    for (path, text) in files("proxy/src", ".rs") {
        assert!(!text.contains("_hardcap"), "{path} knows that it is emulated");
    }
}

#[test]
fn unsafe_code_is_only_where_processes_start_and_where_code_pages_are_released() {
    let places = [
        "emulator/core/src/code_pages.rs",
        "emulator/core/src/tool.rs",
        "emulator/lambda/src/kernel/",
    ];
    let mut faults = String::new();
    for (path, text) in rust_files() {
        let is_allowed = places.iter().any(|place| path.starts_with(place));
        if is_product(&path) && text.contains("unsafe_code") && !is_allowed {
            let _ = writeln!(faults, "{path}: has unsafe code");
        }
    }
    report(&format!("unsafe code outside of {}:", places.join(" and ")), &faults);
}

#[test]
fn there_is_one_tls_and_one_http_stack() {
    let lock = read(&root().join("Cargo.lock"));
    for banned in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "lambda_http"]
    {
        assert!(
            !lock.contains(&format!("name = \"{banned}\"")),
            "Cargo.lock has {banned}; see deny.toml"
        );
    }
    assert_eq!(lock.matches("name = \"hyper\"").count(), 1, "Cargo.lock has more than one hyper");
    assert_eq!(lock.matches("name = \"rustls\"").count(), 1, "Cargo.lock has more than one rustls");
    for source in lock.lines().filter(|line| line.starts_with("source = ")) {
        assert!(
            source.starts_with("source = \"registry+"),
            "a dependency that is not of a registry: {source}"
        );
    }
}

/// `tests/fuzz` is a workspace of its own, whose lock no other build writes. A build of the fuzz targets changes a stale lock, and fails
/// without a registry.
#[test]
fn the_lock_of_the_fuzz_targets_has_what_the_manifests_name() {
    let table = |path: &str| -> toml::Table {
        read(&root().join(path)).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let lock = table("tests/fuzz/Cargo.lock");
    let names = |value: Option<&toml::Value>| -> Vec<String> {
        let list = value.and_then(toml::Value::as_array).into_iter().flatten();
        let texts = list.filter_map(toml::Value::as_str);
        texts.map(|text| text.split(' ').next().unwrap_or(text).to_owned()).collect()
    };
    let packages = lock["package"].as_array().expect("packages");
    let locked = |name: &str| {
        let package = packages.iter().find(|package| package["name"].as_str() == Some(name));
        package.map(|package| names(package.get("dependencies")))
    };
    let (mut faults, mut compared) = (String::new(), 0);
    for (path, text) in files(".", "Cargo.toml") {
        let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let name = manifest.get("package").and_then(|package| package["name"].as_str());
        let Some(locked) = name.and_then(locked) else { continue };
        compared += 1;
        for sort in ["dependencies", "build-dependencies"] {
            let named = manifest.get(sort).and_then(toml::Value::as_table).into_iter().flatten();
            for (dependency, _) in named.filter(|(name, _)| !locked.contains(*name)) {
                let _ = writeln!(faults, "{path}: the lock does not have `{dependency}`");
            }
        }
    }
    assert!(compared > 8, "only {compared} packages were compared");
    report("run `cargo metadata --manifest-path tests/fuzz/Cargo.toml`:", &faults);
}

/// With "s" or "z" for the program, an event of 6 MB took five times as long: loops of all crates went without vector instructions.
#[test]
fn the_published_program_is_optimized_for_speed_where_crates_are_optimized_together() {
    let manifest: toml::Table = read(&root().join("Cargo.toml")).parse().expect("TOML");
    let profile = &manifest["profile"]["dist"];
    assert_eq!(profile["lto"].as_str(), Some("fat"), "{profile}");
    let program = &profile["package"]["hardcap-cli"];
    assert_eq!(program["opt-level"].as_integer(), Some(3), "{program}");
}

/// The profile `dist` inherits the levels of `release`, so it has to name every package that a release build does not optimize.
#[test]
fn the_published_program_optimizes_what_a_release_build_does_not() {
    let manifest: toml::Table = read(&root().join("Cargo.toml")).parse().expect("TOML");
    let packages = |profile: &str| manifest["profile"][profile]["package"].as_table().cloned();
    let release = packages("release").expect("a table");
    let dist = packages("dist").expect("a table");
    let is_left_out =
        |level: &toml::Value| level.get("opt-level").and_then(toml::Value::as_integer) == Some(0);
    let names = release.iter().filter(|(_, level)| is_left_out(level)).map(|(name, _)| name);
    let names: Vec<&String> = names.collect();
    assert!(names.len() > 20, "{names:?}");
    let slow = names.iter().filter(|name| dist.get(**name).is_none_or(is_left_out));
    let slow: Vec<&&String> = slow.collect();
    assert!(slow.is_empty(), "the profile dist does not optimize {slow:?}");
}

/// The code of an `async fn` is compiled by each crate that polls it, with the level of that crate: with `async fn` at the
/// boundaries, the library took 105 CPU seconds of a release build instead of 10. A boxed future is compiled where it is made.
#[test]
fn public_functions_of_services_return_boxed_futures() {
    // Each waits for one channel, and is called for every piece of a stream.
    let small = "emulator/lambda/src/stream.rs";
    let mut faults = String::new();
    for folder in ["gateway", "lambda", "messages", "s3", "services"] {
        for (path, text) in files(&format!("emulator/{folder}/src"), ".rs") {
            if path == small || path.ends_with("/fuzz.rs") {
                continue;
            }
            let lines = without_tests(&text).lines();
            for line in lines.filter(|line| line.contains("pub async fn")) {
                let _ = writeln!(faults, "{path}: {}", line.trim());
            }
        }
    }
    report("return `BoxFuture` instead:", &faults);
}

/// `url` needs Unicode's tables for names of hosts. A pin in the lock chooses those that take 3 instead of 20 crates.
#[test]
fn the_lock_has_the_smaller_tables_for_names_of_hosts() {
    let lock = read(&root().join("Cargo.lock"));
    let command = "cargo update --package idna_adapter --precise 1.1.0";
    assert!(!lock.contains("name = \"icu_properties\""), "run `{command}`");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "cargo alone knows the licences of the dependencies")]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let deny = read(&root().join("deny.toml"));
    let allowed = |term: &str| deny.contains(&format!("\"{term}\""));
    let mut faults = String::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let licence = package["license"].as_str().unwrap_or("none");
        if !licence_is_allowed(licence, &allowed) {
            let _ = writeln!(faults, "{}: {licence}", package["name"]);
        }
    }
    report("dependencies whose licence deny.toml does not allow:", &faults);
}

/// Every term of an AND must be allowed, of an OR (or the old `/`) one.
fn licence_is_allowed(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let plain = expression
        .replace(['(', ')'], " ")
        .replace(" WITH LLVM-exception", "")
        .replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|term| allowed(term.trim())))
}

#[test]
fn every_fixture_names_its_origin_and_date() {
    let mut faults = String::new();
    for (path, text) in files("fixtures", "origin.toml") {
        for field in ["source", "date", "confidence"] {
            if !text.lines().any(|line| line.starts_with(&format!("{field} = \""))) {
                let _ = writeln!(faults, "{path}: has no {field}");
            }
        }
    }
    report("fixtures without an origin:", &faults);
}

/// The page whose tables list failure modes of the proxy with their tests, and where tests are that are named without a file.
const FAILURE_MODES: (&str, &str) = ("docs/failure-modes.md", "proxy/tests");

#[test]
fn every_test_of_the_failure_modes_exists_and_no_number_is_missing() {
    let sources = rust_files();
    let (mut faults, mut listed) = (String::new(), Vec::new());
    let (page, elsewhere) = FAILURE_MODES;
    let text = read(&root().join(page));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    for row in rows.filter(|row| !row.starts_with("---") && !row.ends_with("| tests")) {
        let (mode, tests) = row.rsplit_once(" | ").expect("a row has two cells or more");
        listed.extend(mode.split([' ', ',']).map(str::to_owned));
        for fault in missing(tests, elsewhere, &sources) {
            let _ = writeln!(faults, "{page}: {mode}: {fault}");
        }
    }
    let all = [
        ("Z", 10),
        ("B", 6),
        ("C", 4),
        ("R", 8),
        ("X", 7),
        ("P", 9),
        ("K", 3),
        ("S", 13),
        ("A", 11),
    ];
    for (letter, last) in all.into_iter().chain([("H", 4), ("J", 14), ("E", 5)]) {
        for mode in (1..=last).map(|number| format!("{letter}{number}")) {
            if !listed.contains(&mode) {
                let _ = writeln!(faults, "{mode}: no table has it");
            }
        }
    }
    report("failure modes of the proxy:", &faults);
}

/// What a cell such as "`tests/a.rs`: `x_*`, `b::y_*`" names and nobody finds: files, modules, and tests in them.
fn missing(cell: &str, elsewhere: &str, sources: &[(String, String)]) -> Vec<String> {
    let quoted: Vec<&str> = cell.split('`').collect();
    let (mut faults, mut places, mut named) = (Vec::new(), vec![elsewhere.to_owned()], true);
    for (at, name) in quoted.iter().enumerate().skip(1).step_by(2) {
        let module = name.rsplit_once("::").filter(|(_, last)| *last != "tests");
        let is_place = module.is_none()
            && (name.contains(['/', ':'])
                || quoted.get(at + 1).is_some_and(|next| next.starts_with(':'))
                || sources
                    .iter()
                    .any(|(path, _)| *path == format!("tests/tests/proxy/jobs/{name}.rs")));
        if is_place {
            // Several places before a name: the name is in one of them.
            if named {
                places.clear();
            }
            places.extend(below(name));
            named = false;
            if !sources
                .iter()
                .any(|(path, _)| below(name).iter().any(|place| path.starts_with(place)))
            {
                faults.push(format!("`{name}` does not exist"));
            }
            continue;
        }
        let (found, test) = match module {
            Some((module, test)) => (below(module), test),
            None => (places.clone(), *name),
        };
        named = named || module.is_none();
        let function =
            test.strip_suffix('*').map_or(format!("fn {test}("), |from| format!("fn {from}"));
        let known = sources.iter().any(|(path, text)| {
            found.iter().any(|place| path.starts_with(place)) && text.contains(&function)
        });
        if !known {
            faults.push(format!("no test `{test}` in {}", found.join(" or ")));
        }
    }
    faults
}

/// How the paths of files begin that a place in a table of failure modes may mean.
fn below(place: &str) -> Vec<String> {
    let path = place.trim_end_matches("::tests").replace("::", "/");
    match path.split_once('/') {
        Some(("tests", rest)) if rest.starts_with("tests/") => vec![path],
        Some(("tests", _)) => vec![format!("proxy/{path}")],
        Some(("clients", _)) => vec![format!("tests/tests/proxy/{path}")],
        Some(("hardcap", rest)) => match rest.split_once('/') {
            Some((member @ ("lambda" | "s3" | "core" | "cli"), rest)) => {
                vec![format!("emulator/{member}/src/{rest}")]
            }
            _ => vec![format!("emulator/src/{rest}")],
        },
        _ => ["proxy/src/", "proxy/src/job/", "tests/tests/proxy/jobs/"]
            .iter()
            .flat_map(|folder| [format!("{folder}{path}.rs"), format!("{folder}{path}/")])
            .collect(),
    }
}
