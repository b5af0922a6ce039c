//! Numbers for weights and images from a counter, the same in any language.

/// A 64-bit number that depends on `counter` in every bit (the finaliser of splitmix64).
pub fn mix(counter: u64) -> u64 {
    let z = counter.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number from 0 to below 1, in steps of 2⁻²⁴.
pub fn unit(counter: u64) -> f64 {
    (mix(counter) >> 40) as f64 / f64::from(1 << 24)
}

/// A number from −1 to below 1, in steps of 2⁻²³.
pub fn signed(counter: u64) -> f64 {
    (mix(counter) >> 40) as f64 / f64::from(1 << 23) - 1.0
}
