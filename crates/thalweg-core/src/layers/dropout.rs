//! Dropout, inverted: in training y = m ⊙ x, m = 0 with probability p and else 1/(1 − p); in
//! evaluation y = x. dx = m ⊙ dy.
//!
//! Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014; scaled in training and
//! not in evaluation, as PyTorch does. The mask is a function of (seed, update, layer, row of the
//! batch, value), so it depends neither on threads nor on how the batch is cut.

use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Mode, Part, SecondOrder, Trace,
    Weights,
};
use crate::error::{Error, Result};
use crate::kernels::{Arch, Isa, Kernel, Scalar};
use crate::layers::LayerScalar;
use crate::random::{BLOCKS, Purpose, Stream};
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// See the module's text.
struct Dropout {
    shape: Shape,
    index: usize,
    rate: f64,
}

/// Numbers of a mask that are drawn together.
const WORDS: usize = 4 * BLOCKS;
/// Rows have this many bits of the address of a random number, and groups of [`WORDS`] values as
/// many.
const BITS: u32 = 24;

impl Dropout {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let rate = arguments.number("rate");
        if context.input.size() > WORDS << BITS {
            let found = format!("{} values a row", context.input.size());
            return Err(Error::invalid("layer dropout", found, "fewer"));
        }
        Ok(Part::layer(Dropout {
            shape: context.input,
            index: context.index,
            rate,
        }))
    }
}

/// Fills the masks of some rows.
struct Masks<'a, T> {
    stream: Stream,
    layer: u64,
    first: usize,
    rate: f64,
    row: usize,
    masks: &'a mut [T],
}

impl<T: Scalar> Kernel for Masks<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        // A word is below this with probability p.
        let threshold = (self.rate * 2f64.powi(32)) as u32;
        let kept = T::from_f64(1.0 / (1.0 - self.rate));
        for (position, mask) in (self.first..).zip(self.masks.chunks_exact_mut(self.row)) {
            let row = self.layer << (2 * BITS) | (position as u64) << BITS;
            for (group, mask) in mask.chunks_mut(WORDS).enumerate() {
                let words = self.stream.blocks((row | group as u64) * BLOCKS as u64);
                for (mask, word) in mask.iter_mut().zip(words) {
                    *mask = if word < threshold { T::ZERO } else { kept };
                }
            }
        }
    }
}

impl Geometry for Dropout {
    fn facts(&self) -> Facts {
        Facts {
            is_random: true,
            ..Facts::new(self.shape, self.shape.size())
        }
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Linear)
    }
}

impl<T: LayerScalar> Layer<T> for Dropout {
    fn plan(&self, _: Isa) -> LayerPlan {
        LayerPlan {
            stash: stride(self.shape.size()),
            ..LayerPlan::default()
        }
    }

    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let row = stride(self.shape.size());
        let values = block.rows * row;
        let (x, y, masks) = (&x[..values], &mut y[..values], &mut stash[..values]);
        let Mode::Training {
            seed,
            step,
            dropout,
        } = block.mode
        else {
            y.copy_from_slice(x);
            return;
        };
        block.isa.run(Masks {
            stream: Stream::new(seed, Purpose::Dropout, step),
            layer: self.index as u64,
            first: block.first,
            rate: self.rate * dropout,
            row,
            masks: &mut *masks,
        });
        for ((y, x), mask) in y.iter_mut().zip(x).zip(masks) {
            *y = *x * *mask;
        }
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        _: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let values = block.rows * stride(self.shape.size());
        if block.mode == Mode::Evaluation {
            dx[..values].copy_from_slice(&dy[..values]);
            return;
        }
        for ((dx, dy), mask) in dx[..values].iter_mut().zip(dy).zip(stash) {
            *dx = *dy * *mask;
        }
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "dropout",
        summary: "Leaves values out at random while training, against overfitting",
        equation: "y = m ⊙ x, m = 0 with probability rate, else 1/(1 − rate); y = x in evaluation",
        source: "Srivastava et al. 2014",
        parameters: &[Parameter {
            name: "rate",
            summary: "probability that a value is left out",
            default: Default::Number(0.5),
            domain: Domain::DECAY,
        }],
    },
    build: Dropout::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "dropout", "rate": 0.3}]"#),
    Example::list(r#"[{"name": "dropout"}]"#).first(),
    Example::image(r#"[{"name": "dropout", "rate": 0.5}]"#),
];
