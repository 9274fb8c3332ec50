//! What can be put around any optimizer: what comes before its first stage and after its last.

use crate::registry::{Default, Description, Domain, Parameter, Setting};
use crate::spec::{RunRule, Said};

/// What can be put around any optimizer.
#[derive(Debug, Clone, Copy, PartialEq, std::default::Default)]
pub struct Around {
    /// c: the gradient is shortened to ‖g‖ ≤ c before all stages (Pascanu, Mikolov & Bengio 2013).
    pub clip_norm: Option<f64>,
    /// ρ of sharpness-aware minimization (Foret et al. 2021): the gradient is that at θ + ρ·g/‖g‖.
    pub sam: Option<f64>,
    /// c: after the update each unit's weights are shortened to a norm ≤ c (Srebro & Shraibman 2005).
    pub max_norm: Option<f64>,
    /// Whether layers have constraints of their own.
    pub constrains_layers: bool,
    /// β of the moving average of θ that is kept as the last slot: see [`crate::average`].
    pub ema: Option<f64>,
    /// Whether steps tell ‖Δθ‖.
    pub measures_change: bool,
}

impl Around {
    /// Whether weights are constrained after the update.
    pub fn constrains(&self) -> bool {
        self.max_norm.is_some() || self.constrains_layers
    }
}

/// See [`Around::sam`].
pub(crate) const SAM: RunRule = RunRule {
    description: Description {
        name: "sam",
        summary: "Sharpness-aware minimization around any optimizer: the gradient is that at a distance of ρ uphill, so \
                  each update takes two",
        equation: "g ← ∇C(θ + ρ·∇C(θ)/‖∇C(θ)‖)",
        source: "Foret et al. 2021",
        parameters: &[Parameter {
            name: "sam",
            summary: "ρ",
            default: Default::Off,
            domain: Domain::POSITIVE,
        }],
    },
    said: &[Said {
        field: "sam",
        flag: Some("--sam"),
        value: |spec| spec.sam.map(Setting::Number),
    }],
};
