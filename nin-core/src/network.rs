//! A network at work: a model and the memory it runs in.

use core::fmt;
use core::marker::PhantomData;

use crate::flow::{Flow, Observer, Rest, words};
use crate::format::Format;
use crate::model::Model;
use crate::packing::WeightType;
use crate::plan::Kernels;
use crate::spec::Stage;

/// A model and the memory it runs in: rows in, logits out.
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
    /// What the kernels need beside them.
    work: &'a mut [u32],
    rows: usize,
    format: PhantomData<F>,
}

impl<'a, F: Format> Network<'a, F> {
    /// Prepares a network. `state` needs [`Model::state_words`] words, whatever they hold; words past those stay as
    /// they are. [`Plan::state_words`](crate::Plan::state_words) says how many where there is no model yet.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the model's weights are of another type, not aligned to four bytes, or packed in lanes that
    /// this format or build does not run (see [`Model::lanes`]), or if the state is too small.
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
        let scratch = plan.scratch_words(F::WEIGHTS, Kernels::for_lanes(model.lanes()));
        let (state, scratch) = state.split_at_mut(needed - scratch);
        let (scratch, work) = scratch.split_at_mut(plan.tile_words(F::WEIGHTS));
        Ok(Network { model, state, scratch, work, rows: 0, format: PhantomData })
    }

    /// The model.
    pub fn model(&self) -> &'a Model<'a> {
        self.model
    }

    /// Runs one image through the network, asking `read_row` for each of its rows in turn: `(y, row)`, where `row`
    /// takes columns × channels values, channels last: preprocessed for floats, bytes for integers. All of it must be
    /// written, for it holds what an earlier row left there. The answer is one logit a class. Rows of another image
    /// that were pushed and not finished are forgotten.
    ///
    /// # Errors
    ///
    /// The first error of `read_row`, and nothing else; the next image is not affected.
    pub fn infer<E>(&mut self, read_row: impl FnMut(usize, &mut [F::Value]) -> Result<(), E>) -> Result<&[f32], E> {
        self.infer_observed(read_row, &mut ())
    }

    /// As [`infer`](Self::infer); `observer` sees what every layer computes.
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

    /// Takes the next row of an image as it comes: columns × channels values. For a camera that cannot wait to be
    /// asked; after the last row, [`finish`](Self::finish) has the logits.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the row is not as long as the network's, or the image already has all its rows. The row
    /// is then not taken.
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

    /// Ends an image whose rows were [pushed](Self::push_row): its logits. The next row begins the next image.
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

    /// Where row `y` of the image stands.
    fn line(&mut self, y: usize) -> &mut [F::Value] {
        let plan = self.model.plan();
        let first = self.first();
        let row = plan.shape(first).row();
        let ring = plan.ring(first);
        let lines = bytemuck::cast_slice_mut(&mut self.state[..words::<F::Value>(ring * row)]);
        &mut lines[y % ring * row..][..row]
    }

    /// The first stage that does something.
    fn first(&self) -> usize {
        let stages = self.model.plan().spec().stages();
        stages.iter().take_while(|stage| matches!(stage, Stage::Dropout(_))).count()
    }

    fn flow(&mut self, y: usize, observer: &mut impl Observer<F::Value>) {
        let (model, stage) = (self.model, self.first());
        let scratch = bytemuck::cast_slice_mut(self.scratch);
        let mut flow = Flow::<F, _> { plan: model.plan(), lanes: model.lanes(), scratch, work: self.work, observer };
        flow.arrive(Rest { stage, state: self.state, weights: model.weights() }, y);
    }

    fn logits(&self) -> &[f32] {
        bytemuck::cast_slice(&self.state[self.state.len() - self.model.plan().classes()..])
    }
}

/// Why a network cannot run, or cannot take a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The model's weights are stored in another way.
    WeightType {
        /// What the network computes with.
        expected: WeightType,
        /// What the model has.
        found: WeightType,
    },
    /// The weights are packed for another processor.
    Lanes(usize),
    /// The model file does not begin at a multiple of four bytes.
    Alignment,
    /// The state is too small.
    State {
        /// Words that the network needs.
        needed: usize,
        /// Words that there are.
        found: usize,
    },
    /// A row is not as long as the network's.
    RowLength {
        /// Values in a row of the network's input.
        expected: usize,
        /// Values that came.
        found: usize,
    },
    /// An image has too few or too many rows.
    Rows {
        /// Rows of the network's input.
        expected: usize,
        /// Rows that came.
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
                write!(f, "the model's weights are packed by {lanes}, for another processor: export it for this one")
            }
            NetworkError::Alignment => f.write_str("the model file must begin at a multiple of four bytes"),
            NetworkError::State { needed, found } => {
                write!(f, "the network needs {needed} words of state, there are {found}")
            }
            NetworkError::RowLength { expected, found } => {
                write!(f, "a row of the image has {expected} values, {found} came")
            }
            NetworkError::Rows { expected, found } => write!(f, "an image has {expected} rows, {found} came"),
        }
    }
}

impl core::error::Error for NetworkError {}
