//! Row blocks through the layers: forward, back, and to the gradients of parameters.

use super::{Forward, Pass, RowBlock, Upcoming};
use crate::cpu::plan::{Item, PlannedLayer, Step};
use crate::cpu::precision::Precision;
use crate::kernels::reduce;
use crate::layers::{Block, Trace, Weights};
use crate::losses::Link;

impl<T: Precision> Forward<'_, T> {
    /// What a layer sees of a block.
    ///
    /// # Safety
    /// No thread writes what the layer prepared, nor the statistics of the block's member.
    pub unsafe fn block(&self, planned: &PlannedLayer, block: &RowBlock) -> Block<'_> {
        // SAFETY: the caller's promise.
        let (prepared, batch) = unsafe {
            (
                self.prepared.read(planned.prepared.clone()),
                self.statistics
                    .read(self.statistics_of(planned, block.member)),
            )
        };
        Block {
            isa: self.isa,
            rows: block.rows.len(),
            features: &self.batch.features,
            listed: &self.batch.rows,
            start: block.rows.start,
            first: self.first + block.rows.start,
            mode: self.mode,
            stash: planned.stash_stride,
            prepared,
            batch,
        }
    }

    /// # Safety
    /// No thread writes the layer's parameters meanwhile.
    pub unsafe fn layer_weights(&self, planned: &PlannedLayer) -> Weights<'_, T> {
        // SAFETY: the caller's promise.
        unsafe {
            Weights {
                parameters: self.parameters.read(planned.parameters.clone()),
                derived: self.derived.read(planned.derived.clone()),
            }
        }
    }

    /// # Safety
    /// No thread writes these rows of the layer's input and output meanwhile.
    pub unsafe fn trace(&self, planned: &PlannedLayer, block: &RowBlock) -> Trace<'_, T> {
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

    /// Gathers a block and takes it through all layers.
    ///
    /// # Safety
    /// No other thread works on these rows of the arena, and none writes parameters.
    pub unsafe fn forward(&self, block: &RowBlock, next: Upcoming) {
        // SAFETY: the caller's promise.
        unsafe {
            self.gather_plain(block, next);
            for step in &self.plan.steps {
                self.step_forward(step, block);
            }
        }
    }

    /// Takes a block through all layers. Returns what the last one puts out, of several members one behind the other.
    ///
    /// # Safety
    /// As for [`Forward::forward`].
    pub unsafe fn outputs(&self, block: &RowBlock) -> &[T] {
        // SAFETY: the caller's promise.
        unsafe {
            self.forward(block, Upcoming::UNKNOWN);
            (self.arena).read(block.values(self.plan.output, self.plan.output_stride))
        }
    }

    /// As [`Forward::outputs`]; but each of several members has the outputs of which the link makes
    /// the mean of their predictions: so the loss is that of the mean.
    ///
    /// # Safety
    /// As for [`Forward::forward`].
    pub unsafe fn answer(&self, link: Link, block: &RowBlock) -> &[T] {
        let place = block.values(self.plan.output, self.plan.output_stride);
        // SAFETY: the caller's promise.
        unsafe {
            let z = self.outputs(block);
            if self.plan.ensemble == 1 {
                return z;
            }
            self.average(link, self.arena.write(place.clone()));
            self.arena.read(place)
        }
    }

    /// See [`Forward::answer`].
    fn average(&self, link: Link, z: &mut [T]) {
        let (outputs, count) = (self.plan.outputs, self.plan.ensemble as f64);
        let mut room = vec![0.0; 2 * outputs];
        let (own, mean) = room.split_at_mut(outputs);
        for z in z.chunks_exact_mut(self.plan.output_stride) {
            mean.fill(0.0);
            for z in z.chunks_exact(outputs).take(self.plan.ensemble) {
                for (own, z) in own.iter_mut().zip(z) {
                    *own = z.to_f64();
                }
                link.apply(own);
                for (mean, own) in mean.iter_mut().zip(&*own) {
                    *mean += own / count;
                }
            }
            for z in z.chunks_exact_mut(outputs).take(self.plan.ensemble) {
                for (z, mean) in z.iter_mut().zip(&*mean) {
                    *z = T::from_f64(link.inverse(*mean));
                }
            }
        }
    }

    /// The predictions of rows whose last layer puts out `z`, row-major.
    pub fn link(&self, link: Link, z: &[T], predictions: &mut [f64]) {
        self.link_members(link, z, 1, predictions);
    }

    /// The predictions of so many members in each row, one behind the other.
    pub fn link_members(&self, link: Link, z: &[T], members: usize, predictions: &mut [f64]) {
        let outputs = self.plan.outputs;
        let rows = predictions.chunks_exact_mut(members * outputs);
        for (row, z) in rows.zip(z.chunks_exact(self.plan.output_stride)) {
            let each = row.chunks_exact_mut(outputs).zip(z.chunks_exact(outputs));
            for (prediction, z) in each {
                for (value, z) in prediction.iter_mut().zip(z) {
                    *value = z.to_f64();
                }
                link.apply(prediction);
            }
        }
    }

    /// Takes a block through one step.
    ///
    /// # Safety
    /// As for [`Forward::forward`].
    pub unsafe fn step_forward(&self, step: &Step, block: &RowBlock) {
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
}

impl<T: Precision> Pass<'_, T> {
    /// Takes a block back through one step.
    ///
    /// # Safety
    /// No other thread works on these rows of the arena, and none writes parameters.
    pub unsafe fn step_backward(&self, step: &Step, block: &RowBlock) {
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

    /// The gradient of an item over the whole batch, computed by a member; 0 if it is not trained.
    ///
    /// # Safety
    /// All rows went backward; no thread writes to the arena, the partial gradients or the item's
    /// parameters.
    pub unsafe fn gradient(&self, member: usize, item: &Item, gradient: &mut [T]) {
        if !item.is_trained {
            gradient.fill(T::ZERO);
            return;
        }
        // SAFETY: the caller's promise; the blocks have written their gradients.
        unsafe {
            match self.partials {
                Some(partials) => {
                    let (length, blocks) = (self.plan.parameters, self.blocks());
                    let range = item.range.start..(blocks - 1) * length + item.range.end;
                    reduce::sum_rows(self.isa, partials.read(range), length, gradient);
                }
                None => self.gradient_of(&self.all_rows(member), item, gradient),
            }
        }
    }

    /// Leaves the gradient of a block's own rows among the partial gradients, where these are added
    /// up.
    ///
    /// # Safety
    /// The block went backward, and no other thread works on it.
    pub unsafe fn keep_gradient(&self, block: &RowBlock) {
        let Some(partials) = self.partials else {
            return;
        };
        let start = block.index * self.plan.parameters;
        for item in self.plan.items.iter().filter(|item| item.is_trained) {
            let place = start + item.range.start..start + item.range.end;
            // SAFETY: the caller's promise; parameters change only when all blocks are done.
            unsafe { self.gradient_of(block, item, partials.write(place)) };
        }
    }

    /// The gradient of an item from the rows of a block.
    ///
    /// # Safety
    /// The rows went backward; no thread writes to them or to the item's parameters.
    unsafe fn gradient_of(&self, block: &RowBlock, item: &Item, gradient: &mut [T]) {
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            let start = self.plan.tile_start(planned);
            let own = start..start + planned.tile.len();
            let start = start - item.range.start;
            // SAFETY: the caller's promise.
            unsafe {
                T::layer(&*layer.layer).gradient(
                    self.block(layer, block),
                    &planned.tile,
                    self.parameters.read(own),
                    self.trace(layer, block),
                    self.arena
                        .read(block.values_for(layer, layer.stash, layer.stash_stride)),
                    self.arena
                        .read(block.values_for(layer, layer.gradient, layer.output_stride)),
                    &mut gradient[start..start + planned.tile.len()],
                );
            }
        }
    }
}
