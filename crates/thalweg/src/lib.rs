//! Thalweg trains feed-forward networks by mini-batch gradient descent.
//!
//! This is the crate to depend on. It has the engine (`thalweg-core`) and the reading of data (`thalweg-data`).

pub use thalweg_core::*;
pub use thalweg_data as data;

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
