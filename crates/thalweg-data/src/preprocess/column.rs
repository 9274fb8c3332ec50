//! Fitting one column: its encoding, or why it is left out.

use thalweg_core::dataset::Values;

use super::category::CategoryFit;
use super::date::DateFit;
use super::identifier::{Identifier, Seems};
use super::left_out::LeftOut;
use super::numeric::NumericFit;
use super::options::FitOptions;
use super::sparse::{SparseFit, check_sparse};
use super::{Encoding, Scaling};
use crate::csv::builder::{FINITE, is_beyond};
use crate::error::{Error, Note, Result, quote};
use crate::stray::StrayCells;
use crate::table::{Block, Column, ColumnData, Table, number_text};

/// Fits the encoding of one column to blocks of rows.
#[derive(Debug)]
pub(super) struct ColumnFit<'a> {
    /// Name of the column.
    pub name: &'a str,
    /// Its place in the table.
    pub place: usize,
    fit: Fit,
    stray: StrayCells,
    first_pass: bool,
    /// Whether the user says that it is a quantity.
    is_wanted: bool,
}

#[derive(Debug)]
enum Fit {
    Numbers(Identifier, NumericFit),
    Categories(CategoryFit),
    Dates(DateFit),
    Image(ImageFit),
    /// One for each value of a raw row.
    Matrix(Vec<NumericFit>),
    Sparse(SparseFit),
}

impl<'a> ColumnFit<'a> {
    /// Starts fitting columns such as this one, at this place; `is_wanted` where the user calls it a quantity,
    /// and without memory for each value if `is_bounded`.
    pub fn new(
        column: &'a Column,
        place: usize,
        (scaling, is_bounded): (Scaling, bool),
        is_wanted: bool,
    ) -> Self {
        let numbers = || NumericFit::new(scaling).bounded(is_bounded);
        let fit = match &column.data {
            ColumnData::Numeric(_) => Fit::Numbers(Identifier::new(&column.name), numbers()),
            ColumnData::Text(_) => Fit::Categories(CategoryFit::new()),
            ColumnData::Time(_) => Fit::Dates(DateFit::new(numbers())),
            ColumnData::Block(block) if block.sparse().is_some() => {
                Fit::Sparse(SparseFit::new(block.width(), scaling))
            }
            // Bytes and tensors of several dimensions are images, with one scale for all values.
            ColumnData::Block(block) if is_bytes(block) || block.shape.len() > 1 => {
                Fit::Image(ImageFit::new(block, scaling))
            }
            ColumnData::Block(block) => {
                Fit::Matrix((0..block.width()).map(|_| numbers()).collect())
            }
        };
        Self {
            name: &column.name,
            place,
            fit,
            stray: StrayCells::default(),
            first_pass: true,
            is_wanted,
        }
    }

    /// Adds the training rows `rows` of a block, with their weights where they have some.
    /// Infinities are refused in its other rows, too.
    pub fn add(
        &mut self,
        table: &Table,
        column: &Column,
        rows: &[usize],
        weights: Option<&[f32]>,
    ) -> Result<()> {
        let first = self.first_pass;
        match (&mut self.fit, &column.data) {
            (Fit::Numbers(identifier, fit), ColumnData::Numeric(numbers)) => {
                if first {
                    check_finite(table, column, numbers)?;
                    identifier.add(numbers);
                }
                if self.is_wanted || identifier.left_out().is_none() {
                    fit.add_weighted(rows.iter().map(|&row| numbers[row]), weights);
                }
            }
            (Fit::Categories(fit), ColumnData::Text(text)) => {
                self.stray.add(table, column);
                fit.add(text, rows, weights);
            }
            (Fit::Dates(fit), ColumnData::Time(seconds)) => {
                fit.add(rows.iter().map(|&row| seconds[row]), weights);
            }
            (Fit::Image(fit), ColumnData::Block(block)) if fit.shape == block.shape => {
                if first && !is_bytes(block) {
                    check_block(table, column, block, rows, true)?;
                }
                fit.add(block, rows, weights);
            }
            (Fit::Sparse(fit), ColumnData::Block(block)) if fit.width == block.width() => {
                if let Some(all) = block.sparse() {
                    check_sparse(table, column, all.view())?;
                    fit.add(all.view(), rows);
                }
            }
            (Fit::Matrix(fits), ColumnData::Block(block)) if fits.len() == block.width() => {
                if first {
                    check_block(table, column, block, rows, false)?;
                }
                let width = fits.len();
                for (j, fit) in fits.iter_mut().enumerate() {
                    fit.add_weighted(
                        rows.iter().map(|&row| block.value(row * width + j)),
                        weights,
                    );
                }
            }
            _ => {
                let location = table.location().column(self.name);
                let found = format!("a {} column", column.kind());
                return Err(Error::invalid(location, found, "the type of earlier rows"));
            }
        }
        Ok(())
    }

    /// Ends a pass over all blocks; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        self.first_pass = false;
        match &mut self.fit {
            Fit::Numbers(identifier, fit) => {
                let is_used = self.is_wanted || identifier.left_out().is_none();
                fit.end_pass() && is_used
            }
            Fit::Categories(_) | Fit::Sparse(_) => false,
            Fit::Dates(fit) => fit.end_pass(),
            Fit::Image(fit) => fit.end_pass(),
            Fit::Matrix(fits) => fits
                .iter_mut()
                .fold(false, |more, fit| fit.end_pass() | more),
        }
    }

    /// What a column of numbers seems to be beside a quantity.
    pub fn seems(&self) -> Option<Seems> {
        match &self.fit {
            Fit::Numbers(identifier, _) if !self.is_wanted => identifier.seems(),
            _ => None,
        }
    }

    /// The encoding, or why the column is left out.
    pub fn finish(
        self,
        options: &FitOptions,
        notes: &mut Vec<Note>,
    ) -> Result<Result<Encoding, LeftOut>> {
        self.stray.check()?;
        notes.extend(self.stray.warning());
        Ok(match self.fit {
            Fit::Numbers(identifier, fit) => match identifier.left_out() {
                Some(why) if !self.is_wanted => Err(why),
                _ => fit.finish().map(Encoding::Numeric),
            },
            Fit::Categories(fit) => return fit.finish(self.name, options, notes),
            Fit::Dates(fit) => fit.finish().map(Encoding::Date),
            Fit::Image(fit) => fit.finish(),
            Fit::Sparse(fit) => Ok(fit.finish(self.name, notes)),
            Fit::Matrix(fits) => {
                let places = fits.into_iter().map(|fit| fit.finish().ok()).collect();
                let encoding = Encoding::Matrix { places };
                match encoding.width() {
                    0 => Err(LeftOut::Constant),
                    _ => Ok(encoding),
                }
            }
        })
    }
}

fn is_bytes(block: &Block) -> bool {
    matches!(block.values, Values::U8 { .. })
}

/// Fits one scale for all values of images: mean in the first pass, deviation in the second.
#[derive(Debug)]
struct ImageFit {
    shape: Vec<usize>,
    scaling: Scaling,
    is_bytes: bool,
    second_pass: bool,
    /// Σ w over all values.
    weight: f64,
    sum: f64,
    squares: f64,
}

impl ImageFit {
    fn new(block: &Block, scaling: Scaling) -> Self {
        Self {
            shape: block.shape.clone(),
            scaling,
            is_bytes: is_bytes(block),
            second_pass: false,
            weight: 0.0,
            sum: -0.0,
            squares: -0.0,
        }
    }

    fn add(&mut self, block: &Block, rows: &[usize], weights: Option<&[f32]>) {
        if self.scaling == Scaling::None {
            return;
        }
        let (width, mean) = (block.width(), self.mean());
        for (i, &row) in rows.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| f64::from(weights[i]));
            let values = (row * width..(row + 1) * width).map(|i| block.value(i));
            match self.second_pass {
                false => {
                    self.weight += weight * width as f64;
                    self.sum = values.fold(self.sum, |sum, x| sum + weight * x);
                }
                true => {
                    let add = |sum, x: f64| sum + weight * (x - mean).powi(2);
                    self.squares = values.fold(self.squares, add);
                }
            }
        }
    }

    /// Σ w, or 1 where there is nothing.
    fn total_weight(&self) -> f64 {
        if self.weight > 0.0 { self.weight } else { 1.0 }
    }

    fn mean(&self) -> f64 {
        self.sum / self.total_weight()
    }

    fn end_pass(&mut self) -> bool {
        let first = !self.second_pass;
        self.second_pass = true;
        first && self.scaling != Scaling::None
    }

    fn finish(self) -> Result<Encoding, LeftOut> {
        let (mut scale, mut offset) = (if self.is_bytes { 1.0 / 255.0 } else { 1.0 }, 0.0);
        if self.scaling != Scaling::None {
            let deviation = (self.squares / self.total_weight()).sqrt();
            if deviation == 0.0 || !deviation.is_finite() {
                return Err(LeftOut::Constant);
            }
            (scale, offset) = (1.0 / deviation, -self.mean() / deviation);
        }
        Ok(Encoding::Image {
            shape: self.shape,
            scale,
            offset,
        })
    }
}

pub(super) fn check_finite(table: &Table, column: &Column, numbers: &[f64]) -> Result<()> {
    match numbers.iter().position(|x| x.is_infinite()) {
        None => Ok(()),
        Some(row) => {
            let cell = column
                .text(row)
                .filter(|cell| is_beyond(cell, numbers[row]));
            let (found, expected) = match cell {
                Some(cell) => (quote(&cell), FINITE),
                None => ("an infinite value".to_owned(), "a finite number"),
            };
            let error = Error::invalid(table.cell(row, &column.name), found, expected);
            Err(error.remedy("correct the cell or leave it empty"))
        }
    }
}

/// Refuses numbers that a run in single precision does not hold.
pub(super) fn check_single(table: &Table, column: &Column) -> Result<()> {
    let is_beyond = |x: f64| x.is_finite() && x.abs() > f64::from(f32::MAX);
    let refuse = |row: usize, name: &str, found: String, remedy: &str| {
        let error = Error::invalid(table.cell(row, name), found, "a number below 3.4e38");
        Err(error.remedy(remedy))
    };
    match &column.data {
        ColumnData::Numeric(numbers) => match numbers.iter().position(|x| is_beyond(*x)) {
            Some(row) => {
                let found = column.text(row).unwrap_or_default();
                refuse(
                    row,
                    &column.name,
                    found,
                    "correct the cell or leave it empty",
                )
            }
            None => Ok(()),
        },
        ColumnData::Block(block) if matches!(block.values, Values::F64(_)) => {
            let width = block.width();
            match (0..table.rows * width).find(|i| is_beyond(block.value(*i))) {
                Some(at) => {
                    let name = format!("{}[{}]", column.name, at % width);
                    let found = number_text(block.value(at));
                    refuse(at / width, &name, found, "correct the array")
                }
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Refuses infinities, and missing values too where they cannot be filled.
pub(super) fn check_block(
    table: &Table,
    column: &Column,
    block: &Block,
    rows: &[usize],
    missing_too: bool,
) -> Result<()> {
    let width = block.width();
    let is_bad = |i: &usize| {
        let x = block.value(*i);
        x.is_infinite() || (missing_too && x.is_nan())
    };
    let Some(bad) = (rows.iter()).find_map(|&row| (row * width..(row + 1) * width).find(is_bad))
    else {
        return Ok(());
    };
    let location = table.cell(bad / width, &format!("{}[{}]", column.name, bad % width));
    let found = match block.value(bad).is_nan() {
        true => "NaN",
        false => "an infinite value",
    };
    Err(Error::invalid(location, found, "a finite number").remedy("correct the array"))
}
