//! The state of an engine, and how it is made.

use super::buffer::{Buffer, Shared};
use super::grouping::Grouping;
use super::network::Network;
use super::pass::{Extent, augment};
use super::plan::{Cut, Plan};
use super::precision::Precision;
use super::strategies;
use super::strategy::Strategy;
use super::team::Team;
use super::twin::Twin;
use super::update::Sums;
use crate::augmentations::Augmenter;
use crate::collective::Collective;
use crate::engine::Batch;
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::{self, Facts, Mode};
use crate::losses::AnyLoss;
use crate::memory;
use crate::optimizers::{Chain, Constants};
use crate::random::{Purpose, Stream};
use crate::solvers;
use crate::spec::{NetworkSpec, TrainingSpec};

/// A network, an optimizer and a team of threads. After it is made, a step allocates nothing.
pub(super) struct CpuEngine<T> {
    pub spec: NetworkSpec,
    pub network: Network<T>,
    pub team: Team,
    /// How a step is run.
    pub strategy: Box<dyn Strategy<T>>,
    pub chain: Chain,
    /// Of the chain's stages, for one step.
    pub constants: Vec<Constants>,
    pub slots: Buffer<T>,
    pub records: Records,
    /// Of layers that behave at random.
    pub seed: u64,
    /// Whether every layer can be trained through.
    pub is_trainable: bool,
    /// Whether it is one of several ranks, and rows of a step at most: of its own.
    is_rank: bool,
    most_rows: usize,
    /// Where each parameter stands, once gradients are asked for: a solver asks for one after the
    /// other.
    positions: Option<Vec<usize>>,
    /// What the last step changed, where updates are watched.
    pub watched: Option<Watched<T>>,
    /// For Hessian-vector products, once they are asked for.
    pub twin: Option<Box<Twin>>,
}

/// What the last step changed.
pub(super) struct Watched<T> {
    /// θ after it less θ before it; θ before it during a step.
    pub change: Buffer<T>,
    /// Whether there was a step.
    pub has_step: bool,
}

/// What the members of a step write: see [`Sums`].
pub(super) struct Records {
    losses: Vec<f64>,
    pub squares: Vec<f64>,
    pub changes: Vec<f64>,
}

impl Records {
    fn new(plan: &Plan) -> Self {
        Self {
            losses: vec![0.0; plan.blocks()],
            squares: vec![0.0; plan.items.len()],
            changes: vec![0.0; plan.items.len()],
        }
    }

    /// The members' views.
    #[inline]
    pub fn share(&mut self) -> Sums<'_> {
        Sums {
            losses: Shared::new(&mut self.losses),
            squares: Shared::new(&mut self.squares),
            changes: Shared::new(&mut self.changes),
        }
    }
}

impl<T: Precision> CpuEngine<T> {
    /// # Errors
    /// If the specs do not fit each other, there is not enough memory, or the system refuses
    /// threads.
    pub fn new(
        network: &NetworkSpec,
        training: &TrainingSpec,
        threads: usize,
        isa: Isa,
        loss: Box<dyn AnyLoss>,
        collective: Option<Box<dyn Collective>>,
    ) -> Result<Self> {
        let training = training.resolve()?;
        let spec = network.resolve()?;
        solvers::check(&spec, &training)?;
        let kind = (&*spec.loss.name, loss.comparison());
        let augmenter = Augmenter::build(&training.augment, spec.shape(), kind)?;
        let mut chain = solvers::chain(&training)?;
        let nodes = layers::build(spec.shape(), &spec.layers, training.dtype)?;
        let layers: Vec<_> = nodes.iter().flat_map(|node| node.part.layers()).collect();
        let is_fixed = |facts: Facts| facts.takes_codes || facts.reads_features;
        if augmenter.is_some() && layers.iter().any(|layer| is_fixed(layer.facts())) {
            let subject = format!("augmentation {}", training.augment[0].name);
            let (found, remedy) = match layers[0].facts().reads_features {
                true => ("sparse rows", "leave it out, or read the rows as dense"),
                false => (
                    "codes of categories (embedding)",
                    "leave it out: what is between two codes means nothing",
                ),
            };
            return Err(Error::invalid(subject, found, "numbers").remedy(remedy));
        }
        chain.around.constrains_layers = layers.iter().any(|layer| layer.has_constraint());
        let grouping = Grouping::new(&spec, &nodes, &training, collective)?;
        let is_whole = chain.is_whole() || grouping.is_some();
        let cut = match (is_whole, chain.has_scopes()) {
            (true, _) => Cut::Tensors,
            (false, true) => Cut::Parts,
            (false, false) => Cut::Nowhere,
        };
        let plan = Plan::new::<T>(
            &spec,
            &training,
            isa,
            grouping
                .as_ref()
                .map_or(training.batch_size, |grouping| grouping.rows),
            threads.max(1),
            cut,
            augmenter.is_some(),
        )?;
        plan.check_factors(&training)?;
        let mut engine = Self {
            team: Team::new(plan.members)?,
            is_rank: (grouping.as_ref()).is_some_and(|grouping| grouping.collective.size() > 1),
            most_rows: plan.batch_size * grouping.as_ref().map_or(1, |grouping| grouping.groups),
            strategy: strategies::choose(&plan, &chain, isa, grouping)?,
            slots: Buffer::new(plan.parameters * chain.slots())?,
            constants: vec![[0.0; 4]; chain.stages.len()],
            records: Records::new(&plan),
            network: Network::new(isa, plan, loss, training.reduction, augmenter)?,
            spec,
            chain,
            seed: training.seed,
            is_trainable: false,
            positions: None,
            watched: None,
            twin: None,
        };
        engine.is_trainable = engine.check_layers().is_ok();
        Ok(engine)
    }

    /// Checks that every layer can be trained through: see
    /// [`Engine::check_trainable`](crate::engine::Engine::check_trainable).
    pub fn check_layers(&self) -> Result<()> {
        for planned in &self.network.plan.layers {
            let number = planned.number();
            let name = &self.spec.layers[number].name;
            (planned.layer.check_trainable()).map_err(|error| error.of_layer(number, name))?;
        }
        Ok(())
    }

    /// Checks that a batch of at most so many rows can be trained on.
    #[inline(always)]
    pub fn check_batch(&self, batch: &Batch, most: usize) -> Result<()> {
        if !self.is_trainable {
            self.check_layers()?;
        }
        let plan = &self.network.plan;
        batch.check_training(plan.inputs, plan.outputs, most)
    }

    /// Checks that a batch can be this rank's part of a step.
    #[inline]
    pub fn check_step(&self, batch: &Batch) -> Result<()> {
        if self.is_rank && batch.rows.is_empty() {
            return Ok(());
        }
        self.check_batch(batch, self.most_rows)?;
        match self.network.augmenter {
            Some(_) => augment::check(batch),
            None => Ok(()),
        }
    }

    /// Freshly drawn parameters.
    pub fn initial(&self) -> Vec<f64> {
        let mut parameters = Vec::new();
        for (index, planned) in self.network.plan.layers.iter().enumerate() {
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
    pub fn positions(&self) -> impl Iterator<Item = usize> {
        self.network
            .plan
            .places::<T>(self.network.isa)
            .map(|(at, _)| at)
    }

    /// All of them.
    pub fn all_positions(&self) -> Result<Vec<usize>> {
        let mut positions = memory::room(self.network.plan.values())?;
        positions.extend(self.positions());
        Ok(positions)
    }

    /// A buffer laid out as θ, in the order of `State::parameters`.
    pub fn in_order(&self, buffer: &[T]) -> Result<Vec<f64>> {
        let mut values = memory::room(self.network.plan.values())?;
        values.extend(self.positions().map(|at| buffer[at].to_f64()));
        Ok(values)
    }

    /// Loss and gradient of a batch as it is, without an update.
    pub fn gradient(&mut self, batch: &Batch, mode: Mode) -> Result<(f64, Vec<f64>)> {
        let (loss, gradient) = self.stored_gradient(batch, mode)?;
        let positions = match self.positions.take() {
            Some(positions) => positions,
            None => self.all_positions()?,
        };
        let ordered = memory::collect(positions.iter().map(|at| gradient[*at].to_f64()));
        self.positions = Some(positions);
        Ok((loss, ordered?))
    }

    /// The same with the gradient laid out as θ.
    pub fn stored_gradient(&mut self, batch: &Batch, mode: Mode) -> Result<(f64, Buffer<T>)> {
        self.check_batch(batch, self.most_rows)?;
        let mut gradient: Buffer<T> = Buffer::new(self.network.plan.parameters)?;
        let mut pass = self.network.pass(batch, Extent::of(batch), mode, false);
        let (sums, view) = (self.records.share(), gradient.share());
        let loss = (self.strategy).gradient(&mut self.team, &mut pass, sums, view);
        Ok((loss, gradient))
    }
}
