//! Rows of few non-zeros: compressed sparse rows (CSR), owned ([`Csr`]) or borrowed ([`CsrRef`]).
//!
//! Row r has the entries `starts[r] .. starts[r + 1]`: a column and a number each. The columns of a
//! row ascend and are below the width. What constructs rows checks that, so whoever has them relies
//! on it.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::kernels::gather::{prefetch, prefetch_value};
use crate::memory::prefer_huge_pages;

/// Rows of few non-zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Csr {
    width: usize,
    starts: Vec<usize>,
    columns: Vec<u32>,
    numbers: Numbers,
}

/// The numbers of all entries.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// All are 1, as those of categories.
    Ones,
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// A view of [`Csr`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CsrRef<'a> {
    width: usize,
    starts: &'a [usize],
    columns: &'a [u32],
    numbers: NumbersRef<'a>,
}

/// A view of [`Numbers`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumbersRef<'a> {
    /// All are 1.
    Ones,
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

impl Csr {
    /// Rows of `width` columns: see the module's text. There is one start more than rows.
    ///
    /// # Errors
    /// If starts or columns are not as they should be, or there is not a number for each column.
    pub fn new(
        width: usize,
        starts: Vec<usize>,
        columns: Vec<u32>,
        numbers: Numbers,
    ) -> Result<Self> {
        CsrRef::new(width, &starts, &columns, numbers.view())?;
        Ok(Self {
            width,
            starts,
            columns,
            numbers,
        })
    }

    /// The rows, borrowed.
    pub fn view(&self) -> CsrRef<'_> {
        CsrRef {
            width: self.width,
            starts: &self.starts,
            columns: &self.columns,
            numbers: self.numbers.view(),
        }
    }

    /// No rows of `width` columns.
    pub(crate) fn empty(width: usize, numbers: Numbers) -> Self {
        Self {
            width,
            starts: vec![0],
            columns: Vec::new(),
            numbers,
        }
    }

    /// Takes all rows away, and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.starts.truncate(1);
        self.columns.clear();
        match &mut self.numbers {
            Numbers::Ones => {}
            Numbers::F32(all) => all.clear(),
            Numbers::F64(all) => all.clear(),
        }
    }

    /// Adds a row with a number for each of its columns; whether the columns ascend below the width.
    #[must_use]
    pub(crate) fn push(
        &mut self,
        columns: impl Iterator<Item = u32>,
        numbers: impl Iterator<Item = f64>,
    ) -> bool {
        let start = self.columns.len();
        self.columns.extend(columns);
        match &mut self.numbers {
            Numbers::Ones => {}
            Numbers::F32(all) => all.extend(numbers.map(|number| number as f32)),
            Numbers::F64(all) => all.extend(numbers),
        }
        self.starts.push(self.columns.len());
        let own = &self.columns[start..];
        let is_inside = |last: &u32| (*last as usize) < self.width;
        own.is_sorted_by(|a, b| a < b) && own.last().is_none_or(is_inside)
    }

    /// The same rows with other numbers.
    ///
    /// # Errors
    /// If there is not one for each entry.
    pub fn with_numbers(self, numbers: Numbers) -> Result<Self> {
        check_count(self.columns.len(), numbers.view())?;
        Ok(Self { numbers, ..self })
    }

    /// Gives the rows at least so many columns.
    pub fn widen(&mut self, width: usize) {
        self.width = self.width.max(width);
    }

    /// Adds the rows of another matrix of the same width. Of numbers of different types all get the wider one.
    ///
    /// # Errors
    /// If its width is another.
    pub fn append(&mut self, other: &Csr) -> Result<()> {
        if other.width != self.width {
            let found = format!("rows of {} columns", other.width);
            return Err(Error::invalid("sparse rows", found, self.width.to_string()));
        }
        let end = self.columns.len();
        (self.starts).extend(other.starts[1..].iter().map(|start| end + start));
        match (&mut self.numbers, &other.numbers) {
            (Numbers::Ones, Numbers::Ones) => {}
            (Numbers::F32(all), Numbers::F32(added)) => all.extend_from_slice(added),
            (Numbers::F64(all), Numbers::F64(added)) => all.extend_from_slice(added),
            (all, added) => {
                let is_double = [&*all, added]
                    .iter()
                    .any(|one| matches!(one, Numbers::F64(_)));
                let (own, added) = (all.view(), added.view());
                let each = (0..end).map(|index| own.at(index));
                let each = each.chain((0..other.columns.len()).map(|index| added.at(index)));
                *all = match is_double {
                    true => Numbers::F64(each.collect()),
                    false => Numbers::F32(each.map(|number| number as f32).collect()),
                };
            }
        }
        self.columns.extend_from_slice(&other.columns);
        Ok(())
    }
}

impl Numbers {
    fn view(&self) -> NumbersRef<'_> {
        match self {
            Numbers::Ones => NumbersRef::Ones,
            Numbers::F32(numbers) => NumbersRef::F32(numbers),
            Numbers::F64(numbers) => NumbersRef::F64(numbers),
        }
    }
}

impl<'a> NumbersRef<'a> {
    /// Number `index`.
    #[inline(always)]
    pub fn at(self, index: usize) -> f64 {
        match self {
            NumbersRef::Ones => 1.0,
            NumbersRef::F32(numbers) => numbers[index].into(),
            NumbersRef::F64(numbers) => numbers[index],
        }
    }

    /// Those of some entries.
    #[inline(always)]
    fn part(self, range: Range<usize>) -> Self {
        match self {
            NumbersRef::Ones => NumbersRef::Ones,
            NumbersRef::F32(numbers) => NumbersRef::F32(&numbers[range]),
            NumbersRef::F64(numbers) => NumbersRef::F64(&numbers[range]),
        }
    }
}

impl<'a> CsrRef<'a> {
    /// As [`Csr::new`], borrowed.
    ///
    /// # Errors
    /// As there.
    pub fn new(
        width: usize,
        starts: &'a [usize],
        columns: &'a [u32],
        numbers: NumbersRef<'a>,
    ) -> Result<Self> {
        let refuse =
            |found: String, expected: String| Err(Error::invalid("sparse rows", found, expected));
        let ascend = starts.windows(2).all(|pair| pair[0] <= pair[1]);
        if starts.first() != Some(&0) || starts.last() != Some(&columns.len()) || !ascend {
            let found = "starts that do not ascend from 0 to the number of entries";
            return refuse(found.into(), "one for each row, and the end".into());
        }
        check_count(columns.len(), numbers)?;
        for (row, pair) in starts.windows(2).enumerate() {
            let own = &columns[pair[0]..pair[1]];
            if let Some(pair) = own.windows(2).find(|pair| pair[0] >= pair[1]) {
                let found = format!("column {} after {} in row {row}", pair[1], pair[0]);
                return refuse(found, "columns that ascend".into());
            }
            if let Some(last) = own.last().filter(|last| **last as usize >= width) {
                let found = format!("column {last} in row {row}");
                return refuse(found, format!("columns below {width}"));
            }
        }
        Ok(Self {
            width,
            starts,
            columns,
            numbers,
        })
    }

    /// Columns.
    #[inline]
    pub fn width(self) -> usize {
        self.width
    }

    /// Rows.
    #[inline]
    pub fn rows(self) -> usize {
        self.starts.len() - 1
    }

    /// Entries of all rows.
    #[inline]
    pub fn non_zeros(self) -> usize {
        self.columns.len()
    }

    /// Columns of all entries, row by row.
    #[inline]
    pub fn columns(self) -> &'a [u32] {
        self.columns
    }

    /// Numbers of all entries, row by row.
    #[inline]
    pub fn numbers(self) -> NumbersRef<'a> {
        self.numbers
    }

    /// Prefetches what says where a row's entries are, or nothing if there is no such row.
    #[inline(always)]
    pub(crate) fn prefetch_start(self, row: usize) {
        if let Some(start) = self.starts.get(row) {
            prefetch_value(start);
        }
    }

    /// Prefetches a row's entries, or nothing if there is no such row.
    #[inline(always)]
    pub(crate) fn prefetch(self, row: usize) {
        let Some([start, end]) = self.starts.get(row..row + 2) else {
            return;
        };
        prefetch(&self.columns[*start..*end]);
        match self.numbers {
            NumbersRef::Ones => {}
            NumbersRef::F32(numbers) => prefetch(&numbers[*start..*end]),
            NumbersRef::F64(numbers) => prefetch(&numbers[*start..*end]),
        }
    }

    /// Where a row's entries are among those of all rows.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    fn range(self, row: usize) -> Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }

    /// The same, of those entries that are within some columns.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub(crate) fn range_within(self, row: usize, within: &Range<usize>) -> Range<usize> {
        let Range { start, end } = self.range(row);
        let columns = &self.columns[start..end];
        let before = |limit: usize| columns.partition_point(|column| (*column as usize) < limit);
        let first = match within.start {
            0 => 0,
            limit => before(limit),
        };
        match within.end >= self.width {
            true => start + first..end,
            false => start + first..start + before(within.end),
        }
    }

    /// The columns of a row's entries, and their numbers.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub fn row(self, row: usize) -> (&'a [u32], NumbersRef<'a>) {
        let range = self.range(row);
        (&self.columns[range.clone()], self.numbers.part(range))
    }

    /// Columns and numbers of a row's entries.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn entries(self, row: usize) -> impl Iterator<Item = (usize, f64)> + 'a {
        let (columns, numbers) = self.row(row);
        let entry = move |(index, column): (usize, &u32)| (*column as usize, numbers.at(index));
        columns.iter().enumerate().map(entry)
    }

    /// One value, 0 where the row has no such entry.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn value(self, row: usize, column: usize) -> f64 {
        let (columns, numbers) = self.row(row);
        let found = columns.binary_search_by_key(&column, |column| *column as usize);
        found.map_or(0.0, |index| numbers.at(index))
    }

    /// These rows, in this order, with their numbers in single or double precision where they are
    /// not all 1.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn gather(self, rows: impl Iterator<Item = usize> + Clone, is_double: bool) -> Csr {
        let mut starts = Vec::with_capacity(rows.clone().count() + 1);
        prefer_huge_pages(&mut starts);
        starts.push(0);
        let mut end = 0;
        starts.extend(rows.clone().map(|row| {
            end += self.row(row).0.len();
            end
        }));
        let mut columns = Vec::with_capacity(end);
        prefer_huge_pages(&mut columns);
        rows.clone()
            .for_each(|row| columns.extend_from_slice(self.row(row).0));
        let numbers = rows.flat_map(|row| self.entries(row).map(|(_, number)| number));
        Csr {
            width: self.width,
            starts,
            columns,
            numbers: match (self.numbers, is_double) {
                (NumbersRef::Ones, _) => Numbers::Ones,
                (_, true) => Numbers::F64(numbers.collect()),
                (_, false) => Numbers::F32(numbers.map(|number| number as f32).collect()),
            },
        }
    }
}

/// Checks that there is a number for each of so many columns.
fn check_count(columns: usize, numbers: NumbersRef) -> Result<()> {
    let count = match numbers {
        NumbersRef::Ones => columns,
        NumbersRef::F32(numbers) => numbers.len(),
        NumbersRef::F64(numbers) => numbers.len(),
    };
    if count != columns {
        let found = format!("{count} numbers for {columns} columns");
        return Err(Error::invalid("sparse rows", found, "one for each"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 2 0 / 0 0 0 / 1 0 3
    fn example() -> Csr {
        let numbers = Numbers::F32(vec![2.0, 1.0, 3.0]);
        Csr::new(3, vec![0, 1, 1, 3], vec![1, 0, 2], numbers).unwrap()
    }

    #[test]
    fn rows_have_their_values_and_zeros_elsewhere() {
        let rows = example();
        let all: Vec<f64> = (0..9).map(|i| rows.view().value(i / 3, i % 3)).collect();
        assert_eq!(all, [0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 3.0]);
        let within = |range| rows.view().range_within(2, &range);
        assert_eq!(within(0..3), 1..3);
        assert_eq!(within(0..2), 1..2);
        assert_eq!(within(1..3), 2..3);
        assert_eq!(within(1..2), 2..2);
    }

    #[test]
    fn rows_are_gathered_and_appended() {
        let mut rows = example();
        let picked = rows.view().gather([2, 0, 2].into_iter(), true);
        assert_eq!(picked.view().entries(1).collect::<Vec<_>>(), [(1, 2.0)]);
        assert_eq!(picked.view().columns(), [0, 2, 1, 0, 2]);
        let ones = Csr::new(3, vec![0, 2], vec![0, 1], Numbers::Ones).unwrap();
        rows.append(&ones).unwrap();
        assert_eq!(
            rows.view().entries(3).collect::<Vec<_>>(),
            [(0, 1.0), (1, 1.0)]
        );
        assert_eq!(
            rows.view().entries(2).collect::<Vec<_>>(),
            [(0, 1.0), (2, 3.0)]
        );
        let wide = Csr::new(4, vec![0], vec![], Numbers::Ones).unwrap();
        assert!(
            rows.append(&wide)
                .unwrap_err()
                .to_string()
                .contains("4 columns")
        );
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let ones = |width, starts: &[usize], columns: &[u32]| {
            let result = CsrRef::new(width, starts, columns, NumbersRef::Ones);
            result.unwrap_err().to_string()
        };
        for starts in [&[][..], &[1, 2], &[0, 1], &[0, 2, 1, 2]] {
            assert!(ones(9, starts, &[1, 2]).contains("starts"), "{starts:?}");
        }
        assert!(ones(9, &[0, 2], &[3, 3]).contains("column 3 after 3 in row 0"));
        assert!(ones(3, &[0, 0, 1], &[3]).contains("column 3 in row 1"));
        let numbers = NumbersRef::F64(&[1.0]);
        let error = CsrRef::new(3, &[0, 2], &[0, 1], numbers).unwrap_err();
        assert!(error.to_string().contains("1 numbers for 2 columns"));
    }
}
