//! Mixup: x̃ = λ·xᵢ + (1 − λ)·xⱼ and ỹ = λ·yᵢ + (1 − λ)·yⱼ with λ ~ Beta(α, α), drawn for every
//! row; which row is the partner j is defined in the parent's text.
//!
//! λ = X/(X + Y) with X, Y ~ Gamma(α), as 1/(1 + exp(ln Y − ln X)), because both underflow where α
//! is small. Gamma(a) for a ≥ 1 by Marsaglia & Tsang (2000): with d = a − 1/3 and v = (1 +
//! z/√(9d))³, z ~ N(0, 1), it is d·v once ln u < z²/2 + d − d·v + d·ln v, u uniform. Below 1,
//! Gamma(a) = Gamma(a + 1)·u^(1/a).

use super::{Augmentation, Draw};
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::Shape;

/// See the module's text.
struct Mixup {
    alpha: f64,
}

impl Augmentation for Mixup {
    fn draw(&self, random: &mut Sequence, row: &mut Draw) {
        let (x, y) = (ln_gamma(self.alpha, random), ln_gamma(self.alpha, random));
        row.lambda = 1.0 / (1.0 + libm::exp(y - x));
    }

    fn mixes(&self) -> bool {
        true
    }
}

/// ln X of an X ~ Gamma(a).
fn ln_gamma(a: f64, random: &mut Sequence) -> f64 {
    let d = a + 1.0 - 1.0 / 3.0;
    let ln_greater = loop {
        let z = random.normal();
        let root = 1.0 + z / (9.0 * d).sqrt();
        let v = root * root * root;
        let ln_u = libm::log(1.0 - random.uniform());
        if v > 0.0 && ln_u < 0.5 * z * z + d - d * v + d * libm::log(v) {
            break libm::log(d * v);
        }
    };
    ln_greater + libm::log(1.0 - random.uniform()) / a
}

pub(super) const ENTRY: Entry<Box<dyn Augmentation>, Shape> = Entry {
    description: Description {
        name: "mixup",
        summary: "Rows and their targets mixed with those of another row of the batch",
        equation: "x̃ = λ·xᵢ + (1 − λ)·xⱼ, ỹ = λ·yᵢ + (1 − λ)·yⱼ, λ ~ Beta(α, α)",
        source: "Zhang, Cissé, Dauphin & Lopez-Paz 2018",
        parameters: &[Parameter {
            name: "alpha",
            summary: "α: the smaller, the nearer one of both rows",
            default: Default::Number(0.2),
            domain: Domain::POSITIVE,
        }],
    },
    build: |arguments, _| {
        Ok(Box::new(Mixup {
            alpha: arguments.number("alpha"),
        }))
    },
};
