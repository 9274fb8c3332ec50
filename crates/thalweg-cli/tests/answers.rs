//! What predictions mean, and that the program says so: words of labels, means and medians, thresholds,
//! rows that calibrate.

use crate::common::{Workplace, csv, events, noise};
use serde_json::Value;
use thalweg_core::random::{Purpose, Stream};

/// Two labels in words and one in digits that follow a and b.
fn labels(rows: usize) -> String {
    csv("a,b,old,warm,paid", rows, |i| {
        let (a, b) = (noise(i), noise(i + 7000));
        let word = |truth: bool, words: [&str; 2]| words[usize::from(truth)].to_owned();
        let old = word(a > 0.1, ["no", "yes"]);
        let warm = word(b > 0.0, ["F", "T"]);
        format!("{a:.4},{b:.4},{old},{warm},{}", u8::from(a + b > 0.2))
    })
}

fn lines(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn labels_are_answered_as_the_file_spells_them() {
    let place = Workplace::new();
    place.write("t.csv", labels(400));
    place.train("t.csv --target old,warm,paid --epochs 60 --out run");
    let predicted = place.succeed("predict run t.csv").stdout;
    let (found, truth) = (lines(&predicted), place.text("t.csv"));
    assert_eq!(found[0], ["old", "warm", "paid"]);
    let truth = lines(&truth);
    let pairs = found.iter().zip(&truth).skip(1);
    let right = pairs.flat_map(|(found, truth)| found.iter().zip(&truth[2..]));
    let right = right.filter(|(found, truth)| found == truth).count();
    assert!(right > 1100, "{right} of 1200");
    // What is written is read back as the same words.
    place.succeed("predict run t.csv -o p.parquet");
    let back = place.succeed("convert p.parquet p.csv");
    assert_eq!(back.code, Some(0));
    assert_eq!(lines(&place.text("p.csv"))[1..], found[1..]);
    // 0 and 1 alone stay 0 and 1.
    let digits = place.text("t.csv").replace("yes", "1").replace("no", "0");
    place.write("d.csv", digits.replace(",T,", ",1,").replace(",F,", ",0,"));
    place.train("d.csv --target old,warm --drop paid --epochs 2 --out digits");
    let predicted = place.succeed("predict digits d.csv").stdout;
    let cells = lines(&predicted)[1..].concat();
    assert!(
        cells.iter().all(|cell| ["0", "1"].contains(cell)),
        "{cells:?}"
    );
}

/// y is log-normal about exp(1 + a + b/2), with σ = 0.8.
fn log_normal(seed: u64, rows: usize) -> String {
    let mut random = Stream::new(seed, Purpose::Synthesize, 0).sequence();
    let mut text = "a,b,y\n".to_owned();
    for _ in 0..rows {
        let [a, b, z] = std::array::from_fn(|_| random.normal());
        let y = f64::exp(1.0 + 0.5 * a + 0.3 * b + 0.8 * z);
        text.push_str(&format!("{a:.5},{b:.5},{y:.5}\n"));
    }
    text
}

#[test]
fn logarithms_predict_medians_and_say_so_or_means_with_smearing() {
    let place = Workplace::new();
    place.write("t.csv", log_normal(1, 4000));
    place.write("new.csv", log_normal(2, 4000));
    let train =
        "train t.csv --target y --target-transform log --test new.csv --epochs 40 --hidden 8";
    let told = place.succeed(&format!("{train} --out median")).stderr;
    let said =
        "target \"y\" is learned as its logarithm: its median is predicted, and not its mean";
    assert!(told.contains(said), "{told}");
    let told = place
        .succeed(&format!("{train} --smearing --out mean"))
        .stderr;
    assert!(
        told.contains("means are predicted, and not medians"),
        "{told}"
    );

    let of = |run: &str| -> (f64, f64, Vec<f64>) {
        let end = events(&place.text(&format!("{run}/log.jsonl")))
            .pop()
            .unwrap();
        let predicted = place.succeed(&format!("predict {run} new.csv")).stdout;
        let all: Vec<f64> = lines(&predicted)[1..]
            .iter()
            .map(|line| line[0].parse().unwrap())
            .collect();
        let score = |name: &str| end["test"][name].as_f64().unwrap();
        (score("rmse"), score("mae"), all)
    };
    let truth: Vec<f64> = lines(&place.text("new.csv"))[1..]
        .iter()
        .map(|line| line[2].parse().unwrap())
        .collect();
    let share_below = |predicted: &[f64]| {
        let below = truth.iter().zip(predicted).filter(|(y, p)| y < p).count();
        below as f64 / truth.len() as f64
    };
    let (median, mean) = (of("median"), of("mean"));
    let total = |values: &[f64]| values.iter().sum::<f64>();
    assert!((share_below(&median.2) - 0.5).abs() < 0.03);
    // exp(σ²/2) = 1.377: the sum of means is that of the targets, that of medians is less.
    let ratio = |predicted: &[f64]| total(predicted) / total(&truth);
    assert!((ratio(&mean.2) - 1.0).abs() < 0.06, "{}", ratio(&mean.2));
    assert!(ratio(&median.2) < 0.8, "{}", ratio(&median.2));
    assert!(
        mean.0 < median.0 && mean.1 > median.1,
        "{mean:?} {median:?}"
    );
    // The factor is that of the validation rows, and the scores are those of what is predicted.
    let squares = truth.iter().zip(&mean.2).map(|(y, p)| (y - p).powi(2));
    let rmse = (squares.sum::<f64>() / truth.len() as f64).sqrt();
    assert!((rmse - mean.0).abs() < 1e-4 * rmse, "{rmse} {}", mean.0);

    place.succeed("train --config mean/config.toml --quiet --out again");
    assert_eq!(
        place.read("mean/model.safetensors"),
        place.read("again/model.safetensors")
    );
    // A continued run makes a factor of its own.
    place.succeed("train t.csv --continue mean --epochs 1 --quiet --out on");
    assert!(place.text("on/config.toml").contains("smearing = true"));
    for (line, told) in [
        (
            "--smearing --target-transform standard",
            "no target that is learned as a logarithm",
        ),
        (
            "--smearing --target-transform log --loss mae",
            "the loss mae",
        ),
        (
            "--smearing --target-transform log --no-validation",
            "no validation rows",
        ),
        (
            "--smearing --target-transform log --loss mse --interval 0.8",
            "an interval beside it",
        ),
    ] {
        let refused = place.refused(&format!("train t.csv --target y {line}"));
        assert!(
            refused.contains("--smearing: found ") && refused.contains(told),
            "{line}: {refused}"
        );
    }
}

/// y = a − b + noise.
fn linear(rows: usize) -> String {
    csv("a,b,y", rows, |i| {
        let (a, b) = (noise(i), noise(i + 5000));
        format!("{a:.5},{b:.5},{:.5}", a - b + 0.3 * noise(i + 9000))
    })
}

#[test]
fn half_of_the_validation_rows_calibrate_an_interval_and_choose_nothing() {
    let place = Workplace::new();
    place.write("t.csv", linear(1000));
    let line = "t.csv --target y --interval 0.9 --validation-fraction 0.3 --epochs 20";
    let told = place.succeed(&format!("train {line} --out run")).stderr;
    let said =
        "the interval of 90 % is calibrated on 150 validation rows that had no part in training";
    assert!(told.contains(said), "{told}");
    let start = &events(&place.text("run/log.jsonl"))[0];
    assert_eq!(start["rows"]["validation"], 150);
    assert_eq!(start["rows"]["calibration"], 150);
    let info = place.succeed("info run").stdout;
    assert!(
        info.contains("interval   90 %, calibrated on 150 rows"),
        "{info}"
    );
    // With few validation rows all choose and calibrate, and the summary says so.
    let few = line.replace("0.3", "0.09");
    let told = place.succeed(&format!("train {few} --out few")).stderr;
    let said = "calibrated on the 90 validation rows that chose the epoch: it may hold a little less; of 100 or more";
    assert!(told.contains(said), "{told}");
    // Importance of the run is on the rows that choose, as in the run itself.
    let own = place.train(&format!("{line} --importance --out own"));
    let later: Value =
        serde_json::from_str(&place.succeed("importance own --json").stdout).unwrap();
    assert_eq!(own["importance"]["rows"], 150);
    assert_eq!(own["importance"]["columns"], later["columns"]);
}

#[test]
fn a_refit_leaves_the_rows_out_that_calibrate_its_interval() {
    let place = Workplace::new();
    place.write("t.csv", linear(1000));
    place.write("new.csv", linear(4000));
    let line = "t.csv --target y --interval 0.9 --validation-fraction 0.3 --epochs 20 --refit";
    let told = place.succeed(&format!("train {line} --out run")).stderr;
    let said = "trained anew on 850 rows, all but the 150 that calibrate its interval,";
    assert!(told.contains(said), "{told}");
    let end = events(&place.text("run/log.jsonl")).pop().unwrap();
    assert_eq!(end["refit"], 850);
    // The margins are those of the new model: another seed of the same rows has others.
    let header = |run: &str| {
        let bytes = place.read(&format!("{run}/model.safetensors"));
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let text = header["__metadata__"]["thalweg"]
            .as_str()
            .unwrap()
            .to_owned();
        serde_json::from_str::<Value>(&text).unwrap()["interval"].clone()
    };
    place.train(&format!("{} --out before", line.replace("--refit", "")));
    let (refitted, before) = (header("run"), header("before"));
    assert_eq!(refitted["rows"], 150);
    assert_ne!(refitted["margins"], before["margins"]);
    let evaluated = place.succeed("evaluate run new.csv --json").stdout;
    let held = serde_json::from_str::<Value>(&evaluated).unwrap()["coverage"]
        .as_f64()
        .unwrap();
    assert!((held - 0.9).abs() < 0.06, "{held}");
}

/// 4 % of the rows are `bad`.
fn rare(rows: usize) -> String {
    csv("a,b,kind", rows, |i| {
        let (a, b) = (noise(i), noise(i + 5000));
        let kind = ["good", "bad"][usize::from(a + 0.5 * noise(i + 3000) > 1.12)];
        format!("{a:.4},{b:.4},{kind}")
    })
}

#[test]
fn info_tells_what_stands_between_outputs_and_answers() {
    let place = Workplace::new();
    place.write("rare.csv", rare(1500));
    place.train(
        "rare.csv --target kind --class-weight balanced --threshold f1 --epochs 20 --out rare",
    );
    let info = place.succeed("info rare").stdout;
    assert!(
        info.contains("threshold  good from a probability of 0."),
        "{info}"
    );
    assert!(
        info.contains("corrected  to the true shares of the classes"),
        "{info}"
    );
    place.train(
        "builtin:iris --preset fast --class-weight setosa=1,virginica=5 --epochs 5 --out iris",
    );
    let info = place.succeed("info iris").stdout;
    assert!(
        info.contains(
            "decision   by probability times weight: setosa × 1, versicolor × 1, virginica × 5"
        ),
        "{info}"
    );
    place.write("t.csv", log_normal(3, 300));
    place.train("t.csv --target y --target-transform log --smearing --epochs 3 --out log");
    let info = place.succeed("info log").stdout;
    assert!(info.contains("transform  y: log, less "), "{info}");
    assert!(info.contains("smearing   y: medians times 1."), "{info}");
}

#[test]
fn a_linear_model_has_the_loss_of_the_run_beside_it() {
    let place = Workplace::new();
    place.write("rare.csv", rare(1500));
    for (line, data) in [
        ("--epochs 5", "rare.csv --target kind"),
        ("--epochs 5", "builtin:iris"),
        ("--epochs 5 --loss huber", "builtin:diabetes"),
    ] {
        let result = place.train(&format!("{data} {line} --out {}", data.len() + line.len()));
        let linear = &result["linear_model"];
        let loss = linear["loss"].as_f64().unwrap();
        match linear["log_loss"].as_f64() {
            // In single precision.
            Some(log_loss) => assert!((loss - log_loss).abs() < 1e-4, "{linear}"),
            None => assert!(loss > 0.0 && loss < 1.0, "{linear}"),
        }
    }
    // Margins are no probabilities.
    let result = place.train("rare.csv --target kind --loss hinge --epochs 5 --out hinge");
    assert_eq!(result["linear_model"]["loss"], Value::Null);
}

#[test]
fn importance_is_by_the_metric_that_chooses_the_epoch() {
    let place = Workplace::new();
    place.write("rare.csv", rare(1500));
    let result =
        place.train("rare.csv --target kind --metric auc --importance --epochs 10 --out run");
    assert_eq!(result["importance"]["metric"], "auc");
    assert_eq!(result["importance"]["columns"][0]["column"], "a");
    let plain = place.train("rare.csv --target kind --importance --epochs 10 --out plain");
    assert_eq!(plain["importance"]["metric"], "accuracy");
}

#[test]
fn tails_with_zeros_are_learned_as_logarithms_and_outliers_are_the_first_cause() {
    let place = Workplace::new();
    let mut random = Stream::new(4, Purpose::Synthesize, 0).sequence();
    let zeros = csv("a,b,y", 600, |i| {
        let (a, b) = (2.0 * noise(i), noise(i + 5000));
        format!(
            "{a:.4},{b:.4},{}",
            f64::exp_m1(2.0 * (a + b)).max(0.0).round()
        )
    });
    place.write("zeros.csv", zeros);
    place.train("zeros.csv --target y --epochs 3 --out zeros");
    assert!(
        place
            .succeed("info zeros")
            .stdout
            .contains("transform  y: log1p")
    );

    let mut rows: Vec<String> = (0..1500)
        .map(|_| {
            let [a, b, z] = std::array::from_fn(|_| random.normal());
            format!("{a:.4},{b:.4},{:.4}", 3.0 * a - b + 0.01 * z)
        })
        .collect();
    for row in &mut rows[..3] {
        *row = "0.1,0.1,1000000".to_owned();
    }
    place.write("out.csv", format!("a,b,y\n{}\n", rows.join("\n")));
    // The default bends them: a healthy run, whatever they make of the errors of the training rows.
    let healthy = place.succeed("train out.csv --target y --epochs 60 --out well");
    assert!(!healthy.stderr.contains("warning"), "{healthy:?}");
    let told = place
        .succeed("train out.csv --target y --preset fast --epochs 60 --out out")
        .stderr;
    let verdict = told.lines().find(|line| {
        line.contains("no better than the best constant")
            || line.contains("worse than their own mean")
    });
    let verdict = verdict.unwrap_or_else(|| panic!("{told}"));
    assert!(
        verdict.contains("a target of 1,000,000 is") && verdict.contains("--loss huber"),
        "{verdict}"
    );
    // The remedy helps.
    let remedy =
        "out.csv --target y --loss huber --target-transform robust --epochs 60 --out huber";
    let test = place.train(remedy)["test"]["r2"].as_f64().unwrap();
    assert!(test > 0.9, "{test}");
}

#[test]
fn weights_beyond_single_precision_are_refused_and_not_taken_for_0() {
    let place = Workplace::new();
    for (weight, told) in [
        (
            "1e-300",
            "t.csv:2: column \"w\": found 1e-300, expected a weight of 0, or from 1e-37 to 1e38; divide all",
        ),
        (
            "3e300",
            "t.csv:2: column \"w\": found 3e300, expected a weight of 0, or from 1e-37 to 1e38; divide all",
        ),
        (
            "-1",
            "t.csv:2: column \"w\": found \"-1\", expected a weight: a finite number",
        ),
    ] {
        place.write(
            "t.csv",
            csv("a,w,y", 60, |i| {
                format!("{:.3},{weight},{}", noise(i), noise(i + 1))
            }),
        );
        let refused = place.refused("train t.csv --target y --sample-weight w");
        assert!(
            refused.replace('"', "").contains(&told.replace('"', "")),
            "{refused}"
        );
    }
    for (weights, told) in [
        (
            "setosa=1,virginica=1e300",
            "1e300 for class \"virginica\", expected a number above 0, from 1e-30 to 1e30",
        ),
        ("setosa=1,setosa=2", "a weight above 0 for each class"),
    ] {
        let refused = place.refused(&format!("train builtin:iris --class-weight {weights}"));
        assert!(
            refused.contains("--class-weight") && refused.contains(told),
            "{refused}"
        );
    }
    let classes = |i: usize| format!("{:.3},{}", noise(i), ["A", "B"][i % 2]);
    place.write("ab.csv", csv("a,kind", 60, classes));
    let refused = place.refused("train ab.csv --target kind --class-weight A=1,C=2");
    assert!(
        refused.contains("\"C\"") && !refused.contains("did you mean"),
        "{refused}"
    );
}

#[test]
fn remedies_for_logarithms_work_for_every_row() {
    let place = Workplace::new();
    let line = |i: usize| format!("{:.3},{:.3}", noise(i), 4.0 * noise(i + 1));
    place.write("t.csv", csv("a,y", 60, line));
    let refused = place.refused("train t.csv --target y --target-transform log");
    assert!(
        refused.ends_with("use --target-transform auto"),
        "{refused}"
    );
    place.train("t.csv --target y --target-transform auto --epochs 1 --out auto");
    // A trained model has its transform.
    let line = |i: usize| format!("{:.3},{:.3}", noise(i), 4.0 + noise(i + 1));
    place.write("above.csv", csv("a,y", 60, line));
    place.train("above.csv --target y --target-transform log --epochs 1 --out log");
    let refused = place.refused("evaluate log t.csv");
    assert!(
        refused.contains("expected a target above 0 for the transform log")
            && refused.ends_with("correct the cell or remove the row"),
        "{refused}"
    );
}
