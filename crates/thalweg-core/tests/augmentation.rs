//! Augmentation: what the network sees is what the definition says, for every number of threads and on resume.

use crate::common::*;
use thalweg_core::augmentations::{AUGMENTATIONS, Augmenter, Axis, Draw};
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, FeaturesRef, Targets, Values};
use thalweg_core::engine::{Batch, Rows};
use thalweg_core::losses::LOSSES;
use thalweg_core::observe::EpochReport;
use thalweg_core::optimizers::Time;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::shape::Shape;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, train};
use thalweg_core::train::{Flow, Observer};

const IMAGE: Shape = Shape::image([2, 5, 6]);
const PIXELS: usize = 60;
const SEED: u64 = 11;

/// Bytes, half of them dark, with classes below 3.
fn images(rows: usize, weighted: bool) -> Dataset {
    let mut random = random(5);
    let bytes = (0..rows * PIXELS).map(|_| (random.uniform() * 255.0) as u8);
    Dataset {
        features: Features {
            width: PIXELS,
            values: Values::U8 {
                bytes: bytes.collect(),
                scale: 1.0 / 128.0,
                offset: -0.75,
            },
        },
        targets: targets("cross_entropy", 3, rows, 6).swap_remove(0),
        weights: weighted.then(|| weights(rows, 8)),
    }
}

fn image_network(hidden: &[usize], outputs: usize, loss: &str) -> NetworkSpec {
    NetworkSpec {
        image: Some([IMAGE.channels, IMAGE.height, IMAGE.width]),
        ..NetworkSpec::mlp(PIXELS, hidden, "tanh", outputs, Choice::new(loss))
    }
}

fn spec(augment: &[Choice], batch_size: usize, epochs: usize) -> TrainingSpec {
    TrainingSpec {
        augment: augment.to_vec(),
        seed: SEED,
        shuffle: true,
        ..descent(1e-2, batch_size, epochs)
    }
}

fn all() -> Vec<Choice> {
    let names = AUGMENTATIONS.descriptions();
    names.iter().map(|entry| Choice::new(entry.name)).collect()
}

fn augmenter(choices: &[Choice], loss: &str) -> Augmenter {
    let comparison = LOSSES.build(&Choice::new(loss), &()).unwrap().comparison();
    Augmenter::build(choices, IMAGE, (loss, comparison))
        .unwrap()
        .unwrap()
}

/// The image of a row as `draw` shows it: the sum over all pixels of the original, each with its share.
fn seen(dataset: &Dataset, row: usize, draw: &Draw) -> Vec<f64> {
    let Values::U8 { bytes, .. } = &dataset.features.values else {
        unreachable!()
    };
    let original = |c: usize, k: usize, l: usize| {
        let byte = bytes[((row * IMAGE.channels + c) * IMAGE.height + k) * IMAGE.width + l];
        f64::from(byte) / 128.0 - 0.75
    };
    let share = |axis: Axis, to: usize, from: usize| {
        let place = (axis.start + axis.step * to as f64).clamp(0.0, axis.length as f64 - 1.0);
        (1.0 - (place - from as f64).abs()).max(0.0)
    };
    let mut all = Vec::new();
    for c in 0..IMAGE.channels {
        for k in 0..IMAGE.height {
            for l in 0..IMAGE.width {
                let mut sum = 0.0;
                for i in 0..IMAGE.height {
                    for j in 0..IMAGE.width {
                        let part = share(draw.view.lines, k, i) * share(draw.view.pixels, l, j);
                        sum += part * original(c, i, j);
                    }
                }
                all.push(sum);
            }
        }
    }
    all
}

#[test]
fn every_augmentation_draws_what_its_equation_says() {
    const ROWS: usize = 20_000;
    for entry in AUGMENTATIONS.descriptions() {
        let augmenter = augmenter(&[Choice::new(entry.name)], "cross_entropy");
        let draws: Vec<Draw> = (0..ROWS).map(|i| augmenter.draw(SEED, 1, i).0).collect();
        // Within five standard errors.
        let is_mean = |expected: f64, deviation: f64, of: &dyn Fn(&Draw) -> f64| {
            let mean = draws.iter().map(of).sum::<f64>() / ROWS as f64;
            assert!(
                (mean - expected).abs() < 5.0 * deviation / (ROWS as f64).sqrt(),
                "{}: {mean} and not {expected}",
                entry.name
            );
        };
        let all = |of: &dyn Fn(&Draw) -> bool| assert!(draws.iter().all(of), "{}", entry.name);
        let is_whole = |axis: Axis| axis.start == 0.0 && axis.step == 1.0;
        let uniform = 1.0 / 12f64.sqrt();
        match entry.name {
            "flip" => {
                let is_flipped =
                    |axis: Axis| axis.start == axis.length as f64 - 1.0 && axis.step == -1.0;
                all(&|d| is_whole(d.view.lines));
                all(&|d| is_whole(d.view.pixels) || is_flipped(d.view.pixels));
                is_mean(0.5, 0.5, &|d| {
                    f64::from(u8::from(is_flipped(d.view.pixels)))
                });
            }
            "shift" => {
                for axis in [|d: &Draw| d.view.lines, |d: &Draw| d.view.pixels] {
                    all(&|d| axis(d).step == 1.0);
                    for distance in -2..=2 {
                        let is_it = |d: &Draw| axis(d).start == f64::from(distance);
                        is_mean(0.2, 0.4, &|d| f64::from(u8::from(is_it(d))));
                    }
                }
            }
            "crop" => {
                // o = start − r/2 + ½ of the (1 − r)·n that are free.
                let free = |axis: Axis| {
                    let offset = axis.start - 0.5 * axis.step + 0.5;
                    offset / ((1.0 - axis.step) * axis.length as f64)
                };
                all(&|d| d.view.lines.step == d.view.pixels.step);
                all(&|d| (0.8..=1.0).contains(&d.view.lines.step.powi(2)));
                is_mean(0.9, 0.2 * uniform, &|d| d.view.lines.step.powi(2));
                for axis in [|d: &Draw| d.view.lines, |d: &Draw| d.view.pixels] {
                    all(&|d| (-1e-9..1.0 + 1e-9).contains(&free(axis(d))));
                    is_mean(0.5, uniform, &|d| free(axis(d)));
                }
            }
            "noise" => {
                all(&|d| d.noise == 0.1 && is_whole(d.view.lines) && is_whole(d.view.pixels))
            }
            "mixup" => {
                // Beta(α, α): mean ½, variance 1/(4(2α + 1)).
                let variance: f64 = 1.0 / (4.0 * (2.0 * 0.2 + 1.0));
                is_mean(0.5, variance.sqrt(), &|d| d.lambda);
                is_mean(variance, 0.1, &|d| (d.lambda - 0.5).powi(2));
            }
            // A new one has its test beside it.
            _ => {}
        }
    }
}

/// −log softmax(z)[class].
fn cross_entropy(z: &[f64], class: usize) -> f64 {
    let total: f64 = z.iter().map(|z| z.exp()).sum();
    total.ln() - z[class]
}

#[test]
fn a_step_sees_the_images_and_mixtures_that_the_definition_says() {
    let order = [4, 0, 8, 1, 7, 7, 2, 3, 5];
    // A batch of one row, too: without augmentation it would go a way of its own.
    for (rows, weighted) in [(9, false), (9, true), (1, false), (1, true)] {
        for choices in [
            vec![Choice::new("flip")],
            vec![Choice::new("shift"), Choice::new("noise")],
            vec![Choice::new("crop"), Choice::new("flip")],
            vec![Choice::new("mixup")],
            all(),
        ] {
            let dataset = images(order.len(), weighted);
            let Targets::Classes(classes) = &dataset.targets else {
                unreachable!()
            };
            let network = image_network(&[], 3, "cross_entropy");
            let mut engine = engine(&network, &spec(&choices, rows, 1));
            let parameters = normals(3, 3 * PIXELS + 3);
            engine.load(&state(&parameters)).unwrap();
            let step = 17;
            let time = Time::new(step, 0.1);
            let batch = Batch::new(&dataset, Rows::Listed(&order[..rows]));
            let report = engine.step(&batch, time).unwrap();

            let augmenter = augmenter(&choices, "cross_entropy");
            let distance = augmenter.partner_distance(SEED, step, rows);
            let (mut loss, mut total) = (0.0, 0.0);
            for i in 0..rows {
                let j = (i + distance) % rows;
                let (a, b) = (order[i] as usize, order[j] as usize);
                let (draw, mut random) = augmenter.draw(SEED, step, i);
                let partner = augmenter.draw(SEED, step, j).0;
                let mine = seen(&dataset, a, &draw);
                let theirs = seen(&dataset, b, &partner);
                let lambda = draw.lambda;
                let x: Vec<f64> = (mine.iter().zip(&theirs))
                    .map(|(mine, theirs)| {
                        let noise = if draw.noise > 0.0 {
                            draw.noise * random.normal()
                        } else {
                            0.0
                        };
                        lambda * mine + (1.0 - lambda) * theirs + noise
                    })
                    .collect();
                let z: Vec<f64> = (0..3)
                    .map(|unit| {
                        let w = &parameters[unit * PIXELS..][..PIXELS];
                        let product: f64 = w.iter().zip(&x).map(|(w, x)| w * x).sum();
                        product + parameters[3 * PIXELS + unit]
                    })
                    .collect();
                let weight =
                    |row: usize| (dataset.weights.as_ref()).map_or(1.0, |all| f64::from(all[row]));
                loss += lambda * weight(a) * cross_entropy(&z, classes[a] as usize);
                loss += (1.0 - lambda) * weight(b) * cross_entropy(&z, classes[b] as usize);
                total += weight(a);
            }
            let expected = loss / total;
            let error = relative_error(report.loss, expected, 1.0);
            assert!(error < 1e-12, "{choices:?}: {} {expected}", report.loss);
            let has_mixup = choices.iter().any(|choice| choice.name == "mixup");
            assert_eq!(distance > 0, has_mixup && rows > 1);
        }
    }
}

#[test]
fn numbers_and_the_probability_of_one_of_two_classes_are_mixed() {
    let rows = 8;
    let x = normals(1, rows);
    let y: Vec<f64> = normals(2, rows).iter().map(|y| (y > &0.0).into()).collect();
    let as_classes = Targets::Classes(y.iter().map(|y| *y as u32).collect());
    let mixup = [Choice::new("mixup").with("alpha", Setting::Number(1.0))];
    for (loss, targets) in [
        ("mse", values(1, y.clone())),
        ("logistic", as_classes),
        ("logistic", values(1, y.clone())),
    ] {
        let dataset = Dataset {
            features: features(1, x.clone()),
            targets,
            weights: None,
        };
        let network = network(1, loss, vec![dense(1, "identity")]);
        let mut engine = engine(&network, &spec(&mixup, rows, 1));
        engine.load(&state(&[0.7, -0.2])).unwrap();
        let time = Time::new(3, 0.1);
        let report = engine.step(&Batch::all(&dataset), time).unwrap();
        let augmenter = augmenter(&mixup, loss);
        let distance = augmenter.partner_distance(SEED, 3, rows);
        let each = (0..rows).map(|i| {
            let lambda = augmenter.draw(SEED, 3, i).0.lambda;
            let mixed = |v: &[f64]| lambda * v[i] + (1.0 - lambda) * v[(i + distance) % rows];
            let (z, y) = (0.7 * mixed(&x) - 0.2, mixed(&y));
            match loss {
                "mse" => (z - y) * (z - y),
                _ => (1.0 + z.exp()).ln() - y * z,
            }
        });
        let expected = each.sum::<f64>() / rows as f64;
        assert!(relative_error(report.loss, expected, 1.0) < 1e-12, "{loss}");
    }
}

/// Keeps the checkpoint after an epoch.
struct Keep(usize, Option<Checkpoint>);

impl Observer for Keep {
    fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> thalweg_core::Result<Flow> {
        if run.epoch() == self.0 {
            self.1 = run.checkpoint()?;
        }
        Ok(Flow::Continue)
    }
}

#[test]
fn threads_and_interruptions_change_no_bit() {
    let dataset = images(310, true);
    let network = image_network(&[70, 33], 3, "cross_entropy");
    for dtype in [Dtype::F32, Dtype::F64] {
        let spec = TrainingSpec {
            dtype,
            optimizer: Choice::new("adam"),
            ..spec(&all(), 100, 3)
        };
        let mut keep = Keep(1, None);
        let mut trained = |threads: usize, from: Option<&Checkpoint>| {
            let engine = cpu::engine(&network, &spec, threads).unwrap();
            let mut run = Run::new(engine, &spec, &dataset, None).unwrap();
            if let Some(checkpoint) = from {
                run.resume(checkpoint).unwrap();
            }
            train(&mut run, &mut keep).unwrap();
            bits(&run.engine().save().unwrap().parameters)
        };
        let one = trained(1, None);
        for threads in [2, 3, 5] {
            assert_eq!(trained(threads, None), one, "{threads} threads");
        }
        let checkpoint = keep.1.clone().unwrap();
        assert_eq!(checkpoint.epoch, 1);
        let mut keep = Keep(9, None);
        let engine = cpu::engine(&network, &spec, 2).unwrap();
        let mut run = Run::new(engine, &spec, &dataset, None).unwrap();
        run.resume(&checkpoint).unwrap();
        train(&mut run, &mut keep).unwrap();
        assert_eq!(
            bits(&run.engine().save().unwrap().parameters),
            one,
            "resumed"
        );

        let plain = TrainingSpec {
            augment: Vec::new(),
            ..spec.clone()
        };
        let engine = cpu::engine(&network, &plain, 1).unwrap();
        let mut run = Run::new(engine, &plain, &dataset, None).unwrap();
        train(&mut run, &mut ()).unwrap();
        assert_ne!(
            bits(&run.engine().save().unwrap().parameters),
            one,
            "nothing changed"
        );
    }
}

#[test]
fn evaluation_and_labels_stay_as_they_are() {
    let dataset = images(40, false);
    let network = image_network(&[7], 3, "cross_entropy");
    let of = |augment: &[Choice]| {
        let mut engine = engine(&network, &spec(augment, 40, 1));
        let batch = Batch::all(&dataset);
        let loss = engine.evaluate(&batch, None).unwrap();
        let (at, gradient) = engine.loss_and_gradient(&batch).unwrap();
        (
            loss,
            at,
            gradient,
            engine.predict(&dataset.features).unwrap(),
        )
    };
    assert_eq!(of(&all()), of(&[]));
    // Rows that are all the same image stay so under changes that leave a constant image alone, and the loss of
    // a step is that of the rows with their own labels.
    let constant = Dataset {
        features: Features {
            width: PIXELS,
            values: Values::F64(vec![0.5; 40 * PIXELS]),
        },
        ..dataset.clone()
    };
    let geometric = ["flip", "shift", "crop"].map(Choice::new);
    let mut engine = engine(&network, &spec(&geometric, 40, 1));
    let expected = engine.evaluate(&Batch::all(&constant), None).unwrap();
    let time = Time::new(1, 0.1);
    let report = engine.step(&Batch::all(&constant), time).unwrap();
    assert!(relative_error(report.loss, expected, 1.0) < 1e-12);
}

#[test]
fn columns_are_not_augmented() {
    let data = images(4, false);
    let columns = [&[0.5f32; 4][..]; PIXELS];
    let network = image_network(&[], 3, "cross_entropy");
    let mut engine = cpu::engine(&network, &spec(&all()[..1], 4, 1), 1).unwrap();
    let batch = Batch {
        features: FeaturesRef::columns(&columns),
        ..Batch::all(&data)
    };
    assert!(engine.evaluate(&batch, None).is_ok());
    let error = engine.step(&batch, Time::new(1, 0.1)).unwrap_err();
    assert!(error.to_string().contains("row-major values"), "{error}");
}

#[test]
fn what_cannot_be_augmented_is_refused() {
    let refused = |network: &NetworkSpec, augment: &[Choice]| {
        let error = cpu::engine(network, &spec(augment, 4, 1), 1).err().unwrap();
        error.to_string()
    };
    let images = image_network(&[], 3, "cross_entropy");
    let table = NetworkSpec::mlp(PIXELS, &[], "relu", 3, Choice::new("cross_entropy"));
    for name in ["flip", "shift", "crop", "noise"] {
        let message = refused(&table, &[Choice::new(name)]);
        let expected = format!("augmentation {name}: found rows of 60 values that are no image");
        assert!(message.starts_with(&expected), "{message}");
    }
    let mixup = [Choice::new("mixup")];
    cpu::engine(&table, &spec(&mixup, 4, 1), 1).unwrap();
    // Between two codes there is nothing.
    let mut codes = table.clone();
    let embedding = Choice::new("embedding")
        .with("levels", Setting::Integers(vec![9]))
        .with("widths", Setting::Integers(vec![2]));
    codes.layers.insert(0, embedding);
    let message = refused(&codes, &mixup);
    assert!(
        message.starts_with("augmentation mixup: found codes"),
        "{message}"
    );
    for (loss, outputs) in [
        ("hinge", 1),
        ("squared_hinge", 1),
        ("perceptron", 1),
        ("focal", 1),
        ("multiclass_hinge", 3),
    ] {
        let message = refused(&image_network(&[], outputs, loss), &mixup);
        assert!(
            message.contains("whose targets cannot be mixed"),
            "{message}"
        );
    }
    for (choice, expected) in [
        (
            Choice::new("shift").with("pixels", Setting::Integer(-1)),
            "found pixels = -1",
        ),
        (
            Choice::new("shift").with("pixels", Setting::Integer(5)),
            "found 5 pixels, expected less than the 5 of the image",
        ),
        (
            Choice::new("noise").with("deviation", Setting::Number(-0.1)),
            "found deviation = -0.1",
        ),
        (
            Choice::new("mixup").with("alpha", Setting::Number(0.0)),
            "found alpha = 0",
        ),
        (
            Choice::new("crop").with("area", Setting::Number(0.0)),
            "found area = 0",
        ),
        (
            Choice::new("flip").with("probability", Setting::Number(1.5)),
            "found probability = 1.5",
        ),
        (Choice::new("flop"), "did you mean `flip`?"),
    ] {
        let message = refused(&images, &[choice]);
        assert!(message.contains(expected), "{message}");
    }
    let message = refused(&images, &[Choice::new("flip"), Choice::new("flip")]);
    assert!(message.contains("`flip` twice"), "{message}");
    let wrong = NetworkSpec {
        image: Some([1, 8, 8]),
        ..image_network(&[], 3, "mse")
    };
    assert!(refused(&wrong, &[]).contains("images of 1×8×8 for 60 inputs"));
    let solver = TrainingSpec {
        optimizer: Choice::new("lbfgs"),
        ..spec(&mixup, 4, 1)
    };
    let error = cpu::engine(&images, &solver, 1).err().unwrap().to_string();
    assert!(error.contains("`augment`"), "{error}");
}
