//! Fitting: the whole preprocessing from the training rows alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::Targets;

use super::column::{LeftOut, encoding};
use super::numeric::mean_and_deviation;
use super::{Encoding, InputColumn, Preprocessing, Scaling, TargetScaling};
use crate::error::{Error, Note, Result, did_you_mean, quote, quote_list};
use crate::odd;
use crate::table::{Table, number_text};
use crate::target::{Target, Task};

/// How to fit; every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// Whether regression targets are standardized inside the model.
    pub standardize_target: bool,
    /// A column has at most this many inputs for its categories; the rarest share one.
    pub max_categories: usize,
    /// A column with more categories than this that come in `embed_least` rows becomes codes for an embedding, one for
    /// each of them, and inputs otherwise. Without it, no column becomes codes: a network has to be made for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed_above: Option<usize>,
    /// Training rows that a category needs for a code of its own; with fewer it is unknown.
    pub embed_least: usize,
    /// Columns that the network must not see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// The column of row weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_weight: Option<String>,
    /// Weights of the classes while training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weight: Option<ClassWeight>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            scaling: Scaling::default(),
            standardize_target: true,
            max_categories: 100,
            embed_above: None,
            embed_least: 2,
            drop: Vec::new(),
            sample_weight: None,
            class_weight: None,
        }
    }
}

/// Weights of the classes while training; they multiply row weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// n / (classes · rows of the class), as in scikit-learn.
    Balanced,
}

impl Preprocessing {
    /// Fits to the training rows `rows` of `table`.
    ///
    /// Constant and empty columns, identifiers, and the columns to drop are left out; notes say which.
    ///
    /// # Errors
    /// When no column is left, a column to drop or of weights does not exist, a number is infinite, a
    /// weight is negative or not finite, or the deviation of a target has no f64.
    pub fn fit(
        table: &Table,
        target: Target,
        options: &FitOptions,
        rows: &[usize],
    ) -> Result<(Self, Vec<Note>)> {
        if rows.is_empty() {
            return Err(Error::invalid(
                table.location(),
                "no training rows",
                "at least one",
            ));
        }
        let sample_weight = options
            .sample_weight
            .clone()
            .or(table.roles.weights.clone());
        for name in options.drop.iter().chain(&sample_weight) {
            if table.column(name).is_none() {
                let found = format!("no column {}", quote(name));
                let expected = format!("one of {}", quote_list(table.names()));
                return Err(Error::invalid(table.location(), found, expected)
                    .remedy(did_you_mean(name, table.names())));
            }
        }
        if let Some(name) = &sample_weight
            && target.columns.contains(name)
        {
            let found = "the target as the column of weights";
            return Err(Error::invalid(
                table.location().column(name),
                found,
                "another column",
            ));
        }
        let mut preprocessing = Self {
            columns: table.names().map(str::to_owned).collect(),
            inputs: Vec::new(),
            dropped: options.drop.clone(),
            target_scaling: Vec::new(),
            class_weights: None,
            target,
            sample_weight,
        };
        let mut notes = Vec::new();
        let mut left_out: BTreeMap<LeftOut, Vec<&str>> = BTreeMap::new();
        for column in &table.columns {
            let name = &column.name;
            if preprocessing.is_no_feature(name) {
                continue;
            }
            notes.extend(odd::warning(table, column));
            match encoding(table, column, options, rows, &mut notes)? {
                Ok(encoding) => preprocessing.inputs.push(InputColumn {
                    name: name.clone(),
                    encoding,
                }),
                Err(why) => {
                    left_out.entry(why).or_default().push(name);
                    preprocessing.dropped.push(name.clone());
                }
            }
        }
        let is_code = |input: &InputColumn| matches!(input.encoding, Encoding::Codes { .. });
        preprocessing.inputs.sort_by_key(|input| !is_code(input));
        let with_indicator = |input: &&InputColumn| match &input.encoding {
            Encoding::Numeric(numeric) | Encoding::Boolean(numeric) => numeric.indicator,
            Encoding::Matrix { places } => {
                places.iter().flatten().any(|location| location.indicator)
            }
            _ => false,
        };
        let filled: Vec<&str> = (preprocessing.inputs.iter().filter(with_indicator))
            .map(|input| input.name.as_str())
            .collect();
        if !filled.is_empty() {
            let names = quote_list(filled);
            notes.push(Note::info(format!(
                "missing values become the median, and an input says so: {names}"
            )));
        }
        for (why, names) in &left_out {
            let columns = if names.len() == 1 {
                "column"
            } else {
                "columns"
            };
            let text = format!(
                "left out: {columns} {}: {why}",
                quote_list(names.iter().copied())
            );
            notes.push(Note::warning(text));
        }
        if preprocessing.inputs.is_empty() {
            return Err(Error::invalid(
                table.location(),
                "no usable feature",
                "at least one column that varies",
            )
            .remedy(remedy_without_features(&left_out)));
        }
        preprocessing.fit_target(table, options, rows, &mut notes)?;
        Ok((preprocessing, notes))
    }

    /// Whether a raw column is target, weight or dropped.
    pub(super) fn is_no_feature(&self, name: &str) -> bool {
        self.target
            .columns
            .iter()
            .chain(&self.dropped)
            .chain(&self.sample_weight)
            .any(|n| n == name)
    }

    fn fit_target(
        &mut self,
        table: &Table,
        options: &FitOptions,
        rows: &[usize],
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        match self.target.encode(table, rows)? {
            Targets::Values { width, values } if self.target.task == Task::Regression => {
                for (j, name) in self.target.columns.iter().enumerate() {
                    let column: Vec<f64> = values.iter().skip(j).step_by(width).copied().collect();
                    let (mean, deviation) = mean_and_deviation(&column);
                    let constant = column.iter().all(|x| Some(x) == column.first());
                    if constant {
                        let text =
                            format!("target {} is the same in all training rows", quote(name));
                        notes.push(Note::warning(text));
                    } else if options.standardize_target {
                        check_scalable(table, name, &column, deviation)?;
                    }
                    self.target_scaling
                        .push(match (options.standardize_target, constant) {
                            (false, _) => TargetScaling {
                                mean: 0.0,
                                deviation: 1.0,
                            },
                            (true, true) => TargetScaling {
                                mean,
                                deviation: 1.0,
                            },
                            (true, false) => TargetScaling { mean, deviation },
                        });
                }
            }
            Targets::Values { .. } => {}
            Targets::Classes(classes) => {
                let mut counts = vec![0usize; self.target.classes.len()];
                for class in classes {
                    counts[class as usize] += 1;
                }
                let absent = self
                    .target
                    .classes
                    .iter()
                    .zip(&counts)
                    .filter(|&(_, &n)| n == 0);
                let absent: Vec<&str> = absent.map(|(class, _)| class.as_str()).collect();
                if !absent.is_empty() {
                    let text = format!("no training row of the classes {}", quote_list(absent));
                    notes.push(Note::warning(text));
                }
                if options.class_weight == Some(ClassWeight::Balanced) {
                    let present = counts.iter().filter(|&&n| n > 0).count();
                    let weight = |&n: &usize| match n {
                        0 => 1.0,
                        n => rows.len() as f64 / (present * n) as f64,
                    };
                    self.class_weights = Some(counts.iter().map(weight).collect());
                }
            }
        }
        Ok(())
    }
}

/// Refuses a target whose deviation or range a f64 does not hold.
fn check_scalable(table: &Table, name: &str, values: &[f64], deviation: f64) -> Result<()> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
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
    let expected = format!("a standard deviation of {smallest:.0e} to 1e308");
    Err(
        Error::invalid(table.location().column(name), found, expected)
            .remedy("write the column in another unit"),
    )
}

/// Why there are no features: the first reasons, and what to look at.
fn remedy_without_features(left_out: &BTreeMap<LeftOut, Vec<&str>>) -> String {
    let reason = |(why, names): (&LeftOut, &Vec<&str>)| {
        let more = match names.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let first = names.first().copied().unwrap_or_default();
        format!("{}{more} left out: {why}; ", quote(first))
    };
    let reasons: String = left_out.iter().take(2).map(reason).collect();
    format!("{reasons}check the target and `data.fit.drop`")
}
