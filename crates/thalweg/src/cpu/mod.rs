//! The engine for CPUs.

mod augment;
mod buffer;
mod cores;
mod couple;
mod gather;
mod items;
mod pages;
mod pass;
mod patience;
mod plan;
mod second_order;
mod team;
mod twin;
mod unfold;
mod update;
mod whole;

pub use pages::prefer_huge_pages;

use std::ops::Range;

use augment::Augmenting;
use buffer::{Buffer, Shared};
use gather::Upcoming;
use items::Cut;
use pass::{Pass, RowBlock};
use plan::Plan;
use team::{Member, Team};
use twin::Twin;
use update::Update;
use whole::{Sums, Whole};

use crate::augmentations::Augmenter;
use crate::dataset::{Dataset, Features};
use crate::engine::{self, Batch, Engine, ParameterInfo, Rows, State, StepReport};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::{self, Mode};
use crate::losses::{AnyLoss, LOSSES};
use crate::optimizers::{Chain, Constants, Time};
use crate::precision::{Dtype, Precision};
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
        engine.load(&State {
            parameters,
            slots: Vec::new(),
        })?;
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
    network: NetworkSpec,
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
        let mut chain = Chain::build(&training)?;
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
        let mut engine = Self {
            isa,
            loss,
            reduction: training.reduction,
            augmenter,
            team: Team::new(plan.members)?,
            shares: plan.share_items(),
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
            whole: (chain.is_whole())
                .then(|| Whole::new(&plan, &chain, isa))
                .transpose()?,
            gradients: Buffer::new(item_length * plan.members)?,
            item_length,
            constants: vec![[0.0; 4]; chain.stages.len()],
            block_losses: vec![0.0; plan.capacity.div_ceil(plan.block_rows)],
            item_squares: vec![0.0; plan.items.len()],
            item_changes: vec![0.0; plan.items.len()],
            chain,
            is_trainable: false,
            seed: training.seed,
            plan,
            network,
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

    /// Where each parameter stands in θ, in the order of [`State::parameters`].
    fn places(&self) -> impl Iterator<Item = usize> {
        self.plan.places::<T>(self.isa).map(|(place, _)| place)
    }

    /// Loss and gradient of a batch as it is, without an update.
    fn gradient(&mut self, batch: &Batch, mode: Mode) -> Result<(f64, Vec<f64>)> {
        self.check_trainable()?;
        batch.check_training(self.plan.inputs, self.plan.outputs, self.plan.batch_size)?;
        let mut whole = vec![T::ZERO; self.plan.parameters];
        let (mut pass, rest) = self.split(batch, mode);
        pass.augmenting = None;
        let losses = Shared::new(rest.block_losses);
        rest.team.run(&|member| pass.row_blocks(member, losses));
        for item in &pass.plan.items {
            // SAFETY: the team has finished, so nobody writes to the arena or to parameters.
            unsafe { pass.gradient(0, item, &mut whole[item.range.clone()]) };
        }
        let blocks = batch.rows.len().div_ceil(pass.plan.block_rows);
        let loss = rest.block_losses[..blocks].iter().sum::<f64>() * pass.scale;
        Ok((
            loss,
            self.places().map(|place| whole[place].to_f64()).collect(),
        ))
    }

    /// The engine's parts as a pass over a batch uses them, and what the members need besides.
    #[inline]
    fn split<'a>(&'a mut self, batch: &Batch<'a>, mode: Mode) -> (Pass<'a, T>, Rest<'a, T>) {
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
        };
        let rest = Rest {
            team: &mut self.team,
            chain: &self.chain,
            constants: &mut self.constants,
            slots: self.slots.share(),
            gradients: self.gradients.share(),
            item_length: self.item_length,
            shares: &self.shares,
            whole: self.whole.as_mut().map(Whole::share),
            block_losses: &mut self.block_losses,
            item_squares: &mut self.item_squares,
            item_changes: &mut self.item_changes,
        };
        (pass, rest)
    }
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
    whole: Option<whole::Parts<'a, T>>,
    block_losses: &'a mut [f64],
    item_squares: &'a mut [f64],
    item_changes: &'a mut [f64],
}

impl<T: Precision> Engine for CpuEngine<T> {
    fn step(&mut self, batch: &Batch, time: Time) -> Result<StepReport> {
        if !self.is_trainable {
            self.check_trainable()?;
        }
        batch.check_training(self.plan.inputs, self.plan.outputs, self.plan.batch_size)?;
        let (seed, step) = (self.seed, time.step);
        let (pass, rest) = self.split(batch, Mode::Training { seed, step });
        for (constants, stage) in rest.constants.iter_mut().zip(&rest.chain.stages) {
            *constants = stage.constants(time, batch.rows.len());
        }
        let update = Update {
            chain: rest.chain,
            constants: rest.constants,
            rate: time.rate,
            slots: rest.slots,
        };
        let blocks = batch.rows.len().div_ceil(pass.plan.block_rows);
        rest.item_changes.fill(0.0);
        let sums = Sums {
            losses: Shared::new(rest.block_losses),
            squares: Shared::new(rest.item_squares),
            changes: Shared::new(rest.item_changes),
            blocks,
        };
        let losses = sums.losses;
        let sum_losses = || {
            // SAFETY: only called after the team has met, when nobody writes losses.
            let losses = unsafe { losses.read(0..blocks) };
            losses.iter().sum::<f64>() * pass.scale
        };
        let (gradients, shares, length) = (rest.gradients, rest.shares, rest.item_length);
        rest.team.run(&|member: Member| {
            pass.row_blocks(member, losses);
            member.meet();
            if !sum_losses().is_finite() {
                return;
            }
            let items = member.share(shares);
            if let Some(whole) = &rest.whole {
                whole.update(&pass, &update, member, items, sums);
                return;
            }
            for index in items {
                let item = &pass.plan.items[index];
                let start = member.index * length;
                // SAFETY: each member has room of its own and items of its own, and all rows are done.
                unsafe {
                    let gradient = gradients.write(start..start + item.range.len());
                    let updated = pass.update(member.index, item, &update, gradient);
                    sums.squares.write(index..index + 1)[0] = updated.square;
                    sums.changes.write(index..index + 1)[0] = updated.change;
                }
            }
        });
        let loss = sum_losses();
        let gradient_norm = self.item_squares.iter().sum::<f64>().sqrt();
        let is_ruined = whole::is_ruined(&self.item_changes);
        if loss.is_finite() && gradient_norm.is_finite() && !is_ruined {
            let change = || self.item_changes.iter().sum::<f64>().sqrt();
            return Ok(StepReport {
                loss,
                gradient_norm,
                change: self.chain.around.measures_change.then(change),
            });
        }
        let (quantity, value) = if !loss.is_finite() {
            ("loss", loss)
        } else if is_ruined {
            let parameters = self.parameters.iter().map(|p| p.to_f64());
            let strange = parameters.into_iter().find(|p| !p.is_finite());
            ("largest parameter", strange.map_or(f64::NAN, f64::abs))
        } else {
            ("gradient norm", gradient_norm)
        };
        Err(Error::Diverged {
            step: time.step,
            epoch: 0,
            quantity,
            value,
            rate: Some(time.rate),
        })
    }

    fn loss_and_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        let (seed, step) = (self.seed, 1);
        self.gradient(batch, Mode::Training { seed, step })
    }

    fn evaluation_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        self.gradient(batch, Mode::Evaluation)
    }

    fn hvp(&mut self, batch: &Batch, vectors: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.check_trainable()?;
        self.check_second_order()?;
        batch.check_training(self.plan.inputs, self.plan.outputs, self.plan.batch_size)?;
        let parameters: Vec<f64> = (self.places().map(|at| self.parameters[at].to_f64())).collect();
        if vectors.is_empty() || !vectors.len().is_multiple_of(parameters.len().max(1)) {
            return Err(Error::invalid(
                "vectors",
                format!("{} values", vectors.len()),
                format!(
                    "one or more times {}, the number of parameters",
                    parameters.len()
                ),
            ));
        }
        let mut twin = match self.twin.take() {
            Some(twin) => twin,
            None => Box::new(Twin::new(&self.plan, &self.network, self.isa)?),
        };
        let (seed, step) = (self.seed, 1);
        let (pass, rest) = self.split(batch, Mode::Training { seed, step });
        let answer = twin.products(rest.team, &pass, &parameters, vectors);
        self.twin = Some(twin);
        Ok(answer)
    }

    fn evaluate(&mut self, batch: &Batch, predictions: Option<&mut Vec<f64>>) -> Result<f64> {
        batch.check(self.plan.inputs, self.plan.outputs, usize::MAX)?;
        let (rows, outputs) = (batch.rows.len(), self.plan.outputs);
        let size = self.plan.evaluation_rows;
        let mut losses = vec![0.0; rows.div_ceil(size)];
        let mut nothing = Vec::new();
        let has_predictions = predictions.is_some();
        let predictions = predictions.unwrap_or(&mut nothing);
        predictions.clear();
        predictions.resize(if has_predictions { rows * outputs } else { 0 }, 0.0);
        {
            let losses = Shared::new(&mut losses);
            let predictions = Shared::new(predictions);
            let link = self.loss.link();
            let (pass, rest) = self.split(batch, Mode::Evaluation);
            rest.team.run(&|member: Member| {
                if pass.plan.prepared > 0 {
                    pass.prepare(member);
                    member.meet();
                }
                let blocks = rows.div_ceil(size);
                for index in (member.index..blocks).step_by(member.count()) {
                    let start = index * size;
                    let end = rows.min(start + size);
                    let block = RowBlock {
                        rows: start..end,
                        place: member.index * size,
                        room: pass.plan.room(end - start),
                        member: member.index,
                    };
                    // SAFETY: each member works in rows of its own; parameters do not change.
                    unsafe {
                        let z = pass.forward(&block, Upcoming::UNKNOWN);
                        if has_predictions {
                            let range = block.rows.start * outputs..block.rows.end * outputs;
                            let answers = predictions.write(range).chunks_exact_mut(outputs);
                            let z = z.chunks_exact(pass.plan.output_stride);
                            for (answer, z) in answers.zip(z) {
                                for (answer, z) in answer.iter_mut().zip(z) {
                                    *answer = z.to_f64();
                                }
                                link.apply(answer);
                            }
                        }
                        if pass.batch.targets.is_some() {
                            losses.write(index..index + 1)[0] = pass.loss(&block);
                        }
                    }
                }
            });
        }
        let total = batch.total_weight();
        Ok(if total > 0.0 {
            losses.iter().sum::<f64>() / total
        } else {
            0.0
        })
    }

    fn predict(&mut self, features: &Features) -> Result<Vec<f64>> {
        let mut predictions = Vec::new();
        self.evaluate(&Batch::unlabelled(features), Some(&mut predictions))?;
        Ok(predictions)
    }

    fn parameters(&self) -> Vec<ParameterInfo> {
        let layers = self.plan.layers.iter();
        layers
            .flat_map(|planned| {
                planned
                    .layer
                    .segments()
                    .into_iter()
                    .enumerate()
                    .map(move |(number, segment)| ParameterInfo {
                        name: format!("{}.{}", planned.path, segment.name),
                        is_trained: planned.layer.is_trained(number),
                        shape: segment.shape,
                        decays: segment.decays,
                    })
            })
            .collect()
    }

    fn save(&self) -> State {
        let copy = |buffer: &[T]| self.places().map(|place| buffer[place].to_f64()).collect();
        State {
            parameters: copy(&self.parameters),
            slots: self
                .slots
                .chunks_exact(self.plan.parameters.max(1))
                .map(copy)
                .collect(),
        }
    }

    fn load(&mut self, state: &State) -> Result<()> {
        let places: Vec<usize> = self.places().collect();
        let slots = self.chain.slots();
        let fits = state.parameters.len() == places.len()
            && (state.slots.is_empty() || state.slots.len() == slots)
            && state.slots.iter().all(|slot| slot.len() == places.len());
        if !fits {
            return Err(Error::invalid(
                "parameters",
                format!(
                    "{} values, {} slots",
                    state.parameters.len(),
                    state.slots.len()
                ),
                format!("{} values, {slots} slots of the same length", places.len()),
            ));
        }
        let copy = |values: &[f64], buffer: &mut [T]| {
            buffer.fill(T::ZERO);
            for (place, value) in places.iter().zip(values) {
                buffer[*place] = T::from_f64(*value);
            }
        };
        copy(&state.parameters, &mut self.parameters);
        self.slots.fill(T::ZERO);
        for (slot, buffer) in state
            .slots
            .iter()
            .zip(self.slots.chunks_exact_mut(self.plan.parameters.max(1)))
        {
            copy(slot, buffer);
        }
        let nothing = Features {
            width: self.plan.inputs,
            values: crate::dataset::Values::F32(Vec::new()),
        };
        let nobody = Batch {
            features: &nothing,
            targets: None,
            weights: None,
            rows: Rows::NONE,
            upcoming: Rows::NONE,
        };
        let (pass, _) = self.split(&nobody, Mode::Evaluation);
        // SAFETY: only this thread works on the engine.
        unsafe { pass.refresh_all() };
        Ok(())
    }

    fn check_trainable(&self) -> Result<()> {
        for planned in &self.plan.layers {
            (planned.layer.check_trainable())
                .map_err(|error| error.within(format_args!("layer {}", planned.number() + 1)))?;
        }
        Ok(())
    }

    fn check_second_order(&self) -> Result<()> {
        twin::check(&self.plan, &self.network)
    }

    fn check(&self, dataset: &Dataset) -> Result<()> {
        engine::check(
            dataset,
            self.plan.inputs,
            self.plan.outputs,
            self.loss.comparison(),
            |value| T::from_f64(value).to_f64().is_finite(),
        )?;
        let Some(first) = self.plan.layers.first().filter(|first| first.input == 0) else {
            return Ok(());
        };
        (0..dataset.rows()).try_for_each(|row| {
            let row = dataset.features.row(row);
            first
                .layer
                .check_input(&mut row.map(|x| T::from_f64(x).to_f64()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Choice, Setting};

    #[test]
    fn a_step_has_the_same_bits_when_the_caller_of_a_team_does_it_alone() {
        let dense = |units| Choice::new("dense").with("units", Setting::Integer(units));
        let network = NetworkSpec {
            layers: vec![
                dense(100).with("activation", Setting::Text("tanh".into())),
                Choice::new("batch_norm"),
                dense(50),
                dense(3),
            ],
            inputs: 40,
            image: None,
            loss: Choice::new("cross_entropy"),
        };
        let rows = 256;
        let dataset = Dataset {
            features: Features {
                width: 40,
                values: crate::dataset::Values::F32(
                    (0..rows * 40)
                        .map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0)
                        .collect(),
                ),
            },
            targets: crate::dataset::Targets::Classes((0..rows as u32).map(|i| i % 3).collect()),
            weights: None,
        };
        for clip_norm in [None, Some(0.5)] {
            let training = TrainingSpec {
                batch_size: rows,
                clip_norm,
                ..TrainingSpec::default()
            };
            let train = |alone: bool| {
                let loss = LOSSES.build(&network.loss, &()).unwrap();
                let mut engine =
                    CpuEngine::<f32>::new(&network, &training, 2, Isa::detect(), loss).unwrap();
                assert_eq!(engine.plan.members, 2);
                let initial = State {
                    parameters: engine.initial(),
                    slots: Vec::new(),
                };
                engine.load(&initial).unwrap();
                for step in 1..=5 {
                    if alone {
                        engine.team.work_alone(1);
                    }
                    let time = Time { step, rate: 0.01 };
                    engine.step(&Batch::all(&dataset), time).unwrap();
                }
                engine.save()
            };
            assert_eq!(train(false), train(true));
            // Which of the ways of a Hessian-vector product the caller goes alone does not matter either.
            let product = |threads: usize, alone: u32| {
                let loss = LOSSES.build(&network.loss, &()).unwrap();
                let isa = Isa::detect();
                let mut engine =
                    CpuEngine::<f32>::new(&network, &training, threads, isa, loss).unwrap();
                let initial = State {
                    parameters: engine.initial(),
                    slots: Vec::new(),
                };
                engine.load(&initial).unwrap();
                if alone > 0 {
                    engine.team.work_alone(alone);
                }
                let vector = vec![1.0; initial.parameters.len()];
                engine.hvp(&Batch::all(&dataset), &vector).unwrap()
            };
            for alone in [0, 1, 2] {
                assert_eq!(product(2, alone), product(1, 0), "{alone}");
            }
        }
    }
}
