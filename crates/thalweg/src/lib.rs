//! Thalweg trains feed-forward networks by mini-batch gradient descent.
//!
//! This crate is the engine: what a network is ([`registry`], `spec`), how a step runs, the training
//! loop and the model file. It opens no files and prints nothing.

pub mod activations;
pub mod cpu;
pub mod dataset;
pub mod engine;
pub mod error;
pub mod initializers;
pub mod kernels;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod model_file;
pub mod observe;
pub mod optimizers;
pub mod precision;
pub mod random;
pub mod registry;
pub mod schedules;
pub mod spec;
pub mod train;

pub use error::{Error, Result};
