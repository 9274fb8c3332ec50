//! Weights of other programs as a start, and what of them does not fit.

use crate::common::{Ended, Workplace, csv, noise};
use serde_json::{Map, Value, json};

/// A safetensors file of tensors of one kind; values go up from `start`.
fn file(tensors: &[(&str, &[usize])], dtype: &str, metadata: Option<Value>) -> Vec<u8> {
    let mut header = Map::new();
    let mut data = Vec::new();
    if let Some(metadata) = metadata {
        header.insert("__metadata__".to_owned(), metadata);
    }
    for (name, shape) in tensors {
        let begin = data.len();
        for index in 0..shape.iter().product::<usize>() {
            let value = 0.25 + (index % 7) as f32 * 0.125;
            match dtype {
                "F64" => data.extend(f64::from(value).to_le_bytes()),
                "BF16" => data.extend(&value.to_le_bytes()[2..]),
                _ => data.extend(value.to_le_bytes()),
            }
        }
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [begin, data.len()] });
        header.insert((*name).to_owned(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn rows() -> String {
    let row = |i: usize| {
        let (a, b, c) = (i % 5, i % 7, i % 3);
        format!("{a},{b},{c},{}\n", a + 2 * b + c)
    };
    format!("a,b,c,y\n{}", (0..60).map(row).collect::<String>())
}

const STILL: &str = "--lr 1e-30 --optimizer sgd --epochs 1 --no-standardize";

fn predictions(
    place: &Workplace,
    name: &str,
    tensors: &[(&str, &[usize])],
    flags: &str,
) -> (String, Ended) {
    place.write(&format!("{name}.safetensors"), file(tensors, "F32", None));
    let line = format!(
        "train rows.csv --task regression --hidden 16 {STILL} --initial-weights {name}.safetensors {flags} --out {name}"
    );
    let ended = place.succeed(&line);
    (
        place.succeed(&format!("predict {name} rows.csv")).stdout,
        ended,
    )
}

/// Two layers of 3 → 16 → 1, by the names of several programs.
#[test]
fn tensors_go_by_name_by_order_or_by_a_mapping() {
    let place = Workplace::new();
    place.write("rows.csv", rows());
    let shapes: [&[usize]; 4] = [&[16, 3], &[16], &[1, 16], &[1]];
    let named = |names: [&'static str; 4]| -> Vec<(&'static str, &[usize])> {
        names.into_iter().zip(shapes).collect()
    };
    let (ours, ended) = predictions(
        &place,
        "ours",
        &named([
            "layers.0.weight",
            "layers.0.bias",
            "layers.1.weight",
            "layers.1.bias",
        ]),
        "",
    );
    assert!(!ended.stdout.contains('→'), "{ended:?}");
    for (name, names, flags, says) in [
        (
            "sequential",
            ["0.weight", "0.bias", "2.weight", "2.bias"],
            "",
            "0 → layers.0, 2 → layers.1",
        ),
        (
            "fc",
            ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"],
            "",
            "fc1 → layers.0, fc2 → layers.1",
        ),
        (
            "inner",
            [
                "layers.0.weight",
                "layers.0.bias",
                "layers.2.weight",
                "layers.2.bias",
            ],
            "",
            "layers.2 → layers.1",
        ),
        (
            "shapes",
            ["z.kernel", "z.beta", "a.kernel", "a.beta"],
            "",
            "z → layers.0, a → layers.1",
        ),
        (
            "mapped",
            ["w1", "b1", "w2", "b2"],
            "--weight-names w1=layers.0.weight,b1=layers.0.bias,w2=layers.1.weight,b2=layers.1.bias",
            "",
        ),
        (
            "halves",
            ["in.weight", "in.bias", "out.weight", "out.bias"],
            "--weight-names in=layers.0",
            "out → layers.1",
        ),
    ] {
        let (found, ended) = predictions(&place, name, &named(names), flags);
        assert!(ended.stdout.contains(says), "{name}: {ended:?}");
        assert_eq!(found, ours, "{name}");
    }
    // The config has it all.
    let again = "train --config mapped/config.toml --out again";
    place.succeed(again);
    assert_eq!(
        place.read("mapped/model.safetensors"),
        place.read("again/model.safetensors")
    );
    for dtype in ["F64", "BF16"] {
        place.write(
            "other.safetensors",
            file(
                &named(["0.weight", "0.bias", "2.weight", "2.bias"]),
                dtype,
                None,
            ),
        );
        place.train(&format!(
            "rows.csv --task regression --hidden 16 {STILL} --initial-weights other.safetensors --out {dtype}"
        ));
        assert_eq!(
            place.succeed(&format!("predict {dtype} rows.csv")).stdout,
            ours,
            "{dtype}"
        );
    }
}

#[test]
fn what_does_not_fit_is_named_tensor_by_tensor() {
    let place = Workplace::new();
    place.write("rows.csv", rows());
    let good: (&str, &[usize]) = ("0.weight", &[16, 3]);
    for (tensors, flags, expected) in [
        (
            vec![
                ("0.weight", &[3, 16][..]),
                ("0.bias", &[16]),
                ("2.weight", &[16, 1]),
                ("2.bias", &[1]),
            ],
            "",
            "found 0.weight [3, 16] for layers.0.weight [16, 3], 2.weight [16, 1] for layers.1.weight [1, 16], expected the \
             tensors of the network; transpose the weights",
        ),
        (
            vec![
                ("layers.0.weight", &[9, 3][..]),
                ("layers.0.bias", &[9]),
                ("layers.1.weight", &[1, 9]),
                ("layers.1.bias", &[1]),
            ],
            "",
            "found layers.0.weight [9, 3] for layers.0.weight [16, 3], layers.0.bias [9] for layers.0.bias [16], \
             layers.1.weight [1, 9] for layers.1.weight [1, 16], expected the tensors of the network; set the layers to \
             those of the file (--hidden), or its names by --weight-names",
        ),
        (
            vec![
                good,
                ("0.bias", &[16]),
                ("2.weight", &[1, 16]),
                ("2.bias", &[1]),
                ("4.weight", &[2, 2]),
            ],
            "",
            "4.weight [2, 2] for nothing",
        ),
        (
            vec![good, ("0.bias", &[16])],
            "",
            "nothing for layers.1.weight [1, 16], nothing for layers.1.bias [1]",
        ),
        // What is there is not listed, but what is missing.
        (
            vec![good, ("0.bias", &[16]), ("running", &[5])],
            "",
            "found nothing for layers.1.weight [1, 16], nothing for layers.1.bias [1], running [5] for nothing, expected",
        ),
        (
            vec![good, ("0.bias", &[16])],
            "--weight-names 0=layers.7",
            "--weight-names: found `layers.7`, expected layers of the network: layers.0, layers.1",
        ),
        (
            vec![good],
            "--weight-names fc=layers.0",
            "--weight-names: found `fc`, expected names of ",
        ),
        (
            vec![good],
            "--weight-names fc",
            "--weight-names: found `fc`, expected THEIRS=OURS",
        ),
    ] {
        place.write("w.safetensors", file(&tensors, "F32", None));
        let line = format!(
            "train rows.csv --task regression --hidden 16 --initial-weights w.safetensors {flags} --out o"
        );
        let message = place.refused(&line);
        assert!(message.contains(expected), "{message}");
        assert!(!place.path("o").exists());
    }
    // A buffer beside weights that fit is left, with a word.
    let buffered: [(&str, &[usize]); 5] = [
        good,
        ("0.bias", &[16]),
        ("2.weight", &[1, 16]),
        ("2.bias", &[1]),
        ("running", &[5]),
    ];
    place.write("w.safetensors", file(&buffered, "F32", None));
    let line = "train rows.csv --task regression --hidden 16 --epochs 1 --initial-weights w.safetensors --out b";
    let told = place.succeed(line);
    let all = told.stdout + &told.stderr;
    assert!(all.contains("w.safetensors: not used: running"), "{all}");
    // Two layers of the same shapes, and names that say nothing of their order.
    let square: [(&str, &[usize]); 6] = [
        ("up.weight", &[3, 3]),
        ("up.bias", &[3]),
        ("down.weight", &[3, 3]),
        ("down.bias", &[3]),
        ("out.weight", &[1, 3]),
        ("out.bias", &[1]),
    ];
    place.write("w.safetensors", file(&square, "F32", None));
    let line =
        "train rows.csv --task regression --hidden 3,3 --epochs 1 --initial-weights w.safetensors";
    let message = place.refused(line);
    assert!(
        message.contains("found layers down and up of the same shapes"),
        "{message}"
    );
    place.succeed(&format!("{line} --weight-names up=layers.0,down=layers.1"));
    place.write("t.safetensors", "a,b\n1,2\n");
    let message = place.refused("train rows.csv --initial-weights t.safetensors");
    assert!(
        message.contains("found no whole safetensors file"),
        "{message}"
    );
    let message = place.refused("train rows.csv --weight-names a=b");
    assert!(message.contains("--initial-weights"), "{message}");
}

#[test]
fn an_output_layer_of_another_width_is_drawn_anew_and_that_is_said() {
    let place = Workplace::new();
    let text = |classes: usize| {
        let row = |i: usize| {
            format!(
                "{},{},{}\n",
                i % 5,
                i % 7,
                ["u", "v", "w", "x"][i % classes]
            )
        };
        format!("a,b,k\n{}", (0..80).map(row).collect::<String>())
    };
    place.write("three.csv", text(3));
    place.write("four.csv", text(4));
    place.train("three.csv --hidden 8,6 --epochs 3 --out three");
    let line = "train four.csv --hidden 8,6 --epochs 1 --lr 1e-30 --optimizer sgd --initial-weights three --out four";
    let ended = place.succeed(line);
    let said = "warning: the output layer (layers.2) is drawn anew, for it has 4 outputs";
    assert!(ended.stdout.contains(said), "{ended:?}");
    // The body is that of the first run: the same file with another body trains to other bits.
    let hidden = place.refused("train four.csv --hidden 8,7 --initial-weights three --out x");
    assert!(
        hidden.contains("layers.1.weight [6, 8] for layers.1.weight [7, 8]"),
        "{hidden}"
    );
    place.train("four.csv --hidden 8,6 --epochs 1 --lr 1e-30 --optimizer sgd --initial-weights four --out again");
    let model = |name: &str| {
        place
            .succeed(&format!("predict {name} four.csv --proba"))
            .stdout
    };
    assert_eq!(model("four"), model("again"));
}

#[test]
fn an_edited_model_is_a_start_with_a_warning_and_no_model() {
    let place = Workplace::new();
    place.train("builtin:iris --hidden 8 --epochs 2 --out m");
    let mut bytes = place.read("m/model.safetensors");
    // The last value of the last tensor.
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&0.5f32.to_le_bytes());
    place.write("edited.safetensors", &bytes);
    let ended = place
        .succeed("train builtin:iris --hidden 8 --epochs 1 --initial-weights edited.safetensors");
    assert!(
        ended
            .stdout
            .contains("edited.safetensors: its checksum differs"),
        "{ended:?}"
    );
    let ended = place.succeed("train builtin:iris --hidden 8 --epochs 1 --initial-weights m");
    assert!(!ended.stdout.contains("checksum"), "{ended:?}");
    for command in ["predict", "evaluate"] {
        let message = place.refused(&format!("{command} edited.safetensors builtin:iris"));
        assert!(message.contains("its checksum does not match"), "{message}");
    }
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    place.write("nan.safetensors", &bytes);
    let message = place.refused("train builtin:iris --hidden 8 --initial-weights nan.safetensors");
    assert!(
        message.contains("found NaN, expected finite numbers"),
        "{message}"
    );
}

#[test]
fn an_exported_model_is_a_start_again() {
    let place = Workplace::new();
    place.train("builtin:iris --hidden 8,5 --epochs 3 --out m");
    let ended = place.succeed("export m w.safetensors --layout torch");
    assert_eq!(
        ended.stdout,
        "net = torch.nn.Sequential(torch.nn.Linear(4, 8, bias=True), torch.nn.ReLU(), torch.nn.Linear(8, 5, bias=True), \
         torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=True))\n\
         net.load_state_dict(safetensors.torch.load_file(\"w.safetensors\"))\n"
    );
    let line =
        |weights: &str| format!("builtin:iris --hidden 8,5 --epochs 2 --initial-weights {weights}");
    place.train(&format!("{} --out a", line("m")));
    place.train(&format!("{} --out b", line("w.safetensors")));
    let model = |name: &str| {
        place
            .succeed(&format!("predict {name} builtin:iris --proba"))
            .stdout
    };
    assert_eq!(model("a"), model("b"));
    for (line, expected) in [
        (
            "export m m/model.safetensors",
            "found the model, expected another file",
        ),
        (
            "export m x --layout keras",
            "--layout: found keras, expected torch",
        ),
        ("export none x", "none: cannot be read"),
    ] {
        let message = place.refused(line);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_has_no_module_in_pytorch_brings_the_flags_that_train_what_has_one() {
    let place = Workplace::new();
    let line = |i: usize| {
        format!(
            "{},{},c{},{}",
            noise(i),
            noise(i + 400),
            i % 30,
            noise(i + 900)
        )
    };
    place.write("t.csv", csv("a,b,city,y", 400, line));
    for (index, flags) in [
        "",
        "--preset fast",
        "--preset fast --embed-numbers periodic",
    ]
    .into_iter()
    .enumerate()
    {
        let train = |flags: &str, name: &str| {
            place.succeed(&format!("train t.csv --target y --hidden 8 --no-validation --epochs 1 {flags} --quiet --out {name}"));
        };
        train(flags, &format!("a{index}"));
        let refused = place.refused(&format!("export a{index} w.safetensors --layout torch"));
        let remedy = refused.split("train a plain network by ").nth(1).unwrap();
        let remedy = remedy.split(", or").next().unwrap().replace(" and ", " ");
        // A flag that was given is given otherwise.
        let name = remedy.split(' ').next().unwrap();
        let flags = flags.split(name).next().unwrap();
        train(&format!("{flags} {remedy}"), &format!("b{index}"));
        place.succeed(&format!(
            "export b{index} w{index}.safetensors --layout torch"
        ));
    }
}
