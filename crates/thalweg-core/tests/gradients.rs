//! The gradient is the derivative of the loss: for dense layers with every activation and every
//! loss of the registries, against central finite differences in f64.
//!
//! A new entry is tested without a change here, or the test says what it does not know.

use crate::common::*;
use thalweg_core::Isa;
use thalweg_core::activations::{ACTIVATIONS, AnyActivation, RowShape};
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Engine, ParameterInfo};
use thalweg_core::layers::LAYERS;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::registry::{Choice, Default, Domain, Setting};
use thalweg_core::spec::NetworkSpec;

/// Step of the differences, which have an error of h⁴.
const H: f64 = 1e-4;
const TOLERANCE: f64 = 1e-6;
/// Differences of a loss of about 1 carry an absolute error of about 1e-12, so that slopes below
/// this cannot be compared to more than `TOLERANCE`·`FLOOR`.
const FLOOR: f64 = 1e-4;
/// Sums before an activation are at least this far from a kink; one parameter moves them by less.
const MARGIN: f64 = 5e-3;
/// Parameters of a tensor that are checked one by one.
const SAMPLE: usize = 24;

/// Inputs, widths of the layers, rows: narrow, odd, a whole vector, one more, more than a panel.
const SHAPES: [(usize, [usize; 2], usize); 5] = [
    (3, [1, 3], 1),
    (1, [3, 17], 7),
    (17, [16, 3], 33),
    (16, [17, 1], 2),
    (70, [70, 17], 7),
];

/// What was checked, and how well it came out.
#[derive(Default)]
struct Tally {
    cases: usize,
    parameters: usize,
    drawn: usize,
    kept: usize,
    compared: usize,
    /// Differences that stepped over a kink of the loss.
    stepped_over: usize,
    worst: f64,
}

/// A layer of `width` units if its width is free, with every flag in turn.
fn variants(name: &str, width: usize, activation: &str) -> Vec<Choice> {
    let mut variants = vec![Choice::new(name)];
    for parameter in LAYERS.find(name).unwrap().description.parameters {
        let each = |settings: &[Setting]| -> Vec<Choice> {
            (settings.iter())
                .flat_map(|s| {
                    variants
                        .iter()
                        .map(|v| v.clone().with(parameter.name, s.clone()))
                })
                .collect()
        };
        variants = match (parameter.name, parameter.domain, parameter.default) {
            ("units", ..) => each(&[Setting::Integer(width as i64)]),
            ("activation", ..) => each(&[activation.into()]),
            (_, Domain::Flag, _) => each(&[Setting::Flag(true), Setting::Flag(false)]),
            (other, _, Default::Required) => {
                panic!("layer {name} wants `{other}`: say in this test which values to check")
            }
            _ => continue,
        };
    }
    variants
}

/// A row of a single value.
const ONE: RowShape = RowShape {
    width: 1,
    stride: 1,
};

/// Where the slope of an activation or its curvature jumps, found by looking.
fn kinks(activation: &str) -> Vec<f64> {
    let activation = self::activation(activation);
    let derivatives = |z: f64| {
        let activation: &dyn thalweg_core::activations::Activation<f64> = &*activation;
        let (mut y, mut dy) = ([z], [1.0]);
        activation.forward(Isa::PORTABLE, ONE, &mut y);
        let at = if activation.keeps_input() { [z] } else { y };
        activation.backward(Isa::PORTABLE, ONE, &at, &mut dy);
        let mut curvature = [0.0];
        activation.add_curvature(Isa::PORTABLE, ONE, &at, &[1.0], &[1.0], &mut curvature);
        [dy[0], curvature[0]]
    };
    let jumps = |a: f64, b: f64| {
        let (a, b) = (derivatives(a), derivatives(b));
        (b[0] - a[0]).abs() > 0.08 || (b[1] - a[1]).abs() > 0.08
    };
    let mut found = Vec::new();
    for i in -1000..1000 {
        let (mut a, mut b) = ((f64::from(i) + 0.5) / 100.0, (f64::from(i) + 1.5) / 100.0);
        if jumps(a, b) {
            while b - a > 1e-9 {
                let middle = (a + b) / 2.0;
                if jumps(a, middle) {
                    b = middle
                } else {
                    a = middle
                }
            }
            found.push(a);
        }
    }
    found
}

#[test]
fn kinks_are_found_where_they_are() {
    let near_zero = |kinks: Vec<f64>| kinks.len() == 1 && kinks[0].abs() < 1e-8;
    assert!(near_zero(kinks("relu")));
    assert!(kinks("tanh").is_empty() && kinks("identity").is_empty());
}

fn linear_loss() -> &'static str {
    let loss = |name: &&str| LOSSES.build(&Choice::new(*name), &()).unwrap();
    let name = names(&LOSSES)
        .into_iter()
        .find(|name| loss(name).link() == Link::Identity);
    name.expect("a loss with the identity as its link")
}

/// Draws rows until `rows` of them are far from every kink of the network, if there are so many
/// among thirty times as many; counts in `tally`.
fn draw_rows(
    network: &NetworkSpec,
    parameters: &[f64],
    rows: usize,
    seed: u64,
    tally: &mut Tally,
) -> Option<Vec<f64>> {
    let candidates = 30 * rows;
    let x = normals(seed, candidates * network.inputs);
    let mut keeps = vec![true; candidates];
    for (index, layer) in network.layers.iter().enumerate() {
        let Some(activation) = layer.settings.get("activation").and_then(Setting::choice) else {
            continue;
        };
        let kinks = kinks(&activation.name);
        if kinks.is_empty() {
            continue;
        }
        // The sums before this activation are what the network up to here puts out without it.
        let mut layers = network.layers[..=index].to_vec();
        layers[index]
            .settings
            .insert("activation".into(), "identity".into());
        let front = crate::common::network(network.inputs, linear_loss(), layers);
        let mut front = engine(&front, &descent(1.0, 64, 1));
        let count = front.save().unwrap().parameters.len();
        front.load(&state(&parameters[..count])).unwrap();
        let sums = front.predict(&features(network.inputs, x.clone())).unwrap();
        for (keep, sums) in keeps
            .iter_mut()
            .zip(sums.chunks_exact(sums.len() / candidates))
        {
            *keep &= sums
                .iter()
                .all(|z| kinks.iter().all(|kink| (z - kink).abs() > MARGIN));
        }
    }
    let kept: Vec<f64> = (x.chunks_exact(network.inputs).zip(&keeps))
        .filter(|(_, keeps)| **keeps)
        .take(rows)
        .flat_map(|(row, _)| row.iter().copied())
        .collect();
    let looked_at = keeps.iter().scan(0, |found, keep| {
        *found += usize::from(*keep);
        Some(*found)
    });
    tally.drawn += (looked_at.take_while(|found| *found < rows).count() + 1).min(candidates);
    tally.kept += kept.len() / network.inputs;
    (kept.len() == rows * network.inputs).then_some(kept)
}

/// Slope of the loss along `direction` by the central difference over five points, `step` apart.
fn difference(
    engine: &mut dyn Engine,
    batch: &Batch,
    parameters: &[f64],
    step: f64,
    direction: &dyn Fn(usize) -> f64,
) -> f64 {
    let mut at = |h: f64| {
        let moved = parameters
            .iter()
            .enumerate()
            .map(|(i, p)| p + h * direction(i));
        engine.load(&state(&moved.collect::<Vec<_>>())).unwrap();
        engine.evaluate(batch, None).unwrap()
    };
    (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step)
}

fn check(
    network: &NetworkSpec,
    targets: &dyn Fn(usize) -> Targets,
    rows: usize,
    is_weighted: bool,
    seed: u64,
    tally: &mut Tally,
) {
    let mut engine = engine(network, &descent(1.0, rows, 1));
    let tensors = engine.parameters();
    let lengths: Vec<usize> = tensors.iter().map(|t| t.shape.iter().product()).collect();
    // Biases start as 0, so the parameters are drawn here: for sums of about 1, and with biases
    // above 0, so that no unit is without effect on all rows.
    let mut random = random(seed);
    let mut draw = |tensor: &ParameterInfo| -> Vec<f64> {
        let count = tensor.shape.iter().product();
        match tensor.shape.get(1) {
            Some(fan_in) => {
                let scale = (1.5 / *fan_in as f64).sqrt();
                (0..count).map(|_| scale * random.normal()).collect()
            }
            None => (0..count).map(|_| random.uniform()).collect(),
        }
    };
    // A unit may be without effect on all rows all the same.
    let drawn = (0..10).find_map(|_| {
        let parameters: Vec<f64> = tensors.iter().flat_map(&mut draw).collect();
        draw_rows(network, &parameters, rows, seed + 1, tally).map(|x| (parameters, x))
    });
    let (parameters, x) = drawn.unwrap_or_else(|| panic!("{network:?}: too close to kinks"));
    let dataset = Dataset {
        features: features(network.inputs, x),
        targets: targets(rows),
        weights: is_weighted.then(|| weights(rows, seed + 2)),
    };
    engine.check(&Batch::all(&dataset), 0).unwrap();
    let batch = Batch::all(&dataset);
    engine.load(&state(&parameters)).unwrap();
    let (loss, gradient) = engine.loss_and_gradient(&batch).unwrap();
    let evaluated = engine.evaluate(&batch, None).unwrap();
    assert!(
        relative_error(loss, evaluated, 1e-3) < 1e-13,
        "{loss} is not {evaluated}"
    );

    let case = || {
        let layers: Vec<String> = network.layers.iter().map(Choice::to_string).collect();
        let layers = layers.join(" → ");
        format!(
            "{layers}, loss {}, {rows} rows, weighted: {is_weighted}",
            network.loss
        )
    };
    let mut compare =
        |what: &dyn Fn() -> String, analytic: f64, direction: &dyn Fn(usize) -> f64| {
            let mut slope = |step| difference(&mut *engine, &batch, &parameters, step, direction);
            let numeric = slope(H);
            let error = relative_error(analytic, numeric, FLOOR);
            tally.compared += 1;
            // A kink of the loss or of its slope lies in between where differences are no nearer to
            // each other than to the gradient.
            if error > TOLERANCE && relative_error(numeric, slope(H / 8.0), FLOOR) > error / 2.0 {
                tally.stepped_over += 1;
                return;
            }
            let (what, case) = (what(), case());
            assert!(
                error <= TOLERANCE,
                "{case}: {what}: {analytic:e} is not {numeric:e} ({error:e})"
            );
            tally.worst = tally.worst.max(error);
        };
    let mut start = 0;
    for (tensor, length) in tensors.iter().zip(&lengths) {
        // All, or some that are spread over the tensor with its first and last.
        let count = (*length).min(SAMPLE);
        for k in 0..count {
            let place = start
                + if count > 1 {
                    k * (length - 1) / (count - 1)
                } else {
                    0
                };
            let one = |i| f64::from(u8::from(i == place));
            let name = || format!("{}[{}]", tensor.name, place - start);
            compare(&name, gradient[place], &one);
        }
        tally.parameters += count;
        start += length;
    }
    // Every parameter is in this one.
    let d = normals(seed + 3, parameters.len());
    let norm = d.iter().map(|d| d * d).sum::<f64>().sqrt();
    let analytic: f64 = gradient.iter().zip(&d).map(|(g, d)| g * d / norm).sum();
    compare(&|| "a random direction".into(), analytic, &|i| d[i] / norm);
    tally.cases += 1;
}

/// Dense layers with every activation through which one can learn and every loss: a few of these
/// pairs in every shape, the others in one shape after the other, so that every activation and
/// every loss meets every shape. Other layers have their own cases in `layers.rs`.
fn combinations() -> Vec<(&'static str, &'static str, &'static str, usize)> {
    let is_trainable = |name: &&str| activation(name).check_trainable().is_ok();
    let (mut all, mut pair) = (Vec::new(), 0);
    for layer in ["dense"] {
        for activation in names(&ACTIVATIONS).into_iter().filter(is_trainable) {
            for loss in names(&LOSSES) {
                let in_every_shape = ["relu", "tanh"].contains(&activation)
                    && ["mse", "cross_entropy"].contains(&loss);
                pair += 1;
                let shapes = match in_every_shape {
                    true => 0..SHAPES.len(),
                    false => pair % SHAPES.len()..pair % SHAPES.len() + 1,
                };
                all.extend(shapes.map(|shape| (layer, activation, loss, shape)));
            }
        }
    }
    all
}

fn activation(name: &str) -> Box<dyn AnyActivation> {
    ACTIVATIONS.build(&Choice::new(name), &()).unwrap()
}

/// Whether a last layer with this activation would be refused.
fn is_refused(last: &str, loss: &str) -> bool {
    let loss = LOSSES.build(&Choice::new(loss), &()).unwrap();
    activation(last).is_probability() && loss.takes_logits()
}

#[test]
fn every_activation_and_loss_has_the_gradient_of_finite_differences() {
    let mut tally = Tally::default();
    let combinations = combinations();
    for (index, (layer, activation, loss, shape)) in combinations.iter().copied().enumerate() {
        let (inputs, [first, second], rows) = SHAPES[shape];
        // Each with a last layer that is linear and with one that is not.
        for (outputs, last) in [(1 + index % 2, activation), (3, "identity")] {
            let last = if is_refused(last, loss) {
                "identity"
            } else {
                last
            };
            for kind in 0..targets(loss, outputs, 1, 0).len() {
                let (first, second) = (
                    variants(layer, first, activation),
                    variants(layer, second, activation),
                );
                let variant = (index + kind) % first.len();
                let layers = vec![
                    first[variant].clone(),
                    second[(variant + 1) % second.len()].clone(),
                    dense(outputs, last),
                ];
                let network = network(inputs, loss, layers);
                let seed = 10 * tally.cases as u64;
                let of = |rows| targets(loss, outputs, rows, seed).swap_remove(kind);
                check(&network, &of, rows, false, seed + 1, &mut tally);
                // With one row whose weight is 0.
                check(&network, &of, rows.max(2), true, seed + 2, &mut tally);
            }
        }
    }
    println!(
        "{} cases, {} parameters one by one, worst relative error {:.1e}; kept {} of {} rows",
        tally.cases, tally.parameters, tally.worst, tally.kept, tally.drawn
    );
    assert!(
        tally.stepped_over * 50 < tally.compared,
        "{} of {} differences stepped over kinks of losses",
        tally.stepped_over,
        tally.compared
    );
    assert!(
        tally.kept * 4 > tally.drawn,
        "kinks leave only {} of {} rows",
        tally.kept,
        tally.drawn
    );
    assert!(
        tally.cases >= 4 * combinations.len(),
        "only {} cases",
        tally.cases
    );
}
