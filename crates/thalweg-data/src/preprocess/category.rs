//! Fitting categories: one-hot inputs, codes for an embedding, or true and false.

use std::collections::HashMap;

use super::left_out::LeftOut;
use super::options::FitOptions;
use super::{Encoding, Numeric};
use crate::error::{Error, Location, Note, Result, quote};
use crate::stray::notes_on_stray_cells;
use crate::table::{Column, ColumnData, Kind, Table, TextColumn, truth};
use crate::target::{TargetOptions, target_names};
use crate::text::whole;

/// Texts that never repeat in this many rows are identifiers.
const ROWS_TO_JUDGE: usize = 10;
/// The most codes of a column: f32 holds every whole number up to this one.
const MOST_CODES: usize = 1 << 24;
/// Rows for each category below which a column of codes is worth a run without it. On 8,000 rows
/// whose target did not depend on the column, RMSE rose from 0.221 to 0.248 at 2 rows a category,
/// and from 0.224 to 0.247 at 32; where it did (by 0.3, beside noise of 0.22), it fell from 0.367
/// to 0.346 at 2, and from 0.367 to 0.252 at 32. So rare categories may well be worth their codes;
/// that shows in a comparison alone.
const FEW_ROWS: usize = 20;

/// Counts the categories of a text column block by block, in one pass.
#[derive(Debug)]
pub(super) struct CategoryFit {
    counts: HashMap<String, Count>,
    rows: usize,
    /// Whether every text so far, in training rows or not, means true or false.
    is_boolean: bool,
}

/// How often a category comes.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    rows: usize,
    /// Σ w of these rows.
    weight: f64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.weight += other.weight;
    }
}

impl CategoryFit {
    pub fn new() -> Self {
        Self {
            counts: HashMap::new(),
            rows: 0,
            is_boolean: true,
        }
    }

    /// Adds the training rows among those of a block, and their weights where they have some.
    pub fn add(&mut self, text: &TextColumn, rows: &[usize], weights: Option<&[f32]>) {
        self.rows += rows.len();
        self.is_boolean &= text.levels.iter().all(|level| truth(level).is_some());
        let mut counts = vec![Count::default(); text.levels.len()];
        for (i, &row) in rows.iter().enumerate() {
            if let Some(count) = counts.get_mut(text.codes[row] as usize) {
                let weight = weights.map_or(1.0, |weights| f64::from(weights[i]));
                *count += Count { rows: 1, weight };
            }
        }
        for (level, count) in text.levels.iter().zip(counts).filter(|(_, n)| n.rows > 0) {
            match self.counts.get_mut(level) {
                Some(total) => *total += count,
                None => drop(self.counts.insert(level.clone(), count)),
            }
        }
    }

    /// The encoding of column `name`, or why it is left out.
    pub fn finish(
        self,
        name: &str,
        options: &FitOptions,
        notes: &mut Vec<Note>,
    ) -> Result<Result<Encoding, LeftOut>> {
        let present: usize = self.counts.values().map(|count| count.rows).sum();
        if present == 0 {
            return Ok(Err(LeftOut::Empty));
        }
        if self.is_boolean {
            return Ok(self.boolean().map(Encoding::Boolean));
        }
        match self.counts.len() {
            1 if present == self.rows => return Ok(Err(LeftOut::Constant)),
            n if n == present && n >= ROWS_TO_JUDGE => return Ok(Err(LeftOut::Identifier)),
            _ => {}
        }
        let mut levels: Vec<(Count, String)> = self
            .counts
            .into_iter()
            .map(|(level, n)| (n, level))
            .collect();
        let frequent = |(count, _): &&(Count, String)| count.rows >= options.embed_least;
        let number = levels.iter().filter(frequent).count();
        if options.embed_above.is_some_and(|limit| number > limit) {
            check_codes(name, number + 1)?;
            levels.retain(|level| frequent(&level));
            notes.extend(note_on_few_rows(name, &levels));
            let levels = sorted(levels);
            return Ok(Ok(Encoding::Codes { levels }));
        }
        // Those of the largest weight first; the text decides ties, so that the order of the rows
        // does not matter.
        levels.sort_unstable_by(|a, b| {
            (b.0.weight.total_cmp(&a.0.weight)).then_with(|| a.1.cmp(&b.1))
        });
        if levels.len() > options.max_categories {
            notes.push(Note::info(format!(
                "column {} has {} categories: the {} most frequent keep an input each, the rest share one",
                quote(name),
                whole(levels.len()),
                whole(options.max_categories)
            )));
            levels.truncate(options.max_categories);
        }
        let levels = sorted(levels);
        Ok(Ok(Encoding::Categorical { levels }))
    }

    /// 1 for true and 0 for false, unscaled; a missing value is the median, which is 0 between the
    /// two.
    fn boolean(self) -> Result<Numeric, LeftOut> {
        let each = |is| {
            let levels = (self.counts.iter()).filter(|(level, _)| truth(level) == Some(is));
            let mut levels: Vec<(&String, &Count)> = levels.collect();
            // The order of a hash map would decide the last bits of the sum.
            levels.sort_unstable_by_key(|(level, _)| *level);
            levels
                .into_iter()
                .fold(Count::default(), |mut sum, (_, count)| {
                    sum += *count;
                    sum
                })
        };
        let (no, yes) = (each(false), each(true));
        let constant = no.rows == 0 || yes.rows == 0;
        let indicator = no.rows + yes.rows < self.rows;
        if constant && !indicator {
            return Err(LeftOut::Constant);
        }
        let number = |is: bool| f64::from(u8::from(is));
        Ok(Numeric {
            fill: number(indicator && yes.weight > no.weight),
            center: number(no.rows == 0),
            scale: number(!constant),
            curve: None,
            clip: false,
            indicator,
            zero_one: false,
        })
    }
}

fn sorted(levels: Vec<(Count, String)>) -> Vec<String> {
    let mut levels: Vec<String> = levels.into_iter().map(|(_, level)| level).collect();
    levels.sort_unstable();
    levels
}

/// Refuses codes that single precision does not hold.
fn check_codes(name: &str, codes: usize) -> Result<()> {
    if codes <= MOST_CODES {
        return Ok(());
    }
    let [found, most] = [codes, MOST_CODES].map(whole);
    let found = format!("{found} categories");
    let expected = format!("at most {most}, which single precision represents exactly");
    let error = Error::invalid(Location::default().column(name), found, expected);
    Err(error.remedy("add the column to `data.fit.drop`, or group its categories"))
}

/// A note when the categories with a code have few rows each.
fn note_on_few_rows(name: &str, levels: &[(Count, String)]) -> Option<Note> {
    let (number, name) = (levels.len(), quote(name));
    let rows: usize = levels.iter().map(|(count, _)| count.rows).sum();
    let note = || {
        let each = whole((rows as f64 / number as f64).round() as usize);
        let number = whole(number);
        Note::info(format!(
            "column {name} has {number} categories with a code, of about {each} rows each, which may be memorized: \
             compare with `data.fit.drop` {name}"
        ))
    };
    (rows < FEW_ROWS * number).then(note)
}

/// The notes of fitting on columns of many categories, if all rows were training rows and the target the one that is chosen
/// where none is named; and those on columns, the target too, that few cells make categories.
pub fn notes_on_categories(table: &Table, options: &FitOptions) -> Vec<Note> {
    let mut notes = Vec::new();
    let target = target_names(table, &TargetOptions::default(), &mut Vec::new());
    let target = target.unwrap_or_default();
    let rows = table.all_rows();
    let is_input = |column: &&Column| !target.contains(&column.name);
    for column in table.columns.iter().filter(is_input) {
        if let (ColumnData::Text(text), Kind::Categorical) = (&column.data, column.kind()) {
            let mut fit = CategoryFit::new();
            fit.add(text, &rows, None);
            // Too many codes for a column are an error of training alone.
            let _ = fit.finish(&column.name, options, &mut notes);
        }
    }
    notes.extend(notes_on_stray_cells(table));
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_single_precision_confuses_are_refused() {
        assert_eq!(((1u32 << 24) + 1) as f32, (1u32 << 24) as f32);
        check_codes("word", 1 << 24).unwrap();
        let error = check_codes("word", (1 << 24) + 1).unwrap_err().to_string();
        let expected = "16,777,217 categories, expected at most 16,777,216";
        assert!(error.contains(expected), "{error}");
    }
}
