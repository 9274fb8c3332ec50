//! Select: y = (x_i, x_j, …), some of the inputs, in the order of the setting. dx has dy there, and 0
//! elsewhere.
//!
//! In front of a network it leaves out inputs that do not matter, which then cost nothing and cannot
//! be fitted by chance. Source: Guyon & Elisseeff 2003, An Introduction to Variable and Feature Selection.

use super::numbers::check;
use super::{Block, Context, Example, Facts, Geometry, Layer, Part, SecondOrder, Trace, Weights};
use crate::layers::LayerScalar;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// See the module's text.
struct Select {
    inputs: usize,
    kept: Vec<usize>,
}

impl Geometry for Select {
    fn facts(&self) -> Facts {
        Facts::new(Shape::flat(self.kept.len()), 0)
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Linear)
    }
}

impl<T: LayerScalar> Layer<T> for Select {
    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let rows = x.chunks_exact(stride(self.inputs)).take(block.rows);
        for (x, y) in rows.zip(y.chunks_exact_mut(stride(self.kept.len()))) {
            y[self.kept.len()..].fill(T::ZERO);
            for (y, input) in y.iter_mut().zip(&self.kept) {
                *y = x[*input];
            }
        }
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        _: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let rows = dy.chunks_exact(stride(self.kept.len())).take(block.rows);
        for (dy, dx) in rows.zip(dx.chunks_exact_mut(stride(self.inputs))) {
            dx.fill(T::ZERO);
            for (dy, input) in dy.iter().zip(&self.kept) {
                dx[*input] = *dy;
            }
        }
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "select",
        summary: "Some of the inputs; the others are left out",
        equation: "y[k] = x[inputs[k]]",
        source: "Guyon & Elisseeff 2003",
        parameters: &[Parameter {
            name: "inputs",
            summary: "the inputs that are kept, counted from 0",
            default: Default::Required,
            domain: Domain::Integers(0, i64::MAX),
        }],
    },
    build: |arguments, context| {
        let kept = arguments.integers("inputs").unwrap_or_default();
        check(&kept, ("select", "inputs"), context)?;
        Ok(Part::layer(Select {
            inputs: context.input.size(),
            kept,
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "select", "inputs": [4, 0, 2]}, {"name": "dense", "units": 4, "activation": "tanh"}]"#),
    Example::list(r#"[{"name": "select", "inputs": [5, 1]}, {"name": "dense", "units": 4, "activation": "tanh"}]"#).first(),
];
