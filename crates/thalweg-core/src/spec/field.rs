//! The fields of [`TrainingSpec`] as a user sets them: one declaration a field, next to the field
//! itself.
//!
//! # To add a field, and with it a flag of `thalweg train`
//!
//! In the file of the table that it belongs to (`batches.rs`, `rate.rs`, `stop.rs`): the struct
//! field with its serde default, a [`RunRule`] that declares it, and a line in the file's `RULES`. A
//! field of no table stands in `TrainingSpec` and its `Default` (`training.rs`). From the declaration follow the argument, its help, the config
//! field, the range check, what solvers refuse and `thalweg list`. What remains is the code that
//! acts on it.
//!
//! # To generate arguments
//!
//! For every [`Field`] of every rule in [`RunRule::all`] that has a [`Flag`] (a path occurs once or
//! more; take the first): `Flag::name`, `Flag::help` and `Flag::heading` are those of the argument,
//! [`Field::placeholder`] its value (none: a switch, which sets the field to [`Field::switched`]),
//! [`Field::required`] the field that must be set with it. [`TrainingSpec::set`] puts the value
//! that [`Setting::parse`] reads from the text into the spec, checked.

use serde_json::Value;

use super::TrainingSpec;
use super::rule::{Field, InSolver, RuleKind, RunRule};
use crate::error::{Error, Result};
use crate::registry::{Default, Domain, Parameter, Setting, did_you_mean};

impl RuleKind {
    /// Its rules, in the order in which they are listed.
    pub fn rules(self) -> impl Iterator<Item = &'static RunRule> {
        RunRule::all().filter(move |rule| rule.kind == self)
    }
}

impl RunRule {
    /// All rules, file by file.
    pub fn all() -> impl Iterator<Item = &'static RunRule> {
        use super::{averages, batches, factors, penalties, rate, stop, training};
        [
            penalties::RULES,
            training::RULES,
            batches::RULES,
            rate::RULES,
            factors::RULES,
            averages::RULES,
            stop::RULES,
        ]
        .into_iter()
        .flatten()
        .copied()
    }
}

/// The declaration of the field at `path`.
fn declared(path: &str) -> Option<(&'static Parameter, &'static Field)> {
    let mut all = RunRule::all().flat_map(RunRule::settings);
    all.find(|(_, field)| field.path == path)
}

impl Field {
    /// What stands for its value in help: X for a number, N for a whole number, …; `None` for a
    /// switch.
    pub fn placeholder(&self) -> Option<&'static str> {
        match declared(self.path)?.0.domain {
            Domain::Flag => None,
            Domain::Number { .. } => Some("X"),
            Domain::Integer(..) => Some("N"),
            Domain::Word(_) => Some("HOW"),
            Domain::Choices(_) | Domain::Factors(_) | Domain::Named { many: true, .. } => {
                Some("LIST")
            }
            _ => Some("NAME"),
        }
    }

    /// What a switch sets it to: the opposite of its default.
    pub fn switched(&self) -> Option<Setting> {
        match declared(self.path)?.0.default {
            Default::Flag(default) => Some(Setting::Flag(!default)),
            _ => None,
        }
    }

    /// The field without which this one means nothing: the first of its rule, where that is off by
    /// default.
    pub fn required(&self) -> Option<&'static Field> {
        let is_own = |rule: &&RunRule| rule.fields.iter().any(|field| field.path == self.path);
        let (first, field) = RunRule::all().find(is_own)?.settings().next()?;
        let is_other = matches!(first.default, Default::Off) && field.path != self.path;
        is_other.then_some(field)
    }
}

/// The value at a path of a spec as a tree; `Null` is a number that is not finite.
fn value_at<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(spec, |table, name| table.get(name))
}

/// The value of a field in a tree, which leaves out what has its default; `None` if its table is
/// off.
fn value(spec: &Value, parameter: &Parameter, field: &Field) -> Option<Setting> {
    match value_at(spec, field.path) {
        Some(value) => setting(value),
        None if field.required().is_none() => parameter.default.setting(),
        None => None,
    }
}

/// A value as a setting.
fn setting(value: &Value) -> Option<Setting> {
    match value {
        Value::Null => Some(Setting::Number(f64::NAN)),
        Value::Number(number) if number.as_u64().is_some_and(|n| n > i64::MAX as u64) => {
            Some(Setting::Integer(i64::MAX))
        }
        Value::Array(list) if list.is_empty() => None,
        value => match serde_json::from_value(value.clone()).ok()? {
            Setting::Choice(choice) => Some(choice.into()),
            setting => Some(setting),
        },
    }
}

fn check(parameter: &Parameter, path: &str, value: &Setting) -> Result<Setting> {
    let subject = || format!("`{path}`");
    let admitted = parameter.domain.admit(value);
    let admitted = admitted.map_err(|error| error.within(subject()).at(path))?;
    admitted.ok_or_else(|| {
        let expected = parameter.domain.to_string();
        Error::invalid(subject(), value.to_string(), expected).at(path)
    })
}

impl TrainingSpec {
    /// The spec as the tree that a config file has.
    fn tree(&self) -> Result<Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::invalid("training", error.to_string(), "a training spec"))
    }

    /// The value of the field at `path`; `None` if it is absent and has no default, or there is no
    /// such field.
    pub fn get(&self, path: &str) -> Option<Setting> {
        let (parameter, field) = declared(path)?;
        value(&self.tree().ok()?, parameter, field)
    }

    /// Sets the field at `path`. The table that it is in is made if it is absent.
    ///
    /// # Errors
    /// If there is no such field, the value is out of its range, or its table lacks what it
    /// requires.
    pub fn set(&mut self, path: &str, value: Setting) -> Result<()> {
        let paths = || {
            let all = RunRule::all().flat_map(|rule| rule.fields);
            all.map(|field| field.path)
        };
        let unknown = || {
            let found = format!("field `{}`", path.escape_debug());
            let error = Error::invalid("training", found, "a field of a training spec");
            error.remedy(did_you_mean(path, paths()))
        };
        let (parameter, _) = declared(path).ok_or_else(unknown)?;
        let value = check(parameter, path, &value)?;
        let mut tree = self.tree()?;
        // A number that is not finite is `Null` in the tree, and would be lost on the way back.
        let is_lost = |field: &Field| {
            field.path != path && value_at(&tree, field.path).is_some_and(Value::is_null)
        };
        check_fields(&tree, is_lost)?;
        let (tables, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = &mut tree;
        for outer in tables.split('.').filter(|outer| !outer.is_empty()) {
            if table.get(outer).is_none() {
                table[outer] = Value::Object(serde_json::Map::new());
            }
            table = &mut table[outer];
        }
        let value = match (parameter.domain, value) {
            (Domain::Named { many: false, .. }, value) => value.choice().map(Setting::Choice),
            (_, value) => Some(value),
        };
        let refused = |error: serde_json::Error| {
            Error::invalid(format!("`{path}`"), error.to_string(), "a field that fits").at(path)
        };
        table[name] = serde_json::to_value(value).map_err(refused)?;
        *self = serde_json::from_value(tree).map_err(refused)?;
        Ok(())
    }

    /// Whether every field that is set is in its range.
    ///
    /// # Errors
    /// Names the first that is not.
    pub(crate) fn check_ranges(&self) -> Result<()> {
        check_fields(&self.tree()?, |_| true)
    }

    /// Whether a solver can take it: no field that it refuses differs from its default.
    ///
    /// # Errors
    /// Names the first that does.
    pub(crate) fn check_for_solver(&self) -> Result<()> {
        let (own, default) = (self.tree()?, TrainingSpec::default().tree()?);
        let differs = |(parameter, field): &(&Parameter, &Field)| {
            field.solver == InSolver::Refused
                && value(&own, parameter, field) != value(&default, parameter, field)
        };
        match RunRule::all().flat_map(RunRule::settings).find(differs) {
            Some((_, Field { path, .. })) => {
                let found = format!("the optimizer {}", self.optimizer.name);
                let expected =
                    "one of mini-batches: a solver minimizes the mean loss and `l2` alone";
                let error = Error::invalid(format!("`{path}`"), found, expected).at(path);
                Err(error.remedy(format!("leave out `{path}`, or choose another `optimizer`")))
            }
            None => Ok(()),
        }
    }
}

/// Checks the ranges of the fields that are wanted.
fn check_fields(tree: &Value, is_wanted: impl Fn(&Field) -> bool) -> Result<()> {
    let all = RunRule::all().flat_map(RunRule::settings);
    for (parameter, field) in all.filter(|(_, field)| is_wanted(field)) {
        if let Some(value) = value_at(tree, field.path).and_then(setting) {
            check(parameter, field.path, &value)?;
        }
    }
    Ok(())
}
