//! Which rows train, which validate and which test.

mod folds;
mod groups;
mod look;
mod table;

pub use folds::{folds_of, split_rows};
pub use look::{newest_first, notes_on_order, notes_on_split, times};
pub use table::{group_numbers, notes_on_groups, split_table};

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::Targets;
use thalweg_core::random::{Purpose, Stream};

use crate::error::{Error, Location, Note, Result};
use crate::text::whole;

/// The note on strata that are too small to be split.
const ONE_ROW: &str = "a class has only one row: rows are split at random, not by class";

/// How rows are split. Both fractions are of all rows; validation rows are drawn from those that
/// are not test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitOptions {
    /// Fraction of the rows kept for the final test.
    pub test_fraction: f64,
    /// Fraction of the rows to validate on while training.
    pub validation_fraction: f64,
    /// Seed of the draw.
    pub seed: u64,
    /// Whether every part has the classes in the same proportion.
    pub stratify: bool,
    /// What decides in which part a row is.
    #[serde(skip_serializing_if = "SplitBy::is_random")]
    pub by: SplitBy,
    /// A column whose rows of one value stay in one part; it is no feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The fold of a cross-validation that is tested on: those rows that would test stay out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// The share of the rows that do not test which is used, as if there were no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Whether the order of the rows is random already, as that of a shuffled cache is: then rows are drawn in it,
    /// which takes no memory for each of them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_order: bool,
    /// Whether rows in order begin with the latest, so that the first ones test.
    #[serde(skip)]
    pub newest_first: bool,
    /// So many folds into which all rows that do not test are dealt: they train and validate in turn.
    #[serde(skip)]
    pub validation_folds: Option<usize>,
}

/// A share of the rows; a smaller one of the same draw is a part of a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Above 0, at most 1; of each class alike.
    pub fraction: f64,
    /// Which draw, from 0. Of rows in order, the last ones are taken in each.
    #[serde(default)]
    pub repeat: usize,
}

/// One of the folds into which the rows are dealt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// Which of them, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// Which time the rows are dealt, from 0: each time in another way.
    #[serde(default)]
    pub repeat: usize,
}

/// What decides in which part a row is: in a config `random`, `ordered`, or the name of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SplitBy {
    /// The seed.
    #[default]
    Random,
    /// The order of the rows: later ones validate, the last ones test; where dates fall, the first ones do.
    Ordered,
    /// A column that names the part of each row; it is no feature.
    Column(String),
}

impl SplitBy {
    fn is_random(&self) -> bool {
        *self == Self::Random
    }
}

impl From<String> for SplitBy {
    fn from(text: String) -> Self {
        match text.as_str() {
            "random" => Self::Random,
            "ordered" => Self::Ordered,
            _ => Self::Column(text),
        }
    }
}

impl From<SplitBy> for String {
    fn from(by: SplitBy) -> Self {
        match by {
            SplitBy::Random => "random".to_owned(),
            SplitBy::Ordered => "ordered".to_owned(),
            SplitBy::Column(name) => name,
        }
    }
}

impl SplitOptions {
    /// Whether the part of a row follows from its place among the rows of its class.
    pub(crate) fn is_drawn_in_order(&self) -> bool {
        let draws_none = self.test_fraction == 0.0 && self.validation_fraction == 0.0;
        self.by == SplitBy::Random && self.group.is_none() && (self.in_order || draws_none)
    }

    /// The columns that decide on the split, which are no features.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        let by = match &self.by {
            SplitBy::Column(name) => Some(name),
            SplitBy::Random | SplitBy::Ordered => None,
        };
        by.into_iter().chain(&self.group)
    }
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            test_fraction: 0.1,
            validation_fraction: 0.1,
            seed: 0,
            stratify: true,
            by: SplitBy::Random,
            group: None,
            fold: None,
            share: None,
            in_order: false,
            newest_first: false,
            validation_folds: None,
        }
    }
}

/// Row indices of each part, ascending. Every row is in exactly one part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Split {
    /// Rows to train on; never empty.
    pub train: Vec<usize>,
    /// Rows to validate on while training.
    pub validation: Vec<usize>,
    /// Rows for the final test.
    pub test: Vec<usize>,
}

/// Draws a split, by class where the targets are classes, or takes the last rows where it is
/// ordered.
///
/// # Errors
/// When a fraction is not in [0, 1) or the fractions leave no row to train on.
pub fn split(targets: &Targets, options: &SplitOptions) -> Result<(Split, Vec<Note>)> {
    let rows = targets.rows();
    if options.is_drawn_in_order() {
        return split_in_order(targets, options);
    }
    let mut notes = Vec::new();
    let (test, validation) = sizes(rows, options, &mut notes)?;
    if test + validation == 0 {
        let split = Split {
            train: (0..rows).collect(),
            ..Split::default()
        };
        return Ok((split, notes));
    }
    let mut order: Vec<usize> = (0..rows).collect();
    let strata = match options.by {
        SplitBy::Ordered => {
            // The latest first.
            if !options.newest_first {
                order.reverse();
            }
            vec![order]
        }
        _ => {
            (Stream::new(options.seed, Purpose::Split, 0).sequence()).shuffle(&mut order);
            strata(targets, options, order, &mut notes)
        }
    };
    let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
    let mut part_of = vec![0u8; rows];
    for (rows, [test, validation]) in strata.iter().zip(shares(&sizes, test, validation)) {
        let (test, rest) = rows.split_at(test);
        test.iter().for_each(|row| part_of[*row] = 2);
        (rest[..validation].iter()).for_each(|row| part_of[*row] = 1);
    }
    Ok((Split::of(part_of.into_iter()), notes))
}

fn split_in_order(targets: &Targets, options: &SplitOptions) -> Result<(Split, Vec<Note>)> {
    let (mut drawn, mut notes) = Drawn::new(targets.rows(), options)?;
    let classes = match targets {
        Targets::Classes(classes) if drawn.is_by_class() => classes.as_slice(),
        _ => &[],
    };
    if !classes.is_empty() {
        notes.extend(drawn.by_class(&class_sizes(classes)));
    }
    let class = |row| classes.get(row).map_or(0, |class| *class as usize);
    let part_of = (0..targets.rows()).map(|row| drawn.next(class(row)));
    Ok((Split::of(part_of), notes))
}

fn class_sizes(classes: &[u32]) -> Vec<usize> {
    let count = classes.iter().max().map_or(0, |&class| class as usize + 1);
    let mut sizes = vec![0; count];
    (classes.iter()).for_each(|&class| sizes[class as usize] += 1);
    sizes
}

/// Draws the parts of rows that come one after the other: the first ones of each class test, and the next ones
/// validate.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// Rows that test and that validate, of each class; of all rows where there is one entry.
    shares: Vec<[usize; 2]>,
    /// Rows of each so far.
    seen: Vec<usize>,
    is_by_class: bool,
}

impl Drawn {
    /// For so many rows.
    ///
    /// # Errors
    /// As [`split`].
    pub fn new(rows: usize, options: &SplitOptions) -> Result<(Self, Vec<Note>)> {
        let mut notes = Vec::new();
        let (test, validation) = sizes(rows, options, &mut notes)?;
        let drawn = Self {
            shares: vec![[test, validation]],
            seen: vec![0],
            is_by_class: options.stratify && test + validation > 0,
        };
        Ok((drawn, notes))
    }

    /// Whether all rows train.
    pub fn is_all(&self) -> bool {
        self.shares == [[0, 0]]
    }

    /// Whether the class of a row counts.
    pub fn is_by_class(&self) -> bool {
        self.is_by_class
    }

    /// Gives every class its share, by the rows of each.
    pub fn by_class(&mut self, sizes: &[usize]) -> Option<Note> {
        let present: Vec<usize> = sizes.iter().copied().filter(|size| *size > 0).collect();
        self.is_by_class = present.iter().all(|size| *size > 1);
        if !self.is_by_class {
            return Some(Note::warning(ONE_ROW));
        }
        let [test, validation] = self.shares[0];
        let mut shares = shares(&present, test, validation).into_iter();
        let share = |size: &usize| match size {
            0 => [0, 0],
            _ => shares.next().unwrap_or_default(),
        };
        self.shares = sizes.iter().map(share).collect();
        self.seen = vec![0; sizes.len()];
        None
    }

    /// The part of the next row, which is of this class: 0 trains, 1 validates, 2 tests.
    pub fn next(&mut self, class: usize) -> u8 {
        let class = if self.is_by_class { class } else { 0 };
        let [test, validation] = self.shares[class];
        let rank = self.seen[class];
        self.seen[class] += 1;
        match rank {
            rank if rank < test => 2,
            rank if rank < test + validation => 1,
            _ => 0,
        }
    }
}

/// How many rows of `rows` test, and how many validate.
fn sizes(rows: usize, options: &SplitOptions, notes: &mut Vec<Note>) -> Result<(usize, usize)> {
    for (field, fraction) in [
        ("data.split.test_fraction", options.test_fraction),
        (
            "data.split.validation_fraction",
            options.validation_fraction,
        ),
    ] {
        if !(0.0..1.0).contains(&fraction) {
            let (location, found) = (Location::field(field), fraction.to_string());
            return Err(Error::invalid(location, found, "a number ≥ 0 and < 1"));
        }
    }
    let share = |fraction: f64| (fraction * rows as f64).round() as usize;
    let (test, validation) = (
        share(options.test_fraction),
        share(options.validation_fraction),
    );
    if test + validation >= rows {
        let [test, validation, rows] = [test, validation, rows].map(whole);
        let found = format!("{test} test and {validation} validation rows of {rows}");
        return Err(
            Error::invalid(Location::default(), found, "at least one row to train on")
                .remedy("choose smaller fractions"),
        );
    }
    for (part, count, fraction) in [
        ("test", test, options.test_fraction),
        ("validation", validation, options.validation_fraction),
    ] {
        if count == 0 && fraction > 0.0 {
            notes.push(Note::warning(format!(
                "{rows} rows are too few for {part} rows: there are none"
            )));
        }
    }
    Ok((test, validation))
}

impl Split {
    /// From the part of each row: 0 trains, 1 validates, 2 tests.
    fn of(part_of: impl Iterator<Item = u8>) -> Self {
        let mut split = Self::default();
        let parts = [&mut split.train, &mut split.validation, &mut split.test];
        (part_of.enumerate()).for_each(|(row, part)| parts[usize::from(part)].push(row));
        split
    }

    fn sort(&mut self) {
        for part in [&mut self.train, &mut self.validation, &mut self.test] {
            part.sort_unstable();
        }
    }
}

/// The rows of each class in the order of `order`; one stratum of all rows where the split is not
/// by class.
fn strata(
    targets: &Targets,
    options: &SplitOptions,
    order: Vec<usize>,
    notes: &mut Vec<Note>,
) -> Vec<Vec<usize>> {
    let Targets::Classes(classes) = targets else {
        return vec![order];
    };
    if !options.stratify {
        return vec![order];
    }
    let mut strata = vec![Vec::new(); class_sizes(classes).len()];
    for &row in &order {
        strata[classes[row] as usize].push(row);
    }
    strata.retain(|rows| !rows.is_empty());
    if strata.iter().any(|rows| rows.len() < 2) {
        notes.push(Note::warning(ONE_ROW));
        return vec![order];
    }
    strata
}

/// How many rows of each stratum test and validate.
fn shares(sizes: &[usize], test: usize, validation: usize) -> Vec<[usize; 2]> {
    let for_test = allocate(sizes, sizes, test);
    let left = sizes.iter().zip(&for_test);
    let left: Vec<usize> = left.map(|(size, taken)| size - taken).collect();
    let for_validation = allocate(sizes, &left, validation);
    let pairs = for_test.into_iter().zip(for_validation);
    pairs.map(|(test, validation)| [test, validation]).collect()
}

/// Shares `total` among strata in proportion to their sizes (largest remainders), at most
/// `available` each, and leaves every stratum a row as long as that is possible.
fn allocate(sizes: &[usize], available: &[usize], total: usize) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    let quota = |i: usize| sizes[i] as f64 * total as f64 / all.max(1) as f64;
    let mut shares: Vec<usize> = (0..sizes.len())
        .map(|i| (quota(i).floor() as usize).min(available[i].saturating_sub(1)))
        .collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by(|&a, &b| {
        (quota(b).fract())
            .total_cmp(&quota(a).fract())
            .then(a.cmp(&b))
    });
    let mut left = total.saturating_sub(shares.iter().sum());
    // The second pass may take the last row of a stratum.
    for keep in [1, 0] {
        let mut progress = true;
        while left > 0 && progress {
            progress = false;
            for &i in &by_remainder {
                if left > 0 && shares[i] + keep < available[i] {
                    shares[i] += 1;
                    left -= 1;
                    progress = true;
                }
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(targets: &Targets, options: &SplitOptions) -> (Split, Vec<Note>) {
        split(targets, options).unwrap()
    }

    #[test]
    fn every_row_is_in_one_part_and_classes_keep_their_proportions() {
        let classes: Vec<u32> = (0..1000).map(|i| if i % 10 == 0 { 1 } else { 0 }).collect();
        let (split, notes) = parts(&Targets::Classes(classes.clone()), &SplitOptions::default());
        assert!(notes.is_empty());
        let mut all = [
            split.train.clone(),
            split.validation.clone(),
            split.test.clone(),
        ]
        .concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        for (part, ones) in [(split.train, 80), (split.validation, 10), (split.test, 10)] {
            assert!(part.is_sorted());
            assert_eq!(part.iter().filter(|&&row| classes[row] == 1).count(), ones);
        }
    }

    #[test]
    fn the_seed_decides() {
        let targets = Targets::Values {
            width: 1,
            values: vec![0.0; 100],
        };
        let of = |seed| {
            parts(
                &targets,
                &SplitOptions {
                    seed,
                    ..Default::default()
                },
            )
            .0
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn rows_in_random_order_are_drawn_in_it_by_class() {
        let classes: Vec<u32> = (0..1000).map(|i| u32::from(i % 10 == 0)).collect();
        let options = SplitOptions {
            in_order: true,
            ..SplitOptions::default()
        };
        let (split, _) = parts(&Targets::Classes(classes), &options);
        // The first 90 and 10 rows of the classes are among rows 0 to 99, the next ones behind them.
        assert_eq!(split.test, (0..100).collect::<Vec<_>>());
        assert_eq!(split.validation, (100..200).collect::<Vec<_>>());
        assert_eq!(split.train, (200..1000).collect::<Vec<_>>());
        // Of numbers, the first rows of all.
        let targets = Targets::Values {
            width: 1,
            values: vec![0.5; 10],
        };
        let (split, _) = parts(&targets, &options);
        assert_eq!((split.test, split.validation), (vec![0], vec![1]));
    }

    #[test]
    fn a_class_of_one_row_means_a_random_split_and_a_note() {
        let targets = Targets::Classes(vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let (split, notes) = parts(&targets, &SplitOptions::default());
        assert_eq!((split.test.len(), split.validation.len()), (1, 1));
        assert!(notes[0].text.contains("only one row"));
    }

    #[test]
    fn small_classes_keep_a_row_to_train_on() {
        let targets = Targets::Classes([vec![0; 20], vec![1; 2]].concat());
        let options = SplitOptions {
            test_fraction: 0.4,
            validation_fraction: 0.4,
            ..Default::default()
        };
        let (split, _) = parts(&targets, &options);
        assert!(split.train.iter().any(|&row| row >= 20));
        assert_eq!((split.test.len(), split.validation.len()), (9, 9));
    }

    #[test]
    fn fractions_that_leave_nothing_are_refused() {
        let targets = Targets::Classes(vec![0, 1, 0, 1]);
        for (test_fraction, validation_fraction) in
            [(0.5, 0.5), (1.0, 0.0), (-0.1, 0.1), (f64::NAN, 0.1)]
        {
            let options = SplitOptions {
                test_fraction,
                validation_fraction,
                ..Default::default()
            };
            assert!(split(&targets, &options).is_err());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::with_cases(300)
        })]

        #[test]
        fn parts_have_the_sizes_asked_for_and_share_no_row(
            classes in proptest::collection::vec(0u32..5, 2..200),
            test_fraction in 0.0f64..0.5,
            validation_fraction in 0.0f64..0.5,
            seed in 0u64..100,
            in_order in proptest::bool::ANY,
        ) {
            let rows = classes.len();
            let options = SplitOptions { test_fraction, validation_fraction, seed, in_order, ..Default::default() };
            let Ok((split, _)) = split(&Targets::Classes(classes), &options) else {
                return Ok(());
            };
            let share = |fraction: f64| (fraction * rows as f64).round() as usize;
            proptest::prop_assert_eq!(split.test.len(), share(test_fraction));
            proptest::prop_assert_eq!(split.validation.len(), share(validation_fraction));
            let mut all = [split.train, split.validation, split.test].concat();
            all.sort_unstable();
            proptest::prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
