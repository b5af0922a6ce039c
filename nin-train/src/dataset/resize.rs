//! Bilinear resizing of images with channels last, the same as PyTorch's
//! `F.interpolate(mode="bilinear", align_corners=False)` without antialiasing: half-pixel centres, edges repeated.

/// Between which two source positions an output position lies, and how far towards the second (0 to 1).
#[derive(Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

impl Tap {
    fn new(position: usize, from: usize, to: usize) -> Self {
        // In f32 and in this order, as PyTorch does for float tensors.
        let centre = (from as f32 / to as f32) * (position as f32 + 0.5) - 0.5;
        let centre = centre.max(0.0);
        let first = (centre as usize).min(from - 1);
        Self { first, second: (first + 1).min(from - 1), weight: (centre - first as f32).min(1.0) }
    }
}

/// Resizes one image. `from` and `to` are (rows, columns); `src` holds rows × columns × channels bytes, `dst` the
/// same of its size in `f32`; values keep their range of 0 to 255.
///
/// # Panics
/// If a size is zero or a slice is not exactly as long as its size says.
pub fn resize_bilinear(src: &[u8], from: (usize, usize), channels: usize, dst: &mut [f32], to: (usize, usize)) {
    check(src, from, channels, to);
    assert_eq!(dst.len(), to.0 * to.1 * channels, "the output must be rows x columns x channels values");
    let taps: Vec<Tap> = (0..to.1).map(|x| Tap::new(x, from.1, to.1)).collect();
    for (y, row) in dst.chunks_exact_mut(to.1 * channels).enumerate() {
        blend(src, from, channels, Tap::new(y, from.0, to.0), |x| taps[x], row);
    }
}

/// Computes only row `y` of what [`resize_bilinear`] gives, with the very same values, so that an image can be sent
/// to a device row by row. `dst_row` holds columns × channels values of the output.
///
/// # Panics
/// If a size is zero, `y` is not below `to`'s rows or a slice is not exactly as long as its size says.
pub fn resize_row(
    src: &[u8],
    from: (usize, usize),
    channels: usize,
    to: (usize, usize),
    y: usize,
    dst_row: &mut [f32],
) {
    check(src, from, channels, to);
    assert!(y < to.0, "row {y} is not one of the output's {} rows", to.0);
    assert_eq!(dst_row.len(), to.1 * channels, "the output row must be columns x channels values");
    blend(src, from, channels, Tap::new(y, from.0, to.0), |x| Tap::new(x, from.1, to.1), dst_row);
}

fn check(src: &[u8], from: (usize, usize), channels: usize, to: (usize, usize)) {
    assert!(from.0 * from.1 * channels > 0 && to.0 * to.1 > 0, "an image must have pixels");
    assert_eq!(src.len(), from.0 * from.1 * channels, "the input must be rows x columns x channels bytes");
}

fn blend(src: &[u8], from: (usize, usize), channels: usize, row: Tap, column: impl Fn(usize) -> Tap, dst: &mut [f32]) {
    let stride = from.1 * channels;
    let (upper, lower) = (&src[row.first * stride..][..stride], &src[row.second * stride..][..stride]);
    for (x, pixel) in dst.chunks_exact_mut(channels).enumerate() {
        let tap = column(x);
        let (left, right) = (tap.first * channels, tap.second * channels);
        for (c, value) in pixel.iter_mut().enumerate() {
            let across =
                |line: &[u8]| (1.0 - tap.weight) * f32::from(line[left + c]) + tap.weight * f32::from(line[right + c]);
            *value = (1.0 - row.weight) * across(upper) + row.weight * across(lower);
        }
    }
}
