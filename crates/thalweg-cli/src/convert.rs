//! `thalweg convert`: data in another format.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thalweg::budget::{note_on_whole, room_to_ingest};
use thalweg::fields::convert_arguments;
use thalweg::text::count;
use thalweg_data::ingest::{Ingest, ingest};
use thalweg_data::{Source, Table, formats, notes_on_stray_cells, read};

use crate::args::ConvertArgs;
use crate::exit::Result;
use crate::output;
use crate::pace::Pace;
use crate::terminal::{self, Terminal};

/// The command.
pub fn run(args: &ConvertArgs) -> Result<()> {
    let source = Source::parse(&args.data)?;
    let to_stdout = args.output.as_os_str() == "-";
    if args
        .output
        .extension()
        .is_some_and(|ending| ending == "cache")
    {
        return to_cache(args, &source);
    }
    if !to_stdout {
        output::check("OUT", &args.output, None, &source)?;
        formats::check_written(&args.output.to_string_lossy())?;
    }
    let loaded = read(&source, &args.read.options()?)?;
    let stray = notes_on_stray_cells(&loaded.train);
    for note in loaded.notes.iter().chain(&stray) {
        let _ = terminal::note(&note.to_string());
    }
    if to_stdout {
        let bytes = formats::write(&loaded.train, "-.csv")?;
        return Ok(io::stdout().lock().write_all(&bytes)?);
    }
    write(&loaded.train, &args.output)?;
    match &loaded.test {
        Some(test) => write(test, &test_name(&args.output)),
        None => Ok(()),
    }
}

/// Makes a cache, in little memory.
fn to_cache(args: &ConvertArgs, source: &Source) -> Result<()> {
    output::check("OUT", &args.output, None, source)?;
    let read = args.read.options()?;
    let shuffle = (!args.no_shuffle).then_some(args.seed);
    let how = Ingest {
        read: &read,
        shuffle,
        block_rows: None,
        memory: room_to_ingest(args.memory),
        again: Some(convert_arguments(source, &read, shuffle)),
    };
    let mut terminal = Terminal::new(false, false);
    if let Some(note) = note_on_whole(source, &read, args.memory)? {
        terminal.note(&note);
    }
    terminal.start_spinner();
    let mut pace = Pace::default();
    let made = ingest(source, &args.output, &how, &mut |progress| {
        terminal.say(&pace.line(progress))
    });
    terminal.clear_bar();
    let made = made?;
    made.notes.iter().for_each(|note| terminal.note(note));
    let (rows, columns) = (
        count(made.rows as usize, "row"),
        count(made.columns, "column"),
    );
    terminal.note(&format!("{}: {rows} of {columns}", args.output.display()));
    Ok(())
}

fn write(table: &Table, path: &Path) -> Result<()> {
    output::write(path, &formats::write(table, &path.to_string_lossy())?)?;
    let (rows, columns) = (count(table.rows, "row"), count(table.width(), "column"));
    let _ = writeln!(io::stderr(), "{}: {rows} of {columns}", path.display());
    Ok(())
}

/// `digits-test.csv.gz` for `digits.csv.gz`.
fn test_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, endings) = name.split_once('.').unwrap_or((&name, ""));
    path.with_file_name(format!("{stem}-test.{endings}"))
}
