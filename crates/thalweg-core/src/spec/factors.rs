//! Factors on the learning rate and on the decay of single tensors, by role or by name, and the
//! parametrization that chooses such factors itself.
//!
//! A tensor with the factors f and d is updated by θ ← θ − η·f·(u + d·λ·θ).

use serde::{Deserialize, Serialize};

use super::rule::{Field, Flag, InSolver, RuleKind, RunRule};
use crate::registry::{Default, Description, Domain, Parameter};

/// How rates follow the sizes of layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parametrization {
    /// Every weight has the rate η.
    #[default]
    Standard,
    /// Weights into a unit of n inputs have the rate η/√n, and decay as with the rate η.
    Ntk,
}

/// The roles that a factor may name: see [`crate::layers::Role::name`].
const ROLES: &[&str] = &["weight", "bias", "scale", "embedding"];
/// What decays of them.
const DECAYING: &[&str] = &["weight", "scale", "embedding"];

pub(super) const RULES: &[&RunRule] = &[&RATE_FACTORS, &DECAY_FACTORS, &PARAMETRIZATION];

/// See the module's text.
const RATE_FACTORS: RunRule = RunRule {
    kind: RuleKind::Rate,
    description: Description {
        name: "rate_factors",
        summary: "Factors on the learning rate of tensors by their role (weight, bias, scale, embedding) or by layer or tensor (layers.2, layers.2.weight); those that name the same tensor multiply",
        equation: "θ ← θ − η·f·u",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[Parameter::new(
            "rate_factors",
            "f of each",
            Default::Off,
            Domain::Factors(ROLES),
        )],
    },
    fields: &[Field::with_flag(
        "rate_factors",
        Flag::new(
            "--lr-factors",
            "Rate",
            "Multiply the learning rate of biases, of a layer, …: by role (weight, bias, scale, embedding) or layer, such as bias=0.1,layers.2=0.5",
        ),
        InSolver::Refused,
    )],
};

/// See the module's text.
const DECAY_FACTORS: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "decay_factors",
        summary: "Factors on the decay and the penalties of tensors, by role or by layer or tensor as in rate_factors; biases never decay",
        equation: "λ ← d·λ",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[Parameter::new(
            "decay_factors",
            "d of each",
            Default::Off,
            Domain::Factors(DECAYING),
        )],
    },
    fields: &[Field::with_flag(
        "decay_factors",
        Flag::new(
            "--decay-factors",
            "Rate",
            "Multiply the weight decay and penalties of a role (weight, scale, embedding) or layer, such as embedding=0",
        ),
        InSolver::Refused,
    )],
};

/// See [`Parametrization`].
const PARAMETRIZATION: RunRule = RunRule {
    kind: RuleKind::Rate,
    description: Description {
        name: "parametrization",
        summary: "ntk: weights into a unit of n inputs have the rate η/√n and decay as before. With the initializer lecun_normal and an optimizer that divides by the gradient's size (adam, …), that is z = W·x/√n with W from N(0, 1), but for ε; with plain gradients, whose NTK rate is η/n, it is not",
        equation: "W ← W − η·(u/√n + λ·W)",
        source: "Jacot, Gabriel & Hongler 2018; Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[Parameter::new(
            "parametrization",
            "which of them",
            Default::Text("standard"),
            Domain::Word(&["standard", "ntk"]),
        )],
    },
    fields: &[Field::with_flag(
        "parametrization",
        Flag::new(
            "--parametrization",
            "Rate",
            "ntk: the rate of the weights into a unit of n inputs is divided by √n; take --initializer lecun_normal with it [default: standard]",
        ),
        InSolver::Refused,
    )],
};
