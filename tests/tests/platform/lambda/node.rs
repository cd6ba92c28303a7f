//! hardcap's own runtime for Node beside AWS's, handler by handler.

use std::path::{Path, PathBuf};

use hardcap::config::Function;
use hardcap_limits::Millis;
use hardcap_tests::client::Answer;
use hardcap_tests::installed;

use super::{Lambda, log};

/// Handlers of `fixtures/node`, with the event of each.
const CASES: [(&str, &str); 56] = [
    ("cases.returns", r#"{"a": [1, "ü"]}"#),
    ("cases.nothing", "{}"),
    ("cases.sync", "{}"),
    ("cases.thenable", "{}"),
    ("cases.bigint", "{}"),
    ("cases.circular", "{}"),
    ("cases.callback", r#"{"n": 1}"#),
    ("cases.callbackError", "{}"),
    ("cases.callbackText", "{}"),
    ("cases.callbackTwice", "{}"),
    ("cases.callbackLater", "{}"),
    ("cases.waits", "{}"),
    ("cases.waits", r#"{"waits": false}"#),
    ("cases.succeed", "{}"),
    ("cases.fail", "{}"),
    ("cases.failNothing", "{}"),
    ("cases.done", "{}"),
    ("cases.doneError", "{}"),
    ("cases.throws", "{}"),
    ("cases.throwsSync", "{}"),
    ("cases.throwsText", "{}"),
    ("cases.throwsNumber", "{}"),
    ("cases.throwsNothing", "{}"),
    ("cases.throwsNull", "{}"),
    ("cases.throwsObject", "{}"),
    ("cases.throwsOwn", "{}"),
    ("cases.throwsLike", "{}"),
    ("cases.throwsUnreadable", "{}"),
    ("cases.uncaught", "{}"),
    ("cases.rejected", "{}"),
    ("cases.exits", "{}"),
    ("cases.exitsCleanly", "{}"),
    ("cases.logs", "{}"),
    ("cases.context", "{}"),
    ("cases.nested.deep.handler", "{}"),
    ("cases.notAFunction", "{}"),
    ("cases.absent", "{}"),
    ("cases", "{}"),
    ("../cases.returns", "{}"),
    ("gone.handler", "{}"),
    ("module.handler", r#"{"a": 1}"#),
    ("syntax.handler", "{}"),
    ("missing.handler", "{}"),
    ("missing_module.handler", "{}"),
    ("throws.handler", "{}"),
    ("streams.writes", "{}"),
    ("streams.pipes", "{}"),
    ("streams.http", "{}"),
    ("streams.large", "{}"),
    ("streams.throwsFirst", "{}"),
    ("streams.throwsLater", "{}"),
    ("streams.neverEnds", "{}"),
    ("streams.tooLate", "{}"),
    ("streams.sync", "{}"),
    ("streams.returnsToo", "{}"),
    ("streams.context", "{}"),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// What an invoker and the log receive from each case under one runtime. `variables` are of the function.
async fn seen(entry: &Path, cases: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
    let functions = cases.iter().enumerate().map(|(at, (handler, _))| {
        let command = ["node".into(), entry.as_os_str().to_owned(), (*handler).into()];
        let mut function = Function::new(&format!("f{at}"), command);
        function.task_root = workspace().join("fixtures/node");
        function.handler = (*handler).to_owned();
        function.runtime = "nodejs20.x".to_owned();
        function.timeout = Millis(5_000);
        for (name, value) in variables {
            function.environment.insert((*name).to_owned(), (*value).to_owned());
        }
        function
    });
    let lambda = Lambda::with(functions).await;
    let mut seen = Vec::new();
    for (at, (_, event)) in cases.iter().enumerate() {
        let answer = lambda.invoke(&format!("f{at}"), event).await;
        seen.push(comparable(&answer));
    }
    seen
}

/// An answer without what differs from one invocation to the next, and without the runtime's own frames of a stack.
fn comparable(answer: &Answer) -> String {
    let id = answer.header("x-amzn-requestid").unwrap_or_default();
    let error = answer.header("x-amz-function-error");
    let log = log(answer);
    let lines = log.lines().filter(|line| {
        // AWS's client of version 3 says what it executes.
        !["START ", "END ", "REPORT ", "INIT_", "Executing "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let lines: Vec<String> = lines.map(|line| without_frames(&without_time(line))).collect();
    let body = without_frames(answer.text());
    let whole = format!("{} {error:?}\n{body}\n{}", answer.status, lines.join("\n"));
    without_timestamps(&whole).replace(id, "ID")
}

/// `TIME` in the place of each `2026-11-29T18:29:25.725Z`.
fn without_timestamps(text: &str) -> String {
    let is_time = |part: &str| {
        let bytes = part.as_bytes();
        let at = |index: usize, byte: u8| bytes[index] == byte;
        at(4, b'-') && at(10, b'T') && at(19, b'.') && at(23, b'Z') && bytes[0].is_ascii_digit()
    };
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if rest.get(..24).is_some_and(is_time) {
            replaced.push_str("TIME");
            rest = &rest[24..];
        } else {
            replaced.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    replaced
}

/// A line of the log begins with a time, or has one in JSON.
fn without_time(line: &str) -> String {
    match line.split_once("Z\t") {
        Some((time, rest)) if time.len() == 23 => format!("TIME\t{rest}"),
        _ => match line.split_once(r#"{"timestamp":""#) {
            Some((start, rest)) => format!("{start}{{\"timestamp\":\"TIME{}", &rest[24..]),
            None => line.to_owned(),
        },
    }
}

/// Stacks keep the frames of the function's own files, and lists of modules those too.
fn without_frames(text: &str) -> String {
    let is_own = |frame: &str| {
        let is_frame = frame.trim_start().starts_with("at ") || frame.starts_with("- /");
        !is_frame || frame.contains("fixtures/node") || frame.contains("/var/task")
    };
    let lines = text.split("\\n").filter(|line| is_own(line.split('"').next().unwrap_or_default()));
    let text = lines.collect::<Vec<_>>().join("\\n");
    let items =
        text.split("\",\"").filter(|item| is_own(item.split('"').next().unwrap_or_default()));
    let text = items.collect::<Vec<_>>().join("\",\"");
    // The last frame of a stack may have been the end of its list.
    text.replace("\"],", "],").replace("\"]", "]")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn hardcaps_runtime_for_node_does_what_the_one_of_aws_does() {
    let (aws, own) = (installed::node_runtime(), installed::own_node_runtime());
    let expected = seen(&aws, &CASES, &[]).await;
    let found = seen(&own, &CASES, &[]).await;
    let differences: Vec<String> = CASES
        .iter()
        .zip(expected.iter().zip(&found))
        .filter(|(_, (expected, found))| expected != found)
        .map(|((handler, event), (expected, found))| {
            format!("{handler} {event}\nAWS:     {expected}\nhardcap: {found}")
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn hardcaps_runtime_for_node_logs_json_as_the_one_of_aws_does() {
    let (aws, own) = (installed::node_runtime(), installed::own_node_runtime());
    let cases = [("cases.logs", "{}"), ("cases.throwsOwn", "{}"), ("cases.uncaught", "{}")];
    for level in ["TRACE", "warn", "nonsense"] {
        let variables = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", level)];
        let expected = seen(&aws, &cases, &variables).await;
        let found = seen(&own, &cases, &variables).await;
        assert_eq!(found, expected, "{level}");
    }
}

/// The texts of AWS's client 4.0.2, read on 2026-11-29: it needs Node 22, which `just setup` does not install.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn from_nodejs24_on_callbacks_are_refused_and_promises_are_answered() {
    let own = installed::own_node_runtime();
    let function = |name: &str, handler: &str| {
        let entry = own.clone().into_os_string();
        let mut function = Function::new(name, ["node".into(), entry]);
        function.task_root = workspace().join("fixtures/node");
        function.handler = handler.to_owned();
        function.runtime = "nodejs24.x".to_owned();
        function.timeout = Millis(5_000);
        function
    };
    let lambda = Lambda::with([
        function("callback", "cases.callback"),
        function("promise", "cases.returns"),
        function("sync", "cases.sync"),
        function("throws", "cases.throws"),
    ])
    .await;
    let refused = lambda.invoke("callback", "{}").await;
    assert_eq!(
        refused.json()["errorType"],
        "Runtime.CallbackHandlerDeprecated",
        "{}",
        log(&refused)
    );
    let told = refused.json()["errorMessage"].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("removed support for callback-based function handlers"), "{told}");
    assert_eq!(lambda.invoke("promise", r#"{"a": 1}"#).await.text(), r#"{"got":{"a":1}}"#);
    // What a handler returns without a promise is its answer there, and up to nodejs22.x it is not.
    assert_eq!(lambda.invoke("sync", "{}").await.text(), r#""a value that is not a promise""#);
    let thrown = lambda.invoke("throws", "{}").await;
    assert_eq!(thrown.json()["errorType"], "TypeError", "{}", log(&thrown));
    assert_eq!(lambda.invoke("throws", "{}").await.json()["errorMessage"], "thrown %7F ü");
}
