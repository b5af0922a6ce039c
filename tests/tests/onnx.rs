//! Exported ONNX files, run by tract: `cargo test -p nin-tests --features tract --test onnx`.
//!
//! `scripts/check_onnx.py` does the same with onnxruntime.

use nin_core::Lanes;
use nin_core::Spec;
use nin_tests::close::assert_close_in_scale;
use nin_tests::integer_random::{self, Style};
use nin_tests::oracle::{self, Map};
use nin_tests::random::{self, Case};
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::formats::model_file::Integers;
use nin_train::formats::onnx;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::{Options, post_training};
use proptest::prelude::*;
use tract_onnx::prelude::*;

/// Returns tract's logits for an image (rows × columns × channels bytes).
fn logits(file: &[u8], spec: &Spec, image: &[u8]) -> TractResult<Vec<f32>> {
    let input = spec.input();
    let [channels, rows, columns] = [input.channels, input.rows, input.columns].map(usize::from);
    let fact = InferenceFact::dt_shape(u8::datum_type(), [1, channels, rows, columns]);
    let model = tract_onnx::onnx().model_for_read(&mut &*file)?.with_input_fact(0, fact)?;
    let model = model.into_optimized()?.into_runnable()?;
    let at =
        |(_, channel, row, column): (usize, usize, usize, usize)| image[(row * columns + column) * channels + channel];
    let tensor: Tensor = tract_ndarray::Array4::from_shape_fn((1, channels, rows, columns), at).into();
    let answer = model.run(tvec!(tensor.into()))?;
    Ok(answer[0].to_plain_array_view::<f32>()?.iter().copied().collect())
}

fn trained(case: &Case, mean: f32) -> Trained {
    let channels = usize::from(case.spec.input().channels);
    let odd = |channel: usize, value: f32| value * (1.0 + 0.1 * channel as f32);
    let mean = (0..channels).map(|channel| odd(channel, mean)).collect();
    let scale = (0..channels).map(|channel| odd(channel, 1.0 / 255.0)).collect();
    let preprocessing = Preprocessing { mean, scale };
    Trained { spec: case.spec, parameters: case.parameters(), preprocessing, class_names: Vec::new() }
}

fn check_floats(case: &Case) {
    let trained = trained(case, 30.0);
    let image = integer_random::image(case, Style::Lively, 0);
    let channels = usize::from(case.spec.input().channels);
    let Preprocessing { mean, scale } = &trained.preprocessing;
    let float = |(i, &byte): (usize, &u8)| (f32::from(byte) - mean[i % channels]) * scale[i % channels];
    let values = image.values.iter().enumerate().map(float).map(f64::from).collect();
    let map = Map { shape: image.shape, values };
    let (want, scale) = oracle::logits(&case.spec, &trained.parameters, &map);
    let got = logits(&onnx::floats(&trained), &case.spec, &image.values);
    let got = got.unwrap_or_else(|error| panic!("{case:?}: {error:?}"));
    assert_close_in_scale(&format!("{case:?}"), &got, &want, 1e-5, scale);
}

proptest! {
    #![proptest_config(random::config(60))]

    #[test]
    fn any_network_of_floats(case in random::case()) {
        check_floats(&case);
    }
}

/// Logits in 8 bits: the last step of an activation is rounded differently by runtimes than by `docs/int8.md`.
#[test]
fn networks_of_integers() {
    for (seed, line) in [
        (1, "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap"),
        (2, "3x20x17 nin3:12,12 avg2/2 nin3+1:16 gap fc12,5"),
        (3, "2x9x11 nin3+1:8 max2/2 fc20,7"),
        (4, "2x9x11 max2/2 nin3/2+1:8 avg3/2+1 fc20 drop0.5 fc7"),
    ] {
        let case = Case::new(line, seed);
        let channels = usize::from(case.spec.input().channels);
        let trained = Trained { preprocessing: Preprocessing::unit(channels), ..trained(&case, 0.0) };
        let images: Vec<Vec<u8>> = (0..16).map(|n| integer_random::image(&case, Style::Lively, n).values).collect();
        let (model, _) = post_training(&trained, &images, &Options::default(), |_, _| {}).unwrap();
        let file = onnx::integers(&Integers::Unsigned(model.clone()));
        let bytes = ModelBytes::new(&model.to_bytes(Lanes::Sixteen).unwrap());
        let ours = bytes.model().unwrap();
        let mut streaming = Streaming::new(&ours);
        let (mut most, mut worst) = (0.0f32, 0.0f32);
        for image in &images {
            let want = streaming.classify(image, case.spec.input()).unwrap();
            let got = logits(&file, &case.spec, image).unwrap_or_else(|error| panic!("{line}: {error:?}"));
            most = want.iter().fold(most, |most, logit| most.max(logit.abs()));
            worst = got.iter().zip(&want).fold(worst, |worst, (got, want)| worst.max((got - want).abs()));
        }
        let step = if model.ends_in_average() { model.last_scale() } else { 2.0 * most / 255.0 };
        assert!(most > 0.0 && worst <= step, "{line}: {worst} is {:.2} steps of {step}", worst / step);
    }
}
