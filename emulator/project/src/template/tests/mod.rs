//! Tests of templates: the configuration of valid ones, and the error and the position of invalid ones.

mod accepted;
mod access;
mod any_text;
mod asynchronous;
mod attributes;
mod dependencies;
mod events;
mod expressions;
mod gateway_responses;
mod images;
mod impossible;
mod integrations;
mod nested;
mod notifications;
mod publishing;
mod queues;
mod refused;
mod resources;
mod several;
mod stored;
mod streaming;
mod topics;

use std::path::Path;

use hardcap_limits::Limits;

use super::{Loaded, TemplateError, load};
use crate::settings::Settings;

fn read(text: &str) -> Result<Loaded, TemplateError> {
    load(text, Path::new("t.yaml"), &Settings::default(), Limits::classic())
}

fn good(text: &str) -> Loaded {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

/// `LINE:COLUMN: message`, then `; help`.
fn bad(text: &str) -> String {
    let error = read(text).expect_err("this template cannot be");
    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
    format!("{}: {}{help}", error.position, error.message)
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}
