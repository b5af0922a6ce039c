//! From a data set's bytes to what the network reads: order, augmentation, size, scale.

use std::cell::RefCell;
use std::ops::Range;

use nin_core::Shape;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, resize_bilinear};
use crate::engine::Source;
use crate::kernel::vectorized;
use crate::loss;
use crate::random::{Purpose, Stream};
use crate::train::TrainError;

/// How a byte becomes the network's input: `(byte - mean[c]) * scale[c]` for each channel c.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Subtracted from each byte, one number a channel.
    pub mean: Vec<f32>,
    /// Multiplied with the difference, one number a channel.
    pub scale: Vec<f32>,
}

impl Preprocessing {
    /// Bytes to 0..1, as PyTorch's `ToTensor` does.
    pub fn unit(channels: usize) -> Preprocessing {
        Preprocessing { mean: vec![0.0; channels], scale: vec![1.0 / 255.0; channels] }
    }

    /// Mean 0 and standard deviation 1 in each channel over a data set; a channel that is the same everywhere is only
    /// shifted.
    pub fn standard(data: &Dataset) -> Preprocessing {
        let channels = data.shape().channels as usize;
        let mut sums = vec![(0u64, 0u64); channels];
        for pixel in data.images().chunks_exact(channels) {
            for ((sum, squares), byte) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*byte);
                *squares += u64::from(*byte) * u64::from(*byte);
            }
        }
        let pixels = (data.images().len() / channels).max(1) as f64;
        let moments = sums.into_iter().map(|(sum, squares)| {
            let mean = sum as f64 / pixels;
            let deviation = (squares as f64 / pixels - mean * mean).max(0.0).sqrt();
            (mean as f32, if deviation > 0.0 { (1.0 / deviation) as f32 } else { 1.0 })
        });
        let (mean, scale) = moments.unzip();
        Preprocessing { mean, scale }
    }

    /// The scale, if it is all there is: what quantisation-aware training needs, and makes for itself.
    pub(crate) fn steps(&self) -> Result<f32, TrainError> {
        match &self.scale[..] {
            [first, rest @ ..]
                if *first > 0.0
                    && rest.iter().all(|scale| scale == first)
                    && self.mean.iter().all(|mean| *mean == 0.0) =>
            {
                Ok(*first)
            }
            _ => Err(TrainError::Recipe("quantisation-aware training needs images whose preprocessing is one scale")),
        }
    }

    /// Scales bytes, or values resized from bytes.
    #[inline(always)]
    fn apply<T: Copy + Into<f32>>(&self, from: &[T], to: &mut [f32]) {
        let scaled = |from: T, mean: f32, scale: f32| (from.into() - mean) * scale;
        if let ([mean], [scale]) = (&self.mean[..], &self.scale[..]) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = scaled(*from, *mean, *scale));
            return;
        }
        let channels = self.mean.len();
        for (to, from) in to.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
            for (((to, from), mean), scale) in to.iter_mut().zip(from).zip(&self.mean).zip(&self.scale) {
                *to = scaled(*from, *mean, *scale);
            }
        }
    }
}

/// Random changes that leave an image's class as it is; done on the data set's own pixels, before resizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Mirrors each image left to right with a probability of one half (`RandomHorizontalFlip`).
    pub flip: bool,
    /// Shifts by up to this many pixels each way, black coming in at the edges (`RandomCrop` with padding).
    pub crop: u8,
    /// Turns by up to this many degrees each way about the image's centre, pixels blended from their four neighbours
    /// and black outside (`RandomRotation`).
    pub rotate: u8,
    /// Share of images in which a rectangle becomes black: a fiftieth to a third of the area, at most 3.3 times as long
    /// as wide (`RandomErasing`; Zhong et al. 2020).
    pub erase: f32,
}

impl Augment {
    /// Changes one image: `from` and `to` are channels last, of the same shape.
    pub fn apply(&self, from: &[u8], shape: Shape, to: &mut [u8], stream: &mut Stream) {
        let [rows, columns, channels] = [shape.rows as usize, shape.columns as usize, shape.channels as usize];
        let most = self.crop as usize;
        // Always the same draws, so that switching one change on leaves the others as they were.
        let (flip, down, right) = (stream.below(2) == 1, stream.below(2 * most + 1), stream.below(2 * most + 1));
        let angle = stream.within(f64::from(self.rotate).to_radians());
        let erased = Rectangle::draw(self.erase, rows, columns, stream);
        let (sine, cosine) = angle.sin_cos();
        let (middle_row, middle_column) = ((rows as f32 - 1.0) / 2.0, (columns as f32 - 1.0) / 2.0);
        for row in 0..rows {
            for column in 0..columns {
                let to = &mut to[(row * columns + column) * channels..][..channels];
                if erased.as_ref().is_some_and(|erased| erased.covers(row, column)) {
                    to.fill(0);
                    continue;
                }
                let side = if self.flip && flip { columns - 1 - column } else { column };
                if self.rotate > 0 {
                    let row = (row + down) as f32 - most as f32 - middle_row;
                    let column = (side + right) as f32 - most as f32 - middle_column;
                    let at = [cosine * row - sine * column + middle_row, sine * row + cosine * column + middle_column];
                    blend(from, shape, at, to);
                    continue;
                }
                let at = (row + down).checked_sub(most).zip((side + right).checked_sub(most));
                match at.filter(|(row, column)| *row < rows && *column < columns) {
                    Some((row, column)) => {
                        to.copy_from_slice(&from[(row * columns + column) * channels..][..channels]);
                    }
                    None => to.fill(0),
                }
            }
        }
    }
}

/// The pixel at a place between pixels; those outside the image are black.
fn blend(from: &[u8], shape: Shape, [row, column]: [f32; 2], to: &mut [u8]) {
    let channels = shape.channels as usize;
    let [above, left] = [row.floor(), column.floor()];
    let [down, right] = [row - above, column - left];
    for (channel, to) in to.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (row, down) in [(above, 1.0 - down), (above + 1.0, down)] {
            for (column, right) in [(left, 1.0 - right), (left + 1.0, right)] {
                let inside =
                    (0.0..f32::from(shape.rows)).contains(&row) && (0.0..f32::from(shape.columns)).contains(&column);
                if inside {
                    let at = (row as usize * shape.columns as usize + column as usize) * channels + channel;
                    sum += down * right * f32::from(from[at]);
                }
            }
        }
        *to = sum.round() as u8;
    }
}

/// Part of an image.
struct Rectangle {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Rectangle {
    /// Draws whether to erase, and then what; an image may be too narrow for what is drawn, and then nothing is.
    fn draw(share: f32, rows: usize, columns: usize, stream: &mut Stream) -> Option<Rectangle> {
        let [chance, area, ratio, top, left] = [(); 5].map(|()| stream.unit());
        let area = (0.02 + area * (1.0 / 3.0 - 0.02)) * (rows * columns) as f32;
        // Uniform in its logarithm, from 1/3.3 to 3.3.
        let ratio = 3.3f32.powf(2.0 * ratio - 1.0);
        let [height, width] = [(area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize];
        if chance >= share || height >= rows || width >= columns {
            return None;
        }
        let place = |unit: f32, room: usize| ((unit * (room + 1) as f32) as usize).min(room);
        let (top, left) = (place(top, rows - height), place(left, columns - width));
        Some(Rectangle { rows: top..top + height, columns: left..left + width })
    }

    fn covers(&self, row: usize, column: usize) -> bool {
        self.rows.contains(&row) && self.columns.contains(&column)
    }
}

/// The order in which an epoch visits `len` samples.
pub fn order(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    // A data set has fewer than 2³² images: their bytes are in memory.
    let mut order: Vec<u32> = (0..len as u32).collect();
    Stream::new(seed, Purpose::Order, epoch, 0).shuffle(&mut order);
    order
}

/// How the images of an epoch are changed.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    /// One by one.
    pub augment: Augment,
    /// By blending pairs of them: mixup's α; 0 is not at all.
    pub mixup: f32,
    /// Of all random numbers.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: u64,
}

/// Some images of a data set, as the network reads them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The data set.
    pub data: &'a Dataset,
    /// Which of its images; all, in their order, if `None`.
    pub indices: Option<&'a [u32]>,
    /// What the network reads.
    pub input: Shape,
    /// How bytes are scaled.
    pub preprocessing: &'a Preprocessing,
    /// For training: how images are changed.
    pub changes: Option<Changes>,
    /// Label smoothing.
    pub smoothing: f32,
}

impl Batch<'_> {
    fn fill(&self, bytes: &[u8], image: &mut [f32]) {
        let shape = self.data.shape();
        if (shape.rows, shape.columns) == (self.input.rows, self.input.columns) {
            vectorized(
                #[inline(always)]
                || self.preprocessing.apply(bytes, image),
            );
            return;
        }
        let size = |shape: Shape| (shape.rows.into(), shape.columns.into());
        resize_bilinear(bytes, size(shape), shape.channels.into(), image, size(self.input));
        vectorized(
            #[inline(always)]
            || {
                let channels = self.preprocessing.mean.len();
                for pixel in image.chunks_exact_mut(channels) {
                    for ((value, mean), scale) in
                        pixel.iter_mut().zip(&self.preprocessing.mean).zip(&self.preprocessing.scale)
                    {
                        *value = (*value - mean) * scale;
                    }
                }
            },
        );
    }
}

thread_local! {
    /// An augmented image, and one to blend it with; each thread's own, so that a step takes no memory.
    static CHANGED: RefCell<(Vec<u8>, Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new(), Vec::new())) };
}

impl Batch<'_> {
    /// Writes one image of the data set as it is in this epoch.
    fn changed(&self, index: usize, room: &mut Vec<u8>, image: &mut [f32]) {
        let bytes = self.data.image(index);
        match self.changes {
            Some(Changes { augment, seed, epoch, .. }) if augment != Augment::default() => {
                room.resize(bytes.len(), 0);
                let mut stream = Stream::new(seed, Purpose::Augment, epoch, index as u64);
                augment.apply(bytes, self.data.shape(), room, &mut stream);
                self.fill(room, image);
            }
            _ => self.fill(bytes, image),
        }
    }
}

impl Source for Batch<'_> {
    fn len(&self) -> usize {
        self.indices.map_or(self.data.len(), <[u32]>::len)
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        let index = self.indices.map_or(index, |indices| indices[index] as usize);
        let label = self.data.label(index);
        loss::target(label, self.smoothing, target);
        CHANGED.with_borrow_mut(|(bytes, other_image, other_target)| {
            self.changed(index, bytes, image);
            let Some(Changes { mixup, seed, epoch, .. }) = self.changes.filter(|changes| changes.mixup > 0.0) else {
                return;
            };
            let mut stream = Stream::new(seed, Purpose::Mixup, epoch, index as u64);
            let (share, other) = (beta(mixup, &mut stream), stream.below(self.data.len()));
            other_image.resize(image.len(), 0.0);
            other_target.resize(target.len(), 0.0);
            self.changed(other, bytes, other_image);
            loss::target(self.data.label(other), self.smoothing, other_target);
            let mix = |to: &mut [f32], from: &[f32]| {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = share * *to + (1.0 - share) * from);
            };
            mix(image, other_image);
            mix(target, other_target);
        });
        label
    }
}

/// A number from Beta(α, α), for α up to 1 (Jöhnk 1964).
fn beta(alpha: f32, stream: &mut Stream) -> f32 {
    loop {
        let [x, y] = [(); 2].map(|()| (1.0 - stream.unit()).powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}
