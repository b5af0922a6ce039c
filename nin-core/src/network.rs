//! A network that runs: a model and its working memory.

use core::fmt;
use core::marker::PhantomData;

use crate::flow::{Flow, Observer, Rest, words};
use crate::format::Format;
use crate::model::Model;
use crate::packing::WeightType;
use crate::plan::Kernels;
use crate::spec::Stage;

/// A model and its working memory: takes the rows of an image and computes logits.
///
/// ```no_run
/// # static FILE: &[u8] = &[];
/// # fn read_camera(y: usize, row: &mut [f32]) -> Result<(), std::io::Error> { Ok(()) }
/// use nin_core::{F32, Model, Network, argmax};
///
/// let model = Model::read(FILE)?;
/// let mut state = [0; 8_000]; // `model.state_words()` words, or more
/// let mut network = Network::<F32>::new(&model, &mut state)?;
/// let logits = network.infer(|y, row| read_camera(y, row))?;
/// println!("class {:?}", argmax(logits));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Network<'a, F: Format> {
    model: &'a Model<'a>,
    state: &'a mut [u32],
    /// The tiles of a block.
    scratch: &'a mut [u32],
    /// The kernels' working memory.
    work: &'a mut [u32],
    /// Rows of the current image that were pushed.
    rows: usize,
    format: PhantomData<F>,
}

impl<'a, F: Format> Network<'a, F> {
    /// Prepares a network. `state` needs [`Model::state_words`] words with any content; additional words are not
    /// changed. [`Plan::state_words`](crate::Plan::state_words) is enough for every model with this architecture and
    /// weight type.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the model's weights have another type, are not aligned to four bytes, or are packed in lanes
    /// that this format or build does not run (see [`Model::lanes`]), or if `state` is too small.
    pub fn new(model: &'a Model<'a>, state: &'a mut [u32]) -> Result<Self, NetworkError> {
        if model.weight_type() != F::WEIGHTS {
            return Err(NetworkError::WeightType { expected: F::WEIGHTS, found: model.weight_type() });
        }
        if !model.weights().as_ptr().cast::<u32>().is_aligned() {
            return Err(NetworkError::Alignment);
        }
        if !F::runs(model.lanes()) {
            return Err(NetworkError::Lanes(model.lanes()));
        }
        let needed = model.state_words();
        let found = state.len();
        let Some(state) = state.get_mut(..needed) else { return Err(NetworkError::State { needed, found }) };
        let plan = model.plan();
        let kernels = Kernels::for_lanes(model.lanes());
        let scratch = plan.scratch_words(F::WEIGHTS, kernels);
        let (state, scratch) = state.split_at_mut(needed - scratch);
        let (scratch, work) = scratch.split_at_mut(plan.tile_words(F::WEIGHTS, kernels));
        Ok(Network { model, state, scratch, work, rows: 0, format: PhantomData })
    }

    /// The model.
    pub fn model(&self) -> &'a Model<'a> {
        self.model
    }

    /// Runs one image through the network and returns one logit per class.
    ///
    /// Calls `read_row(y, row)` for each row of the image in order. `row` holds columns × channels values, channels
    /// last: preprocessed floats for a float network, bytes for an integer network. The callback must write all of it,
    /// because it still holds an earlier row. Rows of another image that were pushed but not finished are dropped.
    ///
    /// # Errors
    ///
    /// The first error of `read_row`; the next image is not affected.
    pub fn infer<E>(&mut self, read_row: impl FnMut(usize, &mut [F::Value]) -> Result<(), E>) -> Result<&[f32], E> {
        self.infer_observed(read_row, &mut ())
    }

    /// As [`infer`](Self::infer), and passes each layer's activations to `observer`.
    ///
    /// # Errors
    ///
    /// As for [`infer`](Self::infer).
    pub fn infer_observed<E>(
        &mut self,
        mut read_row: impl FnMut(usize, &mut [F::Value]) -> Result<(), E>,
        observer: &mut impl Observer<F::Value>,
    ) -> Result<&[f32], E> {
        self.rows = 0;
        for y in 0..self.model.plan().spec().input().rows as usize {
            read_row(y, self.line(y))?;
            self.flow(y, observer);
        }
        Ok(self.logits())
    }

    /// Takes the next row of an image (columns × channels values), if the camera drives the timing. After the last row,
    /// [`finish`](Self::finish) returns the logits.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the row has another length than the network's rows, or if the image already has all its
    /// rows. The row is then ignored.
    pub fn push_row(&mut self, row: &[F::Value]) -> Result<(), NetworkError> {
        let y = self.rows;
        let expected = self.model.plan().spec().input().rows as usize;
        if y == expected {
            return Err(NetworkError::Rows { expected, found: y + 1 });
        }
        let line = self.line(y);
        if line.len() != row.len() {
            return Err(NetworkError::RowLength { expected: line.len(), found: row.len() });
        }
        line.copy_from_slice(row);
        self.flow(y, &mut ());
        self.rows = y + 1;
        Ok(())
    }

    /// Returns the logits of an image whose rows were [pushed](Self::push_row). The next row begins the next image.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Rows`] if rows are missing; the image is then dropped.
    pub fn finish(&mut self) -> Result<&[f32], NetworkError> {
        let expected = self.model.plan().spec().input().rows as usize;
        let found = core::mem::replace(&mut self.rows, 0);
        if found != expected {
            return Err(NetworkError::Rows { expected, found });
        }
        Ok(self.logits())
    }

    /// Returns the memory of row `y` of the image.
    fn line(&mut self, y: usize) -> &mut [F::Value] {
        let plan = self.model.plan();
        let first = self.first();
        let row = plan.shape(first).row();
        let ring = plan.ring(first);
        let lines = bytemuck::cast_slice_mut(&mut self.state[..words::<F::Value>(ring * row)]);
        &mut lines[y % ring * row..][..row]
    }

    /// Returns the first stage that is not dropout.
    fn first(&self) -> usize {
        let stages = self.model.plan().spec().stages();
        stages.iter().take_while(|stage| matches!(stage, Stage::Dropout(_))).count()
    }

    fn flow(&mut self, y: usize, observer: &mut impl Observer<F::Value>) {
        let (model, stage) = (self.model, self.first());
        let scratch = bytemuck::cast_slice_mut(self.scratch);
        let (plan, lanes) = (model.plan(), model.lanes());
        let mut flow = Flow::<F, _> { plan, shortcut: &[], lanes, scratch, work: self.work, observer };
        flow.arrive(Rest { stage, state: self.state, weights: model.weights() }, y);
    }

    fn logits(&self) -> &[f32] {
        bytemuck::cast_slice(&self.state[self.state.len() - self.model.plan().classes()..])
    }
}

/// Why a network cannot run or cannot accept a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The model's weights have another type.
    WeightType {
        /// The weight type of the network's format.
        expected: WeightType,
        /// The weight type of the model.
        found: WeightType,
    },
    /// The weights are packed for another processor.
    Lanes(usize),
    /// The address of the model's weights is not a multiple of four bytes.
    Alignment,
    /// The state is too small.
    State {
        /// Words that the network needs.
        needed: usize,
        /// Words of the state.
        found: usize,
    },
    /// A row has another length than the network's rows.
    RowLength {
        /// Values in a row of the network's input.
        expected: usize,
        /// Values in the row that was pushed.
        found: usize,
    },
    /// An image has too few or too many rows.
    Rows {
        /// Rows of the network's input.
        expected: usize,
        /// Rows that were pushed.
        found: usize,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkError::WeightType { expected, found } => {
                write!(f, "the model's weights are {}, this network computes with {}", found.name(), expected.name())
            }
            NetworkError::Lanes(lanes) => {
                write!(f, "the model's weights are packed in {lanes} lanes: export it for this processor")
            }
            NetworkError::Alignment => f.write_str("the model file must begin at a multiple of four bytes"),
            NetworkError::State { needed, found } => {
                write!(f, "the network needs {needed} words of state, there are {found}")
            }
            NetworkError::RowLength { expected, found } => {
                write!(f, "a row of the image has {expected} values, this one has {found}")
            }
            NetworkError::Rows { expected, found } => write!(f, "an image has {expected} rows, this one has {found}"),
        }
    }
}

impl core::error::Error for NetworkError {}
