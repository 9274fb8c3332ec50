//! Rows in memory: features, targets and weights, owned ([`Dataset`]) or borrowed ([`FeaturesRef`],
//! [`TargetsRef`]), and which of them ([`Rows`]). An engine sees views alone, so that rows can stay where a caller has them.

use std::ops::Range;

use crate::sparse::{Csr, CsrRef};

/// The features of many rows; dense ones are row-major: value `(row, j)` is at `row * width + j`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Values a row.
    pub width: usize,
    /// The values themselves.
    pub values: Values,
}

/// How feature values are stored. What the network sees is always a floating-point number.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Bytes, such as pixels, that stay bytes until a batch is gathered: x = byte·scale + offset.
    U8 {
        /// Row-major bytes.
        bytes: Vec<u8>,
        /// Multiplies the byte.
        scale: f32,
        /// Is added after that.
        offset: f32,
    },
    /// Rows of few non-zeros.
    Sparse(Csr),
}

/// A view of the features of many rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeaturesRef<'a> {
    /// Values a row.
    pub width: usize,
    /// The values themselves.
    pub values: ValuesRef<'a>,
}

/// A view of feature values: row-major, one slice a column, or sparse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValuesRef<'a> {
    /// Single precision, row-major.
    F32(&'a [f32]),
    /// Double precision, row-major.
    F64(&'a [f64]),
    /// Row-major bytes: x = byte·scale + offset.
    U8 {
        /// Row-major bytes.
        bytes: &'a [u8],
        /// Multiplies the byte.
        scale: f32,
        /// Is added after that.
        offset: f32,
    },
    /// One slice a column, each with a value of every row, as columnar tables have them. A run that augments its
    /// rows needs row-major values.
    Columns(&'a [&'a [f32]]),
    /// Rows of few non-zeros.
    Sparse(CsrRef<'a>),
}

impl Features {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.view().rows()
    }

    /// The values, borrowed.
    pub fn view(&self) -> FeaturesRef<'_> {
        FeaturesRef {
            width: self.width,
            values: match &self.values {
                Values::F32(values) => ValuesRef::F32(values),
                Values::F64(values) => ValuesRef::F64(values),
                Values::U8 {
                    bytes,
                    scale,
                    offset,
                } => ValuesRef::U8 {
                    bytes,
                    scale: *scale,
                    offset: *offset,
                },
                Values::Sparse(rows) => ValuesRef::Sparse(rows.view()),
            },
        }
    }

    /// The values of one row, as a network sees them.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f64> {
        self.view().row(row)
    }
}

impl<'a> FeaturesRef<'a> {
    /// Row-major values in single precision, `width` a row.
    pub fn f32(width: usize, values: &'a [f32]) -> Self {
        let values = ValuesRef::F32(values);
        Self { width, values }
    }

    /// Columns, each with a value of every row.
    pub fn columns(columns: &'a [&'a [f32]]) -> Self {
        Self {
            width: columns.len(),
            values: ValuesRef::Columns(columns),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        let values = match self.values {
            ValuesRef::F32(values) => values.len(),
            ValuesRef::F64(values) => values.len(),
            ValuesRef::U8 { bytes, .. } => bytes.len(),
            ValuesRef::Columns(columns) => return columns.first().map_or(0, |column| column.len()),
            ValuesRef::Sparse(rows) => return rows.rows(),
        };
        values.checked_div(self.width).unwrap_or(0)
    }

    /// The values of one row, as a network sees them.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(self, row: usize) -> impl Iterator<Item = f64> + 'a {
        (0..self.width).map(move |column| self.value(row, column))
    }

    /// One value, as a network sees it.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[inline]
    pub fn value(self, row: usize, column: usize) -> f64 {
        let at = row * self.width + column;
        match self.values {
            ValuesRef::F32(values) => values[at].into(),
            ValuesRef::F64(values) => values[at],
            ValuesRef::U8 {
                bytes,
                scale,
                offset,
            } => (f32::from(bytes[at]) * scale + offset).into(),
            ValuesRef::Columns(columns) => columns[column][row].into(),
            ValuesRef::Sparse(rows) => rows.value(row, column),
        }
    }

    /// Columns and values of what is not 0 in a row, and of all that is stored of a sparse one.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn non_zeros(self, row: usize, mut visit: impl FnMut(usize, f64)) {
        match self.values {
            ValuesRef::Sparse(rows) => {
                (rows.entries(row)).for_each(|(column, value)| visit(column, value));
            }
            _ => (self.row(row).enumerate())
                .filter(|(_, value)| *value != 0.0)
                .for_each(|(column, value)| visit(column, value)),
        }
    }

    /// The first column of a row with a value that does not fit.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn misfit(self, row: usize, fits: impl Fn(f64) -> bool) -> Option<usize> {
        let at = row * self.width;
        let end = at + self.width;
        match self.values {
            ValuesRef::F32(values) => values[at..end].iter().position(|x| !fits((*x).into())),
            ValuesRef::F64(values) => values[at..end].iter().position(|x| !fits(*x)),
            ValuesRef::U8 { .. } => None,
            ValuesRef::Columns(columns) => {
                columns.iter().position(|column| !fits(column[row].into()))
            }
            ValuesRef::Sparse(rows) => {
                let mut entries = rows.entries(row);
                entries
                    .find(|(_, value)| !fits(*value))
                    .map(|(column, _)| column)
            }
        }
    }
}

impl<'a> From<&'a Features> for FeaturesRef<'a> {
    fn from(features: &'a Features) -> Self {
        features.view()
    }
}

/// The target outputs of each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// One class index a row: binary (0 or 1) and multiclass tasks.
    Classes(Vec<u32>),
    /// `width` numbers a row, row-major: regression targets, or 0/1 for each label of a multi-label task.
    Values {
        /// Targets a row.
        width: usize,
        /// Row-major values.
        values: Vec<f64>,
    },
}

/// A view of the targets of many rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TargetsRef<'a> {
    /// One class index a row.
    Classes(&'a [u32]),
    /// `width` numbers a row, row-major.
    Values {
        /// Targets a row.
        width: usize,
        /// Row-major values.
        values: &'a [f64],
    },
}

impl Targets {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.view().rows()
    }

    /// The targets, borrowed.
    pub fn view(&self) -> TargetsRef<'_> {
        match self {
            Targets::Classes(classes) => TargetsRef::Classes(classes),
            Targets::Values { width, values } => TargetsRef::Values {
                width: *width,
                values,
            },
        }
    }
}

impl TargetsRef<'_> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            TargetsRef::Classes(classes) => classes.len(),
            TargetsRef::Values { width, values } => values.len().checked_div(*width).unwrap_or(0),
        }
    }
}

impl<'a> From<&'a Targets> for TargetsRef<'a> {
    fn from(targets: &'a Targets) -> Self {
        targets.view()
    }
}

/// A class a row.
impl<'a> From<&'a [u32]> for TargetsRef<'a> {
    fn from(classes: &'a [u32]) -> Self {
        TargetsRef::Classes(classes)
    }
}

/// A number a row.
impl<'a> From<&'a [f64]> for TargetsRef<'a> {
    fn from(values: &'a [f64]) -> Self {
        TargetsRef::Values { width: 1, values }
    }
}

/// Features with targets and, where rows count differently, weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What the network sees.
    pub features: Features,
    /// The target outputs; as many rows as `features`.
    pub targets: Targets,
    /// Weight of each row in the loss (non-negative); all 1 when absent.
    pub weights: Option<Vec<f32>>,
}

impl Dataset {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// The rows, borrowed.
    pub fn view(&self) -> DatasetRef<'_> {
        DatasetRef {
            features: self.features.view(),
            targets: self.targets.view(),
            weights: self.weights.as_deref(),
        }
    }
}

/// A view of features with targets and weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatasetRef<'a> {
    /// What the network sees.
    pub features: FeaturesRef<'a>,
    /// The target outputs; as many rows as `features`.
    pub targets: TargetsRef<'a>,
    /// Weight of each row in the loss (non-negative); all 1 when absent.
    pub weights: Option<&'a [f32]>,
}

impl<'a> From<&'a Dataset> for DatasetRef<'a> {
    fn from(dataset: &'a Dataset) -> Self {
        dataset.view()
    }
}

/// Which rows of a dataset.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// `start .. end`.
    Range(usize, usize),
    /// These, in this order.
    Listed(&'a [u32]),
}

impl Rows<'_> {
    /// No rows.
    pub const NONE: Self = Rows::Range(0, 0);

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Rows::Range(start, end) => end.saturating_sub(*start),
            Rows::Listed(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the dataset at a position.
    #[inline]
    pub fn at(&self, position: usize) -> usize {
        match self {
            Rows::Range(start, _) => start + position,
            Rows::Listed(rows) => rows[position] as usize,
        }
    }
}

impl<'a> Rows<'a> {
    /// Those at some positions.
    ///
    /// # Panics
    /// If there are no such positions in a list.
    #[inline]
    pub(crate) fn part(self, positions: Range<usize>) -> Self {
        match self {
            Rows::Range(start, _) => Rows::Range(start + positions.start, start + positions.end),
            Rows::Listed(rows) => Rows::Listed(&rows[positions]),
        }
    }

    /// The rows of the dataset, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> + 'a {
        (0..self.len()).map(move |position| self.at(position))
    }
}
