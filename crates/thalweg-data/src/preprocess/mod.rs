//! Raw columns to network inputs: fitted on training rows, stored in the model file, applied to any
//! table.

mod bind;
mod bound;
mod category;
mod column;
mod curve;
mod date;
mod dense;
mod difference;
mod element;
mod extend;
mod fit;
mod identifier;
mod left_out;
mod numeric;
mod options;
mod ranks;
mod regroup;
mod sorted;
mod sparse;
mod target;
mod target_scaling;
mod unseen;

use serde::{Deserialize, Serialize};

pub use bound::Bound;
pub use category::notes_on_categories;
pub use curve::Curve;
pub use date::DateParts;
pub use element::Element;
pub use extend::Extend;
pub use fit::Blocks;
pub(crate) use identifier::identifier_note;
pub(crate) use numeric::NumericFit;
pub use numeric::{Numeric, Scaling};
pub use options::{Balanced, ClassWeight, FitOptions, TargetTransform};
pub(crate) use sorted::between;
pub use sorted::quantile_edges;
pub use target_scaling::TargetScaling;
pub use thalweg_core::precision::Dtype;
pub use unseen::Unseen;

use crate::error::{Error, Location, Result};
use crate::options::{ExpectedColumns, ReadOptions};
use crate::reading::{ReadAs, Reading, Readings};
use crate::target::{Target, Task};

/// Everything between raw columns and the network, as fitted on the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// All columns of the training file, in its order.
    pub columns: Vec<String>,
    /// The columns that are inputs, in the order of the inputs.
    pub inputs: Vec<InputColumn>,
    /// How columns were read that are more than plain numbers or plain text.
    #[serde(default, skip_serializing_if = "Readings::is_empty")]
    pub readings: Readings,
    /// Columns that are not: constant, empty, identifiers, or dropped by the user.
    pub dropped: Vec<String>,
    /// What is predicted.
    pub target: Target,
    /// What each regression target becomes for the network.
    pub target_scaling: Vec<TargetScaling>,
    /// The column of row weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_weight: Option<String>,
    /// Weight of each class while training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
}

/// A raw column and how it becomes network inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputColumn {
    /// Name of the raw column.
    pub name: String,
    /// How it becomes inputs.
    #[serde(flatten)]
    pub encoding: Encoding,
}

/// How a raw column becomes network inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Encoding {
    /// A number.
    Numeric(Numeric),
    /// true/yes as 1, false/no as 0, unscaled.
    Boolean(Numeric),
    /// One input for each category of the training rows, and one for all others and for missing
    /// ones.
    Categorical {
        /// The categories, sorted.
        levels: Vec<String>,
    },
    /// One input, the code of the category, for an embedding: 0 for all others and for missing
    /// ones, 1 for the first of `levels`, and so on. Columns of codes come before all others.
    Codes {
        /// The categories, sorted.
        levels: Vec<String>,
    },
    /// A point in time: days, and circles for what comes back.
    Date(DateParts),
    /// Pixels or any tensor: every value times `scale` plus `offset`.
    Image {
        /// Shape of one row.
        shape: Vec<usize>,
        /// Multiplies a value.
        scale: f64,
        /// Is added after that.
        offset: f64,
    },
    /// Rows of a matrix: each column is scaled as a numeric column of its own; `None` where it was
    /// constant.
    Matrix {
        /// One for each value of a raw row.
        places: Vec<Option<Numeric>>,
    },
    /// Sparse rows: an input for each column, which is not centered, so that what is 0 stays 0.
    Sparse {
        /// Columns.
        width: usize,
        /// Whether they are indices that were hashed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hashed: bool,
        /// What multiplies each column, as 1 over its largest absolute value; empty: nothing does.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        scales: Vec<f64>,
        /// The first column that has a value in some training row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<usize>,
    },
}

impl Encoding {
    /// Whether it is one of several values a row.
    fn is_of_blocks(&self) -> bool {
        use Encoding::{Image, Matrix, Sparse};
        matches!(self, Image { .. } | Matrix { .. } | Sparse { .. })
    }

    /// Number of network inputs.
    pub fn width(&self) -> usize {
        match self {
            Encoding::Numeric(numeric) | Encoding::Boolean(numeric) => numeric.width(),
            Encoding::Categorical { levels } => levels.len() + 1,
            Encoding::Codes { .. } => 1,
            Encoding::Date(parts) => parts.width(),
            Encoding::Image { shape, .. } => shape
                .iter()
                .fold(1usize, |width, &n| width.saturating_mul(n)),
            Encoding::Matrix { places } => places.iter().flatten().map(Numeric::width).sum(),
            Encoding::Sparse { width, .. } => *width,
        }
    }
}

impl Preprocessing {
    /// Number of network inputs.
    pub fn input_width(&self) -> usize {
        self.inputs.iter().map(|input| input.encoding.width()).sum()
    }

    /// Whether sparse rows are all that goes in.
    pub fn is_sparse(&self) -> bool {
        matches!(&self.inputs[..], [input] if matches!(input.encoding, Encoding::Sparse { .. }))
    }

    /// The columns of codes, which are the network's first inputs, each with the number of its
    /// codes.
    pub fn codes(&self) -> Vec<(&str, usize)> {
        let codes = |input: &InputColumn| match &input.encoding {
            Encoding::Codes { levels } => Some(levels.len() + 1),
            _ => None,
        };
        let inputs = self.inputs.iter();
        inputs
            .filter_map(|input| Some((input.name.as_str(), codes(input)?)))
            .collect()
    }

    /// The network inputs, counted from 0, that are amounts: numbers and days, and the values of
    /// rows that are taken as they are; no categories, no marks of what is missing, no pixels.
    pub fn quantities(&self) -> Vec<usize> {
        let mut quantities = Vec::new();
        let mut first = 0;
        for input in &self.inputs {
            match &input.encoding {
                Encoding::Numeric(_) | Encoding::Date(_) => quantities.push(first),
                Encoding::Image { shape, .. } if shape.len() == 1 => {
                    quantities.extend(first..first + shape[0]);
                }
                Encoding::Matrix { places } => {
                    let mut place = first;
                    for numeric in places.iter().flatten() {
                        quantities.push(place);
                        place += numeric.width();
                    }
                }
                _ => {}
            }
            first += input.encoding.width();
        }
        quantities
    }

    /// Shape of the network's input: that of the images where the data are images, else
    /// `[input_width]`.
    pub fn input_shape(&self) -> Vec<usize> {
        match self.inputs.as_slice() {
            [
                InputColumn {
                    encoding: Encoding::Image { shape, .. },
                    ..
                },
            ] => shape.clone(),
            _ => vec![self.input_width()],
        }
    }

    /// Channels, lines and pixels of the network's input where the data are images: rows of two
    /// dimensions have one channel, and the first of three counts channels.
    ///
    /// # Errors
    /// If the first of three dimensions cannot be that of channels, because the last one looks like
    /// that of channels.
    pub fn image(&self) -> Result<Option<[usize; 3]>> {
        /// Gray, with transparency, colours, with transparency.
        const CHANNELS: usize = 4;
        match *self.input_shape().as_slice() {
            [height, width] => Ok(Some([1, height, width])),
            [first, height, last] if last <= CHANNELS && first > CHANNELS => {
                let found = format!("images of shape {first}×{height}×{last}");
                let expected = "channels first: rows × channels × lines × pixels";
                Err(Error::invalid(Location::default(), found, expected)
                    .remedy("transpose the array by numpy.moveaxis(X, -1, 1)"))
            }
            [channels, height, width] => Ok(Some([channels, height, width])),
            _ => Ok(None),
        }
    }

    /// A name for each network input: `age`, `age (missing)`, `sex=Male`, `sex (other)`, `X[3]`.
    pub fn input_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for InputColumn { name, encoding } in &self.inputs {
            let mut numeric = |name: String, numeric: &Numeric| {
                names.push(name.clone());
                if numeric.indicator {
                    names.push(format!("{name} (missing)"));
                }
            };
            match encoding {
                Encoding::Numeric(n) | Encoding::Boolean(n) => numeric(name.clone(), n),
                Encoding::Date(parts) => {
                    numeric(format!("{name} (days)"), &parts.days);
                    names.extend(parts.names().iter().map(|part| format!("{name} ({part})")));
                }
                Encoding::Matrix { places } => {
                    for (j, location) in places.iter().enumerate() {
                        if let Some(location) = location {
                            numeric(format!("{name}[{j}]"), location);
                        }
                    }
                }
                Encoding::Categorical { levels } => {
                    names.extend(levels.iter().map(|level| format!("{name}={level}")));
                    names.push(format!("{name} (other)"));
                }
                Encoding::Codes { .. } => names.push(format!("{name} (code)")),
                Encoding::Image { .. } | Encoding::Sparse { .. } => {
                    names.extend((0..encoding.width()).map(|j| format!("{name}[{j}]")));
                }
            }
        }
        names
    }

    /// Number of network outputs.
    pub fn output_width(&self) -> usize {
        self.target.outputs()
    }

    /// The task.
    pub fn task(&self) -> Task {
        self.target.task
    }

    /// The class texts in the order of their indices; empty for other tasks.
    pub fn classes(&self) -> &[String] {
        &self.target.classes
    }

    /// The text of a class.
    pub fn class(&self, index: usize) -> Option<&str> {
        self.target.classes.get(index).map(String::as_str)
    }

    /// A regression output in the units of the file.
    pub fn in_user_units(&self, output: usize, value: f64) -> f64 {
        match self.target_scaling.get(output / self.target.each()) {
            Some(scaling) => scaling.invert(value),
            None => value,
        }
    }

    /// What is predicted for a regression output, in the units of the file.
    pub fn predicted(&self, output: usize, value: f64) -> f64 {
        match self.target_scaling.get(output / self.target.each()) {
            Some(scaling) => scaling.predict(value),
            None => value,
        }
    }

    /// Options to read a file for `predict` or `evaluate`: as `options`, with the training file's
    /// columns, so that a file without header gets the right names, and each column read as there.
    #[must_use]
    pub fn read_options(&self, mut options: ReadOptions) -> ReadOptions {
        let is_text = |input: &&InputColumn| {
            let encoding = &input.encoding;
            matches!(
                encoding,
                Encoding::Categorical { .. } | Encoding::Codes { .. }
            )
        };
        let texts = self.inputs.iter().filter(is_text).map(|input| &input.name);
        let classes = match self.target.classes.is_empty() {
            true => &[],
            false => self.target.columns.as_slice(),
        };
        let text = |name: &String| (name.clone(), Reading::of(ReadAs::Text, ""));
        options.columns = (texts.chain(classes).map(text))
            .chain(self.readings.clone())
            .chain(options.columns)
            .collect();
        options.expected = Some(ExpectedColumns {
            names: self.columns.clone(),
            optional: self.target.columns.clone(),
            image: match self.inputs.as_slice() {
                [
                    InputColumn {
                        encoding: Encoding::Image { shape, .. },
                        ..
                    },
                ] => Some(shape.clone()),
                _ => None,
            },
            has_first: matches!(
                self.inputs.as_slice(),
                [InputColumn {
                    encoding: Encoding::Sparse {
                        first: Some(0),
                        hashed: false,
                        ..
                    },
                    ..
                }]
            ),
            sparse: match self.inputs.as_slice() {
                [
                    InputColumn {
                        encoding: Encoding::Sparse { width, hashed, .. },
                        ..
                    },
                ] => {
                    options.hash_columns = hashed.then_some(*width);
                    Some(*width)
                }
                _ => None,
            },
            is_of_part: false,
        });
        options
    }
}
