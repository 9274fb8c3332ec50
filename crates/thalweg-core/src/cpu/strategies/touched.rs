//! Where the first layer reads sparse rows and the optimizer leaves a parameter alone whose gradient
//! is 0 ([`Chain::skips_zeros`]): of its weights those of inputs that are not 0 in some row of the
//! batch are updated, and the others are not looked at. Everything else is updated by items.
//!
//! Each member marks the inputs of its rows. After a barrier it lists the marked inputs of a range,
//! adds up their gradients along the rows of the batch, side by side, copies weights and slots of
//! some of them side by side, sends them through the optimizer, and copies them back. Every sum is
//! within an input or an item, so where a member's range ends changes no bit.

use std::ops::Range;

use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::pass::Pass;
use crate::cpu::plan::{Item, Plan};
use crate::cpu::precision::Precision;
use crate::cpu::queues::{self, Queues};
use crate::cpu::strategy::Strategy;
use crate::cpu::team::{Member, Team};
use crate::cpu::update::{RUINED, Sums, Update};
use crate::dataset::ValuesRef;
use crate::error::Result;
use crate::kernels::descend::descend;
use crate::kernels::marks::{Marks, Ranked, Ranks, WORD};
use crate::kernels::reduce;
use crate::kernels::sparse::{Backward, Mark, NonZeros};
use crate::memory;
use crate::optimizers::{Chain, MAX_SLOTS, Strip, WholeTensor};

/// Entries of the batch by which its inputs are shared among the members.
const SAMPLES: usize = 128;
/// About so many weights are updated together.
const PART: usize = 1024;

pub(super) struct Touched<T> {
    /// The gradients of an item's marked inputs, at the beginning of its place; 0 between steps.
    gradient: Buffer<T>,
    /// Of each member: see [`Marks`].
    bits: Vec<u64>,
    words: Vec<u8>,
    ranks: Vec<Ranked>,
    /// For each item the marked inputs, counted from its first, and how much room that is.
    inputs: Vec<u32>,
    most_inputs: usize,
    /// For each member room for the gradient of an item that is not of W, or for weights and slots
    /// of a part of the marked inputs, and how much that is.
    room: Buffer<T>,
    length: usize,
    /// How many inputs of each item are listed, or were in the last step.
    listed: Vec<u32>,
    /// Row blocks, where a step has no barriers among them, and items.
    queues: (Option<Queues>, Queues),
}

/// The members' views of [`Touched`].
struct Views<'a, T> {
    gradient: Shared<'a, T>,
    bits: Shared<'a, u64>,
    words: Shared<'a, u8>,
    ranks: Shared<'a, Ranked>,
    /// Words of marks of a member.
    word_count: usize,
    inputs: Shared<'a, u32>,
    most_inputs: usize,
    room: Shared<'a, T>,
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
        let end = |of: fn(&Plan, &Item) -> usize| items.last().map_or(0, |item| of(plan, item));
        let words = end(|plan, item| inputs(plan, item).end).div_ceil(WORD);
        let (most, width) = items.first().map_or((0, 1), |item| {
            let inputs = inputs(plan, item).len();
            (Marks::room(inputs), item.range.len() / inputs)
        });
        let length = (1 + chain.stage_slots()) * part(width);
        let length = length.max(plan.item_length());
        Ok(Self {
            gradient: Buffer::new(end(|_, item| item.range.end))?,
            bits: memory::collect(std::iter::repeat_n(0, words * plan.members))?,
            words: memory::collect(std::iter::repeat_n(0, words * plan.members))?,
            ranks: memory::collect(std::iter::repeat_n(Ranked::default(), words))?,
            inputs: memory::collect(std::iter::repeat_n(0, most * items.len()))?,
            most_inputs: most,
            room: Buffer::new(length * plan.members)?,
            length,
            listed: vec![0; items.len()],
            queues: (
                (plan.runs.len() == 1).then(|| Queues::new(plan.members)),
                Queues::new(plan.members),
            ),
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
        let members = pass.plan.members;
        let (blocks, items) = &mut self.queues;
        if let Some(blocks) = blocks {
            let count = pass.blocks();
            blocks.fill((0..members).map(|member| queues::share(count, member, members)));
        }
        items.fill(pass.plan.shares.iter().cloned());
        let (blocks, items) = &self.queues;
        pass.queues = blocks.as_ref();
        let pass = &*pass;
        let views = Views {
            gradient: self.gradient.share(),
            bits: Shared::new(&mut self.bits),
            words: Shared::new(&mut self.words),
            word_count: self.ranks.len(),
            ranks: Shared::new(&mut self.ranks),
            inputs: Shared::new(&mut self.inputs),
            most_inputs: self.most_inputs,
            room: self.room.share(),
            length: self.length,
            listed: Shared::new(&mut self.listed),
        };
        let weights = self::items(pass.plan).len();
        team.run(&|member| {
            let index = member.index;
            // SAFETY: no member lists inputs before all have passed the barrier.
            let own = share(pass, unsafe { views.listed.read(0..weights) }, index);
            pass.run(member, sums.losses);
            // SAFETY: each member has marks of its own.
            unsafe { views.mark(pass, member) };
            member.barrier();
            if !sums.loss(pass).is_finite() {
                return;
            }
            // SAFETY: all rows are done; the members' shares do not overlap.
            unsafe {
                views.list(pass, own.clone());
                views.add_up(pass, own);
            }
            member.barrier();
            let room = index * views.length..(index + 1) * views.length;
            for item in queues::pieces(Some(items), member, 0..0) {
                // SAFETY: all gradients are there, each item is taken once, and each member has
                // room of its own.
                unsafe {
                    let room = views.room.write(room.clone());
                    match item < weights {
                        true => views.update(pass, item, update, room, sums),
                        false => pass.update_item(index, item, update, room, sums),
                    }
                }
            }
        });
        Ok(sums.loss(pass))
    }
}

/// The items of W whose gradients a member adds up: an equal share of the batch's entries, after
/// some of them, and of the inputs of the step before. It decides who computes a number, never how.
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
    let total = of_sample * SAMPLES + listed.iter().map(|count| *count as usize).sum::<usize>();
    let (members, total) = (plan.members, total.max(1));
    // An item is of the member in whose share of the work its middle is.
    let (mut work, mut samples) = (0, &samples[..]);
    let mut own = 0..0;
    for (index, listed) in listed.iter().enumerate() {
        let (here, rest) = samples.split_at(samples.partition_point(|item| *item <= index as u32));
        let of_item = here.len() * of_sample + *listed as usize;
        let middle = ((work + of_item / 2) * members / total).min(members - 1);
        own.start += usize::from(middle < member);
        own.end += usize::from(middle <= member);
        (work, samples) = (work + of_item, rest);
    }
    own
}

impl<T: Precision> Views<'_, T> {
    /// A member's marks of some inputs, which begin with a word.
    ///
    /// # Safety
    /// No other thread touches them.
    unsafe fn marks(&self, member: usize, inputs: &Range<usize>) -> Marks<'_> {
        let first = member * self.word_count;
        let words = first + inputs.start / WORD..first + inputs.end.div_ceil(WORD);
        // SAFETY: the caller's promise.
        unsafe {
            Marks {
                bits: self.bits.write(words.clone()),
                words: self.words.write(words),
            }
        }
    }

    /// Marks the inputs of a member's rows.
    ///
    /// # Safety
    /// No other thread touches the member's marks.
    unsafe fn mark(&self, pass: &Pass<T>, member: Member) {
        let marks = Mark {
            non_zeros: non_zeros(pass),
            rows: queues::share(pass.batch.rows.len(), member.index, member.count()),
            // SAFETY: the caller's promise.
            marks: unsafe { self.marks(member.index, &(0..self.word_count * WORD)) },
        };
        marks.run(pass.isa);
    }

    /// Lists the inputs of some items that a member has marked.
    ///
    /// # Safety
    /// All members have marked their rows, and no other thread works on these items.
    unsafe fn list(&self, pass: &Pass<T>, own: Range<usize>) {
        for index in own {
            let inputs = inputs(pass.plan, &pass.plan.items[index]);
            // SAFETY: the caller's promise; items begin with a word of marks.
            unsafe {
                let mut marks = self.marks(0, &inputs);
                for member in 1..pass.plan.members {
                    marks.absorb(self.marks(member, &inputs));
                }
                let words = inputs.start / WORD..inputs.end.div_ceil(WORD);
                let ranks = self.ranks.write(words);
                let list = self.inputs.write(self.place(index, self.most_inputs));
                let listed = marks.list(pass.isa, ranks, inputs.start, list).len();
                self.listed.write(index..index + 1)[0] = listed as u32;
            }
        }
    }

    /// Where an item's list is, or the beginning of it.
    fn place(&self, index: usize, length: usize) -> Range<usize> {
        let first = index * self.most_inputs;
        first..first + length
    }

    /// The gradient of the listed inputs of some items, along the rows of the batch.
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
                non_zeros: non_zeros(pass),
                width: start.range.len() / inputs(plan, start).len(),
                rows: pass.batch.rows.len(),
                dz: pass.arena.read(dz),
                stride: first.output_stride,
                gradient: self.gradient.write(start.range.start..end.range.end),
                ranks: Some(Ranks(
                    self.ranks
                        .read(columns.start / WORD..columns.end.div_ceil(WORD)),
                )),
                columns,
            }
            .run(pass.isa);
        }
    }

    /// Updates the listed inputs of an item, whose gradients are 0 afterwards.
    ///
    /// # Safety
    /// As for [`Pass::update_item`].
    unsafe fn update(
        &self,
        pass: &Pass<T>,
        index: usize,
        update: &Update<T>,
        room: &mut [T],
        sums: Sums,
    ) {
        let item = &pass.plan.items[index];
        let width = item.range.len() / inputs(pass.plan, item).len();
        // SAFETY: the caller's promise; each member has room of its own.
        let (listed, u, weights, square, change) = unsafe {
            let count = self.listed.read(index..index + 1)[0] as usize;
            let start = item.range.start;
            (
                self.inputs.read(self.place(index, count)),
                self.gradient.write(start..start + count * width),
                pass.parameters.write(item.range.clone()),
                &mut sums.squares.write(index..index + 1)[0],
                &mut sums.changes.write(index..index + 1)[0],
            )
        };
        (*square, *change) = (reduce::sum_of_squares(pass.isa, u), 0.0);
        if !square.is_finite() {
            // The step reports divergence; what is not a number stays out of the parameters.
            return u.fill(T::ZERO);
        }
        let (rate, mut is_finite) = (update.rate * item.factors.rate, true);
        let inputs = listed.chunks(part(width) / width);
        for (inputs, u) in inputs.zip(u.chunks_mut(part(width))) {
            let (picked, length) = (Picked { inputs, width }, u.len());
            let mut room = (room.chunks_exact_mut(part(width))).map(|room| &mut room[..length]);
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
        u.fill(T::ZERO);
    }
}

/// What the batch has.
fn non_zeros<'a, T>(pass: &Pass<'a, T>) -> NonZeros<'a> {
    NonZeros {
        features: pass.batch.features,
        rows: pass.batch.rows,
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

impl Picked<'_> {
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
}
