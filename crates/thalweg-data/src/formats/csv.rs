//! Delimited text: CSV, TSV and their relatives.

use std::collections::HashMap;

use thalweg_core::registry::Description;

use super::format::Format;
use crate::csv::builder::{ColumnBuilder, Words};
use crate::csv::dialect;
use crate::csv::parallel::{Sink, Windows};
use crate::csv::records::{Record, Records};
use crate::error::{Error, Location, Result, quote};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Column, Lines, Table};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "csv",
        summary: "delimited text (comma, tab, semicolon, pipe), also gzipped; header, types and missing values are detected",
        equation: "",
        source: "RFC 4180",
        parameters: &[],
    },
    endings: &["csv", "tsv", "tab", "txt", "data", "test"],
    recognizes: |_| false,
    read,
    write: Some(crate::csv::write::write),
    folder: None,
    #[cfg(test)]
    example: || b"a,b,c\n1,\"x, y\",yes\n2.5,?,no\n-3e4,z,yes\n".to_vec(),
};

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let mut records = Records::new(input.file, input.reader)?;
    let location = Location::file(records.file.clone());
    let (header, decimal) = detect_dialect(&mut records, options)?;
    let words = words(options);
    let mut names: Option<Vec<String>> = (!options.names.is_empty()).then(|| options.names.clone());
    if header && let Some(first) = records.next()? {
        let found = header_names(&first, &location)?;
        let names = names.get_or_insert_with(|| found.clone());
        if names.len() != found.len() {
            return Err(count_error(&location, &first, names.len(), true));
        }
    }
    let mut builders: Vec<ColumnBuilder> = Vec::new();
    let mut lines = Lines::default();
    let mut windows = Windows::new();
    let mut rows = 0;
    while let Some(record) = records.next()? {
        if builders.is_empty() {
            let width = record.cells.len();
            let expected = || options.expected.as_ref()?.of_width(width);
            let given = names.get_or_insert_with(|| expected().unwrap_or_else(|| numbered(width)));
            let decimal = options.decimal.or(decimal);
            let builder = |name: &String| ColumnBuilder::new(options.numbers_of(name, decimal));
            builders.extend(given.iter().map(builder));
        }
        if record.cells.len() != builders.len() {
            let given = rows == 0 && !header;
            return Err(count_error(&location, &record, builders.len(), given));
        }
        let names = names.as_deref().unwrap_or_default();
        push(&record, names, &mut builders, words, &location)?;
        lines.push(rows, record.line);
        rows += 1;
        if builders.len() > 1 {
            let (builders, lines, rows) = (&mut builders[..], &mut lines, &mut rows);
            let sink = Sink {
                builders,
                lines,
                rows,
                words,
            };
            windows.advance(&mut records, sink)?;
        }
    }
    let Some(names) = names.filter(|_| rows > 0) else {
        let found = match header {
            true => "a header and no rows",
            false => "an empty file",
        };
        return Err(Error::invalid(location, found, "rows of data")
            .remedy("check that this is the right file"));
    };
    check_unique(&names, &location)?;
    let column = |(name, builder): (String, ColumnBuilder)| Column {
        name,
        data: builder.finish(),
    };
    let columns: Vec<Column> = names.into_iter().zip(builders).map(column).collect();
    let mut train = Table::without_lines(records.file, rows, columns);
    train.lines = Some(lines);
    train.decimal = decimal;
    Ok(train.into())
}

fn words(options: &ReadOptions) -> Words<'_> {
    Words {
        missing: &options.missing,
        kept: &options.not_missing,
    }
}

/// Sets the delimiter, from the options or the first records; returns whether the first one is a
/// header, and the decimal sign where it is a comma.
fn detect_dialect(records: &mut Records, options: &ReadOptions) -> Result<(bool, Option<char>)> {
    let (sample, complete) = records.sample();
    let delimiter = match options.delimiter {
        None => dialect::delimiter(sample, complete),
        Some(c) => match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => byte,
            _ => {
                let location = Location::field("data.read.delimiter");
                let found = quote(&c.to_string());
                return Err(Error::invalid(location, found, "an ASCII character"));
            }
        },
    };
    let header = options.header.unwrap_or_else(|| {
        let mut expected = options.names.clone();
        expected.extend(options.expected.iter().flat_map(|e| e.names.clone()));
        dialect::header(sample, complete, delimiter, words(options), &expected)
    });
    let commas = dialect::has_decimal_commas(sample, complete, delimiter);
    records.delimiter = delimiter;
    Ok((header, commas.then_some(',')))
}

/// Adds the cells of a record to its columns.
fn push(
    record: &Record<'_>,
    names: &[String],
    builders: &mut [ColumnBuilder],
    words: Words<'_>,
    location: &Location,
) -> Result<()> {
    for ((cell, builder), name) in record.cells.iter().zip(builders).zip(names) {
        let bytes = cell.bytes(record.bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let location = location.clone().line(record.line).column(name);
            let found = quote(&String::from_utf8_lossy(&bytes));
            return Err(
                Error::invalid(location, found, "UTF-8 text").remedy("save the file as UTF-8")
            );
        };
        builder.push(text, words);
    }
    Ok(())
}

/// Names for columns without: `column_1`, `column_2`, ….
fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("column_{i}")).collect()
}

fn header_names(record: &Record<'_>, location: &Location) -> Result<Vec<String>> {
    if std::str::from_utf8(record.bytes).is_err() {
        let location = location.clone().line(record.line);
        let found = "names that are not UTF-8 text";
        return Err(Error::invalid(location, found, "UTF-8 text").remedy("save the file as UTF-8"));
    }
    let mut names = record.lossy();
    for (name, number) in names.iter_mut().zip(numbered(record.cells.len())) {
        if name.is_empty() {
            *name = number;
        }
    }
    check_unique(&names, &location.clone().line(record.line))?;
    Ok(names)
}

fn check_unique(names: &[String], location: &Location) -> Result<()> {
    let mut first = HashMap::new();
    for (j, name) in names.iter().enumerate() {
        if let Some(i) = first.insert(name, j) {
            let found = format!(
                "the name {} for columns {} and {}",
                quote(name),
                i + 1,
                j + 1
            );
            return Err(Error::invalid(location.clone(), found, "different names")
                .remedy("rename one of them"));
        }
    }
    Ok(())
}

/// A record of another number of cells than the `expected` columns, whose names the user gave, or
/// earlier records.
fn count_error(location: &Location, record: &Record<'_>, expected: usize, given: bool) -> Error {
    let found = match record.cells.len() {
        1 => "1 cell".to_owned(),
        n => format!("{n} cells"),
    };
    let (why, remedy) = match given {
        true => (
            "one for each name given",
            "give as many names as there are columns",
        ),
        false => (
            "as in the lines before",
            "check this line for missing or extra delimiters and quotes",
        ),
    };
    let location = location.clone().line(record.line);
    Error::invalid(location, found, format!("{expected}, {why}")).remedy(remedy)
}
