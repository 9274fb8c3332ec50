//! What new rows may add to a model: classes and columns that it does not know.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Blocks, FitOptions, Preprocessing};
use crate::error::{Note, Result, quote_list};
use crate::table::{Column, ColumnData, Table};
use crate::target::Task;

/// What new rows may add to a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Extend {
    /// Classes that the model does not know become outputs of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub classes: bool,
    /// Columns that the model does not know become inputs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub columns: bool,
}

impl Extend {
    /// Whether it adds nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Preprocessing {
    /// The same with the classes of a table that are none of its own, behind these and sorted.
    ///
    /// # Errors
    /// If the target is not there, or is no class.
    pub(crate) fn with_classes_of(&self, table: &Table) -> Result<(Self, Option<Note>)> {
        let mut extended = self.clone();
        let name = self.target.columns.first().map_or("", String::as_str);
        let (Task::Binary | Task::Multiclass, Some(column)) = (self.task(), table.column(name))
        else {
            return Ok((extended, None));
        };
        let is_new = |row: &usize| self.target.encode(table, &[*row]).is_err();
        let firsts = firsts(column).into_iter().filter(is_new);
        let texts: HashSet<String> = firsts.filter_map(|row| column.text(row)).collect();
        let mut texts: Vec<String> = texts.into_iter().collect();
        texts.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        });
        if texts.is_empty() {
            return Ok((extended, None));
        }
        let names = quote_list(texts.iter().map(String::as_str));
        extended.target.task = Task::Multiclass;
        extended.target.classes.extend(texts);
        if let Some(weights) = &mut extended.class_weights {
            weights.resize(extended.target.classes.len(), 1.0);
        }
        let text =
            format!("new classes: {names}: the output layer gets outputs for them, drawn anew");
        Ok((extended, Some(Note::info(text))))
    }

    /// The same with the columns of blocks of rows that it does not know, fitted to these rows, behind
    /// its own inputs.
    ///
    /// # Errors
    /// As [`Preprocessing::fit`].
    pub(crate) fn with_columns_of(
        &self,
        blocks: &dyn Blocks,
        options: &FitOptions,
    ) -> Result<(Self, Vec<Note>)> {
        let table = blocks.table();
        let no_feature = |name: &&str| {
            let is_target = self.target.columns.iter().any(|target| target == name);
            is_target || self.sample_weight.as_deref() == Some(name)
        };
        let is_new = |name: &&str| !self.columns.iter().any(|known| known == name);
        let names = table.names().filter(|name| !no_feature(name));
        let (new, old): (Vec<&str>, Vec<&str>) = names.partition(is_new);
        if new.is_empty() {
            return Ok((self.clone(), Vec::new()));
        }
        let options = FitOptions {
            drop: old.into_iter().map(str::to_owned).collect(),
            sample_weight: self.sample_weight.clone(),
            embed_above: None,
            ..options.clone()
        };
        let (fitted, mut notes) = Self::fit(blocks, self.target.clone(), &options)?;
        let mut extended = self.clone();
        let is_of_new = |name: &String| new.contains(&name.as_str());
        extended
            .columns
            .extend(new.iter().map(|name| (*name).to_owned()));
        extended
            .dropped
            .extend(fitted.dropped.into_iter().filter(is_of_new));
        extended.readings.extend(fitted.readings);
        let names = quote_list(fitted.inputs.iter().map(|input| input.name.as_str()));
        notes.push(Note::info(format!(
            "new columns: {names}: the first layer gets inputs for them, with weights of 0"
        )));
        extended.inputs.extend(fitted.inputs);
        Ok((extended, notes))
    }
}

/// A row of each distinct value of a column.
fn firsts(column: &Column) -> Vec<usize> {
    let mut seen = HashSet::new();
    match &column.data {
        ColumnData::Text(text) => {
            let rows = text.codes.iter().enumerate();
            rows.filter(|(_, code)| seen.insert(u64::from(**code)))
                .map(|(row, _)| row)
                .collect()
        }
        ColumnData::Numeric(numbers) => {
            let rows = numbers.iter().enumerate();
            rows.filter(|(_, number)| seen.insert(number.to_bits()))
                .map(|(row, _)| row)
                .collect()
        }
        _ => Vec::new(),
    }
}
