//! Rows that are not like the training rows because of where they stand: later ones, those of a file of
//! their own, or those that a column names.

use thalweg_core::dataset::{DatasetRef, Values};
use thalweg_core::engine::{Batch, Engine};
use thalweg_data::SplitBy;
use thalweg_data::error::quote;

use crate::config::Config;
use crate::error::Result;
use crate::facts::Facts;
use crate::fields::list_argument;
use crate::places::{Place, PlaceKind, places};
use crate::rows::{RunRows, selected};

/// Whether a part has a file of its own.
pub(crate) fn has_file(config: &Config, rows: &RunRows, name: &str) -> bool {
    match name {
        "test" => rows.has_own_test,
        _ => config.data.validation.is_some(),
    }
}

/// Rows of another level than the training rows, whatever was learned of these.
pub(crate) fn moved(facts: &Facts) -> Option<String> {
    let is_cause = facts.fails_in_training && facts.has_moved && !facts.linear_holds;
    order_of_rows(facts).filter(|_| is_cause)
}

/// Rows that are not like the training rows because of where they stand.
pub(crate) fn order_of_rows(facts: &Facts) -> Option<String> {
    let (name, _) = facts.held_out?;
    let (has_file, by) = (
        has_file(facts.config, facts.rows, name),
        &facts.config.data.split.by,
    );
    let words = match (has_file, by) {
        (true, _) => format!(
            "the {name} rows have a file of their own and may not be like the training rows"
        ),
        (false, SplitBy::Ordered) => format!(
            "the {name} rows are the later ones, and what held before them does not hold there"
        ),
        (false, SplitBy::Column(column)) => format!(
            "the {name} rows are those that column {} names, and may not be like the others",
            quote(column)
        ),
        (false, SplitBy::Random) => return None,
    };
    let remedy = match (by, &facts.counter) {
        _ if facts.linear_holds && facts.config.network.layers.len() > 1 => {
            format!(
                "a linear model does better there: {}",
                linear_instead(facts)
            )
        }
        (SplitBy::Ordered, Some(counter)) => format!(
            "leave out the column that counts the rows by `data.fit.drop` {}, or give columns that repeat, such as the month",
            list_argument(std::slice::from_ref(counter))
        ),
        (SplitBy::Ordered, None) => {
            "expect such scores for later rows, or give columns that say what changed".to_owned()
        }
        _ => "compare their columns (`thalweg info DATA`)".to_owned(),
    };
    Some(format!("{words}: {remedy}"))
}

/// How to train a linear model: where it can be, beside the network, whose settings stay as they are.
pub(crate) fn linear_instead(facts: &Facts) -> &'static str {
    let (config, rows) = (facts.config, facts.rows);
    match rows.validation.is_some() && !config.or_linear && config.ensemble.is_none() {
        true => "try `or_linear`",
        false => "try `mlp.hidden` none with `training.optimizer` lbfgs",
    }
}

/// A column that rises, or falls, from row to row, where rows that are not trained on are predicted better
/// if it says nothing: if its value there is the mean of the training rows.
pub(crate) fn counter(
    rows: &RunRows,
    held_out: DatasetRef,
    engine: &mut dyn Engine,
) -> Result<Option<String>> {
    /// Of the loss there with it.
    const BETTER: f64 = 0.95;
    /// Rows that are looked at.
    const ROWS: usize = 4096;
    let Some(place) = counting(rows) else {
        return Ok(None);
    };
    let (train, input) = (rows.train.view().features, place.inputs.start);
    let values = (0..train.rows()).filter_map(|row| train.row(row).nth(input));
    let mean = values.sum::<f64>() / train.rows() as f64;
    let (all, width) = (held_out.features.rows(), held_out.features.width);
    let count = all.min(ROWS);
    let sample: Vec<usize> = (0..count).map(|i| i * all / count).collect();
    let mut sample = selected(held_out, &sample);
    let as_is = engine.evaluate(&Batch::all(&sample), None)?;
    match &mut sample.features.values {
        Values::F32(values) => {
            let column = values.iter_mut().skip(input).step_by(width);
            column.for_each(|x| *x = mean as f32);
        }
        Values::F64(values) => {
            let column = values.iter_mut().skip(input).step_by(width);
            column.for_each(|x| *x = mean);
        }
        Values::U8 { .. } | Values::Sparse(_) => return Ok(None),
    }
    let without = engine.evaluate(&Batch::all(&sample), None)?;
    Ok((without < BETTER * as_is).then_some(place.name))
}

/// A column that rises, or falls, from each training row to the next.
fn counting(rows: &RunRows) -> Option<Place> {
    let train = rows.train.view();
    let count = train.features.rows();
    let numbers = places(&rows.preprocessing).into_iter();
    let mut numbers = numbers.filter(|place| matches!(place.kind, PlaceKind::Number(_)));
    let counts = |place: &Place| {
        let value = |row| train.features.row(row).nth(place.inputs.start);
        let goes =
            |order| (1..count).all(|row| value(row).partial_cmp(&value(row - 1)) == Some(order));
        count > 2 && (goes(std::cmp::Ordering::Greater) || goes(std::cmp::Ordering::Less))
    };
    numbers.find(counts)
}
