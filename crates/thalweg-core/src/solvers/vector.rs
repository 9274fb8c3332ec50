//! The vector arithmetic of solvers, in the order of the components.

use crate::error::Result;
use crate::memory;

/// So many zeros.
///
/// # Errors
/// If there is not enough memory.
pub fn zeros(length: usize) -> Result<Vec<f64>> {
    memory::collect(std::iter::repeat_n(0.0, length))
}

/// Σ aᵢbᵢ.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// ‖a‖.
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// a + s·b.
///
/// # Errors
/// If there is not enough memory.
pub fn plus(a: &[f64], s: f64, b: &[f64]) -> Result<Vec<f64>> {
    memory::collect(a.iter().zip(b).map(|(a, b)| a + s * b))
}

/// −a.
///
/// # Errors
/// If there is not enough memory.
pub fn negative(a: &[f64]) -> Result<Vec<f64>> {
    memory::collect(a.iter().map(|a| -a))
}

/// a ← a + s·b.
pub fn add(a: &mut [f64], s: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += s * b;
    }
}
