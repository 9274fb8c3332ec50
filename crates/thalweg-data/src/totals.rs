//! Rows of sums or means in a table, as spreadsheets and reports have them.

mod groups;
mod sums;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::csv::builder::{ColumnBuilder, Parsed, Words, parse};
use crate::csv::start::{counted, words};
use crate::error::{Location, Note, quote, quote_item, quote_list};
use crate::options::ReadOptions;
use crate::reading::amounts;
use crate::table::{Column, ColumnData, Table};
use crate::text::whole;
use groups::Groups;
use sums::{Agreement, Sums};
use words::{is_plain_total, is_total};

/// Beside fewer rows anything may be a sum.
const LEAST_ROWS: usize = 4;
/// With more such texts in a table they are its contents.
const MOST_TEXTS: usize = 1000;
/// More rows behind one of sums are no footnotes.
const MOST_FOOTNOTES: usize = 20;

/// What is known of the rows before a piece of a table, to find rows of sums.
pub struct Totals<'a> {
    options: &'a ReadOptions,
    rows: usize,
    /// The numbers of each column, but for those of `first`.
    sums: Vec<Sums>,
    /// Columns and texts that call a row one of sums.
    texts: BTreeSet<(usize, String)>,
    first: Option<Row>,
    groups: Groups,
}

/// A row that is called one of sums, with its numbers, NaN where a cell is none.
struct Row {
    place: Location,
    text: String,
    numbers: Vec<f64>,
}

/// A piece with its numbers and the rows that are called ones of sums.
struct Piece<'a> {
    table: &'a Table,
    numbers: Vec<Cow<'a, [f64]>>,
    called: Vec<usize>,
    /// The last row that is filled, but for footnotes behind it.
    last: usize,
}

/// What is found in the last piece.
#[derive(Default)]
struct Found {
    /// Rows of sums with their places.
    rows: Vec<(usize, Row)>,
    /// Rows of words behind the last of these.
    footnotes: Vec<usize>,
    /// What should be known where a row that is called one of sums stays.
    doubt: Option<Note>,
}

impl<'a> Totals<'a> {
    /// Of a table that is read by these options.
    pub fn new(options: &'a ReadOptions) -> Self {
        Self {
            options,
            rows: 0,
            sums: Vec::new(),
            texts: BTreeSet::new(),
            first: None,
            groups: Groups::default(),
        }
    }

    /// Adds a piece behind which others come.
    pub fn add(&mut self, table: &Table) {
        let piece = self.piece(table, table.rows.saturating_sub(1));
        let is_first = self.rows == 0 && piece.called.first() == Some(&0) && !piece.is_repeated(0);
        if is_first {
            self.first = Some(self.row(&piece, 0));
        }
        self.sums
            .resize(table.columns.len().max(self.sums.len()), Sums::default());
        self.add_groups(&piece);
        for &at in piece.called.iter().filter(|at| !(is_first && **at == 0)) {
            for (sums, numbers) in self.sums.iter_mut().zip(&piece.numbers) {
                *sums = sums.with(numbers.get(at).copied().unwrap_or(f64::NAN));
            }
        }
        for &at in &piece.called {
            if self.texts.len() < MOST_TEXTS {
                let texts: Vec<_> = self.called(table, at).collect();
                self.texts.extend(texts);
            }
        }
        self.rows += table.rows;
    }

    /// Adds the rows that are called ones of sums to the groups, and the numbers of the others to these and to the sums.
    fn add_groups(&mut self, piece: &Piece) {
        let (mut from, end) = (0, piece.table.rows.min(piece.last + 1));
        for &at in piece.called.iter().chain([&end]) {
            let columns = 0..piece.table.columns.len();
            let numbers: Vec<Sums> = columns
                .map(|j| piece.sum(Sums::default(), j, from..at, &[]))
                .collect();
            self.groups.add(&numbers, at - from);
            let sums = self.sums.iter_mut().zip(&numbers);
            sums.for_each(|(sums, more)| *sums = sums.and(more));
            if at < end {
                self.groups
                    .add_called(self.row(piece, at), piece.has_gaps(at));
            }
            from = at + 1;
        }
    }

    /// The last piece without rows of sums: one at the end, or at the start of a table that is one piece, and with it all
    /// others if each of them is one; and without rows of empty cells at the end of a text file. Rows for a model stay: they
    /// have an answer each.
    pub fn without(mut self, table: Table) -> (Table, Vec<Note>) {
        let found = self.found(&table);
        let is_kept = self.options.are_for_model();
        let mut notes: Vec<Note> = found.doubt.into_iter().collect();
        match found.rows.as_slice() {
            [] => notes.extend(self.first_of_all(&table).map(|row| row.seems("first"))),
            [(at, row)] => {
                let which = if *at == 0 { "first" } else { "last" };
                notes.push(if is_kept {
                    row.seems(which)
                } else {
                    row.left_out(which)
                });
            }
            several => notes.push(note_of_rows(several, is_kept)),
        };
        if notes.is_empty() && self.rows > 0 {
            notes.extend(self.several_of_all(&table));
        }
        let last = found.footnotes.first().and(found.rows.last());
        let is_left_out = |row: &usize| {
            let is_behind = last.is_some_and(|(last, _)| row > last);
            is_behind || found.rows.iter().any(|(at, _)| at == row)
        };
        let end = end_of(&table, is_left_out);
        if is_kept || (found.rows.is_empty() && end == table.rows) {
            return (table, notes);
        }
        notes.extend(note_on_footnotes(&table, &found.footnotes));
        let is_empty = |row: &usize| !is_left_out(row);
        let empty: Vec<usize> = (end..table.rows).filter(is_empty).collect();
        notes.extend((!empty.is_empty()).then(|| note_on_empty(&table, &empty)));
        let others: Vec<usize> = (0..end).filter(|row| !is_left_out(row)).collect();
        let mut kept = table.keep(&others);
        // A format with types says what its columns are.
        if !table.has_types {
            for (column, whole) in kept.columns.iter_mut().zip(&table.columns) {
                as_without(column, whole, self.options, self.decimal(&table));
            }
        }
        (kept, notes)
    }

    fn decimal(&self, table: &Table) -> Option<char> {
        self.options.decimal.or(table.decimal)
    }

    fn piece<'b>(&self, table: &'b Table, last: usize) -> Piece<'b> {
        let decimal = self.decimal(table);
        let mut called = BTreeSet::new();
        for column in &table.columns {
            if let ColumnData::Text(text) = &column.data {
                let is_one = |level: &String| self.is_total(level);
                let ones: Vec<bool> = text.levels.iter().map(is_one).collect();
                if ones.contains(&true) {
                    let is_one = |code: &u32| ones.get(*code as usize) == Some(&true);
                    let rows = text.codes.iter().enumerate();
                    called.extend(rows.filter(|(_, code)| is_one(code)).map(|(row, _)| row));
                }
            }
        }
        let numbers = |column: &'b Column| amounts(&column.data, decimal);
        Piece {
            table,
            numbers: table.columns.iter().map(numbers).collect(),
            called: called.into_iter().collect(),
            last,
        }
    }

    /// Whether a cell calls its row one of sums, and is not kept.
    fn is_total(&self, cell: &String) -> bool {
        is_total(cell) && !self.options.not_missing.contains(cell)
    }

    /// The cells that call a row so, with their columns.
    fn called<'b>(
        &'b self,
        table: &'b Table,
        at: usize,
    ) -> impl Iterator<Item = (usize, String)> + 'b {
        let cells = (table.columns.iter().enumerate())
            .filter(|(_, column)| matches!(column.data, ColumnData::Text(_)))
            .filter_map(move |(j, column)| Some((j, column.text(at)?)));
        cells.filter(|(_, cell)| self.is_total(cell))
    }

    fn row(&self, piece: &Piece, at: usize) -> Row {
        let text = self.called(piece.table, at).next();
        let number = |numbers: &Cow<[f64]>| numbers.get(at).copied().unwrap_or(f64::NAN);
        Row {
            place: piece.table.line_of(at),
            text: text.map_or_else(String::new, |(_, text)| text),
            numbers: piece.numbers.iter().map(number).collect(),
        }
    }

    /// The last row that is filled, and those behind it with nothing but some words in their first column.
    fn end(&self, table: &Table) -> Option<(usize, Vec<usize>)> {
        let filled = |row: usize| {
            let mut columns = table.columns.iter().enumerate();
            let first = columns.find(|(_, column)| column.is_present(row))?;
            Some((first.0, columns.any(|(_, column)| column.is_present(row))))
        };
        let is_footnote = |row: usize| {
            let text = (table.columns.first()).and_then(|column| match &column.data {
                ColumnData::Text(text) => text.levels.get(*text.codes.get(row)? as usize),
                _ => None,
            });
            text.is_some_and(|text| text.contains(' ') && !self.is_total(text))
        };
        let mut footnotes = Vec::new();
        for row in (0..table.rows).rev() {
            match filled(row) {
                None => {}
                Some((0, false)) if footnotes.len() < MOST_FOOTNOTES && is_footnote(row) => {
                    footnotes.push(row);
                }
                Some(_) => return Some((row, footnotes)),
            }
        }
        None
    }

    /// The rows of sums of the last piece.
    fn found(&self, table: &Table) -> Found {
        let Some((last, footnotes)) = self.end(table) else {
            return Found::default();
        };
        let is_end = |at: usize| at == last || (at == 0 && self.rows == 0);
        let is_called = |at: usize| is_end(at) && self.called(table, at).next().is_some();
        if table.columns.len() < 2 || !(is_called(last) || is_called(0)) {
            return Found::default();
        }
        let piece = self.piece(table, last);
        let mut ends = [last, 0]
            .into_iter()
            .filter(|&at| is_called(at) && !piece.is_repeated(at));
        let rows = match &piece.called {
            all if self.are_sums(&piece, all) => all.clone(),
            _ => (ends
                .clone()
                .find(|at| self.are_sums(&piece, &[*at]))
                .into_iter())
            .collect(),
        };
        let doubt = match rows.is_empty() {
            true => ends
                .find_map(|at| self.doubt(&piece, at))
                .or_else(|| self.doubt_of_several(&piece)),
            false => None,
        };
        let is_before = rows.contains(&last);
        Found {
            footnotes: footnotes.into_iter().filter(|_| is_before).collect(),
            rows: (rows.into_iter().map(|at| (at, self.row(&piece, at)))).collect(),
            doubt,
        }
    }

    /// Whether all of these rows are ones of sums: their texts are of no other row, their numbers sums or means, one of them
    /// hardly so by chance, and there are rows enough beside them.
    fn are_sums(&self, piece: &Piece, rows: &[usize]) -> bool {
        let others = self.rows + piece.last + 1 - rows.len();
        let is_alone = |at: usize| at == piece.last && piece.filled(at) == 1;
        let whole = self.whole(piece, rows);
        let agreements: Vec<(bool, Agreement)> = (0..rows.len())
            .filter(|&i| !is_alone(rows[i]))
            .map(|i| (piece.has_gaps(rows[i]), piece.agreement(rows, i, &whole)))
            .collect();
        others >= LEAST_ROWS.max(rows.len())
            && rows.iter().all(|at| self.is_new(piece.table, *at))
            && agreements.iter().all(|(_, one)| one.is_whole())
            && (agreements.is_empty()
                || agreements
                    .iter()
                    .any(|(has_gaps, one)| one.is_significant(*has_gaps)))
    }

    /// Whether no earlier piece has the texts that call a row so.
    fn is_new(&self, table: &Table, at: usize) -> bool {
        let mut texts = self.called(table, at);
        self.texts.len() < MOST_TEXTS && texts.all(|text| !self.texts.contains(&text))
    }

    /// A warning on a row at an end that is called one of sums and stays, if that may be a mistake.
    fn doubt(&self, piece: &Piece, at: usize) -> Option<Note> {
        let agreement = piece.agreement(&[at], 0, &self.whole(piece, &[at]));
        let (row, which) = (self.row(piece, at), if at == 0 { "first" } else { "last" });
        let is_likely = agreement.agree > 0 || is_plain_total(&row.text);
        match agreement.not {
            _ if !self.is_new(piece.table, at) => None,
            None => (agreement.agree > 0 || piece.filled(at) == 1).then(|| row.seems(which)),
            Some(j) => is_likely.then(|| row.may_be(which, &piece.table.columns[j].name)),
        }
    }

    /// A warning where the last of several rows that are called ones of sums is one of its group, and others are none.
    fn doubt_of_several(&self, piece: &Piece) -> Option<Note> {
        let rows = &piece.called;
        let i = rows.len().checked_sub(2)? + 1;
        let agreement = piece.agreement(rows, i, &self.whole(piece, rows));
        let is_significant = agreement.is_significant(piece.has_gaps(rows[i]));
        let is_one = rows[i] == piece.last && agreement.is_whole() && is_significant;
        let all = || {
            rows.iter()
                .map(|&at| (at, self.row(piece, at)))
                .collect::<Vec<_>>()
        };
        (is_one && self.is_new(piece.table, rows[i])).then(|| note_of_rows(&all(), true))
    }

    /// The first row of all pieces, if it is one of sums of all others.
    fn first_of_all(&self, table: &Table) -> Option<&Row> {
        let row = self.first.as_ref()?;
        let piece = self.piece(table, table.rows.saturating_sub(1));
        let sum = |j: usize| piece.sum(self.of_column(j), j, 0..table.rows, &[]);
        let numbers = row.numbers.iter().copied().enumerate();
        let agreement = Agreement::of(numbers, &sum);
        let has_rows = self.rows + table.rows > LEAST_ROWS;
        (has_rows && agreement.is_whole() && agreement.is_significant(false)).then_some(row)
    }

    /// A warning on rows of sums in all pieces, of which earlier ones were visited before the sums were known.
    fn several_of_all(&mut self, table: &Table) -> Option<Note> {
        let (last, _) = self.end(table)?;
        let piece = self.piece(table, last);
        self.add_groups(&piece);
        self.groups.note()
    }

    /// The numbers of a column in earlier pieces, without those of a first row that is called one of sums.
    fn of_column(&self, column: usize) -> Sums {
        self.sums.get(column).copied().unwrap_or_default()
    }

    /// The numbers of each column so far and of a piece, but for some rows.
    fn whole(&self, piece: &Piece, but: &[usize]) -> Vec<Sums> {
        let first = |j: usize| self.first.as_ref().and_then(|row| row.numbers.get(j));
        let first = |j: usize| first(j).copied().unwrap_or(f64::NAN);
        let sum = |j: usize| {
            let before = self.of_column(j).with(first(j));
            piece.sum(before, j, 0..piece.table.rows, but)
        };
        (0..piece.table.columns.len()).map(sum).collect()
    }
}

impl Piece<'_> {
    /// How many cells of a row are filled.
    fn filled(&self, at: usize) -> usize {
        let columns = self.table.columns.iter();
        columns.filter(|column| column.is_present(at)).count()
    }

    /// Whether a row has empty cells.
    fn has_gaps(&self, at: usize) -> bool {
        self.filled(at) < self.table.columns.len()
    }

    /// Whether other rows have the text that calls a row one of sums, too: then it is a category.
    fn is_repeated(&self, at: usize) -> bool {
        let mut others = self.called.iter().filter(|other| **other != at);
        let has_it = |other: usize| {
            self.table.columns.iter().any(|column| match &column.data {
                ColumnData::Text(text) => {
                    text.codes[at] == text.codes[other]
                        && column.text(at).is_some_and(|cell| is_total(&cell))
                }
                _ => false,
            })
        };
        others.any(|other| has_it(*other))
    }

    /// How the numbers of row `i` of these stand to those of all other rows, which are in `whole`, or of those between it and
    /// the row of sums before or behind it.
    fn agreement(&self, rows: &[usize], i: usize, whole: &[Sums]) -> Agreement {
        let at = rows[i];
        let before = i.checked_sub(1).map_or(0, |before| rows[before] + 1)..at;
        let behind = at + 1..rows.get(i + 1).copied().unwrap_or(self.table.rows);
        let numbers = || {
            let number = |numbers: &Cow<[f64]>| numbers.get(at).copied().unwrap_or(f64::NAN);
            self.numbers.iter().map(number).enumerate()
        };
        let of_all = Agreement::of(numbers(), &|j| whole[j]);
        if rows.len() == 1 || of_all.is_whole() {
            return of_all;
        }
        let of_group = |range: Range<usize>| {
            let sum = |j| self.sum(Sums::default(), j, range.clone(), rows);
            Agreement::of(numbers(), &sum)
        };
        let groups = [of_group(before), of_group(behind)];
        groups
            .into_iter()
            .find(Agreement::is_whole)
            .unwrap_or(of_all)
    }

    fn sum(&self, start: Sums, column: usize, range: Range<usize>, but: &[usize]) -> Sums {
        let numbers = self.numbers[column].get(range.clone()).unwrap_or_default();
        let others = numbers
            .iter()
            .zip(range)
            .filter(|(_, row)| but.binary_search(row).is_err());
        others.fold(start, |sums, (x, _)| sums.with(*x))
    }
}

impl Row {
    fn seems(&self, which: &str) -> Note {
        let (place, text) = (&self.place, quote(&self.text));
        Note::warning(format!(
            "{place}: the {which} row seems to be one of sums: {text}, …; remove it if it is"
        ))
    }

    fn may_be(&self, which: &str, column: &str) -> Note {
        let (place, text, column) = (&self.place, quote(&self.text), quote(column));
        Note::warning(format!(
            "{place}: the {which} row may be one of sums: {text}, …; it stays, for its {column} is neither the sum nor the \
             mean of the others; remove it if it is"
        ))
    }

    fn left_out(&self, which: &str) -> Note {
        let (place, text, item) = (&self.place, quote(&self.text), quote_item(&self.text));
        Note::warning(format!(
            "{place}: the {which} row is left out as one of sums: {text}, …; if it is none, add {item} to \
             `data.read.not_missing`"
        ))
    }
}

fn note_of_rows(rows: &[(usize, Row)], are_kept: bool) -> Note {
    let texts = rows.iter().map(|(_, row)| row.text.clone()).collect();
    note_on_several(&rows[0].1.place, rows.len(), &texts, are_kept)
}

/// A warning on so many rows of sums with these texts, the first of which stands at this place.
fn note_on_several(
    place: &Location,
    count: usize,
    texts: &BTreeSet<String>,
    are_kept: bool,
) -> Note {
    let items: Vec<String> = texts.iter().map(|text| quote_item(text)).collect();
    let texts = quote_list(texts.iter().map(String::as_str));
    let (count, items) = (whole(count), items.join(" and "));
    Note::warning(match are_kept {
        true => format!(
            "{place}: {count} rows, this the first, seem to be ones of sums: {texts}; remove them if they are"
        ),
        false => format!(
            "{place}: {count} rows, this the first, are left out as ones of sums: {texts}; if they are none, \
             add {items} to `data.read.not_missing`"
        ),
    })
}

/// Behind the last row of a table that stays, without those of empty cells at the end of a text file of several columns.
fn end_of(table: &Table, is_left_out: impl Fn(&usize) -> bool) -> usize {
    let is_filled = |row: &usize| table.columns.iter().any(|column| column.is_present(*row));
    match (0..table.rows)
        .rev()
        .find(|row| is_filled(row) && !is_left_out(row))
    {
        Some(last) if table.columns.len() > 1 && !table.has_types => last + 1,
        _ => table.rows,
    }
}

fn note_on_empty(table: &Table, rows: &[usize]) -> Note {
    let (place, count) = (table.line_of(rows[0]), counted(rows.len(), "row"));
    Note::info(format!(
        "{place}: skipped below the table: {count} of empty cells"
    ))
}

/// A warning on the rows behind one of sums.
fn note_on_footnotes(table: &Table, rows: &[usize]) -> Option<Note> {
    let first = *rows.iter().min()?;
    let (place, count) = (table.line_of(first), whole(rows.len()));
    let text = quote(&table.columns.first()?.text(first)?);
    let (rows, are) = if rows.len() == 1 {
        ("row", "is")
    } else {
        ("rows", "are")
    };
    Some(Note::warning(format!(
        "{place}: {count} {rows} behind the row of sums {are} left out as footnotes: {text}, …"
    )))
}

/// Makes numbers of a column that only the rows that are left out had made text.
fn as_without(column: &mut Column, whole: &Column, options: &ReadOptions, decimal: Option<char>) {
    let (ColumnData::Text(text), ColumnData::Text(before)) = (&column.data, &whole.data) else {
        return;
    };
    let is_number = |cell: &String| matches!(parse(cell, Words::default()), Parsed::Number(_));
    if text.levels.len() == before.levels.len() || !text.levels.iter().all(is_number) {
        return;
    }
    let words = words(options);
    let mut builder = ColumnBuilder::new(options.numbers_of(&column.name, decimal));
    for row in 0..text.codes.len() {
        let level = text
            .levels
            .get(text.codes[row] as usize)
            .map(String::as_str);
        builder.push(level.or(text.word(row)).unwrap_or_default(), words);
    }
    column.data = builder.finish();
}
