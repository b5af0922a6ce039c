//! Runs a model on an image, and records the activations and when they are complete.

use core::cell::Cell;
use core::convert::Infallible;

use nin_core::spec::MAX_STAGES;
use nin_core::{
    Affine, AffineInt4, Answer, F32, Format, Int4, Int8, Model, Network, Observer, Piece, Plan, Shape, WeightType,
};

/// The lengths of the [`Buffers`] of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Words of working memory.
    pub state: usize,
    /// Bytes of an image: rows × columns × channels.
    pub input: usize,
    /// Values of the outputs of all stages, one stage after the other.
    pub maps: usize,
    /// Numbers of the trace: rows of the image × stages.
    pub trace: usize,
    /// Classes.
    pub logits: usize,
}

impl Sizes {
    /// Returns the lengths for a model.
    pub fn of(model: &Model<'_>) -> Sizes {
        let (plan, input) = (model.plan(), model.plan().spec().input());
        let stages = plan.spec().stages().len();
        Sizes {
            state: model.state_words(),
            input: input.len(),
            maps: map_at(plan, stages),
            trace: usize::from(input.rows) * stages,
            logits: plan.classes(),
        }
    }
}

/// Returns the index of a stage's first value among the values of all stages.
fn map_at(plan: &Plan, stage: usize) -> usize {
    (0..stage).map(|stage| plan.shape(stage + 1).len()).sum()
}

/// Memory of a session, of the lengths that [`Sizes`] states.
#[derive(Debug)]
pub struct Buffers<'b> {
    /// The network's working memory.
    pub state: &'b mut [u32],
    /// The image.
    pub input: &'b mut [u8],
    /// The output of each stage: rows × columns × channels values. Only stages with rows are recorded.
    pub maps: &'b mut [f32],
    /// For each row of the image and each stage, the number of rows of the stage's output that are complete as soon as
    /// the row has arrived.
    pub trace: &'b mut [u16],
    /// The logits.
    pub logits: &'b mut [f32],
}

/// A model and the memory in which it runs.
#[derive(Debug)]
pub struct Session<'b> {
    model: Model<'b>,
    buffers: Buffers<'b>,
}

impl<'b> Session<'b> {
    /// Returns a session of a model.
    pub fn new(model: Model<'b>, buffers: Buffers<'b>) -> Session<'b> {
        Session { model, buffers }
    }

    /// The shape of the image.
    pub fn input_shape(&self) -> Shape {
        self.model.plan().spec().input()
    }

    /// Returns whether the model accepts the last image as one of its classes.
    pub fn accepted(&self) -> bool {
        self.model.answer(self.buffers.logits) != Answer::Unknown
    }

    /// The memory.
    pub fn buffers(&mut self) -> &mut Buffers<'b> {
        &mut self.buffers
    }

    /// Runs the image through the network; with `observed`, it also records the maps and the trace. Returns whether
    /// this build runs the model: all but those with 16-bit floats, whose weights nin-train widens, since WebAssembly
    /// has no instruction for it.
    pub fn run(&mut self, observed: bool) -> bool {
        let (model, buffers) = (&self.model, &mut self.buffers);
        let normalised = |bytes: &[u8], row: &mut [f32]| model.preprocess(bytes, row);
        let as_they_are = |bytes: &[u8], row: &mut [u8]| row.copy_from_slice(bytes);
        match model.weight_type() {
            WeightType::F32 => run::<F32>(model, buffers, observed, normalised, |value| value),
            WeightType::Int8 => run::<Int8>(model, buffers, observed, as_they_are, f32::from),
            WeightType::Int4 => run::<Int4>(model, buffers, observed, as_they_are, f32::from),
            WeightType::Affine => run::<Affine>(model, buffers, observed, as_they_are, f32::from),
            WeightType::AffineInt4 => run::<AffineInt4>(model, buffers, observed, as_they_are, f32::from),
            _ => false,
        }
    }
}

/// Runs a network: `take` converts a row of bytes to its input values, `show` converts an activation to a float.
fn run<F: Format>(
    model: &Model<'_>,
    buffers: &mut Buffers<'_>,
    observed: bool,
    take: impl Fn(&[u8], &mut [F::Value]),
    show: impl Fn(F::Value) -> f32,
) -> bool
where
    F::Value: Copy,
{
    let Buffers { state, input, maps, trace, logits } = buffers;
    let row = model.plan().spec().input().row();
    let Ok(mut network) = Network::<F>::new(model, state) else { return false };
    let read = |y: usize, values: &mut [F::Value]| {
        take(&input[y * row..][..row], values);
        Ok::<(), Infallible>(())
    };
    let found = if observed {
        let done = [const { Cell::new(0) }; MAX_STAGES];
        let stages = model.plan().spec().stages().len();
        let mut recorder = Recorder { plan: model.plan(), maps, done: &done, show };
        let traced = |y: usize, values: &mut [F::Value]| {
            // Rows that the previous row has completed.
            if y > 0 {
                note(&mut trace[(y - 1) * stages..][..stages], &done);
            }
            read(y, values)
        };
        let Ok(found) = network.infer_observed(traced, &mut recorder);
        if let Some(last) = trace.len().checked_sub(stages) {
            note(&mut trace[last..], &done);
        }
        found
    } else {
        let Ok(found) = network.infer(read);
        found
    };
    logits.copy_from_slice(found);
    true
}

fn note(trace: &mut [u16], done: &[Cell<u16>]) {
    for (trace, done) in trace.iter_mut().zip(done) {
        *trace = done.get();
    }
}

/// Records the outputs of each stage.
struct Recorder<'r, S> {
    plan: &'r Plan,
    maps: &'r mut [f32],
    /// Complete rows of each stage's output.
    done: &'r [Cell<u16>],
    show: S,
}

impl<V: Copy, S: Fn(V) -> f32> Observer<V> for Recorder<'_, S> {
    fn piece(&mut self, piece: Piece, values: &[V]) {
        // A stage's output is that of its last layer.
        if self.plan.layer(piece.stage, piece.step + 1).is_some() {
            return;
        }
        let shape = self.plan.shape(piece.stage + 1);
        let at = map_at(self.plan, piece.stage) + piece.row * shape.row() + piece.column * usize::from(shape.channels);
        for (to, &value) in self.maps[at..].iter_mut().zip(values) {
            *to = (self.show)(value);
        }
        self.done[piece.stage].set(piece.row as u16 + 1);
    }
}
