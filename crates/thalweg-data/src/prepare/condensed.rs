//! The rows of targets by which target, task and classes are chosen as by all rows: of each value the first ones.
//!
//! Numbers are classes if there are few of them and they repeat, and texts are classes as they are: for both it is
//! enough to have each value some times. What is decided by shares of all rows needs all of them: words for
//! "missing" that may be classes, texts among which there are numbers, and the spelling of several labels.

use std::collections::HashMap;

use crate::cache::layout::Columns;
use crate::cache::piece::{Joined, Piece};
use crate::reading::ReadAs;
use crate::table::{Column, ColumnData, MISSING, Table};
use crate::target::{TargetOptions, Task};

/// Rows that are kept of a value: 20 classes repeat if there are 60 rows.
const EACH: u8 = 64;
/// Values of a column that are kept.
const VALUES: usize = 1 << 16;

/// See the module's text.
pub(super) struct Condensed {
    /// How often each value was kept, of each column.
    seen: Vec<HashMap<Vec<u8>, u8>>,
    kept: Joined,
    columns: Columns,
    /// Whether values beyond those that are kept may matter: as classes.
    needs_every_value: bool,
    is_enough: bool,
}

impl Condensed {
    /// No rows yet, of these columns.
    pub fn new(file: &str, columns: Columns, options: &TargetOptions) -> Self {
        let classes = matches!(options.task, Some(Task::Binary | Task::Multiclass));
        Self {
            seen: columns.all.iter().map(|_| HashMap::new()).collect(),
            kept: Joined::new(file, &columns),
            needs_every_value: classes || columns.roles.classes == Some(true),
            columns,
            is_enough: true,
        }
    }

    /// Adds some rows of a block; whether the rows that are kept are enough so far.
    #[must_use]
    pub fn add(&mut self, table: &Table, rows: &[usize]) -> bool {
        let names = self.columns.all.iter();
        let columns: Vec<&Column> = names.filter_map(|of| table.column(&of.name)).collect();
        let is_one = columns.len() == 1;
        self.is_enough &= columns.iter().all(|column| match &column.data {
            ColumnData::Text(text) => {
                let reading = table.readings.get(&column.name);
                let is_said = reading.is_some_and(|reading| reading.kind == ReadAs::Text);
                let is_number = |level: &String| level.parse::<f64>().is_ok();
                is_one && text.words.is_empty() && (is_said || !text.levels.iter().any(is_number))
            }
            ColumnData::Numeric(numbers) => is_one || !numbers.iter().any(|x| x.is_nan()),
            ColumnData::Time(_) | ColumnData::Block(_) => true,
        });
        let mut keep = Vec::new();
        for &row in rows {
            let mut is_kept = false;
            for (column, seen) in columns.iter().zip(&mut self.seen) {
                let (key, count) = (key(column, row), seen.len());
                match seen.get_mut(key.as_slice()) {
                    Some(times) => {
                        is_kept |= *times < EACH;
                        *times = (*times + 1).min(EACH);
                    }
                    None if count < VALUES => {
                        seen.insert(key, 1);
                        is_kept = true;
                    }
                    // Numbers that are no classes are many long before.
                    None => {
                        self.is_enough &=
                            !self.needs_every_value && !matches!(column.data, ColumnData::Text(_));
                    }
                }
            }
            if is_kept {
                keep.push(row);
            }
        }
        let mut piece = Piece::new(table.keep(&keep), 0);
        let is_target = |column: &Column| self.columns.all.iter().any(|of| of.name == column.name);
        piece.table.columns.retain(is_target);
        self.is_enough = self.is_enough && self.kept.add(piece);
        self.is_enough
    }

    /// The rows that were kept, with a column that stands for the features.
    pub fn table(self) -> Table {
        let mut table = self.kept.piece(&self.columns).table;
        table.columns.push(Column {
            name: String::new(),
            data: ColumnData::Numeric(Vec::new()),
        });
        table
    }
}

/// What a value is known by.
fn key(column: &Column, row: usize) -> Vec<u8> {
    match &column.data {
        ColumnData::Numeric(numbers) => numbers[row].to_bits().to_le_bytes().to_vec(),
        ColumnData::Text(text) => match text.levels.get(text.codes[row] as usize) {
            Some(level) => level.as_bytes().to_vec(),
            None => MISSING.to_le_bytes().to_vec(),
        },
        ColumnData::Time(_) | ColumnData::Block(_) => Vec::new(),
    }
}
