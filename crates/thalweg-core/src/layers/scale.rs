//! Scale: y = s ⊙ x, a factor for each value, 1 at first. dx = s ⊙ dy, ds = Σ dy ⊙ x over the rows.
//!
//! In front of a network with a rate of its own (`rate_factors = "scale=6"`) it learns which inputs
//! count. Source: Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP).

use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Part, Role, SecondOrder, Segment,
    Tile, Trace, Weights, vectors,
};
use crate::kernels::Isa;
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Description, Entry};
use crate::shape::{Shape, stride};

/// See the module's text.
struct Scale {
    shape: Shape,
}

impl Scale {
    /// The rows of a block in a buffer.
    fn rows<'a, T>(&self, block: Block, buffer: &'a [T]) -> std::slice::ChunksExact<'a, T> {
        let row = stride(self.shape.size());
        buffer[..block.rows * row].chunks_exact(row)
    }
}

/// y = a ⊙ b.
fn multiply<T: LayerScalar>(a: &[T], b: &[T], y: &mut [T]) {
    for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
        *y = *a * *b;
    }
}

impl Geometry for Scale {
    fn facts(&self) -> Facts {
        Facts::new(self.shape, self.shape.size())
    }

    fn segments(&self) -> Vec<Segment> {
        vec![Segment::new("weight", vec![self.shape.size()], Role::Scale)]
    }

    fn initialize(&self, _: usize, _: &mut Sequence) -> Vec<f64> {
        vec![1.0; self.shape.size()]
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Bilinear)
    }
}

impl<T: LayerScalar> Layer<T> for Scale {
    fn plan(&self, _: Isa) -> LayerPlan {
        vectors::plan(&self.segments(), 0)
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let rows = y.chunks_exact_mut(stride(self.shape.size()));
        for (x, y) in self.rows(block, x).zip(rows) {
            multiply(weights.parameters, x, y);
        }
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        _: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let rows = dx.chunks_exact_mut(stride(self.shape.size()));
        for (dy, dx) in self.rows(block, dy).zip(rows) {
            multiply(weights.parameters, dy, dx);
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        _: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        let count = self.shape.size().saturating_sub(tile.column);
        for (x, dy) in self.rows(batch, trace.x).zip(self.rows(batch, dy)) {
            let values = x[tile.column..].iter().zip(&dy[tile.column..]).take(count);
            for (gradient, (x, dy)) in gradient.iter_mut().zip(values) {
                *gradient += *x * *dy;
            }
        }
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "scale",
        summary: "A learned factor for each value, 1 at first; with a rate of its own it learns which inputs count",
        equation: "y = s ⊙ x",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[],
    },
    build: |_, context| {
        Ok(Part::layer(Scale {
            shape: context.input,
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "scale"}, {"name": "dense", "units": 4, "activation": "tanh"}]"#),
    Example::list(r#"[{"name": "scale"}]"#).first(),
    Example::image(r#"[{"name": "scale"}]"#),
];
