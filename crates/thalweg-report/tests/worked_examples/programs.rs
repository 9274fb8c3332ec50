//! The programs in `examples/`, as modules: all of them run, and draw.

#![allow(dead_code, reason = "their `main`, and what a test does not look at")]

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

#[path = "../../examples/averages.rs"]
pub mod averages;
#[path = "../../examples/bad_start.rs"]
pub mod bad_start;
#[path = "../../examples/batch_size.rs"]
pub mod batch_size;
#[path = "../../examples/deep_tanh.rs"]
pub mod deep_tanh;
#[path = "../../examples/digits.rs"]
pub mod digits;
#[path = "../../examples/elongated_bowl.rs"]
pub mod elongated_bowl;
#[path = "../../examples/error_surface.rs"]
pub mod error_surface;
#[path = "../../examples/house_price.rs"]
pub mod house_price;
#[path = "../../examples/linear_regression.rs"]
pub mod linear_regression;
#[path = "../../examples/logic_gates.rs"]
pub mod logic_gates;
#[path = "../../examples/one_weight.rs"]
pub mod one_weight;
#[path = "../../examples/saddle.rs"]
pub mod saddle;
#[path = "../../examples/schedules.rs"]
pub mod schedules;
#[path = "../../examples/sum_of_sigmoids.rs"]
pub mod sum_of_sigmoids;

type Program = fn() -> Result<String, Box<dyn Error>>;

/// Name and picture of each, in the quick mode.
macro_rules! programs {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), || {
            let options = $name::common::Options { quick: true, ..Default::default() };
            Ok($name::run(&options)?.svg())
        })),*]
    };
}

const PROGRAMS: &[(&str, Program)] = programs![
    averages,
    bad_start,
    batch_size,
    deep_tanh,
    digits,
    elongated_bowl,
    error_surface,
    house_price,
    linear_regression,
    logic_gates,
    one_weight,
    saddle,
    schedules,
    sum_of_sigmoids,
];

#[test]
fn every_example_runs_and_draws_numbers() {
    for (name, run) in PROGRAMS {
        let svg = run().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
            "{name}"
        );
        let lines = svg.matches("<polyline").count() + svg.matches("<circle").count();
        assert!(lines > 0, "{name} draws nothing");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        assert!(
            !svg.contains(r#"points="""#),
            "{name} draws a line without points"
        );
    }
}

#[test]
fn every_example_is_run_here_and_begins_with_what_it_teaches() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//! Teaches: "), "{}", path.display());
            found.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    let run: BTreeSet<String> = PROGRAMS.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(found, run);
}

#[test]
fn the_notes_name_every_example_and_only_files_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let notes = std::fs::read_to_string(folder.join("notes.md")).unwrap();
    let links: Vec<&str> = (notes.split("](").skip(1))
        .map(|rest| rest.split(')').next().unwrap())
        .collect();
    assert!(links.len() > PROGRAMS.len());
    for link in &links {
        assert!(folder.join(link).exists(), "{link}");
    }
    for (name, _) in PROGRAMS {
        let file = format!("/examples/{name}.rs");
        assert!(links.iter().any(|link| link.ends_with(&file)), "{name}");
    }
}
