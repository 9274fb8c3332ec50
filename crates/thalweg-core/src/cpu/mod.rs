//! The engine for CPUs.

mod buffer;
mod build;
mod cores;
mod engine;
mod grouping;
mod inspect;
mod network;
mod operations;
mod pass;
mod plan;
mod precision;
mod predict;
mod queues;
mod second_order;
mod strategies;
mod strategy;
mod team;
mod twin;
mod update;

pub use build::{engine, engine_to_load, engine_with_collective, engine_with_loss};
pub use predict::Predictor;

#[cfg(test)]
mod tests;
