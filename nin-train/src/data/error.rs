//! The error type of [`data`](crate::data).

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use crate::support::text::{grouped, visible_path};

/// Result of the functions that load data.
pub type Result<T> = std::result::Result<T, DataError>;

/// Why data could not be loaded. Its `Display` text states the fault and a remedy for the user, on one line except for
/// [`DataError::Pictures`].
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder whose content is wrong.
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What the user can do about it.
        advice: String,
    },
    /// The operating system refused to read or write.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done, such as "read".
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A data set that was not found in any place searched; the whole message.
    Missing(String),
    /// A file that could not be fetched.
    Download {
        /// The URL.
        url: String,
        /// What happened.
        problem: String,
    },
    /// Picture files that cannot be read, one or more, each with its error.
    Pictures(Vec<DataError>),
    /// An invalid value from the caller; the whole message.
    Invalid(String),
}

impl DataError {
    /// Returns the error for a file or folder with wrong content.
    pub(crate) fn file(path: &Path, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), problem: problem.into(), advice: advice.into() }
    }

    /// Returns a function for `map_err` on a file operation; `doing` names the operation, such as "read".
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }
}

/// Most pictures that one message lists.
const MOST_LISTED: usize = 20;

impl DataError {
    /// Returns the first twenty errors, each after a line break and without advice, and the number of the others.
    pub(crate) fn list(errors: &[DataError]) -> String {
        let line = |error: &DataError| match error {
            Self::File { path, problem, .. } => format!("\n  {}: {problem}", visible_path(path)),
            other => format!("\n  {other}"),
        };
        let mut text: String = errors.iter().take(MOST_LISTED).map(line).collect();
        if let Some(more @ 1..) = errors.len().checked_sub(MOST_LISTED) {
            text += &format!("\n  and {} more", grouped(more as u64));
        }
        text
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, problem, advice } => write!(f, "{}: {problem}; {advice}", visible_path(path)),
            Self::Io { path, doing, source } => write!(f, "{}: cannot {doing}: {source}", visible_path(path)),
            Self::Pictures(errors) => match &errors[..] {
                [error] => write!(f, "{error}, or leave such pictures out with --skip-bad"),
                _ => {
                    let (count, list) = (grouped(errors.len() as u64), Self::list(errors));
                    writeln!(f, "{count} pictures cannot be read:{list}")?;
                    f.write_str("replace or remove them, or leave them out with --skip-bad")
                }
            },
            Self::Download { url, problem } => write!(f, "{url}: {problem}"),
            Self::Missing(text) | Self::Invalid(text) => f.write_str(text),
        }
    }
}

impl error::Error for DataError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
