//! Matrix products for the three places where a dense layer needs one.
//!
//! Forward y = x·W + b, backward dx = dz·Wᵀ and gradient dW = xᵀ·dz are all C = A·B + start, where
//! B is read in *panels* of a few vectors' width and A by two strides. One register tile serves all
//! three: `rows × vectors` accumulators, for each step of the reduction one broadcast of A per row
//! and one load of B per vector. The order of additions in an element of C depends on the reduction
//! length alone, not on how rows or columns are cut, so results do not depend on blocks or threads.

use std::marker::PhantomData;

use super::bf16;
use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// Reduction steps between two visits to C: a panel of this depth stays in the first-level cache.
const DEPTH: usize = 256;

/// What C holds before the product is added.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a, T> {
    /// Zero.
    Zero,
    /// The same row everywhere: a bias, padded to the width of C.
    Row(&'a [T]),
}

/// A matrix whose element (i, p) is at `i * row + p * column`.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a, T> {
    /// The elements.
    pub data: &'a [T],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub column: usize,
}

/// How B is stored.
#[derive(Debug, Clone, Copy)]
pub enum Layout {
    /// Panel by panel; inside a panel the rows follow each other without a gap.
    Panels,
    /// Row by row, rows this far apart.
    Rows(usize),
}

/// C\[rows × columns\] = start + A\[rows × depth\]·B\[depth × columns\].
#[derive(Debug)]
pub struct Product<'a, T> {
    /// Rows of C.
    pub rows: usize,
    /// Columns of C: a multiple of the lanes of a vector.
    pub columns: usize,
    /// Length of the reduction.
    pub depth: usize,
    /// Left operand.
    pub a: Strided<'a, T>,
    /// Right operand.
    pub b: &'a [T],
    /// How the right operand is stored.
    pub b_layout: Layout,
    /// What is added to.
    pub start: Start<'a, T>,
    /// Result.
    pub c: &'a mut [T],
    /// How the result is stored.
    pub c_layout: Layout,
}

/// One step of a reduction: what becomes of a sum when a value of A and one of B come in.
trait Term<T: Scalar> {
    fn add<A: Arch>(a: T::Vector<A>, b: T::Vector<A>, sum: T::Vector<A>) -> T::Vector<A>;
}

/// sum + a·b.
struct Number;

impl<T: Scalar> Term<T> for Number {
    #[inline(always)]
    fn add<A: Arch>(a: T::Vector<A>, b: T::Vector<A>, sum: T::Vector<A>) -> T::Vector<A> {
        a.mul_add(b, sum)
    }
}

/// sum + a₁·b₁ + a₀·b₀, for pairs of bf16 numbers.
struct Pair;

impl Term<f32> for Pair {
    #[inline(always)]
    fn add<A: Arch>(a: A::F32, b: A::F32, sum: A::F32) -> A::F32 {
        // SAFETY: `Product::run_pairs` takes this term only where the instruction is.
        unsafe { A::dot_pairs(a, b, sum) }
    }
}

/// The same on machines that have no instruction for it.
struct UnpackedPair;

impl Term<f32> for UnpackedPair {
    #[inline(always)]
    fn add<A: Arch>(a: A::F32, b: A::F32, sum: A::F32) -> A::F32 {
        const MOST: usize = 16;
        let mut halves = [[0.0; MOST]; 4];
        let mut unpack = |from: A::F32, at: usize| {
            let mut pairs = [0.0; MOST];
            assert!(A::F32::LANES <= MOST);
            // SAFETY: the array is as long as the longest vector.
            unsafe { from.store(pairs.as_mut_ptr()) };
            for (i, pair) in pairs.into_iter().enumerate() {
                (halves[at][i], halves[at + 1][i]) = bf16::unpair(pair);
            }
        };
        unpack(a, 0);
        unpack(b, 2);
        // SAFETY: as above.
        let [a0, a1, b0, b1] = halves.map(|half| unsafe { A::F32::load(half.as_ptr()) });
        a0.mul_add(b0, a1.mul_add(b1, sum))
    }
}

impl Product<'_, f32> {
    /// Computes the product of matrices of bf16 pairs: `depth` counts pairs.
    ///
    /// # Panics
    /// As [`Product::run`].
    pub fn run_pairs(self, isa: Isa) {
        if isa.has_bf16() {
            self.run_terms::<Pair>(isa);
        } else {
            self.run_terms::<UnpackedPair>(isa);
        }
    }
}

impl<T: Scalar> Product<'_, T> {
    /// Computes the product.
    ///
    /// # Panics
    /// If an operand is too short for the sizes given: a mistake in the plan, not in any input.
    pub fn run(self, isa: Isa) {
        self.run_terms::<Number>(isa);
    }

    fn run_terms<K: Term<T>>(mut self, isa: Isa) {
        if self.rows == 0 || self.columns == 0 {
            return;
        }
        assert_eq!(self.columns % isa.lanes::<T>(), 0);
        let extent = |layout, rows: usize| match layout {
            Layout::Panels => rows * self.columns,
            Layout::Rows(stride) => {
                (rows.max(1) - 1) * stride + if rows == 0 { 0 } else { self.columns }
            }
        };
        if self.depth > 0 {
            assert!(
                self.a.data.len() > (self.rows - 1) * self.a.row + (self.depth - 1) * self.a.column
            );
        }
        assert!(self.b.len() >= extent(self.b_layout, self.depth));
        assert!(self.c.len() >= extent(self.c_layout, self.rows));
        if let Start::Row(row) = self.start {
            assert!(row.len() >= self.columns);
        }
        isa.run(Tiles(&mut self, PhantomData::<K>));
    }
}

/// A product with its kind of term.
struct Tiles<'p, 'a, T, K>(&'p mut Product<'a, T>, PhantomData<K>);

impl<T: Scalar, K: Term<T>> Kernel for Tiles<'_, '_, T, K> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let product = self.0;
        let lanes = T::Vector::<A>::LANES;
        let panel = A::PANEL_VECTORS * lanes;
        let mut from = 0;
        loop {
            let depth = DEPTH.min(product.depth - from);
            let mut first = 0;
            while first < product.columns {
                let width = panel.min(product.columns - first);
                let place = |layout, rows| match layout {
                    Layout::Panels => (first * rows, width),
                    Layout::Rows(stride) => (first, stride),
                };
                let (b_offset, ldb) = place(product.b_layout, product.depth);
                let (c_offset, ldc) = place(product.c_layout, product.rows);
                // SAFETY: `Product::run` checked that all tiles of these sizes are inside the slices.
                unsafe {
                    let strip = Strip::<T> {
                        rows: product.rows,
                        depth,
                        a: product.a.data.as_ptr().add(from * product.a.column),
                        a_row: product.a.row,
                        a_column: product.a.column,
                        b: product.b.as_ptr().add(b_offset + from * ldb),
                        ldb,
                        c: product.c.as_mut_ptr().add(c_offset),
                        ldc,
                        start: match product.start {
                            _ if from > 0 => From::Itself,
                            Start::Zero => From::Zero,
                            Start::Row(row) => From::Row(row.as_ptr().add(first)),
                        },
                    };
                    strip.run::<A, K>(width / lanes);
                }
                first += panel;
            }
            from += depth;
            if from >= product.depth {
                return;
            }
        }
    }
}

/// What a tile's accumulators start from.
#[derive(Clone, Copy)]
enum From<T> {
    Zero,
    Row(*const T),
    Itself,
}

/// All rows of C in one panel, for one slice of the reduction.
#[derive(Clone, Copy)]
struct Strip<T> {
    rows: usize,
    depth: usize,
    a: *const T,
    a_row: usize,
    a_column: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    start: From<T>,
}

impl<T: Scalar> Strip<T> {
    #[inline(always)]
    unsafe fn run<A: Arch, K: Term<T>>(self, vectors: usize) {
        // As many accumulators as the registers hold beside the operands: 24 of 32, or 12 of 16.
        // SAFETY: as the caller promised.
        unsafe {
            match vectors {
                4 if A::PANEL_VECTORS == 4 => self.rows_of::<A, K, 6, 4>(),
                3 if A::PANEL_VECTORS == 4 => self.rows_of::<A, K, 8, 3>(),
                2 if A::PANEL_VECTORS == 4 => self.rows_of::<A, K, 12, 2>(),
                2 => self.rows_of::<A, K, 6, 2>(),
                _ if A::PANEL_VECTORS == 4 => self.rows_of::<A, K, 12, 1>(),
                _ => self.rows_of::<A, K, 8, 1>(),
            }
        }
    }

    /// Full tiles of `M` rows, then the rest in tiles of 8, 4, 2 and 1.
    #[inline(always)]
    unsafe fn rows_of<A: Arch, K: Term<T>, const M: usize, const V: usize>(mut self) {
        // SAFETY: as the caller promised; each tile covers rows that are left.
        unsafe {
            while self.rows >= M {
                self.take::<A, K, M, V>();
            }
            if M > 8 && self.rows >= 8 {
                self.take::<A, K, 8, V>();
            }
            if M > 4 && self.rows >= 4 {
                self.take::<A, K, 4, V>();
            }
            if self.rows >= 2 {
                self.take::<A, K, 2, V>();
            }
            if self.rows == 1 {
                self.take::<A, K, 1, V>();
            }
        }
    }

    #[inline(always)]
    unsafe fn take<A: Arch, K: Term<T>, const M: usize, const V: usize>(&mut self) {
        // SAFETY: as the caller promised, and `M` rows are left.
        unsafe {
            if self.a_row == 1 {
                self.tile::<A, K, M, V>(1);
            } else {
                self.tile::<A, K, M, V>(self.a_row);
            }
            self.a = self.a.wrapping_add(M * self.a_row);
            self.c = self.c.wrapping_add(M * self.ldc);
        }
        self.rows -= M;
    }

    #[inline(always)]
    unsafe fn tile<A: Arch, K: Term<T>, const M: usize, const V: usize>(&self, a_row: usize) {
        let lanes = T::Vector::<A>::LANES;
        // SAFETY: as the caller promised: M × V vectors of C, `depth` rows of B, M × `depth` values of A.
        unsafe {
            let mut sum = [[T::Vector::<A>::splat(T::ZERO); V]; M];
            match self.start {
                From::Zero => {}
                From::Row(row) => {
                    let bias: [T::Vector<A>; V] =
                        std::array::from_fn(|j| T::Vector::<A>::load(row.add(j * lanes)));
                    sum = [bias; M];
                }
                From::Itself => {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        for (j, sum) in sum.iter_mut().enumerate() {
                            *sum = T::Vector::<A>::load(self.c.add(i * self.ldc + j * lanes));
                        }
                    }
                }
            }
            let (mut a, mut b) = (self.a, self.b);
            for _ in 0..self.depth {
                let row: [T::Vector<A>; V] =
                    std::array::from_fn(|j| T::Vector::<A>::load(b.add(j * lanes)));
                for (i, sum) in sum.iter_mut().enumerate() {
                    let value = T::Vector::<A>::splat(*a.add(i * a_row));
                    for (sum, row) in sum.iter_mut().zip(row) {
                        *sum = K::add::<A>(value, row, *sum);
                    }
                }
                a = a.wrapping_add(self.a_column);
                b = b.wrapping_add(self.ldb);
            }
            for (i, sum) in sum.iter().enumerate() {
                for (j, sum) in sum.iter().enumerate() {
                    sum.store(self.c.add(i * self.ldc + j * lanes));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    fn random(length: usize, substream: u64) -> Vec<f64> {
        let mut sequence = Stream::new(1, Purpose::Synthesize, substream).sequence();
        (0..length).map(|_| sequence.normal()).collect()
    }

    /// Packs row-major B[depth × columns] into panels.
    fn pack(b: &[f64], depth: usize, columns: usize, panel: usize) -> Vec<f64> {
        let mut packed = Vec::new();
        for first in (0..columns).step_by(panel) {
            let last = columns.min(first + panel);
            for p in 0..depth {
                packed.extend_from_slice(&b[p * columns + first..p * columns + last]);
            }
        }
        packed
    }

    fn check<T: Scalar>(isa: Isa, rows: usize, vectors: usize, depth: usize, tolerance: f64) {
        let columns = vectors * isa.lanes::<T>();
        let panel = isa.panel::<T>();
        let convert = |v: &[f64]| v.iter().map(|&x| T::from_f64(x)).collect::<Vec<_>>();
        let (a, b, bias) = (
            random(rows * depth, 1),
            random(depth * columns, 2),
            random(columns, 3),
        );
        let mut transposed = vec![0.0; a.len()];
        for i in 0..rows {
            for p in 0..depth {
                transposed[p * rows + i] = a[i * depth + p];
            }
        }
        let packed = convert(&pack(&b, depth, columns, panel));
        let (a, transposed, b) = (convert(&a), convert(&transposed), convert(&b));
        let bias = convert(&bias);
        for (a_kind, b_kind, with_bias) in [
            (0, 0, true),
            (0, 0, false),
            (1, 1, false),
            (1, 0, true),
            (0, 1, true),
        ] {
            let mut c = vec![T::from_f64(f64::NAN); rows * columns];
            Product {
                rows,
                columns,
                depth,
                a: if a_kind == 0 {
                    Strided {
                        data: &a,
                        row: depth,
                        column: 1,
                    }
                } else {
                    Strided {
                        data: &transposed,
                        row: 1,
                        column: rows,
                    }
                },
                b: if b_kind == 0 { &packed } else { &b },
                b_layout: if b_kind == 0 {
                    Layout::Panels
                } else {
                    Layout::Rows(columns)
                },
                start: if with_bias {
                    Start::Row(&bias)
                } else {
                    Start::Zero
                },
                c: &mut c,
                c_layout: Layout::Rows(columns),
            }
            .run(isa);
            for i in 0..rows {
                for j in 0..columns {
                    let mut want = if with_bias { bias[j].to_f64() } else { 0.0 };
                    let mut scale = want.abs();
                    for p in 0..depth {
                        let term = a[i * depth + p].to_f64() * b[p * columns + j].to_f64();
                        want += term;
                        scale += term.abs();
                    }
                    let got = c[i * columns + j].to_f64();
                    assert!(
                        (got - want).abs() <= tolerance * scale,
                        "{isa:?} {rows}×{columns}×{depth} at ({i}, {j}): {got} for {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_tile_agrees_with_the_naive_product_on_every_path() {
        for isa in Isa::available() {
            for rows in (1..=26).chain([64]) {
                for vectors in 1..=9 {
                    for depth in [1, 2, 7] {
                        check::<f32>(isa, rows, vectors, depth, 1e-6);
                        check::<f64>(isa, rows, vectors, depth, 1e-15);
                    }
                }
            }
            for depth in [0, 255, 256, 257, 600] {
                check::<f32>(isa, 7, 5, depth, 3e-6);
                check::<f64>(isa, 7, 5, depth, 1e-14);
            }
        }
    }

    /// bf16 products are exact in single precision, so they can be computed in any way that adds up
    /// in the documented order: the second number of a pair first, each sum rounded.
    #[test]
    fn products_of_pairs_add_up_their_numbers_in_order_on_every_path() {
        let (rows, depth) = (13, 9);
        for isa in Isa::available() {
            for vectors in 1..=5 {
                let columns = vectors * isa.lanes::<f32>();
                let single = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect::<Vec<_>>();
                let (x, y) = (
                    single(random(rows * depth * 2, 6)),
                    single(random(depth * columns * 2, 7)),
                );
                let (mut a, mut b) = (vec![0.0; rows * depth], vec![0.0; depth * columns]);
                for (from, to) in [(&x, &mut a), (&y, &mut b)] {
                    let width = from.len();
                    bf16::Pairing {
                        rows: 1,
                        width,
                        from,
                        from_stride: width,
                        to,
                        to_stride: width / 2,
                    }
                    .columns(isa);
                }
                let mut c = vec![f32::NAN; rows * columns];
                Product {
                    rows,
                    columns,
                    depth,
                    a: Strided {
                        data: &a,
                        row: depth,
                        column: 1,
                    },
                    b: &b,
                    b_layout: Layout::Rows(columns),
                    start: Start::Zero,
                    c: &mut c,
                    c_layout: Layout::Rows(columns),
                }
                .run_pairs(isa);
                for (at, c) in c.iter().enumerate() {
                    let (i, j) = (at / columns, at % columns);
                    let mut sum = 0.0f32;
                    for p in 0..depth {
                        let (a0, a1) = bf16::unpair(a[i * depth + p]);
                        let (b0, b1) = bf16::unpair(b[p * columns + j]);
                        for (a, b) in [(a1, b1), (a0, b0)] {
                            sum = (f64::from(a) * f64::from(b) + f64::from(sum)) as f32;
                        }
                    }
                    assert_eq!(*c, sum, "{isa:?} ({i}, {j})");
                }
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_how_rows_are_cut() {
        let isa = Isa::detect();
        let (rows, depth, columns) = (37, 300, 3 * isa.panel::<f32>());
        let single = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect::<Vec<_>>();
        let (a, b) = (
            single(random(rows * depth, 4)),
            single(random(depth * columns, 5)),
        );
        let product = |cuts: &[usize]| {
            let mut c = vec![0.0; rows * columns];
            for cut in cuts.windows(2) {
                Product {
                    rows: cut[1] - cut[0],
                    columns,
                    depth,
                    a: Strided {
                        data: &a[cut[0] * depth..],
                        row: depth,
                        column: 1,
                    },
                    b: &b,
                    b_layout: Layout::Panels,
                    start: Start::Zero,
                    c: &mut c[cut[0] * columns..],
                    c_layout: Layout::Rows(columns),
                }
                .run(isa);
            }
            c
        };
        assert_eq!(product(&[0, rows]), product(&[0, 1, 6, 13, 30, rows]));
    }
}
