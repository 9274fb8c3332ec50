//! Copying the lines of an image to places where they lie otherwise.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// How lines lie: line k begins at `k · distance`.
#[derive(Debug, Clone, Copy)]
pub struct Lines {
    /// How many.
    pub count: usize,
    /// Values of each.
    pub width: usize,
    /// Distance in what is read.
    pub from: usize,
    /// Distance in what is written.
    pub to: usize,
}

/// Copies lines. They do not overlap in `to`.
///
/// # Panics
/// If a line is not in its slice: a mistake in the plan, not in any input.
pub fn copy<T: Scalar>(isa: Isa, lines: Lines, from: &[T], to: &mut [T]) {
    struct Copy<'a, T>(Lines, &'a [T], &'a mut [T]);
    impl<T: Scalar> Kernel for Copy<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let Copy(lines, from, to) = self;
            let lanes = T::Vector::<A>::LANES;
            if lines.width < lanes {
                for line in 0..lines.count {
                    let from = &from[line * lines.from..][..lines.width];
                    for (to, from) in to[line * lines.to..].iter_mut().zip(from) {
                        *to = *from;
                    }
                }
                return;
            }
            for line in 0..lines.count {
                // SAFETY: `copy` has checked that the last line is inside, and a line is at least a vector.
                unsafe {
                    let from = from.as_ptr().add(line * lines.from);
                    let to = to.as_mut_ptr().add(line * lines.to);
                    let mut at = 0;
                    while at + lanes <= lines.width {
                        T::Vector::<A>::load(from.add(at)).store(to.add(at));
                        at += lanes;
                    }
                    // The last vector may repeat what stands already.
                    let at = lines.width - lanes;
                    T::Vector::<A>::load(from.add(at)).store(to.add(at));
                }
            }
        }
    }
    if lines.count == 0 || lines.width == 0 {
        return;
    }
    assert!(from.len() >= (lines.count - 1) * lines.from + lines.width);
    assert!(to.len() >= (lines.count - 1) * lines.to + lines.width);
    isa.run(Copy(lines, from, to));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_width_arrive_and_nothing_else_is_touched() {
        for isa in Isa::available() {
            for width in 1..70 {
                let (from_distance, to_distance, count) = (width + 3, width + 5, 4);
                let from: Vec<f32> = (0..count * from_distance).map(|i| i as f32).collect();
                let mut to = vec![-1.0; count * to_distance];
                let lines = Lines {
                    count,
                    width,
                    from: from_distance,
                    to: to_distance,
                };
                copy(isa, lines, &from, &mut to);
                for (i, to) in to.iter().enumerate() {
                    let (line, pixel) = (i / to_distance, i % to_distance);
                    let want = if pixel < width {
                        from[line * from_distance + pixel]
                    } else {
                        -1.0
                    };
                    assert_eq!(*to, want);
                }
            }
        }
    }
}
