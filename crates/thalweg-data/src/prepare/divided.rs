//! In which part each row of a cache is, and what is predicted: decided in passes over the columns that say so.
//!
//! Rows that are drawn in their order, which is random, and those of an ordered split need no memory but two bits
//! each: a row's part follows from its rank among the rows of its class. Other splits hold their columns.

use std::borrow::Cow;

use super::condensed::Condensed;
use super::rows_of_cache::{NONE, PartOf, RowsOfCache};
use super::{PrepareOptions, target_of, usable, weights_and_targets};
use crate::error::{Error, Note, Result};
use crate::preprocess::Preprocessing;
use crate::split::{
    Drawn, SplitBy, SplitOptions, group_numbers, newest_first, notes_on_order, split, split_table,
    times,
};
use crate::table::{Column, ColumnData, Table};
use crate::target::{Target, Unlabelled, find, has_target, target_names};
use crate::weights::{note_on_zeros, row_weights};
use thalweg_core::dataset::Targets;

impl RowsOfCache {
    /// Chooses the target and decides in which part each row is.
    ///
    /// # Errors
    /// As [`prepare`](super::prepare), of target, weights and split.
    pub fn divide(
        &mut self,
        fitted: Option<&Preprocessing>,
        [validation, test]: [Option<&Table>; 2],
        options: &PrepareOptions,
        notes: &mut Vec<Note>,
    ) -> Result<Target> {
        let (weights, names) = weights_and_targets(fitted, &self.schema, options)?;
        names
            .iter()
            .try_for_each(|name| find(&self.schema, name).map(drop))?;
        if self.schema.columns.len() == names.len() {
            let found = "only target columns";
            let expected = "at least one column of features";
            let error = Error::invalid(self.schema.location(), found, expected);
            return Err(error.remedy("choose another target"));
        }
        let mut options = options.clone();
        if fitted.is_none() {
            // Which column is the last one, and what names there are, is seen among all columns alone.
            let of_all = target_names(&self.schema, &options.target, notes)?;
            if let ([name], true) = (of_all.as_slice(), self.schema.roles.target.is_empty()) {
                options.target.column = Some(name.clone());
            }
        }
        let given = |part: Option<&Table>, fraction| part.map_or(fraction, |_| 0.0);
        let by = SplitOptions {
            test_fraction: given(test, options.split.test_fraction),
            validation_fraction: given(validation, options.split.validation_fraction),
            ..options.split.clone()
        };
        let what = What {
            fitted,
            weights: weights.as_deref(),
            names: &names,
            options: &options,
        };
        if by.is_drawn_in_order()
            && let Some((target, more)) = self.in_passes(&what, &by)?
        {
            notes.extend(more);
            return Ok(target);
        }
        self.by_columns(&what, &by, notes)
    }

    /// The same with two bits a row; none where the choice of the target needs the targets of all rows.
    fn in_passes(&mut self, what: &What, by: &SplitOptions) -> Result<Option<(Target, Vec<Note>)>> {
        let names = what.names.iter().map(String::as_str);
        let looked_at = self.indices(names.clone().chain(what.weights));
        let of_targets = self.indices(names);
        let targets = self.cache.borrow().columns_of(&of_targets);
        let mut condensed = (what.fitted.is_none())
            .then(|| Condensed::new(&self.schema.file, targets, &what.options.target));
        let mut part_of = PartOf::none(self.part_of.rows());
        let (mut zeros, mut unlabelled, mut is_enough) = (0, Unlabelled::default(), true);
        let classes = what.fitted.map(Preprocessing::classes);
        self.each_block(Some(&looked_at), &mut |table, start| {
            let all = table.all_rows();
            let weights = row_weights(table, what.weights, &all)?;
            let has_target = has_target(table, what.names, classes)?;
            let mut rows = Vec::with_capacity(all.len());
            for row in all {
                match (&weights, has_target[row]) {
                    (Some(weights), _) if weights[row] == 0.0 => zeros += 1,
                    (_, false) => unlabelled.add(table, row, what.names),
                    (_, true) => rows.push(row),
                }
            }
            rows.iter().for_each(|row| part_of.set(start + row, 0));
            if let Some(condensed) = condensed.as_mut().filter(|_| is_enough) {
                is_enough = condensed.add(table, &rows);
            }
            Ok(())
        })?;
        if !is_enough {
            return Ok(None);
        }
        let count = part_of.rows();
        let mut notes = Vec::new();
        notes.extend(note_on_zeros(&self.schema, what.weights, count, zeros)?);
        notes.extend(unlabelled.note(&self.schema, what.names, count - zeros)?);
        let target = match (condensed, what.fitted) {
            (Some(rows), _) => target_of(None, &rows.table(), what.options, &mut notes)?.0,
            (None, Some(fitted)) => fitted.target.clone(),
            (None, None) => return Ok(None),
        };
        self.part_of = part_of;
        notes.extend(self.draw(&target, &of_targets, by)?);
        Ok(Some((target, notes)))
    }

    /// Gives each row that is to be used its part by its rank.
    fn draw(&mut self, target: &Target, columns: &[usize], by: &SplitOptions) -> Result<Vec<Note>> {
        let (mut drawn, mut notes) = Drawn::new(self.part_of.counts()[0], by)?;
        if drawn.is_all() {
            return Ok(notes);
        }
        let mut part_of = std::mem::take(&mut self.part_of);
        let usable = |part_of: &PartOf, table: &Table, start: usize| -> Vec<usize> {
            let is_usable = |row: &usize| part_of.of(start + row) != NONE;
            (0..table.rows).filter(is_usable).collect()
        };
        let has_classes = !target.classes.is_empty() && drawn.is_by_class();
        let classes_of = |table: &Table, rows: &[usize]| match has_classes {
            true => match target.encode(table, rows)? {
                Targets::Classes(classes) => Ok(classes),
                Targets::Values { .. } => Ok(Vec::new()),
            },
            false => Ok(Vec::new()),
        };
        if has_classes {
            let mut sizes = vec![0; target.classes.len()];
            self.each_block(Some(columns), &mut |table, start| {
                let classes = classes_of(table, &usable(&part_of, table, start))?;
                (classes.iter()).for_each(|class| sizes[*class as usize] += 1);
                Ok(())
            })?;
            notes.extend(drawn.by_class(&sizes));
        }
        self.each_block(Some(columns), &mut |table, start| {
            let rows = usable(&part_of, table, start);
            let classes = classes_of(table, &rows)?;
            for (at, row) in rows.into_iter().enumerate() {
                let class = classes.get(at).map_or(0, |class| *class as usize);
                part_of.set(start + row, drawn.next(class));
            }
            Ok(())
        })?;
        self.part_of = part_of;
        Ok(notes)
    }

    /// With the columns that decide in memory.
    fn by_columns(
        &mut self,
        what: &What,
        by: &SplitOptions,
        notes: &mut Vec<Note>,
    ) -> Result<Target> {
        let mut by = by.clone();
        let is_ordered = by.by == SplitBy::Ordered;
        let times: Vec<&str> = times(&self.schema).filter(|_| is_ordered).collect();
        let names = what.names.iter().chain(by.columns()).map(String::as_str);
        let looked_at = self.indices(names.chain(what.weights).chain(times));
        let all = self.cache.borrow_mut().columns(&looked_at)?;
        let classes = what.fitted.map(Preprocessing::classes);
        let left = match usable(&all, what.weights, what.names, classes, notes)? {
            Cow::Borrowed(_) => None,
            Cow::Owned(left) => Some(left),
        };
        let kept: Option<Vec<u32>> = (left.as_ref()).map(|left| {
            let rows = left.rows_in(&all).into_iter();
            rows.map(|row| row as u32).collect()
        });
        let mut table = left.unwrap_or(all);
        // Stands for the features, which are not looked at.
        table.columns.push(Column {
            name: String::new(),
            data: ColumnData::Numeric(Vec::new()),
        });
        let (target, targets) = target_of(what.fitted, &table, what.options, notes)?;
        if is_ordered {
            let note;
            (by.newest_first, note) = newest_first(&table, &target, &by);
            notes.extend(note);
        }
        let (split, more) = match (&by.by, &by.group) {
            (SplitBy::Random, None) => {
                drop(table);
                split(&targets, &by)?
            }
            _ => {
                let (split, mut more) = split_table(&table, &target, &targets, &by)?;
                if is_ordered {
                    more.extend(notes_on_order(&table, &target, &split, &by));
                }
                self.validation_groups = group_numbers(&table, &split.validation, &by);
                (split, more)
            }
        };
        notes.extend(more);
        for (part, rows) in (0..).zip([&split.train, &split.validation, &split.test]) {
            for &row in rows {
                let row = kept.as_ref().map_or(row, |kept| kept[row] as usize);
                self.part_of.set(row, part);
            }
        }
        Ok(target)
    }
}

/// What is decided on.
struct What<'a> {
    fitted: Option<&'a Preprocessing>,
    /// The column of weights.
    weights: Option<&'a str>,
    /// The columns of targets.
    names: &'a [String],
    options: &'a PrepareOptions,
}
