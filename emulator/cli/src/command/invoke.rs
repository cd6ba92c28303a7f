//! `hardcap invoke`: one event for one function, of a hardcap that runs or of a template that is started for it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};

use super::launch::with_started;
use super::options::{LimitOptions, TemplateOptions, UpOptions};
use super::project::Project;
use super::remote::{self, usual_url};
use super::up::{block_on, start_log};
use super::{Failure, terminal};
use crate::client::Answer;

/// Which function, which event, and where.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Without --url and --template, it asks the hardcap that runs on the usual port. If there is none, it
starts the template of this folder. The response of the function goes to standard output.

Examples:
  hardcap invoke Hello
  hardcap invoke Hello -e event.json --log
  hardcap invoke Hello -e '{\"name\": \"Ada\"}'
  generate-event | hardcap invoke Hello -e - --async
  hardcap invoke --template app.yaml Hello --set lambda_sync_response=1000

Exit codes: 0 the function responded, 1 it failed or the event was refused, 2 wrong usage")]
pub(super) struct InvokeOptions {
    /// The function, by its logical id or its name; needed when there is more than one
    function: Option<String>,
    /// The event: JSON, a file, or - for standard input
    #[arg(short, long, value_name = "JSON|FILE|-", default_value = "{}")]
    event: String,
    /// Only hand the event over (InvocationType Event); a template that was started for it is run until the event has ended
    #[arg(long = "async")]
    asynchronous: bool,
    /// Print the last 4 KB of the function's log on standard error
    #[arg(long, conflicts_with = "asynchronous")]
    log: bool,
    /// Ask the hardcap that runs here
    #[arg(long, value_name = "URL", conflicts_with = "template")]
    url: Option<String>,
    /// Start this template
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    template_options: TemplateOptions,
    /// Run what was built before
    #[arg(long)]
    no_build: bool,
}

pub(super) fn invoke(options: &InvokeOptions) -> Result<ExitCode, Failure> {
    let event = event(&options.event)?;
    block_on(async {
        match &options.url {
            Some(url) => ask(options, url, event).await,
            None if options.template.is_none() && runs(&usual_url()).await => {
                let url = usual_url();
                terminal::say(&format!("asking the hardcap that runs at {}", remote::base(&url)));
                ask(options, &url, event).await
            }
            None => start_and_ask(options, event).await,
        }
    })?
}

/// What is JSON is the event itself; anything else names it.
fn event(text: &str) -> Result<Bytes, Failure> {
    if text != "-" && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Ok(Bytes::from(text.to_owned()));
    }
    terminal::read(Some(Path::new(text))).map(Bytes::from).map_err(|Failure(message)| {
        Failure::new(format!("{message}\n  = help: --event takes JSON, the name of a file, or -"))
    })
}

async fn runs(url: &str) -> bool {
    remote::get(&remote::control(url, "health")).await.is_ok()
}

async fn start_and_ask(options: &InvokeOptions, event: Bytes) -> Result<ExitCode, Failure> {
    let up = UpOptions {
        no_build: options.no_build,
        // --log asks for the function's words.
        quiet: true,
        ..UpOptions::of(options.limits.clone(), options.template_options.clone())
    };
    start_log(&up);
    let project = Project::open(options.template.clone(), &up.limits, &up.template)?;
    with_started(&project, &up, "the function had answered", async |started| {
        let code = ask(options, &started.addresses.aws, event).await?;
        if options.asynchronous {
            started.emulator.events_ended().await;
        }
        Ok(code)
    })
    .await
}

async fn ask(options: &InvokeOptions, url: &str, event: Bytes) -> Result<ExitCode, Failure> {
    let functions = remote::functions(url).await?;
    let function = remote::choose(functions, options.function.as_deref())?;
    let base = remote::base(url);
    let url = format!("{base}/2015-03-31/functions/{}/invocations", function.name);
    let kind = if options.asynchronous { "Event" } else { "RequestResponse" };
    let mut headers = vec![("x-amz-invocation-type".to_owned(), kind.to_owned())];
    if options.log {
        headers.push(("x-amz-log-type".to_owned(), "Tail".to_owned()));
    }
    let client = remote::client()?;
    let answer = remote::send(&client, Method::POST, &url, &headers, event).await?;
    show(&answer, &function.logical_id)
}

fn show(answer: &Answer, function: &str) -> Result<ExitCode, Failure> {
    if let Some(tail) = answer.header("x-amz-log-result") {
        let tail = STANDARD.decode(tail).map_err(Failure::new)?;
        terminal::say(String::from_utf8_lossy(&tail).trim_end());
    }
    if !answer.status.is_success() {
        let kind = answer.header("x-amzn-errortype").unwrap_or("an error");
        let text = String::from_utf8_lossy(&answer.body);
        return Err(Failure::new(format!(
            "the event was refused: {} {kind}: {text}",
            answer.status.as_u16()
        )));
    }
    if answer.status == StatusCode::ACCEPTED {
        terminal::say(&format!("the event of `{function}` is queued"));
        return Ok(ExitCode::SUCCESS);
    }
    let text = String::from_utf8_lossy(&answer.body);
    terminal::print(&format!("{text}\n"))?;
    match answer.header("x-amz-function-error") {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => {
            terminal::error(&format!("`{function}` failed: {error}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_event_itself_and_anything_else_names_a_file() {
        for json in ["{}", "{\"a\": 1}", "[1]", "\"text\"", "7", "null"] {
            assert_eq!(event(json).map_err(|e| e.to_string()), Ok(Bytes::from(json.to_owned())));
        }
        let error = event("{\"a\": 1").expect_err("neither JSON nor a file").to_string();
        assert!(error.contains("--event takes JSON, the name of a file, or -"), "{error}");
    }
}
