//! The binary `thalweg`: from arguments to the crates that do the work, and back to lines and
//! files.

mod args;
mod bench;
mod compare;
mod convert;
mod cv;
mod data_table;
mod evaluate;
mod exit;
mod export;
mod flags;
mod importance;
mod in_place;
mod info;
mod interrupt;
mod learning_curve;
mod list;
mod many;
mod output;
mod pace;
mod parse;
mod predict;
mod progress;
mod recipe;
mod summary;
mod surface;
mod terminal;
mod train;
mod watch;
mod wrap;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return parse::report(&error),
    };
    interrupt::ignore_size_limit();
    if let Err(failure) = parse::check_cpu() {
        return failure.report();
    }
    let result = match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Cv(args) => cv::run(&args),
        Command::LearningCurve(args) => learning_curve::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Importance(args) => importance::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::List(args) => list::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Completions(args) => {
            let mut command = Cli::command();
            clap_complete::generate(args.shell, &mut command, "thalweg", &mut std::io::stdout());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
