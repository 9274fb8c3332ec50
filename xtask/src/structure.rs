//! `cargo xtask structure`: what must hold of the shape of the source, found without a compiler.
//!
//! Imports between files point one way; a crate depends only on those below it; files and functions stay short.
//! Read are the sources of every crate, not its tests and examples.

mod graph;
mod names;
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::root;
use graph::Graph;
use names::{Package, Workspace};

/// The crates, from the ground up: each depends only on those before it.
const CRATES: &[&str] = &[
    "thalweg-core",
    "thalweg-data",
    "thalweg",
    "thalweg-diagnose",
    "thalweg-report",
    "thalweg-bench",
    "thalweg-cli",
    "xtask",
];
const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;
/// Circles that are printed of one knot.
const CIRCLES: usize = 12;

/// Prints every violation; one is an error.
pub fn run() -> Result<()> {
    let violations = violations(&root())?;
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        count => Err(format!("structure: {count} violations")),
    }
}

/// All violations in the workspace at `root`, a text each.
fn violations(root: &Path) -> Result<Vec<String>> {
    let mut workspace = Workspace::default();
    let mut found = Vec::new();
    for folder in packages(root)? {
        let manifest = read(&folder.join("Cargo.toml"))?;
        let package = Package::parse(&manifest)
            .ok_or_else(|| format!("{}: no package name", folder.display()))?;
        found.extend(upward(&package));
        found.extend(left_out(&folder, &manifest)?);
        for path in rust_files(&folder.join("src"))? {
            let text = read(&path)?;
            let inside = path.strip_prefix(folder.join("src")).unwrap_or(&path);
            let shown = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            workspace.add(&package.name, inside, &shown, &text)?;
        }
    }
    found.extend(workspace.long(FILE_LINES, FUNCTION_LINES));
    let graph = Graph::new(workspace.files(), workspace.imports());
    for knot in graph.knots() {
        found.push(graph.describe(&knot, CIRCLES));
    }
    Ok(found)
}

/// Files of tests that no program of tests has: where there is a `tests/main.rs`, Cargo looks for none itself.
fn left_out(folder: &Path, manifest: &str) -> Result<Vec<String>> {
    let tests = folder.join("tests");
    if !tests.join("main.rs").exists() {
        return Ok(Vec::new());
    }
    let main = read(&tests.join("main.rs"))?;
    let mut found = Vec::new();
    for path in rust_files(&tests)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_top = path.parent() == Some(tests.as_path()) && name != "main";
        let has = |text: &str, line: String| text.lines().any(|one| one == line);
        if is_top
            && !has(&main, format!("mod {name};"))
            && !has(manifest, format!("name = \"{name}\""))
        {
            found.push(format!(
                "{}: neither a module of tests/main.rs nor a [[test]]",
                path.display()
            ));
        }
    }
    Ok(found)
}

/// Dependencies of a package that are not below it.
fn upward(package: &Package) -> Vec<String> {
    let place = |name: &str| CRATES.iter().position(|one| *one == name);
    let Some(own) = place(&package.name) else {
        return vec![format!("{}: not in the order of crates", package.name)];
    };
    let above = package.dependencies.iter().filter(|name| {
        let is_ours = name.starts_with("thalweg") || *name == "xtask";
        is_ours && place(name).is_none_or(|other| other >= own)
    });
    above
        .map(|name| {
            format!(
                "crate {} depends on {name}, which is above it",
                package.name
            )
        })
        .collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The folders of all packages: those in `crates`, and `xtask`.
fn packages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = entries(&root.join("crates"))?;
    folders.push(root.join("xtask"));
    folders.retain(|folder| folder.join("Cargo.toml").exists());
    Ok(folders)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<std::io::Result<_>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The knots of a workspace of such packages and files, described.
    fn knots(files: &[(&str, &str, &str)]) -> Vec<String> {
        let mut workspace = Workspace::default();
        for (package, file, text) in files {
            workspace.add(package, Path::new(file), file, text).unwrap();
        }
        let graph = Graph::new(workspace.files(), workspace.imports());
        graph
            .knots()
            .iter()
            .map(|knot| graph.describe(knot, CIRCLES))
            .collect()
    }

    #[test]
    fn this_workspace_has_no_violation() {
        assert_eq!(violations(&root()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_circle_is_named_with_what_ties_it() {
        let found = knots(&[
            ("a", "lib.rs", "mod x; mod y; pub mod z;"),
            (
                "a",
                "x.rs",
                "use crate::y::{self, Yes};\nfn f() { y::g(vec![crate::z::h()]) }",
            ),
            ("a", "y.rs", "pub struct Yes; pub fn g() {}"),
            ("a", "z.rs", "pub fn h() { super::x::f() }"),
        ]);
        assert_eq!(found, ["circle of 2 files:\n  x.rs → z.rs (h) → x.rs (f)"]);
    }

    #[test]
    fn a_circle_through_a_list_of_entries_and_a_re_export_is_found() {
        let found = knots(&[
            (
                "a",
                "lib.rs",
                "pub mod layers; pub mod cpu; pub use cpu::Engine;",
            ),
            (
                "a",
                "layers/mod.rs",
                "entries! { LAYERS: \"layer\"; dense }",
            ),
            ("a", "layers/dense.rs", "use crate::Engine;"),
            (
                "a",
                "cpu.rs",
                "use crate::layers::LAYERS; pub struct Engine;",
            ),
        ]);
        assert_eq!(
            found,
            [
                "circle of 3 files:\n  layers/mod.rs → layers/dense.rs (list) → cpu.rs (Engine) → layers/mod.rs (LAYERS)"
            ]
        );
    }

    #[test]
    fn what_is_no_circle_is_not_found() {
        let files = [
            (
                "a",
                "lib.rs",
                "pub mod layers; mod shape; mod plan; mod other; pub type Result = ();",
            ),
            // A module and its children.
            (
                "a",
                "layers/mod.rs",
                "mod dense; mod pool; pub use dense::Dense; pub use crate::shape::Shape;\npub trait Layer {} fn all() { pool::new() }",
            ),
            (
                "a",
                "layers/dense.rs",
                "use super::Layer; pub struct Dense;",
            ),
            (
                "a",
                "layers/pool.rs",
                "use super::{Layer, dense::Dense}; pub fn new() -> crate::Result {}",
            ),
            // By a re-export; in a comment, a text, a test.
            (
                "a",
                "shape.rs",
                "// crate::plan::Plan\npub struct Shape; const TEXT: &str = \"crate::plan::Plan\";\n#[cfg(test)] mod tests { use crate::plan::Plan; }\n#[cfg(test)] use crate::other::Other;",
            ),
            (
                "a",
                "plan.rs",
                "use crate::layers::Shape; use std::fmt; impl fmt::Debug for Plan {} pub struct Plan;",
            ),
            // Of another crate's module of the same name.
            (
                "a",
                "other.rs",
                "use crate::shape::Shape; pub struct Other;",
            ),
            ("b", "lib.rs", "mod shape;"),
            (
                "b",
                "shape.rs",
                "use a::layers::{Layer as _, Shape}; use serde::plan::Plan;",
            ),
        ];
        assert_eq!(knots(&files), [""; 0]);
    }

    #[test]
    fn a_circle_beside_a_module_and_its_children_is_found() {
        let found = knots(&[
            ("a", "lib.rs", "mod m;"),
            (
                "a",
                "m.rs",
                "mod x; mod y; pub trait T {} use x::X; use y::Y;",
            ),
            (
                "a",
                "m/x.rs",
                "use super::T; use super::y::Y; pub struct X;",
            ),
            (
                "a",
                "m/y.rs",
                "use super::T; use super::x::X; pub struct Y;",
            ),
        ]);
        assert_eq!(
            found,
            ["circle of 2 files:\n  m/x.rs → m/y.rs (Y) → m/x.rs (X)"]
        );
    }

    #[test]
    fn a_crate_that_looks_up_is_found() {
        let upward = |manifest: &str| upward(&Package::parse(manifest).unwrap());
        let manifest = "[package]\nname = \"thalweg-data\"\n[dependencies]\nserde = \"1\"\nthalweg-core.workspace = true\n";
        assert_eq!(upward(manifest), [""; 0]);
        let manifest =
            format!("{manifest}[dev-dependencies]\nthalweg = {{ path = \"../thalweg\" }}\n");
        assert_eq!(
            upward(&manifest),
            ["crate thalweg-data depends on thalweg, which is above it"]
        );
    }

    #[test]
    fn long_files_and_functions_are_found_and_tests_are_not() {
        let mut workspace = Workspace::default();
        let text = "fn short() {}\nimpl A {\n    /// Text.\n    fn long(\n        a: u8,\n    ) {\n    }\n}\n#[cfg(test)]\nmod tests {\n    fn f() {\n\n\n\n\n    }\n}\n";
        workspace
            .add("a", Path::new("lib.rs"), "lib.rs", text)
            .unwrap();
        assert_eq!(workspace.long(17, 4), [""; 0]);
        assert_eq!(
            workspace.long(16, 3),
            [
                "lib.rs: 17 lines, at most 16",
                "lib.rs:4: `long` has 4 lines, at most 3"
            ]
        );
    }
}
