//! Exhaustive search from the command line: the lowest point of a grid, and the error surface drawn.

use crate::common::Workplace;

const ROWS: &str = "x,y\n2,4\n4,9\n-1,-2\n5,15\n";
const PLAIN: &str = "--no-standardize --no-validation --test-fraction 0";

#[test]
fn one_weight_is_searched_and_its_curve_drawn_and_the_config_does_it_again() {
    let place = Workplace::new();
    place.write("rows.csv", ROWS);
    place.write("one.toml", "[[layers]]\nname = \"dense\"\nbias = false\n");
    let grid = "--set optimizer.from=0 --set optimizer.to=5 --set optimizer.points=41";
    let line = format!("rows.csv {PLAIN} --network one.toml --optimizer exhaustive {grid}");
    let told = place.succeed(&format!("train {line} --out a")).stdout;
    // 121/46 = 2.6304… lies nearest to 2.625.
    let squares = [4.0 - 5.25, 9.0 - 10.5, -2.0 + 2.625, 15.0 - 13.125f64];
    let loss = squares.iter().map(|e| e * e).sum::<f64>() / 4.0;
    let expected = format!("lowest of 41 points: layers.0.weight = 2.625, loss {loss:.4}");
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("\n1 of "), "{told}");
    assert!(
        told.contains("epochs (every point of the grid was tried) in"),
        "{told}"
    );
    let last = told.lines().last().unwrap();
    assert!(last.ends_with("log.jsonl, surface.svg in a"), "{last}");
    let svg = place.text("a/surface.svg");
    assert!(svg.starts_with("<svg") && svg.contains("layers.0.weight"));
    assert!(svg.contains("<polyline") && svg.contains("lowest of the grid"));

    let config = place.text("a/config.toml");
    assert!(
        config.contains("name = \"exhaustive\"\nfrom = 0.0\npoints = 41\nto = 5.0"),
        "{config}"
    );
    place.succeed("train --config a/config.toml --quiet --out b");
    for file in ["model.safetensors", "config.toml", "surface.svg"] {
        assert_eq!(
            place.read(&format!("a/{file}")),
            place.read(&format!("b/{file}")),
            "{file}"
        );
    }
    let end = place.train(&format!("{line} --out c"));
    assert_eq!(end["stopped_by"], "searched");
    assert_eq!(end["epochs"], 1);
    assert!(
        (end["train"]["loss"].as_f64().unwrap() - loss).abs() < 1e-6,
        "{end}"
    );
}

#[test]
fn weight_and_bias_are_drawn_as_contours() {
    let place = Workplace::new();
    place.write("rows.csv", ROWS);
    let told = place
        .succeed(&format!(
            "train rows.csv {PLAIN} --hidden none --optimizer exhaustive --set optimizer.points=33 --out a"
        ))
        .stdout;
    assert!(
        told.contains("lowest of 1,089 points: layers.0.weight = "),
        "{told}"
    );
    assert!(told.contains(", layers.0.bias = "), "{told}");
    let svg = place.text("a/surface.svg");
    let contours = svg.matches("class=\"contour\"").count();
    assert!((8..=12).contains(&contours), "{contours} contours");
    // Other optimizers draw none.
    place.succeed(&format!(
        "train rows.csv {PLAIN} --hidden none --quiet --optimizer closed_form --out b"
    ));
    assert_eq!(
        place.files("b"),
        [
            "config.toml",
            "log.jsonl",
            "model.safetensors",
            "report.html"
        ]
    );
}

#[test]
fn more_than_two_parameters_are_refused_before_anything_is_written() {
    let place = Workplace::new();
    for (line, expected) in [
        (
            "builtin:diabetes --hidden none --optimizer exhaustive",
            "optimizer exhaustive: found 11 parameters, expected at most 2",
        ),
        (
            "builtin:diabetes --optimizer exhaustive",
            "; leave out the hidden layers (--hidden none) and all inputs but one (--drop)",
        ),
        (
            "builtin:diabetes --optimizer exhaustive --set optimizer.from=3 --set optimizer.to=1",
            "found from = 3 and to = 1, expected from < to",
        ),
        (
            "builtin:diabetes --optimizer exhaustive --lr 1",
            "--lr: found the solver exhaustive",
        ),
    ] {
        let message = place.refused(&format!("train {line}"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    assert!(place.files(".").is_empty(), "something was written");
}
