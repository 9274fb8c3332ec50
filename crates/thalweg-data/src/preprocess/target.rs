//! Fitting the target: scaling of regression targets, weights of classes.

use thalweg_core::dataset::Targets;

use super::curve::Curve;
use super::numeric::NumericFit;
use super::options::{FitOptions, TargetTransform};
use super::sorted::Sorted;
use super::target_scaling::{TargetScaling, robust};
use super::{Preprocessing, Scaling};
use crate::error::{Error, Location, Note, Result, quote, quote_list};
use crate::part::Part;
use crate::table::{ColumnData, Table, number_text};
use crate::target::{Target, Task};
use crate::text::whole;

/// Takes the statistics of targets block by block.
#[derive(Debug)]
pub(super) struct TargetFit {
    rows: usize,
    /// What takes every target as the options want it transformed; tails are looked at later.
    curve: Curve,
    /// One for each regression target.
    values: Vec<ValueFit>,
    /// Rows of each class, and Σ w of these.
    classes: Vec<(usize, f64)>,
}

/// One regression target.
#[derive(Debug)]
struct ValueFit {
    numbers: NumericFit,
    /// The least and the largest value, and where they are.
    least: (f64, Location),
    most: (f64, Location),
}

impl TargetFit {
    pub fn new(target: &Target, options: &FitOptions) -> Self {
        let regressed = match target.task {
            Task::Regression => target.columns.len(),
            _ => 0,
        };
        // Tails and quartiles need all values.
        let scaling = match options.target_transform {
            None | Some(TargetTransform::None) => Scaling::Standard,
            Some(_) => Scaling::Robust,
        };
        let curve = match options.transform() {
            TargetTransform::Log => Curve::log(0.0),
            TargetTransform::Log1p => Curve::log(1.0),
            _ => Curve::Identity,
        };
        let values = (0..regressed).map(|_| ValueFit {
            numbers: NumericFit::new(scaling),
            least: (f64::INFINITY, Location::default()),
            most: (f64::NEG_INFINITY, Location::default()),
        });
        Self {
            rows: 0,
            curve,
            values: values.collect(),
            classes: vec![(0, 0.0); target.classes.len()],
        }
    }

    /// Adds the targets of a block, with the weights of its rows where they have some.
    pub fn add(
        &mut self,
        target: &Target,
        table: &Table,
        part: &Part<'_>,
        weights: Option<&[f32]>,
    ) -> Result<()> {
        self.rows += part.rows.len();
        match &*part.targets(target, table)? {
            Targets::Classes(classes) => {
                for (i, &class) in classes.iter().enumerate() {
                    let (rows, weight) = &mut self.classes[class as usize];
                    *rows += 1;
                    *weight += weights.map_or(1.0, |weights| f64::from(weights[i]));
                }
            }
            Targets::Values { width, values } => {
                for (j, fit) in self.values.iter_mut().enumerate() {
                    let column = values.iter().skip(j).step_by(*width).copied();
                    for (value, &row) in column.clone().zip(&*part.rows) {
                        if !self.curve.takes(value) {
                            return Err(beyond(&self.curve, table, row, &target.columns[j], value));
                        }
                        let place = || table.cell(row, &target.columns[j]);
                        if value < fit.least.0 {
                            fit.least = (value, place());
                        }
                        if value > fit.most.0 {
                            fit.most = (value, place());
                        }
                    }
                    fit.numbers.add_weighted(column, weights);
                }
            }
        }
        Ok(())
    }

    /// Ends a pass over all blocks; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        (self.values.iter_mut()).fold(false, |more, fit| fit.numbers.end_pass() | more)
    }

    /// Sets the scaling of targets and the weights of classes.
    pub fn finish(
        self,
        preprocessing: &mut Preprocessing,
        table: &Table,
        options: &FitOptions,
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        if self.rows == 0 {
            return Err(Error::invalid(
                table.location(),
                "no training rows",
                "at least one",
            ));
        }
        let several = self.values.len() > 1;
        for (fit, name) in self.values.into_iter().zip(&preprocessing.target.columns) {
            if fit.numbers.present() == 0 {
                let location = table.location().column(name);
                let found = "no value in any training row";
                return Err(Error::invalid(location, found, "values to learn from")
                    .remedy("leave out this target, or split the rows another way"));
            }
            if fit.numbers.is_constant() {
                let out = match several {
                    true => ": it is left out of the mean R² of the targets",
                    false => "",
                };
                let name = quote(name);
                let text = format!("target {name} is the same in all training rows{out}");
                notes.push(Note::warning(text));
            }
            let range = options.clamp.then_some([fit.least.0, fit.most.0]);
            let scaling = fit.scaling(table, name, options, notes)?;
            preprocessing
                .target_scaling
                .push(TargetScaling { range, ..scaling });
        }
        let classes = preprocessing.target.classes.iter().zip(&self.classes);
        let absent = classes.filter(|(_, (rows, _))| *rows == 0);
        let absent: Vec<&str> = absent.map(|(class, _)| class.as_str()).collect();
        if !absent.is_empty() {
            let text = format!("no training row of the classes {}", quote_list(absent));
            notes.push(Note::warning(text));
        }
        let shares = self.classes.iter().map(|(_, weight)| *weight);
        preprocessing.class_weights = match &options.class_weight {
            Some(how) if !self.classes.is_empty() => {
                Some(how.weights(&preprocessing.target.classes, &shares.collect::<Vec<_>>())?)
            }
            _ => None,
        };
        Ok(())
    }
}

impl ValueFit {
    /// The scaling as the options want it.
    fn scaling(
        self,
        table: &Table,
        name: &str,
        options: &FitOptions,
        notes: &mut Vec<Note>,
    ) -> Result<TargetScaling> {
        let Self {
            mut numbers,
            least,
            most,
        } = self;
        let range = [least.0, most.0];
        let (mean, deviation) = numbers.mean_and_deviation();
        let of = |(center, scale), curve| TargetScaling {
            center,
            scale,
            curve,
            range: None,
            smearing: None,
        };
        let transform = options.transform();
        if transform == TargetTransform::None {
            return Ok(TargetScaling::default());
        }
        if numbers.is_constant() {
            return Ok(of((mean, 1.0), Curve::Identity));
        }
        let Some(_) = options.target_transform else {
            check_scalable(table, name, range, deviation)?;
            return Ok(of((mean, deviation), Curve::Identity));
        };
        let mut sorted = numbers.sorted();
        let curve = match transform {
            TargetTransform::Log => Curve::log(0.0),
            TargetTransform::Log1p => Curve::log(1.0),
            TargetTransform::Quantile => Curve::quantiles(&sorted),
            TargetTransform::Auto => Curve::by_tails(&sorted),
            _ => Curve::Identity,
        };
        let mut standard = (mean, deviation);
        if curve != Curve::Identity {
            sorted.change(|y| curve.apply(y));
            standard = sorted.mean_and_deviation();
        }
        let robust = robust(&sorted);
        let by_quartiles = match transform {
            TargetTransform::Standard => false,
            TargetTransform::Robust => true,
            _ => options.is_robust(),
        };
        notes.extend(far_away(name, &sorted, [least, most], &curve, by_quartiles));
        let (center, scale) = robust.filter(|_| by_quartiles).unwrap_or(standard);
        check_scalable(table, name, range, scale)?;
        let bends = by_quartiles && robust.is_some() && !options.robust_loss;
        Ok(of(
            (center, scale),
            match curve {
                Curve::Identity if bends => Curve::Bent { center, scale },
                curve => curve,
            },
        ))
    }
}

/// A note if an extreme of a target lies many quartile ranges from its median, in the units of the
/// curve: `sorted` are all values in these.
fn far_away(
    name: &str,
    sorted: &Sorted,
    extremes: [(f64, Location); 2],
    curve: &Curve,
    is_bounded: bool,
) -> Option<Note> {
    /// Quartile ranges: the largest of a million normal numbers is 4 away, of exponential ones 12.
    const FAR: f64 = 20.0;
    let median = sorted.quantile(0.5);
    let range = sorted.quantile(0.75) - sorted.quantile(0.25);
    let distance = |t: f64| (t - median).abs() / range;
    let (value, location, ranges) = extremes
        .into_iter()
        .map(|(value, location)| (value, location, distance(curve.apply(value))))
        .filter(|(.., ranges)| *ranges > FAR && ranges.is_finite())
        .max_by(|a, b| a.2.total_cmp(&b.2))?;
    let (name, value) = (quote(name), number_text(value));
    let all = match sorted
        .values()
        .iter()
        .filter(|t| distance(**t) > FAR)
        .count()
    {
        1 => String::new(),
        count => format!(", {} values more than {FAR}", whole(count)),
    };
    let found = format!(
        "target {name}: {value} ({location}) lies {ranges:.0} quartile ranges from the median{all}"
    );
    Some(match is_bounded {
        true => Note::info(format!(
            "{found}: they count little, for the target is scaled by its quartiles"
        )),
        false => Note::warning(format!(
            "{found}: such values decide what is learned; correct or remove them, or try \
             `network.loss` huber"
        )),
    })
}

/// The error for a target of which a transform does not exist.
pub(super) fn beyond(curve: &Curve, table: &Table, row: usize, name: &str, value: f64) -> Error {
    let takes_log1p = match table.column(name).map(|column| &column.data) {
        Some(ColumnData::Numeric(numbers)) => numbers.iter().all(|y| Curve::log(1.0).takes(*y)),
        _ => value > -1.0,
    };
    let (transform, least, other) = match curve {
        Curve::Log { shift, .. } if *shift == 1.0 => ("log1p", "-1", "auto"),
        _ if takes_log1p => ("log", "0", "log1p, or auto"),
        _ => ("log", "0", "auto"),
    };
    let expected = format!("a target above {least} for the transform {transform}");
    let remedy = format!("correct the cell, or use `data.fit.target_transform` {other}");
    Error::invalid(table.cell(row, name), number_text(value), expected).remedy(remedy)
}

/// Refuses a target whose deviation or range a f64 does not hold.
fn check_scalable(
    table: &Table,
    name: &str,
    [least, most]: [f64; 2],
    deviation: f64,
) -> Result<()> {
    // The square of a smaller deviation has lost its digits.
    let smallest = f64::MIN_POSITIVE.sqrt();
    if deviation >= smallest && deviation.is_finite() && (most - least).is_finite() {
        return Ok(());
    }
    let found = format!(
        "values from {} to {}, values that differ too little (or are too large) to be scaled",
        number_text(least),
        number_text(most)
    );
    let expected = format!("a deviation of {smallest:.0e} to 1e308");
    let location = table.location().column(name);
    Err(Error::invalid(location, found, expected).remedy("write the column in another unit"))
}
