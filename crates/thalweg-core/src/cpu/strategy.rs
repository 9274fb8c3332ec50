//! How a step is run: a [`Strategy`] is chosen when the engine is made (`strategies/`).

use super::buffer::Shared;
use super::pass::Pass;
use super::precision::Precision;
use super::team::Team;
use super::update::{Sums, Update};

/// One way to run a step. It owns the buffers that it alone needs.
pub(super) trait Strategy<T: Precision>: Send {
    /// Forward, backward and update. Returns the loss; if that is not finite, θ is as before.
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> f64;

    /// Room for the gradients of the row blocks, where these are added up.
    fn partials(&mut self) -> Option<Shared<'_, T>> {
        None
    }

    /// The rows that members have gathered ahead.
    #[cfg(test)]
    fn ahead(&self) -> &[super::pass::Ahead] {
        &[]
    }

    /// The gradient of the batch, laid out as θ, without an update. Returns the loss.
    fn gradient<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        sums: Sums,
        gradient: Shared<T>,
    ) -> f64 {
        pass.partials = self.partials();
        let pass = &*pass;
        team.run(&|member| {
            pass.run(member, sums.losses);
            member.barrier();
            for item in &pass.plan.items[pass.plan.shares[member.index].clone()] {
                // SAFETY: all rows are done, and each item has one member.
                unsafe {
                    pass.gradient(member.index, item, gradient.write(item.range.clone()));
                }
            }
        });
        sums.loss(pass)
    }
}
