//! Parts of a table: which rows train, validate or test, with their targets.

use std::borrow::Cow;

use thalweg_core::dataset::Targets;

use crate::error::Result;
use crate::table::{Table, gather};
use crate::target::Target;

/// Some rows of a table with their targets.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// What these rows are, for messages: `training rows`.
    pub name: &'static str,
    /// Indices of rows of the table, in any order; they may repeat.
    pub rows: Cow<'a, [usize]>,
    /// The encoded targets of these rows, in the units of the file. Where absent, they are encoded
    /// when first needed.
    pub targets: Option<Targets>,
}

impl<'a> Part<'a> {
    /// Rows whose targets are not encoded yet.
    pub fn new(name: &'static str, rows: impl Into<Cow<'a, [usize]>>) -> Self {
        let (rows, targets) = (rows.into(), None);
        Self {
            name,
            rows,
            targets,
        }
    }

    /// Rows of a table for all of whose rows the targets are `all`.
    pub fn of(name: &'static str, rows: &'a [usize], all: &Targets) -> Self {
        let targets = match all {
            Targets::Classes(classes) => Targets::Classes(gather(classes, 1, rows)),
            Targets::Values { width, values } => Targets::Values {
                width: *width,
                values: gather(values, *width, rows),
            },
        };
        Self {
            targets: Some(targets),
            ..Self::new(name, rows)
        }
    }

    /// The targets, encoded here if they are not yet.
    pub(crate) fn targets(&self, target: &Target, table: &Table) -> Result<Cow<'_, Targets>> {
        Ok(match &self.targets {
            Some(targets) => Cow::Borrowed(targets),
            None => Cow::Owned(target.encode(table, &self.rows)?),
        })
    }
}
