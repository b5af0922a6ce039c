//! A stand-alone cargo project that runs a model on a board.
//!
//! [`Project::files`] returns the files, from the templates in `templates/`; [`Project::check`] compares the network
//! with the board's flash and RAM first. Nothing here writes to the disk.
//!
//! Imports [`support`](crate::support), [`boards`](crate::boards), [`integers`](crate::integers) and
//! [`engine`](crate::engine).

mod error;
mod fit;
mod hal;
mod manifest;
mod readme;
mod samples;
mod source;
mod template;

use std::path::{Path, PathBuf};

use nin_core::{Kernels, Lanes, Plan, WeightType};

pub use error::FirmwareError;
pub use fit::Fit;
pub use samples::Samples;

use crate::boards::{Board, Core};
use hal::Parts;

/// How the rows of an image reach the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The network asks for them.
    Memory,
    /// An interrupt puts them into a queue.
    Camera,
}

/// Where the project finds `nin-core`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// In the registry, in this version.
    Version(String),
    /// In a folder.
    Path(PathBuf),
}

impl Engine {
    /// Returns the folder beside this crate's sources if the program was built in a checkout of the repository and that
    /// is still there, otherwise this program's version.
    pub fn here() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nin-core");
        match folder.canonicalize() {
            Ok(folder) if folder.join("Cargo.toml").is_file() => Self::Path(folder),
            _ => Self::Version(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }
}

/// The content of a project.
#[derive(Clone, Debug)]
pub struct Project<'a> {
    /// The name of the package: ASCII letters, digits and `-`.
    pub name: String,
    /// The board.
    pub board: &'a Board,
    /// How rows reach the network.
    pub rows: Rows,
    /// Whether the model is in a flash partition of its own.
    pub partition: bool,
    /// The network.
    pub plan: Plan,
    /// The weights: [`WeightType::Int8`], [`WeightType::Int4`], [`WeightType::Affine`] or [`WeightType::AffineInt4`].
    pub weight_type: WeightType,
    /// The model file, packed for [`lanes`] of the board.
    pub model: &'a [u8],
    /// Test images.
    pub samples: Samples,
    /// The crate that the project depends on.
    pub engine: Engine,
    /// Whether the project links with `flip-link`, which then has to be installed.
    pub flip_link: bool,
    /// The command that makes the project, for its README.
    pub command: String,
}

/// Returns the packing of integer weights for a board's kernels.
pub fn lanes(board: &Board) -> Lanes {
    if board.core.has_dsp() { Lanes::Two } else { Lanes::One }
}

impl Project<'_> {
    /// Returns the bytes of the network's working memory on the board.
    pub fn state(&self) -> u64 {
        // Its kernels for Helium need less, but a build for the core has those for DSP instructions too.
        let pairs = self.board.core.has_dsp() || self.board.core == Core::CortexM55;
        let kernels = if pairs { Kernels::Dsp } else { Kernels::Plain };
        self.plan.bytes(self.weight_type, kernels).total() as u64
    }

    fn parts(&self) -> Parts {
        Parts::with(self.board, self.weight_type, self.partition)
    }

    /// Returns how many of `wanted` test images have room in the board's flash beside the code and the model.
    pub fn room(&self, wanted: usize) -> usize {
        let model = if self.partition { 0 } else { self.model.len() as u64 };
        let left = self.board.program_flash(self.partition).saturating_sub(self.parts().code).saturating_sub(model);
        let images = left / Samples::image_bytes(self.plan.spec().input(), self.plan.classes());
        usize::try_from(images).map_or(wanted, |images| images.min(wanted))
    }

    /// Checks the options against the board, and that model, code, working memory and stack fit its flash and RAM.
    ///
    /// # Errors
    ///
    /// [`FirmwareError`], which states the figures and a remedy.
    pub fn check(&self) -> Result<Fit, FirmwareError> {
        let board = self.board;
        if !board.has_project() {
            return Err(FirmwareError::Board(board.name));
        }
        if self.partition && board.models.is_none() {
            return Err(FirmwareError::Partition(board.name));
        }
        let fit = Fit::new(self);
        fit.check(board)?;
        Ok(fit)
    }

    /// Returns the project's files with their paths in its folder.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut files: Vec<(&'static str, Vec<u8>)> = vec![
            ("Cargo.toml", manifest::cargo_toml(self).into()),
            (".cargo/config.toml", manifest::config(self).into()),
            (".gitignore", b"/target\n".to_vec()),
            ("README.md", readme::readme(self).into()),
            ("build.rs", manifest::build_script(self).into()),
            ("model.nin", self.model.to_vec()),
            ("samples.bin", self.samples.pixels.clone()),
            ("src/main.rs", source::main(self).into()),
            ("src/board.rs", source::board(self).into()),
            ("src/clock.rs", source::clock(self).into()),
            ("src/memory.rs", source::memory(self.board).into()),
            ("src/model.rs", source::model(self).into()),
            ("src/samples.rs", source::samples(self).into()),
        ];
        if manifest::has_memory_map(self.board) {
            files.push(("memory.x", manifest::memory_map(self).into()));
        }
        if self.rows == Rows::Camera {
            files.push(("src/camera.rs", source::camera().into()));
        }
        if self.board.chip.is_some() && self.board.machine.is_some() {
            files.push(("qemu.toml", manifest::qemu(self).into()));
        }
        files
    }
}
