//! The layers inside each crate of the emulator, which cargo does not enforce: no import points up.

use std::fmt::Write as _;

use super::{files, report, without_tests};

/// A crate: its source folder, and its rooms from the lowest layer to the highest. A room is a file or a folder directly below
/// the source folder. Rooms of one layer may import each other.
struct Layers {
    sources: &'static str,
    rooms: &'static [&'static [&'static str]],
}

const CRATES: &[Layers] = &[
    Layers {
        sources: "emulator/core/src",
        rooms: &[
            &[
                "account",
                "addresses",
                "clock",
                "code_pages",
                "console",
                "descriptors",
                "durable",
                "guard",
                "head",
                "nearest",
                "paths",
                "payloads",
                "percent",
                "plain_json",
                "scratch",
                "token_bucket",
                "tool",
                "uri",
            ],
            &["keyring", "log_buffer", "record", "serve", "sigv4"],
            &["context", "faults"],
            &["caller", "config", "function_name", "strict"],
        ],
    },
    Layers {
        sources: "emulator/services/src",
        rooms: &[
            &["json_api", "sts"],
            &[
                "cloudformation",
                "cloudwatch_logs",
                "dynamodb",
                "elsewhere",
                "secrets",
                "ssm",
                "strict",
            ],
        ],
    },
    Layers {
        sources: "emulator/messages/src",
        rooms: &[&["functions", "pattern", "target"], &["queue"], &["mapping", "topic"], &["bus"]],
    },
    Layers {
        sources: "emulator/project/src",
        rooms: &[&["rules", "source"], &["packaging"], &["settings"], &["template"]],
    },
    Layers {
        sources: "emulator/src",
        rooms: &[
            &["invoke", "report", "sockets", "tries"],
            &["function_urls", "functions"],
            &["control_plane", "messages"],
            &["aws", "control", "notifications"],
            &["builder", "emulator"],
        ],
    },
    Layers {
        sources: "emulator/cli/src",
        rooms: &[
            &["client", "output"],
            &["companion"],
            &["check", "explain", "probe", "replay"],
            &["command"],
        ],
    },
];

/// Of Lambda's crate only what stands above the sandboxes has an order: the sandbox itself is one room of many files.
const LAMBDA: &str = "emulator/lambda/src";
const ABOVE_SANDBOXES: [&str; 2] = ["queue", "invoke_api"];

/// The room of a file below `sources`: `faults` for `faults/kill.rs`, `clock` for `clock.rs`.
fn room<'a>(path: &'a str, sources: &str) -> &'a str {
    let below = path.strip_prefix(sources).unwrap_or(path).trim_start_matches('/');
    let first = below.split('/').next().unwrap_or(below);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The rooms of its own crate that a file names: `crate::ROOM`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric())?;
        (end > 0).then(|| &rest[..end])
    })
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).fold(
        String::new(),
        |mut code, line| {
            code.push_str(line);
            code.push('\n');
            code
        },
    )
}

#[test]
fn no_import_inside_a_crate_points_up() {
    let mut faults = String::new();
    for layers in CRATES {
        let layer_of = |room: &str| layers.rooms.iter().position(|rooms| rooms.contains(&room));
        for (path, text) in files(layers.sources, ".rs") {
            let from = room(&path, layers.sources);
            if matches!(from, "lib" | "main") {
                continue;
            }
            let Some(layer) = layer_of(from) else {
                let _ = writeln!(faults, "{path}: the room `{from}` has no layer in this test");
                continue;
            };
            let code = without_comments(without_tests(&text));
            let up = named(&code).filter(|to| layer_of(to).is_some_and(|other| other > layer));
            for to in up {
                let _ = writeln!(faults, "{path}: imports `{to}`, which stands above `{from}`");
            }
        }
    }
    report("imports that point up:", &faults);
}

#[test]
fn a_sandbox_knows_neither_the_queue_nor_the_invoke_api() {
    let mut faults = String::new();
    for (path, text) in files(LAMBDA, ".rs") {
        let from = room(&path, LAMBDA);
        let layer = ABOVE_SANDBOXES.iter().position(|room| *room == from);
        let above = &ABOVE_SANDBOXES[layer.map_or(0, |layer| layer + 1)..];
        if from == "lib" {
            continue;
        }
        let code = without_comments(without_tests(&text));
        for to in named(&code).filter(|to| above.contains(to)) {
            let _ = writeln!(faults, "{path}: imports `{to}`, which stands above `{from}`");
        }
    }
    report("imports of Lambda's crate that point up:", &faults);
}
