//! NumPy's `.npy`: one array.
//!
//! Source: numpy.lib.format, versions 1.0 to 3.0.

use thalweg_core::dataset::Values;
use thalweg_core::registry::{Description, Entry};

use super::Format;
use crate::error::{Error, Place, Result, quote};
use crate::input::Input;
use crate::source::{Loaded, ReadOptions};
use crate::table::{Block, Column, ColumnData, Table, TextColumn};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    endings: &["npy"],
    recognizes: |head| head.starts_with(MAGIC),
    read: |mut input, _: &ReadOptions| {
        let array = Array::read(&mut input)?;
        let rows = array.rows();
        let column = array.into_column("X", &input.file)?;
        Ok(Loaded::table(Table::unlined(
            input.file,
            rows,
            vec![column],
        )))
    },
};

/// Its line in the registry.
pub static ENTRY: Entry<&'static Format> = Entry {
    description: Description {
        name: "npy",
        summary: "one NumPy array: rows to predict, or rows to train on with --labels",
        equation: "",
        source: "numpy.lib.format",
        parameters: &[],
    },
    build: |_, ()| Ok(&FORMAT),
};

const MAGIC: &[u8] = b"\x93NUMPY";
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

struct Header {
    kind: u8,
    size: usize,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Array {
    /// Reads an array to the end of the input.
    pub fn read(input: &mut Input) -> Result<Self> {
        let place = Place::file(input.file.clone());
        let damaged = |found: &str, expected: &str| {
            Error::invalid(place.clone(), found, expected)
                .remedy("write the file again with numpy.save")
        };
        let start = input.take(8)?;
        if start.starts_with(MAGIC) && start.len() < 8 {
            return Err(damaged(CUT_OFF, "a complete .npy file"));
        }
        let &[_, _, _, _, _, _, version @ 1..=3, _] = start.as_slice() else {
            return Err(damaged("no NumPy header", "a .npy file of version 1 to 3"));
        };
        if !start.starts_with(MAGIC) {
            return Err(damaged("no NumPy header", "a .npy file"));
        }
        let length = match *input.take(if version == 1 { 2 } else { 4 })?.as_slice() {
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => return Err(damaged(CUT_OFF, "a complete .npy file")),
        };
        if length > MAX_HEADER {
            return Err(damaged(
                "a header of more than a megabyte",
                "an array of numbers",
            ));
        }
        let text = input.take(length)?;
        if (text.len() as u64) < length {
            return Err(damaged(CUT_OFF, "a complete .npy file"));
        }
        let text = String::from_utf8_lossy(&text);
        if shape_text(&text).is_some_and(|shape| shape.contains('-')) {
            return Err(damaged(
                "a damaged header: a negative shape",
                "the shape of the data",
            ));
        }
        let Some(header) = parse_header(&text) else {
            return Err(Error::invalid(
                place,
                format!("array header {}", quote(&text)),
                "numbers or strings in one array",
            )
            .remedy("save an array of a plain dtype such as float32 or int64"));
        };
        let count = header
            .shape
            .iter()
            .try_fold(1usize, |product, &n| product.checked_mul(n));
        let bytes = count.and_then(|count| count.checked_mul(header.size));
        let (Some(count), Some(bytes)) = (count, bytes) else {
            return Err(damaged("an impossible shape", "the shape of the data"));
        };
        let data = input.take((bytes as u64).saturating_add(1))?;
        if data.len() != bytes {
            let found = match data.len() < bytes {
                true => format!("{} bytes of data", data.len()),
                false => "more bytes than that".to_owned(),
            };
            return Err(damaged(
                &found,
                &format!("{bytes} bytes, as its header says"),
            ));
        }
        // Elements of no bytes would allow any number of rows in an empty file.
        if header.size == 0 && count > 0 {
            return Err(damaged("elements of no bytes", "numbers or strings"));
        }
        let elements = match header.kind {
            b'U' | b'S' => Elements::Text(strings(&header, &data)),
            _ => Elements::Numbers(numbers(&header, data)),
        };
        let elements = match (header.fortran_order, elements) {
            (false, elements) => elements,
            (true, Elements::Text(text)) => Elements::Text(c_order(&text, &header.shape)),
            (true, Elements::Numbers(values)) => Elements::Numbers(match values {
                Values::F32(values) => Values::F32(c_order(&values, &header.shape)),
                Values::F64(values) => Values::F64(c_order(&values, &header.shape)),
                Values::U8 {
                    bytes,
                    scale,
                    offset,
                } => Values::U8 {
                    bytes: c_order(&bytes, &header.shape),
                    scale,
                    offset,
                },
            }),
        };
        Ok(Self {
            shape: header.shape,
            elements,
            integer: matches!(header.kind, b'i' | b'u' | b'b'),
        })
    }

    /// Length of the first dimension.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Its numbers as f64, whatever its shape; nothing for strings.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match &self.elements {
            Elements::Text(_) => None,
            Elements::Numbers(Values::F64(values)) => Some(values.clone()),
            Elements::Numbers(Values::F32(values)) => {
                Some(values.iter().map(|&x| f64::from(x)).collect())
            }
            Elements::Numbers(Values::U8 { bytes, .. }) => {
                Some(bytes.iter().map(|&x| f64::from(x)).collect())
            }
        }
    }

    /// As a column: numbers or text for one dimension, a block for more.
    pub fn into_column(self, name: &str, file: &str) -> Result<Column> {
        let place = Place::file(file).column(name);
        let row_shape = self.shape.get(1..).unwrap_or_default().to_vec();
        let width = row_shape
            .iter()
            .fold(1usize, |width, &n| width.saturating_mul(n));
        if self.shape.is_empty() || width == 0 {
            let found = format!("an array of shape {:?}", self.shape);
            return Err(Error::invalid(place, found, "rows of at least one value"));
        }
        let data = match (row_shape.as_slice(), self.elements) {
            ([], Elements::Text(texts)) => ColumnData::Text(TextColumn::new(&texts)),
            ([], elements) => {
                let array = Array {
                    shape: Vec::new(),
                    elements,
                    integer: false,
                };
                ColumnData::Numeric(array.to_f64().unwrap_or_default())
            }
            (_, Elements::Text(_)) => {
                return Err(
                    Error::invalid(place, "a matrix of strings", "a matrix of numbers")
                        .remedy("save mixed tables as CSV"),
                );
            }
            (_, Elements::Numbers(values)) => ColumnData::Block(Block {
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

/// What follows a key of the header.
fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    Some(text.split_once(&format!("'{key}':"))?.1.trim_start())
}

/// The lengths between the parentheses of the shape.
fn shape_text(text: &str) -> Option<&str> {
    let (shape, _) = after(text, "shape")?.strip_prefix('(')?.split_once(')')?;
    Some(shape)
}

/// Reads `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
fn parse_header(text: &str) -> Option<Header> {
    let descr = after(text, "descr")?
        .strip_prefix('\'')?
        .split_once('\'')?
        .0;
    let mut characters = descr.bytes();
    let order = characters.next()?;
    let kind = characters.next()?;
    let number: usize = descr.get(2..)?.parse().ok()?;
    let size = match (kind, number) {
        (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1) | (b'S', _) => number,
        (b'U', _) => number.checked_mul(4)?,
        _ => return None,
    };
    let shape: Option<Vec<usize>> = (shape_text(text)?.split(','))
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .map(|n| n.trim_end_matches('L').parse().ok())
        .collect();
    Some(Header {
        kind,
        size,
        big_endian: order == b'>',
        fortran_order: after(text, "fortran_order")?.starts_with("True"),
        shape: shape?,
    })
}

fn numbers(header: &Header, data: Vec<u8>) -> Values {
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
        (b'i', _) => Values::F64(each(&data, big, |b| i64::from_le_bytes(b) as f64)),
        (b'u', 8) => Values::F64(each(&data, big, |b| u64::from_le_bytes(b) as f64)),
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
            return String::from_utf8_lossy(bytes)
                .trim_end_matches('\0')
                .to_owned();
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
        assert_eq!(array.to_f64().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn big_endian_integers_and_strings_are_read() {
        let header = "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }";
        let numbers = array(header, &[1, 0, 255, 254]).unwrap();
        assert_eq!(numbers.to_f64().unwrap(), [256.0, -2.0]);
        assert!(numbers.integer);
        let header = "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }";
        let text = array(header, b"a\0\0\0\0\0\0\0b\0\0\0c\0\0\0").unwrap();
        assert!(matches!(text.elements, Elements::Text(texts) if texts == ["a", "bc"]));
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
            assert_eq!(array.to_f64().unwrap(), expected);
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
