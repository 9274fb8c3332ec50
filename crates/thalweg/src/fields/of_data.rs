//! The declarations of the fields of the data.

use thalweg_core::registry::Domain;
use thalweg_core::spec::Flag;

use super::declaration::{Own, own, switch};
use super::{READING, Values};

const DATA: &str = "Data";

/// The declarations, in the order of help.
pub const OF_DATA: &[Own] = &[
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
    switch(
        "data.read.sparse",
        Flag::new(
            "--sparse",
            DATA,
            "Rows of a libsvm file or of SciPy stay sparse: a run takes memory and time by what is not 0 [default: where that is much \
             less]",
        ),
        "true",
    )
    .excludes(&["--no-sparse"])
    .of_model(),
    switch(
        "data.read.sparse",
        Flag::new("--no-sparse", DATA, "Rows of a libsvm file become a table with a column for each index"),
        "false",
    )
    .of_model(),
    own(
        "data.read.hash_columns",
        Flag::new(
            "--hash-columns",
            DATA,
            "Hash the indices of sparse rows into so many columns; those that meet in one add up",
        ),
        "N",
        Values::In(Domain::Integer(1, 1 << 28)),
    )
    .of_model(),
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
        Flag::new("--drop", DATA, "Columns that the network must not see (a name with a comma in double quotes)"),
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
];
