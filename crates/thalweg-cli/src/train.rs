//! `thalweg train`: from arguments to a run folder.

use thalweg::cpu;
use thalweg::dataset::Dataset;
use thalweg::engine::Engine;
use thalweg::error::Error;
use thalweg::train::{Run, StoppedBy};
use thalweg_data::{Note, Prepared, Source};

use crate::args::{TrainArgs, threads_or_all};
use crate::checkpoint::Owner;
use crate::config::Config;
use crate::data;
use crate::exit::{Failure, Result};
use crate::interrupt;
use crate::log::{self, End, Log, Rows, Start};
use crate::model::{Description, Model, Outcome};
use crate::preset::{self, Reason};
use crate::progress::Progress;
use crate::resolve;
use crate::run_folder::{CHECKPOINT, CONFIG, MODEL, RunFolder, unwritable};
use crate::scores::{Judge, Scores, without_class_weights};
use crate::summary;
use crate::terminal::{Terminal, count};

/// The command.
pub fn run(args: &TrainArgs) -> Result<()> {
    resolve::check(args)?;
    let mut terminal = Terminal::new(args.quiet, args.json);
    let stored = stored_config(args)?;
    let base = match (&stored, &args.config) {
        (Some(config), _) => Some(config.clone()),
        (None, Some(path)) => Some(Config::read(path)?),
        (None, None) => None,
    };
    let data = resolve::data(args, base.as_ref())?;
    let dtype = args
        .dtype
        .or(base.as_ref().map(|base| base.training.dtype))
        .unwrap_or_default();
    let prepared = data::load(&data, dtype)?;
    for note in &prepared.notes {
        terminal.note(note);
    }
    let (config, reasons) = resolve::config(args, base, data, &prepared)?;
    if let (Some(out), Some(stored)) = (&args.out, &stored) {
        let folder = RunFolder::at(out);
        refuse_changes(stored, &config, &folder)?;
        if let Some(end) = log::end(&folder).filter(|end| end["stopped_by"] != "interrupted") {
            let why = end["stopped_by"].as_str().unwrap_or_default();
            terminal.line(&format!(
                "{folder} is finished (stopped by {why}): nothing to do"
            ));
            terminal.json(&end);
            return Ok(());
        }
    }
    train(
        args,
        &mut terminal,
        &config,
        &prepared,
        &reasons,
        stored.is_some(),
    )
}

/// The config of the run in `--out` that `--resume` goes on with; none when there is nothing yet. Without
/// `--resume` nothing may be there.
fn stored_config(args: &TrainArgs) -> Result<Option<Config>> {
    let Some(out) = &args.out else {
        return Ok(None);
    };
    let path = RunFolder::at(out).file(CONFIG);
    if args.resume && path.exists() {
        return Config::read(&path).map(Some);
    }
    if args.resume && args.data.is_none() {
        let error = Error::invalid(path.display().to_string(), "no run", "a run to go on with");
        return Err(error.remedy("check --out, or give DATA").into());
    }
    RunFolder::check_free(out).map(|()| None)
}

fn refuse_changes(stored: &Config, config: &Config, folder: &RunFolder) -> Result<()> {
    let Some((entry, theirs, ours)) = stored.difference(config) else {
        return Ok(());
    };
    let place = format!("{}: {entry}", folder.file(CONFIG).display());
    let error = Error::invalid(place, theirs, format!("{ours}, as the arguments say"));
    Err(error
        .remedy("resume without other flags, or train into another --out")
        .into())
}

fn rows_of(dataset: Option<&Dataset>) -> usize {
    dataset.map_or(0, Dataset::rows)
}

fn train(
    args: &TrainArgs,
    terminal: &mut Terminal,
    config: &Config,
    prepared: &Prepared,
    reasons: &[Reason],
    resume: bool,
) -> Result<()> {
    let threads = threads_or_all(args.threads);
    let mut engine = cpu::engine(&config.network, &config.training, threads)?;
    let parameters = engine.parameters();
    if let Some(path) = &config.initial_weights {
        Model::read(path)?.load_into(&mut *engine)?;
    }
    let mut run = Run::new(
        engine,
        &config.training,
        &prepared.train,
        prepared.validation.as_ref(),
    )?;
    let owner = Owner {
        config,
        preprocessing: &prepared.preprocessing,
        parameters: &parameters,
    };
    let rows = Rows {
        train: prepared.train.rows(),
        validation: rows_of(prepared.validation.as_ref()),
        test: rows_of(prepared.test.as_ref()),
    };
    let parameter_count = parameters
        .iter()
        .map(|info| info.shape.iter().product::<usize>())
        .sum();
    let start = Start {
        event: "start",
        version: env!("CARGO_PKG_VERSION"),
        data: &config.data.source,
        task: prepared.preprocessing.task(),
        rows,
        inputs: config.network.inputs,
        outputs: prepared.preprocessing.output_width(),
        parameters: parameter_count,
        threads,
        network: &config.network,
        training: &config.training,
    };

    let name = Source::parse(&config.data.source)?.name();
    let folder = RunFolder::create(args.out.as_deref(), &name)?;
    let to_folder = |error: std::io::Error| unwritable(&folder.file(""), &error);
    let checkpoint = if resume { owner.read(&folder)? } else { None };
    let (log, seconds) = match &checkpoint {
        Some(checkpoint) => {
            run.resume(checkpoint)?;
            terminal.line(&format!("goes on after epoch {}", checkpoint.epoch));
            Log::resume(&folder, checkpoint.epoch).map_err(to_folder)?
        }
        None => {
            folder
                .write(CONFIG, config.to_toml()?.as_bytes())
                .map_err(to_folder)?;
            let mut log = Log::create(&folder).map_err(to_folder)?;
            log.write(&start).map_err(to_folder)?;
            (log, 0.0)
        }
    };
    terminal.line(&format!(
        "{}, {}, {}, {}: {} to train, {} to validate, {} to test",
        prepared.preprocessing.task(),
        count(start.inputs, "input"),
        count(start.outputs, "output"),
        count(parameter_count, "parameter"),
        count(rows.train, "row"),
        rows.validation,
        rows.test
    ));

    interrupt::listen()?;
    let steps_per_epoch = run.steps_per_epoch();
    terminal.start_bar(steps_per_epoch * config.training.epochs as u64);
    let mut progress = Progress::new(terminal, &folder, log, owner, steps_per_epoch, seconds);
    let result = thalweg::train::train(&mut run, &mut progress);
    progress.finish();
    let (mut outcome, failure) = match result {
        Ok(summary) => {
            let stopped_by = match summary.stopped_by {
                StoppedBy::Epochs => "epochs",
                StoppedBy::Patience => "patience",
                StoppedBy::Observer => "interrupted",
            };
            (
                outcome(summary.epochs, summary.best_epoch, stopped_by, rows),
                None,
            )
        }
        Err(error @ Error::Diverged { .. }) => {
            let best = run.best().map_or(0, |best| best.epoch);
            run.restore_best()?;
            (outcome(run.epoch(), best, "diverged", rows), Some(error))
        }
        Err(error) => return Err(Failure::Running(error.to_string())),
    };
    let seconds = progress.seconds;
    let mut log = progress.log;
    let has_model = failure.is_none() || outcome.best_epoch > 0;
    if outcome.best_epoch == 0 {
        outcome.best_epoch = outcome.epochs;
    }

    let finish = Finish {
        config,
        prepared,
        outcome: &outcome,
        folder: &folder,
        terminal,
        reasons,
    };
    let end = finish.end(&mut *run.into_engine(), has_model, seconds)?;
    log.write(&end)
        .map_err(|error| Failure::Running(format!("{folder}: {error}")))?;
    if outcome.stopped_by != "interrupted" {
        folder.remove(CHECKPOINT);
    }
    terminal.json(&end);
    match (failure, outcome.stopped_by.as_str()) {
        (Some(error), _) => Err(Failure::Running(diverged(
            &error, config, has_model, &folder,
        ))),
        (None, "interrupted") => Err(Failure::Interrupted(format!(
            "interrupted; the best model so far is in {folder}; `thalweg train --resume --out {folder}` goes on"
        ))),
        (None, _) => {
            terminal.line(&format!(
                "{} in {folder}",
                [MODEL, CONFIG, crate::run_folder::LOG].join(", ")
            ));
            Ok(())
        }
    }
}

fn outcome(epochs: usize, best_epoch: usize, stopped_by: &str, rows: Rows) -> Outcome {
    Outcome {
        epochs,
        best_epoch,
        stopped_by: stopped_by.to_owned(),
        rows,
    }
}

/// What happened, what to try, and what is left. The rate to try is the preset's for this optimizer, or a
/// tenth of the one that failed if that is smaller.
fn diverged(error: &Error, config: &Config, has_model: bool, folder: &RunFolder) -> String {
    let linear = config.network.layers.len() == 1;
    let (usual, _) = preset::learning_rate(&config.training.optimizer.name, linear);
    let rate = usual.min(config.training.learning_rate / 10.0);
    let digits = (2.0 - rate.log10().floor()).clamp(0.0, 300.0) as usize;
    let rate = format!("{rate:.digits$}");
    let left = match has_model {
        true => format!("the model of the best epoch before that is in {folder}"),
        false => format!("no epoch ended well, so there is no model; the log is in {folder}"),
    };
    format!("{error}; try --lr {}; {left}", rate.trim_end_matches('0'))
}

/// Judges and writes what training gave.
struct Finish<'a> {
    config: &'a Config,
    prepared: &'a Prepared,
    outcome: &'a Outcome,
    folder: &'a RunFolder,
    terminal: &'a Terminal,
    reasons: &'a [Reason],
}

impl<'a> Finish<'a> {
    /// Writes the model, prints the summary, and gives the last event.
    fn end(&self, engine: &mut dyn Engine, has_model: bool, seconds: f64) -> Result<End<'a>> {
        let mut end = End {
            event: "end",
            epochs: self.outcome.epochs,
            best_epoch: has_model.then_some(self.outcome.best_epoch),
            stopped_by: &self.outcome.stopped_by,
            seconds,
            train: None,
            validation: None,
            test: None,
            best_constant: None,
            out: self.folder.to_string(),
        };
        if !has_model {
            return Ok(end);
        }
        let Prepared {
            preprocessing,
            validation,
            test,
            ..
        } = self.prepared;
        let judge = Judge::new(preprocessing, &self.config.network.loss)?;
        let training = without_class_weights(&self.prepared.train, preprocessing);
        let mut score =
            |part: Option<&Dataset>| part.map(|part| judge.model(engine, part)).transpose();
        end.train = score(Some(&training))?;
        end.validation = score(validation.as_ref())?;
        end.test = score(test.as_ref())?;
        let judged = test.as_ref().or(validation.as_ref()).unwrap_or(&training);
        end.best_constant = Some(judge.constant(&training, judged)?);

        let description = Description {
            kind: "model".to_owned(),
            network: self.config.network.clone(),
            training: self.config.training.clone(),
            preprocessing: preprocessing.clone(),
            missing: self.config.data.read.missing.clone(),
            outcome: self.outcome.clone(),
            metrics: crate::model::metadata(&Metrics {
                train: &end.train,
                validation: &end.validation,
                test: &end.test,
                best_constant: &end.best_constant,
            })?,
        };
        (self.folder.write(MODEL, &description.to_bytes(engine)?))
            .map_err(|error| Failure::Running(error.to_string()))?;
        self.print(&end);
        Ok(end)
    }

    fn print(&self, end: &End) {
        let epochs = self.config.training.epochs;
        self.terminal
            .line(&summary::ending(self.outcome, epochs, end.seconds));
        let parts = [
            ("test", &end.test),
            ("best constant", &end.best_constant),
            ("validation", &end.validation),
            ("train", &end.train),
        ];
        let mut named: Vec<(String, &Scores)> = Vec::new();
        for (name, scores) in parts {
            match scores {
                Some(scores) if name == "best constant" => named.push((name.to_owned(), scores)),
                Some(scores) => named.push((summary::part(name, scores), scores)),
                None => {}
            }
        }
        let parts = named
            .iter()
            .map(|(name, scores)| (name.as_str(), *scores))
            .collect();
        summary::print(self.terminal, &parts, self.reasons);
        let judged = end
            .test
            .as_ref()
            .or(end.validation.as_ref())
            .or(end.train.as_ref());
        if let (Some(judged), Some(constant)) = (judged, &end.best_constant)
            && !judged.beats(constant)
        {
            let text = "the model is no better than the best constant: try a smaller --lr, or look at the columns";
            self.terminal.note(&Note::warning(text));
        }
    }
}

#[derive(serde::Serialize)]
struct Metrics<'a> {
    train: &'a Option<Scores>,
    validation: &'a Option<Scores>,
    test: &'a Option<Scores>,
    best_constant: &'a Option<Scores>,
}
