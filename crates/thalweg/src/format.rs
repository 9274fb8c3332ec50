//! Versions of what is written: model file, config, checkpoint and log say which format they have.

use std::fmt::Display;

use crate::error::{Result, input};

/// Refuses a format that is not known; one from before formats were written is fine.
///
/// # Errors
/// Names the subject, the two formats, and what to do.
pub(crate) fn check(subject: impl Display, found: Option<u64>, known: u32) -> Result<()> {
    match found {
        Some(0) => Err(input(format!(
            "{subject}: found format 0, expected 1 to {known}; leave `format` out of a file from before formats"
        ))),
        Some(found) if found > u64::from(known) => Err(input(format!(
            "{subject}: written by a newer Thalweg (format {found}); this one reads up to {known}: update"
        ))),
        _ => Ok(()),
    }
}
