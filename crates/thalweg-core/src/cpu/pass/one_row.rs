//! A batch of a single row: it goes through [`OneRow`] layers, and leaves its gradient as that of
//! the only block.

use super::{Pass, Upcoming};
use crate::cpu::buffer::Shared;
use crate::cpu::plan::PlannedLayer;
use crate::cpu::precision::Precision;
use crate::layers::OneRow;

impl<T: Precision> Pass<'_, T> {
    /// Forward and back. Returns w·l, and leaves the gradient laid out as θ.
    ///
    /// # Safety
    /// No other thread works on the engine.
    pub unsafe fn one_row(&self, gradient: Shared<T>) -> f64 {
        let row = self.all_rows(0);
        // SAFETY: the caller's promise; what layers read and write does not overlap.
        unsafe {
            self.gather_plain(&row, Upcoming::of(self.batch.upcoming, 0));
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
                    gradient.write(planned.parameters.clone()),
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
