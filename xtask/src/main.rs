//! Project tasks: `cargo xtask test | structure | oracles | bench | quality | compare`.

mod bench;
mod compare;
mod oracles;
mod process;
mod python;
mod quality;
mod structure;
mod test;

use std::process::ExitCode;

/// Tasks report what went wrong as one text, ready to print.
type Result<T, E = String> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: cargo xtask TASK

  test                     formatting, lints, documentation, all tests, golden files
  structure                check the source: circles of imports, order of crates, long files and functions
  oracles [--with torch]   write the golden files of oracles/ again
  bench   [--with torch] [--only NAME] [--quick]
                           time Thalweg and its peers; a full run (6 minutes) writes bench/RESULTS.md
                             --with torch  PyTorch as well (a large download)
                             --only NAME   one workload; writes nothing
                             --quick       few rows and epochs: does everything run? Writes nothing
  bench --scaling [--quick]
                           time Thalweg alone by width, depth, batch, rows and threads (2 minutes);
                           a full run writes bench/SCALING.md and its pictures
  bench --breakdown [--only NAME] [--quick]
                           where the time of a step goes, by sampling with Linux's `perf` (3 minutes);
                           a full run writes bench/BREAKDOWN.md
  bench --reading [--quick]
                           time reading beside polars and pyarrow, and a file to the first update (3 minutes);
                           a full run writes that section of bench/RESULTS.md
  bench --against OLD [--only NAME] [--quick]
                           time this build and an older one (OLD: its release build of xtask) on one core and
                           on two, and count instructions (10 minutes)
  quality [--presets fast,auto,best] [--tables A,B] [--seeds 0,1] [--program PATH]
                           how good the models of `--preset fast` and `auto` are on the tables of ../shared/data,
                           beside stored peers (10 minutes); writes bench/QUALITY.md
                             --program PATH  this `thalweg` in the place of a release build
  quality --peers NAME,NAME | all
                           fit peers that are not stored yet (a large download; an hour)
  quality --ablation       `auto` with each of its parts taken out
  quality --cv             `thalweg cv` beside scikit-learn's cross_validate
  quality --report         write bench/QUALITY.md again from what is stored
  compare OLD NEW [--only NAME]
                           train the same configurations with two `thalweg` programs, from release builds:
                           are their models the same, bit for bit? (half a minute)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::run(),
        ["structure"] => structure::run(),
        ["oracles"] => oracles::make(false),
        ["oracles", "--with", "torch"] => oracles::make(true),
        ["bench", options @ ..] => bench::run(options),
        ["quality", options @ ..] => quality::run(options),
        ["compare", old, new] => compare::run(old, new, None),
        ["compare", old, new, "--only", name] => compare::run(old, new, Some(name)),
        // A contestant, as `bench` starts it.
        ["bench-worker", job] => bench::worker::serve(job),
        ["bench-reader", file] => bench::reading::serve(file),
        ["bench-first", file] => bench::reading::once(file),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
