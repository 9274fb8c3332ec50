//! `thalweg train`: from arguments to a run folder.

use thalweg::fields::paths_by_flags;
use thalweg::fit::Ended;
use thalweg::job::Job;
use thalweg::leave::goes_on;
use thalweg::run_folder::{CONFIG, LOG, MODEL, REPORT, SURFACE, unwritable};
use thalweg_data::Note;

use crate::args::TrainArgs;
use crate::exit::{Failure, Result};
use crate::progress::Progress;
use crate::summary;
use crate::surface;
use crate::terminal::Terminal;

/// The command.
pub fn run(args: &TrainArgs) -> Result<()> {
    let mut terminal = Terminal::new(args.quiet, args.json);
    let mut notes = Vec::new();
    let mut tell = |note: &Note| {
        terminal.note(note);
        notes.push(note.clone());
    };
    let job = Job::open(&args.request()?, None, args.options(), &mut tell)?;
    if let (Some(end), Some(out)) = (job.finished(), &args.out) {
        let why = end["stopped_by"].as_str().unwrap_or_default();
        terminal.line(&format!(
            "{} is finished (stopped by {why}): nothing to do",
            out.display()
        ));
        return terminal.json(end);
    }
    let mut progress = Progress::new(&mut terminal);
    let ended = job.train(&mut progress)?;
    progress.finish();
    let written = match args.no_report {
        true => Ok(()),
        false => {
            notes.extend(ended.notes.iter().cloned());
            write_report(&ended, &notes)
        }
    };
    // How the run ended counts more than the page that shows it.
    report(&ended, &terminal, args.no_report || written.is_err())?;
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
fn report(ended: &Ended, terminal: &Terminal, no_report: bool) -> Result<()> {
    let folder = ended.folder.as_ref();
    let place = folder.map_or(String::new(), ToString::to_string);
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
    if !no_report {
        files.insert(0, REPORT);
    }
    if let (Some((surface, parameters)), Some(folder)) = (&ended.surface, folder)
        && surface::draw(surface, parameters, folder, terminal)?
    {
        files.push(SURFACE);
    }
    terminal.line(&format!("{} in {place}", files.join(", ")));
    told
}
