//! Losses, activations, schedules and initializers, chosen by arguments: what they do to models and answers.

use crate::common::Workplace;

#[test]
fn settings_of_settings_are_written_to_the_config_and_give_the_same_bytes_from_it() {
    let place = Workplace::new();
    let line = "train builtin:iris --epochs 3 --hidden 8,4 --activation elu --set activation.alpha=0.5 \
                --initializer orthogonal --set initializer.gain=1.4 --loss cross_entropy \
                --set loss.label_smoothing=0.1 --set schedule.then=polynomial \
                --set schedule.then.power=2 --reduction sum --lr 0.0003 --quiet --out a";
    place.succeed(line);
    let config = place.text("a/config.toml");
    for expected in [
        "name = \"elu\"\nalpha = 0.5",
        "name = \"orthogonal\"\ngain = 1.4",
        "label_smoothing = 0.1",
        "name = \"polynomial\"\nfloor = 0.0\npower = 2.0",
        "reduction = \"sum\"",
        "output_bias = \"prior\"",
    ] {
        assert!(config.contains(expected), "no {expected:?} in {config}");
    }
    place.succeed("train --config a/config.toml --quiet --out b");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    place.succeed("train --config a/config.toml --set activation.alpha=0.25 --quiet --out c");
    let changed = place.text("c/config.toml");
    assert_eq!(changed.matches("alpha = 0.25").count(), 2, "{changed}");
}

#[test]
fn losses_by_margins_answer_classes_and_refuse_probabilities() {
    let place = Workplace::new();
    for (data, loss) in [
        ("breast-cancer", "hinge"),
        ("breast-cancer", "squared_hinge"),
        ("breast-cancer", "perceptron"),
        ("iris", "multiclass_hinge"),
    ] {
        let model = format!("{data}-{loss}");
        place.succeed(&format!(
            "train builtin:{data} --loss {loss} --epochs 40 --quiet --out {model}"
        ));
        let scores = place.succeed(&format!("evaluate {model} builtin:{data} --json"));
        let scores: serde_json::Value = serde_json::from_str(&scores.stdout).unwrap();
        let accuracy = scores["accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.93, "{model}: {scores}");
        if data == "breast-cancer" {
            assert!(scores["auc"].as_f64().unwrap() > 0.95, "{model}: {scores}");
        }
        // The answers are those that were counted.
        let answers = place
            .succeed(&format!("predict {model} builtin:{data}"))
            .stdout;
        let confusion = scores["confusion"].as_array().unwrap();
        let answered: f64 = (confusion.iter()).map(|row| row[0].as_f64().unwrap()).sum();
        let first = if data == "iris" { "setosa" } else { "benign" };
        let count = answers.lines().filter(|line| *line == first).count();
        assert_eq!(count as f64, answered, "{model}");
        let refused = place.refused(&format!("predict {model} builtin:{data} --proba"));
        assert!(refused.contains("has no probabilities"), "{refused}");
    }
}

#[test]
fn counts_are_predicted_as_they_are_and_may_not_be_negative() {
    let place = Workplace::new();
    let rows = |low: i64| -> String {
        let row = |i: i64| format!("{},{}\n", i, low + (i / 20) * (i / 20));
        std::iter::once("x,y\n".to_owned())
            .chain((0..100).map(row))
            .collect()
    };
    place.write("counts.csv", rows(0));
    let line = "--task regression --loss poisson --epochs 60 --quiet --out";
    place.succeed(&format!("train counts.csv {line} a"));
    let answers = place.succeed("predict a counts.csv").stdout;
    let answers: Vec<f64> = answers
        .lines()
        .skip(1)
        .map(|line| line.parse().unwrap())
        .collect();
    assert!(answers.iter().all(|answer| *answer >= 0.0));
    let mean = answers.iter().sum::<f64>() / 100.0;
    assert!((mean - 6.0).abs() < 0.8, "{mean}");
    place.write("negative.csv", rows(-3));
    let refused = place.refused(&format!("train negative.csv {line} b"));
    let told = r#"negative.csv:2: column "y": found -3, expected numbers ≥ 0"#;
    assert!(refused.contains(told), "{refused}");
}

#[test]
fn a_config_with_another_loss_gives_that_loss_the_targets_that_it_wants() {
    let place = Workplace::new();
    let row = |i: u32| format!("{},{}\n", i, (i / 20) * (i / 20));
    let rows: String = (0..100).map(row).collect();
    place.write("counts.csv", format!("x,y\n{rows}"));
    let (line, settings) = ("train counts.csv --task regression", "--epochs 2 --quiet");
    for (of, to) in [("poisson", "mse"), ("mse", "poisson")] {
        place.succeed(&format!("{line} --loss {of} {settings} --out {of}"));
        place.succeed(&format!(
            "train --config {of}/config.toml --loss {to} --quiet --out {of}-{to}"
        ));
        place.succeed(&format!("{line} --loss {to} {settings} --out new-{to}"));
        // As if that loss had been asked for at first.
        assert!(
            place.read(&format!("{of}-{to}/model.safetensors"))
                == place.read(&format!("new-{to}/model.safetensors")),
            "{of} → {to}"
        );
        place.succeed(&format!(
            "train --config {of}-{to}/config.toml --quiet --out again-{to}"
        ));
        assert!(
            place.read(&format!("again-{to}/model.safetensors"))
                == place.read(&format!("new-{to}/model.safetensors"))
        );
    }
    // Who wants raw targets gets them with either.
    place.succeed(&format!(
        "{line} --loss poisson --no-standardize {settings} --out raw"
    ));
    place.succeed("train --config raw/config.toml --loss mse --quiet --out raw-mse");
    let info = place.succeed("info raw-mse --json").stdout;
    assert!(info.contains(r#""mean":0.0,"deviation":1.0"#), "{info}");
}

#[test]
fn output_biases_start_at_the_prior_unless_told_otherwise() {
    let place = Workplace::new();
    let rows: String = (0..200)
        .map(|i| {
            format!(
                "{},{}\n",
                (i * 7919) % 200,
                if i % 20 == 0 { "rare" } else { "usual" }
            )
        })
        .collect();
    place.write("rare.csv", format!("x,y\n{rows}"));
    let first_loss = |flags: &str, out: &str| {
        place.succeed(&format!(
            "train rare.csv --epochs 1 --lr 1e-9 --set optimizer.weight_decay=0 --hidden none \
             --initializer zeros --quiet --out {out} {flags}"
        ));
        let log = crate::common::events(&place.text(&format!("{out}/log.jsonl")));
        log[1]["train_loss"].as_f64().unwrap()
    };
    // The entropy of the shares, and that of a coin.
    let entropy = -(0.05f64 * 0.05f64.ln() + 0.95 * 0.95f64.ln());
    assert!((first_loss("", "a") - entropy).abs() < 0.01);
    let coin = 2f64.ln();
    assert!((first_loss("--output-bias zero", "b") - coin).abs() < 1e-4);
    // Classes that count alike have equal shares.
    assert!((first_loss("--class-weight balanced", "c") - coin).abs() < 1e-4);
}

#[test]
fn a_prior_that_could_not_be_set_is_not_told() {
    let place = Workplace::new();
    place.write("net.toml", "[[layers]]\nname = 'dense'\nbias = false\n");
    let line = "train builtin:breast-cancer --epochs 1";
    let ended = place.succeed(&format!("{line} --network net.toml --out a"));
    assert!(!ended.stdout.contains("--output-bias"), "{ended:?}");
    assert!(
        place
            .text("a/config.toml")
            .contains("output_bias = \"zero\"")
    );
    let ended = place.succeed(&format!("{line} --out b"));
    assert!(ended.stdout.contains("--output-bias"), "{ended:?}");
}

#[test]
fn solvers_are_not_said_to_have_a_rate_and_tell_why_they_stopped() {
    let place = Workplace::new();
    // The least absolute error is at a kink, w = 2.
    place.write("kink.csv", format!("x,y\n{}", "2,4\n1,1\n".repeat(20)));
    place.write("net.toml", "[[layers]]\nname = 'dense'\nbias = false\n");
    let ended = place.succeed(
        "train kink.csv --task regression --no-standardize --network net.toml --no-validation --loss mae \
         --optimizer lbfgs --out a",
    );
    assert!(ended.stdout.contains("chosen:"), "{ended:?}");
    for flag in ["--lr", "--schedule", "--batch-size"] {
        assert!(!ended.stdout.contains(flag), "{flag}: {ended:?}");
    }
    let expected = "(no lower point was found, with a gradient of norm ";
    assert!(ended.stdout.contains(expected), "{ended:?}");
    assert!(place.text("a/config.toml").contains("name = \"constant\""));
}

#[test]
fn squared_error_learns_two_classes() {
    let place = Workplace::new();
    place.write(
        "net.toml",
        "[[layers]]\nname = 'dense'\nunits = 16\nactivation = 'tanh'\n
         [[layers]]\nname = 'dense'\nactivation = 'sigmoid'\n",
    );
    let data = "builtin:breast-cancer";
    for (loss, network, is_sigmoid) in [
        ("half_mse", "--network net.toml", true),
        ("mse", "--network net.toml", true),
        ("mse", "--hidden 16", false),
    ] {
        let model = format!("{loss}-{is_sigmoid}");
        place.succeed(&format!(
            "train {data} --task binary --loss {loss} {network} --epochs 40 --quiet --out {model}"
        ));
        let scores = place.succeed(&format!("evaluate {model} {data} --json"));
        let scores: serde_json::Value = serde_json::from_str(&scores.stdout).unwrap();
        assert!(scores["accuracy"].as_f64().unwrap() > 0.95, "{scores}");
        // The answers are classes, and those that were counted.
        let answers = place.succeed(&format!("predict {model} {data}")).stdout;
        let confusion = scores["confusion"].as_array().unwrap();
        let answered: f64 = (confusion.iter()).map(|row| row[0].as_f64().unwrap()).sum();
        let count = answers.lines().filter(|line| *line == "benign").count();
        assert_eq!(count as f64, answered, "{model}");
        let proba = format!("predict {model} {data} --proba");
        if !is_sigmoid {
            let refused = place.refused(&proba);
            assert!(refused.contains("has no probabilities"), "{refused}");
            continue;
        }
        let proba = place.succeed(&proba).stdout;
        for (row, answer) in proba.lines().zip(answers.lines()).skip(1) {
            let p: Vec<f64> = row.split(',').map(|cell| cell.parse().unwrap()).collect();
            assert!((p[0] + p[1] - 1.0).abs() < 1e-9 && (0.0..=1.0).contains(&p[0]));
            assert_eq!(answer == "malignant", p[1] >= 0.5, "{row} {answer}");
        }
    }
}

#[test]
fn schedules_are_listed_with_their_curve() {
    let place = Workplace::new();
    let list = place.succeed("list schedules").stdout;
    let is_entry = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let entries = list.lines().filter(is_entry).count();
    let curves = list.lines().filter(|line| line.contains('█')).count();
    assert!(entries > 10 && curves == entries, "{list}");
    assert!(list.contains("████████████████████████▁▁▁▁▁▁▁▁"), "{list}");
}

#[test]
fn xor_is_learned_by_what_is_chosen_by_default_and_not_by_a_perceptron() {
    let place = Workplace::new();
    place.write("xor.csv", "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n");
    let accuracy = |line: &str| {
        let end = place.train(&format!("xor.csv --target y {line}"));
        end["train"]["accuracy"].as_f64().unwrap()
    };
    for seed in 0..20 {
        let plain = accuracy(&format!("--preset fast --seed {seed} --out net{seed}"));
        assert_eq!(plain, 1.0, "seed {seed}");
        if seed < 5 {
            let auto = accuracy(&format!("--seed {seed} --out auto{seed}"));
            assert_eq!(auto, 1.0, "seed {seed}");
        }
        // A line leaves one corner of four on the wrong side.
        let perceptron =
            "--hidden none --loss perceptron --optimizer gd --lr 1 --batch-size 1 --epochs 50";
        let alone = accuracy(&format!("{perceptron} --seed {seed} --out one{seed}"));
        assert!(alone <= 0.75, "seed {seed}: {alone}");
    }
    // What `crates/thalweg-report/examples/logic_gates.rs` repeats.
    let config = place.text("net0/config.toml");
    for choice in [
        "activation = \"relu\"",
        "units = 64",
        "[network.loss]\nname = \"logistic\"",
        // Asked for; there are four rows.
        "learning_rate = 0.002\nbatch_size = 16\nepochs = 1000",
        "name = \"adamw\"",
        "weight_decay = 0.1",
        "[training.schedule]\nname = \"linear_warmup\"\nfraction = 0.05\n\n[training.schedule.then]\nname = \"cosine\"",
    ] {
        assert!(config.contains(choice), "{choice}: {config}");
    }
}
