//! How a step is run: a [`Strategy`] is chosen when the engine is made (`strategies/`).

use super::buffer::Shared;
use super::pass::{Extent, Pass};
use super::precision::Precision;
use super::team::Team;
use super::update::{Sums, Update};
use crate::engine::Batch;
use crate::error::Result;

/// How a step is run. It owns the buffers that it alone needs.
pub(super) trait Strategy<T: Precision>: Send {
    /// The rows of all ranks, of which a batch is this rank's part; `fits` says whether it can be
    /// trained on.
    ///
    /// # Errors
    /// On every rank if one of them refuses its batch.
    fn extent(&mut self, batch: &Batch, fits: Result<()>) -> Result<Extent> {
        fits.map(|()| Extent::of(batch))
    }

    /// Forward, backward and update. Returns the loss; if that is not finite, θ is as before.
    ///
    /// # Errors
    /// If other ranks cannot be reached.
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64>;

    /// Room for the gradients of the row blocks, where these are added up.
    fn partials(&mut self) -> Option<Shared<'_, T>> {
        None
    }

    /// The rows that members have gathered ahead.
    #[cfg(test)]
    fn ahead(&self) -> &[super::pass::Ahead] {
        &[]
    }

    /// The gradient of the batch into `room`, laid out as θ, without an update. Returns the loss.
    fn gradient<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        sums: Sums,
        room: Shared<T>,
    ) -> f64 {
        pass.partials = self.partials();
        gradient(team, pass, sums, room)
    }
}

/// The gradient of a batch from one pass over its rows, by the whole team. Returns the loss.
pub(super) fn gradient<T: Precision>(
    team: &mut Team,
    pass: &Pass<T>,
    sums: Sums,
    gradient: Shared<T>,
) -> f64 {
    team.run(&|member| {
        pass.run(member, sums.losses);
        member.barrier();
        for item in &pass.plan.items[pass.plan.shares[member.index].clone()] {
            // SAFETY: all rows are done, and each item has one member.
            unsafe { pass.gradient(member.index, item, gradient.write(item.range.clone())) };
        }
    });
    sums.loss(pass)
}
