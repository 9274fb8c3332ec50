//! Groups: values of a column that stand for something that several rows belong to, in several parts.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use foldhash::fast::RandomState;
use thalweg_core::dataset::Targets;

use super::Split;
use crate::error::{Note, quote};
use crate::table::{Column, ColumnData, MISSING};
use crate::text::whole;

/// Which rows are held out.
pub(super) struct Parts {
    is_held_out: Vec<bool>,
    pub held_out: usize,
}

impl Parts {
    pub fn of(rows: usize, split: &Split) -> Self {
        let mut is_held_out = vec![false; rows];
        for &row in split.validation.iter().chain(&split.test) {
            is_held_out[row] = true;
        }
        let held_out = split.validation.len() + split.test.len();
        Self {
            is_held_out,
            held_out,
        }
    }

    /// How many held-out rows have a key of training rows.
    pub fn shared(&self, keys: &[u64]) -> usize {
        let rows = || keys.iter().zip(&self.is_held_out);
        // Of the held-out rows there are fewer: with each of their keys whether a row that trains has it.
        let mut held_out: HashMap<u64, (usize, bool), RandomState> = HashMap::default();
        for (key, _) in rows().filter(|(_, out)| **out) {
            held_out.entry(*key).or_default().0 += 1;
        }
        for (key, _) in rows().filter(|(_, out)| !**out) {
            if let Some((_, is_trained)) = held_out.get_mut(key) {
                *is_trained = true;
            }
        }
        let shared = held_out.values().filter(|(_, is_trained)| *is_trained);
        shared.map(|(rows, _)| rows).sum()
    }
}

/// Last words of the names of identifiers: those that name nothing else, and others.
const IDENTIFIERS: [&str; 9] = [
    "id",
    "uuid",
    "guid",
    "patient",
    "subject",
    "person",
    "participant",
    "household",
    "speaker",
];
const MAY_IDENTIFY: [&str; 5] = ["user", "customer", "client", "session", "device"];
/// Fewer values may be ordinary categories, whatever the name.
const MANY_VALUES: usize = 20;

/// A note on a column whose repeating values stand for something that several rows belong to: by its name
/// and its values, or because rows of one value have nearly one target.
pub(super) fn group(column: &Column, targets: &Targets, parts: &Parts) -> Option<Note> {
    let named =
        |words: &[&str]| last_word(&column.name).is_some_and(|word| words.contains(&&*word));
    let (is_identifier, may_identify) = (named(&IDENTIFIERS), named(&MAY_IDENTIFY));
    let is_named = is_identifier || may_identify;
    let (rows, count, are_numbered) = match &column.data {
        ColumnData::Text(text) => {
            // Missing values and words for them have the highest codes.
            let mut occurs = vec![false; text.levels.len() + text.words.len() + 1];
            for code in &text.codes {
                let place = (*code as usize).min(text.levels.len() + (MISSING - code) as usize);
                occurs[place] = true;
            }
            let count = occurs.into_iter().filter(|occurs| *occurs).count();
            let has_digit = |level| str::contains(level, |c: char| c.is_ascii_digit());
            (
                text.codes.len(),
                count,
                text.levels.iter().all(|level| has_digit(level)),
            )
        }
        ColumnData::Numeric(values) if is_named => {
            let bits = values.iter().map(|x| x.to_bits());
            let count = bits.collect::<HashSet<u64, RandomState>>().len();
            (values.len(), count, is_identifier)
        }
        _ => return None,
    };
    let keys = || values_of(column, 0..rows).collect::<Vec<u64>>();
    let repeats = count >= 5 && 2 * count <= rows;
    let identifies = is_named && (count >= MANY_VALUES || are_numbered);
    let decides = || count >= 10 && 50 * count >= rows && is_same_within(&keys(), targets);
    if !repeats || !(identifies || decides()) {
        return None;
    }
    let shared = parts.shared(&keys());
    (shared > 0).then(|| {
        let name = quote(&column.name);
        let [count, shared, held_out] = [count, shared, parts.held_out].map(whole);
        Note::warning(format!(
            "column {name}: {count} values repeat, and {shared} of {held_out} validation and test rows share theirs \
             with training rows; to judge by new ones, set `data.split.group` {name}"
        ))
    })
}

/// The share of the differences among targets that may be left within a key that decides them; and how many
/// rows of a key must tell its others, and be unlike most, so that it is no accident.
const WITHIN: f64 = 0.1;
const TOLD: usize = 10;

/// Whether the targets of one key differ less than a tenth as much as all do, of keys that repeat:
/// numbers by their ranks, which a few that are far out do not decide.
fn is_same_within(keys: &[u64], targets: &Targets) -> bool {
    let (within, all, told, rows) = match targets {
        Targets::Values { width, values } => {
            let first = values.iter().step_by((*width).max(1)).copied();
            within_ranks(keys, &ranks(first.collect()))
        }
        Targets::Classes(classes) => within_classes(keys, classes),
    };
    let (told, rows) = (told as f64, rows as f64);
    all > 0.0 && told >= TOLD as f64 && within / told < WITHIN * all / (rows - 1.0)
}

/// What the ranks of one key differ by, what all do, in squares; the rows behind the first of each key, and
/// all rows of keys that repeat.
fn within_ranks(keys: &[u64], ranks: &[f64]) -> (f64, f64, usize, usize) {
    let mut sums: HashMap<u64, [f64; 3], RandomState> = HashMap::default();
    let middle = ranks.len() as f64 / 2.0;
    for (&key, rank) in keys.iter().zip(ranks).filter(|(_, rank)| rank.is_finite()) {
        let [n, sum, square] = sums.entry(key).or_default();
        let x = rank - middle;
        (*n, *sum, *square) = (*n + 1.0, *sum + x, *square + x * x);
    }
    let (mut within, mut all, mut repeat) = (0.0, [0.0; 3], 0);
    for of_key @ [n, sum, square] in sums.into_values().filter(|[n, ..]| *n >= 2.0) {
        within += square - sum * sum / n;
        all.iter_mut()
            .zip(of_key)
            .for_each(|(all, own)| *all += own);
        repeat += 1;
    }
    let [n, sum, square] = all;
    (
        within,
        square - sum * sum / n,
        n as usize - repeat,
        n as usize,
    )
}

/// The same of classes: how many rows are not of the most frequent class of their key, and of all. Few that
/// are not of that one tell nothing.
fn within_classes(keys: &[u64], classes: &[u32]) -> (f64, f64, usize, usize) {
    let mut counts: HashMap<u64, HashMap<u32, usize>, RandomState> = HashMap::default();
    for (&key, &class) in keys.iter().zip(classes) {
        *counts.entry(key).or_default().entry(class).or_default() += 1;
    }
    let mut of_class: HashMap<u32, usize> = HashMap::new();
    let (mut rows, mut kept, mut repeat) = (0, 0, 0);
    for of_key in counts.values() {
        let count: usize = of_key.values().sum();
        if count >= 2 {
            (rows, repeat) = (rows + count, repeat + 1);
            kept += of_key.values().max().copied().unwrap_or(0);
            for (class, count) in of_key {
                *of_class.entry(*class).or_default() += count;
            }
        }
    }
    let others = rows - of_class.values().max().copied().unwrap_or(0);
    let told = if others < TOLD { 0 } else { rows - repeat };
    ((rows - kept) as f64, others as f64, told, rows)
}

/// The rank of each number, the mean one of equal ones; NaN of a missing one.
fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|i| !values[*i].is_nan()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![f64::NAN; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = first as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|i| ranks[*i] = rank);
        first += equal.len();
    }
    ranks
}

/// A number for the value of each of some rows; of several numbers a row none.
pub(super) fn values_of(column: &Column, rows: Range<usize>) -> impl Iterator<Item = u64> {
    let (numbers, codes): (&[f64], &[u32]) = match &column.data {
        ColumnData::Numeric(numbers) | ColumnData::Time(numbers) => (&numbers[rows], &[]),
        ColumnData::Text(text) => (&[], &text.codes[rows]),
        ColumnData::Block(_) => (&[], &[]),
    };
    let numbers = numbers.iter().map(|number| number.to_bits());
    numbers.chain(codes.iter().map(|code| u64::from(*code)))
}

/// The last word of a name, in lower case: `id` of `patient_id` and of `PatientId`.
pub(super) fn last_word(name: &str) -> Option<String> {
    let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
    let chars: Vec<char> = name.chars().collect();
    let starts = |i: &usize| {
        let (before, here) = (chars[i - 1], chars[*i]);
        !before.is_alphanumeric() || (here.is_uppercase() && before.is_lowercase())
    };
    let start = (1..chars.len()).rev().find(starts).unwrap_or(0);
    let word: String = chars.get(start..)?.iter().collect();
    (!word.is_empty()).then(|| word.to_lowercase())
}
