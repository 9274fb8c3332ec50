//! A pass over a batch, as every member of the team runs it.
//!
//! Each member takes its row blocks forward through all layers, through the loss, and back to the
//! gradient of every layer's output, with the block's activations in the caches of one core. A
//! layer that couples rows cuts the network into runs of layers: before it, each block writes
//! partial statistics; after a barrier every member reduces them in block order, and goes on. The
//! same happens in the backward pass.
//!
//! Every number is computed by one thread in an order that the plan fixes, so the number of threads
//! changes no bit.

pub(super) mod augment;
mod couple;
mod gather;
mod layers;
mod one_row;

use std::ops::{Deref, Range};

use super::buffer::Shared;
use super::plan::{Blocking, Plan, PlannedLayer};
use super::precision::Precision;
use super::queues::{self, Queues};
use super::team::Member;
use crate::augmentations::Augmenter;
use crate::dataset::TargetsRef;
use crate::engine::{Batch, Rows};
use crate::kernels::Isa;
use crate::layers::{Direction, Mode, Order};
use crate::losses::{AnyLoss, LossRows, TargetRows, members};

/// What a forward pass over a batch reads and writes: enough for predictions.
#[derive(Clone, Copy)]
pub(super) struct Forward<'a, T> {
    pub isa: Isa,
    pub plan: &'a Plan,
    pub batch: &'a Batch<'a>,
    /// Position of its first row among those of all ranks.
    pub first: usize,
    pub mode: Mode,
    /// Rows of activations, gradients and stashes: see [`PlannedLayer`].
    pub arena: Shared<'a, T>,
    /// Gathered targets, in whichever form the dataset has them, and weights.
    pub values: Shared<'a, T>,
    pub classes: Shared<'a, u32>,
    pub weights: Shared<'a, T>,
    pub parameters: Shared<'a, T>,
    pub derived: Shared<'a, T>,
    /// Numbers that layers prepared.
    pub prepared: Shared<'a, f64>,
    /// Partial statistics of the row blocks, forward and backward, and for each member those of the
    /// batch.
    pub block_statistics: Shared<'a, f64>,
    pub statistics: Shared<'a, f64>,
}

/// A forward pass, and what the loss and the backward pass need beside it.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a, T> {
    pub forward: Forward<'a, T>,
    pub loss: &'a dyn AnyLoss,
    /// How rows are changed before the network sees them, if they are.
    pub augmenting: Option<Augmenting<'a>>,
    /// 1/Σw of the batch.
    pub scale: f64,
    /// What multiplies Σ w·∇l: in an update 1/(mean weight · rows), else 1/Σw; without the rows for
    /// the gradient of the sum.
    pub gradient_scale: f64,
    /// The gradient of each row block, where these are added up: see [`Plan::adds_blocks`].
    pub partials: Option<Shared<'a, T>>,
    /// Passes of the engine so far, this one included.
    pub number: u64,
    /// What each member has gathered ahead, if members do.
    pub ahead: Option<Shared<'a, Ahead>>,
    /// Row blocks, if members may take them from each other.
    pub queues: Option<&'a Queues>,
}

impl<'a, T> Deref for Pass<'a, T> {
    type Target = Forward<'a, T>;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.forward
    }
}

/// The rows of all ranks in a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Position of this rank's first row among them.
    pub first: usize,
    pub rows: usize,
    /// Σw.
    pub weight: f64,
}

impl Extent {
    /// Of a batch of one rank.
    #[inline]
    pub fn of(batch: &Batch) -> Self {
        Self {
            first: 0,
            rows: batch.rows.len(),
            weight: batch.total_weight(),
        }
    }
}

/// The augmentation of one update.
#[derive(Clone, Copy)]
pub(super) struct Augmenting<'a> {
    pub augmenter: &'a Augmenter,
    pub seed: u64,
    pub step: u64,
}

/// Listed rows that a member will gather after a block, to be prefetched. Contiguous rows are left
/// to the hardware prefetcher.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upcoming<'a>(&'a [u32]);

impl<'a> Upcoming<'a> {
    /// No rows are known.
    pub const UNKNOWN: Self = Upcoming(&[]);

    /// `rows` from position `first` on.
    pub fn of(rows: Rows<'a>, first: usize) -> Self {
        match rows {
            Rows::Listed(rows) => Upcoming(rows.get(first..).unwrap_or_default()),
            Rows::Range(..) => Self::UNKNOWN,
        }
    }
}

/// The first row block of the next step, which a member gathered while the caller updated θ.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Ahead {
    /// The pass that it is for: any other pass may write over the arena.
    pass: u64,
    /// Where features, targets and weights come from, and the generation of what is there.
    sources: [usize; 3],
    generation: u64,
    /// The rows, in their order.
    rows: Vec<u32>,
}

impl Ahead {
    /// For blocks of so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Whether it is for this pass.
    #[cfg(test)]
    pub fn is_for(&self, pass: u64) -> bool {
        self.pass == pass
    }
}

/// Consecutive rows of the batch, and where in the arena they are worked on.
#[derive(Debug, Clone)]
pub(super) struct RowBlock {
    /// Its number.
    pub index: usize,
    /// Positions in the batch.
    pub rows: Range<usize>,
    /// First row in the arena, and how many have room there: see [`Plan::room`].
    pub place: usize,
    pub room: usize,
    /// Who works on it.
    pub member: usize,
}

impl RowBlock {
    /// Where values of its rows lie that begin at `start`.
    pub fn values(&self, start: usize, stride: usize) -> Range<usize> {
        let first = start + self.place * stride;
        first..first + self.rows.len() * stride
    }

    /// The same as a layer sees it: whole packs, if it may take its rows in packs.
    pub fn values_for(&self, planned: &PlannedLayer, start: usize, stride: usize) -> Range<usize> {
        let values = self.values(start, stride);
        match planned.facts.order {
            Order::Rows => values,
            Order::Packs | Order::Any => values.start..values.start + self.room * stride,
        }
    }

    /// Where its rows lie among values of so many a row.
    pub fn places(&self, width: usize) -> Range<usize> {
        self.place * width..(self.place + self.rows.len()) * width
    }
}

impl<'a, T: Precision> Forward<'a, T> {
    /// The row blocks that a member works on: those that it takes from queues, or else its share.
    #[inline]
    pub fn row_blocks(
        &self,
        blocking: Blocking,
        member: Member<'a>,
        queues: Option<&'a Queues>,
    ) -> impl Iterator<Item = RowBlock> + 'a {
        let (plan, rows) = (self.plan, self.batch.rows.len());
        let own = queues::share(blocking.count(rows), member.index, member.count());
        let member_index = member.index;
        queues::pieces(queues, member, own)
            .map(move |index| row_block(plan, blocking, rows, index, member_index))
    }

    /// All rows of the batch as one block, for a member.
    pub fn all_rows(&self, member: usize) -> RowBlock {
        let rows = self.batch.rows.len();
        RowBlock {
            index: 0,
            rows: 0..rows,
            place: 0,
            room: self.plan.room(rows),
            member,
        }
    }
}

/// Block number `index` of a batch of so many rows, as a member works on it.
#[inline]
pub(super) fn row_block(
    plan: &Plan,
    blocking: Blocking,
    rows: usize,
    index: usize,
    member: usize,
) -> RowBlock {
    let start = index * blocking.rows;
    debug_assert!(
        start.is_multiple_of(4),
        "layers may pair rows 2k and 2k + 1"
    );
    let end = rows.min(start + blocking.rows);
    RowBlock {
        index,
        rows: start..end,
        place: match blocking.reuses_room {
            true => member * blocking.rows,
            false => start,
        },
        room: plan.room(end - start),
        member,
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Row blocks of the batch.
    pub fn blocks(&self) -> usize {
        self.plan.blocking.count(self.batch.rows.len())
    }

    /// Whether targets are mixed, so that classes become values.
    fn mixes(&self) -> bool {
        let augmenting = self.augmenting.as_ref();
        augmenting.is_some_and(|augmenting| augmenting.augmenter.mixes())
    }

    /// Σ w·l of a block that went forward, of several members the mean; leaves the gradient of the
    /// last layer's output in the arena.
    ///
    /// # Safety
    /// No other thread works on these rows of the arena.
    pub unsafe fn loss(&self, block: &RowBlock) -> f64 {
        let (stride, count) = (self.plan.output_stride, self.plan.ensemble);
        // SAFETY: the caller's promise.
        unsafe {
            let dz = self
                .arena
                .write(block.values(self.plan.output_gradient, stride));
            members::value_grad(T::loss(self.loss), count, self.loss_rows(block), dz)
        }
    }

    /// What the loss sees of a block that went forward.
    ///
    /// # Safety
    /// No thread writes the block's output and what was gathered.
    pub(super) unsafe fn loss_rows(&self, block: &RowBlock) -> LossRows<'_, T> {
        let stride = self.plan.output_stride;
        // SAFETY: the caller's promise.
        unsafe {
            LossRows {
                isa: self.isa,
                rows: block.rows.len(),
                outputs: self.plan.outputs,
                stride,
                z: self.arena.read(block.values(self.plan.output, stride)),
                targets: match self.batch.targets {
                    Some(TargetsRef::Classes(_)) if !self.mixes() => {
                        TargetRows::Classes(self.classes.read(block.places(1)))
                    }
                    _ => TargetRows::Values(self.values.read(block.places(self.plan.outputs))),
                },
                weights: match self.batch.weights {
                    Some(_) => Some(self.weights.read(block.places(1))),
                    None => None,
                },
                scale: self.gradient_scale,
            }
        }
    }

    /// The pass over a part of its batch that begins at position `start`.
    pub fn part<'a>(&'a self, batch: &'a Batch<'a>, start: usize) -> Pass<'a, T> {
        Pass {
            forward: Forward {
                first: self.first + start,
                batch,
                ..self.forward
            },
            ..*self
        }
    }

    /// A member's row blocks, forward and back. Leaves Σ w·l of each block in `losses`.
    #[inline]
    pub fn run(&self, member: Member, losses: Shared<f64>) {
        self.prepare(member);
        self.run_prepared(member, losses);
    }

    /// The same where layers are prepared: see [`Forward::prepare`].
    pub fn run_prepared(&self, member: Member, losses: Shared<f64>) {
        if let (true, Some(gradient)) = (self.plan.takes_one_row, self.partials) {
            // SAFETY: such a plan has one member.
            unsafe { losses.write(0..1)[0] = self.one_row(gradient) };
            return;
        }
        let own = queues::share(self.blocks(), member.index, member.count());
        let mine = || self.row_blocks(self.plan.blocking, member, self.queues);
        let last = self.plan.runs.len() - 1;
        for (run, steps) in self.plan.runs.iter().enumerate() {
            if let Some(planned) = self.coupling(run) {
                member.barrier();
                // SAFETY: past the barrier; a member's statistics are its own.
                unsafe { self.combine(planned, Direction::Forward, member.index) };
            }
            for block in mine() {
                // SAFETY: blocks do not overlap, each has one member, and parameters change only
                // when all blocks are done.
                unsafe {
                    if run == 0 {
                        self.gather(&block, self.upcoming(&own, block.index));
                    }
                    for step in &self.plan.steps[steps.clone()] {
                        self.step_forward(step, &block);
                    }
                    if run == last {
                        losses.write(block.index..block.index + 1)[0] = self.loss(&block);
                        self.run_backward(run, &block);
                        self.keep_gradient(&block);
                    } else if let Some(planned) = self.coupling(run + 1) {
                        self.summarize(planned, Direction::Forward, &block);
                    }
                }
            }
        }
        for run in (0..last).rev() {
            if let Some(planned) = self.coupling(run + 1) {
                member.barrier();
                // SAFETY: as above.
                unsafe { self.combine(planned, Direction::Backward, member.index) };
            }
            for block in mine() {
                // SAFETY: as above.
                unsafe {
                    self.step_backward(&self.plan.steps[self.plan.runs[run + 1].start], &block);
                    self.run_backward(run, &block);
                }
            }
        }
    }

    /// Takes a block back through a run, up to the layer that couples rows, for which it writes
    /// statistics.
    ///
    /// # Safety
    /// As for [`Pass::step_backward`].
    unsafe fn run_backward(&self, run: usize, block: &RowBlock) {
        let coupling = self.coupling(run);
        let steps = &self.plan.steps[self.plan.runs[run].clone()];
        let steps = &steps[usize::from(coupling.is_some())..];
        // SAFETY: the caller's promise.
        unsafe {
            for step in steps.iter().rev() {
                self.step_backward(step, block);
            }
            if let Some(planned) = coupling {
                self.summarize(planned, Direction::Backward, block);
            }
        }
    }
}
