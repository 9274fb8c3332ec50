//! `thalweg train`: from arguments to a run folder.

use std::fs::File;
use std::path::Path;

use thalweg_core::Isa;
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::ParameterInfo;
use thalweg_core::error::Error;
use thalweg_core::initializers::start_at_prior;
use thalweg_core::registry::Choice;
use thalweg_core::solvers::is_solver;
use thalweg_core::spec::NetworkSpec;
use thalweg_core::train::{Run, StoppedBy};
use thalweg_data::{Note, Prepared, Source};

use crate::args::TrainArgs;
use crate::choices;
use crate::exit::{Failure, Result};
use crate::finish::Finish;
use crate::interrupt;
use crate::parse::threads_or_all;
use crate::progress::Progress;
use crate::resolve;
use crate::surface;
use crate::terminal::Terminal;
use thalweg::advice::diverged;
use thalweg::checkpoint::Owner;
use thalweg::config::{Config, OutputBias};
use thalweg::continuation::Continuation;
use thalweg::footprint;
use thalweg::load;
use thalweg::log::{self, Log, Rows, Start};
use thalweg::model::{Model, Outcome, for_rows};
use thalweg::network_file::NetworkFile;
use thalweg::preset::Reason;
use thalweg::run_folder::{CHECKPOINT, CONFIG, LOG, MODEL, RunFolder, SURFACE, unwritable};
use thalweg::text::count;

/// Why a run ended that Ctrl-C ended.
const INTERRUPTED: &str = "interrupted";

/// The command.
pub fn run(args: &TrainArgs) -> Result<()> {
    choices::check(args)?;
    let mut terminal = Terminal::new(args.quiet, args.json);
    // An existing folder is locked before anything in it is believed, a new one when it is made.
    let lock = match &args.out {
        Some(out) => RunFolder::at(out).lock()?,
        None => None,
    };
    let stored = stored_config(args)?;
    let mut base = match (&stored, &args.config) {
        (Some(config), _) => Some(config.clone()),
        (None, Some(path)) => Some(Config::read(path)?),
        (None, None) => None,
    };
    let model = (base.as_ref().and_then(|base| base.continue_from.as_ref()))
        .or(args.continue_from.as_ref())
        .map(|path| Continuation::read(path))
        .transpose()?;
    if let (None, Some(model)) = (&base, &model) {
        base = Some(resolve::of_model(args, model)?);
    }
    let data = resolve::data(args, base.as_ref())?;
    let dtype = resolve::dtype(args, base.as_ref().map(|base| base.training.dtype))?;
    let preprocessing = model
        .as_ref()
        .map(|model| &model.description().preprocessing);
    let named = args.loss.as_ref().map(Choice::new);
    let loss = named.or_else(|| base.as_ref().map(|base| base.network.loss.clone()));
    let prepared = load::load(&data, loss.as_ref(), dtype, preprocessing)?;
    for note in &prepared.notes {
        terminal.note(note);
    }
    let (mut config, mut reasons, notes) = resolve::config(args, base, data, &prepared)?;
    for note in &notes {
        terminal.note(note);
    }
    if let Some(model) = &model {
        model.check(&config)?;
    }
    if let (Some(out), Some(stored)) = (&args.out, &stored) {
        let folder = RunFolder::at(out);
        refuse_changes(stored, &config, &folder)?;
        if let Some(end) = log::end(&folder).filter(|end| end["stopped_by"] != INTERRUPTED) {
            let why = end["stopped_by"].as_str().unwrap_or_default();
            terminal.line(&format!(
                "{folder} is finished (stopped by {why}): nothing to do"
            ));
            return terminal.json(&end);
        }
    }
    train(
        args,
        &mut terminal,
        &mut config,
        &prepared,
        &mut reasons,
        Beginning {
            model: model.as_ref(),
            resume: stored.is_some(),
            lock,
        },
    )
}

/// What is said of the network, as it is said of its place in the file that tells it, if one does.
fn locate(args: &TrainArgs, network: &NetworkSpec, error: Error) -> Error {
    let stored = args.out.as_ref().filter(|_| args.resume);
    let stored = stored.map(|out| RunFolder::at(out).file(CONFIG));
    let of_config = |path: &Path| {
        let file = Config::network_file(path).ok()?;
        let layers = file.written_out().ok()?;
        // Unless arguments changed it.
        let told = NetworkSpec {
            layers,
            ..network.clone()
        };
        (told.resolve().ok()? == *network).then_some(file)
    };
    let file = match (&args.network, stored.as_deref().or(args.config.as_deref())) {
        (Some(path), _) => NetworkFile::read(path).ok(),
        (None, Some(path)) => of_config(path),
        (None, None) => None,
    };
    match file {
        Some(file) => file.locate(error),
        None => error,
    }
}

/// The config of the run in `--out` that `--resume` goes on with; none when there is nothing yet. Without
/// `--resume` nothing may be there.
fn stored_config(args: &TrainArgs) -> Result<Option<Config>> {
    let Some(out) = &args.out else {
        return Ok(None);
    };
    let path = RunFolder::at(out).file(CONFIG);
    if args.resume && path.exists() {
        return Ok(Some(Config::read(&path)?));
    }
    if args.resume && args.data.is_none() {
        let error = Error::invalid(path.display().to_string(), "no run", "a run to go on with");
        return Err(error.remedy("check --out, or give DATA").into());
    }
    RunFolder::check_free(out)?;
    Ok(None)
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

/// What a run begins with.
struct Beginning<'a> {
    /// The model that it goes on from.
    model: Option<&'a Continuation>,
    /// Whether it goes on with a run of its own.
    resume: bool,
    lock: Option<File>,
}

fn train(
    args: &TrainArgs,
    terminal: &mut Terminal,
    config: &mut Config,
    prepared: &Prepared,
    reasons: &mut Vec<Reason>,
    beginning: Beginning,
) -> Result<()> {
    let Beginning {
        model,
        resume,
        lock,
    } = beginning;
    let threads = threads_or_all(args.threads);
    let network = config.network.clone();
    let located = |error| locate(args, &network, error);
    footprint::check(&network, &config.training, threads).map_err(located)?;
    let training = for_rows(&config.training, prepared.train.rows());
    let has_weights = config.initial_weights.is_some() || model.is_some();
    let mut engine = match has_weights {
        true => cpu::engine_to_load(&config.network, &training, threads),
        false => cpu::engine(&config.network, &training, threads),
    }
    .map_err(located)?;
    if let Some(path) = &config.initial_weights {
        Model::read(path)?.load_into(&mut *engine)?;
    } else if config.output_bias == OutputBias::Prior
        && !start_at_prior(&mut *engine, &config.network, &mut prepared.train.view())?
    {
        if args.output_bias == Some(OutputBias::Prior) {
            return Err(no_prior().into());
        }
        config.output_bias = OutputBias::Zero;
        reasons.retain(|reason| reason.flag != "output-bias");
    }
    let config = &*config;
    let parameters = engine.parameters();
    let owner = Owner {
        config,
        preprocessing: &prepared.preprocessing,
        parameters: &parameters,
    };
    let start = start(config, prepared, &parameters, threads);
    let mut run = Run::new(
        engine,
        &training,
        &prepared.train,
        prepared.validation.as_ref(),
    )
    .map_err(located)?;
    let continued = model
        .map(|model| model.checkpoint(&config.training, &parameters))
        .transpose()?;
    if let Some((checkpoint, _)) = &continued {
        run.continue_from(checkpoint)?;
    }

    let name = Source::parse(&config.data.source)?.name();
    let folder = RunFolder::create(args.out.as_deref(), &name)?;
    let _lock = match lock {
        Some(lock) => Some(lock),
        None => {
            let lock = folder.lock()?;
            // Another process may have been faster.
            args.out.as_deref().map(RunFolder::check_free).transpose()?;
            lock
        }
    };
    let checkpoint = if resume { owner.read(&folder)? } else { None };
    let (log, seconds) = match &checkpoint {
        Some(checkpoint) => {
            run.resume(checkpoint)?;
            terminal.line(&format!("goes on after epoch {}", checkpoint.epoch));
            let resumed = Log::resume(&folder, checkpoint.epoch)?;
            let now = Isa::detect().name();
            if let Some(then) = resumed.cpu.filter(|then| then != now) {
                terminal.line(&format!(
                    "note: it began with the instructions {then}; with {now} the last bits differ"
                ));
            }
            (resumed.log, resumed.seconds)
        }
        None => {
            let log = begin(&folder, &config.to_toml()?, &start)
                .map_err(|error| unwritable(&folder.file(""), &error))?;
            if let Some((_, line)) = &continued {
                terminal.line(line);
            }
            (log, 0.0)
        }
    };
    terminal.line(&headline(&start));

    let steps_per_epoch = run.steps_per_epoch();
    terminal.start_bar(steps_per_epoch.saturating_mul(config.training.epochs as u64));
    interrupt::listen(terminal.bar())?;
    let mut progress = Progress::new(terminal, &folder, log, owner, &run, seconds);
    progress.keeps = args.keep_checkpoint;
    progress.checkpoint = checkpoint.map(|checkpoint| checkpoint.epoch);
    let result = thalweg_core::train::train(&mut run, &mut progress);
    progress.finish();
    let Progress {
        mut log,
        seconds,
        checkpoint,
        kept,
        gradient_norm,
        ..
    } = progress;
    let (outcome, mut failure) = outcome(result, &mut run, start.rows)?;

    let mut has_model = failure.is_none() || outcome.best_epoch > 0;
    let finish = Finish {
        config,
        prepared,
        outcome: &outcome,
        gradient_norm,
        folder: &folder,
        terminal,
        reasons,
    };
    let before = run.origin().step;
    let mut engine = run.into_engine();
    let end = finish.end(&mut *engine, has_model, seconds)?;
    log.write(&end)
        .map_err(|error| Failure::Running(format!("{folder}: {error}")))?;
    let told = terminal.json(&end);
    if let Some((quantity, value)) = end.not_finite {
        has_model = false;
        failure = failure.or(Some(Error::Diverged {
            step: steps_per_epoch.saturating_mul(outcome.epochs as u64),
            epoch: outcome.epochs,
            quantity,
            value,
            rate: (!is_solver(&config.training.optimizer)).then_some(config.training.learning_rate),
        }));
    }
    if let Some(error) = failure {
        folder.remove(CHECKPOINT);
        return Err(Failure::Running(diverged(
            &error, config, before, has_model, &folder,
        )));
    }
    if outcome.stopped_by == INTERRUPTED {
        let goes_on = match checkpoint {
            Some(epoch) => format!("goes on after epoch {epoch}"),
            None => "begins anew, for no epoch was saved yet".to_owned(),
        };
        return Err(Failure::Interrupted(format!(
            "interrupted; the best model so far is in {folder}; `thalweg train --resume --out {folder}` {goes_on}"
        )));
    }
    match kept {
        Some(checkpoint) => folder
            .write(CHECKPOINT, &owner.to_bytes(&checkpoint)?)
            .map_err(|error| unwritable(&folder.file(CHECKPOINT), &error))?,
        None => {
            folder.remove(CHECKPOINT);
            if args.keep_checkpoint {
                terminal.note(&Note::info(format!(
                    "no checkpoint was kept, because the run was stopped by {}: --continue will begin with a fresh \
                     optimizer",
                    outcome.stopped_by
                )));
            }
        }
    }
    let mut files = vec![MODEL, CONFIG, LOG];
    if surface::draw(&mut *engine, &prepared.train, &training, &folder, terminal)? {
        files.push(SURFACE);
    }
    terminal.line(&format!("{} in {folder}", files.join(", ")));
    told
}

fn no_prior() -> Error {
    Error::invalid(
        "--output-bias",
        "prior for a network or a loss that has none",
        "a last layer that is linear and has a bias, and no loss by margins",
    )
    .remedy("leave it out")
}

/// The first event of the log.
fn start<'a>(
    config: &'a Config,
    prepared: &Prepared,
    parameters: &[ParameterInfo],
    threads: usize,
) -> Start<'a> {
    let rows = |dataset: &Option<Dataset>| dataset.as_ref().map_or(0, Dataset::rows);
    let size = |info: &ParameterInfo| info.shape.iter().product::<usize>();
    Start {
        event: "start",
        version: env!("CARGO_PKG_VERSION"),
        data: &config.data.source,
        task: prepared.preprocessing.task(),
        rows: Rows {
            train: prepared.train.rows(),
            validation: rows(&prepared.validation),
            test: rows(&prepared.test),
        },
        inputs: config.network.inputs,
        outputs: prepared.preprocessing.output_width(),
        parameters: parameters.iter().map(size).sum(),
        threads,
        cpu: thalweg_core::Isa::detect().name(),
        network: &config.network,
        training: &config.training,
    }
}

/// The folder of a run that begins.
fn begin(folder: &RunFolder, config: &str, start: &Start) -> std::io::Result<Log> {
    folder.write(CONFIG, config.as_bytes())?;
    let mut log = Log::create(folder)?;
    log.write(start)?;
    Ok(log)
}

/// What is trained on what, in a line.
fn headline(start: &Start) -> String {
    format!(
        "{}, {}, {}, {}: {} to train, {} to validate, {} to test",
        start.task,
        count(start.inputs, "input"),
        count(start.outputs, "output"),
        count(start.parameters, "parameter"),
        count(start.rows.train, "row"),
        start.rows.validation,
        start.rows.test
    )
}

/// How training ended. After a divergence the engine gets the weights of the best epoch, if there is one:
/// else `best_epoch` is 0.
fn outcome(
    result: thalweg_core::Result<thalweg_core::train::Summary>,
    run: &mut Run,
    rows: Rows,
) -> Result<(Outcome, Option<Error>)> {
    let last_epoch = Some(run.last_epoch());
    let of = |epochs, best_epoch, stopped_by: &str| Outcome {
        epochs,
        last_epoch,
        best_epoch,
        stopped_by: stopped_by.to_owned(),
        rows,
    };
    match result {
        Ok(summary) => {
            let stopped_by = match summary.stopped_by {
                StoppedBy::Observer => INTERRUPTED,
                other => other.name(),
            };
            Ok((of(summary.epochs, summary.best_epoch, stopped_by), None))
        }
        Err(error @ Error::Diverged { .. }) => {
            run.restore_best()?;
            let best_epoch = run.best().map_or(0, |best| best.epoch);
            Ok((of(run.epoch(), best_epoch, "diverged"), Some(error)))
        }
        Err(error) => Err(error.into()),
    }
}
