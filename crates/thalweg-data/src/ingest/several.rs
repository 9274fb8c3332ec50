//! What a first look at a file finds of a column of several numbers a row.

use thalweg_core::dataset::Values;
use thalweg_core::sparse::CsrRef;

use crate::cache::layout::{Kind, name_of};
use crate::formats::is_sparse;
use crate::table::Block;

/// Columns a word of bits.
const WORD: usize = u64::BITS as usize;

/// See the module's text.
#[derive(Debug)]
pub(super) enum Several {
    /// Rows of one shape, with the name of their values.
    Dense {
        shape: Vec<usize>,
        values: &'static str,
    },
    Sparse(Sparse),
}

/// Sparse rows of any number of columns.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    pub width: usize,
    values: u64,
    /// A bit a column: whether some row has it.
    seen: Vec<u64>,
}

impl Several {
    /// That of some rows.
    pub fn of(block: &Block) -> Self {
        match &block.values {
            Values::Sparse(rows) => {
                let mut sparse = Sparse::default();
                sparse.add(rows.view());
                Several::Sparse(sparse)
            }
            values => Several::Dense {
                shape: block.shape.clone(),
                values: name_of(values),
            },
        }
    }

    /// Adds rows, or says what is expected. Numbers of several types become f64.
    pub fn add(&mut self, block: &Block) -> Result<(), &'static str> {
        match (self, &block.values) {
            (Several::Sparse(sparse), Values::Sparse(rows)) => sparse.add(rows.view()),
            (Several::Sparse(_), _) | (_, Values::Sparse(_)) => return Err("sparse rows"),
            (Several::Dense { shape, .. }, _) if *shape != block.shape => {
                return Err("lists of one length");
            }
            (Several::Dense { values, .. }, added) if *values != name_of(added) => *values = "f64",
            _ => {}
        }
        Ok(())
    }

    pub fn kind(&self) -> Kind {
        let (shape, values) = match self {
            Several::Dense { shape, values } => (shape.clone(), *values),
            Several::Sparse(sparse) => (vec![sparse.width], "sparse"),
        };
        let values = values.to_owned();
        Kind::Block { shape, values }
    }

    /// Bytes of a row of so many, in memory.
    pub fn row_bytes(&self, rows: u64) -> u64 {
        match self {
            Several::Dense { shape, values } => {
                let width = shape.iter().map(|n| *n as u64).product::<u64>();
                width * if *values == "bytes" { 1 } else { 8 }
            }
            Several::Sparse(sparse) => 8 + 12 * sparse.values / rows.max(1),
        }
    }
}

impl Sparse {
    fn add(&mut self, rows: CsrRef) {
        self.width = self.width.max(rows.width());
        self.values += rows.non_zeros() as u64;
        for column in rows.columns().iter().map(|column| *column as usize) {
            if column / WORD >= self.seen.len() {
                self.seen.resize(column / WORD + 1, 0);
            }
            self.seen[column / WORD] |= 1 << (column % WORD);
        }
    }

    /// Whether it is much less than a table with a column for each index.
    pub fn is_much_less(&self, rows: u64) -> bool {
        let columns = self.seen.iter().map(|word| u64::from(word.count_ones()));
        is_sparse(rows, columns.sum(), self.values)
    }

    /// The columns that some row has.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        let has = |column: &usize| self.seen[column / WORD] >> (column % WORD) & 1 == 1;
        (0..self.seen.len() * WORD).filter(has)
    }
}
