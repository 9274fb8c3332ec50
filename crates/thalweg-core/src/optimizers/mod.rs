//! Optimizers: chains of small transforms from the gradient to the update.
//!
//! u starts as the gradient; each stage changes it; then θ ← θ − η·u with η from the schedule. A
//! chain runs over one strip of θ at a time, all stages and the descent while the strip is in the
//! first-level cache, so any chain costs one pass over memory. An entry of this registry is a named
//! chain.
//!
//! What needs the whole gradient or a whole tensor before it can act (clipping by the norm, LARS,
//! LAMB, SAM, Muon, max-norm) takes another path through the step: see [`Chain::is_whole`].
//!
//! # To write an optimizer
//!
//! One file with the equation, a [`Stage`] and [`Rule`] for each step of it, an `ENTRY`, and a test by
//! `testing::follows` against a transcription of the equation; one line in `entries!` below. The tests
//! over the registry train with it, resume it, and compare threads and precisions.

use std::fmt;

pub(crate) use crate::average::correction_of_log as bias_correction;
use crate::error::Result;
use crate::kernels::{Arch, Isa, Kernel, Scalar};
use crate::registry::{Default, Domain, Parameter, entries};
use crate::spec::TrainingSpec;

pub(crate) mod around;
pub mod clip;
pub mod decay;
#[cfg(test)]
mod testing;

pub use around::Around;

entries! {
    /// All optimizers that learn from one mini-batch after the other.
    OPTIMIZERS: "optimizer" => Chain;
    gd,
    sgd,
    momentum,
    adagrad,
    rmsprop,
    adadelta,
    adam,
    adamw,
    adamax,
    nadam,
    radam,
    lion,
    lars,
    lamb,
    muon,
}

/// When an update happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Updates including this one: 1 for the first.
    pub step: u64,
    /// Learning rate η of this update.
    pub rate: f64,
    /// What multiplies λ of decoupled decay.
    pub decay: f64,
    /// What multiplies the rate of dropout.
    pub dropout: f64,
}

impl Time {
    /// With decay and dropout as their settings are.
    pub const fn new(step: u64, rate: f64) -> Self {
        Self {
            step,
            rate,
            decay: 1.0,
            dropout: 1.0,
        }
    }
}

/// Numbers that a stage needs in an update and that do not differ between parameters, such as bias
/// corrections: computed once a step, not once an element.
pub type Constants = [f64; 4];

/// Which parameters a stage acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Those that decay: weights, not biases, nor what normalizes.
    Weights,
    /// Weights with a row for each unit, which inputs are multiplied by.
    Matrices,
    /// All that are not matrices of weights.
    Rest,
}

impl Scope {
    /// Whether parameters belong to it.
    pub fn contains(self, is_weight: bool, is_matrix: bool) -> bool {
        match self {
            Scope::All => true,
            Scope::Weights => is_weight,
            Scope::Matrices => is_matrix,
            Scope::Rest => !is_matrix,
        }
    }
}

/// What a stage is, whatever the precision.
pub trait Stage: Send + Sync + fmt::Display {
    /// Which parameters it acts on.
    fn scope(&self) -> Scope {
        Scope::All
    }

    /// Whether it must see a whole tensor of parameters at once: a segment of a layer
    /// ([`crate::layers::Segment`]), such as one layer's W or its b.
    fn is_whole(&self) -> bool {
        false
    }

    /// Whether a gradient of 0 leaves the parameter as it is, whatever the state, and whether the
    /// state may then stay as it is.
    fn skips_zeros(&self) -> bool {
        false
    }

    /// See [`Constants`]. `rows` are those of the mini-batch.
    fn constants(&self, _time: Time, _rows: usize) -> Constants {
        [0.0; 4]
    }

    /// Whether its constants are proportional to λ of a penalty or of decay, which a tensor's own
    /// factor multiplies.
    fn is_decay(&self) -> bool {
        false
    }
}

/// A stage as its file states it: the update of one parameter.
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

/// A strip of θ, or a whole tensor where a stage asks for it.
pub struct Strip<'a, T> {
    /// Instruction set.
    pub isa: Isa,
    /// Of the stage, in this step.
    pub constants: Constants,
    /// The parameters.
    pub p: &'a [T],
    /// u so far, as long as `p`; padding is zero and has to stay so.
    pub u: &'a mut [T],
    /// The slots of the stage, each as long as `p`; those that it does not have are empty.
    pub slots: [&'a mut [T]; MAX_SLOTS],
    /// For a whole tensor.
    pub tensor: WholeTensor<'a, T>,
}

/// A whole tensor as a matrix: a row for each unit.
#[derive(Default)]
pub struct WholeTensor<'a, T> {
    /// Units.
    pub rows: usize,
    /// Weights of a unit.
    pub columns: usize,
    /// Position of each weight in the strip, unit by unit.
    pub places: &'a [u32],
    /// Scratch of [`Transform::room`] values.
    pub room: &'a mut [T],
}

/// A stage as a chain uses it, in the precision T.
pub trait Transform<T>: Stage {
    /// See [`Rule::SLOTS`].
    fn slots(&self) -> usize {
        0
    }

    /// Values of scratch that it needs for a whole tensor of this many rows and columns.
    fn room(&self, _rows: usize, _columns: usize) -> usize {
        0
    }

    /// Changes u.
    fn apply(&self, strip: Strip<T>);
}

impl<T: Scalar, R: Rule> Transform<T> for R {
    fn slots(&self) -> usize {
        R::SLOTS
    }

    fn apply(&self, strip: Strip<T>) {
        struct Apply<'a, R, T>(R, Strip<'a, T>);
        impl<R: Rule, T: Scalar> Kernel for Apply<'_, R, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                let Apply(rule, strip) = self;
                let Strip {
                    p, u, mut slots, ..
                } = strip;
                let constants = strip.constants.map(T::from_f64);
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
                        // An average that decays without gradients would stay subnormal: 0.9 times
                        // the smallest number is, rounded, that number.
                        slots[k][i] = state[k].flush();
                    }
                }
            }
        }
        strip.isa.run(Apply(*self, strip));
    }
}

/// A stage in either precision.
pub trait AnyTransform: Transform<f32> + Transform<f64> {}
impl<X: Transform<f32> + Transform<f64>> AnyTransform for X {}

/// A scalar with which optimizers compute.
pub trait TransformScalar: Scalar {
    /// The same object, as one for this scalar.
    fn transform(transform: &dyn AnyTransform) -> &dyn Transform<Self>;
}

impl TransformScalar for f32 {
    fn transform(transform: &dyn AnyTransform) -> &dyn Transform<Self> {
        transform
    }
}

impl TransformScalar for f64 {
    fn transform(transform: &dyn AnyTransform) -> &dyn Transform<Self> {
        transform
    }
}

/// An optimizer: its stages, in the order in which they act, and what wraps them.
pub struct Chain {
    /// The stages.
    pub stages: Vec<Box<dyn AnyTransform>>,
    /// A learning rate that suits most networks with hidden layers.
    pub usual_rate: f64,
    /// What the optimizer is wrapped in.
    pub around: Around,
}

impl Chain {
    /// A chain of stages alone.
    pub fn new(stages: Vec<Box<dyn AnyTransform>>, usual_rate: f64) -> Self {
        Self {
            stages,
            usual_rate,
            around: Around::default(),
        }
    }

    /// The chain of a training run: the optimizer, with what the run clips and penalizes in front.
    ///
    /// # Errors
    /// If the optimizer does not exist or a setting does not fit.
    pub fn build(training: &TrainingSpec) -> Result<Self> {
        let mut chain = OPTIMIZERS.build(&training.optimizer, &())?;
        let mut front: Vec<Box<dyn AnyTransform>> = Vec::new();
        if let Some(limit) = training.clip_value {
            front.push(Box::new(clip::ClipValue { limit }));
        }
        let decays = [
            (training.l2, decay::Form::Penalty),
            (training.l2_sum, decay::Form::Shared),
        ];
        for (factor, form) in decays.into_iter().filter(|(factor, _)| *factor > 0.0) {
            front.push(Box::new(decay::AddDecayed { factor, form }));
        }
        if training.l1 > 0.0 {
            front.push(Box::new(decay::AddSigns {
                factor: training.l1,
            }));
        }
        chain.stages.splice(0..0, front);
        chain.around = Around {
            clip_norm: training.clip_norm,
            sam: training.sam,
            max_norm: training.max_norm,
            constrains_layers: false,
            ema: training.ema,
            measures_change: training.stop.min_change.is_some(),
        };
        Ok(chain)
    }

    /// Values of state for each parameter, the moving average of θ included.
    pub fn slots(&self) -> usize {
        self.stage_slots() + usize::from(self.around.ema.is_some())
    }

    /// Values of state that the stages keep for each parameter.
    pub fn stage_slots(&self) -> usize {
        self.stages
            .iter()
            .map(|stage| Transform::<f32>::slots(&**stage))
            .sum()
    }

    /// Whether some stage treats parameters differently.
    pub fn has_scopes(&self) -> bool {
        self.stages.iter().any(|stage| stage.scope() != Scope::All)
    }

    /// Whether an update may leave out parameters whose gradient is 0.
    pub fn skips_zeros(&self) -> bool {
        self.around.ema.is_none() && self.stages.iter().all(|stage| stage.skips_zeros())
    }

    /// Whether the whole gradient has to be there before the first parameter can move.
    pub fn is_whole(&self) -> bool {
        let Around { clip_norm, sam, .. } = self.around;
        clip_norm.is_some()
            || sam.is_some()
            || self.around.constrains()
            || self.stages.iter().any(|stage| stage.is_whole())
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let around = self.around;
        if let Some(radius) = around.sam {
            write!(f, "sam({radius}) → ")?;
        }
        if let Some(limit) = around.clip_norm {
            write!(f, "clip_norm({limit}) → ")?;
        }
        for stage in &self.stages {
            write!(f, "{stage} → ")?;
        }
        f.write_str("descend")?;
        if let Some(limit) = around.max_norm {
            write!(f, " → max_norm({limit})")?;
        }
        if around.constrains_layers {
            f.write_str(" → constraints")?;
        }
        if let Some(beta) = around.ema {
            write!(f, " → average({beta})")?;
        }
        Ok(())
    }
}

/// A hyper-parameter that is a number.
const fn number(
    name: &'static str,
    summary: &'static str,
    default: f64,
    domain: Domain,
) -> Parameter {
    Parameter {
        name,
        summary,
        default: Default::Number(default),
        domain,
    }
}

/// A hyper-parameter that is false by default.
const fn flag(name: &'static str, summary: &'static str) -> Parameter {
    Parameter {
        name,
        summary,
        default: Default::Flag(false),
        domain: Domain::Flag,
    }
}
