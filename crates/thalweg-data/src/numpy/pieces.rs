//! Rows of an array some at a time, where these do not lie side by side or all values must be looked at first.

use std::io::{Read, Seek, SeekFrom};

use super::array::{Array, are_exact, other_length};
use super::header::Header;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::shared_file::SharedFile;

/// Bytes that are looked at at once.
const LOOK: u64 = 1 << 20;

impl Array {
    /// Visits the rows to the end of the input, `size` at a time; as a whole where that cannot be.
    ///
    /// # Errors
    /// As [`Self::read`], or if `visit` fails.
    pub fn each(
        input: &mut Input,
        size: usize,
        visit: &mut dyn FnMut(Self) -> Result<()>,
    ) -> Result<()> {
        let header = Self::header(input)?;
        let (count, bytes) = Self::count(input, &header)?;
        let (rows, size) = (header.rows(), size.max(1));
        let row_bytes = bytes / rows.max(1);
        if row_bytes == 0 || !has_rows_apart(input, &header, bytes)? {
            let data = input.take((bytes as u64).saturating_add(1))?;
            return match data.len() == bytes && (header.size > 0 || count == 0) {
                true => visit(Self::of(header, data)),
                false => Err(other_length(input, data.len(), bytes)),
            };
        }
        if header.is_by_columns() {
            return each_by_columns(input, &header, (bytes, size), visit);
        }
        for start in (0..rows).step_by(size) {
            let count = size.min(rows - start);
            let data = input.take((count * row_bytes) as u64)?;
            if data.len() < count * row_bytes {
                return Err(other_length(input, start * row_bytes + data.len(), bytes));
            }
            visit(Self::of(header.of_rows(count), data))?;
        }
        match input.take(1)?.is_empty() {
            true => Ok(()),
            false => Err(other_length(input, bytes + 1, bytes)),
        }
    }

    /// Whether the rows of the array that the input holds can be read some at a time.
    ///
    /// # Errors
    /// If it begins as none.
    pub fn is_in_pieces(input: &mut Input) -> Result<bool> {
        let header = Self::header(input)?;
        let (_, bytes) = Self::count(input, &header)?;
        has_rows_apart(input, &header, bytes)
    }
}

/// Whether the rows of an array of so many bytes can be read some at a time: one behind the other, or in a file that can be
/// read anywhere. Integers of 64 bits can where f64 holds all of them; texts are numbered, and cannot.
///
/// # Errors
/// If the file cannot be read.
fn has_rows_apart(input: &Input, header: &Header, bytes: usize) -> Result<bool> {
    let is_text = matches!(header.kind, b'U' | b'S');
    let is_anywhere = input.whole.is_some();
    if header.shape.is_empty() || is_text || (header.is_by_columns() && !is_anywhere) {
        return Ok(false);
    }
    match (header.is_long(), input.whole.clone()) {
        (false, _) => Ok(true),
        (true, None) => Ok(false),
        (true, Some(file)) => all_are_exact(file, header, bytes as u64)
            .map_err(|error| Error::reading(&input.file, error)),
    }
}

/// Whether f64 holds all integers.
fn all_are_exact(mut file: SharedFile, header: &Header, bytes: u64) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(header.start))?;
    let mut left = file.take(bytes);
    let mut data = Vec::new();
    loop {
        data.clear();
        left.by_ref().take(LOOK).read_to_end(&mut data)?;
        match data.is_empty() {
            true => return Ok(true),
            false if !are_exact(header, &data) => return Ok(false),
            false => {}
        }
    }
}

/// Visits the rows of an array of so many bytes in Fortran order, `size` at a time.
///
/// # Errors
/// If the file cannot be read or has another length, or `visit` fails.
fn each_by_columns(
    input: &Input,
    header: &Header,
    (bytes, size): (usize, usize),
    visit: &mut dyn FnMut(Array) -> Result<()>,
) -> Result<()> {
    let Some(mut file) = input.whole.clone() else {
        return Ok(());
    };
    let fail = |error| Error::reading(&input.file, error);
    let length = file.seek(SeekFrom::End(0)).map_err(fail)?;
    let length = length.saturating_sub(header.start) as usize;
    if length != bytes {
        return Err(other_length(input, length, bytes));
    }
    let rows = header.rows();
    let column = rows * header.size;
    for start in (0..rows).step_by(size) {
        let count = size.min(rows - start);
        let mut data = vec![0; bytes / rows * count];
        for (part, number) in data.chunks_exact_mut(count * header.size).zip(0..) {
            let at = header.start + (number * column + start * header.size) as u64;
            let read = file
                .seek(SeekFrom::Start(at))
                .and_then(|_| file.read_exact(part));
            read.map_err(fail)?;
        }
        visit(Array::of(header.of_rows(count), data))?;
    }
    Ok(())
}
