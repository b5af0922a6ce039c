//! Image data sets.
//!
//! [`load`] finds, checks and reads the data set that a [`DatasetKind`] names; [`idx`], [`cifar`], [`folder`], [`npz`]
//! and [`subset`] each read one format, and [`fetch`] downloads Fashion-MNIST. A [`Dataset`] holds bytes (0 to 255),
//! channels last, at the original size; [`Dataset::from_arrays`] makes one from arrays. [`resize`] scales an image,
//! [`Augment`] changes it at random.
//!
//! Imports [`support`](crate::support) only.

mod arrays;
mod augment;
mod error;
mod http;
mod kind;
mod load;
mod places;
mod record;
mod sets;
mod split;

pub mod cifar;
pub mod fetch;
pub mod folder;
pub mod idx;
pub mod image_file;
pub mod npz;
pub mod resize;
pub mod subset;

pub use augment::Augment;
pub use error::{DataError, Result};
pub use fetch::{Progress, Remote};
pub use folder::FolderOptions;
pub use image_file::{MOST_PIXELS, load_image};
pub use kind::DatasetKind;
pub use load::{LoadOptions, load, load_from};
pub use nin_core::Shape;
pub use places::Places;
pub use record::DatasetRecord;
pub use resize::resize_bilinear;
pub(crate) use sets::hex;
pub use sets::{Dataset, Splits};
pub use subset::make_subset;
