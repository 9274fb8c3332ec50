//! What stands around the table in a text file: `sep=`, comments, titles, units, row names, and
//! delimiters at the ends of lines. All of it is found in the first records.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::{Parsed, Words, parse};
use super::dialect::each_record;
use crate::reading::is_amount;

const RECORDS: usize = 200;
/// With fewer records there is no telling which lines differ from the others.
const RECORDS_TO_JUDGE: usize = 3;
/// Units are short.
const LONGEST_UNIT: usize = 16;

/// Lines before everything else, which are skipped.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Preamble {
    /// How many.
    pub lines: usize,
    /// The delimiter that `sep=` names.
    pub delimiter: Option<u8>,
    /// Names in a comment right above the rows.
    pub commented: Option<String>,
}

/// Reads the preamble of a sample: `sep=;` and comments.
pub fn preamble(sample: &[u8]) -> Preamble {
    let mut preamble = Preamble::default();
    for line in sample.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        let separator = text.trim().trim_matches('"').to_ascii_lowercase();
        match (separator.strip_prefix("sep="), line.first()) {
            (Some(separator), _) if preamble.lines == 0 => {
                let separator = if separator.is_empty() {
                    "\t"
                } else {
                    separator
                };
                preamble.delimiter = separator.bytes().next().filter(u8::is_ascii);
            }
            // A column of numbers of rows may be called #.
            (_, Some(b'#')) if !matches!(line.get(1), Some(b',' | b';' | b'\t' | b'|')) => {
                preamble.commented = Some(text.trim_start_matches('#').trim().to_owned());
            }
            _ => break,
        }
        preamble.lines += 1;
    }
    preamble
}

/// What the first records look like.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Cells of most records, where there are enough.
    pub width: Option<usize>,
    /// Records before the table.
    pub titles: usize,
    /// The header has one cell less than the rows: the first column has the names of the rows, all different.
    pub row_names: bool,
    /// Each row ends in a delimiter that begins no cell.
    pub trailing: bool,
}

impl Layout {
    /// Looks at the first records of a sample.
    pub fn of(sample: &[u8], complete: bool, delimiter: u8, words: Words<'_>) -> Self {
        let mut records: Vec<Vec<String>> = Vec::new();
        each_record(sample, complete, delimiter, RECORDS, |cells| {
            records.push(cells.to_vec())
        });
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for record in &records {
            *counts.entry(record.len()).or_default() += 1;
        }
        let Some((&width, &count)) = counts.iter().max_by_key(|(_, count)| **count) else {
            return Self::default();
        };
        if count < RECORDS_TO_JUDGE || 4 * count < 3 * records.len() {
            return Self::default();
        }
        // One name less than columns is a header of R; a single word above two columns may be one.
        let is_title = |record: &&Vec<String>| {
            let mut filled = record.iter().filter(|cell| !cell.is_empty());
            let (first, more) = (filled.next(), filled.next());
            let is_text = |cell: &String| {
                matches!(parse(cell, words), Parsed::Text) && (width > 2 || cell.contains(' '))
            };
            let is_first = record.first().is_some_and(|cell| !cell.is_empty());
            width > 1 && more.is_none() && is_first && first.is_some_and(is_text)
        };
        let is_empty = |record: &&Vec<String>| record.iter().all(String::is_empty);
        let titles = records
            .iter()
            .take_while(|one| is_title(one) || is_empty(one))
            .count();
        let rest = &records[titles..];
        let Some((head, rows)) = rest.split_first() else {
            return Self::default();
        };
        let rows = || rows.iter().filter(|record| record.len() == width);
        let ends_empty = rows().all(|record| record.last().is_some_and(String::is_empty));
        let shorter = head.len() + 1 == width;
        let names: Vec<&String> = rows().filter_map(|record| record.first()).collect();
        let are_different = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let is_number = |cell: &String| matches!(parse(cell, words), Parsed::Number(_));
        let trailing = width > 1
            && ends_empty
            && rows().count() >= RECORDS_TO_JUDGE - 1
            && (shorter || head.last().is_some_and(String::is_empty));
        Self {
            width: Some(width),
            titles,
            row_names: shorter && !trailing && are_different && !head.iter().any(is_number),
            trailing,
        }
    }
}

/// The first two records, if the second is texts above columns of numbers alone, and the first one has no
/// numbers: names, and below them units or a second line of names.
pub fn below_header(
    sample: &[u8],
    complete: bool,
    delimiter: u8,
    words: Words<'_>,
) -> Option<[Vec<String>; 2]> {
    let mut records: Vec<Vec<String>> = Vec::new();
    each_record(sample, complete, delimiter, RECORDS, |cells| {
        records.push(cells.to_vec())
    });
    let [names, units, rows @ ..] = records.as_slice() else {
        return None;
    };
    let is_number = |cell: &String| match parse(cell, words) {
        Parsed::Number(_) => true,
        Parsed::Missing => false,
        Parsed::Text => is_amount(cell),
    };
    let is_text = |cell: &String| matches!(parse(cell, words), Parsed::Text) && !is_amount(cell);
    let numeric = |j: usize| {
        let cells = || {
            rows.iter()
                .filter_map(|row| row.get(j))
                .filter(|cell| !cell.is_empty())
        };
        cells().count() > 0 && cells().all(is_number)
    };
    let of_numbers: Vec<&String> = units
        .iter()
        .enumerate()
        .filter(|(j, _)| numeric(*j))
        .map(|(_, cell)| cell)
        .collect();
    let is_it = rows.len() >= RECORDS_TO_JUDGE
        && !names.iter().any(is_number)
        && of_numbers.iter().any(|cell| is_text(cell))
        && of_numbers.iter().all(|cell| !is_number(cell))
        && 2 * of_numbers.iter().filter(|cell| is_text(cell)).count() >= of_numbers.len();
    is_it.then(|| [names.clone(), units.clone()])
}

/// Whether a record below the header may be one of units.
pub fn are_units(cells: &[String]) -> bool {
    cells
        .iter()
        .all(|cell| cell.chars().count() <= LONGEST_UNIT)
}

/// The names of two lines: one that stands above several columns, in the first of them or in each, and
/// one below it. None where the first line has a name of its own for each column.
pub fn joined(above: &[String], below: &[String]) -> Option<Vec<String>> {
    let distinct = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let is_over_several = above.iter().skip(1).any(String::is_empty) || !distinct(above);
    let (mut last, mut names) = ("", Vec::new());
    for (above, below) in above.iter().zip(below) {
        if !above.is_empty() {
            last = above;
        }
        names.push(match (last, below.as_str()) {
            (name, "") | ("", name) => name.to_owned(),
            (above, below) => format!("{above} {below}"),
        });
    }
    (is_over_several && above.len() == below.len() && distinct(&names)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Layout {
        Layout::of(text.as_bytes(), true, b',', Words::default())
    }

    #[test]
    fn titles_row_names_and_trailing_delimiters_are_found() {
        let of = |titles, row_names, trailing, width| Layout {
            width: Some(width),
            titles,
            row_names,
            trailing,
        };
        for (text, expected) in [
            ("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", of(0, false, false, 3)),
            (
                "Report of May\na,b,c\n1,2,3\n4,5,6\n7,8,9\n",
                of(1, false, false, 3),
            ),
            (
                "Report,,\n,,\na,b,c\n1,2,3\n4,5,6\n",
                of(2, false, false, 3),
            ),
            ("b,c\n1,2,3\n4,5,6\n7,8,9\n", of(0, true, false, 3)),
            ("b,c\nu,2,3\nv,5,6\nu,8,9\n", of(0, false, false, 3)),
            ("a,b\n1,2,\n4,5,\n7,8,\n", of(0, false, true, 3)),
            ("a,b,\n1,2,\n4,5,\n7,8,\n", of(0, false, true, 3)),
            ("a,b\n1,2\n4,\n7,\n", of(0, false, false, 2)),
        ] {
            assert_eq!(layout(text), expected, "{text}");
        }
        assert_eq!(layout("a,b\n1,2\n"), Layout::default());
    }

    #[test]
    fn units_are_texts_above_numbers() {
        let units = |text: &str| {
            below_header(text.as_bytes(), true, b',', Words::default())
                .is_some_and(|[_, cells]| are_units(&cells))
        };
        assert!(units("t,v,name\n(s),m/s,-\n1,2,x\n2,3,y\n3,4,z\n"));
        assert!(units("t,v\ns,\n1,2\n2,3\n3,4\n"));
        for text in [
            "t,v\n1,2\n2,3\n3,4\n4,5\n",
            "a,b\nx,y\nz,y\nx,z\nz,z\n",
            "t,v\n,\n1,2\n2,3\n3,4\n",
            "t,v\nNA,1\n1,2\n2,3\n3,4\n",
        ] {
            assert!(!units(text), "{text}");
        }
    }

    #[test]
    fn names_of_two_lines_are_joined_where_one_stands_above_several_columns() {
        let texts = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let joined = |above, below| Some(joined(&texts(above), &texts(below))?.join(","));
        let names = Some("id,A x,A y,B x".to_owned());
        assert_eq!(joined(",A,A,B", "id,x,y,x"), names);
        assert_eq!(joined(",A,,B", "id,x,y,x"), names);
        assert_eq!(joined("t,v,w", "s,m/s,kg"), None);
        assert_eq!(joined("a,a,b", "x,x,y"), None);
    }

    #[test]
    fn sep_and_comments_are_no_rows() {
        let found = preamble(b"sep=;\r\n# of May\na;b\n");
        assert_eq!((found.lines, found.delimiter), (2, Some(b';')));
        assert_eq!(preamble(b"a,b\n#1,2\n"), Preamble::default());
        assert_eq!(
            preamble(b"# x\n# a b\n1,2\n").commented.as_deref(),
            Some("a b")
        );
    }
}
