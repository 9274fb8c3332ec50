//! Hessian-vector products: a second pass through the network, in which every value is a derivative
//! along a direction θ̇. See `layers/second_order.rs` for the mathematics.
//!
//! Row blocks, barriers and items are as in a step (`pass.rs`), so that the bits do not depend on
//! threads.

use super::buffer::Shared;
use super::pass::{Pass, RowBlock};
use super::plan::{Item, PlannedLayer, Step};
use super::team::Member;
use crate::layers::{Direction, Layer, LayerScalar, SecondOrder, Site, Weights};
use crate::losses::{LossScalar, members};

/// The pass of the values and that of their derivatives.
pub(super) struct Passes<'a> {
    pub first: Pass<'a, f64>,
    pub second: Pass<'a, f64>,
    /// θ with nothing but the first segment of each layer.
    pub linear: Shared<'a, f64>,
}

/// How Hessian-vector products go through a layer of a twin.
fn of(planned: &PlannedLayer) -> (SecondOrder<'_>, &dyn Layer<f64>) {
    let second_order = planned.layer.second_order();
    let second_order = second_order.expect("a twin is made of layers that have been checked");
    (second_order, f64::layer(&*planned.layer))
}

/// Whether ẏ of a layer is 0: nothing is trained in it or before it.
fn is_still(planned: &PlannedLayer) -> bool {
    planned.input_gradient.is_none() && !planned.layer.is_trained()
}

impl Passes<'_> {
    /// What a layer sees of a block.
    ///
    /// # Safety
    /// No thread writes the layer's input and output, the statistics of the block's member, or
    /// parameters.
    unsafe fn site(&self, planned: &PlannedLayer, block: &RowBlock) -> Site<'_> {
        let (first, second) = (&self.first, &self.second);
        // SAFETY: the caller's promise.
        unsafe {
            let weights = first.layer_weights(planned);
            Site {
                block: first.block(planned, block),
                weights,
                linear: Weights {
                    parameters: self.linear.read(planned.parameters.clone()),
                    ..weights
                },
                direction: second.layer_weights(planned),
                trace: first.trace(planned, block),
                x_dot: (second.arena).read(block.values_for(
                    planned,
                    planned.input,
                    planned.input_stride,
                )),
                moves: planned.input_gradient.is_some(),
                batch: second.block(planned, block).batch,
            }
        }
    }

    /// ẋ → ẏ of a block, through one step.
    ///
    /// # Safety
    /// No other thread works on these rows of the arenas, and none writes parameters.
    unsafe fn forward(&self, step: &Step, block: &RowBlock) {
        // SAFETY: the caller's promise; layers write only their own output and stashes.
        unsafe {
            let Step::Layer(index) = *step else {
                return self.second.step_forward(step, block);
            };
            let planned = &self.first.plan.layers[index];
            let y_dot = block.values_for(planned, planned.output, planned.output_stride);
            let y_dot = self.second.arena.write(y_dot);
            if is_still(planned) {
                return y_dot.fill(0.0);
            }
            let stash = block.values_for(planned, planned.stash, planned.stash_stride);
            let stashes = [&self.first, &self.second].map(|pass| pass.arena.write(stash.clone()));
            let (second_order, layer) = of(planned);
            second_order.forward(layer, self.site(planned, block), y_dot, stashes);
        }
    }

    /// dẏ → dẋ of a block, through one step.
    ///
    /// # Safety
    /// As for [`Passes::forward`].
    unsafe fn backward(&self, step: &Step, block: &RowBlock) {
        // SAFETY: the caller's promise; the gradients of two layers' outputs do not overlap.
        unsafe {
            let Step::Layer(index) = *step else {
                return self.second.step_backward(step, block);
            };
            let planned = &self.first.plan.layers[index];
            if is_still(planned) {
                return;
            }
            let both = |start: usize, stride: usize| {
                let range = block.values_for(planned, start, stride);
                [&self.first, &self.second].map(|pass| pass.arena.write(range.clone()))
            };
            let dx_dot = planned.input_gradient.map(|gradient| {
                let range = block.values_for(planned, gradient, planned.input_stride);
                self.second.arena.write(range)
            });
            let stashes = both(planned.stash, planned.stash_stride);
            let dy = both(planned.gradient, planned.output_stride);
            let (second_order, layer) = of(planned);
            second_order.backward(layer, self.site(planned, block), stashes, dy, dx_dot);
        }
    }

    /// Writes the partial statistics of a block for the layer with which a run begins.
    ///
    /// # Safety
    /// No other thread works on this block.
    unsafe fn summarize(&self, planned: &PlannedLayer, direction: Direction, block: &RowBlock) {
        let (SecondOrder::Own(tangent), _) = of(planned) else {
            return;
        };
        // SAFETY: the caller's promise; each block has room of its own.
        unsafe {
            let range = self
                .second
                .block_statistics_of(planned, direction, block.index);
            let summary = self.second.block_statistics.write(range);
            let site = self.site(planned, block);
            match direction {
                Direction::Forward => tangent.summarize(site, summary),
                Direction::Backward => {
                    let range = block.values(planned.gradient, planned.output_stride);
                    let passes = [&self.first, &self.second];
                    let dy = passes.map(|pass| pass.arena.read(range.clone()));
                    tangent.summarize_gradient(site, dy, summary);
                }
            }
        }
    }

    /// Adds up the partial statistics of all blocks for a layer, for a member.
    ///
    /// # Safety
    /// All blocks have written theirs, and no other thread uses this member's statistics.
    unsafe fn combine(&self, planned: &PlannedLayer, direction: Direction, member: usize) {
        let second = &self.second;
        let length = planned.summary.len();
        let start = second.statistics_of(planned, member).start + length * (direction as usize);
        // SAFETY: the caller's promise.
        unsafe {
            let total = second.statistics.write(start..start + length);
            total.fill(0.0);
            for index in 0..second.blocks() {
                let range = second.block_statistics_of(planned, direction, index);
                let block = second.block_statistics.read(range);
                for (total, part) in total.iter_mut().zip(block) {
                    *total += part;
                }
            }
        }
    }

    /// The second pass of this member's row blocks, forward and back.
    pub fn run(&self, member: Member) {
        let plan = self.first.plan;
        let mine = || self.first.row_blocks(plan.blocking, member, None);
        let coupling = |run| self.first.coupling(run);
        for (run, steps) in plan.runs.iter().enumerate() {
            if let Some(planned) = coupling(run) {
                member.barrier();
                // SAFETY: past the barrier; a member's statistics are its own.
                unsafe { self.combine(planned, Direction::Forward, member.index) };
            }
            for block in mine() {
                // SAFETY: blocks do not overlap, each has one member, and parameters do not change.
                unsafe {
                    for step in &plan.steps[steps.clone()] {
                        self.forward(step, &block);
                    }
                    if let Some(planned) = coupling(run + 1) {
                        self.summarize(planned, Direction::Forward, &block);
                    }
                }
            }
        }
        for (run, steps) in plan.runs.iter().enumerate().rev() {
            if let Some(planned) = coupling(run + 1) {
                member.barrier();
                // SAFETY: as above.
                unsafe { self.combine(planned, Direction::Backward, member.index) };
            }
            for block in mine() {
                // SAFETY: as above.
                unsafe {
                    match coupling(run + 1) {
                        Some(_) => self.backward(&plan.steps[plan.runs[run + 1].start], &block),
                        None => self.loss(&block),
                    }
                    let is_coupled = usize::from(coupling(run).is_some());
                    for step in plan.steps[steps.clone()][is_coupled..].iter().rev() {
                        self.backward(step, &block);
                    }
                    if let Some(planned) = coupling(run) {
                        self.summarize(planned, Direction::Backward, &block);
                    }
                }
            }
        }
    }

    /// From the derivative of the last layer's output to that of its gradient.
    ///
    /// # Safety
    /// As for [`Passes::forward`].
    unsafe fn loss(&self, block: &RowBlock) {
        let (plan, arena) = (self.second.plan, &self.second.arena);
        let stride = plan.output_stride;
        // SAFETY: the caller's promise.
        unsafe {
            let direction = arena.read(block.values(plan.output, stride));
            let product = arena.write(block.values(plan.output_gradient, stride));
            let rows = self.first.loss_rows(block);
            members::hvp(
                f64::loss(self.first.loss),
                plan.ensemble,
                rows,
                direction,
                product,
            );
        }
    }

    /// The product for an item of θ from the whole batch, computed by a member.
    ///
    /// # Safety
    /// All rows went through both passes, no thread writes to the arenas, and no other touches the
    /// item in `product`.
    pub unsafe fn gradient(&self, member: usize, item: &Item, product: Shared<f64>) {
        let (plan, all) = (self.first.plan, self.first.all_rows(member));
        for planned in &plan.tiles[item.tiles.clone()] {
            let layer = &plan.layers[planned.layer];
            let start = plan.tile_start(planned);
            // SAFETY: the caller's promise.
            unsafe {
                let both = |start: usize, stride: usize| {
                    let range = all.values_for(layer, start, stride);
                    [&self.first, &self.second].map(|pass| pass.arena.read(range.clone()))
                };
                let stashes = both(layer.stash, layer.stash_stride);
                let dy = both(layer.gradient, layer.output_stride);
                let gradient = product.write(start..start + planned.tile.len());
                let (second_order, of) = of(layer);
                let site = self.site(layer, &all);
                second_order.gradient(of, site, &planned.tile, stashes, dy, gradient);
            }
        }
    }
}
