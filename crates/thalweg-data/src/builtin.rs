//! Small data sets inside the program, for first steps and tests. Their origin is in
//! `builtin/ORIGIN.md`.

use thalweg_core::dataset::Values;

use crate::error::{Error, Location, Result, did_you_mean, quote};
use crate::formats;
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Block, Column, ColumnData, Table};

/// A data set inside the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Builtin {
    /// The name after `builtin:`.
    pub name: &'static str,
    /// One line on what it holds.
    pub summary: &'static str,
    /// Gzipped CSV with a header; the last column is the target.
    bytes: &'static [u8],
    /// Lines and pixels, where the features are those of an image, line by line.
    image: Option<[usize; 2]>,
}

macro_rules! builtin {
    ($name:literal, $summary:literal, $image:expr) => {
        Builtin {
            name: $name,
            summary: $summary,
            bytes: include_bytes!(concat!("../builtin/", $name, ".csv.gz")),
            image: $image,
        }
    };
}

/// All built-in sets.
pub static BUILTINS: &[Builtin] = &[
    builtin!(
        "breast-cancer",
        "malignant or benign from 30 measures of cell nuclei; 569 rows",
        None
    ),
    builtin!(
        "diabetes",
        "progression of diabetes after a year from 10 measures; 442 rows, regression",
        None
    ),
    builtin!(
        "digits",
        "handwritten digits of 8×8 pixels; 1,797 rows, 10 classes",
        Some([8, 8])
    ),
    builtin!(
        "iris",
        "species of iris from 4 lengths; 150 rows, 3 classes",
        None
    ),
    builtin!(
        "wine",
        "cultivar of wine from 13 chemical measures; 178 rows, 3 classes",
        None
    ),
];

/// The set of that name, or an error that suggests the nearest.
pub fn find(name: &str) -> Result<&'static Builtin> {
    let names = BUILTINS.iter().map(|set| set.name);
    BUILTINS.iter().find(|set| set.name == name).ok_or_else(|| {
        let all: Vec<&str> = names.clone().collect();
        Error::invalid(
            Location::default(),
            format!("built-in data set {}", quote(name)),
            format!("one of {}", all.join(", ")),
        )
        .remedy(did_you_mean(name, names))
    })
}

impl Builtin {
    pub(crate) fn read(&self, options: &ReadOptions) -> Result<Loaded> {
        let input = Input::bytes(&format!("builtin:{}", self.name), self.bytes)?;
        // How it is written is known; rows of another kind are refused as those of a file are.
        let options = ReadOptions {
            sparse: options.sparse,
            hash_columns: options.hash_columns,
            ..ReadOptions::default()
        };
        let mut loaded = formats::read(input, &options)?;
        if let Some([height, width]) = self.image {
            gather_pixels(&mut loaded.train, height, width);
        }
        Ok(loaded)
    }
}

/// Makes one column of images of the first columns, which hold a pixel each.
fn gather_pixels(table: &mut Table, height: usize, width: usize) {
    let size = height * width;
    let mut pixels = vec![0.0; table.rows * size];
    for (pixel, column) in table.columns.drain(..size).enumerate() {
        if let ColumnData::Numeric(numbers) = column.data {
            let values = pixels[pixel..].iter_mut().step_by(size);
            for (value, number) in values.zip(numbers) {
                *value = number as f32;
            }
        }
    }
    let block = Block {
        shape: vec![height, width],
        values: Values::F32(pixels),
    };
    let column = Column {
        name: "pixels".to_owned(),
        data: ColumnData::Block(block),
    };
    table.columns.insert(0, column);
}
