//! The bytes of a column: every value as it is, in the fewest bytes of a few kinds.
//!
//! A tag, then the values, little-endian. Numbers: 0 f64, 1 f32, 2 bytes (255 where missing), each where
//! it holds all of the block exactly. Texts: 3, the distinct texts, the words for "missing", and the
//! codes. Several numbers a row: 4 f32, 5 f64, 6 bytes with scale and offset, after their shape. Sparse
//! rows: 7, the columns, the entries of each row, their columns, and their numbers in the kind that follows:
//! 0 f64, 1 f32, 2 all of them 1.

use thalweg_core::dataset::Values;
use thalweg_core::sparse::{Csr, CsrRef, Numbers, NumbersRef};

use crate::table::{Block, ColumnData, MISSING, TextColumn};

/// The byte of a missing value.
const NO_BYTE: u8 = u8::MAX;

/// Appends the bytes of a column.
pub(super) fn encode(data: &ColumnData, to: &mut Vec<u8>) {
    match data {
        ColumnData::Numeric(numbers) | ColumnData::Time(numbers) => encode_numbers(numbers, to),
        ColumnData::Text(text) => encode_text(text, to),
        ColumnData::Block(block) => encode_block(block, to),
    }
}

fn encode_numbers(numbers: &[f64], to: &mut Vec<u8>) {
    let byte = |x: &f64| match x {
        x if x.is_nan() => Some(NO_BYTE),
        // Not −0, which is another number.
        x if *x >= 0.0 && *x < 255.0 && x.fract() == 0.0 && x.is_sign_positive() => Some(*x as u8),
        _ => None,
    };
    if numbers.iter().all(|x| byte(x).is_some()) {
        to.push(2);
        to.extend(numbers.iter().filter_map(byte));
    } else if (numbers.iter()).all(|x| x.is_nan() || f64::from(*x as f32) == *x) {
        to.push(1);
        (numbers.iter()).for_each(|x| to.extend_from_slice(&(*x as f32).to_le_bytes()));
    } else {
        to.push(0);
        numbers
            .iter()
            .for_each(|x| to.extend_from_slice(&x.to_le_bytes()));
    }
}

fn encode_text(text: &TextColumn, to: &mut Vec<u8>) {
    to.push(3);
    for list in [&text.levels, &text.words] {
        to.extend_from_slice(&(list.len() as u32).to_le_bytes());
        for text in list {
            to.extend_from_slice(&(text.len() as u32).to_le_bytes());
            to.extend_from_slice(text.as_bytes());
        }
    }
    // Behind the texts come "missing" and the words for it.
    let (levels, width) = (text.levels.len() as u32, code_width(text));
    for &code in &text.codes {
        let stored = match code < levels {
            true => code,
            false => levels + (MISSING - code),
        };
        to.extend_from_slice(&stored.to_le_bytes()[..width]);
    }
}

/// Bytes of a code.
fn code_width(text: &TextColumn) -> usize {
    match text.levels.len() + text.words.len() {
        0..=0xFE => 1,
        0xFF..=0xFFFE => 2,
        _ => 4,
    }
}

fn encode_block(block: &Block, to: &mut Vec<u8>) {
    let tag = match &block.values {
        Values::F32(_) => 4,
        Values::F64(_) => 5,
        Values::U8 { .. } => 6,
        Values::Sparse(rows) => return encode_sparse(rows.view(), to),
    };
    to.push(tag);
    to.extend_from_slice(&(block.shape.len() as u32).to_le_bytes());
    (block.shape.iter()).for_each(|n| to.extend_from_slice(&(*n as u32).to_le_bytes()));
    match &block.values {
        Values::F32(all) => all
            .iter()
            .for_each(|x| to.extend_from_slice(&x.to_le_bytes())),
        Values::F64(all) => all
            .iter()
            .for_each(|x| to.extend_from_slice(&x.to_le_bytes())),
        Values::U8 {
            bytes,
            scale,
            offset,
        } => {
            to.extend_from_slice(&scale.to_le_bytes());
            to.extend_from_slice(&offset.to_le_bytes());
            to.extend_from_slice(bytes);
        }
        Values::Sparse(_) => {}
    }
}

fn encode_sparse(rows: CsrRef, to: &mut Vec<u8>) {
    to.push(7);
    to.extend_from_slice(&(rows.width() as u64).to_le_bytes());
    for row in 0..rows.rows() {
        to.extend_from_slice(&(rows.row(row).0.len() as u32).to_le_bytes());
    }
    (rows.columns().iter()).for_each(|column| to.extend_from_slice(&column.to_le_bytes()));
    // Whatever their type is, so that the bytes do not depend on the pieces in which rows came.
    let numbers = (0..rows.non_zeros()).map(|index| rows.numbers().at(index));
    if rows.numbers() == NumbersRef::Ones || numbers.clone().all(|x| x == 1.0) {
        to.push(2);
    } else if numbers.clone().all(|x| f64::from(x as f32) == x) {
        to.push(1);
        numbers.for_each(|x| to.extend_from_slice(&(x as f32).to_le_bytes()));
    } else {
        to.push(0);
        numbers.for_each(|x| to.extend_from_slice(&x.to_le_bytes()));
    }
}

/// Reads sparse rows; none if they are not.
fn decode_sparse(bytes: &[u8], rows: usize) -> Option<ColumnData> {
    let (width, rest) = bytes.split_first_chunk()?;
    let width = usize::try_from(u64::from_le_bytes(*width)).ok()?;
    let (counts, rest) = rest.split_at_checked(rows.checked_mul(4)?)?;
    let counts = values(counts, rows, u32::from_le_bytes)?;
    let mut starts = vec![0];
    let mut end = 0usize;
    for count in counts {
        end = end.checked_add(count as usize)?;
        starts.push(end);
    }
    let (columns, rest) = rest.split_at_checked(end.checked_mul(4)?)?;
    let columns = values(columns, end, u32::from_le_bytes)?;
    let (kind, rest) = rest.split_first()?;
    let numbers = match kind {
        0 => Numbers::F64(values(rest, end, f64::from_le_bytes)?),
        1 => Numbers::F32(values(rest, end, f32::from_le_bytes)?),
        2 if rest.is_empty() => Numbers::Ones,
        _ => return None,
    };
    let rows = Csr::new(width, starts, columns, numbers).ok()?;
    let (shape, values) = (vec![width], Values::Sparse(rows));
    Some(ColumnData::Block(Block { shape, values }))
}

/// Reads a column of so many rows; none if the bytes are not one.
pub(super) fn decode(bytes: &[u8], rows: usize, is_time: bool) -> Option<ColumnData> {
    let (tag, mut rest) = bytes.split_first()?;
    let numbers = |numbers: Vec<f64>| match is_time {
        true => ColumnData::Time(numbers),
        false => ColumnData::Numeric(numbers),
    };
    let column = match tag {
        0 => numbers(values(rest, rows, f64::from_le_bytes)?),
        1 => numbers(values(rest, rows, |bytes| {
            f64::from(f32::from_le_bytes(bytes))
        })?),
        2 => numbers(values(rest, rows, |[byte]| match byte {
            NO_BYTE => f64::NAN,
            byte => f64::from(byte),
        })?),
        3 => {
            let mut text = TextColumn {
                levels: texts(&mut rest)?,
                words: texts(&mut rest)?,
                codes: Vec::new(),
            };
            let (levels, words) = (text.levels.len() as u32, text.words.len() as u32);
            let codes: Vec<u32> = match code_width(&text) {
                1 => values(rest, rows, |[byte]| u32::from(byte))?,
                2 => values(rest, rows, |bytes| u32::from(u16::from_le_bytes(bytes)))?,
                _ => values(rest, rows, u32::from_le_bytes)?,
            };
            let code = |stored: u32| match stored.checked_sub(levels) {
                None => Some(stored),
                Some(word) => (word <= words).then(|| MISSING - word),
            };
            text.codes = codes.into_iter().map(code).collect::<Option<_>>()?;
            ColumnData::Text(text)
        }
        4..=6 => {
            let dimensions = number(&mut rest)?;
            let shape = (0..dimensions).map(|_| Some(number(&mut rest)? as usize));
            let shape: Vec<usize> = shape.collect::<Option<_>>()?;
            let width = shape
                .iter()
                .try_fold(1usize, |width, n| width.checked_mul(*n))?;
            let count = width.checked_mul(rows)?;
            let values = match tag {
                4 => Values::F32(values(rest, count, f32::from_le_bytes)?),
                5 => Values::F64(values(rest, count, f64::from_le_bytes)?),
                _ => {
                    let scale = f32::from_bits(number(&mut rest)?);
                    let offset = f32::from_bits(number(&mut rest)?);
                    Values::U8 {
                        bytes: values(rest, count, |[byte]| byte)?,
                        scale,
                        offset,
                    }
                }
            };
            ColumnData::Block(Block { shape, values })
        }
        7 => return decode_sparse(rest, rows),
        _ => return None,
    };
    Some(column)
}

/// So many values, and nothing after them.
pub(super) fn values<T, const N: usize>(
    bytes: &[u8],
    count: usize,
    of: impl Fn([u8; N]) -> T,
) -> Option<Vec<T>> {
    let (all, rest) = bytes.as_chunks::<N>();
    (rest.is_empty() && all.len() == count).then(|| all.iter().map(|bytes| of(*bytes)).collect())
}

/// A u32 at the beginning, which is taken off.
fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*first))
}

fn texts(bytes: &mut &[u8]) -> Option<Vec<String>> {
    let count = number(bytes)?;
    let mut texts = Vec::new();
    for _ in 0..count {
        let length = number(bytes)? as usize;
        let (text, rest) = bytes.split_at_checked(length)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        *bytes = rest;
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(data: ColumnData, rows: usize) -> usize {
        let mut bytes = Vec::new();
        encode(&data, &mut bytes);
        let read = decode(&bytes, rows, matches!(data, ColumnData::Time(_))).unwrap();
        // NaN is not equal to itself.
        assert_eq!(format!("{read:?}"), format!("{data:?}"));
        for length in 0..bytes.len() {
            assert!(
                decode(&bytes[..length], rows, false).is_none(),
                "{length} bytes of {data:?}"
            );
        }
        bytes.len()
    }

    #[test]
    fn every_value_comes_back_and_small_ones_take_few_bytes() {
        assert_eq!(round(ColumnData::Numeric(vec![0.0, 254.0, f64::NAN]), 3), 4);
        assert_eq!(round(ColumnData::Numeric(vec![-0.0, 0.5, f64::NAN]), 3), 13);
        assert_eq!(
            round(ColumnData::Numeric(vec![0.1, 255.0, f64::NAN]), 3),
            25
        );
        assert_eq!(round(ColumnData::Time(vec![1e9, f64::NAN]), 2), 9);
        for levels in [0, 3, 300, 70_000] {
            let text = TextColumn {
                levels: (0..levels).map(|i| format!("é{i}")).collect(),
                words: vec!["None".to_owned(), "NA".to_owned()],
                codes: (0..levels)
                    .chain([MISSING, MISSING - 2, MISSING - 1])
                    .collect(),
            };
            round_text(text);
        }
        for values in [
            Values::F32(vec![1.5; 12]),
            Values::F64(vec![0.1; 12]),
            Values::U8 {
                bytes: vec![7; 12],
                scale: 0.5,
                offset: 1.0,
            },
        ] {
            round(
                ColumnData::Block(Block {
                    shape: vec![2, 3],
                    values,
                }),
                2,
            );
        }
    }

    #[test]
    fn sparse_rows_come_back() {
        for numbers in [
            Numbers::Ones,
            Numbers::F32(vec![0.5, -1.0, 3.0]),
            Numbers::F64(vec![0.1, 1e300, 2.0]),
        ] {
            let rows = Csr::new(1 << 20, vec![0, 2, 2, 3], vec![7, 1 << 19, 0], numbers).unwrap();
            let (shape, values) = (vec![1 << 20], Values::Sparse(rows));
            round(ColumnData::Block(Block { shape, values }), 3);
        }
    }

    fn round_text(text: TextColumn) {
        let mut bytes = Vec::new();
        encode(&ColumnData::Text(text.clone()), &mut bytes);
        let rows = text.codes.len();
        assert_eq!(decode(&bytes, rows, false), Some(ColumnData::Text(text)));
        assert_eq!(decode(&bytes[..bytes.len() - 1], rows, false), None);
    }
}
