//! Image data sets.
//!
//! [`load`] finds, checks and reads the data set that a [`DatasetKind`] names; [`idx`], [`cifar`], [`folder`], [`npz`]
//! and [`subset`] each read one format, and [`fetch`] downloads Fashion-MNIST. Picture files are decoded whole or
//! refused. A [`Dataset`] holds bytes (0 to 255), channels last, at the original size; [`Dataset::from_arrays`] makes one
//! from arrays. [`fit`](mod@fit) brings an image to a network's input, [`Augment`] changes it at random. [`preview`] looks
//! at a folder before it is loaded. [`test_images`](mod@test_images) writes images for a board.
//!
//! Imports [`support`](crate::support) only.

mod arrays;
mod augment;
mod decode;
mod error;
mod http;
mod idx_folder;
mod jpeg;
mod kind;
mod load;
mod places;
mod record;
mod sets;
mod split;

pub mod cifar;
pub mod fetch;
pub mod fit;
pub mod folder;
pub mod idx;
pub mod image_file;
pub mod npz;
pub mod preview;
pub mod subset;
pub mod survey;
pub mod test_images;
mod unknown;

pub use augment::Augment;
pub(crate) use decode::{FORMATS, is_picture};
pub use decode::{MOST_PIXELS, picture_size};
pub use error::{DataError, Result};
pub use fetch::{Progress, Remote};
pub use fit::{fit, fit_into};
pub use folder::FolderOptions;
pub use folder::check_distinct as check_class_names;
pub use idx_folder::is_idx_folder;
pub use image_file::load_image;
pub use kind::DatasetKind;
pub use load::{LoadOptions, load, load_from};
pub use nin_core::Shape;
pub use places::Places;
pub use record::DatasetRecord;
pub(crate) use sets::hex;
pub use sets::{Dataset, Part, Splits};
pub use subset::make_subset;
pub use test_images::{spread, test_images};
pub use unknown::{UNKNOWN, add_unknown};
