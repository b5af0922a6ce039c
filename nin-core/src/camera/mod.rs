//! From a camera's rows to the network's rows, in integers: the trainer uses the same code for pictures, so a network
//! reads the same bytes on a board and on a computer.
//!
//! ```
//! use nin_core::camera::{FrameReader, Rgb565Be};
//! use nin_core::{Plan, Spec};
//!
//! const PLAN: Plan = Plan::new(Spec::new("3x64x64 nin5/2+2:16,16 max3/2 nin3+1:32,32 gap fc2"));
//! // The reader's memory: here 960 bytes.
//! let mut memory = [0; PLAN.camera_words()];
//! let mut reader = FrameReader::<Rgb565Be>::new((240, 320), PLAN.spec().input(), &mut memory)?;
//! # let line = [0; 640];
//! # let mut rows = 0;
//! for _ in 0..240 {
//!     // `line` holds the 640 bytes of the camera's next row, from the top.
//!     if let Some(row) = reader.push(&line)? {
//!         // `row` holds the network's next row: 64 pixels of R, G, B. An 8-bit network takes it as it is:
//!         // network.push_row(row)?;
//! #       assert_eq!(row.len(), 192);
//! #       rows += 1;
//!     }
//! }
//! # assert_eq!(rows, 64);
//! # Ok::<(), nin_core::camera::FrameError>(())
//! ```
//!
//! Each frame passes through three steps:
//!
//! 1. *Crop.* The largest part about the centre that has the aspect ratio of the network's input ([`Crop`]).
//! 2. *Colour.* Each pixel becomes R, G, B, or a grey level for a network with one channel ([`PixelFormat`]).
//! 3. *Reduction.* A pixel of the network's input is the mean of the area that it covers. Source pixels at the border
//!    of
//!    the area count by the part of them that lies inside. The mean is exact and rounded to the nearest integer, halves up.
//!
//! Pictures smaller than the network's input exist only on a computer. They are enlarged bilinearly ([`Between`]).
//!
//! `pixels` converts colours, `crop` holds [`Crop`], `reader` the [`FrameReader`], `total` the sums of areas, `between`
//! enlarges. This module may import `spec`.

mod between;
mod crop;
mod pixels;
mod reader;
mod total;

pub use self::between::Between;
pub use self::crop::Crop;
pub use self::pixels::{Bgr888, Grey, PixelFormat, Rgb565Be, Rgb565Le, Rgb888, Yuyv, luma};
pub use self::reader::{FrameError, FrameReader, camera_words};
pub use self::total::Total;
