//! Rows to train on, made from counter-based random numbers: the same on every machine and any thread count.
//!
//! Planted: x uniform on ±√3 (variance 1), class = argmax of x·T + ε with T, ε normal and T scaled by
//! 3/√inputs, so that the loss falls and does not reach zero. Pixels: a template a class of which 19 % is bright,
//! 5 % of the pixels inverted, brightness uniform; bytes as 255ths.

use std::ops::Range;

use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::memory::prefer_huge_pages;
use thalweg_core::random::{Purpose, Sequence, Stream};

use crate::workloads::{RowKind, Workload};

/// The seed of all random numbers here.
pub const SEED: u64 = 20_250_101;
/// Version of the rows: raised when the same seed makes other ones.
pub const VERSION: u32 = 2;
/// Substreams: the teacher, the initial parameters, and from `ROWS` on one a block of rows.
const TEACHER: u64 = 0;
const INITIAL: u64 = 1;
const ROWS: u64 = 16;
/// Rows of a substream.
const BLOCK: usize = 4096;

/// Rows with their classes, and the parameters to start from.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// The rows.
    pub dataset: Dataset,
    /// Layer by layer: weight `[out, in]` row-major (see [`Weights`](crate::workloads::Weights)), bias `[out]`.
    pub initial: Vec<f64>,
}

impl Data {
    /// Data for `rows` rows of a workload.
    pub fn synthesize(workload: &Workload, rows: usize, threads: usize) -> Self {
        let (values, classes) = match workload.kind {
            RowKind::Planted => planted(workload, rows, threads),
            RowKind::Pixels => pixels(workload, rows, threads),
        };
        let features = Features {
            width: workload.layers[0],
            values,
        };
        let dataset = Dataset {
            features,
            targets: Targets::Classes(classes),
            weights: None,
        };
        Self {
            dataset,
            initial: initial(workload),
        }
    }
}

/// What synthetic rows are.
pub fn description(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Planted => "uniform features of variance 1, planted linear teacher with noise",
        RowKind::Pixels => "synthetic pixels",
    }
}

/// Glorot uniform weights, U(±√(6/(in + out))), rounded to single precision, and biases of 0.
pub fn initial(workload: &Workload) -> Vec<f64> {
    let mut random = sequence(INITIAL);
    let mut initial = Vec::new();
    for weights in workload.weights() {
        let (inputs, outputs) = weights.fans();
        let bound = (6.0 / (inputs + outputs) as f64).sqrt();
        let draw = |_| f64::from((bound * (2.0 * random.uniform() - 1.0)) as f32);
        initial.extend((0..weights.count()).map(draw));
        initial.extend(std::iter::repeat_n(0.0, weights.shape[0]));
    }
    initial
}

fn sequence(substream: u64) -> Sequence {
    Stream::new(SEED, Purpose::Synthesize, substream).sequence()
}

/// Uniform on [0, 1) with 24 random bits.
fn single(random: &mut Sequence) -> f32 {
    (random.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

fn planted(workload: &Workload, rows: usize, threads: usize) -> (Values, Vec<u32>) {
    let (width, classes) = (workload.layers[0], workload.classes());
    let mut random = sequence(TEACHER);
    let scale = 3.0 / (width as f64).sqrt();
    let teacher: Vec<f32> = (0..width * classes)
        .map(|_| (scale * random.normal()) as f32)
        .collect();
    let (values, classes) = in_blocks(rows, width, threads, |random, x: &mut [f32]| {
        let root = 3.0f32.sqrt();
        x.fill_with(|| root * (2.0 * single(random) - 1.0));
        let mut best = (0, f32::NEG_INFINITY);
        for (class, teacher) in teacher.chunks_exact(width).enumerate() {
            let score: f32 = x.iter().zip(teacher).map(|(x, t)| x * t).sum();
            let score = score + random.normal() as f32;
            if score > best.1 {
                best = (class as u32, score);
            }
        }
        best.0
    });
    (Values::F32(values), classes)
}

fn pixels(workload: &Workload, rows: usize, threads: usize) -> (Values, Vec<u32>) {
    let (width, classes) = (workload.layers[0], workload.classes());
    let mut random = sequence(TEACHER);
    let templates: Vec<bool> = (0..width * classes)
        .map(|_| single(&mut random) < 0.19)
        .collect();
    let (bytes, classes) = in_blocks(rows, width, threads, |random, x: &mut [u8]| {
        let class = random.below(classes as u32);
        let template = &templates[class as usize * width..][..width];
        for (x, bright) in x.iter_mut().zip(template) {
            let is_inverted = single(random) < 0.05;
            *x = match bright ^ is_inverted {
                true => (random.next_u32() >> 24) as u8,
                false => 0,
            };
        }
        class
    });
    (bytes_as_values(bytes), classes)
}

/// Pixels as values: each byte is a 255th.
pub fn bytes_as_values(bytes: Vec<u8>) -> Values {
    Values::U8 {
        bytes,
        scale: 1.0 / 255.0,
        offset: 0.0,
    }
}

/// Fills row after row with `row`, which returns its class; each block of rows has a substream of its own.
fn in_blocks<V: Default + Clone + Send>(
    rows: usize,
    width: usize,
    threads: usize,
    row: impl Fn(&mut Sequence, &mut [V]) -> u32 + Sync,
) -> (Vec<V>, Vec<u32>) {
    let mut values = Vec::with_capacity(rows * width);
    prefer_huge_pages(&mut values);
    values.resize(rows * width, V::default());
    let mut classes = Vec::with_capacity(rows);
    prefer_huge_pages(&mut classes);
    classes.resize(rows, 0);
    let share = rows.div_ceil(BLOCK).div_ceil(threads.max(1)).max(1);
    let fill = |blocks: Range<usize>, values: &mut [V], classes: &mut [u32]| {
        let parts = values
            .chunks_mut(BLOCK * width)
            .zip(classes.chunks_mut(BLOCK));
        for (block, (values, classes)) in blocks.zip(parts) {
            let mut random = sequence(ROWS + block as u64);
            for (x, class) in values.chunks_exact_mut(width).zip(classes) {
                *class = row(&mut random, x);
            }
        }
    };
    std::thread::scope(|scope| {
        let parts = values
            .chunks_mut(share * BLOCK * width)
            .zip(classes.chunks_mut(share * BLOCK));
        for (part, (values, classes)) in parts.enumerate() {
            let fill = &fill;
            scope.spawn(move || fill(part * share..(part + 1) * share, values, classes));
        }
    });
    (values, classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::find;

    #[test]
    fn data_do_not_depend_on_threads_and_shorter_data_are_a_prefix() {
        for name in ["table-medium", "mnist-mlp"] {
            let workload = find(name).unwrap();
            let data = Data::synthesize(workload, 10_000, 1);
            assert_eq!(data, Data::synthesize(workload, 10_000, 3));
            let short = Data::synthesize(workload, 5000, 2);
            let row = |data: &Data, row| data.dataset.features.row(row).collect::<Vec<f64>>();
            for at in 0..5000 {
                assert_eq!(row(&data, at), row(&short, at));
            }
        }
    }

    #[test]
    fn every_class_occurs_and_features_are_centred() {
        for name in ["table-medium", "mnist-mlp", "logistic"] {
            let workload = find(name).unwrap();
            let Dataset {
                features, targets, ..
            } = Data::synthesize(workload, 4000, 2).dataset;
            let Targets::Classes(classes) = targets else {
                panic!("no classes");
            };
            for class in 0..workload.classes() as u32 {
                let count = classes.iter().filter(|c| **c == class).count();
                assert!(count > 20, "{name}: {count} rows of class {class}");
            }
            assert!(
                classes
                    .iter()
                    .all(|class| (*class as usize) < workload.classes())
            );
            let values: Vec<f64> = (0..4000).flat_map(|row| features.row(row)).collect();
            let mean =
                |f: fn(f64) -> f64| values.iter().map(|x| f(*x)).sum::<f64>() / values.len() as f64;
            if workload.kind == RowKind::Planted {
                assert!(mean(|x| x).abs() < 0.02, "{name}");
                assert!((mean(|x| x * x) - 1.0).abs() < 0.02, "{name}");
            }
        }
    }
}
