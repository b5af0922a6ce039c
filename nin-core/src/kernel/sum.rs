//! How a product is added to a float sum, and the ReLU that ends it: the arithmetic that all float kernels share.

/// How the sums of a float format are rounded: [`Separate`] or [`Fused`]. No others can be added.
pub trait Rounding: sealed::Rounding {}

impl Rounding for Separate {}
impl Rounding for Fused {}

/// A product is rounded, then its sum with what was before: two roundings, which every processor does alike.
#[derive(Clone, Copy, Debug)]
pub enum Separate {}

/// Product and sum are rounded once, as a fused multiply-add does it: slow on a processor without that instruction.
#[derive(Clone, Copy, Debug)]
pub enum Fused {}

pub(crate) mod sealed {
    /// What the kernels ask of a [`Rounding`](super::Rounding).
    pub trait Rounding: Copy + core::fmt::Debug + 'static {
        /// Whether product and sum are rounded once.
        const FUSED: bool;

        /// `sum + x · weight`.
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

/// `max(value, 0)` on the bits: +0 for anything with its sign set, on every target.
#[inline(always)]
pub(crate) fn relu(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits(bits & !((bits as i32 >> 31) as u32))
}
