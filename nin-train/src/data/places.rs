//! Where data sets are looked for.

use std::env;
use std::path::{Path, PathBuf};

use super::DatasetKind;

/// The folders searched for one data set, when none is given.
#[derive(Clone, Debug)]
pub struct Places {
    /// In the current folder: `data/NAME`.
    pub local: PathBuf,
    /// In the user's cache folder: `nin-train/NAME`; fetched files go here. `None` if the system tells no such folder.
    pub cache: Option<PathBuf>,
    /// Where system packages put data sets: `/usr/share/datasets/NAME` (Debian's `dataset-fashion-mnist`).
    pub system: PathBuf,
}

impl Places {
    /// The usual folders for `kind`.
    pub fn usual(kind: DatasetKind) -> Self {
        let name = kind.name();
        Self {
            local: Path::new("data").join(name),
            cache: user_cache().map(|cache| cache.join("nin-train").join(name)),
            system: Path::new("/usr/share/datasets").join(name),
        }
    }

    /// The folders in the order they are searched.
    pub fn in_order(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.local), self.cache.as_ref(), Some(&self.system)].into_iter().flatten().map(PathBuf::as_path)
    }

    /// The folders as one text for messages.
    pub(crate) fn listed(&self) -> String {
        self.in_order().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// The user's folder for files that can be fetched again, by the rules of each system.
fn user_cache() -> Option<PathBuf> {
    // The XDG rules say that a relative path is to be ignored; the other variables are treated alike.
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join("Library/Caches")))
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
    }
}
