//! The declarations of all fields but those of `training`.

use thalweg_core::registry::Domain;
use thalweg_core::spec::Flag;

use super::declaration::{Own, own, switch};
use super::{READING, Values};

const DATA: &str = "Data";
const NETWORK: &str = "Network";
const TRAINING: &str = "Training";

/// The declarations, in the order of help.
pub const OWN: &[Own] = &[
    own(
        "data.target.column",
        Flag::new(
            "--target",
            DATA,
            "Column to predict (several: a,b); else one named target, label, class or y; else the last",
        ),
        "COL",
        Values::Text,
    )
    .also(&[("data.target.task", "null")])
    .of_model(),
    own(
        "data.target.task",
        Flag::new(
            "--task",
            DATA,
            "regression, binary, multiclass or multilabel; else by looking at the target",
        ),
        "TASK",
        Values::In(Domain::Word(&["regression", "binary", "multiclass", "multilabel"])),
    )
    .of_model(),
    own(
        "data.read.labels",
        Flag::new("--labels", DATA, "File of labels that belongs to DATA (IDX, .npy)"),
        "FILE",
        Values::Path,
    ),
    own(
        "data.split.by",
        Flag::new(
            "--split",
            DATA,
            "random; ordered: later rows validate, the last ones test; or a column that names the part of each row: \
             train, validation, test (or 0, 1, 2) [default: random]",
        ),
        "HOW",
        Values::Text,
    ),
    own(
        "data.split.group",
        Flag::new(
            "--group",
            DATA,
            "Column whose rows of one value stay in one part: patients, users, …; it is no feature",
        ),
        "COL",
        Values::Text,
    ),
    own(
        "data.test",
        Flag::new("--test", DATA, "File to test on at the end"),
        "FILE",
        Values::Path,
    )
    .excludes(&["--test-fraction"]),
    own(
        "data.split.test_fraction",
        Flag::new(
            "--test-fraction",
            DATA,
            "Fraction of the rows to test on at the end [default: 0.1]",
        ),
        "X",
        Values::In(Domain::DECAY),
    )
    .also(&[("data.test", "null")]),
    own(
        "data.validation",
        Flag::new("--validation", DATA, "File to watch training on"),
        "FILE",
        Values::Path,
    )
    .excludes(&["--validation-fraction", "--no-validation"]),
    own(
        "data.split.validation_fraction",
        Flag::new(
            "--validation-fraction",
            DATA,
            "Fraction of the rows to watch training on [default: 0.1]",
        ),
        "X",
        Values::In(Domain::DECAY),
    )
    .also(&[("data.validation", "null")])
    .excludes(&["--no-validation"]),
    switch(
        "data.split.validation_fraction",
        Flag::new(
            "--no-validation",
            DATA,
            "Train on all rows that are not test rows, all epochs long",
        ),
        "0.0",
    )
    .also(&[("data.validation", "null")]),
    switch(
        "refit",
        Flag::new(
            "--refit",
            DATA,
            "After the best epoch is found, train anew for as many epochs on all rows, those for validation and test \
             included; scores stay those of the selected model",
        ),
        "true",
    )
    .excludes(&["--continue"]),
    own(
        "ensemble.members",
        Flag::new("--ensemble", "Ensemble", "Average so many models, trained side by side"),
        "K",
        Values::In(Domain::Integer(2, 1000)),
    )
    .excludes(&["--continue", "--refit"]),
    own(
        "ensemble.by",
        Flag::new(
            "--ensemble-by",
            "Ensemble",
            "seeds; or folds (bagging): each model validates on a fold of its own and trains on the others, so that \
             every row trains and every row validates [default: seeds]",
        ),
        "HOW",
        Values::In(Domain::Word(&["seeds", "folds"])),
    )
    .requires("ensemble.members"),
    own(
        "data.fit.drop",
        Flag::new("--drop", DATA, "Columns that the network must not see"),
        "COLS",
        Values::List,
    )
    .of_model(),
    own(
        "data.fit.sample_weight",
        Flag::new("--sample-weight", DATA, "Column of row weights"),
        "COL",
        Values::Text,
    )
    .of_model(),
    own(
        "data.fit.class_weight",
        Flag::new(
            "--class-weight",
            DATA,
            "balanced: rare classes count as much as frequent ones; or a weight for each class, such as A=1,B=50",
        ),
        "HOW",
        Values::ClassWeights,
    )
    .of_model(),
    switch(
        "data.fit.prior_correction",
        Flag::new(
            "--no-prior-correction",
            DATA,
            "Leave probabilities as class weights and balanced sampling make them, instead of correcting them to the \
             true shares of the classes",
        ),
        "false",
    )
    .of_model(),
    own(
        "data.fit.embed_above",
        Flag::new(
            "--embed-above",
            DATA,
            "Give columns of more than N categories to an embedding, as codes, and not an input for each category; or none",
        ),
        "N",
        Values::Limit,
    )
    .of_model(),
    own(
        "data.fit.embed_least",
        Flag::new(
            "--embed-least",
            DATA,
            "Rows that a category needs for a code of its own, else it is unknown [default: 2]",
        ),
        "N",
        Values::In(Domain::Integer(1, i64::MAX)),
    )
    .of_model(),
    own(
        "data.fit.scaling",
        Flag::new(
            "--scaling",
            DATA,
            "standard, robust (quartiles, outliers bent), quantile (those of normal numbers) or none [default: standard]",
        ),
        "HOW",
        Values::In(Domain::Word(&["standard", "robust", "quantile", "none"])),
    )
    .excludes(&["--no-standardize"])
    .of_model(),
    switch(
        "data.fit.scaling",
        Flag::new(
            "--no-standardize",
            DATA,
            "Leave features and targets in the units of the file",
        ),
        "\"none\"",
    )
    .also(&[("data.fit.standardize_target", "false"), ("data.fit.target_transform", "null")])
    .excludes(&["--target-transform"])
    .of_model(),
    own(
        "data.fit.target_transform",
        Flag::new(
            "--target-transform",
            DATA,
            "What a number to predict becomes inside the model: none, standard (mean and deviation), robust (median and \
             quartiles), log, log1p, quantile (normal) or auto, by its tails and the loss [default: auto]",
        ),
        "HOW",
        Values::In(Domain::Word(&[
            "none", "standard", "robust", "log", "log1p", "quantile", "auto",
        ])),
    )
    .of_model(),
    switch(
        "data.fit.clamp",
        Flag::new("--clamp", DATA, "Predict no number beyond the training targets"),
        "true",
    )
    .of_model(),
    own(
        "data.read.names",
        Flag::new(
            "--columns",
            READING,
            "Names of the columns of a text file, instead of those in it",
        ),
        "NAMES",
        Values::List,
    ),
    own(
        "data.read.format",
        Flag::new("--format", READING, "Format of the file, as `thalweg list formats` names it [default: by looking]"),
        "NAME",
        Values::Text,
    ),
    switch(
        "data.read.header",
        Flag::new("--header", READING, "The first line holds names [default: by looking]"),
        "true",
    )
    .excludes(&["--no-header"]),
    switch(
        "data.read.header",
        Flag::new("--no-header", READING, "The first line holds data"),
        "false",
    ),
    own(
        "data.read.delimiter",
        Flag::new("--delimiter", READING, "Character between cells, or tab [default: by looking]"),
        "C",
        Values::Character,
    ),
    own(
        "data.read.encoding",
        Flag::new(
            "--encoding",
            READING,
            "Encoding of a text file, such as latin1 or windows-1252 [default: UTF-8 or UTF-16]",
        ),
        "NAME",
        Values::Text,
    ),
    own(
        "data.read.skip",
        Flag::new("--skip", READING, "Lines to skip before the header [default: 0, and titles by looking]"),
        "N",
        Values::In(Domain::Integer(0, i64::MAX)),
    ),
    own(
        "data.read.missing",
        Flag::new(
            "--missing",
            READING,
            "Cells that mean \"missing\", beside empty, ?, NA, NaN, null, …",
        ),
        "TEXTS",
        Values::List,
    ),
    own(
        "data.read.not_missing",
        Flag::new(
            "--not-missing",
            READING,
            "Cells that do not mean \"missing\" although they are read so, such as None",
        ),
        "TEXTS",
        Values::List,
    ),
    own(
        "data.read.decimal",
        Flag::new("--decimal", READING, "Decimal sign of numbers [default: by looking]"),
        "C",
        Values::Character,
    ),
    own(
        "data.read.thousands",
        Flag::new(
            "--thousands",
            READING,
            "Sign between groups of three digits [default: by looking]",
        ),
        "C",
        Values::Character,
    ),
    own(
        "data.read.categorical",
        Flag::new("--categorical", DATA, "Columns of categories, whatever they look like"),
        "COLS",
        Values::List,
    )
    .of_model(),
    own(
        "data.read.numeric",
        Flag::new("--numeric", DATA, "Columns of numbers, whatever they look like"),
        "COLS",
        Values::List,
    )
    .of_model(),
    own(
        "data.read.date",
        Flag::new(
            "--date",
            DATA,
            "Columns of dates; COL=dmy, COL=mdy or COL=ymd gives the order of day, month and year",
        ),
        "COLS",
        Values::List,
    )
    .of_model(),
    own(
        "preset",
        Flag::new(
            "--preset",
            TRAINING,
            "How what is not set is chosen: fast, a plain network; auto, the best recipe that is known at a low cost \
             [default: fast]",
        ),
        "NAME",
        Values::In(Domain::Word(&["fast", "auto"])),
    )
    .excludes(&["--config", "--continue"]),
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
