//! All settings of a run: one declaration a field, from which follow the argument
//! of the command line, its help, the setter, the check and the list.
//!
//! Fields of `training` are declared beside [`TrainingSpec`](thalweg_core::spec::TrainingSpec), all
//! others here. To add one: the field of a config with its default, and a declaration in `of_data.rs` or `of_run.rs`; what
//! remains is the code that acts on it.

mod command;
mod declaration;
mod of_data;
mod of_run;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::Value;
use thalweg_core::augmentations::AUGMENTATIONS;
use thalweg_core::registry::{Choice, Domain, Setting, did_you_mean};
use thalweg_core::spec::{Flag, InSolver, RunRule};
use thalweg_data::text::{list_item, shell_word};

pub use command::convert_arguments;
use declaration::Own;
use of_data::OF_DATA;
use of_run::OF_RUN;

/// The heading of how text files are read, which other commands than `train` have too.
pub const READING: &str = "Text files";

/// The number of rows of a batch, which may be [`ALL`] that there are to train on.
pub const BATCH_SIZE: &str = "training.batch_size";
/// See [`BATCH_SIZE`].
pub const ALL: &str = "all";

/// What a user can set.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its path in a [`Config`](crate::Config): dots lead into tables, as in `data.split.seed`.
    /// Paths below `mlp` are shorthands for the layers of a network.
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
    /// A path; as JSON of an `OsString` where it is not UTF-8.
    Path,
    /// Texts, separated by commas.
    List,
    /// One character, or `tab`.
    Character,
    /// Widths of layers, or none.
    Widths,
    /// A whole number, or none.
    Limit,
    /// A number of rows of this range, or `all`.
    Rows(Domain),
    /// `balanced`, or a weight for each class, such as `A=1,B=50`.
    ClassWeights,
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
            Values::In(Domain::Word(_) | Domain::Named { .. }) | Values::Text | Values::Path => {
                Value::from(text)
            }
            Values::Rows(_) if text == ALL => Value::from(text),
            Values::In(domain) | Values::Rows(domain) => match Setting::parse(text) {
                // JSON has no such numbers, and no domain either.
                Setting::Number(number) if !number.is_finite() => Value::from(text),
                Setting::Text(_) if matches!(domain, Domain::Number { .. }) => {
                    return Err("expected a number, such as 0.01 or 1e-3".to_owned());
                }
                setting => serde_json::to_value(setting).unwrap_or_default(),
            },
            Values::List => items(text).into_iter().map(Value::from).collect(),
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
            Values::ClassWeights if text == "balanced" => Value::from(text),
            Values::ClassWeights => {
                let weight = |part: &str| {
                    let (class, weight) = part.rsplit_once('=')?;
                    Some((
                        class.trim().to_owned(),
                        weight.trim().parse::<f64>().ok()?.into(),
                    ))
                };
                let weights: Option<serde_json::Map<String, Value>> =
                    text.split(',').map(weight).collect();
                // Each class once.
                let weights = weights.filter(|weights| weights.len() == text.split(',').count());
                weights.map_or(Value::from(text), Value::Object)
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
        let text = value.as_str().unwrap_or_default();
        let near = |words: &[&str]| match did_you_mean(text, words.iter().copied()) {
            remedy if remedy.is_empty() => remedy,
            remedy => format!("; {remedy}"),
        };
        let is_width = |value: &Value| value.as_u64().is_some_and(|width| width > 0);
        let (is_one, expected) = match self {
            Values::In(Domain::Word(words)) => (
                words.contains(&text),
                format!("{}{}", words.join(" or "), near(words)),
            ),
            Values::Rows(_) if text == ALL => return Ok(()),
            Values::In(domain) | Values::Rows(domain) => {
                let setting = serde_json::from_value::<Setting>(value.clone());
                let admitted = setting.map_or(Ok(None), |setting| domain.admit(&setting));
                let admitted = admitted.map_err(|error| error.to_string())?;
                let expected = match domain {
                    Domain::Integer(low, high) => format!("a whole number from {low} to {high}"),
                    domain => domain.to_string(),
                };
                let or_all = match self {
                    Values::Rows(_) => ", or all",
                    _ => "",
                };
                (admitted.is_some(), expected + or_all)
            }
            Values::Text => (value.is_string(), "a text".to_owned()),
            Values::Path => (
                value.as_str() != Some("") && path(value).is_some(),
                "a path".to_owned(),
            ),
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
            Values::ClassWeights => (
                text == "balanced"
                    || (value.as_object())
                        .is_some_and(|all| all.values().all(|weight| weight.as_f64() > Some(0.0))),
                format!(
                    "balanced, or a weight above 0 for each class, such as A=1,B=50{}",
                    near(&["balanced"])
                ),
            ),
            Values::Augmentations | Values::Switch(_) => return Ok(()),
        };
        match is_one {
            true => Ok(()),
            false => Err(format!("expected {expected}")),
        }
    }
}

/// The path that a value of [`Values::Path`] is.
pub fn path(value: &Value) -> Option<PathBuf> {
    match value {
        Value::String(text) => Some(PathBuf::from(text)),
        value => serde_json::from_value::<OsString>(value.clone())
            .ok()
            .map(PathBuf::from),
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
    let own = OF_DATA.iter().chain(OF_RUN).map(Own::field);
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
            (domain, _) if path == BATCH_SIZE => Values::Rows(domain),
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

/// What a library says of fields, with every field in backticks that has an argument replaced by it,
/// as a command line words it. Only for words of the libraries: see [`paths_by_flags`].
pub fn by_flags(text: &str) -> String {
    worded(text, |name| match name {
        "setting" => Some("--set"),
        name => argument(&format!("training.{name}")).or_else(|| argument(name)),
    })
}

/// As [`by_flags`] for a line that may quote the user or the data, such as a note: only a whole path
/// with its table, `training.batch_size`, is a field there, for a bare `seed` may be a value.
pub fn paths_by_flags(text: &str) -> String {
    worded(text, |name| {
        // No cell says `or_linear`.
        argument(name).filter(|_| name.contains('.') || name == "or_linear")
    })
}

/// The argument for the field at `path`; `options` are those of a [`Job`](crate::job::Job).
fn argument(path: &str) -> Option<&'static str> {
    match path {
        "data.source" => Some("DATA"),
        "options.output" => Some("--out"),
        "options.memory" => Some("--memory"),
        "options.cache" => Some("--cache"),
        "options.resume" => Some("--resume"),
        "options.base" => Some("--config"),
        "data.split.fold" => Some("--folds"),
        "spread" => Some("--spread"),
        "options.keep_checkpoint" => Some("--keep-checkpoint"),
        "options.log_steps" => Some("--log-steps"),
        path => Some(field(path)?.flag?.name),
    }
}

/// The switch that sets the field at `path` to the JSON with which `after` begins, and the rest.
fn switch<'a>(path: &str, after: &'a str) -> Option<(&'static str, &'a str)> {
    FIELDS
        .iter()
        .filter(|field| field.path == path)
        .find_map(|field| {
            let Values::Switch(json) = field.values else {
                return None;
            };
            Some((
                field.flag?.name,
                after.strip_prefix(' ')?.strip_prefix(json)?,
            ))
        })
}

/// The text with what `find` knows in backticks replaced by its argument.
fn worded(text: &str, find: impl Fn(&str) -> Option<&'static str>) -> String {
    let mut parts = text.split('`');
    let mut line = parts.next().unwrap_or_default().to_owned();
    while let Some(quoted) = parts.next() {
        let Some(after) = parts.next() else {
            line.push('`');
            line.push_str(quoted);
            break;
        };
        let is_name = line.ends_with("did you mean ");
        let by_switch = switch(quoted, after);
        let after = match (by_switch, find(quoted).filter(|_| !is_name)) {
            (Some((name, rest)), _) => {
                line.push_str(name);
                rest
            }
            (None, Some(argument)) => {
                line.push_str(argument);
                after
            }
            (None, None) if quoted.starts_with("optimizer.") => {
                // `optimizer.weight_decay` 0.01.
                line.push_str(&format!("--set {quoted}="));
                after.trim_start()
            }
            (None, None) => {
                line.push_str(&format!("`{quoted}`"));
                after
            }
        };
        line.push_str(after);
    }
    line
}

/// The items of a list: separated by commas, and in double quotes where one has a comma itself; a quote inside is doubled.
pub fn items(text: &str) -> Vec<Cow<'_, str>> {
    let (mut items, mut rest) = (Vec::new(), Some(text));
    while let Some(text) = rest {
        let (item, after) = quoted(text).unwrap_or_else(|| {
            let (item, after) = text
                .split_once(',')
                .map_or((text, None), |(item, after)| (item, Some(after)));
            (Cow::Borrowed(item), after)
        });
        items.push(item);
        rest = after;
    }
    items
}

/// The first item if it stands in quotes, and what is behind its comma.
fn quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let inside = text.strip_prefix('"')?;
    let mut quotes = inside.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if_eq(&(at + 1)).is_none() {
            let after = &inside[at + 1..];
            let is_end = after.is_empty() || after.starts_with(',');
            let item = match inside[..at].contains('"') {
                true => Cow::Owned(inside[..at].replace("\"\"", "\"")),
                false => Cow::Borrowed(&inside[..at]),
            };
            return is_end.then_some((item, after.strip_prefix(',')));
        }
    }
    None
}

/// Names as the argument of a list in a shell.
pub(crate) fn list_argument(names: &[String]) -> String {
    let items: Vec<String> = names.iter().map(|name| list_item(name)).collect();
    shell_word(&items.join(","))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Config, DataConfig};
    use crate::request::Request;
    use thalweg_core::spec::{NetworkSpec, TrainingSpec};

    /// A text that an argument of these values takes.
    fn example(field: &Field) -> String {
        match field.values {
            // The first is often the default, which a config leaves out.
            Values::In(Domain::Word(words)) => words.last().unwrap().to_string(),
            Values::In(Domain::Number { .. }) => "0.25".to_owned(),
            Values::In(Domain::Integer(..)) | Values::Rows(_) | Values::Limit => "7".to_owned(),
            Values::In(Domain::Flag) => "true".to_owned(),
            Values::In(Domain::Factors(_)) => "weight=0.5".to_owned(),
            Values::Character => "tab".to_owned(),
            Values::Widths => "8,4".to_owned(),
            Values::Augmentations => "flip,shift=2".to_owned(),
            Values::ClassWeights => "balanced".to_owned(),
            _ if field.path == "training.optimizer" => "adam".to_owned(),
            _ if field.path == "training.schedule" => "cosine".to_owned(),
            _ => "text".to_owned(),
        }
    }

    #[test]
    fn every_declaration_is_of_a_field_that_a_request_sets() {
        let network = NetworkSpec::mlp(2, &[3], "relu", 1, Choice::new("mse"));
        let config = Config::new(DataConfig::of("t.csv"), network, TrainingSpec::default());
        let at = |tree: &Value, path: &str| {
            let found = path.split('.').try_fold(tree, |tree, name| tree.get(name));
            found.cloned().unwrap_or_default()
        };
        let value = |field: &Field| match field.switched() {
            Some(value) => value,
            None => field.values.parse(&example(field)).unwrap(),
        };
        let mut fields = 0;
        for field in FIELDS.iter() {
            let mut request = Request::default();
            let required = field.requires.as_deref().and_then(super::field);
            for field in required.into_iter().chain([field]) {
                request.give(field, value(field));
            }
            let mut changed = config.clone();
            request.apply("data", &mut changed.data).unwrap();
            request.apply_training(&mut changed.training).unwrap();
            // Entries are resolved with their settings, and `mlp` is no table of a config.
            let is_entry = ["optimizer", "schedule"]
                .iter()
                .any(|name| field.path.ends_with(name));
            let in_table = ["data.", "training."]
                .iter()
                .any(|table| field.path.starts_with(table));
            if in_table && !is_entry && !field.path.starts_with("training.optimizer.") {
                let tree = serde_json::to_value(&changed).unwrap();
                assert_eq!(at(&tree, &field.path), value(field), "{}", field.path);
                fields += 1;
            }
        }
        assert!(fields > 40, "{fields}");
    }

    #[test]
    fn every_field_with_an_argument_is_named_by_it_on_a_command_line() {
        let mut names = BTreeSet::new();
        for field in FIELDS.iter() {
            let Some(flag) = field.flag else { continue };
            assert!(names.insert(flag.name), "{} is declared twice", flag.name);
            assert!(!flag.help.is_empty() && !flag.heading.is_empty());
            let first = super::field(&field.path).unwrap().flag.unwrap().name;
            let line = by_flags(&format!("a: found `{}`, leave out `x`", field.path));
            assert_eq!(line, format!("a: found {first}, leave out `x`"));
            if let Some(path) = field.path.strip_prefix("training.") {
                assert_eq!(by_flags(&format!("`{path}` 3")), format!("{first} 3"));
            }
        }
        assert!(names.len() > 50, "{names:?}");
        assert_eq!(
            by_flags("try `optimizer.weight_decay` 0.01"),
            "try --set optimizer.weight_decay=0.01"
        );
        assert_eq!(by_flags("an odd ` mark"), "an odd ` mark");
        assert_eq!(
            paths_by_flags("the cell `seed`: `data.fit.drop` its column"),
            "the cell `seed`: --drop its column"
        );
        let path = "data.split.validation_fraction";
        assert_eq!(
            paths_by_flags(&format!("leave out `{path}` 0.0, or set `{path}` to 0.1")),
            "leave out --no-validation, or set --validation-fraction to 0.1"
        );
    }

    #[test]
    fn items_of_a_list_may_have_commas_in_quotes() {
        for (text, expected) in [
            ("a,b", &["a", "b"][..]),
            ("\"Price, USD\"", &["Price, USD"]),
            ("a,\"b,c\",d", &["a", "b,c", "d"]),
            ("5\" disk,b", &["5\" disk", "b"]),
            ("\"a,b", &["\"a", "b"]),
            (r#""say ""x"", y",d"#, &[r#"say "x", y"#, "d"]),
            (r#""a""b"#, &[r#""a""b"#]),
            ("", &[""]),
        ] {
            assert_eq!(items(text), expected, "{text}");
        }
        let argument = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            list_argument(&names)
        };
        assert_eq!(argument(&["a", "b_c"]), "a,b_c");
        assert_eq!(argument(&["Price, USD", "a"]), "'\"Price, USD\",a'");
        assert_eq!(argument(&["it's"]), "'it'\\''s'");
        assert_eq!(argument(&[r#"say "x", y"#]), r#"'"say ""x"", y"'"#);
    }
}
