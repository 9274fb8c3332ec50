//! Embeddings of numbers, the scale layer, and factors on their rates: from a table to the model.

use crate::common::{Workplace, noise};

/// Rows of two numbers that matter by waves, one of two values, and a column of 30 cities.
fn waves(place: &Workplace, rows: usize) {
    let line = |row: usize| {
        let (a, b) = (noise(3 * row), noise(3 * row + 1));
        let y = (9.0 * a).sin() + (b > 0.3) as u8 as f64 + 0.05 * noise(3 * row + 2);
        format!("{a:.4},city{},{},{b:.4},{y:.4}", row * 7 % 30, row % 2)
    };
    place.write(
        "waves.csv",
        crate::common::csv("a,city,flag,b,y", rows, line),
    );
}

fn config_line(place: &Workplace, run: &str, name: &str) -> String {
    let text = place.text(&format!("{run}/config.toml"));
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} = ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .to_owned()
}

#[test]
fn numbers_are_embedded_on_quantiles_of_the_training_rows_and_the_config_reruns() {
    let place = Workplace::new();
    waves(&place, 400);
    let line = "waves.csv --embed-numbers piecewise_linear --set embed_numbers.bins=4 --scale-layer \
        --lr-factors scale=6,bias=0.1 --hidden 8 --epochs 3 --threads 1";
    place.train(&format!("{line} --out a"));
    let layers: Vec<String> = place
        .text("a/config.toml")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("name = \"")
                .map(|name| name.trim_end_matches('"').to_owned())
        })
        .collect();
    let at = layers.iter().position(|name| name == "embedding").unwrap();
    assert_eq!(
        layers[at..at + 5],
        ["embedding", "piecewise_linear", "scale", "dense", "dense"]
    );
    // City is an embedding of 11 values; behind it a, the flag, b.
    assert_eq!(config_line(&place, "a", "columns"), "columns = [11, 13]");
    assert_eq!(config_line(&place, "a", "counts"), "counts = [4, 4]");
    let edges = config_line(&place, "a", "edges");
    assert_eq!(edges.matches(',').count(), 9, "{edges}");
    assert_eq!(
        config_line(&place, "a", "rate_factors"),
        "rate_factors = \"bias=0.1,scale=6\""
    );
    // From the config, with other threads; after an interruption; and on from the model.
    place.train("--config a/config.toml --out b --threads 2");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    place.train("waves.csv --continue a --epochs 1 --out c");
    let info = place.succeed("info a").stdout;
    assert!(info.contains("piecewise_linear("), "{info}");
    place.succeed("predict a waves.csv");
    let text = place.text("waves.csv");
    let wider = |(row, line): (usize, &str)| match row {
        0 => format!("{line},new"),
        _ => format!("{line},{}", row % 7),
    };
    let more: Vec<String> = text.lines().enumerate().map(wider).collect();
    place.write("more.csv", more.join("\n"));
    let message = place.refused("train more.csv --continue a --extend-columns --out x");
    assert!(message.contains("the layer piecewise_linear"), "{message}");
    // Other rows have other quantiles.
    place.train("--config a/config.toml --validation-fraction 0.4 --out d");
    assert_ne!(config_line(&place, "d", "edges"), edges);
    // And out again.
    place.train("--config a/config.toml --embed-numbers none --no-scale-layer --out e");
    let text = place.text("e/config.toml");
    assert!(
        !text.contains("piecewise_linear") && !text.contains("\"scale\""),
        "{text}"
    );
}

#[test]
fn embeddings_learn_waves_and_steps_that_a_plain_network_misses() {
    let place = Workplace::new();
    waves(&place, 1500);
    let rmse = |options: &str| {
        let run = place.train(&format!(
            "waves.csv --hidden 16 --epochs 12 --drop city {options}"
        ));
        run["test"]["rmse"].as_f64().unwrap()
    };
    let plain = rmse("");
    let numbers = ["piecewise_linear", "periodic --set embed_numbers.sigma=1"];
    for rmse in numbers.map(|name| rmse(&format!("--scale-layer --embed-numbers {name}"))) {
        assert!(rmse < 0.6 * plain, "{rmse} beside {plain}");
    }
}

#[test]
fn a_network_file_leaves_columns_and_edges_to_the_data() {
    let place = Workplace::new();
    waves(&place, 200);
    let rest = "[[layers]]\nname = 'scale'\n[[layers]]\nname = 'dense'\n";
    let numbers = "[[layers]]\nname = 'piecewise_linear'\nwidth = 2\nbins = 3\n";
    place.write("net.toml", format!("{numbers}{rest}"));
    place.train("waves.csv --drop city --network net.toml --epochs 1 --out a");
    assert_eq!(config_line(&place, "a", "columns"), "columns = [0, 2]");
    assert_eq!(config_line(&place, "a", "counts"), "counts = [3, 3]");
    place.write(
        "net.toml",
        format!("[[layers]]\nname = 'dense'\nunits = 3\n{numbers}{rest}"),
    );
    let message = place.refused("train waves.csv --drop city --network net.toml");
    assert!(
        message.contains("net.toml: line 4: layer 2 (piecewise_linear): layer: found it behind dense, expected it as the first layer"),
        "{message}"
    );
    place.write("net.toml", format!("{numbers}{rest}"));
    let message = place.refused("train waves.csv --drop city,a,b --network net.toml");
    assert!(
        message.contains("found rows without numbers of more than two values"),
        "{message}"
    );
    let message = place.refused("train waves.csv --network net.toml --scale-layer");
    assert!(
        message.contains("--network") && message.contains("--scale-layer"),
        "{message}"
    );
}

#[test]
fn factors_are_checked_before_anything_is_read() {
    let place = Workplace::new();
    waves(&place, 60);
    let refused = |options: &str| place.refused(&format!("train waves.csv --epochs 1 {options}"));
    assert!(refused("--lr-factors bias").contains("--lr-factors"));
    assert!(refused("--lr-factors bais=2").contains("by role (weight, bias, scale, embedding)"));
    assert!(refused("--decay-factors bias=2").contains("--decay-factors"));
    assert!(refused("--lr-factors layers.9=2 --hidden 8").contains("found `layers.9`"));
    assert!(refused("--optimizer lbfgs --lr-factors bias=2").contains("--lr-factors"));
    assert!(refused("--dropout-schedule flat_cosin").contains("did you mean `flat_cosine`?"));
    place.train(
        "waves.csv --epochs 2 --parametrization ntk --initializer lecun_normal --dropout 0.1 \
         --dropout-schedule flat_cosine --decay-schedule flat_cosine --set decay_schedule.flat=0.25 --out a",
    );
    let text = place.text("a/config.toml");
    assert!(text.contains("parametrization = \"ntk\""), "{text}");
    assert!(text.contains("flat = 0.25"), "{text}");
    place.train("--config a/config.toml --out b");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
}

#[test]
fn quantile_scaling_and_a_start_by_data_are_kept_in_the_config_and_rerun() {
    let place = Workplace::new();
    waves(&place, 200);
    let line = "waves.csv --scaling quantile --init-by-data --hidden 6 --epochs 2";
    place.train(&format!("{line} --out a"));
    let text = place.text("a/config.toml");
    assert!(
        text.contains("scaling = \"quantile\"") && text.contains("init_by_data = true"),
        "{text}"
    );
    place.train("--config a/config.toml --out b");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    place.train("waves.csv --scaling quantile --hidden 6 --epochs 2 --out c");
    assert_ne!(
        place.read("a/model.safetensors"),
        place.read("c/model.safetensors")
    );
    place.succeed("predict a waves.csv");
}

#[test]
fn what_has_no_effect_is_told() {
    let place = Workplace::new();
    waves(&place, 60);
    let message =
        place.refused("train waves.csv --preset fast --set embed_numbers.width=2 --epochs 1");
    assert!(message.contains("--embed-numbers"), "{message}");
    let line = "train waves.csv --drop a,b,city --embed-numbers periodic --epochs 1";
    let ended = place.succeed(line);
    let told = ended.stdout + &ended.stderr;
    assert!(told.contains("no numbers are embedded"), "{told}");
}
