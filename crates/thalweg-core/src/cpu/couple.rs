//! What a pass does beside forward and backward for layers that couple rows, or that take all of their parameters at
//! once: see `pass.rs` and the traits in `layers/mod.rs`.

use std::ops::Range;

use super::pass::{Pass, RowBlock};
use super::plan::PlannedLayer;
use super::precision::Precision;
use super::team::Member;
use super::unfold::Step;
use crate::layers::Direction;

impl<T: Precision> Pass<'_, T> {
    /// Where a member keeps what the batch told a layer: forward, then backward.
    pub(super) fn totals(&self, planned: &PlannedLayer, member: usize) -> Range<usize> {
        let start = 2 * (member * self.plan.summary + planned.summary.start);
        start..start + 2 * planned.summary.len()
    }

    /// The layer that couples rows with which run `run` begins, if it does.
    pub(super) fn coupling(&self, run: usize) -> Option<&PlannedLayer> {
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
    pub(super) unsafe fn summarize(
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
    pub(super) unsafe fn combine(
        &self,
        planned: &PlannedLayer,
        direction: Direction,
        member: usize,
    ) {
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
    pub(super) fn told(
        &self,
        planned: &PlannedLayer,
        direction: Direction,
        index: usize,
    ) -> Range<usize> {
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
}
