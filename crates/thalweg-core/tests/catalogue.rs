//! Everything that the catalogue asks for can be named, and everything that can be named says what
//! it is.

use std::collections::BTreeSet;

use crate::common::names;
use thalweg_core::activations::ACTIVATIONS;
use thalweg_core::augmentations::AUGMENTATIONS;
use thalweg_core::constraints::CONSTRAINTS;
use thalweg_core::initializers::INITIALIZERS;
use thalweg_core::layers::LAYERS;
use thalweg_core::losses::LOSSES;
use thalweg_core::metrics::METRICS;
use thalweg_core::registry::Description;
use thalweg_core::schedules::SCHEDULES;
use thalweg_core::solvers;
use thalweg_core::spec::RuleKind;

/// Layers.
const LAYER_NAMES: &[&str] = &[
    "dense",
    "conv2d", // stride, padding, groups
    "max_pool",
    "average_pool",
    "global_average_pool",
    "flatten",
    "unflatten",  // its inverse
    "activation", // where it is not that of a layer
    "residual",   // x + f(x), with a projection where the shape changes
    "embedding",
    "sparse",
    "select",           // some of the inputs
    "piecewise_linear", // numbers on quantile bins
    "periodic",         // numbers by waves
    "scale",
    "parametric", // an activation by degrees
    "dropout",
    "batch_norm",
    "layer_norm",
    "instance_norm",
    "group_norm",
    "weight_norm",
    "spectral_norm",
];

/// Activations.
const ACTIVATION_NAMES: &[&str] = &[
    "identity",
    "step", // prediction only
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu", // exact
    "gelu_tanh",
    "silu",
    "mish",
    "softplus",
    "softmax",
];

/// Losses; one's own is `losses::Custom`.
const LOSS_NAMES: &[&str] = &[
    "mse",
    "half_mse",
    "mae",
    "huber",
    "quantile",
    "hinge",
    "squared_hinge",
    "multiclass_hinge", // Crammer–Singer
    "logistic",         // binary cross-entropy
    "cross_entropy",    // integer labels or probabilities, label smoothing
    "perceptron",
    "poisson",
    "focal",
    "multiclass_focal",
];

/// Optimizers and solvers.
const OPTIMIZER_NAMES: &[&str] = &[
    "gd",       // batch, mini-batch and stochastic gradient descent
    "momentum", // the moving average of the notes
    "sgd",      // heavy ball, Nesterov
    "adagrad",  // mean, and sum
    "rmsprop",  // first step |g₀|, and zero start, ε outside, centred, momentum
    "adam",     // ε inside or outside, AMSGrad
    "adamw",
    "nadam",
    "radam",
    "adamax",
    "adadelta",
    "lion",
    "lars",
    "lamb",
    "muon",
    "lbfgs",
    "newton_cg",
    "closed_form", // normal equations
    "exhaustive",  // search over a grid of one or two parameters
];

/// Settings that the catalogue asks for and that are variants of an entry.
const VARIANTS: &[(&str, &[&str])] = &[
    ("sgd", &["momentum", "nesterov"]),
    ("adagrad", &["mean"]),
    (
        "rmsprop",
        &[
            "from_first_gradient",
            "epsilon_inside",
            "centered",
            "momentum",
        ],
    ),
    ("adam", &["epsilon_inside", "amsgrad"]),
];

/// Schedules; the linear scaling rule and the reduction on plateaus are in [`RULE_NAMES`].
const SCHEDULE_NAMES: &[&str] = &[
    "constant",
    "exponential",
    "step_decay",
    "inverse_time", // 1/t
    "polynomial",
    "cosine",
    "cosine_restarts",
    "linear_warmup", // in front of any of them
    "inverse_sqrt",  // with warm-up (Transformer)
    "one_cycle",
    "coslog4",     // RealMLP
    "flat_cosine", // RealMLP, of dropout and decay
];

/// Initializers; the output bias at the log prior is `initializers::start_at_prior`.
const INITIALIZER_NAMES: &[&str] = &[
    "zeros",
    "constant",
    "uniform",
    "normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
];

/// Augmentations.
const AUGMENTATION_NAMES: &[&str] = &["flip", "shift", "crop", "noise", "mixup"];

/// Metrics; the confusion matrix is `metrics::confusion`, the best constant
/// `metrics::best_constant`.
const METRIC_NAMES: &[&str] = &["rmse", "mae", "r2", "accuracy", "auc", "f1"];

/// What a layer may ask of its weights after every update.
const CONSTRAINT_NAMES: &[&str] = &["max_norm", "none"];

/// What is no entry but a rule of the run, by kind.
const RULE_NAMES: &[(&str, &[&str])] = &[
    (
        "penalties",
        &[
            "l2",     // λ/2·‖W‖²
            "l2_sum", // λ/(2m)·‖W‖²
            "l1",
            "elastic_net",
            "weight_decay", // decoupled
            "max_norm",
            "decay_factors", // by role or layer
        ],
    ),
    ("clipping", &["clip_norm", "clip_value"]),
    ("gradients", &["reduction", "sam"]), // mean, sum; around any optimizer
    // The public utility, averaged parameters, the smoothed loss curve.
    ("averages", &["average", "ema", "smoothed_loss"]),
    (
        "batches",
        &[
            "batch_size", // 1, B, N
            "shuffle",
            "reshuffle",  // or a fixed partition
            "last_batch", // kept, dropped, weighted
            "sampling",   // uniform, stratified, balanced
            "block",      // rows shuffled within windows of blocks
        ],
    ),
    (
        "rates",
        &[
            "learning_rate",
            "reduce_on_plateau",
            "linear_scaling",
            "rate_factors", // by role or layer
            "parametrization",
        ],
    ),
    (
        "stopping",
        &[
            "epochs",
            "max_steps",
            "max_time",
            "target_loss",
            "patience", // early stopping
            "min_change",
            "min_gradient",
            "diverged",
        ],
    ),
    (
        "runs",
        &[
            "optimizer",
            "schedule",
            "decay_schedule",
            "dropout_schedule",
            "augment",
            "dtype",
            "seed",
        ],
    ),
];

/// All names that are asked for are there; the registry may have more.
fn check(kind: &str, wanted: &[&str], listed: &[&str]) {
    assert!(!wanted.is_empty(), "no {kind}");
    for name in wanted {
        assert!(listed.contains(name), "{kind}: no {name}");
    }
    let distinct: BTreeSet<&&str> = listed.iter().collect();
    assert_eq!(distinct.len(), listed.len(), "{kind}: a name twice");
}

#[test]
fn every_row_of_the_catalogue_is_there() {
    check("activations", ACTIVATION_NAMES, &names(&ACTIVATIONS));
    check("losses", LOSS_NAMES, &names(&LOSSES));
    let listed: Vec<&str> = (solvers::descriptions().iter())
        .map(|description| description.name)
        .collect();
    check("optimizers", OPTIMIZER_NAMES, &listed);
    check("schedules", SCHEDULE_NAMES, &names(&SCHEDULES));
    check("initializers", INITIALIZER_NAMES, &names(&INITIALIZERS));
    check("constraints", CONSTRAINT_NAMES, &names(&CONSTRAINTS));
    check("augmentations", AUGMENTATION_NAMES, &names(&AUGMENTATIONS));
    check("layers", LAYER_NAMES, &names(&LAYERS));
    check("metrics", METRIC_NAMES, &names(&METRICS));
}

#[test]
fn variants_are_settings_of_their_entries() {
    for (name, settings) in VARIANTS {
        let all = solvers::descriptions();
        let entry = all.iter().find(|entry| entry.name == *name).unwrap();
        for setting in *settings {
            let has = (entry.parameters.iter()).any(|parameter| parameter.name == *setting);
            assert!(has, "{name} has no {setting}");
        }
    }
}

#[test]
fn every_rule_of_a_run_is_listed_by_its_kind() {
    let kinds: Vec<&str> = RuleKind::ALL.iter().map(|kind| kind.names()[0]).collect();
    let wanted: Vec<&str> = RULE_NAMES.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, wanted);
    for (kind, (plural, wanted)) in RuleKind::ALL.iter().zip(RULE_NAMES) {
        let names: Vec<&str> = kind.rules().map(|r| r.description.name).collect();
        check(plural, wanted, &names);
    }
    // What else the catalogue asks for has functions.
    let _: fn(&mut dyn thalweg_core::engine::Engine, _, _) -> _ =
        thalweg_core::initializers::start_at_prior;
    let _ = thalweg_core::average::Average::with_window(10.0);
}

#[test]
fn every_entry_says_what_it_computes_and_where_that_comes_from() {
    let entries: [(&str, Vec<&Description>); 9] = [
        ("layer", LAYERS.descriptions()),
        ("activation", ACTIVATIONS.descriptions()),
        ("loss", LOSSES.descriptions()),
        ("optimizer", solvers::descriptions()),
        ("schedule", SCHEDULES.descriptions()),
        ("initializer", INITIALIZERS.descriptions()),
        ("constraint", CONSTRAINTS.descriptions()),
        ("augmentation", AUGMENTATIONS.descriptions()),
        ("metric", METRICS.descriptions()),
    ];
    let rules = (RuleKind::ALL.iter()).map(|kind| {
        let descriptions = kind.rules().map(|rule| &rule.description);
        (kind.names()[1], descriptions.collect())
    });
    let mut count = 0;
    for (kind, entries) in entries.into_iter().chain(rules) {
        for entry in entries {
            count += 1;
            for (what, text) in [
                ("summary", entry.summary),
                ("equation", entry.equation),
                ("source", entry.source),
            ] {
                let says = text.chars().any(char::is_alphanumeric);
                assert!(says, "{kind} {} has no {what}", entry.name);
                assert!(!text.contains("  "), "{kind} {}: {text}", entry.name);
            }
            for parameter in entry.parameters {
                let says = !parameter.summary.is_empty();
                assert!(
                    says,
                    "{kind} {}: {} says nothing",
                    entry.name, parameter.name
                );
            }
        }
    }
    assert!(count >= 105, "only {count} entries");
}
