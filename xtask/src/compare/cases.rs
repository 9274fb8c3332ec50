//! The configurations: tasks, layers, losses, optimizers, solvers, rules of a run, precisions and threads.

/// A name, and the command lines of its runs after `thalweg train --out …`.
///
/// The first word of the first line is the data; `@1` is the folder of the first run; a line that begins with
/// `killed` is killed behind its first checkpoint and resumed.
pub type Case = (&'static str, &'static [&'static str]);

/// All of them; each takes a fraction of a second.
pub const CASES: &[Case] = &[
    // Everything chosen by the data.
    ("digits", &["builtin:digits --epochs 3 --threads 2"]),
    ("wine", &["builtin:wine --threads 1"]),
    ("diabetes", &["builtin:diabetes --epochs 20 --threads 3"]),
    (
        "breast-cancer",
        &["builtin:breast-cancer --epochs 10 --threads 2"],
    ),
    // Tasks.
    (
        "multilabel",
        &["tags.csv --target hot,wet,loud --epochs 5 --threads 2"],
    ),
    (
        "several-targets",
        &["houses.csv --target area,price --epochs 5 --threads 1"],
    ),
    (
        "counts",
        &["visits.csv --target visits --task regression --loss poisson --epochs 5 --threads 1"],
    ),
    (
        "linear-svm",
        &["risks.csv --hidden none --loss hinge --l2 0.01 --epochs 5 --threads 2"],
    ),
    (
        "perceptron",
        &[
            "risks.csv --hidden none --loss perceptron --optimizer gd --batch-size 1 --epochs 3 --threads 1",
        ],
    ),
    ("focal", &["risks.csv --loss focal --epochs 5 --threads 1"]),
    (
        "multiclass-hinge",
        &["builtin:iris --loss multiclass_hinge --epochs 20 --threads 1"],
    ),
    (
        "huber",
        &["houses.csv --loss huber --set loss.delta=0.5 --scaling robust --epochs 5 --threads 2"],
    ),
    // Precision, threads, batches.
    (
        "f64",
        &["builtin:digits --hidden 64,32 --dtype f64 --epochs 3 --threads 3"],
    ),
    (
        "bf16",
        &["builtin:digits --hidden 96,64 --dtype bf16 --epochs 3 --threads 2"],
    ),
    (
        "one-thread",
        &["builtin:digits --hidden 200,100 --epochs 3 --threads 1"],
    ),
    (
        "three-threads",
        &["builtin:digits --hidden 200,100 --batch-size 200 --epochs 3 --threads 3"],
    ),
    (
        "single-rows",
        &["builtin:iris --batch-size 1 --hidden 16 --epochs 10 --threads 1"],
    ),
    (
        "single-rows-f64",
        &[
            "builtin:iris --batch-size 1 --hidden 8,8 --activation tanh --dtype f64 --epochs 5 --threads 2",
        ],
    ),
    (
        "logistic",
        &[
            "risks.csv --hidden none --optimizer sgd --lr 0.1 --batch-size 32 --epochs 20 --threads 2",
        ],
    ),
    (
        "large-batch",
        &["builtin:breast-cancer --hidden 32,32 --batch-size 1000 --epochs 20 --threads 2"],
    ),
    (
        "last-batch-weight",
        &["builtin:iris --batch-size 50 --last-batch weight --epochs 10 --threads 1"],
    ),
    (
        "last-batch-drop",
        &["builtin:iris --batch-size 50 --last-batch drop --no-reshuffle --epochs 10 --threads 1"],
    ),
    (
        "no-shuffle-sum",
        &["builtin:wine --no-shuffle --reduction sum --lr 0.0001 --epochs 10 --threads 1"],
    ),
    (
        "balanced",
        &["risks.csv --sampling balanced --epochs 5 --threads 2"],
    ),
    (
        "stratified",
        &["builtin:digits --sampling stratified --hidden 32 --epochs 3 --threads 1"],
    ),
    // More than 2¹⁷ rows: another shuffle.
    (
        "many-rows",
        &["many.csv --hidden none --batch-size 1000 --epochs 2 --threads 2"],
    ),
    (
        "many-rows-mlp",
        &["many.csv --hidden 32,32 --batch-size 1000 --epochs 1 --threads 3"],
    ),
    // Weights and columns.
    (
        "sample-weight",
        &["risks.csv --sample-weight weight --class-weight balanced --epochs 5 --threads 2"],
    ),
    (
        "embedding",
        &["houses.csv --embed-above 10 --hidden 24 --epochs 5 --threads 2"],
    ),
    (
        "columns",
        &["risks.csv --drop region --no-standardize --seed 7 --epochs 3 --threads 1"],
    ),
    // Layers.
    (
        "norms",
        &["builtin:digits --network norms.toml --batch-size 100 --epochs 3 --threads 2"],
    ),
    (
        "batch-norm-30",
        &[
            "builtin:digits --network batch_norm_30_tanh.toml --optimizer sgd --lr 0.01 --epochs 2 --threads 3",
        ],
    ),
    (
        "residual-30",
        &[
            "builtin:digits --network residual_30_tanh.toml --optimizer sgd --lr 0.01 --epochs 2 --threads 1",
        ],
    ),
    (
        "lenet5",
        &["images.idx --labels labels.idx --network lenet5.toml --epochs 2 --threads 2"],
    ),
    (
        "small-conv",
        &["images.idx --labels labels.idx --network small_conv.toml --epochs 1 --threads 2"],
    ),
    (
        "image-layers",
        &[
            "images.idx --labels labels.idx --network images.toml --dtype f64 --epochs 1 --threads 3",
        ],
    ),
    (
        "unflatten",
        &["builtin:digits --network unflatten.toml --epochs 2 --threads 1"],
    ),
    (
        "dropout",
        &["builtin:digits --hidden 64,32 --dropout 0.3 --activation gelu --epochs 3 --threads 3"],
    ),
    (
        "selu-orthogonal",
        &[
            "builtin:wine --hidden 20,20 --activation selu --initializer orthogonal --epochs 10 --threads 1",
        ],
    ),
    // Optimizers and schedules.
    (
        "sgd-nesterov",
        &[
            "builtin:digits --hidden 64 --optimizer sgd --set optimizer.nesterov=true --schedule step_decay --epochs 3 --threads 2",
        ],
    ),
    (
        "adamw-cosine",
        &[
            "builtin:digits --hidden 64 --optimizer adamw --schedule cosine_restarts --epochs 3 --threads 1",
        ],
    ),
    (
        "rmsprop-centered",
        &[
            "builtin:wine --optimizer rmsprop --set optimizer.centered=true --set optimizer.momentum=0.5 --epochs 10 --threads 1",
        ],
    ),
    (
        "nadam-one-cycle",
        &["builtin:wine --optimizer nadam --schedule one_cycle --epochs 10 --threads 1"],
    ),
    (
        "radam-warmup",
        &["builtin:wine --optimizer radam --schedule linear_warmup --epochs 10 --threads 1"],
    ),
    (
        "adagrad-adadelta",
        &[
            "builtin:iris --optimizer adagrad --epochs 5 --threads 1",
            "builtin:iris --optimizer adadelta --epochs 5 --threads 1",
        ],
    ),
    (
        "adamax-lion",
        &[
            "builtin:iris --optimizer adamax --epochs 5 --threads 1",
            "builtin:iris --optimizer lion --epochs 5 --threads 1",
        ],
    ),
    (
        "lars",
        &["builtin:digits --hidden 64,32 --optimizer lars --lr 1 --epochs 3 --threads 2"],
    ),
    (
        "lamb",
        &["builtin:digits --hidden 64,32 --optimizer lamb --lr 0.01 --epochs 3 --threads 1"],
    ),
    (
        "muon",
        &["builtin:digits --hidden 64,32 --optimizer muon --lr 0.02 --epochs 3 --threads 3"],
    ),
    // Solvers.
    (
        "lbfgs",
        &["builtin:wine --hidden 8 --optimizer lbfgs --epochs 20 --threads 2"],
    ),
    (
        "newton-cg",
        &[
            "builtin:iris --hidden 6 --activation tanh --optimizer newton_cg --dtype f64 --epochs 8 --threads 2",
        ],
    ),
    (
        "closed-form",
        &["builtin:diabetes --hidden none --optimizer closed_form --l2 0.1 --threads 1"],
    ),
    // Rules of a run.
    (
        "clip-norm-l1",
        &["builtin:digits --hidden 64 --clip-norm 0.5 --l1 0.0001 --epochs 3 --threads 2"],
    ),
    (
        "clip-value-l2",
        &["builtin:wine --clip-value 0.01 --l2 0.01 --l2-sum 0.1 --epochs 5 --threads 1"],
    ),
    (
        "max-norm",
        &["builtin:digits --hidden 64 --max-norm 1 --epochs 3 --threads 1"],
    ),
    (
        "sam",
        &["builtin:digits --hidden 64 --sam 0.05 --epochs 2 --threads 2"],
    ),
    (
        "ema",
        &["builtin:digits --hidden 64 --ema 0.99 --epochs 3 --threads 1"],
    ),
    (
        "augment-noise-mixup",
        &["builtin:digits --hidden 64 --augment noise=0.1,mixup=0.2 --epochs 3 --threads 2"],
    ),
    (
        "augment-images",
        &[
            "images.idx --labels labels.idx --network lenet5.toml --augment flip,shift=2,crop=0.8 --epochs 2 --threads 3",
        ],
    ),
    (
        "plateau",
        &[
            "builtin:wine --reduce-on-plateau 1 --plateau-factor 0.5 --patience 6 --epochs 30 --threads 1",
        ],
    ),
    (
        "scaled-rate",
        &[
            "builtin:digits --hidden 32 --batch-size 128 --scale-lr-from 32 --scale-lr-warmup 1 --epochs 2 --threads 2",
        ],
    ),
    (
        "stops",
        &[
            "builtin:iris --max-steps 37 --threads 1",
            "builtin:iris --target-loss 0.5 --threads 1",
        ],
    ),
    (
        "no-validation",
        &[
            "builtin:wine --no-validation --test-fraction 0.3 --output-bias zero --epochs 5 --threads 1",
        ],
    ),
    // One run after another.
    (
        "config",
        &[
            "houses.csv --embed-above 10 --ema 0.9 --epochs 3 --threads 1",
            "--config @1/config.toml --threads 3",
        ],
    ),
    (
        "initial-weights",
        &[
            "builtin:digits --hidden 32 --epochs 1 --threads 1",
            "builtin:digits --hidden 32 --initial-weights @1 --optimizer sgd --epochs 1 --threads 1",
        ],
    ),
    (
        "continue",
        &[
            "houses.csv --epochs 3 --keep-checkpoint --threads 2",
            "houses.csv --continue @1 --epochs 2 --threads 1",
        ],
    ),
    (
        "continue-without",
        &[
            "builtin:wine --epochs 3 --threads 1",
            "builtin:wine --continue @1 --epochs 2 --threads 1",
        ],
    ),
    (
        "resume",
        &["killed builtin:digits --hidden 64 --sam 0.05 --no-validation --epochs 2500 --threads 2"],
    ),
    (
        "resume-batch-norm",
        &[
            "killed builtin:digits --network norms.toml --batch-size 101 --no-validation --epochs 700 --threads 1",
        ],
    ),
];
