//! What reading a source returns.

use crate::error::Note;
use crate::table::Table;

/// The tables of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The rows, or the training rows where the source has an official test part.
    pub train: Table,
    /// The official test part.
    pub test: Option<Table>,
    /// What the user should know.
    pub notes: Vec<Note>,
}

impl From<Table> for Loaded {
    fn from(train: Table) -> Self {
        Self {
            train,
            test: None,
            notes: Vec::new(),
        }
    }
}
