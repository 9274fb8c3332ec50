//! Where θ is small beside what a row block leaves behind ([`Plan::saves_traffic`]), every block
//! computes the gradient of its own rows while they are in its core's caches, and the items add
//! these up in the order of the blocks. No row is read again, so the blocks of a member share one
//! place in the arena. Networks of one run only: where rows are coupled, a gradient needs the
//! batch.

use super::by_items::ByItems;
use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::pass::Pass;
use crate::cpu::plan::Plan;
use crate::cpu::precision::Precision;
use crate::cpu::strategy::Strategy;
use crate::cpu::team::Team;
use crate::cpu::update::{Sums, Update};
use crate::error::Result;

pub(super) struct ByBlocks<T> {
    /// The gradient of each row block.
    partials: Buffer<T>,
    items: ByItems<T>,
}

impl<T: Precision> ByBlocks<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            partials: Buffer::new(plan.partials())?,
            items: ByItems::new(plan)?,
        })
    }
}

impl<T: Precision> Strategy<T> for ByBlocks<T> {
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64> {
        pass.partials = Some(self.partials.share());
        self.items.step(team, pass, update, sums)
    }

    fn partials(&mut self) -> Option<Shared<'_, T>> {
        Some(self.partials.share())
    }
}
