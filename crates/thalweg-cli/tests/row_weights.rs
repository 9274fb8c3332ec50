//! Weights of rows and classes mean what people think they mean, at every batch size.

use crate::common::{Workplace, events};

/// Numbers in [−1, 1) that are always the same.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The last column of what the program predicts.
fn predicted(place: &Workplace, arguments: &str) -> Vec<f64> {
    let output = place.succeed(&format!("predict {arguments}")).stdout;
    let last = |line: &str| line.rsplit(',').next().unwrap().parse().unwrap();
    output.lines().skip(1).map(last).collect()
}

/// Solves a small linear system by elimination.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        for j in i + 1..n {
            let factor = a[j][i] / a[i][i];
            let pivot = a[i].clone();
            for (above, pivot) in a[j].iter_mut().zip(pivot).skip(i) {
                *above -= factor * pivot;
            }
            b[j] -= factor * b[i];
        }
    }
    for i in (0..n).rev() {
        let rest: f64 = (i + 1..n).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - rest) / a[i][i];
    }
    b
}

/// Newton's method for weighted logistic regression; the first of each row is 1.
fn logistic(rows: &[[f64; 3]], y: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut theta = vec![0.0; 3];
    for _ in 0..30 {
        let mut hessian = vec![vec![0.0; 3]; 3];
        let mut gradient = vec![0.0; 3];
        for ((x, y), w) in rows.iter().zip(y).zip(weights) {
            let z: f64 = x.iter().zip(&theta).map(|(x, t)| x * t).sum();
            let p = 1.0 / (1.0 + (-z).exp());
            let curvature = w * p * (1.0 - p);
            for ((g, row), xi) in gradient.iter_mut().zip(&mut hessian).zip(x) {
                *g += w * (p - y) * xi;
                row.iter_mut()
                    .zip(x)
                    .for_each(|(h, xj)| *h += curvature * xi * xj);
            }
        }
        let step = solve(hessian, gradient);
        theta.iter_mut().zip(step).for_each(|(t, s)| *t -= s);
    }
    theta
}

const DESCENT: &str = "--optimizer gd --lr 0.05 --schedule polynomial";

#[test]
fn descent_ends_at_weighted_least_squares_at_every_batch_size() {
    let place = Workplace::new();
    let (x, e) = (noise(200, 1), noise(200, 2));
    let mut text = "x,w,y\n".to_owned();
    let mut sums = [0.0; 5];
    for (i, (x, e)) in x.iter().zip(e).enumerate() {
        // A quarter of the rows weighs three quarters and is 10; the rest is 0.
        let heavy = i % 4 == 0;
        let (w, y) = (
            if heavy { 9.0 } else { 1.0 },
            if heavy { 10.0 } else { 0.0 } + 0.2 * e,
        );
        text += &format!("{x},{w},{y}\n");
        for (sum, term) in sums.iter_mut().zip([1.0, *x, x * x, y, x * y]) {
            *sum += w * term;
        }
    }
    let [s, sx, sxx, sy, sxy] = sums;
    let solution = solve(vec![vec![s, sx], vec![sx, sxx]], vec![sy, sxy]);
    place.write("w.csv", text);
    place.write("q.csv", "x\n0\n1\n");
    let data = "w.csv --target y --sample-weight w --hidden none --no-standardize --no-validation --test-fraction 0";
    let check = |settings: &str, out: &str, tolerance: f64| {
        place.succeed(&format!("train {data} {settings} --quiet --out {out}"));
        let found = predicted(&place, &format!("{out} q.csv"));
        for (found, wanted) in found.iter().zip([solution[0], solution[0] + solution[1]]) {
            assert!(
                (found - wanted).abs() < tolerance,
                "{settings}: {found} for {wanted}"
            );
        }
    };
    for size in [1, 4, 32, 200] {
        let epochs = if size < 32 { 60 } else { 2000 };
        check(
            &format!("{DESCENT} --epochs {epochs} --batch-size {size}"),
            &size.to_string(),
            0.06,
        );
    }
    check("--optimizer lbfgs", "lbfgs", 1e-4);
    check("--optimizer closed_form", "closed", 1e-4);
    assert!((solution[0] - 7.5).abs() < 0.3, "{solution:?}");
}

#[test]
fn balanced_classes_decide_as_weighted_logistic_regression_at_every_batch_size() {
    let place = Workplace::new();
    let (a, b, u) = (noise(1500, 3), noise(1500, 4), noise(1500, 5));
    let mut text = "a,b,y\n".to_owned();
    let (mut rows, mut y) = (Vec::new(), Vec::new());
    for ((a, b), u) in a.iter().zip(b).zip(u) {
        let p = 1.0 / (1.0 + f64::exp(3.5 - 1.2 * a + b));
        let is = f64::from(u8::from((u + 1.0) / 2.0 < p));
        text += &format!("{a},{b},{is}\n");
        rows.push([1.0, *a, b]);
        y.push(is);
    }
    place.write("i.csv", text);
    let ones: f64 = y.iter().sum();
    let all = y.len() as f64;
    let weights: Vec<f64> = (y.iter())
        .map(|y| {
            if *y == 1.0 {
                all / (2.0 * ones)
            } else {
                all / (2.0 * (all - ones))
            }
        })
        .collect();
    let theta = logistic(&rows, &y, &weights);
    let is_one = |x: &&[f64; 3]| x.iter().zip(&theta).map(|(x, t)| x * t).sum::<f64>() >= 0.0;
    let wanted = rows.iter().filter(is_one).count() as f64;
    let data = "i.csv --target y --class-weight balanced --hidden none --no-validation --test-fraction 0 --quiet";
    for size in [1, 4, 16, 32] {
        place.succeed(&format!(
            "train {data} {DESCENT} --epochs 60 --batch-size {size} --out {size}"
        ));
        let answers = predicted(&place, &format!("{size} i.csv"));
        let found = answers.iter().filter(|answer| **answer == 1.0).count() as f64;
        assert!(
            (found / wanted - 1.0).abs() < 0.05,
            "batch {size}: {found} for {wanted}"
        );
        // Probabilities are by the true shares.
        let p = predicted(&place, &format!("{size} i.csv --proba"));
        let mean = p.iter().sum::<f64>() / all;
        assert!(
            (mean / (ones / all) - 1.0).abs() < 0.1,
            "batch {size}: {mean}"
        );
    }
}

#[test]
fn a_network_that_sees_one_row_at_a_time_knows_weights() {
    let place = Workplace::new();
    // For each x both answers, of which one weighs three times as much.
    let mut text = "x,w,y\n".to_owned();
    for i in 0..40 {
        text += &format!("{0},3,{1}\n{0},1,{2}\n", i % 2, i % 2, 1 - i % 2);
    }
    place.write("t.csv", text);
    place.write("q.csv", "x\n0\n1\n");
    place.succeed(
        "train t.csv --target y --sample-weight w --hidden 4 --optimizer sgd --lr 0.02 --schedule polynomial \
         --epochs 200 --batch-size 1 --no-validation --test-fraction 0 --quiet --out m",
    );
    let p = predicted(&place, "m q.csv --proba");
    assert!(
        (p[0] - 0.25).abs() < 0.03 && (p[1] - 0.75).abs() < 0.03,
        "{p:?}"
    );
}

#[test]
fn rows_of_weight_0_leave_no_trace_in_a_model() {
    let place = Workplace::new();
    let x = noise(300, 9);
    let (mut without, mut with) = ("x,c,w,y\n".to_owned(), "x,c,w,y\n".to_owned());
    for (i, x) in x.iter().enumerate() {
        let row = format!(
            "{x},{},{},{}\n",
            ["p", "q", "r"][i % 3],
            1 + i % 2,
            x * 2.0 + (i % 3) as f64
        );
        without += &row;
        with += &row;
        if i % 5 == 0 {
            with += &format!("{},s{i},0,1e6\n", 1e4 * x);
        }
    }
    place.write("without.csv", &without);
    place.write("with.csv", &with);
    for name in ["without", "with"] {
        let ended = place.succeed(&format!(
            "train {name}.csv --target y --sample-weight w --hidden 8 --epochs 3 --out {name}"
        ));
        let note = "60 of 360 rows left out: rows of weight 0";
        assert_eq!(
            ended.stderr.contains(note),
            name == "with",
            "{}",
            ended.stderr
        );
    }
    let answers = |model: &str| {
        place
            .succeed(&format!("predict {model} without.csv"))
            .stdout
    };
    assert_eq!(answers("without"), answers("with"));
    let last = |model: &str| {
        events(&place.text(&format!("{model}/log.jsonl")))
            .pop()
            .unwrap()
    };
    assert_eq!(last("without")["test"], last("with")["test"]);
}

#[test]
fn the_best_epoch_is_that_of_the_weighted_objective_on_the_validation_rows() {
    let place = Workplace::new();
    let (x, u, w) = (noise(400, 11), noise(400, 12), noise(400, 13));
    let row = |i: usize| {
        let is = u8::from(u[i] > 0.8 - 0.5 * x[i]);
        (x[i], (w[i] + 1.5).round().max(1.0), is)
    };
    let file = |rows: std::ops::Range<usize>| {
        let lines = rows.map(row).map(|(x, w, y)| format!("{x},{w},{y}\n"));
        format!("x,w,y\n{}", lines.collect::<String>())
    };
    place.write("t.csv", file(0..300));
    place.write("v.csv", file(300..400));
    place.succeed(
        "train t.csv --target y --validation v.csv --test-fraction 0 --sample-weight w --class-weight 0=1,1=7 \
         --hidden none --epochs 4 --dtype f64 --quiet --out m",
    );
    let log = events(&place.text("m/log.jsonl"));
    let best = log.last().unwrap()["best_epoch"].as_u64().unwrap();
    let epoch = log.iter().find(|event| event["epoch"] == best).unwrap();
    let (mut loss, mut total, mut plain, mut plain_total) = (0.0, 0.0, 0.0, 0.0);
    for (p, i) in predicted(&place, "m v.csv --proba")
        .into_iter()
        .zip(300..400)
    {
        let (_, w, y) = row(i);
        // What the network learned before its probabilities were corrected.
        let learned = 7.0 * p / (7.0 * p + 1.0 - p);
        let of = |p: f64| -(if y == 1 { p } else { 1.0 - p }).ln();
        let weight = w * if y == 1 { 7.0 } else { 1.0 };
        (loss, total) = (loss + weight * of(learned), total + weight);
        (plain, plain_total) = (plain + w * of(p), plain_total + w);
    }
    let found = epoch["validation_loss"].as_f64().unwrap();
    assert!(
        (found - loss / total).abs() < 1e-6,
        "{found} {}",
        loss / total
    );
    // Scores are by the weights of the rows alone.
    let found = log.last().unwrap()["validation"]["loss"].as_f64().unwrap();
    assert!(
        (found - plain / plain_total).abs() < 1e-6,
        "{found} {}",
        plain / plain_total
    );
}

#[test]
fn a_config_of_an_earlier_version_runs_with_a_note_if_it_has_weights() {
    let place = Workplace::new();
    let mut text = "x,w,y\n".to_owned();
    for (i, x) in noise(60, 21).iter().enumerate() {
        text += &format!("{x},{},{}\n", 1 + i % 3, 2.0 * x);
    }
    place.write("t.csv", text);
    let note = "weights act fully at every batch size";
    for (name, arguments, has_note) in [("a", "--sample-weight w", true), ("b", "--drop w", false)]
    {
        let ended = place.succeed(&format!(
            "train t.csv --target y {arguments} --hidden 3 --epochs 2 --out {name}"
        ));
        assert!(!ended.stderr.contains(note), "{}", ended.stderr);
        let config = place.text(&format!("{name}/config.toml"));
        assert!(config.contains("\nformat = 2\n"), "{config}");
        place.write(
            "old.toml",
            config.replace("\nformat = 2\n", "\nformat = 1\n"),
        );
        let ended = place.succeed(&format!("train --config old.toml --out {name}2"));
        assert_eq!(ended.stderr.contains(note), has_note, "{}", ended.stderr);
        let model = |name: &str| place.read(&format!("{name}/model.safetensors"));
        assert_eq!(model(name), model(&format!("{name}2")));
    }
}

#[test]
fn rows_without_the_weights_of_a_model_are_not_what_it_goes_on_with() {
    let place = Workplace::new();
    let (x, y) = (noise(100, 1), noise(100, 2));
    let line = |i: usize| format!("{:.3},{:.3},{}", x[i], y[i], 1 + i % 3);
    place.write("w.csv", crate::common::csv("x,y,w", 100, line));
    let line = |i: usize| format!("{:.3},{:.3}", x[i], y[i]);
    place.write("bare.csv", crate::common::csv("x,y", 100, line));
    place.train("w.csv --target y --sample-weight w --epochs 2 --out run");
    let message = place.refused("train bare.csv --continue run --epochs 1");
    assert!(
        message.starts_with("thalweg: bare.csv: found no column \"w\", expected the weights"),
        "{message}"
    );
    // To judge it, rows count the same.
    let told = place.succeed("evaluate run bare.csv").stderr;
    let warning = "no column \"w\", by which training weighted the rows";
    assert_eq!(told.matches(warning).count(), 1, "{told}");
    let told = place.succeed("evaluate run w.csv").stderr;
    assert!(!told.contains(warning), "{told}");
}

#[test]
fn a_continued_run_keeps_the_scale_of_the_weights_of_its_origin() {
    let place = Workplace::new();
    let x = noise(50, 31);
    let file = |factor: usize| {
        let row =
            |(i, x): (usize, &f64)| format!("{x},{},{}\n", factor * (1 + i % 4), 3.0 * x + 1.0);
        format!(
            "x,w,y\n{}",
            x.iter().enumerate().map(row).collect::<String>()
        )
    };
    place.write("once.csv", file(1));
    place.write("twice.csv", file(2));
    place.write("q.csv", "x\n0.5\n-1\n");
    let settings = "--optimizer gd --lr 0.01 --batch-size 50 --epochs 1 --dtype f64 --no-validation --test-fraction 0";
    place.succeed(&format!(
        "train once.csv --target y --sample-weight w --hidden none {settings} --schedule constant --quiet --out m"
    ));
    let answers = |name: &str| predicted(&place, &format!("{name} q.csv"));
    let before = answers("m");
    for name in ["once", "twice"] {
        place.succeed(&format!(
            "train {name}.csv --continue m --epochs 1 --quiet --out {name}"
        ));
    }
    for ((before, once), twice) in before.iter().zip(answers("once")).zip(answers("twice")) {
        let (once, twice) = (once - before, twice - before);
        assert!(
            once.abs() > 1e-4 && (twice - 2.0 * once).abs() < 1e-9,
            "{once} {twice}"
        );
    }
}
