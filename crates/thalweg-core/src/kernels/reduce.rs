//! Sums over long slices, in an order that depends on the length alone.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar};

/// Independent partial sums.
const LANES: usize = 32;

/// Σ x², in double precision: squares of single-precision numbers neither overflow nor vanish
/// there.
pub fn sum_of_squares<T: Scalar>(isa: Isa, values: &[T]) -> f64 {
    struct SumOfSquares<'a, T>(&'a [T]);
    impl<T: Scalar> Kernel for SumOfSquares<'_, T> {
        type Output = f64;
        #[inline(always)]
        fn run<A: Arch>(self) -> f64 {
            let mut sums = [0.0; LANES];
            let (chunks, rest) = self.0.as_chunks::<LANES>();
            for chunk in chunks {
                for (sum, x) in sums.iter_mut().zip(chunk) {
                    *sum += x.to_f64() * x.to_f64();
                }
            }
            for (sum, x) in sums.iter_mut().zip(rest) {
                *sum += x.to_f64() * x.to_f64();
            }
            let mut half = LANES / 2;
            while half > 0 {
                for i in 0..half {
                    sums[i] += sums[i + half];
                }
                half /= 2;
            }
            sums[0]
        }
    }
    isa.run(SumOfSquares(values))
}

/// sum\[j\] = Σ over rows of x\[row, j\], where a row takes as many values as there are sums: up to
/// four, or 16.
///
/// # Panics
/// If there are other numbers of sums.
pub fn column_sums<T: Scalar>(isa: Isa, x: &[T], sums: &mut [T]) {
    /// Independent partial sums, each of one column: a multiple of all these numbers of columns.
    const SUMS: usize = 48;
    struct ColumnSums<'a, T>(&'a [T], &'a mut [T]);
    impl<T: Scalar> Kernel for ColumnSums<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let ColumnSums(x, sums) = self;
            sums.fill(T::ZERO);
            let add = |sums: &mut [T], rows: &[T]| {
                for row in rows.chunks_exact(sums.len()) {
                    for (sum, x) in sums.iter_mut().zip(row) {
                        *sum += *x;
                    }
                }
            };
            if x.len() < SUMS {
                return add(sums, x);
            }
            let mut partial = [T::ZERO; SUMS];
            let (chunks, rest) = x.as_chunks::<SUMS>();
            for chunk in chunks {
                for (sum, x) in partial.iter_mut().zip(chunk) {
                    *sum += *x;
                }
            }
            for (sum, x) in partial.iter_mut().zip(rest) {
                *sum += *x;
            }
            // By halves as long as these are whole rows, so that few additions wait for each other.
            let mut partial = &mut partial[..];
            while partial.len() % (2 * sums.len()) == 0 {
                let (low, high) = partial.split_at_mut(partial.len() / 2);
                for (low, high) in low.iter_mut().zip(high) {
                    *low += *high;
                }
                partial = low;
            }
            add(sums, partial);
        }
    }
    assert!(SUMS.is_multiple_of(sums.len()));
    isa.run(ColumnSums(x, sums));
}

/// sum\[j\] = Σ over rows of x\[row, j\], row by row; rows are `stride` apart, and the last ends
/// with `x`.
pub fn sum_rows<T: Scalar>(isa: Isa, x: &[T], stride: usize, sums: &mut [T]) {
    struct SumRows<'a, T>(&'a [T], usize, &'a mut [T]);
    impl<T: Scalar> Kernel for SumRows<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let SumRows(x, stride, sums) = self;
            let width = sums.len();
            sums.copy_from_slice(&x[..width]);
            for row in x.chunks(stride).skip(1) {
                for (sum, x) in sums.iter_mut().zip(&row[..width]) {
                    *sum += *x;
                }
            }
        }
    }
    isa.run(SumRows(x, stride, sums));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_sums_are_exact_on_integers_on_every_path() {
        for isa in Isa::available() {
            for columns in [1, 2, 3, 4, 16] {
                for rows in [0, 1, 5, 48, 49, 200] {
                    let x: Vec<f64> = (0..rows * columns).map(|i| (i * 7 % 11) as f64).collect();
                    let mut sums = vec![f64::NAN; columns];
                    column_sums(isa, &x, &mut sums);
                    for (column, sum) in sums.iter().enumerate() {
                        let exact: f64 = x.iter().skip(column).step_by(columns).sum();
                        assert_eq!(*sum, exact);
                    }
                }
            }
        }
    }

    #[test]
    fn sums_of_rows_are_exact_on_integers_and_stop_at_the_width_on_every_path() {
        for isa in Isa::available() {
            for (rows, width, stride) in [(1, 5, 9), (2, 16, 16), (5, 33, 40), (7, 1, 3)] {
                let x: Vec<f64> = (0..rows * stride).map(|i| (i * 7 % 11) as f64).collect();
                let mut sums = vec![f64::NAN; width];
                sum_rows(isa, &x[..(rows - 1) * stride + width], stride, &mut sums);
                for (column, sum) in sums.iter().enumerate() {
                    let exact: f64 = x.iter().skip(column).step_by(stride).sum();
                    assert_eq!(*sum, exact);
                }
            }
        }
    }

    #[test]
    fn the_sum_of_squares_is_right_for_every_tail_on_every_path() {
        for isa in Isa::available() {
            for length in 0..200 {
                let values: Vec<f64> = (1..=length).map(f64::from).collect();
                let n = f64::from(length);
                let exact = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0;
                assert_eq!(sum_of_squares(isa, &values), exact);
                let scale = 1e-25f32;
                let small: Vec<f32> = values.iter().map(|x| *x as f32 * scale).collect();
                let sum: f64 = small.iter().map(|x| f64::from(*x).powi(2)).sum();
                assert!((sum_of_squares(isa, &small) - sum).abs() <= 1e-14 * sum);
            }
        }
    }
}
