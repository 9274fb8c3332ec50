//! The data of a workload, as `bench/data.py` leaves it in .npy files.

use std::fs;
use std::path::Path;

use crate::Result;

/// Rows, classes, and the parameters that every contestant starts from.
#[derive(Debug)]
pub struct Data {
    /// Row-major, `rows × layers[0]`.
    pub features: Vec<f32>,
    /// One class a row.
    pub classes: Vec<u32>,
    /// Layer by layer: weight `[out, in]` row-major, bias `[out]`.
    pub initial: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Data {
    /// The first `rows` rows in `folder`, for a network of `layers`.
    pub fn load(folder: &Path, rows: usize, layers: &[usize]) -> Result<Self> {
        let mut features = numbers(&folder.join("x.npy"), "<f4", f32::from_le_bytes)?;
        let mut classes = numbers(&folder.join("y.npy"), "<i4", u32::from_le_bytes)?;
        let mut initial = Vec::new();
        for (k, pair) in layers.windows(2).enumerate() {
            let weight = folder.join(format!("weight{k}.npy"));
            let bias = folder.join(format!("bias{k}.npy"));
            let weight = numbers(&weight, "<f4", f32::from_le_bytes)?;
            let bias = numbers(&bias, "<f4", f32::from_le_bytes)?;
            if (weight.len(), bias.len()) != (pair[0] * pair[1], pair[1]) {
                return Err(stale(folder));
            }
            initial.push((weight, bias));
        }
        if features.len() < rows * layers[0] || classes.len() < rows {
            return Err(stale(folder));
        }
        features.truncate(rows * layers[0]);
        classes.truncate(rows);
        Ok(Self {
            features,
            classes,
            initial,
        })
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
