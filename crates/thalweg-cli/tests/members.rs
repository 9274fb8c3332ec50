//! Networks of members that share their weights, as their users see them.

use crate::common::{Workplace, csv, events, noise};

#[test]
fn members_are_trained_predicted_with_and_trained_again_to_the_same_bits() {
    let work = Workplace::new();
    let line = "builtin:iris --members 5 --hidden 16,8 --dropout 0.1 --epochs 60";
    let end = work.train(&format!("{line} --threads 1 --out a"));
    assert!(end["test"]["accuracy"].as_f64().unwrap() > 0.6, "{end}");
    work.train("--config a/config.toml --threads 2 --out b");
    let model = |name: &str| work.read(&format!("{name}/model.safetensors"));
    assert!(model("a") == model("b"));
    let info = work.succeed("info a").stdout;
    let layers: Vec<&str> = (info.lines().filter(|line| line.contains("  layers.")))
        .map(|line| line.rsplit("  ").next().unwrap().split('(').next().unwrap())
        .collect();
    let hidden = ["batch_ensemble", "dropout"];
    assert_eq!(layers, [&hidden[..], &hidden, &["batch_ensemble"]].concat());
    assert!(info.contains("layers.0 "), "{info}");
    work.succeed("convert builtin:iris rows.csv");
    // Probabilities add up to 1, and what `evaluate` says is of them.
    let text = work.succeed("predict a rows.csv --proba").stdout;
    for line in text.lines().skip(1) {
        let sum: f64 = line
            .split(',')
            .filter_map(|cell| cell.parse::<f64>().ok())
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{line}");
    }
    let evaluated = work.succeed("evaluate a rows.csv").stdout;
    assert!(evaluated.contains("accuracy"), "{evaluated}");
    assert!(work.succeed("importance a").stdout.contains("petal"));
    let text = work.succeed("predict a rows.csv --proba --spread").stdout;
    assert!(
        text.contains("target=setosa_spread") && !text.contains("NaN"),
        "{text}"
    );
    let message = work.refused("export a w.safetensors --layout torch");
    assert!(message.contains("batch_ensemble"), "{message}");
    work.train("builtin:iris --continue a --epochs 2 --out c");
    assert!(model("c") != model("a"));
}

#[test]
fn rows_of_rare_classes_have_the_weight_that_they_are_given_for_every_member() {
    // x tells nothing, so every member answers with the shares of the classes.
    let work = Workplace::new();
    let row = |i: usize| {
        format!(
            "{:.3},{}",
            noise(i),
            if i.is_multiple_of(10) {
                "rare"
            } else {
                "often"
            }
        )
    };
    work.write("t.csv", csv("x,class", 600, row));
    for (out, flags) in [("a", ""), ("b", "--class-weight balanced")] {
        let line = "t.csv --target class --members 4 --hidden 4 --epochs 5 --output-bias prior";
        work.train(&format!("{line} {flags} --out {out}"));
        let text = work.succeed(&format!("predict {out} t.csv --proba")).stdout;
        let mut lines = text.lines().map(|line| line.split(','));
        let at = lines.next().unwrap().position(|name| name == "class=rare");
        let rare = lines.map(|mut cells| cells.nth(at.unwrap()).unwrap().parse::<f64>().unwrap());
        let mean = rare.sum::<f64>() / 600.0;
        assert!((mean - 0.1).abs() < 0.03, "{flags}: {mean}");
    }
}

#[test]
fn tabm_is_a_preset() {
    let work = Workplace::new();
    let row = |i: usize| format!("{:.3},{:.3},{:.3}", noise(i), noise(i + 7), noise(i) * 2.0);
    work.write("t.csv", csv("a,b,y", 300, row));
    work.train("t.csv --target y --preset tabm --members 4 --hidden 16,16 --epochs 3 --out a");
    let config = work.text("a/config.toml");
    for part in [
        "name = \"batch_ensemble\"",
        "members = 4",
        "start = \"normal\"",
        "shared = false",
        "name = \"piecewise_linear\"",
        "rate = 0.1",
        "learning_rate = 0.002",
        "patience = 16",
        "scaling = \"quantile\"",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
    let log = work.text("a/log.jsonl");
    assert_eq!(
        events(&log)
            .iter()
            .filter(|event| event["event"] == "epoch")
            .count(),
        3
    );
}

#[test]
fn what_members_cannot_be_of_is_refused() {
    let work = Workplace::new();
    for (line, expected) in [
        ("builtin:iris --members 4 --hidden none", "--members"),
        ("builtin:iris --members 1", "from 2 to 4096"),
        ("builtin:iris --members 4 --network net.toml", "--network"),
    ] {
        let message = work.refused(&format!("train {line}"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    work.train("builtin:iris --members 3 --hidden 4 --epochs 1 --out a");
    work.succeed("convert builtin:iris rows.csv");
    let more = work
        .text("rows.csv")
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let end = if i == 0 {
                "more".to_owned()
            } else {
                (i % 7).to_string()
            };
            format!("{line},{end}\n")
        })
        .collect::<String>();
    work.write("more.csv", more);
    let message = work.refused("train more.csv --continue a --extend-columns --out b");
    assert!(
        message.contains("--extend-columns: found a network with the layer batch_ensemble"),
        "{message}"
    );
}
