//! `thalweg train`: from arguments to a run folder.

use std::ffi::OsStr;
use std::path::Path;

use thalweg::fields::paths_by_flags;
use thalweg::fit::Ended;
use thalweg::job::Job;
use thalweg::leave::goes_on;
use thalweg::run_folder::{CONFIG, LOG, MODEL, REPORT, SURFACE, unwritable};
use thalweg_core::Error;
use thalweg_data::{Note, Source};
use thalweg_report::Events;

use crate::args::TrainArgs;
use crate::exit::{Failure, Result};
use crate::output;
use crate::progress::Progress;
use crate::summary;
use crate::surface;
use crate::terminal::Terminal;
use crate::wrap;

/// The curves on a terminal: columns and lines at most, the columns beside the drawing, and epochs at
/// least.
const CURVES: (usize, usize) = (80, 9);
const MARGIN: usize = 16;
const FEWEST: usize = 8;

/// The command.
pub fn run(args: &TrainArgs) -> Result<()> {
    let mut terminal = Terminal::new(args.quiet, args.json);
    let mut notes = Vec::new();
    let mut tell = |note: &Note| {
        terminal.note(note);
        notes.push(note.clone());
    };
    let job = Job::open(&args.recipe.request()?, None, args.options(), &mut tell)?;
    if let (Some(end), Some(out)) = (job.finished(), &args.out) {
        let why = end["stopped_by"].as_str().unwrap_or_default();
        terminal.line(&format!(
            "{} is finished (stopped by {why}): nothing to do",
            out.display()
        ));
        return terminal.json(end);
    }
    if let Some(path) = &args.predictions {
        let ensemble = job.config().ensemble.as_ref();
        if ensemble.is_none_or(|ensemble| ensemble.folds().is_none()) {
            let found = match ensemble {
                Some(_) => "members that differ in their seeds alone",
                None => "a single model",
            };
            let error = Error::invalid("--predictions", found, "members of folds");
            let remedy = "add --ensemble 5 --ensemble-by folds, or see `thalweg cv`";
            return Err(error.remedy(remedy).into());
        }
        let source = Source::parse(&job.config().data.source)?;
        output::check("--predictions", path, None, &source)?;
    }
    if args.tensorboard && job.config().ensemble.is_some() {
        let error = Error::invalid("--tensorboard", "an ensemble", "a single network");
        return Err(error
            .remedy("leave it out: the log has the epochs of members")
            .into());
    }
    let mut progress = Progress::new(&mut terminal);
    let (mut ended, events) = match args.tensorboard {
        true => {
            let mut events = Events::new(&mut progress);
            (job.train(&mut events)?, events.finish())
        }
        false => (job.train(&mut progress)?, Ok(None)),
    };
    progress.finish();
    let events = events.unwrap_or_else(|failure| {
        ended.notes.push(Note::warning(failure));
        None
    });
    let written = match args.no_report {
        true => Ok(()),
        false => {
            notes.extend(ended.notes.iter().cloned());
            write_report(&ended, &notes)
        }
    };
    if let (Some(path), Some(table)) = (&args.predictions, &ended.out_of_fold) {
        output::write_table(path, table)?;
    }
    // How the run ended counts more than the page that shows it.
    let has_report = !args.no_report && written.is_ok();
    report(&ended, &terminal, has_report, events.as_deref())?;
    written
}

/// The page that shows the run, into its folder.
fn write_report(ended: &Ended, notes: &[Note]) -> Result<()> {
    let Some(folder) = &ended.folder else {
        return Ok(());
    };
    let written = thalweg_report::run(folder, ended, notes)
        .and_then(|page| folder.write(REPORT, page.as_bytes()));
    Ok(written.map_err(|error| unwritable(&folder.file(REPORT), &error))?)
}

/// What a user sees of the end of a run.
fn report(
    ended: &Ended,
    terminal: &Terminal,
    has_report: bool,
    events: Option<&Path>,
) -> Result<()> {
    let folder = ended.folder.as_ref();
    let place = folder.map_or(String::new(), ToString::to_string);
    if let (Some(folder), true) = (folder, terminal.is_seen() && ended.outcome.epochs >= FEWEST) {
        let columns = wrap::size().0.min(CURVES.0).saturating_sub(MARGIN);
        let curves = thalweg_report::curves(folder, columns, CURVES.1);
        curves
            .iter()
            .for_each(|curves| terminal.line(&format!("\n{curves}")));
    }
    if ended.model.is_some() {
        summary::print(terminal, ended);
    }
    ended.notes.iter().for_each(|note| terminal.note(note));
    let told = terminal.json(&ended.end);
    if let Some(failure) = &ended.failure {
        return Err(Failure::Running(paths_by_flags(failure)));
    }
    if ended.is_interrupted() {
        let goes_on = match ended.checkpoint {
            Some(epoch) => goes_on(epoch),
            None => "begins anew, for no epoch was saved yet".to_owned(),
        };
        return Err(Failure::Interrupted(format!(
            "interrupted; the best model so far is in {place}; `thalweg train --resume --out {place}` {goes_on}"
        )));
    }
    let mut files = vec![MODEL, CONFIG, LOG];
    if has_report {
        files.insert(0, REPORT);
    }
    files.extend(events.and_then(Path::file_name).and_then(OsStr::to_str));
    if let (Some((surface, parameters)), Some(folder)) = (&ended.surface, folder)
        && surface::draw(surface, parameters, folder, terminal)?
    {
        files.push(SURFACE);
    }
    terminal.line(&format!("{} in {place}", files.join(", ")));
    told
}
