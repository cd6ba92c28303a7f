//! The limits of AWS's serverless services as a dated table, and the arithmetic of the envelopes they apply to.
//!
//! Three things live here, without any I/O:
//!
//! - [`table`]: one row per limit, with its history of numbers, the text that each party sees when it is crossed, its source and
//!   the confidence in it. [`Limits::at`] chooses the numbers of a day. The rows come from the data files in `data/`; the
//!   documentation of the module teaches how to add a limit.
//! - [`envelope`]: how many bytes a text, a body or a whole proxy response takes once it is JSON.
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
mod row;

pub mod envelope;
pub mod page;

pub use date::{Date, InvalidDate};
pub use limit::{Exceeded, Limit, RenderedRefusal};
pub use quantity::{Bytes, Count, Megabytes, Millis, Quantity, Unit};
pub use row::{Confidence, Dated, Failure, Party, Proof, Refusal, Row, Scope};
pub use table::{FAILURES, Limits, ROWS, UnknownRow};
