//! Products with sparse rows: y = start + x·Wᵀ and dW = dzᵀ·x, over the non-zeros of x alone. W has
//! the weights of one input after those of another, `width` each.

use std::ops::Range;

use super::isa::{Isa, Kernel};
use super::marks::{Marks, Ranks};
use super::simd::{Arch, Scalar, Vector};
use crate::dataset::{FeaturesRef, Rows, ValuesRef};
use crate::sparse::{CsrRef, NumbersRef};

/// Independent partial sums of a dot product.
const SUMS: usize = 8;

/// Vectors of outputs that are added up at once.
const VECTORS: usize = 4;

/// By so many rows it is known ahead where a row's entries are; twice as far ahead it is prefetched.
pub const AHEAD: usize = 8;

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
    /// Prefetches the row that comes some rows after a position, and where one after it begins.
    #[inline(always)]
    fn prefetch(&self, position: usize) {
        let (ValuesRef::Sparse(rows), Rows::Listed(listed)) = (self.features.values, self.rows)
        else {
            return;
        };
        let at = |position: usize| listed.get(position).map(|row| *row as usize);
        if let Some(row) = at(position + 3 * AHEAD) {
            rows.prefetch_start(row);
        }
        if let Some(row) = at(position + 2 * AHEAD) {
            rows.prefetch(row);
        }
    }

    /// Calls `visit` with column and value of what is not 0 in the row at a position, in the order
    /// of the columns.
    #[inline(always)]
    fn each<T: Scalar>(&self, position: usize, mut visit: impl FnMut(usize, T)) {
        let row = self.rows.at(position);
        let sparse = match self.features.values {
            ValuesRef::Sparse(rows) => Some(rows.row(row)),
            _ => None,
        };
        // One call, so that it is always compiled into the loop.
        for index in 0..sparse.map_or(self.features.width, |(columns, _)| columns.len()) {
            let (column, value) = match sparse {
                Some((columns, numbers)) => (columns[index] as usize, numbers.at(index)),
                None => (index, self.features.value(row, index)),
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
            let mut sum = start;
            self.each(position, |column, x: T| {
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
        for (position, y) in self.y.chunks_exact_mut(self.stride).enumerate() {
            self.non_zeros.prefetch(position);
            if width == 1 {
                let start = start.map_or(T::ZERO, |start| start[0]);
                y[0] = (self.non_zeros).dot::<A, T>(position, weights, start);
            } else if width <= NARROW {
                let mut sums = [T::ZERO; NARROW];
                if let Some(start) = start {
                    sums[..width].copy_from_slice(&start[..width]);
                }
                (self.non_zeros).each(position, |column, x: T| {
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
                    (self.non_zeros).each(position, |column, x: T| {
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

/// Marks the inputs that are not 0 in some rows, those whose number is stored as 0 too.
pub struct Mark<'a> {
    /// x.
    pub non_zeros: NonZeros<'a>,
    /// Positions of the rows.
    pub rows: Range<usize>,
    /// For all inputs.
    pub marks: Marks<'a>,
}

impl Mark<'_> {
    /// Marks them.
    pub fn run(self, isa: Isa) {
        isa.run(self);
    }
}

impl Kernel for Mark<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(mut self) {
        for position in self.rows {
            match self.non_zeros.features.values {
                ValuesRef::Sparse(rows) => {
                    let columns = rows.row(self.non_zeros.rows.at(position)).0.iter();
                    columns.for_each(|column| self.marks.set(*column as usize));
                }
                _ => (self.non_zeros).each(position, |column, _: f64| self.marks.set(column)),
            }
        }
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
    /// Where all non-zeros are marked, those of marked inputs alone may stand side by side: an
    /// input's place, the first of these being at `columns.start`, is the number of marks before it.
    pub ranks: Option<Ranks<'a>>,
}

impl<T: Scalar> Backward<'_, T> {
    /// Computes.
    pub fn run(self, isa: Isa) {
        isa.run(self);
    }

    /// An input's gradient is at a place.
    #[inline(always)]
    fn add_at<A: Arch>(mut self, place: impl Fn(usize) -> usize) {
        let (non_zeros, columns) = (self.non_zeros, self.columns.clone());
        match non_zeros.features.values {
            ValuesRef::Sparse(rows) => match rows.numbers() {
                NumbersRef::Ones => self.add_sparse::<A>(rows, place, |_| T::ONE),
                NumbersRef::F32(all) => {
                    self.add_sparse::<A>(rows, place, |index| T::from_f64(all[index].into()));
                }
                NumbersRef::F64(all) => {
                    self.add_sparse::<A>(rows, place, |index| T::from_f64(all[index]));
                }
            },
            _ => {
                let dz = self.dz.chunks_exact(self.stride).take(self.rows);
                for (position, dz) in dz.enumerate() {
                    let row = non_zeros.rows.at(position);
                    for column in columns.start..columns.end.min(non_zeros.features.width) {
                        let x = T::from_f64(non_zeros.features.value(row, column));
                        if x != T::ZERO {
                            self.add::<A>(place(column - columns.start), x, dz);
                        }
                    }
                }
            }
        }
    }

    /// Adds rows of non-zeros. Where the entries of a row begin and end that are of these inputs is
    /// looked up some rows before they are added.
    #[inline(always)]
    fn add_sparse<A: Arch>(
        mut self,
        rows: CsrRef,
        place: impl Fn(usize) -> usize,
        number: impl Fn(usize) -> T,
    ) {
        let (listed, count, columns) = (self.non_zeros.rows, self.rows, self.columns.clone());
        let piece = |position: usize| match position < count {
            true => rows.range_within(listed.at(position), &columns),
            false => 0..0,
        };
        let mut pieces: [Range<usize>; AHEAD] = std::array::from_fn(piece);
        let dz = self.dz.chunks_exact(self.stride).take(count);
        for (position, dz) in dz.enumerate() {
            self.non_zeros.prefetch(position);
            let own = std::mem::replace(&mut pieces[position % AHEAD], piece(position + AHEAD));
            for (column, index) in rows.columns()[own.clone()].iter().zip(own) {
                let x = number(index);
                if x != T::ZERO {
                    self.add::<A>(place(*column as usize - columns.start), x, dz);
                }
            }
        }
    }

    /// dW += dz·x for the input at a place.
    #[inline(always)]
    fn add<A: Arch>(&mut self, place: usize, x: T, dz: &[T]) {
        if self.width == 1 {
            self.gradient[place] = x.mul_add::<A>(dz[0], self.gradient[place]);
            return;
        }
        let own = &mut self.gradient[place * self.width..][..self.width];
        for (sum, dz) in own.iter_mut().zip(&dz[..self.width]) {
            *sum = x.mul_add::<A>(*dz, *sum);
        }
    }
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let start = self.columns.start;
        match self.ranks {
            None => self.add_at::<A>(|input| input),
            Some(ranks) => self.add_at::<A>(|input| ranks.before(input) - start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::marks::Ranked;
    use crate::sparse::{Csr, Numbers};

    const WIDTH: usize = 7;
    /// More rows than are looked up ahead, with repetitions.
    const ORDER: [u32; 3 * AHEAD] = {
        let mut order = [0; _];
        let mut at = 0;
        while at < order.len() {
            order[at] = (at * at % 9) as u32;
            at += 1;
        }
        order
    };

    /// Rows of seven columns, sparse and the same dense; the numbers are whole, so sums are exact.
    fn rows(are_ones: bool, is_double: bool) -> (Csr, Vec<f64>) {
        let number = |i: i32| match (i % 3, are_ones) {
            (0, true) => 1.0,
            (0, false) => f64::from(i % 5 - 2),
            _ => 0.0,
        };
        let dense: Vec<f64> = (0..9 * WIDTH as i32).map(number).collect();
        let (mut starts, mut columns, mut numbers) = (vec![0], Vec::new(), Vec::new());
        for row in dense.chunks_exact(WIDTH) {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                columns.push(column as u32);
                numbers.push(*value);
            }
            // A zero that is stored is one that is not.
            if row[WIDTH - 1] == 0.0 && !are_ones {
                columns.push(WIDTH as u32 - 1);
                numbers.push(0.0);
            }
            starts.push(columns.len());
        }
        let numbers = match (are_ones, is_double) {
            (true, _) => Numbers::Ones,
            (false, true) => Numbers::F64(numbers),
            (false, false) => Numbers::F32(numbers.iter().map(|x| *x as f32).collect()),
        };
        (Csr::new(WIDTH, starts, columns, numbers).unwrap(), dense)
    }

    fn whole<T: Scalar>(i: usize) -> T {
        T::from_f64((i % 11) as f64 - 5.0)
    }

    fn at(dense: &[f64], position: usize, column: usize) -> f64 {
        dense[ORDER[position] as usize * WIDTH + column]
    }

    fn check_forward<T: Scalar>(isa: Isa, width: usize, non_zeros: NonZeros, dense: &[f64]) {
        let stride = width.next_multiple_of(16);
        let weights: Vec<T> = (0..WIDTH * width).map(whole::<T>).collect();
        let start: Vec<T> = (0..width).map(whole::<T>).collect();
        let mut y = vec![T::ONE; ORDER.len() * stride];
        Forward {
            non_zeros,
            width,
            weights: &weights,
            start: Some(&start),
            y: &mut y,
            stride,
        }
        .run(isa);
        let x = |position: usize, column: usize| at(dense, position, column);
        for (position, y) in y.chunks_exact(stride).enumerate() {
            for (unit, y) in y.iter().enumerate() {
                let sum = |sum: f64, column: usize| {
                    sum + x(position, column) * weights[column * width + unit].to_f64()
                };
                let expected = match unit < width {
                    true => (0..WIDTH).fold(start[unit].to_f64(), sum),
                    false => 0.0,
                };
                assert_eq!(
                    y.to_f64(),
                    expected,
                    "row {position}, unit {unit} of {width}"
                );
            }
        }
    }

    fn check_backward<T: Scalar>(isa: Isa, width: usize, non_zeros: NonZeros, dense: &[f64]) {
        let stride = width.next_multiple_of(16);
        let x = |position: usize, column: usize| at(dense, position, column);
        let dz: Vec<T> = (0..ORDER.len() * stride).map(whole::<T>).collect();
        for (columns, count) in [(2..6, 4), (0..WIDTH, ORDER.len()), (3..9, ORDER.len() - 1)] {
            let backward = |ranks| {
                let mut gradient = vec![T::ONE; columns.len() * width];
                Backward {
                    non_zeros,
                    columns: columns.clone(),
                    width,
                    rows: count,
                    dz: &dz,
                    stride,
                    gradient: &mut gradient,
                    ranks,
                }
                .run(isa);
                gradient
            };
            let gradient = backward(None);
            for (at, column) in columns.clone().filter(|column| *column < WIDTH).enumerate() {
                for unit in 0..width {
                    let sum = |sum: f64, position: usize| {
                        sum + x(position, column) * dz[position * stride + unit].to_f64()
                    };
                    let expected = (0..count).fold(1.0, sum);
                    assert_eq!(gradient[at * width + unit].to_f64(), expected);
                }
            }
            if columns.start > 0 {
                continue;
            }
            let (mut bits, mut words) = ([0], [0]);
            for rows in [1..count, 0..1] {
                Mark {
                    non_zeros,
                    rows,
                    marks: Marks {
                        bits: &mut bits,
                        words: &mut words,
                    },
                }
                .run(isa);
            }
            let marks = Marks {
                bits: &mut bits,
                words: &mut words,
            };
            let (mut ranks, mut list) = ([Ranked::default()], [0; WIDTH + 64]);
            let listed = marks.list(isa, &mut ranks, 0, &mut list);
            let has_some = |input: &u32| (0..count).any(|row| x(row, *input as usize) != 0.0);
            assert!(
                (0..WIDTH as u32)
                    .filter(has_some)
                    .all(|input| listed.contains(&input))
            );
            let ranked = backward(Some(Ranks(&ranks)));
            for (ranked, input) in ranked.chunks_exact(width).zip(listed) {
                assert!(ranked == &gradient[*input as usize * width..][..width]);
            }
        }
    }

    #[test]
    fn products_are_those_of_the_dense_rows() {
        for (are_ones, is_double) in [(false, false), (false, true), (true, false)] {
            let (sparse, dense) = rows(are_ones, is_double);
            let values = [ValuesRef::Sparse(sparse.view()), ValuesRef::F64(&dense)];
            for (isa, values) in Isa::available().flat_map(|isa| values.map(|v| (isa, v))) {
                let features = FeaturesRef {
                    width: WIDTH,
                    values,
                };
                let rows = Rows::Listed(&ORDER);
                let non_zeros = NonZeros { features, rows };
                for width in [1, 2, 3, 4, 16, 48, 64, 80, 144] {
                    check_forward::<f32>(isa, width, non_zeros, &dense);
                    check_forward::<f64>(isa, width, non_zeros, &dense);
                    check_backward::<f32>(isa, width, non_zeros, &dense);
                    check_backward::<f64>(isa, width, non_zeros, &dense);
                }
            }
        }
    }
}
