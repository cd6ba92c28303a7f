//! The log: one JSON document a line, on standard output, which Lambda sends to CloudWatch.
//!
//! Lines with metrics are written without additions, because CloudWatch reads metrics only from a line that is one whole document.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The target of the access log, for filters.
pub const ACCESS: &str = "access";

/// The field of a line that is written as it is.
const DOCUMENT: &str = "document";

/// Starts the log. `filter` has the syntax of `RUST_LOG`.
pub fn start(filter: &str) {
    let log = subscriber(filter, std::io::stdout);
    tracing::subscriber::set_global_default(log).expect("the log is started only once");
}

/// The log, written to another writer.
pub fn subscriber<W>(filter: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .fmt_fields(JsonFields::new())
        .event_format(Lines(Format::default().json().flatten_event(true)))
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(writer)
        .finish()
}

struct Lines(Format<Json>);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().fields().field(DOCUMENT).is_none() {
            return self.0.format_event(context, writer, event);
        }
        let mut document = Document(String::new());
        event.record(&mut document);
        writeln!(writer, "{}", document.0)
    }
}

/// The field `document` of an event.
struct Document(String);

impl Visit for Document {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == DOCUMENT {
            // Writing into a String does not fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
