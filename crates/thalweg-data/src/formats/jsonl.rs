//! JSON lines: an object a row; also one array of objects.

mod integers;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{BufRead, Read};
use std::rc::Rc;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use thalweg_core::registry::Description;

use super::format::{Chunks, Format, always, size_of_text, whole};
use crate::csv::builder::is_inexact;
use crate::csv::records::MAX_RECORD;
use crate::error::{Error, Location, Note, Result, quote_list};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::{ExpectedColumns, ReadOptions};
use crate::table::{Column, Lines, Table};
use crate::text;
use crate::text_lines::TextLines;
use crate::typed::{TypedColumn, exact};
use integers::{Marker, Places, Unmarked, marked, unmarked};
use rows::{Fault, Rows};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "jsonl",
        summary: "JSON lines, an object a row, or one array of objects; objects inside become columns a.b, lists of numbers one column",
        equation: "",
        source: "RFC 8259; jsonlines.org",
        parameters: &[],
    },
    endings: &["jsonl", "ndjson", "json"],
    recognizes: |head| {
        let text = head
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(head)
            .trim_ascii_start();
        let object = |text: &[u8]| {
            text.strip_prefix(b"{")
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
        };
        object(text)
            || text
                .strip_prefix(b"[")
                .is_some_and(|rest| object(rest.trim_ascii_start()))
    },
    read,
    write: Some(write::write),
    chunks: Some(Chunks {
        read: chunks,
        fits: always,
        size: size_of_text,
        sums: true,
    }),
    folder: None,
    #[cfg(test)]
    example: || {
        b"{\"a\": 1, \"b\": \"x\"}\n{\"a\": null, \"b\": \"y\"}\n{\"b\": \"z\", \"c\": true}\n"
            .to_vec()
    },
};

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    whole(chunks, input, options, "objects of values")
}

/// Lines, or the elements of an array, in pieces.
fn chunks(
    input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let mut input = input.text(options)?;
    let mut pieces = Pieces {
        file: input.file.clone(),
        options,
        absent: None,
        notes: Vec::new(),
        visit,
    };
    let rows = Rows::new(&options.missing, input.room.clone());
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let text = input.head.strip_prefix(MARK).unwrap_or(&input.head);
    let (is_array, is_marked) = (
        text.trim_ascii_start().starts_with(b"["),
        text.len() < input.head.len(),
    );
    if is_array && is_marked {
        input.take(MARK.len() as u64)?;
    }
    match is_array {
        true => read_array(input, rows, size, &mut pieces)?,
        false => read_lines(input, rows, size, &mut pieces)?,
    }
    Ok(pieces.finish())
}

/// Rows on their way to a visitor.
struct Pieces<'a> {
    file: String,
    options: &'a ReadOptions,
    /// Expected columns that no piece has had so far; none before the first piece.
    absent: Option<Vec<String>>,
    notes: Vec<Note>,
    visit: &'a mut dyn FnMut(Table) -> Result<()>,
}

impl Pieces<'_> {
    fn add(&mut self, rows: Rows, lines: Option<Lines>) -> Result<()> {
        let mut loaded = rows.into_loaded(self.file.clone(), lines, self.absent.is_none())?;
        let absent = match &self.options.expected {
            Some(expected) => fill_up(&mut loaded.train, expected),
            None => Vec::new(),
        };
        match &mut self.absent {
            Some(before) => before.retain(|name| absent.contains(name)),
            none => *none = Some(absent),
        }
        let new = loaded.notes.into_iter();
        self.notes.extend(
            new.filter(|note| !self.notes.contains(note))
                .collect::<Vec<_>>(),
        );
        (self.visit)(loaded.train)
    }

    fn finish(mut self) -> Vec<Note> {
        let absent = self.absent.unwrap_or_default();
        if !absent.is_empty() {
            let names = quote_list(absent.iter().map(String::as_str));
            let text = format!("no row has {names}: missing values");
            self.notes.push(Note::warning(text));
        }
        self.notes
    }
}

/// Adds the columns whose key no row has, as missing values, and gives their names; not where there are other keys, of
/// which one may be misspelled.
fn fill_up(table: &mut Table, expected: &ExpectedColumns) -> Vec<String> {
    let is_known = |name: &str| expected.names.iter().any(|known| known == name);
    if !table.names().all(is_known) {
        return Vec::new();
    }
    let is_absent = |name: &&String| table.column(name).is_none();
    let absent: Vec<String> = expected.required().filter(is_absent).cloned().collect();
    table.columns.extend(absent.iter().map(|name| Column {
        name: name.clone(),
        data: TypedColumn::missing(table.rows).finish(),
    }));
    absent
}

fn read_lines(input: Input, mut rows: Rows, size: usize, pieces: &mut Pieces) -> Result<()> {
    let mut text = TextLines::new(input);
    let mut lines = Lines::default();
    while let Some(line) = text.next()? {
        if rows.count >= size {
            pieces.add(rows.take(), Some(std::mem::take(&mut lines)))?;
        }
        let marked = marked(line);
        let mut json = serde_json::Deserializer::from_str(marked.as_deref().unwrap_or(line));
        let read = Row(&mut rows)
            .deserialize(&mut json)
            .and_then(|()| json.end());
        if let Err(error) = read {
            // The place is that in the line as it is.
            let syntax = marked.and_then(|_| serde_json::from_str::<IgnoredAny>(line).err());
            let error = syntax.unwrap_or(error);
            let mut refusal = rows.refusal(&error, error.column(), text.location());
            if error.is_eof() {
                refusal = refusal.remedy("write each object on one line");
            }
            return Err(refusal);
        }
        lines.push(rows.count - 1, text.number());
    }
    pieces.add(rows, Some(lines))
}

fn read_array(input: Input, mut rows: Rows, size: usize, pieces: &mut Pieces) -> Result<()> {
    let file = input.file;
    let reader = OfRow {
        reader: input.reader,
        marker: Marker::default(),
        block: Vec::new(),
        at: 0,
        read: Rc::default(),
        places: Rc::default(),
    };
    let (read, places, mut failure) = (reader.read.clone(), reader.places.clone(), None);
    let mut json = serde_json::Deserializer::from_reader(reader);
    let array = Array {
        rows: &mut rows,
        read,
        size,
        pieces: &mut *pieces,
        failure: &mut failure,
    };
    let read = array.deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = failure {
        return Err(error);
    }
    read.map_err(|error| match error.io_error_kind() {
        Some(_) => Error::reading(&file, error.into()),
        None => {
            let column = places.borrow().in_file(error.line(), error.column());
            let location = Location::file(&file).line(error.line() as u64);
            rows.refusal(&error, column, location)
        }
    })?;
    match rows.count > 0 || pieces.absent.is_none() {
        true => pieces.add(rows, None),
        false => Ok(()),
    }
}

/// Bytes of an array, so many at most for a row; the parser asks for one at a time.
struct OfRow {
    reader: Box<dyn BufRead + Send>,
    marker: Marker,
    block: Vec<u8>,
    at: usize,
    read: Rc<Cell<usize>>,
    places: Rc<RefCell<Places>>,
}

impl OfRow {
    const BLOCK: u64 = 1 << 16;

    /// Reads the next block, or to the end.
    fn fill(&mut self) -> std::io::Result<()> {
        self.block.clear();
        self.at = 0;
        while self.block.is_empty() {
            let mut raw = Vec::new();
            let count = (&mut self.reader).take(Self::BLOCK).read_to_end(&mut raw)?;
            self.read.set(self.read.get() + count);
            if self.read.get() > MAX_RECORD {
                let found = format!("a row of more than {} bytes", text::whole(MAX_RECORD));
                return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, found));
            }
            self.marker.copy(&raw, &mut self.block);
            if count == 0 {
                self.marker.finish(&mut self.block);
                break;
            }
        }
        let added = self.marker.added.drain(..);
        self.places.borrow_mut().advance(&self.block, added);
        Ok(())
    }
}

impl Read for OfRow {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.block.len() {
            self.fill()?;
        }
        let count = (&self.block[self.at..]).read(to)?;
        self.at += count;
        Ok(count)
    }
}

/// An array of rows, which go to a visitor so many at a time.
struct Array<'a, 'b, 'c> {
    rows: &'a mut Rows<'b>,
    /// Bytes of the row so far.
    read: Rc<Cell<usize>>,
    size: usize,
    pieces: &'a mut Pieces<'c>,
    /// An error of the visitor.
    failure: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Array<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.rows))?.is_some() {
            self.read.set(0);
            if self.rows.count >= self.size {
                let full = self.rows.take();
                self.pieces.add(full, None).map_err(|error| {
                    *self.failure = Some(error);
                    serde::de::Error::custom("a piece")
                })?;
            }
        }
        Ok(())
    }
}

/// A row.
struct Row<'a, 'b>(&'a mut Rows<'b>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let rows = self.0;
        json.deserialize_map(Object { rows, name: "" })?;
        rows.end_row().map_err(|Fault| D::Error::custom("a row"))
    }
}

/// An object, of a row or inside one.
struct Object<'a, 'b> {
    rows: &'a mut Rows<'b>,
    /// What the names inside begin with.
    name: &'a str,
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let name = match self.name {
                "" => key,
                outer => Cow::Owned(format!("{outer}.{key}")),
            };
            let rows = &mut *self.rows;
            map.next_value_seed(Value { rows, name: &name })?;
        }
        Ok(())
    }
}

/// The value of a cell.
struct Value<'a, 'b> {
    rows: &'a mut Rows<'b>,
    name: &'a str,
}

impl Value<'_, '_> {
    fn push<E: serde::de::Error>(self, push: impl FnOnce(&mut TypedColumn)) -> Result<(), E> {
        self.rows
            .push(self.name, push)
            .map_err(|Fault| E::custom("a cell"))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<(), E> {
        self.push(|column| column.push_truth(truth))
    }

    fn visit_i64<E: serde::de::Error>(self, integer: i64) -> Result<(), E> {
        self.push(|column| column.push_integer(integer.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, integer: u64) -> Result<(), E> {
        self.push(|column| column.push_integer(integer.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.push(|column| column.push_number(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let text = match unmarked(text) {
            Unmarked::Text(text) => text,
            Unmarked::Integer(integer) => {
                return self.push(|column| {
                    column.push_spelled(integer);
                });
            }
        };
        let is = |word: &String| word.eq_ignore_ascii_case(text);
        let missing = text.is_empty() || self.rows.missing.iter().any(is);
        self.push(|column| match missing {
            true => column.push_missing(),
            false => column.push_text(text),
        })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        // A column that is null so far may become one of lists.
        let rows = self.rows.count;
        let fill = self
            .rows
            .column(self.name)
            .map(|cells| cells.fill(rows + 1));
        fill.map_err(|Fault| E::custom("a cell"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Value { rows, name } = self;
        Object { rows, name }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut numbers = Vec::new();
        loop {
            match list.next_element::<Option<Element>>() {
                Ok(Some(number)) => numbers.push(number.map_or(f64::NAN, |Element(number)| number)),
                Ok(None) => break,
                Err(error) => {
                    let found = match error.to_string().starts_with(WIDE) {
                        true => WIDE,
                        false => "a list with something else than numbers",
                    };
                    self.rows
                        .fail(self.name, found, "a single value or a list of numbers");
                    return Err(error);
                }
            }
        }
        (self.rows.push_list(self.name, numbers)).map_err(|Fault| A::Error::custom("a cell"))
    }
}

/// A number of a list.
struct Element(f64);

/// What is found where f64 does not hold one.
const WIDE: &str = "an integer of more than 53 bits in a list";

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E: serde::de::Error>(self, integer: i64) -> Result<Element, E> {
                exact(integer.into())
                    .ok_or_else(|| E::custom(WIDE))
                    .map(Element)
            }

            fn visit_u64<E: serde::de::Error>(self, integer: u64) -> Result<Element, E> {
                exact(integer.into())
                    .ok_or_else(|| E::custom(WIDE))
                    .map(Element)
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Element, E> {
                Ok(Element(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Element, E> {
                let Unmarked::Integer(integer) = unmarked(text) else {
                    return Err(E::custom("a text"));
                };
                let number = integer.parse().ok().filter(|_| !is_inexact(integer));
                number.map(Element).ok_or_else(|| E::custom(WIDE))
            }
        }

        json.deserialize_any(Number)
    }
}
