//! Networks told layer by layer: from a file to the same model again.

use crate::common::Workplace;

/// 90 images of 6×6 bytes in three classes, the rows of which are bright in another place, as IDX files.
fn images(place: &Workplace) {
    let mut pixels = vec![0, 0, 8, 3, 0, 0, 0, 90, 0, 0, 0, 6, 0, 0, 0, 6];
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 90];
    for row in 0..90u32 {
        let class = row % 3;
        labels.push(class as u8);
        for pixel in 0..36 {
            let noise = (row * 37 + pixel * 101) % 61;
            let light = if pixel / 12 == class { 150 } else { 0 };
            pixels.push((noise + light) as u8);
        }
    }
    place.write("x.idx", pixels);
    place.write("y.idx", labels);
}

const NETWORK: &str = r#"
[[layers]]
name = "conv2d"
channels = 4
kernel = 3
normalization = "batch_norm"
activation = "relu"

[[layers]]
name = "residual"
layers = [
  { name = "conv2d", channels = 6, kernel = 3, padding = 1, activation = "relu", dropout = 0.1 },
]
projection = { name = "conv2d", channels = 6, kernel = 1 }

[[layers]]
name = "global_average_pool"

[[layers]]
name = "dense"
units = 12
normalization = "spectral_norm"
activation = "tanh"

[[layers]]
name = "dense"
"#;

#[test]
fn a_network_from_a_file_is_trained_and_trained_again_and_told() {
    let place = Workplace::new();
    images(&place);
    place.write("net.toml", NETWORK);
    let data = "x.idx --labels y.idx --epochs 3 --batch-size 16";
    place.train(&format!("{data} --network net.toml --out a --threads 1"));
    place.train("--config a/config.toml --out b --threads 2");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    assert_eq!(place.read("a/config.toml"), place.read("b/config.toml"));
    // What would reach some of its layers alone.
    for (flags, name) in [
        ("--activation tanh", "--activation"),
        ("--dropout 0.2", "--dropout"),
        ("--initializer orthogonal", "--initializer"),
        ("--set activation.alpha=2", "--activation"),
    ] {
        let message = place.refused(&format!("train --config a/config.toml {flags} --out c"));
        let expected = format!("{name}: found a network with the layer conv2d");
        assert!(message.contains(&expected), "{message}");
    }
    let predicted = place.succeed("predict a x.idx");
    assert_eq!(predicted.stdout.lines().count(), 91);

    let told = place.succeed("info a").stdout;
    for line in [
        "network    1×6×6 inputs, loss cross_entropy",
        "layers.0      1×6×6 → 4×4×4   40 parameters  conv2d(",
        "layers.1      4×4×4 → 4×4×4   16 parameters  batch_norm(",
        "layers.3      4×4×4 → 6×4×4  252 parameters  residual(",
        "layers.4          6×4×4 → 6    0 parameters  global_average_pool",
        "layers.6            12 → 3   39 parameters  dense(",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = squeezed(line);
        assert!(
            told.lines().any(|line| squeezed(line).starts_with(&wanted)),
            "{line}: {told}"
        );
    }
}

#[test]
fn dropout_stands_behind_every_hidden_layer() {
    let place = Workplace::new();
    let line = "builtin:iris --hidden 8,4 --epochs 1";
    place.train(&format!("{line} --dropout 0.25 --out a"));
    let told = place.succeed("info a").stdout;
    let names: Vec<&str> = (told.lines().filter(|line| line.contains("  layers.")))
        .map(|line| line.rsplit("  ").next().unwrap().split('(').next().unwrap())
        .collect();
    assert_eq!(names, ["dense", "dropout", "dense", "dropout", "dense"]);
    assert!(told.contains("dropout(rate=0.25)"), "{told}");
    place.train("--config a/config.toml --out b");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    for (flags, expected) in [
        (
            "--dropout 1",
            "--dropout: found 1, expected a number ≥ 0 and < 1",
        ),
        ("--dropout nan", "--dropout: found nan"),
    ] {
        let message = place.refused(&format!("train {line} {flags}"));
        assert!(message.contains(expected), "{message}");
    }
    let message = place.refused("train builtin:iris --hidden none --dropout 0.1");
    assert!(
        message.contains("--dropout: found no hidden layers"),
        "{message}"
    );
}

#[test]
fn a_network_file_that_does_not_fit_is_explained_in_one_line() {
    let place = Workplace::new();
    images(&place);
    let layer = "[[layers]]\nname = 'dense'\nunits = 4\n";
    for (text, expected) in [
        ("layers = [".to_owned(), "net.toml: line 1: "),
        (String::new(), "net.toml: line 1: found no `layers`"),
        (
            format!("{layer}[[layers]]\nname = 'conv3d'\n"),
            "net.toml: line 5: layer 2 (conv3d): found `conv3d`",
        ),
        (
            "[[layers]]\nname = 'conv2d'\nkernel = 7\nchannels = 2\n".to_owned(),
            "net.toml: line 1: layer 1 (conv2d): found a kernel of 7×7, expected at most its input, 6×6",
        ),
        (
            format!("{layer}[[layers]]\nname = 'dropout'\nrate = 1\n"),
            "line 6: layer 2 (dropout): found rate = 1, expected a number ≥ 0 and < 1",
        ),
        (
            layer.to_owned(),
            "line 3: layer 1 (dense): outputs: found 4, expected 3",
        ),
    ] {
        place.write("net.toml", text);
        let message = place.refused("train x.idx --labels y.idx --network net.toml");
        assert!(message.contains(expected), "{message}");
    }
    let message = place.refused("train x.idx --labels y.idx --network none.toml");
    assert!(message.contains("none.toml: cannot be read"), "{message}");
    place.write(
        "net.toml",
        "[[layers]]\nname = 'batch_norm'\n[[layers]]\nname = 'dense'\n",
    );
    let message = place.refused("train builtin:iris --batch-size 1 --network net.toml");
    assert!(
        message.contains("layer 1 (batch_norm): found a batch size of 1"),
        "{message}"
    );
}

/// The networks of `examples/networks`.
fn example(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/networks");
    format!("{folder}/{name}.toml")
}

/// Test accuracy of a run.
fn accuracy(place: &Workplace, line: &str, out: &str) -> f64 {
    place.train(&format!("{line} --out {out}"));
    let log = place.text(&format!("{out}/log.jsonl"));
    let end: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    end["test"]["accuracy"].as_f64().unwrap()
}

#[test]
fn a_convolutional_network_learns_images() {
    let place = Workplace::new();
    images(&place);
    let network = example("small_conv");
    let line = format!("x.idx --labels y.idx --network {network} --batch-size 8 --seed 1");
    let before = accuracy(&place, &format!("{line} --epochs 1 --lr 1e-9"), "a");
    let after = accuracy(&place, &format!("{line} --epochs 20"), "b");
    assert!(before < 0.7 && after > 0.99, "{before} {after}");
}

#[test]
fn thirty_layers_of_tanh_learn_with_residual_blocks_or_batch_norm_alone() {
    let place = Workplace::new();
    let [plain, residual, norm] = ["plain", "residual", "batch_norm"].map(|name| {
        let network = example(&format!("{name}_30_tanh"));
        let training = "--optimizer sgd --lr 0.02 --epochs 60 --no-validation --seed 1";
        accuracy(
            &place,
            &format!("builtin:digits --network {network} {training}"),
            name,
        )
    });
    assert!(plain < 0.2, "{plain}");
    assert!(residual > 0.9 && norm > 0.9, "{residual} {norm}");
}
