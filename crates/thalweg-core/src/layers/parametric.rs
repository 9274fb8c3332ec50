//! Parametric activation: y = x + a ⊙ (φ(x) − x) with a trained factor a for each value, 1 at first,
//! so that each unit finds its place between no activation (0) and φ (1), or beyond.
//!
//! dx = dy ⊙ (1 − a + a ⊙ φ′(x)), da = Σ dy ⊙ (φ(x) − x) over the rows. φ is one that treats each
//! value by itself. Source: Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP).

use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Part, Role, SecondOrder, Segment,
    Site, Tangent, Tile, Trace, Weights, vectors,
};
use crate::activations::{ACTIVATIONS, Activation, AnyActivation, RowShape};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// See the module's text. The stash of a row has φ(x), then φ′(x).
struct Parametric {
    shape: Shape,
    activation: Box<dyn AnyActivation>,
}

impl Parametric {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let choice = arguments.choice("activation");
        let activation = ACTIVATIONS.build(&choice, &())?;
        if activation.couples_values() {
            let expected = "an activation of each value by itself";
            let error = Error::invalid("layer parametric", choice.to_string(), expected);
            return Err(error.at("activation"));
        }
        Ok(Part::layer(Self {
            shape: context.input,
            activation,
        }))
    }

    fn size(&self) -> usize {
        self.shape.size()
    }

    /// Values of a row in buffers.
    fn row(&self) -> usize {
        stride(self.size())
    }

    fn shape_of_row(&self) -> RowShape {
        RowShape {
            width: self.size(),
            stride: self.row(),
        }
    }

    /// φ(x) and φ′(x) of a row in its stash.
    fn keep<T: LayerScalar>(&self, isa: Isa, x: &[T], stash: &mut [T]) {
        let activation = T::activation(&*self.activation);
        let (value, slope) = stash.split_at_mut(self.row());
        let shape = self.shape_of_row();
        value.copy_from_slice(x);
        activation.forward(isa, shape, value);
        slope.fill(T::ONE);
        let at = if activation.keeps_input() { x } else { &*value };
        activation.backward(isa, shape, at, slope);
    }

    /// x, φ(x), φ′(x) and dy of row number `index`.
    fn parts<'a, T>(&self, index: usize, [x, stash, dy]: [&'a [T]; 3]) -> [&'a [T]; 4] {
        let row = self.row();
        let of = |buffer: &'a [T], at: usize| &buffer[at * row..][..row];
        [
            of(x, index),
            of(stash, 2 * index),
            of(stash, 2 * index + 1),
            of(dy, index),
        ]
    }
}

impl Geometry for Parametric {
    fn facts(&self) -> Facts {
        Facts::new(self.shape, 4 * self.size())
    }

    fn segments(&self) -> Vec<Segment> {
        vec![Segment::new("weight", vec![self.size()], Role::Other)]
    }

    fn initialize(&self, _: usize, _: &mut Sequence) -> Vec<f64> {
        vec![1.0; self.size()]
    }

    fn check_trainable(&self) -> Result<()> {
        self.activation.check_trainable()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

impl<T: LayerScalar> Layer<T> for Parametric {
    fn plan(&self, _: Isa) -> LayerPlan {
        vectors::plan(&self.segments(), 2 * self.row())
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let row = self.row();
        let rows = x.chunks_exact(row).zip(y.chunks_exact_mut(row));
        for ((x, y), stash) in rows.zip(stash.chunks_exact_mut(2 * row)).take(block.rows) {
            self.keep(block.isa, x, stash);
            let parts = x.iter().zip(&stash[..row]).zip(weights.parameters);
            for (y, ((x, value), a)) in y.iter_mut().zip(parts) {
                *y = *x + *a * (*value - *x);
            }
        }
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        for (index, dx) in dx.chunks_exact_mut(self.row()).enumerate().take(block.rows) {
            let [_, _, slope, dy] = self.parts(index, [trace.x, stash, dy]);
            let parts = slope.iter().zip(dy).zip(weights.parameters);
            for (dx, ((slope, dy), a)) in dx.iter_mut().zip(parts) {
                *dx = *dy * (T::ONE + *a * (*slope - T::ONE));
            }
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        let range = tile.within(self.size());
        for index in 0..batch.rows {
            let [x, value, _, dy] = self
                .parts(index, [trace.x, stash, dy])
                .map(|part| &part[range.clone()]);
            for (gradient, ((x, value), dy)) in gradient.iter_mut().zip(x.iter().zip(value).zip(dy))
            {
                *gradient += *dy * (*value - *x);
            }
        }
    }
}

/// ẏ = (1 + a(φ′ − 1))·ẋ + ȧ·(φ − x); dẋ = (1 + a(φ′ − 1))·dẏ + (a·φ″·ẋ + ȧ·(φ′ − 1))·dy;
/// dȧ = Σ (φ − x)·dẏ + (φ′ − 1)·ẋ·dy.
impl Tangent for Parametric {
    fn forward(&self, site: Site, y_dot: &mut [f64], [stash, _]: [&mut [f64]; 2]) {
        let rows = y_dot.chunks_exact_mut(self.row()).enumerate();
        let (a, a_dot) = (site.weights.parameters, site.direction.parameters);
        for (index, y_dot) in rows.take(site.block.rows) {
            let [x, value, slope, x_dot] = self.parts(index, [site.trace.x, stash, site.x_dot]);
            for i in 0..self.size() {
                let x_dot = if site.moves { x_dot[i] } else { 0.0 };
                y_dot[i] = (1.0 + a[i] * (slope[i] - 1.0)) * x_dot + a_dot[i] * (value[i] - x[i]);
            }
        }
    }

    fn backward(
        &self,
        site: Site,
        [stash, _]: [&mut [f64]; 2],
        [dy, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        let activation: &dyn Activation<f64> = &*self.activation;
        let (a, a_dot) = (site.weights.parameters, site.direction.parameters);
        let row = self.row();
        let mut curvature = vec![0.0; row];
        for index in 0..site.block.rows {
            let [x, value, slope, dy] = self.parts(index, [site.trace.x, stash, dy]);
            let [x_dot, _, _, dy_dot] = self.parts(index, [site.x_dot, stash, dy_dot]);
            let at = if activation.keeps_input() { x } else { value };
            curvature.fill(0.0);
            let shape = self.shape_of_row();
            activation.add_curvature(site.block.isa, shape, at, dy, x_dot, &mut curvature);
            let dx_dot = &mut dx_dot[index * row..][..row];
            dx_dot.fill(0.0);
            for i in 0..self.size() {
                let bent = a[i] * curvature[i] + a_dot[i] * (slope[i] - 1.0) * dy[i];
                dx_dot[i] = (1.0 + a[i] * (slope[i] - 1.0)) * dy_dot[i] + bent;
            }
        }
    }

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        [stash, _]: [&[f64]; 2],
        [dy, dy_dot]: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        let Site { block, trace, .. } = site;
        Layer::<f64>::gradient(self, block, tile, &[], trace, stash, dy_dot, gradient);
        let range = tile.within(self.size());
        for index in (0..block.rows).filter(|_| site.moves) {
            let [x_dot, _, slope, dy] = self.parts(index, [site.x_dot, stash, dy]);
            for (gradient, i) in gradient.iter_mut().zip(range.clone()) {
                *gradient += (slope[i] - 1.0) * x_dot[i] * dy[i];
            }
        }
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "parametric",
        summary: "An activation of which each unit learns how much it takes; behind a dense layer without one",
        equation: "y = x + a ⊙ (φ(x) − x)",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[Parameter {
            name: "activation",
            summary: "φ, one that treats each value by itself",
            default: Default::Required,
            domain: Domain::Choice(|| &ACTIVATIONS),
        }],
    },
    build: Parametric::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(
        r#"[{"name": "parametric", "activation": "silu"}, {"name": "dense", "units": 4, "activation": "tanh"}]"#,
    ),
    Example::list(r#"[{"name": "parametric", "activation": "tanh"}]"#).first(),
];
