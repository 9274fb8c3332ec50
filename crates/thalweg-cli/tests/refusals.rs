//! What does not go together is refused in one line, with exit code 2, and no folder is left.

use crate::common::Workplace;

#[test]
fn what_does_not_go_together_is_refused_in_one_line() {
    let place = Workplace::new();
    let batch_norm =
        "[[layers]]\nname='dense'\nunits=4\nnormalization='batch_norm'\n[[layers]]\nname='dense'\n";
    place.write("batch_norm.toml", batch_norm);
    let dropout = "[[layers]]\nname='dense'\nunits=4\ndropout=0.2\n[[layers]]\nname='dense'\n";
    place.write("dropout.toml", dropout);
    let softmax = "[[layers]]\nname='dense'\nactivation='softmax'\n";
    place.write("softmax.toml", softmax);
    let constrained = "[[layers]]\nname='dense'\nconstraint='max_norm'\n";
    place.write("constrained.toml", constrained);
    for (line, expected) in [
        (
            "builtin:iris --network softmax.toml --loss multiclass_hinge",
            "softmax.toml: line 3: layer 1 (dense) and loss multiclass_hinge: found probabilities for a loss that takes logits",
        ),
        (
            "builtin:breast-cancer --network softmax.toml --loss hinge",
            "loss hinge: found probabilities for a loss that takes logits",
        ),
        (
            "builtin:iris --network batch_norm.toml --batch-size 1",
            "batch_norm.toml: line 4: layer 1 (dense): batch_norm: found a batch size of 1",
        ),
        (
            "builtin:iris --hidden 4 --activation step",
            "layer 1 (dense): training: found the activation step",
        ),
        (
            "builtin:iris --l2 -1",
            "--l2: found -1, expected a number ≥ 0",
        ),
        (
            "builtin:iris --l1 -1",
            "--l1: found -1, expected a number ≥ 0",
        ),
        (
            "builtin:iris --l2-sum -1",
            "--l2-sum: found -1, expected a number ≥ 0",
        ),
        (
            "builtin:iris --optimizer adam --set optimizer.beta1=1",
            "optimizer adam: found beta1 = 1, expected a number ≥ 0 and < 1",
        ),
        (
            "builtin:iris --optimizer sgd --set optimizer.momentum=1.5",
            "optimizer sgd: found momentum = 1.5",
        ),
        (
            "builtin:iris --ema 1",
            "--ema: found 1, expected a number ≥ 0 and < 1",
        ),
        (
            "builtin:iris --optimizer lbfgs --network batch_norm.toml",
            "optimizer lbfgs: found layer 2 (batch_norm), expected layers that compute the same at every update",
        ),
        (
            "builtin:iris --optimizer lbfgs --batch-size 7",
            "--batch-size: found the solver lbfgs, which sees all rows at once",
        ),
        (
            "builtin:iris --optimizer newton_cg --network dropout.toml",
            "optimizer newton_cg: found layer 2 (dropout)",
        ),
        (
            "builtin:iris --optimizer lbfgs --network constrained.toml",
            "optimizer lbfgs: found the constraint of layer 1 (dense)",
        ),
        (
            "builtin:iris --hidden none --set activation.alpha=2",
            "--activation: found no hidden layers, expected at least one",
        ),
        (
            "builtin:iris --hidden none --activation relu",
            "--activation: found no hidden layers, expected at least one",
        ),
        (
            "builtin:iris --network softmax.toml --hidden 4",
            "'--network <FILE>' cannot be used with '--hidden <WIDTHS>'",
        ),
        (
            "builtin:iris --network softmax.toml --activation relu",
            "'--network <FILE>' cannot be used with '--activation <NAME>'",
        ),
        (
            "builtin:iris --network softmax.toml --dropout 0.1",
            "'--network <FILE>' cannot be used with '--dropout <X>'",
        ),
        (
            "builtin:iris --embed-above few",
            "expected a whole number or none",
        ),
    ] {
        let message = place.refused(&format!("train {line} --out o"));
        assert!(message.contains(expected), "{line}: {message}");
        assert!(!place.path("o").exists(), "{line} leaves a folder");
    }
}

/// What is said of a file whose first layer stands on line 3, for images of 8×8 pixels.
#[test]
fn errors_of_a_network_file_name_line_and_layer() {
    let place = Workplace::new();
    let conv = "name='conv2d'\nchannels=3\nkernel=3\n";
    for (layer, expected) in [
        (
            "name='dense'\nunits=4\nactivation='rleu'\n",
            "line 6: layer 1 (dense): activation: found `rleu`, ",
        ),
        (
            "name='dense'\nunits=4\nactivation={name='elu', alpa=1}\n",
            "line 6: layer 1 (dense): activation elu: found setting `alpa`, ",
        ),
        (
            "name='dense'\nunits=4\nnormalization='bach_norm'\n",
            "line 6: layer 1 (dense): normalization: found bach_norm, expected one of batch_norm, ",
        ),
        (
            "name='dense'\nunits=4\ndropout=1\n",
            "line 6: layer 1 (dense): dropout: found rate = 1, expected a number ≥ 0 and < 1",
        ),
        (
            "name='dense'\nunits=4\nnormalization='dropout'\n",
            "line 6: layer 1 (dense): normalization: found dropout, expected one of batch_norm, ",
        ),
        (
            "name='dense'\nunits=4\ndropout={rate=0.2}\n",
            "line 6: found a table without `name`",
        ),
        (
            "name='dense'\nunits=4\nnormalisation='batch_norm'\n",
            "line 6: layer 1 (dense): found setting `normalisation`, expected one of units, activation, bias, initializer, constraint; did you mean `normalization`?",
        ),
        (
            "name='dense'\nunits=4\ninitializer='orthogonl'\n",
            "line 6: layer 1 (dense): initializer: found `orthogonl`, ",
        ),
        (
            "name='dense'\nunits=4\nconstraint='max_nrom'\n",
            "line 6: layer 1 (dense): constraint: found `max_nrom`, ",
        ),
        (
            "name='dense'\nunits=4\nconstraint={name='max_norm', limit=-1}\n",
            "line 6: layer 1 (dense): constraint max_norm: found limit = -1, expected a number > 0",
        ),
        (
            "name='dense'\nunits=4\ncolour='red'\n",
            "line 6: layer 1 (dense): found setting `colour`, ",
        ),
        (
            &format!("{conv}normalization={{name='group_norm', groups=2}}\n"),
            "line 7: layer 1 (conv2d): group_norm: found 2 groups of 3 channels",
        ),
        (
            "name='dense'\nunits=4\nactivation='rleu'\nnormalization='batch_norm'\n",
            "line 6: layer 1 (dense): activation: found `rleu`, ",
        ),
        (
            "name='dense'\nunits=4\nnormalization={name='weight_norm', layer={name='dense'}}\n",
            "line 6: layer 1 (dense): normalization: found a `layer`, expected none",
        ),
        (
            "name='desne'\nunits=4\n",
            "line 4: layer 1 (desne): found `desne`, expected one of dense, ",
        ),
        (
            "name='residual'\nlayers=[\n {name='dense', units=4, normalization='batch_norm', activation='relu'},\n \
             {name='dense', units=4, dropout=3},\n]\n",
            "line 7: layer 1 (residual): layer 2 (dense): dropout: found rate = 3, ",
        ),
        (
            "name='residual'\nlayers=[\n {name='dense', units=4, dropout=0.1},\n \
             {name='dense', units=4, activation='rleu'},\n]\n",
            "line 7: layer 1 (residual): layer 2 (dense): activation: found `rleu`, ",
        ),
        (
            "name='residual'\nlayers=[\n {name='dense', units=4, dropout=0.1},\n \
             {name='dense', units=4, normalization='bn'},\n]\n",
            "line 7: layer 1 (residual): layer 2 (dense): normalization: found bn, ",
        ),
        (
            "name='dense'\nunits='4'\nnormalization='weight_norm'\n",
            "line 5: layer 1 (dense): found units = \"4\", expected a whole number",
        ),
        (
            "name='weight_norm'\nlayer={name='dense', units=4, dropout=0.1}\n",
            "line 5: layer 1 (weight_norm): layer dense: found setting `dropout`, expected one of units, activation, \
             bias, initializer, constraint",
        ),
        (
            "name='residual'\nlayers=[{name='flatten'}, {name='dense', units=3}]\n",
            "line 3: layer 1 (residual): found 1×8×8 → 3 without a projection",
        ),
    ] {
        place.write(
            "net.toml",
            format!("# a network\n\n[[layers]]\n{layer}\n[[layers]]\nname='dense'\n"),
        );
        let message = place.refused("train builtin:digits --network net.toml --out o");
        let expected = format!("thalweg: net.toml: {expected}");
        assert!(
            message.starts_with(&expected),
            "{message} is not {expected}"
        );
    }
    let input = "input = [4611686018427387905, 16, 4]\n[[layers]]\nname='dense'\n";
    place.write("net.toml", input);
    let message = place.refused("train builtin:digits --network net.toml");
    let expected = "thalweg: net.toml: line 1: network: found input = [4611686018427387905, 16, 4] for rows of 64";
    assert!(message.starts_with(expected), "{message}");
    place.write("net.toml", "\nlayer = 3\n[[layers]]\nname='dense'\n");
    let message = place.refused("train builtin:digits --network net.toml");
    assert!(
        message.starts_with("thalweg: net.toml: line 2: found `layer`, expected one of input, layers; did you mean `layers`?"),
        "{message}"
    );
}

/// Layers that short forms stand for are not counted, and what only the whole network shows has its place in the file too.
#[test]
fn errors_of_training_name_line_and_layer_of_the_file() {
    let place = Workplace::new();
    let first = "[[layers]]\nname='dense'\nunits=4\nnormalization='batch_norm'\nactivation='relu'\ndropout=0.1\n";
    for (last, flags, expected) in [
        (
            "[[layers]]\nname='dense'\nunits=3\nactivation='step'\n[[layers]]\nname='dense'\n",
            "",
            "line 10: layer 2 (dense): ",
        ),
        (
            "[[layers]]\nname='dense'\nactivation='softmax'\n",
            "",
            "line 9: layer 2 (dense) and loss cross_entropy: found probabilities",
        ),
        (
            "[[layers]]\nname='dense'\n",
            "--batch-size 1",
            "line 4: layer 1 (dense): batch_norm: found a batch size of 1",
        ),
    ] {
        place.write("net.toml", format!("{first}{last}"));
        let message = place.refused(&format!(
            "train builtin:digits --network net.toml --out o {flags}"
        ));
        let expected = format!("thalweg: net.toml: {expected}");
        assert!(
            message.starts_with(&expected),
            "{message} is not {expected}"
        );
    }
}

#[test]
fn a_last_batch_of_one_row_is_normalized_by_the_running_statistics() {
    // 12 rows to train on, in batches of 11 and 1.
    let place = Workplace::new();
    let mut text = "x,y\n".to_owned();
    (0..12).for_each(|i| text.push_str(&format!("{i},{}\n", i * i)));
    place.write("rows.csv", text);
    let batch_norm =
        "[[layers]]\nname='dense'\nunits=4\nnormalization='batch_norm'\n[[layers]]\nname='dense'\n";
    place.write("net.toml", batch_norm);
    let end = place.train(
        "rows.csv --no-validation --test-fraction 0 --batch-size 11 --epochs 5 --network net.toml --out o",
    );
    assert!(end["train"]["loss"].as_f64().unwrap().is_finite(), "{end}");
}

#[test]
fn the_digits_of_the_program_are_images_to_a_convolution_and_values_to_the_rest() {
    let place = Workplace::new();
    place.write(
        "net.toml",
        "[[layers]]\nname='conv2d'\nchannels=4\nkernel=3\nactivation='relu'\nconstraint={name='max_norm', limit=0.5}\n\n\
         [[layers]]\nname='dense'\n",
    );
    place.train("builtin:digits --network net.toml --epochs 1 --out a --threads 1");
    let info = place.succeed("info a").stdout;
    assert!(info.contains("1×8×8 → 4×6×6"), "{info}");
    place.succeed("predict a builtin:digits");
    place.train("builtin:digits --hidden 8 --epochs 1 --out b");
    let info = place.succeed("info b").stdout;
    assert!(info.contains("64 → 8"), "{info}");
    // Images of the program can be augmented, too.
    place.train("builtin:digits --network net.toml --augment shift=1 --epochs 1 --out c");
}

#[test]
fn what_a_config_holds_is_not_changed_in_parts_and_fits_other_data_or_is_refused() {
    let place = Workplace::new();
    place.write(
        "net.toml",
        "[[layers]]\nname='dense'\nunits=8\n[[layers]]\nname='dense'\nnormalization='weight_norm'\n",
    );
    place.train("builtin:iris --network net.toml --epochs 1 --out told");
    place.train("builtin:iris --hidden none --epochs 1 --out linear");
    place.train("builtin:iris --hidden 8 --dropout 0.2 --epochs 1 --out plain");
    for (line, expected) in [
        (
            "builtin:breast-cancer --config told/config.toml --target target",
            "network: found a network of 3 outputs, expected 1",
        ),
        (
            "--config told/config.toml --hidden 16",
            "--hidden: found a network with the layer weight_norm",
        ),
        (
            "--config linear/config.toml --activation tanh",
            "--activation: found a network without hidden layers",
        ),
        (
            "--config linear/config.toml --dropout 0.2",
            "--dropout: found a network without hidden layers",
        ),
    ] {
        let message = place.refused(&format!("train {line} --out refused"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    place.train("--config plain/config.toml --hidden 16 --out wider");
    assert!(place.text("wider/config.toml").contains("rate = 0.2"));
}
