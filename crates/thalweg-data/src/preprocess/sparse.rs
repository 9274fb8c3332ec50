//! Sparse rows: never centered, so that what is 0 stays 0. Where some value is beyond ±1, each column
//! is divided by its largest absolute value (scikit-learn's `MaxAbsScaler`).

use thalweg_core::sparse::{Csr, CsrRef, Numbers, NumbersRef};

use super::{Dtype, Encoding, Scaling};
use crate::error::{Error, Note, Result};
use crate::formats::HASHED;
use crate::table::{Column, Table};

/// Fits the scales of sparse rows.
#[derive(Debug)]
pub(super) struct SparseFit {
    pub width: usize,
    scaling: Scaling,
    /// The largest absolute value of each column; empty while all are 1.
    largest: Vec<f64>,
    /// A bit a column: whether it is in rows of which all numbers are 1.
    ones: Vec<u64>,
    /// The first column that has a value.
    first: Option<usize>,
}

/// Columns a word of bits.
const WORD: usize = u64::BITS as usize;

impl SparseFit {
    pub fn new(width: usize, scaling: Scaling) -> Self {
        Self {
            width,
            scaling,
            largest: Vec::new(),
            ones: Vec::new(),
            first: None,
        }
    }

    /// Adds some rows.
    pub fn add(&mut self, all: CsrRef, rows: &[usize]) {
        self.first = self.first.into_iter().chain(first_column(all, rows)).min();
        if self.scaling == Scaling::None {
            return;
        }
        if all.numbers() == NumbersRef::Ones {
            self.ones.resize(self.width.div_ceil(WORD), 0);
            for column in rows.iter().flat_map(|row| all.row(*row).0) {
                self.ones[*column as usize / WORD] |= 1 << (*column as usize % WORD);
            }
            return;
        }
        self.largest.resize(self.width, 0.0);
        for (column, x) in rows.iter().flat_map(|row| all.entries(*row)) {
            self.largest[column] = self.largest[column].max(x.abs());
        }
    }

    pub fn finish(mut self, name: &str, notes: &mut Vec<Note>) -> Encoding {
        for (largest, column) in self.largest.iter_mut().zip(0..) {
            let word = self.ones.get(column / WORD).copied().unwrap_or(0);
            if word >> (column % WORD) & 1 == 1 {
                *largest = largest.max(1.0);
            }
        }
        let is_far = self.largest.iter().any(|largest| *largest > 1.0);
        let scale = |largest: f64| if largest > 0.0 { 1.0 / largest } else { 1.0 };
        let scales: Vec<f64> = match is_far {
            true => self.largest.into_iter().map(scale).collect(),
            false => Vec::new(),
        };
        notes.push(Note::info(match is_far {
            true => {
                "sparse rows are not centered: each column is divided by its largest absolute value"
            }
            false => "sparse rows are taken as they are: no value is beyond ±1",
        }));
        Encoding::Sparse {
            width: self.width,
            hashed: name == HASHED,
            scales,
            first: self.first,
        }
    }
}

/// The first column that has a value in some of the rows; columns of a row ascend.
fn first_column(all: CsrRef, rows: &[usize]) -> Option<usize> {
    let firsts = rows.iter().filter_map(|row| all.row(*row).0.first());
    firsts.min().map(|column| *column as usize)
}

/// A warning where columns before the first one of training have values: indices of libsvm begin at 1 in most files, those
/// of SciPy at 0.
pub(super) fn note_on_first(all: CsrRef, first: usize) -> Option<Note> {
    let rows: Vec<usize> = (0..all.rows()).collect();
    let found = first_column(all, &rows).filter(|found| *found < first)?;
    Some(Note::warning(format!(
        "the first column with values is {found}, and {first} in the rows that the model was trained on: columns are shifted if \
         one file counts from 0, as SciPy's .npz, and the other from 1, as most of libsvm"
    )))
}

/// Refuses numbers that are not finite.
pub(super) fn check_sparse(table: &Table, column: &Column, rows: CsrRef) -> Result<()> {
    let bad = |row: usize| rows.entries(row).find(|(_, x)| !x.is_finite());
    match (0..rows.rows()).find_map(|row| bad(row).map(|found| (row, found))) {
        None => Ok(()),
        Some((row, (at, x))) => {
            let location = table.cell(row, &format!("{}[{at}]", column.name));
            let error = Error::invalid(location, x.to_string(), "a finite number");
            Err(error.remedy("correct the value or leave it out"))
        }
    }
}

/// Some rows, scaled, in the precision of a run; else the index of the first input of these rows
/// that is not finite there.
pub(super) fn gather(
    all: CsrRef,
    scales: &[f64],
    rows: &[usize],
    dtype: Dtype,
) -> Result<Csr, usize> {
    let gathered = all.gather(rows.iter().copied(), dtype == Dtype::F64);
    let view = gathered.view();
    if view.numbers() == NumbersRef::Ones {
        return Ok(gathered);
    }
    let mut numbers = Vec::with_capacity(view.non_zeros());
    for (at, row) in rows.iter().enumerate() {
        for (column, x) in all.entries(*row) {
            let x = x * scales.get(column).copied().unwrap_or(1.0);
            let is_finite = match dtype {
                Dtype::F64 => x.is_finite(),
                Dtype::F32 | Dtype::Bf16 => (x as f32).is_finite(),
            };
            if !is_finite {
                return Err(at * all.width() + column);
            }
            numbers.push(x);
        }
    }
    let numbers = match dtype {
        Dtype::F64 => Numbers::F64(numbers),
        Dtype::F32 | Dtype::Bf16 => Numbers::F32(numbers.into_iter().map(|x| x as f32).collect()),
    };
    gathered.with_numbers(numbers).map_err(|_| 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_divided_by_their_largest_absolute_value_and_nothing_is_centered() {
        let numbers = Numbers::F64(vec![-4.0, 0.5, 2.0, 1e300]);
        let all = Csr::new(3, vec![0, 2, 3, 4], vec![0, 2, 0, 1], numbers).unwrap();
        let fit = |rows: &[usize], scaling| {
            let mut fit = SparseFit::new(3, scaling);
            fit.add(all.view(), rows);
            match fit.finish("hashed", &mut Vec::new()) {
                Encoding::Sparse { scales, hashed, .. } if hashed => scales,
                other => panic!("{other:?}"),
            }
        };
        let scales = fit(&[0, 1], Scaling::Standard);
        assert_eq!(scales, [0.25, 1.0, 2.0]);
        assert!(fit(&[0, 1], Scaling::None).is_empty());
        let rows = gather(all.view(), &scales, &[1, 0], Dtype::F64).unwrap();
        let row = |row| rows.view().entries(row).collect::<Vec<_>>();
        assert_eq!(row(0), [(0, 0.5)]);
        assert_eq!(row(1), [(0, -1.0), (2, 1.0)]);
        assert_eq!(gather(all.view(), &scales, &[0, 2], Dtype::F32), Err(4));
        // Of rows in pieces, those of one may all be 1.
        let ones = Csr::new(3, vec![0, 1], vec![2], Numbers::Ones).unwrap();
        let mut pieces = SparseFit::new(3, Scaling::Standard);
        pieces.add(ones.view(), &[0]);
        pieces.add(all.view(), &[0]);
        let scaled = pieces.finish("hashed", &mut Vec::new());
        assert!(matches!(scaled, Encoding::Sparse { scales, .. } if scales == [0.25, 1.0, 1.0]));
        let small = Csr::new(1, vec![0, 1], vec![0], Numbers::F32(vec![0.25])).unwrap();
        let mut fit = SparseFit::new(1, Scaling::Standard);
        fit.add(small.view(), &[0]);
        let taken = fit.finish("features", &mut Vec::new());
        assert!(
            matches!(taken, Encoding::Sparse { scales, hashed: false, .. } if scales.is_empty())
        );
    }
}
