//! What one column holds.

use serde::Serialize;
use thalweg_core::sparse::Csr;

use super::reading;
use crate::preprocess::{NumericFit, Scaling, between, identifier_note};
use crate::reading::writer_of;
use crate::table::{Block, Column, ColumnData, Kind, Table};

const TOP: usize = 5;
/// Intervals of a histogram at most.
const BINS: usize = 10;
/// The quantiles that are shown.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// numeric, boolean, categorical, date or block.
    pub kind: String,
    /// How its cells are read, and why.
    pub read: String,
    /// Rows without a value; for blocks, single values that are missing.
    pub missing: usize,
    /// Different values; `None` for blocks.
    pub distinct: Option<usize>,
    /// Shape of one row of a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// The numbers, where there are any; seconds since 1970 for dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberSummary>,
    /// The first and the last date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<(String, String)>,
    /// The most frequent texts and their counts, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(String, usize)>,
    /// Pearson's correlation with the target, where both are numbers or one of two values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<f64>,
    /// What should be known: constant, empty, an identifier, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Moments, range, quantiles and distribution of the values present.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberSummary {
    /// Mean.
    pub mean: f64,
    /// Population standard deviation.
    pub deviation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// The quantiles 0.05, 0.25, 0.5, 0.75 and 0.95, linear between neighbours; none for blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f64>,
    /// Values in ten intervals of equal width from the smallest to the largest; in fewer of whole numbers, where
    /// there are at most 30 of them.
    pub histogram: Vec<usize>,
}

/// Summarizes a column.
pub(super) fn summarize(column: &Column, table: &Table) -> ColumnSummary {
    let mut summary = ColumnSummary {
        name: column.name.clone(),
        kind: column.kind().to_string(),
        read: reading(&column.name, &column.data, table),
        missing: 0,
        distinct: None,
        shape: None,
        numbers: None,
        dates: None,
        top: Vec::new(),
        correlation: None,
        remark: None,
    };
    match &column.data {
        ColumnData::Numeric(values) | ColumnData::Time(values) => {
            // -0 and 0 are one value.
            let mut present: Vec<f64> = values
                .iter()
                .filter(|x| !x.is_nan())
                .map(|x| x + 0.0)
                .collect();
            present.sort_unstable_by(f64::total_cmp);
            summary.missing = values.len() - present.len();
            let changes = present.windows(2).filter(|pair| pair[0] != pair[1]).count();
            summary.distinct = Some(changes + usize::from(!present.is_empty()));
            present.retain(|x| x.is_finite());
            summary.numbers = numbers(present.iter().copied());
            if let Some(numbers) = &mut summary.numbers {
                numbers.quantiles = QUANTILES.map(|q| quantile(&present, q)).to_vec();
            }
            if let (Kind::Date, Some(numbers)) = (column.kind(), &summary.numbers) {
                let date = writer_of(values);
                summary.dates = Some((date(numbers.min), date(numbers.max)));
            }
        }
        ColumnData::Text(text) => {
            let mut counts = vec![0usize; text.levels.len()];
            for &code in &text.codes {
                match counts.get_mut(code as usize) {
                    Some(count) => *count += 1,
                    None => summary.missing += 1,
                }
            }
            summary.distinct = Some(counts.iter().filter(|count| **count > 0).count());
            let mut top: Vec<(String, usize)> = text.levels.iter().cloned().zip(counts).collect();
            top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            top.truncate(TOP);
            summary.top = top;
        }
        ColumnData::Block(block) if block.sparse().is_some() => {
            summarize_sparse(block, &mut summary)
        }
        ColumnData::Block(block) => {
            let each = || (0..table.rows * block.width()).map(|i| block.value(i));
            summary.missing = each().filter(|x| x.is_nan()).count();
            summary.shape = Some(block.shape.clone());
            summary.numbers = numbers(each().filter(|x| x.is_finite()));
        }
    }
    let usual = || remark(&summary, column, table.rows);
    summary.remark = (summary.remark.clone())
        .or_else(|| infinite(column, table))
        .or_else(usual);
    summary
}

/// Of sparse rows the numbers are those that are stored.
fn summarize_sparse(block: &Block, summary: &mut ColumnSummary) {
    let Some(rows) = block.sparse().map(Csr::view) else {
        return;
    };
    let stored = (0..rows.non_zeros()).map(|index| rows.numbers().at(index));
    summary.shape = Some(block.shape.clone());
    summary.numbers = numbers(stored.filter(|x| x.is_finite()));
    let a_row = rows.non_zeros() as f64 / rows.rows().max(1) as f64;
    summary.remark = Some(format!(
        "sparse: {a_row:.1} numbers a row are stored, the others are 0; those of the table are the stored ones"
    ));
}

/// Where a number is infinite, which no run takes.
fn infinite(column: &Column, table: &Table) -> Option<String> {
    let row = match &column.data {
        ColumnData::Numeric(numbers) => numbers.iter().position(|x| x.is_infinite())?,
        ColumnData::Block(block) if block.sparse().is_none() => {
            let mut values = 0..table.rows * block.width();
            values.find(|i| block.value(*i).is_infinite())? / block.width()
        }
        _ => return None,
    };
    Some(format!(
        "infinite in {}, which is refused in training",
        table.line_of(row)
    ))
}

fn remark(summary: &ColumnSummary, column: &Column, rows: usize) -> Option<String> {
    match (&column.data, summary.distinct) {
        (_, Some(0)) => Some("empty".to_owned()),
        (_, Some(1)) if summary.missing == 0 => Some("constant".to_owned()),
        (ColumnData::Text(_), Some(distinct)) if distinct == rows && rows > 10 => {
            Some("all different".to_owned())
        }
        (ColumnData::Numeric(numbers), _) => identifier_note(&column.name, numbers),
        _ => None,
    }
}

fn numbers(values: impl Iterator<Item = f64> + Clone) -> Option<NumberSummary> {
    let fit = NumericFit::of(values.clone(), Scaling::Standard);
    let (mean, deviation) = fit.mean_and_deviation();
    let (min, max) = (fit.least, fit.most);
    let intervals = Intervals::of(min, max, values.clone());
    let mut histogram = vec![0; intervals.count];
    let present = values.filter(|x| !x.is_nan());
    for x in present.filter(|_| fit.present() > 0) {
        histogram[intervals.place(x)] += 1;
    }
    (fit.present() > 0).then_some(NumberSummary {
        mean,
        deviation,
        min,
        max,
        quantiles: Vec::new(),
        histogram,
    })
}

/// The intervals of a histogram.
struct Intervals {
    min: f64,
    /// Half of it, which does not overflow.
    half_width: f64,
    count: usize,
}

impl Intervals {
    /// Ten, or fewer where few whole numbers would be shared out unequally.
    fn of(min: f64, max: f64, values: impl Iterator<Item = f64>) -> Self {
        let mut whole = values.filter(|x| !x.is_nan()).map(|x| x.fract() == 0.0);
        let (most, numbers) = (BINS as f64, max - min + 1.0);
        let (half_width, count) = match numbers <= 3.0 * most && whole.all(|is_whole| is_whole) {
            true => {
                let width = (numbers / most).ceil();
                (width / 2.0, (numbers / width).ceil() as usize)
            }
            false => ((max / 2.0 - min / 2.0) / most, BINS),
        };
        Self {
            min,
            half_width,
            count,
        }
    }

    fn place(&self, x: f64) -> usize {
        let at = (x / 2.0 - self.min / 2.0) / self.half_width;
        (at as usize).min(self.count - 1)
    }
}

/// Quantile of sorted values, linear between neighbours (NumPy's default).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    match (
        sorted.get(at.floor() as usize),
        sorted.get(at.ceil() as usize),
    ) {
        (Some(a), Some(b)) => between(*a, *b, at.fract()),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_whole_numbers_share_intervals_equally() {
        let histogram = |values: &[f64]| numbers(values.iter().copied()).unwrap().histogram;
        let hours: Vec<f64> = (0..24).map(f64::from).collect();
        assert_eq!(histogram(&hours), [3; 8]);
        assert_eq!(histogram(&[1.0, 2.0, 2.0, 4.0]), [1, 2, 0, 1]);
        assert_eq!(histogram(&[7.0, f64::NAN, 7.0]), [2]);
        assert_eq!(histogram(&[0.0, 0.5, 9.0]).len(), BINS);
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(histogram(&many), [10; 10]);
        assert_eq!(histogram(&[-1e308, 1e308]), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
