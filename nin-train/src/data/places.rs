//! The folders searched for data sets.

use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};

use super::DatasetKind;

/// The folders searched for one data set, when none is given.
#[derive(Clone, Debug)]
pub struct Places {
    /// In the current folder: `data/NAME`.
    pub local: PathBuf,
    /// In the user's cache folder: `nin-train/NAME`, the target of downloads. `None` if the system has no such folder.
    pub cache: Option<PathBuf>,
    /// Where system packages put data sets: `/usr/share/datasets/NAME` (Debian's `dataset-fashion-mnist`).
    pub system: PathBuf,
}

impl Places {
    /// Returns the usual folders for `kind`.
    pub fn usual(kind: DatasetKind) -> Self {
        let name = kind.name();
        Self {
            local: Path::new("data").join(name),
            cache: user_cache().map(|cache| cache.join("nin-train").join(name)),
            system: Path::new("/usr/share/datasets").join(name),
        }
    }

    /// Returns the folder where resized pictures are kept: `nin-train/pictures` in the user's cache folder. `None` if the
    /// system has no such folder.
    pub fn pictures() -> Option<PathBuf> {
        user_cache().map(|cache| cache.join("nin-train").join("pictures"))
    }

    /// Returns the folders in the order they are searched.
    pub fn in_order(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.local), self.cache.as_ref(), Some(&self.system)].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Returns the folders as one text for messages.
    pub(crate) fn listed(&self) -> String {
        self.in_order().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// Returns the user's cache folder: `%LOCALAPPDATA%` on Windows, elsewhere `$XDG_CACHE_HOME` or `~/.cache`.
fn user_cache() -> Option<PathBuf> {
    let cache = choose_base_strategy().ok()?.cache_dir();
    // With a relative home folder it would be a folder inside the current one.
    cache.is_absolute().then_some(cache)
}

#[cfg(all(test, unix))]
mod tests {
    use super::user_cache;

    #[test]
    fn the_cache_is_where_xdg_puts_it() {
        let absolute = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from).filter(|p| p.is_absolute());
        let home = absolute("HOME").map(|home| home.join(".cache"));
        if let Some(wanted) = absolute("XDG_CACHE_HOME").or(home) {
            assert_eq!(user_cache(), Some(wanted));
        }
    }
}
