//! `cargo xtask test`: everything that must hold before a change is merged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Result;
use crate::process::{cargo, check, command, output, root, words};
use crate::{oracles, python};

/// Runs all stages and stops at the first that fails.
pub fn run() -> Result<()> {
    // The last stage needs Python; say so before the long ones.
    python::require()?;
    let mut stages = Stages::default();
    stages.run("format", format)?;
    stages.run("lints", || {
        check(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    stages.run("documentation", || {
        let mut doc = cargo();
        doc.args(["doc", "--workspace", "--no-deps"]);
        check(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let mut tally = Tally::default();
    stages.run("tests", || tally.run(cargo().args(["test", "--workspace"])))?;
    let has_shared_data = root().join(SHARED_DATA).exists();
    if has_shared_data && tally.ignored > 0 {
        let others = [
            "--workspace",
            "--tests",
            "--",
            "--ignored",
            "--skip",
            IN_A_BROWSER,
            "--skip",
            BY_TENSORBOARD,
        ];
        stages.run("shared data", || tally.run_ignored(&others))?;
    }
    let has_browser = BROWSERS.iter().any(|name| is_there(name));
    if has_browser {
        let pages = ["--workspace", "--test", "browser", "--", "--ignored"];
        stages.run("pages in a browser", || tally.run_ignored(&pages))?;
    }
    let tensorboard = oracles::tensorboard();
    if let Ok(python) = &tensorboard {
        let events = ["--workspace", "--test", "tensorboard", "--", "--ignored"];
        let variables = [("THALWEG_PYTHON", python.as_path())];
        stages.run("event files", || {
            tally.run_ignored_with(&events, &variables)
        })?;
    }
    stages.run("golden files", oracles::check_closed_forms)?;

    println!("\nall stages passed");
    for (name, seconds) in &stages.done {
        println!("  {name:<14} {seconds:>6.1} s");
    }
    println!("{}", tally.line());
    if !has_shared_data {
        println!("ignored tests need the data sets in {SHARED_DATA}, which is not there");
    }
    if !has_browser {
        let names = BROWSERS.join(", ");
        println!("ignored tests of pages need a browser ({names}), and none is there");
    }
    if let Err(error) = tensorboard {
        println!("the ignored test of event files needs TensorBoard: {error}");
    }
    Ok(())
}

/// Data sets beside the checkout, which some tests need; these are ignored where it is missing.
const SHARED_DATA: &str = "../shared/data";

/// What the name of the test that needs TensorBoard contains.
const BY_TENSORBOARD: &str = "tensorboard_reads";

/// What the names of tests that need a browser contain, and the browsers.
const IN_A_BROWSER: &str = "in_a_browser";
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome-headless-shell",
];

/// Whether a program can be started.
fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Checks every tracked file: `cargo fmt` does not see modules that a macro declares.
fn format() -> Result<()> {
    let files = output(command("git").args(["ls-files", "*.rs"]))?;
    let rustfmt = ["--edition", "2024", "--check"];
    check(command("rustfmt").args(rustfmt).args(files.lines()))
}

#[derive(Default)]
struct Stages {
    done: Vec<(&'static str, f64)>,
}

impl Stages {
    fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("== {name}");
        let start = Instant::now();
        let result = stage();
        let seconds = start.elapsed().as_secs_f64();
        result.map_err(|error| format!("{name} failed after {seconds:.1} s: {error}"))?;
        println!("== {name}: passed in {seconds:.1} s");
        self.done.push((name, seconds));
        Ok(())
    }
}

/// The sum of the summary lines of `cargo test`.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Runs `cargo test`, passes its output on and adds up its summaries. No test at all is a failure.
    fn run(&mut self, command: &mut Command) -> Result<()> {
        let failed = |error: std::io::Error| format!("`cargo test`: {error}");
        let name = words(command);
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line.map_err(failed)?;
                println!("{line}");
                self.add(&line);
            }
        }
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            return Err(format!("`{name}` failed ({status}); {}", self.line()));
        }
        if self.passed == 0 {
            return Err(format!("`{name}` ran no test"));
        }
        Ok(())
    }

    /// Runs tests that are ignored where something is missing, in place of counting them as ignored.
    fn run_ignored(&mut self, arguments: &[&str]) -> Result<()> {
        self.run_ignored_with(arguments, &[])
    }

    /// The same with variables of the environment.
    fn run_ignored_with(&mut self, arguments: &[&str], variables: &[(&str, &Path)]) -> Result<()> {
        let mut command = cargo();
        command
            .arg("test")
            .args(arguments)
            .envs(variables.iter().copied());
        let mut ran = Self::default();
        ran.run(&mut command)?;
        self.passed += ran.passed;
        self.ignored = self.ignored.saturating_sub(ran.passed);
        Ok(())
    }

    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; others count nothing.
    fn add(&mut self, line: &str) {
        let Some(summary) = line.trim_start().strip_prefix("test result:") else {
            return;
        };
        for part in summary.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    fn line(&self) -> String {
        format!(
            "tests: {} passed, {} failed, {} ignored",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_add_up_and_other_lines_count_nothing() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.add("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 5 filtered out");
        tally.add("test tests::seven ... ok");
        let expected = Tally {
            passed: 5,
            failed: 4,
            ignored: 1,
        };
        assert_eq!(tally, expected);
    }
}
