//! The second path through a step, for chains that need the whole gradient or whole tensors before the first
//! parameter can move ([`Chain::is_whole`]); all others are updated item by item, in `update.rs`.
//!
//! The gradient goes into a buffer as long as θ. The team meets and knows its norm: if that is not finite,
//! nobody goes on and θ stays as it was. Then
//! - SAM (Foret et al. 2021): θ moves to θ + ρ·g/‖g‖, a second pass over the batch gives the gradient there, and
//!   θ goes back;
//! - clipping by norm: g ← g·min(1, c/‖g‖) (Pascanu, Mikolov & Bengio 2013);
//! - the stages, those for whole tensors between two meetings, each tensor by one thread;
//! - the descent;
//! - constraints, of a layer's own or else the run's: for the weights w that come into a unit, without its bias, or
//!   for their length where that is a parameter, and for the vector of a category.
//!
//! What is not trained is tracked once the norm is known to be finite, and otherwise left alone.
//!
//! Sums go along items and tensors in their order, so the number of threads changes no bit.

use std::ops::Range;

use crate::constraints::{Constraint, MaxNorm};
use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::pass::Pass;
use crate::cpu::plan::{Item, Plan, Tensor};
use crate::cpu::precision::Precision;
use crate::cpu::strategy::Strategy;
use crate::cpu::team::{Member, Team};
use crate::cpu::update::{RUINED, Sums, Update};
use crate::error::Result;
use crate::kernels::{Isa, reduce};
use crate::optimizers::{Chain, Matrix};

/// Keeps ρ/‖g‖ finite.
const TINY: f64 = 1e-12;

/// What this path needs beside the other's.
pub(super) struct Whole<T> {
    /// The gradient, later u: as long as θ.
    u: Buffer<T>,
    /// θ while SAM is elsewhere, and before max-norm where its change is measured.
    saved: Buffer<T>,
    /// Room for the matrices of one tensor, for each member.
    room: Buffer<T>,
    room_length: usize,
    tensors: Vec<Tensor>,
    /// Which member works on each tensor.
    owners: Vec<usize>,
    /// The gradient of each row block, where these are added up.
    partials: Option<Buffer<T>>,
    /// Of SAM's second pass: Σ w·l of each row block and ‖gradient‖² of each item.
    block_losses: Vec<f64>,
    item_squares: Vec<f64>,
}

/// The members' views of [`Whole`].
struct Views<'a, T> {
    u: Shared<'a, T>,
    saved: Shared<'a, T>,
    room: Shared<'a, T>,
    room_length: usize,
    tensors: &'a [Tensor],
    owners: &'a [usize],
    block_losses: Shared<'a, f64>,
    item_squares: Shared<'a, f64>,
}

impl<T: Precision> Whole<T> {
    pub fn new(plan: &Plan, chain: &Chain, isa: Isa) -> Result<Self> {
        let tensors = plan.tensors::<T>(isa);
        let needs = chain.stages.iter().flat_map(|stage| {
            let stage = T::transform(&**stage);
            (tensors.iter())
                .filter(|tensor| stage.part().contains(tensor.is_weight, tensor.is_matrix))
                .map(|tensor| stage.room(tensor.rows, tensor.columns))
        });
        let room_length = needs.max().unwrap_or(0).next_multiple_of(16);
        let is_saved = chain.around.sam.is_some() || measures_behind_max_norm(chain);
        Ok(Self {
            u: Buffer::new(plan.parameters)?,
            saved: Buffer::new(if is_saved { plan.parameters } else { 0 })?,
            room: Buffer::new(room_length * plan.members)?,
            room_length,
            owners: owners(&tensors, plan.members),
            tensors,
            partials: (plan.adds_blocks.then(|| Buffer::new(plan.partials()))).transpose()?,
            block_losses: vec![0.0; plan.blocks()],
            item_squares: vec![0.0; plan.items.len()],
        })
    }
}

impl<T: Precision> Strategy<T> for Whole<T> {
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> f64 {
        pass.partials = self.partials.as_mut().map(Buffer::share);
        let pass = &*pass;
        let views = Views {
            u: self.u.share(),
            saved: self.saved.share(),
            room: self.room.share(),
            room_length: self.room_length,
            tensors: &self.tensors,
            owners: &self.owners,
            block_losses: Shared::new(&mut self.block_losses),
            item_squares: Shared::new(&mut self.item_squares),
        };
        team.run(&|member| {
            pass.run(member, sums.losses);
            member.barrier();
            if sums.loss(pass).is_finite() {
                views.update(pass, update, member, sums);
            }
        });
        sums.loss(pass)
    }

    fn partials(&mut self) -> Option<Shared<'_, T>> {
        self.partials.as_mut().map(Buffer::share)
    }
}

/// Whether ‖Δθ‖ is known only after max-norm.
fn measures_behind_max_norm(chain: &Chain) -> bool {
    chain.around.measures_change && chain.around.max_norm.is_some()
}

/// The items of these that are learned by gradients, with their numbers.
fn trained(plan: &Plan, items: Range<usize>) -> impl Iterator<Item = (usize, &Item)> {
    (items.clone().zip(&plan.items[items])).filter(|(_, item)| item.is_trained)
}

/// Deals tensors out, the largest first, each to the member with the least to do.
fn owners(tensors: &[Tensor], members: usize) -> Vec<usize> {
    let mut loads = vec![0; members.max(1)];
    let mut owners = vec![0; tensors.len()];
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(tensors[*index].range.len()));
    for index in order {
        let member = (0..loads.len()).min_by_key(|member| loads[*member]);
        owners[index] = member.unwrap_or(0);
        loads[owners[index]] += tensors[index].range.len();
    }
    owners
}

impl<T: Precision> Views<'_, T> {
    /// A member's part of a step whose row blocks are done and whose loss is finite, after a barrier.
    fn update(&self, pass: &Pass<T>, update: &Update<T>, member: Member, sums: Sums) {
        let items = pass.plan.shares[member.index].clone();
        let Some(mut square) = self.gradient(pass, member, items.clone(), sums.squares) else {
            return;
        };
        let own = || pass.plan.items[items.clone()].iter();
        // Once a step, and before SAM's second pass over the batch.
        for item in own().filter(|item| !item.is_trained) {
            // SAFETY: all rows are done, and the items of a member are its own.
            unsafe { pass.track(member.index, item) };
        }
        let around = update.chain.around;
        if let Some(radius) = around.sam {
            match self.look_around(pass, member, items.clone(), sums, radius, square) {
                Some(there) => square = there,
                None => return,
            }
        }
        let norm = square.sqrt();
        if let Some(limit) = around.clip_norm.filter(|limit| norm > *limit) {
            let factor = T::from_f64(limit / norm);
            for item in own() {
                // SAFETY: the items of a member are its own.
                let u = unsafe { self.u.write(item.range.clone()) };
                u.iter_mut().for_each(|u| *u *= factor);
            }
        }
        self.stages(pass, update, member, items.clone());
        for (index, item) in trained(pass.plan, items.clone()) {
            // SAFETY: the items of a member are its own; whole tensors are done since the team met.
            unsafe {
                if measures_behind_max_norm(update.chain) {
                    let before = pass.parameters.read(item.range.clone());
                    (self.saved.write(item.range.clone())).copy_from_slice(before);
                }
                let u = self.u.read(item.range.clone());
                sums.changes.write(index..index + 1)[0] = pass.descend(item, update, u);
            }
        }
        if around.constrains() {
            let of_run = around.max_norm.map(|limit| MaxNorm { limit });
            let of_run = of_run.as_ref().map(|max_norm| max_norm as &dyn Constraint);
            member.barrier();
            for tensor in self
                .own_tensors(member)
                .filter(|tensor| tensor.is_constrained)
            {
                let (layer, segment) = tensor.of;
                let own = pass.plan.layers[layer].layer.constraint(segment);
                let constraint = own.or(of_run).filter(|constraint| !constraint.is_none());
                if let Some(constraint) = constraint {
                    // SAFETY: everyone has descended, and tensors have one owner.
                    let parameters = unsafe { pass.parameters.write(tensor.range.clone()) };
                    constrain(tensor, constraint, parameters);
                }
            }
            member.barrier();
        }
        if measures_behind_max_norm(update.chain) {
            for (index, item) in trained(pass.plan, items.clone()) {
                // SAFETY: the items of a member are its own; whole tensors are done since the team met.
                unsafe {
                    let change = &mut sums.changes.write(index..index + 1)[0];
                    if *change != RUINED {
                        *change = self.moved(pass, item);
                    }
                }
            }
        }
        for (_, item) in trained(pass.plan, items) {
            // SAFETY: the items of a member are its own.
            unsafe { pass.settle(item, update) };
        }
    }

    /// ‖Δθ‖² of an item since it was saved.
    ///
    /// # Safety
    /// Nobody else touches the item's parameters, its u and what was saved of it.
    unsafe fn moved(&self, pass: &Pass<T>, item: &Item) -> f64 {
        // SAFETY: the caller's promise.
        let (after, before, u) = unsafe {
            (
                pass.parameters.read(item.range.clone()),
                self.saved.read(item.range.clone()),
                self.u.write(item.range.clone()),
            )
        };
        for ((u, after), before) in u.iter_mut().zip(after).zip(before) {
            *u = *after - *before;
        }
        reduce::sum_of_squares(pass.isa, u)
    }

    fn own_tensors(&self, member: Member) -> impl Iterator<Item = &Tensor> {
        let owned = move |owner: &usize| owner % member.count() == member.index;
        (self.tensors.iter().zip(self.owners))
            .filter(move |(_, owner)| owned(owner))
            .map(|(tensor, _)| tensor)
    }

    /// The member's items of the gradient. ‖gradient‖² of all, after a meeting, if that is finite.
    fn gradient(
        &self,
        pass: &Pass<T>,
        member: Member,
        items: Range<usize>,
        squares: Shared<f64>,
    ) -> Option<f64> {
        for index in items {
            let item = &pass.plan.items[index];
            // SAFETY: all rows are done, and the items of a member are its own.
            unsafe {
                let u = self.u.write(item.range.clone());
                pass.gradient(member.index, item, u);
                squares.write(index..index + 1)[0] = reduce::sum_of_squares(pass.isa, u);
            }
        }
        member.barrier();
        // SAFETY: all squares are there, and nobody writes them again before the next meeting but one.
        let squares = unsafe { squares.read(0..pass.plan.items.len()) };
        Some(squares.iter().sum::<f64>()).filter(|square| square.is_finite())
    }

    /// SAM: leaves the gradient at θ + ρ·g/‖g‖ in place of that at θ, and gives its ‖·‖². If it is not finite,
    /// neither are the squares that the step reports.
    fn look_around(
        &self,
        pass: &Pass<T>,
        member: Member,
        items: Range<usize>,
        sums: Sums,
        radius: f64,
        square: f64,
    ) -> Option<f64> {
        let own = || trained(pass.plan, items.clone()).map(|(_, item)| item);
        let step = T::from_f64(radius / (square.sqrt() + TINY));
        for item in own() {
            // SAFETY: the items of a member are its own, and no rows are being worked on.
            unsafe {
                let parameters = pass.parameters.write(item.range.clone());
                (self.saved.write(item.range.clone())).copy_from_slice(parameters);
                for (p, g) in parameters.iter_mut().zip(self.u.read(item.range.clone())) {
                    *p += step * *g;
                }
                pass.refresh(item, parameters);
            }
        }
        member.barrier();
        pass.run(member, self.block_losses);
        member.barrier();
        // SAFETY: all losses are there.
        let losses = unsafe { self.block_losses.read(0..pass.blocks()) };
        let there = if losses.iter().sum::<f64>().is_finite() {
            self.gradient(pass, member, items.clone(), self.item_squares)
        } else {
            None
        };
        for item in own() {
            // SAFETY: as above; all rows are done.
            unsafe {
                let parameters = pass.parameters.write(item.range.clone());
                parameters.copy_from_slice(self.saved.read(item.range.clone()));
                pass.refresh(item, parameters);
            }
        }
        if there.is_none() {
            // SAFETY: as above; everyone has read the squares of the first gradient.
            unsafe { sums.squares.write(items) }.fill(f64::NAN);
        }
        there
    }

    /// All stages: items of the member, and its tensors where a stage asks for whole ones.
    fn stages(&self, pass: &Pass<T>, update: &Update<T>, member: Member, items: Range<usize>) {
        let mut slot = 0;
        for (index, stage) in update.chain.stages.iter().enumerate() {
            let stage = T::transform(&**stage);
            let (part, at) = (stage.part(), (index, slot));
            slot += stage.slots();
            if !stage.is_whole() {
                let own = trained(pass.plan, items.clone()).map(|(_, item)| item);
                for item in own.filter(|item| part.contains(item.is_weight, item.is_matrix)) {
                    // SAFETY: the items of a member are its own.
                    unsafe {
                        let p = pass.parameters.read(item.range.clone());
                        let u = self.u.write(item.range.clone());
                        stage.apply(update.strip(pass, at, &item.range, p, u));
                    }
                }
                continue;
            }
            member.barrier();
            let own = self.own_tensors(member);
            for tensor in own.filter(|tensor| part.contains(tensor.is_weight, tensor.is_matrix)) {
                // SAFETY: the team has met, and tensors have one owner; each member has room of its own.
                unsafe {
                    let p = pass.parameters.read(tensor.range.clone());
                    let u = self.u.write(tensor.range.clone());
                    let mut strip = update.strip(pass, at, &tensor.range, p, u);
                    let start = member.index * self.room_length;
                    strip.matrix = Matrix {
                        rows: tensor.rows,
                        columns: tensor.columns,
                        places: &tensor.places,
                        room: self.room.write(start..start + self.room_length),
                    };
                    stage.apply(strip);
                }
            }
            member.barrier();
        }
    }
}

/// Moves the weights into each unit to where they satisfy the constraint.
fn constrain<T: Precision>(tensor: &Tensor, constraint: &dyn Constraint, parameters: &mut [T]) {
    for places in tensor.places.chunks_exact(tensor.columns.max(1)) {
        let square = |place: &u32| parameters[*place as usize].to_f64().powi(2);
        let norm = places.iter().map(square).sum::<f64>().sqrt();
        let factor = constraint.factor(norm);
        if factor != 1.0 {
            let factor = T::from_f64(factor);
            for place in places {
                parameters[*place as usize] *= factor;
            }
        }
    }
}
