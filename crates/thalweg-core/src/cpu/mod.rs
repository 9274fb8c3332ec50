//! The engine for CPUs.

mod augment;
mod buffer;
mod cores;
mod couple;
mod deal;
mod engine;
mod gather;
mod items;
mod one_row;

mod pass;
mod patience;
mod plan;
mod precision;
mod second_order;
mod team;
mod twin;
mod unfold;
mod update;
mod whole;

use std::ops::Range;

use augment::Augmenting;
use buffer::{Buffer, Shared};
use deal::Deal;
use gather::Ahead;
use items::Cut;
use pass::Pass;
use plan::Plan;
use precision::Precision;
use team::Team;
use twin::Twin;
use whole::Whole;

use crate::augmentations::Augmenter;
use crate::engine::{Batch, Engine};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::{self, Mode};
use crate::losses::{AnyLoss, LOSSES};
use crate::memory;
use crate::optimizers::{Chain, Constants};
use crate::precision::Dtype;
use crate::random::{Purpose, Stream};
use crate::solvers;
use crate::spec::{NetworkSpec, Reduction, TrainingSpec};

/// Makes an engine for the CPU, with freshly initialized parameters.
///
/// `threads` is the most that it uses; small steps run on fewer. Results do not depend on it.
///
/// # Errors
/// If the specs do not fit, or the system refuses to start threads.
pub fn engine(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let loss = LOSSES.build(&network.loss, &())?;
    engine_with_loss(network, training, threads, loss)
}

/// The same with a loss that is not in the registry, such as a [`Custom`](crate::losses::Custom) one, in the place
/// of `network.loss`.
///
/// # Errors
/// As [`engine()`].
pub fn engine_with_loss(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    loss: Box<dyn AnyLoss>,
) -> Result<Box<dyn Engine>> {
    build(network, training, threads, loss, true)
}

/// The same as [`engine()`] for who loads parameters into it: nothing is drawn, and all of them are 0.
///
/// # Errors
/// As [`engine()`].
pub fn engine_to_load(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let loss = LOSSES.build(&network.loss, &())?;
    build(network, training, threads, loss, false)
}

fn build(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    loss: Box<dyn AnyLoss>,
    is_drawn: bool,
) -> Result<Box<dyn Engine>> {
    fn boxed<T: Precision>(mut engine: CpuEngine<T>, is_drawn: bool) -> Result<Box<dyn Engine>> {
        let parameters = match is_drawn {
            true => engine.initial(),
            false => vec![0.0; engine.places().count()],
        };
        engine.load_parameters(&parameters)?;
        Ok(Box::new(engine))
    }
    let isa = Isa::detect();
    match training.dtype {
        Dtype::F32 | Dtype::Bf16 => boxed(
            CpuEngine::<f32>::new(network, training, threads, isa, loss)?,
            is_drawn,
        ),
        Dtype::F64 => boxed(
            CpuEngine::<f64>::new(network, training, threads, isa, loss)?,
            is_drawn,
        ),
    }
}

/// A network in memory: θ, slots and derived values as the layers store them, and an arena for the rows
/// of a batch. After it is made, a step allocates nothing.
struct CpuEngine<T> {
    isa: Isa,
    plan: Plan,
    loss: Box<dyn AnyLoss>,
    reduction: Reduction,
    augmenter: Option<Augmenter>,
    chain: Chain,
    /// Whether every layer can be learned through.
    is_trainable: bool,
    /// Of layers that behave at random.
    seed: u64,
    team: Team,
    /// Items that each member updates.
    shares: Vec<Range<usize>>,
    /// Row blocks and items of a step of a team, where who is done may take over from others.
    deals: Option<Deals>,
    parameters: Buffer<T>,
    derived: Buffer<T>,
    slots: Buffer<T>,
    arena: Buffer<T>,
    values: Buffer<T>,
    classes: Vec<u32>,
    weights: Buffer<T>,
    /// See [`Pass`].
    prepared: Vec<f64>,
    summaries: Vec<f64>,
    totals: Vec<f64>,
    partials: Buffer<T>,
    /// Room for one item's gradient, for each member.
    gradients: Buffer<T>,
    item_length: usize,
    /// For chains that need the whole gradient.
    whole: Option<Whole<T>>,
    constants: Vec<Constants>,
    /// Σ w·l of each row block, and ‖gradient‖² and ‖Δθ‖² of each item.
    block_losses: Vec<f64>,
    item_squares: Vec<f64>,
    item_changes: Vec<f64>,
    /// See [`Pass`].
    passes: u64,
    ahead: Vec<Ahead>,
    network: NetworkSpec,
    /// Where each parameter stands, once gradients are asked for: a solver asks for one after the other.
    places: Option<Vec<usize>>,
    /// For Hessian-vector products, once they are asked for.
    twin: Option<Box<Twin>>,
}

impl<T: Precision> CpuEngine<T> {
    fn new(
        network: &NetworkSpec,
        training: &TrainingSpec,
        threads: usize,
        isa: Isa,
        loss: Box<dyn AnyLoss>,
    ) -> Result<Self> {
        let training = training.resolve()?;
        let network = network.resolve()?;
        solvers::check(&network, &training)?;
        let kind = (&*network.loss.name, loss.comparison());
        let augmenter = Augmenter::build(&training.augment, network.shape(), kind)?;
        let mut chain = solvers::chain(&training)?;
        let nodes = layers::build(network.shape(), &network.layers, training.dtype)?;
        let layers: Vec<_> = nodes.iter().flat_map(|node| node.part.layers()).collect();
        if augmenter.is_some() && layers.iter().any(|layer| layer.takes_codes()) {
            let subject = format!("augmentation {}", training.augment[0].name);
            let error = Error::invalid(subject, "codes of categories (embedding)", "numbers");
            return Err(error.remedy("leave it out: what is between two codes means nothing"));
        }
        chain.around.constrains_layers = layers.iter().any(|layer| layer.has_constraint());
        let cut = match (chain.is_whole(), chain.has_parts()) {
            (true, _) => Cut::Tensors,
            (false, true) => Cut::Parts,
            (false, false) => Cut::Nowhere,
        };
        let plan = Plan::new::<T>(
            &network,
            training.dtype,
            isa,
            training.batch_size,
            threads.max(1),
            cut,
        )?;
        let item_length = plan
            .items
            .iter()
            .map(|item| item.range.len())
            .max()
            .unwrap_or(0)
            .next_multiple_of(64);
        let meets_once = plan.runs.len() == 1 && !chain.is_whole();
        let deals = (plan.members > 1 && meets_once).then(|| Deals {
            blocks: Deal::new(plan.members),
            items: Deal::new(plan.members),
        });
        let mut engine = Self {
            isa,
            loss,
            reduction: training.reduction,
            augmenter,
            team: Team::new(plan.members)?,
            shares: plan.share_items(),
            deals,
            parameters: Buffer::new(plan.parameters)?,
            derived: Buffer::new(plan.derived)?,
            slots: Buffer::new(plan.parameters * chain.slots())?,
            arena: Buffer::new(plan.arena)?,
            values: Buffer::new(plan.capacity * plan.outputs)?,
            classes: vec![0; plan.capacity],
            weights: Buffer::new(plan.capacity)?,
            prepared: vec![0.0; plan.prepared],
            summaries: vec![0.0; 2 * plan.summary * plan.capacity.div_ceil(plan.block_rows)],
            totals: vec![0.0; 2 * plan.summary * plan.members],
            partials: Buffer::new(plan.partials())?,
            whole: (chain.is_whole())
                .then(|| Whole::new(&plan, &chain, isa))
                .transpose()?,
            gradients: Buffer::new(item_length * plan.members)?,
            item_length,
            constants: vec![[0.0; 4]; chain.stages.len()],
            block_losses: vec![0.0; plan.capacity.div_ceil(plan.block_rows)],
            item_squares: vec![0.0; plan.items.len()],
            item_changes: vec![0.0; plan.items.len()],
            passes: 0,
            ahead: match plan.caller_updates {
                true => {
                    let ahead = || Ahead::with_capacity(plan.block_rows);
                    (0..plan.members).map(|_| ahead()).collect()
                }
                false => Vec::new(),
            },
            chain,
            is_trainable: false,
            seed: training.seed,
            plan,
            network,
            places: None,
            twin: None,
        };
        engine.is_trainable = engine.check_trainable().is_ok();
        Ok(engine)
    }

    /// Freshly drawn parameters.
    fn initial(&self) -> Vec<f64> {
        let mut parameters = Vec::new();
        for (index, planned) in self.plan.layers.iter().enumerate() {
            let random = |segment: usize| {
                // A layer has more than 256 segments where it embeds as many columns.
                let (low, high) = (segment as u64 & 0xff, segment as u64 >> 8);
                let substream = high << 40 | (index as u64) << 8 | low;
                Stream::new(self.seed, Purpose::Initialize, substream).sequence()
            };
            parameters.extend(planned.layer.initialize_all(&random).into_iter().flatten());
        }
        parameters
    }

    /// Where each parameter stands in θ, in the order of `State::parameters`.
    fn places(&self) -> impl Iterator<Item = usize> {
        self.plan.places::<T>(self.isa).map(|(place, _)| place)
    }

    /// All of them.
    fn all_places(&self) -> Result<Vec<usize>> {
        let mut places = memory::room(self.plan.values())?;
        places.extend(self.places());
        Ok(places)
    }

    /// What lies in a buffer as θ does, in the order of `State::parameters`.
    fn in_order(&self, buffer: &[T]) -> Result<Vec<f64>> {
        let mut values = memory::room(self.plan.values())?;
        values.extend(self.places().map(|place| buffer[place].to_f64()));
        Ok(values)
    }

    /// Loss and gradient of a batch as it is, without an update.
    fn gradient(&mut self, batch: &Batch, mode: Mode) -> Result<(f64, Vec<f64>)> {
        self.check_trainable()?;
        batch.check_training(self.plan.inputs, self.plan.outputs, self.plan.batch_size)?;
        let places = match self.places.take() {
            Some(places) => places,
            None => self.all_places()?,
        };
        let mut whole = memory::collect(std::iter::repeat_n(T::ZERO, self.plan.parameters))?;
        let (mut pass, rest) = self.split(batch, mode);
        pass.augmenting = None;
        let losses = Shared::new(rest.block_losses);
        rest.team.run(&|member| pass.row_blocks(member, losses));
        for item in &pass.plan.items {
            // SAFETY: the team has finished, so nobody writes to the arena or to parameters.
            unsafe { pass.gradient(0, item, &mut whole[item.range.clone()]) };
        }
        let blocks = pass.blocks();
        let loss = rest.block_losses[..blocks].iter().sum::<f64>() * pass.scale;
        let gradient = memory::collect(places.iter().map(|place| whole[*place].to_f64()));
        self.places = Some(places);
        Ok((loss, gradient?))
    }

    /// The engine's parts as a pass over a batch uses them, and what the members need besides.
    #[inline(always)]
    fn split<'a>(&'a mut self, batch: &Batch<'a>, mode: Mode) -> (Pass<'a, T>, Rest<'a, T>) {
        self.passes += 1;
        let total = batch.total_weight();
        let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
        let pass = Pass {
            isa: self.isa,
            plan: &self.plan,
            loss: &*self.loss,
            batch: *batch,
            mode,
            augmenting: match (mode, &self.augmenter) {
                (Mode::Training { seed, step }, Some(augmenter)) => Some(Augmenting {
                    augmenter,
                    seed,
                    step,
                }),
                _ => None,
            },
            scale,
            gradient_scale: match self.reduction {
                Reduction::Mean => scale,
                Reduction::Sum => 1.0,
            },
            arena: self.arena.share(),
            values: self.values.share(),
            classes: Shared::new(&mut self.classes),
            weights: self.weights.share(),
            parameters: self.parameters.share(),
            derived: self.derived.share(),
            prepared: Shared::new(&mut self.prepared),
            summaries: Shared::new(&mut self.summaries),
            totals: Shared::new(&mut self.totals),
            partials: self.partials.share(),
            number: self.passes,
            ahead: (self.plan.caller_updates).then(|| Shared::new(&mut self.ahead)),
            deal: None,
        };
        let rest = Rest {
            team: &mut self.team,
            chain: &self.chain,
            constants: &mut self.constants,
            slots: self.slots.share(),
            gradients: self.gradients.share(),
            item_length: self.item_length,
            shares: &self.shares,
            deals: self.deals.as_ref(),
            whole: self.whole.as_mut().map(Whole::share),
            block_losses: &mut self.block_losses,
            item_squares: &mut self.item_squares,
            item_changes: &mut self.item_changes,
        };
        (pass, rest)
    }
}

/// What the members of a team take from each other, in a step whose members meet once.
struct Deals {
    blocks: Deal,
    items: Deal,
}

/// What a step needs beside the [`Pass`].
struct Rest<'a, T> {
    team: &'a mut Team,
    chain: &'a Chain,
    constants: &'a mut [Constants],
    slots: Shared<'a, T>,
    gradients: Shared<'a, T>,
    item_length: usize,
    shares: &'a [Range<usize>],
    deals: Option<&'a Deals>,
    whole: Option<whole::Parts<'a, T>>,
    block_losses: &'a mut [f64],
    item_squares: &'a mut [f64],
    item_changes: &'a mut [f64],
}

#[cfg(test)]
mod tests;
