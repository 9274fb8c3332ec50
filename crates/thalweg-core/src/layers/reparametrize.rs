//! Layers whose weights are scaled by a norm: what weight norm and spectral norm share.
//!
//! The inner layer is linear without a bias, a = V·x. What goes out is z\[i\] = c\[i\]·a\[i\] +
//! b\[i\] for each unit (output channel) i, where the factors c depend on V through norms:
//! - weight norm: c\[i\] = g\[i\]/‖v_i‖. With P\[i\] = Σ dz\[i\]·a\[i\] over rows and positions,
//!   dg\[i\] = P\[i\]/‖v_i‖ and dV gets −c\[i\]·P\[i\]/‖v_i‖²·v_i;
//! - spectral norm: c = 1/σ with σ = uᵀVv, u and v taken as constants; dV gets −(Σ P)/σ²·u·vᵀ.
//!
//! Beside that dV is the inner layer's gradient at da = c ⊙ dz, and db\[i\] = Σ dz\[i\]. Norms take
//! all of V, so they are prepared before each pass, by one thread, in double precision. The inner
//! layer's products are in single precision where the network's are of bf16 numbers.

mod passes;
mod power;

use std::sync::OnceLock;

use power::{FIRST_ITERATIONS, normalize};

use super::activation::Pointwise;
use super::{AnyLayer, Context, Facts, Geometry, LAYERS, Part, Role, Segment, Tile, vectors};
use crate::activations::ACTIVATIONS;
use crate::constraints::Constraint;
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Choice, Default, Domain, Parameter, Setting};

const WEIGHT: usize = 0;
/// Of weight norm.
const GAIN: usize = 1;

/// Which norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norm {
    /// Of each unit's weights.
    Weight,
    /// The largest singular value of all weights.
    Spectral,
}

/// See the module's text.
struct Reparametrized {
    inner: Box<dyn AnyLayer>,
    /// Of the inner layer.
    facts: Facts,
    norm: Norm,
    units: usize,
    /// Weights of a unit.
    fan_in: usize,
    has_bias: bool,
    /// The inner layer's part of θ and its tiles, once it is planned: in single and in double
    /// precision.
    planned: [OnceLock<Inner>; 2],
}

struct Inner {
    isa: Isa,
    parameters: usize,
    stash: usize,
    tiles: Vec<Tile>,
}

/// Norms are taken for at least this.
const LEAST_NORM: f64 = 1e-12;

/// The layer that is normalized.
pub(super) const LAYER: Parameter = Parameter {
    name: "layer",
    summary: "the dense or conv2d layer whose weights are normalized",
    default: Default::Required,
    domain: Domain::Choice(|| &LAYERS),
};

/// Makes the layer `name`.
pub(super) fn build(
    name: &str,
    norm: Norm,
    arguments: &Arguments,
    context: &Context,
) -> Result<Part> {
    let mut choice = arguments.choice("layer");
    if !["dense", "conv2d"].contains(&choice.name.as_str()) {
        let found = format!("layer = {}", choice.name);
        return Err(Error::invalid(
            format!("layer {name}"),
            found,
            "dense or conv2d",
        ));
    }
    let taken = |choice: &Choice, name: &str| choice.settings.get(name).cloned();
    if norm == Norm::Spectral
        && let Some(constraint) = taken(&choice, "constraint").and_then(|setting| setting.choice())
        && constraint.name != AUTO
    {
        let found = format!("constraint = {constraint} on the layer that it normalizes");
        let error = Error::invalid(format!("layer {name}"), found, "one of them");
        return Err(error.remedy("no unit's weights exceed a norm of 1: leave out the constraint"));
    }
    let has_bias = taken(&choice, "bias") != Some(Setting::Flag(false));
    let activation = taken(&choice, "activation").and_then(|setting| setting.choice());
    let activation = activation.unwrap_or_else(|| Choice::new("identity"));
    let activation = ACTIVATIONS.build(&activation, &())?;
    // The initializer that suits the activation, before that is taken out.
    let is_auto = taken(&choice, "initializer").is_none_or(|s| s == Setting::Text("auto".into()));
    if is_auto {
        let name = activation.initializer().to_owned();
        choice = choice.with("initializer", Setting::Text(name));
    }
    let choice = choice
        .with("bias", Setting::Flag(false))
        .with("activation", Setting::Text("identity".to_owned()));
    // What bf16 keeps in the stash has its place in a row of the inner layer's own.
    let context = Context {
        is_last: false,
        dtype: context.dtype.storage(),
        ..*context
    };
    let Part::Layer(inner) = LAYERS.build(&choice, &context)? else {
        unreachable!("a dense or convolutional layer is one layer");
    };
    let shape = inner.facts().output;
    let weight = &inner.segments()[WEIGHT];
    let layer = Reparametrized {
        norm,
        units: weight.shape[0],
        fan_in: weight.len() / weight.shape[0],
        has_bias,
        facts: inner.facts(),
        planned: [OnceLock::new(), OnceLock::new()],
        inner,
    };
    Ok(Part::Sequence(vec![
        Part::layer(layer),
        Part::layer(Pointwise { shape, activation }),
    ]))
}

impl Reparametrized {
    fn inner<T: LayerScalar>(&self, isa: Isa) -> &Inner {
        let plan = || {
            let plan = T::layer(&*self.inner).plan(isa);
            Inner {
                isa,
                parameters: plan.parameters,
                stash: plan.stash,
                tiles: plan.tiles,
            }
        };
        let precision = usize::from(size_of::<T>() == size_of::<f64>());
        let inner = self.planned[precision].get_or_init(plan);
        assert_eq!(inner.isa, isa, "a layer is planned for one instruction set");
        inner
    }

    /// Segments beside V.
    fn own(&self) -> Vec<Segment> {
        let of = |name: &'static str, length, role| Segment::new(name, vec![length], role);
        let bias = (self.has_bias).then(|| of("bias", self.units, Role::Bias));
        let norm = match self.norm {
            Norm::Weight => vec![of("gain", self.units, Role::Lengths)],
            Norm::Spectral => vec![
                of("left", self.units, Role::Other).tracked(),
                of("right", self.fan_in, Role::Other).tracked(),
            ],
        };
        norm.into_iter().chain(bias).collect()
    }

    /// Numbers that a pass prepares.
    fn prepared(&self) -> usize {
        match self.norm {
            // c and ‖v‖ of each unit.
            Norm::Weight => 2 * self.units,
            // σ, u, v, V·v.
            Norm::Spectral => 1 + 2 * self.units + self.fan_in,
        }
    }

    /// A segment beside V.
    fn vector<'a, T: LayerScalar>(&self, isa: Isa, parameters: &'a [T], name: &str) -> &'a [T] {
        let own = self.own_start(name);
        match own {
            Some((start, length)) => {
                &parameters[self.inner::<T>(isa).parameters + start..][..length]
            }
            None => &[],
        }
    }

    /// Context, among the segments beside V, and length of one.
    fn own_start(&self, name: &str) -> Option<(usize, usize)> {
        let line = vectors::padded(self.units);
        let bias = match self.norm {
            Norm::Weight => line,
            Norm::Spectral => line + vectors::padded(self.fan_in),
        };
        match name {
            "gain" | "left" => Some((0, self.units)),
            "right" => Some((line, self.fan_in)),
            _ => self.has_bias.then_some((bias, self.units)),
        }
    }
}

impl Geometry for Reparametrized {
    fn facts(&self) -> Facts {
        Facts {
            prepared: self.prepared(),
            ..self.facts
        }
    }

    fn segments(&self) -> Vec<Segment> {
        let mut weight = self.inner.segments().swap_remove(WEIGHT);
        if self.norm == Norm::Weight {
            weight.role = Role::Directions;
        }
        [weight].into_iter().chain(self.own()).collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        match segment {
            WEIGHT => self.inner.initialize(WEIGHT, random),
            _ => vec![0.0; self.segments()[segment].len()],
        }
    }

    fn initialize_all(&self, random: &dyn Fn(usize) -> Sequence) -> Vec<Vec<f64>> {
        let weight = self.initialize(WEIGHT, &mut random(WEIGHT));
        let mut all = match self.norm {
            Norm::Weight => {
                let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
                vec![weight.chunks_exact(self.fan_in).map(norm).collect()]
            }
            Norm::Spectral => {
                let mut prepared = vec![0.0; self.prepared()];
                let mut normal = random(1);
                let right = 1 + self.units;
                for v in &mut prepared[right..right + self.fan_in] {
                    *v = normal.normal();
                }
                normalize(&mut prepared[right..right + self.fan_in]);
                self.iterate(&mut prepared, FIRST_ITERATIONS, |visit| {
                    for (i, w) in weight.iter().enumerate() {
                        visit(i / self.fan_in, i % self.fan_in, *w);
                    }
                });
                let left = prepared[1..right].to_vec();
                vec![left, prepared[right..right + self.fan_in].to_vec()]
            }
        };
        all.insert(WEIGHT, weight);
        all.extend(self.has_bias.then(|| vec![0.0; self.units]));
        all
    }

    /// ‖w_i‖ is |g\[i\]|.
    fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        let is_length = self.norm == Norm::Weight && segment == GAIN;
        is_length.then(|| self.inner.constraint(WEIGHT)).flatten()
    }
}
