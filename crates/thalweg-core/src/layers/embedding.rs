//! Embedding: the first inputs are codes of categories, one for each column, whole numbers from 0
//! to levels − 1. Each becomes the vector that its column's table has for it, y = (E₁\[x₁\],
//! E₂\[x₂\], …, and the numbers that follow the codes, as they are). dEⱼ\[c\] adds up dy over the
//! rows whose code is c.
//!
//! Source: Guo & Berkhahn 2016 (entity embeddings of categorical variables). Columns have tables of
//! their own sizes. The default width follows from the levels n, min(600, round(1.6·n^0.56)), a
//! rule that Howard & Gugger (fastai, `emb_sz_rule`) found by experiments. Vectors are drawn from
//! N(0, 1), the scale of standardized numbers, but for code 0, which preprocessing keeps for what
//! is unknown: it begins at 0, the mean of the others.
//!
//! Codes cannot be differentiated, so the layer is the first. Datasets with other values in a
//! column of codes are refused; where a row is predicted, a code that does not exist counts as code
//! 0. Codes stay below 2²⁴, up to which f32 holds every whole number.

use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Part, Role, SecondOrder, Segment,
    Site, Tangent, Tile, Trace, Weights, vectors,
};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// The most codes of a column: f32 holds every whole number up to this one.
pub const MOST_LEVELS: usize = 1 << 24;

/// The default width of the vectors for this many levels: see the module's text.
pub fn usual_width(levels: usize) -> usize {
    let width = (1.6 * (levels as f64).powf(0.56)).round() as usize;
    width.clamp(1, 600)
}

/// See the module's text.
struct Embedding {
    inputs: usize,
    columns: Vec<Column>,
}

/// A column of codes.
struct Column {
    levels: usize,
    width: usize,
    /// Where its table begins in the layer's part of θ.
    start: usize,
    /// Where its vector begins in a row that goes out.
    output: usize,
}

impl Embedding {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let refuse =
            |found: String, expected: &str| Err(Error::invalid("layer embedding", found, expected));
        let inputs = context.input.size();
        if context.index > 0 || !context.input.is_flat() {
            return refuse(
                "it behind another layer or on an image".into(),
                "it as the first layer, on a list of codes",
            );
        }
        let levels = arguments.integers("levels").unwrap_or_default();
        let widths = arguments.integers("widths");
        let widths = widths.unwrap_or_else(|| levels.iter().copied().map(usual_width).collect());
        if widths.len() != levels.len() {
            return refuse(
                format!("{} widths for {} levels", widths.len(), levels.len()),
                "one of each for a column",
            );
        }
        if levels.len() > inputs {
            return refuse(
                format!("levels of {} columns", levels.len()),
                &format!("at most the {inputs} inputs"),
            );
        }
        let (mut start, mut output) = (0, 0);
        let column = |(levels, width): (usize, usize)| {
            let column = Column {
                levels,
                width,
                start,
                output,
            };
            start += vectors::padded(levels * width);
            output += width;
            column
        };
        Ok(Part::layer(Embedding {
            inputs,
            columns: levels.into_iter().zip(widths).map(column).collect(),
        }))
    }

    fn output(&self) -> Shape {
        Shape::flat(self.width() + self.inputs - self.columns.len())
    }

    /// Values that come out of the tables.
    fn width(&self) -> usize {
        (self.columns.last()).map_or(0, |column| column.output + column.width)
    }
}

impl Column {
    /// The code that `x` is.
    fn code(&self, x: f64) -> Option<usize> {
        let is_code = x >= 0.0 && x < self.levels as f64 && x.fract() == 0.0;
        is_code.then_some(x as usize)
    }

    /// Where in its table the vector for an input begins.
    fn vector<T: LayerScalar>(&self, x: T) -> usize {
        self.code(x.to_f64()).unwrap_or(0) * self.width
    }
}

impl Geometry for Embedding {
    fn facts(&self) -> Facts {
        Facts {
            takes_codes: true,
            ..Facts::new(self.output(), self.output().size())
        }
    }

    fn segments(&self) -> Vec<Segment> {
        let segment = |(index, column): (usize, &Column)| {
            let shape = vec![column.levels, column.width];
            Segment::new(format!("columns.{index}.weight"), shape, Role::Table)
        };
        self.columns.iter().enumerate().map(segment).collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        let Column { levels, width, .. } = self.columns[segment];
        let unknown = std::iter::repeat_n(0.0, width);
        unknown
            .chain((width..levels * width).map(|_| random.normal()))
            .collect()
    }

    fn check_input(&self, row: &mut dyn Iterator<Item = f64>) -> Result<()> {
        let mut codes = self.columns.iter().zip(row).enumerate();
        match codes.find(|(_, (column, x))| column.code(*x).is_none()) {
            Some((index, (column, x))) => {
                let found = format!("{x} in input {}", index + 1);
                let expected = format!("codes: whole numbers from 0 to {}", column.levels - 1);
                let error = Error::invalid("layer 1 (embedding)", found, expected);
                Err(error.remedy("give columns of codes first, or leave out the layer"))
            }
            None => Ok(()),
        }
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

impl<T: LayerScalar> Layer<T> for Embedding {
    fn plan(&self, _: Isa) -> LayerPlan {
        vectors::plan(&self.segments(), 0)
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        self.columns[segment].start + index
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let rows = x.chunks_exact(stride(self.inputs));
        let rows = rows.zip(y.chunks_exact_mut(stride(self.output().size())));
        for (x, y) in rows.take(block.rows) {
            for (column, x) in self.columns.iter().zip(x) {
                let vector = &weights.parameters[column.start + column.vector(*x)..];
                y[column.output..][..column.width].copy_from_slice(&vector[..column.width]);
            }
            let numbers = &x[self.columns.len()..self.inputs];
            y[self.width()..][..numbers.len()].copy_from_slice(numbers);
        }
    }

    fn backward(
        &self,
        _: Block,
        _: Weights<T>,
        _: Trace<T>,
        _: &mut [T],
        _: &mut [T],
        _: Option<&mut [T]>,
    ) {
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
        let column = &self.columns[tile.segment];
        let range = tile.column..tile.column + tile.columns;
        let rows = trace.x.chunks_exact(stride(self.inputs));
        let rows = rows.zip(dy.chunks_exact(stride(self.output().size())));
        for (x, dy) in rows.take(batch.rows) {
            let start = column.vector(x[tile.segment]);
            let dy = &dy[column.output..][..column.width];
            // The part of the vector in this tile.
            let own = start.max(range.start)..(start + column.width).min(range.end);
            for place in own {
                gradient[place - range.start] += dy[place - start];
            }
        }
    }
}

/// ẏ is the vector of Ė; numbers and codes are given, so that ẋ = 0.
impl Tangent for Embedding {
    fn forward(&self, site: Site, y_dot: &mut [f64], _: [&mut [f64]; 2]) {
        let x = site.trace.x;
        Layer::<f64>::forward(self, site.block, site.direction, x, y_dot, &mut []);
        for row in y_dot.chunks_exact_mut(stride(self.output().size())) {
            row[self.width()..].fill(0.0);
        }
    }

    fn backward(&self, _: Site, _: [&mut [f64]; 2], _: [&mut [f64]; 2], _: &mut [f64]) {}

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        _: [&[f64]; 2],
        [_, dy_dot]: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        let Site { block, trace, .. } = site;
        Layer::<f64>::gradient(self, block, tile, &[], trace, &[], dy_dot, gradient);
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "embedding",
        summary: "A learned vector for each category of columns of codes; the first layer",
        equation: "y = (E₁[x₁], E₂[x₂], …, numbers)",
        source: "Guo & Berkhahn 2016",
        parameters: &[
            Parameter {
                name: "levels",
                summary: "for each column of codes, how many there are, from 0 on; these inputs come first; a network file may leave it to the data",
                default: Default::Required,
                domain: Domain::Integers(1, MOST_LEVELS as i64),
            },
            Parameter {
                name: "widths",
                summary: "lengths of the columns' vectors; auto: min(600, round(1.6·levels^0.56))",
                default: Default::Text(AUTO),
                domain: Domain::IntegersOrAuto(1, 1 << 16),
            },
        ],
    },
    build: Embedding::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "embedding", "levels": [5, 4], "widths": [3, 2]}, {"name": "dense", "units": 4, "activation": "tanh"}]"#).first(),
];

#[cfg(test)]
mod tests {
    use super::usual_width;

    #[test]
    fn widths_are_those_of_the_rule() {
        // fastai's `emb_sz_rule`, worked out by hand: 1.6·2^0.56 = 2.36, 1.6·42^0.56 = 12.98, ….
        let widths = [1, 2, 10, 42, 1_000, 100_000].map(usual_width);
        assert_eq!(widths, [2, 2, 6, 13, 77, 600]);
    }
}
