//! Ten test images, and how they reach a network of any size.

/// Ten images of one channel with their labels, in IDX form: as MNIST's files have it.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    images: &'static [u8],
    labels: &'static [u8],
    rows: usize,
    columns: usize,
}

/// The first image of each class of Fashion-MNIST's test images. Zalando SE, MIT licence.
pub const FASHION: Images =
    Images::new(include_bytes!("../images/fashion-images"), include_bytes!("../images/fashion-labels"));

impl Images {
    /// Reads the two files; what is wrong with them fails while compiling.
    const fn new(images: &'static [u8], labels: &'static [u8]) -> Images {
        assert!(word(images, 0) == 0x803 && word(labels, 0) == 0x801, "these are not images and labels in IDX form");
        let (count, rows, columns) = (word(images, 4), word(images, 8), word(images, 12));
        assert!(count == word(labels, 4), "there are as many labels as images");
        let (images, labels) = (images.split_at(16).1, labels.split_at(8).1);
        assert!(images.len() == count * rows * columns && labels.len() == count, "the files are whole");
        Images { images, labels, rows, columns }
    }

    /// How many images there are.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images with their labels.
    pub fn iter(&self) -> impl Iterator<Item = (Image, usize)> + use<> {
        let (rows, columns) = (self.rows, self.columns);
        let images = self.images.chunks_exact(rows * columns).map(move |pixels| Image { pixels, rows, columns });
        images.zip(self.labels.iter().map(|&label| usize::from(label)))
    }
}

/// A big-endian word of an IDX header.
const fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// One image: rows of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    pixels: &'static [u8],
    rows: usize,
    columns: usize,
}

impl Image {
    /// Row `y` of the image as it is.
    pub fn row(&self, y: usize) -> &'static [u8] {
        &self.pixels[y * self.columns..][..self.columns]
    }

    /// Row `y` of the image made `rows` × `row.len()` large, bilinearly: pixels are squares, as in PyTorch and
    /// OpenCV (`align_corners=False`). Nothing but the row is ever in memory, so that a network takes images from a
    /// smaller camera than it was trained for.
    pub fn resized_row(&self, y: usize, rows: usize, row: &mut [f32]) {
        let (above, below, down) = between(y, rows, self.rows);
        let (above, below) = (self.row(above), self.row(below));
        let columns = row.len();
        for (x, value) in row.iter_mut().enumerate() {
            let (left, right, across) = between(x, columns, self.columns);
            let upper = mix(above[left], above[right], across);
            let lower = mix(below[left], below[right], across);
            *value = upper + (lower - upper) * down;
        }
    }
}

/// The two of `from` pixels that pixel `index` of `to` lies between, and how far towards the second.
fn between(index: usize, to: usize, from: usize) -> (usize, usize, f32) {
    // The centre of the pixel in halves of a `to`-th of a source pixel, so that the integer part is exact.
    let centre = ((2 * index + 1) * from).saturating_sub(to);
    let (first, rest) = (centre / (2 * to), centre % (2 * to));
    (first.min(from - 1), (first + 1).min(from - 1), rest as f32 / (2 * to) as f32)
}

fn mix(a: u8, b: u8, part: f32) -> f32 {
    let (a, b) = (f32::from(a), f32::from(b));
    a + (b - a) * part
}

/// Pixel `index` of the images that a formula gives, in 0..1: the same everywhere, and no file is needed.
///
/// It is SplitMix64's output function on a counter, whose upper 24 bits are the pixel.
pub fn formula_pixel(index: u64) -> f32 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f32 / 16_777_216.0
}
