//! How each column was read, and its values as they were before they became inputs.

use serde::Serialize;
use thalweg_core::dataset::FeaturesRef;
use thalweg_data::preprocess::{InputColumn, Numeric};
use thalweg_data::{Encoding, Preprocessing};

use super::judged::feature;
use crate::text::{count, figure};

/// Names and texts of the user's data are cut to this many characters.
pub(super) const LONGEST: usize = 80;
/// Categories that are named.
const NAMED: usize = 6;

/// A column of the file, and what becomes of it.
#[derive(Debug, Clone, Serialize)]
pub struct ReadColumn {
    /// Its name.
    pub name: String,
    /// `numeric`, `categorical`, …, `target`, `weight` or `left out`.
    pub kind: &'static str,
    /// Inputs of the network that it makes.
    pub inputs: usize,
    /// How: the scaling, the categories.
    pub how: String,
}

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Number(f64),
    Level(&'a str),
    Other,
    Missing,
}

/// A column, or a place of a matrix, with its first network input.
pub(super) struct Place<'a> {
    pub name: String,
    first: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Number(&'a Numeric),
    Truth(&'a Numeric),
    OneHot(&'a [String]),
    Codes(&'a [String]),
}

/// Every column of the file.
pub(super) fn read_columns(preprocessing: &Preprocessing) -> Vec<ReadColumn> {
    let inputs = preprocessing.inputs.iter().map(|input| ReadColumn {
        name: shortened(&input.name),
        kind: kind(&input.encoding),
        inputs: input.encoding.width(),
        how: how(&input.encoding),
    });
    let other = |name: &String, kind, how: &str| ReadColumn {
        name: shortened(name),
        kind,
        inputs: 0,
        how: how.to_owned(),
    };
    let classes = preprocessing.classes();
    let target = match classes {
        [] => preprocessing.task().to_string(),
        _ => format!(
            "{}: {}",
            count(classes.len(), "class").replace("classs", "classes"),
            list(classes)
        ),
    };
    let targets = (preprocessing.target.columns.iter()).map(|name| other(name, "target", &target));
    let weight = (preprocessing.sample_weight.iter())
        .map(|name| other(name, "weight", "how much a row counts"));
    let dropped = (preprocessing.dropped.iter()).map(|name| other(name, "left out", ""));
    targets.chain(inputs).chain(weight).chain(dropped).collect()
}

fn kind(encoding: &Encoding) -> &'static str {
    match encoding {
        Encoding::Numeric(_) => "numeric",
        Encoding::Boolean(_) => "boolean",
        Encoding::Categorical { .. } => "categorical",
        Encoding::Codes { .. } => "embedding",
        Encoding::Date(_) => "date",
        Encoding::Image { .. } => "image",
        Encoding::Matrix { .. } => "matrix",
        Encoding::Sparse { .. } => "sparse",
    }
}

fn how(encoding: &Encoding) -> String {
    let shape = |shape: &[usize]| {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        sizes.join("×")
    };
    match encoding {
        Encoding::Numeric(numeric) => scaling(numeric),
        Encoding::Boolean(numeric) => match numeric.indicator {
            true => "true 1, false 0; missing: an input of its own".to_owned(),
            false => "true 1, false 0".to_owned(),
        },
        Encoding::Categorical { levels } => format!("one input each: {}", list(levels)),
        Encoding::Codes { levels } => {
            format!("{} codes: {}", levels.len() + 1, list(levels))
        }
        Encoding::Date(parts) => {
            let circles = [
                (parts.week, "weekday"),
                (parts.year, "year"),
                (parts.day, "hour"),
            ];
            let used = circles.iter().filter(|(used, _)| *used);
            let names: Vec<&str> = used.map(|(_, name)| *name).collect();
            match names.as_slice() {
                [] => format!("days {}", scaling(&parts.days)),
                names => format!(
                    "days {}; circles of {}",
                    scaling(&parts.days),
                    names.join(", ")
                ),
            }
        }
        Encoding::Image {
            shape: of,
            scale,
            offset,
        } => match (scale, offset) {
            (1.0, 0.0) => shape(of),
            _ => {
                let sign = if *offset < 0.0 { "−" } else { "+" };
                let offset = figure(offset.abs());
                format!("{}, × {} {sign} {offset}", shape(of), figure(*scale))
            }
        },
        Encoding::Sparse {
            width,
            hashed,
            scales,
            ..
        } => format!(
            "{width} columns{}, {}",
            if *hashed {
                ", indices hashed into them"
            } else {
                ""
            },
            match scales.is_empty() {
                true => "as they are",
                false => "each ÷ its largest absolute value",
            }
        ),
        Encoding::Matrix { places } => {
            let used = places.iter().flatten().count();
            format!(
                "{} of {} places, each scaled as a column",
                used,
                places.len()
            )
        }
    }
}

fn scaling(numeric: &Numeric) -> String {
    let mut text = match (numeric.center, numeric.scale) {
        (0.0, 1.0) => "as it is".to_owned(),
        (center, scale) => {
            let sign = if center < 0.0 { "+" } else { "−" };
            format!(
                "(x {sign} {}) ÷ {}",
                figure(center.abs()),
                figure(1.0 / scale)
            )
        }
    };
    if numeric.clip {
        text.push_str(", outliers compressed to ±3");
    }
    if numeric.indicator {
        text.push_str(&format!(
            "; missing: {} and an input of its own",
            figure(numeric.fill)
        ));
    }
    text
}

fn list(levels: &[String]) -> String {
    let named: Vec<String> = levels
        .iter()
        .take(NAMED)
        .map(|level| shortened(level))
        .collect();
    let more = levels.len().saturating_sub(NAMED);
    match more {
        0 => named.join(", "),
        _ => format!("{}, and {more} more", named.join(", ")),
    }
}

/// A text of the user's data on one line and of bounded length.
pub(super) fn shortened(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// The columns whose values can be told from the network's inputs: all but images.
pub(super) fn places(preprocessing: &Preprocessing) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut first = 0;
    for InputColumn { name, encoding } in &preprocessing.inputs {
        let mut add = |name: String, first, kind| places.push(Place { name, first, kind });
        match encoding {
            Encoding::Numeric(numeric) => add(shortened(name), first, Kind::Number(numeric)),
            Encoding::Boolean(numeric) => add(shortened(name), first, Kind::Truth(numeric)),
            Encoding::Categorical { levels } => add(shortened(name), first, Kind::OneHot(levels)),
            Encoding::Codes { levels } => add(shortened(name), first, Kind::Codes(levels)),
            Encoding::Matrix { places: parts } => {
                let mut next = first;
                for (index, numeric) in parts.iter().enumerate() {
                    if let Some(numeric) = numeric {
                        add(
                            format!("{}[{index}]", shortened(name)),
                            next,
                            Kind::Number(numeric),
                        );
                        next += numeric.width();
                    }
                }
            }
            Encoding::Date(parts) => {
                add(
                    format!("{} (days)", shortened(name)),
                    first,
                    Kind::Number(&parts.days),
                );
            }
            Encoding::Image { .. } | Encoding::Sparse { .. } => {}
        }
        first += encoding.width();
    }
    places
}

impl<'a> Place<'a> {
    /// The network's inputs that hold it.
    pub fn inputs(&self) -> std::ops::Range<usize> {
        let width = match self.kind {
            Kind::Number(numeric) | Kind::Truth(numeric) => numeric.width(),
            Kind::OneHot(levels) => levels.len() + 1,
            Kind::Codes(_) => 1,
        };
        self.first..self.first + width
    }

    /// The value of a row.
    pub fn cell(&self, features: FeaturesRef, row: usize) -> Cell<'a> {
        let input = |offset| feature(features, row, self.first + offset);
        match self.kind {
            Kind::Number(numeric) | Kind::Truth(numeric)
                if numeric.indicator && input(1) == 1.0 =>
            {
                Cell::Missing
            }
            Kind::Number(numeric) => Cell::Number(before_scaling(numeric, input(0))),
            Kind::Truth(numeric) => match before_scaling(numeric, input(0)) >= 0.5 {
                true => Cell::Level("true"),
                false => Cell::Level("false"),
            },
            Kind::OneHot(levels) => {
                let found = (0..levels.len()).find(|&level| input(level) == 1.0);
                found.map_or(Cell::Other, |level| Cell::Level(&levels[level]))
            }
            Kind::Codes(levels) => match input(0) {
                code if code >= 1.0 => {
                    (levels.get(code as usize - 1)).map_or(Cell::Other, |level| Cell::Level(level))
                }
                _ => Cell::Other,
            },
        }
    }
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Number(x) => write!(f, "{}", rounded(*x)),
            Cell::Level(text) => write!(f, "{}", shortened(text)),
            Cell::Other => write!(f, "(other)"),
            Cell::Missing => write!(f, "(missing)"),
        }
    }
}

/// The input of [`Numeric::apply`] that gave `z`, to the precision of the network's inputs.
fn before_scaling(numeric: &Numeric, mut z: f64) -> f64 {
    if numeric.clip {
        let share = (z / 3.0).powi(2);
        z /= (1.0 - share).max(1e-12).sqrt();
    }
    if numeric.scale == 0.0 {
        return numeric.center;
    }
    let x = z / numeric.scale + numeric.center;
    // Beside the column's own size nothing finer is left.
    let size = numeric.center.abs().max(1.0 / numeric.scale.abs());
    let steps = 10f64.powf(5.0 - size.log10().floor());
    match (x * steps).round() / steps {
        rounded if rounded.is_finite() => rounded,
        _ => x,
    }
}

/// Six significant digits, without zeros at the end: what single precision keeps of a value.
fn rounded(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    match rounded.abs() {
        0.0 => "0".to_owned(),
        size if (1e-5..1e15).contains(&size) => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}
