//! Python with pinned packages, in virtual environments under the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{check, command, output, root, target};

const REMEDY: &str = "install Python 3.11 or newer with its venv module \
                      (Debian: apt-get install python3 python3-venv)";

/// Fails with the remedy where there is no usable Python.
pub fn require() -> Result<()> {
    let version = output(command("python3").arg("--version"))
        .map_err(|error| format!("python3 was not found: {error}; {REMEDY}"))?;
    let mut numbers = version
        .trim_start_matches("Python ")
        .split('.')
        .map_while(|part| part.trim().parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < (3, 11) {
        return Err(format!("python3 is {}; {REMEDY}", version.trim()));
    }
    Ok(())
}

/// A virtual environment.
pub struct Environment(PathBuf);

impl Environment {
    /// `target/NAME` with the packages pinned by `requirements` (a path from the root): created once, and updated
    /// when the pins change.
    pub fn prepare(name: &str, requirements: &str) -> Result<Self> {
        require()?;
        let folder = target().join(name);
        let stamp = folder.join("installed.txt");
        let pins = read_pins(&root().join(requirements))?;
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
            return Ok(Self(folder));
        }
        println!("installing {requirements} into {name}");
        check(command("python3").args(["-m", "venv"]).arg(&folder))
            .map_err(|error| format!("{error}; {REMEDY}"))?;
        let environment = Self(folder);
        let mut pip = environment.python();
        pip.args(["-m", "pip", "install", "--quiet"]);
        pip.args(["--disable-pip-version-check", "--requirement", requirements]);
        check(&mut pip).map_err(|error| {
            format!("{error}; pip needs a package index for the pinned versions of {requirements}")
        })?;
        fs::write(&stamp, pins).map_err(|error| format!("{}: {error}", stamp.display()))?;
        Ok(environment)
    }

    /// The path of its Python.
    pub fn program(&self) -> PathBuf {
        self.0.join("bin").join("python")
    }

    /// Its Python, to run in the root of the repository. It leaves no compiled files beside scripts.
    pub fn python(&self) -> Command {
        let mut python = command(self.program());
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        python
    }

    /// `package version` of the packages named.
    pub fn versions(&self, packages: &[&str]) -> Result<Vec<String>> {
        const SCRIPT: &str = "import sys, importlib.metadata as m\n\
                              for p in sys.argv[1:]: print(p, m.version(p))";
        let listed = output(self.python().args(["-c", SCRIPT]).args(packages))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }
}

/// The requirements with the files they include, as one text.
fn read_pins(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut pins = String::new();
    for line in text.lines() {
        if let Some(included) = line.strip_prefix("-r ") {
            pins += &read_pins(&path.with_file_name(included.trim()))?;
        } else {
            pins += line;
            pins.push('\n');
        }
    }
    Ok(pins)
}
