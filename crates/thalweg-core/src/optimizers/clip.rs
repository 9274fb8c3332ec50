//! Clipping by value: u ← min(max(u, −c), c), component by component.
//!
//! Clipping by the norm of the whole gradient is [`super::Around::clip_norm`].

use std::fmt;

use super::{MAX_SLOTS, Rule, Stage};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Parameter, Setting};
use crate::spec::{RunRule, Said};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct ClipValue {
    /// c.
    pub limit: f64,
}

impl fmt::Display for ClipValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clip_value({})", self.limit)
    }
}

impl Stage for ClipValue {}

impl Rule for ClipValue {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], _: T, u: T, _: &mut [T; MAX_SLOTS]) -> T {
        let limit = T::from_f64(self.limit);
        let below = if u > limit { limit } else { u };
        if below < -limit { -limit } else { below }
    }
}

/// See [`super::Around::clip_norm`].
pub(crate) const CLIP_NORM: RunRule = RunRule {
    description: Description {
        name: "clip_norm",
        summary: "Shortens the whole gradient to a norm of at most c, before everything else; its direction stays",
        equation: "g ← g·min(1, c/‖g‖)",
        source: "Pascanu, Mikolov & Bengio 2013",
        parameters: &[Parameter {
            name: "clip_norm",
            summary: "c",
            default: Default::Off,
            domain: Domain::POSITIVE,
        }],
    },
    said: &[Said {
        field: "clip_norm",
        flag: Some("--clip-norm"),
        value: |spec| spec.clip_norm.map(Setting::Number),
    }],
};

/// See [`ClipValue`].
pub(crate) const CLIP_VALUE: RunRule = RunRule {
    description: Description {
        name: "clip_value",
        summary: "Cuts every component of the gradient to at most c, after clipping by norm and before penalties",
        equation: "gᵢ ← min(max(gᵢ, −c), c)",
        source: "Mikolov 2012",
        parameters: &[Parameter {
            name: "clip_value",
            summary: "c",
            default: Default::Off,
            domain: Domain::POSITIVE,
        }],
    },
    said: &[Said {
        field: "clip_value",
        flag: Some("--clip-value"),
        value: |spec| spec.clip_value.map(Setting::Number),
    }],
};
