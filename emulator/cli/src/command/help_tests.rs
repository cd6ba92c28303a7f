//! The help of every command: it has examples, and each of them is a command line that the program accepts.

use clap::{CommandFactory as _, Parser as _};

use super::{Arguments, tip};

/// The maximum length of a line after the options: clap wraps longer lines.
const WIDTH: usize = 100;

/// The lines below `Examples:`, up to an empty line.
fn examples(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// The words of a command line, as a shell splits them: enough for quotes, not for variables.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The commands `hardcap …` of an example, without its explanation, other commands and redirections.
fn commands(example: &str) -> Vec<Vec<String>> {
    let line = example.trim_start().split("  ").next().unwrap_or_default();
    let mut commands = vec![Vec::new()];
    for word in words(line) {
        match word.as_str() {
            "|" | "&&" => commands.push(Vec::new()),
            _ => commands.last_mut().expect("there is one").push(word),
        }
    }
    let redirection = |word: &String| word == ">" || word == "2>&1";
    commands
        .into_iter()
        .filter(|words| words.first().is_some_and(|word| word == "hardcap"))
        .map(|words| words.into_iter().take_while(|word| !redirection(word)).collect())
        .collect()
}

#[test]
fn the_help_of_every_command_has_examples_that_the_program_accepts() {
    let program = Arguments::command();
    let mut counted = 0;
    for command in std::iter::once(&program).chain(program.get_subcommands()) {
        let name = command.get_name();
        let help = command.get_after_help().unwrap_or_default().to_string();
        let examples = examples(&help);
        assert!(!examples.is_empty(), "`hardcap {name} --help` has no examples");
        for example in examples {
            let commands = commands(example);
            assert!(!commands.is_empty(), "{name}: `{example}` does not call hardcap");
            for words in commands {
                let parsed = Arguments::try_parse_from(&words);
                assert!(parsed.is_ok(), "{name}: `{example}`: {}", parsed.unwrap_err());
                counted += 1;
            }
        }
    }
    assert!(counted > 40, "{counted} examples");
}

#[test]
fn no_line_of_a_help_text_is_longer_than_the_terminal_it_is_wrapped_for() {
    let program = Arguments::command();
    for command in std::iter::once(&program).chain(program.get_subcommands()) {
        let help = command.get_after_help().unwrap_or_default().to_string();
        for line in help.lines() {
            let width = line.chars().count();
            assert!(width <= WIDTH, "{}: {width} columns: {line}", command.get_name());
        }
    }
}

#[test]
fn the_page_of_every_command_names_its_options_and_variables() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands");
    let read = |name: &str| {
        let path = folder.join(format!("{name}.md"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let common = read("options");
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        let page = read(name);
        let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
        for argument in arguments {
            let option = argument.get_long().map(|long| format!("`--{long}"));
            let named = option.iter().all(|it| page.contains(it) || common.contains(it));
            assert!(named, "docs/commands/{name}.md does not name {option:?}");
            let variable = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
            let named = variable.iter().all(|it| common.contains(it));
            assert!(named, "docs/commands/options.md does not name {variable:?}");
        }
    }
}

#[test]
fn an_example_is_read_without_its_explanation_and_its_other_commands() {
    let read = commands("  a b | hardcap invoke 'H i' -e - > x && hardcap up  # why");
    assert_eq!(read, [vec!["hardcap", "invoke", "H i", "-e", "-"], vec!["hardcap", "up"]]);
}

#[test]
fn an_argument_too_many_is_answered_with_what_the_command_takes() {
    let tip_of = |line: &str| {
        let words = words(line);
        let error = Arguments::try_parse_from(&words).expect_err(line);
        tip(&error, &words[1..])
    };
    let takes = |name: &str, what: &str| {
        let help = "remove `b`, or quote a value that has spaces";
        Some(format!("`hardcap {name}` takes one {what}: {help}"))
    };
    for (line, expected) in [
        ("hardcap logs a b", takes("logs", "FUNCTION")),
        ("hardcap logs a --json b", takes("logs", "FUNCTION")),
        ("hardcap invoke a b", takes("invoke", "FUNCTION")),
        ("hardcap check a b", takes("check", "TEMPLATE")),
        ("hardcap up a b", takes("up", "TEMPLATE")),
        ("hardcap limits a b", takes("limits", "ROW")),
        ("hardcap health a b", takes("health", "URL")),
        ("hardcap logs --nonsense", None),
        ("hardcap nonsense", None),
    ] {
        assert_eq!(tip_of(line), expected, "{line}");
    }
    let exec = tip_of("hardcap exec npm test").unwrap_or_default();
    assert!(exec.starts_with("write `--` before the command"), "{exec}");
}
