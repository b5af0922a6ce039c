//! The trainer against PyTorch: logits, activations, gradients and the losses of the first steps.

use std::sync::Mutex;

use nin_core::Plan;
use nin_tests::close::assert_close;
use nin_tests::fixture::{Fixture, GradientSums};
use nin_tests::images::Images;
use nin_train::network::parameters::tensors;
use nin_train::training::optim::Optimizer;
use nin_train::{Arithmetic, Draw, Engine};

/// A result of the trainer with PyTorch's.
struct Case {
    fixture: Fixture,
    plan: Plan,
    parameters: Vec<f32>,
    images: Images,
}

impl Case {
    fn load(name: &str) -> Case {
        let fixture = Fixture::load(name);
        let plan = Plan::new(fixture.spec());
        let images = (0..fixture.input_shape[0]).map(|n| fixture.image(n)).collect();
        let images = Images { images, labels: fixture.labels.clone(), classes: plan.classes() };
        Case { plan, parameters: fixture.parameters(), images, fixture }
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
        // The steep case: `d2l`'s first step at this rate doubles the loss and leaves units so near 0 that the last bit
        // decides their ReLUs. Depending on the order of sums, its third loss is then off by 1e-6 or 5e-4.
        self.check_steps(&self.fixture.float64.loss_after_step, self.fixture.lr as f32, 1e-3);
        self.check_steps(&self.fixture.float64.loss_after_step_small, 0.005, 1e-4);
    }

    fn check_logits(&self) {
        let logits = Mutex::new(vec![Vec::new(); self.images.labels.len()]);
        let outcome = self.engine().forward(&self.images, |index, _, values| {
            logits.lock().expect("no panic")[index] = values.to_vec();
        });
        for (got, want) in logits.into_inner().expect("no panic").iter().zip(&self.fixture.float64.logits) {
            assert_close("logits", got, want, 1e-5);
        }
        assert_close("loss", &[outcome.loss / outcome.images as f64], &[self.fixture.float64.loss], 1e-5);
    }

    fn check_layers(&self) {
        let tensors = self.engine().activations(&self.images.images[0].values);
        let listed = &self.fixture.float64.layers_image0;
        // PyTorch lists a convolution and its ReLU separately; here they are one layer.
        let fused = |i: usize| listed.get(i + 1).is_some_and(|next| next.name.contains("relu"));
        let listed = listed.iter().enumerate().filter(|(i, entry)| !fused(*i) && entry.name != "flatten");
        let layers: Vec<_> = self.plan.layers().collect();
        let mut count = 0;
        for (values, (_, want)) in tensors[1..].iter().zip(listed) {
            let shape = layers[count].output;
            count += 1;
            let l2 = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
            let max = values.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            println!("{}: l2 {l2} (PyTorch {})", want.name, want.l2);
            for (got, want_sum) in [(l2, want.l2), (sum, want.sum), (max.into(), want.max)] {
                assert_close(&want.name, &[got], &[want_sum], 1e-5);
            }
            // The first four of channel 0: along the first row.
            let channels = usize::from(shape.channels);
            for (i, first) in want.first4.iter().enumerate().take(shape.columns.into()) {
                assert!((f64::from(values[i * channels]) - first).abs() <= 1e-5 * f64::from(max), "{}", want.name);
            }
        }
        assert_eq!(count, layers.len());
    }

    fn check_gradients(&self) {
        let mut gradient = vec![0.0; self.parameters.len()];
        self.engine().gradient(&self.images, Draw { seed: 0, step: 0 }, &mut gradient);
        let check = |want: &GradientSums, at: &[usize]| {
            let l2 = at.iter().map(|at| f64::from(gradient[*at]).powi(2)).sum::<f64>().sqrt();
            println!("{}: l2 {l2} (PyTorch {})", want.name, want.l2);
            assert_close(&want.name, &[l2], &[want.l2], 1e-4);
            let root = (at.len() as f64).sqrt();
            for (at, want) in at.iter().zip(&want.first4) {
                // Relative to the tensor's typical entry, since a single entry may be near zero.
                let got = f64::from(gradient[*at]);
                assert!((got - want).abs() <= 1e-4 * want.abs().max(l2 / root), "{got} {want}");
            }
        };
        let listed = &self.fixture.float64.gradients;
        for (tensor, want) in tensors(&self.plan).iter().zip(listed.chunks(2)) {
            check(&want[0], &tensor.torch_order().collect::<Vec<_>>());
            check(&want[1], &tensor.bias.clone().collect::<Vec<_>>());
        }
        assert_eq!(listed.len(), 2 * tensors(&self.plan).len());
    }

    fn check_steps(&self, losses: &[f64], lr: f32, bound: f64) {
        assert_eq!(losses.len(), self.fixture.steps);
        let mut engine = self.engine();
        let mut parameters = self.parameters.clone();
        let mut gradient = vec![0.0; parameters.len()];
        let optimizer = Optimizer::default();
        let mut state = optimizer.start(parameters.len());
        for (step, want) in losses.iter().enumerate() {
            engine.gradient(&self.images, Draw { seed: 0, step: step as u64 }, &mut gradient);
            optimizer.step(lr, &mut parameters, &gradient, &mut state);
            engine.load(&parameters);
            let outcome = engine.forward(&self.images, |_, _, _| {});
            let loss = outcome.loss / outcome.images as f64;
            println!("step {step} at {lr}: {loss} (PyTorch {want}, {:.1e} off)", (loss - want).abs() / want);
            assert_close(&format!("loss after step {step} at {lr}"), &[loss], &[*want], bound);
        }
    }
}

#[test]
fn fashion() {
    Case::load("fashion").check();
}

#[test]
fn d2l() {
    Case::load("d2l").check();
}
