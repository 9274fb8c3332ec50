//! How outputs, places of the window and inputs belong together, along one side of an image.
//!
//! With u = i·s + a − p for output i, place a of the window and input u: the forward pass goes
//! through the places a of each i. The backward pass goes through those of each u, where s divides
//! u + p − a: with u = u₀ + s·t, all u of one u₀ < s have the places a = r + s·q, where r = (u₀ +
//! p) mod s, and see i = t − q + (u₀ + p − r)/s.

use super::Window;
use crate::kernels::correlate::Axis;

/// The sizes of one side: of the image, and of the output.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    pub image: usize,
    pub outputs: usize,
    /// Distance of the weights of neighbouring places.
    pub weight: usize,
}

/// From the padded image to the output.
pub fn forward(window: &Window, side: Side) -> Axis {
    Axis {
        outputs: side.outputs,
        taps: window.kernel,
        inputs: side.image + 2 * window.padding,
        step: window.stride as isize,
        tap: 1,
        offset: 0,
        weight: (0, side.weight),
        place: (0, 1),
    }
}

/// From the gradient of the output to that of the image, for each u₀.
pub fn backward(window: &Window, side: Side) -> Vec<Axis> {
    let (s, k, p) = (window.stride, window.kernel, window.padding);
    let axis = |first: usize| {
        let rest = (first + p) % s;
        Axis {
            outputs: (side.image - first).div_ceil(s),
            taps: k.saturating_sub(rest).div_ceil(s),
            inputs: side.outputs,
            step: 1,
            tap: -1,
            offset: ((first + p - rest) / s) as isize,
            weight: (rest * side.weight, s * side.weight),
            place: (first, s),
        }
    };
    (0..s.min(side.image)).map(axis).collect()
}
