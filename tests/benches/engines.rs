//! One image at a time on one thread: this engine, and with `--features tract` also tract.
//!
//! `cargo bench -p nin-tests --features tract --bench engines -- fashion` runs one network. A formula generates the
//! weights; the time does not depend on them. `dev/compare_onnxruntime.py` compares with onnxruntime.

#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nin_core::Lanes;
use nin_core::{F32, Int8, Model, Network, Plan, Spec, WeightType};
use nin_tests::formula;
use nin_train::engine::streaming::ModelBytes;

/// Returns an image's bytes (rows × columns × channels).
fn image(plan: &Plan) -> Vec<u8> {
    (0..plan.spec().input().len()).map(|n| (n * 7919 % 256) as u8).collect()
}

/// Runs an image from its bytes to the logits, and returns a value that depends on them.
fn infer(model: &Model<'_>, image: &[u8], state: &mut [u32]) -> f32 {
    let row = model.plan().spec().input().row();
    let bytes = |y: usize| &image[y * row..][..row];
    let logits = if model.weight_type() == WeightType::Int8 {
        let mut network = Network::<Int8>::new(model, state).expect("a model for this host");
        let read = |y: usize, row: &mut [u8]| {
            row.copy_from_slice(bytes(y));
            Ok::<(), ()>(())
        };
        network.infer(read).map(|logits| logits[0])
    } else {
        let mut network = Network::<F32>::new(model, state).expect("a model for this host");
        let read = |y: usize, row: &mut [f32]| {
            model.preprocess(bytes(y), row);
            Ok::<(), ()>(())
        };
        network.infer(read).map(|logits| logits[0])
    };
    logits.expect("rows that are there")
}

fn engines(c: &mut Criterion) {
    for name in ["fashion", "d2l"] {
        let spec = Spec::preset(name).expect("a preset");
        let plan = Plan::new(spec);
        let image = image(&plan);
        for weight_type in [WeightType::F32, WeightType::Int8] {
            let mut group = c.benchmark_group(format!("{name}, {}", weight_type.name()));
            group.sample_size(20).throughput(Throughput::Elements(plan.macs()));
            let bytes = ModelBytes::new(&formula::model(spec, weight_type, Lanes::Sixteen));
            let model = bytes.model().expect("a sound model");
            let mut state = vec![0; plan.state_words(weight_type)];
            group.bench_function("nin-core", |b| b.iter(|| infer(&model, black_box(&image), &mut state)));
            #[cfg(feature = "tract")]
            {
                let file = tract::onnx(bytes.bytes());
                let network = tract::network(&file, spec.input()).expect("a file that tract reads");
                let image = tract::planes(&image, spec.input());
                group.bench_function("tract", |b| {
                    b.iter(|| tract::run(&network, black_box(&image)).expect("an image that fits"));
                });
            }
            group.finish();
        }
    }
}

/// The same networks, run by tract from their ONNX files.
#[cfg(feature = "tract")]
mod tract {
    use std::sync::Arc;

    use nin_core::{Model, Shape};
    use nin_train::formats::model_file::Integers;
    use nin_train::formats::onnx;
    use nin_train::network::trained::Trained;
    use tract_onnx::prelude::*;

    /// Returns a model file as ONNX.
    pub fn onnx(file: &[u8]) -> Vec<u8> {
        let model = Model::read(file).expect("a sound model");
        match Integers::from_model(&model) {
            Some(model) => onnx::integers(&model),
            None => onnx::floats(&Trained::from_file(file).expect("a model of floats")),
        }
    }

    /// Returns an ONNX file, ready to run.
    pub fn network(file: &[u8], input: Shape) -> TractResult<Arc<TypedRunnableModel>> {
        let [channels, rows, columns] = [input.channels, input.rows, input.columns].map(usize::from);
        let fact = InferenceFact::dt_shape(u8::datum_type(), [1, channels, rows, columns]);
        let model = tract_onnx::onnx().model_for_read(&mut &*file)?.with_input_fact(0, fact)?;
        model.into_optimized()?.into_runnable()
    }

    /// Runs an image.
    pub fn run(network: &Arc<TypedRunnableModel>, image: &Tensor) -> TractResult<TVec<TValue>> {
        network.run(tvec!(image.clone().into()))
    }

    /// Returns an image as ONNX has it, channel after channel.
    pub fn planes(image: &[u8], input: Shape) -> Tensor {
        let [channels, rows, columns] = [input.channels, input.rows, input.columns].map(usize::from);
        let at = |(_, channel, row, column): (usize, usize, usize, usize)| {
            image[(row * columns + column) * channels + channel]
        };
        tract_ndarray::Array4::from_shape_fn((1, channels, rows, columns), at).into()
    }
}

criterion_group!(benches, engines);
criterion_main!(benches);
