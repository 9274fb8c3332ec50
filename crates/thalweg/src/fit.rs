//! From a job to a model: training, the scores, and what is left in the folder.

use std::fs::File;

use thalweg_core::Isa;
use thalweg_core::cpu;
use thalweg_core::engine::{Engine, ParameterInfo};
use thalweg_core::error::Error as EngineError;
use thalweg_core::initializers::start_at_prior;
use thalweg_core::solvers::{self, is_solver};
use thalweg_core::spec::TrainingSpec;
use thalweg_core::train::{Observer, Run, train};
use thalweg_data::Note;

use crate::advice;
use crate::averaged::Averaged;
use crate::by_data;
use crate::checkpoint::Owner;
use crate::classes::{self, Weighting};
use crate::config::{Config, OutputBias};
use crate::continuation::Continuation;
pub use crate::ended::Ended;
use crate::ended::{other_instructions, outcome};
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::footprint;
use crate::health::Health;
use crate::importance::Importance;
use crate::inspection;
use crate::job::{INTERRUPTED, Job, Options, Output};
use crate::judging::{self, Settled};
use crate::leave::{Room, goes_on, leave};
use crate::log::{End, Log, Rows, Start};
use crate::model::{Description, EnsembleMember, Metrics, Model, Outcome, for_rows, metadata};
use crate::or_linear;
use crate::ranges::Ranges;
use crate::recorder::{Files, Recorder, Steps};
use crate::refit::{self, Refit, Through};
use crate::relied_on::{self, Relying};
use crate::rows::{Calibration, Part, RunRows};
use crate::run_folder::{CHECKPOINT, CONFIG, RunFolder, unwritable};
use crate::storage;
use crate::temperature;
use crate::threads::threads_or_all;
use crate::verdict::{self, Engines};
pub use crate::watch::{Beginning, Watch};
use crate::weights::{self, TensorFile};

/// A run while it is trained.
#[derive(Clone, Copy)]
pub(crate) struct Training<'a> {
    pub config: &'a Config,
    pub rows: &'a RunRows<'a>,
    pub options: &'a Options,
    pub weighting: &'a Weighting,
    pub folder: Option<&'a RunFolder>,
}

impl Job<'_> {
    /// As [`Job::train`] for a single model.
    pub(crate) fn train_single(mut self, watch: &mut dyn Watch) -> Result<Ended> {
        let threads = threads_or_all(self.options.threads);
        let located = |error| self.locate(error);
        footprint::check(&self.config.network, &self.config.training, threads).map_err(located)?;
        let least = footprint::note_on_least(&self.config, &self.rows, self.options.memory)?;
        self.lines.extend(least.map(|note| note.to_string()));
        let training = for_rows(&self.config.training, self.rows.train.rows());
        let engine = self.engine(&training, threads)?;
        let (weighting, note) = Weighting::new(&self.config, &self.rows, &engine.parameters())?;
        let lock = self.lock.take();
        let parts = Training {
            config: &self.config,
            rows: &self.rows,
            options: &self.options,
            weighting: &weighting,
            folder: None,
        };
        let mut ended = (parts.run(&self, lock, engine, &training, threads, watch))
            .map_err(|error| storage::explain(error, &self.rows, &self.options))?;
        if !ended.is_interrupted() {
            storage::leave(ended.folder.as_ref(), &self.options);
        }
        ended.notes.extend(storage::over(self.options.memory));
        ended.notes.extend(note);
        ended.reasons = self.reasons;
        Ok(ended)
    }

    /// The folder, made and locked if it is not yet.
    pub(crate) fn make_folder(
        &self,
        lock: Option<File>,
    ) -> Result<(Option<RunFolder>, Option<File>)> {
        let folder = self.folder()?;
        let lock = match (lock, &folder) {
            (None, Some(folder)) => {
                let lock = folder.lock()?;
                // Another process may have been faster.
                if let Output::Folder(path) = &self.options.output {
                    RunFolder::check_free(path)?;
                }
                lock
            }
            (lock, _) => lock,
        };
        Ok((folder, lock))
    }

    /// The engine with the parameters that training starts from.
    fn engine(&mut self, training: &TrainingSpec, threads: usize) -> Result<Box<dyn Engine>> {
        let network = &self.config.network;
        let has_weights = self.model.is_some() && self.config.extend.is_nothing();
        let engine = match (self.options.loss.take(), has_weights) {
            (Some(loss), _) => cpu::engine_with_loss(network, training, threads, loss),
            (None, true) => cpu::engine_to_load(network, training, threads),
            (None, false) => cpu::engine(network, training, threads),
        };
        let mut engine = engine.map_err(|error| self.locate(error))?;
        if self.config.init_by_data && !has_weights {
            let (dtype, seed) = (training.dtype, training.seed);
            by_data::start(&mut *engine, network, dtype, &self.rows, seed)?;
        }
        if let Some(path) = &self.config.initial_weights {
            let file = TensorFile::read(path)?;
            let names = weights::names(&self.config.weight_names)?;
            let drawn = engine.save_parameters()?;
            let assigned = weights::assign(&file, &names, &engine.parameters(), drawn)?;
            engine.load_parameters(&assigned.parameters)?;
            self.lines
                .extend(assigned.notes.iter().map(Note::to_string));
        } else if self.config.output_bias == OutputBias::Prior
            && !start_at_prior(&mut *engine, network, &mut *self.rows.train.source()?)?
        {
            if self.asks_for_prior {
                let found = "prior for a network or a loss that has none";
                let expected = "a last layer that is linear and has a bias, and no loss by margins";
                let error = EngineError::invalid("`output_bias`", found, expected);
                return Err(error.remedy("leave it out").at("output_bias").into());
            }
            self.config.output_bias = OutputBias::Zero;
            self.reasons.retain(|reason| reason.field != "output_bias");
        }
        Ok(engine)
    }
}

impl Training<'_> {
    fn run(
        &self,
        job: &Job,
        lock: Option<File>,
        engine: Box<dyn Engine>,
        training: &TrainingSpec,
        threads: usize,
        watch: &mut dyn Watch,
    ) -> Result<Ended> {
        let parameters = engine.parameters();
        let owner = Owner {
            config: self.config,
            preprocessing: &self.rows.preprocessing,
            parameters: &parameters,
        };
        let start = self.start(&parameters, threads);
        let refit = (self.config.refit).then(|| Refit::before(&*engine, training));
        let refit = refit.transpose()?;
        // The best epoch is that of the objective, class weights included.
        let factors = self.weighting.factors.as_deref();
        let validation = self.rows.validation.as_ref().map(Part::view);
        let weights = validation.and_then(|rows| classes::weights(rows, factors));
        let watched = match &self.rows.validation {
            Some(rows) if rows.is_on_disk() => Some(classes::reweighted(rows.source()?, factors)),
            _ => classes::weighted(validation, weights.as_deref()),
        };
        let mut run = Run::with_sources(engine, training, self.rows.train.source()?, watched)
            .map_err(|error| job.locate(error))?;
        judging::select(&mut run, self.config, self.rows, self.weighting)?;
        let mut lines = job.lines.clone();
        lines.extend(self.go_on_from(job, &mut run, &parameters)?);
        // Nothing is written before everything fits.
        let (folder, _lock) = job.make_folder(lock)?;
        let own = Training {
            config: self.config,
            rows: self.rows,
            options: self.options,
            weighting: self.weighting,
            folder: folder.as_ref(),
        };
        let stored = own.folder.filter(|_| job.resumes);
        let resumed = (stored.map(|folder| owner.read(folder)).transpose()?).flatten();
        let (mut seconds, mut log, mut log_steps) = (0.0, None, self.options.log_steps);
        match (&resumed, own.folder) {
            (Some(checkpoint), Some(folder)) => {
                run.resume(checkpoint)?;
                let resumed = Log::resume(folder, checkpoint.epoch, checkpoint.step)?;
                log_steps |= resumed.has_steps;
                lines = vec![goes_on(checkpoint.epoch)];
                lines.extend(resumed.cpu.as_deref().and_then(other_instructions));
                (seconds, log) = (resumed.seconds, Some(resumed.log));
            }
            (None, Some(folder)) => log = Some(begin(folder, &self.config.to_toml()?, &start)?),
            (_, None) => {}
        }
        watch.begin(&Beginning {
            start: &start,
            origin: run.origin(),
            last_epoch: run.last_epoch(),
            steps_per_epoch: run.steps_per_epoch(),
            lines: &lines,
            folder: own.folder,
            members: 1,
        })?;
        let files = (own.folder.zip(log)).map(|(folder, log)| Files { folder, log });
        let mut recorder = Recorder::new(files, owner, watch, seconds);
        recorder.keeps = self.options.keep_checkpoint;
        recorder.steps = (own.folder.is_some() && log_steps).then(Steps::default);
        if own.folder.is_some() && self.options.inspect.is_some() {
            recorder.health = Some(Health::begin(&mut run, training.batch_size)?);
        }
        recorder.checkpoint = resumed.map(|checkpoint| checkpoint.epoch);
        let room = (own.folder.map(|folder| Room::reserve(folder, &owner))).transpose()?;
        let result = train(&mut run, &mut recorder);
        drop(room);
        let of_run = (job.model.as_ref(), start.rows);
        let mut ended = own.finish(run, result, recorder, refit, of_run)?;
        ended.folder = folder.clone();
        Ok(ended)
    }

    /// Goes on from the model that the run begins with, if there is one, and says so.
    fn go_on_from(
        &self,
        job: &Job,
        run: &mut Run,
        parameters: &[ParameterInfo],
    ) -> Result<Option<String>> {
        let Some(model) = &job.model else {
            return Ok(None);
        };
        let (checkpoint, line) = match self.config.extend.is_nothing() {
            true => model.checkpoint(&self.config.training, parameters)?,
            false => model.grown(self.config, parameters, run.engine().save_parameters()?)?,
        };
        let weights = match (
            self.rows.before.has_validation,
            self.config.extend.is_nothing(),
        ) {
            // What was trained on validation rows is no measure on them.
            (true, _) => None,
            (false, true) => Some(model.weights(parameters)?),
            (false, false) => Some(checkpoint.state.parameters.clone()),
        };
        let selection = judging::selection(self.config, self.rows, self.weighting)?;
        judging::go_on(run, &checkpoint, weights, selection)?;
        Ok(Some(line))
    }

    /// The first event of the log.
    pub(crate) fn start<'b>(&'b self, parameters: &[ParameterInfo], threads: usize) -> Start<'b> {
        let count = |part: &Option<Part>| part.as_ref().map_or(0, Part::rows);
        let size = |info: &ParameterInfo| info.shape.iter().product::<usize>();
        let (config, rows) = (self.config, self.rows);
        Start {
            event: "start",
            format: crate::log::FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            data: &config.data.source,
            task: rows.preprocessing.task(),
            rows: Rows {
                train: rows.train.rows(),
                validation: count(&rows.validation),
                test: count(&rows.test),
                calibration: match &rows.calibration {
                    Calibration::Own(part) => part.rows(),
                    _ => 0,
                },
            },
            inputs: config.network.inputs,
            outputs: rows.preprocessing.output_width(),
            parameters: parameters.iter().map(size).sum(),
            threads,
            cpu: Isa::detect().name(),
            network: &config.network,
            training: &config.training,
            provenance: rows.provenance.as_ref(),
        }
    }

    fn finish(
        &self,
        mut run: Run,
        result: thalweg_core::Result<thalweg_core::train::Summary>,
        recorder: Recorder,
        refit: Option<Refit>,
        (model, rows): (Option<&Continuation>, Rows),
    ) -> Result<Ended> {
        let (mut outcome, mut failure) = outcome(result, &mut run, rows)?;
        let has_model = failure.is_none() || outcome.best_epoch > 0;
        let (origin, steps_per_epoch) = (run.origin(), run.steps_per_epoch());
        let note = model.and_then(|model| model.not_better(&mut outcome, origin.epoch));
        let mut engine = run.into_engine();
        let is_through = failure.is_none() && outcome.stopped_by != INTERRUPTED;
        let (parts, weighting) = (self.rows, self.weighting);
        let race = or_linear::race(is_through, self.config, parts, weighting, &mut *engine)?;
        let mut ended = match race.linear {
            Some(linear) => {
                engine = linear.engine;
                let own = Training {
                    config: &linear.config,
                    ..*self
                };
                let mut ended = own.judge(&mut *engine, outcome, &recorder, has_model)?;
                ended.notes.push(linear.note);
                // What trains it again is the race.
                ended.config = self.config.clone();
                ended
            }
            None => self.judge(&mut *engine, outcome, &recorder, has_model)?,
        };
        ended.end.raced = race.raced;
        ended.notes.extend(note);
        ended.gradient_norm = recorder.gradient_norm;
        ended.checkpoint = recorder.checkpoint;
        self.add_importance(&mut *engine, &mut ended)?;
        if let (Some(refit), None) = (refit.filter(|_| !ended.is_interrupted()), &failure) {
            engine = self.refit(refit, engine, &mut ended, recorder.inner)?;
        }
        let mut unwritten = None;
        if let Some(Files { folder, mut log }) = recorder.files {
            let kept = recorder.kept.as_ref().map(|kept| (&recorder.owner, kept));
            let to = (folder, &mut log, &ended.end);
            let (model, checkpoint) = (ended.model.as_ref(), ended.checkpoint);
            let left = leave(model, to, recorder.failure, checkpoint, kept)?;
            (ended.checkpoint, unwritten) = (left.checkpoint, left.failure);
        }
        if let Some((quantity, value)) = ended.end.not_finite {
            let training = &self.config.training;
            let rate = (!is_solver(&training.optimizer)).then_some(training.learning_rate);
            failure = failure.or(Some(EngineError::Diverged {
                step: steps_per_epoch.saturating_mul(ended.outcome.epochs as u64),
                epoch: ended.outcome.epochs,
                quantity,
                value,
                rate,
            }));
        }
        if let (Some(folder), None, false) = (self.folder, &unwritten, ended.is_interrupted()) {
            let kept = recorder.kept.filter(|_| failure.is_none());
            let kept = kept
                .map(|kept| recorder.owner.to_bytes(&kept))
                .transpose()?;
            let note = self.leave_checkpoint(folder, kept, &ended.outcome)?;
            ended.notes.extend(note.filter(|_| failure.is_none()));
        }
        let has_model = ended.model.is_some();
        let diverged =
            |error| advice::diverged(&error, self.config, origin.step, has_model, self.folder);
        ended.failure = failure.map(diverged).or(unwritten);
        if ended.failure.is_none() && !ended.is_interrupted() {
            let training = for_rows(&self.config.training, self.rows.train.rows());
            let surface =
                solvers::surface(&mut *engine, &mut *self.rows.train.source()?, &training)?;
            ended.surface = surface.map(|surface| (surface, engine.parameters()));
        }
        Ok(ended)
    }

    /// Keeps the checkpoint of a finished run; if there is none, a note says so.
    fn leave_checkpoint(
        &self,
        folder: &RunFolder,
        kept: Option<Vec<u8>>,
        outcome: &Outcome,
    ) -> Result<Option<Note>> {
        if let Some(kept) = kept {
            let written = folder.write(CHECKPOINT, &kept);
            written.map_err(|error| unwritable(&folder.file(CHECKPOINT), &error))?;
            return Ok(None);
        }
        folder.remove(CHECKPOINT);
        Ok(self.options.keep_checkpoint.then(|| {
            Note::info(format!(
                "no checkpoint was kept, because the run was stopped by {}: to continue it begins with a fresh optimizer",
                outcome.stopped_by
            ))
        }))
    }

    /// Adds how much each column matters, where that is asked for.
    fn add_importance(&self, engine: &mut dyn Engine, ended: &mut Ended) -> Result<()> {
        let Some(model) = ended.model.as_ref().filter(|_| self.options.importance) else {
            return Ok(());
        };
        if self.rows.preprocessing.is_sparse() {
            let text = "no importance: columns of sparse rows are not permuted one by one";
            ended.notes.push(Note::warning(text));
            return Ok(());
        }
        ended.end.importance = Some(self.importance(engine, model.description())?);
        Ok(())
    }

    /// How much each column matters on the validation rows, or else the test or training rows.
    pub(crate) fn importance(
        &self,
        engine: &mut dyn Engine,
        description: &Description,
    ) -> Result<Importance> {
        let rows = self.rows;
        let held_out = (rows
            .validation
            .as_ref()
            .map(|rows| (rows, "validation rows")))
        .or(rows.test.as_ref().map(|rows| (rows, "test rows")));
        let (part, name) = held_out.unwrap_or((&rows.train, "training rows"));
        let seed = self.config.training.seed;
        relied_on::importance_for(engine, Relying::of(description), part.view(), name, seed)
    }

    /// Puts the model of all rows into the place of the selected one, unless that is interrupted or
    /// diverges.
    fn refit(
        &self,
        refit: Refit,
        engine: Box<dyn Engine>,
        ended: &mut Ended,
        watch: &mut dyn Observer,
    ) -> Result<Box<dyn Engine>> {
        let Some(model) = &ended.model else {
            return Ok(engine);
        };
        let epochs = ended.outcome.best_epoch;
        let engine = match refit.train(engine, self.rows, epochs, watch) {
            Ok((mut engine, Through::Yes(rows))) => {
                if let Some(correction) = &self.weighting.correction {
                    correction.apply(&mut *engine, &self.config.network)?;
                }
                if let Some(temperature) = model.description().temperature {
                    temperature::apply(&mut *engine, &self.config.network, temperature)?;
                }
                ended.outcome.refit = Some(rows);
                ended.end.refit = Some(rows);
                let description = refit::describe(model.description(), &mut *engine, self.rows)?;
                ended.notes.push(refit::note(&description, rows));
                let description = Description {
                    outcome: ended.outcome.clone(),
                    ..description
                };
                ended.model = Some(Model::new(description, &*engine)?);
                engine
            }
            Ok((engine, Through::No)) => {
                ended.outcome.stopped_by = INTERRUPTED.to_owned();
                ended.end.stopped_by = INTERRUPTED.to_owned();
                engine
            }
            Err(error @ EngineError::Diverged { .. }) => {
                let text =
                    format!("training anew on all rows: {error}; the model is the selected one");
                ended.notes.push(Note::warning(text));
                return model.engine(1);
            }
            Err(error) => return Err(error.into()),
        };
        Ok(engine)
    }

    /// The model in `engine` with its scores, unless its loss is not finite.
    fn judge(
        &self,
        engine: &mut dyn Engine,
        outcome: Outcome,
        recorder: &Recorder,
        has_model: bool,
    ) -> Result<Ended> {
        let mut ended = self.ended(outcome, recorder.seconds);
        ended.end.kept_learning = recorder.kept_learning();
        if !has_model {
            return Ok(ended);
        }
        ended.end.best_epoch = Some(ended.outcome.best_epoch);
        let correction = self.weighting.correction.as_ref();
        let settled = judging::settle(engine, self.config, self.rows, correction)?;
        self.judged(engine, None, settled, Vec::new(), ended)
    }

    /// The same for a model that is settled, of an ensemble with its members. Where `held_out` is
    /// there, it answers for the validation rows.
    pub(crate) fn judged(
        &self,
        engine: &mut dyn Engine,
        mut held_out: Option<&mut Averaged>,
        settled: Settled,
        members: Vec<EnsembleMember>,
        mut ended: Ended,
    ) -> Result<Ended> {
        let (config, rows) = (self.config, self.rows);
        let mut engines = Engines {
            engine,
            held_out: held_out.as_deref_mut(),
        };
        let notes = verdict::score(
            config,
            rows,
            self.weighting,
            &settled,
            &mut engines,
            &mut ended.end,
        )?;
        let end = &mut ended.end;
        if end.not_finite.is_some() {
            (end.best_epoch, end.stopped_by) = (None, "diverged".to_owned());
            (end.train, end.validation) = (None, None);
            return Ok(ended);
        }
        ended
            .notes
            .extend(settled.notes.iter().cloned().chain(notes));
        let [trained, others] = rows.trained_and_others(false);
        let before = rows.before.fingerprint.as_ref();
        let description = Description {
            kind: "model".to_owned(),
            network: self.config.network.clone(),
            training: self.config.training.clone(),
            preprocessing: settled.preprocessing.clone(),
            missing: self.config.data.read.missing.clone(),
            not_missing: self.config.data.read.not_missing.clone(),
            text: self.config.data.read.of_text(),
            outcome: ended.outcome.clone(),
            interval: end.interval.clone(),
            metrics: metadata(&Metrics {
                train: &end.train,
                validation: &end.validation,
                test: &end.test,
                best_constant: &end.best_constant,
                linear_model: &end.linear_model,
            })?,
            fingerprint: Some(Fingerprint::new(&trained, &others, before)),
            origins: rows.before.origins.clone(),
            ranges: Ranges::of(&self.rows.preprocessing, self.rows.train.view().features),
            prior_shift: settled.prior_shift.clone(),
            temperature: settled.temperature,
            decision: settled.decision.clone(),
            judging: config.judging.clone(),
            networks: match &config.ensemble {
                Some(ensemble) => (ensemble.recipes.iter())
                    .map(|recipe| recipe.network.clone())
                    .collect(),
                None => Vec::new(),
            },
            members,
        };
        ended.model = Some(Model::new(description, engine)?);
        let engine: &mut dyn Engine = match (held_out, &rows.test) {
            (Some(held_out), None) => held_out,
            _ => engine,
        };
        if let Some(what) = self.options.inspect {
            let inspection = inspection::of_run(engine, rows, config, &settled, what)?;
            ended.end.intervals.clone_from(&inspection.intervals);
            ended.inspection = Some(inspection);
        }
        Ok(ended)
    }

    /// How training ended, without a model yet.
    pub(crate) fn ended(&self, outcome: Outcome, seconds: f64) -> Ended {
        Ended {
            end: End {
                event: "end",
                epochs: outcome.epochs,
                stopped_by: outcome.stopped_by.clone(),
                seconds,
                out: self.folder.map(RunFolder::to_string),
                ..End::default()
            },
            outcome,
            model: None,
            inspection: None,
            config: self.config.clone(),
            reasons: Vec::new(),
            notes: Vec::new(),
            gradient_norm: f64::NAN,
            failure: None,
            folder: None,
            checkpoint: None,
            surface: None,
            out_of_fold: None,
        }
    }
}

/// The folder of a new run.
pub(crate) fn begin(folder: &RunFolder, config: &str, start: &Start) -> Result<Log> {
    let begun = (folder.write(CONFIG, config.as_bytes()))
        .and_then(|()| Log::create(folder))
        .and_then(|mut log| log.write(&[start]).map(drop).map(|()| log));
    begun.map_err(|error| unwritable(&folder.file(""), &error))
}
