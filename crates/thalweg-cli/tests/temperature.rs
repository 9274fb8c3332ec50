//! Temperature: probabilities that mean what they say, in the model and in whatever reads it.

use crate::common::{Workplace, csv, events, noise};

/// Classes that depend on two numbers with noise, which a long training memorizes.
fn noisy(place: &Workplace, rows: usize) {
    let line = |row: usize| {
        let [a, b, c] = [0, 1, 2].map(|column| noise(4 * row + column));
        let class =
            ["low", "mid", "high"][((a + 0.9 * noise(4 * row + 3) + 2.0) / 1.34) as usize % 3];
        format!("{a:.3},{b:.3},{c:.3},{class}")
    };
    place.write("noisy.csv", csv("a,b,c,y", rows, line));
}

/// The log loss of the validation part, of which the run in `folder` predicts the probabilities.
fn validation_loss(run: &serde_json::Value) -> f64 {
    run["validation"]["log_loss"].as_f64().unwrap()
}

#[test]
fn overconfident_probabilities_are_tempered_and_the_answers_stay() {
    let place = Workplace::new();
    noisy(&place, 600);
    let line = "noisy.csv --hidden 64 --epochs 60 --patience 60 --metric accuracy --optimizer adam --lr 0.05 --validation-fraction 0.3";
    let plain = place.train(&format!("{line} --out a"));
    let tempered = place.train(&format!("{line} --temperature --out b"));
    let (before, after) = (validation_loss(&plain), validation_loss(&tempered));
    assert!(after < before - 0.01, "{after} beside {before}");
    for metric in ["accuracy", "balanced_accuracy"] {
        assert_eq!(plain["test"][metric], tempered["test"][metric]);
    }
    // Whatever reads the model has it; the same again from the config.
    let answers = |run: &str| place.succeed(&format!("predict {run} noisy.csv")).stdout;
    assert_eq!(answers("a"), answers("b"));
    let probabilities = |run: &str| {
        place
            .succeed(&format!("predict {run} noisy.csv --proba"))
            .stdout
    };
    assert_ne!(probabilities("a"), probabilities("b"));
    place.train("--config b/config.toml --out c --threads 2");
    assert_eq!(
        place.read("b/model.safetensors"),
        place.read("c/model.safetensors")
    );
    // Training that goes on begins with the logits of before, and so ends with the same temperature.
    let temperature = |line: &str| {
        let ended = place.succeed(line);
        let told = ended.stdout + &ended.stderr;
        let (_, after) = told.split_once("logits are divided by ").unwrap();
        after.split_once(',').unwrap().0.parse::<f64>().unwrap()
    };
    let first = temperature("train --config b/config.toml --out d");
    let options =
        "--validation-fraction 0.3 --epochs 1 --lr 1e-9 --optimizer sgd --schedule constant";
    let second = temperature(&format!("train noisy.csv --continue b {options} --out e"));
    assert!(
        first > 1.1 && (second - first).abs() < 0.02 * first,
        "{first}, {second}"
    );
}

#[test]
fn members_of_one_network_have_a_temperature_and_keep_it() {
    let place = Workplace::new();
    noisy(&place, 600);
    let line = "noisy.csv --members 3 --hidden 64 --epochs 60 --patience 60 --metric accuracy --optimizer adam --lr 0.05 --validation-fraction 0.3";
    let plain = place.train(&format!("{line} --out a"));
    let ended = place.succeed(&format!("train {line} --temperature --out b"));
    let told = ended.stdout + &ended.stderr;
    assert!(told.contains("logits are divided by "), "{told}");
    let tempered = events(&place.text("b/log.jsonl")).pop().unwrap();
    let (before, after) = (validation_loss(&plain), validation_loss(&tempered));
    assert!(after < before, "{after} beside {before}");
    // The note says what the scores of the model in the file are.
    let (_, stated) = told.split_once("goes from ").unwrap();
    let stated: Vec<f64> = (stated.lines().next().unwrap().split(" to "))
        .map(|number| number.trim().parse().unwrap())
        .collect();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-3 * b;
    assert!(
        close(stated[0], before) && close(stated[1], after),
        "{stated:?} {before} {after}"
    );
    place.train("--config b/config.toml --out c --threads 2");
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    assert!(model("b") == model("c"));
}

#[test]
fn what_has_no_temperature_is_refused() {
    let place = Workplace::new();
    noisy(&place, 60);
    let message = place.refused("train noisy.csv --target a --temperature");
    assert!(
        message.contains("--temperature: found the loss mse"),
        "{message}"
    );
    let message = place.refused("train noisy.csv --temperature --validation-fraction 0");
    assert!(message.contains("--temperature"), "{message}");
}
