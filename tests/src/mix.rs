//! Numbers for weights and images from a counter, reproducible in any language.

/// Returns a 64-bit number that depends on every bit of `counter` (the finaliser of splitmix64).
pub fn mix(counter: u64) -> u64 {
    let z = counter.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns a number from 0 to below 1, in steps of 2⁻²⁴.
pub fn unit(counter: u64) -> f64 {
    (mix(counter) >> 40) as f64 / f64::from(1 << 24)
}

/// Returns a number from −1 to below 1, in steps of 2⁻²³.
pub fn signed(counter: u64) -> f64 {
    (mix(counter) >> 40) as f64 / f64::from(1 << 23) - 1.0
}

#[cfg(test)]
mod tests {
    /// The first numbers of splitmix64 from seed 0, as the authors' C code computes them.
    #[test]
    fn it_is_splitmix64() {
        let want = [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F];
        assert_eq!([0, 1, 2].map(super::mix), want);
    }
}
