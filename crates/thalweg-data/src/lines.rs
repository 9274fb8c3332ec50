//! Where rows are in their source: the line of each, and of several files which one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The line of each row. Stored are the rows that do not start on the line after the row before; where these are most
/// of them, each line.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// (row, its line), sorted; rows in between are on consecutive lines.
    jumps: Vec<(usize, u64)>,
    /// The lines of all rows, in place of jumps.
    each: Vec<u32>,
    /// Whether these are numbers of rows in a file without lines, of which some are left out.
    are_rows: bool,
}

impl Lines {
    /// None yet, of lines or of numbers of rows.
    pub(crate) fn numbers(are_rows: bool) -> Self {
        Self {
            are_rows,
            ..Self::default()
        }
    }

    /// Numbers of rows that follow one another, the first counted from 0.
    pub(crate) fn rows_from(first: u64) -> Self {
        Self {
            jumps: vec![(0, first + 1)],
            are_rows: true,
            ..Self::default()
        }
    }

    /// Those of rows in any order.
    pub(crate) fn of(lines: impl Iterator<Item = u64> + Clone, are_rows: bool) -> Self {
        let (mut rows, mut jumps, mut next) = (0, 0, 1);
        for line in lines.clone() {
            jumps += usize::from(line != next);
            (rows, next) = (rows + 1, line + 1);
        }
        // A jump takes as many bytes as the lines of four rows.
        let is_shorter = 4 * jumps > rows;
        let each: Option<Vec<u32>> = (lines.clone().filter(|_| is_shorter))
            .map(|line| u32::try_from(line).ok())
            .collect();
        let mut of = Self::numbers(are_rows);
        match each {
            Some(each) if is_shorter => of.each = each,
            _ => (lines.enumerate()).for_each(|(row, line)| of.push(row, line)),
        }
        of
    }

    /// Whether these are numbers of rows and not lines.
    pub(crate) fn are_rows(&self) -> bool {
        self.are_rows
    }

    /// Records that `row` starts on `line`. Rows must come in order.
    pub fn push(&mut self, row: usize, line: u64) {
        let each = std::mem::take(&mut self.each);
        (each.into_iter().enumerate()).for_each(|(row, line)| self.push(row, line.into()));
        if self.jumps.is_empty() || self.of_row(row) != line {
            self.jumps.push((row, line));
        }
    }

    /// Adds the lines of rows that follow after `rows`, and after so many lines.
    pub(crate) fn append(&mut self, rows: usize, lines: u64, other: &Self) {
        let each = other.each.iter().map(|line| u64::from(*line)).enumerate();
        for (row, line) in other.jumps.iter().copied().chain(each) {
            self.push(rows + row, lines + line);
        }
    }

    /// The line on which `row` starts, counted from 1.
    pub fn of_row(&self, row: usize) -> u64 {
        if let Some(line) = self.each.get(row) {
            return (*line).into();
        }
        let after = self.jumps.partition_point(|&(start, _)| start <= row);
        match after.checked_sub(1).and_then(|i| self.jumps.get(i)) {
            Some(&(start, line)) => line + (row - start) as u64,
            None => row as u64 + 1,
        }
    }

    /// The same lines as jumps.
    fn jumps(&self) -> Vec<(usize, u64)> {
        let mut jumps = Self::default();
        jumps.append(0, 0, self);
        jumps.jumps
    }
}

impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        self.are_rows == other.are_rows && self.jumps() == other.jumps()
    }
}

impl Eq for Lines {}

/// The number of the first row of each of several files, counted from 0, and its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, String)>", into = "Vec<(u64, String)>")]
pub(crate) struct Files(Arc<Vec<(u64, String)>>);

impl From<Vec<(u64, String)>> for Files {
    fn from(files: Vec<(u64, String)>) -> Self {
        Self(Arc::new(files))
    }
}

impl From<Files> for Vec<(u64, String)> {
    fn from(files: Files) -> Self {
        files.0.to_vec()
    }
}

impl Files {
    /// Whether there are not several.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of these rows, if there are several.
    pub fn of_rows(&self, rows: &[u32]) -> Option<Sources> {
        (!self.is_empty()).then(|| Sources {
            files: self.clone(),
            rows: rows.to_vec(),
        })
    }
}

/// From which of several files rows are, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    files: Files,
    /// The number of each row among those of all files, counted from 0.
    pub rows: Vec<u32>,
}

impl Sources {
    /// The file of a row.
    pub fn file(&self, row: usize) -> &str {
        let (files, number) = (&self.files.0, u64::from(self.rows[row]));
        let after = files.partition_point(|(first, _)| *first <= number);
        after.checked_sub(1).map_or("", |at| &files[at].1)
    }

    /// Those of some rows.
    pub fn keep(&self, rows: &[usize]) -> Self {
        Self {
            files: self.files.clone(),
            rows: rows.iter().map(|row| self.rows[*row]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_remembered_across_blank_lines_and_quoted_newlines() {
        let mut lines = Lines::default();
        let starts = [2, 3, 6, 7, 10];
        for (row, &line) in starts.iter().enumerate() {
            lines.push(row, line);
        }
        let read: Vec<u64> = (0..starts.len()).map(|row| lines.of_row(row)).collect();
        assert_eq!(read, starts);
        assert_eq!(lines.jumps.len(), 3);
    }

    #[test]
    fn lines_in_any_order_are_kept_in_four_bytes_each_and_go_on_as_others() {
        let shuffled = [9, 3, 4, 70, 1, 2];
        let mut lines = Lines::of(shuffled.into_iter(), false);
        assert!(lines.jumps.is_empty());
        let mut pushed = Lines::default();
        (shuffled.into_iter().enumerate()).for_each(|(row, line)| pushed.push(row, line));
        assert!(lines == pushed && lines != Lines::of([9, 3].into_iter(), false));
        let mut all = Lines::of(5..9, false);
        assert!(all.each.is_empty());
        all.append(4, 10, &lines);
        assert_eq!((all.of_row(3), all.of_row(4), all.of_row(7)), (8, 19, 80));
        lines.push(6, 3);
        assert_eq!((lines.of_row(3), lines.of_row(6)), (70, 3));
        // No list of 32 bits holds it.
        let far = Lines::of([1 << 40, 7, 3].into_iter(), true);
        assert_eq!((far.of_row(0), far.of_row(2)), (1 << 40, 3));
    }
}
