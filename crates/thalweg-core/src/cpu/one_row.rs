//! Steps of a single row, from which nothing has to be shared out: the row goes through [`OneRow`] layers, and leaves
//! its gradient where those of row blocks are added up.

use super::gather::Upcoming;
use super::pass::{Pass, RowBlock};
use super::plan::{Plan, PlannedLayer};
use super::precision::Precision;
use super::unfold::Step;
use crate::layers::OneRow;

impl Plan {
    /// Whether every layer takes a single row by itself.
    pub fn can_take_one_row<T: Precision>(&self) -> bool {
        let is_layer = |step: &Step| matches!(step, Step::Layer(_));
        let has_way = |planned: &PlannedLayer| T::layer(&*planned.layer).one_row().is_some();
        self.steps.iter().all(is_layer) && self.layers.iter().all(has_way)
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Part 1 of a step of one row. Returns w·l and leaves the gradient.
    ///
    /// # Safety
    /// Nobody else works on the engine.
    pub unsafe fn one_row(&self) -> f64 {
        let row = RowBlock {
            rows: 0..1,
            place: 0,
            room: 1,
            member: 0,
        };
        // SAFETY: the caller's promise; what layers read and write does not overlap.
        unsafe {
            self.gather(&row, Upcoming::of(self.batch.upcoming, 0));
            for (planned, layer) in self.one_row_layers() {
                layer.forward(
                    self.isa,
                    self.layer_weights(planned),
                    self.arena
                        .read(row.values(planned.input, planned.input_stride)),
                    self.arena
                        .write(row.values(planned.output, planned.output_stride)),
                    self.arena
                        .write(row.values(planned.stash, planned.stash_stride)),
                );
            }
            let loss = self.loss(&row);
            for (planned, layer) in self.one_row_layers().rev() {
                let input = |start| row.values(start, planned.input_stride);
                layer.backward(
                    self.isa,
                    self.layer_weights(planned),
                    self.trace(planned, &row),
                    self.arena
                        .read(row.values(planned.stash, planned.stash_stride)),
                    self.arena
                        .write(row.values(planned.gradient, planned.output_stride)),
                    planned
                        .input_gradient
                        .map(|start| self.arena.write(input(start))),
                    self.partials.write(planned.parameters.clone()),
                );
            }
            loss
        }
    }

    fn one_row_layers(&self) -> impl DoubleEndedIterator<Item = (&PlannedLayer, &dyn OneRow<T>)> {
        let layers = self.plan.layers.iter();
        layers.filter_map(|planned| Some((planned, T::layer(&*planned.layer).one_row()?)))
    }
}
