//! The data of a workload, as `bench/data.py` leaves it in .npy files.

use std::fs;
use std::path::Path;

use thalweg::dataset::{Dataset, Features, Targets, Values};

use crate::Result;

/// Rows with their classes, and the parameters that every contestant starts from.
#[derive(Debug)]
pub struct Data {
    /// The rows.
    pub dataset: Dataset,
    /// Layer by layer: weight `[out, in]` row-major, bias `[out]`.
    pub initial: Vec<f64>,
}

impl Data {
    /// The first `rows` rows in `folder`, for a network of `layers`.
    pub fn load(folder: &Path, rows: usize, layers: &[usize]) -> Result<Self> {
        let mut features = numbers(&folder.join("x.npy"), "<f4", f32::from_le_bytes)?;
        let mut classes = numbers(&folder.join("y.npy"), "<i4", u32::from_le_bytes)?;
        let mut initial = Vec::new();
        for (k, pair) in layers.windows(2).enumerate() {
            for (name, length) in [("weight", pair[0] * pair[1]), ("bias", pair[1])] {
                let path = folder.join(format!("{name}{k}.npy"));
                let tensor = numbers(&path, "<f4", f32::from_le_bytes)?;
                if tensor.len() != length {
                    return Err(stale(folder));
                }
                initial.extend(tensor.into_iter().map(f64::from));
            }
        }
        let width = layers[0];
        if features.len() < rows * width || classes.len() < rows {
            return Err(stale(folder));
        }
        features.truncate(rows * width);
        classes.truncate(rows);
        let values = Values::F32(features);
        let dataset = Dataset {
            features: Features { width, values },
            targets: Targets::Classes(classes),
            weights: None,
        };
        Ok(Self { dataset, initial })
    }
}

fn stale(folder: &Path) -> String {
    let folder = folder.display();
    format!("{folder} does not fit the workload; remove it, and it is made again")
}

/// The numbers of a .npy file (version 1.0, C order): after the magic and version, two bytes of header
/// length, a header that names the type, and the values.
fn numbers<T>(path: &Path, kind: &str, read: fn([u8; 4]) -> T) -> Result<Vec<T>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let parse = || {
        let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (header, values) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let header = str::from_utf8(header).ok()?;
        (header.contains(&format!("'{kind}'")) && header.contains("'fortran_order': False")).then(
            || {
                values
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&four| read(four))
                    .collect()
            },
        )
    };
    parse().ok_or_else(|| format!("{}: not a .npy file of {kind}", path.display()))
}
