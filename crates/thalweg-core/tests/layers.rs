//! Every layer: its gradient is the derivative of what it computes, for input and parameters, in
//! training and in evaluation; threads and interruptions change no bit; and what no golden file can
//! hold, such as a mask.

use crate::common::networks::*;
use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::layers::Example;
use thalweg_core::optimizers::Time;
use thalweg_core::precision::Dtype;
use thalweg_core::random::{Purpose, Stream};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, train};

/// Parameters away from 0 and 1, where biases and scales begin, with those that are not trained
/// where steps take them: gradients take singular vectors as constants, as they are once they are
/// found.
fn settled(engine: &mut dyn Engine, batch: &Batch) -> Vec<f64> {
    let mut random = random(3);
    let infos = engine.parameters();
    let is_trained = (infos.iter())
        .flat_map(|info| std::iter::repeat_n(info.is_trained, info.shape.iter().product()));
    let is_trained: Vec<bool> = is_trained.collect();
    let mut parameters = engine.save().unwrap().parameters;
    for (p, is_trained) in parameters.iter_mut().zip(&is_trained) {
        *p += if *is_trained {
            0.1 * random.uniform()
        } else {
            0.0
        };
    }
    engine.load(&state(&parameters)).unwrap();
    if is_trained.iter().all(|is_trained| *is_trained) {
        return parameters;
    }
    for _ in 0..40 {
        for _ in 0..50 {
            engine.step(batch, Time::new(1, 0.0)).unwrap();
        }
        let before = std::mem::replace(&mut parameters, engine.save().unwrap().parameters);
        if worst_error(&before, &parameters, 1e-3) < 1e-15 {
            break;
        }
    }
    parameters
}

#[test]
fn every_layer_has_the_gradient_of_finite_differences_in_training_and_in_evaluation() {
    let (mut checked, mut worst) = (0, 0.0f64);
    let both = |(name, example, network): (_, Example, NetworkSpec)| {
        [true, false].map(|is_training| (name, example, network.clone(), is_training))
    };
    for (name, example, network, is_training) in examples().flat_map(both) {
        let dataset = rows_for(&network, 9);
        let batch = Batch::all(&dataset);
        let mut engine = engine(&network, &descent(1.0, 9, 1));
        let parameters = settled(&mut *engine, &batch);
        let mut at = |parameters: &[f64]| {
            engine.load(&state(parameters)).unwrap();
            match is_training {
                true => engine.loss_and_gradient(&batch).unwrap(),
                false => engine.evaluation_gradient(&batch).unwrap(),
            }
        };
        let (loss, gradient) = at(&parameters);
        if !is_training {
            let mut engine = cpu::engine(&network, &descent(1.0, 9, 1), 1).unwrap();
            engine.load(&state(&parameters)).unwrap();
            let evaluated = engine.evaluate(&batch, None).unwrap();
            assert!(relative_error(loss, evaluated, 0.0) < 1e-14, "{name}");
            let saved = engine.save().unwrap().parameters;
            engine.evaluation_gradient(&batch).unwrap();
            assert_eq!(engine.save().unwrap().parameters, saved, "{name}");
        }
        let infos = cpu::engine(&network, &descent(1.0, 9, 1), 1)
            .unwrap()
            .parameters();
        let mut start = 0;
        for info in infos {
            let length: usize = info.shape.iter().product();
            for k in 0..length.min(16) {
                let place = start + k * (length - 1) / (length.min(16) - 1).max(1);
                if !info.is_trained {
                    assert_eq!(gradient[place], 0.0, "{name}: {} is not trained", info.name);
                    continue;
                }
                let mut loss = |h: f64| {
                    let mut moved = parameters.clone();
                    moved[place] += h;
                    at(&moved).0
                };
                let h = if example.has_kinks { 3e-6 } else { 2e-4 };
                let difference =
                    (8.0 * (loss(h) - loss(-h)) - (loss(2.0 * h) - loss(-2.0 * h))) / (12.0 * h);
                let error = relative_error(gradient[place], difference, 1e-3);
                assert!(
                    error < 1e-6,
                    "{name} {:?}, training {is_training}: {}[{}]: {:e} is not {difference:e}",
                    network.layers,
                    info.name,
                    place - start,
                    gradient[place]
                );
                worst = worst.max(error);
                checked += 1;
            }
            start += length;
        }
    }
    println!("{checked} parameters, worst relative error {worst:.1e}");
    assert!(checked > 2000);
}

/// Adam for three epochs; the last batch is short.
fn spec(dtype: Dtype, batch_size: usize) -> TrainingSpec {
    TrainingSpec {
        optimizer: Choice::new("adam"),
        shuffle: true,
        seed: 7,
        dtype,
        ..descent(1e-2, batch_size, 3)
    }
}

/// Large enough for a team of threads: everything that meets, in one network.
fn large() -> NetworkSpec {
    let image = Some([3, 12, 12]);
    let layers = vec![
        conv(8, 3, "tanh"),
        Choice::new("batch_norm"),
        layer("max_pool", &[("kernel", 2.0)]),
        residual(vec![
            conv(8, 3, "tanh").with("padding", Setting::Integer(1)),
            Choice::new("batch_norm"),
        ]),
        layer("dropout", &[("rate", 0.2)]),
        wrapped("spectral_norm", dense(40, "tanh")),
        wrapped("weight_norm", dense(30, "tanh")),
        Choice::new("batch_norm"),
        Choice::new("layer_norm"),
    ];
    whole(image, layers)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // The second path through a step as well, where batches are passed twice; the last batch has
    // one row.
    for (dtype, sam) in [
        (Dtype::F64, None),
        (Dtype::F32, None),
        (Dtype::F32, Some(0.05)),
    ] {
        let network = large();
        let spec = TrainingSpec {
            sam,
            clip_norm: sam.map(|_| 0.5),
            ema: sam.map(|_| 0.9),
            ..spec(dtype, 100)
        };
        let dataset = rows_for(&network, 3 * 100 + 1);
        let trained = |threads| {
            let engine = cpu::engine(&network, &spec, threads).unwrap();
            let mut run = Run::new(engine, &spec, &dataset, None).unwrap();
            train(&mut run, &mut ()).unwrap();
            let mut engine = run.into_engine();
            let loss = engine.evaluate(&Batch::all(&dataset), None).unwrap();
            let batch = Batch::new(&dataset, Rows::Range(0, 100));
            let (_, training) = engine.loss_and_gradient(&batch).unwrap();
            let (_, evaluation) = engine.evaluation_gradient(&batch).unwrap();
            (
                bits(&engine.save().unwrap().parameters),
                loss.to_bits(),
                [bits(&training), bits(&evaluation)],
            )
        };
        let one = trained(1);
        assert!(one.0.iter().all(|p| f64::from_bits(*p).is_finite()));
        for threads in [2, 3, 5] {
            assert_eq!(
                trained(threads),
                one,
                "{dtype:?}, sam {sam:?}: {threads} threads"
            );
        }
    }
}

#[test]
fn resume_gives_the_same_bits() {
    for (name, _, network) in examples() {
        // The last batch has one row.
        let (dataset, spec) = (rows_for(&network, 21), spec(Dtype::F32, 5));
        let begin = || {
            Run::new(
                cpu::engine(&network, &spec, 1).unwrap(),
                &spec,
                &dataset,
                None,
            )
            .unwrap()
        };
        struct Interrupt(Option<Checkpoint>);
        impl thalweg_core::train::Observer for Interrupt {
            fn epoch(
                &mut self,
                run: &mut Run,
                _: &thalweg_core::observe::EpochReport,
            ) -> thalweg_core::Result<thalweg_core::train::Flow> {
                self.0 = run.checkpoint()?;
                Ok(thalweg_core::train::Flow::Stop)
            }
        }
        let mut expected = begin();
        train(&mut expected, &mut ()).unwrap();
        let mut interrupt = Interrupt(None);
        train(&mut begin(), &mut interrupt).unwrap();
        let mut resumed = begin();
        resumed.resume(&interrupt.0.unwrap()).unwrap();
        train(&mut resumed, &mut ()).unwrap();
        let [a, b] = [expected, resumed].map(|run| run.into_engine().save().unwrap());
        assert_eq!(
            bits(&a.parameters),
            bits(&b.parameters),
            "{name} {:?}",
            network.layers
        );
    }
}

/// What a network of one layer makes of a row in training, told by the gradient of a dense layer
/// behind it: with an output y·w and the loss ½(y·w − t)², dw is y where y·w − t is 1, so with w =
/// 0 and t = −1.
fn training_values(front: Vec<Choice>, x: &[f64], seed: u64, threads: usize) -> Vec<Vec<f64>> {
    let count = x.len();
    let spec = network(
        count,
        "half_mse",
        [front, vec![without_bias(dense(1, "identity"))]].concat(),
    );
    (1..=3)
        .map(|step| {
            let training = TrainingSpec {
                seed,
                ..descent(1.0, 1, 1)
            };
            let mut engine = cpu::engine(&spec, &training, threads).unwrap();
            engine.load(&state(&vec![0.0; count])).unwrap();
            let dataset = Dataset {
                features: features(count, x.to_vec()),
                targets: values(1, vec![-1.0]),
                weights: None,
            };
            let time = Time::new(step, -1.0);
            engine.step(&Batch::all(&dataset), time).unwrap();
            engine.save().unwrap().parameters
        })
        .collect()
}

#[test]
fn a_dropout_mask_is_that_of_its_address() {
    // Literally: word i of stream (seed, dropout, update) at block layer·2⁵² + row·2²⁸ + i/4;
    // dropped below p·2³².
    let (rate, count) = (0.3, 150);
    let x: Vec<f64> = (0..count).map(|i| 1.0 + i as f64).collect();
    let layers = vec![layer("dropout", &[("rate", rate)])];
    for seed in [0, 9] {
        for (step, got) in (1..).zip(training_values(layers.clone(), &x, seed, 1)) {
            let stream = Stream::new(seed, Purpose::Dropout, step);
            for (i, (got, x)) in got.iter().zip(&x).enumerate() {
                let word = stream.block(i as u64 / 4)[i % 4];
                let dropped = f64::from(word) < (rate * 2f64.powi(32)).floor();
                let want = if dropped { 0.0 } else { x / (1.0 - rate) };
                assert!((got - want).abs() < 1e-12, "{i}: {got} for {want}");
            }
        }
    }
}

#[test]
fn dropout_keeps_the_mean_and_differs_between_rows_layers_and_updates() {
    let count = 10_000;
    let one = vec![1.0; count];
    let dropout = layer("dropout", &[("rate", 0.5)]);
    let first = training_values(vec![dropout.clone()], &one, 1, 1);
    for y in &first {
        let mean = y.iter().sum::<f64>() / count as f64;
        // Standard deviation 0.01.
        assert!((mean - 1.0).abs() < 0.04, "{mean}");
    }
    assert!(first[0] != first[1] && first[1] != first[2]);
    // Twice in a row: a quarter stays, times 4.
    let twice = training_values(vec![dropout.clone(), dropout], &one, 1, 1);
    let kept = twice[0].iter().filter(|y| **y == 4.0).count();
    assert!((2300..2700).contains(&kept), "{kept}");
}

#[test]
fn evaluation_drops_nothing() {
    let spec = network(4, "half_mse", vec![layer("dropout", &[("rate", 0.9)])]);
    let x = vec![1.0, -2.0, 3.0, 4.0];
    let mut engine = engine(&spec, &descent(1.0, 1, 1));
    assert_eq!(engine.predict(&features(4, x.clone())).unwrap(), x);
}

#[test]
fn a_last_row_of_its_own_is_normalized_by_the_running_statistics() {
    let spec = network(2, "half_mse", vec![Choice::new("batch_norm")]);
    let mut engine = engine(&spec, &descent(1.0, 4, 1));
    // γ, β, running mean, running variance.
    let parameters = [2.0, 3.0, 0.5, -0.5, 1.0, 2.0, 4.0, 9.0];
    engine.load(&state(&parameters)).unwrap();
    let row = Dataset {
        features: features(2, vec![5.0, -4.0]),
        targets: values(2, vec![0.0, 0.0]),
        weights: None,
    };
    let inverse = |variance: f64| 1.0 / (variance + 1e-5).sqrt();
    let normal = [4.0 * inverse(4.0), -6.0 * inverse(9.0)];
    let y = [2.0 * normal[0] + 0.5, 3.0 * normal[1] - 0.5];
    let (loss, gradient) = engine.loss_and_gradient(&Batch::all(&row)).unwrap();
    assert!(relative_error(loss, 0.5 * (y[0] * y[0] + y[1] * y[1]), 0.0) < 1e-14);
    let want = [
        y[0] * normal[0],
        y[1] * normal[1],
        y[0],
        y[1],
        0.0,
        0.0,
        0.0,
        0.0,
    ];
    assert!(worst_error(&gradient, &want, 1e-3) < 1e-13, "{gradient:?}");
    engine.step(&Batch::all(&row), Time::new(1, 0.0)).unwrap();
    assert_eq!(engine.save().unwrap().parameters, parameters);
}

#[test]
fn statistics_are_those_of_the_whole_batch_however_it_is_cut() {
    // More rows than a block has, far from 0.
    let count = 333;
    let x: Vec<f64> = normals(4, count)
        .into_iter()
        .map(|x| 1e6 + 3.0 * x)
        .collect();
    let spec = network(
        1,
        "half_mse",
        vec![Choice::new("batch_norm").with("momentum", Setting::Number(1.0))],
    );
    let mut engine = engine(&spec, &descent(1.0, count, 1));
    let dataset = Dataset {
        features: features(1, x.clone()),
        targets: values(1, vec![0.0; count]),
        weights: None,
    };
    engine
        .step(&Batch::all(&dataset), Time::new(1, 0.0))
        .unwrap();
    let n = count as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let [.., running_mean, running_variance] = engine.save().unwrap().parameters[..] else {
        panic!("four numbers")
    };
    assert!(relative_error(running_mean, mean, 0.0) < 1e-14);
    assert!(relative_error(running_variance, variance, 0.0) < 1e-9);
}

#[test]
fn an_image_of_one_pixel_is_an_image() {
    // A window of 3×3 pixels sees one of them in its middle, and padding around it.
    let window = conv(4, 3, "tanh").with("padding", Setting::Integer(1));
    let rows = features(3, normals(1, 3 * 9));
    let answers = |image, layer, parameters: &[f64]| {
        let network = NetworkSpec {
            image,
            ..network(3, "mse", vec![layer])
        };
        let mut engine = engine(&network, &descent(1.0, 8, 1));
        engine.load(&state(parameters)).unwrap();
        engine.predict(&rows).unwrap()
    };
    let (weights, bias) = (normals(2, 4 * 3 * 9), normals(3, 4));
    let middle: Vec<f64> = weights.iter().copied().skip(4).step_by(9).collect();
    let seen = answers(Some([3, 1, 1]), window, &[weights, bias.clone()].concat());
    let expected = answers(None, dense(4, "tanh"), &[middle, bias].concat());
    assert!(worst_error(&seen, &expected, 1e-3) < 1e-13);
}

#[test]
fn embedding_reads_nothing_but_codes() {
    let network = whole(
        None,
        vec![embedding(&[5, 4], Some(&[3, 2])), dense(4, "tanh")],
    );
    let engine = engine(&network, &descent(1.0, 4, 1));
    let good = rows_for(&network, 10);
    engine.check(&Batch::all(&good), 0).unwrap();
    for (place, x) in [(0, 0.5), (1, 5.0), (6, -1.0)] {
        let Values::F64(mut values) = good.features.values.clone() else {
            panic!("numbers")
        };
        values[place] = x;
        let bad = Dataset {
            features: Features {
                width: 6,
                values: Values::F64(values),
            },
            targets: Targets::Classes(vec![0; 10]),
            weights: None,
        };
        let message = engine.check(&Batch::all(&bad), 0).unwrap_err().to_string();
        let expected = format!("layer 1 (embedding): found {x} in input {}", place % 6 + 1);
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn an_embedding_has_a_table_for_each_column_whose_unknown_code_begins_at_zero() {
    let network = whole(
        None,
        vec![embedding(&[5, 4], Some(&[3, 2])), dense(4, "tanh")],
    );
    let engine = engine(&network, &descent(1.0, 4, 1));
    let tensors: Vec<_> = (engine.parameters().into_iter())
        .map(|info| (info.name, info.shape))
        .collect();
    assert_eq!(
        tensors[..2],
        [
            ("layers.0.columns.0.weight".to_owned(), vec![5, 3]),
            ("layers.0.columns.1.weight".to_owned(), vec![4, 2]),
        ]
    );
    let theta = engine.save().unwrap().parameters;
    let (first, second) = (&theta[..15], &theta[15..23]);
    assert!(first[..3].iter().chain(&second[..2]).all(|w| *w == 0.0));
    assert!(first[3..].iter().chain(&second[2..]).all(|w| *w != 0.0));
}

#[test]
fn spectral_norm_iterates_as_it_is_written() {
    // u ← Wv/‖Wv‖, v ← Wᵀu/‖Wᵀu‖, σ = uᵀWv, once a training step; evaluation leaves u and v alone.
    let (units, inputs) = (4, 3);
    let w = normals(1, units * inputs);
    let unit = |x: Vec<f64>| {
        let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        x.into_iter().map(|x| x / norm).collect::<Vec<f64>>()
    };
    let times = |v: &[f64]| -> Vec<f64> {
        (0..units)
            .map(|i| (0..inputs).map(|j| w[i * inputs + j] * v[j]).sum())
            .collect()
    };
    let (mut u, mut v) = (unit(normals(2, units)), unit(normals(3, inputs)));
    let inner = without_bias(dense(units, "identity"));
    let spec = network(inputs, "half_mse", vec![wrapped("spectral_norm", inner)]);
    let mut engine = engine(&spec, &descent(1.0, 2, 1));
    engine
        .load(&state(&[w.clone(), u.clone(), v.clone()].concat()))
        .unwrap();
    let x = vec![0.3, -1.0, 2.0];
    let dataset = Dataset {
        features: features(inputs, x.clone()),
        targets: values(units, vec![0.0; units]),
        weights: None,
    };
    for step in 1..=6 {
        let sigma: f64 = u.iter().zip(times(&v)).map(|(u, p)| u * p).sum();
        let want: Vec<f64> = times(&x).iter().map(|y| y / sigma).collect();
        let got = engine.predict(&dataset.features).unwrap();
        assert!(
            worst_error(&got, &want, 1e-3) < 1e-13,
            "{step}: {got:?} for {want:?}"
        );
        engine
            .step(&Batch::all(&dataset), Time::new(step, 0.0))
            .unwrap();
        u = unit(times(&v));
        let transposed = |j| (0..units).map(|i| w[i * inputs + j] * u[i]).sum();
        v = unit((0..inputs).map(transposed).collect());
        let saved = engine.save().unwrap().parameters;
        assert!(
            worst_error(
                &saved[units * inputs..],
                &[u.clone(), v.clone()].concat(),
                1e-3
            ) < 1e-13
        );
    }
}

#[test]
fn a_maximum_is_that_of_its_window_and_nan_is_larger_than_all() {
    for (kernel, stride) in [(2, 0), (2, 1), (3, 0), (3, 2)] {
        let pool = layer(
            "max_pool",
            &[("kernel", f64::from(kernel)), ("stride", f64::from(stride))],
        );
        let spec = NetworkSpec {
            image: Some([1, 7, 7]),
            ..network(49, "half_mse", vec![pool])
        };
        let mut engine = engine(&spec, &descent(1.0, 1, 1));
        let stride = if stride == 0 { kernel } else { stride } as usize;
        let outputs = (7 - kernel as usize) / stride + 1;
        for strange in [None, Some(8)] {
            let mut x = normals(7, 49);
            if let Some(place) = strange {
                x[place] = f64::NAN;
            }
            let got = engine.predict(&features(49, x.clone())).unwrap();
            assert_eq!(got.len(), outputs * outputs);
            for (k, got) in got.iter().enumerate() {
                let corner = (k / outputs * 7 + k % outputs) * stride;
                let pixels = (0..kernel as usize)
                    .flat_map(|a| (0..kernel as usize).map(move |b| a * 7 + b))
                    .map(|offset| x[corner + offset]);
                let want = pixels.fold(f64::NEG_INFINITY, |best, x| {
                    if x.is_nan() || best.is_nan() {
                        f64::NAN
                    } else {
                        best.max(x)
                    }
                });
                assert_eq!(
                    got.to_bits() << 1,
                    want.to_bits() << 1,
                    "{kernel} {stride} {k}"
                );
            }
        }
    }
}

#[test]
fn a_network_may_end_in_a_residual_block_of_a_few_units() {
    let dense_of = |units: i64, activation| dense(units as usize, activation);
    for units in [1, 2, 3, 4, 5] {
        let block = residual(vec![dense_of(units, "tanh")])
            .with("projection", Setting::Choice(dense_of(units, "identity")));
        // What follows the block changes no value, but where its rows lie.
        let ends = [vec![block.clone()], vec![block, Choice::new("flatten")]];
        let found = ends.map(|layers| {
            let network = NetworkSpec {
                inputs: 3,
                image: None,
                loss: Choice::new("mse"),
                layers,
            };
            let mut engine = engine(&network, &descent(0.1, 70, 1));
            let data = dataset("mse", 3, units as usize, 70, 1);
            let (loss, gradient) = engine.loss_and_gradient(&Batch::all(&data)).unwrap();
            (loss, gradient, engine.predict(&data.features).unwrap())
        });
        assert_eq!(found[0], found[1], "{units} units");
    }
}
