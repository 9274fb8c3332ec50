//! After the first step, neither a step nor a batch of the training loop allocates.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, Values};
use thalweg_core::engine::{Batch, Rows, StepReport};
use thalweg_core::losses::{Comparison, LOSSES};
use thalweg_core::optimizers::{OPTIMIZERS, Time};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::source::block_file::{self, BlockFile, BlockWriter};
use thalweg_core::sparse::{Csr, Numbers};
use thalweg_core::spec::{Batches, NetworkSpec, TrainingSpec};
use thalweg_core::train::{Flow, Observer};
use thalweg_core::train::{Run, train};

/// The system's allocator, counting how often memory is asked for, by any thread.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::SeqCst)
}

fn count() {
    ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Hidden widths: none, few, and enough work for a team of threads.
const HIDDEN: [&[usize]; 3] = [&[], &[5], &[70, 33]];
const INPUTS: usize = 12;
const ROWS: usize = 200;
/// Rows of a batch: of one or two row blocks; of more than two, whose gradients are added up where there are few parameters,
/// by a team or by one thread; and of none but itself, which goes the short way where nothing augments it.
const BATCHES: [usize; 3] = [64, 190, 1];
const EPOCHS: usize = 2;

/// The same rows as f64, f32 or bytes.
fn stored(values: &[f64], kind: usize) -> Features {
    let values = match kind {
        0 => Values::F64(values.to_vec()),
        1 => Values::F32(values.iter().map(|v| *v as f32).collect()),
        _ => Values::U8 {
            bytes: values.iter().map(|v| (v.abs() * 80.0) as u8).collect(),
            scale: 1.0 / 255.0,
            offset: -0.5,
        },
    };
    Features {
        width: INPUTS,
        values,
    }
}

fn case(network: &NetworkSpec, dataset: &Dataset, spec: &TrainingSpec, threads: usize) {
    let mut engine = cpu::engine(network, spec, threads).unwrap();
    let order: Vec<u32> = (0..ROWS as u32).rev().collect();
    let mut step = 0;
    let mut steps = |start: usize, end: usize| {
        for rows in [Rows::Listed(&order[start..end]), Rows::Range(start, end)] {
            step += 1;
            let time = Time::new(step, spec.learning_rate);
            engine.step(&Batch::new(dataset, rows), time).unwrap();
        }
    };
    let batch_size = spec.batch_size;
    steps(0, batch_size);
    let before = allocations();
    for start in (0..ROWS).step_by(batch_size) {
        // The last batch is short.
        steps(start, ROWS.min(start + batch_size));
    }
    let count = allocations() - before;
    assert_eq!(
        count, 0,
        "{network:?}, {spec:?}, {threads} threads: {count} allocations after the first steps"
    );
}

/// All augmentations that go with a loss.
fn augmentations(loss: &str) -> Vec<Choice> {
    let comparison = LOSSES.build(&Choice::new(loss), &()).unwrap().comparison();
    let mixes = !matches!(comparison, Comparison::LabelsOrBinary | Comparison::Classes);
    let all = ["flip", "shift", "crop", "noise"].map(Choice::new);
    let shift = |choice: Choice| match choice.name.as_str() {
        "shift" => choice.with("pixels", Setting::Integer(1)),
        _ => choice,
    };
    let mixup = mixes.then(|| Choice::new("mixup"));
    all.into_iter().map(shift).chain(mixup).collect()
}

/// Notes the number of allocations after every step, in room of its own.
struct Watch {
    batches: usize,
    notes: Vec<(usize, u64)>,
}

impl Observer for Watch {
    fn step(&mut self, _: &mut Run, _: &StepReport) -> thalweg_core::Result<Flow> {
        assert!(self.notes.len() < self.notes.capacity());
        let epoch = self.notes.len() / self.batches;
        self.notes.push((epoch, allocations()));
        Ok(Flow::Continue)
    }
}

fn loop_case(network: &NetworkSpec, dataset: &Dataset, spec: &TrainingSpec, threads: usize) {
    let engine = cpu::engine(network, spec, threads).unwrap();
    let mut run = Run::new(engine, spec, dataset, Some(dataset)).unwrap();
    let batches = ROWS.div_ceil(spec.batch_size);
    let mut watch = Watch {
        batches,
        notes: Vec::with_capacity(spec.epochs * batches),
    };
    let summary = train(&mut run, &mut watch).unwrap();
    assert_eq!(watch.notes.len() as u64, summary.steps);
    let mut pairs = 0;
    for pair in watch.notes.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        assert_eq!(
            pair[0].1, pair[1].1,
            "{network:?}, {spec:?}, {threads} threads"
        );
        pairs += 1;
    }
    assert_eq!(pairs, spec.epochs * (batches - 1));
}

/// Neither a step nor a batch of the training loop allocates. A program of its own, since the count is that of
/// the whole process: a test harness allocates on a thread beside the test's.
fn main() {
    let before = allocations();
    drop(std::hint::black_box(vec![1]));
    assert_eq!(allocations() - before, 1, "the allocator does not count");

    let mut cases = 0;
    for loss in names(&LOSSES) {
        for (outputs, hidden) in [1, 4]
            .into_iter()
            .flat_map(|o| HIDDEN.map(|hidden| (o, hidden)))
        {
            let network = NetworkSpec {
                image: Some([3, 2, 2]),
                ..NetworkSpec::mlp(INPUTS, hidden, "tanh", outputs, Choice::new(loss))
            };
            for optimizer in names(&OPTIMIZERS) {
                for targets in targets(loss, outputs, ROWS, 3) {
                    // Precision, storage, weights and decay meet in all combinations.
                    cases += 1;
                    let dataset = Dataset {
                        features: stored(&normals(1, ROWS * INPUTS), cases % 3),
                        targets,
                        weights: (cases % 5 < 2).then(|| weights(ROWS, 2)),
                    };
                    let batch_size = BATCHES[match cases % 13 {
                        1 | 5 | 9 => 1,
                        12 => 2,
                        _ => 0,
                    }];
                    let spec = TrainingSpec {
                        optimizer: Choice::new(optimizer),
                        schedule: Choice::new("cosine"),
                        reduction: Default::default(),
                        shuffle: true,
                        l2: if cases % 7 < 3 { 0.1 } else { 0.0 },
                        // What needs the whole gradient, one by one.
                        clip_norm: (cases % 8 == 1).then_some(0.1),
                        sam: (cases % 8 == 3).then_some(0.05),
                        max_norm: (cases % 8 == 5).then_some(0.5),
                        ema: (cases % 8 == 7).then_some(0.9),
                        batches: Batches {
                            groups: (cases % 17 == 0).then_some(3),
                            ..Batches::default()
                        },
                        augment: match cases % 11 {
                            2 => augmentations(loss),
                            _ => Vec::new(),
                        },
                        dtype: [Dtype::F32, Dtype::F64, Dtype::Bf16][cases / 3 % 3],
                        ..descent(1e-3, batch_size, EPOCHS)
                    };
                    for threads in [1, 2] {
                        case(&network, &dataset, &spec, threads);
                        loop_case(&network, &dataset, &spec, threads);
                    }
                }
            }
        }
    }
    assert!(cases >= 210, "only {cases} cases");
    println!("no allocation in {cases} cases");
    every_layer();
    of_sparse_rows();
    of_block_file();
}

/// Rows of which most values are 0, with optimizers that look at the others alone and at all.
fn of_sparse_rows() {
    let starts = (0..=ROWS).map(|row| 2 * row).collect();
    let columns = (0..ROWS as u32)
        .flat_map(|row| [row % 5, 5 + row % 7])
        .collect();
    let sparse = Csr::new(INPUTS, starts, columns, Numbers::Ones).unwrap();
    let dataset = Dataset {
        features: Features {
            width: INPUTS,
            values: Values::Sparse(sparse),
        },
        targets: targets("cross_entropy", 4, ROWS, 3).swap_remove(0),
        weights: None,
    };
    let mut network = NetworkSpec::mlp(INPUTS, &[300], "tanh", 4, Choice::new("cross_entropy"));
    network.layers[0].name = "sparse".into();
    for optimizer in ["adagrad", "adam"] {
        let spec = TrainingSpec {
            optimizer: Choice::new(optimizer),
            ..descent(1e-3, BATCHES[0], EPOCHS)
        };
        for threads in [1, 2] {
            case(&network, &dataset, &spec, threads);
            loop_case(&network, &dataset, &spec, threads);
        }
    }
}

/// A run over a block file: once its buffers are there, neither its steps nor the reading of blocks allocates.
fn of_block_file() {
    let dataset = Dataset {
        features: stored(&normals(1, ROWS * INPUTS), 1),
        targets: targets("cross_entropy", 4, ROWS, 3).swap_remove(0),
        weights: Some(weights(ROWS, 2)),
    };
    let layout = block_file::Layout::of(&dataset, 5);
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), layout).unwrap();
    writer.write(&Batch::all(&dataset)).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let network = NetworkSpec::mlp(INPUTS, &[5], "tanh", 4, Choice::new("cross_entropy"));
    for (block, threads) in [(Some(5), 1), (Some(5), 2), (None, 1)] {
        let spec = TrainingSpec {
            shuffle: true,
            batches: Batches {
                block,
                ..Batches::default()
            },
            ..descent(1e-3, 16, 4)
        };
        let file = BlockFile::open(Cursor::new(bytes.clone())).unwrap();
        let engine = cpu::engine(&network, &spec, threads).unwrap();
        let mut run = Run::with_sources(engine, &spec, Box::new(file), None).unwrap();
        let batches = ROWS.div_ceil(spec.batch_size);
        let mut watch = Watch {
            batches,
            notes: Vec::with_capacity(spec.epochs * batches),
        };
        train(&mut run, &mut watch).unwrap();
        let later = watch.notes[batches..].windows(2);
        for pair in later.filter(|pair| pair[0].0 == pair[1].0) {
            assert_eq!(pair[0].1, pair[1].1, "{block:?}, {threads} threads");
        }
    }
}

/// One network with every kind of layer, for images of 12 values.
fn every_layer() {
    let layer = |name: &str, settings: &[(&str, i64)]| {
        let of = |choice: Choice, (name, value): &(&str, i64)| {
            choice.with(name, Setting::Integer(*value))
        };
        settings.iter().fold(Choice::new(name), of)
    };
    let conv = |padding| {
        layer(
            "conv2d",
            &[("channels", 4), ("kernel", 3), ("padding", padding)],
        )
    };
    let wrapped = |name, inner| Choice::new(name).with("layer", Setting::Choice(inner));
    let numbers = |name: &str| Choice::new(name).with("columns", Setting::Integers(vec![0, 4]));
    let body = vec![
        conv(1),
        Choice::new("batch_norm"),
        Choice::new("instance_norm"),
    ];
    let layers = vec![
        layer("unflatten", &[("channels", 1), ("height", 3), ("width", 4)]),
        conv(1),
        layer("group_norm", &[("groups", 2)]),
        Choice::new("residual").with("layers", Setting::Choices(body)),
        layer("max_pool", &[("kernel", 2), ("stride", 1)]),
        layer("average_pool", &[("kernel", 2), ("stride", 1)]),
        wrapped("weight_norm", conv(1)),
        Choice::new("dropout"),
        Choice::new("flatten"),
        wrapped("spectral_norm", layer("dense", &[("units", 9)])),
        numbers("piecewise_linear")
            .with("counts", Setting::Integers(vec![2, 1]))
            .with("edges", Setting::Numbers(vec![-0.5, 0.1, 0.7, -1.0, 1.0])),
        numbers("periodic"),
        layer("scale", &[]),
        layer("parametric", &[]).with("activation", Setting::Text("silu".into())),
        layer("dense", &[("units", 9)]),
        Choice::new("layer_norm"),
        layer("unflatten", &[("channels", 3), ("height", 3), ("width", 1)]),
        Choice::new("global_average_pool"),
        layer("activation", &[]).with("activation", Setting::Text("tanh".into())),
        layer("dense", &[("units", 4)]),
    ];
    let network = common::network(INPUTS, "cross_entropy", layers);
    for dtype in [Dtype::F32, Dtype::F64] {
        let dataset = Dataset {
            features: stored(&normals(1, ROWS * INPUTS), 0),
            targets: targets("cross_entropy", 4, ROWS, 3).swap_remove(0),
            weights: None,
        };
        let spec = TrainingSpec {
            optimizer: Choice::new("adam"),
            dtype,
            ..descent(1e-3, BATCHES[0], EPOCHS)
        };
        for threads in [1, 2] {
            case(&network, &dataset, &spec, threads);
            loop_case(&network, &dataset, &spec, threads);
        }
    }
}
