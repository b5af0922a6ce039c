//! Bilinear resizing against a slow calculation in f64 by the definition.

use crate::common;

use common::numbers;
use nin_train::data::resize_bilinear;

/// `F.interpolate(mode="bilinear", align_corners=False)`: the value at the output pixel's centre, input edges repeated.
fn oracle(src: &[u8], from: (usize, usize), channels: usize, to: (usize, usize)) -> Vec<f64> {
    let at = |y: isize, x: isize, c: usize| {
        let y = y.clamp(0, from.0 as isize - 1) as usize;
        let x = x.clamp(0, from.1 as isize - 1) as usize;
        f64::from(src[(y * from.1 + x) * channels + c])
    };
    let mut out = Vec::new();
    for y in 0..to.0 {
        for x in 0..to.1 {
            let v = (y as f64 + 0.5) * from.0 as f64 / to.0 as f64 - 0.5;
            let u = (x as f64 + 0.5) * from.1 as f64 / to.1 as f64 - 0.5;
            let (y0, x0) = (v.floor(), u.floor());
            let (fy, fx) = (v - y0, u - x0);
            for c in 0..channels {
                let mut sum = 0.0;
                for (dy, wy) in [(0, 1.0 - fy), (1, fy)] {
                    for (dx, wx) in [(0, 1.0 - fx), (1, fx)] {
                        sum += wy * wx * at(y0 as isize + dy, x0 as isize + dx, c);
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}

#[test]
fn it_agrees_with_the_definition_and_row_by_row_bit_for_bit() {
    let cases = [
        ((28, 28), 1, (224, 224)),
        ((32, 32), 3, (224, 224)),
        ((28, 28), 1, (27, 29)),
        ((5, 9), 2, (13, 4)),
        ((64, 48), 3, (7, 5)),
        ((1, 1), 3, (4, 6)),
        ((3, 1), 1, (1, 3)),
        ((28, 28), 1, (28, 28)),
    ];
    for (from, channels, to) in cases {
        let mut number = numbers(9, 256);
        let src: Vec<u8> = (0..from.0 * from.1 * channels).map(|_| number() as u8).collect();
        let mut dst = vec![f32::NAN; to.0 * to.1 * channels];
        resize_bilinear(&src, from, channels, &mut dst, to);
        for (i, (&ours, exact)) in dst.iter().zip(oracle(&src, from, channels, to)).enumerate() {
            assert!((f64::from(ours) - exact).abs() < 2e-3, "{from:?} to {to:?}, value {i}: {ours}, not {exact}");
            assert!((0.0..=255.0).contains(&ours));
        }
        if from == to {
            assert!(dst.iter().zip(&src).all(|(&a, &b)| a == f32::from(b)));
        }
    }
}

#[test]
fn values_worked_out_by_hand() {
    // Twice as wide: centres at -0.25 (kept at the edge), 0.25, 0.75, 1.25.
    let mut dst = [0.0; 4];
    resize_bilinear(&[0, 100], (1, 2), 1, &mut dst, (1, 4));
    assert_eq!(dst, [0.0, 25.0, 75.0, 100.0]);
    // Half as wide without antialiasing: the mean of the two middle ones of each pair.
    let mut dst = [0.0; 2];
    resize_bilinear(&[10, 20, 30, 50], (1, 4), 1, &mut dst, (1, 2));
    assert_eq!(dst, [15.0, 40.0]);
}
