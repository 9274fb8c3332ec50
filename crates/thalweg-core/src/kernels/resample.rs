//! Images seen through a [`View`]: bilinear between pixels, constant beyond the edges.
//!
//! With (y, y', f) and (x, x', g) the places of line k and pixel l,
//! x̂(k, l) = (1 − f)·((1 − g)·I(y, x) + g·I(y, x')) + f·((1 − g)·I(y', x) + g·I(y', x')).

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar};
use crate::shape::Shape;

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

    /// The source of k: the pixel before, the pixel after, and the share of the one after.
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

/// Pixels of a line whose places are worked out together.
const CHUNK: usize = 64;

/// Writes an image, channel by channel, or mixes it with what is there: to ← (1 − share)·to +
/// share·x̂.
pub struct Resample<'a, S, T, C> {
    /// Where pixels come from.
    pub view: View,
    /// The image, whole channels.
    pub from: &'a [S],
    /// As many values.
    pub to: &'a mut [T],
    /// What becomes of a value before anything else.
    pub convert: C,
    /// None: what is there is replaced.
    pub share: Option<T>,
}

impl<S: Copy, T: Scalar, C: Fn(S) -> T> Resample<'_, S, T, C> {
    /// Does it.
    pub fn run(self, isa: Isa) {
        isa.run(self);
    }
}

impl<S: Copy, T: Scalar, C: Fn(S) -> T> Kernel for Resample<'_, S, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let Self {
            view,
            from,
            to,
            convert,
            share,
        } = self;
        let put = |to: &mut T, value: T| match share {
            None => *to = value,
            Some(share) => *to = (T::ONE - share) * *to + share * value,
        };
        if view.is_whole_image() {
            for (to, from) in to.iter_mut().zip(from) {
                put(to, convert(*from));
            }
            return;
        }
        let (height, width) = (view.lines.length, view.pixels.length);
        let is_whole = view.lines.is_whole() && view.pixels.is_whole();
        let channels = from.chunks_exact(height * width);
        let mut places = [(0, 0, T::ZERO); CHUNK];
        for first in (0..width).step_by(CHUNK) {
            let count = CHUNK.min(width - first);
            for (l, place) in places[..count].iter_mut().enumerate() {
                let (before, after, share) = view.pixels.at(first + l);
                *place = (before, after, T::from_f64(share));
            }
            let places = &places[..count];
            for (from, to) in channels.clone().zip(to.chunks_exact_mut(height * width)) {
                for (k, to) in to.chunks_exact_mut(width).enumerate() {
                    let to = &mut to[first..first + count];
                    let (before, after, share) = view.lines.at(k);
                    let upper = &from[before * width..][..width];
                    if is_whole {
                        for (to, place) in to.iter_mut().zip(places) {
                            put(to, convert(upper[place.0]));
                        }
                        continue;
                    }
                    let (lower, f) = (&from[after * width..][..width], T::from_f64(share));
                    for (to, &(before, after, g)) in to.iter_mut().zip(places) {
                        let between = |line: &[S]| {
                            (T::ONE - g) * convert(line[before]) + g * convert(line[after])
                        };
                        put(to, (T::ONE - f) * between(upper) + f * between(lower));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augmentations::Axis;

    const CHANNELS: usize = 2;

    fn image(height: usize, width: usize) -> Vec<u8> {
        let values = 0..CHANNELS * height * width;
        values.map(|i| (i * i * 7 % 251) as u8).collect()
    }

    /// What stands at real coordinates of an image that goes on as its edges, by the definition of
    /// bilinear interpolation: Σ over all pixels of I·max(0, 1 − |y − i|)·max(0, 1 − |x − j|).
    fn at(image: &[f64], height: usize, width: usize, y: f64, x: f64) -> f64 {
        let y = y.max(0.0).min(height as f64 - 1.0);
        let x = x.max(0.0).min(width as f64 - 1.0);
        let mut sum = 0.0;
        for i in 0..height {
            for j in 0..width {
                let tent = |d: f64| (1.0 - d.abs()).max(0.0);
                sum += image[i * width + j] * tent(y - i as f64) * tent(x - j as f64);
            }
        }
        sum
    }

    fn check(
        height: usize,
        width: usize,
        lines: (f64, f64),
        pixels: (f64, f64),
        share: Option<f64>,
    ) {
        let axis = |(start, step), length| Axis {
            start,
            step,
            length,
        };
        let view = View {
            lines: axis(lines, height),
            pixels: axis(pixels, width),
        };
        let from = image(height, width);
        let seen: Vec<f64> = from
            .iter()
            .map(|byte| f64::from(*byte) * 0.5 - 3.0)
            .collect();
        for isa in Isa::available() {
            let mut to = vec![2.0f64; from.len()];
            let mut single = vec![2.0f32; from.len()];
            Resample {
                view,
                from: &from,
                to: &mut to,
                convert: |byte| f64::from(byte) * 0.5 - 3.0,
                share,
            }
            .run(isa);
            Resample {
                view,
                from: &from,
                to: &mut single,
                convert: |byte| f32::from(byte) * 0.5 - 3.0,
                share: share.map(|share| share as f32),
            }
            .run(isa);
            for c in 0..CHANNELS {
                let channel = &seen[c * height * width..][..height * width];
                for k in 0..height {
                    for l in 0..width {
                        let y = lines.0 + lines.1 * k as f64;
                        let x = pixels.0 + pixels.1 * l as f64;
                        let value = at(channel, height, width, y, x);
                        let expected = share.map_or(value, |s| (1.0 - s) * 2.0 + s * value);
                        let i = (c * height + k) * width + l;
                        let name = isa.name();
                        assert!((to[i] - expected).abs() < 1e-11, "{name} {view:?} {i}");
                        let error = (f64::from(single[i]) - expected).abs();
                        assert!(error < 1e-4, "{name} {view:?} {i}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn images_are_what_the_definition_says() {
        for (height, width) in [(1, 2), (3, 5), (4, 3), (9, 70), (5, 130)] {
            let last = width as f64 - 1.0;
            for share in [None, Some(0.25)] {
                check(height, width, (0.0, 1.0), (0.0, 1.0), share);
                // Flipped; shifted; both; far off.
                check(height, width, (0.0, 1.0), (last, -1.0), share);
                check(height, width, (-1.0, 1.0), (2.0, 1.0), share);
                check(height, width, (1.0, 1.0), (last + 1.0, -1.0), share);
                check(height, width, (-50.0, 1.0), (500.0, 1.0), share);
                // Crops, upright and flipped.
                check(height, width, (0.3, 0.8), (-0.1, 0.8), share);
                check(height, width, (0.25, 0.5), (last - 0.25, -0.5), share);
            }
        }
    }
}
