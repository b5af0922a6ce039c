//! Reads the picture files of a data set in parallel.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rayon::prelude::*;

use super::Files;
use super::cache::{Cache, Kept, Stamp};
use crate::data::image_file::load_image;
use crate::data::{DataError, Dataset, Progress, Result, Shape};

/// The time between two calls of `progress`.
const TICK: Duration = Duration::from_millis(100);

/// The pictures of one part: the whole ones, and an error for each of the others.
pub(super) struct Pictures {
    pub dataset: Dataset,
    pub failed: Vec<DataError>,
    /// The pictures that the cache may store.
    pub kept: Vec<Kept>,
    /// Whether any was decoded rather than taken from the cache.
    pub is_new: bool,
}

/// The result of reading one file.
struct Outcome {
    error: Option<DataError>,
    /// The stamp that it had before it was read, if it has the same one after that.
    stamp: Option<Stamp>,
    is_new: bool,
}

/// Reads the files in parallel; their names in the data set are their paths relative to `folder`. `progress` is called
/// on this thread, with `before` pictures done already of `total`.
pub(super) fn read(
    folder: &Path,
    files: Files,
    names: &[String],
    shape: Shape,
    cache: Option<&Cache>,
    (before, total): (usize, usize),
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Pictures> {
    let Files { paths, mut labels } = files;
    let too_many = || DataError::Invalid(format!("{} images of {shape} don't fit into memory", paths.len()));
    let bytes = paths.len().checked_mul(shape.len()).ok_or_else(too_many)?;
    let mut images: Vec<u8> = Vec::new();
    images.try_reserve_exact(bytes).map_err(|_| too_many())?;
    images.resize(bytes, 0);
    let done = AtomicUsize::new(0);
    let one = &|(image, path): (&mut [u8], &PathBuf)| {
        let stamp = cache.and_then(|_| Stamp::of(path));
        let cached = stamp.as_ref().and_then(|stamp| cache?.get(path, stamp));
        let outcome = match cached {
            Some(pixels) => {
                image.copy_from_slice(pixels);
                Outcome { error: None, stamp, is_new: false }
            }
            None => {
                let loaded = load_image(path, shape.channels, shape.rows, shape.columns, false);
                let error = loaded.map(|pixels| image.copy_from_slice(&pixels)).err();
                // The file may have changed while it was read.
                let stamp = stamp.filter(|stamp| Stamp::of(path).as_ref() == Some(stamp));
                Outcome { error, stamp, is_new: true }
            }
        };
        done.fetch_add(1, Ordering::Relaxed);
        outcome
    };
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let (sender, receiver) = channel();
        let (images, paths) = (&mut images, &paths);
        scope.spawn(move || {
            let outcomes: Vec<_> = images.par_chunks_mut(shape.len()).zip(paths).map(one).collect();
            // The receiver waits until this arrives.
            let _ = sender.send(outcomes);
        });
        loop {
            let outcome = receiver.recv_timeout(TICK);
            progress(Progress::Pictures { done: before + done.load(Ordering::Relaxed), total });
            match outcome {
                Ok(outcomes) => break Some(outcomes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        }
    })
    .ok_or_else(|| DataError::Invalid("a picture could not be read: the thread that reads it has ended".into()))?;

    let is_new = outcomes.iter().any(|outcome| outcome.is_new);
    let (mut failed, mut files, mut kept, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (index, (Outcome { error, stamp, .. }, path)) in outcomes.into_iter().zip(paths).enumerate() {
        if let Some(error) = error {
            failed.push(error);
            continue;
        }
        // Those that are whole move together.
        images.copy_within(index * shape.len()..(index + 1) * shape.len(), count * shape.len());
        labels[count] = labels[index];
        files.push(path.strip_prefix(folder).unwrap_or(&path).display().to_string());
        // A path that is not UTF-8 has no place in the cache's index.
        kept.extend(stamp.filter(|_| path.to_str().is_some()).map(|stamp| (count, path, stamp)));
        count += 1;
    }
    images.truncate(count * shape.len());
    labels.truncate(count);
    let dataset = Dataset::new(images, shape, labels, names.to_vec())?.with_files(files)?;
    Ok(Pictures { dataset, failed, kept, is_new })
}
