//! Optimizers: chains of small transforms from the gradient to the update.
//!
//! u starts as the gradient; each stage changes it; then θ ← θ − η·u with η from the schedule. A chain runs
//! over one strip of θ at a time, all stages and the descent while the strip is in the first-level cache,
//! so any chain costs one pass over memory. An entry of this registry is a named chain.

use std::fmt;

use crate::error::Result;
use crate::kernels::simd::Portable;
use crate::kernels::{Arch, Isa, Kernel, Scalar, math};
use crate::registry::{Choice, entries};

pub mod decay;

entries! {
    /// All optimizers.
    OPTIMIZERS: "optimizer" => Chain;
    gd,
    sgd,
    momentum,
    rmsprop,
    adam,
    adamw,
}

/// When an update happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Updates including this one: 1 for the first.
    pub step: u64,
    /// Learning rate η of this update.
    pub rate: f64,
}

/// Numbers that a stage needs in an update and that do not differ between parameters, such as bias
/// corrections: computed once a step, not once an element.
pub type Constants = [f64; 4];

/// What a stage is, whatever the precision.
pub trait Stage: Send + Sync + fmt::Display {
    /// Whether it acts only on parameters that decay (weights, not biases).
    fn is_decay(&self) -> bool {
        false
    }

    /// See [`Constants`].
    fn constants(&self, _time: Time) -> Constants {
        [0.0; 4]
    }
}

/// A stage as its file states it: what happens to one parameter.
pub trait Rule: Stage + Copy + 'static {
    /// Values of state for each parameter, at most [`MAX_SLOTS`]; all start at 0.
    const SLOTS: usize;

    /// The new u, from the constants of the step, the parameter p, the u so far, and the state.
    fn update<A: Arch, T: Scalar>(
        self,
        constants: [T; 4],
        p: T,
        u: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T;
}

/// The most values of state that a stage can keep for each parameter.
pub const MAX_SLOTS: usize = 4;

/// A stage as a chain uses it, in the precision T.
pub trait Transform<T>: Stage {
    /// See [`Rule::SLOTS`].
    fn slots(&self) -> usize;

    /// Changes u over one strip, given its parameters and this stage's slots, one slice a slot.
    fn apply(&self, isa: Isa, constants: &Constants, p: &[T], u: &mut [T], slots: Slots<T>);
}

/// The slots of one stage over one strip; those that it does not have are empty.
pub type Slots<'a, T> = [&'a mut [T]; MAX_SLOTS];

impl<T: Scalar, R: Rule> Transform<T> for R {
    fn slots(&self) -> usize {
        R::SLOTS
    }

    fn apply(&self, isa: Isa, constants: &Constants, p: &[T], u: &mut [T], slots: Slots<T>) {
        struct Apply<'a, R, T>(R, [T; 4], &'a [T], &'a mut [T], Slots<'a, T>);
        impl<R: Rule, T: Scalar> Kernel for Apply<'_, R, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                let Apply(rule, constants, p, u, mut slots) = self;
                let length = u.len();
                let p = &p[..length];
                for slot in &mut slots[..R::SLOTS] {
                    *slot = &mut std::mem::take(slot)[..length];
                }
                for i in 0..length {
                    let mut state = [T::ZERO; MAX_SLOTS];
                    for k in 0..R::SLOTS {
                        state[k] = slots[k][i];
                    }
                    u[i] = rule.update::<A, T>(constants, p[i], u[i], &mut state);
                    for k in 0..R::SLOTS {
                        slots[k][i] = state[k];
                    }
                }
            }
        }
        isa.run(Apply(*self, constants.map(T::from_f64), p, u, slots));
    }
}

/// A stage in either precision.
pub trait AnyTransform: Transform<f32> + Transform<f64> {}
impl<X: Transform<f32> + Transform<f64>> AnyTransform for X {}

/// An optimizer: its stages, in the order in which they act.
pub struct Chain {
    /// The stages.
    pub stages: Vec<Box<dyn AnyTransform>>,
    /// A learning rate that suits most networks with hidden layers.
    pub usual_rate: f64,
}

impl Chain {
    /// The chain of an optimizer, with an L2 penalty λ/2·‖W‖² in front if λ > 0.
    ///
    /// # Errors
    /// If the optimizer does not exist or a setting does not fit.
    pub fn build(optimizer: &Choice, l2: f64) -> Result<Self> {
        let mut chain = OPTIMIZERS.build(optimizer, &())?;
        if l2 > 0.0 {
            chain.stages.insert(
                0,
                Box::new(decay::AddDecayed {
                    name: "l2",
                    factor: l2,
                }),
            );
        }
        Ok(chain)
    }

    /// Values of state for each parameter.
    pub fn slots(&self) -> usize {
        self.stages
            .iter()
            .map(|stage| Transform::<f32>::slots(&**stage))
            .sum()
    }

    /// Whether some stage treats weights and biases differently.
    pub fn has_decay(&self) -> bool {
        self.stages.iter().any(|stage| stage.is_decay())
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            write!(f, "{stage} → ")?;
        }
        f.write_str("descend")
    }
}

/// 1/(1 − βᵗ): corrects a moving average for its start at 0. Takes log β, so that it costs one
/// exponential, and none once βᵗ is below the precision.
pub(crate) fn bias_correction(log_beta: f64, step: u64) -> f64 {
    let exponent = log_beta * step as f64;
    if exponent < -40.0 {
        return 1.0;
    }
    -1.0 / math::exp_m1::<Portable, f64>(exponent)
}
