//! CloudWatch Logs, read only: the log lines of functions, for `sam logs`, `aws logs tail` and tests.
//!
//! A function has the log group `/aws/lambda/NAME`, and each of its sandboxes a stream. Only the newest lines are kept.

mod pattern;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::json_api::{self, ApiError, Call};
use hardcap_core::config::{ACCOUNT_ID, Config};
use hardcap_core::context::Platform;
use hardcap_core::log_buffer::LogLine;
use pattern::Pattern;

const OPERATIONS: &[&str] =
    &["DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents"];
/// The maximum number of events on a page (CloudWatch Logs API reference, `FilterLogEvents`: 10,000 or 1 MB).
const EVENTS_MAX: usize = 10_000;
/// The maximum number of bytes on a page.
const BYTES_MAX: usize = 1024 * 1024;
const GROUP_PREFIX: &str = "/aws/lambda/";

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CloudWatchLogs {
    platform: Platform,
    region: Arc<str>,
    /// The names of the template's functions, whose groups exist before their first line.
    functions: Arc<[String]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_stream_name: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
    start_from_head: bool,
}

impl CloudWatchLogs {
    /// The log groups of a configuration's functions.
    pub fn new(platform: &Platform, config: &Config) -> CloudWatchLogs {
        CloudWatchLogs {
            platform: platform.clone(),
            region: config.region.as_str().into(),
            functions: config.functions.iter().map(|function| function.name.clone()).collect(),
        }
    }

    /// Responds to a request with `X-Amz-Target: Logs_20140328.*`.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let logs = self.clone();
            json_api::serve_call(&self.platform, request, "message", move |call| logs.run(call))
                .await
        })
    }

    fn run(&self, call: &Call) -> Result<Value, ApiError> {
        match call.operation.as_str() {
            "DescribeLogGroups" => self.groups(&call.input()?),
            "DescribeLogStreams" => self.streams(&call.input()?),
            "FilterLogEvents" => self.filter(&call.input()?),
            "GetLogEvents" => self.events(&call.input()?),
            other => Err(json_api::unknown_operation("CloudWatch Logs", other, OPERATIONS)),
        }
    }

    fn groups(&self, input: &Input) -> Result<Value, ApiError> {
        let mut bytes: BTreeMap<String, usize> =
            self.functions.iter().map(|name| (name.clone(), 0)).collect();
        for line in self.platform.log_buffer.lines() {
            *bytes.entry(line.function.clone()).or_default() += line.text.len();
        }
        let wanted = |group: &str| {
            let prefix = input.log_group_name_prefix.as_deref();
            let part = input.log_group_name_pattern.as_deref();
            prefix.is_none_or(|prefix| group.starts_with(prefix))
                && part.is_none_or(|part| group.contains(part))
        };
        let groups: Vec<Value> = bytes
            .into_iter()
            .map(|(function, bytes)| (format!("{GROUP_PREFIX}{function}"), bytes))
            .filter(|(group, _)| wanted(group))
            .map(|(group, bytes)| {
                let arn = format!("arn:aws:logs:{}:{ACCOUNT_ID}:log-group:{group}", self.region);
                json!({
                    "logGroupName": group,
                    "creationTime": 0,
                    "metricFilterCount": 0,
                    "arn": format!("{arn}:*"),
                    "logGroupArn": arn,
                    "logGroupClass": "STANDARD",
                    "storedBytes": bytes,
                })
            })
            .collect();
        Ok(json!({ "logGroups": groups }))
    }

    /// The function of the group, which a call names by its name or its ARN.
    fn function(&self, input: &Input) -> Result<String, ApiError> {
        let named = input.log_group_name.as_deref().or(input.log_group_identifier.as_deref());
        let Some(named) = named else {
            let text = "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null";
            return Err(ApiError::Exception("InvalidParameterException", Some(text.to_owned())));
        };
        let group = named.split_once(":log-group:").map_or(named, |(_, group)| group);
        let function = group.trim_end_matches(":*").strip_prefix(GROUP_PREFIX);
        let known = |function: &&str| {
            self.functions.iter().any(|name| name == function)
                || self.platform.log_buffer.lines().iter().any(|line| line.function == **function)
        };
        match function.filter(known) {
            Some(function) => Ok(function.to_owned()),
            // Recorded in many reports, such as aws/aws-cli#5152.
            None => Err(ApiError::Exception(
                "ResourceNotFoundException",
                Some("The specified log group does not exist.".to_owned()),
            )),
        }
    }

    fn lines(&self, function: &str) -> Vec<Arc<LogLine>> {
        let mut lines = self.platform.log_buffer.lines();
        lines.retain(|line| line.function == function);
        lines
    }

    fn streams(&self, input: &Input) -> Result<Value, ApiError> {
        let function = self.function(input)?;
        let mut streams: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for line in self.lines(&function) {
            let at = line.at.0;
            let span = streams.entry(line.stream.clone()).or_insert((at, at));
            span.1 = span.1.max(at);
        }
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        let streams: Vec<Value> = streams
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, (first, last))| {
                let region = &self.region;
                json!({
                    "logStreamName": name,
                    "creationTime": first,
                    "firstEventTimestamp": first,
                    "lastEventTimestamp": last,
                    "lastIngestionTime": last,
                    "arn": format!("arn:aws:logs:{region}:{ACCOUNT_ID}:log-group:{GROUP_PREFIX}{function}:log-stream:{name}"),
                    "storedBytes": 0,
                })
            })
            .collect();
        Ok(json!({ "logStreams": streams }))
    }

    fn filter(&self, input: &Input) -> Result<Value, ApiError> {
        let function = self.function(input)?;
        let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?;
        let after = number(input.next_token.as_deref())?;
        let streams = input.log_stream_names.as_ref();
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        let mut found = self.lines(&function);
        found.retain(|line| {
            line.number >= after
                && in_time(line, input)
                && streams.is_none_or(|names| names.contains(&line.stream))
                && line.stream.starts_with(prefix)
                && pattern.matches(&line.text)
        });
        let end = page(&found, size(input)?);
        let events: Vec<Value> = found[..end]
            .iter()
            .map(|line| {
                let mut event = event(line);
                event["logStreamName"] = json!(line.stream);
                event["eventId"] = json!(format!("{:056}", line.number));
                event
            })
            .collect();
        let mut response = json!({ "events": events, "searchedLogStreams": [] });
        if let Some(next) = found.get(end) {
            response["nextToken"] = json!(next.number.to_string());
        }
        Ok(response)
    }

    /// Events of one stream. A token names the line after the page (`f/`) or the first line of the page (`b/`).
    fn events(&self, input: &Input) -> Result<Value, ApiError> {
        let function = self.function(input)?;
        let stream = input.log_stream_name.as_deref().unwrap_or_default();
        let mut found = self.lines(&function);
        found.retain(|line| line.stream == stream);
        if found.is_empty() {
            let text = "The specified log stream does not exist.".to_owned();
            return Err(ApiError::Exception("ResourceNotFoundException", Some(text)));
        }
        let past = found.last().map_or(0, |line| line.number + 1);
        found.retain(|line| in_time(line, input));
        let size = size(input)?;
        let token = input.next_token.as_deref().map(|token| token.split_once('/').ok_or(token));
        let page_of = match token {
            None if input.start_from_head => &found[..page(&found, size)],
            None => &found[found.len().saturating_sub(size)..],
            Some(Ok(("f", after))) => {
                let after = number(Some(after))?;
                found.retain(|line| line.number >= after);
                &found[..page(&found, size)]
            }
            Some(Ok(("b", before))) => {
                let before = number(Some(before))?;
                found.retain(|line| line.number < before);
                &found[found.len().saturating_sub(size)..]
            }
            Some(_) => return Err(bad_token()),
        };
        // A page without events repeats its token. Clients detect the end by it.
        let asked = input.next_token.as_deref().and_then(|token| token.split_once('/'));
        let asked = asked.and_then(|(_, number)| number.parse().ok()).unwrap_or(past);
        let first = page_of.first().map_or(asked, |line| line.number);
        let next = page_of.last().map_or(asked, |line| line.number + 1);
        Ok(json!({
            "events": page_of.iter().map(|line| event(line)).collect::<Vec<_>>(),
            "nextForwardToken": format!("f/{next}"),
            "nextBackwardToken": format!("b/{first}"),
        }))
    }
}

/// On AWS a message ends with a line break.
fn event(line: &LogLine) -> Value {
    json!({
        "timestamp": line.at.0,
        "message": format!("{}\n", line.text),
        "ingestionTime": line.at.0,
    })
}

fn in_time(line: &LogLine, input: &Input) -> bool {
    let at = line.at.0;
    input.start_time.is_none_or(|start| at >= start) && input.end_time.is_none_or(|end| at <= end)
}

fn size(input: &Input) -> Result<usize, ApiError> {
    let size = input.limit.unwrap_or(EVENTS_MAX);
    if (1..=EVENTS_MAX).contains(&size) {
        return Ok(size);
    }
    let bound =
        if size == 0 { "greater than or equal to 1" } else { "less than or equal to 10000" };
    let text = format!(
        "1 validation error detected: Value '{size}' at 'limit' failed to satisfy constraint: Member must have value {bound}"
    );
    Err(ApiError::Exception("InvalidParameterException", Some(text)))
}

/// The number of these lines that fit on a page.
fn page(lines: &[Arc<LogLine>], size: usize) -> usize {
    let mut bytes = 0;
    let fits = lines.iter().take(size).take_while(|line| {
        bytes += line.text.len() + 1;
        bytes <= BYTES_MAX
    });
    // A line that is larger than a page is a page of its own.
    fits.count().max(lines.len().min(1))
}

fn number(token: Option<&str>) -> Result<u64, ApiError> {
    token.map_or(Ok(0), |token| token.parse().map_err(|_| bad_token()))
}

fn bad_token() -> ApiError {
    let text = "The specified nextToken is invalid.".to_owned();
    ApiError::Exception("InvalidParameterException", Some(text))
}
