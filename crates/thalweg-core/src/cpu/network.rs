//! A network in memory, ready for passes: its plan, its parameters, and room for the rows of a
//! batch.

use super::buffer::{Buffer, Shared};
use super::pass::{Augmenting, Extent, Forward, Pass};
use super::plan::Plan;
use super::precision::Precision;
use crate::augmentations::Augmenter;
use crate::engine::Batch;
use crate::error::Result;
use crate::kernels::Isa;
use crate::layers::Mode;
use crate::losses::AnyLoss;
use crate::spec::Reduction;

/// θ and what is computed from it.
pub(super) struct Weights<T> {
    pub parameters: Buffer<T>,
    pub derived: Buffer<T>,
    prepared: Vec<f64>,
}

/// Where the rows of a batch are worked on.
pub(super) struct Room<T> {
    arena: Buffer<T>,
    block_statistics: Vec<f64>,
    statistics: Vec<f64>,
}

/// All that a [`Forward`] pass needs, but for what is gathered beside the features.
pub(super) struct Memory<T> {
    pub weights: Weights<T>,
    room: Room<T>,
}

/// The members' views of [`Weights`].
#[derive(Clone, Copy)]
pub(super) struct WeightViews<'a, T> {
    parameters: Shared<'a, T>,
    derived: Shared<'a, T>,
    prepared: Shared<'a, f64>,
}

/// Room for targets and weights of a batch.
pub(super) struct Gathered<T> {
    values: Buffer<T>,
    classes: Vec<u32>,
    weights: Buffer<T>,
}

/// The members' views of [`Gathered`].
#[derive(Clone, Copy)]
pub(super) struct GatheredViews<'a, T> {
    values: Shared<'a, T>,
    classes: Shared<'a, u32>,
    weights: Shared<'a, T>,
}

/// See the module's text.
pub(super) struct Network<T> {
    pub isa: Isa,
    pub plan: Plan,
    pub loss: Box<dyn AnyLoss>,
    pub reduction: Reduction,
    pub augmenter: Option<Augmenter>,
    pub memory: Memory<T>,
    gathered: Gathered<T>,
    /// See [`Pass`].
    pub passes: u64,
}

impl<T: Precision> Weights<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            parameters: Buffer::new(plan.parameters)?,
            derived: Buffer::new(plan.derived)?,
            prepared: vec![0.0; plan.prepared],
        })
    }

    /// Views for a pass after which they may differ.
    #[inline(always)]
    pub fn share(&mut self) -> WeightViews<'_, T> {
        WeightViews {
            parameters: self.parameters.share(),
            derived: self.derived.share(),
            prepared: Shared::new(&mut self.prepared),
        }
    }

    /// Views for passes that write none of them.
    #[inline]
    pub fn share_constant(&self) -> WeightViews<'_, T> {
        WeightViews {
            parameters: Shared::constant(&self.parameters),
            derived: Shared::constant(&self.derived),
            prepared: Shared::constant(&self.prepared),
        }
    }
}

impl<T: Precision> Room<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            arena: Buffer::new(plan.arena)?,
            block_statistics: vec![0.0; 2 * plan.summary * plan.blocks()],
            statistics: vec![0.0; 2 * plan.summary * plan.members],
        })
    }

    /// A forward pass over a batch.
    #[inline(always)]
    pub fn forward<'a>(
        &'a mut self,
        isa: Isa,
        plan: &'a Plan,
        batch: &'a Batch<'a>,
        mode: Mode,
        weights: WeightViews<'a, T>,
        gathered: GatheredViews<'a, T>,
    ) -> Forward<'a, T> {
        Forward {
            isa,
            plan,
            batch,
            first: 0,
            mode,
            arena: self.arena.share(),
            values: gathered.values,
            classes: gathered.classes,
            weights: gathered.weights,
            parameters: weights.parameters,
            derived: weights.derived,
            prepared: weights.prepared,
            block_statistics: Shared::new(&mut self.block_statistics),
            statistics: Shared::new(&mut self.statistics),
        }
    }
}

impl<T: Precision> Memory<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            weights: Weights::new(plan)?,
            room: Room::new(plan)?,
        })
    }

    /// A forward pass over a batch.
    #[inline(always)]
    pub fn forward<'a>(
        &'a mut self,
        isa: Isa,
        plan: &'a Plan,
        batch: &'a Batch<'a>,
        mode: Mode,
        gathered: GatheredViews<'a, T>,
    ) -> Forward<'a, T> {
        let weights = self.weights.share();
        (self.room).forward(isa, plan, batch, mode, weights, gathered)
    }
}

impl<T: Precision> Gathered<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            values: Buffer::new(plan.capacity * plan.outputs)?,
            classes: vec![0; plan.capacity],
            weights: Buffer::new(plan.capacity)?,
        })
    }

    #[inline(always)]
    pub fn share(&mut self) -> GatheredViews<'_, T> {
        GatheredViews {
            values: self.values.share(),
            classes: Shared::new(&mut self.classes),
            weights: self.weights.share(),
        }
    }
}

impl<T: Precision> Network<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(
        isa: Isa,
        plan: Plan,
        loss: Box<dyn AnyLoss>,
        reduction: Reduction,
        augmenter: Option<Augmenter>,
    ) -> Result<Self> {
        Ok(Self {
            isa,
            memory: Memory::new(&plan)?,
            gathered: Gathered::new(&plan)?,
            plan,
            loss,
            reduction,
            augmenter,
            passes: 0,
        })
    }

    /// A pass over a batch; in an update, over augmented rows where the run has augmentations.
    #[inline(always)]
    pub fn pass<'a>(
        &'a mut self,
        batch: &'a Batch<'a>,
        extent: Extent,
        mode: Mode,
        is_update: bool,
    ) -> Pass<'a, T> {
        self.passes += 1;
        let scale = match extent.weight > 0.0 {
            true => 1.0 / extent.weight,
            false => 0.0,
        };
        let (plan, gathered) = (&self.plan, self.gathered.share());
        let forward = (self.memory).forward(self.isa, plan, batch, mode, gathered);
        let forward = Forward {
            first: extent.first,
            ..forward
        };
        Pass {
            forward,
            loss: &*self.loss,
            augmenting: match (&self.augmenter, mode) {
                (Some(augmenter), Mode::Training { seed, step, .. }) if is_update => {
                    Some(Augmenting {
                        augmenter,
                        seed,
                        step,
                    })
                }
                _ => None,
            },
            scale,
            gradient_scale: match (self.reduction, is_update) {
                (Reduction::Mean, true) => 1.0 / (batch.mean_weight * extent.rows as f64),
                (Reduction::Mean, false) => scale,
                (Reduction::Sum, true) => 1.0 / batch.mean_weight,
                (Reduction::Sum, false) => 1.0,
            },
            partials: None,
            number: self.passes,
            ahead: None,
            queues: None,
        }
    }
}
