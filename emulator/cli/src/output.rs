//! The lines on standard error: text for people, or one JSON object a line (`--log-format json`, `docs/logging.md`).

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use hardcap_core::clock::{self, Clock, EpochMillis};
use hardcap_core::console;
use hardcap_core::log_buffer::shown_lines;

/// Counts the incompatible changes of the JSON.
const FORMAT: u32 = 1;
/// The colours of names: cyan, green, magenta, blue, yellow, and their bright forms. Red is left to errors.
const COLORS: [u8; 10] = [36, 32, 35, 34, 33, 96, 92, 95, 94, 93];

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// The format of the lines on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line, for programs
    Json,
}

/// The severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// The origin of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// hardcap itself.
    Hardcap,
    /// A function, or the platform's lines about its invocations.
    Function,
    /// The access log of an API or a function URL.
    Gateway,
    /// A companion service.
    Companion,
    /// A build tool.
    Build,
    /// A finding of `hardcap check`.
    Check,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Source::Hardcap => "hardcap",
            Source::Function => "function",
            Source::Gateway => "gateway",
            Source::Companion => "companion",
            Source::Build => "build",
            Source::Check => "check",
        }
    }

    /// The source of an event by its target.
    fn of(target: &str) -> Source {
        match target {
            "hardcap::function" => Source::Function,
            "hardcap::access" => Source::Gateway,
            _ => Source::Hardcap,
        }
    }
}

/// Sets the format of all further lines of this process.
pub(crate) fn use_format(format: LogFormat) {
    let is_json = format == LogFormat::Json;
    IS_JSON.store(is_json, Ordering::Relaxed);
    if is_json {
        console::set_notice(|notice| line(Level::Warn.name(), Source::Hardcap, notice, Map::new()));
    }
}

/// Whether the lines are JSON.
pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Writes a line: `text` for people; for programs an object with `message` and `members`.
pub(crate) fn write(
    level: Level,
    source: Source,
    text: &str,
    message: &str,
    members: impl IntoIterator<Item = (&'static str, Value)>,
) {
    if is_json() {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        console::write(line(level.name(), source, message, members).as_bytes());
    } else {
        console::write(format!("{text}\n").as_bytes());
    }
}

/// A line of a companion.
pub(crate) fn companion(name: &str, text: &str) {
    let shown = format!("{} | {text}", colored_name(name, colors(&std::io::stderr())));
    write(Level::Info, Source::Companion, &shown, text, [("companion", name.into())]);
}

/// One object and the line's end.
fn line(level: &str, source: Source, message: &str, members: Map<String, Value>) -> String {
    let time = Clock::default().wall().to_utc().format(&Rfc3339).unwrap_or_default();
    let mut object = Map::new();
    object.insert("format".to_owned(), FORMAT.into());
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), level.into());
    object.insert("source".to_owned(), source.name().into());
    object.insert("message".to_owned(), message.trim().into());
    object.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
    format!("{}\n", Value::Object(object))
}

/// Whether a stream shows colours: it is a terminal, and `NO_COLOR` is not set.
pub(crate) fn colors(stream: &impl IsTerminal) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the terminal's own settings are read here")]
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && stream.is_terminal()
}

/// A name in its colour: the same name always has the same one.
pub(crate) fn colored_name(name: &str, colors: bool) -> Cow<'_, str> {
    if !colors {
        return name.into();
    }
    let sum = name.bytes().fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(byte));
    format!("\x1b[{}m{name}\x1b[0m", COLORS[sum % COLORS.len()]).into()
}

/// The fields of an event.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    members: Map<String, Value>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Fields {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields
    }

    fn text(&self, name: &str) -> &str {
        self.members.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn set(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => {
                self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            }
            name => {
                self.members.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field, value.to_string().into());
    }
}

/// The line of a function. Each invocation has at least three, so they are not collected as [`Fields`].
#[derive(Debug, Default)]
struct FunctionLine {
    function: String,
    text: String,
}

impl Visit for FunctionLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a text cannot fail.
            let _ = fmt::Write::write_fmt(&mut self.text, format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "function" => value.clone_into(&mut self.function),
            "message" => value.clone_into(&mut self.text),
            _ => {}
        }
    }
}

/// Formats the events of the log.
#[derive(Debug)]
pub(crate) struct Lines {
    format: LogFormat,
    /// The format of hardcap's own lines as text.
    own: Format<Full, SystemTime>,
}

impl Lines {
    pub(crate) fn new(format: LogFormat) -> Lines {
        Lines { format, own: Format::default().with_target(false) }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let source = Source::of(event.metadata().target());
        if self.format == LogFormat::Json {
            let Fields { message, members } = Fields::of(event);
            let level = level.as_str().to_ascii_lowercase();
            return writer.write_str(&line(&level, source, &message, members));
        }
        match source {
            Source::Function => {
                let mut line = FunctionLine::default();
                event.record(&mut line);
                let name = colored_name(&line.function, writer.has_ansi_escapes());
                for shown in shown_lines(&line.text) {
                    begin(&mut writer, level)?;
                    writer.write_str(&name)?;
                    writer.write_str(" | ")?;
                    writer.write_str(shown)?;
                    writer.write_char('\n')?;
                }
                Ok(())
            }
            Source::Gateway => {
                let fields = Fields::of(event);
                begin(&mut writer, level)?;
                let is_refused = level <= tracing::Level::WARN;
                let text = with_colored_status(&fields, writer.has_ansi_escapes());
                match fields.text("request_id") {
                    id if is_refused => writeln!(writer, "{text} request_id={id}"),
                    _ => writeln!(writer, "{text}"),
                }
            }
            Source::Hardcap | Source::Companion | Source::Build | Source::Check => {
                self.own.format_event(ctx, writer, event)
            }
        }
    }
}

/// The time and the level, as hardcap's own lines begin.
fn begin(writer: &mut Writer<'_>, level: tracing::Level) -> fmt::Result {
    let colors = writer.has_ansi_escapes();
    if colors {
        writer.write_str("\x1b[2m")?;
    }
    write_time(writer)?;
    if !colors {
        return write!(writer, " {level:>5} ");
    }
    let color = match level {
        tracing::Level::ERROR => 31,
        tracing::Level::WARN => 33,
        tracing::Level::INFO => 32,
        _ => 34,
    };
    write!(writer, "\x1b[0m \x1b[{color}m{level:>5}\x1b[0m ")
}

/// `2026-11-30T07:49:35.823908Z`, as hardcap's own lines have it. The part up to the second is formatted once a second.
fn write_time(writer: &mut Writer<'_>) -> fmt::Result {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = clock::wall_micros();
    let second = now / 1_000_000;
    SECOND.with_borrow_mut(|(known, text)| {
        if *known != second {
            let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].");
            let utc = EpochMillis(second * 1_000).to_utc();
            (*known, *text) = (second, utc.format(format).map_err(|_| fmt::Error)?);
        }
        writer.write_str(text)
    })?;
    write!(writer, "{:06}Z", now % 1_000_000)
}

/// The message of a request with its status in the colour of its class.
fn with_colored_status(fields: &Fields, colors: bool) -> String {
    let message = fields.message.clone();
    let Some(status) = fields.members.get("status").and_then(Value::as_u64).filter(|_| colors)
    else {
        return message;
    };
    let color = match status {
        0..400 => 32,
        400..500 => 33,
        _ => 31,
    };
    message.replacen(&format!(" {status} in "), &format!(" \x1b[{color}m{status}\x1b[0m in "), 1)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, colors: bool) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(colors)
            .event_format(Lines::new(format))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "hardcap::function", function = "Hello", "one\r  two");
            tracing::warn!(
                target: "hardcap::access",
                request_id = "id-1",
                status = 502_u16,
                response_bytes = Some(36_u64),
                limit = None::<&str>,
                "GET /x 502 in 3 ms"
            );
            tracing::info!(answer = true, "own line");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// The lines without their times.
    fn without_times(text: &str) -> Vec<&str> {
        text.lines().map(|line| line.split_once("Z ").map_or(line, |(_, rest)| rest)).collect()
    }

    #[test]
    fn text_shows_each_line_of_a_function_with_its_name_and_the_request_id_of_a_refusal() {
        assert_eq!(
            without_times(&logged(LogFormat::Text, false)),
            [
                " INFO Hello | one",
                " INFO Hello |   two",
                " WARN GET /x 502 in 3 ms request_id=id-1",
                " INFO own line answer=true",
            ]
        );
    }

    #[test]
    fn json_has_one_object_a_line_with_the_fields_of_its_event() {
        let text = logged(LogFormat::Json, true);
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0]["message"], "one\r  two");
        assert_eq!(
            (&lines[0]["source"], &lines[0]["function"]),
            (&"function".into(), &"Hello".into())
        );
        assert_eq!((&lines[1]["level"], &lines[1]["status"]), (&"warn".into(), &502.into()));
        assert_eq!((&lines[1]["response_bytes"], lines[1].get("limit")), (&36.into(), None));
        assert_eq!((&lines[2]["source"], &lines[2]["answer"]), (&"hardcap".into(), &true.into()));
        assert!(lines.iter().all(|line| line["format"] == 1 && line["time"].is_string()), "{text}");
    }

    #[test]
    fn names_and_statuses_have_colours_only_where_they_are_wanted() {
        let plain = logged(LogFormat::Text, false);
        assert!(!plain.contains('\x1b'), "{plain:?}");
        let colored = logged(LogFormat::Text, true);
        assert!(colored.contains("mHello\x1b[0m | one"), "{colored:?}");
        assert!(colored.contains(" \x1b[31m502\x1b[0m in "), "{colored:?}");
        assert_eq!(colored_name("Hello", true), colored_name("Hello", true));
        assert_ne!(
            colored_name("Hello", true),
            colored_name("Giant", true).replace("Giant", "Hello")
        );
    }
}
