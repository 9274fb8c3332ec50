//! What is of a member's own in layers of members: y_g = f_g ∘ x_g + b_g, d values of each of k
//! members; without f, y_g = x_g. dx_g = f_g ∘ dy_g, df_g = Σ dy_g ∘ x_g and db_g = Σ dy_g over the
//! rows.
//!
//! It also puts members where the layer behind it wants them: apart from each other by so many
//! values, with zeros between, from where they are, or all of them from the same values.

use super::{
    Block, Facts, Geometry, Layer, LayerPlan, Role, SecondOrder, Segment, Tile, Trace, Weights,
    vectors,
};
use crate::kernels::{Arch, Isa, Kernel};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::shape::{Shape, stride};

/// How factors begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    /// 1.
    Ones,
    /// −1 or 1.
    Signs,
    /// With mean 0 and deviation 1.
    Normal,
}

/// See the module's text.
pub(super) struct Diagonal {
    /// k.
    pub members: usize,
    /// d.
    pub width: usize,
    /// Values of a row that comes in.
    pub input: usize,
    /// Distance of the members there; 0: all have the same values.
    pub from: usize,
    /// Distance of the members in a row that goes out.
    pub to: usize,
    /// The name of f and how it begins, if there is one.
    pub factor: Option<(&'static str, Begin)>,
    /// Whether there is a b; only beside f.
    pub has_bias: bool,
}

impl Diagonal {
    /// Whether it changes nothing.
    pub fn is_nothing(&self) -> bool {
        self.factor.is_none() && self.from == self.to
    }

    fn output(&self) -> usize {
        self.members * self.to
    }

    /// f of a member, if there is one, and its b.
    #[inline(always)]
    fn own<'a, T>(&self, parameters: &'a [T], member: usize) -> [Option<&'a [T]>; 2] {
        let at = member * self.width;
        let bias = vectors::padded(self.members * self.width) + at;
        let part = |is_there: bool, start| is_there.then(|| &parameters[start..][..self.width]);
        [part(self.factor.is_some(), at), part(self.has_bias, bias)]
    }
}

impl Geometry for Diagonal {
    fn facts(&self) -> Facts {
        Facts {
            members: Some(self.members),
            ..Facts::new(Shape::flat(self.output()), self.members * self.width)
        }
    }

    fn segments(&self) -> Vec<Segment> {
        let segment = |name, role| Segment::new(name, vec![self.members, self.width], role);
        let factor = (self.factor).map(|(name, _)| segment(name, Role::Other));
        let bias = self.has_bias.then(|| segment("bias", Role::Bias));
        factor.into_iter().chain(bias).collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        let draw = |_| match self.factor {
            _ if segment > 0 => 0.0,
            Some((_, Begin::Signs)) => 1.0 - 2.0 * f64::from(random.below(2)),
            Some((_, Begin::Normal)) => random.normal(),
            _ => 1.0,
        };
        (0..self.members * self.width).map(draw).collect()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(match self.factor {
            Some(_) => SecondOrder::Bilinear,
            None => SecondOrder::Linear,
        })
    }
}

impl<T: LayerScalar> Layer<T> for Diagonal {
    fn plan(&self, _: Isa) -> LayerPlan {
        vectors::plan(&self.segments(), 0)
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        vectors::locate(&self.segments(), segment, index)
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        block.isa.run(Forward {
            layer: self,
            rows: block.rows,
            parameters: weights.parameters,
            x,
            y,
        });
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
        block.isa.run(Backward {
            layer: self,
            rows: block.rows,
            parameters: weights.parameters,
            dy,
            dx,
        });
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
        batch.isa.run(Gradient {
            layer: self,
            rows: batch.rows,
            tile,
            x: trace.x,
            dy,
            gradient,
        });
    }
}

/// x → y.
struct Forward<'a, T> {
    layer: &'a Diagonal,
    rows: usize,
    parameters: &'a [T],
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: LayerScalar> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let layer = self.layer;
        let x = self.x.chunks_exact(stride(layer.input));
        let rows = x.zip(self.y.chunks_exact_mut(stride(layer.output())));
        for (x, y) in rows.take(self.rows) {
            let (members, padding) = y.split_at_mut(layer.output());
            for (member, y) in members.chunks_exact_mut(layer.to).enumerate() {
                let x = &x[member * layer.from..][..layer.width];
                let (y, between) = y.split_at_mut(layer.width);
                match layer.own(self.parameters, member) {
                    [Some(f), Some(b)] => {
                        for ((y, x), (f, b)) in y.iter_mut().zip(x).zip(f.iter().zip(b)) {
                            *y = *f * *x + *b;
                        }
                    }
                    [Some(f), None] => multiply(f, x, y),
                    [None, _] => y.copy_from_slice(x),
                }
                between.fill(T::ZERO);
            }
            padding.fill(T::ZERO);
        }
    }
}

/// dy → dx.
struct Backward<'a, T> {
    layer: &'a Diagonal,
    rows: usize,
    parameters: &'a [T],
    dy: &'a [T],
    dx: &'a mut [T],
}

impl<T: LayerScalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let layer = self.layer;
        let dy = self.dy.chunks_exact(stride(layer.output()));
        let rows = dy.zip(self.dx.chunks_exact_mut(stride(layer.input)));
        for (dy, dx) in rows.take(self.rows) {
            dx.fill(T::ZERO);
            let members = dy[..layer.output()].chunks_exact(layer.to);
            for (member, dy) in members.enumerate() {
                let dx = &mut dx[member * layer.from..][..layer.width];
                match (layer.own(self.parameters, member)[0], layer.from) {
                    (Some(f), 0) => add_product(f, dy, dx),
                    (Some(f), _) => multiply(f, dy, dx),
                    (None, _) => add(dy, dx),
                }
            }
        }
    }
}

/// A tile of the gradient.
struct Gradient<'a, T> {
    layer: &'a Diagonal,
    rows: usize,
    tile: &'a Tile,
    x: &'a [T],
    dy: &'a [T],
    gradient: &'a mut [T],
}

impl<T: LayerScalar> Kernel for Gradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let layer = self.layer;
        self.gradient.fill(T::ZERO);
        let own = self.tile.within(layer.members * layer.width);
        let x = self.x.chunks_exact(stride(layer.input));
        let rows = x.zip(self.dy.chunks_exact(stride(layer.output())));
        for (x, dy) in rows.take(self.rows) {
            let mut at = own.start;
            while at < own.end {
                let (member, first) = (at / layer.width, at % layer.width);
                let count = (layer.width - first).min(own.end - at);
                let dy = &dy[member * layer.to + first..][..count];
                let gradient = &mut self.gradient[at - own.start..][..count];
                match self.tile.segment {
                    0 => add_product(&x[member * layer.from + first..], dy, gradient),
                    _ => add(dy, gradient),
                }
                at += count;
            }
        }
    }
}

/// y = a ∘ b.
#[inline(always)]
fn multiply<T: LayerScalar>(a: &[T], b: &[T], y: &mut [T]) {
    for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
        *y = *a * *b;
    }
}

/// y ← y + a ∘ b.
#[inline(always)]
fn add_product<T: LayerScalar>(a: &[T], b: &[T], y: &mut [T]) {
    for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
        *y += *a * *b;
    }
}

/// y ← y + a.
#[inline(always)]
fn add<T: LayerScalar>(a: &[T], y: &mut [T]) {
    for (y, a) in y.iter_mut().zip(a) {
        *y += *a;
    }
}
