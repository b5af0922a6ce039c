//! The arithmetic that all float kernels share: the addition of a product to a sum, and the activations.

use crate::spec::Activation;

/// The rounding of a float format's sums: [`Separate`] or [`Fused`]. The trait is sealed.
pub trait Rounding: sealed::Rounding {}

impl Rounding for Separate {}
impl Rounding for Fused {}

/// Rounds the product, then the sum: two roundings, the same on every processor.
#[derive(Clone, Copy, Debug)]
pub enum Separate {}

/// Rounds product and sum once, as a fused multiply-add; slow on processors without that instruction.
#[derive(Clone, Copy, Debug)]
pub enum Fused {}

pub(crate) mod sealed {
    /// The operations of a [`Rounding`](super::Rounding) that the kernels use.
    pub trait Rounding: Copy + core::fmt::Debug + 'static {
        /// Whether product and sum are rounded once.
        const FUSED: bool;

        /// Adds `x · weight` to `sum`.
        fn add_product(sum: &mut f32, x: f32, weight: f32);
    }
}

impl sealed::Rounding for Separate {
    const FUSED: bool = false;

    #[inline(always)]
    fn add_product(sum: &mut f32, x: f32, weight: f32) {
        *sum += x * weight;
    }
}

impl sealed::Rounding for Fused {
    const FUSED: bool = true;

    #[inline(always)]
    fn add_product(sum: &mut f32, x: f32, weight: f32) {
        #[cfg(nin_m4f)]
        {
            *sum = super::vfma::fused(x, weight, *sum);
        }
        // The standard library's `mul_add` is not part of `core`.
        #[cfg(not(nin_m4f))]
        {
            *sum = libm::fmaf(x, weight, *sum);
        }
    }
}

/// Returns `max(value, 0)`, computed on the bits: +0 for every value with its sign bit set, on every target.
#[inline(always)]
pub(crate) fn relu(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits(bits & !((bits as i32 >> 31) as u32))
}

/// Applies an activation. A NaN becomes 0 or 6 in a ReLU6, as its sign says.
#[inline(always)]
pub(crate) fn activate(value: f32, activation: Activation) -> f32 {
    match activation {
        Activation::Relu => relu(value),
        // Comparing bits compares numbers that are not negative.
        Activation::Relu6 => f32::from_bits(relu(value).to_bits().min(6f32.to_bits())),
        Activation::Identity => value,
    }
}
