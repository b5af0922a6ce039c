//! Checks the memory and work of a model on this computer before it runs: a small file may need much of both.

use std::path::Path;

use nin_core::Model;
use nin_train::data::MOST_PIXELS;
use nin_train::engine::streaming::Streaming;
use nin_train::support::text::{bytes, grouped};
use nin_train::support::{memory, text::visible_path};

use super::{Console, Outcome};

/// The number of multiply-accumulates from which on it is printed: minutes of work.
const MUCH: u64 = 1_000_000_000_000;

/// Returns an error if the model in the file `path` reads images above the limit, or needs more memory on `threads`
/// threads than is available. Prints a note if `images` images need much work.
pub fn check(model: &Model<'_>, path: &Path, images: usize, threads: usize, console: &Console) -> Outcome {
    let (plan, path) = (model.plan(), visible_path(path));
    let input = plan.spec().input();
    if input.pixels() as u64 > MOST_PIXELS {
        let (pixels, most) = (grouped(input.pixels() as u64), grouped(MOST_PIXELS));
        return Err(
            format!("{path}: the network reads images of {pixels} pixels ({input}), and {most} is the limit").into()
        );
    }
    let needed = Streaming::bytes(model).saturating_mul(threads as u64);
    if let Some(left) = memory::shortage(needed) {
        let (needed, left) = (bytes(needed), bytes(left));
        return Err(format!(
            "{path}: the network needs {needed} of memory on {threads} threads, but {left} are available; it needs less on \
             fewer threads"
        )
        .into());
    }
    if let Some(note) = note(plan.macs().saturating_add(input.len() as u64), images) {
        console.warn(format_args!("{path} {note}"));
    }
    Ok(())
}

/// Returns the note about `work` multiply-accumulates for each of `images` images, if that is much.
fn note(work: u64, images: usize) -> Option<String> {
    let all = work.saturating_mul(images as u64);
    (all >= MUCH).then(|| {
        format!(
            "computes {} million multiply-accumulates for each of {} images: {:.1} hours at a billion a second",
            grouped(work / 1_000_000),
            grouped(images as u64),
            all as f64 / 1e9 / 3600.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::note;

    #[test]
    fn much_work_is_announced() {
        assert_eq!(note(6_852_640, 10_000), None);
        let said =
            "computes 774,400 million multiply-accumulates for each of 20 images: 4.3 hours at a billion a second";
        assert_eq!(note(774_400_000_000, 20).as_deref(), Some(said));
        assert!(note(u64::MAX, usize::MAX).is_some());
    }
}
