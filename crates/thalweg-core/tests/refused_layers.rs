//! What does not fit is refused by the name of the layer.

use crate::common::networks::*;
use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::NetworkSpec;

fn refused(image: Option<[usize; 3]>, layers: Vec<Choice>, batch_size: usize) -> String {
    let network = whole(image, layers);
    let result = cpu::engine(&network, &descent(1.0, batch_size, 1), 1);
    let message = result.err().expect("it is refused").to_string();
    assert!(!message.contains('\n'));
    message
}

#[test]
fn what_does_not_fit_is_refused_by_the_layers_name() {
    let batch_norm = || Choice::new("batch_norm");
    let kernel = |name, kernel: f64| layer(name, &[("kernel", kernel)]);
    let image = Some([3, 4, 4]);
    let cases = [
        (
            None,
            vec![dense(4, "relu"), batch_norm()],
            1,
            "layer 2 (batch_norm): found a batch size of 1",
        ),
        (
            image,
            vec![layer("group_norm", &[("groups", 2.0)])],
            2,
            "layer 1 (group_norm): found 2 groups of 3 channels",
        ),
        (
            None,
            vec![
                dense(4, "relu"),
                conv(2, 3, "tanh").with("padding", Setting::Integer(1)),
            ],
            2,
            "layer 2 (conv2d): found a list of 4 values, expected an image",
        ),
        (
            Some([3, 1, 1]),
            vec![Choice::new("instance_norm")],
            2,
            "layer 1 (instance_norm): found images of one pixel, 3×1×1, expected images of several pixels",
        ),
        (
            Some([3, 1, 1]),
            vec![layer("group_norm", &[("groups", 3.0)])],
            2,
            "layer 1 (group_norm): found a single value, expected at least two",
        ),
        (
            Some([3, 1, 1]),
            vec![embedding(&[3], None)],
            2,
            "layer 1 (embedding): found it behind another layer or on an image",
        ),
        (
            None,
            vec![Choice::new("select").with("inputs", Setting::Integers(vec![0, 9]))],
            2,
            "found column 9, expected one of 6 inputs, counted from 0",
        ),
        (
            None,
            vec![Choice::new("select").with("inputs", Setting::Integers(vec![3, 3]))],
            2,
            "found column 3 twice, expected each once",
        ),
        (
            image,
            vec![conv(2, 5, "tanh")],
            2,
            "layer 1 (conv2d): found a kernel of 5×5, expected at most its input, 4×4",
        ),
        (
            image,
            vec![kernel("max_pool", 5.0)],
            2,
            "layer 1 (max_pool): found a kernel of 5×5",
        ),
        (
            image,
            vec![kernel("average_pool", 2.0).with("padding", Setting::Integer(2))],
            2,
            "padding 2 for a kernel of 2×2",
        ),
        (
            image,
            vec![conv(2, 2, "tanh").with("groups", Setting::Integer(2))],
            2,
            "layer 1 (conv2d): found 2 groups of 3 to 2 channels",
        ),
        (
            None,
            vec![conv(2, 3, "tanh")],
            2,
            "layer 1 (conv2d): found a list of 6 values, expected an image",
        ),
        (
            None,
            vec![Choice::new("instance_norm")],
            2,
            "(instance_norm): found a list",
        ),
        (
            None,
            vec![residual(vec![dense(5, "relu")])],
            2,
            "layer 1 (residual): found 6 → 5 without a projection",
        ),
        (
            None,
            vec![
                residual(vec![dense(5, "relu")])
                    .with("projection", Setting::Choice(dense(4, "identity"))),
            ],
            2,
            "a projection to 4 beside layers to 5",
        ),
        (
            None,
            vec![residual(vec![dense(6, "relu"), conv(2, 3, "tanh")])],
            2,
            "layer 1 (residual): layer 2 (conv2d): found a list",
        ),
        (
            None,
            vec![layer("dropout", &[("rate", 1.5)])],
            2,
            "rate = 1.5, expected a number ≥ 0 and < 1",
        ),
        (
            None,
            vec![Choice::new("dropout").with("rate", Setting::Number(1.0))],
            2,
            "rate = 1.0,",
        ),
        (
            None,
            vec![wrapped("weight_norm", Choice::new("flatten"))],
            2,
            "layer 1 (weight_norm): found layer = ",
        ),
        (
            None,
            vec![dense(4, "relu"), embedding(&[3], None)],
            2,
            "layer 2 (embedding): found it behind another layer",
        ),
        (
            None,
            vec![embedding(&[3, 3], Some(&[2]))],
            2,
            "layer 1 (embedding): found 1 widths for 2 levels, expected one of each for a column",
        ),
        (
            None,
            vec![embedding(&[3; 7], None)],
            2,
            "layer 1 (embedding): found levels of 7 columns, expected at most the 6 inputs",
        ),
        (
            // Codes from 2²⁴ on are no whole numbers of their own in single precision.
            None,
            vec![embedding(&[5, (1 << 24) + 1], None)],
            2,
            "layer 1 (embedding): found levels = [5, 16777217], expected a list of whole numbers from 1 to 16777216",
        ),
        (
            None,
            vec![wrapped(
                "spectral_norm",
                dense(4, "relu").with("constraint", "max_norm".into()),
            )],
            2,
            "layer 1 (spectral_norm): found constraint = max_norm(limit=3) on the layer that it normalizes",
        ),
        (
            None,
            vec![
                dense(4, "relu").with(
                    "constraint",
                    Choice::new("max_norm")
                        .with("limit", Setting::Number(0.0))
                        .into(),
                ),
            ],
            2,
            "layer 1 (dense): constraint max_norm: found limit = 0.0, expected a number > 0",
        ),
        (Some([1, 2, 2]), vec![], 2, ""),
    ];
    for (image, layers, batch_size, expected) in cases {
        if expected.is_empty() {
            let network = NetworkSpec {
                image,
                ..network(6, "mse", vec![dense(1, "identity")])
            };
            let message = network.resolve().unwrap_err().to_string();
            assert!(
                message.contains("images of 1×2×2 for 6 inputs"),
                "{message}"
            );
            continue;
        }
        let message = refused(image, layers, batch_size);
        assert!(message.contains(expected), "{message}");
    }
}
