//! A run that is ready to begin: its rows are read, its config is resolved, its folder is locked.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg_core::error::Error;
use thalweg_core::losses::LOSSES;
use thalweg_core::registry::Choice;
use thalweg_core::spec::NetworkSpec;
use thalweg_data::{FitOptions, Note, Scaling, Source};

use crate::config::{Config, DataConfig, Ensemble, FULL_WEIGHTS, IN_MEMORY};
use crate::continuation::Continuation;
use crate::error::Result;
use crate::interval;
use crate::leaks;
use crate::load::{self, Tables};
use crate::log;
use crate::network_file::NetworkFile;
pub use crate::options::{Base, Ingesting, Member, Options, Output};
use crate::origin::Before;
use crate::outliers;
use crate::preset::best::Budget;
use crate::preset::{self, Reason};
use crate::provenance::Provenance;
use crate::request::Request;
use crate::resolve::{self, Beside};
use crate::rows::{Borrowed, RunRows};
use crate::run_folder::{CONFIG, RunFolder};
use crate::start::Start;
use crate::storage::{self, Wanted};
use crate::toml_file::TomlFile;

/// The reason in the log for a run that an observer ended, such as one that waits for Ctrl-C: it
/// can go on.
pub const INTERRUPTED: &str = "interrupted";

impl Options {
    /// The folder that the run is to write into, and its lock if it exists: it is locked before
    /// anything in it is believed, a new one when it is made.
    fn folder(&self) -> Result<(Option<RunFolder>, Option<File>)> {
        let folder = match &self.output {
            Output::Folder(path) => Some(RunFolder::at(path)),
            _ => None,
        };
        let lock = folder.as_ref().map(RunFolder::lock).transpose()?;
        Ok((folder, lock.flatten()))
    }

    /// The config and the model that a run goes on from, if there are any.
    fn beginning(
        &self,
        request: &Request,
        stored: Option<&Config>,
    ) -> Result<(Option<Config>, Option<Continuation>)> {
        let mut base = match stored {
            Some(config) => Some(config.clone()),
            None => self.base.config()?,
        };
        let model = (base.as_ref().and_then(|base| base.continue_from.clone()))
            .or(request.path("continue_from"))
            .map(|path| Continuation::read(&path))
            .transpose()?;
        if let (None, Some(model)) = (&base, &model) {
            base = Some(resolve::of_model(request, model)?);
        }
        Ok((base, model))
    }

    /// Where rows come from and how they are split, and whether an ensemble is trained on them.
    fn data(
        &self,
        request: &Request,
        base: Option<&Config>,
        is_borrowed: bool,
    ) -> Result<(DataConfig, Option<Ensemble>)> {
        let mut data = match is_borrowed {
            true => resolve::borrowed(request)?,
            false => resolve::data(request, base)?,
        };
        self.member.place(&mut data);
        let beside = Beside {
            is_borrowed,
            keeps_checkpoint: self.keep_checkpoint,
            logs_steps: self.log_steps,
            has_own_loss: self.loss.is_some(),
        };
        let ensemble = resolve::ensemble(request, base, &mut data, &beside)?;
        Ok((data, ensemble))
    }
}

/// See the module's text.
pub struct Job<'a> {
    pub(crate) config: Config,
    pub(crate) rows: RunRows<'a>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) options: Options,
    pub(crate) model: Option<Continuation>,
    /// Whether a run of its own is there to go on with.
    pub(crate) resumes: bool,
    pub(crate) lock: Option<File>,
    /// Whether the request sets where the biases of the output layer start.
    pub(crate) asks_for_prior: bool,
    /// What is to be told when training begins.
    pub(crate) lines: Vec<String>,
    finished: Option<Value>,
    /// What may be spent to find the best recipes, if they are to be found.
    pub(crate) race: Option<Budget>,
    /// What was tried for that.
    pub(crate) raced: Vec<log::Raced>,
    /// The layers of the request, or the file of the config that has them.
    layers: Option<NetworkFile>,
    config_file: Option<PathBuf>,
    /// The fields that the request sets.
    asked: Vec<&'static str>,
}

impl<'a> Job<'a> {
    /// Reads the rows that a request names, or takes borrowed ones, and resolves its config. `tell`
    /// hears every note as it comes up.
    ///
    /// # Errors
    /// Names the field, file or cell that is not as it should be.
    pub fn open(
        request: &Request,
        borrowed: Option<Borrowed<'a>>,
        options: Options,
        tell: &mut dyn FnMut(&Note),
    ) -> Result<Self> {
        Self::open_on(request, borrowed, None, options, tell)
    }

    /// The same with the tables of the request, where they are read already.
    pub(crate) fn open_on(
        request: &Request,
        borrowed: Option<Borrowed<'a>>,
        tables: Option<&Tables>,
        mut options: Options,
        tell: &mut dyn FnMut(&Note),
    ) -> Result<Self> {
        request.check()?;
        let (folder, lock) = options.folder()?;
        let stored = stored_config(request, &options)?;
        let (mut base, model) = options.beginning(request, stored.as_ref())?;
        let race = preset::best::budget(request)?.filter(|_| base.is_none());
        let (mut data, ensemble) = options.data(request, base.as_ref(), borrowed.is_some())?;
        let start = Start::of(request, base.as_ref(), model.is_some(), &mut data);
        let dtype = resolve::dtype(request, base.as_ref().map(|base| base.training.dtype))?;
        let fitted = (model.as_ref()).map(|model| model.preprocessing());
        let loss = request.loss(base.as_ref().map(|base| &base.network.loss))?;
        let goes_on = folder.as_ref().filter(|_| stored.is_some());
        let mut preset = preset::Chooser::PLAIN;
        let of_loss = quantiles(loss.as_ref());
        let (mut rows, read) = match borrowed {
            Some(rows) => (RunRows::borrowed(rows, data.target.task, &of_loss)?, None),
            None => {
                let wanted = Wanted {
                    request,
                    base: base.as_ref(),
                    loss: loss.as_ref(),
                    dtype,
                    fitted: fitted.as_ref(),
                    extend: base.as_ref().map(|base| base.extend).unwrap_or_default(),
                    is_whole: ensemble.is_some() || tables.is_some(),
                };
                loaded(tables, &mut data, &wanted, &mut preset, &mut options, tell)
                    .map_err(|error| cause(goes_on, &data).unwrap_or(error))?
            }
        };
        if !matches!(options.output, Output::None) {
            let now = Provenance::of(&data, rows.sums(), &weights(request, base.as_ref()));
            rows.provenance = Some(known(now, &data, goes_on, tell)?);
        }
        if let (Some(base), Some(model)) = (&mut base, &model) {
            model.fit_loss(base, rows.preprocessing.task());
        }
        rows.before = Before::new(start.origins(model.as_ref()), &rows.preprocessing, dtype);
        let is_standard = model.is_none() && data.fit.scaling == Scaling::Standard;
        let tables = tables.or(read.as_ref());
        let notes = notes(&mut rows, tables, base.as_ref(), is_standard, &data.fit);
        notes.iter().for_each(&mut *tell);
        let file = options.base.file().filter(|_| stored.is_none());
        let resolved = resolve::config(request, base, (preset, &start), file, data, &rows)?;
        let (mut config, mut reasons) = (resolved.config, resolved.reasons);
        resolved.notes.iter().for_each(&mut *tell);
        average(ensemble, &mut config, &mut reasons);
        config.training.seed = options.member.seed(config.training.seed);
        (model.as_ref().map(|model| model.check(&config))).transpose()?;
        interval::set_apart(&mut rows, config.interval, &config.data.split);
        // Sparse rows have one recipe.
        let race = race.filter(|_| !rows.preprocessing.is_sparse());
        let own = goes_on.zip(stored.as_ref());
        let finished = own.map(|(folder, stored)| finished(folder, stored, &config));
        let finished = finished.transpose()?.flatten();
        storage::leave(folder.as_ref().filter(|_| finished.is_some()), &options);
        Ok(Self {
            config_file: (goes_on.map(|folder| folder.file(CONFIG))).or(file.map(Path::to_owned)),
            layers: request.network()?,
            asked: request.fields().map(|field| field.path.as_str()).collect(),
            asks_for_prior: request.text("output_bias") == Some("prior"),
            resumes: stored.is_some(),
            config,
            rows,
            reasons,
            options,
            model,
            lock,
            lines: Vec::new(),
            finished,
            race,
            raced: Vec::new(),
        })
    }

    /// The run of one member of an ensemble, on its own rows; it goes on with what is in its folder.
    pub(crate) fn member<'b>(
        &self,
        config: Config,
        rows: RunRows<'b>,
        options: Options,
    ) -> Result<Job<'b>> {
        let (folder, lock) = options.folder()?;
        Ok(Job {
            resumes: folder.is_some_and(|folder| folder.file(CONFIG).exists()),
            config,
            rows,
            options,
            lock,
            asks_for_prior: self.asks_for_prior,
            config_file: self.config_file.clone(),
            layers: self.layers.clone(),
            asked: self.asked.clone(),
            reasons: Vec::new(),
            model: None,
            lines: Vec::new(),
            finished: None,
            race: None,
            raced: Vec::new(),
        })
    }

    /// The config, with everything resolved: the same config trains the same model again.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Why the preset chose what it chose.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The rows, as the network sees them.
    pub fn rows(&self) -> &RunRows<'a> {
        &self.rows
    }

    /// The last event of the log, if the run to go on with is over: then there is nothing to do.
    pub fn finished(&self) -> Option<&Value> {
        self.finished.as_ref()
    }

    /// The folder that a finished or interrupted run has, or that a new one gets.
    pub(crate) fn folder(&self) -> Result<Option<RunFolder>> {
        match &self.options.output {
            Output::None => Ok(None),
            Output::Folder(path) => RunFolder::create(path).map(Some),
            Output::Numbered => {
                let name = match self.config.data.source.as_str() {
                    IN_MEMORY => "memory".to_owned(),
                    source => Source::parse(source)?.name(),
                };
                RunFolder::numbered(&name).map(Some)
            }
        }
    }

    /// An error of the engine, with its place in the file that states the layers or the setting, if
    /// one does.
    pub(crate) fn locate(&self, error: Error) -> crate::Error {
        if !NetworkFile::knows(&error) {
            return self.locate_setting(error);
        }
        let of_config = |path: &Path| {
            let file = Config::network_file(path).ok()?;
            let layers = file.written_out().ok()?;
            let network = self.config.network.clone();
            // Unless the request changed it.
            let stated = NetworkSpec { layers, ..network };
            (stated.resolve().ok()? == self.config.network).then_some(file)
        };
        let file = (self.layers.clone()).or_else(|| of_config(self.config_file.as_deref()?));
        match file {
            Some(file) => crate::Error::Settings(file.locate(error)),
            None => error.into(),
        }
    }

    /// An error of training, with its line in the config file unless the request sets that field.
    fn locate_setting(&self, error: Error) -> crate::Error {
        let place = match &error {
            Error::Invalid(invalid) => invalid.place.join("."),
            _ => String::new(),
        };
        let path = format!("training.{place}");
        let is_asked = place.is_empty() || self.asked.iter().any(|asked| *asked == path);
        let file = self.config_file.as_deref().filter(|_| !is_asked);
        match file.and_then(|file| TomlFile::read(file).ok()) {
            Some(file) if file.line(&path.split('.').collect::<Vec<_>>()).is_some() => {
                crate::Error::Settings(file.locate("training", error))
            }
            _ => error.into(),
        }
    }
}

/// Takes the ensemble into a config: its members are networks of one kind.
fn average(ensemble: Option<Ensemble>, config: &mut Config, reasons: &mut Vec<Reason>) {
    let recipes = config.ensemble.take().map(|ensemble| ensemble.recipes);
    config.ensemble = ensemble.map(|ensemble| Ensemble {
        recipes: recipes.unwrap_or_default(),
        ..ensemble
    });
    if config.ensemble.is_some() {
        config.or_linear = false;
        reasons.retain(|reason| reason.field != "or_linear");
    }
}

/// The rows of a source, with its tables where they are read here.
fn loaded<'a>(
    tables: Option<&Tables>,
    data: &mut DataConfig,
    wanted: &Wanted,
    preset: &mut preset::Chooser,
    options: &mut Options,
    tell: &mut dyn FnMut(&Note),
) -> Result<(RunRows<'a>, Option<Tables>)> {
    if let Some(rows) = storage::on_disk(data, wanted, options, tell)? {
        if wanted.base.is_none() {
            *preset = preset::Chooser::of(wanted.request).on_disk();
        }
        return Ok((rows, None));
    }
    if let Some(tables) = tables {
        return Ok((in_memory(tables, data, wanted, preset)?, None));
    }
    let tables = Tables::read(data, wanted.fitted)?;
    Ok((in_memory(&tables, data, wanted, preset)?, Some(tables)))
}

/// The rows of tables that fit into memory.
fn in_memory<'a>(
    tables: &Tables,
    data: &mut DataConfig,
    wanted: &Wanted,
    preset: &mut preset::Chooser,
) -> Result<RunRows<'a>> {
    if wanted.base.is_none() {
        let request = wanted.request;
        *preset = preset::Chooser::of(request).settle(request, &tables.loaded.train, &mut data.fit);
    }
    Ok(tables
        .prepare(
            data,
            wanted.loss,
            wanted.dtype,
            wanted.fitted,
            wanted.extend,
        )?
        .into())
}

/// What should be known of rows before training; columns are looked at for outliers where they are
/// standardized.
fn notes(
    rows: &mut RunRows,
    tables: Option<&Tables>,
    base: Option<&Config>,
    is_standard: bool,
    fit: &FitOptions,
) -> Vec<Note> {
    let known = load::known(rows, tables);
    let outliers = match is_standard {
        true => outliers::warnings(rows),
        false => Vec::new(),
    };
    let mut notes = rows.notes.clone();
    notes.extend(
        outliers
            .into_iter()
            .chain(leaks::warnings(rows, &fit.drop))
            .chain(known),
    );
    notes.extend(note_on_weights(base, rows));
    notes
}

/// A note where a config of an earlier version meets rows with weights.
fn note_on_weights(base: Option<&Config>, rows: &RunRows) -> Option<Note> {
    let is_old = base.is_some_and(|base| base.format < FULL_WEIGHTS);
    (is_old && rows.train.view().weights.is_some()).then(|| {
        Note::warning(
            "the config is of an earlier version, which divided every batch by its own weights: now weights act \
             fully at every batch size, and the model will be another",
        )
    })
}

/// The quantiles that a loss predicts; a loss that is not valid is refused where the network is.
fn quantiles(loss: Option<&Choice>) -> Vec<f64> {
    let built = loss.and_then(|loss| LOSSES.build(loss, &()).ok());
    built.map_or(Vec::new(), |loss| loss.quantiles().to_vec())
}

/// Where the rows come from; a run that goes on is held against where they came from.
fn known(
    now: Provenance,
    data: &DataConfig,
    goes_on: Option<&RunFolder>,
    tell: &mut dyn FnMut(&Note),
) -> Result<Provenance> {
    if let Some(folder) = goes_on {
        check_resumed(&now, data, folder)?.iter().for_each(tell);
    }
    Ok(now)
}

/// Refuses rows of `data`, or weights, with which the run in a folder did not begin. One that is over has nothing to go
/// on with: then there is a warning.
fn check_resumed(now: &Provenance, data: &DataConfig, folder: &RunFolder) -> Result<Option<Note>> {
    let Some(before) = log::provenance(folder) else {
        return Ok(None);
    };
    match (now.check(&before, data, folder), over(folder)?) {
        (Err(error), Some(_)) => Ok(Some(Note::warning(error.to_string()))),
        (checked, _) => Ok(checked.map(|()| None)?),
    }
}

/// What rows that cannot be prepared for the run in a folder come from: a file that has changed.
fn cause(folder: Option<&RunFolder>, data: &DataConfig) -> Option<crate::Error> {
    let before = log::provenance(folder?)?;
    before.cause(data, folder?).map(crate::Error::from)
}

/// The files of weights that a run begins with.
fn weights(request: &Request, base: Option<&Config>) -> Vec<PathBuf> {
    let own = base.map(|base| [&base.initial_weights, &base.continue_from]);
    let of = |(path, own): (&str, Option<PathBuf>)| request.path(path).or(own);
    let [initial, before] = own.map_or([None, None], |own| own.map(Clone::clone));
    let all = [("initial_weights", initial), ("continue_from", before)];
    all.into_iter().filter_map(of).collect()
}

/// The config of the run in the folder that a run goes on with; none when there is nothing yet.
/// Unless it goes on, nothing may be there.
fn stored_config(request: &Request, options: &Options) -> Result<Option<Config>> {
    let Output::Folder(path) = &options.output else {
        return Ok(None);
    };
    let file = RunFolder::at(path).file(CONFIG);
    if options.resume && file.exists() {
        return Config::read(&file).map(Some);
    }
    if options.resume && request.source.is_none() {
        let is_begun = RunFolder::at(path).is_begun();
        let (found, remedy) = match is_begun {
            true => (
                "a run that ended before it had a config",
                "nothing was trained yet: begin it anew, with its `data.source` and settings",
            ),
            false => ("no run", "check `options.output`, or give `data.source`"),
        };
        let error = Error::invalid(file.display().to_string(), found, "a run to go on with");
        return Err(error.remedy(remedy).into());
    }
    RunFolder::check_free(path)?;
    Ok(None)
}

/// The last event of the log in the folder of a run, if the run is over.
///
/// # Errors
/// If `config` is not the one that is stored there.
fn finished(folder: &RunFolder, stored: &Config, config: &Config) -> Result<Option<Value>> {
    refuse_changes(stored, config, folder)?;
    over(folder)
}

/// The last event of the log in the folder of a run, if the run is over.
fn over(folder: &RunFolder) -> Result<Option<Value>> {
    Ok(log::end(folder)?.filter(|end| end["stopped_by"] != INTERRUPTED))
}

fn refuse_changes(stored: &Config, config: &Config, folder: &RunFolder) -> Result<()> {
    let Some((entry, theirs, ours)) = stored.difference(config) else {
        return Ok(());
    };
    let place = format!("{}: {entry}", folder.file(CONFIG).display());
    let error = Error::invalid(place, theirs, format!("{ours}, as asked for"));
    Err(error
        .remedy("go on by `options.resume` without other settings, or train into another `options.output`")
        .into())
}
