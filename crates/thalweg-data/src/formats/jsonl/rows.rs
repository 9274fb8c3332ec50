//! The columns that grow by an object a row.

use std::collections::HashMap;

use thalweg_core::dataset::Values;

use crate::compression::Room;
use crate::csv::builder::FINITE;
use crate::csv::records::MAX_CELLS;
use crate::error::{Error, Location, Result};
use crate::loaded::Loaded;
use crate::table::{Block, Column, ColumnData, Lines, Table};
use crate::text::whole;
use crate::typed::{self, TypedColumn};

/// Absent cells are missing ones; this many of them for one that is there are no table.
const MAX_SPARSITY: usize = 100;
/// So many are always allowed.
const FREE_CELLS: usize = 10_000_000;

/// The way out for other JSON than objects of values.
const RECORDS: &str = "write an object a row: DataFrame.to_json(orient=\"records\", lines=True)";

/// The columns so far.
#[derive(Default)]
pub struct Rows<'a> {
    columns: Vec<(String, Cells)>,
    index: HashMap<String, usize>,
    /// Complete rows.
    pub count: usize,
    /// Cells that are there.
    present: usize,
    /// Where the column of the next key is likely to be.
    next: usize,
    pub missing: &'a [String],
    room: Room,
    /// What is wrong with a cell: its column, what was found, and what was expected.
    fault: Option<(String, String, &'static str)>,
}

/// Stands for the fault that [`Rows`] holds.
pub struct Fault;

pub enum Cells {
    Single(TypedColumn),
    List { width: usize, values: Vec<f64> },
}

impl Cells {
    fn rows(&self) -> usize {
        match self {
            Cells::Single(column) => column.len(),
            Cells::List { width, values } => values.len() / width,
        }
    }

    pub fn fill(&mut self, rows: usize) {
        match self {
            Cells::Single(column) => column.fill(rows),
            Cells::List { width, values } => values.resize(rows * *width, f64::NAN),
        }
    }
}

impl<'a> Rows<'a> {
    /// No rows yet; these words mean "missing", and the table may be so large.
    pub fn new(missing: &'a [String], room: Room) -> Self {
        Self {
            missing,
            room,
            ..Self::default()
        }
    }

    /// The same without the rows so far.
    pub fn take(&mut self) -> Self {
        let fresh = Self::new(self.missing, self.room.clone());
        std::mem::replace(self, fresh)
    }

    /// The column of a cell, filled up to this row.
    pub fn column(&mut self, name: &str) -> Result<&mut Cells, Fault> {
        let at = match self.columns.get(self.next) {
            Some((next, _)) if next == name => self.next,
            _ => match self.index.get(name) {
                Some(&at) => at,
                None if self.columns.len() == MAX_CELLS => {
                    let found = format!("more than {} columns", whole(MAX_CELLS));
                    return Err(self.fail(name, found, "a table with fewer"));
                }
                None => {
                    let column = Cells::Single(TypedColumn::missing(self.count));
                    self.columns.push((name.to_owned(), column));
                    self.index.insert(name.to_owned(), self.columns.len() - 1);
                    self.columns.len() - 1
                }
            },
        };
        self.next = at + 1;
        self.present += 1;
        self.check(at)?;
        let rows = self.count;
        if self.columns[at].1.rows() > rows {
            return Err(self.fail(name, "the name twice in one object", "different names"));
        }
        let cells = &mut self.columns[at].1;
        cells.fill(rows);
        Ok(cells)
    }

    pub fn fail(&mut self, name: &str, found: impl Into<String>, expected: &'static str) -> Fault {
        self.fault
            .get_or_insert((name.to_owned(), found.into(), expected));
        Fault
    }

    /// Adds a cell with `push`.
    pub fn push(&mut self, name: &str, push: impl FnOnce(&mut TypedColumn)) -> Result<(), Fault> {
        match self.column(name)? {
            Cells::Single(column) => push(column),
            Cells::List { .. } => {
                return Err(self.fail(
                    name,
                    "a single value",
                    "a list of numbers, as in earlier rows",
                ));
            }
        }
        Ok(())
    }

    /// Adds a list of numbers.
    pub fn push_list(&mut self, name: &str, list: Vec<f64>) -> Result<(), Fault> {
        let rows = self.count;
        let at = {
            let cells = self.column(name)?;
            if let Cells::Single(column) = cells
                && column.is_missing()
            {
                let (width, values) = (list.len(), vec![f64::NAN; rows * list.len()]);
                *cells = Cells::List { width, values };
            }
            cells
        };
        match at {
            Cells::List { width, values } if *width == list.len() && *width > 0 => {
                values.extend(list);
                Ok(())
            }
            Cells::List { .. } if list.is_empty() => {
                Err(self.fail(name, "an empty list", "lists of one length, at least 1"))
            }
            Cells::List { width, .. } => {
                let found = format!(
                    "a list of {} numbers, where earlier rows have {width}",
                    list.len()
                );
                Err(self.fail(name, found, "lists of one length, at least 1"))
            }
            Cells::Single(_) => {
                Err(self.fail(name, "a list", "a single value, as in earlier rows"))
            }
        }
    }

    pub fn end_row(&mut self) -> Result<(), Fault> {
        self.count += 1;
        self.next = 0;
        self.check(self.columns.len().saturating_sub(1))
    }

    /// Whether the columns, filled up to this row, are not far more than what is there.
    fn check(&mut self, column: usize) -> Result<(), Fault> {
        let cells = self.columns.len().saturating_mul(self.count);
        let most = (MAX_SPARSITY.saturating_mul(self.present)).saturating_add(FREE_CELLS);
        if cells <= most && self.room.check(self.count, self.columns.len()).is_ok() {
            return Ok(());
        }
        let name = self
            .columns
            .get(column)
            .map_or(String::new(), |(name, _)| name.clone());
        let found = "names that hardly any row shares";
        Err(self.fail(&name, found, "the same names in most rows"))
    }

    /// The error for a row that could not be read, at a character of the line.
    pub fn refusal(
        &mut self,
        error: &serde_json::Error,
        place: usize,
        location: Location,
    ) -> Error {
        if let Some((column, found, expected)) = self.fault.take() {
            let remedy = match self.count {
                0 => RECORDS,
                _ => "write the key alike in all rows: single values, or lists of one length",
            };
            return Error::invalid(location.column(column), found, expected).remedy(remedy);
        }
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        let expected = match text {
            "number out of range" => FINITE,
            _ => "a JSON object",
        };
        let (found, remedy) = match text {
            "expected value" => (
                format!("no JSON value at character {place}"),
                "write null for a missing value (NaN and Infinity are not JSON)",
            ),
            text if text.starts_with("invalid type: ") => {
                ("a row that is no object".to_owned(), RECORDS)
            }
            text => (format!("{text} at character {place}"), "correct the line"),
        };
        Error::invalid(location, found, expected).remedy(remedy)
    }

    /// The rows as a table; `is_first` where none came before them.
    ///
    /// # Errors
    /// If there is no column, or one object has all columns as lists.
    pub fn into_loaded(
        mut self,
        file: String,
        lines: Option<Lines>,
        is_first: bool,
    ) -> Result<Loaded> {
        let rows = self.count;
        let (mut singles, mut columns) = (Vec::new(), Vec::new());
        for (place, (name, mut cells)) in std::mem::take(&mut self.columns).into_iter().enumerate()
        {
            cells.fill(rows);
            match cells {
                Cells::Single(column) => singles.push((place, (name, column))),
                Cells::List { width, values } => {
                    let (shape, values) = (vec![width], Values::F64(values));
                    let data = ColumnData::Block(Block { shape, values });
                    columns.push((place, Column { name, data }));
                }
            }
        }
        let (places, singles): (Vec<usize>, Vec<_>) = singles.into_iter().unzip();
        let (singles, note) = typed::finish(singles);
        columns.extend(places.into_iter().zip(singles));
        columns.sort_by_key(|(place, _)| *place);
        let columns: Vec<Column> = columns.into_iter().map(|(_, column)| column).collect();
        if is_first
            && rows == 1
            && columns
                .iter()
                .all(|column| matches!(column.data, ColumnData::Block(_)))
        {
            let error = Error::invalid(
                Location::file(file),
                "one object of columns",
                "an object a row",
            );
            return Err(error.remedy(RECORDS));
        }
        if columns.is_empty() {
            let error = Error::invalid(Location::file(file), "no named value", "objects of values");
            return Err(error.remedy(RECORDS));
        }
        let mut train = Table::without_lines(file, rows, columns);
        (train.lines, train.has_types) = (lines, true);
        Ok(Loaded {
            train,
            test: None,
            notes: note.into_iter().collect(),
        })
    }
}
