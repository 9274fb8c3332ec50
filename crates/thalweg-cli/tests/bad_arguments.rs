//! Bad arguments are refused in one line, with exit code 2, and nothing is written.

use crate::bad_input::good;
use crate::common::Workplace;

#[test]
fn arguments_that_make_no_sense_are_explained_in_one_line() {
    let place = Workplace::new();
    for (line, expected) in [
        ("nothing.csv", "nothing.csv: cannot be read"),
        ("builtin:irsi", "did you mean `iris`?"),
        ("builtin:iris --optimizer adma", "did you mean `adam`?"),
        (
            "builtin:iris --loss crossentropy",
            "did you mean `cross_entropy`?",
        ),
        ("builtin:iris --schedule cosin", "did you mean `cosine`?"),
        ("builtin:iris --activation rleu", "did you mean `relu`?"),
        (
            "builtin:iris --optimizer adam --set optimizer.beta_1=0.5",
            "did you mean `beta1`?",
        ),
        (
            "builtin:iris --set optimizer.beta1=2",
            "a number ≥ 0 and < 1",
        ),
        (
            "builtin:iris --set optimiser.beta1=0.5",
            "did you mean `optimizer`?",
        ),
        ("builtin:iris --set beta1=0.5", "NAME=VALUE"),
        (
            "builtin:iris --lr 0",
            "--lr: found 0, expected a number > 0",
        ),
        ("builtin:iris --lr -1", "--lr: found -1"),
        ("builtin:iris --lr nan", "--lr: found nan"),
        ("builtin:iris --batch-size 0", "--batch-size: found 0"),
        ("builtin:iris --epochs 0", "--epochs: found 0"),
        ("builtin:iris --patience 0", "--patience: found 0"),
        ("builtin:iris --hidden 0", "--hidden: found 0"),
        ("builtin:iris --hidden 8,x", "--hidden: found 8,x"),
        ("builtin:iris --hidden -8", "--hidden: found -8"),
        ("builtin:iris --threads 0", "from 1 to 1024"),
        ("builtin:iris --threads 1025", "from 1 to 1024"),
        ("builtin:iris --l2 -1", "--l2: found -1"),
        (
            "builtin:iris --test-fraction 0.5 --validation-fraction 0.5",
            "less than 1 together with --validation-fraction",
        ),
        ("builtin:iris --test-fraction 1", "--test-fraction: found 1"),
        (
            "builtin:iris --no-validation --patience 3",
            "no validation rows",
        ),
        (
            "builtin:iris --loss mse",
            "expected cross_entropy or multiclass_hinge or multiclass_focal for the task multiclass",
        ),
        (
            "builtin:diabetes --loss logistic",
            "mse or half_mse or mae or huber or quantile or poisson for the task regression",
        ),
        (
            "builtin:iris --loss focal",
            "expected cross_entropy or multiclass_hinge",
        ),
        (
            "builtin:iris --activation leaky_reul",
            "did you mean `leaky_relu`?",
        ),
        (
            "builtin:iris --activation elu --set activation.alpa=2",
            "did you mean `alpha`?",
        ),
        (
            "builtin:iris --schedule linear_warmup --set schedule.then=cosin",
            "did you mean `cosine`?",
        ),
        (
            "builtin:iris --schedule linear_warmup --set schedule.then=cosine --set schedule.then.flor=0",
            "schedule linear_warmup: schedule cosine: found setting `flor`",
        ),
        (
            "builtin:iris --preset fast --set schedule.fraction.x=1",
            "`fraction`, which has no settings of its own",
        ),
        (
            "builtin:iris --initializer orthogonl",
            "did you mean `orthogonal`?",
        ),
        (
            "builtin:iris --set activatoin.x=1",
            "did you mean `activation`?",
        ),
        (
            "builtin:iris --hidden 4 --activation step",
            "layer 1 (dense): training: found the activation step",
        ),
        ("builtin:iris --reduction total", "expected mean or sum"),
        ("builtin:iris --output-bias one", "expected prior or zero"),
        (
            "builtin:iris --task regresion",
            "expected regression or binary",
        ),
        ("builtin:iris --no-such-flag", "unexpected argument"),
        (
            "builtin:iris --epochs 18446744073709551615",
            "found 18446744073709551615",
        ),
        (
            "builtin:iris --hidden 16777216,16777216",
            "expected at most",
        ),
        ("--resume --out nowhere", "expected a run to go on with"),
        ("--config nowhere.toml", "nowhere.toml: cannot be read"),
        ("", "DATA: found nothing"),
    ] {
        let message = place.refused(&format!("train {line}"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    assert!(place.files(".").is_empty());
}

#[test]
fn options_without_effect_are_refused() {
    let place = Workplace::new();
    place.write("data.csv", good());
    let pixels: Vec<u8> = (0..80).collect();
    let images = [
        &[0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2][..],
        &pixels,
    ]
    .concat();
    let labels: Vec<u8> = [0, 0, 8, 1, 0, 0, 0, 20]
        .into_iter()
        .chain((0..20).map(|i| i % 2))
        .collect();
    std::fs::create_dir(place.path("official")).unwrap();
    for part in ["train", "t10k"] {
        place.write(&format!("official/{part}-images-idx3-ubyte"), &images);
        place.write(&format!("official/{part}-labels-idx1-ubyte"), &labels);
    }
    for (line, expected) in [
        (
            "builtin:diabetes --class-weight balanced",
            "--class-weight: found the task regression",
        ),
        ("data.csv --drop y", r#"--drop: found the target "y""#),
        (
            "data.csv --test data.csv --test-fraction 0.2",
            "cannot be used with",
        ),
        ("official --test-fraction 0.2", "with its own test part"),
        (
            "builtin:diabetes --optimizer lbfgs --lr 0.1",
            "--lr: found the solver lbfgs",
        ),
        (
            "builtin:diabetes --optimizer newton_cg --set schedule.floor=0.1",
            "--schedule: found the solver newton_cg",
        ),
        (
            "builtin:diabetes --optimizer lbfgs --no-shuffle",
            "--no-shuffle: found the solver lbfgs",
        ),
        (
            "builtin:diabetes --optimizer lbfgs --reduction sum",
            "--reduction: found the optimizer lbfgs",
        ),
        (
            "builtin:iris --reduction sum --last-batch weight",
            "found weight with",
        ),
        (
            "builtin:iris --sampling balanced --no-shuffle",
            "found balanced with",
        ),
        (
            "builtin:breast-cancer --loss hinge --output-bias prior",
            "--output-bias: found prior",
        ),
    ] {
        let message = place.refused(&format!("train {line} --epochs 1 --out out"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    place.train("official --epochs 1 --out m");
    place.train("builtin:iris --epochs 1 --hidden 8 --out a");
    let config = place.text("a/config.toml");
    for (text, expected) in [
        (
            config.replace("inputs = 4", "inputs = 5"),
            "network.inputs: found 5, expected 4",
        ),
        (
            config.replace("units = 3", "units = 2"),
            "last layer: found 2, expected 3",
        ),
    ] {
        place.write("bad.toml", text);
        let message = place.refused("train --config bad.toml --out b");
        assert!(message.contains(expected), "{message}");
    }
    place.train("builtin:wine --config a/config.toml --out c");
}

#[test]
fn numbers_of_arguments_that_are_none_are_told_with_what_is_expected() {
    let place = Workplace::new();
    let seeds = "a whole number from 0 to 9223372036854775807";
    let amounts = "a whole number from 1 to 4294967295";
    let rows = "a whole number from 1 to 4294967295, or all";
    let number = "a number, such as 0.01 or 1e-3";
    for (flag, found, expected) in [
        ("--seed", "-1", seeds),
        ("--seed", "18446744073709551615", seeds),
        ("--epochs", "-3", amounts),
        ("--epochs", "5000000000", amounts),
        ("--batch-size", "x", rows),
        ("--batch-size", "2.5", rows),
        ("--patience", "-1", amounts),
        ("--reduce-on-plateau", "1e3", amounts),
        ("--scale-lr-from", "-8", amounts),
        (
            "--max-steps",
            "-1",
            "a whole number from 1 to 9223372036854775807",
        ),
        ("--threads", "-1", "a whole number from 1 to 1024"),
        ("--embed-above", "-1", "a whole number or none"),
        ("--lr", "fast", number),
        ("--l2", "1e", number),
        ("--sam", "0,05", number),
        ("--dropout", "1/2", number),
        ("--test-fraction", "10%", number),
    ] {
        assert_eq!(
            place.refused(&format!("train missing.csv {flag} {found}")),
            format!("thalweg: {flag}: found {found}, expected {expected}; see --help")
        );
    }
    for line in ["predict m d.csv", "evaluate m d.csv", "bench"] {
        assert_eq!(
            place.refused(&format!("{line} --threads -1")),
            "thalweg: --threads: found -1, expected a whole number from 1 to 1024; see --help"
        );
    }
    let long = "9".repeat(100);
    for (text, found) in [
        ("1\n2", "`1 2`".to_owned()),
        ("1 2", "`1 2`".to_owned()),
        (&long, format!("`{}…`", &long[..24])),
    ] {
        let ended = place.command(["train", "missing.csv", "--seed", text]);
        let ended = { ended }.output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert_eq!(
            String::from_utf8_lossy(&ended.stderr),
            format!("thalweg: --seed: found {found}, expected {seeds}; see --help\n")
        );
    }
}

#[test]
fn choices_of_arguments_that_there_are_not_are_told_with_those_that_there_are() {
    let place = Workplace::new();
    let tasks = "regression or binary or multiclass or multilabel";
    let augmentations = "flip, shift, crop, noise, mixup";
    for (arguments, told) in [
        (
            "--task foo",
            &*format!("--task: found foo, expected {tasks}"),
        ),
        (
            "--task binry",
            &format!("--task: found binry, expected {tasks}; did you mean `binary`?"),
        ),
        (
            "--class-weight x",
            "--class-weight: found x, expected balanced, or a weight above 0 for each class, such as A=1,B=50",
        ),
        (
            "--class-weight balance",
            "--class-weight: found balance, expected balanced, or a weight above 0 for each class, such as A=1,B=50; did you mean `balanced`?",
        ),
        (
            "--preset x",
            "--preset: found x, expected fast or auto or best or tabm",
        ),
        (
            "--reduction maen",
            "--reduction: found maen, expected mean or sum; did you mean `mean`?",
        ),
        (
            "--augment flipp",
            &format!(
                "--augment: augmentation: found `flipp`, expected one of {augmentations}; did you mean `flip`?"
            ),
        ),
        ("--epochs", "--epochs: found no value, expected <N>"),
        (
            "--seed=",
            "--seed: found ``, expected a whole number from 0 to 9223372036854775807",
        ),
        ("--no-shuffle=3", "--no-shuffle: found 3, expected no value"),
    ] {
        assert_eq!(
            place.refused(&format!("train missing.csv {arguments}")),
            format!("thalweg: {told}; see --help")
        );
    }
    assert!(place.files(".").is_empty(), "something was written");
}
