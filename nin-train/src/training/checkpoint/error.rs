//! Errors of reading and writing checkpoints.

use std::path::PathBuf;
use std::{fmt, io};

use crate::support::text::visible_path;

/// The reason why a checkpoint cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The system refused to read or write.
    Io(io::Error),
    /// It does not begin with a checkpoint's magic bytes.
    NotACheckpoint,
    /// It was written by another version.
    Version {
        /// The file's version.
        found: u32,
        /// The version that this code reads.
        read: u32,
    },
    /// It ends too early.
    Truncated,
    /// Its checksum does not match its bytes.
    Damaged,
    /// Its header is invalid, with a description of the fault.
    Header(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Io(error) => error.fmt(f),
            Problem::NotACheckpoint => f.write_str("this is not a checkpoint"),
            Problem::Version { found, read } => {
                write!(f, "this is a checkpoint of version {found}, but this program reads version {read}")
            }
            Problem::Truncated => f.write_str("the checkpoint is cut off: its end is missing"),
            Problem::Damaged => f.write_str("the checkpoint is damaged: its checksum does not fit its content"),
            Problem::Header(problem) => write!(f, "the checkpoint's header is wrong: {problem}"),
        }
    }
}

impl std::error::Error for Problem {}

/// A checkpoint's file and its problem. The text is one sentence that names the file.
#[derive(Debug)]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// The problem.
    pub problem: Problem,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", visible_path(&self.path), self.problem)
    }
}

impl std::error::Error for CheckpointError {}
