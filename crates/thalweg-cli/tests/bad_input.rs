//! Bad input is refused in one line, with exit code 2, and nothing is written.

use std::io::Write;

use crate::common::Workplace;

/// A training file of the lines `row(i)`.
fn csv(header: &str, row: impl Fn(usize) -> String) -> String {
    let rows: Vec<String> = (0..40).map(row).collect();
    format!("{header}\n{}\n", rows.join("\n"))
}

pub fn good() -> String {
    csv("a,b,y", |i| {
        format!(
            "{},{},{}",
            i,
            (i * 7) % 11,
            if i % 3 > 0 { "p" } else { "q" }
        )
    })
}

#[test]
fn files_that_cannot_be_learned_from_are_explained_in_one_line() {
    let long = "x".repeat(1_000_000);
    let ragged = good().replacen("\n5,", "\n5,5,", 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("", b"".to_vec(), "found an empty file"),
        ("", b"a,b,y\n".to_vec(), "found a header and no rows"),
        ("", ragged.into(), "data.csv:7: found 4 cells, expected 3"),
        (
            "--task regression --target y",
            good().into(),
            r#"column "y": found"#,
        ),
        (
            "",
            csv("a,y", |i| format!("{i},p")).into(),
            r#"found only the class "p""#,
        ),
        (
            "",
            csv("a,b,y", |i| format!("7,,{}", i % 2)).into(),
            r#""b" left out: no value"#,
        ),
        ("--target z", good().into(), r#"found no column "z""#),
        ("--target yy", good().into(), "did you mean `y`?"),
        (
            "--task regression --target y",
            csv("a,y", |i| {
                format!(
                    "{i},{}",
                    if i == 9 {
                        "inf".into()
                    } else {
                        format!("{i}.5")
                    }
                )
            })
            .into(),
            r#"data.csv:11: column "y": found"#,
        ),
        (
            "--task regression --target y",
            csv("a,y", |i| {
                format!(
                    "{i},{}",
                    if i > 9 {
                        "nan".into()
                    } else {
                        format!("{i}.5")
                    }
                )
            })
            .into(),
            r#"found 30 of 40 rows without a target in "y""#,
        ),
        (
            "",
            format!("a,b,y\n1,{long}\n").into(),
            "data.csv:2: found 2 cells",
        ),
        (
            "",
            b"a,b,y\n1,\xff\xfe,p\n2,x,q\n".to_vec(),
            "expected UTF-8",
        ),
        ("--drop nope", good().into(), r#"found no column "nope""#),
        ("--sample-weight w", good().into(), r#"found no column "w""#),
        (
            "--sample-weight b",
            good().replace(",7,", ",-7,").into(),
            "a finite number ≥ 0",
        ),
        ("--columns a,b", good().into(), "one for each name given"),
        (
            "--test missing.csv",
            good().into(),
            "missing.csv: cannot be read",
        ),
    ];
    for (flags, bytes, expected) in cases {
        let place = Workplace::new();
        place.write("data.csv", bytes);
        let message = place.refused(&format!("train data.csv {flags} --out out"));
        assert!(message.contains(expected), "{flags}: {message}");
        assert_eq!(place.files("."), ["data.csv"], "{flags}");
    }
}

#[test]
fn columns_that_say_nothing_are_left_out_with_a_note() {
    let place = Workplace::new();
    place.write(
        "data.csv",
        csv("a,empty,same,y", |i| {
            format!("{i},,7,{}", if i > 19 { "p" } else { "q" })
        }),
    );
    let ended = place.succeed("train data.csv --epochs 2");
    assert!(
        ended.stderr.contains(r#"column "empty": no value"#),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains(r#"column "same": constant"#),
        "{ended:?}"
    );
    assert_eq!(ended.stderr.matches("left out").count(), 2, "{ended:?}");
}

#[test]
fn a_cell_of_a_million_characters_is_a_category_like_others() {
    let place = Workplace::new();
    let long = "x".repeat(1_000_000);
    let row = |i: usize| format!("{},{}", if i < 20 { &long } else { "short" }, i % 2);
    place.write("data.csv", csv("a,y", row));
    let ended = place.succeed("train data.csv --epochs 2 --out m");
    assert!(ended.stdout.len() + ended.stderr.len() < 10_000);
    assert!(place.succeed("info m").stdout.len() < 10_000);
}

#[test]
fn damaged_binary_files_are_explained_in_one_line() {
    let place = Workplace::new();
    let images = [
        &[0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2][..],
        &[7; 80],
    ]
    .concat();
    let labels = |n: u8| {
        [
            vec![0, 0, 8, 1, 0, 0, 0, n],
            (0..n).map(|i| i % 2).collect(),
        ]
        .concat()
    };
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (20, 4), }\n";
    let npy = [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        &[1; 640],
    ]
    .concat();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(good().as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    place.write("images", &images);
    place.write("labels", labels(20));
    place.write("more", labels(21));
    place.write("cut.idx", &images[..50]);
    place.write("cut.npy", &npy[..300]);
    // Row 2 of four numbers, the second.
    let mut large = npy.clone();
    let at = large.len() - 640 + 8 * 5;
    large[at..at + 8].copy_from_slice(&1e300f64.to_le_bytes());
    place.write("large.npy", &large);
    place.write("cut.csv.gz", &gz[..gz.len() / 2]);
    let before = place.files(".");
    for (line, expected) in [
        ("cut.idx --labels labels", "cut.idx: found 34 bytes of data"),
        ("cut.npy", "cut.npy: "),
        (
            "large.npy --labels labels",
            "row 2: column \"X[1]\": found 1e300, expected a number below 3.4e38",
        ),
        ("cut.csv.gz", "damaged or truncated compressed data"),
        ("images --labels more", "21 labels"),
        ("images", "features without targets"),
    ] {
        let message = place.refused(&format!("train {line} --out out"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    assert_eq!(place.files("."), before);
}

#[test]
fn rows_that_all_weigh_nothing_are_named() {
    let place = Workplace::new();
    let table = |weight: u8| csv("a,w,y", |i| format!("{i},{weight},{}", i % 2));
    place.write("data.csv", table(1));
    place.write("none.csv", table(0));
    let expected = r#"none.csv: column "w": found a weight of 0 for all rows (40)"#;
    for line in [
        "none.csv",
        "data.csv --validation none.csv",
        "data.csv --test none.csv",
    ] {
        let message = place.refused(&format!("train {line} --sample-weight w --out out"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    place.train("data.csv --sample-weight w --epochs 1 --out m");
    let message = place.refused("evaluate m none.csv");
    assert!(
        message.contains("a weight of 0 for all rows (40)"),
        "{message}"
    );
}

#[test]
fn a_config_that_is_no_config_is_explained_in_one_line() {
    let place = Workplace::new();
    place.train("builtin:iris --preset fast --epochs 1 --out a");
    let config = place.text("a/config.toml");
    for (text, expected) in [
        (
            config.replace("epochs = 1", "epochs = \"many\""),
            "found \"many\", expected a whole number ≥ 0",
        ),
        (
            config.replace("epochs = 1", "epoch = 1"),
            "found `epoch`, expected one of learning_rate",
        ),
        (
            config.replace("embed_least = 2", "embed_least = 0"),
            "bad.toml: line 26: embed_least: found 0, expected a whole number ≥ 1",
        ),
        (
            config.replace("units = 64", "unit = 64"),
            "bad.toml: line 41: layer 1 (dense): found setting `unit`",
        ),
        (
            config.replace("units = 64", "units = 99999999999999999999"),
            "bad.toml: line 41: found 99999999999999999999, expected a whole number",
        ),
        (
            config.replace("units = 64", "units = \"64\""),
            "layer 1 (dense): found units = \"64\", expected a whole number",
        ),
        (
            config.replace("constraint = \"auto\"", "constraint = { limit = 3 }"),
            "bad.toml: line 39: found a table without `name`",
        ),
        (
            config.replace("seed = 0\ndtype", "seed = 0\nl1 = -1.0\ndtype"),
            "`l1`: found -1, expected a number ≥ 0",
        ),
        (
            config.replace("\"adamw\"", "\"adamv\""),
            "did you mean `adam`?",
        ),
        (config.replace("[training]", "[training"), "line "),
        (String::new(), "found no `data`"),
    ] {
        place.write("bad.toml", text);
        let message = place.refused("train --config bad.toml --out b");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(place.files("."), ["a", "bad.toml"]);
}

#[test]
fn output_that_cannot_be_written_is_refused_before_training() {
    let place = Workplace::new();
    place.write("file", "x");
    for out in ["file", "file/run", "/proc/no/such"] {
        let message = place.refused(&format!(
            "train builtin:iris --epochs 1000000000 --no-validation --out {out}"
        ));
        assert!(message.contains("cannot be written"), "{message}");
    }
    assert_eq!(place.text("file"), "x");
}

#[test]
fn models_that_are_none_are_explained_in_one_line() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 2 --out m");
    let bytes = place.read("m/model.safetensors");
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    place.write("flipped.safetensors", flipped);
    place.write("cut.safetensors", &bytes[..bytes.len() - 1]);
    place.write("empty.safetensors", "");
    place.write("text.safetensors", "a,b\n1,2\n");
    for name in ["flipped", "cut", "empty", "text", "absent"] {
        let train = format!("train builtin:iris --initial-weights {name}.safetensors --out x");
        // The tensors of a model whose description was changed are a start all the same.
        let train = Some(train).filter(|_| name != "flipped");
        let commands = ["predict", "evaluate"]
            .map(|command| format!("{command} {name}.safetensors builtin:iris"));
        for command in commands.into_iter().chain(train) {
            let message = place.refused(&command);
            assert!(
                message.contains(&format!("{name}.safetensors: ")),
                "{message}"
            );
        }
    }
    let message = place.refused("predict text.safetensors builtin:iris");
    assert!(message.contains("not a model file"), "{message}");
    let message = place.refused("predict m builtin:wine");
    assert!(
        message.contains("expected every column that the model was trained on"),
        "{message}"
    );
    let message = place.refused("evaluate m builtin:diabetes");
    assert!(message.contains("expected every column"), "{message}");
    assert!(!place.path("x").exists());
}
