//! The table for people and for programs. Pure: limits in, text out.

mod data;
mod markdown;
mod text;

pub use data::{Page, PageRow, VERSION, data};
pub use markdown::{markdown, markdown_of};
pub use text::{diff, differences, row, text};
