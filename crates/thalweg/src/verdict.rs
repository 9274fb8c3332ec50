//! How good a trained model is: the scores of every part, beside those of the best constant and of
//! a linear model, and what should be known of them.

use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::losses::LOSSES;
use thalweg_core::source::scan;
use thalweg_core::train::StoppedBy;
use thalweg_data::preprocess::{Curve, TargetScaling};
use thalweg_data::{Note, Preprocessing, SplitBy};

use crate::averaged::Averaged;
use crate::causes;
use crate::classes::{self, Weighting};
use crate::config::Config;
use crate::drift;
use crate::error::Result;
use crate::facts::Facts;
use crate::fingerprint::Fingerprint;
use crate::interval;
use crate::judging::Settled;
use crate::linear::{self, Beside};
use crate::log::End;
use crate::middle;
use crate::model::for_rows;
use crate::pinball;
use crate::rows::{Part, RunRows};
use crate::scores::{Judge, Scores, user_weights};
use crate::text::figure;

/// Fewer rows than these cannot distinguish a model from a constant.
const FEW: usize = 20;
/// Fewer rows than these show nothing at all.
const LEAST: usize = 5;

/// A part with the scores of the model and of the best constant.
struct Judged<'a> {
    name: &'static str,
    rows: DatasetRef<'a>,
    scores: &'a Scores,
    constant: Scores,
    /// Whether outliers of the target are bent.
    bends: bool,
}

/// The engine of a model, and what answers in its place for the validation rows, if anything does.
pub(crate) struct Engines<'a> {
    pub engine: &'a mut dyn Engine,
    pub held_out: Option<&'a mut Averaged>,
}

impl Engines<'_> {
    fn of_validation(&mut self) -> &mut dyn Engine {
        match &mut self.held_out {
            Some(held_out) => &mut **held_out,
            None => self.engine,
        }
    }
}

/// Scores the model in `engines`, which answers as is `settled`, on every part of the rows, into `end`,
/// and says what should be known of the scores.
pub(crate) fn score(
    config: &Config,
    rows: &RunRows,
    weighting: &Weighting,
    settled: &Settled,
    engines: &mut Engines,
    end: &mut End,
) -> Result<Vec<Note>> {
    let mut judge = Judge::new(&settled.preprocessing, &config.network.loss)?
        .deciding(settled.decision.clone());
    if let (Some(coverage), Some(part)) = (config.interval, rows.calibrating()) {
        end.interval = Some(judge.calibrate(engines.of_validation(), coverage, part.view())?);
        judge = judge.with_interval(end.interval.clone());
    }
    let weights = user_weights(rows.train.view(), &rows.preprocessing);
    let training = DatasetRef {
        weights: weights.as_deref(),
        ..rows.train.view()
    };
    let validation = rows.validation.as_ref().map(Part::view);
    let test = rows.test.as_ref().map(Part::view);
    let score = |engine: &mut dyn Engine, part: Option<DatasetRef>| {
        part.map(|part| judge.model(engine, part)).transpose()
    };
    end.train = score(engines.engine, Some(training))?;
    end.validation = score(engines.of_validation(), validation)?;
    let engine = &mut *engines.engine;
    let of_classes = rows.preprocessing.class_weights.is_some();
    loss_of_all(engine, &rows.train, &mut end.train, of_classes)?;
    if let Some(part) = &rows.validation {
        loss_of_all(engine, part, &mut end.validation, false)?;
    }
    end.not_finite = not_finite(end);
    if end.not_finite.is_some() {
        return Ok(Vec::new());
    }
    end.test = score(engine, test)?;
    if let Some(part) = &rows.test {
        loss_of_all(engine, part, &mut end.test, false)?;
    }
    let judged = test.or(validation).unwrap_or(training);
    let loss = LOSSES.build(&config.network.loss, &())?;
    let quantiles = loss.quantiles().to_vec();
    let constant = |part: DatasetRef| -> Result<Scores> {
        let mut scores = judge.constant(training, part)?;
        scores.loss =
            pinball::of_constants(&quantiles, training, part).filter(|_| !quantiles.is_empty());
        Ok(scores)
    };
    end.best_constant = Some(constant(judged)?);
    // A linear model predicts means, which are about medians and no other quantiles.
    if quantiles.is_empty() || quantiles.contains(&0.5) {
        let beside = beside(config, rows, weighting, engine, end.epochs);
        end.linear_model = linear::scores(&beside, judged)?;
    }
    let parts = [
        ("training", Some(training), &end.train),
        ("validation", validation, &end.validation),
        ("test", test, &end.test),
    ];
    let bends = bends(&rows.preprocessing);
    let mut all = Vec::new();
    for (name, rows, scores) in parts {
        if let (Some(rows), Some(scores)) = (rows, scores) {
            let constant = constant(rows)?;
            all.push(Judged {
                name,
                rows,
                scores,
                constant,
                bends,
            });
        }
    }
    let behind = behind(&all, end, comparable(&quantiles, settled));
    let useless = useless(config, rows, &all, behind, engine, end)?;
    Ok(notes(config, rows, training, &all, useless, end))
}

/// What a linear model is fitted to beside a run of so many epochs.
fn beside<'a>(
    config: &'a Config,
    rows: &'a RunRows,
    weighting: &'a Weighting,
    engine: &dyn Engine,
    epochs: usize,
) -> Beside<'a> {
    let passes = 3.0 * epochs as f64;
    Beside {
        config,
        rows,
        weighting,
        cost: passes * (parameters(engine) * rows.train.view().features.rows()) as f64,
        threads: engine.threads(),
    }
}

/// The parameters of an engine.
fn parameters(engine: &dyn Engine) -> usize {
    let tensors = engine.parameters();
    let sizes = tensors
        .iter()
        .map(|info| info.shape.iter().product::<usize>());
    sizes.sum()
}

/// Whether outliers of a target are bent.
fn bends(preprocessing: &Preprocessing) -> bool {
    let is_bent = |scaling: &TargetScaling| matches!(scaling.curve, Curve::Bent { .. });
    preprocessing.target_scaling.iter().any(is_bent)
}

/// The first loss that is not a finite number.
fn not_finite(end: &End) -> Option<(&'static str, f64)> {
    let losses = [
        ("training loss", &end.train),
        ("validation loss", &end.validation),
    ];
    losses.into_iter().find_map(|(name, scores)| {
        let loss = scores.as_ref()?.loss.filter(|loss| !loss.is_finite());
        Some((name, loss?))
    })
}

/// The metrics by which a linear model says how much there is to learn.
fn comparable(quantiles: &[f64], settled: &Settled) -> &'static [&'static str] {
    match (quantiles, settled.decision.is_likeliest()) {
        ([], true) => &["accuracy", "r2"],
        ([], false) => &["auc"],
        _ => &[],
    }
}

/// What should be known of the scores, beside that a model is `useless`.
fn notes(
    config: &Config,
    rows: &RunRows,
    training: DatasetRef,
    all: &[Judged],
    useless: Option<Note>,
    end: &End,
) -> Vec<Note> {
    let mut notes = Vec::from_iter(useless);
    let is_sick = !notes.is_empty();
    if !is_sick {
        let held_out = all.iter().filter(|part| part.name != "training");
        let of_class = held_out.filter(|part| part.scores.rows >= LEAST);
        let said =
            of_class.filter_map(|part| causes::one_class(config, rows, part.name, part.rows));
        notes.extend(said.map(Note::warning));
    }
    let judged = (end.test.as_ref().or(end.validation.as_ref())).or(end.train.as_ref());
    let judged = judged.filter(|_| !is_sick);
    let preprocessing = &rows.preprocessing;
    notes.extend(judged.and_then(|scores| classes::rare(config, rows, training, scores)));
    notes.extend(
        (end.interval.as_ref()).map(|interval| interval::note(interval, rows, &config.data.split)),
    );
    notes.extend(middle::note(preprocessing, end.interval.is_some()));
    notes.extend(far_apart(config, rows, end));
    notes.extend(trained_on(rows));
    notes
}

/// Puts the loss of all rows into the scores of a part whose metrics are of a sample, unless the rows on disk have
/// weights that are not the user's.
fn loss_of_all(
    engine: &mut dyn Engine,
    part: &Part,
    scores: &mut Option<Scores>,
    is_weighted: bool,
) -> Result<()> {
    if let (true, false, Some(scores)) = (part.is_on_disk(), is_weighted, scores) {
        scores.loss = Some(scan::evaluate(engine, &mut *part.source()?)?);
    }
    Ok(())
}

impl Judged<'_> {
    /// Whether the model is no better than the constant, or clearly worse by R², which errors of
    /// squares must not be; other losses may leave a few rows far out.
    fn fails(&self, loss: &str) -> bool {
        if let (Some(ours), Some(theirs)) = (self.scores.loss, self.constant.loss) {
            return self.scores.rows >= FEW && ours >= theirs;
        }
        let is_training = self.name == "training";
        let margin = match loss {
            _ if self.scores.rows < FEW => 3.0,
            "mse" | "half_mse" => 0.05,
            _ => 1.0,
        };
        let r2 = self.scores.metric("r2").zip(self.constant.metric("r2"));
        // The mean of these rows themselves has an R² of 0.
        let is_worse = r2.is_some_and(|(ours, theirs)| ours < theirs.max(-3.0 * margin) - margin);
        let is_enough = is_training || self.scores.rows >= FEW;
        let is_level = !self.scores.beats(&self.constant) && !self.is_nearer();
        (is_enough && is_level) || (is_worse && self.scores.rows >= LEAST)
    }

    /// Whether most rows are predicted much better than by the constant, where outliers of the target
    /// count little for the model and decide all metrics.
    fn is_nearer(&self) -> bool {
        const MUCH: f64 = 0.8;
        let errors = self.scores.errors.zip(self.constant.errors);
        self.bends && errors.is_some_and(|(ours, theirs)| ours.median < MUCH * theirs.median)
    }

    fn beats_constant(&self) -> bool {
        self.scores.loss.is_some()
            && self.constant.loss.is_none()
            && self.scores.beats(&self.constant)
    }

    /// The first metric, beside that of the constant; R² for numbers.
    fn words(&self) -> String {
        if let (Some(ours), Some(theirs)) = (self.scores.loss, self.constant.loss) {
            return format!("loss {}, constant {}", figure(ours), figure(theirs));
        }
        let first = self.scores.metrics.first().map_or("", |(name, _)| *name);
        let name = if self.scores.metric("r2").is_some() {
            "r2"
        } else {
            first
        };
        let value = |scores: &Scores| scores.metric(name).map_or("–".to_owned(), figure);
        format!(
            "{name} {}, constant {}",
            value(self.scores),
            value(&self.constant)
        )
    }
}

/// A warning on a model that is no better than the best constant, or far behind a linear one, with the
/// likeliest cause.
fn useless(
    config: &Config,
    rows: &RunRows,
    parts: &[Judged],
    behind: Option<Behind>,
    engine: &mut dyn Engine,
    end: &End,
) -> Result<Option<Note>> {
    let failing = || {
        parts
            .iter()
            .filter(|part| part.fails(&config.network.loss.name))
    };
    // Test rows speak before validation rows.
    let held_out = |part: &&Judged| part.name != "training";
    let is_useless = failing().next().is_some();
    let behind = behind.filter(|_| !is_useless);
    let held_out = match (is_useless, &behind) {
        (false, None) => return Ok(None),
        (false, Some(_)) => parts.last().filter(held_out),
        (true, _) => failing().rfind(held_out),
    };
    let fails_in_training = behind.as_ref().map_or_else(
        || failing().any(|part| part.name == "training"),
        |behind| behind.is_in_training,
    );
    // Where the validation rows chose an epoch before anything was learned, they are what is unlike.
    let fails_in_training = fails_in_training && !(end.kept_learning && held_out.is_some());
    let linear = end.linear_model.as_ref().zip(end.best_constant.as_ref());
    let facts = Facts {
        config,
        rows,
        stopped_by: StoppedBy::of_name(&end.stopped_by),
        fails_in_training,
        held_out: held_out.map(|part| (part.name, part.rows)),
        dead: match fails_in_training {
            true => dead(config, rows, engine)?,
            false => 0.0,
        },
        parameters: parameters(engine),
        linear_is_better: linear.map(|(linear, constant)| linear.beats(constant)),
        linear_holds: linear.is_some_and(|(linear, _)| holds(linear, parts)),
        has_moved: has_moved(parts),
        counter: match (held_out, &config.data.split.by) {
            (Some(part), SplitBy::Ordered) => drift::counter(rows, part.rows, engine)?,
            _ => None,
        },
    };
    if let Some(behind) = behind {
        let remedy = match behind.is_far {
            true => Some(causes::likeliest(&facts)),
            false => causes::certain(&facts),
        };
        let text = |remedy| Note::warning(format!("{}: {remedy}", behind.words));
        return Ok(remedy.map(text));
    }
    let remedy = causes::likeliest(&facts);
    let text = match held_out.filter(|_| !fails_in_training) {
        None => format!("the model is no better than the best constant: {remedy}"),
        Some(part) if part.beats_constant() => format!(
            "the model predicts {} rows worse than their own mean does ({}): {remedy}",
            part.name,
            part.words()
        ),
        Some(part) => format!(
            "the model is no better than the best constant on {} rows ({}): {remedy}",
            part.name,
            part.words()
        ),
    };
    Ok(Some(Note::warning(text)))
}

/// Whether a linear model does better than the model on the rows that judge both, and well.
fn holds(linear: &Scores, parts: &[Judged]) -> bool {
    /// An R² that says so.
    const WELL: f64 = 0.1;
    let judged = parts.last().filter(|part| part.name != "training");
    judged.is_some_and(|part| {
        let gain = |name, least: f64| {
            let (ours, theirs) = (part.scores.metric(name)?, linear.metric(name)?);
            Some(theirs > ours && theirs > least)
        };
        let most = part.constant.metric("accuracy").unwrap_or(0.0);
        gain("r2", WELL).or(gain("accuracy", most)).unwrap_or(false)
    })
}

/// Whether the rows that judge are of another level, or of other classes, than the training rows.
fn has_moved(parts: &[Judged]) -> bool {
    /// The R² of the mean of the training rows: half a deviation beside that of these rows.
    const R2: f64 = -0.25;
    const ACCURACY: f64 = 0.2;
    let constant = |part: &Judged, name| part.constant.metric(name);
    let judged = parts
        .last()
        .filter(|part| part.name != "training" && part.scores.rows >= FEW);
    judged.zip(parts.first()).is_some_and(|(judged, training)| {
        let of_class = |part| constant(part, "accuracy");
        constant(judged, "r2").is_some_and(|r2| r2 < R2)
            || (of_class(judged).zip(of_class(training)))
                .is_some_and(|(here, there)| here < there - ACCURACY)
    })
}

/// A model that is better than a constant, and far from what a linear model finds.
struct Behind {
    words: String,
    /// Whether it is so on the training rows too.
    is_in_training: bool,
    /// Whether it gains less than half, which no doubt about the cause excuses.
    is_far: bool,
}

/// Whether the model gains less than what a linear model gains over the constant, by one of some
/// metrics of which more is better, where that is much.
fn behind(parts: &[Judged], end: &End, metrics: &[&str]) -> Option<Behind> {
    /// Gains that few rows do not show by chance.
    const MUCH: f64 = 0.2;
    const ROWS: usize = 50;
    /// Of what a linear model gains; and by how much less than it.
    const FAR: f64 = 0.5;
    const SOME: f64 = 0.85;
    const LESS: f64 = 0.1;
    let (linear, constant) = (end.linear_model.as_ref()?, end.best_constant.as_ref()?);
    let judged = parts.last().filter(|part| part.scores.rows >= ROWS)?;
    let training = parts.first()?;
    // By the loss that was minimized the model may be the better one.
    let losses = judged.scores.loss.zip(linear.loss);
    if losses.is_some_and(|(ours, theirs)| ours < theirs) {
        return None;
    }
    metrics.iter().find_map(|name| {
        let gain = |scores: &Scores, constant: &Scores| {
            Some(scores.metric(name)? - constant.metric(name)?.max(0.0))
        };
        let of_linear = gain(linear, constant)?;
        let lags = |part: &Judged, share: f64| {
            let gain = gain(part.scores, &part.constant);
            gain.is_some_and(|gain| gain < share * of_linear && of_linear - gain > LESS)
        };
        let is_far = lags(judged, FAR);
        let share = if is_far { FAR } else { SOME };
        (of_linear > MUCH && lags(judged, share)).then(|| {
            let [ours, theirs] = [judged.scores, linear].map(|scores| scores.metric(name));
            let [ours, theirs] = [ours, theirs].map(|value| figure(value.unwrap_or(0.0)));
            Behind {
                words: format!(
                    "the model is {}behind a linear one on {} rows ({name} {ours}, linear model {theirs})",
                    if is_far { "far " } else { "" },
                    judged.name
                ),
                is_in_training: lags(training, share),
                is_far,
            }
        })
    })
}

/// The largest share of units of a hidden layer that are 0 in every row of a batch.
fn dead(config: &Config, rows: &RunRows, engine: &mut dyn Engine) -> Result<f64> {
    let training = rows.train.view();
    let most = rows.fewest_to_train().min(training.features.rows());
    let count = for_rows(&config.training, most).batch_size;
    let batch = Batch::new(training, Rows::Range(0, count));
    let mut layers = engine.layers(&batch)?;
    layers.pop();
    Ok(layers.iter().map(|layer| layer.dead).fold(0.0, f64::max))
}

/// A warning where the test rows are not like the validation rows.
fn far_apart(config: &Config, rows: &RunRows, end: &End) -> Option<Note> {
    let (test, validation) = (end.test.as_ref()?, end.validation.as_ref()?);
    let far = test.errors?.far_from(&validation.errors?)?;
    let has_file = rows.has_own_test || config.data.validation.is_some();
    let remedy = match &config.data.split.by {
        _ if has_file => "the files differ: compare their columns (`thalweg info DATA`)",
        SplitBy::Ordered => "rows change with their order: expect such scores for later rows",
        SplitBy::Column(_) => "the parts differ: compare their columns (`thalweg info DATA`)",
        SplitBy::Random => {
            "rows that belong together may be in one part: try `data.split.group` with their column"
        }
    };
    Some(Note::warning(format!("{far}; {remedy}")))
}

/// Warnings where a file of its own has rows of the training rows.
fn trained_on(rows: &RunRows) -> Vec<Note> {
    let own = [
        ("test", rows.has_own_test, &rows.test),
        ("validation", rows.has_own_validation, &rows.validation),
    ];
    if !own.iter().any(|(_, is_own, _)| *is_own) {
        return Vec::new();
    }
    let fingerprint = Fingerprint::new(&[rows.train.view()], &[], None);
    let warning = |(name, is_own, part): (&str, bool, &Option<Part>)| {
        let found = fingerprint.warning(part.as_ref().filter(|_| is_own)?.view())?;
        Some(Note::warning(format!("{name} rows: {}", found.text)))
    };
    own.into_iter().filter_map(warning).collect()
}
