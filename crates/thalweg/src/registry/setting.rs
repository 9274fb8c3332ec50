//! What a user sets: values, and names of entries with settings of their own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::error::{Error, Result};

/// The value of a hyper-parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A name, such as that of an activation.
    Text(String),
    /// An entry of another registry with settings of its own: `{ name = "elu", alpha = 0.5 }`.
    Choice(Choice),
    /// Whole numbers, in order, such as the levels of several columns.
    Integers(Vec<i64>),
    /// Several entries of another registry, in order, such as the layers of a block.
    Choices(Vec<Choice>),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Flag(flag) => write!(f, "{flag}"),
            Setting::Integer(integer) => write!(f, "{integer}"),
            Setting::Number(number) if *number != 0.0 && number.abs() < 1e-3 => {
                write!(f, "{number:e}")
            }
            Setting::Number(number) => write!(f, "{number}"),
            Setting::Text(text) => write!(f, "{text}"),
            Setting::Choice(choice) => write!(f, "{choice}"),
            Setting::Integers(integers) => write!(f, "{integers:?}"),
            Setting::Choices(choices) => {
                let names: Vec<String> = choices.iter().map(Choice::to_string).collect();
                write!(f, "[{}]", names.join(", "))
            }
        }
    }
}

impl Setting {
    /// Reads `text` as a user types it: `true`, `3`, `1e-4`, `relu`.
    pub fn parse(text: &str) -> Self {
        match (text.parse(), text.parse(), text.parse()) {
            (Ok(flag), _, _) => Setting::Flag(flag),
            (_, Ok(integer), _) => Setting::Integer(integer),
            (_, _, Ok(number)) => Setting::Number(number),
            _ => Setting::Text(text.to_owned()),
        }
    }

    /// The entry that a name or a choice means; none for a flag or a number.
    pub fn choice(&self) -> Option<Choice> {
        match self {
            Setting::Text(name) => Some(Choice::new(name)),
            Setting::Choice(choice) => Some(choice.clone()),
            _ => None,
        }
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Setting::Text(text.to_owned())
    }
}

impl From<Choice> for Setting {
    /// A choice without settings is its name.
    fn from(choice: Choice) -> Self {
        match choice.settings.is_empty() {
            true => Setting::Text(choice.name),
            false => Setting::Choice(choice),
        }
    }
}

/// A name from a registry with the settings that differ from its defaults: `{ name = "adam", beta1 = 0.8 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Name of the entry.
    pub name: String,
    /// Hyper-parameters by name.
    #[serde(flatten)]
    pub settings: BTreeMap<String, Setting>,
}

impl Choice {
    /// The entry `name` with its defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            settings: BTreeMap::new(),
        }
    }

    /// The same with one setting changed.
    #[must_use]
    pub fn with(mut self, name: &str, setting: Setting) -> Self {
        self.settings.insert(name.to_owned(), setting);
        self
    }

    /// Changes the setting at `path`, whose dots lead into choices: `then.floor` is `floor` of the entry that
    /// the setting `then` of this one names. `kind` is the registry that this choice is from.
    ///
    /// # Errors
    /// If the path leads through a setting that does not exist or has no settings of its own.
    pub fn set(&mut self, kind: &dyn Kind, path: &str, setting: Setting) -> Result<()> {
        let Some((name, rest)) = path.split_once('.') else {
            self.settings.insert(path.to_owned(), setting);
            return Ok(());
        };
        let parameter = kind.describe(&self.name)?.parameter(kind.name(), name)?;
        let inner = parameter.domain.kind().ok_or_else(|| {
            let subject = format!("{} {}", kind.name(), self.name);
            let expected = format!("`{name}`, which has no settings of its own");
            Error::invalid(subject, format!("setting `{path}`"), expected)
        })?;
        let given = self.settings.get(name).cloned();
        let nested = given.or_else(|| parameter.default.setting());
        let mut nested = (nested.and_then(|setting| setting.choice())).ok_or_else(|| {
            Error::invalid(
                format!("{} {}", kind.name(), self.name),
                format!("no `{name}`"),
                parameter.domain.to_string(),
            )
        })?;
        nested.set(inner, rest, setting)?;
        self.settings
            .insert(name.to_owned(), Setting::Choice(nested));
        Ok(())
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let mut separator = "(";
        for (name, setting) in &self.settings {
            write!(f, "{separator}{name}={setting}")?;
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_a_user_types_them() {
        assert_eq!(Setting::parse("true"), Setting::Flag(true));
        assert_eq!(Setting::parse("3"), Setting::Integer(3));
        assert_eq!(Setting::parse("1e-4"), Setting::Number(1e-4));
        assert_eq!(Setting::parse("relu"), Setting::Text("relu".into()));
    }
}
