//! As by row blocks, where the sums are so small ([`Plan::caller_updates`]) that the caller adds
//! them up and updates θ alone. The others signal it and gather the rows of their first block of
//! the next step meanwhile, so a step has no barrier, and cache-coherence traffic passes while
//! every core works.

use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::pass::{Ahead, Pass};
use crate::cpu::plan::Plan;
use crate::cpu::precision::Precision;
use crate::cpu::queues::{self, Queues};
use crate::cpu::strategy::Strategy;
use crate::cpu::team::Team;
use crate::cpu::update::{Sums, Update};
use crate::error::Result;

pub(super) struct CallerUpdates<T> {
    /// The gradient of each row block.
    partials: Buffer<T>,
    /// Room for the gradient of one item.
    gradient: Buffer<T>,
    queues: Queues,
    ahead: Vec<Ahead>,
}

impl<T: Precision> CallerUpdates<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        let ahead = |_| Ahead::with_capacity(plan.blocking.rows);
        Ok(Self {
            partials: Buffer::new(plan.partials())?,
            gradient: Buffer::new(plan.item_length())?,
            queues: Queues::new(plan.members),
            ahead: (0..plan.members).map(ahead).collect(),
        })
    }
}

impl<T: Precision> Strategy<T> for CallerUpdates<T> {
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64> {
        let (count, members) = (pass.blocks(), pass.plan.members);
        let shares = (0..members).map(|member| queues::share(count, member, members));
        self.queues.fill(shares);
        pass.queues = Some(&self.queues);
        pass.partials = Some(self.partials.share());
        pass.ahead = Some(Shared::new(&mut self.ahead));
        let (pass, gradient) = (&*pass, self.gradient.share());
        let length = pass.plan.item_length();
        team.run(&|member| {
            pass.run(member, sums.losses);
            if member.index > 0 {
                member.signal();
                // SAFETY: the member has done its blocks, and the caller reads nothing but their
                // gradients.
                return unsafe { pass.gather_ahead(member) };
            }
            member.wait_for_all();
            if sums.loss(pass).is_finite() {
                for index in 0..pass.plan.items.len() {
                    // SAFETY: all rows are done, and the caller alone updates.
                    unsafe {
                        let room = gradient.write(0..length);
                        pass.update_item(0, index, update, room, sums);
                    }
                }
            }
        });
        Ok(sums.loss(pass))
    }

    #[cfg(test)]
    fn ahead(&self) -> &[Ahead] {
        &self.ahead
    }

    fn partials(&mut self) -> Option<Shared<'_, T>> {
        Some(self.partials.share())
    }
}
