//! Correlations over images of rows in packs (see `pack`): the products of a convolution, without laying out its windows.
//!
//! A pixel is a vector, with one row in every lane; so a weight times a pixel is one multiply-add whatever the
//! size, stride and padding of the window, and nothing is computed that does not count. Forward and backward pass
//! keep a register tile of sums, of a few channels times a few neighbouring pixels, in which a weight is used
//! for every pixel and a pixel for every channel. The gradient of the weights is a table of sums of a few channels
//! times a few weights, over all pixels. The order of additions in an element depends on the sizes alone.

use std::ops::Range;

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// Along lines or along pixels: output t sees, in tap q, place t·step + q·tap + offset, if the input has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Outputs t.
    pub outputs: usize,
    /// Taps q.
    pub taps: usize,
    /// Places of the input.
    pub inputs: usize,
    /// See above.
    pub step: isize,
    /// See above.
    pub tap: isize,
    /// See above.
    pub offset: isize,
    /// Where weights of tap 0 are, and their distance.
    pub weight: (usize, usize),
    /// Where output 0 is written, and the distance of outputs.
    pub place: (usize, usize),
}

impl Axis {
    /// Where tap `q` of output `t` looks.
    #[inline(always)]
    fn at(&self, t: usize, q: usize) -> isize {
        t as isize * self.step + q as isize * self.tap + self.offset
    }

    #[inline(always)]
    fn is_inside(&self, at: isize) -> bool {
        (0..self.inputs as isize).contains(&at)
    }

    /// The taps that see something.
    #[inline(always)]
    fn seen(&self, t: usize) -> Range<usize> {
        let sees = |q: &usize| self.is_inside(self.at(t, *q));
        let first = (0..self.taps).find(sees).unwrap_or(self.taps);
        first..(first..self.taps).find(|q| !sees(q)).unwrap_or(self.taps)
    }

    /// The outputs all of whose taps see something.
    #[inline(always)]
    fn interior(&self) -> Range<usize> {
        let whole = |t: &usize| self.seen(*t) == (0..self.taps);
        let first = (0..self.outputs).find(whole).unwrap_or(self.outputs);
        first
            ..(first..self.outputs)
                .find(|t| !whole(t))
                .unwrap_or(self.outputs)
    }

    /// The first and the last of some indices.
    fn ends(count: usize, (first, distance): (usize, usize)) -> usize {
        first + count.saturating_sub(1) * distance
    }
}

/// C\[i, y, x\] = start\[i\] + Σ over channels c and taps (q, r) A\[i, c, q, r\]·B\[c, line(y, q), pixel(x, r)\], where
/// the input has that pixel.
#[derive(Debug)]
pub struct Correlation<'a, T> {
    /// Channels i of C.
    pub rows: usize,
    /// Channels c of B.
    pub channels: usize,
    /// Lines and pixels.
    pub lines: Axis,
    /// See `lines`.
    pub pixels: Axis,
    /// Weights; `a` is where those of i and c are: i·a.0 + c·a.1 and what the axes add.
    pub weights: &'a [T],
    /// See `weights`.
    pub a: (usize, usize),
    /// Pixels of B: distances of channels and lines.
    pub input: &'a [T],
    /// See `input`.
    pub b: (usize, usize),
    /// What a channel of C starts from; nothing is 0.
    pub start: Option<&'a [T]>,
    /// Pixels of C: distances of channels and lines.
    pub output: &'a mut [T],
    /// See `output`.
    pub c: (usize, usize),
}

impl<T: Scalar> Correlation<'_, T> {
    /// Computes C for one pack.
    ///
    /// # Panics
    /// If an operand is too short for the sizes given: a mistake in the plan, not in any input.
    pub fn run(self, isa: Isa) {
        let (lines, pixels) = (&self.lines, &self.pixels);
        if self.rows == 0 || lines.outputs == 0 || pixels.outputs == 0 {
            return;
        }
        let last = |count: usize, distance: usize| (count.max(1) - 1) * distance;
        if self.channels > 0 && lines.taps > 0 && pixels.taps > 0 {
            let of_taps =
                Axis::ends(lines.taps, lines.weight) + Axis::ends(pixels.taps, pixels.weight);
            let a = last(self.rows, self.a.0) + last(self.channels, self.a.1) + of_taps;
            assert!(self.weights.len() > a);
            let b = last(self.channels, self.b.0) + last(lines.inputs, self.b.1) + pixels.inputs;
            assert!(self.input.len() >= b * isa.lanes::<T>());
        }
        let of_places = Axis::ends(lines.outputs, lines.place) * self.c.1
            + Axis::ends(pixels.outputs, pixels.place);
        let c = last(self.rows, self.c.0) + of_places;
        assert!(self.output.len() > c * isa.lanes::<T>());
        assert!(self.start.is_none_or(|start| start.len() >= self.rows));
        isa.run(self);
    }

    /// `M` channels of `N` pixels of a line of C, from channel `i` and pixel `x` on; with `EDGE`, some taps may
    /// see nothing.
    ///
    /// # Safety
    /// They are there; `seen` are the taps of the line that see something.
    #[inline(always)]
    unsafe fn tile<A: Arch, const M: usize, const N: usize, const EDGE: bool>(
        &mut self,
        (y, seen): (usize, Range<usize>),
        i: usize,
        x: usize,
    ) {
        let lanes = T::Vector::<A>::LANES;
        let zero = T::Vector::<A>::splat(T::ZERO);
        // SAFETY: `run` has checked the operands for all places inside.
        unsafe {
            let mut sum = [[zero; N]; M];
            if let Some(start) = self.start {
                for (m, sum) in sum.iter_mut().enumerate() {
                    *sum = [T::Vector::<A>::splat(*start.get_unchecked(i + m)); N];
                }
            }
            let pixels = self.pixels;
            for channel in 0..self.channels {
                for q in seen.clone() {
                    let line = channel * self.b.0 + self.lines.at(y, q) as usize * self.b.1;
                    let b = self.input.as_ptr().add(line * lanes);
                    let weight = self.lines.weight.0 + q * self.lines.weight.1 + pixels.weight.0;
                    let a = self
                        .weights
                        .as_ptr()
                        // Outside, and not read, where there are no taps.
                        .wrapping_add(i * self.a.0 + channel * self.a.1 + weight);
                    for r in 0..pixels.taps {
                        let at = pixels.at(x, r);
                        let row: [T::Vector<A>; N] = std::array::from_fn(|n| {
                            let at = at + n as isize * pixels.step;
                            if EDGE && !pixels.is_inside(at) {
                                zero
                            } else {
                                T::Vector::<A>::load(b.add(at as usize * lanes))
                            }
                        });
                        let a = a.add(r * pixels.weight.1);
                        for (m, sum) in sum.iter_mut().enumerate() {
                            let value = T::Vector::<A>::splat(*a.add(m * self.a.0));
                            for (sum, row) in sum.iter_mut().zip(row) {
                                *sum = value.mul_add(row, *sum);
                            }
                        }
                    }
                }
            }
            let place = |axis: &Axis, t: usize| axis.place.0 + t * axis.place.1;
            let first = i * self.c.0 + place(&self.lines, y) * self.c.1;
            for (m, sum) in sum.iter().enumerate() {
                for (n, sum) in sum.iter().enumerate() {
                    let at = first + m * self.c.0 + place(&pixels, x + n);
                    sum.store(self.output.as_mut_ptr().add(at * lanes));
                }
            }
        }
    }

    /// All channels of `N` pixels of a line. Sums, pixels and weights of a tile have to fit the registers together.
    ///
    /// # Safety
    /// As for [`Correlation::tile`].
    #[inline(always)]
    unsafe fn column<A: Arch, const N: usize, const EDGE: bool>(
        &mut self,
        line: &(usize, Range<usize>),
        x: usize,
    ) {
        let is_wide = A::PANEL_VECTORS == 4;
        let mut i = 0;
        // SAFETY: each tile covers channels that are left.
        unsafe {
            while i < self.rows {
                let line = line.clone();
                i += match self.rows - i {
                    6 | 7 | 9.. if is_wide && N < 4 => {
                        self.tile::<A, 6, N, EDGE>(line, i, x);
                        6
                    }
                    4.. => {
                        self.tile::<A, 4, N, EDGE>(line, i, x);
                        4
                    }
                    2.. if N < 4 => {
                        self.tile::<A, 2, N, EDGE>(line, i, x);
                        2
                    }
                    _ => {
                        self.tile::<A, 1, N, EDGE>(line, i, x);
                        1
                    }
                };
            }
        }
    }

    /// Some pixels of a line.
    ///
    /// # Safety
    /// As for [`Correlation::tile`].
    #[inline(always)]
    unsafe fn part<A: Arch, const EDGE: bool>(
        &mut self,
        line: &(usize, Range<usize>),
        pixels: Range<usize>,
    ) {
        let is_wide = A::PANEL_VECTORS == 4;
        // 4 × 4 or 6 × 3.
        let has_fours = self.rows.is_multiple_of(4);
        let mut x = pixels.start;
        // SAFETY: each column covers pixels that are left.
        unsafe {
            while x < pixels.end {
                x += match pixels.end - x {
                    4.. if is_wide && has_fours => {
                        self.column::<A, 4, EDGE>(line, x);
                        4
                    }
                    3 | 5.. if is_wide => {
                        self.column::<A, 3, EDGE>(line, x);
                        3
                    }
                    2.. => {
                        self.column::<A, 2, EDGE>(line, x);
                        2
                    }
                    _ => {
                        self.column::<A, 1, EDGE>(line, x);
                        1
                    }
                };
            }
        }
    }
}

impl<T: Scalar> Kernel for Correlation<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(mut self) {
        let (inner, end) = (self.pixels.interior(), self.pixels.outputs);
        for y in 0..self.lines.outputs {
            let line = (y, self.lines.seen(y));
            // SAFETY: the parts are the pixels that there are.
            unsafe {
                self.part::<A, true>(&line, 0..inner.start);
                self.part::<A, false>(&line, inner.clone());
                self.part::<A, true>(&line, inner.end..end);
            }
        }
    }
}

/// Weights that [`Overlaps`] has sums for at a time: two windows of 5×5.
const CHUNK: usize = 50;
/// The most units of [`Overlaps`].
pub const UNITS: usize = 4;
/// It takes about so many pixels of all units at a time, which stay in the first-level cache.
const STRIP: usize = 64;

/// C\[i, k\] = Σ over packs, in order, pixels and lanes A\[i, y, x\]·B\[offset(k) + y·step·line + x·step] in the pack.
#[derive(Debug)]
pub struct Overlaps<'a, T> {
    /// Packs of the batch.
    pub packs: usize,
    /// Units i, at most [`UNITS`].
    pub units: usize,
    /// Lines and pixels of A; a channel follows the other.
    pub size: (usize, usize),
    /// How far a window moves, and pixels of a line in B.
    pub step: usize,
    /// See `step`.
    pub line: usize,
    /// Left operand, from unit 0 of the first pack on, and values from pack to pack.
    pub a: (&'a [T], usize),
    /// Right operand, of the first pack on, and values from pack to pack.
    pub b: (&'a [T], usize),
    /// The pixel of B where each window place begins.
    pub offsets: &'a [usize],
    /// Result, units × offsets.
    pub c: &'a mut [T],
}

impl<T: Scalar> Overlaps<'_, T> {
    /// Computes C.
    ///
    /// # Panics
    /// If an operand is too short for the sizes given: a mistake in the plan, not in any input.
    pub fn run(self, isa: Isa) {
        let lanes = isa.lanes::<T>();
        let (height, width) = self.size;
        let table = self.units * self.offsets.len();
        assert!(self.units <= UNITS && self.c.len() >= table);
        self.c[..table].fill(T::ZERO);
        if self.packs == 0 || table == 0 || height * width == 0 {
            return;
        }
        let last = self.packs - 1;
        let farthest = self.offsets.iter().max().copied().unwrap_or(0);
        let end = farthest + self.step * ((height - 1) * self.line + width - 1) + 1;
        assert!(self.a.0.len() >= last * self.a.1 + self.units * height * width * lanes);
        assert!(self.b.0.len() >= last * self.b.1 + end * lanes);
        isa.run(self);
    }

    /// `M` units and `N` offsets in some lines of one pack, added to `sums`.
    ///
    /// # Safety
    /// `a` points to the first of the units and `b` to a pack of the right operand.
    #[inline(always)]
    unsafe fn tile<A: Arch, const M: usize, const N: usize>(
        &self,
        (a, b): (*const T, *const T),
        lines: Range<usize>,
        offsets: &[usize],
        sums: &mut [[T::Vector<A>; CHUNK]; M],
        first: usize,
    ) {
        let lanes = T::Vector::<A>::LANES;
        let (height, width) = self.size;
        let mut sum: [[T::Vector<A>; N]; M] =
            std::array::from_fn(|m| std::array::from_fn(|n| sums[m][first + n]));
        let b: [*const T; N] = std::array::from_fn(|n| b.wrapping_add(offsets[first + n] * lanes));
        for y in lines {
            for x in 0..width {
                // SAFETY: `run` has checked the operands up to the last pixel.
                unsafe {
                    let pixel = (y * width + x) * lanes;
                    let a: [T::Vector<A>; M] = std::array::from_fn(|m| {
                        T::Vector::<A>::load(a.add(m * height * width * lanes + pixel))
                    });
                    let pixel = self.step * (y * self.line + x) * lanes;
                    for n in 0..N {
                        let b = T::Vector::<A>::load(b[n].add(pixel));
                        for m in 0..M {
                            sum[m][n] = a[m].mul_add(b, sum[m][n]);
                        }
                    }
                }
            }
        }
        for m in 0..M {
            sums[m][first..first + N].copy_from_slice(&sum[m]);
        }
    }

    /// `M` units.
    #[inline(always)]
    fn units<A: Arch, const M: usize>(&mut self) {
        let zero = T::Vector::<A>::splat(T::ZERO);
        let is_wide = A::PANEL_VECTORS == 4;
        let (height, width) = self.size;
        let strip = STRIP.div_ceil(width);
        for start in (0..self.offsets.len()).step_by(CHUNK) {
            let offsets = &self.offsets[start..self.offsets.len().min(start + CHUNK)];
            let mut sums = [[zero; CHUNK]; M];
            for pack in 0..self.packs {
                for y in (0..height).step_by(strip) {
                    let lines = y..height.min(y + strip);
                    let mut k = 0;
                    while k < offsets.len() {
                        let (lines, sums) = (lines.clone(), &mut sums);
                        // SAFETY: in bounds, as `run` has checked; the tiles cover the offsets that are left.
                        k += unsafe {
                            let at = (
                                self.a.0.as_ptr().add(pack * self.a.1),
                                self.b.0.as_ptr().add(pack * self.b.1),
                            );
                            match offsets.len() - k {
                                5.. if is_wide => {
                                    self.tile::<A, M, 5>(at, lines, offsets, sums, k);
                                    5
                                }
                                4 if is_wide => {
                                    self.tile::<A, M, 4>(at, lines, offsets, sums, k);
                                    4
                                }
                                2.. => {
                                    self.tile::<A, M, 2>(at, lines, offsets, sums, k);
                                    2
                                }
                                _ => {
                                    self.tile::<A, M, 1>(at, lines, offsets, sums, k);
                                    1
                                }
                            }
                        };
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                let c = m * self.offsets.len() + start;
                for (c, sum) in self.c[c..].iter_mut().zip(&sums[..offsets.len()]) {
                    *c = sum.sum();
                }
            }
        }
    }
}

impl<T: Scalar> Kernel for Overlaps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(mut self) {
        match self.units {
            4 => self.units::<A, 4>(),
            3 => self.units::<A, 3>(),
            2 => self.units::<A, 2>(),
            _ => self.units::<A, 1>(),
        }
    }
}

/// Σ of the lanes of all these vectors.
pub fn sum<T: Scalar>(isa: Isa, x: &[T]) -> T {
    struct Sum<'a, T>(&'a [T]);
    impl<T: Scalar> Kernel for Sum<'_, T> {
        type Output = T;
        #[inline(always)]
        fn run<A: Arch>(self) -> T {
            let lanes = T::Vector::<A>::LANES;
            let mut sums = [T::Vector::<A>::splat(T::ZERO); 4];
            for (k, x) in self.0.chunks_exact(lanes).enumerate() {
                // SAFETY: a chunk is a vector.
                let x = unsafe { T::Vector::<A>::load(x.as_ptr()) };
                sums[k % 4] = sums[k % 4].add(x);
            }
            sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum()
        }
    }
    debug_assert!(x.len().is_multiple_of(isa.lanes::<T>()));
    isa.run(Sum(x))
}

#[cfg(test)]
mod tests {
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
}
