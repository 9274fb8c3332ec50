//! Gradients of batches that are cut into groups of rows, and of those that several ranks share.
//!
//! Each group of a rank's rows is a batch of its own for the passes: its gradient does not depend
//! on which rank computes it. Gradients, losses and weights are added up along the tree of
//! [`collective::part`], the groups of a rank in place and then those of all ranks by the
//! [`Collective`]. Without groups a rank's rows are one.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::collective::{self, Alone, Collective};
use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::grouping::Grouping;
use crate::cpu::pass::{Extent, Pass};
use crate::cpu::plan::Plan;
use crate::cpu::precision::Precision;
use crate::cpu::team::{Member, Team};
use crate::engine::Batch;
use crate::error::{Error, Result};

/// The state of [`Grouping`] in a strategy.
pub(super) struct Groups<T> {
    grouping: Grouping,
    /// Sums on the right of the tree, one for each level below the first.
    right: Buffer<T>,
    /// Σ w·l of each group.
    losses: Vec<f64>,
    /// The loss over all ranks, of a step's first and second gradient.
    totals: [f64; 2],
    /// Exchanged before a step: Σw, how many ranks refuse it, and the rows of each.
    message: Vec<f64>,
}

/// The members' views of [`Groups`].
pub(super) struct Views<'a, T> {
    collective: Mutex<(InStep<'a>, Result<()>)>,
    count: usize,
    right: Shared<'a, T>,
    losses: Shared<'a, f64>,
    totals: Shared<'a, f64>,
}

/// The collective during a step. Other ranks wait for this one: it leaves if the step panics.
struct InStep<'a>(&'a mut dyn Collective);

impl Drop for InStep<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.leave();
        }
    }
}

impl<T: Precision> Groups<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan, grouping: Grouping) -> Result<Self> {
        let levels = grouping.groups.next_power_of_two().trailing_zeros() as usize;
        Ok(Self {
            right: Buffer::new(levels * plan.parameters)?,
            losses: vec![0.0; grouping.groups],
            totals: [0.0; 2],
            message: vec![0.0; 2 + grouping.collective.size()],
            grouping,
        })
    }

    /// The gradient of a batch of this rank alone into `gradient`. Returns its loss.
    pub fn local(
        &mut self,
        team: &mut Team,
        pass: &Pass<T>,
        losses: Shared<f64>,
        gradient: Shared<T>,
    ) -> f64 {
        // No other rank waits for it.
        let mut alone = Alone;
        let views = self.views(Some(&mut alone));
        team.run(&|member| views.local_gradient(pass, member, losses, gradient));
        views.local_loss() * pass.scale
    }

    pub fn share(&mut self) -> Views<'_, T> {
        self.views(None)
    }

    /// With another collective, if one is given.
    fn views<'a>(&'a mut self, other: Option<&'a mut dyn Collective>) -> Views<'a, T> {
        let collective = other.unwrap_or(&mut *self.grouping.collective);
        Views {
            count: self.grouping.groups,
            collective: Mutex::new((InStep(collective), Ok(()))),
            right: self.right.share(),
            losses: Shared::new(&mut self.losses),
            totals: Shared::new(&mut self.totals),
        }
    }

    /// The rows of all ranks, of which `batch` is this rank's part.
    ///
    /// # Errors
    /// On every rank if one of them refuses its batch, no rank has rows, or the parts are not those
    /// that they should be.
    pub fn extent(&mut self, batch: &Batch, fits: Result<()>) -> Result<Extent> {
        let Grouping {
            collective,
            groups,
            is_exact,
            ..
        } = &mut self.grouping;
        let (rank, size) = (collective.rank(), collective.size());
        self.message.fill(0.0);
        match &fits {
            Err(_) => self.message[1] = 1.0,
            Ok(()) => {
                let rows = batch.rows.len();
                let weight = |index| {
                    let range = collective::part(rows, index, *groups);
                    batch.part(range).total_weight()
                };
                self.message[0] = sum(0..*groups, &weight);
                self.message[2 + rank] = rows as f64;
            }
        }
        collective.all_reduce_f64(&mut self.message)?;
        fits?;
        let refuse = |found: String, expected: &str| Err(Error::invalid("batch", found, expected));
        if self.message[1] > 0.0 {
            return refuse(
                "one on another rank that does not fit".into(),
                "batches that fit",
            );
        }
        let counts = self.message[2..].iter().map(|rows| *rows as usize);
        let rows = counts.clone().sum();
        if rows == 0 {
            return refuse("none".into(), "rows with targets to learn from");
        }
        let is_part = |(rank, count)| collective::part(rows, rank, size).len() == count;
        if *is_exact && !counts.clone().enumerate().all(is_part) {
            let found = format!(
                "{} of {rows} rows on rank {rank} of {size}",
                batch.rows.len()
            );
            return refuse(found, "on each rank its `collective::part` of the rows");
        }
        Ok(Extent {
            first: counts.take(rank).sum(),
            rows,
            weight: self.message[0],
        })
    }
}

impl<T: Precision> Views<'_, T> {
    /// The gradient of all ranks' rows into `gradient`, and the loss, for a step's first or second
    /// gradient. Returns whether both are there and the loss is finite. Ends at a barrier.
    pub fn gradient(
        &self,
        pass: &Pass<T>,
        member: Member,
        losses: Shared<f64>,
        gradient: Shared<T>,
        which: usize,
    ) -> bool {
        self.local_gradient(pass, member, losses, gradient);
        if member.index == 0 {
            // SAFETY: past the barrier, where the others wait for the next one.
            let (total, gradient) = unsafe {
                let gradient = gradient.write(0..pass.plan.parameters);
                (self.totals.write(which..which + 1), gradient)
            };
            let lock = self.collective.lock();
            let mut lock = lock.unwrap_or_else(PoisonError::into_inner);
            let (collective, outcome) = &mut *lock;
            total[0] = self.local_loss();
            *outcome = collective.0.all_reduce_f64(total).and_then(|()| {
                total[0] *= pass.scale;
                match total[0].is_finite() {
                    true => T::all_reduce(&mut *collective.0, gradient),
                    false => Ok(()),
                }
            });
            if outcome.is_err() {
                total[0] = f64::NAN;
            }
        }
        member.barrier();
        // SAFETY: past the barrier.
        unsafe { self.totals.read(which..which + 1)[0] }.is_finite()
    }

    /// The loss of a step, once its members are done.
    ///
    /// # Errors
    /// If ranks could not be reached.
    pub fn finish(self) -> Result<f64> {
        let lock = self.collective.into_inner();
        lock.unwrap_or_else(PoisonError::into_inner).1?;
        // SAFETY: the members are done.
        Ok(unsafe { self.totals.read(0..1)[0] })
    }

    /// The gradient of this rank's rows into `gradient`. Ends at a barrier.
    fn local_gradient(
        &self,
        pass: &Pass<T>,
        member: Member,
        losses: Shared<f64>,
        gradient: Shared<T>,
    ) {
        pass.prepare(member);
        self.add_up(pass, member, losses, 0..self.count, gradient, 0);
        member.barrier();
    }

    /// Σ w·l of this rank's rows, behind that barrier.
    fn local_loss(&self) -> f64 {
        // SAFETY: past the barrier, and before the next gradient.
        let losses = unsafe { self.losses.read(0..self.count) };
        sum(0..self.count, &|index| losses[index])
    }

    /// Σ of the gradients of some groups, into `first` or into the room of a level below it.
    fn add_up(
        &self,
        pass: &Pass<T>,
        member: Member,
        losses: Shared<f64>,
        groups: Range<usize>,
        first: Shared<T>,
        level: usize,
    ) {
        let length = pass.plan.parameters;
        let own = || pass.plan.items[pass.plan.shares[member.index].clone()].iter();
        // SAFETY: the items of a member are its own.
        let room = |level: usize, range: &Range<usize>| unsafe {
            match level {
                0 => first.write(range.clone()),
                _ => {
                    let start = (level - 1) * length;
                    self.right.write(start + range.start..start + range.end)
                }
            }
        };
        if groups.len() > 1 {
            let middle = groups.start + groups.len() / 2;
            self.add_up(pass, member, losses, groups.start..middle, first, level);
            self.add_up(pass, member, losses, middle..groups.end, first, level + 1);
            for item in own() {
                let (sum, right) = (room(level, &item.range), room(level + 1, &item.range));
                sum.iter_mut()
                    .zip(right)
                    .for_each(|(sum, right)| *sum += *right);
            }
            return;
        }
        let rows = collective::part(pass.batch.rows.len(), groups.start, self.count);
        let batch = pass.batch.part(rows.clone());
        let pass = pass.part(&batch, rows.start);
        let mut loss = 0.0;
        if rows.is_empty() {
            own().for_each(|item| room(level, &item.range).fill(T::ZERO));
        } else {
            pass.run_prepared(member, losses);
            member.barrier();
            // SAFETY: all rows are done, and none is begun before the barrier.
            unsafe {
                loss = losses.read(0..pass.blocks()).iter().sum::<f64>();
                for item in own() {
                    pass.gradient(member.index, item, room(level, &item.range));
                }
            }
        }
        if member.index == 0 {
            // SAFETY: the caller alone writes it.
            unsafe { self.losses.write(groups.start..groups.end)[0] = loss };
        }
        member.barrier();
    }
}

/// Σ of the values of some groups, along the tree of the gradients.
fn sum(groups: Range<usize>, value: &impl Fn(usize) -> f64) -> f64 {
    match groups.len() {
        1 => value(groups.start),
        count => {
            let middle = groups.start + count / 2;
            sum(groups.start..middle, value) + sum(middle..groups.end, value)
        }
    }
}
