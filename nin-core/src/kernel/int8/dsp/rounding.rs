//! Factors applied to doubled sums, rounded exactly as TensorFlow Lite rounds.
#![allow(unsafe_code)]

use core::arch::asm;

use crate::packing::affine::Words;

/// Returns half of a doubled sum times a factor, plus the output's zero point, as a byte. The shift is from 1 to 31, and
/// `half` is half of its unit.
#[inline(always)]
pub fn round(doubled: i32, multiplier: i32, half: i32, shift: u32, zero: i32) -> u8 {
    let byte: i32;
    // SAFETY: the instructions read and write registers only.
    unsafe {
        asm!(
            "smmulr {value}, {value}, {multiplier}",
            "add {value}, {value}, {value}, asr #31",
            "add {value}, {value}, {half}",
            "asr {value}, {value}, {shift}",
            "add {value}, {value}, {zero}",
            "usat {value}, #8, {value}",
            value = inlateout(reg) doubled => byte,
            multiplier = in(reg) multiplier,
            half = in(reg) half,
            shift = in(reg) shift,
            zero = in(reg) zero,
            options(pure, nomem, nostack)
        );
    }
    byte as u8
}

/// Clamps outputs from 0 to 255 to the range that a layer states.
pub fn clamp(words: &Words, out: &mut [u8]) {
    if (words.least, words.most) != (0, 255) {
        out.iter_mut().for_each(|value| *value = (*value).max(words.least).min(words.most));
    }
}
