//! The worked examples with known answers, to the last digits, and the programs in `examples/` that print them.

#![allow(
    clippy::duplicate_mod,
    reason = "every example is a program with a `common` of its own"
)]

#[path = "../../../thalweg-core/tests/common/mod.rs"]
mod common;
mod descents;
mod learning;
mod neurons;
mod programs;
