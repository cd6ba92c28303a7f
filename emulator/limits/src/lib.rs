//! The limits of AWS's serverless services as a dated table, and the sizes of the JSON envelopes that they apply to.
//!
//! The crate has three parts, none of which does I/O:
//!
//! - [`table`]: one row per limit: its history of numbers, the text that each party receives above it, its source and the
//!   confidence in it. [`Limits::at`] selects the numbers of a day. The rows are generated from the data files in `data/`; the
//!   module's documentation shows how to add a limit.
//! - [`envelope`]: the size of a text, a body or a proxy response as JSON.
//! - [`page`]: the table as text, JSON and markdown.
//!
//! ```
//! use hardcap_limits::{Bytes, Limits, Party};
//!
//! let limits = Limits::classic();
//! let exceeded = limits.lambda_sync_response.admit(Bytes(6_291_557)).unwrap_err();
//! let refusal = exceeded.refusal(Party::Function).unwrap();
//! assert_eq!(refusal.status, 413);
//! assert!(limits.lambda_sync_response.admit(Bytes(6_291_556)).is_ok());
//! ```

pub mod table;

mod date;
mod limit;
mod quantity;
mod remedy;
mod row;

pub mod envelope;
pub mod page;

pub use date::{Date, InvalidDate};
pub use limit::{Exceeded, Limit, RenderedRefusal};
pub use quantity::{Bytes, Count, InvalidNumber, Megabytes, Millis, Quantity, Unit, grouped};
pub use row::{Confidence, Dated, KnownError, Party, Proof, RefusalText, Row, Scope};
pub use table::{KNOWN_ERRORS, Limits, ROWS, UnknownRow};
