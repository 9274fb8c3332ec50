//! What layers of units share: weights and a bias, how these begin, and an activation.

use super::{Role, Segment};
use crate::activations::{ACTIVATIONS, Activation, AnyActivation, Identity};
use crate::constraints::{self, CONSTRAINT, Constraint};
use crate::error::Result;
use crate::initializers::{INITIALIZERS, Initializer};
use crate::kernels::Isa;
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::kernels::reduce::column_sums;
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Choice, Default, Domain, Parameter};
use crate::shape::ROW_MULTIPLE;

/// The segment of the weights; that of the bias follows.
pub(super) const WEIGHT: usize = 0;

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

/// How many units there are.
pub(super) const UNITS: Parameter = Parameter {
    name: "units",
    summary: "output values per row",
    default: Default::Required,
    domain: Domain::Integer(1, 1 << 24),
};

/// The settings of layers whose units see every input.
pub(super) const DENSE: &[Parameter] = &[UNITS, ACTIVATION, BIAS, INITIALIZER, CONSTRAINT];

/// Units (output channels) with weights of one shape.
pub(super) struct Units {
    pub count: usize,
    pub has_bias: bool,
    pub activation: Box<dyn AnyActivation>,
    /// Of the weights, if there is one.
    constraint: Option<Box<dyn Constraint>>,
    /// Of the weights; the first dimension is the units.
    shape: Vec<usize>,
    initializer: Box<dyn Initializer>,
}

impl Units {
    /// Reads the settings of a layer.
    pub fn read(arguments: &Arguments, count: usize, shape: Vec<usize>) -> Result<Self> {
        let activation = ACTIVATIONS.build(&arguments.choice("activation"), &())?;
        let initializer = match arguments.choice("initializer") {
            choice if choice.name == AUTO => Choice::new(activation.initializer()),
            choice => choice,
        };
        Ok(Self {
            count,
            has_bias: arguments.flag("bias"),
            activation,
            constraint: constraints::of(arguments)?,
            shape,
            initializer: INITIALIZERS.build(&initializer, &())?,
        })
    }

    /// Takes φ out, for a layer to put z out.
    pub fn take_activation(&mut self) -> Box<dyn AnyActivation> {
        std::mem::replace(&mut self.activation, Box::new(Identity))
    }

    /// Of the weights.
    pub fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        self.constraint.as_deref().filter(|_| segment == WEIGHT)
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
        let weight = Segment::new("weight", self.shape.clone(), Role::Weights);
        let bias = Segment::new("bias", vec![self.count], Role::Bias);
        let bias = self.has_bias.then_some(bias);
        [weight].into_iter().chain(bias).collect()
    }

    /// Draws weights; a bias begins at 0.
    pub fn initialize(&self, segment: usize, fan_out: usize, random: &mut Sequence) -> Vec<f64> {
        if segment != WEIGHT {
            return vec![0.0; self.count];
        }
        let mut weights = vec![0.0; self.weights()];
        self.initializer
            .fill(self.fan_in(), fan_out, random, &mut weights);
        weights
    }

    /// φ in a precision.
    pub fn activation<T: LayerScalar>(&self) -> &dyn Activation<T> {
        T::activation(&*self.activation)
    }

    /// db = 1ᵀ·dz, with padding, of rows of dz that are `stride` apart.
    pub fn bias_gradient<T: LayerScalar>(
        &self,
        isa: Isa,
        rows: usize,
        stride: usize,
        dz: &[T],
        gradient: &mut [T],
    ) {
        if stride <= ROW_MULTIPLE {
            let mut sums = [T::ZERO; ROW_MULTIPLE];
            let sums = &mut sums[..stride];
            column_sums(isa, &dz[..rows * stride], sums);
            let (bias, padding) = gradient.split_at_mut(self.count);
            bias.copy_from_slice(&sums[..self.count]);
            padding.fill(T::ZERO);
            return;
        }
        let (one, columns) = ([T::ONE], gradient.len());
        Product {
            rows: 1,
            columns,
            depth: rows,
            a: Strided {
                data: &one,
                row: 1,
                column: 0,
            },
            b: dz,
            b_layout: Layout::Rows(stride),
            start: Start::Zero,
            c: gradient,
            c_layout: Layout::Rows(columns),
        }
        .run(isa);
    }
}
