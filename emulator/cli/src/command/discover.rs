//! The template of a folder, if the command line does not name one, and the project folder of a template.

use std::path::{Path, PathBuf};

use super::Failure;
use super::project::NAMES;
use hardcap_core::paths::folder_of;

/// The output of `sam build`.
const SAM_BUILT: &str = ".aws-sam/build/template.yaml";
/// The output of `serverless package`.
const SERVERLESS_BUILT: &str = ".serverless/cloudformation-template-update-stack.json";
/// Files of the Serverless Framework.
const SERVERLESS: [&str; 5] =
    ["serverless.yml", "serverless.yaml", "serverless.json", "serverless.ts", "serverless.js"];

/// A template that was found, and a note about the choice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Discovered {
    pub(super) template: PathBuf,
    pub(super) note: Option<String>,
}

/// Finds the template of a folder.
///
/// # Errors
///
/// [`Failure`] if there is none, with the command that creates one if the folder shows which.
pub(super) fn template(folder: &Path) -> Result<Discovered, Failure> {
    let in_folder =
        |name: &str| if folder == Path::new(".") { name.into() } else { folder.join(name) };
    let file = |name: &str| Some(in_folder(name)).filter(|path: &PathBuf| path.is_file());
    let built = |template: PathBuf, tool: &str| {
        let note = format!("running {}, which `{tool}` made", template.display());
        Discovered { template, note: Some(note) }
    };
    if let Some(template) = file(SAM_BUILT) {
        return Ok(built(template, "sam build"));
    }
    let named = || sam_configured(&file("samconfig.toml")?).and_then(|name| file(&name));
    if let Some(template) = NAMES.into_iter().find_map(file).or_else(named) {
        return Ok(Discovered { template, note: None });
    }
    let stacks = cdk_stacks(&in_folder("cdk.out"));
    if let [template] = &stacks[..] {
        return Ok(built(template.clone(), "cdk synth"));
    }
    if !stacks.is_empty() {
        let names: Vec<String> =
            stacks.iter().map(|path| format!("hardcap up {}", path.display())).collect();
        return Err(Failure::new(format!(
            "cdk.out has {} stacks\n  = help: name one: {}",
            stacks.len(),
            names.join(", ")
        )));
    }
    if let Some(template) = file(SERVERLESS_BUILT) {
        return Ok(built(template, "serverless package"));
    }
    let makers = [
        (&["samconfig.toml"][..], "sam build"),
        (&["cdk.json"], "cdk synth"),
        (&SERVERLESS, "serverless package"),
    ];
    let maker = makers.into_iter().find_map(|(names, command)| {
        let name = names.iter().find(|name| file(name).is_some())?;
        Some((*name, command.to_owned(), "hardcap up".to_owned()))
    });
    let chalice = in_folder(".chalice/config.json").is_file().then(|| {
        let then = "hardcap up out/sam.json".to_owned();
        (".chalice/config.json", "chalice package out".to_owned(), then)
    });
    match maker.or(chalice) {
        Some((name, command, then)) => Err(Failure::new(format!(
            "{} has no template.yaml; it has {name}\n  = help: run `{command}`, then `{then}`",
            shown(folder)
        ))),
        None => Err(Failure::new(format!(
            "{} has no template.yaml\n  = help: write a sample project with `hardcap init`, or name the template: `hardcap up \
             path/to/template.yaml`",
            shown(folder)
        ))),
    }
}

/// The folder in a message.
fn shown(folder: &Path) -> String {
    if folder == Path::new(".") { "this folder".to_owned() } else { folder.display().to_string() }
}

/// Whether a folder has a template, or the sources from which a tool makes one.
pub(super) fn has_project(folder: &Path) -> bool {
    let sources =
        ["samconfig.toml", "cdk.json", ".chalice/config.json", SAM_BUILT, SERVERLESS_BUILT];
    let names = NAMES.into_iter().chain(sources).chain(SERVERLESS);
    names.into_iter().any(|name| folder.join(name).exists())
        || !cdk_stacks(&folder.join("cdk.out")).is_empty()
}

/// The template that `samconfig.toml` names for its default environment.
fn sam_configured(file: &Path) -> Option<String> {
    let table: toml::Table = std::fs::read_to_string(file).ok()?.parse().ok()?;
    let commands = table.get("default")?.as_table()?;
    let parameters = commands.values().filter_map(|command| command.get("parameters"));
    let names = parameters.filter_map(|it| it.get("template_file").or_else(|| it.get("template")));
    names.filter_map(|name| name.as_str().map(str::to_owned)).next()
}

/// The templates of the stacks in `cdk.out`, without those that are nested in others.
fn cdk_stacks(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut stacks: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".template.json") && !name.ends_with(".nested.template.json")
        })
        .collect();
    stacks.sort();
    stacks
}

/// The folder of the project that a template belongs to: the parent of what a build tool writes, else the template's folder.
pub(super) fn project_of(template: &Path) -> PathBuf {
    let folder = folder_of(template);
    let is_output = |path: &Path| {
        path.ends_with(".aws-sam/build")
            || path.ends_with("cdk.out")
            || path.ends_with(".serverless")
    };
    let Some(output) = folder.ancestors().find(|path| is_output(path)) else {
        return folder.to_owned();
    };
    let levels = if output.ends_with(".aws-sam/build") { 2 } else { 1 };
    match output.ancestors().nth(levels) {
        Some(project) if project != Path::new("") => project.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_output_of_a_build_tool_is_found() {
        let sam = ("samconfig.toml", "[default.deploy.parameters]\ntemplate_file = \"app.yaml\"");
        for (files, found) in [
            (&[("template.yml", "")][..], "template.yml"),
            (&[("template.yaml", ""), (SAM_BUILT, "")], SAM_BUILT),
            (&[sam, ("app.yaml", "")], "app.yaml"),
            (
                &[
                    ("cdk.json", ""),
                    ("cdk.out/A.template.json", ""),
                    ("cdk.out/AB.nested.template.json", ""),
                ],
                "cdk.out/A.template.json",
            ),
            (&[("serverless.yml", ""), (SERVERLESS_BUILT, "")], SERVERLESS_BUILT),
        ] {
            let folder = folder(files);
            let discovered =
                template(folder.path()).unwrap_or_else(|error| panic!("{files:?}: {error}"));
            assert_eq!(discovered.template, folder.path().join(found), "{files:?}");
        }
    }

    #[test]
    fn the_command_that_makes_the_template_is_named() {
        for (files, said) in [
            (
                &[("samconfig.toml", "version = 0.1")][..],
                "it has samconfig.toml\n  = help: run `sam build`",
            ),
            (
                &[("cdk.json", "{}")],
                "it has cdk.json\n  = help: run `cdk synth`, then `hardcap up`",
            ),
            (&[("serverless.ts", "")], "it has serverless.ts\n  = help: run `serverless package`"),
            (
                &[(".chalice/config.json", "{}")],
                "run `chalice package out`, then `hardcap up out/sam.json`",
            ),
            (
                &[],
                " has no template.yaml\n  = help: write a sample project with `hardcap init`, or name the template",
            ),
            (
                &[("cdk.out/A.template.json", ""), ("cdk.out/B.template.json", "")],
                "cdk.out has 2 stacks\n  = help: name one: ",
            ),
        ] {
            let error =
                template(folder(files).path()).expect_err("there is no template").to_string();
            assert!(error.contains(said), "{files:?}: {error}");
        }
    }

    #[test]
    fn a_template_that_was_built_belongs_to_the_folder_of_its_sources() {
        for (template, project) in [
            ("template.yaml", "."),
            ("app/template.yaml", "app"),
            (".aws-sam/build/template.yaml", "."),
            ("/p/.aws-sam/build/template.yaml", "/p"),
            ("p/cdk.out/A.template.json", "p"),
            ("cdk.out/assembly-prod/A.template.json", "."),
            (".serverless/cloudformation-template-update-stack.json", "."),
        ] {
            assert_eq!(project_of(Path::new(template)), Path::new(project), "{template}");
        }
    }
}
