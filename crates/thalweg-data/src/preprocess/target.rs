//! Fitting the target: scaling of regression targets, weights of classes.

use thalweg_core::dataset::Targets;

use super::numeric::NumericFit;
use super::options::FitOptions;
use super::{Preprocessing, Scaling, TargetScaling};
use crate::error::{Error, Note, Result, quote, quote_list};
use crate::part::Part;
use crate::table::{Table, number_text};
use crate::target::{Target, Task};

/// Takes the statistics of targets block by block.
#[derive(Debug)]
pub(super) struct TargetFit {
    rows: usize,
    /// One for each regression target.
    values: Vec<NumericFit>,
    /// Rows of each class, and Σ w of these.
    classes: Vec<(usize, f64)>,
}

impl TargetFit {
    pub fn new(target: &Target) -> Self {
        let regressed = match target.task {
            Task::Regression => target.columns.len(),
            _ => 0,
        };
        Self {
            rows: 0,
            values: (0..regressed)
                .map(|_| NumericFit::new(Scaling::Standard))
                .collect(),
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
                    let values = values.iter().skip(j).step_by(*width).copied();
                    fit.add_weighted(values, weights);
                }
            }
        }
        Ok(())
    }

    /// Ends a pass over all blocks; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        (self.values.iter_mut()).fold(false, |more, fit| fit.end_pass() | more)
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
        for (fit, name) in self.values.iter().zip(&preprocessing.target.columns) {
            let (mean, deviation) = fit.mean_and_deviation();
            let constant = fit.is_constant();
            if constant {
                let name = quote(name);
                let text = format!("target {name} is the same in all training rows");
                notes.push(Note::warning(text));
            } else if options.standardize_target {
                check_scalable(table, name, fit, deviation)?;
            }
            let (mean, deviation) = match (options.standardize_target, constant) {
                (false, _) => (0.0, 1.0),
                (true, true) => (mean, 1.0),
                (true, false) => (mean, deviation),
            };
            preprocessing
                .target_scaling
                .push(TargetScaling { mean, deviation });
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

/// Refuses a target whose deviation or range a f64 does not hold.
fn check_scalable(table: &Table, name: &str, fit: &NumericFit, deviation: f64) -> Result<()> {
    // The square of a smaller deviation has lost its digits.
    let smallest = f64::MIN_POSITIVE.sqrt();
    if deviation >= smallest && deviation.is_finite() && (fit.most - fit.least).is_finite() {
        return Ok(());
    }
    let found = format!(
        "values from {} to {}, values that differ too little (or are too large) to be scaled",
        number_text(fit.least),
        number_text(fit.most)
    );
    let expected = format!("a standard deviation of {smallest:.0e} to 1e308");
    let location = table.location().column(name);
    Err(Error::invalid(location, found, expected).remedy("write the column in another unit"))
}
