//! Thalweg trains feed-forward networks by mini-batch gradient descent.
//!
//! This is the crate to depend on. It has the engine (`thalweg-core`), the reading of data (`thalweg-data`), and what a
//! run is: its config, preset, model file, checkpoint, scores and folder. It prints nothing and never ends the process.

pub mod advice;
pub mod checkpoint;
pub mod config;
pub mod continuation;
pub mod error;
pub mod fields;
pub mod fit;
mod footprint;
mod format;
pub mod job;
mod load;
pub mod log;
pub mod model;
pub mod network_file;
pub mod predictions;
pub mod preset;
mod recorder;
pub mod request;
mod resolve;
pub mod rows;
pub mod run_folder;
pub mod scores;
pub mod text;
pub mod threads;
pub mod toml_file;
pub mod trainer;

pub use config::Config;
pub use error::{Error, Result};
pub use job::Job;
pub use model::Model;
pub use request::Request;
pub use thalweg_core as core;
pub use thalweg_core::*;
pub use thalweg_data as data;
pub use trainer::Trainer;

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
