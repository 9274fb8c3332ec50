//! Thalweg trains feed-forward networks by mini-batch gradient descent.
//!
//! This is the crate to depend on: from a table, images or rows in memory to a model that predicts.
//! It prints nothing and never ends the process: what should be known comes as notes, results and
//! errors.
//!
//! From a file, in five lines (a CSV with a header, and columns in any order):
//!
//! ```no_run
//! let model = thalweg::Trainer::from_file("houses.csv").target("price").fit()?;
//! model.save("model.safetensors")?;
//!
//! let model = thalweg::Model::load("model.safetensors")?;
//! let prices = model.predict_file("new.csv")?.values;
//! # Ok::<(), thalweg::Error>(())
//! ```
//!
//! From rows in memory, which are borrowed and trained on as they are:
//!
//! ```
//! use thalweg::dataset::FeaturesRef;
//!
//! // y = x₁ XOR x₂.
//! let (x, y) = ([0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0u32, 1, 1, 0]);
//! let model = thalweg::Trainer::from_rows(FeaturesRef::f32(2, &x), &y[..])
//!     .hidden(&[8])
//!     .learning_rate(0.05)
//!     .epochs(300)
//!     .fit()?;
//! let probabilities = model.predict(FeaturesRef::f32(2, &x))?;
//! assert_eq!(probabilities.len(), 4);
//! # Ok::<(), thalweg::Error>(())
//! ```
//!
//! With a callback that watches and may stop, and a loss of your own:
//!
//! ```
//! use thalweg::losses::{Comparison, Custom, Link, Target};
//! use thalweg::train::Flow;
//!
//! let log_cosh = Custom::new(Link::Identity, Comparison::Values, |z, target, dz| {
//!     let Target::Values(y) = target else { unreachable!("it compares with values") };
//!     dz[0] = (z[0] - y[0]).tanh();
//!     (z[0] - y[0]).cosh().ln()
//! });
//! let model = thalweg::Trainer::from_file("builtin:diabetes")
//!     .own_loss(log_cosh)
//!     .epochs(20)
//!     .on_epoch(|epoch| match epoch.validation_loss {
//!         Some(loss) if loss < 0.2 => Flow::Stop,
//!         _ => Flow::Continue,
//!     })
//!     .fit()?;
//! # Ok::<(), thalweg::Error>(())
//! ```
//!
//! Everything that is not set is chosen by what the data are. [`Trainer::set`] sets any
//! [field](fields) of a [`Config`]; [`Trainer::train`] gives scores, notes and the resolved config
//! beside the model, and [`Trainer::from_config`] trains it again, bit for bit. [`Trainer::folder`]
//! writes config, log, checkpoints and model into a folder; without one nothing is written. A
//! [`Model`] is `Send + Sync` and predicts by `&self`.
//!
//! Below this stand the engine, [`mod@core`], whose modules are re-exported here, and the reading
//! of [`data`].

pub mod advice;
mod averaged;
pub mod budget;
mod by_data;
mod causes;
pub mod checkpoint;
mod classes;
pub mod config;
pub mod continuation;
pub mod cross_validation;
mod drift;
mod ended;
mod ensemble;
pub mod error;
mod facts;
pub mod fields;
pub mod fingerprint;
pub mod fit;
mod footprint;
mod format;
mod front;
mod health;
pub mod importance;
pub mod inspection;
pub mod interval;
pub mod job;
mod judging;
mod leaks;
pub mod learning_curve;
pub mod leave;
pub mod leaves;
mod linear;
mod load;
pub mod log;
mod members;
mod middle;
pub mod model;
pub mod network_file;
mod numbers;
mod options;
mod or_linear;
pub mod origin;
mod outliers;
mod pieces;
mod pinball;
mod places;
pub mod predictions;
pub mod preset;
pub mod provenance;
mod race;
pub mod ranges;
mod recorder;
mod refit;
mod relied_on;
pub mod request;
mod resolve;
mod row_errors;
pub mod rows;
pub mod run_folder;
mod sample;
pub mod scores;
mod selection;
mod side_by_side;
mod smearing;
mod start;
mod storage;
mod temperature;
pub mod text;
mod thinning;
pub mod threads;
pub mod toml_file;
pub mod trainer;
mod verdict;
pub mod watch;
pub mod weights;

pub use config::Config;
pub use cross_validation::CrossValidation;
pub use error::{Error, Result};
pub use job::Job;
pub use learning_curve::LearningCurve;
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
