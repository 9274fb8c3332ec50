//! Layers that couple rows, and those that take all of their parameters at once: see the traits in
//! `layers/mod.rs`.

use std::ops::Range;

use super::{Forward, Pass, RowBlock};
use crate::cpu::plan::{PlannedLayer, Step};
use crate::cpu::precision::Precision;
use crate::cpu::team::Member;
use crate::layers::Direction;

impl<T: Precision> Forward<'_, T> {
    /// Where a member keeps the statistics of the batch for a layer: forward, then backward.
    pub fn statistics_of(&self, planned: &PlannedLayer, member: usize) -> Range<usize> {
        let start = 2 * (member * self.plan.summary + planned.summary.start);
        start..start + 2 * planned.summary.len()
    }

    /// The layer that couples rows with which run `run` begins, if it does.
    pub fn coupling(&self, run: usize) -> Option<&PlannedLayer> {
        let first = self.plan.runs.get(run).filter(|_| run > 0)?.start;
        match self.plan.steps[first] {
            Step::Layer(index) => Some(&self.plan.layers[index]),
            _ => None,
        }
    }

    /// Where block `index` keeps its partial statistics. Forward and backward have room of their
    /// own: one member may be in its backward pass while another still reduces the statistics of
    /// the forward pass.
    pub fn block_statistics_of(
        &self,
        planned: &PlannedLayer,
        direction: Direction,
        index: usize,
    ) -> Range<usize> {
        let start = (2 * index + direction as usize) * self.plan.summary;
        start + planned.summary.start..start + planned.summary.end
    }

    /// Prepares what takes all parameters of a layer at once; each layer is one member's. Ends at a
    /// barrier, if there is such a layer.
    pub fn prepare(&self, member: Member) {
        if self.plan.prepared == 0 {
            return;
        }
        let layers = self.plan.layers.iter();
        let layers = layers.filter(|planned| !planned.prepared.is_empty());
        for planned in layers.skip(member.index).step_by(member.count()) {
            // SAFETY: each layer has one member, and parameters do not change meanwhile.
            unsafe {
                let parameters = self.parameters.read(planned.parameters.clone());
                let prepared = self.prepared.write(planned.prepared.clone());
                T::layer(&*planned.layer).prepare(self.isa, self.mode, parameters, prepared);
            }
        }
        member.barrier();
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Writes the partial statistics of a block for the layer with which a run begins.
    ///
    /// # Safety
    /// No other thread works on this block.
    pub unsafe fn summarize(&self, planned: &PlannedLayer, direction: Direction, block: &RowBlock) {
        let range = self.block_statistics_of(planned, direction, block.index);
        // SAFETY: the caller's promise; each block has room of its own.
        unsafe {
            let summary = self.block_statistics.write(range);
            let Some(layer) = T::layer(&*planned.layer).coupled() else {
                return;
            };
            let (rows, trace) = (self.block(planned, block), self.trace(planned, block));
            match direction {
                Direction::Forward => layer.summarize(rows, trace.x, summary),
                Direction::Backward => {
                    let values = block.values(planned.gradient, planned.output_stride);
                    let (weights, dy) = (self.layer_weights(planned), self.arena.read(values));
                    layer.summarize_gradient(rows, weights, trace, dy, summary);
                }
            }
        }
    }

    /// Reduces the partial statistics of all blocks for a layer, for this member.
    ///
    /// # Safety
    /// All blocks have written theirs, and no other thread uses this member's statistics.
    pub unsafe fn combine(&self, planned: &PlannedLayer, direction: Direction, member: usize) {
        let (own, length) = (self.statistics_of(planned, member), planned.summary.len());
        let start = own.start + length * (direction as usize);
        // SAFETY: the caller's promise.
        unsafe {
            let read = |index| {
                let range = self.block_statistics_of(planned, direction, index);
                self.block_statistics.read(range)
            };
            let total = self.statistics.write(start..start + length);
            let mut blocks = (0..self.blocks()).map(read);
            if let Some(layer) = T::layer(&*planned.layer).coupled() {
                layer.combine(direction, &mut blocks, total);
            }
        }
    }
}
