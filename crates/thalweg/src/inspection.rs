//! What can be seen of a trained model: the data of a report, computed once.
//!
//! Figures are of the rows that the model is judged on. All of it is plain data of bounded size,
//! whatever the rows.

mod classes;
mod columns;
mod dependence;
mod importance;
pub(crate) mod interval;
mod judged;
mod network;
mod numbers;
mod rows;

use serde::Serialize;
use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::losses::LOSSES;
use thalweg_core::metrics::Decision;
use thalweg_core::spec::NetworkSpec;
use thalweg_data::Preprocessing;

pub use crate::health::Layer;
pub use classes::{Bin, ClassScore, Classes, Curve};
pub use columns::ReadColumn;
pub use dependence::{Dependence, DependentOutput};
pub use interval::Interval;
pub use network::Filters;
pub use numbers::Numbers;
pub use rows::{ColumnErrors, ErrorBin, Image, WorstRow};

use crate::config::Config;
use crate::error::Result;
use crate::importance::Importance;
use crate::judging::Settled;
use crate::relied_on::Relying;
use crate::rows::RunRows;
use judged::Judged;

/// What is looked at, and how much of it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspect {
    /// Figures and the worst rows.
    All,
    /// Figures without the values of any row.
    WithoutRows,
}

/// Products that predictions may always take: about 30 ms.
const PRODUCTS: usize = 400_000_000;

/// See the module's text.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The rows that were judged: `test`, `validation`, `train`, or `rows` of a file.
    pub part: &'static str,
    /// How many these are.
    pub rows: usize,
    /// How each column was read.
    pub columns: Vec<ReadColumn>,
    /// The 95 % confidence intervals of the metrics.
    pub intervals: Vec<Interval>,
    /// Of classes or labels.
    pub classes: Option<Classes>,
    /// Of numbers, a target each.
    pub numbers: Vec<Numbers>,
    /// The error by the values of each column, those first over whose values it varies most; of many
    /// columns some.
    pub by_column: Vec<ColumnErrors>,
    /// Which columns the model relies on, found on some of the rows; none of images, or where it would take
    /// too long.
    pub importance: Option<Importance>,
    /// How predictions depend on the columns that move them most.
    pub dependence: Vec<Dependence>,
    /// The rows that are predicted worst; none if rows are withheld.
    pub worst: Vec<WorstRow>,
    /// The layers on training rows; none where there are none at hand.
    pub layers: Vec<Layer>,
    /// What the first layer looks for in images.
    pub filters: Option<Filters>,
}

/// The rows to judge.
pub(crate) struct Subject<'a> {
    pub part: &'static str,
    pub dataset: DatasetRef<'a>,
    /// How the model answers classes and labels.
    pub decision: &'a Decision,
    /// The metric that chose the epoch, if one did.
    pub metric: Option<&'a str>,
    /// The number of each row in its file, if it is not that of its place.
    pub numbers: Option<&'a [usize]>,
    /// Rows that may be predicted in other ways than they are.
    pub budget: usize,
    /// Rows that it was trained on, and how many make a batch.
    pub training: Option<(DatasetRef<'a>, usize)>,
}

/// Looks at the model of a run: on its test rows, or else its validation or training rows.
pub(crate) fn of_run(
    engine: &mut dyn Engine,
    rows: &RunRows,
    config: &Config,
    settled: &Settled,
    what: Inspect,
) -> Result<Inspection> {
    let training = rows.train.view();
    let split = &rows.split;
    let (part, dataset, numbers) = match (&rows.test, &rows.validation) {
        (Some(test), _) => ("test", test.view(), &split.test),
        (None, Some(validation)) => ("validation", validation.view(), &split.validation),
        (None, None) => ("train", training, &split.train),
    };
    let subject = Subject {
        part,
        dataset,
        decision: &settled.decision,
        metric: config.judging.metric_name(),
        numbers: Some(numbers.as_slice()),
        training: Some((
            training,
            config.training.batch_size.min(rows.fewest_to_train()),
        )),
        // A small part of what training took.
        budget: config
            .training
            .epochs
            .saturating_mul(training.features.rows())
            / 50,
    };
    inspect(
        engine,
        &settled.preprocessing,
        &config.network,
        &subject,
        what,
    )
}

/// Looks at the model of `network` in `engine`.
pub(crate) fn inspect(
    engine: &mut dyn Engine,
    preprocessing: &Preprocessing,
    network: &NetworkSpec,
    subject: &Subject,
    what: Inspect,
) -> Result<Inspection> {
    let link = LOSSES.build(&network.loss, &())?.link();
    let mut predictions = Vec::new();
    engine.evaluate(&Batch::all(subject.dataset), Some(&mut predictions))?;
    let judged = Judged::new(
        preprocessing,
        (link, subject.decision),
        subject.dataset,
        predictions,
    );
    let number = |row: usize| {
        let numbers = subject.numbers.and_then(|numbers| numbers.get(row));
        numbers.copied().unwrap_or(row) + 1
    };
    let places = columns::places(preprocessing);
    let shows_rows = what == Inspect::All;
    let sizes = engine.parameters();
    let sizes = sizes
        .iter()
        .map(|info| info.shape.iter().product::<usize>());
    let budget = subject.budget.max(PRODUCTS / sizes.sum::<usize>().max(1));
    let model = Relying {
        network,
        preprocessing,
        decision: subject.decision,
        metric: subject.metric,
    };
    Ok(Inspection {
        part: subject.part,
        rows: judged.rows,
        columns: columns::read_columns(preprocessing),
        intervals: interval::intervals(&judged, 0)?,
        classes: classes::classes(&judged)?,
        numbers: numbers::numbers(&judged, &number, shows_rows),
        by_column: rows::by_column(&judged, &places),
        importance: importance::sampled(engine, model, subject, budget)?,
        dependence: dependence::dependence(engine, &judged, &places, budget)?,
        worst: match shows_rows {
            true => rows::worst(&judged, &places, &number),
            false => Vec::new(),
        },
        layers: match subject.training {
            Some((training, batch)) => network::layers(engine, training, batch)?,
            None => Vec::new(),
        },
        filters: network::filters(engine, preprocessing)?,
    })
}
