//! The score of a linear model, to stand beside that of the best constant: some iterations of
//! L-BFGS (`solvers/lbfgs.rs`) on inputs as the network sees them, codes of categories as an input
//! for each category. Of many rows, it is fitted to as many as a small part of the run's time allows.

use thalweg_core::cpu;
use thalweg_core::dataset::{
    Dataset, DatasetRef, Features, FeaturesRef, Targets, TargetsRef, Values, ValuesRef,
};
use thalweg_core::engine::{Batch, Engine, LossSums};
use thalweg_core::losses::LOSSES;
use thalweg_core::metrics::Decision;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};
use thalweg_data::Task;

use crate::classes::{self, Correction, Weighting};
use crate::config::Config;
use crate::error::Result;
use crate::judging;
use crate::network_file::dense;
use crate::rows::{Part, RunRows};
use crate::scores::{Judge, Scores};

const ITERATIONS: usize = 40;
/// Products of forward and backward passes, with the trials of line searches, an iteration.
const PASSES: f64 = 3.0;
/// Multiply-adds that a fit may always take, and its share of those of the run.
const LEAST_BUDGET: f64 = 3e7;
const SHARE: f64 = 0.02;
/// Rows are predicted in chunks of so many.
const CHUNK: usize = 4096;
/// Columns of sparse rows, at most.
const MOST_COLUMNS: usize = 1 << 16;

/// What a linear model is fitted to, as the run is: with its weights, corrected and decided as it is.
pub(crate) struct Beside<'a> {
    pub config: &'a Config,
    pub rows: &'a RunRows<'a>,
    pub weighting: &'a Weighting,
    /// What the run takes, in multiply-adds.
    pub cost: f64,
    pub threads: usize,
}

/// Scores on `judged` of a linear model of the training rows; none where it cannot be fitted, or to too
/// few rows in that time. They have the loss of the run, where that takes the same predictions.
pub(crate) fn scores(beside: &Beside, judged: DatasetRef) -> Result<Option<Scores>> {
    let (preprocessing, threads) = (&beside.rows.preprocessing, beside.threads);
    let training = beside.rows.train.view();
    let weights = classes::weights(training, beside.weighting.sampled.as_deref());
    let training = DatasetRef {
        weights: weights.as_deref(),
        ..training
    };
    let codes: Vec<usize> = (preprocessing.codes().iter())
        .map(|(_, count)| *count)
        .collect();
    let Some(fitted) = rows_in_time(beside, training, &codes) else {
        return Ok(None);
    };
    let loss = match preprocessing.task() {
        Task::Regression => "mse",
        Task::Binary | Task::Multilabel => "logistic",
        Task::Multiclass => "cross_entropy",
    };
    let outputs = preprocessing.output_width();
    let layer = Choice::new(dense(preprocessing.is_sparse()))
        .with("units", Setting::Integer(outputs as i64))
        .with("initializer", Setting::Text("zeros".to_owned()));
    let network = NetworkSpec {
        layers: vec![layer],
        ..NetworkSpec::mlp(
            fitted.features.width,
            &[],
            "identity",
            outputs,
            Choice::new(loss),
        )
    };
    let spec = TrainingSpec {
        optimizer: Choice::new("lbfgs"),
        epochs: ITERATIONS,
        batch_size: CHUNK.min(fitted.rows()),
        l2: 1e-4,
        dtype: Dtype::F64,
        ..TrainingSpec::default()
    };
    let engine = cpu::engine(&network, &spec, threads)?;
    let mut run = Run::with_sources(engine, &spec, Box::new(&fitted), None)?;
    if train(&mut run, &mut ()).is_err() {
        return Ok(None);
    }
    let mut engine = run.into_engine();
    let own = &beside.config.network.loss;
    let has_loss = LOSSES.build(own, &())?.link() == LOSSES.build(&network.loss, &())?.link();
    if has_loss {
        let parameters = engine.save_parameters()?;
        let network = NetworkSpec {
            loss: own.clone(),
            ..network.clone()
        };
        engine = cpu::engine(&network, &spec, threads)?;
        engine.load_parameters(&parameters)?;
    }
    let decision = decide(beside, &mut *engine, &network, &codes)?;
    let (predictions, mean_loss) = predict(&mut *engine, judged, &codes)?;
    if predictions.iter().any(|value| !value.is_finite()) {
        return Ok(None);
    }
    let judge = Judge::new(preprocessing, &network.loss)?.deciding(decision);
    let mut scores = judge.score(predictions, judged)?;
    scores.loss = has_loss.then_some(mean_loss);
    Ok(Some(scores))
}

/// Training rows, as many as may be fitted in time; none if they would say little of what linear models
/// can do.
fn rows_in_time(beside: &Beside, training: DatasetRef, codes: &[usize]) -> Option<Dataset> {
    let expanded: usize = codes.iter().sum();
    let inputs = training.features.width - codes.len() + expanded;
    let outputs = beside.rows.preprocessing.output_width();
    let all = training.features.rows();
    let are_sparse = matches!(training.features.values, ValuesRef::Sparse(_));
    // The vectors of the method are as long as a row is wide.
    if are_sparse && inputs > MOST_COLUMNS {
        return None;
    }
    let budget = LEAST_BUDGET.max(SHARE * beside.cost) / (PASSES * ITERATIONS as f64);
    let most = (budget / (inputs * outputs).max(1) as f64) as usize;
    if most < all.min(2 * inputs.max(50)) {
        return None;
    }
    let count = most.min(all);
    let rows: Vec<usize> = (0..count).map(|i| i * all / count).collect();
    Some(gather(training, &rows, codes))
}

/// Corrects a linear model to the true shares of the classes where the run is, and decides as the run does.
fn decide(
    beside: &Beside,
    engine: &mut dyn Engine,
    network: &NetworkSpec,
    codes: &[usize],
) -> Result<Decision> {
    let Beside {
        config,
        rows,
        weighting,
        ..
    } = beside;
    let link = LOSSES.build(&network.loss, &())?.link();
    let factors = (weighting.factors.as_deref()).filter(|_| config.data.fit.prior_correction);
    let correction = factors.and_then(|factors| Correction::of(factors, link));
    if let Some(correction) = &correction {
        correction.apply(engine, network)?;
    }
    let Some(threshold) = config.judging.threshold else {
        return Ok(correction.map_or(Decision::Likeliest, |correction| correction.decision));
    };
    let judge = Judge::new(&rows.preprocessing, &network.loss)?;
    let outputs = rows.preprocessing.output_width();
    let validation = rows.validation.as_ref().map(Part::view);
    let predict = |rows: DatasetRef| Ok(predict(engine, rows, codes)?.0);
    let chosen = judging::choose(threshold, &judge, validation, outputs, predict)?;
    Ok(Decision::Thresholds(chosen))
}

/// Predictions and the mean loss of rows.
fn predict(
    engine: &mut dyn Engine,
    judged: DatasetRef,
    codes: &[usize],
) -> Result<(Vec<f64>, f64)> {
    let (mut predictions, mut losses) = (Vec::new(), LossSums::default());
    let rows: Vec<usize> = (0..judged.features.rows()).collect();
    for chunk in rows.chunks(CHUNK) {
        let chunk = gather(judged, chunk, codes);
        let mut of_chunk = Vec::new();
        engine.add_losses(&Batch::all(&chunk), &mut losses, Some(&mut of_chunk))?;
        predictions.append(&mut of_chunk);
    }
    Ok((predictions, losses.mean()))
}

/// Some rows.
fn gather(from: DatasetRef, rows: &[usize], codes: &[usize]) -> Dataset {
    Dataset {
        features: expand(from.features, rows, codes),
        targets: match from.targets {
            TargetsRef::Classes(classes) => {
                Targets::Classes(rows.iter().map(|&row| classes[row]).collect())
            }
            TargetsRef::Values { width, values } => Targets::Values {
                width,
                values: (rows.iter())
                    .flat_map(|&row| &values[row * width..][..width])
                    .copied()
                    .collect(),
            },
        },
        weights: (from.weights).map(|weights| rows.iter().map(|&row| weights[row]).collect()),
    }
}

/// The inputs of some rows, with an input for each code of the first columns.
fn expand(features: FeaturesRef, rows: &[usize], codes: &[usize]) -> Features {
    if let ValuesRef::Sparse(all) = features.values {
        let values = Values::Sparse(all.gather(rows.iter().copied(), false));
        let width = features.width;
        return Features { width, values };
    }
    let expanded: usize = codes.iter().sum();
    let width = features.width - codes.len() + expanded;
    let mut values = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        let start = values.len();
        values.resize(start + expanded, 0.0f32);
        let mut first = start;
        for (j, x) in features.row(row).enumerate() {
            match codes.get(j) {
                Some(&count) => {
                    values[first + (x as usize).min(count - 1)] = 1.0;
                    first += count;
                }
                None => values.push(x as f32),
            }
        }
    }
    let values = Values::F32(values);
    Features { width, values }
}
