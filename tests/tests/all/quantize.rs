//! The trainer's quantiser and its 8-bit model files, against the reference and the second writer.

use nin_core::Lanes;
use nin_core::{Int8, Model, Network, WeightType};
use nin_tests::close::assert_same_bits;
use nin_tests::engine;
use nin_tests::integer::{self, Finish, Integers, Layer, multiplier};
use nin_tests::integer_file;
use nin_tests::integer_random::{self, Style};
use nin_tests::mix;
use nin_tests::model_file::Aligned;
use nin_tests::oracle::{self, Map};
use nin_tests::random::{self, Case};
use nin_train::integers::{Output, QuantizedModel, WeightBits};
use nin_train::network::parameters::{Tensor, tensors};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::{Options, Report, calibrated, equalize, post_training};
use proptest::prelude::*;

fn trained(case: &Case) -> Trained {
    let preprocessing = Preprocessing::unit(case.spec.input().channels.into());
    Trained { spec: case.spec, parameters: case.parameters(), preprocessing, class_names: Vec::new() }
}

fn images(case: &Case, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| integer_random::image(case, Style::Lively, n).values).collect()
}

fn quantized(trained: &Trained, images: &[Vec<u8>], correct_biases: bool) -> (QuantizedModel, Report) {
    let options = Options { correct_biases, ..Options::default() };
    post_training(trained, images, &options, |_, _| {}).unwrap_or_else(|error| panic!("{}: {error}", trained.spec))
}

/// Returns the quantiser's network for the reference, after checking its contents.
fn integers(model: &QuantizedModel) -> Integers {
    let plan = nin_core::Plan::new(model.spec);
    let mut scale = model.input_scale;
    let mut layers = Vec::new();
    let mut made = model.layers.iter();
    let mut pixels = 1.0;
    for planned in plan.layers() {
        if planned.kind == nin_core::plan::LayerKind::GlobalAverage {
            pixels = planned.input.pixels() as f64;
        }
        if !planned.has_weights() {
            continue;
        }
        let layer = made.next().expect("a layer for each of the plan");
        assert_eq!(layer.input_scale, scale, "a layer reads what the one before makes");
        assert!(layer.weights.iter().all(|&weight| weight >= -127));
        let unit = |output: usize| f64::from(scale) * f64::from(layer.weight_scales[output]) / pixels;
        let outputs = layer.bias.len();
        let finish = match &layer.output {
            Output::Activations { scale: own, multipliers, shifts } => {
                let factors: Vec<_> = multipliers.iter().copied().zip(shifts.iter().copied()).collect();
                let want: Vec<_> = (0..outputs).map(|output| multiplier(unit(output) / f64::from(*own))).collect();
                assert_eq!(factors, want, "factors of the document");
                scale = *own;
                Finish::Activations(factors)
            }
            Output::Logits { scales } => {
                let want: Vec<_> = (0..outputs).map(|output| unit(output) as f32).collect();
                assert_eq!(scales, &want, "scales of the document");
                Finish::Logits(scales.clone())
            }
        };
        let limit = (1 << 30) - (planned.fan_in() as f64 * pixels) as i64 * 255 * 127;
        assert!(layer.bias.iter().all(|&bias| i64::from(bias).abs() < limit), "accumulators have room");
        layers.push(Layer { weights: layer.weights.clone(), bias: layer.bias.clone(), finish });
        pixels = 1.0;
    }
    Integers { spec: model.spec, layers, scale: model.last_scale() }
}

/// For each layer: weights, biases, multipliers with their shifts.
type Parts<'m> = Vec<(&'m [i8], &'m [i32], Vec<(i32, u32)>)>;

/// Returns what the arithmetic needs, without the scales between layers.
fn integers_alone(model: &QuantizedModel) -> Parts<'_> {
    let factors = |output: &Output| match output {
        Output::Activations { multipliers, shifts, .. } => {
            multipliers.iter().copied().zip(shifts.iter().copied()).collect()
        }
        Output::Logits { scales } => scales.iter().map(|scale| (scale.to_bits() as i32, 0)).collect(),
    };
    model.layers.iter().map(|layer| (&layer.weights[..], &layer.bias[..], factors(&layer.output))).collect()
}

fn check(case: &Case) {
    let trained = trained(case);
    let images = images(case, 3);
    let (model, _) = quantized(&trained, &images, true);
    let network = integers(&model);
    for (lanes, count) in [(Lanes::One, 1), (Lanes::Two, 2), (Lanes::Sixteen, 16)] {
        let file = model.to_bytes(lanes).unwrap();
        assert!(file == integer_file::write(&network, count, model.input_scale, &[]), "{case:?} in {count} lanes");
        let file = nin_tests::model_file::Aligned::new(&file);
        let read = Model::read(&file).unwrap();
        let back = QuantizedModel::from_model(&read).unwrap();
        assert_eq!(integers_alone(&back), integers_alone(&model), "{case:?} in {count} lanes");
        assert!(back.to_bytes(lanes).unwrap()[..] == file[..], "{case:?} in {count} lanes");
        let mut state = engine::state(&read);
        let mut engine = Network::<Int8>::new(&read, &mut state).unwrap();
        let image = integer_random::image(case, Style::Lively, 0);
        image.values.chunks_exact(image.shape.row()).for_each(|row| engine.push_row(row).unwrap());
        let want = integer::forward(&network, &image);
        assert_same_bits(&format!("{case:?} in {count} lanes"), engine.finish().unwrap(), &want.logits);
    }
}

proptest! {
    #![proptest_config(random::config(200))]

    #[test]
    fn any_network_quantises_to_what_the_document_says(case in random::case()) {
        check(&case);
    }
}

proptest! {
    #![proptest_config(random::config(100))]

    /// Equalised channels have factors that are powers of two, so the float network computes the same bits.
    #[test]
    fn equalised_networks_are_the_same_function(case in prop_oneof![random::case(), random::family_case()]) {
        let mut trained = trained(&case);
        // Outputs of unequal sizes, so that there is something to equalise.
        for tensor in tensors(&trained.plan()) {
            for output in 0..tensor.bias.len() {
                let size = 3f32.powi((mix::mix(case.seed ^ (tensor.bias.start + output) as u64) % 5) as i32 - 2);
                scale(&mut trained.parameters, &tensor, output, size);
            }
        }
        let equalized = equalize(&trained, &images(&case, 8)).unwrap();
        let logits = |trained: &Trained, n: u64| {
            let file = Aligned::new(&trained.to_model(WeightType::F32, Lanes::Four).unwrap());
            let model = Model::read(&file).unwrap();
            engine::logits(&model, &case.image(n))
        };
        for n in 0..3 {
            assert_same_bits("equalised", &logits(&equalized, n), &logits(&trained, n));
        }
    }

    /// 4-bit weights: the trainer's file equals that of the second writer, reads back, and runs as documented.
    #[test]
    fn any_network_quantises_to_four_bits(case in random::case(), every in 1usize..4) {
        let trained = trained(&case);
        let plan = trained.plan();
        let layers: Vec<_> = plan.layers().filter(|layer| layer.has_weights()).collect();
        let weights = WeightBits::FourIn((1..=layers.len()).step_by(every).collect());
        prop_assume!(!layers.is_empty());
        let options = Options { weights: weights.clone(), ..Options::default() };
        let (model, _) = post_training(&trained, &images(&case, 3), &options, |_, _| {}).unwrap();
        let network = integers(&model);
        let bits: Vec<u8> = (1..).zip(&layers).map(|(number, layer)| weights.bits(number, layer)).collect();
        for (layer, &bits) in network.layers.iter().zip(&bits) {
            let narrow = layer.weights.iter().all(|weight| weight % 16 == 0 && weight.abs() <= 112);
            prop_assert!(narrow || bits == 8);
        }
        for (lanes, count) in [(Lanes::One, 1), (Lanes::Two, 2), (Lanes::Sixteen, 16)] {
            let file = model.to_bytes(lanes).unwrap();
            let want = integer_file::write_in_bits(&network, &bits, count, model.input_scale, &[]);
            prop_assert!(file == want, "{:?} in {} lanes", case, count);
            let file = nin_tests::model_file::Aligned::new(&file);
            let read = Model::read(&file).unwrap();
            let back = QuantizedModel::from_model(&read).unwrap();
            prop_assert_eq!(integers_alone(&back), integers_alone(&model), "{:?} in {} lanes", case, count);
            prop_assert!(back.to_bytes(lanes).unwrap()[..] == file[..], "{:?} in {} lanes", case, count);
        }
    }
}

/// Multiplies the weights and the bias of an output.
fn scale(parameters: &mut [f32], tensor: &Tensor, output: usize, factor: f32) {
    let fan_in = tensor.layer.fan_in();
    let weights = &mut parameters[tensor.weight.start + output * fan_in..][..fan_in];
    weights.iter_mut().for_each(|weight| *weight *= factor);
    parameters[tensor.bias.start + output] *= factor;
}

/// Networks whose channels differ by up to four orders of magnitude, which the layers after them compensate: rounding
/// destroys most of them, and equalised they are as good as before.
#[test]
fn equalised_networks_survive_rounding() {
    // The layers (counted among those with weights) that write the unequal maps, and those that read them.
    for (line, seed, writers, readers) in [
        ("2x12x11 nin3+1:12 dw3+1:9 gap fc5", 1, &[0][..], &[1][..]),
        ("2x12x11 nin3+1:12id max2/2 dw3+1id:9 nin1:6 gap fc5", 2, &[0], &[1]),
        // The depthwise layer writes it; a sum ties its second map to the first.
        ("2x12x11 nin3+1:12 res(dw3+1:16 nin3+1:12id) dw3/2+1:9 gap fc5", 3, &[0, 3], &[1, 4]),
        ("2x12x11 nin3+1:6 proj(nin3/2+1:8 dw3+1:12id)id nin1:9 fc5", 4, &[3, 4], &[5]),
    ] {
        let case = Case::new(line, seed);
        let even = trained(&case);
        let mut uneven = even.clone();
        let tensors = tensors(&even.plan());
        let channels = tensors[writers[0]].bias.len();
        for channel in 0..channels {
            let factor = 10f32.powf(4.0 * channel as f32 / channels as f32 - 2.0);
            for &writer in writers {
                scale(&mut uneven.parameters, &tensors[writer], channel, factor);
            }
            for tensor in readers.iter().map(|&reader| &tensors[reader]) {
                // A depthwise layer has a row of weights for each channel, another one a column.
                let fan_in = tensor.layer.fan_in();
                let is_depthwise = tensor.layer.groups > 1;
                let (start, step) = if is_depthwise { (channel * fan_in, 1) } else { (channel, channels) };
                let count = if is_depthwise { fan_in } else { usize::MAX };
                let read = uneven.parameters[tensor.weight.clone()][start..].iter_mut().step_by(step).take(count);
                read.for_each(|weight| *weight /= factor);
            }
        }
        let images = images(&case, 24);
        let decibels = |trained: &Trained| {
            let (_, report) = calibrated(trained, &images, &Options::default(), |_, _| {}).unwrap();
            report.logits
        };
        let equalized = decibels(&equalize(&uneven, &images).unwrap());
        let [even, uneven] = [&even, &uneven].map(decibels);
        println!("{line}: even {even:.1}, uneven {uneven:.1}, equalised {equalized:.1} dB");
        assert!(uneven < even - 10.0 && equalized > even - 4.0, "{line}: {even:.1}, {uneven:.1}, {equalized:.1} dB");
    }
}

/// A flash budget is met with as few 4-bit layers as necessary; a budget that cannot be met is refused.
#[test]
fn a_budget_of_flash_is_kept() {
    let case = Case::new("1x16x16 nin3+1:16,16 max2/2 nin3+1:24,24 max2/2 nin3+1:32,10 gap", 5);
    let trained = trained(&case);
    let images = images(&case, 24);
    let length = |weights: &WeightBits| {
        let clips = vec![1.0; 6];
        QuantizedModel::with_weights(&trained, &clips, weights).unwrap().to_bytes(Lanes::Two).unwrap().len()
    };
    let (most, least) = (length(&WeightBits::Eight), length(&WeightBits::Four));
    assert!(least < most * 7 / 10, "{least} of {most}");
    let within = |budget: usize| nin_train::quantize::within(&trained, &images, budget, Lanes::Two);
    assert_eq!(within(most).unwrap(), WeightBits::Eight);
    let mut before = 0;
    for budget in [most - 1, (most + least) / 2, least] {
        let weights = within(budget).unwrap();
        assert!(length(&weights) <= budget, "{weights}");
        let WeightBits::FourIn(layers) = &weights else { panic!("{weights}") };
        assert!(layers.len() >= before, "{weights}: as many layers or more for less flash");
        before = layers.len();
    }
    assert_eq!(before, 6, "the least takes all");
    let error = within(least - 1).unwrap_err().to_string();
    assert!(
        error.contains(&format!("{} bytes is too small", least - 1)) && error.contains(&least.to_string()),
        "{error}"
    );
}

/// Whole networks in 8 bits are close to their floats: the oracle in f64 on one side, the integer reference on the
/// other.
#[test]
fn eight_bits_come_near_the_floats() {
    for (seed, line, decibels) in [
        (1, "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap", 25.0),
        (2, "3x20x17 nin3:12,12 avg2/2 nin3+1:16 gap fc12,5", 30.0),
        (3, "2x9x11 nin3+1:8 max2/2 fc20,7", 30.0),
        (4, "2x9x11 max2/2 nin3+1:8 avg3/2+1 fc20 drop0.5 fc7", 30.0),
    ] {
        let case = Case::new(line, seed);
        let trained = trained(&case);
        let images = images(&case, 24);
        let (model, report) = quantized(&trained, &images, true);
        let network = integers(&model);
        let (mut signal, mut noise) = (0.0, 0.0);
        for values in &images[..6] {
            let shape = case.spec.input();
            let floats = values.iter().map(|&byte| f64::from(byte) * f64::from(1.0f32 / 255.0)).collect();
            let (want, _) = oracle::logits(&case.spec, &trained.parameters, &Map { shape, values: floats });
            let got = integer::forward(&network, &integer::Bytes { shape, values: values.clone() }).logits;
            for (got, want) in got.iter().zip(want) {
                signal += want * want;
                noise += (f64::from(*got) - want).powi(2);
            }
        }
        let measured = 10.0 * (signal / noise).log10();
        assert!(measured > decibels, "{line}: logits at {measured:.1} dB");
        assert!((report.logits - measured).abs() < 6.0, "{line}: reported {} dB, measured {measured}", report.logits);
        for layer in &report.layers {
            assert!(layer.decibels > decibels - 5.0, "{line}: a layer at {:.1} dB", layer.decibels);
        }
        assert_eq!(report.images, 24);
    }
}

/// Biased rounding shifts means; bias correction compensates it, and leaves biases alone if it does not help.
#[test]
fn biases_take_up_mean_errors() {
    let case = Case::new("1x14x14 nin3+1:16,16 max2/2 nin3+1:16,16 nin3+1:10,10 gap", 5);
    let mut trained = trained(&case);
    // Every weight is slightly less than its rounded value.
    for weight in &mut trained.parameters {
        *weight = (*weight * 200.0).ceil() / 200.0 - 0.002;
    }
    let images = images(&case, 40);
    let (_, plain) = quantized(&trained, &images, false);
    let (_, corrected) = quantized(&trained, &images, true);
    assert!(!plain.corrected);
    assert!(corrected.logits >= plain.logits, "{} and {}", corrected.logits, plain.logits);
    assert!(corrected.corrected && corrected.logits > plain.logits + 0.5, "{} and {}", corrected.logits, plain.logits);
}

#[test]
fn threads_do_not_change_the_result() {
    let case = Case::new("1x14x14 nin3+1:6,6 max2/2 nin3+1:6,5 gap", 6);
    let (trained, images) = (trained(&case), images(&case, 50));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| quantized(&trained, &images, true))
    };
    let (model, report) = run(1);
    for threads in [2, 5] {
        let (other, other_report) = run(threads);
        assert!(model == other && report == other_report);
    }
}

#[test]
fn what_cannot_be_quantised_is_refused_in_words() {
    let case = Case::new("2x6x6 nin3:4 gap", 7);
    let error = |trained: &Trained, images: &[Vec<u8>]| {
        post_training(trained, images, &Options::default(), |_, _| {}).unwrap_err().to_string()
    };
    // An image that is not the same everywhere.
    let bytes = |length: usize| (0..length).map(|i| i as u8).collect::<Vec<u8>>();
    let good = trained(&case);
    let images = images(&case, 2);
    let odd = Preprocessing { mean: vec![0.0; 2], scale: vec![1.0, -1.0] };
    assert!(error(&Trained { preprocessing: odd, ..good.clone() }, &images).contains("must be numbers above 0"));
    let odd = Preprocessing { mean: vec![0.0, 3.5], scale: vec![1.0; 2] };
    let blind = trained(&Case::new("2x6x6 max2/2 gap", 7));
    assert!(
        error(&Trained { preprocessing: odd, ..blind }, &images).contains("no weights that could take up its mean")
    );
    assert_eq!(error(&good, &[]), "there is no image to calibrate with");
    assert!(error(&good, &[vec![0; 71]]).contains("an image of 71 bytes does not fit the network's 2x6x6"));
    let mut broken = good.clone();
    broken.parameters[3] = f32::NAN;
    assert!(error(&broken, &images).contains("stage 1 (nin3:4), layer 1 has a weight that is infinite"));
    let wide = Case::new("1x190x180 fc3", 1);
    let text = error(&trained(&wide), &[bytes(190 * 180)]);
    assert!(text.contains("stage 1 (fc3), layer 1 sums 34200 inputs"), "{text}");
    let wide = Case::new("2x150x120 gap fc3", 1);
    let text = error(&trained(&wide), &[bytes(2 * 150 * 120)]);
    assert!(text.contains("stage 2 (fc3), layer 1 sums 36000 inputs"), "{text}");
    let (model, _) = quantized(&good, &images, false);
    let text = model.to_bytes(Lanes::Four).unwrap_err().to_string();
    assert_eq!(text, "int8 weights are not packed in 4 lanes; choose 1, 2 or 16");
    let mut short = model.clone();
    short.layers.pop();
    assert!(short.to_bytes(Lanes::One).is_err());
    let mut wrong = model;
    wrong.layers[0].bias[0] = 1 << 30;
    assert!(wrong.to_bytes(Lanes::One).unwrap_err().to_string().contains("out of range"));
}
