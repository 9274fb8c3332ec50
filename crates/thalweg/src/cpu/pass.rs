//! One step, as every member of the team runs it.
//!
//! 1. Row blocks: gather, forward through all layers, loss, and back to every dz, with the block's
//!    activations in the caches of one core. Blocks are dealt out to the members in turn.
//! 2. The team meets.
//! 3. Items of θ: the gradient over the whole batch, in the order of the rows; the optimizer; the descent;
//!    derived values. Each item belongs to one member.
//!
//! Every number is computed by one thread in an order that the plan fixes, so the number of threads
//! changes no bit.

use std::ops::Range;

use super::augment::Augmenting;
use super::buffer::Shared;
use super::plan::{Item, Plan, PlannedLayer};
use super::team::Member;
use crate::average;
use crate::dataset::{Targets, Values};
use crate::engine::{Batch, Rows};
use crate::kernels::descend::descend;
use crate::kernels::gather::Gather;
use crate::kernels::{Isa, reduce};
use crate::layers::{Block, Mode, Trace, Weights, stride};
use crate::losses::{AnyLoss, LossRows, TargetRows};
use crate::optimizers::{Chain, Constants, MAX_SLOTS, Matrix, Strip};
use crate::precision::Precision;

/// The change of an item whose parameters are not finite any more.
pub(super) const RUINED: f64 = f64::NEG_INFINITY;

/// What the update of an item tells.
pub(super) struct Updated {
    /// ‖gradient‖².
    pub square: f64,
    /// ‖Δθ‖² if the chain measures it, else 0; or [`RUINED`].
    pub change: f64,
}

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
}

/// How gradients become updates.
pub(super) struct Update<'a, T> {
    pub chain: &'a Chain,
    pub constants: &'a [Constants],
    pub rate: f64,
    /// All slots of all stages, each as long as θ, and that of the average of θ.
    pub slots: Shared<'a, T>,
}

impl<'a, T: Precision> Update<'a, T> {
    /// What stage number `index`, whose slots begin with `slot`, works on.
    ///
    /// # Safety
    /// Nobody else touches this range of its slots.
    pub unsafe fn strip<'b>(
        &'b self,
        pass: &Pass<T>,
        (index, slot): (usize, usize),
        range: &Range<usize>,
        p: &'b [T],
        u: &'b mut [T],
    ) -> Strip<'b, T>
    where
        'a: 'b,
    {
        let count = T::transform(&*self.chain.stages[index]).slots();
        let slots: [&mut [T]; MAX_SLOTS] = std::array::from_fn(|k| {
            if k >= count {
                return Default::default();
            }
            let start = (slot + k) * pass.plan.parameters;
            // SAFETY: the caller's promise; stages have slots of their own.
            unsafe { self.slots.write(start + range.start..start + range.end) }
        });
        Strip {
            isa: pass.isa,
            constants: &self.constants[index],
            p,
            u,
            slots,
            matrix: Matrix::default(),
        }
    }
}

/// Consecutive rows of the batch, and where in the arena they are worked on.
#[derive(Debug, Clone)]
pub(super) struct RowBlock {
    /// Positions in the batch.
    pub rows: Range<usize>,
    /// First row in the arena.
    pub place: usize,
}

/// Rows that a member will gather after a block, where it is worth to ask for them: those that lie side by
/// side come by themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upcoming<'a>(&'a [u32]);

impl<'a> Upcoming<'a> {
    /// Nobody knows.
    pub const UNKNOWN: Self = Upcoming(&[]);

    /// `rows` from position `first` on.
    fn of(rows: Rows<'a>, first: usize) -> Self {
        match rows {
            Rows::Listed(rows) => Upcoming(rows.get(first..).unwrap_or_default()),
            Rows::Range(..) => Self::UNKNOWN,
        }
    }
}

impl RowBlock {
    pub fn values(&self, start: usize, stride: usize) -> Range<usize> {
        let first = start + self.place * stride;
        first..first + self.rows.len() * stride
    }

    pub fn places(&self, width: usize) -> Range<usize> {
        self.place * width..(self.place + self.rows.len()) * width
    }
}

impl<T: Precision> Pass<'_, T> {
    fn block(&self, rows: &Range<usize>) -> Block {
        Block {
            isa: self.isa,
            rows: rows.len(),
            first: rows.start,
            mode: self.mode,
        }
    }

    /// # Safety
    /// Nobody changes the layer's parameters meanwhile.
    unsafe fn layer_weights(&self, planned: &PlannedLayer) -> Weights<'_, T> {
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
    unsafe fn trace(&self, planned: &PlannedLayer, block: &RowBlock) -> Trace<'_, T> {
        // SAFETY: the caller's promise.
        unsafe {
            Trace {
                x: self
                    .arena
                    .read(block.values(planned.input, planned.input_stride)),
                y: self
                    .arena
                    .read(block.values(planned.output, planned.output_stride)),
            }
        }
    }

    /// Copies features, targets and weights of a block into the arena, while those of `next` come near.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    unsafe fn gather(&self, block: &RowBlock, next: Upcoming) {
        if let Some(augmenting) = self.augmenting {
            // SAFETY: the caller's promise.
            return unsafe { self.gather_augmented(block, augmenting) };
        }
        let width = self.plan.inputs;
        // SAFETY: the caller's promise.
        let (x, classes, values, weights) = unsafe {
            (
                self.arena.write(block.values(0, stride(width))),
                self.classes.write(block.places(1)),
                self.values.write(match self.batch.targets {
                    Some(Targets::Values { width, .. }) => block.places(*width),
                    _ => 0..0,
                }),
                self.weights.write(match self.batch.weights {
                    Some(_) => block.places(1),
                    None => 0..0,
                }),
            )
        };
        match &self.batch.features.values {
            Values::F32(from) => {
                self.gather_rows(block, next, from, width, x, |v| T::from_f64(v.into()));
            }
            Values::F64(from) => self.gather_rows(block, next, from, width, x, T::from_f64),
            Values::U8 {
                bytes,
                scale,
                offset,
            } => {
                let (scale, offset) = (T::from_f64((*scale).into()), T::from_f64((*offset).into()));
                let convert = |byte: u8| T::from_f64(byte.into()) * scale + offset;
                self.gather_rows(block, next, bytes, width, x, convert);
            }
        }
        match self.batch.targets {
            Some(Targets::Classes(from)) => {
                self.gather_rows(block, next, from, 1, classes, |class| class);
            }
            Some(Targets::Values {
                width,
                values: from,
            }) => self.gather_rows(block, next, from, *width, values, T::from_f64),
            None => {}
        }
        if let Some(from) = self.batch.weights {
            self.gather_rows(block, next, from, 1, weights, |w| T::from_f64(w.into()));
        }
    }

    /// Whether targets are mixed, so that classes have become values.
    fn mixes(&self) -> bool {
        let augmenting = self.augmenting.as_ref();
        augmenting.is_some_and(|augmenting| augmenting.augmenter.mixes())
    }

    /// One of the things that [`Pass::gather`] gathers; `to` has room for the block, evenly.
    fn gather_rows<S: Copy, U>(
        &self,
        block: &RowBlock,
        next: Upcoming,
        from: &[S],
        width: usize,
        to: &mut [U],
        convert: impl Fn(S) -> U,
    ) {
        let stride = to.len() / block.rows.len();
        match self.batch.rows {
            Rows::Listed(rows) => Gather {
                from,
                width,
                rows: rows[block.rows.clone()].iter().map(|row| *row as usize),
                next: next.0,
                to,
                stride,
                convert,
            }
            .run(self.isa),
            Rows::Range(start, _) => Gather {
                from,
                width,
                rows: start + block.rows.start..,
                next: next.0,
                to,
                stride,
                convert,
            }
            .run(self.isa),
        }
    }

    /// Gathers a block and takes it through all layers. Returns what the last layer puts out.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, and nobody changes parameters.
    pub unsafe fn forward(&self, block: &RowBlock, next: Upcoming) -> &[T] {
        // SAFETY: the caller's promise; layers write only their own output and stash.
        unsafe {
            self.gather(block, next);
            for planned in &self.plan.layers {
                T::layer(&*planned.layer).forward(
                    self.block(&block.rows),
                    self.layer_weights(planned),
                    self.arena
                        .read(block.values(planned.input, planned.input_stride)),
                    self.arena
                        .write(block.values(planned.output, planned.output_stride)),
                    self.arena
                        .write(block.values(planned.stash, planned.stash_stride)),
                );
            }
            match self.plan.layers.last() {
                Some(last) => self
                    .arena
                    .read(block.values(last.output, last.output_stride)),
                None => &[],
            }
        }
    }

    /// Σ w·l of a block that went forward; leaves the gradient of the last layer's output in the arena.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    pub unsafe fn loss(&self, block: &RowBlock) -> f64 {
        let Some(last) = self.plan.layers.last() else {
            return 0.0;
        };
        // SAFETY: the caller's promise.
        unsafe {
            let rows = LossRows {
                isa: self.isa,
                rows: block.rows.len(),
                outputs: self.plan.outputs,
                stride: last.output_stride,
                z: self
                    .arena
                    .read(block.values(last.output, last.output_stride)),
                targets: match self.batch.targets {
                    Some(Targets::Classes(_)) if !self.mixes() => {
                        TargetRows::Classes(self.classes.read(block.places(1)))
                    }
                    _ => TargetRows::Values(self.values.read(block.places(self.plan.outputs))),
                },
                weights: match self.batch.weights {
                    Some(_) => Some(self.weights.read(block.places(1))),
                    None => None,
                },
                scale: self.gradient_scale,
            };
            let dz = self
                .arena
                .write(block.values(last.gradient, last.output_stride));
            T::loss(self.loss).value_grad(rows, dz)
        }
    }

    /// Takes a block back through all layers.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, and nobody changes parameters.
    unsafe fn backward(&self, block: &RowBlock) {
        for (index, planned) in self.plan.layers.iter().enumerate().rev() {
            let before = index.checked_sub(1).map(|before| &self.plan.layers[before]);
            // SAFETY: the caller's promise; the gradients of two layers' outputs do not overlap.
            unsafe {
                T::layer(&*planned.layer).backward(
                    self.block(&block.rows),
                    self.layer_weights(planned),
                    self.trace(planned, block),
                    self.arena
                        .write(block.values(planned.stash, planned.stash_stride)),
                    self.arena
                        .write(block.values(planned.gradient, planned.output_stride)),
                    before.map(|before| {
                        self.arena
                            .write(block.values(before.gradient, before.output_stride))
                    }),
                );
            }
        }
    }

    /// Part 1 of a step: this member's row blocks. Leaves Σ w·l of each block in `losses`.
    pub fn row_blocks(&self, member: Member, losses: Shared<f64>) {
        let (rows, size) = (self.batch.rows.len(), self.plan.block_rows);
        let blocks = rows.div_ceil(size);
        for index in (member.index..blocks).step_by(member.count()) {
            let start = index * size;
            let block = RowBlock {
                rows: start..rows.min(start + size),
                place: start,
            };
            let next = match index + member.count() {
                next if next < blocks => Upcoming::of(self.batch.rows, next * size),
                _ => Upcoming::of(self.batch.upcoming, member.index * size),
            };
            // SAFETY: blocks do not overlap, each belongs to one member, and parameters change only
            // after the team has met.
            unsafe {
                self.forward(&block, next);
                losses.write(index..index + 1)[0] = self.loss(&block);
                self.backward(&block);
            }
        }
    }

    /// The gradient of an item over the whole batch.
    ///
    /// # Safety
    /// All rows went backward, and nobody writes to the arena.
    pub unsafe fn gradient(&self, item: &Item, gradient: &mut [T]) {
        let rows = self.batch.rows.len();
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            let start = self.plan.tile_start(planned) - item.range.start;
            let all = RowBlock {
                rows: 0..rows,
                place: 0,
            };
            // SAFETY: the caller's promise.
            unsafe {
                T::layer(&*layer.layer).gradient(
                    self.block(&all.rows),
                    &planned.tile,
                    self.trace(layer, &all),
                    self.arena.read(all.values(layer.stash, layer.stash_stride)),
                    self.arena
                        .read(all.values(layer.gradient, layer.output_stride)),
                    &mut gradient[start..start + planned.tile.len()],
                );
            }
        }
    }

    /// Part 3 of a step for one item, given room for its gradient.
    ///
    /// # Safety
    /// As for [`Pass::gradient`]; nobody else touches the item's parameters, slots and derived values.
    pub unsafe fn update(&self, item: &Item, update: &Update<T>, gradient: &mut [T]) -> Updated {
        // SAFETY: the caller's promise.
        unsafe {
            self.gradient(item, gradient);
            let square = reduce::sum_of_squares(self.isa, gradient);
            if !square.is_finite() {
                // The step reports divergence; what is not a number stays out of the parameters.
                return Updated {
                    square,
                    change: 0.0,
                };
            }
            let parameters = self.parameters.read(item.range.clone());
            let mut slot = 0;
            for (index, stage) in update.chain.stages.iter().enumerate() {
                let stage = T::transform(&**stage);
                if stage.part().contains(item.is_weight, item.is_matrix) {
                    let at = (index, slot);
                    stage.apply(update.strip(self, at, &item.range, parameters, gradient));
                }
                slot += stage.slots();
            }
            let change = self.descend(item, update, gradient);
            self.settle(item, update);
            Updated { square, change }
        }
    }

    /// θ ← θ − η·u for one item: see [`Updated::change`].
    ///
    /// # Safety
    /// Nobody else touches the item's parameters.
    pub unsafe fn descend(&self, item: &Item, update: &Update<T>, u: &[T]) -> f64 {
        // SAFETY: the caller's promise.
        let parameters = unsafe { self.parameters.write(item.range.clone()) };
        if !descend(self.isa, update.rate, parameters, u) {
            return RUINED;
        }
        if update.chain.around.measures_change {
            update.rate * update.rate * reduce::sum_of_squares(self.isa, u)
        } else {
            0.0
        }
    }

    /// What follows the descent of an item: the average of θ and derived values.
    ///
    /// # Safety
    /// Nobody else touches the item's parameters, its part of the average, and its derived values.
    pub unsafe fn settle(&self, item: &Item, update: &Update<T>) {
        // SAFETY: the caller's promise.
        unsafe {
            let parameters = self.parameters.read(item.range.clone());
            if let Some(beta) = update.chain.around.ema {
                let start = update.chain.stage_slots() * self.plan.parameters;
                let slot = start + item.range.start..start + item.range.end;
                average::fold(self.isa, beta, update.slots.write(slot), parameters);
            }
            self.refresh(item, parameters);
        }
    }

    /// Brings what is derived from an item's parameters up to date.
    ///
    /// # Safety
    /// Nobody else touches the item's derived values.
    pub unsafe fn refresh(&self, item: &Item, parameters: &[T]) {
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            let start = self.plan.tile_start(planned) - item.range.start;
            // SAFETY: the layer's derived values are as many as it planned.
            unsafe {
                T::layer(&*layer.layer).refresh(
                    self.isa,
                    &planned.tile,
                    &parameters[start..start + planned.tile.len()],
                    self.derived.as_mut_ptr().add(layer.derived.start),
                );
            }
        }
    }
}
