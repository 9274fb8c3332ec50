//! Going on with classes and columns that a model does not know.

use crate::common::Workplace;
use serde_json::Value;

/// Rows whose class follows from two columns.
fn rows(classes: usize, with_more: bool) -> String {
    let row = |i: usize| {
        let class = i % classes;
        let (a, b) = (
            (class as f64) * 2.0 + (i % 5) as f64 * 0.1,
            (class % 2) as f64 + (i % 7) as f64 * 0.05,
        );
        let more = if with_more {
            format!(",{}", i % 4)
        } else {
            String::new()
        };
        format!("{a},{b}{more},{}\n", ["a", "b", "c", "d"][class])
    };
    let more = if with_more { ",more" } else { "" };
    format!("x,y{more},k\n{}", (0..160).map(row).collect::<String>())
}

fn accuracy(place: &Workplace, model: &str, data: &str) -> f64 {
    let ended = place.succeed(&format!("evaluate {model} {data} --json"));
    let scores: Value = serde_json::from_str(&ended.stdout).unwrap();
    scores["accuracy"]
        .as_f64()
        .unwrap_or_else(|| panic!("{scores}"))
}

/// The probabilities of a model, a row a line.
fn probabilities(place: &Workplace, model: &str, data: &str) -> Vec<Vec<f64>> {
    let text = place
        .succeed(&format!("predict {model} {data} --proba"))
        .stdout;
    let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

#[test]
fn a_new_class_gets_an_output_and_the_others_keep_their_weights() {
    let place = Workplace::new();
    place.write("three.csv", rows(3, false));
    place.write("four.csv", rows(4, false));
    place.train("three.csv --hidden 16 --epochs 60 --out three");
    let message = place.refused("train four.csv --continue three --out x");
    assert!(
        message.ends_with("found \"d\", expected one of the classes \"a\", \"b\", \"c\"; correct the cell, or let it become a class by --extend-classes"),
        "{message}"
    );
    let message = place.refused("train three.csv --test four.csv --out x");
    assert!(
        message.ends_with("\"c\"; correct the cell, or train on rows of this class too"),
        "{message}"
    );
    let message = place.refused("evaluate three four.csv");
    assert!(
        message.ends_with("\"c\"; correct the cell or remove the row"),
        "{message}"
    );
    // What no row of DATA shows cannot be learned.
    for flags in ["", "--extend-classes"] {
        let line = format!("train three.csv --continue three --test four.csv {flags} --out x");
        let message = place.refused(&line);
        assert!(
            message.starts_with("thalweg: four.csv:5: column \"k\": found \"d\"")
                && message.ends_with(
                    "add rows of this class to three.csv, from which --extend-classes learns it"
                ),
            "{message}"
        );
    }
    let ended =
        place.succeed("train four.csv --continue three --extend-classes --epochs 60 --out four");
    assert!(
        ended
            .stderr
            .contains("note: new classes: \"d\": the output layer gets outputs for them"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("with a fresh optimizer"), "{ended:?}");
    let found = accuracy(&place, "four", "four.csv");
    assert!(found > 0.9, "{found}");
    // At a rate of next to nothing the classes of before keep their odds.
    place.train("four.csv --continue three --extend-classes --optimizer sgd --lr 1e-30 --epochs 1 --out still");
    let (before, after) = (
        probabilities(&place, "three", "three.csv"),
        probabilities(&place, "still", "three.csv"),
    );
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.len(), after.len()), (3, 4));
        let odds = |row: &[f64]| (row[0] / row[1]).ln();
        assert!(
            (odds(before) - odds(after)).abs() < 1e-3,
            "{before:?} {after:?}"
        );
    }
    // The config has it all, and the new model goes on as any other.
    place.train("--config four/config.toml --out again");
    assert_eq!(
        place.read("four/model.safetensors"),
        place.read("again/model.safetensors")
    );
    place.train("four.csv --continue four --epochs 2 --out on");
}

#[test]
fn two_classes_become_three_with_the_same_odds() {
    let place = Workplace::new();
    place.write("two.csv", rows(2, false));
    place.write("three.csv", rows(3, false));
    place.train("two.csv --hidden 8 --epochs 40 --out two");
    place.train("three.csv --continue two --extend-classes --optimizer sgd --lr 1e-30 --epochs 1 --out still");
    let (before, after) = (
        probabilities(&place, "two", "two.csv"),
        probabilities(&place, "still", "two.csv"),
    );
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.len(), after.len()), (2, 3));
        let odds = |row: &[f64]| (row[0] / row[1]).ln();
        assert!(
            (odds(before) - odds(after)).abs() < 1e-3,
            "{before:?} {after:?}"
        );
    }
    place.train("three.csv --continue two --extend-classes --lr 0.02 --schedule constant --epochs 100 --out three");
    let found = accuracy(&place, "three", "three.csv");
    assert!(found > 0.9, "{found}");
    // A loss that has no counterpart for several classes says so.
    place.train("two.csv --hidden 8 --epochs 2 --loss hinge --out margins");
    let message = place.refused("train three.csv --continue margins --extend-classes --out x");
    assert!(message.contains("loss: found `hinge`"), "{message}");
}

#[test]
fn a_new_column_begins_without_effect() {
    let place = Workplace::new();
    place.write("before.csv", rows(3, false));
    place.write("after.csv", rows(3, true));
    place.train("before.csv --hidden 8 --epochs 20 --out before");
    let line = "train after.csv --continue before --extend-columns --optimizer sgd";
    let ended = place.succeed(&format!("{line} --lr 1e-30 --epochs 1 --out still"));
    assert!(
        ended
            .stderr
            .contains("note: new columns: \"more\": the first layer gets inputs for them"),
        "{ended:?}"
    );
    let (before, after) = (
        probabilities(&place, "before", "after.csv"),
        probabilities(&place, "still", "after.csv"),
    );
    for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
        assert!((before - after).abs() < 1e-5, "{before} {after}");
    }
    place.succeed(&format!("{line} --lr 0.1 --epochs 5 --out on"));
    assert_ne!(probabilities(&place, "on", "after.csv"), after);
    place.train("--config on/config.toml --out again");
    assert_eq!(
        place.read("on/model.safetensors"),
        place.read("again/model.safetensors")
    );
    // Both at once, and a column of text.
    let text = rows(4, false).replacen("x,y,k", "x,y,colour,k", 1);
    let coloured = text
        .lines()
        .enumerate()
        .map(|(row, line)| match line.rsplit_once(',') {
            Some((before, class)) if row > 0 => {
                format!("{before},{},{class}\n", ["red", "blue"][row % 2])
            }
            _ => format!("{line}\n"),
        });
    place.write("both.csv", coloured.collect::<String>());
    place.train(
        "both.csv --continue before --extend-columns --extend-classes --epochs 5 --out both",
    );
    let config = place.text("both/config.toml");
    assert!(
        config.contains("inputs = 5") && config.contains("units = 4"),
        "{config}"
    );
    let message = place.refused("train after.csv --extend-columns");
    assert!(message.contains("--continue"), "{message}");
}

#[test]
fn weights_of_a_run_bring_their_layers_for_another_number_of_classes() {
    let place = Workplace::new();
    place.write("three.csv", rows(3, false));
    place.write("four.csv", rows(4, false));
    place.train("three.csv --epochs 20 --out three");
    let line = "train four.csv --initial-weights three";
    let ended = place.succeed(&format!("{line} --epochs 20 --out four"));
    let note =
        "note: the layers are those of three/model.safetensors, with whose weights they begin";
    assert!(ended.stderr.contains(note), "{ended:?}");
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        told.contains("is drawn anew, for it has 4 outputs"),
        "{told}"
    );
    let kind = |run: &str, from: &str, to: &str| {
        let config = place.text(&format!("{run}/config.toml"));
        let (_, after) = config.split_once(from).unwrap();
        after.split(to).next().unwrap().to_owned()
    };
    assert_eq!(kind("three", "scaling = ", "\n"), "\"robust\"");
    assert_eq!(kind("four", "scaling = ", "\n"), "\"robust\"");
    let first = |run| kind(run, "[[network.layers]]", "[[network.layers]]");
    assert!(
        first("three").contains("piecewise_linear"),
        "{}",
        first("three")
    );
    assert_eq!(first("three"), first("four"));
    let found = accuracy(&place, "four", "four.csv");
    assert!(found > 0.9, "{found}");
    place.train("--config four/config.toml --out again");
    assert_eq!(
        place.read("four/model.safetensors"),
        place.read("again/model.safetensors")
    );
    // Layers that are described are those, fit or not.
    let message = place.refused(&format!("{line} --hidden 16 --out x"));
    assert!(message.contains("nothing for layers.0.weight"), "{message}");
}
