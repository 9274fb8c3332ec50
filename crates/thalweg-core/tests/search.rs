//! Exhaustive search draws the surface that others walk on, and goes to the lowest point of its grid.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::engine::Batch;
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::search::{Axis, grid};
use thalweg_core::solvers::surface;
use thalweg_core::spec::TrainingSpec;
use thalweg_core::train::{Checkpoint, Run, StoppedBy, train};
use thalweg_core::train::{Flow, Observer};

fn search(from: f64, to: f64, points: i64, l2: f64) -> TrainingSpec {
    TrainingSpec {
        l2,
        optimizer: Choice::new("exhaustive")
            .with("from", Setting::Number(from))
            .with("to", Setting::Number(to))
            .with("points", Setting::Integer(points)),
        ..descent(1.0, 2, 400)
    }
}

#[test]
fn exhaustive_search_draws_the_surface_exactly_and_leaves_the_engine_as_it_was() {
    // Rows (2, 4) and (−1, 3): the loss is ½·mean (wx + b − y)².
    let rows = pairs(&[(2.0, 4.0), (-1.0, 3.0)]);
    let network = network(1, "half_mse", vec![dense(1, "identity")]);
    let mut spec = descent(0.1, 2, 1);
    spec.optimizer = Choice::new("sgd");
    let mut engine = engine(&network, &spec);
    let time = thalweg_core::optimizers::Time::new(1, 0.1);
    engine.step(&Batch::all(&rows), time).unwrap();
    let before = engine.save().unwrap();
    let axes = [Axis::linear(0, -1.0, 1.0, 5), Axis::linear(1, 0.0, 4.0, 3)];
    let surface = grid(&mut *engine, &Batch::all(&rows), &axes).unwrap();
    let loss = |w: f64, b: f64| ((2.0 * w + b - 4.0).powi(2) + (b - w - 3.0).powi(2)) / 4.0;
    let mut expected = Vec::new();
    for w in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        for b in [0.0, 2.0, 4.0] {
            expected.push(loss(w, b));
        }
    }
    assert_eq!(surface.losses, expected);
    assert_eq!(surface.lowest(), Some((vec![0.0, 4.0], loss(0.0, 4.0))));
    assert_eq!(engine.save().unwrap(), before);
    let line = grid(&mut *engine, &Batch::all(&rows), &axes[..1]).unwrap();
    assert_eq!(line.losses.len(), 5);
    for axes in [
        vec![],
        vec![Axis::linear(2, 0.0, 1.0, 2)],
        vec![Axis::linear(0, 0.0, 1.0, 0)],
    ] {
        assert!(grid(&mut *engine, &Batch::all(&rows), &axes).is_err());
    }
}

#[test]
fn exhaustive_search_goes_to_the_lowest_point_of_its_grid_and_no_further() {
    let rows = pairs(&[(2.0, 4.0), (4.0, 9.0), (-1.0, -2.0), (5.0, 15.0)]);
    let network = network(1, "mse", vec![without_bias(dense(1, "identity"))]);
    // In eighths, so that every number is exact.
    let spec = search(0.0, 5.0, 41, 0.0);
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
    let summary = train(&mut run, &mut ()).unwrap();
    assert_eq!(
        (summary.epochs, summary.stopped_by),
        (1, StoppedBy::Searched)
    );
    let theta = run.engine().save().unwrap().parameters;
    assert_eq!(theta, [2.625]);
    assert!((theta[0] - 121.0 / 46.0).abs() <= 0.125 / 2.0);

    let before = run.engine().save().unwrap();
    let drawn = surface(run.engine(), &mut &rows, &spec).unwrap().unwrap();
    assert_eq!(run.engine().save().unwrap(), before);
    let loss = |w: f64| {
        let squares = [4.0 - 2.0 * w, 9.0 - 4.0 * w, -2.0 + w, 15.0 - 5.0 * w];
        squares.iter().map(|e| e * e).sum::<f64>() / 4.0
    };
    let values: Vec<f64> = (0..=40).map(|k| f64::from(k) / 8.0).collect();
    assert_eq!(drawn.axes[0].values, values);
    let losses: Vec<f64> = values.iter().map(|w| loss(*w)).collect();
    assert_eq!(drawn.losses, losses);
    assert_eq!(drawn.lowest(), Some((vec![2.625], loss(2.625))));
    assert_eq!(
        surface(run.engine(), &mut &rows, &descent(1.0, 4, 1)).unwrap(),
        None
    );
}

#[test]
fn the_surface_of_two_parameters_is_that_of_what_is_minimized_penalty_included() {
    let rows = pairs(&[(2.0, 4.0), (-1.0, 3.0)]);
    let network = network(1, "half_mse", vec![dense(1, "identity")]);
    let spec = search(-2.0, 2.0, 9, 0.5);
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    let theta = run.engine().save().unwrap().parameters;
    let drawn = surface(&mut *engine(&network, &spec), &mut &rows, &spec);
    let drawn = drawn.unwrap().unwrap();
    let loss =
        |w: f64, b: f64| ((2.0 * w + b - 4.0).powi(2) + (b - w - 3.0).powi(2)) / 4.0 + 0.25 * w * w;
    let values = || (-4..=4).map(|k| f64::from(k) / 2.0);
    let expected: Vec<f64> = values()
        .flat_map(|w| values().map(move |b| loss(w, b)))
        .collect();
    assert_eq!(drawn.losses, expected);
    let least = expected.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(loss(theta[0], theta[1]), least);
    assert_eq!(drawn.lowest(), Some((theta, least)));
}

#[test]
fn exhaustive_search_refuses_more_than_two_parameters_and_a_grid_that_is_none() {
    let spec = search(-1.0, 1.0, 3, 0.0);
    let three = network(2, "mse", vec![dense(1, "identity")]);
    let message = cpu::engine(&three, &spec, 1).err().unwrap().to_string();
    assert!(
        message.contains("found 3 parameters, expected at most 2"),
        "{message}"
    );
    for (spec, expected) in [
        (search(1.0, 1.0, 3, 0.0), "expected from < to"),
        (search(2.0, 1.0, 3, 0.0), "expected from < to"),
        (search(0.0, 1.0, 1, 0.0), "points = 1"),
    ] {
        let message = spec.resolve().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_search_ends_in_its_only_epoch_and_tells_where_it_led() {
    struct Watch(Vec<EpochReport>, Option<Checkpoint>);
    impl Observer for Watch {
        fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
            self.0.push(report.clone());
            self.1 = run.checkpoint()?;
            Ok(Flow::Continue)
        }
    }
    let rows = pairs(&[(2.0, 4.0), (-1.0, 3.0)]);
    let network = network(1, "mse", vec![dense(1, "identity")]);
    let spec = search(-2.0, 2.0, 9, 0.0);
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
    let mut watch = Watch(Vec::new(), None);
    let summary = train(&mut run, &mut watch).unwrap();
    assert_eq!((summary.epochs, summary.steps), (1, 1));
    let [report] = &watch.0[..] else {
        panic!("{} epochs", watch.0.len());
    };
    let drawn = surface(run.engine(), &mut &rows, &spec).unwrap().unwrap();
    let (_, lowest) = drawn.lowest().unwrap();
    assert_eq!(report.train_loss, lowest);
    assert!(watch.1.is_none(), "there is nothing to resume");
}
