//! Where the first layer reads sparse rows and the optimizer leaves a parameter alone whose gradient
//! is 0 ([`Chain::skips_zeros`]): of its weights those of inputs that are not 0 in some row of the
//! batch are updated, and the others are not looked at. Everything else is updated by items.
//!
//! Each member adds up the gradients of a range of inputs, along the rows of the batch, and marks
//! the inputs that it meets. It then copies weights, gradients and slots of the marked inputs of an
//! item side by side, sends them through the optimizer, and copies them back. Every sum is within
//! an input or an item, so where a member's range ends changes no bit.

use std::ops::Range;

use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::pass::Pass;
use crate::cpu::plan::{Item, Plan};
use crate::cpu::precision::Precision;
use crate::cpu::strategy::Strategy;
use crate::cpu::team::Team;
use crate::cpu::update::{RUINED, Sums, Update};
use crate::dataset::ValuesRef;
use crate::error::Result;
use crate::kernels::descend::descend;
use crate::kernels::reduce;
use crate::kernels::sparse::{Backward, NonZeros};
use crate::layers::WORD;
use crate::memory;
use crate::optimizers::{Chain, MAX_SLOTS, Strip, WholeTensor};

/// Entries of the batch by which its inputs are shared among the members.
const SAMPLES: usize = 128;

pub(super) struct Touched<T> {
    /// The gradient of W, 0 between steps, and a mark for each input.
    gradient: Buffer<T>,
    marks: Vec<u64>,
    /// For each member the marked inputs of an item, counted from its first, and room for their
    /// gradients, weights and slots; the room of an item's gradient, too.
    inputs: Vec<u32>,
    room: Buffer<T>,
    /// Lengths of the latter two for one member.
    most_inputs: usize,
    length: usize,
}

/// The members' views of [`Touched`].
struct Views<'a, T> {
    gradient: Shared<'a, T>,
    marks: Shared<'a, u64>,
    inputs: Shared<'a, u32>,
    room: Shared<'a, T>,
    most_inputs: usize,
    length: usize,
}

/// The items of W in a plan.
fn items(plan: &Plan) -> &[Item] {
    let is_weight = |item: &Item| {
        let tile = &plan.tiles[item.tiles.start];
        tile.layer == 0 && tile.tile.segment == 0
    };
    &plan.items[..plan.items.iter().take_while(|item| is_weight(item)).count()]
}

/// The inputs of an item of W.
fn inputs(plan: &Plan, item: &Item) -> Range<usize> {
    let tile = &plan.tiles[item.tiles.start].tile;
    tile.row..tile.row + tile.rows
}

impl<T: Precision> Touched<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan, chain: &Chain) -> Result<Self> {
        let items = items(plan);
        let last = items.last().map_or(0..0, |item| inputs(plan, item));
        let most_inputs = items.first().map_or(0, |item| inputs(plan, item).len());
        let end = items.last().map_or(0, |item| item.range.end);
        let length = (2 + chain.stage_slots()) * plan.item_length();
        Ok(Self {
            gradient: Buffer::new(end)?,
            marks: memory::collect(std::iter::repeat_n(0, last.end.div_ceil(WORD)))?,
            inputs: vec![0; most_inputs * plan.members],
            room: Buffer::new(length * plan.members)?,
            most_inputs,
            length,
        })
    }
}

impl<T: Precision> Strategy<T> for Touched<T> {
    fn step<'a>(
        &'a mut self,
        team: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64> {
        let pass = &*pass;
        let views = Views {
            gradient: self.gradient.share(),
            marks: Shared::new(&mut self.marks),
            inputs: Shared::new(&mut self.inputs),
            room: self.room.share(),
            most_inputs: self.most_inputs,
            length: self.length,
        };
        let (weights, members) = (items(pass.plan).len(), pass.plan.members);
        team.run(&|member| {
            pass.run(member, sums.losses);
            member.barrier();
            if !sums.loss(pass).is_finite() {
                return;
            }
            let index = member.index;
            let own = share(pass, index);
            // SAFETY: all rows are done; the members' shares do not overlap.
            unsafe {
                views.add_up(pass, own.clone());
                for item in own {
                    views.update(pass, index, item, update, sums);
                }
                let room = &mut views
                    .room
                    .write(index * views.length..(index + 1) * views.length);
                for item in (weights..pass.plan.items.len())
                    .skip(index)
                    .step_by(members)
                {
                    pass.update_item(index, item, update, room, sums);
                }
            }
        });
        Ok(sums.loss(pass))
    }
}

/// The items of W of a member: those of an equal share of some entries of the batch.
fn share<T: Precision>(pass: &Pass<T>, member: usize) -> Range<usize> {
    let (plan, members) = (pass.plan, pass.plan.members);
    let items = items(plan);
    let mut samples = [0u32; SAMPLES];
    for (index, sample) in samples.iter_mut().enumerate() {
        let row = pass.batch.rows.at(index * pass.batch.rows.len() / SAMPLES);
        *sample = match pass.batch.features.values {
            ValuesRef::Sparse(rows) => {
                let columns = rows.row(row).0;
                // A multiplier that meets early and late entries of rows of any length.
                (columns.get(index * 61 % columns.len().max(1))).map_or(0, |column| *column)
            }
            _ => (index * plan.inputs / SAMPLES) as u32,
        };
    }
    samples.sort_unstable();
    let most = items.first().map_or(1, |item| inputs(plan, item).len());
    let cut = |member: usize| match member {
        0 => 0,
        _ if member == members => items.len(),
        _ => (samples[member * SAMPLES / members % SAMPLES] as usize).div_ceil(most),
    };
    cut(member)..cut(member + 1).min(items.len())
}

impl<T: Precision> Views<'_, T> {
    /// The gradient of the weights of some items, along the rows of the batch.
    ///
    /// # Safety
    /// All rows went backward, and no other thread works on these items.
    unsafe fn add_up(&self, pass: &Pass<T>, own: Range<usize>) {
        let (plan, all) = (pass.plan, pass.all_rows(0));
        let (first, items) = (&plan.layers[0], &items(plan)[own]);
        let ([start, ..], [.., end]) = (items, items) else {
            return;
        };
        let columns = inputs(plan, start).start..inputs(plan, end).end;
        let dz = all.values_for(first, first.gradient, first.output_stride);
        // SAFETY: the caller's promise; items begin with a word of marks.
        unsafe {
            Backward {
                non_zeros: NonZeros {
                    features: pass.batch.features,
                    rows: pass.batch.rows,
                },
                width: start.range.len() / inputs(plan, start).len(),
                rows: pass.batch.rows.len(),
                dz: pass.arena.read(dz),
                stride: first.output_stride,
                gradient: self.gradient.write(start.range.start..end.range.end),
                marks: self
                    .marks
                    .write(columns.start / WORD..columns.end.div_ceil(WORD)),
                columns,
            }
            .run(pass.isa);
        }
    }

    /// Updates the marked inputs of an item, whose gradients and marks are 0 afterwards.
    ///
    /// # Safety
    /// As for [`Pass::update_item`].
    unsafe fn update(
        &self,
        pass: &Pass<T>,
        member: usize,
        index: usize,
        update: &Update<T>,
        sums: Sums,
    ) {
        let item = &pass.plan.items[index];
        let own = inputs(pass.plan, item);
        let width = item.range.len() / own.len();
        // SAFETY: the caller's promise; each member has room of its own.
        let (marks, list, room, square, change) = unsafe {
            (
                self.marks.write(own.start / WORD..own.end.div_ceil(WORD)),
                self.inputs
                    .write(member * self.most_inputs..(member + 1) * self.most_inputs),
                self.room
                    .write(member * self.length..(member + 1) * self.length),
                &mut sums.squares.write(index..index + 1)[0],
                &mut sums.changes.write(index..index + 1)[0],
            )
        };
        let picked = Picked {
            inputs: take_marked(marks, list),
            width,
        };
        (*square, *change) = (0.0, 0.0);
        if picked.inputs.is_empty() {
            return;
        }
        let mut parts = room
            .chunks_exact_mut(pass.plan.item_length())
            .map(|part| &mut part[..picked.inputs.len() * width]);
        let (Some(u), Some(p)) = (parts.next(), parts.next()) else {
            return;
        };
        // SAFETY: as above.
        let (gradient, weights) = unsafe {
            (
                self.gradient.write(item.range.clone()),
                pass.parameters.write(item.range.clone()),
            )
        };
        picked.gather(gradient, u);
        picked.clear(gradient);
        *square = reduce::sum_of_squares(pass.isa, u);
        if !square.is_finite() {
            // The step reports divergence; what is not a number stays out of the parameters.
            return;
        }
        picked.gather(weights, p);
        // SAFETY: as above.
        unsafe { transform(pass, item, update, picked, (p, u), parts) };
        let rate = update.rate * item.factors.rate;
        *change = match descend(pass.isa, rate, p, u) {
            false => RUINED,
            true if update.chain.around.measures_change => {
                rate * rate * reduce::sum_of_squares(pass.isa, u)
            }
            true => 0.0,
        };
        picked.scatter(p, weights);
    }
}

/// Sends u through the stages of the chain; `room` has a part for each slot.
///
/// # Safety
/// No other thread touches the item's slots.
unsafe fn transform<'a, T: Precision>(
    pass: &Pass<T>,
    item: &Item,
    update: &Update<T>,
    picked: Picked,
    (p, u): (&[T], &mut [T]),
    mut room: impl Iterator<Item = &'a mut [T]>,
) {
    let mut first = 0;
    for (index, stage) in update.chain.stages.iter().enumerate() {
        let stage = T::transform(&**stage);
        let count = stage.slots();
        let slot = |k: usize| {
            let start = (first + k) * pass.plan.parameters + item.range.start;
            // SAFETY: the caller's promise; slots do not overlap.
            unsafe { update.slots.write(start..start + item.range.len()) }
        };
        let mut slots: [&mut [T]; MAX_SLOTS] = std::array::from_fn(|k| {
            let own = if k < count { room.next() } else { None };
            own.unwrap_or_default()
        });
        for (k, to) in slots[..count].iter_mut().enumerate() {
            picked.gather(slot(k), to);
        }
        if stage.scope().contains(item.is_weight, item.is_matrix) {
            stage.apply(Strip {
                isa: pass.isa,
                constants: update.constants_of(index, item.factors.decay),
                p,
                u: &mut *u,
                slots: slots.each_mut().map(|slot| &mut **slot),
                tensor: WholeTensor::default(),
            });
        }
        for (k, from) in slots[..count].iter().enumerate() {
            picked.scatter(from, slot(k));
        }
        first += count;
    }
}

/// Lists the marked inputs, and takes their marks away.
fn take_marked<'a>(marks: &mut [u64], list: &'a mut [u32]) -> &'a [u32] {
    let mut count = 0;
    for (word, marks) in marks.iter_mut().enumerate() {
        while *marks != 0 {
            list[count] = (word * WORD) as u32 + marks.trailing_zeros();
            *marks &= *marks - 1;
            count += 1;
        }
    }
    &list[..count]
}

/// Some inputs of an item, counted from its first, which has so many values for each.
#[derive(Clone, Copy)]
struct Picked<'a> {
    inputs: &'a [u32],
    width: usize,
}

impl Picked<'_> {
    /// The values of these inputs, side by side.
    fn gather<T: Copy>(self, from: &[T], to: &mut [T]) {
        if self.width == 1 {
            let pairs = to.iter_mut().zip(self.inputs);
            return pairs.for_each(|(to, input)| *to = from[*input as usize]);
        }
        for (to, input) in to.chunks_exact_mut(self.width).zip(self.inputs) {
            to.copy_from_slice(&from[*input as usize * self.width..][..self.width]);
        }
    }

    /// The reverse of [`Picked::gather`].
    fn scatter<T: Copy>(self, from: &[T], to: &mut [T]) {
        if self.width == 1 {
            let pairs = from.iter().zip(self.inputs);
            return pairs.for_each(|(from, input)| to[*input as usize] = *from);
        }
        for (from, input) in from.chunks_exact(self.width).zip(self.inputs) {
            to[*input as usize * self.width..][..self.width].copy_from_slice(from);
        }
    }

    /// 0 for these inputs.
    fn clear<T: Precision>(self, values: &mut [T]) {
        for input in self.inputs {
            values[*input as usize * self.width..][..self.width].fill(T::ZERO);
        }
    }
}
