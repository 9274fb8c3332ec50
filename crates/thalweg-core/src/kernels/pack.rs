//! Rows in packs: as many rows as a vector has lanes, value by value, so that value v of row r is
//! at v·lanes + r. What a layer does with a value it then does with a vector, whatever the shape of
//! an image. Conversion is the transposition of lanes × lanes values.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, MOST_LANES, Scalar, Vector};
use super::transpose::transpose;

/// Which way values are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Rows to packs. Lanes of rows that there are not become 0.
    Pack,
    /// Packs to rows.
    Unpack,
}

/// Copies `rows` rows of `width` values, a multiple of the lanes. The last pack is whole in its
/// slice.
///
/// # Panics
/// If a slice is too short: a mistake in the plan, not in any input.
pub fn copy<T: Scalar>(
    isa: Isa,
    way: Packing,
    rows: usize,
    width: usize,
    from: &[T],
    to: &mut [T],
) {
    struct Copy<'a, T> {
        way: Packing,
        rows: usize,
        width: usize,
        from: &'a [T],
        to: &'a mut [T],
    }
    impl<T: Scalar> Kernel for Copy<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let Copy {
                way,
                rows,
                width,
                from,
                to,
            } = self;
            let lanes = T::Vector::<A>::LANES;
            for first in (0..rows).step_by(lanes) {
                let count = lanes.min(rows - first);
                // Distances of the registers that are read and of those that are written.
                let (source, target) = match way {
                    Packing::Pack => ((width, 1), (lanes, lanes)),
                    Packing::Unpack => ((lanes, lanes), (width, 1)),
                };
                for v in (0..width).step_by(lanes) {
                    let place = |(register, value): (usize, usize), i| {
                        first * width + v * value + i * register
                    };
                    let mut x = [T::Vector::<A>::splat(T::ZERO); MOST_LANES];
                    // SAFETY: `copy` has checked that rows and packs are there.
                    unsafe {
                        let read = if way == Packing::Pack { count } else { lanes };
                        for (i, x) in x.iter_mut().enumerate().take(read) {
                            *x = T::Vector::<A>::load(from.as_ptr().add(place(source, i)));
                        }
                        transpose::<A, T>(&mut x);
                        let written = if way == Packing::Pack { lanes } else { count };
                        for (i, x) in x.iter().enumerate().take(written) {
                            x.store(to.as_mut_ptr().add(place(target, i)));
                        }
                    }
                }
            }
        }
    }
    let lanes = isa.lanes::<T>();
    assert!(width.is_multiple_of(lanes));
    let (few, all) = (rows * width, rows.next_multiple_of(lanes) * width);
    let (of_from, of_to) = if way == Packing::Pack {
        (few, all)
    } else {
        (all, few)
    };
    assert!(from.len() >= of_from && to.len() >= of_to);
    isa.run(Copy {
        way,
        rows,
        width,
        from,
        to,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<T: Scalar>(isa: Isa) {
        let (lanes, width) = (isa.lanes::<T>(), 48);
        for rows in 1..=2 * lanes + 1 {
            let from: Vec<T> = (0..rows * width)
                .map(|i| T::from_f64(1.0 + i as f64))
                .collect();
            let mut packs = vec![T::from_f64(f64::NAN); rows.next_multiple_of(lanes) * width];
            copy(isa, Packing::Pack, rows, width, &from, &mut packs);
            for (i, x) in packs.iter().enumerate() {
                let (pack, value, lane) = (i / (width * lanes), i / lanes % width, i % lanes);
                let row = pack * lanes + lane;
                let want = from.get(row * width + value).copied().unwrap_or(T::ZERO);
                assert_eq!(*x, want);
            }
            let mut back = vec![T::ZERO; rows * width];
            copy(isa, Packing::Unpack, rows, width, &packs, &mut back);
            assert_eq!(back, from);
        }
    }

    #[test]
    fn a_value_of_a_row_is_a_lane_of_its_pack_on_every_path() {
        for isa in Isa::available() {
            there_and_back::<f32>(isa);
            there_and_back::<f64>(isa);
        }
    }
}
