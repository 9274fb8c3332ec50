//! The engine's tests in one program: they share what it links, and run side by side.
//! `allocation` and `memory` have programs of their own, since they watch the whole process.

mod augmentation;
mod batches;
mod bf16;
mod block_files;
mod by_layer;
mod catalogue;
mod collective;
mod common;
mod continuing;
mod descent;
mod determinism;
mod factors;
mod failures;
mod gradients;
mod inspection;
mod interrupted;
mod layers;
mod learning;
mod metrics;
mod missing_targets;
mod models;
mod oracles;
mod quantile;
mod refusals;
mod refused_layers;
mod rules;
mod search;
mod second_order;
mod solvers;
mod sources;
mod stopping;
mod training;
mod untrained;
mod weights;
mod whole_gradient;
