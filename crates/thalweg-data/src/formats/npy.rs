//! NumPy's `.npy`: one array.

use thalweg_core::registry::Description;

use super::format::{Chunks, Format};
use crate::error::Result;
use crate::numpy::{Array, MAGIC};
use crate::table::Table;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "npy",
        summary: "one NumPy array: rows to predict, or rows to train on with a file of labels",
        equation: "",
        source: "numpy.lib.format",
        parameters: &[],
    },
    endings: &["npy"],
    recognizes: |head| head.starts_with(MAGIC),
    read: |mut input, _| {
        let array = Array::read(&mut input)?;
        Ok(table(&input.file, array)?.into())
    },
    write: None,
    chunks: Some(Chunks {
        read: |mut input, _, size, visit| {
            let file = input.file.clone();
            Array::each(&mut input, size, &mut |array| visit(table(&file, array)?))?;
            Ok(Vec::new())
        },
        fits: Array::is_in_pieces,
        size: |input, _| Array::size(input),
        sums: false,
    }),
    folder: None,
    #[cfg(test)]
    example: || {
        let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 2), }";
        let data = [1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0].map(f64::to_le_bytes);
        let length = (header.len() as u16).to_le_bytes();
        [
            MAGIC,
            &[1, 0],
            &length,
            header.as_bytes(),
            data.as_flattened(),
        ]
        .concat()
    },
};

fn table(file: &str, array: Array) -> Result<Table> {
    let rows = array.rows();
    let column = array.into_column("X", file)?;
    Ok(Table::without_lines(file.to_owned(), rows, vec![column]))
}
