//! The numbers of other programs: golden files of `oracles/`, made by code that shares nothing with
//! this.
//!
//! Every golden case is compared. A new entry needs none: derivatives are compared with finite
//! differences, and what has none is tested beside its entry.

mod activations;
mod initializers;
mod layers;
mod linear;
mod losses;
mod members;
mod networks;
mod optimizers;
mod schedules;
mod second_order;

use thalweg_core::Isa;

fn instruction_sets() -> impl Iterator<Item = Isa> {
    Isa::available()
}
