//! How a field that is not one of `training` is declared.

use thalweg_core::spec::{Flag, InSolver};

use super::{Field, Values};

/// A declaration as it is written here.
pub struct Own {
    path: &'static str,
    flag: Flag,
    placeholder: Option<&'static str>,
    values: Values,
    also: &'static [(&'static str, &'static str)],
    excludes: &'static [&'static str],
    requires: Option<&'static str>,
    of_model: bool,
}

impl Own {
    /// As all fields are declared.
    pub fn field(&self) -> Field {
        Field {
            path: self.path.to_owned(),
            flag: Some(self.flag),
            placeholder: self.placeholder,
            values: self.values,
            also: self.also,
            excludes: self.excludes,
            requires: self.requires.map(str::to_owned),
            of_model: self.of_model,
            solver: InSolver::Used,
        }
    }

    /// Sets these with it, unless they are set too.
    pub const fn also(mut self, also: &'static [(&'static str, &'static str)]) -> Self {
        self.also = also;
        self
    }

    /// Has no place beside these arguments.
    pub const fn excludes(mut self, flags: &'static [&'static str]) -> Self {
        self.excludes = flags;
        self
    }

    /// Needs this field beside it.
    pub const fn requires(mut self, path: &'static str) -> Self {
        self.requires = Some(path);
        self
    }

    /// Is decided by the model that a run goes on from.
    pub const fn of_model(mut self) -> Self {
        self.of_model = true;
        self
    }
}

/// A field that an argument sets to its value.
pub const fn own(path: &'static str, flag: Flag, placeholder: &'static str, values: Values) -> Own {
    Own {
        path,
        flag,
        placeholder: Some(placeholder),
        values,
        also: &[],
        excludes: &[],
        requires: None,
        of_model: false,
    }
}

/// A field that an argument alone sets to this JSON.
pub const fn switch(path: &'static str, flag: Flag, json: &'static str) -> Own {
    Own {
        placeholder: None,
        ..own(path, flag, "", Values::Switch(json))
    }
}
