//! `refit`: the recipe of a run once more, on all of its rows, for the epochs that were best. Rows that
//! calibrate an interval stay out, so that it is calibrated for the new model on rows new to it.
//!
//! The preprocessing stays as it was fitted on the training rows, and batches and schedule stay as
//! they were chosen, so that the recipe is the one that was judged.

use thalweg_core::dataset::{
    Dataset, DatasetRef, Features, Targets, TargetsRef, Values, ValuesRef,
};
use thalweg_core::engine::{Engine, State, StepReport};
use thalweg_core::memory;
use thalweg_core::metrics::Decision;
use thalweg_core::observe::EpochReport;
use thalweg_core::sparse::{CsrRef, NumbersRef};
use thalweg_core::spec::{Stop, TrainingSpec};
use thalweg_core::train::{Flow, Observer, Run, StoppedBy, train};
use thalweg_data::Note;

use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::model::{Description, Outcome};
use crate::rows::RunRows;
use crate::scores::Judge;
use crate::text::whole;

/// What a refit begins with, and how long it trains.
pub(crate) struct Refit {
    /// The engine before its first update.
    initial: State,
    /// The recipe.
    spec: TrainingSpec,
}

/// Whether a refit went through.
pub(crate) enum Through {
    /// On so many rows.
    Yes(usize),
    /// Its observer stopped it.
    No,
}

impl Refit {
    /// Before `engine`, which was made from `spec`, is trained.
    pub fn before(engine: &dyn Engine, spec: &TrainingSpec) -> thalweg_core::Result<Self> {
        let (initial, spec) = (engine.save()?, spec.clone());
        Ok(Self { initial, spec })
    }

    /// Trains `engine` anew on all rows; `watch` hears of the updates, and may stop them.
    ///
    /// # Errors
    /// Those of training, a divergence among them.
    pub fn train(
        &self,
        engine: Box<dyn Engine>,
        rows: &RunRows,
        epochs: usize,
        watch: &mut dyn Observer,
    ) -> thalweg_core::Result<(Box<dyn Engine>, Through)> {
        let all = all_rows(rows)?;
        let mut engine = engine;
        engine.load(&self.initial)?;
        let share = all.rows() as f64 / rows.train.rows().max(1) as f64;
        let longer = |steps: u64| (steps as f64 * share).ceil() as u64;
        let spec = TrainingSpec {
            patience: None,
            stop: Stop {
                max_steps: self.spec.stop.max_steps.map(longer),
                ..Stop::default()
            },
            ..self.spec.clone()
        };
        let mut run = Run::with_sources(engine, &spec, Box::new(&all), None)?;
        let mut until = Until {
            epochs,
            inner: watch,
            is_over: false,
        };
        let summary = train(&mut run, &mut until)?;
        let is_through = until.is_over || summary.stopped_by != StoppedBy::Observer;
        let through = match is_through {
            true => Through::Yes(all.rows()),
            false => Through::No,
        };
        Ok((run.into_engine(), through))
    }
}

/// The description of a model that was trained anew, from that of the selected one: its interval is
/// calibrated for the predictions of the new one, in `engine`.
pub(crate) fn describe(
    selected: &Description,
    engine: &mut dyn Engine,
    rows: &RunRows,
) -> Result<Description> {
    let [trained, others] = rows.trained_and_others(true);
    let before = rows.before.fingerprint.as_ref();
    let mut description = Description {
        fingerprint: Some(Fingerprint::new(&trained, &others, before)),
        ..selected.clone()
    };
    if let (Some(interval), Some(part)) = (&mut description.interval, rows.calibrating()) {
        let judge = Judge::new(&selected.preprocessing, &selected.network.loss)?;
        *interval = judge.calibrate(engine, interval.coverage, part.view())?;
    }
    Ok(description)
}

/// What should be known of a model that was trained anew on so many rows.
pub(crate) fn note(description: &Description, rows: usize) -> Note {
    let rows = whole(rows);
    let which = match &description.interval {
        Some(interval) => {
            format!(
                "{rows} rows, all but the {} that calibrate its interval,",
                whole(interval.rows)
            )
        }
        None => format!("all {rows} rows"),
    };
    let threshold = match (&description.decision, &description.judging.threshold) {
        (Decision::Thresholds(_), Some(_)) => ", and so is its threshold",
        _ => "",
    };
    let Outcome {
        best_epoch,
        rows: before,
        ..
    } = &description.outcome;
    Note::info(format!(
        "the model is trained anew on {which} for {best_epoch} epochs; the scores are those of the selected model, \
         which was trained on {}{threshold}",
        whole(before.train)
    ))
}

/// Stops after so many epochs.
struct Until<'a> {
    epochs: usize,
    inner: &'a mut dyn Observer,
    is_over: bool,
}

impl Observer for Until<'_> {
    fn step(&mut self, run: &mut Run, report: &StepReport) -> thalweg_core::Result<Flow> {
        self.inner.step(run, report)
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        self.is_over = report.epoch >= self.epochs;
        Ok(match self.is_over {
            true => Flow::Stop,
            false => Flow::Continue,
        })
    }
}

/// All rows of a run that a refit trains on.
fn all_rows(rows: &RunRows) -> thalweg_core::Result<Dataset> {
    let [parts, _] = rows.trained_and_others(true);
    let features = Features {
        width: rows.train.view().features.width,
        values: values(&parts)?,
    };
    let targets = match parts[0].targets {
        TargetsRef::Classes(_) => Targets::Classes(collect(&parts, |part| match part.targets {
            TargetsRef::Classes(classes) => classes.to_vec(),
            TargetsRef::Values { .. } => Vec::new(),
        })?),
        TargetsRef::Values { width, .. } => {
            let values = collect(&parts, |part| match part.targets {
                TargetsRef::Values { values, .. } => values.to_vec(),
                TargetsRef::Classes(_) => Vec::new(),
            })?;
            Targets::Values { width, values }
        }
    };
    let mut weights = match parts.iter().any(|part| part.weights.is_some()) {
        true => Some(collect(&parts, |part| match part.weights {
            Some(weights) => weights.to_vec(),
            None => vec![1.0; part.features.rows()],
        })?),
        false => None,
    };
    // Those of the training rows have them already.
    if let (Some(of_class), Some(weights), Targets::Classes(classes)) =
        (&rows.preprocessing.class_weights, &mut weights, &targets)
    {
        let others = weights.iter_mut().zip(classes).skip(rows.train.rows());
        for (weight, class) in others {
            *weight *= of_class.get(*class as usize).copied().unwrap_or(1.0) as f32;
        }
    }
    Ok(Dataset {
        features,
        targets,
        weights,
    })
}

/// The features of all parts, stored as those of the first if all are stored alike.
fn values(parts: &[DatasetRef]) -> thalweg_core::Result<Values> {
    if let ValuesRef::U8 { scale, offset, .. } = parts[0].features.values
        && parts
            .iter()
            .all(|part| matches!(part.features.values, ValuesRef::U8 { .. }))
    {
        let bytes = collect(parts, |part| match part.features.values {
            ValuesRef::U8 { bytes, .. } => bytes.to_vec(),
            _ => Vec::new(),
        })?;
        return Ok(Values::U8 {
            bytes,
            scale,
            offset,
        });
    }
    if let ValuesRef::Sparse(first) = parts[0].features.values {
        let rows = |rows: CsrRef| {
            let is_double = matches!(rows.numbers(), NumbersRef::F64(_));
            rows.gather(0..rows.rows(), is_double)
        };
        let mut all = rows(first);
        for part in &parts[1..] {
            if let ValuesRef::Sparse(added) = part.features.values {
                all.append(&rows(added))?;
            }
        }
        return Ok(Values::Sparse(all));
    }
    let of_part = |part: &DatasetRef| {
        let features = part.features;
        (0..features.rows())
            .flat_map(move |row| features.row(row))
            .collect::<Vec<f64>>()
    };
    if parts
        .iter()
        .any(|part| matches!(part.features.values, ValuesRef::F64(_)))
    {
        return Ok(Values::F64(collect(parts, of_part)?));
    }
    let single = |part: &DatasetRef| of_part(part).into_iter().map(|x| x as f32).collect();
    Ok(Values::F32(collect(parts, single)?))
}

/// What `of` gives for each part, one after another.
fn collect<T>(
    parts: &[DatasetRef],
    of: impl Fn(&DatasetRef) -> Vec<T>,
) -> thalweg_core::Result<Vec<T>> {
    let of_parts: Vec<Vec<T>> = parts.iter().map(of).collect();
    let mut all = memory::room(of_parts.iter().map(Vec::len).sum())?;
    all.extend(of_parts.into_iter().flatten());
    Ok(all)
}
