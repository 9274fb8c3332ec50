//! Thalweg's side of every benchmark: [`workloads`], their [`data`], how they are trained and timed
//! ([`trainer`]), and the limits of the machine ([`machine`], [`products`]).
//!
//! `thalweg bench` prints it; `cargo xtask bench` compares it with peers. Rates are compared with a roofline: a row costs
//! floating-point operations and bytes, the machine has a peak of each, and the slower of the two is the bound.

pub mod data;
pub mod machine;
pub mod products;
pub mod trainer;
pub mod workloads;

pub use data::Data;
pub use machine::{Clock, Limits};
pub use trainer::{Epoch, Spread, Trainer};
pub use workloads::{Goal, Peer, RowKind, WORKLOADS, Workload};
