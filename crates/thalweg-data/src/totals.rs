//! Rows of sums or means in a table, as spreadsheets and reports have them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::csv::builder::{ColumnBuilder, Parsed, Words, parse};
use crate::csv::start::words;
use crate::error::{Location, Note, quote, quote_list};
use crate::options::ReadOptions;
use crate::reading::amounts;
use crate::table::{Column, ColumnData, Table};
use crate::text::whole;

/// Words for it.
const WORDS: [&str; 33] = [
    "total",
    "totals",
    "totale",
    "totales",
    "totaal",
    "subtotal",
    "sum",
    "sums",
    "summe",
    "summen",
    "gesamt",
    "gesamtsumme",
    "gesamtergebnis",
    "insgesamt",
    "zusammen",
    "zwischensumme",
    "somme",
    "suma",
    "somma",
    "soma",
    "average",
    "averages",
    "avg",
    "mean",
    "durchschnitt",
    "mittelwert",
    "moyenne",
    "promedio",
    "media",
    "média",
    "итого",
    "合计",
    "合計",
];
/// Other texts are longer.
const MOST_WORDS: usize = 4;
/// Beside fewer rows anything may be a sum.
const LEAST_ROWS: usize = 2;
/// Sums and means may be rounded.
const ROUNDING: f64 = 0.005;
/// With more such texts in a table they are its contents.
const MOST_TEXTS: usize = 1000;

/// What is known of the rows before a piece of a table, to find rows of sums.
pub struct Totals<'a> {
    options: &'a ReadOptions,
    rows: usize,
    /// The sum and the count of the numbers of each column.
    sums: Vec<(f64, usize)>,
    /// Columns and texts that call a row one of sums.
    texts: BTreeSet<(usize, String)>,
    first: Option<Row>,
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
        }
    }

    /// Adds a piece behind which others come.
    pub fn add(&mut self, table: &Table) {
        let piece = self.piece(table);
        if self.rows == 0 && piece.called.first() == Some(&0) && !piece.is_repeated(0) {
            self.first = Some(self.row(&piece, 0));
        }
        let sums = (0..table.columns.len()).map(|j| self.sum(&piece, j, &[]));
        self.sums = sums.collect();
        for &at in &piece.called {
            if self.texts.len() < MOST_TEXTS {
                let texts: Vec<_> = self.called(table, at).collect();
                self.texts.extend(texts);
            }
        }
        self.rows += table.rows;
    }

    /// The last piece without rows of sums: one at the end, or at the start of a table that is one piece, and with it all
    /// others if each of them is one. Rows for a model stay: they have an answer each.
    pub fn without(&self, table: Table) -> (Table, Option<Note>) {
        let found = self.found(&table);
        let is_kept = self.options.expected.is_some();
        let note = match found.as_slice() {
            [] => self.first_of_all(&table).map(|row| row.seems("first")),
            [(at, row)] => {
                let which = if *at == 0 { "first" } else { "last" };
                Some(if is_kept {
                    row.seems(which)
                } else {
                    row.left_out(which)
                })
            }
            several => Some(note_on_several(several, is_kept)),
        };
        if found.is_empty() || is_kept {
            return (table, note);
        }
        let is_other = |row: &usize| found.iter().all(|(at, _)| at != row);
        let others: Vec<usize> = (0..table.rows).filter(is_other).collect();
        let mut kept = table.keep(&others);
        // A format with types says what its columns are.
        if !table.has_types {
            for (column, whole) in kept.columns.iter_mut().zip(&table.columns) {
                as_without(column, whole, self.options, self.decimal(&table));
            }
        }
        (kept, note)
    }

    fn decimal(&self, table: &Table) -> Option<char> {
        self.options.decimal.or(table.decimal)
    }

    fn piece<'b>(&self, table: &'b Table) -> Piece<'b> {
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

    /// The rows of sums of the last piece, with their places in it.
    fn found(&self, table: &Table) -> Vec<(usize, Row)> {
        let is_filled = |row: &usize| table.columns.iter().any(|column| column.is_present(*row));
        let Some(last) = (0..table.rows).rev().find(is_filled) else {
            return Vec::new();
        };
        let is_end = |at: usize| at == last || (at == 0 && self.rows == 0);
        let is_called = |at: usize| is_end(at) && self.called(table, at).next().is_some();
        if table.columns.len() < 2 || !(is_called(last) || is_called(0)) {
            return Vec::new();
        }
        let piece = self.piece(table);
        let is_new = |at: usize| {
            let mut texts = self.called(table, at);
            self.texts.len() < MOST_TEXTS && texts.all(|text| !self.texts.contains(&text))
        };
        let are_sums = |rows: &[usize]| {
            let others = self.rows + table.rows - rows.len();
            let is_alone = |at: usize| at == last && piece.filled(at) == 1;
            let whole: Vec<(f64, usize)> = (0..table.columns.len())
                .map(|j| self.sum(&piece, j, rows))
                .collect();
            others >= LEAST_ROWS.max(rows.len())
                && rows.iter().all(|at| is_new(*at))
                && (0..rows.len()).all(|i| is_alone(rows[i]) || piece.has_sums(rows, i, &whole))
        };
        let rows = match &piece.called {
            all if are_sums(all) => all.clone(),
            _ => [last, 0]
                .into_iter()
                .find(|&at| is_called(at) && !piece.is_repeated(at) && are_sums(&[at]))
                .into_iter()
                .collect(),
        };
        rows.into_iter()
            .map(|at| (at, self.row(&piece, at)))
            .collect()
    }

    /// The first row of all pieces, if it is one of sums of all others.
    fn first_of_all(&self, table: &Table) -> Option<&Row> {
        let row = self.first.as_ref()?;
        let piece = self.piece(table);
        let mut columns = row
            .numbers
            .iter()
            .enumerate()
            .filter(|(_, total)| !total.is_nan());
        let sum = |j: usize, total: f64| {
            let (sum, count) = self.sum(&piece, j, &[]);
            (sum - total, count - 1)
        };
        let has = !row.numbers.iter().all(|total| total.is_nan());
        (has && columns.all(|(j, total)| is_sum(*total, sum(j, *total), LEAST_ROWS))).then_some(row)
    }

    /// The sum and the count of the numbers of a column so far and of a piece, but for some rows.
    fn sum(&self, piece: &Piece, column: usize, but: &[usize]) -> (f64, usize) {
        let before = self.sums.get(column).copied().unwrap_or_default();
        piece.sum(before, column, 0..piece.table.rows, but)
    }
}

impl Piece<'_> {
    /// How many cells of a row are filled.
    fn filled(&self, at: usize) -> usize {
        let columns = self.table.columns.iter();
        columns.filter(|column| column.is_present(at)).count()
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

    /// Whether all numbers of row `i` of these are sums or means: of all other rows, which are in `whole`, or of those
    /// between it and the row of sums before or behind it.
    fn has_sums(&self, rows: &[usize], i: usize, whole: &[(f64, usize)]) -> bool {
        let at = rows[i];
        let before = i.checked_sub(1).map_or(0, |before| rows[before] + 1)..at;
        let behind = at + 1..rows.get(i + 1).copied().unwrap_or(self.table.rows);
        let totals = || {
            let numbers = self
                .numbers
                .iter()
                .map(move |numbers| numbers.get(at).copied());
            (numbers.enumerate()).filter_map(|(j, total)| Some((j, total.filter(|x| !x.is_nan())?)))
        };
        let of = |range: &Range<usize>, j| self.sum((0.0, 0), j, range.clone(), rows);
        let are = |sum: &dyn Fn(usize) -> (f64, usize), least: usize| {
            totals().all(|(j, total)| is_sum(total, sum(j), least))
        };
        totals().next().is_some()
            && (are(&|j| whole[j], LEAST_ROWS)
                || (rows.len() > 1 && (are(&|j| of(&before, j), 1) || are(&|j| of(&behind, j), 1))))
    }

    fn sum(
        &self,
        start: (f64, usize),
        column: usize,
        range: Range<usize>,
        but: &[usize],
    ) -> (f64, usize) {
        let numbers = self.numbers[column].get(range.clone()).unwrap_or_default();
        let numbers = numbers.iter().zip(range).filter(|(x, _)| !x.is_nan());
        let others = numbers.filter(|(_, row)| but.binary_search(row).is_err());
        others.fold(start, |(sum, count), (x, _)| (sum + x, count + 1))
    }
}

/// Whether a number is the sum or the mean of at least so many.
fn is_sum(total: f64, (sum, count): (f64, usize), least: usize) -> bool {
    let is = |value: f64| (total - value).abs() <= ROUNDING * value.abs();
    count >= least && sum != 0.0 && (is(sum) || is(sum / count as f64))
}

impl Row {
    fn seems(&self, which: &str) -> Note {
        let (place, text) = (&self.place, quote(&self.text));
        Note::warning(format!(
            "{place}: the {which} row seems to be one of sums: {text}, …; remove it if it is"
        ))
    }

    fn left_out(&self, which: &str) -> Note {
        let (place, text) = (&self.place, quote(&self.text));
        Note::warning(format!(
            "{place}: the {which} row is left out as one of sums: {text}, …; if it is none, add {text} to \
             `data.read.not_missing`"
        ))
    }
}

fn note_on_several(rows: &[(usize, Row)], are_kept: bool) -> Note {
    let (place, count) = (&rows[0].1.place, whole(rows.len()));
    let texts: BTreeSet<&str> = rows.iter().map(|(_, row)| &*row.text).collect();
    let texts = quote_list(texts);
    Note::warning(match are_kept {
        true => format!(
            "{place}: {count} rows, this the first, seem to be ones of sums: {texts}; remove them if they are"
        ),
        false => format!(
            "{place}: {count} rows, this the first, are left out as ones of sums: {texts}; if they are none, \
             add the texts to `data.read.not_missing`"
        ),
    })
}

/// Whether a cell calls its row one of sums: `Total`, `Grand total`, `Total général`, `Summe:`.
fn is_total(cell: &str) -> bool {
    let mut words = cell
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let is_one = |word: &str| {
        let is = |one: &str| match word.is_ascii() {
            true => word.eq_ignore_ascii_case(one),
            false => word.to_lowercase() == one,
        };
        WORDS.into_iter().any(is)
    };
    let Some(first) = words.next() else {
        return false;
    };
    let rest: Vec<&str> = words.take(MOST_WORDS).collect();
    rest.len() < MOST_WORDS && (is_one(first) || rest.last().is_some_and(|last| is_one(last)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats;
    use crate::input::Input;

    #[test]
    fn words_call_a_row_one_of_sums() {
        for cell in [
            "Total",
            " TOTAL:",
            "Grand total",
            "Total général",
            "Gesamt",
            "Summe.",
            "Gesamt (alle)",
            "Sub-total",
            "ИТОГО",
            "Moyenne",
        ] {
            assert!(is_total(cell), "{cell}");
        }
        for cell in [
            "",
            "totally",
            "the total of all five parts",
            "Gesamtschule",
            "summer",
            "12",
        ] {
            assert!(!is_total(cell), "{cell}");
        }
    }

    #[test]
    fn sums_of_all_pieces_are_found_at_the_end_and_told_of_at_the_start() {
        let read = |text: &str, size: usize| {
            let (mut rows, options) = (0, ReadOptions::default());
            let input = || Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
            let chunks = formats::chunks(input(), &options).unwrap().unwrap();
            let notes = chunks.each(input(), &options, size, &mut |table| {
                rows += table.rows;
                Ok(())
            });
            let notes = notes.unwrap();
            let texts = notes.iter().map(|note| note.text.clone());
            (rows, texts.collect::<String>())
        };
        // Of more than a block: a piece has at least one.
        let long = "z".repeat(200_000);
        let row = |i: usize| format!("a{i}{long},$1.{i}0\n");
        let rows: String = (1..=9).map(row).collect();
        let (first, last) = (
            format!("x,y\nTotal,13.50\n{rows}"),
            format!("x,y\n{rows}Total,13.50\n"),
        );
        for size in [1, 2, 3, 5, 100] {
            let (count, note) = read(&last, size);
            let is_found = note.contains("t.csv:11: the last row is left out");
            assert!(count == 9 && is_found, "{size}: {note}");
        }
        let (count, note) = read(&first, 100);
        assert!(
            count == 9 && note.contains("t.csv:2: the first row is left out"),
            "{note}"
        );
        // It was visited before the sums were known.
        let (count, note) = read(&first, 3);
        assert!(
            count == 10
                && note.contains("t.csv:2: the first row seems to be one of sums: \"Total\""),
            "{note}"
        );
        // A category of an earlier piece, and one of each piece.
        for text in [
            format!("x,y\nTotal,1.50\n{rows}Total,15.00\n"),
            format!("x,y\nTotal,1\n{}Total,4\n{}Total,7\n", row(1), row(2)),
        ] {
            assert_eq!(
                read(&text, 3),
                (
                    text.matches('$').count() + text.matches("Total").count(),
                    String::new()
                )
            );
        }
    }
}
