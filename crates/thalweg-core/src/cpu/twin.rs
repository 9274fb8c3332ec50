//! The twin of an engine that computes its Hessian-vector products, in double precision; made when they are first
//! asked for.
//!
//! It keeps the values of an ordinary pass, forward and back, in one arena, and the derivatives of the second way
//! (`second_order.rs`) at the same places of another.

use std::ops::Range;

use super::buffer::{Buffer, Shared};
use super::pass::Pass;
use super::plan::{Plan, PlannedLayer};
use super::precision::Precision;
use super::second_order::Ways;
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
    places: Vec<Place>,
    /// Items that each member computes.
    shares: Vec<Range<usize>>,
    first: Way,
    second: Way,
    /// θ with nothing but the first segment of each layer.
    linear: Buffer<f64>,
    values: Buffer<f64>,
    classes: Vec<u32>,
    weights: Buffer<f64>,
    /// Σ w·l of each row block.
    losses: Vec<f64>,
    /// ∇²L·θ̇, in the order of θ; 0 for what is not trained, as in θ̇.
    product: Buffer<f64>,
}

/// The memory of one way: see [`Pass`]. Parameters are θ on the first and θ̇ on the second.
struct Way {
    parameters: Buffer<f64>,
    derived: Buffer<f64>,
    arena: Buffer<f64>,
    summaries: Vec<f64>,
    totals: Vec<f64>,
}

/// Where a parameter stands.
struct Place {
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

/// The name of the entry at the path of a layer, such as `layers.2.layers.0` or `layers.2.projection`.
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

impl Way {
    fn new(plan: &Plan) -> Result<Self> {
        let blocks = plan.capacity.div_ceil(plan.block_rows);
        Ok(Self {
            parameters: Buffer::new(plan.parameters)?,
            derived: Buffer::new(plan.derived)?,
            arena: Buffer::new(plan.arena)?,
            summaries: vec![0.0; 2 * plan.summary * blocks],
            totals: vec![0.0; 2 * plan.summary * plan.members],
        })
    }
}

impl Twin {
    /// The twin of an engine in precision T with this plan.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn new<T: Precision>(plan: &Plan, network: &NetworkSpec, isa: Isa) -> Result<Self> {
        let mut places = memory::room(plan.values())?;
        let engine = plan.places::<T>(isa);
        let plan = plan.second_order(network, isa)?;
        let pairs = engine.zip(plan.places::<f64>(isa));
        places.extend(pairs.map(|((engine, is_trained), (twin, _))| Place {
            engine,
            twin,
            is_trained,
        }));
        Ok(Self {
            places,
            shares: plan.share_items(),
            first: Way::new(&plan)?,
            second: Way::new(&plan)?,
            linear: Buffer::new(plan.parameters)?,
            values: Buffer::new(plan.capacity * plan.outputs)?,
            classes: vec![0; plan.capacity],
            weights: Buffer::new(plan.capacity)?,
            losses: vec![0.0; plan.capacity.div_ceil(plan.block_rows)],
            product: Buffer::new(plan.parameters)?,
            plan,
        })
    }

    /// The loss, and ∇²L times each of the `vectors`, one after the other; at θ, of the batch and with the settings of
    /// a pass of the engine itself.
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
        // SAFETY: nobody works on the engine.
        let theta = unsafe { of.parameters.read(0..of.plan.parameters) };
        for place in &self.places {
            self.first.parameters[place.twin] = theta[place.engine].to_f64();
        }
        for tile in (self.plan.tiles.iter()).filter(|tile| tile.tile.segment == 0) {
            let start = self.plan.tile_start(tile);
            let range = start..start + tile.tile.len();
            self.linear[range.clone()].copy_from_slice(&self.first.parameters[range]);
        }
        let blocks = of.batch.rows.len().div_ceil(self.plan.block_rows);
        let (ways, rest) = self.split(of);
        // SAFETY: nobody else works on the twin.
        unsafe { ways.first.refresh_all() };
        let losses = rest.losses;
        team.run(&|member| ways.first.row_blocks(member, losses));
        // The caller may have worked alone: what the batch told it is for everybody who works on what follows.
        let told = 2 * self.plan.summary;
        if told > 0 {
            let (own, others) = self.first.totals.split_at_mut(told);
            others
                .chunks_exact_mut(told)
                .for_each(|other| other.copy_from_slice(own));
        }
        let loss = self.losses[..blocks].iter().sum::<f64>() * of.scale;
        for vector in vectors.chunks_exact(self.places.len().max(1)) {
            for (place, v) in self.places.iter().zip(vector).filter(|(p, _)| p.is_trained) {
                self.second.parameters[place.twin] = *v;
            }
            let (ways, rest) = self.split(of);
            // SAFETY: as above.
            unsafe { ways.second.refresh_all() };
            team.run(&|member: Member| {
                ways.row_blocks(member);
                member.meet();
                let items = &ways.first.plan.items[member.share(rest.shares)];
                for item in items.iter().filter(|item| item.is_trained) {
                    // SAFETY: all rows are done, and items do not overlap.
                    unsafe { ways.gradient(member.index, item, rest.product) };
                }
            });
            products.extend(self.places.iter().map(|place| self.product[place.twin]));
        }
        Ok((loss, products))
    }

    /// The twin's parts as a pass of an engine uses them, and what the members need besides.
    fn split<'a, T: Precision>(&'a mut self, of: &Pass<'a, T>) -> (Ways<'a>, Rest<'a>) {
        let (values, weights) = (self.values.share(), self.weights.share());
        let classes = Shared::new(&mut self.classes);
        let plan = &self.plan;
        let pass = |way: &'a mut Way| Pass {
            isa: of.isa,
            plan,
            loss: of.loss,
            batch: of.batch,
            mode: of.mode,
            augmenting: None,
            scale: of.scale,
            gradient_scale: of.gradient_scale,
            arena: way.arena.share(),
            values,
            classes,
            weights,
            parameters: way.parameters.share(),
            derived: way.derived.share(),
            prepared: Shared::new(&mut []),
            summaries: Shared::new(&mut way.summaries),
            totals: Shared::new(&mut way.totals),
            partials: Shared::new(&mut []),
            number: of.number,
            ahead: None,
            deal: None,
        };
        let ways = Ways {
            first: pass(&mut self.first),
            second: pass(&mut self.second),
            linear: self.linear.share(),
        };
        let rest = Rest {
            losses: Shared::new(&mut self.losses),
            product: self.product.share(),
            shares: &self.shares,
        };
        (ways, rest)
    }
}

/// What the members need beside the [`Ways`].
struct Rest<'a> {
    losses: Shared<'a, f64>,
    product: Shared<'a, f64>,
    shares: &'a [Range<usize>],
}
