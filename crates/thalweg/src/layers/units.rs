//! What layers of units share: weights and a bias, how these begin, and an activation.

use super::Segment;
use crate::activations::{ACTIVATIONS, Activation, AnyActivation};
use crate::constraints::{self, Constraint};
use crate::error::Result;
use crate::initializers::{INITIALIZERS, Initializer};
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Choice, Default, Domain, Parameter};

/// φ.
pub(super) const ACTIVATION: Parameter = Parameter {
    name: "activation",
    summary: "φ",
    default: Default::Text("identity"),
    domain: Domain::Choice(|| &ACTIVATIONS),
};

/// Whether there is a b.
pub(super) const BIAS: Parameter = Parameter {
    name: "bias",
    summary: "whether there is a b",
    default: Default::Flag(true),
    domain: Domain::Flag,
};

/// Of W.
pub(super) const INITIALIZER: Parameter = Parameter {
    name: "initializer",
    summary: "of W; auto is the one that suits the activation",
    default: Default::Text("auto"),
    domain: Domain::ChoiceOrAuto(|| &INITIALIZERS),
};

/// Units (output channels) with weights of one shape.
pub(super) struct Units {
    pub count: usize,
    pub has_bias: bool,
    pub activation: Box<dyn AnyActivation>,
    /// Of the weights, if there is one.
    pub constraint: Option<Box<dyn Constraint>>,
    /// Of the weights; the first dimension is the units.
    shape: Vec<usize>,
    initializer: Box<dyn Initializer>,
}

impl Units {
    /// Reads the settings of a layer. An activation that treats a row as a whole comes back by itself: such a
    /// layer puts z out.
    pub fn read(
        arguments: &Arguments,
        count: usize,
        shape: Vec<usize>,
    ) -> Result<(Self, Option<Box<dyn AnyActivation>>)> {
        let build = |choice: &Choice| ACTIVATIONS.build(choice, &());
        let activation = build(&arguments.choice("activation"))?;
        let initializer = match arguments.choice("initializer") {
            choice if choice.name == AUTO => Choice::new(activation.initializer()),
            choice => choice,
        };
        let (activation, outside) = match activation.couples_values() {
            true => (build(&Choice::new("identity"))?, Some(activation)),
            false => (activation, None),
        };
        let units = Self {
            count,
            has_bias: arguments.flag("bias"),
            activation,
            constraint: constraints::of(arguments)?,
            shape,
            initializer: INITIALIZERS.build(&initializer, &())?,
        };
        Ok((units, outside))
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.shape.iter().product()
    }

    /// Weights of a unit.
    pub fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Weights and bias.
    pub fn segments(&self) -> Vec<Segment> {
        let weight = Segment {
            name: "weight".into(),
            shape: self.shape.clone(),
            decays: true,
        };
        let bias = Segment {
            name: "bias".into(),
            shape: vec![self.count],
            decays: false,
        };
        let bias = self.has_bias.then_some(bias);
        [weight].into_iter().chain(bias).collect()
    }

    /// Draws weights; a bias begins at 0.
    pub fn initialize(&self, segment: usize, fan_out: usize, random: &mut Sequence) -> Vec<f64> {
        if segment > 0 {
            return vec![0.0; self.count];
        }
        let mut weights = vec![0.0; self.weights()];
        self.initializer
            .fill(self.fan_in(), fan_out, random, &mut weights);
        weights
    }

    /// φ in a precision.
    pub fn activation<T: Precision>(&self) -> &dyn Activation<T> {
        T::activation(&*self.activation)
    }
}
