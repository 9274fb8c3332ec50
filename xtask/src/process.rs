//! Child processes and paths.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::Result;

/// The root of the repository.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// The target folder, also when `CARGO_TARGET_DIR` moves it.
pub fn target() -> PathBuf {
    let moved = std::env::var_os("CARGO_TARGET_DIR");
    root().join(moved.as_deref().unwrap_or(OsStr::new("target")))
}

/// A command that runs in the root of the repository.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command as a user would type it, for messages.
pub fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs to the end; an exit status other than 0 is an error.
pub fn check(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| format!("`{}` did not start: {error}", words(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", words(command)))
    }
}

/// Runs to the end and returns what it printed on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = feed(command, "")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end with a text on standard input and returns what it printed; a failure is an error.
pub fn feed(command: &mut Command, input: &str) -> Result<Output> {
    let name = words(command);
    let failed = |error: std::io::Error| format!("`{name}` did not run: {error}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut requests) = child.stdin.take() {
        requests.write_all(input.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "`{name}` failed ({}): {}",
            output.status,
            errors.trim()
        ));
    }
    Ok(output)
}
