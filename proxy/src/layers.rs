//! The module layers: a module uses only modules of the layers below its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom to the top. Modules of one layer do not use each other.
const LAYERS: [&[&str]; 10] = [
    // These use no other module of the crate.
    &[
        "causes",
        "overflow_id",
        "clock",
        "environment",
        "event",
        "glob",
        "http_client",
        "integer",
        "key",
        "location",
        "log",
        "object",
        "problem",
        "sign",
    ],
    &["body", "clients", "cookie", "credentials", "deadline", "metrics", "path"],
    &["headers", "settings"],
    &["response", "compress", "store"],
    &["aws", "cors", "digest", "upload"],
    &["delivery", "session", "upstream"],
    &["announce", "job"],
    // These combine the configuration and the errors of the modules below.
    &["config", "error"],
    &["access_log", "own", "programs", "respond"],
    &["handler"],
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a text");
    let text = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that a text names as `crate::module`.
fn used(code: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = code.split("crate::").skip(1);
    named.map(|rest| rest.chars().take_while(|c| is_name(*c)).collect()).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn no_module_uses_one_of_its_own_layer_or_above() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&sources, &mut paths);
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for path in paths {
        let below =
            path.strip_prefix(&sources).expect("it is below").to_string_lossy().into_owned();
        let module = below.split(['/', '.']).next().unwrap_or_default().to_owned();
        if matches!(&*module, "lib" | "bin" | "layers") || below.ends_with("tests.rs") {
            continue;
        }
        let Some(own) = layer(&module) else {
            wrong.push(format!("{below}: `{module}` has no layer"));
            continue;
        };
        known.insert(module.clone());
        for other in used(&code(&path)).into_iter().filter(|other| *other != module) {
            match layer(&other) {
                Some(its) if its < own => {}
                Some(_) => {
                    wrong.push(format!("{below} uses `{other}`, which is not below `{module}`"))
                }
                // Items of the crate's root, such as `configured`, are for programs only.
                None if module == "programs" => {}
                None => wrong.push(format!("{below} uses `{other}`, which has no layer")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let listed: usize = LAYERS.iter().map(|layer| layer.len()).sum();
    assert_eq!(known.len(), listed, "every module that is listed exists: {known:?}");
}

#[test]
fn an_import_is_found_in_every_form() {
    let found = used("use crate::a;\nuse crate::b::{self, c};\nlet x = crate::d_e::f();");
    assert_eq!(found, ["a", "b", "d_e"].map(str::to_owned).into());
}
