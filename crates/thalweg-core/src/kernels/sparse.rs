//! Products with sparse rows: y = start + x·Wᵀ and dW = dzᵀ·x, over the non-zeros of x alone. W has
//! the weights of one input after those of another, `width` each.

use std::ops::Range;

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};
use crate::dataset::{FeaturesRef, Rows, ValuesRef};

/// Independent partial sums of a dot product.
const SUMS: usize = 8;

/// Vectors of outputs that are added up at once.
const VECTORS: usize = 4;

/// Widths up to this one are no vectors.
pub const NARROW: usize = 4;

/// The non-zeros of some rows.
#[derive(Debug, Clone, Copy)]
pub struct NonZeros<'a> {
    /// What has the rows; dense ones are searched for what is not 0.
    pub features: FeaturesRef<'a>,
    /// Which rows.
    pub rows: Rows<'a>,
}

impl NonZeros<'_> {
    /// Calls `visit` with column and value of what is not 0 within some columns of the row at a
    /// position, in the order of the columns.
    #[inline(always)]
    fn each<T: Scalar>(
        &self,
        position: usize,
        within: &Range<usize>,
        mut visit: impl FnMut(usize, T),
    ) {
        let row = self.rows.at(position);
        let sparse = match self.features.values {
            ValuesRef::Sparse(rows) => Some(rows.row_within(row, within)),
            _ => None,
        };
        let count = match sparse {
            Some((columns, _)) => columns.len(),
            None => within
                .end
                .min(self.features.width)
                .saturating_sub(within.start),
        };
        // One call, so that it is always compiled into the loop.
        for index in 0..count {
            let (column, value) = match sparse {
                Some((columns, numbers)) => (columns[index] as usize, numbers.at(index)),
                None => {
                    let column = within.start + index;
                    (column, self.features.value(row, column))
                }
            };
            if value != 0.0 {
                visit(column, T::from_f64(value));
            }
        }
    }

    /// start + Σ x·w over the row at a position, in a few sums that do not wait for each other.
    #[inline(always)]
    fn dot<A: Arch, T: Scalar>(&self, position: usize, weights: &[T], start: T) -> T {
        let ValuesRef::Sparse(rows) = self.features.values else {
            let (all, mut sum) = (0..self.features.width, start);
            self.each(position, &all, |column, x: T| {
                sum = x.mul_add::<A>(weights[column], sum);
            });
            return sum;
        };
        let (columns, numbers) = rows.row(self.rows.at(position));
        let mut sums = [T::ZERO; SUMS];
        let (chunks, rest) = columns.as_chunks::<SUMS>();
        for (chunk, columns) in chunks.iter().enumerate() {
            for (i, column) in columns.iter().enumerate() {
                let x = T::from_f64(numbers.at(chunk * SUMS + i));
                sums[i] = x.mul_add::<A>(weights[*column as usize], sums[i]);
            }
        }
        for (i, column) in rest.iter().enumerate() {
            let x = T::from_f64(numbers.at(chunks.len() * SUMS + i));
            sums[i] = x.mul_add::<A>(weights[*column as usize], sums[i]);
        }
        let mut half = SUMS / 2;
        while half > 0 {
            for i in 0..half {
                sums[i] += sums[i + half];
            }
            half /= 2;
        }
        start + sums[0]
    }
}

/// y = start + x·Wᵀ for as many rows as `y` has room for.
pub struct Forward<'a, T> {
    /// x.
    pub non_zeros: NonZeros<'a>,
    /// Outputs of an input, at most [`NARROW`] or whole vectors.
    pub width: usize,
    /// W.
    pub weights: &'a [T],
    /// Is added to every row; 0 if there is none.
    pub start: Option<&'a [T]>,
    /// The rows of y, `stride` apart; what is behind their width becomes 0.
    pub y: &'a mut [T],
    /// See `y`.
    pub stride: usize,
}

impl<T: Scalar> Forward<'_, T> {
    /// Computes.
    pub fn run(self, isa: Isa) {
        isa.run(self);
    }
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let (width, weights, start) = (self.width, self.weights, self.start);
        let all = 0..self.non_zeros.features.width;
        for (position, y) in self.y.chunks_exact_mut(self.stride).enumerate() {
            if width == 1 {
                let start = start.map_or(T::ZERO, |start| start[0]);
                y[0] = (self.non_zeros).dot::<A, T>(position, weights, start);
            } else if width <= NARROW {
                let mut sums = [T::ZERO; NARROW];
                if let Some(start) = start {
                    sums[..width].copy_from_slice(&start[..width]);
                }
                (self.non_zeros).each(position, &all, |column, x: T| {
                    let own = &weights[column * width..][..width];
                    for (sum, w) in sums.iter_mut().zip(own) {
                        *sum = x.mul_add::<A>(*w, *sum);
                    }
                });
                y[..width].copy_from_slice(&sums[..width]);
            } else {
                let lanes = T::Vector::<A>::LANES;
                for first in (0..width).step_by(VECTORS * lanes) {
                    let count = VECTORS.min((width - first) / lanes);
                    let mut sums = [T::Vector::<A>::splat(T::ZERO); VECTORS];
                    if let Some(start) = start {
                        load::<A, T>(&mut sums[..count], &start[first..]);
                    }
                    (self.non_zeros).each(position, &all, |column, x: T| {
                        let own = &weights[column * width + first..][..count * lanes];
                        let x = T::Vector::<A>::splat(x);
                        for (sum, own) in sums.iter_mut().zip(own.chunks_exact(lanes)) {
                            // SAFETY: a chunk has as many values as a vector.
                            *sum = unsafe { T::Vector::<A>::load(own.as_ptr()) }.mul_add(x, *sum);
                        }
                    });
                    let to = y[first..].chunks_exact_mut(lanes);
                    for (sum, to) in sums[..count].iter().zip(to) {
                        // SAFETY: as above.
                        unsafe { sum.store(to.as_mut_ptr()) };
                    }
                }
            }
            y[width..].fill(T::ZERO);
        }
    }
}

#[inline(always)]
fn load<A: Arch, T: Scalar>(to: &mut [T::Vector<A>], from: &[T]) {
    for (to, from) in to.iter_mut().zip(from.chunks_exact(T::Vector::<A>::LANES)) {
        // SAFETY: a chunk has as many values as a vector.
        *to = unsafe { T::Vector::<A>::load(from.as_ptr()) };
    }
}

/// dW += dzᵀ·x for the inputs of some columns, row by row.
pub struct Backward<'a, T> {
    /// x.
    pub non_zeros: NonZeros<'a>,
    /// The inputs.
    pub columns: Range<usize>,
    /// As in [`Forward`].
    pub width: usize,
    /// Rows, and dz of each, `stride` apart.
    pub rows: usize,
    /// See `rows`.
    pub dz: &'a [T],
    /// See `rows`.
    pub stride: usize,
    /// dW of these inputs.
    pub gradient: &'a mut [T],
    /// A bit for each of these inputs, which becomes 1 where a row is not 0; empty: they are not
    /// marked.
    pub marks: &'a mut [u64],
}

impl<T: Scalar> Backward<'_, T> {
    /// Computes.
    pub fn run(self, isa: Isa) {
        isa.run(self);
    }
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let (width, columns, gradient, marks) =
            (self.width, self.columns, self.gradient, self.marks);
        let is_marked = !marks.is_empty();
        let rows = self.dz.chunks_exact(self.stride).take(self.rows);
        for (position, dz) in rows.enumerate() {
            self.non_zeros.each(position, &columns, |column, x: T| {
                let column = column - columns.start;
                if is_marked {
                    marks[column / 64] |= 1 << (column % 64);
                }
                if width == 1 {
                    gradient[column] = x.mul_add::<A>(dz[0], gradient[column]);
                    return;
                }
                let own = &mut gradient[column * width..][..width];
                for (sum, dz) in own.iter_mut().zip(&dz[..width]) {
                    *sum = x.mul_add::<A>(*dz, *sum);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::{Csr, Numbers};

    /// Rows of seven columns, sparse and the same dense; the numbers are whole, so sums are exact.
    fn rows() -> (Csr, Vec<f64>) {
        let dense: Vec<f64> = (0..7 * 9)
            .map(|i: i32| {
                if i % 3 == 0 {
                    f64::from(i % 5 - 2)
                } else {
                    0.0
                }
            })
            .collect();
        let (mut starts, mut columns, mut numbers) = (vec![0], Vec::new(), Vec::new());
        for row in dense.chunks_exact(7) {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                columns.push(column as u32);
                numbers.push(*value as f32);
            }
            starts.push(columns.len());
        }
        let sparse = Csr::new(7, starts, columns, Numbers::F32(numbers)).unwrap();
        (sparse, dense)
    }

    fn check<T: Scalar>(isa: Isa, width: usize, non_zeros: NonZeros, dense: &[f64]) {
        let order = [4usize, 0, 8, 4];
        let stride = width.next_multiple_of(16);
        let whole = |i: usize| T::from_f64((i % 11) as f64 - 5.0);
        let weights: Vec<T> = (0..7 * width).map(whole).collect();
        let start: Vec<T> = (0..width).map(whole).collect();
        let mut y = vec![T::ONE; 4 * stride];
        Forward {
            non_zeros,
            width,
            weights: &weights,
            start: Some(&start),
            y: &mut y,
            stride,
        }
        .run(isa);
        let x = |position: usize, column: usize| dense[order[position] * 7 + column];
        for (position, y) in y.chunks_exact(stride).enumerate() {
            for (unit, y) in y.iter().enumerate() {
                let sum = |sum: f64, column: usize| {
                    sum + x(position, column) * weights[column * width + unit].to_f64()
                };
                let expected = match unit < width {
                    true => (0..7).fold(start[unit].to_f64(), sum),
                    false => 0.0,
                };
                assert_eq!(
                    y.to_f64(),
                    expected,
                    "row {position}, unit {unit} of {width}"
                );
            }
        }
        let dz: Vec<T> = (0..4 * stride).map(whole).collect();
        let (columns, mut marks) = (2..6, [0]);
        let mut gradient = vec![T::ONE; 4 * width];
        Backward {
            non_zeros,
            columns: columns.clone(),
            width,
            rows: 4,
            dz: &dz,
            stride,
            gradient: &mut gradient,
            marks: &mut marks,
        }
        .run(isa);
        for column in columns {
            let is_marked = (0..4).any(|position| x(position, column) != 0.0);
            assert_eq!(marks[0] >> (column - 2) & 1 == 1, is_marked);
            for unit in 0..width {
                let sum = |sum: f64, position: usize| {
                    sum + x(position, column) * dz[position * stride + unit].to_f64()
                };
                let expected = (0..4).fold(1.0, sum);
                assert_eq!(gradient[(column - 2) * width + unit].to_f64(), expected);
            }
        }
    }

    #[test]
    fn products_are_those_of_the_dense_rows() {
        let (sparse, dense) = rows();
        let values = [ValuesRef::Sparse(sparse.view()), ValuesRef::F64(&dense)];
        for isa in Isa::available() {
            for values in values {
                let features = FeaturesRef { width: 7, values };
                let rows = Rows::Listed(&[4, 0, 8, 4]);
                let non_zeros = NonZeros { features, rows };
                for width in [1, 2, 3, 4, 16, 48, 64, 80, 144] {
                    check::<f32>(isa, width, non_zeros, &dense);
                    check::<f64>(isa, width, non_zeros, &dense);
                }
            }
        }
    }
}
