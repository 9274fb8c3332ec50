//! The inputs of a network by the columns that they come from.

use std::ops::Range;

use thalweg_data::preprocess::{Curve, Numeric};
use thalweg_data::{Encoding, Preprocessing};

/// A column of the file, or one value of a column of several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Its name: `age`, `X[3]`.
    pub name: String,
    /// Its inputs.
    pub inputs: Range<usize>,
    /// What these inputs are.
    pub kind: PlaceKind,
    /// Whether the second input is 1 where the value is missing, and 0 elsewhere.
    pub has_indicator: bool,
    /// What a number goes through before it is scaled, where that is not a line.
    pub curve: Option<Curve>,
}

/// What the inputs of a place are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PlaceKind {
    /// A number, scaled in its first input; missing ones, and the circles of a date in days, may
    /// have more.
    Number(Scale),
    /// An input for each category.
    Categories,
    /// The code of the category, 0 for those that are not known.
    Codes,
}

/// z = (x − center)·scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub center: f64,
    pub scale: f64,
    /// Whether z is bent to z / √(1 + (z/3)²).
    pub bends: bool,
}

impl Scale {
    /// The number that becomes z, as its curve has it.
    fn number(self, z: f64) -> f64 {
        let straight = match self.bends {
            true => z / (1.0 - (z / 3.0).powi(2)).max(1e-12).sqrt(),
            false => z,
        };
        straight / self.scale + self.center
    }
}

/// The places in the order of their inputs.
pub(crate) fn places(preprocessing: &Preprocessing) -> Vec<Place> {
    let mut places = Vec::new();
    let mut next = 0;
    let mut push = |name: String, width: usize, kind: PlaceKind, numeric: Option<&Numeric>| {
        places.push(Place {
            name,
            inputs: next..next + width,
            kind,
            has_indicator: numeric.is_some_and(|numeric| numeric.indicator),
            curve: numeric.and_then(|numeric| numeric.curve.clone()),
        });
        next += width;
    };
    let number = |numeric: &Numeric| {
        PlaceKind::Number(Scale {
            center: numeric.center,
            scale: numeric.scale,
            bends: numeric.clip,
        })
    };
    for input in &preprocessing.inputs {
        let (name, width) = (&input.name, input.encoding.width());
        match &input.encoding {
            Encoding::Numeric(numeric) | Encoding::Boolean(numeric) => {
                push(name.clone(), width, number(numeric), Some(numeric));
            }
            Encoding::Date(parts) => {
                push(name.clone(), width, number(&parts.days), Some(&parts.days));
            }
            Encoding::Categorical { .. } => push(name.clone(), width, PlaceKind::Categories, None),
            Encoding::Codes { .. } => push(name.clone(), width, PlaceKind::Codes, None),
            Encoding::Image { scale, offset, .. } => {
                // z = x·scale + offset.
                let kind = PlaceKind::Number(Scale {
                    center: -offset / scale,
                    scale: *scale,
                    bends: false,
                });
                for j in 0..width {
                    push(format!("{name}[{j}]"), 1, kind, None);
                }
            }
            // Too many to look at one by one, and no row has a value in most of them.
            Encoding::Sparse { .. } => {}
            Encoding::Matrix { places } => {
                for (j, place) in places.iter().enumerate() {
                    if let Some(numeric) = place {
                        let width = 1 + usize::from(numeric.indicator);
                        let name = format!("{name}[{j}]");
                        push(name, width, number(numeric), Some(numeric));
                    }
                }
            }
        }
    }
    places
}

impl Place {
    /// The number of a row of inputs, or a number for each category.
    pub fn value(&self, row: &[f64]) -> f64 {
        let inputs = &row[self.inputs.clone()];
        match self.kind {
            PlaceKind::Number(_) | PlaceKind::Codes => inputs.first().copied().unwrap_or(0.0),
            PlaceKind::Categories => inputs
                .iter()
                .position(|x| *x == 1.0)
                .unwrap_or(inputs.len()) as f64,
        }
    }

    /// The number of the file that becomes z.
    pub fn number(&self, scale: Scale, z: f64) -> f64 {
        let number = scale.number(z);
        self.curve
            .as_ref()
            .map_or(number, |curve| curve.invert(number))
    }

    /// Whether the inputs are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.kind, PlaceKind::Number(_))
    }
}
