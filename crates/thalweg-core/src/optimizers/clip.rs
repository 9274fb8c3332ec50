//! Clipping by value: u ← min(max(u, −c), c), component by component.
//!
//! Clipping by the norm of the whole gradient is [`super::Around::clip_norm`].

use std::fmt;

use super::{MAX_SLOTS, Rule, Stage};
use crate::kernels::{Arch, Scalar};

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

impl Stage for ClipValue {
    fn skips_zeros(&self) -> bool {
        true
    }
}

impl Rule for ClipValue {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], _: T, u: T, _: &mut [T; MAX_SLOTS]) -> T {
        let limit = T::from_f64(self.limit);
        let below = if u > limit { limit } else { u };
        if below < -limit { -limit } else { below }
    }
}
