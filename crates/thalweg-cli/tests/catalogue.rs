//! `thalweg list` shows of every entry its equation, its source, and each setting with its default; and what the list
//! of augmentations names can be asked for.

use crate::common::Workplace;
use serde_json::Value;

#[test]
fn the_list_shows_equation_source_and_defaults_of_every_entry() {
    let place = Workplace::new();
    let rows: Vec<Value> = serde_json::from_str(&place.succeed("list --json").stdout).unwrap();
    assert!(rows.len() >= 110, "{} rows", rows.len());
    let text = place.succeed("list all").stdout;
    for row in &rows {
        let of = |key: &str| row[key].as_str().unwrap();
        let (kind, name) = (of("kind"), of("name"));
        assert!(text.contains(&kind.to_uppercase()), "{kind}");
        // Formats have no equation.
        let details = match kind {
            "formats" => vec!["summary", "source"],
            _ => vec!["summary", "equation", "source"],
        };
        // From the entry's own line to the next entry, which stands as far to the left.
        let section = text.split(&kind.to_uppercase()).nth(1).unwrap();
        let start = format!("\n  {name:<16}");
        let entry = section
            .split_once(&start)
            .unwrap_or_else(|| panic!("{kind} {name}"))
            .1;
        let own: Vec<&str> = (entry.lines().enumerate())
            .take_while(|(i, line)| *i == 0 || line.starts_with("      "))
            .map(|(_, line)| line)
            .collect();
        let own = own.join("\n");
        for key in details {
            let detail = of(key);
            assert!(
                !detail.is_empty() && detail != "–",
                "{kind} {name}: no {key}"
            );
            assert!(own.contains(detail), "{kind} {name}: {key} is not shown");
        }
        for setting in row["settings"].as_array().unwrap() {
            let name = setting["name"].as_str().unwrap();
            let is_rule = setting["field"].is_string();
            let shown = match (setting["required"] == true, setting["default"].is_null()) {
                (true, true) => format!("{name} = required: "),
                (false, true) => format!("{name} = off: "),
                (false, false) => format!("{name} = "),
                (true, false) => panic!("{kind} {name} is required and has a default"),
            };
            assert!(own.contains(&shown), "{kind}: {shown} is not shown");
            assert!(is_rule || !shown.contains("off"), "{kind} {name}");
            for key in ["flag", "field"] {
                let how = setting[key].as_str().unwrap_or_default();
                assert!(own.contains(how), "{kind} {name}: {how} is not shown");
            }
        }
    }
}

#[test]
fn the_kinds_fit_a_screen_and_one_entry_is_shown_alone() {
    let place = Workplace::new();
    let kinds = place.succeed("list").stdout;
    assert!(
        kinds.lines().all(|line| line.chars().count() <= 80),
        "{kinds}"
    );
    for part in ["\noptimizers", "adam,", "\nactivations", "relu,"] {
        assert!(kinds.contains(part), "{part}: {kinds}");
    }
    let adam = place.succeed("list adam").stdout;
    assert!(adam.starts_with("OPTIMIZERS\n  adam "), "{adam}");
    assert!(
        adam.contains("beta1") && !adam.contains("rmsprop"),
        "{adam}"
    );
    let rows: Vec<Value> = serde_json::from_str(&place.succeed("list adam --json").stdout).unwrap();
    assert_eq!(rows.len(), 1);
    let message = place.refused("list adamm");
    assert!(message.contains("did you mean `adam`?"), "{message}");
}

#[test]
fn activations_and_schedules_are_drawn() {
    let place = Workplace::new();
    let relu = place.succeed("list relu").stdout;
    // 0 up to the middle, then straight up.
    let bars: String = ["▁".repeat(20), "▂▂▃▃▃▄▄▅▅▆▆▇▇███".to_owned()].concat();
    assert!(relu.contains(&bars), "{relu}");
    assert!(
        place
            .succeed("list constant")
            .stdout
            .contains(&"█".repeat(48))
    );
}

#[test]
fn every_flag_that_is_listed_is_in_the_help_and_sets_the_field_that_is_listed_beside_it() {
    let place = Workplace::new();
    let rows: Vec<Value> = serde_json::from_str(&place.succeed("list --json").stdout).unwrap();
    let help = place.succeed("train --help").stdout;
    let words: Vec<&str> = help.split_whitespace().collect();
    let settings = rows
        .iter()
        .flat_map(|row| row["settings"].as_array().unwrap());
    let mut count = 0;
    for setting in settings.filter(|setting| setting["field"].is_string()) {
        let of = |key: &str| setting[key].as_str().unwrap_or_default();
        let (flag, field, domain) = (of("flag"), of("field"), of("domain"));
        // What is not said on the command line is said in a file.
        if flag.is_empty() {
            let of_files = [
                "plateau.threshold",
                "plateau.least",
                "batches.block",
                "batches.groups",
            ];
            assert!(
                of_files
                    .iter()
                    .any(|name| field == format!("training.{name}")),
                "{field}"
            );
            continue;
        }
        // Entries of registries have their own tests.
        if domain.contains("thalweg list") {
            continue;
        }
        count += 1;
        assert!(
            words.contains(&flag.split(' ').next().unwrap()),
            "{flag} is not in the help"
        );
        let values: Vec<&str> = match domain {
            "true or false" => vec!["false"],
            "a column" => vec!["hue"],
            _ if domain.starts_with("factors") => vec!["weight=0.5"],
            _ if domain.contains("whole") => vec!["3"],
            _ if domain.contains("number") => vec!["0.25"],
            words => words.split(" or ").collect(),
        };
        let others = match field {
            "training.plateau.factor" => "--reduce-on-plateau 2",
            "training.scale_rate.warmup" => "--scale-lr-from 8",
            "training.optimizer.weight_decay" => "--optimizer adamw",
            _ => "",
        };
        // A threshold is for two classes.
        let data = match field {
            "judging.threshold" => "builtin:breast-cancer",
            _ => "builtin:wine",
        };
        for value in values {
            let out = format!("run{count}-{value}");
            let said = match flag {
                _ if domain == "true or false" => flag.to_owned(),
                _ if flag.starts_with("--set ") => format!("{flag}={value}"),
                _ => format!("{flag} {value}"),
            };
            let epochs = if flag == "--epochs" { "" } else { "--epochs 1" };
            place.succeed(&format!(
                "train {data} --hidden 4 {epochs} {others} {said} --quiet --out {out}"
            ));
            let config: toml::Table = place.text(&format!("{out}/config.toml")).parse().unwrap();
            let config = toml::Value::Table(config);
            let found = (field.split('.')).try_fold(&config, |table, key| table.get(key));
            // What is as it would be anyway may be left out.
            let default = setting["default"].to_string();
            let found = found.map_or(default, toml::Value::to_string);
            assert_eq!(found.trim_matches('"'), value, "{said}: {field}");
        }
    }
    assert!(count >= 25, "only {count} flags");
}

/// An .npy file of bytes.
fn npy(shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let text = format!(
        "{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}",
        shape.join(", ")
    );
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((length as u16).to_le_bytes());
    file.extend(format!("{text:<width$}\n", width = length - 1).bytes());
    file.extend(bytes);
    file
}

#[test]
fn images_are_augmented_by_arguments_and_from_a_config_to_the_same_bytes() {
    let place = Workplace::new();
    let rows = 60;
    let pixels = |values: usize| -> Vec<u8> {
        (0..rows * values)
            .map(|i| (i * i * 31 % 255) as u8)
            .collect()
    };
    let labels: Vec<u8> = (0..rows).map(|i| (i % 3) as u8).collect();
    place.write("labels.npy", npy(&[rows], &labels));
    place.write("gray.npy", npy(&[rows, 6, 5], &pixels(30)));
    place.write("colour.npy", npy(&[rows, 3, 6, 5], &pixels(90)));
    place.write("last.npy", npy(&[rows, 6, 5, 3], &pixels(90)));
    place.write("list.npy", npy(&[rows, 30], &pixels(30)));
    place.write("table.csv", "a,b,y\n1,2,0.5\n2,3,1.5\n3,1,2.5\n4,5,0.25\n");
    let settings = "--labels labels.npy --hidden 6 --epochs 3 --quiet";
    let augment = "--augment flip,shift=1,crop=0.7,noise=0.2,mixup=0.4";
    for (data, image) in [("gray.npy", "[1, 6, 5]"), ("colour.npy", "[3, 6, 5]")] {
        let run = |extra: &str, out: &str| {
            place.succeed(&format!(
                "train {data} {settings} {extra} --out {data}-{out}"
            ));
            place.read(&format!("{data}-{out}/model.safetensors"))
        };
        let augmented = run(&format!("{augment} --threads 1"), "a");
        assert_eq!(run(&format!("{augment} --threads 3"), "b"), augmented);
        assert_ne!(run("", "plain"), augmented);
        let config = place.text(&format!("{data}-a/config.toml"));
        assert!(config.contains(&format!("image = {image}")), "{config}");
        assert!(config.contains("alpha = 0.4"), "{config}");
        place.succeed(&format!(
            "train --config {data}-a/config.toml --quiet --out {data}-c"
        ));
        assert_eq!(
            place.read(&format!("{data}-c/model.safetensors")),
            augmented
        );
        place.succeed(&format!(
            "train --config {data}-a/config.toml --augment none --quiet --out {data}-d"
        ));
        assert!(
            !place
                .text(&format!("{data}-d/config.toml"))
                .contains("augment")
        );
    }
    for (line, expected) in [
        (
            "last.npy --labels labels.npy --augment flip",
            "channels first",
        ),
        ("list.npy --labels labels.npy --augment flip", "no image"),
        ("table.csv --augment noise=0.1", "no image"),
        (
            "gray.npy --labels labels.npy --augment shift=-1",
            "found pixels = -1",
        ),
        ("gray.npy --labels labels.npy --augment shift=5", "5 pixels"),
        (
            "gray.npy --labels labels.npy --augment blur",
            "augmentation",
        ),
        ("gray.npy --labels labels.npy --augment flip,flip", "twice"),
        (
            "gray.npy --labels labels.npy --augment mixup --loss multiclass_hinge",
            "cannot be mixed",
        ),
    ] {
        let message = place.refused(&format!("train {line} --out x"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    // Numbers of a table can be mixed.
    place.succeed("train table.csv --task regression --augment mixup --epochs 2 --quiet --out t");
}
