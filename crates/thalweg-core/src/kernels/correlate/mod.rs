//! Correlations over images of rows in packs (see `pack`): the products of a convolution, without
//! laying out its windows.
//!
//! A pixel is a vector, with one row in every lane; so a weight times a pixel is one multiply-add
//! whatever the size, stride and padding of the window, and nothing is computed that does not
//! count. Forward and backward pass keep a register tile of sums, of a few channels times a few
//! neighbouring pixels, in which a weight is used for every pixel and a pixel for every channel.
//! The gradient of the weights is a table of sums of a few channels times a few weights, over all
//! pixels. The order of additions in an element depends on the sizes alone.

mod overlaps;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use overlaps::{Overlaps, UNITS, sum};

use crate::kernels::isa::{Isa, Kernel};
use crate::kernels::simd::{Arch, Scalar, Vector};

/// Along lines or along pixels: output t sees, in tap q, place t·step + q·tap + offset, if the
/// input has it.
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

/// C\[i, y, x\] = start\[i\] + Σ over channels c and taps (q, r) A\[i, c, q, r\]·B\[c, line(y, q),
/// pixel(x, r)\], where the input has that pixel.
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

    /// `M` channels of `N` pixels of a line of C, from channel `i` and pixel `x` on; with `EDGE`,
    /// some taps may see nothing.
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

    /// All channels of `N` pixels of a line. Sums, pixels and weights of a tile have to fit the
    /// registers together.
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
