//! ARFF: the format of Weka and OpenML, a table whose header declares the types.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use thalweg_core::registry::Description;

use super::format::{Chunks, Format, always, size_of_text, whole};
use crate::csv::builder::FINITE;
use crate::csv::records::{MAX_CELLS, too_wide};
use crate::csv::start::counted;
use crate::error::{Error, Location, Note, Result, did_you_mean, quote};
use crate::input::Input;
use crate::options::ReadOptions;
use crate::reading::{DateOrder, ReadAs, Reading, Readings};
use crate::table::{Lines, Table};
use crate::text;
use crate::text_lines::TextLines;
use crate::typed::{self, TypedColumn};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "arff",
        summary: "ARFF of Weka and OpenML, dense or sparse: the declared types hold, ? is missing",
        equation: "",
        source: "Weka: Attribute-Relation File Format",
        parameters: &[],
    },
    endings: &["arff"],
    recognizes: |head| {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let first = (text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii))
            .find(|line| !line.is_empty() && line[0] != b'%');
        first.is_some_and(|line| keyword(line, "@relation"))
    },
    read: |input, options| whole(chunks, input, options, "rows after @data"),
    write: None,
    chunks: Some(Chunks {
        read: chunks,
        fits: always,
        size,
        sums: false,
    }),
    folder: None,
    #[cfg(test)]
    example: || {
        let header = "@relation t\n@attribute a real\n@attribute b {'x y',z}\n";
        format!("{header}@data\n1,z\n?,'x y'\n-2e3,z\n").into_bytes()
    },
};

fn keyword(line: &[u8], word: &str) -> bool {
    let start = line.get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        && line.get(word.len()).is_none_or(u8::is_ascii_whitespace)
}

/// A declared column.
struct Attribute {
    name: String,
    kind: Kind,
}

enum Kind {
    Number,
    Text,
    /// Dates with their parts in this order.
    Date(DateOrder),
    /// One of these values.
    Nominal(Nominal),
}

/// Declared values.
struct Nominal {
    all: BTreeSet<String>,
    first: Option<String>,
}

/// Rows in pieces, with the columns of the header.
fn chunks(
    input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let (file, room) = (input.file.clone(), input.room.clone());
    let mut text = TextLines::new(input.text(options)?);
    let attributes = header(&mut text)?;
    let readings: Readings = (attributes.iter())
        .filter_map(|attribute| Some((attribute.name.clone(), attribute.kind.reading()?)))
        .collect();
    let empty = || attributes.iter().map(Attribute::column).collect::<Vec<_>>();
    let mut notes: Vec<Note> = Vec::new();
    let mut add = |columns: Vec<TypedColumn>, lines: Lines, rows| {
        let names = attributes.iter().map(|attribute| attribute.name.clone());
        let (columns, note) = typed::finish(names.zip(columns).collect());
        notes.extend(note.filter(|note| !notes.contains(note)));
        let mut table = Table::without_lines(file.clone(), rows, columns);
        (table.lines, table.readings, table.has_types) = (Some(lines), readings.clone(), true);
        visit(table)
    };
    let (mut columns, mut lines, mut rows, mut all) = (empty(), Lines::default(), 0, 0);
    while let Some(line) = text.next()? {
        if line.starts_with('%') {
            continue;
        }
        if rows >= size {
            let full = std::mem::replace(&mut columns, empty());
            add(full, std::mem::take(&mut lines), rows)?;
            rows = 0;
        }
        // Weka reads white space as a comma; here tabs alone, where no comma is.
        let delimiter = if line.contains([',', '{']) { ',' } else { '\t' };
        let cells = cells(line, delimiter).and_then(|cells| row(cells, &attributes));
        let cells = cells.map_err(|fault| fault.at(text.location()))?;
        for ((cell, column), attribute) in cells.iter().zip(&mut columns).zip(&attributes) {
            let pushed = push(cell, column, attribute, &options.missing);
            pushed.map_err(|fault| fault.at(text.location().column(&attribute.name)))?;
        }
        lines.push(rows, text.number());
        (rows, all) = (rows + 1, all + 1);
        if room.check(all, columns.len()).is_err() {
            let [rows, columns] = [all, columns.len()].map(text::whole);
            let found = format!("{rows} rows of {columns} columns with hardly any cell");
            return Err(Fault::new(found, "a table that is not so sparse").at(text.location()));
        }
    }
    add(columns, lines, rows)?;
    Ok(notes)
}

/// Rows and cells of a file of so many bytes, by its first lines.
fn size(input: &mut Input, bytes: u64) -> Result<(u64, u64)> {
    const LOOK: u64 = 1 << 18;
    let first = input.take(LOOK)?;
    let mut text = TextLines::new(Input::bytes(&input.file, first)?);
    let Ok(attributes) = header(&mut text) else {
        return size_of_text(input, bytes);
    };
    let (mut lines, mut length) = (0, 0);
    while let Ok(Some(line)) = text.next() {
        (lines, length) = (lines + 1, length + line.len() as u64 + 1);
    }
    let rows = bytes * lines / length.max(1);
    Ok((rows, rows * attributes.len() as u64))
}

impl Attribute {
    /// Its values, none yet.
    fn column(&self) -> TypedColumn {
        match self.kind {
            Kind::Number => TypedColumn::missing(0),
            Kind::Text | Kind::Date(_) | Kind::Nominal(_) => TypedColumn::text(),
        }
    }
}

impl Kind {
    /// How the column is read because the header says so.
    fn reading(&self) -> Option<Reading> {
        let why = "the @attribute says so";
        match self {
            Kind::Number | Kind::Text => None,
            Kind::Nominal(_) => Some(Reading::of(ReadAs::Text, why)),
            Kind::Date(order) => {
                let order = Some(*order);
                Some(Reading {
                    order,
                    ..Reading::of(ReadAs::Dates, why)
                })
            }
        }
    }

    /// Dates of a pattern such as `"dd/MM/yy"`; without one the year comes first. A pattern without
    /// day or year makes texts.
    fn date(pattern: &str) -> Self {
        let place = |letter| pattern.find(letter);
        let order = match (place('y'), place('M'), place('d')) {
            _ if pattern.is_empty() => DateOrder::Ymd,
            (Some(year), Some(month), Some(day)) if year < month && month < day => DateOrder::Ymd,
            (Some(year), Some(month), Some(day)) if day < month && month < year => DateOrder::Dmy,
            (Some(year), Some(month), Some(day)) if month < day && day < year => DateOrder::Mdy,
            _ => return Kind::Text,
        };
        Kind::Date(order)
    }
}

/// What is wrong with a line.
struct Fault {
    found: String,
    expected: String,
    remedy: String,
}

impl Fault {
    fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            expected: expected.into(),
            remedy: "correct the line".to_owned(),
        }
    }

    fn at(self, location: Location) -> Error {
        Error::invalid(location, self.found, self.expected).remedy(self.remedy)
    }
}

/// Reads up to the line `@data`.
fn header(text: &mut TextLines) -> Result<Vec<Attribute>> {
    let (mut attributes, mut names) = (Vec::new(), HashSet::new());
    loop {
        let location = text.location();
        let Some(line) = text.next()? else {
            let error = Error::invalid(location, "no line @data", "the rows after the header");
            return Err(error.remedy("check that the file is complete"));
        };
        let bytes = line.as_bytes();
        if line.starts_with('%') || keyword(bytes, "@relation") {
            continue;
        }
        if keyword(bytes, "@data") {
            break;
        }
        let attribute = match keyword(bytes, "@attribute") {
            true => attribute(line["@attribute".len()..].trim()),
            false => Err(Fault::new(quote(line), "@attribute NAME TYPE or @data")),
        };
        let attribute = attribute.map_err(|fault| fault.at(text.location()))?;
        if attributes.len() == MAX_CELLS {
            return Err(too_wide(text.location()));
        }
        if !names.insert(attribute.name.clone()) {
            let found = format!("the attribute {} twice", quote(&attribute.name));
            return Err(Fault::new(found, "different names").at(text.location()));
        }
        attributes.push(attribute);
    }
    match attributes.is_empty() {
        true => Err(Fault::new("no @attribute", "a line for each column").at(text.location())),
        false => Ok(attributes),
    }
}

/// Reads `NAME TYPE`.
fn attribute(text: &str) -> Result<Attribute, Fault> {
    let (name, kind) = match text.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(&text[1..], quote)?,
        _ => {
            let end = text.find([' ', '\t', '{']).unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    let kind = kind.trim();
    let word = kind.split_ascii_whitespace().next().unwrap_or_default();
    let kind = match word.to_ascii_lowercase().as_str() {
        _ if kind.starts_with('{') => {
            let inside = kind
                .strip_prefix('{')
                .and_then(|kind| kind.strip_suffix('}'));
            let inside = inside.ok_or_else(|| Fault::new(quote(kind), "values in braces"))?;
            let values: Vec<String> = cells(inside, ',')?
                .into_iter()
                .map(|cell| cell.text)
                .collect();
            let first = values.first().cloned();
            let all = values.into_iter().collect();
            Kind::Nominal(Nominal { all, first })
        }
        "numeric" | "real" | "integer" => Kind::Number,
        "string" => Kind::Text,
        "date" => Kind::date(kind[word.len()..].trim().trim_matches(['"', '\''])),
        _ => {
            let expected = "numeric, real, integer, string, date or {VALUE,…}";
            return Err(Fault::new(format!("the type {}", quote(word)), expected));
        }
    };
    Ok(Attribute { name, kind })
}

/// What a row has of an attribute.
#[derive(Clone)]
enum Value {
    Text(String),
    Missing,
    /// Nothing, in a sparse row.
    Absent,
}

/// A cell, and whether it is quoted.
struct Cell {
    text: String,
    quoted: bool,
}

/// Cuts a line at its delimiters.
fn cells(line: &str, delimiter: char) -> Result<Vec<Cell>, Fault> {
    let mut cells = Vec::new();
    let mut rest = line.trim();
    loop {
        let cell = match rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let (text, after) = quoted(&rest[1..], quote)?;
                rest = after.trim_start_matches(' ');
                Cell { text, quoted: true }
            }
            _ => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                let text = rest[..end].trim().to_owned();
                rest = &rest[end..];
                Cell {
                    text,
                    quoted: false,
                }
            }
        };
        cells.push(cell);
        match rest.strip_prefix(delimiter) {
            // Between tabs a cell may be empty.
            Some(after) => rest = after.trim_start_matches(' '),
            None if rest.is_empty() => return Ok(cells),
            None => {
                let found = format!("{} after a closing quote", quote(rest));
                return Err(Fault::new(found, "a comma"));
            }
        }
    }
}

/// The text up to a closing quote, backslashes undone, and what follows.
fn quoted(text: &str, quote: char) -> Result<(String, &str), Fault> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, next)| match next {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            })),
            _ if character == quote => return Ok((value, &text[at + quote.len_utf8()..])),
            _ => value.push(character),
        }
    }
    Err(Fault::new(
        "a quote that is never closed",
        "a closing quote",
    ))
}

/// The cells of a row, as many as there are attributes; those of a sparse row (`{INDEX VALUE, …}`)
/// filled up.
fn row(mut cells: Vec<Cell>, attributes: &[Attribute]) -> Result<Vec<Value>, Fault> {
    let is_sparse =
        (cells.first()).is_some_and(|first| !first.quoted && first.text.starts_with('{'));
    if is_sparse {
        return sparse_row(cells, attributes.len());
    }
    if cells.len() == attributes.len() + 1
        && let Some(last) = cells.last()
        && last.text.starts_with('{')
    {
        let mut fault = Fault::new("a weight in braces after the row", "no weight");
        fault.remedy = "write the weights as a column of their own".to_owned();
        return Err(fault);
    }
    if cells.len() != attributes.len() {
        let found = counted(cells.len(), "cell");
        return Err(Fault::new(
            found,
            format!("{}, one for each @attribute", attributes.len()),
        ));
    }
    Ok(cells.drain(..).map(value).collect())
}

fn value(cell: Cell) -> Value {
    match cell.quoted || !(cell.text.is_empty() || cell.text == "?") {
        true => Value::Text(cell.text),
        false => Value::Missing,
    }
}

fn sparse_row(cells: Vec<Cell>, attributes: usize) -> Result<Vec<Value>, Fault> {
    let mut row = vec![Value::Absent; attributes];
    let count = cells.len();
    for (i, cell) in cells.into_iter().enumerate() {
        let mut text = cell.text.as_str();
        if i == 0 {
            text = text.trim_start_matches('{').trim_start();
        }
        if i + 1 == count {
            let closed = text.trim_end().strip_suffix('}');
            text = closed
                .ok_or_else(|| Fault::new("a row that is never closed", "a closing brace"))?;
        }
        if text.trim().is_empty() && count == 1 {
            continue;
        }
        let (index, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let index: Option<usize> = index.parse().ok();
        let Some(place) = index.and_then(|index| row.get_mut(index)) else {
            let last = attributes - 1;
            return Err(Fault::new(
                quote(text),
                format!("an index from 0 to {last} and a value"),
            ));
        };
        if !matches!(place, Value::Absent) {
            let index = index.unwrap_or_default();
            return Err(Fault::new(
                format!("the index {index} twice"),
                "each index once",
            ));
        }
        let mut inner = self::cells(rest, ',')?.into_iter();
        *place = inner.next().map_or(Value::Missing, value);
    }
    Ok(row)
}

fn push(
    value: &Value,
    column: &mut TypedColumn,
    attribute: &Attribute,
    missing: &[String],
) -> Result<(), Fault> {
    let is_missing = |text: &str| missing.iter().any(|word| word.eq_ignore_ascii_case(text));
    let text = match (value, &attribute.kind) {
        (Value::Missing, _) => None,
        (Value::Text(text), _) => Some(text.as_str()),
        // What is left out is 0, or the first value of its attribute.
        (Value::Absent, Kind::Nominal(values)) => values.first.as_deref(),
        (Value::Absent, Kind::Number | Kind::Text | Kind::Date(_)) => Some("0"),
    };
    let Some(text) = text.filter(|text| !is_missing(text)) else {
        column.push_missing();
        return Ok(());
    };
    match &attribute.kind {
        Kind::Number if !column.push_spelled(text) => {
            let expected = match text.parse::<f64>() {
                Ok(_) => FINITE,
                Err(_) => "a number, as declared",
            };
            return Err(Fault::new(quote(text), expected));
        }
        Kind::Number => {}
        Kind::Nominal(values) if !values.all.contains(text) => {
            let mut fault = Fault::new(quote(text), "a value that the @attribute declares");
            let likely = did_you_mean(text, values.all.iter().map(String::as_str));
            if !likely.is_empty() {
                fault.remedy = likely;
            }
            return Err(fault);
        }
        Kind::Nominal(_) | Kind::Text | Kind::Date(_) => column.push_text(text),
    }
    Ok(())
}
