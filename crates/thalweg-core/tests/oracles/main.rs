//! The numbers of other programs: golden files of `oracles/`, made by code that shares nothing with this.
//!
//! Every golden case is compared, and an entry of a registry without a golden case fails.

mod activations;
#[path = "../common/mod.rs"]
mod common;
mod initializers;
mod layers;
mod linear;
mod losses;
mod networks;
mod optimizers;
mod schedules;
mod second_order;

use thalweg_core::Isa;

fn instruction_sets() -> impl Iterator<Item = Isa> {
    Isa::available()
}
