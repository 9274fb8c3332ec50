//! Small data sets inside the program, for first steps and tests. `builtin/ORIGIN.md` says where they
//! come from.

use crate::error::{Error, Place, Result, did_you_mean, quote};
use crate::input::Input;

/// A data set inside the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Builtin {
    /// The name after `builtin:`.
    pub name: &'static str,
    /// One line on what it holds.
    pub summary: &'static str,
    /// Gzipped CSV with a header; the last column is the target.
    bytes: &'static [u8],
}

macro_rules! builtin {
    ($name:literal, $summary:literal) => {
        Builtin {
            name: $name,
            summary: $summary,
            bytes: include_bytes!(concat!("../builtin/", $name, ".csv.gz")),
        }
    };
}

/// All built-in sets.
pub static BUILTINS: &[Builtin] = &[
    builtin!(
        "breast-cancer",
        "malignant or benign from 30 measures of cell nuclei; 569 rows"
    ),
    builtin!(
        "diabetes",
        "progression of diabetes after a year from 10 measures; 442 rows, regression"
    ),
    builtin!(
        "digits",
        "handwritten digits of 8×8 pixels; 1797 rows, 10 classes"
    ),
    builtin!(
        "iris",
        "species of iris from 4 lengths; 150 rows, 3 classes"
    ),
    builtin!(
        "wine",
        "cultivar of wine from 13 chemical measures; 178 rows, 3 classes"
    ),
];

/// The set of that name, or an error that suggests the nearest.
pub fn find(name: &str) -> Result<&'static Builtin> {
    let names = BUILTINS.iter().map(|set| set.name);
    BUILTINS.iter().find(|set| set.name == name).ok_or_else(|| {
        let all: Vec<&str> = names.clone().collect();
        Error::invalid(
            Place::default(),
            format!("built-in data set {}", quote(name)),
            format!("one of {}", all.join(", ")),
        )
        .remedy(did_you_mean(name, names))
    })
}

impl Builtin {
    pub(crate) fn input(&self) -> Result<Input> {
        Input::bytes(&format!("builtin:{}", self.name), self.bytes)
    }
}
