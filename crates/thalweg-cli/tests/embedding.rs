//! Columns of many categories: codes and an embedding, from the table to the model and its answers.

use std::fmt::Write;

use crate::common::Workplace;

/// 600 rows with 30 cities, some of them missing, whose price follows from the city and the area.
fn houses(place: &Workplace, name: &str, rows: usize) {
    let mut text = "city,area,price\n".to_owned();
    for row in 0..rows {
        let (city, area) = (row * 17 % 31, row * 37 % 101);
        let price = city * 13 % 29 * 10 + area;
        let city = match city {
            30 => String::new(),
            city => format!("city{city}"),
        };
        writeln!(text, "{city},{area},{price}").unwrap();
    }
    place.write(name, text);
}

#[test]
fn columns_of_many_categories_are_embedded_and_the_model_keeps_how() {
    let place = Workplace::new();
    houses(&place, "houses.csv", 600);
    let line = "train houses.csv --epochs 4 --hidden 8 --out a --threads 1";
    let told = place.succeed(line).stdout;
    assert!(
        told.contains("city (31 codes as 11 numbers)") && told.contains("--embed-above"),
        "{told}"
    );
    // The same again from config.toml, and after an interruption; both with other threads.
    place.train("--config a/config.toml --out b --threads 2");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    assert!(place.text("a/config.toml").contains("embed_above = 20"));
    let info = place.succeed("info a").stdout;
    for line in [
        "layers.0 2 → 12 341 parameters embedding(levels=[31], widths=[11])",
        "city codes of 30 levels and unknown 1 input",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&info).contains(line), "{info}");
    }
    let header = place.read("a/model.safetensors");
    let header = String::from_utf8_lossy(&header[..20_000.min(header.len())]).into_owned();
    assert!(header.contains("layers.0.columns.0.weight"), "{header}");

    // What training never saw is what is missing: the unknown.
    place.write("new.csv", "area,city\n5,city3\n5,atlantis\n5,\n5,city4\n");
    let ended = place.succeed("predict a new.csv");
    assert!(
        ended.stderr.contains("such as \"atlantis\""),
        "{}",
        ended.stderr
    );
    let answers: Vec<&str> = ended.stdout.lines().skip(1).collect();
    assert_eq!(answers[1], answers[2]);
    assert!(answers[0] != answers[1] && answers[0] != answers[3]);
    place.succeed("evaluate a houses.csv");
    place.train("houses.csv --continue a --epochs 1 --out c");
    assert_eq!(
        place.refused("train houses.csv --continue a --embed-above 3 --out d"),
        "thalweg: the argument '--continue <MODEL>' cannot be used with '--embed-above <N>'; see --help"
    );
}

#[test]
fn few_categories_linear_models_and_those_who_do_not_want_it_get_an_input_each() {
    let place = Workplace::new();
    houses(&place, "houses.csv", 600);
    for options in ["--embed-above none", "--embed-above 30", "--hidden none"] {
        let out = place.train(&format!("houses.csv --epochs 1 {options} --out a"));
        assert!(out["test"].is_object());
        let info = place.succeed("info a").stdout;
        assert!(!info.contains("embedding("), "{options}: {info}");
        assert!(info.contains("categorical, 30 levels"), "{options}: {info}");
        std::fs::remove_dir_all(place.path("a")).unwrap();
    }
    // A config of its own making that does not fit its data.
    place.train("houses.csv --epochs 1 --out e");
    let config = place.text("e/config.toml");
    place.write("config.toml", config.replace("embed_above = 20\n", ""));
    assert_eq!(
        place.refused("train --config config.toml --out f"),
        "thalweg: config.toml: network.inputs: found 2, expected 32, as the data and the task ask for; correct it, or \
         the data section"
    );
    place.write(
        "config.toml",
        config.replace("levels = [31]", "levels = [40]"),
    );
    assert_eq!(
        place.refused("train --config config.toml --out f"),
        "thalweg: config.toml: layer 1: found an embedding of [40] codes, expected an embedding of [31] codes, as the \
         data ask for; correct it, or data.fit.embed_above"
    );
    // New data by the same config: a network that fits.
    place.train("houses.csv --epochs 1 --out b");
    houses(&place, "fewer.csv", 60);
    place.train("fewer.csv --config b/config.toml --out c");
    let info = place.succeed("info c").stdout;
    assert!(!info.contains("embedding("), "{info}");
}

#[test]
fn other_hidden_layers_leave_the_embedding_as_it_is() {
    let place = Workplace::new();
    houses(&place, "houses.csv", 600);
    let layers = "[[layers]]\nname = 'embedding'\nwidths = [3]\n\n[[layers]]\nname = 'dense'\nunits = 4\n\n\
                  [[layers]]\nname = 'dense'\n";
    place.write("net.toml", layers);
    place.train("houses.csv --epochs 1 --network net.toml --out a");
    place.train("--config a/config.toml --hidden 8,8 --out b");
    let info = place.succeed("info b").stdout;
    assert!(
        info.contains("embedding(levels=[31], widths=[3])") && info.contains("units=8"),
        "{info}"
    );
    // Without hidden layers there is none: see `few_categories_…`.
    place.train("--config a/config.toml --hidden none --out c");
    assert!(!place.succeed("info c").stdout.contains("embedding("));
}

#[test]
fn rare_categories_are_unknown_and_columns_of_them_are_noted() {
    let place = Workplace::new();
    // 300 names, each of 2 or 3 rows, of which 240 rows train.
    let row = |i: usize| format!("{},name{},{}\n", i * 37 % 101, i * 7 % 130, i * 13 % 89);
    let rows: String = (0..300).map(row).collect();
    place.write("names.csv", format!("area,name,price\n{rows}"));
    let line = "train names.csv --epochs 1 --hidden 4";
    let ended = place.succeed(&format!("{line} --out a"));
    assert!(
        ended
            .stderr
            .contains("categories with a code, of about 2 rows each")
            && ended.stderr.contains("compare with --drop \"name\""),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stdout
            .contains("a learned vector for each of 2 rows or more: name ("),
        "{}",
        ended.stdout
    );
    // What the file holds is known before training; the target is no input.
    let told = place.succeed("info names.csv").stderr;
    let note = "note: column \"name\" has 130 categories with a code, of about 2 rows each, which may be \
                memorized: compare with --drop \"name\"";
    assert!(told.lines().any(|line| line == note), "{told}");
    place.write("target.csv", format!("area,label,price\n{rows}"));
    let told = place.succeed("info target.csv").stderr;
    assert!(!told.contains("memorized"), "{told}");
    let levels = |model: &str| {
        let info = place.succeed(&format!("info {model} --json")).stdout;
        info.matches("\"name").count()
    };
    place.train("names.csv --epochs 1 --hidden 4 --embed-least 3 --out b");
    assert!(place.text("b/config.toml").contains("embed_least = 3"));
    assert!(levels("b") < levels("a") && levels("b") > 20);
    // So few with so many rows that they are an input each.
    place.train("names.csv --epochs 1 --hidden 4 --embed-least 4 --out c");
    assert!(!place.succeed("info c").stdout.contains("codes of"));
    assert_eq!(
        place.refused(&format!("{line} --embed-least 0")),
        "thalweg: --embed-least: found 0, expected a whole number from 1 to 9223372036854775807; see --help"
    );
    // Many rows a category need no note.
    houses(&place, "houses.csv", 900);
    let told = place.succeed("info houses.csv").stderr;
    assert!(!told.contains("--drop"), "{told}");
    let ended = place.succeed("train houses.csv --epochs 1 --hidden 4 --out d");
    assert!(!ended.stderr.contains("--drop"), "{}", ended.stderr);
}

#[test]
fn a_network_file_may_leave_the_sizes_to_the_data() {
    let place = Workplace::new();
    houses(&place, "houses.csv", 600);
    let dense = "[[layers]]\nname = 'dense'\nunits = 4\nactivation = 'relu'\n\n[[layers]]\nname = 'dense'\n";
    let file = |embedding: &str| {
        let text = format!("[[layers]]\nname = 'embedding'\n{embedding}\n\n{dense}");
        place.write("net.toml", text);
    };
    file("widths = [3]");
    place.train("houses.csv --epochs 1 --network net.toml --out a");
    let info = place.succeed("info a").stdout;
    assert!(
        info.contains("embedding(levels=[31], widths=[3])"),
        "{info}"
    );
    let refused = |data: &str| place.refused(&format!("train {data} --network net.toml"));
    assert_eq!(
        refused("builtin:iris"),
        "thalweg: net.toml: line 1: layer 1 (embedding): codes: found a list of numbers alone, expected columns of \
         text with many categories; leave the layer out, or choose a smaller --embed-above"
    );
    file("levels = [30]");
    assert_eq!(
        refused("houses.csv"),
        "thalweg: net.toml: line 1: layer 1 (embedding): codes: found levels = [30], expected [31], as the data have them; \
         leave `levels` out"
    );
    // Without the layer the file gets inputs, unless codes are asked for.
    place.write("net.toml", dense);
    place.train("houses.csv --epochs 1 --network net.toml --out b");
    assert_eq!(
        refused("houses.csv --embed-above 5"),
        "thalweg: net.toml: line 1: layer 1 (dense): codes: found the codes of column `city`, expected an embedding as the \
         first layer; begin the network with it, or leave out --embed-above"
    );
}
