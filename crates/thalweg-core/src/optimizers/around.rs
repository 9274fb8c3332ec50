//! What can be put around any optimizer: what comes before its first stage and after its last.

/// What can be put around any optimizer.
#[derive(Debug, Clone, Copy, PartialEq, std::default::Default)]
pub struct Around {
    /// c: the gradient is shortened to ‖g‖ ≤ c before all stages (Pascanu, Mikolov & Bengio 2013).
    pub clip_norm: Option<f64>,
    /// ρ of sharpness-aware minimization (Foret et al. 2021): the gradient is that at θ + ρ·g/‖g‖.
    pub sam: Option<f64>,
    /// c: after the update each unit's weights are shortened to a norm ≤ c (Srebro & Shraibman
    /// 2005).
    pub max_norm: Option<f64>,
    /// Whether layers have constraints of their own.
    pub constrains_layers: bool,
    /// β of the moving average of θ that is kept as the last slot: see [`crate::average`].
    pub ema: Option<f64>,
    /// Whether steps report ‖Δθ‖.
    pub measures_change: bool,
}

impl Around {
    /// Whether weights are constrained after the update.
    pub fn constrains(&self) -> bool {
        self.max_norm.is_some() || self.constrains_layers
    }
}
