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
use crate::kernels::marks::{Marks, WORD};
use crate::kernels::reduce;
use crate::kernels::sparse::{Backward, NonZeros};
use crate::memory;
use crate::optimizers::{Chain, MAX_SLOTS, Strip, WholeTensor};

/// Entries of the batch by which its inputs are shared among the members.
const SAMPLES: usize = 128;
/// How many entries take as much time as the update of an input.
const UPDATE: usize = 8;
/// About so many weights are updated together.
const PART: usize = 1024;

pub(super) struct Touched<T> {
    /// The gradient of W, 0 between steps, and marks of the inputs: see [`Marks`].
    gradient: Buffer<T>,
    bits: Vec<u64>,
    words: Vec<u8>,
    /// For each member the marked inputs of an item, counted from its first, and room: for the
    /// gradient of an item, and for weights and slots of a part of these inputs.
    inputs: Vec<u32>,
    room: Buffer<T>,
    /// Lengths of the latter two for one member.
    most_inputs: usize,
    length: usize,
    /// How many inputs of each item were updated in the last step.
    listed: Vec<u32>,
}

/// The members' views of [`Touched`].
struct Views<'a, T> {
    gradient: Shared<'a, T>,
    bits: Shared<'a, u64>,
    words: Shared<'a, u8>,
    inputs: Shared<'a, u32>,
    room: Shared<'a, T>,
    most_inputs: usize,
    length: usize,
    listed: Shared<'a, u32>,
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
        let width = items
            .first()
            .map_or(1, |item| item.range.len() / most_inputs);
        let most_inputs = Marks::room(most_inputs);
        let end = items.last().map_or(0, |item| item.range.end);
        let length = plan.item_length() + (1 + chain.stage_slots()) * part(width);
        Ok(Self {
            gradient: Buffer::new(end)?,
            bits: memory::collect(std::iter::repeat_n(0, last.end.div_ceil(WORD)))?,
            words: memory::collect(std::iter::repeat_n(0, last.end.div_ceil(WORD)))?,
            inputs: vec![0; most_inputs * plan.members],
            room: Buffer::new(length * plan.members)?,
            most_inputs,
            length,
            listed: vec![0; items.len()],
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
            bits: Shared::new(&mut self.bits),
            words: Shared::new(&mut self.words),
            inputs: Shared::new(&mut self.inputs),
            room: self.room.share(),
            most_inputs: self.most_inputs,
            length: self.length,
            listed: Shared::new(&mut self.listed),
        };
        let (weights, members) = (items(pass.plan).len(), pass.plan.members);
        team.run(&|member| {
            let index = member.index;
            // SAFETY: no member updates an item before all have passed the barrier.
            let own = share(pass, unsafe { views.listed.read(0..weights) }, index);
            pass.run(member, sums.losses);
            member.barrier();
            if !sums.loss(pass).is_finite() {
                return;
            }
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

/// The items of W of a member: an equal share of the work on some entries of the batch, and on the
/// inputs of the step before. It decides who computes a number, and never how.
fn share<T: Precision>(pass: &Pass<T>, listed: &[u32], member: usize) -> Range<usize> {
    let (plan, rows) = (pass.plan, pass.batch.rows);
    let most = match items(plan).first() {
        Some(item) => inputs(plan, item).len(),
        None => return 0..0,
    };
    let (mut samples, mut entries) = ([0u32; SAMPLES], 0);
    for (index, sample) in samples.iter_mut().enumerate() {
        let row = rows.at(index * rows.len() / SAMPLES);
        let (input, length) = match pass.batch.features.values {
            ValuesRef::Sparse(rows) => {
                let columns = rows.row(row).0;
                // A multiplier that meets early and late entries of rows of any length.
                let column = columns.get(index * 61 % columns.len().max(1));
                (column.map_or(0, |column| *column as usize), columns.len())
            }
            _ => (index * plan.inputs / SAMPLES, plan.inputs),
        };
        (*sample, entries) = ((input / most) as u32, entries + length);
    }
    samples.sort_unstable();
    let of_sample = (entries * rows.len()).div_ceil(SAMPLES * SAMPLES);
    let of_inputs = |listed: &u32| *listed as usize * UPDATE;
    let total = of_sample * SAMPLES + listed.iter().map(of_inputs).sum::<usize>();
    let (members, total) = (plan.members, total.max(1));
    // An item is of the member in whose share of the work its middle is.
    let (mut work, mut samples) = (0, &samples[..]);
    let mut own = 0..0;
    for (index, listed) in listed.iter().enumerate() {
        let (here, rest) = samples.split_at(samples.partition_point(|item| *item <= index as u32));
        let of_item = here.len() * of_sample + of_inputs(listed);
        let middle = ((work + of_item / 2) * members / total).min(members - 1);
        own.start += usize::from(middle < member);
        own.end += usize::from(middle <= member);
        (work, samples) = (work + of_item, rest);
    }
    own
}

impl<T: Precision> Views<'_, T> {
    /// The marks of some inputs, which begin with a word.
    ///
    /// # Safety
    /// No other thread touches them.
    unsafe fn marks(&self, inputs: &Range<usize>) -> Marks<'_> {
        let words = inputs.start / WORD..inputs.end.div_ceil(WORD);
        // SAFETY: the caller's promise.
        unsafe {
            Marks {
                bits: self.bits.write(words.clone()),
                words: self.words.write(words),
            }
        }
    }

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
                marks: self.marks(&columns),
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
        let of_member = |length: usize| member * length..(member + 1) * length;
        // SAFETY: the caller's promise; each member has room of its own.
        let (mut marks, list, room, gradient, weights) = unsafe {
            (
                self.marks(&own),
                self.inputs.write(of_member(self.most_inputs)),
                self.room.write(of_member(self.length)),
                self.gradient.write(item.range.clone()),
                pass.parameters.write(item.range.clone()),
            )
        };
        // SAFETY: as above.
        let (listed, square, change) = unsafe {
            (
                &mut self.listed.write(index..index + 1)[0],
                &mut sums.squares.write(index..index + 1)[0],
                &mut sums.changes.write(index..index + 1)[0],
            )
        };
        let picked = Picked {
            inputs: marks.take(list),
            width,
        };
        *listed = picked.inputs.len() as u32;
        (*square, *change) = (0.0, 0.0);
        let (u, room) = room.split_at_mut(pass.plan.item_length());
        let u = &mut u[..picked.inputs.len() * width];
        picked.take(gradient, u);
        *square = reduce::sum_of_squares(pass.isa, u);
        if !square.is_finite() {
            // The step reports divergence; what is not a number stays out of the parameters.
            return;
        }
        let (rate, mut is_finite) = (update.rate * item.factors.rate, true);
        for (picked, u) in picked.parts().zip(u.chunks_mut(part(width))) {
            let length = u.len();
            let mut room = room
                .chunks_exact_mut(part(width))
                .map(|room| &mut room[..length]);
            let Some(p) = room.next() else { return };
            picked.gather(weights, p);
            // SAFETY: as above.
            unsafe { transform(pass, item, update, picked, (p, u), room) };
            is_finite &= descend(pass.isa, rate, p, u);
            picked.scatter(p, weights);
        }
        *change = match is_finite {
            false => RUINED,
            true if update.chain.around.measures_change => {
                rate * rate * reduce::sum_of_squares(pass.isa, u)
            }
            true => 0.0,
        };
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

/// Values of `width` for each of some inputs that are updated together, in the first-level cache.
fn part(width: usize) -> usize {
    (PART / width).max(1) * width
}

/// Some inputs of an item, counted from its first, which has so many values for each.
#[derive(Clone, Copy)]
struct Picked<'a> {
    inputs: &'a [u32],
    width: usize,
}

impl<'a> Picked<'a> {
    /// As many of them as are updated together.
    fn parts(self) -> impl Iterator<Item = Picked<'a>> {
        let width = self.width;
        let parts = self.inputs.chunks(part(width) / width);
        parts.map(move |inputs| Picked { inputs, width })
    }

    /// The values of these inputs, side by side.
    #[inline]
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

    /// [`Picked::gather`] that leaves 0 behind.
    fn take<T: Precision>(self, from: &mut [T], to: &mut [T]) {
        if self.width == 1 {
            for (to, input) in to.iter_mut().zip(self.inputs) {
                *to = std::mem::replace(&mut from[*input as usize], T::ZERO);
            }
            return;
        }
        for (to, input) in to.chunks_exact_mut(self.width).zip(self.inputs) {
            let from = &mut from[*input as usize * self.width..][..self.width];
            to.copy_from_slice(from);
            from.fill(T::ZERO);
        }
    }
}
