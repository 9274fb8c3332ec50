//! What multiplies the learning rate and the decay of a tensor.

use super::{Factors, Plan};
use crate::error::{Error, Result};
use crate::layers::Segment;
use crate::registry::{did_you_mean, leads_to};
use crate::spec::{Parametrization, TrainingSpec};

impl Factors {
    pub const NONE: Self = Self {
        rate: 1.0,
        decay: 1.0,
    };

    /// Of the tensor `name`.
    fn of(training: &TrainingSpec, name: &str, segment: &Segment) -> Self {
        let role = segment.role.name();
        let root = match training.parametrization {
            Parametrization::Ntk if segment.role.is_matrix() => (segment.fan_in() as f64).sqrt(),
            _ => 1.0,
        };
        Self {
            rate: training.rate_factors.of(name, role) / root,
            decay: training.decay_factors.of(name, role) * root,
        }
    }
}

/// The name of a segment of the layer at `path`.
fn tensor_name(path: &str, segment: &Segment) -> String {
    format!("{path}.{}", segment.name)
}

impl Plan {
    /// Whether every layer and tensor that a factor names is there. Roles need not be.
    ///
    /// # Errors
    /// Names the field and the first that is not.
    pub fn check_factors(&self, training: &TrainingSpec) -> Result<()> {
        let names: Vec<String> = (self.layers.iter())
            .flat_map(|planned| {
                let segments = planned.layer.segments().into_iter();
                segments.map(|segment| tensor_name(&planned.path, &segment))
            })
            .collect();
        let is_known = |name: &&str| {
            !name.starts_with("layers.") || names.iter().any(|tensor| leads_to(name, tensor))
        };
        for (field, factors) in [
            ("rate_factors", &training.rate_factors),
            ("decay_factors", &training.decay_factors),
        ] {
            if let Some(name) = factors.names().find(|name| !is_known(name)) {
                let found = format!("`{}`", name.escape_debug());
                let expected = "a layer or tensor of the network that has parameters";
                let error = Error::invalid(format!("`{field}`"), found, expected).at(field);
                return Err(error.remedy(did_you_mean(name, names.iter().map(String::as_str))));
            }
        }
        Ok(())
    }

    /// Gives every tensor the factors that a training has for it.
    pub(super) fn set_factors(&mut self, training: &TrainingSpec) {
        for planned in &mut self.layers {
            let of = |segment: &Segment| {
                Factors::of(training, &tensor_name(&planned.path, segment), segment)
            };
            planned.factors = planned.layer.segments().iter().map(of).collect();
        }
    }
}
