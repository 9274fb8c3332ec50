//! Updates of items of θ: the gradient over the whole batch, the optimizer's stages, the descent,
//! and derived values.

use std::ops::Range;

use super::buffer::Shared;
use super::pass::{Forward, Pass};
use super::plan::Item;
use super::precision::Precision;
use crate::average;
use crate::kernels::descend::descend;
use crate::kernels::reduce;
use crate::optimizers::{Chain, Constants, MAX_SLOTS, Strip, WholeTensor};

/// The change of an item whose parameters are no longer finite.
pub(super) const RUINED: f64 = f64::NEG_INFINITY;

/// What the members of a step write for its report.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a> {
    /// Σ w·l of each row block.
    pub losses: Shared<'a, f64>,
    /// ‖gradient‖² of each item.
    pub squares: Shared<'a, f64>,
    /// ‖Δθ‖² of each item if the chain measures it, else 0; or [`RUINED`].
    pub changes: Shared<'a, f64>,
}

impl Sums<'_> {
    /// The loss of the batch, once all row blocks are done.
    #[inline]
    pub fn loss<T: Precision>(&self, pass: &Pass<T>) -> f64 {
        // SAFETY: no thread writes losses between the last row block and the next step.
        let losses = unsafe { self.losses.read(0..pass.blocks()) };
        losses.iter().sum::<f64>() * pass.scale
    }
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
    /// The constants of stage number `index`; λ is multiplied by `decay`.
    #[inline]
    pub fn constants_of(&self, index: usize, decay: f64) -> Constants {
        match decay != 1.0 && self.chain.stages[index].is_decay() {
            true => self.constants[index].map(|constant| constant * decay),
            false => self.constants[index],
        }
    }

    /// What stage number `index`, whose slots begin with `slot`, works on; λ is multiplied by
    /// `decay`.
    ///
    /// # Safety
    /// No other thread touches this range of its slots.
    #[inline]
    pub unsafe fn strip<'b>(
        &'b self,
        pass: &Pass<T>,
        (index, slot): (usize, usize),
        (range, decay): (&Range<usize>, f64),
        p: &'b [T],
        u: &'b mut [T],
    ) -> Strip<'b, T>
    where
        'a: 'b,
    {
        let stage = T::transform(&*self.chain.stages[index]);
        let count = stage.slots();
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
            constants: self.constants_of(index, decay),
            p,
            u,
            slots,
            tensor: WholeTensor::default(),
        }
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Updates item number `index`, given room for its gradient.
    ///
    /// # Safety
    /// As for [`Pass::gradient`]; no other thread touches the item's parameters, slots, derived
    /// values, partial gradients and sums.
    #[inline]
    pub unsafe fn update_item(
        &self,
        member: usize,
        index: usize,
        update: &Update<T>,
        room: &mut [T],
        sums: Sums,
    ) {
        let item = &self.plan.items[index];
        // SAFETY: the caller's promise.
        unsafe {
            let (square, change) = self.update(member, item, update, room);
            sums.squares.write(index..index + 1)[0] = square;
            sums.changes.write(index..index + 1)[0] = change;
        }
    }

    /// ‖gradient‖² and ‖Δθ‖² of an item: see [`Sums`].
    ///
    /// # Safety
    /// As for [`Pass::update_item`].
    unsafe fn update(
        &self,
        member: usize,
        item: &Item,
        update: &Update<T>,
        room: &mut [T],
    ) -> (f64, f64) {
        // SAFETY: the caller's promise.
        unsafe {
            if !item.is_trained {
                self.track(member, item);
                return (0.0, 0.0);
            }
            let gradient = match self.partials {
                // There is nothing to add up.
                Some(partials) if self.blocks() == 1 => partials.write(item.range.clone()),
                _ => {
                    let gradient = &mut room[..item.range.len()];
                    self.gradient(member, item, gradient);
                    gradient
                }
            };
            let square = reduce::sum_of_squares(self.isa, gradient);
            if !square.is_finite() {
                // The step reports divergence; what is not a number stays out of the parameters.
                return (square, 0.0);
            }
            let parameters = self.parameters.read(item.range.clone());
            let mut slot = 0;
            for (index, stage) in update.chain.stages.iter().enumerate() {
                let stage = T::transform(&**stage);
                if stage.scope().contains(item.is_weight, item.is_matrix) {
                    let at = (index, slot);
                    let place = (&item.range, item.factors.decay);
                    stage.apply(update.strip(self, at, place, parameters, gradient));
                }
                slot += stage.slots();
            }
            let change = self.descend(item, update, gradient);
            self.settle(item, update);
            (square, change)
        }
    }

    /// θ ← θ − η·u for one item: see [`Sums::changes`].
    ///
    /// # Safety
    /// No other thread touches the item's parameters.
    #[inline]
    pub unsafe fn descend(&self, item: &Item, update: &Update<T>, u: &[T]) -> f64 {
        // SAFETY: the caller's promise.
        let parameters = unsafe { self.parameters.write(item.range.clone()) };
        let rate = update.rate * item.factors.rate;
        if !descend(self.isa, rate, parameters, u) {
            return RUINED;
        }
        if update.chain.around.measures_change {
            rate * rate * reduce::sum_of_squares(self.isa, u)
        } else {
            0.0
        }
    }

    /// What follows the descent of an item: the average of θ and derived values.
    ///
    /// # Safety
    /// No other thread touches the item's parameters, its part of the average, and its derived
    /// values.
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

    /// Updates an item that is not trained.
    ///
    /// # Safety
    /// All rows went backward, and no other thread touches the item's parameters.
    pub unsafe fn track(&self, member: usize, item: &Item) {
        let all = self.all_rows(member);
        for planned in &self.plan.tiles[item.tiles.clone()] {
            let layer = &self.plan.layers[planned.layer];
            let start = self.plan.tile_start(planned);
            // SAFETY: the caller's promise.
            unsafe {
                let values = self.parameters.write(start..start + planned.tile.len());
                let rows = self.block(layer, &all);
                T::layer(&*layer.layer).track(rows, &planned.tile, values);
            }
        }
    }
}

impl<T: Precision> Forward<'_, T> {
    /// Recomputes all derived values.
    ///
    /// # Safety
    /// No other thread works on parameters and derived values.
    pub unsafe fn refresh_all(&self) {
        for item in &self.plan.items {
            // SAFETY: the caller's promise.
            unsafe { self.refresh(item, self.parameters.read(item.range.clone())) };
        }
    }

    /// Recomputes what is derived from an item's parameters.
    ///
    /// # Safety
    /// No other thread touches the item's derived values.
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
