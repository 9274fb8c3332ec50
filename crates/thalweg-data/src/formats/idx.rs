//! IDX: the format of MNIST and its descendants.
//!
//! Two zero bytes, a type, the number of dimensions, each dimension as a big-endian u32, then the
//! values, big-endian. Source: the description on the MNIST page (LeCun, Cortes, Burges).

use std::path::{Path, PathBuf};

use thalweg_core::dataset::Values;
use thalweg_core::registry::Description;

use super::format::{Chunks, Folder, Format, always};
use crate::error::{Error, Location, Note, Result};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::table::{Block, Column, ColumnData, Table};
use crate::text::whole;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "idx",
        summary: "IDX images and labels as of MNIST, also gzipped; a folder of the four MNIST-named files is read whole",
        equation: "",
        source: "LeCun, Cortes, Burges: the MNIST database of handwritten digits",
        parameters: &[],
    },
    endings: &["idx", "idx1-ubyte", "idx3-ubyte", "idx4-ubyte"],
    recognizes: |head| matches!(head, [0, 0, kind, 1..=8, ..] if element_size(*kind).is_some()),
    read: |input, _| read(input).map(Loaded::from),
    write: None,
    chunks: Some(Chunks {
        read: |input, _, size, visit| each(input, size, visit).map(|()| Vec::new()),
        fits: always,
        size: |input, _| {
            let Header {
                kind, rows, bytes, ..
            } = Header::read(input)?;
            let cells = (bytes / element_size(kind).unwrap_or(1)) as u64;
            // A byte of an image stays one.
            Ok((rows as u64, if kind == 0x08 { cells / 4 } else { cells }))
        },
        sums: false,
    }),
    folder: Some(Folder {
        summary: "the four MNIST-named files",
        recognizes: |folder| {
            let train = |what, dimensions| find(folder, "train", what, dimensions);
            train("images", 3).or_else(|| train("labels", 1)).is_some()
        },
        read: |folder, _| read_folder(folder),
    }),
    #[cfg(test)]
    example: || {
        [
            &[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2][..],
            &[7; 12],
        ]
        .concat()
    },
};

fn element_size(kind: u8) -> Option<usize> {
    match kind {
        0x08 | 0x09 => Some(1),
        0x0B => Some(2),
        0x0C | 0x0D => Some(4),
        0x0E => Some(8),
        _ => None,
    }
}

/// What stands before the values.
struct Header {
    kind: u8,
    rows: usize,
    /// The shape of a row; empty for labels.
    shape: Vec<usize>,
    /// Bytes of all values.
    bytes: usize,
}

fn damaged(input: &Input, found: impl Into<String>, expected: &str) -> Error {
    let location = Location::file(input.file.clone());
    Error::invalid(location, found, expected).remedy("fetch the file again")
}

impl Header {
    fn read(input: &mut Input) -> Result<Self> {
        let start = input.take(4)?;
        let (&[0, 0, kind, dimensions], false) = (start.as_slice(), start.ends_with(&[0])) else {
            return Err(damaged(input, "no IDX header", "an IDX file"));
        };
        let Some(size) = element_size(kind) else {
            let found = format!("IDX type 0x{kind:02x}");
            return Err(damaged(input, found, "0x08, 0x09 or 0x0B to 0x0E"));
        };
        let header = input.take(4 * u64::from(dimensions))?;
        let shape: Vec<usize> = (header.chunks_exact(4))
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
            .collect();
        let bytes = (shape.iter()).try_fold(size, |product, &n| product.checked_mul(n));
        let (Some(bytes), true) = (bytes, shape.len() == usize::from(dimensions)) else {
            let found = "an impossible IDX header";
            return Err(damaged(input, found, "the dimensions of the data"));
        };
        if shape[1..].contains(&0) {
            return Err(damaged(
                input,
                "images without pixels",
                "at least one value a row",
            ));
        }
        Ok(Self {
            kind,
            rows: shape[0],
            shape: shape[1..].to_vec(),
            bytes,
        })
    }

    /// Some rows: a column `label` where there is one value a row, else a column `pixels`.
    fn table(&self, file: &str, rows: usize, data: Vec<u8>) -> Table {
        let column = if self.shape.is_empty() {
            Column {
                name: "label".to_owned(),
                data: ColumnData::Numeric(numbers(self.kind, &data)),
            }
        } else {
            let values = match self.kind {
                0x08 => Values::U8 {
                    bytes: data,
                    scale: 1.0,
                    offset: 0.0,
                },
                0x09 | 0x0B | 0x0D => {
                    let single = |&x: &f64| x as f32;
                    Values::F32(numbers(self.kind, &data).iter().map(single).collect())
                }
                _ => Values::F64(numbers(self.kind, &data)),
            };
            Column {
                name: "pixels".to_owned(),
                data: ColumnData::Block(Block {
                    shape: self.shape.clone(),
                    values,
                }),
            }
        };
        Table::without_lines(file.to_owned(), rows, vec![column])
    }
}

/// Visits the rows of one file, `size` at a time; of one without rows once.
fn each(mut input: Input, size: usize, visit: &mut dyn FnMut(Table) -> Result<()>) -> Result<()> {
    let header = Header::read(&mut input)?;
    let (rows, bytes) = (header.rows, header.bytes);
    let row_bytes = bytes / rows.max(1);
    let expected = format!("{bytes} bytes, as its header says");
    for start in (0..rows.max(1)).step_by(size) {
        let count = size.min(rows - start);
        let data = input.take((count * row_bytes) as u64)?;
        if data.len() < count * row_bytes {
            let found = format!("{} bytes of data", start * row_bytes + data.len());
            return Err(damaged(&input, found, &expected));
        }
        if start + count == rows && !input.take(1)?.is_empty() {
            return Err(damaged(&input, "more bytes than that", &expected));
        }
        visit(header.table(&input.file, count, data))?;
    }
    Ok(())
}

/// All rows of one file.
fn read(input: Input) -> Result<Table> {
    let mut all = Table::without_lines(input.file.clone(), 0, Vec::new());
    each(input, usize::MAX, &mut |table| {
        all = table;
        Ok(())
    })?;
    Ok(all)
}

fn numbers(kind: u8, data: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(data: &[u8], value: fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>()
            .0
            .iter()
            .map(|&bytes| value(bytes))
            .collect()
    }
    match kind {
        0x08 => each(data, |[b]| f64::from(b)),
        0x09 => each(data, |b| f64::from(i8::from_be_bytes(b))),
        0x0B => each(data, |b| f64::from(i16::from_be_bytes(b))),
        0x0C => each(data, |b| f64::from(i32::from_be_bytes(b))),
        0x0D => each(data, |b| f64::from(f32::from_be_bytes(b))),
        _ => each(data, f64::from_be_bytes),
    }
}

/// Reads a folder of the four MNIST-named files, gzipped or not; the test part may be absent.
fn read_folder(folder: &Path) -> Result<Loaded> {
    let error = |found: String| {
        let location = Location::file(folder.display().to_string());
        Error::invalid(location, found, "images and labels")
    };
    let part = |part: &str| match (
        find(folder, part, "images", 3),
        find(folder, part, "labels", 1),
    ) {
        (Some(images), Some(labels)) => pair(&images, &labels).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err(error(format!(
            "no {part}-labels-idx1-ubyte beside the images"
        ))),
        (None, Some(_)) => Err(error(format!(
            "no {part}-images-idx3-ubyte beside the labels"
        ))),
    };
    let train = part("train")?.ok_or_else(|| error("no train-images-idx3-ubyte".to_owned()))?;
    let test = part("t10k")?;
    let note = |test: &Table| {
        let [train, test] = [train.rows, test.rows].map(whole);
        Note::info(format!("{train} training rows, {test} official test rows"))
    };
    let notes = test.iter().map(note).collect();
    Ok(Loaded { train, test, notes })
}

fn find(folder: &Path, part: &str, what: &str, dimensions: u8) -> Option<PathBuf> {
    ["-", "."]
        .into_iter()
        .flat_map(|dash| {
            ["", ".gz"]
                .map(|gz| folder.join(format!("{part}-{what}{dash}idx{dimensions}-ubyte{gz}")))
        })
        .find(|path| path.is_file())
}

fn pair(images: &Path, labels: &Path) -> Result<Table> {
    let mut table = read(Input::open(images)?)?;
    let labels = read(Input::open(labels)?)?;
    if labels.rows != table.rows {
        return Err(Error::invalid(
            labels.location(),
            format!("{} labels", whole(labels.rows)),
            format!(
                "{}, one for each image of {}",
                whole(table.rows),
                table.file
            ),
        )
        .remedy("give the labels that belong to these images"));
    }
    let location = labels.location();
    match labels.columns.into_iter().next() {
        Some(Column {
            data: data @ ColumnData::Numeric(_),
            ..
        }) => table.add_target("label", data)?,
        _ => {
            let found = "several numbers a row";
            return Err(Error::invalid(location, found, "one label a row"));
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bytes: Vec<u8>) -> Result<Table> {
        read(Input::bytes("test.idx", bytes)?)
    }

    #[test]
    fn big_endian_values_of_every_type_are_read() {
        let vector = |kind: u8, values: &[u8]| {
            let mut bytes = vec![0, 0, kind, 1, 0, 0, 0, 2];
            bytes.extend_from_slice(values);
            match table(bytes).unwrap().columns.remove(0).data {
                ColumnData::Numeric(numbers) => numbers,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(vector(0x08, &[1, 255]), [1.0, 255.0]);
        assert_eq!(vector(0x09, &[1, 255]), [1.0, -1.0]);
        assert_eq!(vector(0x0B, &[1, 0, 255, 254]), [256.0, -2.0]);
        assert_eq!(
            vector(0x0C, &[0, 1, 0, 0, 255, 255, 255, 255]),
            [65536.0, -1.0]
        );
        assert_eq!(
            vector(0x0D, &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]),
            [1.0, -2.0]
        );
        let doubles = [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(vector(0x0E, &doubles), [1.0, -2.0]);
    }

    #[test]
    fn wrong_sizes_are_named_and_never_allocated() {
        let message = |bytes: &[u8]| table(bytes.to_vec()).unwrap_err().to_string();
        let header = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2];
        let of = |data: &[u8]| [&header[..], data].concat();
        assert_eq!(
            message(&of(&[1, 2, 3])),
            "test.idx: found 3 bytes of data, expected 4 bytes, as its header says; fetch the file again"
        );
        assert!(message(&of(&[1, 2, 3, 4, 5])).contains("more bytes"));
        assert!(
            message(&[
                0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
            ])
            .contains("impossible")
        );
        assert!(
            message(&[0, 0, 8, 2, 255, 255, 255, 255, 0, 255, 255, 255, 7]).contains("1 bytes")
        );
        assert!(message(&[0, 0, 8, 2, 0, 0]).contains("impossible"));
    }
}
