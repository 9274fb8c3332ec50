//! Splits by what the table says: a column that names the parts, or rows that stay together.

use std::collections::{HashMap, HashSet};

use thalweg_core::dataset::Targets;
use thalweg_core::random::{Purpose, Stream};

use super::{Split, SplitBy, SplitOptions, sizes, split};
use crate::error::{Error, Location, Note, Result, did_you_mean, quote, quote_list};
use crate::table::Table;
use crate::target::Target;

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
        let of = other.rows;
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

/// The group of each row, counted in the order of appearance. Rows without a value are one group.
pub(super) struct Groups<'a> {
    pub name: &'a str,
    pub of_row: Vec<usize>,
    pub count: usize,
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
    let count = known.len();
    Groups {
        name,
        of_row,
        count,
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
    let mut part_of_group: Vec<Option<usize>> = vec![None; groups.map_or(0, |groups| groups.count)];
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
                rows.len()
            );
            let location = table.location().column(name);
            let error = Error::invalid(location, found, "one source of them");
            return Err(error.remedy("leave out the file or the option, or the rows"));
        }
    }
    let counts = [&split.train, &split.validation, &split.test].map(Vec::len);
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
        let mut known = HashMap::new();
        let number = |row: &usize| {
            let next = known.len();
            *known.entry(self.of_row[*row]).or_insert(next)
        };
        let of_row = rows.iter().map(number).collect();
        Self {
            name: self.name,
            of_row,
            count: known.len(),
        }
    }
}

/// Whole groups to test, then to validation, as near to the wanted number of rows as they come;
/// the others train. Every wanted part gets a group as long as two others are left.
pub(super) fn by_groups(groups: &Groups, options: &SplitOptions) -> Result<(Split, Vec<Note>)> {
    let mut notes = Vec::new();
    let (test, validation) = sizes(groups.of_row.len(), options, &mut notes)?;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.count];
    for (row, &group) in groups.of_row.iter().enumerate() {
        members[group].push(row);
    }
    let is_ordered = options.by == SplitBy::Ordered;
    if is_ordered {
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
        let found = format!("{} groups in column {}", groups.count, quote(groups.name));
        let expected = "enough groups for training, validation and test rows";
        return Err(
            Error::invalid(Location::field("data.split.group"), found, expected)
                .remedy("leave out a part by a fraction of 0, or choose a column of more groups"),
        );
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
        counts[0],
        split.train.len(),
        counts[1],
        split.validation.len(),
        counts[2],
        split.test.len()
    )));
    Ok((split, notes))
}
