//! Readable text: tables, numbers with their units, and names with visible control characters.

mod escape;
mod table;
mod units;

pub use escape::{is_hidden_control, one_line, visible, visible_lines, visible_path};
pub use table::{Align, Table};
pub use units::{bytes, counted, grouped, percent};
