//! Delimited text: records, dialect, and typed columns.

pub mod builder;
pub mod dialect;
pub mod parallel;
pub mod records;
pub mod write;
