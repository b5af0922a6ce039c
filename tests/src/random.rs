//! Random networks for property tests: every kind of stage, in every order, at small sizes with many edge cases.

use std::fmt;

use nin_core::plan::Plan;
use nin_core::{Shape, Spec, Window};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::mix;
use crate::oracle::Map;

/// Defines a property test of `cases` cases, the same each time unless `PROPTEST_RNG_SEED` is set; `PROPTEST_CASES`
/// overrides their number.
pub fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(2013);
    }
    config
}

/// A network with its parameters and any number of images, all from a seed.
#[derive(Clone)]
pub struct Case {
    /// The architecture.
    pub spec: Spec,
    /// The seed of parameters and images.
    pub seed: u64,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case::new(\"{}\", {})", self.spec, self.seed)
    }
}

impl Case {
    /// Returns the case of a line and a seed, as a failing test prints them.
    pub fn new(line: &str, seed: u64) -> Case {
        Case { spec: Spec::parse(line).unwrap_or_else(|error| panic!("{line}: {error}")), seed }
    }

    /// Returns parameters that preserve the magnitude of activations, with biases that keep most ReLUs positive.
    pub fn parameters(&self) -> Vec<f32> {
        let mut counter = mix::mix(self.seed);
        let mut draw = |low: f64, high: f64| {
            counter = counter.wrapping_add(1);
            (low + mix::unit(counter) * (high - low)) as f32
        };
        let mut parameters = Vec::new();
        for layer in Plan::new(self.spec).layers().filter(|layer| layer.has_weights()) {
            let bound = (6.0 / layer.fan_in() as f64).sqrt();
            parameters.extend((0..layer.weights()).map(|_| draw(-bound, bound)));
            parameters.extend((0..layer.output.channels).map(|_| draw(-0.1, 0.5)));
        }
        parameters
    }

    /// Returns image `n`: values from −1 to 1, no two rows or columns equal.
    pub fn image(&self, n: u64) -> Map<f32> {
        let shape = self.spec.input();
        let first = mix::mix(!self.seed).wrapping_add(n * shape.len() as u64);
        let values = (0..shape.len() as u64).map(|i| mix::signed(first.wrapping_add(i)) as f32).collect();
        Map { shape, values }
    }
}

/// Returns any network with any seed.
pub fn case() -> impl Strategy<Value = Case> {
    (spec(), any::<u64>()).prop_map(|(spec, seed)| Case { spec, seed })
}

/// Returns any network that is small enough for the oracle to compute quickly.
pub fn spec() -> impl Strategy<Value = Spec> {
    (input(), prop::collection::vec(body(), 0..6), head()).prop_map(|(input, body, head)| {
        let line = line(input, &body, &head);
        Spec::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    })
}

/// Returns a network of the whole family with any seed: depthwise convolutions and convolutions in groups, shortcuts,
/// every activation, windows and padding that differ by side.
pub fn family_case() -> impl Strategy<Value = Case> {
    let wishes = prop::collection::vec(any::<u64>(), 1..5);
    (input(), wishes, head(), any::<u64>()).prop_map(|(input, wishes, head, seed)| {
        let mut line = input.to_string();
        let mut shape = input;
        for wish in wishes {
            // A word that does not fit is left out.
            let longer = format!("{line} {}", word(wish, shape.channels));
            let Ok(spec) = Spec::parse(&format!("{longer} gap")) else { continue };
            let plan = Plan::new(spec);
            let next = plan.shape(spec.stages().len() - 1);
            if plan.macs() < 60_000 {
                (line, shape) = (longer, next);
            }
        }
        let line = format!("{line} {head}");
        let spec = Spec::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        Case { spec, seed }
    })
}

/// Returns a word of the family for an input of that many channels; not every word fits.
fn word(wish: u64, channels: u16) -> String {
    let mut drawn = 0;
    let mut draw = |below: u64| {
        drawn += 1;
        mix::mix(wish.wrapping_add(drawn)) % below
    };
    const ENDS: [&str; 3] = ["", "id", "r6"];
    let width = 1 + draw(9) + if draw(8) == 0 { 16 } else { 0 };
    let [first, second] = [0, 0].map(|_| ENDS[draw(3) as usize]);
    let kernel = match draw(3) {
        0 => format!("{}", 1 + 2 * draw(3)),
        1 => format!("{}x{}", 1 + draw(4), 1 + draw(4)),
        _ => "3".to_owned(),
    };
    let stride = ["", "", "/2", "/1x2", "/2x3"][draw(5) as usize];
    let padding = ["", "+same", "+same", "+0,1", "+1x0,1"][draw(5) as usize];
    match draw(8) {
        0 => format!("dw{kernel}{stride}{padding}{first}"),
        1 => format!("dw{kernel}{stride}{padding}{first}:{width}{second},{}", 1 + draw(6)),
        2 => format!("nin{kernel}{stride}{padding}g{}:{}{first},{width}{second}", 1 + draw(3), width * (1 + draw(3))),
        3 => format!("nin{kernel}{stride}{padding}:{width}{first}"),
        4 => format!("res(nin{kernel}+same:{width}{first},{channels}{second}){}", ENDS[draw(3) as usize]),
        5 => format!("res(dw3+1{first} nin{kernel}+same:{width} nin1:{channels}{second}){}", ENDS[draw(3) as usize]),
        6 => format!("proj(nin3{stride}+1:{width}{first} dw3+1:{}{second}){}", 1 + draw(20), ENDS[draw(3) as usize]),
        _ => format!("{}{}/{}+0,1", ["mean", "avg", "max"][draw(3) as usize], "2x3", ["1", "2x1"][draw(2) as usize]),
    }
}

/// A stage before it is fitted to its input.
#[derive(Clone, Debug)]
enum Wish {
    Block { window: Window, widths: Vec<u16> },
    Max(Window),
    Avg(Window),
    Drop(u16),
}

fn input() -> impl Strategy<Value = Shape> {
    let side = prop_oneof![1 => 1u16..=2, 4 => 3u16..=12, 1 => 13u16..=24];
    (1u16..=5, side.clone(), side).prop_map(|(channels, rows, columns)| Shape { channels, rows, columns })
}

fn window(most: u8) -> impl Strategy<Value = Window> {
    let stride = prop_oneof![3 => Just(1u8), 3 => Just(2u8), 2 => 3u8..=6];
    (1..=most, stride, 0..most).prop_map(|(kernel, stride, padding)| Window::square(kernel, stride, padding))
}

fn width() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 1u16..=9, 1 => prop::sample::select(vec![12u16, 15, 16, 17, 20, 31, 32, 33])]
}

fn body() -> impl Strategy<Value = Wish> {
    prop_oneof![
        5 => (window(7), prop::collection::vec(width(), 1..=4)).prop_map(|(window, widths)| Wish::Block { window, widths }),
        3 => window(5).prop_map(Wish::Max),
        2 => window(5).prop_map(Wish::Avg),
        1 => (0u16..10_000).prop_map(Wish::Drop),
    ]
}

fn head() -> impl Strategy<Value = String> {
    let full = || {
        prop::collection::vec(width(), 1..=3).prop_map(|widths| {
            let widths: Vec<String> = widths.iter().map(u16::to_string).collect();
            format!("fc{}", widths.join(","))
        })
    };
    prop_oneof![
        4 => Just("gap".to_string()),
        2 => full(),
        2 => full().prop_map(|full| format!("gap {full}")),
        1 => full().prop_map(|full| format!("gap drop0.5 {full} drop0.25")),
        1 => (full(), full()).prop_map(|(a, b)| format!("{a} drop0.1 {b}")),
        1 => Just("drop0.3 gap drop0.3".to_string()),
    ]
}

/// Writes the line, with every window reduced to fit its input.
fn line(input: Shape, body: &[Wish], head: &str) -> String {
    let mut line = input.to_string();
    let mut shape = input;
    for wish in body {
        let word = match wish {
            Wish::Block { window, widths } => {
                let window = fit(*window, shape, |kernel| kernel - 1);
                let widths: Vec<String> = widths.iter().map(u16::to_string).collect();
                format!(
                    "nin{}/{}+{}:{}",
                    window.columns.kernel,
                    window.columns.stride,
                    window.columns.padding,
                    widths.join(",")
                )
            }
            Wish::Max(window) | Wish::Avg(window) => {
                let window = fit(*window, shape, |kernel| kernel / 2);
                let word = if matches!(wish, Wish::Max(_)) { "max" } else { "avg" };
                format!("{word}{}/{}+{}", window.columns.kernel, window.columns.stride, window.columns.padding)
            }
            Wish::Drop(rate) => format!("drop0.{rate:04}"),
        };
        line = format!("{line} {word}");
        let spec = Spec::parse(&format!("{line} gap")).unwrap_or_else(|error| panic!("{line}: {error}"));
        shape = Plan::new(spec).shape(spec.stages().len() - 1);
    }
    format!("{line} {head}")
}

/// Returns the window with its padding in range and its kernel no larger than its padded input.
fn fit(window: Window, input: Shape, most_padding: fn(u8) -> u8) -> Window {
    let mut kernel = window.columns.kernel;
    loop {
        let padding = window.columns.padding.min(most_padding(kernel));
        if u16::from(kernel) <= input.rows.min(input.columns) + 2 * u16::from(padding) {
            return Window::square(kernel, window.columns.stride, padding);
        }
        kernel -= 1;
    }
}
