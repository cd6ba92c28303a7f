//! Every code block of a page does what the page shows, or has a comment that says why it is not run.

use std::collections::BTreeMap;
use std::time::Duration;

use hardcap_tests::eventually::eventually_blocking;

use super::output::is_shown;
use super::page::{Fence, Page};
use super::pages::pages;
use super::rust;
use super::stage::{Stage, prepare};

/// Programs that a machine with Rust need not have. A block that calls one runs with `just test-all` alone.
const OTHERS: &[&str] = &[
    "aws",
    "cargo-lambda",
    "cdk",
    "curl",
    "docker",
    "go",
    "jq",
    "mvn",
    "node",
    "npm",
    "npx",
    "pip",
    "pytest",
    "python3",
    "sam",
    "serverless",
];

/// Pages that a test writes.
const GENERATED: [&str; 2] = ["docs/limits.md", "docs/explain.md"];

/// How the blocks of a page were treated.
#[derive(Debug, Default)]
struct Count {
    run: usize,
    /// Parsed or compared, because there is nothing to run in them.
    read: usize,
    not_run: BTreeMap<String, usize>,
    left_out: BTreeMap<String, usize>,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} run, {} read", self.run, self.read)?;
        for (reason, blocks) in &self.not_run {
            write!(f, ", {blocks} not run ({reason})")?;
        }
        for (program, blocks) in &self.left_out {
            write!(f, ", {blocks} left to the ignored test (they call {program})")?;
        }
        Ok(())
    }
}

/// A page under test: one folder after the other.
struct Run<'p> {
    page: &'p Page,
    stage: Stage,
    count: Count,
    programs: Programs,
    /// The program that a block of this folder calls and that is not to be used: the rest of the folder is left out.
    unused: Option<String>,
    /// Whether the functions of the folder call curl.
    needs_curl: bool,
}

/// Which programs the blocks of a page may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Programs {
    /// hardcap and what every machine has.
    Own,
    /// Also [`OTHERS`].
    All,
}

fn test(path: &str, programs: Programs) {
    let page = Page::read(path);
    let mut run = Run {
        page: &page,
        stage: Stage::new(),
        count: Count::default(),
        programs,
        unused: None,
        needs_curl: false,
    };
    for fence in &page.fences {
        run.block(fence);
    }
    run.stage.stop();
    eprintln!("{path}: {}", run.count);
}

impl Run<'_> {
    fn place(&self, fence: &Fence) -> String {
        format!("{}:{}", self.page.path, fence.line)
    }

    fn block(&mut self, fence: &Fence) {
        if let Some(project) = &fence.wish.project {
            self.stage.stop();
            self.stage = Stage::new();
            self.unused = None;
            self.needs_curl = project == "sample";
            prepare(&self.stage, project);
        }
        let place = self.place(fence);
        if let Some(reason) = &fence.wish.not_run {
            *self.count.not_run.entry(reason.clone()).or_default() += 1;
            return;
        }
        for line in &fence.wish.setup {
            let ran = self.stage.run(line);
            assert_eq!(ran.code, Some(0), "{place}: setup `{line}`: {}", ran.output);
        }
        if let Some(file) = &fence.wish.file {
            self.stage.write(file, &fence.text);
        }
        match fence.language.as_str() {
            "sh" => self.commands(fence, &script(&fence.text)),
            "console" => self.commands(fence, &session(&fence.text)),
            "toml" => self.settings(fence),
            "yaml" if fence.text.contains("- run: ") => self.workflow(fence),
            "yaml" if fence.wish.file.is_some() => self.count.read += 1,
            "yaml" => self.template(fence),
            "json" => {
                let read = serde_json::Deserializer::from_str(&fence.text)
                    .into_iter::<serde_json::Value>()
                    .collect::<Result<Vec<_>, _>>();
                assert!(read.is_ok(), "{place}: {}", read.unwrap_err());
                self.count.read += 1;
            }
            "rust" => {
                assert!(
                    rust::is_compiled(&fence.text),
                    "{place}: this is not in tests/tests/project/book/rust.rs"
                );
                self.count.read += 1;
            }
            "text" => {
                let command = fence.text.lines().find(|line| {
                    line.starts_with("$ ") || line.split(' ').any(|word| word == "hardcap")
                });
                assert_eq!(command, None, "{place}: a command is not a block of `text`");
                self.count.read += 1;
            }
            _ if fence.wish.file.is_some() => self.count.read += 1,
            language => {
                panic!("{place}: a block of `{language}` is neither a `file` nor `not run`")
            }
        }
    }

    /// The programs of [`OTHERS`] that these commands call.
    fn others(&self, commands: &[Command]) -> Vec<String> {
        let words = commands.iter().flat_map(|command| programs(&command.line));
        let curl = self.needs_curl.then(|| "curl".to_owned());
        words.filter(|word| OTHERS.contains(&word.as_str())).chain(curl).collect()
    }

    fn commands(&mut self, fence: &Fence, commands: &[Command]) {
        let place = self.place(fence);
        assert!(!commands.is_empty(), "{place}: there is no command in it");
        let others = self.others(commands);
        if self.programs == Programs::All {
            for program in others {
                assert!(self.stage.has_program(&program), "{place}: {program} is missing");
            }
        } else if self.unused.is_none() {
            self.unused = others.into_iter().next();
        }
        if let Some(program) = &self.unused {
            *self.count.left_out.entry(program.clone()).or_default() += 1;
            return;
        }
        let mut code = Some(0);
        for (at, command) in commands.iter().enumerate() {
            if goes_on(&command.line) {
                self.stage.start(&command.line);
                self.said(&place, command);
                continue;
            }
            let addressed =
                command.line.contains("127.0.0.1:3000") || command.line.contains("127.0.0.1:4566");
            assert!(
                self.stage.runs() || !addressed,
                "{place}: no hardcap runs for `{}`",
                command.line
            );
            let shows_code =
                |next: Option<&Command>| next.is_some_and(|next| next.line == "echo $?");
            let line = match code {
                Some(code) if command.line == "echo $?" => format!("echo {code}"),
                _ => command.line.clone(),
            };
            let ran = self.stage.run(&line);
            code = ran.code;
            assert!(
                code == Some(0) || shows_code(commands.get(at + 1)) || command.may_fail,
                "{place}: `{line}` ended with {code:?}:\n{}",
                ran.output
            );
            if let Some(shown) = &command.shown {
                let right = is_shown(shown, &ran.output);
                assert!(right, "{place}: `{line}` shows\n{shown}\nand prints\n{}", ran.output);
            }
        }
        self.count.run += 1;
    }

    /// What a hardcap in the background prints is compared once it is there.
    fn said(&self, place: &str, command: &Command) {
        let Some(shown) = &command.shown else { return };
        let what = format!("{place}: `{}` shows\n{shown}\n", command.line);
        eventually_blocking(Duration::from_secs(20), &what, || {
            let said = self.stage.said();
            if is_shown(shown, &said) { Ok(()) } else { Err(said) }
        });
    }

    /// A block that is `hardcap.toml`, in a project of its own unless it is a file of the page's.
    fn settings(&mut self, fence: &Fence) {
        self.count.run += 1;
        let place = self.place(fence);
        if fence.wish.file.as_deref().is_some_and(|file| file != "hardcap.toml") {
            let read = fence.text.parse::<toml::Table>();
            assert!(read.is_ok(), "{place}: {}", read.unwrap_err());
            return;
        }
        if fence.wish.file.is_some() {
            return checked(&self.stage, &place);
        }
        let stage = Stage::new();
        prepare(&stage, "sample");
        stage.write("hardcap.toml", &fence.text);
        checked(&stage, &place);
    }

    /// A block that is `template.yaml`, beside the code of the sample project.
    fn template(&mut self, fence: &Fence) {
        self.count.run += 1;
        let stage = Stage::new();
        prepare(&stage, "sample");
        stage.write("template.yaml", &fence.text);
        checked(&stage, &self.place(fence));
    }

    /// The commands of a workflow that call hardcap.
    fn workflow(&mut self, fence: &Fence) {
        let run = fence.text.lines().filter_map(|line| line.trim_start().strip_prefix("- run: "));
        let run = run.filter(|line| line.starts_with("hardcap "));
        let commands: Vec<Command> = run.map(Command::new).collect();
        self.commands(fence, &commands);
    }
}

fn checked(stage: &Stage, place: &str) {
    let ran = stage.run("hardcap check");
    assert_eq!(ran.code, Some(0), "{place}: {}", ran.output);
}

/// A command of a block.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    line: String,
    /// What the page shows of its output; `None` where it shows nothing.
    shown: Option<String>,
    /// Whether it may end with any code: its output says how it ended.
    may_fail: bool,
}

impl Command {
    fn new(line: &str) -> Command {
        Command { line: line.to_owned(), shown: None, may_fail: false }
    }
}

/// The commands of a script: a line each, unless a line continues.
fn script(text: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut line = String::new();
    for next in text.lines() {
        line.push_str(next);
        if line.ends_with('\\') || line.matches('\'').count() % 2 == 1 {
            line.push('\n');
            continue;
        }
        let comment = line.trim_start().starts_with('#');
        if !line.trim().is_empty() && !comment {
            commands.push(Command::new(&line));
        }
        line.clear();
    }
    assert!(line.is_empty(), "a command has no end: {line}");
    commands
}

/// The commands of a session in a terminal, each with the output that follows it.
fn session(text: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Command::new(command));
        } else if let Some(last) = commands.last_mut() {
            if open {
                last.line.push('\n');
                last.line.push_str(line);
            } else {
                let shown = last.shown.get_or_insert_default();
                shown.push_str(line);
                shown.push('\n');
                last.may_fail = true;
            }
        } else {
            panic!("an output without a command: {line}");
        }
        let last = &commands.last().expect("there is one").line;
        open = last.ends_with('\\') || last.matches('\'').count() % 2 == 1;
    }
    commands
}

/// The programs that a command line calls: the first word, and the first word after what separates commands.
fn programs(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = true;
    for word in line.split_whitespace() {
        let begins = matches!(word, "|" | "&&" | "||" | ";" | "--" | "do" | "then");
        if next && !begins && !word.contains('=') {
            found.push(word.trim_start_matches(['(', '\'', '"']).to_owned());
            next = false;
        }
        // The command of `sh -c '…'`.
        next |= begins || (word == "-c" && found.last().is_some_and(|program| program == "sh"));
    }
    found
}

/// Whether a command runs until Ctrl-C: `hardcap` alone or `hardcap up`, at the end of the line.
fn goes_on(line: &str) -> bool {
    let last = line.split("&&").last().unwrap_or_default();
    let last = last.split(" #").next().unwrap_or_default();
    let mut words = last.split_whitespace();
    let is_help = |word: &str| matches!(word, "--help" | "--version");
    words.next() == Some("hardcap")
        && match words.next() {
            None => true,
            Some("up") => !words.any(is_help),
            Some(option) => option.starts_with("--") && !is_help(option),
        }
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let lines = |commands: Vec<Command>| commands.into_iter().map(|it| it.line).collect::<Vec<_>>();
    assert_eq!(lines(script("# a\na b \\\n  c\n\nd 'e\nf'\n")), ["a b \\\n  c", "d 'e\nf'"]);
    let session = session("$ a\nx\n$ b \\\n  c\ny\n$ echo $?\n0\n");
    assert_eq!(session[0].shown.as_deref(), Some("x\n"));
    assert_eq!((session[1].line.as_str(), session[1].shown.as_deref()), ("b \\\n  c", Some("y\n")));
    let called = programs("A=1 hardcap exec x -- sh -c 'curl y | jq .' && npm test");
    assert_eq!(called, ["hardcap", "sh", "curl", "jq", "npm"]);
    for (line, expected) in [
        ("hardcap", true),
        ("hardcap init && hardcap      # why", true),
        ("hardcap up a.yaml --watch", true),
        ("hardcap --limits current", true),
        ("hardcap --help", false),
        ("hardcap check", false),
        ("curl x", false),
    ] {
        assert_eq!(goes_on(line), expected, "{line}");
    }
}

macro_rules! pages {
    ($($name:ident: $path:literal),+ $(,)?) => {
        $(#[test]
        fn $name() {
            test($path, Programs::Own);
        })+

        mod with_every_program {
            $(#[test]
            #[ignore = "needs other programs, such as curl, Python and Node: just test-all"]
            fn $name() {
                super::test($path, super::Programs::All);
            })+
        }

        #[test]
        fn every_page_has_a_test() {
            let tested = [$($path),+];
            let own = ["README.md".to_owned()];
            let wanted = pages().into_iter().filter(|page| !GENERATED.contains(&page.as_str()));
            for page in own.into_iter().chain(wanted) {
                assert!(tested.contains(&page.as_str()), "the snippets of {page} are not tested");
            }
        }
    };
}

pages! {
    the_readme: "README.md",
    page_summary: "docs/SUMMARY.md",
    page_check: "docs/check.md",
    page_ci: "docs/ci.md",
    commands_check: "docs/commands/check.md",
    commands_completions: "docs/commands/completions.md",
    commands_exec: "docs/commands/exec.md",
    commands_explain: "docs/commands/explain.md",
    commands_health: "docs/commands/health.md",
    commands_init: "docs/commands/init.md",
    commands_invoke: "docs/commands/invoke.md",
    commands_limits: "docs/commands/limits.md",
    commands_logs: "docs/commands/logs.md",
    commands_man: "docs/commands/man.md",
    commands_options: "docs/commands/options.md",
    commands_probe: "docs/commands/probe.md",
    commands_replay: "docs/commands/replay.md",
    commands_report: "docs/commands/report.md",
    commands_up: "docs/commands/up.md",
    page_comparison: "docs/comparison.md",
    page_containers: "docs/containers.md",
    page_control_api: "docs/control-api.md",
    page_dates: "docs/dates.md",
    page_debugging: "docs/debugging.md",
    page_differences: "docs/differences.md",
    page_exec: "docs/exec.md",
    page_faults: "docs/faults.md",
    page_getting_started: "docs/getting-started.md",
    page_hardcap_toml: "docs/hardcap-toml.md",
    page_install: "docs/install.md",
    page_introduction: "docs/introduction.md",
    page_jobs: "docs/jobs.md",
    page_failure_modes: "docs/failure-modes.md",
    page_logging: "docs/logging.md",
    page_node: "docs/node.md",
    page_node_tests: "docs/node-tests.md",
    page_proxy: "docs/proxy.md",
    page_pytest: "docs/pytest.md",
    page_python: "docs/python.md",
    page_recordings: "docs/recordings.md",
    page_reliability: "docs/reliability.md",
    page_runtimes: "docs/runtimes.md",
    page_rust: "docs/rust.md",
    page_sandbox: "docs/sandbox.md",
    page_speed: "docs/speed.md",
    page_streaming: "docs/streaming.md",
    page_templates: "docs/templates.md",
    page_troubleshooting: "docs/troubleshooting.md",
}
