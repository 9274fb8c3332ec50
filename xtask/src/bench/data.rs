//! The data of a workload in .npy files, which every contestant reads.
//!
//! A folder holds x.npy (rows × inputs: f32, or bytes as 255ths), y.npy (i32 classes), the initial parameters
//! weight0.npy (f32, [out, in] or [out, in, lines, pixels]), bias0.npy, …, and source.txt: the rows' source and seed.
//! Rows are the synthetic ones of `thalweg-bench`, but MNIST's in place of synthetic pixels where its IDX files
//! are in ../shared/data/mnist.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use thalweg_bench::workloads::{RowKind, Workload};
use thalweg_bench::{Data, data};
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::memory::prefer_huge_pages;

use crate::Result;
use crate::process::{root, target};

/// The folder of the workload's data, written once, and the first line of its source.txt.
pub fn prepare(workload: &Workload, threads: usize) -> Result<(PathBuf, String)> {
    let folder = target().join("bench-data").join(workload.name);
    let mnist = root().join("../shared/data/mnist");
    let mnist = (workload.kind == RowKind::Pixels && mnist.join(IMAGES).exists()).then_some(mnist);
    let what = match mnist {
        Some(_) => "MNIST training images",
        None => data::description(workload.kind),
    };
    let source = format!("{} rows for {}: {what}", workload.rows, workload.shape());
    let (version, seed) = (data::VERSION, data::SEED);
    let text = format!("{source}\nversion {version}, seed {seed}\n");
    // Written last: where it is, the rest is complete.
    let stamp = folder.join("source.txt");
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == text) {
        return Ok((folder, source));
    }
    let data = match mnist {
        Some(mnist) => Data {
            dataset: images(&mnist, workload.rows)?,
            initial: data::initial(workload),
        },
        None => Data::synthesize(workload, workload.rows, threads),
    };
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let _ = fs::remove_file(&stamp);
    write(&folder, &data, workload).map_err(failed)?;
    fs::write(&stamp, &text).map_err(failed)?;
    Ok((folder, source))
}

/// The first `rows` rows in `folder`.
pub fn load(folder: &Path, rows: usize, workload: &Workload) -> Result<Data> {
    let width = workload.layers[0];
    let path = folder.join("x.npy");
    let values = match workload.kind {
        RowKind::Pixels => {
            let mut bytes = numbers(&path, "|u1", u8::from_le_bytes)?;
            bytes.truncate(rows * width);
            data::bytes_as_values(bytes)
        }
        RowKind::Planted => {
            let mut values = numbers(&path, "<f4", f32::from_le_bytes)?;
            values.truncate(rows * width);
            Values::F32(values)
        }
    };
    let features = Features { width, values };
    let mut classes = numbers(&folder.join("y.npy"), "<i4", u32::from_le_bytes)?;
    let mut initial = Vec::new();
    for (k, weights) in workload.weights().iter().enumerate() {
        for (name, length) in [("weight", weights.count()), ("bias", weights.shape[0])] {
            let path = folder.join(format!("{name}{k}.npy"));
            let tensor = numbers(&path, "<f4", f32::from_le_bytes)?;
            if tensor.len() != length {
                return Err(stale(folder));
            }
            initial.extend(tensor.into_iter().map(f64::from));
        }
    }
    if features.rows() < rows || classes.len() < rows {
        return Err(stale(folder));
    }
    classes.truncate(rows);
    Ok(Data {
        dataset: Dataset {
            features,
            targets: Targets::Classes(classes),
            weights: None,
        },
        initial,
    })
}

fn stale(folder: &Path) -> String {
    let folder = folder.display();
    format!("{folder}: does not fit the workload; remove it, and it is written again")
}

const IMAGES: &str = "train-images-idx3-ubyte.gz";
const LABELS: &str = "train-labels-idx1-ubyte.gz";

/// The first rows of MNIST: after 16 and 8 bytes of header, a byte a pixel and a byte a label.
fn images(folder: &Path, rows: usize) -> Result<Dataset> {
    let read = |name: &str, header: usize, width: usize| {
        let path = folder.join(name);
        let mut bytes = Vec::new();
        let read = File::open(&path)
            .and_then(|file| flate2::read::GzDecoder::new(file).read_to_end(&mut bytes));
        read.map_err(|error| format!("{}: {error}", path.display()))?;
        let wanted = bytes.get(header..header + rows * width).map(<[u8]>::to_vec);
        wanted.ok_or_else(|| format!("{}: fewer than {rows} rows", path.display()))
    };
    let pixels = read(IMAGES, 16, 784)?;
    let labels = read(LABELS, 8, 1)?;
    Ok(Dataset {
        features: Features {
            width: 784,
            values: data::bytes_as_values(pixels),
        },
        targets: Targets::Classes(labels.into_iter().map(u32::from).collect()),
        weights: None,
    })
}

fn write(folder: &Path, data: &Data, workload: &Workload) -> std::io::Result<()> {
    let Dataset {
        features, targets, ..
    } = &data.dataset;
    if let Targets::Classes(classes) = targets {
        let shape = [classes.len(), features.width];
        let path = folder.join("x.npy");
        match &features.values {
            Values::F32(x) => save(&path, "<f4", &shape, x.iter().map(|x| x.to_le_bytes()))?,
            Values::F64(_) | Values::Sparse(_) => {
                return Err(std::io::Error::other(
                    "no workload has rows in f64 or sparse ones",
                ));
            }
            Values::U8 { bytes, .. } => save(&path, "|u1", &shape, bytes.iter().map(|x| [*x]))?,
        }
        let y = classes.iter().map(|class| class.to_le_bytes());
        save(&folder.join("y.npy"), "<i4", &shape[..1], y)?;
    }
    let mut rest = data.initial.as_slice();
    for (k, weights) in workload.weights().into_iter().enumerate() {
        let bias = vec![weights.shape[0]];
        for (name, shape) in [("weight", weights.shape), ("bias", bias)] {
            let (tensor, after) = rest.split_at(shape.iter().product());
            rest = after;
            let values = tensor.iter().map(|x| (*x as f32).to_le_bytes());
            save(
                &folder.join(format!("{name}{k}.npy")),
                "<f4",
                &shape,
                values,
            )?;
        }
    }
    Ok(())
}

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Writes a .npy file (version 1.0, C order): magic and version, two bytes of header length, a header that
/// names type and shape and ends on a multiple of 64 bytes, and the values.
fn save<const N: usize>(
    path: &Path,
    kind: &str,
    shape: &[usize],
    values: impl Iterator<Item = [u8; N]>,
) -> std::io::Result<()> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    while !(MAGIC.len() + 2 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(MAGIC)?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in values {
        file.write_all(&value)?;
    }
    file.flush()
}

/// The numbers of such a file.
fn numbers<const N: usize, T>(path: &Path, kind: &str, read: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let parse = || {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (header, values) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let header = str::from_utf8(header).ok()?;
        let fits =
            header.contains(&format!("'{kind}'")) && header.contains("'fortran_order': False");
        fits.then(|| {
            let values = values.as_chunks::<N>().0;
            let mut numbers = Vec::with_capacity(values.len());
            // As rows lie in a run, and as NumPy holds those of the peers.
            prefer_huge_pages(&mut numbers);
            numbers.extend(values.iter().map(|&bytes| read(bytes)));
            numbers
        })
    };
    parse().ok_or_else(|| format!("{}: not a .npy file of {kind}", path.display()))
}
