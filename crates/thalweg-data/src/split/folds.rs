//! Folds: the rows dealt into parts of equal size, each of which is tested on once.
//!
//! A fold tests, and the rows of the other folds train and validate. Whole groups are dealt, one
//! after another, to the fold f that minimizes Σ_c ((n_fc + g_c)/N_c)² − (n_fc/N_c)², with g_c, n_fc
//! and N_c the rows of class c in the group, in the fold and in all: classes keep their proportions,
//! and without classes the smallest fold takes it. A row without a group is one of its own. Rows in
//! order make windows that grow: the first of k + 1 blocks trains, the next one tests, and so on.

use std::cmp::Reverse;

use thalweg_core::dataset::Targets;
use thalweg_core::random::{Purpose, Stream};

use super::table::{Groups, by_groups, groups};
use super::{Fold, Share, Split, SplitBy, SplitOptions, split, split_table};
use crate::error::{Error, Location, Note, Result, quote};
use crate::table::{Table, gather};
use crate::target::Target;
use crate::text::whole;

/// The substream from which on shares are drawn.
const DRAWS: u64 = 1 << 20;

/// Splits the rows of a table as the options say: those of a fold test, if there is one, and of the
/// others a share is used.
///
/// Then the fraction of validation rows is of the rows that are used beside those of test. With a
/// fold, the rows that would test without it are in no part.
///
/// # Errors
/// As [`split_table`], and when there are fewer rows or groups than folds.
pub fn split_rows(
    table: &Table,
    target: &Target,
    targets: &Targets,
    options: &SplitOptions,
) -> Result<(Split, Vec<Note>)> {
    if options.fold.is_none() && options.share.is_none() {
        return split_table(table, target, targets, options);
    }
    let outer = SplitOptions {
        // What a column names for validation is that in every fold.
        validation_fraction: match options.by {
            SplitBy::Column(_) => options.validation_fraction,
            _ => 0.0,
        },
        ..options.clone()
    };
    let (outer, mut notes) = split_table(table, target, targets, &outer)?;
    let groups = options.group.as_ref().map(|name| groups(table, name));
    let (mut used, test) = match options.fold {
        Some(fold) => {
            let units = Units::of(&outer.train, targets, groups.as_ref());
            notes.extend(few(&units, target, fold, options));
            units.fold(&outer.train, fold, groups.as_ref(), options)?
        }
        None => (outer.train, outer.test),
    };
    if let Some(share) = options.share {
        let units = Units::of(&used, targets, groups.as_ref());
        used = units.share(&used, share, groups.is_some(), options)?;
    }
    let (train, validation) = match outer.validation.is_empty() {
        true => {
            let (split, more) = draw_validation(targets, &used, groups.as_ref(), options)?;
            notes.extend(more);
            (split.train, split.validation)
        }
        false => (used, outer.validation),
    };
    let split = Split {
        train,
        validation,
        test,
    };
    Ok((split, notes))
}

/// The fold of each of `rows`, from 0, of `count` that validate in turn.
///
/// # Errors
/// When there are fewer rows or groups than folds.
pub fn folds_of(
    table: &Table,
    targets: &Targets,
    options: &SplitOptions,
    rows: &[usize],
    count: usize,
) -> Result<Vec<usize>> {
    let groups = options.group.as_ref().map(|name| groups(table, name));
    let units = Units::of(rows, targets, groups.as_ref());
    let fold = Fold {
        index: 0,
        count,
        repeat: 0,
    };
    units.check(fold, groups.as_ref(), options, "ensemble.members")?;
    let folds = units.dealt(fold, options.seed);
    let of_unit = |unit: &usize| folds[*unit].unwrap_or(0);
    Ok(units.of_row.iter().map(of_unit).collect())
}

/// Some of `rows` to train on, and some to validate on.
fn draw_validation(
    targets: &Targets,
    rows: &[usize],
    groups: Option<&Groups>,
    options: &SplitOptions,
) -> Result<(Split, Vec<Note>)> {
    let options = SplitOptions {
        test_fraction: 0.0,
        ..options.clone()
    };
    let (mut split, notes) = match groups {
        // How many groups are in each part says little of one fold.
        Some(groups) => (by_groups(&groups.of(rows), &options)?.0, Vec::new()),
        None => split(&gathered(targets, rows), &options)?,
    };
    for part in [&mut split.train, &mut split.validation] {
        part.iter_mut().for_each(|row| *row = rows[*row]);
    }
    Ok((split, notes))
}

fn gathered(targets: &Targets, rows: &[usize]) -> Targets {
    match targets {
        Targets::Classes(classes) => Targets::Classes(gather(classes, 1, rows)),
        Targets::Values { width, values } => Targets::Values {
            width: *width,
            values: gather(values, *width, rows),
        },
    }
}

/// What is dealt: groups, or single rows.
struct Units {
    /// The unit of each row.
    of_row: Vec<usize>,
    /// Rows of each unit.
    sizes: Vec<usize>,
    /// (unit, class, its rows there), sorted; all rows are of class 0 where targets are no classes.
    counts: Vec<(usize, u32, usize)>,
    /// Where the counts of each unit begin, and their end.
    starts: Vec<usize>,
    /// Rows of each class.
    classes: Vec<usize>,
}

impl Units {
    fn of(rows: &[usize], targets: &Targets, groups: Option<&Groups>) -> Self {
        let of_row = match groups {
            Some(groups) => groups.of(rows).of_row,
            None => (0..rows.len()).collect(),
        };
        let class = |row: usize| match targets {
            Targets::Classes(classes) => classes[row],
            Targets::Values { .. } => 0,
        };
        let mut all: Vec<(usize, u32)> = (of_row.iter().zip(rows))
            .map(|(unit, row)| (*unit, class(*row)))
            .collect();
        all.sort_unstable();
        let count = all.last().map_or(0, |(unit, _)| unit + 1);
        let most = all.iter().map(|(_, class)| *class).max();
        let mut units = Self {
            of_row,
            sizes: vec![0; count],
            counts: Vec::new(),
            starts: Vec::new(),
            classes: vec![0; most.map_or(0, |class| class as usize + 1)],
        };
        for same in all.chunk_by(|a, b| a == b) {
            let (unit, class) = same[0];
            if units.starts.len() == unit {
                units.starts.push(units.counts.len());
            }
            units.counts.push((unit, class, same.len()));
            units.sizes[unit] += same.len();
            units.classes[class as usize] += same.len();
        }
        units.starts.push(units.counts.len());
        units
    }

    /// The classes of a unit, with their rows in it.
    fn counts(&self, unit: usize) -> impl Iterator<Item = (usize, f64)> {
        let counts = &self.counts[self.starts[unit]..self.starts[unit + 1]];
        counts
            .iter()
            .map(|(_, class, rows)| (*class as usize, *rows as f64))
    }

    /// The rows beside those of a fold, and those of the fold.
    fn fold(
        &self,
        rows: &[usize],
        fold: Fold,
        groups: Option<&Groups>,
        options: &SplitOptions,
    ) -> Result<(Vec<usize>, Vec<usize>)> {
        self.check(fold, groups, options, "data.split.fold")?;
        let is_ordered = options.by == SplitBy::Ordered;
        let folds = match is_ordered {
            true => self.windows(fold, options),
            false => self.dealt(fold, options.seed),
        };
        let (mut others, mut tested) = (Vec::new(), Vec::new());
        for (row, unit) in rows.iter().zip(&self.of_row) {
            match folds[*unit] {
                Some(index) if index == fold.index => tested.push(*row),
                Some(index) if is_ordered && index > fold.index => {}
                _ => others.push(*row),
            }
        }
        if tested.is_empty() || others.is_empty() {
            let found = format!("fold {} without rows to test or train on", fold.index + 1);
            let location = Location::field("data.split.group");
            let error = Error::invalid(location, found, "smaller groups");
            return Err(error.remedy("choose fewer folds, or another column"));
        }
        Ok((others, tested))
    }

    /// The rows of a share: by class, and whole groups.
    fn share(
        &self,
        rows: &[usize],
        share: Share,
        is_grouped: bool,
        options: &SplitOptions,
    ) -> Result<Vec<usize>> {
        if !(share.fraction > 0.0 && share.fraction <= 1.0) {
            let (location, found) = (
                Location::field("data.split.share"),
                share.fraction.to_string(),
            );
            return Err(Error::invalid(location, found, "a number > 0 and ≤ 1"));
        }
        let quota = |rows: usize| (share.fraction * rows as f64 - 1e-9).ceil() as usize;
        let order = match options.by {
            SplitBy::Ordered => self.in_order(options).into_iter().rev().collect(),
            _ => self.shuffled(options.seed, DRAWS + share.repeat as u64),
        };
        let is_by_class = !is_grouped && options.by != SplitBy::Ordered;
        let (mut taken, mut is_taken) =
            (vec![0; self.classes.len()], vec![false; self.sizes.len()]);
        for unit in order {
            let class = match is_by_class {
                true => self.first_class(unit),
                false => 0,
            };
            let all = match is_by_class {
                true => self.classes[class],
                false => rows.len(),
            };
            if taken[class] < quota(all) {
                taken[class] += self.sizes[unit];
                is_taken[unit] = true;
            }
        }
        let all = rows.iter().zip(&self.of_row);
        Ok(all
            .filter(|(_, unit)| is_taken[**unit])
            .map(|(row, _)| *row)
            .collect())
    }

    fn first_class(&self, unit: usize) -> usize {
        self.counts[self.starts[unit]].1 as usize
    }

    fn shuffled(&self, seed: u64, substream: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.sizes.len()).collect();
        (Stream::new(seed, Purpose::Split, substream).sequence()).shuffle(&mut order);
        order
    }

    /// In the order of their last rows, the oldest first.
    fn in_order(&self, options: &SplitOptions) -> Vec<usize> {
        let mut last = vec![0; self.sizes.len()];
        let rows = self.of_row.len();
        for (row, &unit) in self.of_row.iter().enumerate() {
            let place = match options.newest_first {
                true => rows - 1 - row,
                false => row,
            };
            last[unit] = place.max(last[unit]);
        }
        let mut order: Vec<usize> = (0..self.sizes.len()).collect();
        order.sort_by_key(|&unit| last[unit]);
        order
    }

    /// Refuses more folds than there is something to make them of.
    fn check(
        &self,
        fold: Fold,
        groups: Option<&Groups>,
        options: &SplitOptions,
        field: &'static str,
    ) -> Result<()> {
        let needed = match options.by {
            SplitBy::Ordered => fold.count + 1,
            _ => fold.count,
        };
        if fold.count < 2 || fold.index >= fold.count {
            let found = format!("fold {} of {}", fold.index, fold.count);
            let expected = "two folds or more, counted from 0";
            return Err(Error::invalid(Location::field(field), found, expected));
        }
        if self.sizes.len() >= needed {
            return Ok(());
        }
        let found = match groups {
            Some(groups) => format!(
                "{} groups in column {}",
                whole(self.sizes.len()),
                quote(groups.name)
            ),
            None => format!("{} rows", whole(self.sizes.len())),
        };
        let expected = format!("at least {needed} for {} folds", fold.count);
        let error = Error::invalid(Location::field(field), found, expected);
        Err(error.remedy("choose fewer folds"))
    }

    /// The fold of each unit, dealt in the order of a seed.
    fn dealt(&self, fold: Fold, seed: u64) -> Vec<Option<usize>> {
        // Substream 0 draws the parts of a plain split.
        let mut order = self.shuffled(seed, 1 + fold.repeat as u64);
        // Large ones first, and single rows class by class.
        order.sort_by_key(|&unit| (Reverse(self.sizes[unit]), self.first_class(unit)));
        let mut of_class = vec![vec![0.0; self.classes.len()]; fold.count];
        let mut rows = vec![0; fold.count];
        let mut folds = vec![None; self.sizes.len()];
        for unit in order {
            let cost = |fold: usize| -> f64 {
                let of_class = &of_class[fold];
                let grown = |(class, more): (usize, f64)| {
                    more * (2.0 * of_class[class] + more) / (self.classes[class] as f64).powi(2)
                };
                self.counts(unit).map(grown).sum()
            };
            let by_cost = |a: &usize, b: &usize| {
                (cost(*a).total_cmp(&cost(*b))).then(rows[*a].cmp(&rows[*b]))
            };
            let chosen = (0..fold.count).min_by(by_cost).unwrap_or(0);
            for (class, more) in self.counts(unit) {
                of_class[chosen][class] += more;
            }
            rows[chosen] += self.sizes[unit];
            folds[unit] = Some(chosen);
        }
        folds
    }

    /// The fold of each unit where they are in the order of their last rows; the first block is in
    /// none. All folds have ⌊n/(k + 1)⌋ of n rows, as near as whole groups come.
    fn windows(&self, fold: Fold, options: &SplitOptions) -> Vec<Option<usize>> {
        let (all, mut before) = (self.of_row.len(), 0);
        let size = all / (fold.count + 1);
        let mut folds = vec![None; self.sizes.len()];
        for unit in self.in_order(options) {
            let first = all - fold.count * size;
            folds[unit] = (before >= first).then(|| ((before - first) / size).min(fold.count - 1));
            before += self.sizes[unit];
        }
        folds
    }
}

/// A warning on a class of fewer rows than there are folds.
fn few(units: &Units, target: &Target, fold: Fold, options: &SplitOptions) -> Option<Note> {
    let mut classes = units.classes.iter().enumerate();
    let (class, rows) = classes.find(|(_, rows)| (1..fold.count).contains(*rows))?;
    let name = target.classes.get(class)?;
    (options.by != SplitBy::Ordered).then(|| {
        Note::warning(format!(
            "class {}: {} rows are fewer than the {} folds, so that some folds have none of them",
            quote(name),
            whole(*rows),
            fold.count
        ))
    })
}

#[cfg(test)]
mod tests;
