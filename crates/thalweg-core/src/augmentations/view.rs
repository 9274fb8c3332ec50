//! Where the pixels of a changed image come from.
//!
//! Along an axis, what stands at k comes from start + step·k of the original. Maps are composed from the right: the
//! image I seen through A, then changed by B, is I(A(B(k))).

use crate::layers::Shape;

/// A map of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// Where 0 comes from.
    pub start: f64,
    /// How far apart neighbours come from.
    pub step: f64,
    /// Lines or pixels.
    pub length: usize,
}

impl Axis {
    fn whole(length: usize) -> Self {
        Self {
            start: 0.0,
            step: 1.0,
            length,
        }
    }

    /// Changes the image by the map k → start + step·k.
    pub fn compose(&mut self, start: f64, step: f64) {
        self.start += self.step * start;
        self.step *= step;
    }

    /// What stands at k: the pixel before, the pixel after, and the share of the one after.
    #[inline(always)]
    pub(crate) fn at(&self, k: usize) -> (usize, usize, f64) {
        let last = self.length - 1;
        let place = (self.start + self.step * k as f64).clamp(0.0, last as f64);
        let before = place as usize;
        (before, (before + 1).min(last), place - before as f64)
    }

    /// Whether everything comes from whole pixels.
    #[inline(always)]
    pub(crate) fn is_whole(&self) -> bool {
        self.step.abs() == 1.0 && self.start == self.start.trunc()
    }
}

/// Where the pixels of a changed image come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Lines.
    pub lines: Axis,
    /// Pixels of a line.
    pub pixels: Axis,
}

impl View {
    /// The image as it is.
    pub(crate) fn whole(shape: Shape) -> Self {
        Self {
            lines: Axis::whole(shape.height),
            pixels: Axis::whole(shape.width),
        }
    }

    /// Whether it is the image as it is.
    #[inline(always)]
    pub(crate) fn is_whole_image(&self) -> bool {
        let is_same = |axis: Axis| axis.start == 0.0 && axis.step == 1.0;
        is_same(self.lines) && is_same(self.pixels)
    }
}
