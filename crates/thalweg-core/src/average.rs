//! Exponentially weighted averages: v_t = βv_{t−1} + (1 − β)x_t with v₀ = 0, corrected for that
//! start by v̂_t = v_t/(1 − βᵗ).
//!
//! v̂ is a weighted mean of what it has seen: x_{t−k} weighs βᵏ. The weights fall to 1/e in about
//! 1/(1 − β) steps, the *window* (0.9¹⁰ ≈ 0.98⁵⁰ ≈ 1/e), and to ½ in log ½ / log β, the
//! *half-life*.
//!
//! Averages of parameters (Polyak & Juditsky 1992, with these weights) are kept beside the
//! optimizer's slots; Adam's moments are averages of this kind too, with the correction as a
//! constant of the step.

use serde::{Deserialize, Serialize};

use crate::kernels::{Arch, Isa, Kernel, Scalar, math, simd::Portable};

/// The average of a sequence of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Average {
    beta: f64,
    value: f64,
    count: u64,
}

impl Average {
    /// Of nothing yet. β is how much of the past remains, 0 ≤ β < 1.
    pub fn new(beta: f64) -> Self {
        Self {
            beta,
            value: 0.0,
            count: 0,
        }
    }

    /// The average whose weights fall to 1/e in about this many steps.
    pub fn with_window(steps: f64) -> Self {
        Self::new(1.0 - 1.0 / steps.max(1.0))
    }

    /// Takes in x_t.
    pub fn add(&mut self, x: f64) {
        self.value = self.beta * self.value + (1.0 - self.beta) * x;
        self.count += 1;
    }

    /// v_t, which begins at 0.
    pub fn raw(&self) -> f64 {
        self.value
    }

    /// v̂_t; nothing before the first number.
    pub fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.value * correction(self.beta, self.count))
    }

    /// 1/(1 − β).
    pub fn window(&self) -> f64 {
        1.0 / (1.0 - self.beta)
    }

    /// Steps in which a weight halves.
    pub fn half_life(&self) -> f64 {
        libm::log(0.5) / libm::log(self.beta)
    }
}

/// 1/(1 − βᵗ).
pub fn correction(beta: f64, t: u64) -> f64 {
    correction_of_log(libm::log(beta), t)
}

/// The same from log β: costs one exponential, and none once βᵗ is below the precision.
pub(crate) fn correction_of_log(log_beta: f64, t: u64) -> f64 {
    let exponent = log_beta * t as f64;
    if exponent < -40.0 {
        return 1.0;
    }
    -1.0 / math::exp_m1::<Portable, f64>(exponent)
}

/// v ← βv + (1 − β)x, component by component, as v + (1 − β)(x − v): whatever 1 − β is rounded to,
/// the weights add up to 1, and the average of a constant stays that constant.
///
/// # Panics
/// If the slices are not of one length.
pub(crate) fn fold<T: Scalar>(isa: Isa, beta: f64, v: &mut [T], x: &[T]) {
    struct Fold<'a, T>(T, &'a mut [T], &'a [T]);
    impl<T: Scalar> Kernel for Fold<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<A: Arch>(self) {
            let Fold(share, v, x) = self;
            for (v, x) in v.iter_mut().zip(x) {
                *v += share * (*x - *v);
            }
        }
    }
    assert_eq!(v.len(), x.len());
    isa.run(Fold(T::from_f64(1.0 - beta), v, x));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fall_to_one_over_e_in_a_window_and_to_one_half_in_a_half_life() {
        let e = std::f64::consts::E;
        for (beta, window) in [(0.9f64, 10.0), (0.98, 50.0)] {
            let average = Average::new(beta);
            assert!((average.window() - window).abs() < 1e-12);
            assert!((beta.powf(window) - 1.0 / e).abs() < 0.02, "{beta}");
            assert!((beta.powf(average.half_life()) - 0.5).abs() < 1e-12);
            // One pulse, and then nothing: what is left of it after a window.
            let mut pulse = average;
            pulse.add(1.0);
            let start = pulse.raw();
            for _ in 0..window as usize {
                pulse.add(0.0);
            }
            assert!((pulse.raw() / start - 1.0 / e).abs() < 0.02);
        }
        assert!((Average::with_window(50.0).window() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn in_single_precision_the_average_of_a_constant_is_that_constant() {
        for beta in [0.9, 0.999, 0.9999, 0.99999] {
            let (x, mut v) = ([1.7f32; 40], [0f32; 40]);
            v[1..].copy_from_slice(&x[1..]);
            let steps = 1000;
            for _ in 0..steps {
                fold(Isa::detect(), beta, &mut v, &x);
            }
            assert_eq!(v[1..], x[1..], "{beta}");
            let corrected = f64::from(v[0]) * correction(beta, steps);
            assert!((corrected - 1.7).abs() < 1e-4, "{beta}: {corrected}");
        }
    }

    #[test]
    fn the_corrected_average_is_the_weighted_mean() {
        let (beta, xs) = (0.7f64, [3.0, -1.0, 4.0, 1.5, -9.0]);
        let mut average = Average::new(beta);
        assert_eq!(average.value(), None);
        for t in 1..=xs.len() {
            average.add(xs[t - 1]);
            let weights: Vec<f64> = (0..t).rev().map(|k| beta.powi(k as i32)).collect();
            let sum: f64 = weights.iter().zip(&xs).map(|(w, x)| w * x).sum();
            let mean = sum / weights.iter().sum::<f64>();
            assert!((average.value().unwrap() - mean).abs() < 1e-14);
        }
        // Of a constant it is that constant from the first step on; without the correction it is
        // not.
        let mut constant = Average::new(0.98);
        constant.add(5.0);
        assert!((constant.value().unwrap() - 5.0).abs() < 1e-14 && constant.raw() < 0.11);
    }
}
