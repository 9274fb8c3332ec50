//! IDX: the format of MNIST and its descendants.
//!
//! Two zero bytes, a type, the number of dimensions, each dimension as a big-endian u32, then the
//! values, big-endian. Source: the description on the MNIST page (LeCun, Cortes, Burges).

use std::path::{Path, PathBuf};

use thalweg_core::dataset::Values;
use thalweg_core::registry::Description;

use super::format::{Folder, Format};
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
    chunks: None,
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

/// Reads one file: a column `label` when it has one dimension, else a column `pixels`.
fn read(mut input: Input) -> Result<Table> {
    let location = Location::file(input.file.clone());
    let damaged = |found: String, expected: &str| {
        Error::invalid(location.clone(), found, expected).remedy("fetch the file again")
    };
    let start = input.take(4)?;
    let (&[0, 0, kind, dimensions], false) = (start.as_slice(), start.ends_with(&[0])) else {
        return Err(damaged("no IDX header".to_owned(), "an IDX file"));
    };
    let Some(size) = element_size(kind) else {
        return Err(damaged(
            format!("IDX type 0x{kind:02x}"),
            "0x08, 0x09 or 0x0B to 0x0E",
        ));
    };
    let header = input.take(4 * u64::from(dimensions))?;
    let shape: Vec<usize> = (header.chunks_exact(4))
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    let bytes = (shape.iter()).try_fold(size, |product, &n| product.checked_mul(n));
    let (Some(bytes), true) = (bytes, shape.len() == usize::from(dimensions)) else {
        return Err(damaged(
            "an impossible IDX header".to_owned(),
            "the dimensions of the data",
        ));
    };
    let data = input.take((bytes as u64).saturating_add(1))?;
    if data.len() != bytes {
        let than = if data.len() < bytes {
            format!("{} bytes of data", data.len())
        } else {
            "more bytes than that".to_owned()
        };
        return Err(damaged(than, &format!("{bytes} bytes, as its header says")));
    }
    let (rows, row_shape) = (shape[0], shape[1..].to_vec());
    if row_shape.contains(&0) {
        return Err(damaged(
            "images without pixels".to_owned(),
            "at least one value a row",
        ));
    }
    let column = if row_shape.is_empty() {
        Column {
            name: "label".to_owned(),
            data: ColumnData::Numeric(numbers(kind, &data)),
        }
    } else {
        let values = match kind {
            0x08 => Values::U8 {
                bytes: data,
                scale: 1.0,
                offset: 0.0,
            },
            0x09 | 0x0B | 0x0D => {
                Values::F32(numbers(kind, &data).iter().map(|&x| x as f32).collect())
            }
            _ => Values::F64(numbers(kind, &data)),
        };
        Column {
            name: "pixels".to_owned(),
            data: ColumnData::Block(Block {
                shape: row_shape,
                values,
            }),
        }
    };
    Ok(Table::without_lines(input.file, rows, vec![column]))
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
            format!("{} labels", labels.rows),
            format!("{}, one for each image of {}", table.rows, table.file),
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
