//! Every tile beside naive sums.

use super::*;
use crate::random::{Purpose, Stream};

fn random<T: Scalar>(length: usize, substream: u64) -> Vec<T> {
    let mut sequence = Stream::new(1, Purpose::Synthesize, substream).sequence();
    (0..length)
        .map(|_| T::from_f64(sequence.normal()))
        .collect()
}

fn near(got: f64, terms: impl Iterator<Item = f64>, tolerance: f64) -> bool {
    let (sum, scale) = terms.fold((0.0, 0.0), |(sum, scale), term| {
        (sum + term, scale + f64::abs(term))
    });
    (got - sum).abs() <= tolerance * scale.max(1e-3)
}

/// An axis with outputs that see all taps and outputs that do not.
fn axis(outputs: usize, step: isize, tap: isize, offset: isize, weight: usize) -> Axis {
    Axis {
        outputs,
        taps: 3,
        inputs: 9,
        step,
        tap,
        offset,
        weight: (1, weight),
        place: (1, 2),
    }
}

fn correlate<T: Scalar>(isa: Isa, tolerance: f64) {
    let lanes = isa.lanes::<T>();
    let (lines, channels) = (axis(5, 2, 1, -1, 5), 2);
    // From no output that sees all taps to some.
    let axes = [
        (1, 1, 1, -2),
        (4, 1, 1, 0),
        (8, 1, 1, -1),
        (10, 1, -1, 0),
        (5, 2, 1, -1),
    ];
    for rows in 1..=13 {
        for (outputs, step, tap, offset) in axes {
            let pixels = axis(outputs, step, tap, offset, 1);
            let (a, b, c) = ((40, 20), (99, 10), (300, 25));
            let weights = random::<T>(13 * 40 + 40, 1);
            let input = random::<T>(2 * 99 * lanes, 2);
            let start = random::<T>(rows, 3);
            let mut output = vec![T::from_f64(7.0); 13 * 300 * lanes];
            Correlation {
                rows,
                channels,
                lines,
                pixels,
                weights: &weights,
                a,
                input: &input,
                b,
                start: Some(&start),
                output: &mut output,
                c,
            }
            .run(isa);
            let mut written = 0;
            for i in 0..rows {
                for (y, x) in (0..5).flat_map(|y| (0..outputs).map(move |x| (y, x))) {
                    let place = i * c.0 + (1 + 2 * y) * c.1 + 1 + 2 * x;
                    for lane in 0..lanes {
                        let mut terms = vec![start[i].to_f64()];
                        for (k, q, r) in (0..18).map(|n| (n / 9, n / 3 % 3, n % 3)) {
                            let line = y as isize * 2 + q as isize - 1;
                            let pixel = x as isize * step + r as isize * tap + offset;
                            if (0..9).contains(&line) && (0..9).contains(&pixel) {
                                let weight = weights[i * 40 + k * 20 + 1 + q * 5 + 1 + r];
                                let at = k * 99 + line as usize * 10 + pixel as usize;
                                let value = input[at * lanes + lane];
                                terms.push(weight.to_f64() * value.to_f64());
                            }
                        }
                        let got = output[place * lanes + lane].to_f64();
                        assert!(near(got, terms.into_iter(), tolerance));
                        written += 1;
                    }
                }
            }
            let untouched = output.iter().filter(|x| **x == T::from_f64(7.0)).count();
            assert_eq!(untouched + written, output.len());
        }
    }
}

fn overlap<T: Scalar>(isa: Isa, tolerance: f64) {
    let lanes = isa.lanes::<T>();
    for units in 1..=UNITS {
        for (count, size, step) in [
            (1, (1, 1), 1),
            (9, (3, 4), 1),
            (55, (2, 70), 2),
            (12, (40, 3), 2),
        ] {
            let (packs, line) = (2, 150);
            let offsets: Vec<usize> = (0..count).map(|k| 7 * k % 53).collect();
            let (a_pack, b_pack) = (700 * lanes, 80 * line * lanes);
            let (a, b) = (
                random::<T>(packs * a_pack, 4),
                random::<T>(packs * b_pack, 5),
            );
            let mut c = vec![T::from_f64(f64::NAN); units * count];
            Overlaps {
                packs,
                units,
                size,
                step,
                line,
                a: (&a, a_pack),
                b: (&b, b_pack),
                offsets: &offsets,
                c: &mut c,
            }
            .run(isa);
            let area = size.0 * size.1;
            for (i, k) in (0..units).flat_map(|i| (0..count).map(move |k| (i, k))) {
                let places = (0..packs * area * lanes)
                    .map(|n| (n / (area * lanes), n / lanes % area, n % lanes));
                let terms = places.map(|(pack, pixel, lane)| {
                    let (y, x) = (pixel / size.1, pixel % size.1);
                    let at = offsets[k] + step * (y * line + x);
                    let a = a[pack * a_pack + (i * area + pixel) * lanes + lane];
                    a.to_f64() * b[pack * b_pack + at * lanes + lane].to_f64()
                });
                assert!(near(c[i * count + k].to_f64(), terms, tolerance));
            }
        }
    }
}

#[test]
fn every_tile_agrees_with_the_naive_sums_on_every_path() {
    for isa in Isa::available() {
        correlate::<f32>(isa, 1e-6);
        correlate::<f64>(isa, 1e-14);
        overlap::<f32>(isa, 1e-6);
        overlap::<f64>(isa, 1e-14);
        for length in (0..9).map(|vectors| vectors * isa.lanes::<f32>()) {
            let x = random::<f32>(length, 6);
            let terms = x.iter().map(|x| f64::from(*x));
            assert!(near(sum(isa, &x).into(), terms, 1e-6));
        }
    }
}
