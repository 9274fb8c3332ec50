//! Ensembles: several models of one recipe, trained side by side, whose predictions are averaged.
//!
//! Members have seeds of their own, and all rows that train; or each has a fold of its own to
//! validate on and trains on the others (bagging), so that every row trains and every row validates.
//! Then the validation scores are those of out-of-fold predictions: of each row by the member that
//! has not trained on it. Preprocessing is fitted once, on all rows that do not test.
//!
//! While it is trained, each member is a run in a folder `members/N` of the run's own, from where it
//! goes on; in the end there is one model file, with tensors `members.N.layers.I.weight`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use thalweg_core::cpu;
use thalweg_core::engine::{Batch, Engine, Rows as Which, StepReport};
use thalweg_core::metrics::Decision;
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Flow, Observer, Position, Run};
use thalweg_data::{Column, ColumnData, Table};

use crate::averaged::Averaged;
use crate::classes::Weighting;
use crate::config::{Config, Ensemble, Judging};
use crate::error::{Result, running};
use crate::fit::{Beginning, Ended, Training, Watch, begin};
use crate::job::{INTERRUPTED, Job, Member, Options, Output};
use crate::judging::{self, Settled};
use crate::leave::leave;
use crate::log::{self, Log, MemberEnd};
use crate::model::{EnsembleMember, Model, Outcome, for_rows};
use crate::predictions::{Columns, Predictions};
use crate::provenance::other_columns;
use crate::rows::{Calibration, Part, RunRows, selected};
use crate::run_folder::{LOG, MEMBERS, MODEL, RunFolder};
use crate::side_by_side::side_by_side;
use crate::threads::threads_or_all;

/// How often the calling thread looks at the members.
const LOOK: Duration = Duration::from_millis(10);

/// A member that is trained, or was stopped.
struct Done {
    model: Option<Model>,
    seconds: f64,
    /// Why it has no model, or not that of its last epoch.
    failure: Option<String>,
    is_interrupted: bool,
}

/// The members that have models.
struct Members {
    numbers: Vec<usize>,
    models: Vec<Model>,
    seconds: f64,
    failure: Option<String>,
    is_interrupted: bool,
}

/// As [`Job::train`] for an ensemble.
pub(crate) fn train(mut job: Job, ensemble: &Ensemble, watch: &mut dyn Watch) -> Result<Ended> {
    let threads = threads_or_all(job.options.threads);
    let training = for_rows(&job.config.training, job.rows.train.rows());
    let parameters = {
        let network = &job.config.network;
        let engine = cpu::engine(network, &training, 1).map_err(|error| job.locate(error))?;
        engine.parameters()
    };
    let (weighting, note) = Weighting::new(&job.config, &job.rows, &parameters)?;
    let lock = job.lock.take();
    let (folder, _lock) = job.make_folder(lock)?;
    let parts = Training {
        config: &job.config,
        rows: &job.rows,
        options: &job.options,
        weighting: &weighting,
        folder: folder.as_ref(),
    };
    let mut start = parts.start(&parameters, threads);
    start.parameters = job.parameters(ensemble, start.parameters)?;
    let mut log = match &folder {
        Some(folder) if job.resumes => Some(Log::resume(folder, 0, 0)?.log),
        Some(folder) => Some(begin(folder, &job.config.to_toml()?, &start)?),
        None => None,
    };
    watch.begin(&Beginning {
        start: &start,
        origin: Position::default(),
        last_epoch: job.config.training.epochs,
        steps_per_epoch: 1,
        lines: &job.lines,
        folder: folder.as_ref(),
        members: ensemble.members,
    })?;
    let mut members = together(&job, ensemble, folder.as_ref(), threads, watch)?;
    let mut ended = parts.average(ensemble, &mut members, threads)?;
    ended.notes.extend(note);
    ended.reasons.clone_from(&job.reasons);
    ended.end.raced.clone_from(&job.raced);
    if let (Some(folder), Some(log)) = (&folder, &mut log) {
        for number in 0..ensemble.members {
            copy_log(&folder.member(number), number, log)?;
        }
        let to = (folder, log, &ended.end);
        let left = leave(ended.model.as_ref(), to, None, None, None)?;
        ended.failure = ended.failure.or(left.failure);
        if ended.failure.is_none() && !ended.is_interrupted() {
            folder.remove_folder(MEMBERS);
        }
    }
    if ended.is_interrupted() && folder.is_some() {
        ended.checkpoint = Some(ended.outcome.epochs);
    }
    ended.folder = folder.clone();
    Ok(ended)
}

impl Job<'_> {
    /// Parameters of all members, where those of the run's own recipe are `own`.
    fn parameters(&self, ensemble: &Ensemble, own: usize) -> Result<usize> {
        let mut of_recipes = Vec::new();
        for recipe in &ensemble.recipes {
            let training = for_rows(&recipe.training, self.rows.train.rows());
            let engine = cpu::engine(&recipe.network, &training, 1);
            of_recipes.push(
                engine
                    .map_err(|error| self.locate(error))?
                    .save_parameters()?
                    .len(),
            );
        }
        let of = |member| of_recipes.get(ensemble.recipe(member)).unwrap_or(&own);
        Ok((0..ensemble.members).map(of).sum())
    }
}

/// Trains the members, and has `watch` hear of them in this thread.
fn together(
    job: &Job,
    ensemble: &Ensemble,
    folder: Option<&RunFolder>,
    threads: usize,
    watch: &mut dyn Watch,
) -> Result<Members> {
    let (send, receive) = channel();
    let stop = AtomicBool::new(false);
    let shared = Shared {
        ensemble,
        config: &job.config,
        rows: &job.rows,
        job,
        folder,
        stop: &stop,
    };
    let (all, watched) = thread::scope(|scope| {
        let work = |number, threads| shared.member(number, threads, send.clone());
        let all = scope.spawn(move || side_by_side(ensemble.members, threads, work));
        let watched = listen(&receive, watch, &stop, || all.is_finished());
        let all = all.join();
        (
            all.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            watched,
        )
    });
    watched?;
    let mut members = Members {
        numbers: Vec::new(),
        models: Vec::new(),
        seconds: 0.0,
        failure: None,
        is_interrupted: false,
    };
    for (number, done) in all?.into_iter().enumerate() {
        let Some(done) = done else {
            members.is_interrupted = true;
            continue;
        };
        members.is_interrupted |= done.is_interrupted;
        members.seconds += done.seconds;
        let failure = done.failure;
        let failure = failure.map(|failure| format!("member {}: {failure}", number + 1));
        members.failure = members.failure.or(failure);
        if let Some(model) = done.model {
            members.numbers.push(number);
            members.models.push(model);
        }
    }
    Ok(members)
}

/// Hands what the members report on until all are over; a watch that wants to stop, or fails, stops
/// them.
fn listen(
    receive: &Receiver<(usize, EpochReport)>,
    watch: &mut dyn Watch,
    stop: &AtomicBool,
    is_over: impl Fn() -> bool,
) -> Result<()> {
    let mut watched = Ok(());
    loop {
        let over = is_over();
        let flow = match receive.recv_timeout(LOOK) {
            Ok((member, report)) => watch.member(member, Some(&report)),
            Err(RecvTimeoutError::Timeout) if !over => watch.member(0, None),
            Err(_) => return watched,
        };
        match flow {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => stop.store(true, Ordering::Relaxed),
            Err(error) => {
                stop.store(true, Ordering::Relaxed);
                watched = Err(error);
            }
        }
    }
}

/// What the members share.
struct Shared<'a> {
    ensemble: &'a Ensemble,
    config: &'a Config,
    rows: &'a RunRows<'a>,
    job: &'a Job<'a>,
    folder: Option<&'a RunFolder>,
    stop: &'a AtomicBool,
}

impl Shared<'_> {
    /// Trains a member, or takes it as it was left.
    fn member(
        &self,
        number: usize,
        threads: usize,
        send: Sender<(usize, EpochReport)>,
    ) -> Result<Option<Done>> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let place = self.folder.map(|folder| folder.member(number));
        let finished = place.as_ref().map(|place| self.finished(place));
        if let Some(done) = finished.transpose()?.flatten() {
            return Ok(Some(done));
        }
        let options = Options {
            output: (place.as_ref()).map_or(Output::None, |place| Output::Folder(place.path())),
            resume: true,
            threads: Some(threads),
            ..Options::default()
        };
        let rows = rows(self.rows, self.ensemble.fold(number));
        let job = self
            .job
            .member(of_member(self.config, number), rows, options)?;
        let stop = self.stop;
        let mut sender = Sending { number, send, stop };
        let ended = job.train_single(&mut sender)?;
        Ok(Some(Done {
            seconds: ended.end.seconds,
            is_interrupted: ended.is_interrupted(),
            failure: ended.failure,
            model: ended.model,
        }))
    }

    /// A member whose run is over.
    fn finished(&self, place: &RunFolder) -> Result<Option<Done>> {
        let end = log::end(place)?.filter(|end| end["stopped_by"] != INTERRUPTED);
        let path = place.file(MODEL);
        let Some(end) = end.filter(|_| path.exists()) else {
            return Ok(None);
        };
        let model = Model::load(&path)?;
        let fitted = &model.description().preprocessing;
        if let Some(found) = self.rows.preprocessing.difference(fitted) {
            let folder = self.folder.unwrap_or(place);
            let before = log::provenance(folder);
            return Err(other_columns(before.as_ref(), &self.config.data, found, folder).into());
        }
        Ok(Some(Done {
            model: Some(model),
            seconds: end["seconds"].as_f64().unwrap_or(0.0),
            failure: None,
            is_interrupted: false,
        }))
    }
}

/// The config of a member: what is chosen on validation rows in the end is chosen for all of them.
pub(crate) fn of_member(config: &Config, number: usize) -> Config {
    let mut own = config.clone();
    if let Some(mut ensemble) = own.ensemble.take() {
        let which = ensemble.recipe(number);
        if which < ensemble.recipes.len() {
            let recipe = ensemble.recipes.swap_remove(which);
            (own.network, own.training) = (recipe.network, recipe.training);
        }
    }
    let member = Member {
        number,
        ..Member::default()
    };
    own.training.seed = member.seed(config.training.seed);
    own.interval = None;
    own.judging = Judging {
        threshold: None,
        ..config.judging.clone()
    };
    own
}

/// The rows of a member: those of the run or, of folds, the others to train and its own to validate.
pub(crate) fn rows<'a>(all: &'a RunRows, own: Option<usize>) -> RunRows<'a> {
    let (train, validation) = match (&all.folds, &all.validation, own) {
        (Some(folds), Some(validation), Some(number)) => {
            let of = |part: &Part, is_own: bool| {
                let rows: Vec<usize> = (folds.iter().enumerate())
                    .filter(|(_, fold)| (**fold == number) == is_own)
                    .map(|(row, _)| row)
                    .collect();
                Part::Held(selected(part.view(), &rows))
            };
            (of(&all.train, false), Some(of(validation, true)))
        }
        (_, validation, _) => {
            let view = |part: &'a Part| Part::Borrowed(part.view());
            (view(&all.train), validation.as_ref().map(view))
        }
    };
    RunRows {
        preprocessing: all.preprocessing.clone(),
        train,
        validation,
        test: None,
        has_own_test: false,
        split: Default::default(),
        kept: None,
        folds: None,
        validation_groups: None,
        calibration: Calibration::None,
        before: Default::default(),
        has_own_validation: false,
        notes: Vec::new(),
        block: None,
        held: 0,
        own_folder: None,
        provenance: None,
    }
}

/// Sends the reports of a member's epochs, and stops it.
struct Sending<'a> {
    number: usize,
    send: Sender<(usize, EpochReport)>,
    stop: &'a AtomicBool,
}

impl Sending<'_> {
    fn flow(&self) -> Flow {
        match self.stop.load(Ordering::Relaxed) {
            true => Flow::Stop,
            false => Flow::Continue,
        }
    }
}

impl Observer for Sending<'_> {
    fn step(&mut self, _: &mut Run, _: &StepReport) -> thalweg_core::Result<Flow> {
        Ok(self.flow())
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        // The receiver is gone where the observer has failed.
        let _ = self.send.send((self.number, report.clone()));
        Ok(self.flow())
    }
}

impl Watch for Sending<'_> {}

impl Training<'_> {
    /// The ensemble of the members that have models, with its scores.
    fn average(&self, ensemble: &Ensemble, members: &mut Members, threads: usize) -> Result<Ended> {
        let outcome = self.outcome(members);
        let mut ended = self.ended(outcome, members.seconds);
        ended.failure = members.failure.take();
        if members.models.is_empty() {
            return Ok(ended);
        }
        let loss = &self.config.network.loss;
        let engines = || -> Result<Vec<Box<dyn Engine>>> {
            let share = (threads / members.models.len()).max(1);
            let models = members.models.iter();
            models.map(|model| model.engine(share)).collect()
        };
        let mut engine = Averaged::new(engines()?, loss, threads)?;
        // Without all members there are rows that none can be judged on.
        let is_whole = members.models.len() == ensemble.members;
        let mut held_out = match (&self.rows.folds, is_whole) {
            (Some(folds), true) => {
                let count = ensemble.folds().unwrap_or(1);
                Some(Averaged::new(engines()?, loss, threads)?.held_out(folds.clone(), count))
            }
            _ => None,
        };
        ended.end.best_epoch = Some(ended.outcome.best_epoch);
        ended.end.ensemble = self.members(&mut engine, ensemble, members)?;
        let described = self.described(ensemble, members);
        let by_folds = ensemble.folds().is_some();
        let without;
        let own = match by_folds && !is_whole {
            true => {
                without = RunRows {
                    validation: None,
                    ..self.rows.clone()
                };
                &without
            }
            false => self.rows,
        };
        let parts = Training { rows: own, ..*self };
        let settled = parts.settle(held_out.as_mut().unwrap_or(&mut engine), &members.models)?;
        let judged = held_out.as_mut();
        let mut ended = parts.judged(&mut engine, judged, settled, described, ended)?;
        if let (Some(model), Some(engine)) = (&ended.model, &mut held_out) {
            ended.out_of_fold = Some(self.out_of_fold(model, engine)?);
        }
        if let (true, Some(model)) = (self.options.importance, &ended.model) {
            let engine = held_out.as_mut().unwrap_or(&mut engine);
            ended.end.importance = Some(self.importance(engine, model.description())?);
        }
        Ok(ended)
    }

    /// See [`Ended::out_of_fold`].
    fn out_of_fold(&self, model: &Model, held_out: &mut Averaged) -> Result<Table> {
        let (rows, mut values) = (self.rows, Vec::new());
        if let Some(validation) = &rows.validation {
            held_out.evaluate(&Batch::all(validation.view()), Some(&mut values))?;
        }
        model.to_user_units(&mut values);
        let predictions = Predictions::of(model, values, &model.description().decision)?;
        let lines: Vec<Vec<String>> = predictions.lines(Columns::Answers).collect();
        let numbers = |name: &str, all: &[usize]| Column {
            name: name.to_owned(),
            data: ColumnData::Numeric(all.iter().map(|n| (n + 1) as f64).collect()),
        };
        let folds = rows.folds.as_deref().unwrap_or_default();
        let mut columns = vec![
            numbers("row", &rows.numbers(&rows.split.validation)),
            numbers("fold", folds),
        ];
        columns.extend(predictions.held_out_columns(&lines)?);
        let name = "predictions".to_owned();
        Ok(Table::without_lines(name, lines.len(), columns))
    }

    /// How the ensemble answers: the members are corrected and have their temperatures already.
    fn settle(&self, engine: &mut Averaged, models: &[Model]) -> Result<Settled> {
        let mut config = self.config.clone();
        config.judging.temperature = false;
        let mut settled = judging::settle(engine, &config, self.rows, None)?;
        if config.judging.threshold.is_none() {
            settled.decision = mean_decision(models);
        }
        Ok(settled)
    }

    fn outcome(&self, members: &Members) -> Outcome {
        let all = || {
            let models = members.models.iter();
            models.map(|model| &model.description().outcome)
        };
        let stopped_by = match members.is_interrupted {
            true => INTERRUPTED.to_owned(),
            false => all()
                .next()
                .map_or("diverged".to_owned(), |one| one.stopped_by.clone()),
        };
        Outcome {
            epochs: all().map(|one| one.epochs).max().unwrap_or(0),
            last_epoch: Some(self.config.training.epochs),
            best_epoch: all().map(|one| one.best_epoch).max().unwrap_or(0),
            stopped_by,
            rows: self.start(&[], 1).rows,
            refit: None,
            mean_weight: all().next().and_then(|one| one.mean_weight),
        }
    }

    /// What a model file says of its members.
    fn described(&self, ensemble: &Ensemble, members: &Members) -> Vec<EnsembleMember> {
        let one = |(number, model): (&usize, &Model)| EnsembleMember {
            seed: model.description().training.seed,
            fold: ensemble.fold(*number),
            recipe: ensemble.recipe(*number),
            outcome: model.description().outcome.clone(),
        };
        members
            .numbers
            .iter()
            .zip(&members.models)
            .map(one)
            .collect()
    }

    /// How each member did.
    fn members(
        &self,
        engine: &mut Averaged,
        ensemble: &Ensemble,
        members: &Members,
    ) -> Result<Vec<MemberEnd>> {
        let all = members.numbers.iter().zip(&members.models);
        let one = |((number, model), engine): ((&usize, &Model), &mut Box<dyn Engine>)| {
            let Outcome {
                epochs,
                best_epoch,
                stopped_by,
                ..
            } = model.description().outcome.clone();
            let mut loss = |part: &Option<Part>, folds: Option<&Vec<usize>>| -> Result<_> {
                let Some(part) = part.as_ref().map(Part::view) else {
                    return Ok(None);
                };
                let of_fold = |folds: &Vec<usize>| {
                    let fold = ensemble.fold(*number);
                    let own = (0..).zip(folds).filter(|(_, of)| Some(**of) == fold);
                    own.map(|(row, _)| row).collect::<Vec<u32>>()
                };
                let rows = folds.map(of_fold);
                let which = match &rows {
                    Some(rows) => Which::Listed(rows),
                    None => Which::Range(0, part.features.rows()),
                };
                Ok(Some(engine.evaluate(&Batch::new(part, which), None)?))
            };
            Ok(MemberEnd {
                member: *number,
                seed: model.description().training.seed,
                epochs,
                best_epoch,
                stopped_by,
                validation_loss: loss(&self.rows.validation, self.rows.folds.as_ref())?,
                test_loss: loss(&self.rows.test, None)?,
            })
        };
        all.zip(engine.members()).map(one).collect()
    }
}

/// The decision whose numbers are the means of those of the models, which are all of one kind.
fn mean_decision(models: &[Model]) -> Decision {
    let all = || models.iter().map(|model| &model.description().decision);
    let mean = || -> Vec<f64> {
        let width = all().map(|decision| numbers(decision).len()).min();
        let sum = |at: usize| all().map(|decision| numbers(decision)[at]).sum::<f64>();
        let count = models.len() as f64;
        (0..width.unwrap_or(0)).map(|at| sum(at) / count).collect()
    };
    match all().next() {
        Some(Decision::Thresholds(_)) => Decision::Thresholds(mean()),
        Some(Decision::Weights(_)) => Decision::Weights(mean()),
        _ => Decision::Likeliest,
    }
}

fn numbers(decision: &Decision) -> &[f64] {
    match decision {
        Decision::Likeliest => &[],
        Decision::Thresholds(numbers) | Decision::Weights(numbers) => numbers,
    }
}

/// The epochs of a member, from the log in its folder.
fn copy_log(place: &RunFolder, member: usize, log: &mut Log) -> Result<()> {
    // A member that has not begun has none.
    let text = std::fs::read_to_string(place.file(LOG)).unwrap_or_default();
    let events = text
        .lines()
        .map_while(|line| serde_json::from_str(line).ok());
    for mut event in events.filter(|event: &Value| event["event"] == "epoch") {
        event["event"] = Value::from("member_epoch");
        event["member"] = Value::from(member);
        (log.write(&[event])).map_err(|error| running(error.to_string()))?;
    }
    Ok(())
}
