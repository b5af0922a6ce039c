//! The trainer against PyTorch: everything about a network stands in its fixture file.

use crate::images;

use std::path::Path;

use images::{Images, is_close};
use nin_core::{Plan, Spec};
use nin_train::network::parameters::tensors;
use nin_train::training::optim::Optimizer;
use nin_train::{Arithmetic, Draw, Engine};
use serde_json::Value;

/// The fixtures' generator.
fn mix(i: u64) -> u64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

struct Fixture {
    file: Value,
    plan: Plan,
    parameters: Vec<f32>,
    images: Images,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
}

impl Fixture {
    fn read(name: &str) -> Fixture {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("JSON");
        let spec = Spec::parse(file["line"].as_str().expect("a line")).expect("a good line");
        let plan = Plan::new(spec);
        let mut parameters = vec![0.0; plan.parameters()];
        let mut n = file["param_counter"].as_u64().expect("a counter");
        let mut value = |bound: f64| {
            let u = (mix(n) >> 40) as f64 / f64::from(1 << 23) - 1.0;
            n += 1;
            (u * bound) as f32
        };
        for (number, tensor) in tensors(&plan).iter().enumerate() {
            let bound = (6.0 / tensor.layer.fan_in() as f64).sqrt();
            for at in tensor.torch_order() {
                parameters[at] = value(bound);
            }
            parameters[tensor.bias.clone()].iter_mut().for_each(|bias| *bias = value(0.01));
            let first: Vec<f64> = tensor.torch_order().take(4).map(|at| parameters[at].into()).collect();
            assert!(
                numbers(&file["params"][2 * number]["first4"]).iter().zip(&first).all(|(a, b)| (a - b).abs() < 1e-7)
            );
        }
        let shape = numbers(&file["input_shape"]);
        let (count, pixels) = (shape[0] as usize, (shape[2] * shape[3]) as usize);
        assert_eq!(shape[1], 1.0, "the generator is for one channel");
        let start = file["image_counter"].as_u64().expect("a counter");
        let pixel = |i: usize| (mix(start + i as u64) >> 40) as f32 / (1 << 24) as f32;
        let labels = numbers(&file["labels"]).iter().map(|label| *label as usize).collect();
        let images = Images::new((0..count * pixels).map(pixel).collect(), labels, plan.classes());
        Fixture { file, plan, parameters, images }
    }

    fn engine(&self) -> Engine {
        let mut engine =
            Engine::new(*self.plan.spec(), &Arithmetic::Float, self.images.labels.len(), 2).expect("threads");
        engine.load(&self.parameters);
        engine
    }

    fn check(&self) {
        self.check_logits();
        self.check_layers();
        self.check_gradients();
        // The steep path: `d2l`'s first step at this rate doubles the loss and leaves units so near 0 that the last bit
        // decides their ReLUs; depending on the order of sums, its third loss then is 1e-6 or 5e-4 off.
        self.check_steps("loss_after_step", self.file["lr"].as_f64().expect("lr") as f32, 1e-3);
        self.check_steps("loss_after_step_lr0.005", 0.005, 1e-4);
    }

    fn check_logits(&self) {
        let logits = std::sync::Mutex::new(vec![Vec::new(); self.images.labels.len()]);
        let outcome = self.engine().forward(&self.images, |index, _, values| {
            logits.lock().expect("no panic")[index] = values.to_vec();
        });
        let logits = logits.into_inner().expect("no panic");
        let mut worst = 0.0f64;
        for (got, want) in logits.iter().zip(self.file["float64"]["logits"].as_array().expect("logits")) {
            let want = numbers(want);
            let size = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            for (got, want) in got.iter().zip(want) {
                worst = worst.max((f64::from(*got) - want).abs() / size);
            }
        }
        println!("logits: largest difference {worst:.1e} of the largest logit");
        assert!(worst <= 1e-5);
        let loss = outcome.loss / outcome.images as f64;
        assert!(is_close(loss, self.file["float64"]["loss"].as_f64().expect("loss"), 1e-5), "loss {loss}");
    }

    fn check_layers(&self) {
        let tensors = self.engine().activations(self.images.image(0));
        let listed = self.file["float64"]["layers_image0"].as_array().expect("layers");
        // PyTorch lists a convolution before and after its ReLU: here they are one.
        let name = |entry: &Value| entry["name"].as_str().unwrap_or_default().to_owned();
        let fused = |i: usize| listed.get(i + 1).is_some_and(|next| name(next).contains("relu"));
        let listed = listed.iter().enumerate().filter(|(i, entry)| !fused(*i) && name(entry) != "flatten");
        let layers: Vec<_> = self.plan.layers().collect();
        let mut count = 0;
        for (values, (_, entry)) in tensors[1..].iter().zip(listed) {
            let shape = layers[count].output;
            count += 1;
            let l2 = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
            let max = values.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            let want = |key: &str| entry[key].as_f64().expect("a number");
            println!("{}: l2 {l2} (PyTorch {})", name(entry), want("l2"));
            assert!(is_close(l2, want("l2"), 1e-5), "{}", name(entry));
            assert!(is_close(sum, want("sum"), 1e-5) && is_close(max.into(), want("max"), 1e-5), "{}", name(entry));
            // The first four of channel 0: along the first row.
            let channels = shape.channels as usize;
            for (i, want) in numbers(&entry["first4"]).into_iter().enumerate().take(shape.columns.into()) {
                assert!((f64::from(values[i * channels]) - want).abs() <= 1e-5 * max as f64, "{}", name(entry));
            }
        }
        assert_eq!(count, layers.len());
    }

    fn check_gradients(&self) {
        let mut gradient = vec![0.0; self.parameters.len()];
        self.engine().gradient(&self.images, Draw { seed: 0, step: 0 }, &mut gradient);
        let listed = self.file["float64"]["gradients"].as_array().expect("gradients");
        let check = |want: &Value, at: &[usize]| {
            let l2 = at.iter().map(|at| f64::from(gradient[*at]).powi(2)).sum::<f64>().sqrt();
            println!("{}: l2 {l2} (PyTorch {})", want["name"], want["l2"]);
            assert!(is_close(l2, want["l2"].as_f64().expect("l2"), 1e-4), "{}", want["name"]);
            let root = (at.len() as f64).sqrt();
            for (at, want) in at.iter().zip(numbers(&want["first4"])) {
                // Relative to the tensor's typical entry, since a single one may be anything near zero.
                let got = f64::from(gradient[*at]);
                assert!((got - want).abs() <= 1e-4 * want.abs().max(l2 / root), "{got} {want}");
            }
        };
        for (tensor, want) in tensors(&self.plan).iter().zip(listed.chunks(2)) {
            check(&want[0], &tensor.torch_order().collect::<Vec<_>>());
            check(&want[1], &tensor.bias.clone().collect::<Vec<_>>());
        }
        assert_eq!(listed.len(), 2 * tensors(&self.plan).len());
    }

    fn check_steps(&self, key: &str, lr: f32, bound: f64) {
        let mut engine = self.engine();
        let mut parameters = self.parameters.clone();
        let mut gradient = vec![0.0; parameters.len()];
        let optimizer = Optimizer::default();
        let mut state = optimizer.start(parameters.len());
        for (step, want) in numbers(&self.file["float64"][key]).into_iter().enumerate() {
            engine.gradient(&self.images, Draw { seed: 0, step: step as u64 }, &mut gradient);
            optimizer.step(lr, &mut parameters, &gradient, &mut state);
            engine.load(&parameters);
            let outcome = engine.forward(&self.images, |_, _, _| {});
            let loss = outcome.loss / outcome.images as f64;
            println!("{key} {step}: {loss} (PyTorch {want}, {:.1e} off)", (loss - want).abs() / want);
            assert!(is_close(loss, want, bound));
        }
    }
}

#[test]
fn fashion() {
    Fixture::read("fashion.json").check();
}

#[test]
fn d2l() {
    Fixture::read("d2l.json").check();
}
