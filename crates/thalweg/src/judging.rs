//! What the validation rows choose: the best epoch by a metric, and thresholds.

use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::error::Error;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::{Decision, METRICS, Threshold, score_by, scores};
use thalweg_core::observe::Best;
use thalweg_core::registry::Choice;
use thalweg_core::source::scan;
use thalweg_core::train::{Checkpoint, EpochSums, Run, Selection};
use thalweg_data::error::quote;
use thalweg_data::{Note, Preprocessing, Task};

use crate::classes::{Correction, Weighting};
use crate::config::Config;
use crate::error::Result;
use crate::request::Request;
use crate::rows::{Part, RunRows};
use crate::scores::{Judge, user_weights};
use crate::smearing;
use crate::temperature;
use crate::text::{count, figure};

/// Takes what a request asks for into a config whose loss and task are resolved.
pub(crate) fn resolve(
    request: &Request,
    config: &mut Config,
    task: Task,
    has_validation: bool,
) -> Result<()> {
    let more = config.data.more_validation();
    let judging = &mut config.judging;
    if let Some(metric) = request.choice("judging.metric").or(judging.metric.take()) {
        let metric = request.with_settings(metric, "metric")?;
        judging.metric = Some(METRICS.resolve(&metric)?.into_choice());
    }
    if let Some(text) = request.text("judging.threshold") {
        judging.threshold = Some(text.parse()?);
    }
    let refuse = |path: &str, found: String, expected: &str| {
        Error::invalid(format!("`{path}`"), found, expected).at(path)
    };
    let no_rows = |path: &str| {
        let error = refuse(path, "no validation rows".to_owned(), "a validation part");
        Err(error
            .remedy(format!("leave out `{path}`, or {more}"))
            .into())
    };
    judging.temperature |= request.has("judging.temperature");
    if request.has("continue_from") && !has_validation {
        // Metric, threshold and temperature of the first run need validation rows: without any, they are kept only
        // if they are set again.
        let is_asked = |path: &str| request.has(path);
        judging.metric = judging.metric.take().filter(|_| is_asked("judging.metric"));
        judging.temperature &= is_asked("judging.temperature");
        judging.threshold = judging.threshold.filter(|threshold| {
            matches!(threshold, Threshold::At(_)) || is_asked("judging.threshold")
        });
    }
    if judging.metric.is_some() && !has_validation {
        return no_rows("judging.metric");
    }
    if judging.temperature {
        let path = "judging.temperature";
        let link = LOSSES.build(&config.network.loss, &())?.link();
        if !link.makes_probabilities() {
            let found = format!("the loss {}", config.network.loss.name);
            let error = refuse(
                path,
                found,
                "a loss of probabilities, such as cross_entropy",
            );
            let remedy = "leave it out, or choose another `network.loss`";
            return Err(error.remedy(remedy).into());
        }
        if !has_validation {
            return no_rows(path);
        }
    }
    let Some(threshold) = judging.threshold else {
        return Ok(());
    };
    let path = "judging.threshold";
    if !matches!(task, Task::Binary | Task::Multilabel) {
        let error = refuse(path, format!("the task {task}"), "binary or multilabel");
        let remedy = "leave it out; weights of classes are `data.fit.class_weight`";
        return Err(error.remedy(remedy).into());
    }
    let loss = &config.network.loss;
    if LOSSES.build(loss, &())?.link() != Link::Sigmoid {
        let found = format!("the loss {}", loss.name);
        let error = refuse(path, found, "a loss of probabilities, such as logistic");
        return Err(error
            .remedy("leave it out, or choose another `network.loss`")
            .into());
    }
    match threshold {
        Threshold::At(_) => Ok(()),
        _ if !has_validation => no_rows(path),
        _ => Ok(()),
    }
}

/// Has a run select its best epoch by the metric of the config, if there is one.
pub(crate) fn select<'a>(
    run: &mut Run<'a>,
    config: &'a Config,
    rows: &'a RunRows,
    weighting: &'a Weighting,
) -> Result<()> {
    if let Some(selection) = selection(config, rows, weighting)? {
        run.select_by(selection);
    }
    Ok(())
}

/// Goes on from a checkpoint of another run, with `weights` as those of the best epoch so far: no epoch
/// is the best that is not better on the validation rows. Patience begins anew.
pub(crate) fn go_on(
    run: &mut Run,
    checkpoint: &Checkpoint,
    weights: Option<Vec<f64>>,
    selection: Option<Selection>,
) -> Result<()> {
    run.continue_from(checkpoint)?;
    let (origin, epoch) = (run.origin(), run.epoch());
    let Some(weights) = weights else {
        return Ok(());
    };
    let judged = run.look(|engine, _, validation| -> thalweg_core::Result<_> {
        let Some(rows) = validation else {
            return Ok(None);
        };
        let latest = engine.save()?;
        engine.load_parameters(&weights)?;
        let mut predictions = Vec::new();
        let keeps = selection.is_some();
        let loss = scan::evaluate_each(engine, rows, |_, of_rows| {
            predictions.extend_from_slice(if keeps { of_rows } else { &[] });
            Ok(())
        });
        engine.load(&latest)?;
        let score = selection.map(|mut selection| (selection.score)(&predictions));
        Ok(Some((loss?, score.transpose()?)))
    })?;
    let judged =
        judged.filter(|(loss, score)| loss.is_finite() && score.is_none_or(f64::is_finite));
    if let (Some((loss, score)), Some(begun)) = (judged, run.checkpoint()?) {
        run.resume(&Checkpoint {
            origin,
            best: Some(Best {
                epoch,
                loss,
                score,
                parameters: weights,
            }),
            sums: EpochSums::default(),
            ..begun
        })?;
    }
    Ok(())
}

/// What selects the best epoch in the place of the validation loss, if anything does.
pub(crate) fn selection<'a>(
    config: &Config,
    rows: &'a RunRows,
    weighting: &'a Weighting,
) -> Result<Option<Selection<'a>>> {
    match (&config.judging.metric, &rows.validation) {
        (Some(metric), Some(validation)) => {
            let correction = weighting.correction.as_ref();
            by_metric(metric, config, rows, validation.view(), correction).map(Some)
        }
        _ => Ok(None),
    }
}

/// The score by which a metric selects the best epoch on the validation rows.
fn by_metric<'a>(
    metric: &Choice,
    config: &Config,
    rows: &'a RunRows,
    validation: DatasetRef<'a>,
    correction: Option<&'a Correction>,
) -> Result<Selection<'a>> {
    let decision = correction.map(|correction| correction.decision.clone());
    let judge = Judge::new(&rows.preprocessing, &config.network.loss)?
        .deciding(decision.unwrap_or_default());
    let (name, metric) = (metric.name.clone(), METRICS.build(metric, &())?);
    let train = rows.train.view();
    let weights = user_weights(train, &rows.preprocessing);
    let training = DatasetRef {
        weights: weights.as_deref(),
        ..train
    };
    // Whether a metric has a value depends on the rows alone.
    let constant = judge.constant_predictions(training, validation)?;
    let (score, defined) = judge.answers(constant, validation, |answers| {
        (score_by(&*metric, answers), scores(answers))
    })?;
    if score.is_none() {
        let names: Vec<&str> = defined.into_iter().map(|(name, _)| name).collect();
        let found = format!("{name}, which has no value on the validation rows");
        let error = Error::invalid("`judging.metric`", found, names.join(" or "));
        return Err(error.at("judging.metric").into());
    }
    Ok(Selection {
        is_larger_better: metric.is_larger_better(),
        score: Box::new(move |predictions| {
            let predictions = match correction {
                Some(correction) => correction.corrected(predictions),
                None => predictions.to_vec(),
            };
            let score = judge.answers(predictions, validation, |answers| {
                score_by(&*metric, answers)
            })?;
            // What is no number is never the best.
            Ok(score.unwrap_or(f64::NAN))
        }),
    })
}

/// How a trained model answers.
#[derive(Debug)]
pub(crate) struct Settled {
    /// What outputs mean: that of the run, with what the validation rows add to it.
    pub preprocessing: Preprocessing,
    pub decision: Decision,
    /// What the biases of the output layer were changed by.
    pub prior_shift: Option<Vec<f64>>,
    /// What its logits were divided by.
    pub temperature: Option<f64>,
    pub notes: Vec<Note>,
}

/// Corrects the probabilities of the trained network in `engine`, if they need it, and chooses how
/// it answers.
pub(crate) fn settle(
    engine: &mut dyn Engine,
    config: &Config,
    rows: &RunRows,
    correction: Option<&Correction>,
) -> Result<Settled> {
    let (preprocessing, note) = smearing::settle(engine, config, rows)?;
    let mut settled = Settled {
        preprocessing,
        decision: Decision::Likeliest,
        prior_shift: None,
        temperature: None,
        notes: Vec::from_iter(note),
    };
    if let Some(correction) = correction {
        correction.apply(engine, &config.network)?;
        settled.decision = correction.decision.clone();
        settled.prior_shift = Some(correction.shift.clone());
    }
    if config.judging.temperature {
        temper(engine, config, rows, &mut settled)?;
    }
    if let Some(threshold) = config.judging.threshold {
        let (decision, note) = thresholds(engine, threshold, config, rows)?;
        settled.decision = decision;
        settled.notes.push(note);
    }
    Ok(settled)
}

/// Gives the network in `engine` the temperature that suits the validation rows.
fn temper(
    engine: &mut dyn Engine,
    config: &Config,
    rows: &RunRows,
    settled: &mut Settled,
) -> Result<()> {
    let Some(validation) = &rows.validation else {
        return Ok(());
    };
    let (network, view) = (&config.network, validation.view());
    if !temperature::has_one(&engine.parameters(), network, view.targets)? {
        settled.notes.push(Note::warning(
            "probabilities have no temperature: the last layer is neither dense nor of members, or not linear",
        ));
        return Ok(());
    }
    let (fitted, [before, after]) = temperature::fit(engine, network, view)?;
    temperature::apply(engine, network, fitted)?;
    settled.decision = temperature::tempered(&settled.decision, fitted);
    settled.temperature = Some(fitted);
    let rows = count(view.features.rows(), "validation row");
    let (by, before, after) = (figure(fitted), figure(before), figure(after));
    settled.notes.push(Note::info(format!(
        "logits are divided by {by}, the temperature of {rows}, whose cross-entropy goes from {before} to {after}"
    )));
    Ok(())
}

/// The threshold of each of so many outputs: as asked for, or chosen on validation rows, whose predictions
/// `predict` makes.
pub(crate) fn choose(
    threshold: Threshold,
    judge: &Judge,
    validation: Option<DatasetRef>,
    outputs: usize,
    predict: impl FnOnce(DatasetRef) -> Result<Vec<f64>>,
) -> Result<Vec<f64>> {
    let validation = match (threshold, validation) {
        (Threshold::At(at), _) => return Ok(vec![at; outputs]),
        (_, None) => return Ok(vec![0.5; outputs]),
        (_, Some(validation)) => validation,
    };
    let chosen = judge.answers(predict(validation)?, validation, |answers| {
        let one = |output| threshold.choose(answers, output).unwrap_or(0.5);
        (0..outputs).map(one).collect()
    })?;
    Ok(chosen)
}

/// The thresholds of each output that the config asks for, and a note on them.
fn thresholds(
    engine: &mut dyn Engine,
    threshold: Threshold,
    config: &Config,
    rows: &RunRows,
) -> Result<(Decision, Note)> {
    let preprocessing = &rows.preprocessing;
    let validation = rows.validation.as_ref().map(Part::view);
    let judge = Judge::new(preprocessing, &config.network.loss)?;
    let predict = |rows: DatasetRef| {
        let mut predictions = Vec::new();
        engine.evaluate(&Batch::all(rows), Some(&mut predictions))?;
        Ok(predictions)
    };
    let chosen = choose(
        threshold,
        &judge,
        validation,
        preprocessing.output_width(),
        predict,
    )?;
    let by = match (threshold, validation) {
        (Threshold::At(_), _) => "as asked for".to_owned(),
        (_, None) => "for want of validation rows".to_owned(),
        (_, Some(validation)) => {
            let rows = count(validation.features.rows(), "validation row");
            format!("the best by {threshold} on {rows}")
        }
    };
    let shown: Vec<String> = chosen.iter().map(|threshold| figure(*threshold)).collect();
    let of = match preprocessing.class(1) {
        Some(class) => format!("class {}", quote(class)),
        None => "labels".to_owned(),
    };
    let note = Note::info(format!(
        "{of}: answered from a probability of {} on, {by}",
        shown.join(", ")
    ));
    Ok((Decision::Thresholds(chosen), note))
}
