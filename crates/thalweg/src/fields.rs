//! Everything of a run that a user can set: one declaration a field, from which follow the argument of the command
//! line, its help, the setter, the check and the list.
//!
//! Fields of `training` are declared beside [`TrainingSpec`](thalweg_core::spec::TrainingSpec), all others here. To
//! add one: the field of a config with its default, and a line in `OWN`; what remains is the code that acts on it.

use std::sync::LazyLock;

use serde_json::Value;
use thalweg_core::augmentations::AUGMENTATIONS;
use thalweg_core::registry::{Choice, Domain, Setting, did_you_mean};
use thalweg_core::spec::{Flag, InSolver, RunRule};

/// What a user can set.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its path in a [`Config`](crate::Config): dots lead into tables, as in `data.split.seed`. Paths below `mlp` are
    /// shorthands for the layers of a network.
    pub path: String,
    /// The argument of `thalweg train`, if there is one.
    pub flag: Option<Flag>,
    /// What stands for its value in help; `None` for a switch.
    pub placeholder: Option<&'static str>,
    /// What values it takes.
    pub values: Values,
    /// Fields that are set with it, as JSON, unless they are set too.
    pub also: &'static [(&'static str, &'static str)],
    /// Arguments beside which it has no place.
    pub excludes: &'static [&'static str],
    /// The field that it needs beside it.
    pub requires: Option<String>,
    /// Whether the model that a run goes on from decides it.
    pub of_model: bool,
    /// What it is to a solver.
    pub solver: InSolver,
}

/// What values a field takes.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// A number, word or name of this range.
    In(Domain),
    /// Any text, such as the name of an entry, which its registry checks.
    Text,
    /// Texts, separated by commas.
    List,
    /// One character, or `tab`.
    Character,
    /// Widths of layers, or none.
    Widths,
    /// A whole number, or none.
    Limit,
    /// Augmentations with their first setting, such as `flip,shift=2`; or none.
    Augmentations,
    /// Nothing: the argument alone sets this JSON.
    Switch(&'static str),
}

impl Values {
    /// Reads the text of an argument.
    ///
    /// # Errors
    /// Says what is expected.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let value = match self {
            Values::In(Domain::Word(_) | Domain::Named { .. }) | Values::Text => Value::from(text),
            Values::In(_) => match Setting::parse(text) {
                // JSON has no such numbers, and no domain either.
                Setting::Number(number) if !number.is_finite() => Value::from(text),
                setting => serde_json::to_value(setting).unwrap_or_default(),
            },
            Values::List => text.split(',').map(Value::from).collect(),
            Values::Character => match text {
                "tab" | "\\t" => Value::from("\t"),
                text => Value::from(text),
            },
            Values::Widths | Values::Limit if text == "none" => match self {
                Values::Widths => Value::Array(Vec::new()),
                _ => Value::Null,
            },
            Values::Limit => text.parse::<u64>().map_or(Value::from(text), Value::from),
            Values::Widths => {
                let width = |part: &str| Some(Value::from(part.trim().parse::<u64>().ok()?));
                let widths: Option<Vec<Value>> = text.split(',').map(width).collect();
                widths.map_or(Value::from(text), Value::Array)
            }
            Values::Augmentations => return augmentations(text),
            Values::Switch(json) => serde_json::from_str(json).unwrap_or_default(),
        };
        self.check(&value).map(|()| value)
    }

    /// Whether a value is one of these.
    ///
    /// # Errors
    /// Says what is expected.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let texts = |value: &Value| {
            value
                .as_array()
                .is_some_and(|all| all.iter().all(Value::is_string))
        };
        let is_width = |value: &Value| value.as_u64().is_some_and(|width| width > 0);
        let (is_one, expected) = match self {
            Values::In(Domain::Word(words)) => {
                let text = value.as_str().unwrap_or_default();
                let remedy = match did_you_mean(text, words.iter().copied()) {
                    remedy if remedy.is_empty() => remedy,
                    remedy => format!("; {remedy}"),
                };
                (
                    words.contains(&text),
                    format!("{}{remedy}", words.join(" or ")),
                )
            }
            Values::In(domain) => {
                let setting = serde_json::from_value::<Setting>(value.clone());
                let admitted = setting.map_or(Ok(None), |setting| domain.admit(&setting));
                let admitted = admitted.map_err(|error| error.to_string())?;
                (admitted.is_some(), domain.to_string())
            }
            Values::Text => (value.is_string(), "a text".to_owned()),
            Values::List => (texts(value), "a list of texts".to_owned()),
            Values::Character => {
                let is_one = value.as_str().is_some_and(|text| text.chars().count() == 1);
                (is_one, "one character, or tab".to_owned())
            }
            Values::Widths => (
                value.as_array().is_some_and(|all| all.iter().all(is_width)),
                "widths ≥ 1 such as 128,64, or none".to_owned(),
            ),
            Values::Limit => (
                value.is_null() || value.is_u64(),
                "a whole number or none".to_owned(),
            ),
            Values::Augmentations | Values::Switch(_) => return Ok(()),
        };
        match is_one {
            true => Ok(()),
            false => Err(format!("expected {expected}")),
        }
    }
}

/// A list of augmentations: a value without name is that of the entry's first setting.
fn augmentations(text: &str) -> Result<Value, String> {
    if text == "none" {
        return Ok(Value::Array(Vec::new()));
    }
    let choice = |part: &str| {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        };
        let described = AUGMENTATIONS.find(name).map_err(|e| e.to_string())?;
        let first = described.description.parameters.first();
        let choice = match (value, first) {
            (Some(value), Some(first)) => Choice::new(name).with(first.name, Setting::parse(value)),
            _ => Choice::new(name),
        };
        AUGMENTATIONS.resolve(&choice).map_err(|e| e.to_string())?;
        serde_json::to_value(choice).map_err(|e| e.to_string())
    };
    text.split(',').map(|part| choice(part.trim())).collect()
}

/// All fields, in the order of help.
pub static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let own = OWN.iter().map(Own::field);
    let all = RunRule::all().flat_map(RunRule::settings);
    let mut fields: Vec<Field> = own.collect();
    for (parameter, field) in all {
        let path = format!("training.{}", field.path);
        // A field may belong to several rules.
        if fields.iter().any(|field| field.path == path) {
            continue;
        }
        let values = match (parameter.domain, field.switched()) {
            (Domain::Named { many: true, .. }, _) => Values::Augmentations,
            (domain, _) => Values::In(domain),
        };
        fields.push(Field {
            path,
            flag: field.flag,
            placeholder: field.placeholder(),
            values,
            also: &[],
            excludes: &[],
            requires: field
                .required()
                .map(|field| format!("training.{}", field.path)),
            of_model: false,
            solver: field.solver,
        });
    }
    fields
});

/// The first declaration of the field at `path`; one that takes a value before a switch.
pub fn field(path: &str) -> Option<&'static Field> {
    let all = || FIELDS.iter().filter(|field| field.path == path);
    let is_switch = |field: &&Field| matches!(field.values, Values::Switch(_));
    all()
        .find(|field| !is_switch(field))
        .or_else(|| all().next())
}

impl Field {
    /// The name of its argument without dashes, if it has one.
    pub fn flag_name(&self) -> Option<&'static str> {
        Some(self.flag?.name.trim_start_matches('-'))
    }

    /// What a switch sets its field to, as JSON.
    pub fn switched(&self) -> Option<Value> {
        match (self.values, self.placeholder) {
            (Values::Switch(json), _) => serde_json::from_str(json).ok(),
            (Values::In(Domain::Flag), None) => {
                let path = self.path.strip_prefix("training.")?;
                let all = RunRule::all().flat_map(|rule| rule.fields);
                let switched = all
                    .into_iter()
                    .find(|field| field.path == path)?
                    .switched()?;
                serde_json::to_value(switched).ok()
            }
            _ => None,
        }
    }
}

/// A line of text with every field in backticks that has an argument replaced by the argument, as a command line
/// words it.
pub fn by_flags(text: &str) -> String {
    let mut parts = text.split('`');
    let mut line = parts.next().unwrap_or_default().to_owned();
    while let Some(quoted) = parts.next() {
        let Some(after) = parts.next() else {
            line.push('`');
            line.push_str(quoted);
            break;
        };
        let all = [format!("training.{quoted}"), quoted.to_owned()];
        let found = all.iter().find_map(|path| field(path)?.flag);
        match (found, quoted) {
            (Some(flag), _) => line.push_str(flag.name),
            (None, "setting") => line.push_str("--set"),
            (None, setting) if setting.starts_with("optimizer.") => {
                // `optimizer.weight_decay` 0.01.
                line.push_str(&format!("--set {setting}="));
                line.push_str(after.trim_start());
                continue;
            }
            (None, _) => line.push_str(&format!("`{quoted}`")),
        }
        line.push_str(after);
    }
    line
}

/// A declaration as it is written here.
struct Own {
    path: &'static str,
    flag: Flag,
    placeholder: Option<&'static str>,
    values: Values,
    also: &'static [(&'static str, &'static str)],
    excludes: &'static [&'static str],
    of_model: bool,
}

impl Own {
    fn field(&self) -> Field {
        Field {
            path: self.path.to_owned(),
            flag: Some(self.flag),
            placeholder: self.placeholder,
            values: self.values,
            also: self.also,
            excludes: self.excludes,
            requires: None,
            of_model: self.of_model,
            solver: InSolver::Used,
        }
    }

    const fn also(mut self, also: &'static [(&'static str, &'static str)]) -> Self {
        self.also = also;
        self
    }

    const fn excludes(mut self, flags: &'static [&'static str]) -> Self {
        self.excludes = flags;
        self
    }

    const fn of_model(mut self) -> Self {
        self.of_model = true;
        self
    }
}

const fn own(path: &'static str, flag: Flag, placeholder: &'static str, values: Values) -> Own {
    Own {
        path,
        flag,
        placeholder: Some(placeholder),
        values,
        also: &[],
        excludes: &[],
        of_model: false,
    }
}

const fn switch(path: &'static str, flag: Flag, json: &'static str) -> Own {
    Own {
        placeholder: None,
        ..own(path, flag, "", Values::Switch(json))
    }
}

const DATA: &str = "Data";
const TEXT: &str = "Text files";
const NETWORK: &str = "Network";

/// The heading of how text files are read, which other commands than `train` have too.
pub const READING: &str = TEXT;

const OWN: &[Own] = &[
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
        Values::Text,
    ),
    own(
        "data.test",
        Flag::new("--test", DATA, "File to test on at the end"),
        "FILE",
        Values::Text,
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
        Values::Text,
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
            "balanced: make rare classes count as much as frequent ones",
        ),
        "HOW",
        Values::In(Domain::Word(&["balanced"])),
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
            "standard, robust (quartiles, outliers bent) or none [default: standard]",
        ),
        "HOW",
        Values::In(Domain::Word(&["standard", "robust", "none"])),
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
    .also(&[("data.fit.standardize_target", "false")])
    .of_model(),
    own(
        "data.read.names",
        Flag::new(
            "--columns",
            TEXT,
            "Names of the columns of a text file, instead of those in it",
        ),
        "NAMES",
        Values::List,
    ),
    switch(
        "data.read.header",
        Flag::new("--header", TEXT, "The first line holds names [default: by looking]"),
        "true",
    )
    .excludes(&["--no-header"]),
    switch(
        "data.read.header",
        Flag::new("--no-header", TEXT, "The first line holds data"),
        "false",
    ),
    own(
        "data.read.delimiter",
        Flag::new("--delimiter", TEXT, "Character between cells, or tab [default: by looking]"),
        "C",
        Values::Character,
    ),
    own(
        "data.read.missing",
        Flag::new(
            "--missing",
            TEXT,
            "Cells that mean \"missing\", beside empty, ?, NA, NaN, null, …",
        ),
        "TEXTS",
        Values::List,
    ),
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
        Values::Text,
    )
    .excludes(&["--hidden", "--activation", "--dropout", "--initializer"]),
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
    own(
        "initial_weights",
        Flag::new("--initial-weights", NETWORK, "Start from the weights of this model"),
        "MODEL",
        Values::Text,
    )
    .of_model(),
    own(
        "network.loss",
        Flag::new("--loss", "Training", "What is minimized"),
        "NAME",
        Values::Text,
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
        Values::Text,
    ),
];
