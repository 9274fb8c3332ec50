//! Splits by what the table says: a column that names the parts, or rows that stay together.

use std::collections::{HashMap, HashSet};

use thalweg_core::dataset::Targets;
use thalweg_core::random::{Purpose, Stream};

use super::{Split, SplitBy, SplitOptions, sizes, split};
use crate::error::{Error, Location, Note, Result, did_you_mean, quote, quote_list};
use crate::table::Table;
use crate::target::Target;
use crate::text::whole;

/// Values of a column that name the part of a row, in lower case: training, validation, test.
const PARTS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training", "0"]),
    ("validation", &["validation", "valid", "val", "dev", "1"]),
    ("test", &["test", "testing", "2"]),
];

/// Splits the rows of a table as the options say.
///
/// # Errors
/// As [`split`]; when a column does not exist or is the target, a value names no part, no row is
/// left to train on, or a column that names parts has a group in two of them.
pub fn split_table(
    table: &Table,
    target: &Target,
    targets: &Targets,
    options: &SplitOptions,
) -> Result<(Split, Vec<Note>)> {
    for (name, field) in options.columns().zip(fields(options)) {
        check(table, target, name, field)?;
    }
    let groups = options.group.as_ref().map(|name| groups(table, name));
    match (&options.by, &groups) {
        (SplitBy::Column(name), _) => by_column(table, name, options, groups.as_ref()),
        (_, Some(groups)) => by_groups(groups, options),
        (_, None) => split(targets, options),
    }
}

/// A warning where rows of a file of its own belong to groups of the training rows.
pub fn notes_on_groups(
    table: &Table,
    train: &[usize],
    other: &Table,
    part: &str,
    options: &SplitOptions,
) -> Option<Note> {
    let name = options.group.as_ref()?;
    let (ours, theirs) = (table.column(name)?, other.column(name)?);
    let known: HashSet<Option<String>> = train.iter().map(|&row| ours.text(row)).collect();
    let of_both = (0..other.rows).filter(|&row| known.contains(&theirs.text(row)));
    let count = of_both.count();
    (count > 0).then(|| {
        let [count, of] = [count, other.rows].map(whole);
        Note::warning(format!(
            "{}: {count} of {of} {part} belong to groups of the training rows, by column {}",
            Location::file(&other.file),
            quote(name)
        ))
    })
}

/// The fields of [`SplitOptions::columns`].
fn fields(options: &SplitOptions) -> Vec<&'static str> {
    let by = matches!(options.by, SplitBy::Column(_)).then_some("data.split.by");
    (by.into_iter())
        .chain(options.group.as_ref().map(|_| "data.split.group"))
        .collect()
}

fn check(table: &Table, target: &Target, name: &str, field: &'static str) -> Result<()> {
    if target.columns.iter().any(|column| column == name) {
        let found = format!("the target {}", quote(name));
        return Err(Error::invalid(
            Location::field(field),
            found,
            "another column",
        ));
    }
    if table.column(name).is_some() {
        return Ok(());
    }
    let words: &[&str] = match field {
        "data.split.by" => &["random", "ordered"],
        _ => &[],
    };
    let names = (words.iter().copied()).chain(table.names());
    let expected = match words {
        [] => format!("one of {}", quote_list(table.names())),
        _ => format!("random, ordered, or one of {}", quote_list(table.names())),
    };
    let found = format!("no column {}", quote(name));
    let error = Error::invalid(Location::field(field), found, expected);
    Err(error.remedy(did_you_mean(name, names)))
}

/// The group of each of some rows, if the table has the column of groups, counted in the order of
/// appearance.
pub fn group_numbers(table: &Table, rows: &[usize], options: &SplitOptions) -> Option<Vec<usize>> {
    let name = options.group.as_ref()?;
    table.column(name)?;
    Some(groups(table, name).of(rows).of_row)
}

/// The group of each row, counted in the order of appearance. Rows without a value are one group.
pub(super) struct Groups<'a> {
    pub name: &'a str,
    pub of_row: Vec<usize>,
    /// What they are called; of rows without a value nothing.
    pub values: Vec<Option<String>>,
}

pub(super) fn groups<'a>(table: &Table, name: &'a str) -> Groups<'a> {
    let mut known: HashMap<Option<String>, usize> = HashMap::new();
    let of_row = (table.column(name)).map_or_else(Vec::new, |column| {
        let mut of_row = Vec::with_capacity(table.rows);
        for row in 0..table.rows {
            let next = known.len();
            of_row.push(*known.entry(column.text(row)).or_insert(next));
        }
        of_row
    });
    let mut values = vec![None; known.len()];
    for (value, group) in known {
        values[group] = value;
    }
    Groups {
        name,
        of_row,
        values,
    }
}

/// The part that the column names for each row.
fn by_column(
    table: &Table,
    name: &str,
    options: &SplitOptions,
    groups: Option<&Groups>,
) -> Result<(Split, Vec<Note>)> {
    let mut split = Split::default();
    let mut part_of_group: Vec<Option<usize>> =
        vec![None; groups.map_or(0, |groups| groups.values.len())];
    for row in 0..table.rows {
        let text = table.column(name).and_then(|column| column.text(row));
        let word = text.as_deref().map(|text| text.trim().to_lowercase());
        let is = |words: &[&str]| word.as_deref().is_some_and(|word| words.contains(&word));
        let Some(part) = PARTS.iter().position(|(_, words)| is(words)) else {
            let found = text.map_or("a missing value".to_owned(), |text| quote(&text));
            let expected = "train, validation or test (or 0, 1, 2)";
            let error = Error::invalid(table.cell(row, name), found, expected);
            return Err(error.remedy("correct the cell, or choose another `data.split.by`"));
        };
        [&mut split.train, &mut split.validation, &mut split.test][part].push(row);
        if let Some(groups) = groups {
            let first = part_of_group[groups.of_row[row]].get_or_insert(part);
            if *first != part {
                let found = format!("a row of a group of {} rows", PARTS[*first].0);
                let location = table.cell(row, groups.name);
                let error = Error::invalid(location, found, "no group in two parts");
                let remedy = "leave out `data.split.group`, or correct the column of parts";
                return Err(error.remedy(remedy));
            }
        }
    }
    if split.train.is_empty() {
        let location = table.location().column(name);
        return Err(Error::invalid(
            location,
            "no training rows",
            "train (or 0) in some rows",
        ));
    }
    for (rows, fraction, part) in [
        (&split.validation, options.validation_fraction, "validation"),
        (&split.test, options.test_fraction, "test"),
    ] {
        // A fraction of 0 stands for a part that has its own file.
        if fraction == 0.0 && !rows.is_empty() {
            let found = format!(
                "{} {part} rows where none are wanted or a file has them",
                whole(rows.len())
            );
            let location = table.location().column(name);
            let error = Error::invalid(location, found, "one source of them");
            return Err(error.remedy("leave out the file or the option, or the rows"));
        }
    }
    let counts = [&split.train, &split.validation, &split.test].map(|rows| whole(rows.len()));
    let note = Note::info(format!(
        "split by column {}: {} training, {} validation and {} test rows",
        quote(name),
        counts[0],
        counts[1],
        counts[2]
    ));
    Ok((split, vec![note]))
}

impl Groups<'_> {
    /// The groups that some of the rows are in.
    pub fn of(&self, rows: &[usize]) -> Self {
        let (mut known, mut values) = (HashMap::new(), Vec::new());
        let number = |row: &usize| {
            let group = self.of_row[*row];
            *known.entry(group).or_insert_with(|| {
                values.push(self.values[group].clone());
                values.len() - 1
            })
        };
        let of_row = rows.iter().map(number).collect();
        Self {
            name: self.name,
            of_row,
            values,
        }
    }

    /// A warning where rows have no group, which count as one.
    fn unnamed(&self) -> Option<Note> {
        let unnamed = self.values.iter().position(Option::is_none)?;
        let rows = (self.of_row.iter())
            .filter(|group| **group == unnamed)
            .count();
        (rows > 1).then(|| {
            Note::warning(format!(
                "column {}: {} of {} rows have no value, and count as one group: fill in the cells, or leave \
                 out these rows",
                quote(self.name),
                whole(rows),
                whole(self.of_row.len())
            ))
        })
    }

    /// Refuses groups of which no parts can be made.
    fn too_few<'a>(&self, members: impl Iterator<Item = &'a Vec<usize>>) -> Error {
        let (rows, groups) = (self.of_row.len(), self.values.len());
        let name = quote(self.name);
        let largest = members.max_by_key(|rows| rows.len());
        let largest = largest.filter(|members| groups > 2 && 2 * members.len() > rows);
        let (found, expected) = match largest {
            Some(members) => {
                let value = &self.values[self.of_row[members[0]]];
                let value = value
                    .as_ref()
                    .map_or("no value".to_owned(), |value| quote(value));
                (
                    format!(
                        "{} of {} rows with {value} in column {name}",
                        whole(members.len()),
                        whole(rows)
                    ),
                    "groups that are small enough to make up the training, validation and test rows",
                )
            }
            None => {
                let noun = if groups == 1 { "group" } else { "groups" };
                (
                    format!("{groups} {noun} in column {name}"),
                    "enough groups for training, validation and test rows",
                )
            }
        };
        Error::invalid(Location::field("data.split.group"), found, expected)
            .remedy("leave out a part by a fraction of 0, or choose a column of more groups")
    }
}

/// Whole groups to test, then to validation, as near to the wanted number of rows as they come;
/// the others train. Every wanted part gets a group as long as two others are left.
pub(super) fn by_groups(groups: &Groups, options: &SplitOptions) -> Result<(Split, Vec<Note>)> {
    let mut notes = Vec::new();
    let (test, validation) = sizes(groups.of_row.len(), options, &mut notes)?;
    notes.extend(groups.unnamed());
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.values.len()];
    for (row, &group) in groups.of_row.iter().enumerate() {
        members[group].push(row);
    }
    let is_ordered = options.by == SplitBy::Ordered;
    if is_ordered && options.newest_first {
        members.sort_by_key(|rows| rows.first().copied());
    } else if is_ordered {
        members.sort_by_key(|rows| std::cmp::Reverse(rows.last().copied()));
    } else {
        (Stream::new(options.seed, Purpose::Split, 0).sequence()).shuffle(&mut members);
    }
    let mut parts: [Vec<Vec<usize>>; 2] = Default::default();
    let mut rest = members;
    for (part, wanted) in parts.iter_mut().zip([test, validation]) {
        let mut count = 0;
        let mut left = Vec::new();
        let mut is_over = false;
        for rows in rest {
            // Nearer to the wanted number with the group than without it.
            let fits = !is_over && rows.len() < 2 * wanted.saturating_sub(count);
            is_over |= is_ordered && !fits;
            if fits {
                count += rows.len();
                part.push(rows);
            } else {
                left.push(rows);
            }
        }
        rest = left;
        if part.is_empty() && wanted > 0 && rest.len() > 2 {
            let smallest = match is_ordered {
                true => 0,
                false => (0..rest.len()).min_by_key(|&i| rest[i].len()).unwrap_or(0),
            };
            part.push(rest.remove(smallest));
        }
    }
    let [tested, validated] = parts;
    let empty = (
        rest.is_empty(),
        test > 0 && tested.is_empty(),
        validation > 0 && validated.is_empty(),
    );
    if empty != (false, false, false) {
        return Err(groups.too_few([tested, validated, rest].iter().flatten()));
    }
    let counts = [&rest, &validated, &tested].map(Vec::len);
    let mut split = Split {
        train: rest.concat(),
        validation: validated.concat(),
        test: tested.concat(),
    };
    split.sort();
    notes.push(Note::info(format!(
        "split by groups of {}: {} train ({} rows), {} validate ({}), {} test ({})",
        quote(groups.name),
        whole(counts[0]),
        whole(split.train.len()),
        whole(counts[1]),
        whole(split.validation.len()),
        whole(counts[2]),
        whole(split.test.len())
    )));
    Ok((split, notes))
}
