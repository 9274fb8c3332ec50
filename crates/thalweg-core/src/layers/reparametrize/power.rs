//! Power iteration: u ← Vv/‖Vv‖ and v ← Vᵀu/‖Vᵀu‖ bring u and v nearer to the singular vectors of
//! the largest singular value, which is σ = uᵀVv in the end. Source: Miyato et al. 2018.

use super::{LEAST_NORM, Reparametrized};

/// Power iterations before the first step.
pub(super) const FIRST_ITERATIONS: usize = 15;

/// Makes `x` a unit vector.
pub(super) fn normalize(x: &mut [f64]) {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= norm.max(LEAST_NORM));
}

impl Reparametrized {
    /// σ, u and v from the last u and v, after this many power iterations, given ways to multiply
    /// by V.
    pub(super) fn iterate(
        &self,
        prepared: &mut [f64],
        iterations: usize,
        mut each: impl FnMut(&mut dyn FnMut(usize, usize, f64)),
    ) {
        let (sigma, rest) = prepared.split_at_mut(1);
        let (left, rest) = rest.split_at_mut(self.units);
        let (right, product) = rest.split_at_mut(self.fan_in);
        for _ in 0..iterations {
            left.fill(0.0);
            each(&mut |unit, input, w| left[unit] += w * right[input]);
            normalize(left);
            right.fill(0.0);
            each(&mut |unit, input, w| right[input] += w * left[unit]);
            normalize(right);
        }
        product.fill(0.0);
        each(&mut |unit, input, w| product[unit] += w * right[input]);
        sigma[0] = left.iter().zip(&*product).map(|(u, p)| u * p).sum();
    }
}
