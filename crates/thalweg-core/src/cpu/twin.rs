//! The twin of an engine, in double precision, that computes its Hessian-vector products; made when
//! they are first asked for.
//!
//! It keeps the values of an ordinary pass, forward and back, in one memory, and the derivatives of
//! a second pass (`second_order.rs`) at the same places of another.

use super::buffer::{Buffer, Shared};
use super::network::{Gathered, Memory};
use super::pass::Pass;
use super::plan::{Plan, PlannedLayer};
use super::precision::Precision;
use super::second_order::Passes;
use super::team::{Member, Team};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::memory;
use crate::registry::{Choice, Setting};
use crate::spec::NetworkSpec;

/// See the module's text.
pub(super) struct Twin {
    plan: Plan,
    /// In the order of `State::parameters`.
    positions: Vec<Position>,
    /// Values and θ.
    first: Memory<f64>,
    /// Derivatives and θ̇.
    second: Memory<f64>,
    gathered: Gathered<f64>,
    /// θ with nothing but the first segment of each layer.
    linear: Buffer<f64>,
    /// Σ w·l of each row block.
    losses: Vec<f64>,
    /// ∇²L·θ̇, in the order of θ; 0 for what is not trained, as in θ̇.
    product: Buffer<f64>,
}

/// Where a parameter stands.
struct Position {
    /// In θ of the engine.
    engine: usize,
    /// In the twin's buffers.
    twin: usize,
    is_trained: bool,
}

/// Whether every layer of a plan has second derivatives.
///
/// # Errors
/// Names the first that has none.
pub(super) fn check(plan: &Plan, network: &NetworkSpec) -> Result<()> {
    let lacks = |planned: &&PlannedLayer| planned.layer.second_order().is_none();
    let Some(planned) = plan.layers.iter().find(lacks) else {
        return Ok(());
    };
    let (number, name) = (planned.number(), name(&network.layers, &planned.path));
    let found = "a layer without second derivatives";
    let expected = "layers that Hessian-vector products can go through";
    Err(Error::invalid(format!("layer {name}"), found, expected).of_layer(number, name))
}

/// The name of the entry at the path of a layer, such as `layers.2.layers.0` or
/// `layers.2.projection`.
fn name<'a>(layers: &'a [Choice], path: &str) -> &'a str {
    let (mut layers, mut name) = (layers, "");
    let mut settings = None;
    for part in path.split('.') {
        match part.parse::<usize>() {
            Ok(index) => {
                let layer = &layers[index];
                (name, settings) = (&layer.name, Some(&layer.settings));
            }
            Err(_) => match settings.and_then(|settings| settings.get(part)) {
                Some(Setting::Choices(inner)) => layers = inner,
                Some(Setting::Choice(inner)) => name = &inner.name,
                Some(Setting::Text(inner)) => name = inner,
                _ => {}
            },
        }
    }
    name
}

impl Twin {
    /// The twin of an engine in precision T with this plan.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn new<T: Precision>(plan: &Plan, network: &NetworkSpec, isa: Isa) -> Result<Self> {
        let mut positions = memory::room(plan.values())?;
        let engine = plan.places::<T>(isa);
        let plan = plan.second_order(network, isa)?;
        let pairs = engine.zip(plan.places::<f64>(isa));
        positions.extend(pairs.map(|((engine, is_trained), (twin, _))| Position {
            engine,
            twin,
            is_trained,
        }));
        Ok(Self {
            positions,
            first: Memory::new(&plan)?,
            second: Memory::new(&plan)?,
            gathered: Gathered::new(&plan)?,
            linear: Buffer::new(plan.parameters)?,
            losses: vec![0.0; plan.blocks()],
            product: Buffer::new(plan.parameters)?,
            plan,
        })
    }

    /// The loss, and ∇²L times each of the `vectors`, one after the other; at θ, of the batch and
    /// with the settings of a pass of the engine itself.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn products<T: Precision>(
        &mut self,
        team: &mut Team,
        of: &Pass<T>,
        vectors: &[f64],
    ) -> Result<(f64, Vec<f64>)> {
        let mut products = memory::room(vectors.len())?;
        // SAFETY: no thread works on the engine.
        let theta = unsafe { of.parameters.read(0..of.plan.parameters) };
        for at in &self.positions {
            self.first.weights.parameters[at.twin] = theta[at.engine].to_f64();
        }
        for tile in (self.plan.tiles.iter()).filter(|tile| tile.tile.segment == 0) {
            let start = self.plan.tile_start(tile);
            let range = start..start + tile.tile.len();
            self.linear[range.clone()].copy_from_slice(&self.first.weights.parameters[range]);
        }
        let blocks = self.plan.blocking.count(of.batch.rows.len());
        let (passes, losses, _) = self.share(of);
        // SAFETY: no other thread works on the twin.
        unsafe { passes.first.refresh_all() };
        team.run(&|member| passes.first.run(member, losses));
        let loss = self.losses[..blocks].iter().sum::<f64>() * of.scale;
        for vector in vectors.chunks_exact(self.positions.len().max(1)) {
            for (at, v) in (self.positions.iter().zip(vector)).filter(|(at, _)| at.is_trained) {
                self.second.weights.parameters[at.twin] = *v;
            }
            let (passes, _, product) = self.share(of);
            // SAFETY: as above.
            unsafe { passes.second.refresh_all() };
            team.run(&|member: Member| {
                passes.run(member);
                member.barrier();
                let plan = passes.first.plan;
                let items = &plan.items[plan.shares[member.index].clone()];
                for item in items.iter().filter(|item| item.is_trained) {
                    // SAFETY: all rows are done, and items do not overlap.
                    unsafe { passes.gradient(member.index, item, product) };
                }
            });
            products.extend(self.positions.iter().map(|at| self.product[at.twin]));
        }
        Ok((loss, products))
    }

    /// The passes over the batch of an engine's pass, and the members' views of losses and product.
    fn share<'a, T: Precision>(
        &'a mut self,
        of: &Pass<'a, T>,
    ) -> (Passes<'a>, Shared<'a, f64>, Shared<'a, f64>) {
        let gathered = self.gathered.share();
        let plan = &self.plan;
        let pass = |memory: &'a mut Memory<f64>| Pass {
            forward: memory.forward(of.isa, plan, of.batch, of.mode, gathered),
            loss: of.loss,
            augmenting: None,
            scale: of.scale,
            gradient_scale: of.gradient_scale,
            partials: None,
            number: of.number,
            ahead: None,
            queues: None,
        };
        let passes = Passes {
            first: pass(&mut self.first),
            second: pass(&mut self.second),
            linear: self.linear.share(),
        };
        let losses = Shared::new(&mut self.losses);
        (passes, losses, self.product.share())
    }
}
