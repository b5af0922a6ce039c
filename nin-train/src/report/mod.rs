//! Tables and pages for people: what a network takes, and how well it does.

pub mod channels;
mod compare;
mod confusion;
pub mod html;
mod layers;
pub mod pictures;
mod resources;
mod table;
mod units;

pub use compare::{Candidate, Comparison};
pub use confusion::Confusion;
pub use layers::LayerTable;
pub(crate) use resources::layer_name;
pub use resources::{HostMemory, Resources};
pub use table::{Align, Table};
pub use units::{bytes, grouped, percent};
