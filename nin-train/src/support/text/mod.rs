//! Readable text: tables, and numbers with their units.

mod table;
mod units;

pub use table::{Align, Table};
pub use units::{bytes, grouped, percent};
