//! `hardcap invoke`: invokes a function of a running hardcap, or of a template that is started for it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};
use serde_json::Value;

use super::debug::{self, DebugTarget};
use super::launch::with_started;
use super::options::{LimitOptions, TemplateOptions, UpOptions};
use super::project::Project;
use super::remote::{self, usual_url};
use super::up::{block_on, start_log};
use super::{Failure, terminal};
use crate::client::Response;
use hardcap_core::config::Function as Started;

/// The function, the event, and the hardcap.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Without --url and --template, the function is invoked in the hardcap that runs on the usual port. If
none is running, the template of this folder is started for it. The response of the function goes to
standard output.

Examples:
  hardcap invoke Hello
  hardcap invoke Hello -e event.json --log
  hardcap invoke Hello:live
  hardcap invoke Hello -e '{\"name\": \"Ada\"}'
  generate-event | hardcap invoke Hello -e - --async
  hardcap invoke --template app.yaml Hello --set lambda_sync_response=1000
  hardcap invoke Hello --debug Hello           Hello waits for a debugger, without timeouts

Exit codes: 0 the function responded, 1 it failed or the event was refused, 2 wrong usage")]
pub(super) struct InvokeOptions {
    /// The function, by its logical id or its name; required if there is more than one
    function: Option<String>,
    /// The event: JSON, the name of a file, or - for standard input
    #[arg(short, long, value_name = "JSON|FILE|-", default_value = "{}")]
    event: String,
    /// Invoke asynchronously (InvocationType Event); a template that was started for it runs until the event has ended
    #[arg(long = "async")]
    asynchronous: bool,
    /// Print the last 4 KB of the function's log on standard error
    #[arg(long, conflicts_with = "asynchronous")]
    log: bool,
    /// The address of the running hardcap
    #[arg(long, value_name = "URL", conflicts_with_all = ["template", "env", "env_file"])]
    url: Option<String>,
    /// Start this template, even if a hardcap is running
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    template_options: TemplateOptions,
    /// Skip the build and run existing programs
    #[arg(long)]
    no_build: bool,
    /// Start the template and let a debugger attach to a function in Python or Node on a port [default: 5678 and 9229]: its
    /// first invocation waits for that; it has no timeouts; may be repeated
    #[arg(long, value_name = "FUNCTION[=PORT]", conflicts_with = "url")]
    debug: Vec<DebugTarget>,
}

impl InvokeOptions {
    /// Whether an option has an effect only on a template that is started.
    fn needs_own_run(&self) -> bool {
        let TemplateOptions { env, env_file, .. } = &self.template_options;
        let has_variables = !env.is_empty() || !env_file.is_empty();
        self.template.is_some() || has_variables || !self.debug.is_empty()
    }
}

pub(super) fn invoke(options: &InvokeOptions) -> Result<ExitCode, Failure> {
    let event = event(&options.event)?;
    block_on(async {
        match &options.url {
            Some(url) => ask(options, url, event, &[]).await,
            None if !options.needs_own_run() && runs(&usual_url()).await => {
                let url = usual_url();
                terminal::say(&format!(
                    "invoking it through the hardcap at {}",
                    remote::base(&url)
                ));
                ask(options, &url, event, &[]).await
            }
            None => start_and_ask(options, event).await,
        }
    })?
}

/// JSON is the event itself; any other text is the name of its file.
fn event(text: &str) -> Result<Bytes, Failure> {
    if text != "-" && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Ok(Bytes::from(text.to_owned()));
    }
    terminal::read(Some(Path::new(text))).map(Bytes::from).map_err(|Failure(message)| {
        let message = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Err(error) if text.starts_with(['{', '[', '"']) => {
                format!("the event is not JSON: {error}")
            }
            Ok(_) | Err(_) => message,
        };
        Failure::new(format!(
            "{message}\n  = help: --event accepts JSON, the name of a file, or - for standard input"
        ))
    })
}

async fn runs(url: &str) -> bool {
    remote::get(&remote::control(url, "health")).await.is_ok()
}

async fn start_and_ask(options: &InvokeOptions, event: Bytes) -> Result<ExitCode, Failure> {
    let mut up = UpOptions {
        no_build: options.no_build,
        debug: options.debug.iter().map(DebugTarget::waiting).collect(),
        // `--log` prints the lines of the function.
        quiet: true,
        ..UpOptions::of(options.limits.clone(), options.template_options.clone())
    };
    start_log(&up);
    let project = Project::open(options.template.clone(), &up.limits, &up.template)?;
    project.say_notes();
    let loaded = &project.loaded;
    debug::choose_ports(&mut up.debug, &loaded.config.functions, &loaded.packages).await?;
    with_started(&project, &up, "the function responded", async |started| {
        debug::waiting_line(&started.functions).iter().for_each(|line| terminal::say(line));
        let code = ask(options, &started.addresses.aws, event, &started.functions).await?;
        if options.asynchronous {
            started.emulator.events_ended().await;
        }
        Ok(code)
    })
    .await
}

/// `started`: the functions of the run that was started for this command, as they were started.
async fn ask(
    options: &InvokeOptions,
    url: &str,
    event: Bytes,
    started: &[Started],
) -> Result<ExitCode, Failure> {
    let functions = remote::functions(url).await?;
    // A name may have an alias or a version after a colon.
    let wanted = options.function.as_deref();
    let (wanted, qualifier) = match wanted.and_then(|wanted| wanted.split_once(':')) {
        Some((name, qualifier)) => (Some(name), format!(":{qualifier}")),
        None => (wanted, String::new()),
    };
    let function = remote::choose(functions, wanted)?;
    let base = remote::base(url);
    // A debugger is attached to the published version, if the template has one.
    let debugged = started.iter().find(|it| it.name == function.name && it.debugger.is_some());
    let aliases = debugged.filter(|it| it.publishing.version).map(|it| &it.publishing.aliases);
    let alias = aliases.and_then(|all| all.iter().find(|alias| !alias.latest));
    let qualifier = match alias {
        Some(alias) if qualifier.is_empty() => format!(":{}", alias.name),
        _ => qualifier,
    };
    let name = format!("{}{qualifier}", function.name);
    let url = format!("{base}/2015-03-31/functions/{name}/invocations");
    let kind = if options.asynchronous { "Event" } else { "RequestResponse" };
    let mut headers = vec![("x-amz-invocation-type".to_owned(), kind.to_owned())];
    if options.log {
        headers.push(("x-amz-log-type".to_owned(), "Tail".to_owned()));
    }
    let client = remote::client()?;
    let response = remote::send(&client, Method::POST, &url, &headers, event).await?;
    show(&response, &function.logical_id)
}

fn show(response: &Response, function: &str) -> Result<ExitCode, Failure> {
    if let Some(tail) = response.header("x-amz-log-result") {
        let tail = STANDARD.decode(tail).map_err(Failure::new)?;
        terminal::say(String::from_utf8_lossy(&tail).trim_end());
    }
    if !response.status.is_success() {
        let kind = response.header("x-amzn-errortype").unwrap_or("an error");
        let text = String::from_utf8_lossy(&response.body);
        return Err(Failure::new(format!(
            "the event was refused: {} {kind}: {text}",
            response.status.as_u16()
        )));
    }
    if response.status == StatusCode::ACCEPTED {
        terminal::say(&format!("the event of `{function}` is queued"));
        return Ok(ExitCode::SUCCESS);
    }
    let text = String::from_utf8_lossy(&response.body);
    terminal::print(&format!("{text}\n"))?;
    match response.header("x-amz-function-error") {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => {
            terminal::error(&format!("`{function}` failed: {}", described(error, &text)));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The error of a function: `Unhandled`, with the type of the error document that the function returned.
fn described(error: &str, document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    match document["errorType"].as_str() {
        Some(error_type) => format!("{error} ({error_type})"),
        None => error.to_owned(),
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
        assert!(error.starts_with("the event is not JSON: EOF"), "{error}");
        assert!(error.contains("--event accepts JSON, the name of a file, or -"), "{error}");
        assert_eq!(
            described("Unhandled", r#"{"errorType":"ValueError"}"#),
            "Unhandled (ValueError)"
        );
        assert_eq!(described("Unhandled", "text"), "Unhandled");
    }
}
