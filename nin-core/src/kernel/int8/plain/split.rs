//! Requantisation on a processor whose products have 32 bits only.

/// Returns `(sum · multiplier + 2^30) >> 31`, computed from products of 16 by 16 bits. It is exact for sums below 2^30
/// and multipliers of at least 0, which the exporter guarantees.
#[inline(always)]
pub fn high(sum: i32, multiplier: i32) -> i32 {
    let (sum_high, sum_low) = (sum >> 16, sum & 0xFFFF);
    let (multiplier_high, multiplier_low) = (multiplier >> 16, multiplier & 0xFFFF);
    let lowest = sum_low.wrapping_mul(multiplier_low) as u32;
    let one = sum_high.wrapping_mul(multiplier_low).wrapping_add((lowest >> 16) as i32);
    let other = sum_low.wrapping_mul(multiplier_high).wrapping_add(one & 0xFFFF) as u32;
    // The upper 32 bits of the product; the 16 below them are the lower half of `other`.
    let upper = sum_high.wrapping_mul(multiplier_high).wrapping_add(one >> 16).wrapping_add((other >> 16) as i32);
    // Bit 31 of the product is the lowest bit of the result; bit 30 rounds it up.
    upper.wrapping_shl(1).wrapping_add((((other >> 14) & 3) as i32 + 1) >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn split_products_are_whole(sum in -(1i32 << 30)..1 << 30, multiplier in 0..=i32::MAX) {
            let whole = ((i64::from(sum) * i64::from(multiplier) + (1 << 30)) >> 31) as i32;
            prop_assert_eq!(super::high(sum, multiplier), whole);
        }
    }

    #[test]
    fn the_ends_are_exact() {
        for sum in [-(1 << 30) + 1, -65537, -65536, -1, 0, 1, 65535, 65536, (1 << 30) - 1] {
            for multiplier in [0, 1, 65535, 65536, 1 << 30, (1 << 30) + 1, i32::MAX] {
                let whole = ((i64::from(sum) * i64::from(multiplier) + (1 << 30)) >> 31) as i32;
                assert_eq!(super::high(sum, multiplier), whole, "{sum} times {multiplier}");
            }
        }
    }
}
