//! Windows that slide over images of rows in packs (see `pack`), each of whose channels is seen by
//! itself.

use std::ops::Range;

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// What a window makes of the pixels that it sees, and how the gradient of that is shared out among
/// them.
pub trait Pooling: Copy {
    /// Before the first pixel.
    const START: f64;
    /// One pixel more.
    fn see<T: Scalar, A: Arch>(self, so_far: T::Vector<A>, x: T::Vector<A>) -> T::Vector<A>;
    /// After the last.
    fn finish<T: Scalar, A: Arch>(self, all: T::Vector<A>) -> T::Vector<A>;
    /// The part of dy that pixel x gets, and what is left for the pixels behind it.
    fn share<T: Scalar, A: Arch>(
        self,
        x: T::Vector<A>,
        y: T::Vector<A>,
        dy: T::Vector<A>,
    ) -> [T::Vector<A>; 2];
}

/// Images and the windows on them: lines and pixels of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Of the input.
    pub input: (usize, usize),
    /// Of the output.
    pub output: (usize, usize),
    /// Edge of the window.
    pub kernel: usize,
    /// How far it moves.
    pub stride: usize,
    /// Lines of padding around the input.
    pub padding: usize,
}

impl Windows {
    /// What the window at a place sees along one side of the image.
    #[inline(always)]
    fn reach(&self, place: usize, length: usize) -> Range<usize> {
        let start = place * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel - self.padding).min(length)
    }

    /// Calls `visit(output, lines, pixels)` for each window of a channel.
    #[inline(always)]
    fn each(&self, mut visit: impl FnMut(usize, Range<usize>, Range<usize>)) {
        for i in 0..self.output.0 {
            let lines = self.reach(i, self.input.0);
            for j in 0..self.output.1 {
                visit(
                    i * self.output.1 + j,
                    lines.clone(),
                    self.reach(j, self.input.1),
                );
            }
        }
    }

    fn areas(&self) -> [usize; 2] {
        [self.input, self.output].map(|(lines, pixels)| lines * pixels)
    }
}

/// x → y for all channels of a pack.
///
/// # Panics
/// If a slice is too short: a mistake in the plan, not in any input.
pub fn forward<T: Scalar>(
    isa: Isa,
    windows: Windows,
    channels: usize,
    rule: impl Pooling,
    x: &[T],
    y: &mut [T],
) {
    struct Forward<'a, T, R>(Windows, usize, R, &'a [T], &'a mut [T]);
    impl<T: Scalar, R: Pooling> Kernel for Forward<'_, T, R> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let Forward(windows, channels, rule, x, y) = self;
            let lanes = T::Vector::<A>::LANES;
            let [inputs, outputs] = windows.areas();
            for channel in 0..channels {
                windows.each(|output, lines, pixels| {
                    let mut all = T::Vector::<A>::splat(T::from_f64(R::START));
                    // SAFETY: `forward` has checked that all channels are there.
                    unsafe {
                        for line in lines {
                            let line = channel * inputs + line * windows.input.1;
                            for pixel in pixels.clone() {
                                let x =
                                    T::Vector::<A>::load(x.as_ptr().add((line + pixel) * lanes));
                                all = rule.see::<T, A>(all, x);
                            }
                        }
                        let y = y.as_mut_ptr().add((channel * outputs + output) * lanes);
                        rule.finish::<T, A>(all).store(y);
                    }
                });
            }
        }
    }
    let sizes = windows
        .areas()
        .map(|area| channels * area * isa.lanes::<T>());
    assert!(x.len() >= sizes[0] && y.len() >= sizes[1]);
    isa.run(Forward(windows, channels, rule, x, y));
}

/// dy → dx for all channels of a pack.
///
/// # Panics
/// If a slice is too short: a mistake in the plan, not in any input.
pub fn backward<T: Scalar>(
    isa: Isa,
    windows: Windows,
    channels: usize,
    rule: impl Pooling,
    (x, y): (&[T], &[T]),
    dy: &[T],
    dx: &mut [T],
) {
    struct Backward<'a, T, R> {
        windows: Windows,
        channels: usize,
        rule: R,
        x: &'a [T],
        y: &'a [T],
        dy: &'a [T],
        dx: &'a mut [T],
    }
    impl<T: Scalar, R: Pooling> Kernel for Backward<'_, T, R> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let Backward {
                windows,
                channels,
                rule,
                x,
                y,
                dy,
                dx,
            } = self;
            let lanes = T::Vector::<A>::LANES;
            let [inputs, outputs] = windows.areas();
            for channel in 0..channels {
                windows.each(|output, lines, pixels| {
                    let output = (channel * outputs + output) * lanes;
                    // SAFETY: `backward` has checked that all channels are there.
                    unsafe {
                        let y = T::Vector::<A>::load(y.as_ptr().add(output));
                        let mut left = T::Vector::<A>::load(dy.as_ptr().add(output));
                        for line in lines {
                            let line = channel * inputs + line * windows.input.1;
                            for pixel in pixels.clone() {
                                let pixel = (line + pixel) * lanes;
                                let x = T::Vector::<A>::load(x.as_ptr().add(pixel));
                                let [part, rest] = rule.share::<T, A>(x, y, left);
                                left = rest;
                                let dx = dx.as_mut_ptr().add(pixel);
                                T::Vector::<A>::load(dx).add(part).store(dx);
                            }
                        }
                    }
                });
            }
        }
    }
    let [inputs, outputs] = windows
        .areas()
        .map(|area| channels * area * isa.lanes::<T>());
    assert!(x.len() >= inputs && dx.len() >= inputs);
    assert!(y.len() >= outputs && dy.len() >= outputs);
    dx.fill(T::ZERO);
    isa.run(Backward {
        windows,
        channels,
        rule,
        x,
        y,
        dy,
        dx,
    });
}

/// ẋ → ẏ for all channels of a pack: each pixel's ẋ times its share of y.
///
/// # Panics
/// If a slice is too short: a mistake in the plan, not in any input.
pub fn tangent<T: Scalar>(
    isa: Isa,
    windows: Windows,
    channels: usize,
    rule: impl Pooling,
    (x, y): (&[T], &[T]),
    x_dot: &[T],
    y_dot: &mut [T],
) {
    struct Tangent<'a, T, R> {
        windows: Windows,
        channels: usize,
        rule: R,
        x: &'a [T],
        y: &'a [T],
        x_dot: &'a [T],
        y_dot: &'a mut [T],
    }
    impl<T: Scalar, R: Pooling> Kernel for Tangent<'_, T, R> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let lanes = T::Vector::<A>::LANES;
            let [inputs, outputs] = self.windows.areas();
            let vector = T::Vector::<A>::splat;
            for channel in 0..self.channels {
                self.windows.each(|output, lines, pixels| {
                    let output = (channel * outputs + output) * lanes;
                    let mut sum = vector(T::ZERO);
                    let mut left = vector(T::ONE);
                    // SAFETY: `tangent` has checked that all channels are there.
                    unsafe {
                        let y = T::Vector::<A>::load(self.y.as_ptr().add(output));
                        for line in lines {
                            let line = channel * inputs + line * self.windows.input.1;
                            for pixel in pixels.clone() {
                                let pixel = (line + pixel) * lanes;
                                let x = T::Vector::<A>::load(self.x.as_ptr().add(pixel));
                                let [part, rest] = self.rule.share::<T, A>(x, y, left);
                                left = rest;
                                let x_dot = T::Vector::<A>::load(self.x_dot.as_ptr().add(pixel));
                                sum = part.mul_add(x_dot, sum);
                            }
                        }
                        sum.store(self.y_dot.as_mut_ptr().add(output));
                    }
                });
            }
        }
    }
    let [inputs, outputs] = windows
        .areas()
        .map(|area| channels * area * isa.lanes::<T>());
    assert!(x.len() >= inputs && x_dot.len() >= inputs);
    assert!(y.len() >= outputs && y_dot.len() >= outputs);
    isa.run(Tangent {
        windows,
        channels,
        rule,
        x,
        y,
        x_dot,
        y_dot,
    });
}
