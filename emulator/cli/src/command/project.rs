//! A project: a template and its `hardcap.toml`. Only this module opens these files.

use std::path::{Path, PathBuf};

use super::options::{LimitOptions, TemplateOptions};
use super::{Failure, discover, hints, samconfig, terminal, variables};
use hardcap_core::nearest::nearest;
use hardcap_core::paths::folder_of;
use hardcap_project::settings::Settings;
use hardcap_project::source::diagnostic::{Diagnostic, Source};
use hardcap_project::template::{self, Loaded, TemplateError};

/// A template with its settings, which are read and not yet built.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) loaded: Loaded,
    pub(super) settings: Settings,
    /// The folder of `hardcap.toml`: that of the template, or of the project if a build tool wrote the template.
    pub(super) folder: PathBuf,
    /// The chosen template, if the command line does not name one and the choice is not obvious; a day of limits about which nothing
    /// is known.
    pub(super) notes: Vec<String>,
    /// The files that were read, and those that would be read if they existed.
    pub(super) files: Vec<PathBuf>,
}

/// An error of opening a project.
pub(super) enum ProjectError {
    /// A template cannot be read.
    Template(Box<TemplateError>),
    /// Another file is missing or invalid.
    Other(Failure),
}

impl From<TemplateError> for ProjectError {
    fn from(error: TemplateError) -> ProjectError {
        ProjectError::Template(Box::new(error))
    }
}

impl From<Failure> for ProjectError {
    fn from(failure: Failure) -> ProjectError {
        ProjectError::Other(failure)
    }
}

pub(super) const NAMES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];

impl Project {
    pub(super) fn open(
        template: Option<PathBuf>,
        limits: &LimitOptions,
        options: &TemplateOptions,
    ) -> Result<Project, Failure> {
        Project::read(template, limits, options).map_err(|error| match error {
            ProjectError::Template(error) => Failure::new(error),
            ProjectError::Other(failure) => failure,
        })
    }

    /// Prints what the user may not expect.
    pub(super) fn say_notes(&self) {
        self.notes.iter().for_each(|note| terminal::say(note));
    }

    /// As [`Project::open`], with the error of a template as a case of its own.
    pub(super) fn read(
        template: Option<PathBuf>,
        limits: &LimitOptions,
        options: &TemplateOptions,
    ) -> Result<Project, ProjectError> {
        let (path, found) = match template {
            Some(path) if path.is_dir() => {
                let found = discover::template(&path)?;
                (found.template, found.note)
            }
            Some(path) => (path, None),
            None => {
                let found = discover::template(Path::new("."))?;
                (found.template, found.note)
            }
        };
        let beside = folder_of(&path).to_owned();
        let project = discover::project_of(&path);
        let is_beside = beside.join("hardcap.toml").is_file();
        let folder = if is_beside { beside } else { project };
        let (mut settings, toml) = read_settings(&folder, options.profile.as_deref())?;
        settings.folder = Some(folder.clone());
        let mut files = vec![path.clone(), toml.0.clone()];
        files.extend(options.env_file.iter().cloned());
        let variables = variables::read(&options.env_file, &options.env)?;
        variables::apply(&variables, &mut settings);
        for (name, value) in &options.parameters {
            settings.parameters.insert(name.clone(), value.clone());
        }
        if let Some(region) = &options.region {
            settings.region = Some(region.clone());
        }
        let sam = samconfig::read(&folder)?;
        if options.stack_name.is_some() {
            settings.stack.clone_from(&options.stack_name);
        }
        settings.stack = settings.stack.or(sam.stack);
        settings.parameter_defaults = sam.parameters;
        let limits = limits.in_force(&settings);
        let notes = found.into_iter().chain(hints::unknown_day(limits.date())).collect();
        let text = read(&path)?;
        let mut loaded = template::load(&text, &path, &settings, limits.clone())?;
        for also in &settings.also {
            let path = folder.join(also);
            let text = read(&path)?;
            let other = template::load(&text, &path, &settings, limits.clone())?;
            loaded.add(other, &text)?;
            files.push(path);
        }
        files.extend(loaded.files.iter().cloned());
        let known: Vec<&str> = loaded.packages.iter().map(|it| it.logical_id.as_str()).collect();
        variables::check(&variables, &known)?;
        check_names(&loaded, &settings, &toml)?;
        Ok(Project { loaded, settings, folder, files, notes })
    }
}

/// `hardcap.toml` beside the template, with its path and text; without one, the defaults.
pub(super) fn read_settings(
    folder: &Path,
    profile: Option<&str>,
) -> Result<(Settings, (PathBuf, String)), Failure> {
    let path = match folder {
        folder if folder == Path::new(".") => PathBuf::from("hardcap.toml"),
        folder => folder.join("hardcap.toml"),
    };
    if !path.exists() {
        if let Some(profile) = profile {
            return Err(Failure::new(format!(
                "there is no profile `{profile}`, because {} does not exist\n  = help: write one with [profiles.{profile}], or \
                 leave out --profile",
                path.display()
            )));
        }
        return Ok((Settings::default(), (path, String::new())));
    }
    let text = read(&path)?;
    let settings = Settings::read_profile(&text, &path, profile).map_err(Failure::new)?;
    Ok((settings, (path, text)))
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let source = Source { path, text: &text };
        let diagnostic = Diagnostic::new(source.position(valid), "this byte is not UTF-8");
        Failure::new(source.error(diagnostic.help("save the file as UTF-8")))
    })
}

/// Refuses a parameter or a function that no template has, which would have no effect.
fn check_names(
    loaded: &Loaded,
    settings: &Settings,
    (path, text): &(PathBuf, String),
) -> Result<(), Failure> {
    let known: Vec<&str> = loaded.parameters.iter().map(String::as_str).collect();
    if let Some(name) = settings.parameters.keys().find(|name| !known.contains(&name.as_str())) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "it has no parameters".to_owned(),
            None => format!("its parameters are: {}", known.join(", ")),
        };
        return Err(Failure::new(format!(
            "the template has no parameter `{name}`\n  = help: {help}"
        )));
    }
    let known: Vec<&str> = loaded.packages.iter().map(|p| p.logical_id.as_str()).collect();
    for (name, function) in &settings.functions {
        if !known.contains(&name.as_str()) {
            let diagnostic = Diagnostic::new(
                function.position,
                format!("the template has no function `{name}`"),
            )
            .help(format!("its functions are: {}", known.join(", ")))
            .nearest(name, known.iter().copied());
            return Err(Failure::new(Source { path, text }.error(diagnostic)));
        }
    }
    let functions = &loaded.config.functions;
    for (fault, at) in settings.faults.faults.iter().zip(&settings.fault_places) {
        let Some(name) = fault.kind.function() else { continue };
        if !functions.iter().any(|it| it.name == name || it.logical_id == name) {
            let what = fault.kind.name();
            let diagnostic = Diagnostic::new(*at, format!("`{what}` is for a function `{name}`, and the template has none"))
                .help(format!(
                    "its functions are: {}. For one that is created while it runs, `POST /_hardcap/faults`",
                    known.join(", ")
                ))
                .nearest(&name, known.iter().copied());
            return Err(Failure::new(Source { path, text }.error(diagnostic)));
        }
    }
    Ok(())
}
