//! The last stage of every optimizer: θ ← θ − η·u.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// θ ← θ − η·u over one strip. Whether all of θ is finite afterwards.
///
/// # Panics
/// If the slices are not of one length.
pub fn descend<T: Scalar>(isa: Isa, rate: f64, p: &mut [T], u: &[T]) -> bool {
    assert_eq!(p.len(), u.len());
    isa.run(Descend(T::from_f64(-rate), p, u))
}

struct Descend<'a, T>(T, &'a mut [T], &'a [T]);

impl<T: Scalar> Kernel for Descend<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<A: Arch>(self) -> bool {
        let Descend(rate, p, u) = self;
        let lanes = T::Vector::<A>::LANES;
        let vector = T::Vector::<A>::splat;
        // 0·p is 0 for a finite number and NaN for any other.
        let mut strange = vector(T::ZERO);
        let whole = p.len() - p.len() % lanes;
        for at in (0..whole).step_by(lanes) {
            // SAFETY: `at + lanes` is within both slices, which are of one length.
            unsafe {
                let u = T::Vector::<A>::load(u.as_ptr().add(at));
                let old = T::Vector::<A>::load(p.as_ptr().add(at));
                let new = u.mul_add(vector(rate), old);
                new.store(p.as_mut_ptr().add(at));
                strange = new.mul_add(vector(T::ZERO), strange);
            }
        }
        let mut is_finite = strange.sum() == T::ZERO;
        for (p, u) in p[whole..].iter_mut().zip(&u[whole..]) {
            *p = u.mul_add::<A>(rate, *p);
            is_finite &= T::ZERO * *p == T::ZERO;
        }
        is_finite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_move_against_the_update_and_strange_numbers_are_noticed_wherever_they_are() {
        for isa in Isa::available() {
            for length in 0..70 {
                let u: Vec<f64> = (0..length).map(f64::from).collect();
                let mut p = vec![1.0; u.len()];
                assert!(descend(isa, 0.5, &mut p, &u));
                assert!(p.iter().zip(&u).all(|(p, u)| *p == 1.0 - 0.5 * u));
                for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    for place in 0..u.len() {
                        let (mut p, mut u) = (p.clone(), u.clone());
                        u[place] = strange;
                        assert!(
                            !descend(isa, 0.5, &mut p, &u),
                            "{strange} at {place} of {length}"
                        );
                    }
                }
            }
        }
    }
}
