//! The step of chains that need the whole gradient, or whole tensors, before the first parameter
//! can move ([`Chain::is_whole`]), and of batches that are shared among ranks or cut into groups
//! (`groups.rs`).
//!
//! The gradient goes into a buffer as long as θ. After a barrier every member knows its norm; if
//! that is not finite, θ stays as it was. Then
//! - SAM (Foret et al. 2021): θ moves to θ + ρ·g/‖g‖, a second pass over the batch gives the
//!   gradient there, and θ goes back;
//! - clipping by norm: g ← g·min(1, c/‖g‖) (Pascanu, Mikolov & Bengio 2013);
//! - the stages, those for whole tensors between two barriers, each tensor by one thread;
//! - the descent;
//! - constraints, of a layer's own or else the run's: for the weights w that come into a unit,
//!   without its bias, or for their length where that is a parameter, and for the vector of a
//!   category.
//!
//! What is not trained is tracked once the norm is known to be finite.
//!
//! Sums go along items and tensors in their order, so the number of threads changes no bit.

use std::ops::Range;

use super::groups::{self, Groups};

use crate::constraints::{Constraint, MaxNorm};
use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::grouping::Grouping;
use crate::cpu::pass::{Extent, Pass};
use crate::cpu::plan::{Item, Plan, Tensor};
use crate::cpu::precision::Precision;
use crate::cpu::strategy::{self, Strategy};
use crate::cpu::team::{Member, Team};
use crate::cpu::update::{RUINED, Sums, Update};
use crate::engine::Batch;
use crate::error::Result;
use crate::kernels::{Isa, reduce};
use crate::optimizers::{Chain, WholeTensor};

/// Keeps ρ/‖g‖ finite.
const TINY: f64 = 1e-12;

/// See the module's text.
pub(super) struct Whole<T> {
    /// The gradient, later u: as long as θ.
    u: Buffer<T>,
    /// θ while SAM evaluates the gradient at another point, and before max-norm where its change is
    /// measured.
    saved: Buffer<T>,
    /// Room for the matrices of one tensor, for each member.
    room: Buffer<T>,
    room_length: usize,
    tensors: Vec<Tensor>,
    /// Which member works on each tensor.
    owners: Vec<usize>,
    /// The gradient of each row block, where these are added up.
    partials: Option<Buffer<T>>,
    /// How the gradient is put together, if not from one batch.
    groups: Option<Groups<T>>,
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
    groups: Option<groups::Views<'a, T>>,
    block_losses: Shared<'a, f64>,
    item_squares: Shared<'a, f64>,
}

impl<T: Precision> Whole<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan, chain: &Chain, isa: Isa, grouping: Option<Grouping>) -> Result<Self> {
        let tensors = plan.tensors::<T>(isa);
        let needs = chain.stages.iter().flat_map(|stage| {
            let stage = T::transform(&**stage);
            (tensors.iter())
                .filter(|tensor| stage.scope().contains(tensor.is_weight, tensor.is_matrix))
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
            groups: (grouping.map(|grouping| Groups::new(plan, grouping))).transpose()?,
            block_losses: vec![0.0; plan.blocks()],
            item_squares: vec![0.0; plan.items.len()],
        })
    }
}

impl<T: Precision> Strategy<T> for Whole<T> {
    fn extent(&mut self, batch: &Batch, fits: Result<()>) -> Result<Extent> {
        match &mut self.groups {
            Some(groups) => groups.extent(batch, fits),
            None => fits.map(|()| Extent::of(batch)),
        }
    }

    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64> {
        pass.partials = self.partials.as_mut().map(Buffer::share);
        let pass = &*pass;
        let views = Views {
            u: self.u.share(),
            saved: self.saved.share(),
            room: self.room.share(),
            room_length: self.room_length,
            tensors: &self.tensors,
            owners: &self.owners,
            groups: self.groups.as_mut().map(Groups::share),
            block_losses: Shared::new(&mut self.block_losses),
            item_squares: Shared::new(&mut self.item_squares),
        };
        team.run(&|member| views.step(pass, update, member, sums));
        match views.groups {
            Some(groups) => groups.finish(),
            None => Ok(sums.loss(pass)),
        }
    }

    fn partials(&mut self) -> Option<Shared<'_, T>> {
        self.partials.as_mut().map(Buffer::share)
    }

    fn gradient<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        sums: Sums,
        gradient: Shared<T>,
    ) -> f64 {
        pass.partials = self.partials.as_mut().map(Buffer::share);
        match &mut self.groups {
            None => strategy::gradient(team, pass, sums, gradient),
            Some(groups) => groups.local(team, pass, sums.losses, gradient),
        }
    }
}

/// Whether ‖Δθ‖ is known only after max-norm.
fn measures_behind_max_norm(chain: &Chain) -> bool {
    chain.around.measures_change && chain.around.max_norm.is_some()
}

/// The trained ones of some items, with their numbers.
fn trained(plan: &Plan, items: Range<usize>) -> impl Iterator<Item = (usize, &Item)> {
    (items.clone().zip(&plan.items[items])).filter(|(_, item)| item.is_trained)
}

/// The member of each tensor: the largest first, each to the member with the least work.
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
    /// A member's part of a step.
    fn step(&self, pass: &Pass<T>, update: &Update<T>, member: Member, sums: Sums) {
        let items = pass.plan.shares[member.index].clone();
        let first = self.gradient(pass, member, items.clone(), sums, 0);
        let Some(mut square) = first else {
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
            // SAFETY: the items of a member are its own; whole tensors are done since the barrier.
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
                    // SAFETY: all members have descended, and tensors have one owner.
                    let parameters = unsafe { pass.parameters.write(tensor.range.clone()) };
                    constrain(tensor, constraint, parameters);
                }
            }
            member.barrier();
        }
        if measures_behind_max_norm(update.chain) {
            for (index, item) in trained(pass.plan, items.clone()) {
                // SAFETY: the items of a member are its own; whole tensors are done since the
                // barrier.
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
    /// No other thread touches the item's parameters, its u and what was saved of it.
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
        (self.tensors.iter().zip(self.owners))
            .filter(move |(_, owner)| **owner == member.index)
            .map(|(tensor, _)| tensor)
    }

    /// Rows forward and back, and the member's items of the gradient: the first of a step or the
    /// second, at another θ. After a barrier, ‖gradient‖² of all items, if that and the loss are
    /// finite.
    fn gradient(
        &self,
        pass: &Pass<T>,
        member: Member,
        items: Range<usize>,
        sums: Sums,
        which: usize,
    ) -> Option<f64> {
        let is_finite = match &self.groups {
            Some(groups) => groups.gradient(pass, member, sums.losses, self.u, which),
            None => {
                pass.run(member, sums.losses);
                member.barrier();
                sums.loss(pass).is_finite()
            }
        };
        if !is_finite {
            return None;
        }
        for index in items {
            let item = &pass.plan.items[index];
            // SAFETY: all rows are done, and the items of a member are its own.
            unsafe {
                let u = self.u.write(item.range.clone());
                if self.groups.is_none() {
                    pass.gradient(member.index, item, u);
                }
                sums.squares.write(index..index + 1)[0] = reduce::sum_of_squares(pass.isa, u);
            }
        }
        member.barrier();
        // SAFETY: past the barrier; none is written again before the next barrier but one.
        let squares = unsafe { sums.squares.read(0..pass.plan.items.len()) };
        Some(squares.iter().sum::<f64>()).filter(|square| square.is_finite())
    }

    /// SAM: leaves the gradient at θ + ρ·g/‖g‖ in place of that at θ, and gives its ‖·‖². If it is
    /// not finite, neither are the squares that the step reports.
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
        let second = Sums {
            losses: self.block_losses,
            squares: self.item_squares,
            ..sums
        };
        let there = self.gradient(pass, member, items.clone(), second, 1);
        for item in own() {
            // SAFETY: as above; all rows are done.
            unsafe {
                let parameters = pass.parameters.write(item.range.clone());
                parameters.copy_from_slice(self.saved.read(item.range.clone()));
                pass.refresh(item, parameters);
            }
        }
        if there.is_none() {
            // SAFETY: as above; all members have read the squares of the first gradient.
            unsafe { sums.squares.write(items) }.fill(f64::NAN);
        }
        there
    }

    /// All stages: items of the member, and its tensors where a stage asks for whole ones.
    fn stages(&self, pass: &Pass<T>, update: &Update<T>, member: Member, items: Range<usize>) {
        let mut slot = 0;
        for (index, stage) in update.chain.stages.iter().enumerate() {
            let stage = T::transform(&**stage);
            let (part, at) = (stage.scope(), (index, slot));
            slot += stage.slots();
            if !stage.is_whole() {
                let own = trained(pass.plan, items.clone()).map(|(_, item)| item);
                for item in own.filter(|item| part.contains(item.is_weight, item.is_matrix)) {
                    // SAFETY: the items of a member are its own.
                    unsafe {
                        let p = pass.parameters.read(item.range.clone());
                        let u = self.u.write(item.range.clone());
                        let place = (&item.range, item.factors.decay);
                        stage.apply(update.strip(pass, at, place, p, u));
                    }
                }
                continue;
            }
            member.barrier();
            let own = self.own_tensors(member);
            for tensor in own.filter(|tensor| part.contains(tensor.is_weight, tensor.is_matrix)) {
                // SAFETY: past the barrier; tensors have one owner, and each member has room of its
                // own.
                unsafe {
                    let p = pass.parameters.read(tensor.range.clone());
                    let u = self.u.write(tensor.range.clone());
                    let place = (&tensor.range, tensor.factors.decay);
                    let mut strip = update.strip(pass, at, place, p, u);
                    let start = member.index * self.room_length;
                    strip.tensor = WholeTensor {
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
