//! Vectors as arrays, whose loops the compiler vectorizes.

use half::f16;

use super::vectors::Vectors;
use crate::kernel::sum::{relu, sealed::Rounding};

/// Sixteen floats as an array.
#[derive(Clone, Copy)]
pub struct Portable;

impl Vectors for Portable {
    type Sixteen = [f32; 16];
    const SUMS: usize = 4;

    #[inline(always)]
    fn load(self, values: &[f32; 16]) -> [f32; 16] {
        *values
    }

    #[inline(always)]
    fn widen(self, values: &[f16; 16]) -> [f32; 16] {
        values.map(f16::to_f32)
    }

    #[inline(always)]
    fn store(self, vector: [f32; 16], values: &mut [f32; 16]) {
        *values = vector;
    }

    #[inline(always)]
    fn add<R: Rounding>(self, mut sum: [f32; 16], x: f32, weights: [f32; 16]) -> [f32; 16] {
        for (sum, weight) in sum.iter_mut().zip(weights) {
            R::add_product(sum, x, weight);
        }
        sum
    }

    #[inline(always)]
    fn relu(self, vector: [f32; 16]) -> [f32; 16] {
        vector.map(relu)
    }
}
