//! A row of sums or means at an end of a table, as spreadsheets and reports have it.

use super::builder::{ColumnBuilder, Parsed, Words, parse};
use crate::error::{Location, Note, quote};
use crate::options::ReadOptions;
use crate::reading::amounts;
use crate::table::{Column, ColumnData, Table};

/// Words for it.
const WORDS: &str = "total totals totale totales totaal subtotal sum sums summe summen gesamt gesamtsumme \
    gesamtergebnis insgesamt zusammen somme suma somma soma average averages avg mean \
    durchschnitt mittelwert moyenne promedio media média итого 合计 合計";
/// Other texts are longer.
const MOST_WORDS: usize = 4;
/// Beside fewer rows anything may be a sum.
const LEAST_ROWS: usize = 2;
/// Sums and means may be rounded.
const ROUNDING: f64 = 0.005;

/// What is known of the rows before a piece of a table, to find a row of sums at an end.
pub struct Totals<'a> {
    decimal: Option<char>,
    /// Texts that mean what they say.
    kept: &'a [String],
    rows: usize,
    /// The sum and the count of the numbers of each column.
    sums: Vec<(f64, usize)>,
    first: Option<Row>,
}

/// A row that may be one of sums, with its numbers, NaN where a cell is none.
struct Row {
    place: Location,
    cells: Vec<String>,
    numbers: Vec<f64>,
}

impl<'a> Totals<'a> {
    /// Of a file with this decimal sign, where some texts mean what they say.
    pub fn new(decimal: Option<char>, kept: &'a [String]) -> Self {
        Self {
            decimal,
            kept,
            rows: 0,
            sums: Vec::new(),
            first: None,
        }
    }

    /// Adds a piece behind which others come.
    pub fn add(&mut self, table: &Table) {
        if self.rows == 0 {
            self.first = self.row(table, 0);
        }
        self.sums.resize(table.columns.len(), (0.0, 0));
        for (j, column) in table.columns.iter().enumerate() {
            self.sums[j] = self.others(j, &amounts(&column.data, self.decimal), None);
        }
        self.rows += table.rows;
    }

    /// The last piece without a row of sums at the end, or at the start of a table that is one piece. Rows for a
    /// model stay: they have an answer each.
    pub fn without(&self, table: Table, options: &ReadOptions) -> (Table, Option<Note>) {
        let last = table.rows - 1;
        if self.rows + last < LEAST_ROWS || table.columns.len() < 2 {
            return (table, None);
        }
        let found = [(last, "last"), (0, "first")]
            .into_iter()
            .find_map(|(at, which)| {
                let row = self
                    .row(&table, at)
                    .filter(|_| at == last || self.rows == 0)?;
                let is_alone =
                    at == last && row.cells.iter().filter(|cell| !cell.is_empty()).count() == 1;
                (is_alone || self.has_sums(&row, &table, Some(at))).then_some((at, which, row))
            });
        let Some((at, which, row)) = found else {
            let first = self
                .first
                .as_ref()
                .filter(|row| self.has_sums(row, &table, None));
            return (table, first.map(|row| row.seems("first")));
        };
        if options.expected.is_some() {
            return (table, Some(row.seems(which)));
        }
        let others: Vec<usize> = (0..table.rows).filter(|row| *row != at).collect();
        let mut kept = table.keep(&others);
        for (column, whole) in kept.columns.iter_mut().zip(&table.columns) {
            as_without(column, whole, options, self.decimal);
        }
        (kept, Some(row.left_out(which)))
    }

    /// A row that is called one of sums.
    fn row(&self, table: &Table, at: usize) -> Option<Row> {
        let cell = |column: &Column| column.text(at).unwrap_or_default();
        let cells: Vec<String> = table.columns.iter().map(cell).collect();
        let number = |column: &Column| amounts(&column.data, self.decimal).get(at).copied();
        let is_one = |(column, cell): (&Column, &String)| {
            is_total(cell) && !self.kept.contains(cell) && !is_repeated(column, at)
        };
        table.columns.iter().zip(&cells).any(is_one).then(|| Row {
            place: table.line_of(at),
            cells,
            numbers: (table.columns.iter())
                .map(|column| number(column).unwrap_or(f64::NAN))
                .collect(),
        })
    }

    /// Whether all numbers of a row are sums or means of their columns; `at` is its place in this piece.
    fn has_sums(&self, row: &Row, table: &Table, at: Option<usize>) -> bool {
        let mut found = 0;
        for (j, column) in table.columns.iter().enumerate() {
            let total = row.numbers[j];
            if total.is_nan() {
                continue;
            }
            let (mut sum, mut count) = self.others(j, &amounts(&column.data, self.decimal), at);
            if at.is_none() {
                (sum, count) = (sum - total, count - 1);
            }
            let is = |value: f64| (total - value).abs() <= ROUNDING * value.abs();
            match count > 1 && sum != 0.0 {
                true if is(sum) || is(sum / count as f64) => found += 1,
                _ => return false,
            }
        }
        found > 0
    }

    /// The sum and the count of the numbers of a column so far and of these, but for one.
    fn others(&self, column: usize, numbers: &[f64], but: Option<usize>) -> (f64, usize) {
        let before = self.sums.get(column).copied().unwrap_or_default();
        let added = (numbers.iter().enumerate()).filter(|(i, x)| Some(*i) != but && !x.is_nan());
        added.fold(before, |(sum, count), (_, x)| (sum + x, count + 1))
    }
}

impl Row {
    fn seems(&self, which: &str) -> Note {
        let (place, text) = (&self.place, quote(self.text()));
        Note::warning(format!(
            "{place}: the {which} row seems to be one of sums: {text}, …; remove it if it is"
        ))
    }

    fn left_out(&self, which: &str) -> Note {
        let (place, text) = (&self.place, quote(self.text()));
        Note::warning(format!(
            "{place}: the {which} row is left out as one of sums: {text}, …; if it is none, add {text} to \
             `data.read.not_missing`"
        ))
    }

    /// The text that calls it so.
    fn text(&self) -> &str {
        let cell = self.cells.iter().find(|cell| is_total(cell));
        cell.map_or("", String::as_str)
    }
}

/// Whether other rows have the text of a cell, too: then it is a category.
fn is_repeated(column: &Column, at: usize) -> bool {
    let ColumnData::Text(text) = &column.data else {
        return false;
    };
    let code = text.codes[at];
    text.codes.iter().filter(|other| **other == code).count() > 1
}

/// Whether a cell calls its row one of sums: `Total`, `Grand total`, `Total général`, `Summe:`.
fn is_total(cell: &str) -> bool {
    let lower = cell.to_lowercase();
    let words: Vec<&str> = (lower.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect();
    let is_one =
        |word: Option<&&str>| word.is_some_and(|word| WORDS.split(' ').any(|one| one == *word));
    words.len() <= MOST_WORDS && (is_one(words.first()) || is_one(words.last()))
}

/// Makes numbers of a column that only the row that is left out had made text.
fn as_without(column: &mut Column, whole: &Column, options: &ReadOptions, decimal: Option<char>) {
    let (ColumnData::Text(text), ColumnData::Text(before)) = (&column.data, &whole.data) else {
        return;
    };
    let is_number = |cell: &String| matches!(parse(cell, Words::default()), Parsed::Number(_));
    if text.levels.len() == before.levels.len() || !text.levels.iter().all(is_number) {
        return;
    }
    let words = super::start::words(options);
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
}
