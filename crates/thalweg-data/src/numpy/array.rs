//! One NumPy array, as an `.npy` file or a member of an `.npz` archive holds it.
//!
//! Source: numpy.lib.format, versions 1.0 to 3.0.

use thalweg_core::dataset::Values;

use super::header::{self, Header};
use crate::block::{Block, to_f64};
use crate::csv::builder::text_column;
use crate::error::{Error, Location, Result, quote};
use crate::input::Input;
use crate::table::{Column, ColumnData};

/// The first bytes of an array.
pub const MAGIC: &[u8] = b"\x93NUMPY";
const MAX_HEADER: u64 = 1 << 20;
/// What is found in a file that ends too early.
const CUT_OFF: &str = "a damaged header: it is cut off";

/// An array in C order.
pub struct Array {
    /// Its shape; the first dimension counts rows.
    pub shape: Vec<usize>,
    /// Its elements.
    pub elements: Elements,
    /// Whether its elements are integers or truth values.
    pub integer: bool,
}

/// The elements of an array.
pub enum Elements {
    /// Numbers.
    Numbers(Values),
    /// Strings.
    Text(Vec<String>),
}

fn damaged(input: &Input, found: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::invalid(Location::file(&input.file), found, expected)
        .remedy("write the file again with numpy.save")
}

/// The error for data of another length than the header says.
pub(super) fn other_length(input: &Input, length: usize, bytes: usize) -> Error {
    let found = match length < bytes {
        true => format!("{length} bytes of data"),
        false => "more bytes than that".to_owned(),
    };
    let expected = format!("{bytes} bytes, as its header says");
    damaged(input, found, expected)
}

impl Array {
    /// Reads an array to the end of the input.
    pub fn read(input: &mut Input) -> Result<Self> {
        let header = Self::header(input)?;
        let (count, bytes) = Self::count(input, &header)?;
        let data = input.take((bytes as u64).saturating_add(1))?;
        if data.len() != bytes {
            return Err(other_length(input, data.len(), bytes));
        }
        // Elements of no bytes would allow any number of rows in an empty file.
        if header.size == 0 && count > 0 {
            return Err(damaged(input, "elements of no bytes", "numbers or strings"));
        }
        Ok(Self::of(header, data))
    }

    /// Rows and elements of the array that the input holds.
    ///
    /// # Errors
    /// If it begins as none.
    pub fn size(input: &mut Input) -> Result<(u64, u64)> {
        let header = Self::header(input)?;
        let elements = Self::count(input, &header)?.0 as u64;
        // A byte of a matrix stays one.
        let is_bytes = header.kind == b'u' && header.size == 1;
        Ok((
            header.rows() as u64,
            if is_bytes { elements / 4 } else { elements },
        ))
    }

    /// Elements and bytes of an array.
    pub(super) fn count(input: &Input, header: &Header) -> Result<(usize, usize)> {
        let count = header.count();
        count.ok_or_else(|| damaged(input, "an impossible shape", "the shape of the data"))
    }

    pub(super) fn of(header: Header, data: Vec<u8>) -> Self {
        let integer = matches!(header.kind, b'i' | b'u' | b'b');
        let elements = match header.kind {
            b'U' | b'S' => Elements::Text(strings(&header, &data)),
            b'i' | b'u' if header.size == 8 => integers(&header, &data),
            _ => Elements::Numbers(numbers(&header, data)),
        };
        let (shape, fortran) = (header.shape, header.fortran_order);
        Self {
            elements: if fortran {
                elements.in_c_order(&shape)
            } else {
                elements
            },
            shape,
            integer,
        }
    }

    /// Reads the magic bytes, the version and the header.
    pub(super) fn header(input: &mut Input) -> Result<Header> {
        let complete = "a complete .npy file";
        let start = input.take(8)?;
        let version = match (start.starts_with(MAGIC), start.get(6..)) {
            (true, Some(&[version @ 1..=3, _])) => version,
            (true, Some(&[_, _])) => {
                let expected = "a .npy file of version 1 to 3";
                return Err(damaged(input, "an unknown version of .npy", expected));
            }
            (true, _) => return Err(damaged(input, CUT_OFF, complete)),
            (false, _) => return Err(damaged(input, "no NumPy header", "a .npy file")),
        };
        let length = match *input.take(if version == 1 { 2 } else { 4 })?.as_slice() {
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => return Err(damaged(input, CUT_OFF, complete)),
        };
        if length > MAX_HEADER {
            let found = "a header of more than a megabyte";
            return Err(damaged(input, found, "an array of numbers"));
        }
        let text = input.take(length)?;
        if (text.len() as u64) < length {
            return Err(damaged(input, CUT_OFF, complete));
        }
        let text = String::from_utf8_lossy(&text);
        if header::shape(&text).is_some_and(|shape| shape.contains('-')) {
            let found = "a damaged header: a negative shape";
            return Err(damaged(input, found, "the shape of the data"));
        }
        let start = 8 + if version == 1 { 2 } else { 4 } + length;
        let header = Header::parse(&text).map(|header| Header { start, ..header });
        header.ok_or_else(|| {
            let found = format!("array header {}", quote(&text));
            let expected = "numbers or strings in one array";
            Error::invalid(Location::file(&input.file), found, expected)
                .remedy("save an array of a plain dtype such as float32 or int64")
        })
    }

    /// Length of the first dimension.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// As a column: numbers or text for one dimension, a block for more.
    pub fn into_column(self, name: &str, file: &str) -> Result<Column> {
        let location = Location::file(file).column(name);
        let row_shape = self.shape.get(1..).unwrap_or_default().to_vec();
        if self.shape.is_empty() || row_shape.contains(&0) {
            let found = format!("an array of shape {:?}", self.shape);
            let error = Error::invalid(location, found, "rows of at least one value");
            return Err(error.remedy("save the array as [rows, columns]"));
        }
        let data = match (row_shape.is_empty(), self.elements) {
            (true, Elements::Text(texts)) => ColumnData::Text(text_column(&texts)),
            (true, numbers) => ColumnData::Numeric(numbers.to_f64().unwrap_or_default()),
            (false, Elements::Text(_)) => {
                let found = "a matrix of strings, or of integers of more than 53 bits";
                let error = Error::invalid(location, found, "a matrix of numbers");
                return Err(error.remedy("save mixed tables as CSV"));
            }
            (false, Elements::Numbers(values)) => ColumnData::Block(Block {
                shape: row_shape,
                values,
            }),
        };
        Ok(Column {
            name: name.to_owned(),
            data,
        })
    }
}

impl Elements {
    /// Numbers as f64; `None` for strings.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match self {
            Elements::Text(_) => None,
            Elements::Numbers(values) => Some(to_f64(values)),
        }
    }

    /// Column-major to row-major.
    fn in_c_order(self, shape: &[usize]) -> Self {
        match self {
            Elements::Text(text) => Elements::Text(c_order(&text, shape)),
            Elements::Numbers(values) => Elements::Numbers(match values {
                Values::F32(values) => Values::F32(c_order(&values, shape)),
                Values::F64(values) => Values::F64(c_order(&values, shape)),
                Values::Sparse(rows) => Values::Sparse(rows),
                Values::U8 {
                    bytes,
                    scale,
                    offset,
                } => Values::U8 {
                    bytes: c_order(&bytes, shape),
                    scale,
                    offset,
                },
            }),
        }
    }
}

/// What `value` makes of each element of so many bytes.
fn each<const N: usize, T>(data: &[u8], big: bool, value: impl Fn([u8; N]) -> T) -> Vec<T> {
    let convert = |bytes: &[u8; N]| {
        let mut bytes = *bytes;
        if big {
            bytes.reverse();
        }
        value(bytes)
    };
    data.as_chunks::<N>().0.iter().map(convert).collect()
}

/// Integers of 64 bits.
fn longs(header: &Header, data: &[u8]) -> Vec<i128> {
    match header.kind {
        b'i' => each(data, header.big_endian, |b| i64::from_le_bytes(b).into()),
        _ => each(data, header.big_endian, |b| u64::from_le_bytes(b).into()),
    }
}

/// Whether f64 holds all integers of 64 bits.
pub(super) fn are_exact(header: &Header, data: &[u8]) -> bool {
    longs(header, data).iter().all(is_exact)
}

fn is_exact(x: &i128) -> bool {
    const EXACT: i128 = 1 << 53;
    (-EXACT..=EXACT).contains(x)
}

/// Integers of 64 bits; texts where `f64` does not hold all of them.
fn integers(header: &Header, data: &[u8]) -> Elements {
    let integers = longs(header, data);
    match integers.iter().all(is_exact) {
        true => Elements::Numbers(Values::F64(integers.iter().map(|&x| x as f64).collect())),
        false => Elements::Text(integers.iter().map(i128::to_string).collect()),
    }
}

fn numbers(header: &Header, data: Vec<u8>) -> Values {
    let big = header.big_endian;
    // The smallest floating-point type that holds every value (up to 2^53).
    match (header.kind, header.size) {
        (b'f', 2) => Values::F32(each(&data, big, |b| half(u16::from_le_bytes(b)))),
        (b'f', 4) => Values::F32(each(&data, big, f32::from_le_bytes)),
        (b'f', _) => Values::F64(each(&data, big, f64::from_le_bytes)),
        (b'i', 1) => Values::F32(each(&data, big, |b| f32::from(i8::from_le_bytes(b)))),
        (b'i', 2) => Values::F32(each(&data, big, |b| f32::from(i16::from_le_bytes(b)))),
        (b'u', 2) => Values::F32(each(&data, big, |b| f32::from(u16::from_le_bytes(b)))),
        (b'i', 4) => Values::F64(each(&data, big, |b| f64::from(i32::from_le_bytes(b)))),
        (b'u', 4) => Values::F64(each(&data, big, |b| f64::from(u32::from_le_bytes(b)))),
        (b'b', _) => Values::F32(data.iter().map(|&b| f32::from(u8::from(b != 0))).collect()),
        _ => Values::U8 {
            bytes: data,
            scale: 1.0,
            offset: 0.0,
        },
    }
}

/// The value of an IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, 10 bits of fraction.
fn half(bits: u16) -> f32 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn strings(header: &Header, data: &[u8]) -> Vec<String> {
    let text = |bytes: &[u8]| -> String {
        if header.kind == b'S' {
            let end = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            let bytes = &bytes[..end];
            // Bytes that are no text are spelled as Python spells them, so that they stay different.
            return match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.escape_ascii().to_string(),
            };
        }
        let point = |b: &[u8; 4]| match header.big_endian {
            true => u32::from_be_bytes(*b),
            false => u32::from_le_bytes(*b),
        };
        let points = bytes.as_chunks::<4>().0.iter().map(point);
        let text: String = points
            .map(|p| char::from_u32(p).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        text.trim_end_matches('\0').to_owned()
    };
    data.chunks_exact(header.size.max(1)).map(text).collect()
}

/// Column-major to row-major.
fn c_order<T: Clone>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for i in 1..shape.len() {
        strides[i] = strides[i - 1] * shape[i - 1];
    }
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[at].clone());
        for i in (0..shape.len()).rev() {
            index[i] += 1;
            at += strides[i];
            if index[i] < shape[i] {
                break;
            }
            at -= strides[i] * shape[i];
            index[i] = 0;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version 1.0 file.
    pub fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn array(header: &str, data: &[u8]) -> Result<Array> {
        Array::read(&mut Input::bytes("test.npy", npy(header, data))?)
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        // numpy: np.asfortranarray(np.arange(6, dtype='u1').reshape(2, 3)) stores 0 3 1 4 2 5.
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        let array = array(header, &[0, 3, 1, 4, 2, 5]).unwrap();
        assert_eq!(array.shape, [2, 3]);
        assert_eq!(
            array.elements.to_f64().unwrap(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
    }

    #[test]
    fn big_endian_integers_and_strings_are_read() {
        let header = "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }";
        let numbers = array(header, &[1, 0, 255, 254]).unwrap();
        assert_eq!(numbers.elements.to_f64().unwrap(), [256.0, -2.0]);
        assert!(numbers.integer);
        let header = "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }";
        let text = array(header, b"a\0\0\0\0\0\0\0b\0\0\0c\0\0\0").unwrap();
        assert!(matches!(text.elements, Elements::Text(texts) if texts == ["a", "bc"]));
        // Bytes that are no text stay different.
        let header = "{'descr': '|S2', 'fortran_order': False, 'shape': (3,), }";
        let bytes = array(header, b"a\0\xff\0\xfe\0").unwrap();
        let expected = ["a", r"\xff", r"\xfe"];
        assert!(matches!(bytes.elements, Elements::Text(texts) if texts == expected));
    }

    #[test]
    fn half_precision_is_read_exactly() {
        // Python: struct.unpack('<e', struct.pack('<H', bits))
        let bits: [u16; 7] = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3554, 0x7c00];
        let expected = [
            1.0,
            -2.0,
            65504.0,
            2f64.powi(-24),
            2f64.powi(-14),
            0.333_007_812_5,
            f64::INFINITY,
        ];
        for (order, bytes) in [
            ('<', bits.map(u16::to_le_bytes)),
            ('>', bits.map(u16::to_be_bytes)),
        ] {
            let header =
                format!("{{'descr': '{order}f2', 'fortran_order': False, 'shape': (7,), }}");
            let array = array(&header, bytes.as_flattened()).unwrap();
            assert_eq!(array.elements.to_f64().unwrap(), expected);
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn damaged_arrays_are_named_and_never_allocated() {
        let message = |header: &str, data: &[u8]| array(header, data).err().unwrap().to_string();
        let short = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }";
        assert_eq!(
            message(short, &[0; 7]),
            "test.npy: found 7 bytes of data, expected 4000000000000 bytes, as its header says; \
             write the file again with numpy.save"
        );
        let huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999999999), }";
        assert!(message(huge, &[]).contains("impossible"));
        let negative = "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }";
        assert_eq!(
            message(negative, &[]),
            "test.npy: found a damaged header: a negative shape, expected the shape of the data; \
             write the file again with numpy.save"
        );
        let whole = npy(short, &[]);
        for length in [7, 9, 10, 40] {
            let mut input = Input::bytes("test.npy", whole[..length].to_vec()).unwrap();
            let message = Array::read(&mut input).err().unwrap().to_string();
            assert!(
                message.contains("a damaged header: it is cut off"),
                "{message}"
            );
        }
        let object = "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }";
        assert!(message(object, &[]).contains("plain dtype"));
        let empty = "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }";
        assert!(message(empty, &[]).contains("no bytes"));
    }
}
