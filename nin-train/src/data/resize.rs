//! Bilinear resizing of images with channels last, the same as PyTorch's
//! `F.interpolate(mode="bilinear", align_corners=False)` without antialiasing: half-pixel centres, edges repeated.

/// The two source positions around an output position, and the weight of the second (0 to 1).
#[derive(Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

impl Tap {
    fn new(position: usize, from: usize, to: usize) -> Self {
        // PyTorch computes float tensors in f32 and in this order.
        let centre = (from as f32 / to as f32) * (position as f32 + 0.5) - 0.5;
        let centre = centre.max(0.0);
        let first = (centre as usize).min(from - 1);
        Self { first, second: (first + 1).min(from - 1), weight: (centre - first as f32).min(1.0) }
    }
}

/// Resizes one image. `from` and `to` are (rows, columns); `src` holds rows × columns × channels bytes, `dst` the same
/// in `f32` at its size; values keep their range of 0 to 255.
///
/// # Panics
/// If a size is zero or a slice's length differs from its size.
pub fn resize_bilinear(src: &[u8], from: (usize, usize), channels: usize, dst: &mut [f32], to: (usize, usize)) {
    assert!(from.0 * from.1 * channels > 0 && to.0 * to.1 > 0, "an image must have pixels");
    assert_eq!(src.len(), from.0 * from.1 * channels, "the input must be rows x columns x channels bytes");
    assert_eq!(dst.len(), to.0 * to.1 * channels, "the output must be rows x columns x channels values");
    let stride = from.1 * channels;
    let taps: Vec<Tap> = (0..to.1).map(|x| Tap::new(x, from.1, to.1)).collect();
    for (y, row) in dst.chunks_exact_mut(to.1 * channels).enumerate() {
        blend(src, stride, channels, Tap::new(y, from.0, to.0), &taps, row);
    }
}

/// Computes one row of the output.
fn blend(src: &[u8], stride: usize, channels: usize, row: Tap, columns: &[Tap], dst: &mut [f32]) {
    let (upper, lower) = (&src[row.first * stride..][..stride], &src[row.second * stride..][..stride]);
    for (tap, pixel) in columns.iter().zip(dst.chunks_exact_mut(channels)) {
        let (left, right) = (tap.first * channels, tap.second * channels);
        for (c, value) in pixel.iter_mut().enumerate() {
            let across =
                |line: &[u8]| (1.0 - tap.weight) * f32::from(line[left + c]) + tap.weight * f32::from(line[right + c]);
            *value = (1.0 - row.weight) * across(upper) + row.weight * across(lower);
        }
    }
}
