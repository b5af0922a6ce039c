//! The layers of a network, and the folding of what has no layer of its own.

use nin_core::spec::{Activation, Side, Window};

use super::{Place, Problem};

/// The number of a layer in its network.
pub type Id = usize;

/// Rows, columns and channels of a map.
pub type Size = [usize; 3];

/// Scale and zero point of a map of bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// The value of one step.
    pub scale: f32,
    /// The byte that stands for 0.
    pub zero: u8,
}

/// The integers of a layer's weights.
#[derive(Clone, Debug)]
pub struct Steps {
    /// In the order of the layer's weights.
    pub weights: Vec<i8>,
    /// One for each output.
    pub scales: Vec<f32>,
    /// The biases as numbers.
    pub bias: Vec<f64>,
}

/// The most layers of a network: a line has fewer.
const MOST_LAYERS: usize = 400;

/// The most values of a map in a line.
const MOST_VALUES: usize = (1 << 29) - 1;

/// A network whose layers are not in a line yet. Layer 0 is the image.
#[derive(Clone, Debug)]
pub struct Net {
    pub(super) layers: Vec<Layer>,
    /// What is subtracted from each channel of the image, in its own unit.
    pub mean: Vec<f32>,
    /// The factor of the difference.
    pub scale: Vec<f32>,
    /// Whether this program wrote the file. Then every layer is one of a line as it is, and nothing is simplified.
    pub is_own: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub kind: Kind,
    /// One layer for each input: two of a sum, none of the image.
    pub inputs: Vec<Id>,
    /// Of the output.
    pub size: Size,
    pub activation: Activation,
    pub place: Place,
    /// Of the output, if it is rounded to bytes.
    pub grid: Option<Grid>,
    /// Of the weights, if they are integers.
    pub steps: Option<Steps>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Image,
    /// Weights are `[out][fan_in]`, the fan-in ordered rows, columns, channels.
    Convolution {
        window: Window,
        groups: usize,
        weights: Vec<f32>,
        bias: Vec<f32>,
    },
    /// Weights are `[out][fan_in]`, the fan-in ordered rows, columns, channels.
    Full {
        weights: Vec<f32>,
        bias: Vec<f32>,
    },
    /// A factor and a shift for each channel; none are 1 and 0.
    Scale {
        factor: Vec<f32>,
        shift: Vec<f32>,
    },
    Max(Window),
    /// Padding counts as zeros.
    Average(Window),
    /// Padding does not count.
    Mean(Window),
    GlobalAverage,
    Sum,
}

/// A convolution as a file states it.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Its window, with the padding.
    pub window: Window,
    /// The groups of its channels; as many as channels if it is depthwise.
    pub groups: usize,
    /// `[out][rows][columns][channels of a group]`.
    pub weights: Vec<f32>,
    /// One for each output.
    pub bias: Vec<f32>,
}

/// Returns the size after a window.
fn windowed(window: Window, [rows, columns, _]: Size, channels: usize, place: &Place) -> Result<Size, Problem> {
    let count =
        |side: Side, length: usize| u16::try_from(length).ok().and_then(|length| side.count(length)).map(usize::from);
    match (count(window.rows, rows), count(window.columns, columns)) {
        (Some(rows), Some(columns)) if rows * columns * channels <= MOST_VALUES => Ok([rows, columns, channels]),
        _ => Err(place.problem(format!("has a window that does not fit its map of {rows}×{columns}"))),
    }
}

impl Net {
    /// Returns a network that is its image.
    ///
    /// # Errors
    ///
    /// If an image of this size is too large, or empty.
    pub fn new(size: Size) -> Result<Self, Problem> {
        let values = size.iter().fold(1usize, |values, &side| values.saturating_mul(side));
        if !(1..=MOST_VALUES).contains(&values) || size.iter().any(|&side| side > usize::from(u16::MAX)) {
            let [rows, columns, channels] = size;
            return Err(Problem::whole(format!("has an image of {rows}×{columns} pixels and {channels} channels")));
        }
        let image = Layer {
            kind: Kind::Image,
            inputs: Vec::new(),
            size,
            activation: Activation::Identity,
            place: Place::default(),
            grid: None,
            steps: None,
        };
        Ok(Self { layers: vec![image], mean: vec![0.0; size[2]], scale: vec![1.0; size[2]], is_own: false })
    }

    /// Whether the network has more layers than any line.
    pub fn is_too_long(&self) -> bool {
        self.layers.len() > MOST_LAYERS
    }

    /// Returns the size of a layer's output.
    pub fn size(&self, layer: Id) -> Size {
        self.layers[layer].size
    }

    /// Whether nothing is done with the bytes of the image before the first layer.
    pub fn is_plain_image(&self) -> bool {
        self.mean.iter().all(|&mean| mean == 0.0) && self.scale.iter().all(|&scale| scale == 1.0)
    }

    /// Whether a layer's output has no value below 0.
    pub fn is_positive(&self, layer: Id) -> bool {
        let Layer { kind, inputs, activation, .. } = &self.layers[layer];
        match kind {
            Kind::Max(_) | Kind::Average(_) | Kind::Mean(_) | Kind::GlobalAverage => self.is_positive(inputs[0]),
            _ => *activation != Activation::Identity,
        }
    }

    fn add(&mut self, kind: Kind, inputs: Vec<Id>, size: Size, place: &Place) -> Id {
        let activation = Activation::Identity;
        self.layers.push(Layer { kind, inputs, size, activation, place: place.clone(), grid: None, steps: None });
        self.layers.len() - 1
    }

    /// Adds a convolution.
    ///
    /// # Errors
    ///
    /// If it does not fit its map.
    pub fn convolution(&mut self, input: Id, convolution: Convolution, place: &Place) -> Result<Id, Problem> {
        let Convolution { window, groups, weights, bias } = convolution;
        let (size, outputs) = (self.size(input), bias.len());
        let fits = groups > 0
            && outputs > 0
            && size[2].is_multiple_of(groups)
            && outputs.is_multiple_of(groups)
            && weights.len() == outputs * window.pixels() * (size[2] / groups);
        if !fits {
            return Err(place.problem("has weights that do not fit its map"));
        }
        let size = windowed(window, size, outputs, place)?;
        Ok(self.add(Kind::Convolution { window, groups, weights, bias }, vec![input], size, place))
    }

    /// Adds a fully connected layer, whose weights are `[out][rows][columns][channels]`. A factor and a shift that
    /// precede it are folded into it, unless `alone` is not set: other layers read them, too.
    ///
    /// # Errors
    ///
    /// If it does not fit its input.
    pub fn full(
        &mut self,
        input: Id,
        mut weights: Vec<f32>,
        mut bias: Vec<f32>,
        alone: bool,
        place: &Place,
    ) -> Result<Id, Problem> {
        let fan_in: usize = self.size(input).iter().product();
        if bias.is_empty() || weights.len() != bias.len() * fan_in {
            return Err(place.problem("has weights that do not fit its input"));
        }
        let mut input = input;
        if let Layer { kind: Kind::Scale { factor, shift }, inputs, activation: Activation::Identity, .. } =
            &self.layers[input]
            && alone
        {
            let channels = factor.len();
            for (row, bias) in weights.chunks_exact_mut(fan_in).zip(&mut bias) {
                let mut sum = f64::from(*bias);
                for (i, weight) in row.iter_mut().enumerate() {
                    sum += f64::from(*weight) * f64::from(shift[i % channels]);
                    *weight *= factor[i % channels];
                }
                *bias = sum as f32;
            }
            input = inputs[0];
        }
        let size = [1, 1, bias.len()];
        Ok(self.add(Kind::Full { weights, bias }, vec![input], size, place))
    }

    /// Multiplies each channel by a factor and adds a shift. It is folded into the layer before it, if that has no
    /// activation and is `alone`: no other layer reads it.
    pub fn scale(&mut self, input: Id, factor: &[f32], shift: &[f32], alone: bool, place: &Place) -> Id {
        let Net { layers, mean, scale, .. } = self;
        let layer = &mut layers[input];
        // What is rounded to bytes is not changed afterwards.
        let alone = alone && layer.grid.is_none();
        if let Some(steps) = &mut layer.steps {
            // Integers take a shift, and no factor.
            if alone && factor.iter().all(|&factor| factor == 1.0) && layer.activation == Activation::Identity {
                steps.bias.iter_mut().zip(shift).for_each(|(bias, shift)| *bias += f64::from(*shift));
                return input;
            }
            let size = layer.size;
            return self.add(Kind::Scale { factor: factor.to_vec(), shift: shift.to_vec() }, vec![input], size, place);
        }
        let each = || factor.iter().zip(shift);
        match &mut layer.kind {
            Kind::Image if alone && each().zip(&*scale).all(|((factor, _), scale)| factor * scale != 0.0) => {
                for (((factor, shift), mean), scale) in each().zip(mean).zip(scale) {
                    // (byte − mean) · scale · factor + shift
                    *scale *= factor;
                    *mean -= shift / *scale;
                }
                return input;
            }
            Kind::Convolution { weights, bias, .. } | Kind::Full { weights, bias }
                if alone && layer.activation == Activation::Identity =>
            {
                let fan_in = weights.len() / bias.len().max(1);
                for ((row, bias), (&factor, &shift)) in weights.chunks_exact_mut(fan_in.max(1)).zip(bias).zip(each()) {
                    row.iter_mut().for_each(|weight| *weight *= factor);
                    *bias = (f64::from(*bias) * f64::from(factor) + f64::from(shift)) as f32;
                }
                return input;
            }
            Kind::Scale { factor: own, shift: offset } if alone && layer.activation == Activation::Identity => {
                for (((own, offset), factor), shift) in own.iter_mut().zip(offset).zip(factor).zip(shift) {
                    *own *= factor;
                    *offset = *offset * factor + shift;
                }
                return input;
            }
            _ => {}
        }
        let size = layer.size;
        self.add(Kind::Scale { factor: factor.to_vec(), shift: shift.to_vec() }, vec![input], size, place)
    }

    /// Adds an activation: to the layer before it if that has weights or is a sum and is `alone`, or to one before a
    /// maximum pool; otherwise as a layer.
    pub fn activate(&mut self, input: Id, activation: Activation, alone: bool, place: &Place) -> Id {
        let mut layer = input;
        let alone = alone && self.layers[input].grid.is_none();
        // A ReLU and a maximum may be exchanged.
        while alone
            && let Kind::Max(_) = self.layers[layer].kind
            && self.layers[self.layers[layer].inputs[0]].grid.is_none()
            && self.layers.iter().filter(|other| other.inputs.contains(&self.layers[layer].inputs[0])).count() == 1
        {
            layer = self.layers[layer].inputs[0];
        }
        let target = &mut self.layers[layer];
        match (target.activation, activation) {
            // What is positive stays as it is, and so does what is below 6.
            (Activation::Relu6, _) | (Activation::Relu, Activation::Relu) => return input,
            (Activation::Relu, _) if alone => {
                target.activation = activation;
                return input;
            }
            _ => {}
        }
        let can = matches!(target.kind, Kind::Convolution { .. } | Kind::Full { .. } | Kind::Sum | Kind::Scale { .. });
        if alone && can && target.activation == Activation::Identity {
            target.activation = activation;
            return input;
        }
        let size = self.size(input);
        let unit = Kind::Scale { factor: Vec::new(), shift: Vec::new() };
        let layer = self.add(unit, vec![input], size, place);
        self.layers[layer].activation = activation;
        layer
    }

    /// Adds a maximum pool. Its padding is no value.
    ///
    /// # Errors
    ///
    /// If it does not fit its map.
    pub fn maximum(&mut self, input: Id, window: Window, place: &Place) -> Result<Id, Problem> {
        self.pool(input, window, Kind::Max(window), place)
    }

    /// Adds an average pool, whose padding counts as zeros or not.
    ///
    /// # Errors
    ///
    /// If it does not fit its map.
    pub fn average(&mut self, input: Id, window: Window, padding_counts: bool, place: &Place) -> Result<Id, Problem> {
        let [rows, columns, _] = self.size(input);
        let whole = (usize::from(window.rows.kernel), usize::from(window.columns.kernel)) == (rows, columns);
        let is_free = !window.has_padding() && !self.is_own;
        if whole && is_free {
            return Ok(self.global_average(input, place));
        }
        let padding_counts = padding_counts || is_free;
        let kind = if padding_counts { Kind::Average(window) } else { Kind::Mean(window) };
        self.pool(input, window, kind, place)
    }

    fn pool(&mut self, input: Id, window: Window, kind: Kind, place: &Place) -> Result<Id, Problem> {
        let size = self.size(input);
        let size = windowed(window, size, size[2], place)?;
        Ok(self.add(kind, vec![input], size, place))
    }

    /// Adds a global average; of one pixel it is nothing.
    pub fn global_average(&mut self, input: Id, place: &Place) -> Id {
        if self.size(input)[..2] == [1, 1] && !self.is_own {
            return input;
        }
        let channels = self.size(input)[2];
        self.add(Kind::GlobalAverage, vec![input], [1, 1, channels], place)
    }

    /// Adds the sum of two maps.
    ///
    /// # Errors
    ///
    /// If they have different sizes.
    pub fn sum(&mut self, one: Id, other: Id, place: &Place) -> Result<Id, Problem> {
        let size = self.size(one);
        if size != self.size(other) {
            return Err(place.problem("adds maps of different shapes"));
        }
        Ok(self.add(Kind::Sum, vec![one, other], size, place))
    }
}
