//! How a field of [`TrainingSpec`] that is no entry of a registry is declared.

use super::TrainingSpec;
use crate::registry::{Description, Parameter, Setting};

/// A rule with how it is said.
#[derive(Debug, Clone, Copy)]
pub struct RunRule {
    /// What it is.
    pub description: Description,
    /// How each parameter of the description is said, in their order. Empty for what nobody can set.
    pub said: &'static [Said],
}

/// How a parameter of a rule is said.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// The field of [`TrainingSpec`], and of the table `training` in a config file; dots lead into its tables.
    pub field: &'static str,
    /// The flag of `thalweg train`, if there is one.
    pub flag: Option<&'static str>,
    /// What a spec says of it, if anything.
    pub value: fn(&TrainingSpec) -> Option<Setting>,
}

impl RunRule {
    /// Its parameters, each with how it is said; none of a rule that nobody can set.
    pub fn settings(&self) -> impl Iterator<Item = (&'static Parameter, &'static Said)> {
        self.description.parameters.iter().zip(self.said)
    }
}

impl Said {
    /// The words of the field, as errors have them.
    pub(crate) fn subject(&self) -> String {
        let name = self.field.strip_prefix("stop.").unwrap_or(self.field);
        name.replace(['.', '_'], " ")
    }
}
