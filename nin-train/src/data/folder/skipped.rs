//! Entries that are not read: counts of them, and what to do about those that look like pictures.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::FORMATS;
use crate::support::text::{grouped, visible};

/// Extensions of pictures and films in formats that are not read.
const OTHER_PICTURES: [&str; 30] = [
    "heic", "heif", "avif", "jxl", "jp2", "svg", "ico", "tga", "psd", "pgm", "ppm", "pnm", "exr", "hdr", "qoi", "dds",
    "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "mp4", "mov", "avi", "mkv", "webm", "pdf",
];
const FILMS: [&str; 5] = ["mp4", "mov", "avi", "mkv", "webm"];

/// Counts of entries that are not read.
#[derive(Clone, Debug, Default)]
pub(super) struct Skipped {
    /// By extension, in lower case: pictures in other formats.
    pictures: BTreeMap<String, usize>,
    /// Everything else: hidden entries, other files, folders within classes, folders of runs.
    others: usize,
}

impl Skipped {
    /// Counts entries without a closer look.
    pub fn others(&mut self, count: usize) {
        self.others += count;
    }

    /// Counts one file or folder.
    pub fn entry(&mut self, path: &Path) {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.filter(|ending| OTHER_PICTURES.contains(&ending.as_str())) {
            Some(ending) => *self.pictures.entry(ending).or_default() += 1,
            None => self.others += 1,
        }
    }

    /// Adds the counts of another part.
    pub fn add(&mut self, other: Skipped) {
        self.others += other.others;
        for (ending, count) in other.pictures {
            *self.pictures.entry(ending).or_default() += count;
        }
    }

    /// Returns the number of entries that are no pictures, for the sentence about the source.
    pub fn counted(&self) -> usize {
        self.others
    }

    /// Returns a sentence about the pictures in formats that are not read, with what to do; `None` if there are none.
    pub fn pictures(&self) -> Option<String> {
        let (first, _) = self.pictures.iter().max_by_key(|(_, count)| **count)?;
        let counts: Vec<String> =
            self.pictures.iter().map(|(ending, &count)| format!("{} .{ending}", grouped(count as u64))).collect();
        let first = visible(first);
        let advice = match FILMS.contains(&&*first) {
            true => format!("take frames from them, for example with `ffmpeg -i FILM.{first} frame%04d.png`"),
            false => format!("convert them, for example with `magick mogrify -format png *.{first}`"),
        };
        Some(format!("{} files are not read, only {FORMATS}: {advice}", counts.join(", ")))
    }
}
