//! Part 3 of a step: items of θ, each with its gradient over the whole batch (from all rows, or added up from those of
//! the row blocks), its update and what is derived from it.

use std::ops::Range;

use super::buffer::Shared;
use super::items::Item;
use super::pass::{Pass, RowBlock};
use super::precision::Precision;
use crate::average;
use crate::kernels::descend::descend;
use crate::kernels::reduce;
use crate::optimizers::{Chain, Constants, MAX_SLOTS, Matrix, Strip};

/// The change of an item whose parameters are not finite any more.
pub(super) const RUINED: f64 = f64::NEG_INFINITY;

/// What the update of an item tells.
pub(super) struct Updated {
    /// ‖gradient‖².
    pub square: f64,
    /// ‖Δθ‖² if the chain measures it, else 0; or [`RUINED`].
    pub change: f64,
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

impl<T: Precision> Pass<'_, T> {
    /// All rows of the batch, for a member.
    pub(super) fn whole(&self, member: usize) -> RowBlock {
        RowBlock {
            rows: 0..self.batch.rows.len(),
            place: 0,
            room: self.plan.room(self.batch.rows.len()),
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
        // SAFETY: the caller's promise; the blocks have written their gradients.
        unsafe {
            if self.plan.adds_blocks {
                let (length, blocks) = (self.plan.parameters, self.blocks());
                let first = item.range.start;
                let partials = first..(blocks - 1) * length + item.range.end;
                reduce::sum_rows(self.isa, self.partials.read(partials), length, gradient);
            } else {
                self.gradient_of(&self.whole(member), item, gradient);
            }
        }
    }

    /// Leaves the gradient of a block's own rows where [`Pass::gradient`] finds it, if that is how it is added up.
    ///
    /// # Safety
    /// The block went backward, and nobody else works on it.
    pub unsafe fn keep_gradient(&self, index: usize, block: &RowBlock) {
        if !self.plan.adds_blocks {
            return;
        }
        let start = index * self.plan.parameters;
        for item in self.plan.items.iter().filter(|item| item.is_trained) {
            let place = start + item.range.start..start + item.range.end;
            // SAFETY: the caller's promise; parameters change only when all blocks are done.
            unsafe { self.gradient_of(block, item, self.partials.write(place)) };
        }
    }

    /// The gradient of an item from the rows of a block.
    ///
    /// # Safety
    /// The rows went backward, nobody writes to them, and nobody changes the item's parameters.
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

    /// Part 3 of a step for one item, given room for its gradient.
    ///
    /// # Safety
    /// As for [`Pass::gradient`]; nobody else touches the item's parameters, slots, derived values and gradients.
    pub unsafe fn update(
        &self,
        member: usize,
        item: &Item,
        update: &Update<T>,
        gradient: &mut [T],
    ) -> Updated {
        // SAFETY: the caller's promise.
        unsafe {
            if !item.is_trained {
                self.track(member, item);
                return Updated {
                    square: 0.0,
                    change: 0.0,
                };
            }
            let gradient = match self.plan.adds_blocks && self.blocks() == 1 {
                // There is nothing to add up.
                true => self.partials.write(item.range.clone()),
                false => {
                    self.gradient(member, item, gradient);
                    gradient
                }
            };
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

    /// Brings all that is derived from parameters up to date.
    ///
    /// # Safety
    /// Nobody else works on parameters and derived values.
    pub unsafe fn refresh_all(&self) {
        for item in &self.plan.items {
            // SAFETY: the caller's promise.
            unsafe { self.refresh(item, self.parameters.read(item.range.clone())) };
        }
    }

    /// Brings what is derived from an item's parameters up to date.
    ///
    /// # Safety
    /// Nobody else touches the item's derived values.
    pub unsafe fn refresh(&self, item: &Item, parameters: &[T]) {
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            if layer.derived.is_empty() {
                continue;
            }
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
