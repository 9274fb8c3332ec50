//! Delimited text: records, dialect, and typed columns.

pub mod builder;
pub mod cell;
mod counting;
pub mod decimal;
pub mod dialect;
mod ends;
pub mod layout;
pub mod parallel;
pub mod records;
pub mod start;
pub mod write;
