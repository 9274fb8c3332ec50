//! How columns are read of which only a survey is there, and not all cells.

use super::evidence::Evidence;
use super::extremes::{Extremes, marker};
use super::interpret::{Looked, asked, asked_reading, known, likely, look_at};
use super::notes::notes;
use super::numbers::Hints;
use super::stored::{Reading, Readings};
use crate::error::{Note, Result};
use crate::options::ReadOptions;
use crate::table::{Table, truth};

/// What is known of a column of which not all cells are there.
pub(crate) enum Seen {
    /// Distinct texts, and the rows of each.
    Texts(Vec<String>, Vec<usize>),
    /// The ends of its numbers.
    Numbers(Extremes),
    /// How it is read, as its format says.
    Known(Reading),
}

/// How columns are read that are more than plain numbers or plain text, by what was seen of them, and what should be
/// known of that; `has_types` where the format has types.
///
/// # Errors
/// If the options name a column in two ways, or one that is not there.
pub(crate) fn decide(
    columns: &[(&str, Seen)],
    decimal: Option<char>,
    has_types: bool,
    options: &ReadOptions,
) -> Result<(Readings, Vec<Note>)> {
    let texts = columns.iter().filter_map(|(_, seen)| match seen {
        Seen::Texts(levels, _) => Some(levels.as_slice()),
        Seen::Numbers(_) | Seen::Known(_) => None,
    });
    let hints = Hints {
        decimal: options.decimal,
        thousands: options.thousands,
        likely: decimal.or_else(|| likely(texts)),
        kept: &options.not_missing,
    };
    let mut all = Vec::new();
    for (name, seen) in columns {
        let evidence = match seen {
            Seen::Texts(levels, counts) => Some(Evidence::counted(levels, counts.clone())),
            Seen::Numbers(_) | Seen::Known(_) => None,
        };
        let of_truths =
            |evidence: &Evidence| evidence.levels.iter().all(|level| truth(level).is_some());
        let (reading, looked) = match (asked(name, options)?, options.columns.get(*name), seen) {
            (Some(asked), ..) => {
                let reading = asked_reading(asked, evidence.as_ref(), hints);
                (
                    Some(Reading {
                        asked: true,
                        ..reading
                    }),
                    false,
                )
            }
            (None, Some(reading), _) | (None, None, Seen::Known(reading)) => {
                (Some(reading.clone()), false)
            }
            (None, None, Seen::Numbers(extremes)) => {
                (marker(extremes, hints).map(|(_, reading)| reading), true)
            }
            (None, None, Seen::Texts(..)) => {
                let evidence = evidence.filter(|evidence| !of_truths(evidence));
                (
                    evidence
                        .and_then(|evidence| look_at(&evidence, hints, has_types))
                        .map(Looked::reading),
                    true,
                )
            }
        };
        all.extend(reading.map(|reading| (name.to_string(), reading, looked)));
    }
    let notes = notes(&all, options);
    Ok((
        all.into_iter()
            .map(|(name, reading, _)| (name, reading))
            .collect(),
        notes,
    ))
}

/// Reads columns as it was decided.
///
/// # Errors
/// Names a cell that cannot be read so.
pub(crate) fn apply(table: &mut Table, readings: &Readings) -> Result<()> {
    for j in 0..table.columns.len() {
        let column = &table.columns[j];
        if let Some(reading) = readings.get(&column.name) {
            let name = column.name.clone();
            if let (Some(data), _) = known(table, column, reading)? {
                table.columns[j].data = data;
            }
            table.readings.insert(name, reading.clone());
        }
    }
    Ok(())
}
