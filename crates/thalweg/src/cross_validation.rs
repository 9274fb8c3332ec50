//! Cross-validation: how good a recipe is on rows that it has not seen, with the error of that.
//!
//! Each of k folds is tested on once, by a model that is trained on the others, with preprocessing
//! of its own. Of J = k·r scores, of r times k folds, the mean has the standard error of Nadeau &
//! Bengio, "Inference for the Generalization Error", 2003: √((1/J + n₂/n₁)·s²), with s² the variance
//! of the scores, n₁ the rows that a model is made of and n₂ those that it is tested on: models that
//! share most of their rows are no independent draws.

use serde::Serialize;
use thalweg_core::error::Error;
use thalweg_core::metrics::Decision;
use thalweg_data::{Column, ColumnData, Fold, Note, Table};

use crate::config::Config;
use crate::error::Result;
use crate::job::{Base, Member};
use crate::log::Rows;
use crate::members::{Common, Listen, Trained};
use crate::predictions::{Columns, Predictions};
use crate::preset::Reason;
use crate::request::Request;
use crate::scores::Scores;

pub use crate::members::Event;

/// Trains and tests on folds.
///
/// ```
/// use thalweg::{CrossValidation, Request, train::Flow};
///
/// let mut request = Request::default();
/// request.source("builtin:iris");
/// request.set("training.epochs", 20)?;
/// let result = CrossValidation::new(request, 3).run(&|_| Flow::Continue)?.unwrap();
/// let accuracy = result.estimate("accuracy").unwrap();
/// assert!(accuracy.mean > 0.8 && accuracy.values.len() == 3);
/// # Ok::<(), thalweg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CrossValidation {
    request: Request,
    base: Base,
    folds: usize,
    repeats: usize,
    threads: Option<usize>,
}

/// A fold that was tested on.
#[derive(Debug, Serialize)]
pub struct FoldScores {
    /// Which fold, from 1.
    pub fold: usize,
    /// Which time the rows are dealt, from 1.
    pub repeat: usize,
    /// Rows that trained, watched and tested.
    pub rows: Rows,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights were tested.
    pub best_epoch: Option<usize>,
    /// Why training ended.
    pub stopped_by: String,
    /// Seconds of training.
    pub seconds: f64,
    /// Scores of the model on the rows of the fold.
    pub scores: Scores,
    /// Those of the best constant.
    pub best_constant: Option<Scores>,
    /// Those of a linear model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear_model: Option<Scores>,
}

/// A score over all folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Its name: `loss` or a metric.
    pub name: String,
    /// The mean over the folds where it is defined.
    pub mean: f64,
    /// Its corrected standard error; none of a single fold.
    pub standard_error: Option<f64>,
    /// The score of each fold; none where it is not defined, as the area under the curve of one class.
    pub values: Vec<Option<f64>>,
    /// The mean of the best constant's.
    pub best_constant: Option<f64>,
    /// The mean of a linear model's.
    pub linear_model: Option<f64>,
}

/// What came of it.
#[derive(Debug)]
pub struct CrossValidated {
    /// Every fold, in order.
    pub folds: Vec<FoldScores>,
    /// Every score.
    pub estimates: Vec<Estimate>,
    /// A row for each row that was tested on, in the order of the table: its number, from 1, its fold,
    /// its target, and what the model predicts that did not see it (`TARGET_predicted`, of classes also
    /// the probabilities `TARGET=CLASS`). Of several repeats it is the mean, answered by the likeliest
    /// class.
    pub predictions: Table,
    /// The config of the first fold's model.
    pub config: Config,
    /// Why the preset chose what it chose for it.
    pub reasons: Vec<Reason>,
    /// What should be known of the results.
    pub notes: Vec<Note>,
}

impl CrossValidation {
    /// By so many folds, of what a request asks for.
    pub fn new(request: Request, folds: usize) -> Self {
        Self {
            request,
            base: Base::Preset,
            folds,
            repeats: 1,
            threads: None,
        }
    }

    /// What the request changes.
    #[must_use]
    pub fn base(self, base: Base) -> Self {
        Self { base, ..self }
    }

    /// Deals the rows into folds so many times.
    #[must_use]
    pub fn repeats(self, repeats: usize) -> Self {
        Self { repeats, ..self }
    }

    /// Threads, on which results do not depend; else all of the machine's.
    #[must_use]
    pub fn threads(self, threads: Option<usize>) -> Self {
        Self { threads, ..self }
    }

    /// Trains and tests; none if `listen` stopped it.
    ///
    /// # Errors
    /// If the request, the rows or their folds are not as they should be; if a model diverges.
    pub fn run(self, listen: &Listen) -> Result<Option<CrossValidated>> {
        self.check()?;
        let all = (0..self.repeats).flat_map(|repeat| {
            let fold = move |index| Fold {
                index,
                count: self.folds,
                repeat,
            };
            (0..self.folds).map(fold)
        });
        let member = |(number, fold)| Member {
            number,
            fold: Some(fold),
            ..Member::default()
        };
        let members: Vec<Member> = all.enumerate().map(member).collect();
        let what = ("a cross-validation", members[0]);
        let common = Common::read(&self.request, &self.base, self.threads, what)?;
        match common.train(&members, listen)? {
            Some(trained) => self.result(&common, trained).map(Some),
            None => Ok(None),
        }
    }

    fn check(&self) -> Result<()> {
        let refuse = |name: &str, found: usize, expected: &str| {
            Err(Error::invalid(format!("`{name}`"), found.to_string(), expected).into())
        };
        match (self.folds, self.repeats) {
            (0 | 1, _) => refuse("folds", self.folds, "2 or more"),
            (_, 0) => refuse("repeats", 0, "1 or more"),
            _ => Ok(()),
        }
    }

    fn result(&self, common: &Common, mut trained: Vec<Trained>) -> Result<CrossValidated> {
        let predictions = self.predictions(common, &trained)?;
        let (mut folds, mut notes) = (Vec::new(), Vec::new());
        for (number, member) in trained.iter_mut().enumerate() {
            let ended = &mut member.ended;
            let (fold, repeat) = (number % self.folds + 1, number / self.folds + 1);
            for note in &ended.notes {
                let text = format!("fold {fold}: {}", note.text);
                let is_new = |other: &Note| !other.text.ends_with(&note.text);
                if notes.iter().all(is_new) {
                    notes.push(Note {
                        text,
                        ..note.clone()
                    });
                }
            }
            let (end, rows) = (&mut ended.end, ended.outcome.rows);
            let scores = end.test.take().ok_or_else(|| {
                let error = format!("fold {fold}: no scores on its rows");
                crate::Error::Running(error)
            })?;
            folds.push(FoldScores {
                fold,
                repeat,
                rows,
                epochs: end.epochs,
                best_epoch: end.best_epoch,
                stopped_by: end.stopped_by.clone(),
                seconds: end.seconds,
                scores,
                best_constant: end.best_constant.take(),
                linear_model: end.linear_model.take(),
            });
        }
        let first = trained.swap_remove(0).ended;
        Ok(CrossValidated {
            estimates: estimates(&folds),
            folds,
            predictions,
            config: first.config,
            reasons: first.reasons,
            notes,
        })
    }

    /// See [`CrossValidated::predictions`].
    fn predictions(&self, common: &Common, trained: &[Trained]) -> Result<Table> {
        let whole = &common.tables.loaded.train;
        let first = model(&trained[0])?;
        let target = &first.description().preprocessing.target;
        let width = first.description().preprocessing.output_width().max(1);
        let (mut folds, mut sums, mut counts) = (
            vec![vec![f64::NAN; whole.rows]; self.repeats],
            vec![0.0; whole.rows * width],
            vec![0u32; whole.rows],
        );
        for (number, member) in trained.iter().enumerate() {
            let predictions = member.predictions.chunks(width);
            for (&row, values) in member.tested.iter().zip(predictions) {
                folds[number / self.folds][row] = (number % self.folds + 1) as f64;
                let sums = &mut sums[row * width..][..width];
                sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
                counts[row] += 1;
            }
        }
        let rows: Vec<usize> = (0..whole.rows).filter(|row| counts[*row] > 0).collect();
        let mean = |row: &usize| {
            let count = f64::from(counts[*row]);
            let sums = &sums[row * width..][..width];
            sums.iter().map(move |sum| sum / count)
        };
        let values: Vec<f64> = rows.iter().flat_map(mean).collect();
        let of_rows = |values: &[f64]| rows.iter().map(|row| values[*row]).collect();
        let numbers = |name: String, values: &[f64]| Column {
            name,
            data: ColumnData::Numeric(of_rows(values)),
        };
        let number: Vec<f64> = (1..=whole.rows).map(|row| row as f64).collect();
        let mut columns = vec![numbers("row".to_owned(), &number)];
        for (repeat, folds) in folds.iter().enumerate() {
            let name = match self.repeats {
                1 => "fold".to_owned(),
                _ => format!("fold_{}", repeat + 1),
            };
            columns.push(numbers(name, folds));
        }
        let truth = target.columns.iter().filter_map(|name| whole.column(name));
        let truth = Table::without_lines(String::new(), whole.rows, truth.cloned().collect());
        columns.extend(truth.keep(&rows).columns);
        columns.extend(self.answers(trained, &rows, &values)?);
        Ok(Table::without_lines(
            "predictions".to_owned(),
            rows.len(),
            columns,
        ))
    }

    /// The columns of predictions: answers, and probabilities where there are classes.
    fn answers(&self, trained: &[Trained], rows: &[usize], values: &[f64]) -> Result<Vec<Column>> {
        let first = model(&trained[0])?;
        let likeliest = Decision::Likeliest;
        let all = Predictions::of(first, values.to_vec(), &likeliest)?;
        let mut lines: Vec<Vec<String>> = all.lines(Columns::Answers).collect();
        if self.repeats == 1 {
            // Each model answers by what its own validation rows chose.
            for member in trained {
                let model = model(member)?;
                let decision = &model.description().decision;
                let own = Predictions::of(model, member.predictions.clone(), decision)?;
                for (row, cells) in member.tested.iter().zip(own.lines(Columns::Answers)) {
                    if let Ok(at) = rows.binary_search(row) {
                        lines[at] = cells;
                    }
                }
            }
        }
        all.held_out_columns(&lines)
    }
}

fn model(member: &Trained) -> Result<&crate::Model> {
    let model = member.ended.model.as_ref();
    model.ok_or_else(|| crate::Error::Diverged("there is no model".to_owned()))
}

impl CrossValidated {
    /// A score by its name.
    pub fn estimate(&self, name: &str) -> Option<&Estimate> {
        self.estimates.iter().find(|estimate| estimate.name == name)
    }
}

/// Every score that is defined in a fold, in the order of the first.
fn estimates(folds: &[FoldScores]) -> Vec<Estimate> {
    let value = |scores: &Scores, name: &str| match name {
        "loss" => scores.loss,
        name => scores.metric(name),
    };
    let mut names = vec!["loss"];
    for fold in folds {
        for (name, _) in &fold.scores.metrics {
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    let shares: Vec<f64> = (folds.iter())
        .map(|fold| fold.rows.test as f64 / (fold.rows.train + fold.rows.validation).max(1) as f64)
        .collect();
    let share = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
    let of_name = |name: &str| {
        let values: Vec<Option<f64>> = (folds.iter())
            .map(|fold| value(&fold.scores, name).filter(|x| x.is_finite()))
            .collect();
        let other = |of: fn(&FoldScores) -> &Option<Scores>| {
            let known = folds.iter().map(|fold| value(of(fold).as_ref()?, name));
            mean(&known.collect::<Vec<_>>())
        };
        Some(Estimate {
            name: name.to_owned(),
            mean: mean(&values)?,
            standard_error: standard_error(&values, share),
            best_constant: other(|fold| &fold.best_constant),
            linear_model: other(|fold| &fold.linear_model),
            values,
        })
    };
    names.into_iter().filter_map(of_name).collect()
}

/// The mean of the known ones; none where none is known.
pub(crate) fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known = values.iter().flatten();
    let count = known.clone().count();
    (count > 0).then(|| known.sum::<f64>() / count as f64)
}

/// See the module's text; `share` is n₂/n₁.
pub(crate) fn standard_error(values: &[Option<f64>], share: f64) -> Option<f64> {
    let (mean, count) = (mean(values)?, values.iter().flatten().count() as f64);
    let squares: f64 = values.iter().flatten().map(|x| (x - mean).powi(2)).sum();
    (count > 1.0).then(|| ((1.0 / count + share) * squares / (count - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_corrected_for_rows_that_are_shared() {
        // Of 1, 2, 3, 4 and 5 s² = 2.5; with n₂/n₁ = 1/4 it is √((0.2 + 0.25)·2.5) = √1.125.
        let values: Vec<Option<f64>> = (1..=5).map(|x| Some(f64::from(x))).collect();
        assert_eq!(mean(&values), Some(3.0));
        let error = standard_error(&values, 0.25).unwrap();
        assert!((error - 1.125f64.sqrt()).abs() < 1e-15);
        // Without one of them: of 1 and 5 s² = 8, √((0.5 + 0.25)·8) = √6.
        let gaps = [Some(1.0), None, Some(5.0)];
        assert_eq!(mean(&gaps), Some(3.0));
        assert!((standard_error(&gaps, 0.25).unwrap() - 6f64.sqrt()).abs() < 1e-15);
        assert_eq!(standard_error(&[Some(1.0)], 0.25), None);
        assert_eq!(mean(&[None]), None);
    }
}
