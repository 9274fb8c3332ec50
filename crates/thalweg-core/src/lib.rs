//! Thalweg trains feed-forward networks by mini-batch gradient descent.
//!
//! This crate is the engine: what a network is ([`spec`], [`registry`]), how a step runs
//! ([`engine`], [`cpu`]), the training loop ([`mod@train`]) and the model file ([`model_file`]). It
//! opens no files and prints nothing. `thalweg-data` makes [`dataset::Dataset`]s from files.

pub mod activations;
pub mod augmentations;
pub mod average;
pub mod collective;
pub mod constraints;
pub mod cpu;
pub mod dataset;
pub mod engine;
pub mod error;
pub mod initializers;
mod kernels;
pub mod layers;
pub mod losses;
pub mod memory;
pub mod metrics;
pub mod model_file;
pub mod observe;
pub mod optimizers;
pub mod order;
pub mod precision;
pub mod random;
pub mod registry;
mod resolve;
pub mod schedules;
pub mod search;
pub mod shape;
mod shuffle;
pub mod solvers;
pub mod source;
pub mod sparse;
pub mod spec;
pub mod train;

pub use error::{Error, Result};
/// For `thalweg-bench` alone.
#[doc(hidden)]
pub use kernels::probe;
pub use kernels::{Arch, Isa, Scalar};
