//! One step, as every member of the team runs it.
//!
//! 1. Row blocks: gather, forward through all layers, loss, and back to every dz, with the block's
//!    activations in the caches of one core. Blocks are dealt out to the members in turn.
//! 2. The team meets.
//! 3. Items of θ: the gradient over the whole batch, in the order of the rows; the optimizer; the descent;
//!    derived values. Each item belongs to one member.
//!
//! A layer that couples rows cuts part 1 into runs of layers: before it, each block tells what its rows have to
//! tell; the team meets, and each member puts the whole together for itself, in the order of the blocks. So it goes
//! on the way back. Networks without such layers have one run and no more meetings than stand above.
//!
//! Every number is computed by one thread in an order that the plan fixes, so the number of threads
//! changes no bit.

use std::ops::Range;

use super::buffer::Shared;
use super::plan::{Item, Plan, PlannedLayer, Step};
use super::team::Member;
use crate::dataset::{Targets, Values};
use crate::engine::{Batch, Rows};
use crate::kernels::descend::descend;
use crate::kernels::{Isa, gather, reduce};
use crate::layers::{Block, Direction, Mode, Trace, Weights, stride};
use crate::losses::{AnyLoss, LossRows, TargetRows};
use crate::optimizers::{Chain, Constants, MAX_SLOTS};
use crate::precision::Precision;

/// What [`Pass::update`] returns when parameters are not finite any more.
pub(super) const RUINED: f64 = f64::NEG_INFINITY;

/// What a pass over a batch reads and writes.
pub(super) struct Pass<'a, T> {
    pub isa: Isa,
    pub plan: &'a Plan,
    pub loss: &'a dyn AnyLoss,
    pub batch: Batch<'a>,
    pub mode: Mode,
    /// 1/Σw of the batch.
    pub scale: f64,
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
}

/// How gradients become updates.
pub(super) struct Update<'a, T> {
    pub chain: &'a Chain,
    pub constants: &'a [Constants],
    pub rate: f64,
    /// All slots of all stages, each as long as θ.
    pub slots: Shared<'a, T>,
}

/// Consecutive rows of the batch, and where in the arena they are worked on.
#[derive(Debug, Clone)]
pub(super) struct RowBlock {
    /// Positions in the batch.
    pub rows: Range<usize>,
    /// First row in the arena.
    pub place: usize,
    /// Who works on it.
    pub member: usize,
}

impl RowBlock {
    fn values(&self, start: usize, stride: usize) -> Range<usize> {
        let first = start + self.place * stride;
        first..first + self.rows.len() * stride
    }

    fn places(&self, width: usize) -> Range<usize> {
        self.place * width..(self.place + self.rows.len()) * width
    }
}

impl<T: Precision> Pass<'_, T> {
    /// What a layer is told of a block.
    ///
    /// # Safety
    /// Nobody changes what the layer prepared, nor the totals of the block's member.
    unsafe fn block(&self, planned: &PlannedLayer, block: &RowBlock) -> Block<'_> {
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

    /// Where a member keeps what the batch told a layer: forward, then backward.
    fn totals(&self, planned: &PlannedLayer, member: usize) -> Range<usize> {
        let start = 2 * (member * self.plan.summary + planned.summary.start);
        match self.mode {
            Mode::Training { .. } => start..start + 2 * planned.summary.len(),
            Mode::Evaluation => start..start,
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

    /// Copies features, targets and weights of a block into the arena.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    unsafe fn gather(&self, block: &RowBlock) {
        let width = self.plan.inputs;
        let stride = stride(width);
        // SAFETY: the caller's promise.
        let (x, classes, values, weights) = unsafe {
            (
                self.arena.write(block.values(0, stride)),
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
        let row = |position| self.batch.rows.at(block.rows.start + position);
        match &self.batch.features.values {
            Values::F32(from) => {
                gather::rows(from, width, row, x, stride, |v| T::from_f64(v.into()));
            }
            Values::F64(from) => gather::rows(from, width, row, x, stride, T::from_f64),
            Values::U8 {
                bytes,
                scale,
                offset,
            } => {
                let (scale, offset) = (T::from_f64((*scale).into()), T::from_f64((*offset).into()));
                let convert = |byte: u8| T::from_f64(byte.into()) * scale + offset;
                gather::rows(bytes, width, row, x, stride, convert);
            }
        }
        match self.batch.targets {
            Some(Targets::Classes(from)) => gather::column(from, row, classes, |class| class),
            Some(Targets::Values {
                width,
                values: from,
            }) => {
                gather::rows(from, *width, row, values, *width, T::from_f64);
            }
            None => {}
        }
        if let Some(from) = self.batch.weights {
            gather::column(from, row, weights, |w| T::from_f64(w.into()));
        }
    }

    /// Asks for the rows of block `index` of `rows` to be brought near.
    fn prefetch(&self, rows: Rows, index: usize) {
        let start = index * self.plan.block_rows;
        let end = rows.len().min(start + self.plan.block_rows);
        let rows = (start..end).map(|position| rows.at(position));
        let width = self.plan.inputs;
        match &self.batch.features.values {
            Values::F32(from) => gather::prefetch(from, width, rows),
            Values::F64(from) => gather::prefetch(from, width, rows),
            Values::U8 { bytes, .. } => gather::prefetch(bytes, width, rows),
        }
    }

    /// Gathers a block and takes it through all layers. Returns what the last layer puts out.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, and nobody changes parameters.
    pub unsafe fn forward(&self, block: &RowBlock) -> &[T] {
        // SAFETY: the caller's promise.
        unsafe {
            self.gather(block);
            for step in &self.plan.steps {
                self.step_forward(step, block);
            }
            self.arena
                .read(block.values(self.plan.output, stride(self.plan.outputs)))
        }
    }

    /// Takes a block through one step.
    ///
    /// # Safety
    /// As for [`Pass::forward`].
    unsafe fn step_forward(&self, step: &Step, block: &RowBlock) {
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
                        self.arena
                            .read(block.values(planned.input, planned.input_stride)),
                        self.arena
                            .write(block.values(planned.output, planned.output_stride)),
                        self.arena
                            .write(block.values(planned.stash, planned.stash_stride)),
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
        let stride = stride(self.plan.outputs);
        // SAFETY: the caller's promise.
        unsafe {
            let rows = LossRows {
                isa: self.isa,
                rows: block.rows.len(),
                outputs: self.plan.outputs,
                stride,
                z: self.arena.read(block.values(self.plan.output, stride)),
                targets: match self.batch.targets {
                    Some(Targets::Classes(_)) => {
                        TargetRows::Classes(self.classes.read(block.places(1)))
                    }
                    _ => TargetRows::Values(self.values.read(block.places(self.plan.outputs))),
                },
                weights: match self.batch.weights {
                    Some(_) => Some(self.weights.read(block.places(1))),
                    None => None,
                },
                scale: self.scale,
            };
            let dz = self
                .arena
                .write(block.values(self.plan.output_gradient, stride));
            T::loss(self.loss).value_grad(rows, dz)
        }
    }

    /// Takes a block back through one step.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, and nobody changes parameters.
    unsafe fn step_backward(&self, step: &Step, block: &RowBlock) {
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
                        self.arena
                            .write(block.values(planned.stash, planned.stash_stride)),
                        self.arena
                            .write(block.values(planned.gradient, planned.output_stride)),
                        planned.input_gradient.map(|gradient| {
                            self.arena
                                .write(block.values(gradient, planned.input_stride))
                        }),
                    );
                }
            }
        }
    }

    /// The layer that couples rows with which run `run` begins, if it does.
    fn coupling(&self, run: usize) -> Option<&PlannedLayer> {
        let first = self.plan.runs.get(run).filter(|_| run > 0)?.start;
        match self.plan.steps[first] {
            Step::Layer(index) => Some(&self.plan.layers[index]),
            _ => None,
        }
    }

    /// What a block tells the layer with which a run begins.
    ///
    /// # Safety
    /// Nobody else works on this block.
    unsafe fn summarize(
        &self,
        planned: &PlannedLayer,
        direction: Direction,
        index: usize,
        block: &RowBlock,
    ) {
        let range = self.told(planned, direction, index);
        // SAFETY: the caller's promise; each block has room of its own.
        unsafe {
            let summary = self.summaries.write(range);
            let layer = T::layer(&*planned.layer);
            let (told, trace) = (self.block(planned, block), self.trace(planned, block));
            match direction {
                Direction::Forward => layer.summarize(told, trace.x, summary),
                Direction::Backward => {
                    let values = block.values(planned.gradient, planned.output_stride);
                    let (weights, dy) = (self.layer_weights(planned), self.arena.read(values));
                    layer.summarize_gradient(told, weights, trace, dy, summary);
                }
            }
        }
    }

    /// Puts together what the blocks told a layer, for this member.
    ///
    /// # Safety
    /// All blocks have told, and nobody else uses this member's totals.
    unsafe fn combine(&self, planned: &PlannedLayer, direction: Direction, member: usize) {
        let blocks = self.batch.rows.len().div_ceil(self.plan.block_rows);
        let (totals, length) = (self.totals(planned, member), planned.summary.len());
        let start = totals.start + length * (direction as usize);
        // SAFETY: the caller's promise.
        unsafe {
            let told = |index| self.summaries.read(self.told(planned, direction, index));
            let total = self.totals.write(start..start + length);
            let mut parts = (0..blocks).map(told);
            planned.layer.combine(direction, &mut parts, total);
        }
    }

    /// Where block `index` keeps what it tells a layer. The ways forward and back have room of their own: one member
    /// may be on its way back while another still puts together what was told on the way forward.
    fn told(&self, planned: &PlannedLayer, direction: Direction, index: usize) -> Range<usize> {
        let start = (2 * index + direction as usize) * self.plan.summary;
        start + planned.summary.start..start + planned.summary.end
    }

    /// Layers whose passes take something that all of their parameters make: this member's share of them.
    pub fn prepare(&self, member: Member) {
        let layers = self
            .plan
            .layers
            .iter()
            .filter(|planned| !planned.prepared.is_empty());
        for planned in layers.skip(member.index).step_by(member.count()) {
            // SAFETY: each layer belongs to one member, and parameters do not change meanwhile.
            unsafe {
                let parameters = self.parameters.read(planned.parameters.clone());
                let prepared = self.prepared.write(planned.prepared.clone());
                T::layer(&*planned.layer).prepare(self.isa, self.mode, parameters, prepared);
            }
        }
    }

    /// Part 1 of a step: this member's row blocks, forward and back. Leaves Σ w·l of each block in `losses`.
    pub fn row_blocks(&self, member: Member, losses: Shared<f64>) {
        if self.plan.prepared > 0 {
            self.prepare(member);
            member.meet();
        }
        let (rows, size) = (self.batch.rows.len(), self.plan.block_rows);
        let blocks = rows.div_ceil(size);
        let mine = || {
            (member.index..blocks).step_by(member.count()).map(|index| {
                let start = index * size;
                let block = RowBlock {
                    rows: start..rows.min(start + size),
                    place: start,
                    member: member.index,
                };
                (index, block)
            })
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
                // after the team has met.
                unsafe {
                    if run == 0 {
                        self.gather(&block);
                    }
                    for step in &self.plan.steps[steps.clone()] {
                        self.step_forward(step, &block);
                    }
                    if run == 0 {
                        // This member's next rows come in while it computes.
                        match index + member.count() {
                            next if next < blocks => self.prefetch(self.batch.rows, next),
                            _ => self.prefetch(self.batch.upcoming, member.index),
                        }
                    }
                    if run == last {
                        losses.write(index..index + 1)[0] = self.loss(&block);
                        self.run_backward(run, index, &block);
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

    /// All rows of the batch, for a member.
    fn whole(&self, member: usize) -> RowBlock {
        RowBlock {
            rows: 0..self.batch.rows.len(),
            place: 0,
            member,
        }
    }

    /// The gradient of an item over the whole batch, computed by a member; 0 if it is not trained.
    ///
    /// # Safety
    /// All rows went backward, nobody writes to the arena, and nobody changes the item's parameters.
    pub unsafe fn gradient(&self, member: usize, item: &Item, gradient: &mut [T]) {
        if !item.is_trained {
            gradient.fill(T::ZERO);
            return;
        }
        let all = self.whole(member);
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            let start = self.plan.tile_start(planned);
            let own = start..start + planned.tile.len();
            let start = start - item.range.start;
            // SAFETY: the caller's promise.
            unsafe {
                T::layer(&*layer.layer).gradient(
                    self.block(layer, &all),
                    &planned.tile,
                    self.parameters.read(own),
                    self.trace(layer, &all),
                    self.arena.read(all.values(layer.stash, layer.stash_stride)),
                    self.arena
                        .read(all.values(layer.gradient, layer.output_stride)),
                    &mut gradient[start..start + planned.tile.len()],
                );
            }
        }
    }

    /// Part 3 of a step for one item, given room for its gradient. Returns ‖gradient‖², or [`RUINED`].
    ///
    /// # Safety
    /// As for [`Pass::gradient`]; nobody else touches the item's parameters, slots and derived values.
    pub unsafe fn update(
        &self,
        member: usize,
        item: &Item,
        update: &Update<T>,
        gradient: &mut [T],
    ) -> f64 {
        // SAFETY: the caller's promise; stages have slots of their own.
        unsafe {
            if !item.is_trained {
                self.track(member, item);
                return 0.0;
            }
            self.gradient(member, item, gradient);
            let square = reduce::sum_of_squares(self.isa, gradient);
            if !square.is_finite() {
                // The step reports divergence; what is not a number stays out of the parameters.
                return square;
            }
            let parameters = self.parameters.write(item.range.clone());
            let mut slot = 0;
            for (stage, constants) in update.chain.stages.iter().zip(update.constants) {
                let stage = T::transform(&**stage);
                let slots: [&mut [T]; MAX_SLOTS] = std::array::from_fn(|k| {
                    if k >= stage.slots() {
                        return Default::default();
                    }
                    let start = (slot + k) * self.plan.parameters;
                    update
                        .slots
                        .write(start + item.range.start..start + item.range.end)
                });
                slot += stage.slots();
                if item.decays || !stage.is_decay() {
                    stage.apply(self.isa, constants, parameters, gradient, slots);
                }
            }
            let is_finite = descend(self.isa, update.rate, parameters, gradient);
            self.refresh(item, parameters);
            if is_finite { square } else { RUINED }
        }
    }

    /// Brings an item that is not trained up to date.
    ///
    /// # Safety
    /// All rows went backward, and nobody else touches the item's parameters.
    pub unsafe fn track(&self, member: usize, item: &Item) {
        let all = self.whole(member);
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            let start = self.plan.tile_start(planned);
            // SAFETY: the caller's promise.
            unsafe {
                let values = self.parameters.write(start..start + planned.tile.len());
                let told = self.block(layer, &all);
                T::layer(&*layer.layer).track(told, &planned.tile, values);
            }
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
