//! Embedding: each input is the code of a category, a whole number from 0 to levels − 1, and becomes the vector
//! that its column's table has for it: y\[c·width + k\] = E\[c, x\[c\], k\]. dE adds up dy over the rows with that code.
//!
//! Source: Guo & Berkhahn 2016 (entity embeddings of categorical variables). Inputs after the first `columns`
//! are numbers and pass as they are. Codes cannot be differentiated, so the layer stands first. Datasets with
//! other values in a column of codes are refused; where a row is predicted, a code that does not exist counts as
//! code 0, which preprocessing may keep for what is unknown.

use super::{
    Block, Geometry, Layer, Part, Place, Plan, Segment, Shape, Tile, Trace, Weights, stride,
    vectors,
};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};

/// See the module's text.
struct Embedding {
    inputs: usize,
    columns: usize,
    levels: usize,
    width: usize,
}

impl Embedding {
    fn build(arguments: &Arguments, place: &Place) -> Result<Part> {
        let refuse =
            |found: String, expected: &str| Err(Error::invalid("layer embedding", found, expected));
        let inputs = place.input.size();
        if place.index > 0 || !place.input.is_flat() {
            return refuse(
                "it behind another layer or on an image".into(),
                "it as the first layer, on a list of codes",
            );
        }
        let columns = match arguments.integer("columns") {
            0 => inputs,
            columns => columns,
        };
        if columns > inputs {
            return refuse(
                format!("columns = {columns}"),
                &format!("at most the {inputs} inputs"),
            );
        }
        Ok(Part::layer(Embedding {
            inputs,
            columns,
            levels: arguments.integer("levels"),
            width: arguments.integer("width"),
        }))
    }

    /// The code that `x` is.
    fn code(&self, x: f64) -> Option<usize> {
        let is_code = x >= 0.0 && x < self.levels as f64 && x.fract() == 0.0;
        is_code.then_some(x as usize)
    }

    /// Where the vector for an input of a column begins in the tables.
    fn vector<T: Precision>(&self, column: usize, x: T) -> usize {
        let code = self.code(x.to_f64()).unwrap_or(0);
        (column * self.levels + code) * self.width
    }
}

impl Geometry for Embedding {
    fn output(&self) -> Shape {
        Shape::flat(self.columns * self.width + self.inputs - self.columns)
    }

    fn segments(&self) -> Vec<Segment> {
        vec![Segment {
            name: "weight",
            shape: vec![self.columns, self.levels, self.width],
            decays: true,
        }]
    }

    fn initialize(&self, _: usize, random: &mut Sequence) -> Vec<f64> {
        (0..self.columns * self.levels * self.width)
            .map(|_| random.normal())
            .collect()
    }

    fn cost(&self) -> usize {
        self.output().size()
    }

    fn takes_codes(&self) -> bool {
        true
    }

    fn check_input(&self, row: &mut dyn Iterator<Item = f64>) -> Result<()> {
        match row
            .take(self.columns)
            .enumerate()
            .find(|(_, x)| self.code(*x).is_none())
        {
            Some((column, x)) => {
                let found = format!("{x} in input {}", column + 1);
                let expected = format!("codes: whole numbers from 0 to {}", self.levels - 1);
                let error = Error::invalid("layer 1 (embedding)", found, expected);
                Err(error.remedy("leave codes as they are, by --no-standardize, or raise `levels`"))
            }
            None => Ok(()),
        }
    }
}

impl<T: Precision> Layer<T> for Embedding {
    fn plan(&self, _: Isa) -> Plan {
        vectors::plan(&self.segments(), 0)
    }

    fn locate(&self, _: Isa, _: usize, index: usize) -> usize {
        index
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let rows = x.chunks_exact(stride(self.inputs));
        let rows = rows.zip(y.chunks_exact_mut(stride(self.output().size())));
        for (x, y) in rows.take(block.rows) {
            for (column, y) in y
                .chunks_exact_mut(self.width)
                .take(self.columns)
                .enumerate()
            {
                let start = self.vector(column, x[column]);
                y.copy_from_slice(&weights.parameters[start..][..self.width]);
            }
            let numbers = &x[self.columns..self.inputs];
            y[self.columns * self.width..][..numbers.len()].copy_from_slice(numbers);
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
        let range = tile.column..tile.column + tile.columns;
        let rows = trace.x.chunks_exact(stride(self.inputs));
        let rows = rows.zip(dy.chunks_exact(stride(self.output().size())));
        for (x, dy) in rows.take(batch.rows) {
            for (column, dy) in dy.chunks_exact(self.width).take(self.columns).enumerate() {
                let start = self.vector(column, x[column]);
                for (place, dy) in (start..).zip(dy) {
                    if range.contains(&place) {
                        gradient[place - range.start] += *dy;
                    }
                }
            }
        }
    }
}

pub(super) const ENTRY: Entry<Part, Place> = Entry {
    description: Description {
        name: "embedding",
        summary: "A learned vector for each category of columns of codes; the first layer",
        equation: "y[c·width + k] = E[c, x[c], k]",
        source: "Guo & Berkhahn 2016",
        parameters: &[
            Parameter {
                name: "levels",
                summary: "codes that a column may have, 0 to levels − 1",
                default: Default::Required,
                domain: Domain::Integer(1, 1 << 24),
            },
            Parameter {
                name: "width",
                summary: "length of a vector",
                default: Default::Required,
                domain: Domain::Integer(1, 1 << 16),
            },
            Parameter {
                name: "columns",
                summary: "the first so many inputs are codes; 0: all",
                default: Default::Integer(0),
                domain: Domain::Integer(0, 1 << 24),
            },
        ],
    },
    build: Embedding::build,
};
