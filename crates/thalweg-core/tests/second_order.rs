//! Hessian-vector products are exact: for every layer, activation and loss of the registries,
//! against differences of gradients in f64; they are symmetric and linear; closed forms; threads,
//! precision and batches change nothing.
//!
//! A new entry is tested without a change here: a layer by its examples.

use crate::common::networks::*;
use crate::common::*;
use thalweg_core::activations::ACTIVATIONS;
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::losses::{Comparison, Custom, LOSSES, Link, Target};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::solvers::Objective;
use thalweg_core::spec::{NetworkSpec, Reduction, TrainingSpec};

/// Rows with weights.
fn rows(network: &NetworkSpec, count: usize) -> Dataset {
    Dataset {
        weights: Some(weights(count, 6)),
        ..rows_for(network, count)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// a + s·b.
fn plus(a: &[f64], s: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + s * b).collect()
}

/// ‖a − b‖/‖b‖.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let error = norm(&plus(a, -1.0, b)) / norm(b).max(1e-3);
    if error.is_nan() { f64::INFINITY } else { error }
}

fn unit_vector(seed: u64, length: usize) -> Vec<f64> {
    let v = normals(seed, length);
    let length = norm(&v);
    v.iter().map(|v| v / length).collect()
}

/// Whether each parameter is trained.
fn trained(engine: &dyn Engine) -> Vec<bool> {
    let of = |info: thalweg_core::engine::ParameterInfo| {
        let length = info.shape.iter().product();
        std::iter::repeat_n(info.is_trained, length)
    };
    engine.parameters().into_iter().flat_map(of).collect()
}

/// The product by differences over five points, which leaves the engine where it was. Along a unit
/// vector these steps cross no kink of small networks, but rarely.
fn difference(engine: &mut dyn Engine, batch: &Batch, v: &[f64]) -> Vec<f64> {
    const H: f64 = 3e-5;
    let parameters = engine.save().unwrap().parameters;
    let mut at = |h: f64| {
        engine.load(&state(&plus(&parameters, h, v))).unwrap();
        engine.loss_and_gradient(batch).unwrap().1
    };
    let [a, b, c, d] = [H, -H, 2.0 * H, -2.0 * H].map(&mut at);
    at(0.0);
    (0..v.len())
        .map(|i| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * H))
        .collect()
}

/// Draws parameters away from 0 and 1, where biases and scales begin.
fn draw(engine: &mut dyn Engine, seed: u64) {
    let mut random = random(seed);
    let parameters = engine.save().unwrap().parameters;
    let moved: Vec<f64> = parameters
        .iter()
        .map(|p| p + 0.3 * random.uniform())
        .collect();
    engine.load(&state(&moved)).unwrap();
}

/// What a product is worth: its error against differences, and its length.
fn check(case: &str, engine: &mut dyn Engine, batch: &Batch, seed: u64) -> [f64; 2] {
    let before = (
        engine.save().unwrap(),
        engine.loss_and_gradient(batch).unwrap(),
    );
    let is_trained = trained(engine);
    let count = is_trained.len();
    let (u, v) = (unit_vector(seed, count), unit_vector(seed + 1, count));
    let sum = plus(&u, -2.5, &v);
    let (loss, products) = engine
        .hvp(batch, &[u.clone(), v.clone(), sum].concat())
        .unwrap();
    assert_eq!(products.len(), 3 * count);
    let (hu, hv) = (&products[..count], &products[count..2 * count]);
    let after = (
        engine.save().unwrap(),
        engine.loss_and_gradient(batch).unwrap(),
    );
    assert_eq!(before, after, "{case}: products change nothing");
    assert!(
        relative_error(loss, after.1.0, 1e-3) < 1e-13,
        "{case}: {loss}"
    );

    let only = |v: &[f64]| -> Vec<f64> {
        let pairs = v.iter().zip(&is_trained);
        pairs
            .map(|(v, is_trained)| if *is_trained { *v } else { 0.0 })
            .collect()
    };
    assert_eq!(only(hv), hv, "{case}: 0 where nothing is trained");
    let numeric = difference(engine, batch, &only(&v));
    let error = distance(hv, &numeric);
    assert!(error < 1e-9, "{case}: {error:e} from differences");
    let (there, back) = (dot(&only(&u), hv), dot(&only(&v), hu));
    let asymmetry = (there - back).abs() / norm(hu).max(norm(hv)).max(1e-3);
    assert!(
        asymmetry < 1e-12,
        "{case}: uᵀHv = {there:e}, vᵀHu = {back:e}"
    );
    let bent = distance(&products[2 * count..], &plus(hu, -2.5, hv));
    assert!(bent < 1e-12, "{case}: {bent:e} from linear");
    // One at a time, and again, the same bits.
    assert_eq!(bits(&engine.hvp(batch, &v).unwrap().1), bits(hv), "{case}");
    [error, norm(hv)]
}

#[test]
fn through_every_layer_products_are_those_of_differenced_gradients() {
    let (mut worst, mut cases) = (0.0f64, 0);
    for (number, (name, _, network)) in examples().enumerate() {
        let data = rows(&network, 9);
        let mut engine = engine(&network, &descent(1.0, 9, 1));
        // Layers may lack second derivatives, and are refused by name.
        if let Err(error) = engine.check_second_order() {
            let lacks = format!("({name}): found a layer without second derivatives");
            assert!(error.to_string().contains(&lacks), "{error}");
            continue;
        }
        draw(&mut *engine, 3);
        let case = format!("{name} {number}");
        let [error, length] = check(&case, &mut *engine, &Batch::all(&data), 20);
        assert!(
            length > 1e-2,
            "{case}: a product of {length:e} shows nothing"
        );
        println!("{case}: {error:.1e}");
        (worst, cases) = (worst.max(error), cases + 1);
    }
    println!("{cases} networks, worst {worst:.1e}");
    assert!(cases > 40, "{cases}");
}

#[test]
fn a_last_batch_of_one_row_is_normalized_by_constants() {
    let network = whole(None, vec![dense(5, "tanh"), Choice::new("batch_norm")]);
    let data = rows(&network, 10);
    let mut engine = engine(&network, &descent(1.0, 9, 1));
    draw(&mut *engine, 3);
    let last = Batch::new(&data, Rows::Range(9, 10));
    let [_, length] = check("batch_norm", &mut *engine, &last, 5);
    assert!(length > 1e-2);
}

#[test]
fn every_activation_has_its_curvature_in_every_layer_that_may_have_one() {
    let (mut worst, mut bent) = (0.0f64, Vec::new());
    for name in names(&ACTIVATIONS) {
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        let fused = vec![dense(6, name), dense(3, name)];
        let apart = Choice::new("activation").with("activation", name.into());
        let images = vec![conv(3, 2, name), conv(2, 3, "identity"), apart];
        for (number, (image, layers)) in [(None, fused), (Some(IMAGE), images)]
            .into_iter()
            .enumerate()
        {
            let network = whole(image, layers);
            let data = rows(&network, 8);
            let batch = Batch::all(&data);
            let mut engine = engine(&network, &descent(1.0, 8, 1));
            if let Err(error) = activation.check_trainable() {
                let count = engine.save().unwrap().parameters.len();
                let said = message(engine.hvp(&batch, &vec![0.0; count]));
                assert!(said.ends_with(&error.to_string()), "{said}");
                continue;
            }
            draw(&mut *engine, 4);
            let case = format!("{name} {number}");
            let [error, length] = check(&case, &mut *engine, &batch, 30);
            println!("{case}: {error:.1e}");
            bent.push(length > 1e-2);
            worst = worst.max(error);
        }
    }
    println!("worst {worst:.1e}");
    assert!(bent.len() > 20 && bent.iter().all(|bent| *bent));
}

#[test]
fn every_loss_has_its_curvature() {
    let (mut worst, mut cases, mut long) = (0.0f64, 0, 0);
    for name in names(&LOSSES) {
        for outputs in [1, 3] {
            for (kind, targets) in targets(name, outputs, 11, 8).into_iter().enumerate() {
                for is_weighted in [false, true] {
                    let layers = vec![dense(5, "tanh"), dense(outputs, "identity")];
                    let network = network(4, name, layers);
                    let data = Dataset {
                        features: features(4, normals(7, 44)),
                        targets: targets.clone(),
                        weights: is_weighted.then(|| weights(11, 9)),
                    };
                    let mut engine = engine(&network, &descent(1.0, 11, 1));
                    draw(&mut *engine, 5);
                    engine.check(&Batch::all(&data), 0).unwrap();
                    let case = format!("{name}, {outputs} outputs, targets {kind}, {is_weighted}");
                    let [error, length] = check(&case, &mut *engine, &Batch::all(&data), 40);
                    println!("{case}: {error:.1e}");
                    (worst, cases) = (worst.max(error), cases + 1);
                    long += usize::from(length > 1e-2);
                }
            }
        }
    }
    println!("{cases} cases, worst {worst:.1e}");
    // All but cross-entropy and margins of a single class.
    assert!(cases > 50 && long + 10 > cases, "{long} of {cases}");
}

#[test]
fn a_loss_of_the_users_own_is_differenced_where_it_is_not_known() {
    let loss = || {
        let log_cosh = |z: &[f64], target: Target, dz: &mut [f64]| {
            let Target::Values(y) = target else {
                panic!("values")
            };
            for j in 0..z.len() {
                dz[j] = (z[j] - y[j]).tanh();
            }
            (0..z.len()).map(|j| (z[j] - y[j]).cosh().ln()).sum()
        };
        Box::new(Custom::new(Link::Identity, Comparison::Values, log_cosh))
    };
    let network = network(4, "mse", vec![dense(5, "tanh"), dense(2, "identity")]);
    let data = dataset("mse", 4, 2, 11, 3);
    let spec = descent(1.0, 11, 1);
    let mut engine = cpu::engine_with_loss(&network, &spec, 1, loss()).unwrap();
    let v = unit_vector(1, engine.save().unwrap().parameters.len());
    let batch = Batch::all(&data);
    let (_, product) = engine.hvp(&batch, &v).unwrap();
    let error = distance(&product, &difference(&mut *engine, &batch, &v));
    assert!(error < 1e-7 && norm(&product) > 1e-2, "{error:e}");
}

/// All columns of the Hessian at once.
fn hessian(engine: &mut dyn Engine, batch: &Batch) -> Vec<Vec<f64>> {
    let count = engine.save().unwrap().parameters.len();
    let unit = |i: usize| f64::from(u8::from(i / count == i % count));
    let columns = engine.hvp(batch, &(0..count * count).map(unit).collect::<Vec<_>>());
    columns
        .unwrap()
        .1
        .chunks_exact(count)
        .map(<[f64]>::to_vec)
        .collect()
}

#[test]
fn of_linear_least_squares_the_hessian_is_that_of_the_normal_equations() {
    // Of mean (z − y)², z = W·x + b: 2/outputs·Σ w·x̃x̃ᵀ/Σ w between weights of one output, 0
    // between outputs.
    for (inputs, outputs, count, is_weighted) in
        [(1, 1, 5, false), (3, 1, 17, true), (4, 6, 90, true)]
    {
        let x = normals(1, inputs * count);
        let w = is_weighted.then(|| weights(count, 3));
        let data = Dataset {
            features: features(inputs, x.clone()),
            targets: values(outputs, normals(2, outputs * count)),
            weights: w.clone(),
        };
        let network = network(inputs, "mse", vec![dense(outputs, "identity")]);
        let mut engine = engine(&network, &descent(1.0, count, 1));
        let got = hessian(&mut *engine, &Batch::all(&data));
        let weight = |row: usize| w.as_ref().map_or(1.0, |w| f64::from(w[row]));
        let total: f64 = (0..count).map(weight).sum();
        let place = |p: usize| match p < inputs * outputs {
            true => (p / inputs, p % inputs),
            false => (p - inputs * outputs, inputs),
        };
        let at = |row: usize, i: usize| if i < inputs { x[row * inputs + i] } else { 1.0 };
        for (p, column) in got.iter().enumerate() {
            for (q, value) in column.iter().enumerate() {
                let ((a, i), (b, j)) = (place(p), place(q));
                let sum: f64 = (0..count).map(|r| weight(r) * at(r, i) * at(r, j)).sum();
                let want = if a == b {
                    2.0 / outputs as f64 * sum / total
                } else {
                    0.0
                };
                assert!(
                    (value - want).abs() < 1e-13,
                    "{p} {q}: {value} is not {want}"
                );
            }
        }
    }
}

#[test]
fn a_product_of_two_weights_has_its_saddle_in_the_origin() {
    // ½(w₁w₂x − y)²: ∂²/∂w₁² = w₂²x², ∂²/∂w₁∂w₂ = 2w₁w₂x² − xy.
    let layers = || without_bias(dense(1, "identity"));
    let network = network(1, "half_mse", vec![layers(), layers()]);
    let (x, y) = (1.5, -0.8);
    let data = pairs(&[(x, y)]);
    let mut engine = engine(&network, &descent(1.0, 1, 1));
    for [w1, w2] in [[0.0, 0.0], [0.7, -1.3], [2.0, 0.25]] {
        engine.load(&state(&[w1, w2])).unwrap();
        let got = hessian(&mut *engine, &Batch::all(&data)).concat();
        let cross = 2.0 * w1 * w2 * x * x - x * y;
        let want = [w2 * w2 * x * x, cross, cross, w1 * w1 * x * x];
        assert!(
            worst_error(&got, &want, 1.0) < 1e-15,
            "{got:?} is not {want:?}"
        );
    }
}

#[test]
fn at_kinks_relu_has_neither_slope_nor_curvature() {
    // z = 0 in both units: nothing passes, and only the last bias has an effect on the output.
    let network = network(2, "half_mse", vec![dense(2, "relu"), dense(1, "identity")]);
    let data = rows_of_zeros();
    let mut engine = engine(&network, &descent(1.0, 2, 1));
    let mut parameters = vec![0.5; 9];
    parameters[4] = 0.0;
    parameters[5] = 0.0;
    engine.load(&state(&parameters)).unwrap();
    let got = hessian(&mut *engine, &Batch::all(&data));
    for (p, column) in got.iter().enumerate() {
        for (q, value) in column.iter().enumerate() {
            assert_eq!(*value, f64::from(u8::from(p == 8 && q == 8)), "{p} {q}");
        }
    }
}

fn rows_of_zeros() -> Dataset {
    crate::common::rows(2, &[0.0; 4], &[1.0, 2.0])
}

/// Large enough for a team of threads: everything that meets, in one network.
fn large() -> NetworkSpec {
    let layers = vec![
        conv(8, 3, "tanh"),
        Choice::new("batch_norm"),
        layer("max_pool", &[("kernel", 2.0)]),
        residual(vec![
            conv(8, 3, "gelu").with("padding", Setting::Integer(1)),
            Choice::new("batch_norm"),
        ]),
        Choice::new("dropout").with("rate", Setting::Number(0.2)),
        dense(40, "tanh"),
        Choice::new("layer_norm"),
        dense(30, "softmax"),
    ];
    whole(Some([3, 12, 12]), layers)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let network = large();
    let data = rows(&network, 107);
    let batch = Batch::new(&data, Rows::Range(3, 103));
    for dtype in [Dtype::F64, Dtype::F32] {
        let spec = TrainingSpec {
            dtype,
            seed: 7,
            ..descent(1e-2, 100, 1)
        };
        let product = |threads| {
            let mut engine = cpu::engine(&network, &spec, threads).unwrap();
            let count = engine.save().unwrap().parameters.len();
            let vectors = [unit_vector(1, count), unit_vector(2, count)].concat();
            let (loss, products) = engine.hvp(&batch, &vectors).unwrap();
            assert!(norm(&products) > 1e-2);
            (loss.to_bits(), bits(&products))
        };
        let one = product(1);
        for threads in [2, 3, 5] {
            assert_eq!(product(threads), one, "{dtype:?}: {threads} threads");
        }
    }
}

#[test]
fn a_large_network_has_the_product_of_differenced_gradients() {
    let network = large();
    let data = rows(&network, 100);
    let mut engine = cpu::engine(&network, &descent(1.0, 100, 1), 2).unwrap();
    let count = engine.save().unwrap().parameters.len();
    let v: Vec<f64> = (unit_vector(3, count).iter().zip(trained(&*engine)))
        .map(|(v, is_trained)| if is_trained { *v } else { 0.0 })
        .collect();
    let batch = Batch::all(&data);
    let (_, product) = engine.hvp(&batch, &v).unwrap();
    let error = distance(&product, &difference(&mut *engine, &batch, &v));
    println!("{error:.1e}");
    assert!(error < 1e-7, "{error:e}");
}

#[test]
fn engines_of_any_precision_have_the_products_of_double_precision() {
    let layers = vec![dense(30, "tanh"), dense(20, "gelu")];
    let network = whole(None, layers);
    let data = rows(&network, 50);
    let batch = Batch::all(&data);
    let mut single = vec![];
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64] {
        let spec = TrainingSpec {
            dtype,
            ..descent(1.0, 50, 1)
        };
        let mut engine = engine(&network, &spec);
        if dtype == Dtype::F32 {
            draw(&mut *engine, 1);
            single = engine.save().unwrap().parameters;
        }
        // Numbers of single precision are numbers of double precision.
        engine.load(&state(&single)).unwrap();
        let v = unit_vector(8, single.len());
        let (_, product) = engine.hvp(&batch, &v).unwrap();
        let mut exact = crate::common::engine(&network, &descent(1.0, 50, 1));
        exact.load(&state(&single)).unwrap();
        let error = distance(&product, &exact.hvp(&batch, &v).unwrap().1);
        assert!(error < 1e-14, "{dtype}: {error:e}");
    }
}

#[test]
fn products_follow_the_parameters_and_a_sum_is_as_many_times_the_mean() {
    let network = whole(None, vec![dense(5, "tanh")]);
    let data = rows(&network, 12);
    let batch = Batch::all(&data);
    let spec = descent(0.5, 12, 1);
    let sum = TrainingSpec {
        reduction: Reduction::Sum,
        ..spec.clone()
    };
    let [mut mean, mut sum] = [spec, sum].map(|spec| engine(&network, &spec));
    let v = unit_vector(1, mean.save().unwrap().parameters.len());
    let first = mean.hvp(&batch, &v).unwrap();
    let of_sum = sum.hvp(&batch, &v).unwrap();
    assert_eq!(of_sum.0, first.0);
    let scaled: Vec<f64> = first.1.iter().map(|p| p * batch.total_weight()).collect();
    assert!(distance(&of_sum.1, &scaled) < 1e-13);
    let time = thalweg_core::optimizers::Time::new(1, 0.5);
    mean.step(&batch, time).unwrap();
    let (_, after) = mean.hvp(&batch, &v).unwrap();
    assert!(distance(&after, &first.1) > 1e-3);
    assert!(distance(&after, &difference(&mut *mean, &batch, &v)) < 1e-8);
}

#[test]
fn products_of_batches_add_up_to_that_of_all_rows_which_newtons_method_takes() {
    let network = whole(None, vec![dense(5, "tanh"), Choice::new("layer_norm")]);
    let data = rows(&network, 45);
    let mut whole = engine(&network, &descent(1.0, 45, 1));
    draw(&mut *whole, 2);
    let theta = whole.save().unwrap().parameters;
    let v = unit_vector(1, theta.len());
    let (_, mut want) = whole.hvp(&Batch::all(&data), &v).unwrap();
    let decays = (whole.parameters().into_iter())
        .flat_map(|info| std::iter::repeat_n(info.decays, info.shape.iter().product()));
    for ((want, v), decays) in want.iter_mut().zip(&v).zip(decays) {
        *want += if decays { 0.3 * v } else { 0.0 };
    }
    // Batches of 17, 17 and 11 rows.
    let spec = TrainingSpec {
        l2: 0.3,
        ..descent(1.0, 17, 1)
    };
    let mut parts = engine(&network, &spec);
    let mut rows = data.view();
    let mut objective = Objective::new(&mut *parts, &mut rows, &spec);
    let point = objective.at(&theta).unwrap();
    let got = objective.hessian_times(&point, &v).unwrap();
    assert!(distance(&got, &want) < 1e-13);
}

#[test]
fn where_a_layer_lacks_them_newtons_method_takes_differences() {
    let wrapped = Choice::new("weight_norm").with("layer", Setting::Choice(dense(5, "tanh")));
    let network = whole(None, vec![wrapped]);
    let data = rows(&network, 20);
    let spec = descent(1.0, 20, 1);
    let mut engine = engine(&network, &spec);
    let v = unit_vector(1, engine.save().unwrap().parameters.len());
    let want = difference(&mut *engine, &Batch::all(&data), &v);
    let mut rows = data.view();
    let mut objective = Objective::new(&mut *engine, &mut rows, &spec);
    let point = objective.here().unwrap();
    let got = objective.hessian_times(&point, &v).unwrap();
    assert!(distance(&got, &want) < 1e-7 && norm(&want) > 1e-2);
}

#[test]
fn what_has_no_products_is_refused_by_its_name() {
    for name in ["weight_norm", "spectral_norm"] {
        let inner = || Choice::new(name).with("layer", Setting::Choice(dense(6, "tanh")));
        let deep = residual(vec![dense(6, "tanh"), residual(vec![inner()])]);
        for (layers, place) in [(vec![dense(6, "tanh"), inner()], 2), (vec![deep], 1)] {
            let network = whole(None, layers);
            let data = rows(&network, 4);
            let mut engine = engine(&network, &descent(1.0, 4, 1));
            let count = engine.save().unwrap().parameters.len();
            let want = format!(
                "layer {place} ({name}): found a layer without second derivatives, expected layers that \
                 Hessian-vector products can go through"
            );
            assert_eq!(message(engine.check_second_order()), want);
            assert_eq!(
                message(engine.hvp(&Batch::all(&data), &vec![1.0; count])),
                want
            );
        }
    }
    let network = whole(None, vec![dense(6, "tanh")]);
    let data = rows(&network, 5);
    let mut engine = engine(&network, &descent(1.0, 4, 1));
    let count = engine.save().unwrap().parameters.len();
    let batch = Batch::new(&data, Rows::Range(0, 4));
    for length in [0, 1, count - 1, count + 1] {
        let said = message(engine.hvp(&batch, &vec![1.0; length]));
        assert!(
            said.starts_with(&format!("vectors: found {length} values")),
            "{said}"
        );
    }
    let v = vec![1.0; count];
    assert!(message(engine.hvp(&Batch::all(&data), &v)).contains("at most 4"));
    assert!(message(engine.hvp(&Batch::unlabelled(&data.features), &v)).contains("batch"));
    engine.hvp(&batch, &v).unwrap();
}
