//! Where the rows of a run are kept: in memory, or on disk where they do not fit.
//!
//! The order of the rows does not depend on where they are: a run on disk writes the seed of their order and the rows of
//! a block into its config, and the same config gives the same bits in memory.

use std::fs::{self, File};
use std::io::ErrorKind::UnexpectedEof;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thalweg_core::dataset::Dataset;
use thalweg_core::error::Error;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_data::cache::Cache;
use thalweg_data::ingest::{Ingest, State, ingest, state};
use thalweg_data::prepare::{Streaming, prepare_streamed};
use thalweg_data::{
    Extend, Note, PrepareOptions, Preprocessing, ReadOptions, Source, SplitBy, Table,
};

use crate::budget::{self, room_to_ingest, text_of};
use crate::config::{Config, DataConfig};
use crate::error::{Result, input};
use crate::fields::convert_arguments;
use crate::load;
use crate::options::{Ingesting, Options, Output};
use crate::request::Request;
use crate::rows::{Part, RunRows};
use crate::run_folder::{CACHE, OwnFolder, RunFolder, unwritable};
use crate::text::{count, whole};

/// What a run is loaded by.
pub(crate) struct Wanted<'a> {
    pub request: &'a Request,
    pub base: Option<&'a Config>,
    pub loss: Option<&'a Choice>,
    pub dtype: Dtype,
    pub fitted: Option<&'a Preprocessing>,
    pub extend: Extend,
    /// Whether what is trained needs all rows in memory, or has them there.
    pub is_whole: bool,
}

/// Puts the rows that a config names onto disk, if they do not fit into memory; then the config gets the seed of their
/// order, and `options` the folder of the run.
///
/// # Errors
/// If the rows cannot be read, or there is no room on disk.
pub(crate) fn on_disk(
    data: &mut DataConfig,
    wanted: &Wanted,
    options: &mut Options,
    tell: &mut dyn FnMut(&Note),
) -> Result<Option<RunRows<'static>>> {
    let source = Source::parse(&data.source)?;
    if let Some(note) = budget::note_on_whole(&source, &data.read, options.memory)? {
        tell(&note);
    }
    let Some((need, cap)) = too_large(&source, data, wanted.dtype, options.memory)? else {
        return Ok(None);
    };
    let split = &data.split;
    let has_folds =
        split.fold.is_some() || split.share.is_some() || split.validation_folds.is_some();
    if has_folds || wanted.is_whole {
        let [need, cap] = [need, cap].map(text_of);
        tell(&Note::warning(format!(
            "{}: with its table the process takes about {need} of memory, more than the {cap} that it may take: folds and \
             ensembles hold all rows",
            data.source
        )));
        return Ok(None);
    }
    let (need, cap_text) = (text_of(need), text_of(cap));
    tell(&Note::info(format!(
        "{}: with its table the process takes about {need} of memory, and may take {cap_text}: rows are kept on disk",
        data.source
    )));
    check(wanted)?;
    let (folder, own) = folder(data, options)?;
    let is_cache = is_cache(&source) && data.read.shuffle.is_none();
    let is_ordered = data.split.by == SplitBy::Ordered;
    if !is_cache && wanted.base.is_none() && data.read.shuffle.is_none() && !is_ordered {
        data.read.shuffle = Some(data.split.seed);
    }
    let cache = match is_cache {
        true => PathBuf::from(&data.source),
        false => cached(&source, &data.read, &folder, options, tell)?,
    };
    let to = (&*folder, cap, options.direct_reads);
    let (mut rows, shuffled) = match from_cache(&cache, data, wanted, to, tell) {
        Err(error) => {
            // One that was there may be damaged where nothing has looked yet.
            let damage = damage(&cache).filter(|_| !is_cache).ok_or(error)?;
            tell(&made_anew(&cache, &damage));
            fs::remove_file(&cache).map_err(|error| unwritable(&cache, &error))?;
            let cache = cached(&source, &data.read, &folder, options, tell)?;
            from_cache(&cache, data, wanted, to, tell)?
        }
        Ok(found) => found,
    };
    rows.own_folder = own;
    tell(&Note::info(on_rows(&rows, &folder)));
    if !shuffled && data.split.by != SplitBy::Ordered {
        tell(&Note::warning(
            "the rows are in the order of their file, and are shuffled within windows of blocks alone: where they are sorted, \
             make a shuffled cache by `thalweg convert DATA OUT.cache`",
        ));
    }
    Ok(Some(rows))
}

/// The parts of a cache, as the network sees them, and whether its rows are shuffled.
fn from_cache(
    path: &Path,
    data: &mut DataConfig,
    wanted: &Wanted,
    to: (&Path, u64, bool),
    tell: &mut dyn FnMut(&Note),
) -> Result<(RunRows<'static>, bool)> {
    let name = path.display().to_string();
    let file =
        File::open(path).map_err(|error| input(format!("{name}: cannot be read: {error}")))?;
    let cache = Cache::open(file, &name)?;
    if let Some(how) = cache.stale() {
        tell(&Note::warning(format!(
            "{}: {how}; {} makes it anew",
            data.source,
            cache.command()
        )));
    }
    let shuffled = cache.shuffle().is_some();
    let is_drawn = data.split.by == SplitBy::Random && data.split.group.is_none();
    data.split.in_order |= wanted.base.is_none() && shuffled && is_drawn;
    Ok((streamed(cache, data, wanted, to)?, shuffled))
}

/// What is wrong with the blocks of a cache.
fn damage(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let checked = Cache::open(file, "").and_then(|mut cache| cache.check());
    match checked.err()? {
        thalweg_data::Error::Invalid(invalid) => Some(invalid.found),
        error => Some(error.to_string()),
    }
}

fn made_anew(path: &Path, why: &str) -> Note {
    Note::info(format!("{}: {why}: it is made anew", path.display()))
}

/// What the process takes in memory with the rows and what it may take, if that is less.
fn too_large(
    source: &Source,
    data: &DataConfig,
    dtype: Dtype,
    cap: Option<u64>,
) -> Result<Option<(u64, u64)>> {
    let value = if dtype == Dtype::F64 { 8 } else { 4 };
    let need = thalweg_data::ingest::need(source, &data.read, value)?;
    let Some(need) = need.filter(|need| need.in_pieces) else {
        return Ok(None);
    };
    // What is free is beside what the process has.
    let taken = budget::resident().filter(|_| cap.is_some()).unwrap_or(0);
    let Some(cap) = cap.or_else(budget::available) else {
        return Ok(None);
    };
    let need = need.bytes.saturating_add(taken);
    Ok((need > cap).then_some((need, cap)))
}

fn is_cache(source: &Source) -> bool {
    matches!(source, Source::Path(path) if thalweg_data::cache::is_cache_file(path))
}

/// Refuses what needs all rows in memory.
fn check(wanted: &Wanted) -> Result<()> {
    let is_set = |path: &str| wanted.request.has(path);
    let refit = is_set("refit") || wanted.base.is_some_and(|base| base.refit);
    let or_linear = is_set("or_linear") || wanted.base.is_some_and(|base| base.or_linear);
    let extends = !wanted.extend.is_nothing();
    let path = match (refit, or_linear, extends) {
        (true, ..) => "refit",
        (_, true, _) => "or_linear",
        (.., true) => "extend.classes",
        _ => return Ok(()),
    };
    Err(refuse(path, "beside rows that do not fit into memory").into())
}

fn refuse(path: &str, found: &str) -> Error {
    let error = Error::invalid(format!("`{path}`"), found, "rows that do");
    let remedy = format!("leave out `{path}`, or give the run more `options.memory`");
    error.remedy(remedy).at(path)
}

/// Where files of the run's rows go: the folder that the user names, or one within the run folder, which is made for it.
fn folder(data: &DataConfig, options: &mut Options) -> Result<(PathBuf, Option<Arc<OwnFolder>>)> {
    let folder = match (&options.cache, &options.output) {
        (Some(folder), _) => folder.clone(),
        (None, Output::Folder(path)) => path.join(CACHE),
        (None, Output::Numbered) => {
            let folder = RunFolder::numbered(&Source::parse(&data.source)?.name())?;
            let path = folder.file("");
            options.output = Output::Folder(path.clone());
            path.join(CACHE)
        }
        (None, Output::None) => {
            let error = Error::invalid(
                "`options.cache`",
                "rows that do not fit into memory",
                "a folder for them",
            );
            return Err(error
                .remedy("set `options.cache`, or `options.output`")
                .into());
        }
    };
    let own = options
        .cache
        .is_none()
        .then(|| Arc::new(OwnFolder::at(&folder)));
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    Ok((folder, own))
}

/// The cache of a source in a folder: made here unless it is there and fresh.
fn cached(
    source: &Source,
    read: &ReadOptions,
    folder: &Path,
    options: &mut Options,
    tell: &mut dyn FnMut(&Note),
) -> Result<PathBuf> {
    let how = Ingest {
        read,
        shuffle: read.shuffle,
        block_rows: None,
        memory: room_to_ingest(options.memory),
        again: Some(convert_arguments(source, read, read.shuffle)),
    };
    // That of a run which decided how columns are read, as a config of such a run says.
    let undecided = ReadOptions {
        columns: Default::default(),
        ..read.clone()
    };
    let first = place(source, &undecided, folder)?;
    let path = match state(source, &first, &how)? {
        State::Fresh => first,
        _ => place(source, read, folder)?,
    };
    match state(source, &path, &how)? {
        State::Fresh => {
            tell(&Note::info(format!(
                "{}: rows as they were cached before",
                path.display()
            )));
            return Ok(path);
        }
        State::Stale(why) => tell(&made_anew(&path, &why)),
        State::Missing => {}
    }
    let mut silent: Ingesting = Box::new(|_| {});
    let made = ingest(
        source,
        &path,
        &how,
        options.ingesting.as_mut().unwrap_or(&mut silent),
    )?;
    made.notes.iter().for_each(tell);
    Ok(path)
}

/// The name that the cache of a source has in a folder.
fn place(source: &Source, read: &ReadOptions, folder: &Path) -> Result<PathBuf> {
    // A config has the whole path of a file.
    let whole = match source {
        Source::Path(path) => std::path::absolute(path).ok(),
        _ => None,
    };
    let named = whole.map_or_else(|| source.to_string(), |path| path.display().to_string());
    let text = serde_json::to_string(&(named, read)).map_err(|error| input(error.to_string()))?;
    let sum = thalweg_data::cache::checksum(text.as_bytes());
    Ok(folder.join(format!("{}-{sum:08x}.cache", source.name())))
}

/// The parts of a cache, as the network sees them.
fn streamed(
    mut cache: Cache<File>,
    data: &DataConfig,
    wanted: &Wanted,
    (folder, cap, direct): (&Path, u64, bool),
) -> Result<RunRows<'static>> {
    let block = (wanted.request.count("training.batches.block"))
        .or(wanted.base.and_then(|base| base.training.batches.block));
    let schema = cache.schema()?;
    let mut notes = Vec::new();
    let mut part = |path: &Option<PathBuf>| {
        let read = |path: &Path| load::read_part(path, data, &schema, &mut notes);
        path.as_deref().map(read).transpose()
    };
    let (validation, test) = (part(&data.validation)?, part(&data.test)?);
    let prepare = PrepareOptions {
        target: data.target.clone(),
        split: data.split.clone(),
        fit: load::fit_options(data, wanted.loss)?,
        dtype: wanted.dtype,
        extend: wanted.extend,
    };
    let check = |preprocessing: &Preprocessing, rows: &Dataset, table: &Table| {
        let Some(loss) = wanted.loss else {
            return Ok(());
        };
        load::check_domain(preprocessing, once(rows), once(table), loss)
    };
    let how = Streaming {
        check: &check,
        block_rows: block,
        memory: cap
            .saturating_sub(budget::resident().unwrap_or(0))
            .max(16 << 20),
        folder,
        direct,
    };
    let own = [validation.as_ref(), test.as_ref()];
    let streamed = prepare_streamed(cache, wanted.fitted, own, &prepare, &how)?;
    let mut rows: RunRows = streamed.into();
    rows.notes.extend(notes);
    let by_validation = ["judging.metric", "judging.threshold", "interval"];
    let is_asked = |path: &&str| {
        let of_base = |base: &Config| match *path {
            "judging.metric" => base.judging.metric.is_some(),
            "judging.threshold" => base.judging.threshold.is_some(),
            _ => base.interval.is_some(),
        };
        wanted.request.has(path) || wanted.base.is_some_and(of_base)
    };
    match by_validation.iter().find(|path| is_asked(path)) {
        Some(path) if rows.validation.as_ref().is_some_and(Part::is_on_disk) => {
            Err(refuse(path, "beside validation rows that do not fit into memory").into())
        }
        _ => Ok(rows),
    }
}

/// What is on disk, and what was looked at in a sample alone.
fn on_rows(rows: &RunRows, folder: &Path) -> String {
    let [block, sample] = [
        rows.block.unwrap_or_default(),
        rows.train.view().features.rows(),
    ]
    .map(whole);
    format!(
        "{} to train on are read from {} in blocks of {block}; leaks, importance, ranges, the linear model, the report and \
         the metrics (not the loss) of the training rows are of {sample} of them, evenly spaced; copies and groups of \
         rows across parts are not looked for",
        count(rows.train.rows(), "row"),
        folder.display()
    )
}

/// The error of a run whose rows on disk were changed while it trained on them, with what to do.
pub(crate) fn explain(error: crate::Error, rows: &RunRows, options: &Options) -> crate::Error {
    let what = match &error {
        crate::Error::Engine(Error::Damaged(what)) => what.clone(),
        crate::Error::Engine(Error::Io(cause)) if cause.kind() == UnexpectedEof => {
            "block file: it is cut off".to_owned()
        }
        _ => return error,
    };
    match (&options.output, rows.train.is_on_disk()) {
        (Output::Folder(path), true) => input(format!(
            "{what}: the rows on disk were changed, or the disk is damaged; `thalweg train --resume --out {}` writes them anew \
             and goes on from the last checkpoint",
            path.display()
        )),
        _ => error,
    }
}

/// Removes the rows in the folder of a run that is over; one that can go on needs them.
pub(crate) fn leave(folder: Option<&RunFolder>, options: &Options) {
    if let (Some(folder), None) = (folder, &options.cache) {
        // What stays behind does no harm.
        let _ = fs::remove_dir_all(folder.file(CACHE));
    }
}

/// A warning where the process took more memory than it was given.
pub(crate) fn over(memory: Option<u64>) -> Option<Note> {
    let (cap, peak) = (memory?, budget::peak()?);
    let [peak_text, cap_text] = [peak, cap].map(text_of);
    (peak > cap).then(|| {
        Note::warning(format!(
            "the process took {peak_text} of memory, more than the {cap_text} of `options.memory`"
        ))
    })
}
