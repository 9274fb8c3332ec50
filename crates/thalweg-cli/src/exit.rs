//! How the program ends: the line it leaves, and its exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use console::{Term, style};
use thalweg::fields::{by_flags, paths_by_flags};

use crate::in_place;
use crate::wrap;

/// The result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// Bad arguments or bad input: exit code 2.
    Input(String),
    /// Failed while running: exit code 1.
    Running(String),
    /// Stopped by Ctrl-C, after what was to be saved was saved: exit code 130.
    Interrupted(String),
    /// The reader of our output has gone (`| head`): no failure at all.
    OutputClosed,
}

impl Failure {
    /// Prints it on standard error, and gives the exit code.
    pub fn report(self) -> ExitCode {
        let (line, code) = match self {
            Failure::Input(line) => (line, 2),
            Failure::Running(line) => (line, 1),
            Failure::Interrupted(line) => (line, 130),
            Failure::OutputClosed => return ExitCode::SUCCESS,
        };
        // Standard error may be closed, too.
        let line = in_place::worded(&format!("thalweg: {line}"));
        let line = wrap::on(&Term::stderr(), &line);
        let text = line.strip_prefix("thalweg:").unwrap_or_default();
        let name = style("thalweg:").red().bold().for_stderr();
        let _ = writeln!(io::stderr(), "{name}{text}");
        ExitCode::from(code)
    }
}

/// With the fields that the libraries write about replaced by their arguments. What was found, and
/// the subject unless it is a field as a whole, may be words of the user or of the data.
fn worded(error: &mut thalweg::Error) {
    use thalweg::Error::{Data, Diverged, Engine, Input, Running, Settings};
    let by_flag = |text: &mut String| *text = by_flags(text);
    match error {
        Engine(thalweg_core::Error::Invalid(invalid)) => {
            // Of a request as a whole, no word is the user's.
            if invalid.subject == "request" {
                by_flag(&mut invalid.found);
            }
            invalid.subject = subject_by_flag(&invalid.subject);
            by_flag(&mut invalid.expected);
            by_flag(&mut invalid.remedy);
        }
        // In what is wrong with a file, the fields are those of the file; the remedy may be elsewhere.
        Settings(thalweg_core::Error::Invalid(invalid)) => by_flag(&mut invalid.remedy),
        Data(thalweg_data::Error::Invalid(invalid)) => {
            invalid.expected = paths_by_flags(&invalid.expected);
            invalid.remedy = paths_by_flags(&invalid.remedy);
        }
        Input(line) | Running(line) | Diverged(line) => *line = paths_by_flags(line),
        _ => {}
    }
}

/// A subject that begins with a field: `` `continue_from` PATH ``.
fn subject_by_flag(subject: &str) -> String {
    let mut parts = subject.splitn(3, '`');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(field), Some(rest)) => format!("{}{rest}", by_flags(&format!("`{field}`"))),
        _ => subject.to_owned(),
    }
}

impl From<thalweg::Error> for Failure {
    fn from(mut error: thalweg::Error) -> Self {
        worded(&mut error);
        let mut line = error.to_string();
        if let thalweg::Error::Data(thalweg_data::Error::Invalid(invalid)) = &error
            && invalid.location.field.is_some()
        {
            line = subject_by_flag(&line);
        }
        match error.is_input() {
            true => Failure::Input(line),
            false => Failure::Running(line),
        }
    }
}

impl From<thalweg_core::Error> for Failure {
    fn from(error: thalweg_core::Error) -> Self {
        thalweg::Error::from(error).into()
    }
}

impl From<thalweg_data::Error> for Failure {
    fn from(error: thalweg_data::Error) -> Self {
        thalweg::Error::from(error).into()
    }
}

/// Failures of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Running(format!("standard output: {error}")),
        }
    }
}
