//! What a look at the rows says against a random split: an order in time, values of an identifier
//! in several parts, copies of rows; and against a split in order: dates that fall, or are in none.

use std::collections::HashSet;

use thalweg_core::dataset::Targets;

use super::groups::{Parts, group, last_word, values_of};
use super::{Split, SplitOptions};
use crate::error::{Note, quote};
use crate::table::{Column, ColumnData, Table};
use crate::target::Target;
use crate::text::whole;
use crate::threads;

/// Fewer rows show nothing.
const ROWS: usize = 50;
/// Neighbours this much alike are no accident in an ordered file, or in any file.
const ALIKE_IF_ORDERED: f64 = 0.3;
const ALIKE: f64 = 0.7;
/// The share of held-out rows that are copies of training rows.
const COPIES: f64 = 0.05;
/// Rows whose distinct values are counted.
const SAMPLE: usize = 4096;
/// Rows whose keys are made together: they stay in a core's cache.
const ROW_BLOCK: usize = 2048;

/// Notes on rows that were split at random although they depend on each other.
pub fn notes_on_split(
    table: &Table,
    target: &Target,
    targets: &Targets,
    split: &Split,
) -> Vec<Note> {
    let held_out = split.validation.len() + split.test.len();
    if table.rows < ROWS || held_out == 0 {
        return Vec::new();
    }
    let is_feature = |column: &&Column| !target.columns.contains(&column.name);
    let features: Vec<&Column> = table.columns.iter().filter(is_feature).collect();
    let order = order(&features, targets);
    let parts = Parts::of(table.rows, split);
    let grouped = (features.iter()).find_map(|column| group(column, targets, &parts));
    order
        .into_iter()
        .chain(grouped)
        .chain(copies(table, &parts))
        .collect()
}

/// A note on rows in the order of time or of a counter.
fn order(features: &[&Column], targets: &Targets) -> Option<Note> {
    let alike = likeness(targets);
    let (name, is_time) = match features {
        // A curve over one column is usually sorted by it.
        [_] => return None,
        _ => features
            .iter()
            .find_map(|column| Some((Some(&column.name), sorted_as(column)?.0)))
            .unwrap_or((None, Order::None)),
    };
    let by = name.map_or(String::new(), |name| quote(name));
    let neighbours = format!("the target changes little from row to row (correlation {alike:.2})");
    let remedy = "validate on later rows by `data.split.by` ordered";
    // Rows may be sorted by something else, such as a price: only an order in time is a warning.
    let (note, text): (fn(String) -> Note, String) = match is_time {
        Order::Time if alike < ALIKE_IF_ORDERED => {
            return Some(Note::info(format!(
                "rows are in the order of {by}: to predict later rows, {remedy}"
            )));
        }
        Order::Time | Order::Counter if alike >= ALIKE_IF_ORDERED => {
            let text = format!("rows are in the order of {by}, and {neighbours}");
            (Note::warning, text)
        }
        _ if alike >= ALIKE => (Note::info, neighbours),
        _ => return None,
    };
    Some(note(format!(
        "{text}: a random split puts neighbours of training rows into validation and test; {remedy}, or keep \
         together what belongs together by `data.split.group`"
    )))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Time,
    Counter,
    None,
}

/// How much later rows must be out of order to be told: the share of those that are held out.
const OUT_OF_ORDER: f64 = 0.2;

/// Whether rows begin with the latest, by a date that falls from row to row and none that rises; and
/// what should be known of that, also of a counter that falls.
pub fn newest_first(
    table: &Table,
    target: &Target,
    options: &SplitOptions,
) -> (bool, Option<Note>) {
    let sorted: Vec<(&str, Order, Way)> = (candidates(table, target, options))
        .filter_map(|column| sorted_as(column).map(|(order, way)| (&*column.name, order, way)))
        .collect();
    let find = |order: Order, way: Way| sorted.iter().find(|one| (one.1, one.2) == (order, way));
    let rises = |order| find(order, Way::Up).is_some();
    if let (Some((name, ..)), false) = (find(Order::Time, Way::Down), rises(Order::Time)) {
        let text = format!(
            "rows are newest first by column {}: the first rows test, and those after them validate",
            quote(name)
        );
        return (true, Some(Note::info(text)));
    }
    let is_known = rises(Order::Time) || rises(Order::Counter);
    let falling = find(Order::Counter, Way::Down).filter(|_| !is_known);
    let note = falling.map(|(name, ..)| {
        Note::warning(format!(
            "column {} falls from row to row: if it counts time, the last rows, which test, are the oldest; then sort \
             the file by it",
            quote(name)
        ))
    });
    (false, note)
}

/// A warning on rows that were split in their order although their dates are in none.
pub fn notes_on_order(
    table: &Table,
    target: &Target,
    split: &Split,
    options: &SplitOptions,
) -> Option<Note> {
    let held_out: Vec<usize> = split
        .validation
        .iter()
        .chain(&split.test)
        .copied()
        .collect();
    if table.rows < ROWS || held_out.is_empty() {
        return None;
    }
    let early = |column: &&Column| {
        let is_named = last_word(&column.name).is_some_and(|word| DATES.contains(&&*word));
        let (values, _) = dates(column).filter(|(_, is_date)| *is_date || is_named)?;
        let mut trained: Vec<f64> = (split.train.iter())
            .map(|row| values[*row])
            .filter(|x| x.is_finite())
            .collect();
        trained.sort_unstable_by(f64::total_cmp);
        let late = trained.get(3 * trained.len() / 4)?;
        Some(held_out.iter().filter(|row| values[**row] < *late).count())
    };
    let all: Vec<(&str, usize)> = (candidates(table, target, options))
        .filter_map(|column| Some((&*column.name, early(&column)?)))
        .collect();
    let is_much = |early: usize| early as f64 > OUT_OF_ORDER * held_out.len() as f64;
    let (name, early) = all
        .first()
        .filter(|_| all.iter().all(|(_, early)| is_much(*early)))?;
    Some(Note::warning(format!(
        "rows are in no order of column {}: {} of {} validation and test rows are earlier than a quarter of the \
         training rows; to judge by later rows, sort the file by it",
        quote(name),
        whole(*early),
        whole(held_out.len())
    )))
}

/// The names of the columns that may tell when a row was.
pub fn times(table: &Table) -> impl Iterator<Item = &str> {
    let is_time = |column: &&Column| {
        let by_name = last_word(&column.name).is_some_and(|word| TIMES.contains(&&*word));
        match column.data {
            ColumnData::Time(_) => true,
            ColumnData::Numeric(_) => by_name,
            ColumnData::Text(_) | ColumnData::Block(_) => false,
        }
    };
    table
        .columns
        .iter()
        .filter(is_time)
        .map(|column| &*column.name)
}

/// The columns by which rows may be sorted in time.
fn candidates<'a>(
    table: &'a Table,
    target: &'a Target,
    options: &'a SplitOptions,
) -> impl Iterator<Item = &'a Column> {
    let is_other = |name: &String| {
        target.columns.contains(name) || options.columns().any(|column| column == name)
    };
    (table.columns.iter()).filter(move |column| !is_other(&column.name))
}

/// The numbers of a column that may be times, and whether they are dates.
fn dates(column: &Column) -> Option<(&[f64], bool)> {
    match &column.data {
        ColumnData::Numeric(values) => Some((values, false)),
        ColumnData::Time(seconds) => Some((seconds, true)),
        ColumnData::Text(_) | ColumnData::Block(_) => None,
    }
}

/// Names of columns that count time, and of those that say when something was.
const TIMES: [&str; 8] = [
    "time",
    "timestamp",
    "date",
    "datetime",
    "year",
    "month",
    "t",
    "day",
];
const DATES: [&str; 3] = ["timestamp", "date", "datetime"];

/// Which way values go from row to row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// By what the rows are sorted, if it is this column, and which way. Cells without a value are passed
/// over.
fn sorted_as(column: &Column) -> Option<(Order, Way)> {
    let (values, is_date) = dates(column)?;
    let present = || values.iter().copied().filter(|x| !x.is_nan());
    // Most columns show by their first values that they are in no order.
    if !present().is_sorted() && !present().is_sorted_by(|a, b| a >= b) {
        return None;
    }
    let values: Vec<f64> = present().collect();
    let steps = values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if steps < 9 {
        return None;
    }
    let way = match values.first() < values.last() {
        true => Way::Up,
        false => Way::Down,
    };
    let is_time = is_date || last_word(&column.name).is_some_and(|word| TIMES.contains(&&*word));
    let counts = steps + 1 == values.len() || values.iter().all(|x| x.fract() == 0.0);
    match (is_time, counts) {
        (true, _) => Some((Order::Time, way)),
        (false, true) => Some((Order::Counter, way)),
        (false, false) => None,
    }
}

/// Whether values never fall, or never rise, from row to row.
fn is_sorted(values: &[f64]) -> bool {
    values.is_sorted() || values.is_sorted_by(|a, b| a >= b)
}

/// How much alike the targets of neighbouring rows are, from 0 (or less) to 1: the autocorrelation
/// of numbers at lag 1; of classes, their agreement beyond chance. 0 where rows are sorted by it.
fn likeness(targets: &Targets) -> f64 {
    match targets {
        Targets::Values { width, values } => {
            let first: Vec<f64> = values
                .iter()
                .step_by((*width).max(1))
                .copied()
                .filter(|x| x.is_finite())
                .collect();
            if is_sorted(&first) {
                return 0.0;
            }
            let mean = first.iter().sum::<f64>() / first.len() as f64;
            let square: f64 = first.iter().map(|x| (x - mean).powi(2)).sum();
            let lagged: f64 = first
                .windows(2)
                .map(|pair| (pair[0] - mean) * (pair[1] - mean))
                .sum();
            let alike = lagged / square;
            if alike.is_finite() { alike } else { 0.0 }
        }
        Targets::Classes(classes) => {
            let count = classes.iter().max().map_or(0, |&class| class as usize + 1);
            let same = classes.windows(2).filter(|pair| pair[0] == pair[1]).count();
            let runs = classes.len() - same;
            // Sorted by class, or in very few runs: that is no time.
            if runs <= 4 * count {
                return 0.0;
            }
            let chance = chance(classes, count);
            (same as f64 / (classes.len() - 1) as f64 - chance) / (1.0 - chance)
        }
    }
}

/// How often two rows drawn at random are of one class.
fn chance(classes: &[u32], count: usize) -> f64 {
    let mut counts = vec![0usize; count];
    classes
        .iter()
        .for_each(|&class| counts[class as usize] += 1);
    counts
        .iter()
        .map(|&n| (n as f64 / classes.len() as f64).powi(2))
        .sum()
}

/// A note on held-out rows that are copies of training rows, unless columns of few values make
/// copies likely.
fn copies(table: &Table, parts: &Parts) -> Option<Note> {
    let is_block = |column: &Column| matches!(column.data, ColumnData::Block(_));
    if table.columns.iter().any(is_block) {
        return None;
    }
    let distinct = |column: &Column| {
        let values = values_of(column, 0..table.rows.min(SAMPLE));
        values.collect::<HashSet<u64>>().len().max(1) as f64
    };
    let combinations: f64 = (table.columns.iter().map(distinct)).map(f64::ln).sum();
    if combinations <= (1000.0 * table.rows as f64).ln() {
        return None;
    }
    let mut keys = vec![0u64; table.rows];
    let blocks = keys.chunks_mut(ROW_BLOCK).enumerate();
    threads::map(threads::for_rows(table.rows), blocks, |(block, keys)| {
        let start = block * ROW_BLOCK;
        let rows = start..start + keys.len();
        for column in &table.columns {
            match &column.data {
                ColumnData::Numeric(numbers) | ColumnData::Time(numbers) => {
                    mix(keys, numbers[rows.clone()].iter().map(|x| x.to_bits()));
                }
                ColumnData::Text(text) => {
                    mix(
                        keys,
                        text.codes[rows.clone()].iter().map(|code| u64::from(*code)),
                    );
                }
                ColumnData::Block(_) => {}
            }
        }
    });
    let shared = parts.shared(&keys);
    let is_many = shared >= 5 && shared as f64 >= COPIES * parts.held_out as f64;
    is_many.then(|| {
        Note::warning(format!(
            "{} of {} validation and test rows are copies of training rows: scores on them show memory; remove \
             the copies, or number those of one row alike in a column and set `data.split.group` to it",
            whole(shared),
            whole(parts.held_out)
        ))
    })
}

/// Mixes a value into each key: the finalizer of SplitMix64.
fn mix(keys: &mut [u64], values: impl Iterator<Item = u64>) {
    for (key, value) in keys.iter_mut().zip(values) {
        let mixed = (key.rotate_left(7) ^ value).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        *key = (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    }
}
