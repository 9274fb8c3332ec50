//! Thalweg trains feed-forward networks by mini-batch gradient descent.
//!
//! This crate is the engine: what a network is ([`registry`], `spec`), how a step runs, the training
//! loop and the model file. It opens no files and prints nothing.

pub mod dataset;
pub mod error;
pub mod random;
pub mod registry;

pub use error::{Error, Result};
