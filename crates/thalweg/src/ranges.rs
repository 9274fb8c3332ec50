//! The ranges of the training rows, to tell new rows far outside them.

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::FeaturesRef;
use thalweg_data::error::quote;
use thalweg_data::{Encoding, Note, Preprocessing};

use crate::places::places;
use crate::text::{count, whole};

/// Columns that a note names.
const NAMED: usize = 5;

/// The least and the largest value of each column of numbers, as the network sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ranges(Vec<[f64; 2]>);

impl Ranges {
    /// Of the training rows; none for images, whose values have a fixed range, and for
    /// sparse rows.
    pub(crate) fn of(preprocessing: &Preprocessing, rows: FeaturesRef) -> Option<Self> {
        let is_image = |encoding: &Encoding| {
            matches!(encoding, Encoding::Image { .. } | Encoding::Sparse { .. })
        };
        if preprocessing
            .inputs
            .iter()
            .any(|input| is_image(&input.encoding))
        {
            return None;
        }
        let mut all = vec![[f64::INFINITY, f64::NEG_INFINITY]; rows.width];
        for row in 0..rows.rows() {
            for (range, x) in all.iter_mut().zip(rows.row(row)) {
                *range = [range[0].min(x), range[1].max(x)];
            }
        }
        let numbers = places(preprocessing)
            .into_iter()
            .filter(|place| place.is_number());
        Some(Self(numbers.map(|place| all[place.inputs.start]).collect()))
    }

    /// Counts rows with a number that lies outside its range by more than the whole range.
    pub(crate) fn count(&self, preprocessing: &Preprocessing, rows: FeaturesRef) -> FarOut {
        let places: Vec<_> = (places(preprocessing).into_iter())
            .filter(|place| place.is_number())
            .collect();
        let mut found = FarOut {
            rows: rows.rows(),
            far: 0,
            of_column: places.iter().map(|place| (place.name.clone(), 0)).collect(),
        };
        let mut values = Vec::with_capacity(rows.width);
        for row in 0..rows.rows() {
            values.clear();
            values.extend(rows.row(row));
            let mut is_far = false;
            for ((place, range), (_, count)) in places.iter().zip(&self.0).zip(&mut found.of_column)
            {
                let x = place.value(&values);
                let [least, most] = *range;
                let is_out = x < 2.0 * least - most || x > 2.0 * most - least;
                *count += usize::from(is_out);
                is_far |= is_out;
            }
            found.far += usize::from(is_far);
        }
        found
    }
}

/// Rows far outside the ranges of the training rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FarOut {
    /// Rows that were looked at.
    rows: usize,
    far: usize,
    /// Of each column of numbers.
    of_column: Vec<(String, usize)>,
}

impl FarOut {
    /// Adds those among other rows of the same columns.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.far += other.far;
        for ((_, own), (_, more)) in self.of_column.iter_mut().zip(&other.of_column) {
            *own += more;
        }
    }

    /// Says how many there are, if any.
    pub fn note(&self) -> Option<Note> {
        let Self { rows, far, .. } = *self;
        if far == 0 {
            return None;
        }
        let mut named: Vec<(usize, &str)> = (self.of_column.iter())
            .filter(|(_, found)| *found > 0)
            .map(|(name, found)| (*found, name.as_str()))
            .collect();
        named.sort_by_key(|(found, _)| std::cmp::Reverse(*found));
        let more = named.len().saturating_sub(NAMED);
        let list: Vec<String> = (named.iter().take(NAMED))
            .map(|(found, name)| format!("{} ({})", quote(name), whole(*found)))
            .collect();
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let lie = if far == 1 { "lies" } else { "lie" };
        Some(Note::warning(format!(
            "{} of {} {lie} far outside the ranges of the training rows, where predictions mean little: column {}{more}",
            whole(far),
            count(rows, "row"),
            list.join(", ")
        )))
    }
}
