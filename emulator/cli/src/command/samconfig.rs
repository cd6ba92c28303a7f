//! `samconfig.toml` of AWS SAM CLI: the name of the stack and the values of parameters.

use std::path::Path;

use indexmap::IndexMap;

use super::Failure;

/// The settings of a `samconfig.toml` that are used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SamConfig {
    pub(super) stack: Option<String>,
    pub(super) parameters: IndexMap<String, String>,
}

/// Reads the environment `default` of the file in a folder. Without a file, everything is absent.
pub(super) fn read(folder: &Path) -> Result<SamConfig, Failure> {
    let path = folder.join("samconfig.toml");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(SamConfig::default()) };
    parse(&text)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))
}

fn parse(text: &str) -> Result<SamConfig, toml::de::Error> {
    let root: toml::Table = toml::from_str(text)?;
    let mut config = SamConfig::default();
    // The section of a command takes precedence over that of all commands.
    for command in ["global", "deploy"] {
        let parameters = root.get("default").and_then(|it| it.get(command)?.get("parameters"));
        let Some(parameters) = parameters else { continue };
        if let Some(name) = parameters.get("stack_name").and_then(toml::Value::as_str) {
            config.stack = Some(name.to_owned());
        }
        match parameters.get("parameter_overrides") {
            Some(toml::Value::String(text)) => config.parameters.extend(overrides(text)),
            Some(toml::Value::Array(texts)) => {
                let texts = texts.iter().filter_map(toml::Value::as_str);
                config.parameters.extend(texts.flat_map(overrides));
            }
            _ => {}
        }
    }
    Ok(config)
}

/// `Name=value Other="a value"`, as AWS SAM CLI writes them; the older form `ParameterKey=…,ParameterValue=…` too.
fn overrides(text: &str) -> Vec<(String, String)> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for character in text.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    let pair = |word: &String| {
        if let Some(rest) = word.strip_prefix("ParameterKey=") {
            let (name, value) = rest.split_once(",ParameterValue=")?;
            return Some((name.to_owned(), value.to_owned()));
        }
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    words.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_and_the_parameters_of_a_deployment_are_taken() {
        let text = r#"
version = 0.1
[default.global.parameters]
stack_name = "all"
[default.deploy.parameters]
stack_name = "shop"
parameter_overrides = "Stage=\"dev one\" Size=3 ParameterKey=Old,ParameterValue=x"
[prod.deploy.parameters]
stack_name = "other"
"#;
        let config = parse(text).unwrap();
        assert_eq!(config.stack.as_deref(), Some("shop"));
        let expected = [("Stage", "dev one"), ("Size", "3"), ("Old", "x")];
        let found: Vec<_> =
            config.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(parse("").unwrap(), SamConfig::default());
        assert!(parse("a = [").is_err());
    }
}
