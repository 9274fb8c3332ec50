//! What presets choose, what an explicit setting switches off, and what becomes of a linear table.

use std::fmt::Write;

use crate::common::{Workplace, events};
use serde_json::Value;

/// A table of two columns, whose target is straight in both but for noise, or bent.
fn table(place: &Workplace, is_straight: bool) {
    let mut text = "a,b,target\n".to_owned();
    for i in 0..300 {
        let (a, b) = (
            f64::from(i * 37 % 101) / 50.0 - 1.0,
            f64::from(i * 53 % 97) / 48.0 - 1.0,
        );
        let noise = f64::from(i * 7919 % 1009) / 1009.0 - 0.5;
        let target = match is_straight {
            true => 3.0 * a - 2.0 * b + noise,
            false => (6.0 * a).sin() + a * b,
        };
        let _ = writeln!(text, "{a},{b},{target}");
    }
    place.write("t.csv", text);
}

/// The config that a run with these flags leaves.
fn config(place: &Workplace, flags: &str) -> String {
    place.succeed(&format!(
        "train t.csv {flags} --no-report --max-steps 3 --out run"
    ));
    let text = place.text("run/config.toml");
    std::fs::remove_dir_all(place.path("run")).unwrap();
    text
}

#[test]
fn what_is_of_one_piece_switches_auto_off_and_the_summary_says_so() {
    let place = Workplace::new();
    table(&place, false);
    let auto = config(&place, "--preset auto");
    assert_eq!(config(&place, ""), auto, "the default");
    assert!(
        auto.contains("coslog4") && auto.contains("silu") && auto.contains("robust"),
        "{auto}"
    );
    for flags in [
        "--optimizer adam",
        "--lr 0.01",
        "--hidden none",
        "--initializer he_normal",
        "--loss huber",
        "--no-standardize",
        "--set optimizer.beta1=0.8",
    ] {
        let fast = config(&place, &format!("--preset fast {flags}"));
        for preset in ["", "--preset auto"] {
            let ours = config(&place, &format!("{preset} {flags}"));
            assert_eq!(ours, fast, "{preset} {flags}");
        }
    }
    let said = place
        .succeed("train t.csv --preset auto --lr 0.01 --max-steps 3 --no-report")
        .stdout;
    assert!(said.contains("--preset      fast"), "{said}");
    assert!(said.contains("does not go with the settings"), "{said}");
}

#[test]
fn layers_that_are_described_get_a_plain_training_unless_auto_is_named() {
    let place = Workplace::new();
    table(&place, false);
    for flags in [
        "--hidden 8",
        "--activation tanh",
        "--set activation.alpha=0.5 --activation elu",
    ] {
        let fast = config(&place, &format!("--preset fast {flags}"));
        assert_eq!(config(&place, flags), fast, "{flags}");
    }
    let auto = config(&place, "--preset auto --hidden 8");
    assert!(
        auto.contains("units = 8") && auto.contains("coslog4"),
        "{auto}"
    );
    assert!(auto.contains("piecewise_linear"), "{auto}");
}

#[test]
fn a_single_setting_leaves_the_rest_of_auto() {
    let place = Workplace::new();
    table(&place, false);
    let auto = config(&place, "--preset auto");
    for (flags, from, to) in [
        ("--epochs 7", "epochs = ", "epochs = 7"),
        ("--batch-size 32", "batch_size = ", "batch_size = 32"),
    ] {
        let ours = config(&place, &format!("--preset auto {flags}"));
        // Over how many updates weights are averaged follows from how many there are.
        let rest = |config: &'_ str| {
            let lines = config.lines().filter(|line| !line.starts_with("ema = "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let pairs: Vec<(String, String)> = (rest(&auto).into_iter().zip(rest(&ours)))
            .filter(|(a, b)| a != b)
            .collect();
        let is_shorter = flags.starts_with("--epochs");
        assert_eq!(!ours.contains("ema = 0.98\n"), is_shorter, "{ours}");
        assert_eq!(pairs.len(), 1, "{flags}: {pairs:?}");
        assert!(
            pairs[0].0.starts_with(from) && pairs[0].1 == to,
            "{flags}: {pairs:?}"
        );
    }
}

#[test]
fn columns_like_pixels_keep_the_recipe_of_fast() {
    let place = Workplace::new();
    let said = place
        .succeed("train builtin:digits --preset auto --max-steps 3 --no-report")
        .stdout;
    assert!(said.contains("columns like pixels"), "{said}");
    assert!(!said.contains("coslog4"), "{said}");
}

#[test]
fn a_linear_model_is_chosen_where_it_validates_better_and_again_from_the_config() {
    let place = Workplace::new();
    table(&place, true);
    let ended = place.succeed("train t.csv --or-linear --epochs 1 --no-report --out a");
    assert!(
        ended.stderr.contains("the model is a linear one"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("raced by validation loss: network "),
        "{ended:?}"
    );
    let log = events(&place.text("a/log.jsonl"));
    let raced = log[log.len() - 1]["raced"].as_array().unwrap();
    let loss = |one: &Value| one["validation_loss"].as_f64().unwrap();
    let least = raced.iter().map(loss).fold(f64::INFINITY, f64::min);
    let taken: Vec<&Value> = raced.iter().filter(|one| one["is_taken"] == true).collect();
    assert_eq!(
        (raced.len(), taken.len(), loss(taken[0])),
        (3, 1, least),
        "{raced:?}"
    );
    assert_eq!(
        log[log.len() - 1]["validation"]["loss"],
        taken[0]["validation_loss"]
    );
    place.succeed("train --config a/config.toml --no-report --out b");
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    assert_eq!(model("a"), model("b"));
    let predicted = place.succeed("predict a t.csv").stdout;
    let value = |line: usize| predicted.lines().nth(line).unwrap().parse::<f64>().unwrap();
    // The first rows: a and b are those of i = 0, 1.
    let (a, b) = (37.0 / 50.0 - 1.0, 53.0 / 48.0 - 1.0);
    assert!((value(1) + 1.0).abs() < 0.15, "{}", value(1));
    assert!(
        (value(2) - (3.0 * a - 2.0 * b)).abs() < 0.15,
        "{}",
        value(2)
    );

    table(&place, false);
    let ended = place.succeed("train t.csv --preset auto --no-report --out c");
    assert!(!ended.stderr.contains("linear one"), "{ended:?}");
    let refused = place.run("train t.csv --or-linear --no-validation --out d");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--or-linear"), "{refused:?}");
}

/// Two of forty numbers matter, and one of two columns of many categories.
#[test]
fn a_race_tries_the_best_network_on_the_columns_that_it_needs() {
    let place = Workplace::new();
    let mut text = (0..40).fold(String::new(), |names, j| format!("{names}x{j},")) + "a,b,target\n";
    let mut state = 1u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    for _ in 0..300 {
        let x: Vec<f64> = (0..40).map(|_| 2.0 * draw() - 1.0).collect();
        let [a, b] = [draw(), draw()].map(|share| (30.0 * share) as usize);
        let target = (3.0 * x[2]).sin() + x[2] * x[7] + (a % 5) as f64;
        let cells: Vec<String> = x.iter().map(|x| format!("{x:.4}")).collect();
        let _ = writeln!(text, "{},a{a},b{b},{target}", cells.join(","));
    }
    place.write("t.csv", text);
    let command = "train t.csv --preset best --embed-above 20 --no-report --out";
    let said = place.succeed(&format!("{command} a --threads 1")).stdout;
    let tried = said.lines().find(|line| line.contains(" of 42 columns "));
    let tried = tried.unwrap_or_else(|| panic!("{said}"));
    let kept = tried
        .split(" on ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let kept: usize = kept.and_then(|kept| kept.parse().ok()).expect(tried);
    assert!((3..10).contains(&kept), "{tried}");
    assert!(tried.ends_with("taken"), "{said}");
    assert!(place.text("a/config.toml").contains("\"select\""));
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    place.succeed(&format!("{command} b --threads 2"));
    assert!(
        model("a") == model("b"),
        "the choice depends on the data alone"
    );
    place.succeed("train --config a/config.toml --no-report --quiet --out c");
    assert!(model("a") == model("c"), "the config holds what was found");
    let relied = place.succeed("importance a").stdout;
    assert!(relied.contains("x2"), "{relied}");
}

#[test]
fn the_best_of_a_race_is_trained_again_from_its_config_and_says_what_was_tried() {
    let place = Workplace::new();
    let mut text = "a,b,target\n".to_owned();
    for i in 0..60 {
        let (a, b) = (
            f64::from(i * 37 % 61) / 30.0 - 1.0,
            f64::from(i * 53 % 59) / 29.0 - 1.0,
        );
        let _ = writeln!(text, "{a},{b},{}", (3.0 * a).sin() + a * b);
    }
    place.write("t.csv", text);
    let command = "train t.csv --preset best --budget 9 --no-report --out";
    let said = place.succeed(&format!("{command} a --threads 1")).stdout;
    for tried in [
        "at 1/4 of the epochs",
        " and at 1/2",
        "linear",
        "periodic",
        "plain",
        "scale only",
    ] {
        assert!(said.contains(tried), "{tried}: {said}");
    }
    // The log has each training of the race, with what it cost, and which recipes were taken.
    let log = events(&place.text("a/log.jsonl"));
    let end = &log[log.len() - 1];
    let raced = end["raced"].as_array().unwrap();
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    let is_again = |at: &usize| {
        let before = &raced[..*at];
        let one = name(&raced[*at]);
        one.ends_with(" columns") || before.iter().any(|other| name(other) == one)
    };
    let (whole, part): (Vec<usize>, Vec<usize>) = (0..raced.len()).partition(is_again);
    let [whole, part] = [whole, part]
        .map(|heat| -> Vec<&Value> { heat.into_iter().map(|at| &raced[at]).collect() });
    assert!(whole.len() < part.len() && part.len() >= 5, "{raced:?}");
    for heat in [&whole, &part] {
        let losses: Vec<f64> = heat
            .iter()
            .filter_map(|one| one["validation_loss"].as_f64())
            .collect();
        assert!(losses.is_sorted() && losses.len() == heat.len(), "{heat:?}");
        assert!(heat.iter().all(|one| one["seconds"].is_number()));
        assert!(heat.iter().all(|one| one["epochs"].as_u64() > Some(0)));
    }
    let chosen = whole.iter().filter(|one| one["is_taken"] == true);
    let chosen: Vec<String> = chosen.map(|one| name(one)).collect();
    assert!(part.iter().all(|one| one["is_taken"] == false));
    assert_eq!(chosen[0], name(whole[0]));
    let choice = format!(" {} ", chosen.join(" + "));
    assert!(said.contains(&choice), "{choice}: {said}");
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    place.succeed(&format!("{command} b --threads 2"));
    assert_eq!(
        model("a"),
        model("b"),
        "the choice depends on the data alone"
    );
    let again = "train --config a/config.toml --no-report --quiet --json --out c";
    let end: serde_json::Value = serde_json::from_str(&place.succeed(again).stdout).unwrap();
    assert_eq!(model("a"), model("c"), "the config holds what was found");
    let members = end["ensemble"].as_array().unwrap();
    assert_eq!(members.len(), 4, "{end}");
    for (flags, found) in [
        ("--preset best --lr 0.1", "--lr"),
        ("--preset best --hidden 4", "--hidden"),
        ("--preset best --no-validation", "--validation-fraction"),
        ("--preset best --budget 3", "from 6 on"),
        ("--preset best --budget 1m", "60s"),
        ("--preset auto --budget 9", "--preset"),
    ] {
        let refused = place.run(&format!("train t.csv {flags} --out d"));
        assert_eq!(refused.code, Some(2), "{flags}: {refused:?}");
        assert!(refused.stderr.contains(found), "{flags}: {refused:?}");
    }
}

#[test]
fn members_of_two_recipes_are_averaged_and_each_fold_is_judged_by_its_own() {
    let place = Workplace::new();
    let row = |i: i32| format!("{},{}\n", i, 2 * i);
    place.write(
        "t.csv",
        format!("x,y\n{}", (0..40).map(row).collect::<String>()),
    );
    let flags =
        "--target y --numeric x,y --hidden none --optimizer lbfgs --ensemble 2 --ensemble-by folds";
    place.succeed(&format!(
        "train t.csv {flags} --test-fraction 0 --no-report --out a"
    ));
    let config = place.text("a/config.toml");
    // Of the second recipe a penalty leaves nothing but the bias, the mean: y = 2x and y = ȳ.
    let start = config.find("[network]").unwrap();
    let sections = config[start..]
        .replace("[[network", "[[ensemble.recipes.network")
        .replace("\n[network", "\n[ensemble.recipes.network")
        .replace("[training", "[ensemble.recipes.training");
    let sections = sections.replacen("[network]", "[ensemble.recipes.network]", 1);
    let penalized = sections.replacen("l2 = 0.0", "l2 = 1e6", 1);
    assert_ne!(penalized, sections);
    let config = config.replacen("members = 2", "members = 4", 1);
    place.write(
        "b.toml",
        format!("{config}\n[[ensemble.recipes]]\n{sections}\n[[ensemble.recipes]]\n{penalized}"),
    );
    place.succeed("train --config b.toml --no-report --out b");
    let predicted = place.succeed("predict b t.csv").stdout;
    let values: Vec<f64> = predicted
        .lines()
        .skip(1)
        .map(|line| line.parse().unwrap())
        .collect();
    // The mean of the four: x + ȳ/2 but for what the folds' means differ by.
    let slope = (values[39] - values[0]) / 39.0;
    assert!((slope - 1.0).abs() < 1e-3, "{slope}");
    assert!((values[0] - 19.5).abs() < 0.5, "{}", values[0]);
    let info = place.succeed("info b").stdout;
    assert!(info.contains("4 members"), "{info}");
    // Four folds: the first recipe has those of the first two members, the second the others.
    let four = config.replacen("members = 4", "members = 4\nfolds = 4", 1);
    place.write(
        "d.toml",
        format!("{four}\n[[ensemble.recipes]]\n{sections}\n[[ensemble.recipes]]\n{penalized}"),
    );
    place.succeed("train --config d.toml --no-report --predictions d.csv --out d");
    let held_out = place.text("d.csv");
    for line in held_out.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [row, fold, predicted] = cells[..] else {
            panic!("{line}")
        };
        let expected = if fold <= 2.0 { 2.0 * (row - 1.0) } else { 39.0 };
        assert!((predicted - expected).abs() < 4.0, "{line}");
    }
    for flags in ["--epochs 3", "--ensemble 3"] {
        let refused = place.run(&format!("train --config b.toml {flags} --out c"));
        assert_eq!(refused.code, Some(2), "{flags}: {refused:?}");
    }
}
