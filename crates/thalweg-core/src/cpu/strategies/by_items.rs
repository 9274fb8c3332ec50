//! The usual step. After all row blocks and a barrier, each item of θ is one thread's: it computes
//! the item's gradient over the whole batch, sends it through the optimizer and updates the item,
//! all in the first-level cache. The gradient of the whole network never exists.

use crate::cpu::buffer::Buffer;
use crate::cpu::pass::Pass;
use crate::cpu::plan::Plan;
use crate::cpu::precision::Precision;
use crate::cpu::queues::{self, Queues};
use crate::cpu::strategy::Strategy;
use crate::cpu::team::Team;
use crate::cpu::update::{Sums, Update};
use crate::error::Result;

pub(in crate::cpu) struct ByItems<T> {
    /// Room for the gradient of one item, for each member.
    gradients: Buffer<T>,
    length: usize,
    /// Row blocks and items, where a step of a team has no barriers among its row blocks.
    queues: Option<[Queues; 2]>,
}

impl<T: Precision> ByItems<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        let length = plan.item_length();
        let steals = plan.members > 1 && plan.runs.len() == 1;
        Ok(Self {
            gradients: Buffer::new(length * plan.members)?,
            length,
            queues: steals.then(|| [Queues::new(plan.members), Queues::new(plan.members)]),
        })
    }
}

impl<T: Precision> Strategy<T> for ByItems<T> {
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64> {
        if let Some([blocks, items]) = &mut self.queues {
            let (count, members) = (pass.blocks(), pass.plan.members);
            blocks.fill((0..members).map(|member| queues::share(count, member, members)));
            items.fill(pass.plan.shares.iter().cloned());
        }
        let [blocks, items] = match &self.queues {
            Some([blocks, items]) => [Some(blocks), Some(items)],
            None => [None, None],
        };
        pass.queues = blocks;
        let (pass, gradients, length) = (&*pass, self.gradients.share(), self.length);
        team.run(&|member| {
            pass.run(member, sums.losses);
            member.barrier();
            if !sums.loss(pass).is_finite() {
                return;
            }
            let start = member.index * length;
            for index in queues::pieces(items, member, pass.plan.shares[member.index].clone()) {
                // SAFETY: all rows are done, each item is taken once, and each member has room of
                // its own.
                unsafe {
                    let room = gradients.write(start..start + length);
                    pass.update_item(member.index, index, update, room, sums);
                }
            }
        });
        Ok(sums.loss(pass))
    }
}
