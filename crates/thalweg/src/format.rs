//! Versions of what is written: model file, config, checkpoint and log say which format they have.

use std::fmt::Display;

use crate::error::{Result, input};

/// Refuses a newer format than the one that is known; one from before formats were written is fine.
///
/// # Errors
/// Names the subject, the two formats, and what to do.
pub(crate) fn check(subject: impl Display, found: Option<u64>, known: u32) -> Result<()> {
    match found {
        Some(found) if found > u64::from(known) => Err(input(format!(
            "{subject}: written by a newer Thalweg (format {found}); this one reads up to {known}: update"
        ))),
        _ => Ok(()),
    }
}
