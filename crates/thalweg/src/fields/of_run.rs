//! Declarations of the fields of a run outside the sections `data` and `training`.

use thalweg_core::registry::Domain;
use thalweg_core::spec::Flag;

use super::Values;
use super::declaration::{Own, own, switch};

const NETWORK: &str = "Network";
const TRAINING: &str = "Training";

/// The declarations, in the order of help.
pub const OF_RUN: &[Own] = &[
    own(
        "preset",
        Flag::new(
            "--preset",
            TRAINING,
            "How what is not set is chosen: fast, a plain network; auto, the best recipe that is known at a low cost; \
             best, an ensemble of the recipes that win a race; tabm, TabM as published [default: auto; fast beside --hidden, --lr and others]",
        ),
        "NAME",
        Values::In(Domain::Word(&["fast", "auto", "best", "tabm"])),
    )
    .excludes(&["--config", "--continue"]),
    own(
        "budget",
        Flag::new(
            "--budget",
            TRAINING,
            "With --preset best: what may be spent, in trainings of a network, such as 20, or in seconds, such as 60s \
             [default: 10]",
        ),
        "COST",
        Values::Text,
    )
    .requires("preset"),
    switch(
        "or_linear",
        Flag::new(
            "--or-linear",
            TRAINING,
            "Fit a linear model too, and make it the model if its loss on the validation rows is lower",
        ),
        "true",
    )
    .excludes(&["--refit", "--continue"]),
    own(
        "mlp.hidden",
        Flag::new(
            "--hidden",
            NETWORK,
            "Widths of the hidden layers, such as 128,64; none for a linear model",
        ),
        "WIDTHS",
        Values::Widths,
    )
    .of_model(),
    own(
        "mlp.activation",
        Flag::new("--activation", NETWORK, "Activation of the hidden layers"),
        "NAME",
        Values::Text,
    )
    .of_model(),
    own(
        "mlp.file",
        Flag::new(
            "--network",
            NETWORK,
            "A network from a file: its layers in order, a [[layers]] table each, by the names of `thalweg list layers`",
        ),
        "FILE",
        Values::Path,
    )
    .excludes(&[
        "--hidden",
        "--activation",
        "--dropout",
        "--members",
        "--initializer",
        "--embed-numbers",
        "--scale-layer",
        "--no-scale-layer",
    ]),
    own(
        "mlp.embed_numbers",
        Flag::new(
            "--embed-numbers",
            NETWORK,
            "Give the network a learned vector of each number beside it: piecewise_linear, bent at quantiles, periodic, or none",
        ),
        "HOW",
        Values::In(Domain::Word(&["piecewise_linear", "periodic", "none"])),
    )
    .of_model(),
    switch(
        "mlp.scale_layer",
        Flag::new(
            "--scale-layer",
            NETWORK,
            "Multiply each input of the first dense layer by a learned factor; --lr-factors scale=X gives it a rate of its own",
        ),
        "true",
    )
    .excludes(&["--no-scale-layer"])
    .of_model(),
    switch(
        "mlp.scale_layer",
        Flag::new("--no-scale-layer", NETWORK, "Leave such a layer out"),
        "false",
    )
    .of_model(),
    own(
        "mlp.dropout",
        Flag::new(
            "--dropout",
            NETWORK,
            "Leave out this fraction of every hidden layer's values at random while training",
        ),
        "X",
        Values::In(Domain::DECAY),
    ),
    own(
        "mlp.members",
        Flag::new(
            "--members",
            NETWORK,
            "Make of the network so many that share the weights of their hidden layers (BatchEnsemble, as in TabM); their \
             predictions are averaged",
        ),
        "N",
        Values::In(Domain::Integer(2, 4096)),
    )
    .of_model(),
    own(
        "mlp.initializer",
        Flag::new(
            "--initializer",
            NETWORK,
            "Distribution of the weights before training; else the one that suits the activation",
        ),
        "NAME",
        Values::Text,
    )
    .of_model(),
    own(
        "output_bias",
        Flag::new(
            "--output-bias",
            NETWORK,
            "Where the biases of the output layer start: at prior, the shares of the classes (the mean of a number), \
             or at zero [default: prior for classes and labels]",
        ),
        "HOW",
        Values::In(Domain::Word(&["prior", "zero"])),
    )
    .excludes(&["--initial-weights"])
    .of_model(),
    switch(
        "init_by_data",
        Flag::new(
            "--init-by-data",
            NETWORK,
            "Start the hidden layers so that their sums have deviation 1 over rows of the data, and zeros at such rows",
        ),
        "true",
    )
    .excludes(&["--initial-weights"])
    .of_model(),
    own(
        "initial_weights",
        Flag::new(
            "--initial-weights",
            NETWORK,
            "Start from the weights of a model, a run folder or any safetensors file, such as one of PyTorch; an output \
             layer of another width is drawn anew",
        ),
        "FILE",
        Values::Path,
    )
    .of_model(),
    own(
        "weight_names",
        Flag::new(
            "--weight-names",
            NETWORK,
            "What tensors or layers of --initial-weights are called here, such as fc1=layers.0,fc2=layers.1; else by \
             name, or by shape and order",
        ),
        "THEIRS=OURS",
        Values::List,
    )
    .requires("initial_weights")
    .of_model(),
    own(
        "network.loss",
        Flag::new("--loss", "Training", "What is minimized"),
        "NAME",
        Values::Text,
    )
    .of_model(),
    own(
        "judging.metric",
        Flag::new(
            "--metric",
            "Training",
            "What chooses the best epoch, and stops with --patience, on the validation rows [default: the loss]",
        ),
        "NAME",
        Values::In(Domain::Named {
            kind: "metric",
            many: false,
        }),
    )
    .excludes(&["--no-validation"]),
    own(
        "judging.threshold",
        Flag::new(
            "--threshold",
            "Training",
            "Probability from which class 1 (or a label) is answered: a number, or the best on the validation rows \
             by f1, youden or cost=A:B, the costs of a wrong and of a missed 1",
        ),
        "HOW",
        Values::Text,
    ),
    switch(
        "judging.temperature",
        Flag::new(
            "--temperature",
            "Training",
            "Divide the logits by the number of the least cross-entropy of the validation rows, after training",
        ),
        "true",
    )
    .excludes(&["--no-validation"]),
    switch(
        "smearing",
        Flag::new(
            "--smearing",
            "Training",
            "Predict means of targets that are learned as logarithms, and not medians: times a factor that the \
             validation rows give (Duan 1983)",
        ),
        "true",
    )
    .of_model(),
    own(
        "interval",
        Flag::new(
            "--interval",
            "Training",
            "Predict beside each number the bounds between which this share of the targets lies, such as 0.9; \
             calibrated on the validation rows",
        ),
        "SHARE",
        Values::In(Domain::Number {
            low: 0.0,
            high: 1.0,
            open: (true, true),
        }),
    )
    .of_model(),
    own(
        "continue_from",
        Flag::new(
            "--continue",
            "Run",
            "Go on from this model or run folder on new rows: DATA has its columns and classes; network, preprocessing \
             and settings are its own, --epochs are further ones",
        ),
        "MODEL",
        Values::Path,
    ),
    switch(
        "extend.classes",
        Flag::new(
            "--extend-classes",
            "Run",
            "With --continue: classes that the model does not know become outputs of their own",
        ),
        "true",
    )
    .requires("continue_from"),
    switch(
        "extend.columns",
        Flag::new(
            "--extend-columns",
            "Run",
            "With --continue: columns that the model does not know become inputs, with weights of 0 at first",
        ),
        "true",
    )
    .requires("continue_from"),
];
