//! A process that trains one epoch when asked.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use thalweg_bench::Epoch;

use crate::Result;
use crate::process::words;

/// A running contestant. Between turns it blocks on its standard input; dropped, it ends.
pub struct Contestant {
    pub name: &'static str,
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Contestant {
    /// Starts the process and waits until its data are loaded.
    pub fn start(name: &'static str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| format!("{name}: `{}` did not start: {error}", words(&command)))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{name}: no pipes"));
        };
        let requests = Some(requests);
        let mut contestant = Self {
            name,
            process,
            requests,
            answers: BufReader::new(answers),
        };
        match contestant.line()?.as_str() {
            "ready" => Ok(contestant),
            other => Err(format!("{name} printed `{other}`; expected `ready`")),
        }
    }

    /// Trains one epoch in it.
    pub fn epoch(&mut self) -> Result<Epoch> {
        let name = self.name;
        if let Some(requests) = &mut self.requests {
            let sent = requests
                .write_all(b"epoch\n")
                .and_then(|()| requests.flush());
            sent.map_err(|error| format!("{name}: {error}"))?;
        }
        let answer = self.line()?;
        let epoch: Epoch = serde_json::from_str(&answer)
            .map_err(|error| format!("{name} answered `{answer}`: {error}"))?;
        if !epoch.loss.is_finite() {
            return Err(format!("{name}: the loss is {}", epoch.loss));
        }
        Ok(epoch)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(format!(
                "{} ended without an answer; see its messages above",
                self.name
            )),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(format!("{}: {error}", self.name)),
        }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.requests = None;
        let _ = self.process.wait();
    }
}
