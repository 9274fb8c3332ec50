//! The arguments that set a field of a run: generated from the declarations in `thalweg::fields`.

use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value;
use thalweg::Request;
use thalweg::data::ReadOptions;
use thalweg::fields::{FIELDS, Field, Values};
use thalweg::registry::Domain;

use crate::exit::Result;

/// What was given of all fields.
pub struct RunFlags(Vec<(&'static Field, Value)>);

/// What was given of how tables are read.
pub struct ReadFlags(Vec<(&'static Field, Value)>);

impl RunFlags {
    /// Sets the fields of a request.
    pub fn give(&self, request: &mut Request) {
        for (field, value) in &self.0 {
            request.give(field, value.clone());
        }
    }
}

impl ReadFlags {
    /// Whether anything is given.
    pub fn is_given(&self) -> bool {
        !self.0.is_empty()
    }

    /// The options to read a file, with a file of labels.
    pub fn options(&self, labels: Option<&Path>) -> Result<ReadOptions> {
        let mut request = Request::default();
        for (field, value) in &self.0 {
            request.give(field, value.clone());
        }
        let mut options = ReadOptions::default();
        request.apply("data.read", &mut options)?;
        options.labels = labels.map(Into::into);
        Ok(options)
    }
}

/// What `-h` shows on one screen; `--help` shows all.
const COMMON: [&str; 13] = [
    "target",
    "task",
    "test",
    "drop",
    "hidden",
    "activation",
    "loss",
    "batch-size",
    "lr",
    "epochs",
    "patience",
    "optimizer",
    "continue",
];

fn all() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.flag.is_some())
}

fn of_reading() -> impl Iterator<Item = &'static Field> {
    // Files of labels are arguments of their own.
    let is_one = |path: &str| path.starts_with("data.read.") && path != "data.read.labels";
    all().filter(move |field| is_one(&field.path))
}

/// The argument of a field.
fn arg(field: &'static Field) -> Option<Arg> {
    let (flag, name) = (field.flag?, field.flag_name()?);
    // The first clause is enough on one screen.
    let short = flag.help.split(';').next().unwrap_or(flag.help);
    let mut arg = Arg::new(name)
        .long(name)
        .help(short)
        .long_help(flag.help)
        .hide_short_help(!COMMON.contains(&name))
        .help_heading(flag.heading);
    arg = match (field.placeholder, field.values) {
        (Some(placeholder), Values::Path) => {
            let path = PathBufValueParser::new().try_map(|path| path_of(field, path));
            arg.value_name(placeholder).value_parser(path)
        }
        (Some(placeholder), _) => arg
            .value_name(placeholder)
            .value_parser(|text: &str| field.values.parse(text)),
        (None, _) => arg.action(ArgAction::SetTrue),
    };
    arg = match field.values {
        Values::In(Domain::Number { .. } | Domain::Integer(..))
        | Values::Rows(_)
        | Values::Limit => arg.allow_negative_numbers(true),
        Values::Widths => arg.allow_hyphen_values(true),
        Values::List => arg
            .action(ArgAction::Append)
            .allow_hyphen_values(field.path.ends_with("missing")),
        _ => arg,
    };
    let others = field
        .excludes
        .iter()
        .map(|flag| flag.trim_start_matches('-'));
    arg = arg.conflicts_with_all(others);
    let required = field.requires.as_deref().and_then(thalweg::fields::field);
    Some(match required.and_then(Field::flag_name) {
        Some(name) => arg.requires(name),
        None => arg,
    })
}

/// A path as a value. Those that a config names are UTF-8, as all of it.
fn path_of(field: &Field, path: PathBuf) -> Result<Value, String> {
    match path.into_os_string().into_string() {
        Ok(text) => Ok(Value::from(text)),
        Err(path) if field.path.starts_with("mlp.") => {
            serde_json::to_value(path).map_err(|error| error.to_string())
        }
        Err(_) => Err("expected a path in UTF-8, for the config names it".to_owned()),
    }
}

/// The argument of a field where a run may go on from a model, which has that field.
fn arg_of_run(field: &'static Field) -> Option<Arg> {
    let arg = arg(field)?;
    Some(match field.of_model {
        true => arg.conflicts_with("continue"),
        false => arg,
    })
}

/// What was given of these fields.
fn given(
    matches: &ArgMatches,
    fields: impl Iterator<Item = &'static Field>,
) -> Vec<(&'static Field, Value)> {
    let value = |field: &'static Field| -> Option<(&'static Field, Value)> {
        let name = field.flag_name()?;
        let value = match (field.placeholder, field.values) {
            (None, _) => matches.get_flag(name).then(|| field.switched()).flatten()?,
            (Some(_), Values::List) => {
                let lists = matches.get_many::<Value>(name)?;
                lists
                    .filter_map(Value::as_array)
                    .flatten()
                    .cloned()
                    .collect()
            }
            (Some(_), _) => matches.get_one::<Value>(name)?.clone(),
        };
        Some((field, value))
    };
    fields.filter_map(value).collect()
}

macro_rules! generated {
    ($type:ident, $fields:ident, $arg:ident) => {
        impl Args for $type {
            fn augment_args(command: Command) -> Command {
                command.args($fields().filter_map($arg))
            }

            fn augment_args_for_update(command: Command) -> Command {
                command.args($fields().filter_map($arg))
            }
        }

        impl FromArgMatches for $type {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(given(matches, $fields())))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0 = given(matches, $fields());
                Ok(())
            }
        }
    };
}

generated!(RunFlags, all, arg_of_run);
generated!(ReadFlags, of_reading, arg);
