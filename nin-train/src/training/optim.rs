//! Optimisers: loops over the flat buffer, with PyTorch's semantics.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kernel::vectorized;

/// The optimiser and its hyperparameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Optimizer {
    /// `torch.optim.SGD`: `g += decay·w`; `v = momentum·v + g` (on the first step `v = g`);
    /// `w -= lr·v`, or with Nesterov `w -= lr·(g + momentum·v)`.
    Sgd {
        /// The factor of the velocity in each step; 0 is plain SGD.
        momentum: f32,
        /// Weight decay, added to the gradient.
        decay: f32,
        /// Whether to use Nesterov's momentum.
        nesterov: bool,
    },
    /// `torch.optim.AdamW` (Loshchilov and Hutter 2019).
    AdamW {
        /// Decay of the mean of gradients, usually 0.9.
        beta1: f32,
        /// Decay of the mean of squared gradients, usually 0.999.
        beta2: f32,
        /// Added to the denominator, usually 1e-8.
        epsilon: f32,
        /// Weight decay, apart from the gradient: `w -= lr·decay·w`.
        decay: f32,
    },
}

impl Default for Optimizer {
    /// Returns plain SGD.
    fn default() -> Optimizer {
        Optimizer::Sgd { momentum: 0.0, decay: 0.0, nesterov: false }
    }
}

/// The state of an optimiser.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Steps done.
    pub steps: u64,
    /// SGD's velocity or AdamW's mean; empty without momentum, else as long as the parameters.
    pub first: Vec<f32>,
    /// AdamW's mean of squares, or empty.
    pub second: Vec<f32>,
}

/// Parameters that one thread updates at a time; results do not depend on it.
const RUN: usize = 1 << 15;

impl Optimizer {
    /// Returns whether its hyperparameters are valid.
    pub(crate) fn is_sound(&self) -> bool {
        let (share, decays) = (0.0..1.0, |decay: f32| decay.is_finite() && decay >= 0.0);
        match self {
            Optimizer::Sgd { momentum, decay, .. } => share.contains(momentum) && decays(*decay),
            Optimizer::AdamW { beta1, beta2, epsilon, decay } => {
                share.contains(beta1) && share.contains(beta2) && decays(*epsilon) && decays(*decay)
            }
        }
    }

    /// Returns whether it adapts the rate to each parameter, as AdamW does.
    pub fn is_adaptive(&self) -> bool {
        matches!(self, Optimizer::AdamW { .. })
    }

    /// Returns whether its state has `first` and `second`.
    pub fn memories(&self) -> [bool; 2] {
        match self {
            Optimizer::Sgd { momentum, .. } => [*momentum != 0.0, false],
            Optimizer::AdamW { .. } => [true, true],
        }
    }

    /// Returns the state before the first step, for `parameters` parameters.
    pub fn start(&self, parameters: usize) -> State {
        let [first, second] = self.memories().map(|kept| vec![0.0; if kept { parameters } else { 0 }]);
        State { steps: 0, first, second }
    }

    /// Updates `parameters` by one step at learning rate `lr`; `state` comes from [`start`](Self::start) for the same
    /// number of parameters.
    ///
    /// # Panics
    ///
    /// If `gradient` or `state` is not as long as `parameters`.
    pub fn step(&self, lr: f32, parameters: &mut [f32], gradient: &[f32], state: &mut State) {
        state.steps += 1;
        let kept = self.memories().map(|kept| if kept { parameters.len() } else { 0 });
        assert_eq!(gradient.len(), parameters.len(), "a gradient of other parameters");
        assert_eq!(
            [state.first.len(), state.second.len()],
            kept,
            "a state of other parameters, or of another optimiser"
        );
        let runs = parameters.par_chunks_mut(RUN).zip(gradient.par_chunks(RUN));
        match *self {
            Optimizer::Sgd { momentum: 0.0, decay, .. } => runs.for_each(|(w, g)| {
                vectorized(
                    #[inline(always)]
                    || w.iter_mut().zip(g).for_each(|(w, g)| *w -= lr * (g + decay * *w)),
                )
            }),
            Optimizer::Sgd { momentum, decay, nesterov } => {
                runs.zip(state.first.par_chunks_mut(RUN)).for_each(|((w, g), v)| {
                    vectorized(
                        #[inline(always)]
                        || {
                            for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
                                let g = g + decay * *w;
                                *v = momentum * *v + g;
                                *w -= lr * if nesterov { g + momentum * *v } else { *v };
                            }
                        },
                    )
                })
            }
            Optimizer::AdamW { beta1, beta2, epsilon, decay } => {
                let exponent = state.steps.min(i32::MAX as u64) as i32;
                let rest1 = 1.0 - f64::from(beta1).powi(exponent);
                let rest2 = 1.0 - f64::from(beta2).powi(exponent);
                let (rate, scale) = ((f64::from(lr) / rest1) as f32, (1.0 / rest2.sqrt()) as f32);
                runs.zip(state.first.par_chunks_mut(RUN)).zip(state.second.par_chunks_mut(RUN)).for_each(
                    |(((w, g), m), s)| {
                        vectorized(
                            #[inline(always)]
                            || {
                                for (((w, g), m), s) in w.iter_mut().zip(g).zip(m).zip(s) {
                                    *m += (1.0 - beta1) * (g - *m);
                                    *s = beta2 * *s + (1.0 - beta2) * g * g;
                                    *w -= lr * decay * *w;
                                    *w -= rate * *m / (s.sqrt() * scale + epsilon);
                                }
                            },
                        )
                    },
                )
            }
        }
    }
}
