//! `cargo xtask oracles`: writes the golden files of `oracles/`; and checks those that need NumPy alone.

use std::path::PathBuf;

use crate::Result;
use crate::process::check;
use crate::python::Environment;

fn environment(requirements: &str) -> Result<Environment> {
    let name = format!("{requirements}-venv");
    Environment::prepare(&name, &format!("oracles/requirements-{requirements}.txt"))
}

/// Writes the golden files again; those of PyTorch, a large download, on request.
pub fn make(with_torch: bool) -> Result<()> {
    let mut groups = vec![
        ("closed_form", "closed-form"),
        ("scikit_learn", "scikit-learn"),
    ];
    if with_torch {
        groups.push(("pytorch", "pytorch"));
    }
    for (group, requirements) in groups {
        let environment = environment(requirements)?;
        check(environment.python().args(["oracles/make.py", group]))?;
    }
    Ok(())
}

/// Computes the closed forms again and compares them with the committed files.
pub fn check_closed_forms() -> Result<()> {
    let environment = environment("closed-form")?;
    check(
        environment
            .python()
            .args(["oracles/make.py", "closed_form", "--check"]),
    )
}

/// A Python that reads event files with TensorBoard's own package.
pub fn tensorboard() -> Result<PathBuf> {
    Ok(environment("tensorboard")?.program())
}
