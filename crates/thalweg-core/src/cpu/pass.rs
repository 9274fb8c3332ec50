//! One step, as every member of the team runs it.
//!
//! 1. Row blocks: gather, forward through all layers, loss, and back to every dz, with the block's
//!    activations in the caches of one core. Each member has neighbouring blocks (`deal.rs`).
//! 2. The team meets.
//! 3. Items of θ: the gradient over the whole batch, in the order of the rows; the optimizer; the descent;
//!    derived values. Each item belongs to one member. Where θ is small, part 1 ends with the gradient of the block's own
//!    rows, and part 3 adds these up.
//!
//! A layer that couples rows cuts part 1 into runs of layers: before it, each block tells what its rows have to
//! tell; the team meets, and each member puts the whole together for itself, in the order of the blocks. So it goes
//! on the way back. Networks without such layers have one run and no more meetings than stand above.
//!
//! Every number is computed by one thread in an order that the plan fixes, so the number of threads
//! changes no bit.

use std::ops::Range;

use super::augment::Augmenting;
use super::buffer::Shared;
use super::deal::{self, Deal};
use super::gather::{Ahead, Upcoming};
use super::plan::{Plan, PlannedLayer};
use super::precision::Precision;
use super::team::Member;
use super::unfold::Step;
use crate::dataset::TargetsRef;
use crate::engine::Batch;
use crate::kernels::Isa;
use crate::layers::{Block, Direction, Mode, Order, Trace, Weights};
use crate::losses::{AnyLoss, LossRows, TargetRows};

/// What a pass over a batch reads and writes.
pub(super) struct Pass<'a, T> {
    pub isa: Isa,
    pub plan: &'a Plan,
    pub loss: &'a dyn AnyLoss,
    pub batch: Batch<'a>,
    pub mode: Mode,
    /// How rows are changed before the network sees them, if they are.
    pub augmenting: Option<Augmenting<'a>>,
    /// 1/Σw of the batch.
    pub scale: f64,
    /// The same, or 1 for the gradient of the sum.
    pub gradient_scale: f64,
    /// Rows of activations, gradients and stashes: see `PlannedLayer`.
    pub arena: Shared<'a, T>,
    /// Gathered targets, in whichever form the dataset has them, and weights.
    pub values: Shared<'a, T>,
    pub classes: Shared<'a, u32>,
    pub weights: Shared<'a, T>,
    pub parameters: Shared<'a, T>,
    pub derived: Shared<'a, T>,
    /// Numbers that layers prepared.
    pub prepared: Shared<'a, f64>,
    /// What the row blocks told, block by block, and for each member what the batch told, forward and backward.
    pub summaries: Shared<'a, f64>,
    pub totals: Shared<'a, f64>,
    /// The gradient of each row block, where they are added up: see [`Plan::saves_traffic`].
    pub partials: Shared<'a, T>,
    /// Passes of the engine so far, this one included.
    pub number: u64,
    /// What each member has gathered ahead, if they do.
    pub ahead: Option<Shared<'a, Ahead>>,
    /// The row blocks as they are dealt out, if members may take them from each other.
    pub deal: Option<&'a Deal>,
}

/// Consecutive rows of the batch, and where in the arena they are worked on.
#[derive(Debug, Clone)]
pub(super) struct RowBlock {
    /// Positions in the batch.
    pub rows: Range<usize>,
    /// First row in the arena, and how many have room there: see [`Plan::room`].
    pub place: usize,
    pub room: usize,
    /// Who works on it.
    pub member: usize,
}

impl RowBlock {
    pub fn values(&self, start: usize, stride: usize) -> Range<usize> {
        let first = start + self.place * stride;
        first..first + self.rows.len() * stride
    }

    /// The same as a layer sees it: whole packs, if it may take its rows in packs.
    pub fn values_for(&self, planned: &PlannedLayer, start: usize, stride: usize) -> Range<usize> {
        let values = self.values(start, stride);
        match planned.layer.order() {
            Order::Rows => values,
            Order::Packs | Order::Any => values.start..values.start + self.room * stride,
        }
    }

    pub fn places(&self, width: usize) -> Range<usize> {
        self.place * width..(self.place + self.rows.len()) * width
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Row blocks of the batch.
    pub fn blocks(&self) -> usize {
        self.plan.blocks_of(self.batch.rows.len())
    }

    /// The block with this number, for a member of a step.
    pub(super) fn own_block(&self, member: Member, index: usize) -> RowBlock {
        let size = self.plan.block_rows;
        let start = index * size;
        let end = self.batch.rows.len().min(start + size);
        RowBlock {
            rows: start..end,
            // Where nobody comes back to a block's rows, the next one takes their place in the caches.
            place: match self.plan.adds_blocks {
                true => member.index * size,
                false => start,
            },
            room: self.plan.room(end - start),
            member: member.index,
        }
    }

    /// What a layer is told of a block.
    ///
    /// # Safety
    /// Nobody changes what the layer prepared, nor the totals of the block's member.
    pub(super) unsafe fn block(&self, planned: &PlannedLayer, block: &RowBlock) -> Block<'_> {
        // SAFETY: the caller's promise.
        let (prepared, batch) = unsafe {
            (
                self.prepared.read(planned.prepared.clone()),
                self.totals.read(self.totals(planned, block.member)),
            )
        };
        Block {
            isa: self.isa,
            rows: block.rows.len(),
            first: block.rows.start,
            mode: self.mode,
            stash: planned.stash_stride,
            prepared,
            batch,
        }
    }

    /// # Safety
    /// Nobody changes the layer's parameters meanwhile.
    pub(super) unsafe fn layer_weights(&self, planned: &PlannedLayer) -> Weights<'_, T> {
        // SAFETY: the caller's promise.
        unsafe {
            Weights {
                parameters: self.parameters.read(planned.parameters.clone()),
                derived: self.derived.read(planned.derived.clone()),
            }
        }
    }

    /// # Safety
    /// Nobody changes these rows of the layer's input and output meanwhile.
    pub(super) unsafe fn trace(&self, planned: &PlannedLayer, block: &RowBlock) -> Trace<'_, T> {
        // SAFETY: the caller's promise.
        unsafe {
            Trace {
                x: self
                    .arena
                    .read(block.values_for(planned, planned.input, planned.input_stride)),
                y: self.arena.read(block.values_for(
                    planned,
                    planned.output,
                    planned.output_stride,
                )),
            }
        }
    }

    /// Whether targets are mixed, so that classes have become values.
    fn mixes(&self) -> bool {
        let augmenting = self.augmenting.as_ref();
        augmenting.is_some_and(|augmenting| augmenting.augmenter.mixes())
    }

    /// Gathers a block and takes it through all layers. Returns what the last layer puts out.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, and nobody changes parameters.
    pub unsafe fn forward(&self, block: &RowBlock, next: Upcoming) -> &[T] {
        // SAFETY: the caller's promise.
        unsafe {
            self.gather(block, next);
            for step in &self.plan.steps {
                self.step_forward(step, block);
            }
            self.arena
                .read(block.values(self.plan.output, self.plan.output_stride))
        }
    }

    /// Takes a block through one step.
    ///
    /// # Safety
    /// As for [`Pass::forward`].
    pub(super) unsafe fn step_forward(&self, step: &Step, block: &RowBlock) {
        // SAFETY: the caller's promise; layers write only their own output and stash.
        unsafe {
            match *step {
                Step::Fork { .. } => {}
                Step::Join {
                    body,
                    skip,
                    output,
                    stride,
                    ..
                } => {
                    let terms = [body, skip].map(|at| self.arena.read(block.values(at, stride)));
                    let sum = self.arena.write(block.values(output, stride));
                    for ((sum, a), b) in sum.iter_mut().zip(terms[0]).zip(terms[1]) {
                        *sum = *a + *b;
                    }
                }
                Step::Layer(index) => {
                    let planned = &self.plan.layers[index];
                    T::layer(&*planned.layer).forward(
                        self.block(planned, block),
                        self.layer_weights(planned),
                        self.arena.read(block.values_for(
                            planned,
                            planned.input,
                            planned.input_stride,
                        )),
                        self.arena.write(block.values_for(
                            planned,
                            planned.output,
                            planned.output_stride,
                        )),
                        self.arena.write(block.values_for(
                            planned,
                            planned.stash,
                            planned.stash_stride,
                        )),
                    );
                }
            }
        }
    }

    /// Σ w·l of a block that went forward; leaves the gradient of the last layer's output in the arena.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    pub unsafe fn loss(&self, block: &RowBlock) -> f64 {
        let stride = self.plan.output_stride;
        // SAFETY: the caller's promise.
        unsafe {
            let dz = self
                .arena
                .write(block.values(self.plan.output_gradient, stride));
            T::loss(self.loss).value_grad(self.loss_rows(block), dz)
        }
    }

    /// What the loss is told of a block that went forward.
    ///
    /// # Safety
    /// Nobody changes what the last layer put out, nor what was gathered.
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

    /// Takes a block back through one step.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, and nobody changes parameters.
    pub(super) unsafe fn step_backward(&self, step: &Step, block: &RowBlock) {
        // SAFETY: the caller's promise; the gradients of two layers' outputs do not overlap.
        unsafe {
            match *step {
                Step::Fork { from, to, stride } => {
                    let from = self.arena.read(block.values(from, stride));
                    let to = self.arena.write(block.values(to, stride));
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += *from;
                    }
                }
                Step::Join {
                    gradient,
                    body_gradient,
                    skip_gradient,
                    stride,
                    ..
                } => {
                    for to in [Some(body_gradient), skip_gradient].into_iter().flatten() {
                        if to != gradient {
                            let from = self.arena.read(block.values(gradient, stride));
                            self.arena
                                .write(block.values(to, stride))
                                .copy_from_slice(from);
                        }
                    }
                }
                Step::Layer(index) => {
                    let planned = &self.plan.layers[index];
                    T::layer(&*planned.layer).backward(
                        self.block(planned, block),
                        self.layer_weights(planned),
                        self.trace(planned, block),
                        self.arena.write(block.values_for(
                            planned,
                            planned.stash,
                            planned.stash_stride,
                        )),
                        self.arena.write(block.values_for(
                            planned,
                            planned.gradient,
                            planned.output_stride,
                        )),
                        planned.input_gradient.map(|gradient| {
                            self.arena.write(block.values_for(
                                planned,
                                gradient,
                                planned.input_stride,
                            ))
                        }),
                    );
                }
            }
        }
    }

    /// Part 1 of a step: this member's row blocks, forward and back. Leaves Σ w·l of each block in `losses`.
    pub fn row_blocks(&self, member: Member, losses: Shared<f64>) {
        if self.plan.takes_one_row && self.augmenting.is_none() {
            // SAFETY: such a plan has one member.
            unsafe { losses.write(0..1)[0] = self.one_row() };
            return;
        }
        if self.plan.prepared > 0 {
            self.prepare(member);
            member.meet();
        }
        let own = deal::share(self.blocks(), member.index, member.count());
        let mine = || {
            deal::pieces(self.deal, member, own.clone())
                .map(|index| (index, self.own_block(member, index)))
        };
        let last = self.plan.runs.len() - 1;
        for (run, steps) in self.plan.runs.iter().enumerate() {
            if let Some(planned) = self.coupling(run) {
                member.meet();
                // SAFETY: the team has met, and totals are this member's own.
                unsafe { self.combine(planned, Direction::Forward, member.index) };
            }
            for (index, block) in mine() {
                // SAFETY: blocks do not overlap, each belongs to one member, and parameters change only
                // when all have done theirs.
                unsafe {
                    if run == 0 {
                        self.gather(&block, self.upcoming(&own, index));
                    }
                    for step in &self.plan.steps[steps.clone()] {
                        self.step_forward(step, &block);
                    }
                    if run == last {
                        losses.write(index..index + 1)[0] = self.loss(&block);
                        self.run_backward(run, index, &block);
                        self.keep_gradient(index, &block);
                    } else if let Some(planned) = self.coupling(run + 1) {
                        self.summarize(planned, Direction::Forward, index, &block);
                    }
                }
            }
        }
        for run in (0..last).rev() {
            if let Some(planned) = self.coupling(run + 1) {
                member.meet();
                // SAFETY: as above.
                unsafe { self.combine(planned, Direction::Backward, member.index) };
            }
            for (index, block) in mine() {
                // SAFETY: as above.
                unsafe {
                    self.step_backward(&self.plan.steps[self.plan.runs[run + 1].start], &block);
                    self.run_backward(run, index, &block);
                }
            }
        }
    }

    /// Takes a block back through a run, up to the layer that couples rows, to which it tells its sums.
    ///
    /// # Safety
    /// As for [`Pass::step_backward`].
    unsafe fn run_backward(&self, run: usize, index: usize, block: &RowBlock) {
        let coupling = self.coupling(run);
        let steps = &self.plan.steps[self.plan.runs[run].clone()];
        let steps = &steps[usize::from(coupling.is_some())..];
        // SAFETY: the caller's promise.
        unsafe {
            for step in steps.iter().rev() {
                self.step_backward(step, block);
            }
            if let Some(planned) = coupling {
                self.summarize(planned, Direction::Backward, index, block);
            }
        }
    }
}
