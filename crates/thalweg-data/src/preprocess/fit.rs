//! Fitting: the whole preprocessing from the training rows alone.

use std::collections::BTreeMap;

use super::column::ColumnFit;
use super::identifier::Seems;
use super::left_out::LeftOut;
use super::options::FitOptions;
use super::target::TargetFit;
use super::{Encoding, InputColumn, Preprocessing};
use crate::error::{Error, Note, Result, did_you_mean, quote, quote_list};
use crate::part::Part;
use crate::table::Table;
use crate::target::Target;
use crate::threads;
use crate::weights::row_weights;

/// Training rows that are read block by block, once in each pass. A block is a table and the
/// training rows in it.
pub trait Blocks {
    /// A table with the columns of every block: their names and types, and the file for messages.
    fn table(&self) -> &Table;

    /// Calls `visit` with every block, in the same order in each pass. Of its columns those of these names are looked
    /// at, those of targets and of weights.
    ///
    /// # Errors
    /// The first of `visit`, or of reading.
    fn each(
        &self,
        columns: &[&str],
        visit: &mut dyn FnMut(&Table, &Part<'_>) -> Result<()>,
    ) -> Result<()>;

    /// All of them, where they are one table in memory: it is passed over again for each column.
    fn whole(&self) -> Option<(&Table, &Part<'_>)> {
        None
    }

    /// How many columns are fitted in one pass over blocks. Medians keep the values of their columns.
    fn columns_at_once(&self) -> usize {
        usize::MAX
    }

    /// Whether memory for the values of a column is there; else medians take more passes.
    fn holds_values(&self) -> bool {
        true
    }
}

/// A table in memory: one block.
impl Blocks for (&Table, &Part<'_>) {
    fn table(&self) -> &Table {
        self.0
    }

    fn each(
        &self,
        _columns: &[&str],
        visit: &mut dyn FnMut(&Table, &Part<'_>) -> Result<()>,
    ) -> Result<()> {
        visit(self.0, self.1)
    }

    fn whole(&self) -> Option<(&Table, &Part<'_>)> {
        Some(*self)
    }
}

impl Preprocessing {
    /// Fits to training rows.
    ///
    /// Constant and empty columns, identifiers, and the columns to drop are left out; notes list
    /// them.
    ///
    /// # Errors
    /// When no row or no column is left, a column to drop or of weights does not exist, a number is
    /// infinite, or the deviation of a target has no f64.
    pub fn fit(
        blocks: &dyn Blocks,
        target: Target,
        options: &FitOptions,
    ) -> Result<(Self, Vec<Note>)> {
        let table = blocks.table();
        let mut preprocessing = Self {
            columns: table.names().map(str::to_owned).collect(),
            inputs: Vec::new(),
            readings: table.readings.clone(),
            dropped: options.drop.clone(),
            target_scaling: Vec::new(),
            class_weights: None,
            target,
            sample_weight: (options.sample_weight.clone()).or(table.roles.weights.clone()),
        };
        preprocessing.check_names(table)?;
        let weights = preprocessing.sample_weight.clone();
        let weighted_by = weights.as_deref();
        let mut notes = Vec::new();
        let mut target = TargetFit::new(&preprocessing.target, options);
        let mut left_out: BTreeMap<LeftOut, Vec<&str>> = BTreeMap::new();
        let mut doubts = Vec::new();
        let mut columns = Vec::new();
        for (place, column) in table.columns.iter().enumerate() {
            if !preprocessing.is_no_feature(&column.name) {
                let reading = table.readings.get(&column.name);
                let is_wanted = reading.is_some_and(|reading| reading.asked);
                let how = (options.scaling, !blocks.holds_values());
                columns.push(ColumnFit::new(column, place, how, is_wanted));
            }
        }
        for fitted in fit_all(columns, blocks, weighted_by, options)? {
            let name = fitted.name;
            notes.extend(fitted.notes);
            match fitted.encoding {
                Ok(encoding) => {
                    doubts.extend(fitted.seems.map(|seems| (name, seems)));
                    preprocessing.inputs.push(InputColumn {
                        name: name.to_owned(),
                        encoding,
                    });
                }
                Err(why) => {
                    left_out.entry(why).or_default().push(name);
                    preprocessing.dropped.push(name.to_owned());
                }
            }
        }
        let is_code = |input: &InputColumn| matches!(input.encoding, Encoding::Codes { .. });
        preprocessing.inputs.sort_by_key(|input| !is_code(input));
        notes.extend(preprocessing.note_on_missing());
        if preprocessing.inputs.len() > 1 {
            notes.extend(notes_on_doubts(&doubts));
        }
        notes.extend(left_out.iter().map(note_on_left_out));
        preprocessing.check_inputs(table, &left_out)?;
        loop {
            blocks.each(&[], &mut |table, part| {
                let weights = row_weights(table, weighted_by, &part.rows)?;
                target.add(&preprocessing.target, table, part, weights.as_deref())
            })?;
            if !target.end_pass() {
                break;
            }
        }
        target.finish(&mut preprocessing, table, options, &mut notes)?;
        let dropped = &preprocessing.dropped;
        (preprocessing.readings).retain(|name, _| !dropped.contains(name));
        Ok((preprocessing, notes))
    }

    /// Refuses a table of which no column is an input.
    fn check_inputs(&self, table: &Table, left_out: &BTreeMap<LeftOut, Vec<&str>>) -> Result<()> {
        if !self.inputs.is_empty() {
            return Ok(());
        }
        let expected = "at least one column that varies";
        let error = Error::invalid(table.location(), "no usable feature", expected);
        Err(error.remedy(remedy_without_features(left_out)))
    }

    /// Whether the columns to drop and of weights exist, and the latter is not the target.
    fn check_names(&self, table: &Table) -> Result<()> {
        for name in self.dropped.iter().chain(&self.sample_weight) {
            if table.column(name).is_none() {
                let found = format!("no column {}", quote(name));
                let expected = format!("one of {}", quote_list(table.names()));
                return Err(Error::invalid(table.location(), found, expected)
                    .remedy(did_you_mean(name, table.names())));
            }
        }
        match &self.sample_weight {
            Some(name) if self.target.columns.contains(name) => {
                let location = table.location().column(name);
                let found = "the target as the column of weights";
                Err(Error::invalid(location, found, "another column"))
            }
            _ => Ok(()),
        }
    }

    /// A note on the columns whose missing values are filled.
    fn note_on_missing(&self) -> Option<Note> {
        let with_indicator = |input: &&InputColumn| match &input.encoding {
            Encoding::Numeric(numeric) | Encoding::Boolean(numeric) => numeric.indicator,
            Encoding::Date(parts) => parts.days.indicator,
            Encoding::Matrix { places } => places.iter().flatten().any(|place| place.indicator),
            _ => false,
        };
        let filled = self.inputs.iter().filter(with_indicator);
        let names: Vec<&str> = filled.map(|input| input.name.as_str()).collect();
        let text = "missing values become the median, and an input marks them:";
        (!names.is_empty()).then(|| Note::info(format!("{text} {}", quote_list(names))))
    }

    /// Whether a raw column is target, weight or dropped.
    pub(super) fn is_no_feature(&self, name: &str) -> bool {
        let names = self.target.columns.iter().chain(&self.dropped);
        names.chain(&self.sample_weight).any(|n| n == name)
    }
}

/// A warning on the columns that are left out for one reason.
fn note_on_left_out((why, names): (&LeftOut, &Vec<&str>)) -> Note {
    let columns = if names.len() == 1 {
        "column"
    } else {
        "columns"
    };
    let names = quote_list(names.iter().copied());
    Note::warning(format!("left out: {columns} {names}: {why}"))
}

/// What should be known of columns that may be no quantities.
fn notes_on_doubts(doubts: &[(&str, Seems)]) -> Vec<Note> {
    let of = |what: Seems| {
        let names = doubts.iter().filter(move |(_, seems)| *seems == what);
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        let columns = if names.len() == 1 {
            "column"
        } else {
            "columns"
        };
        (!names.is_empty()).then(|| format!("{columns} {}", quote_list(names)))
    };
    let row_numbers = of(Seems::RowNumber).map(|columns| {
        let text = "every whole number of a range once, as row numbers have; `data.fit.drop` leaves them out";
        Note::warning(format!("{columns}: {text}"))
    });
    let codes = of(Seems::Codes).map(|columns| {
        let text = "few whole numbers far apart, as codes have; `data.read.categorical` makes categories of them";
        Note::info(format!("{columns}: {text}"))
    });
    row_numbers.into_iter().chain(codes).collect()
}

/// A column whose fit is done.
struct Fitted<'a> {
    name: &'a str,
    seems: Option<Seems>,
    /// Or why it is left out.
    encoding: std::result::Result<Encoding, LeftOut>,
    notes: Vec<Note>,
}

impl<'a> Fitted<'a> {
    fn of(fit: ColumnFit<'a>, options: &FitOptions) -> Result<Self> {
        let (name, seems, mut notes) = (fit.name, fit.seems(), Vec::new());
        Ok(Self {
            encoding: fit.finish(options, &mut notes)?,
            name,
            seems,
            notes,
        })
    }
}

/// Fits columns: to a table in memory on all threads, else some in each pass.
fn fit_all<'a>(
    columns: Vec<ColumnFit<'a>>,
    blocks: &dyn Blocks,
    weighted_by: Option<&str>,
    options: &FitOptions,
) -> Result<Vec<Fitted<'a>>> {
    let mut columns = columns.into_iter();
    if let Some(whole) = blocks.whole() {
        let threads = threads::for_rows(whole.1.rows.len());
        let fitted = threads::map(threads, columns, |mut fit| {
            fit_columns(std::slice::from_mut(&mut fit), &whole, weighted_by)?;
            Fitted::of(fit, options)
        });
        return fitted.into_iter().collect();
    }
    let mut all = Vec::new();
    loop {
        let count = blocks.columns_at_once().clamp(1, columns.len().max(1));
        let mut group: Vec<ColumnFit> = columns.by_ref().take(count).collect();
        if group.is_empty() {
            return Ok(all);
        }
        fit_columns(&mut group, blocks, weighted_by)?;
        for fit in group {
            all.push(Fitted::of(fit, options)?);
        }
    }
}

/// Passes over the blocks until no column needs another pass.
fn fit_columns(
    fits: &mut [ColumnFit<'_>],
    blocks: &dyn Blocks,
    weighted_by: Option<&str>,
) -> Result<()> {
    let mut unfinished: Vec<&mut ColumnFit> = fits.iter_mut().collect();
    while !unfinished.is_empty() {
        let columns: Vec<&str> = unfinished.iter().map(|fit| fit.name).collect();
        blocks.each(&columns, &mut |table, part| {
            let weights = row_weights(table, weighted_by, &part.rows)?;
            (unfinished.iter_mut()).try_for_each(|fit| {
                // Where blocks have their columns in one order, none is searched.
                let own = table
                    .columns
                    .get(fit.place)
                    .filter(|column| column.name == fit.name);
                let column = own.or_else(|| table.column(fit.name)).ok_or_else(|| {
                    let found = format!("no column {}", quote(fit.name));
                    Error::invalid(table.location(), found, "the columns of earlier rows")
                })?;
                fit.add(table, column, &part.rows, weights.as_deref())
            })
        })?;
        unfinished.retain_mut(|fit| fit.end_pass());
    }
    Ok(())
}

/// Why there are no features: the first reasons, and what to look at.
fn remedy_without_features(left_out: &BTreeMap<LeftOut, Vec<&str>>) -> String {
    let reason = |(why, names): (&LeftOut, &Vec<&str>)| {
        let more = match names.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let first = names.first().copied().unwrap_or_default();
        format!("{}{more} left out: {why}; ", quote(first))
    };
    let reasons: String = left_out.iter().take(2).map(reason).collect();
    format!("{reasons}check the target and `data.fit.drop`")
}
