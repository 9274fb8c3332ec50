//! What a user sets: values, and names of entries with settings of their own.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::AnyRegistry;
use crate::error::{Error, Result};

/// The value of a hyper-parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Numbers, in order, such as quantiles.
    Numbers(Vec<f64>),
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
            Setting::Integers(integers) => write_list(f, integers),
            Setting::Numbers(numbers) => write_list(f, numbers),
            Setting::Choices(choices) => {
                let names: Vec<String> = choices.iter().map(Choice::to_string).collect();
                write!(f, "[{}]", names.join(", "))
            }
        }
    }
}

/// A list for people, who do not want all of many numbers.
fn write_list<T: fmt::Debug>(f: &mut fmt::Formatter<'_>, list: &[T]) -> fmt::Result {
    const SHOWN: usize = 12;
    if list.len() <= SHOWN {
        return write!(f, "{list:?}");
    }
    let first: Vec<String> = list[..3].iter().map(|item| format!("{item:?}")).collect();
    write!(
        f,
        "[{}, … {} more]",
        first.join(", "),
        list.len() - first.len()
    )
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

    /// As it is written in a file.
    pub(super) fn quoted(&self) -> String {
        match self {
            Setting::Text(text) => format!("{text:?}"),
            Setting::Number(number) if number.fract() == 0.0 => format!("{number:?}"),
            _ => self.to_string(),
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

/// A name from a registry with the settings that differ from its defaults: `{ name = "adam", beta1
/// = 0.8 }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

    /// Changes the setting at `path`, whose dots lead into choices: `then.floor` is `floor` of the
    /// entry that the setting `then` of this one names. `kind` is the registry that this choice is
    /// from.
    ///
    /// # Errors
    /// If the path leads through a setting that does not exist or has no settings of its own.
    pub fn set(&mut self, kind: &dyn AnyRegistry, path: &str, setting: Setting) -> Result<()> {
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

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

/// Reads any value that a setting may have.
struct SettingVisitor;

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false, a number, a name, a table with a name, or a list of numbers or such tables")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Setting, E> {
        Ok(Setting::Flag(flag))
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Setting, E> {
        Ok(Setting::Integer(integer))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Setting, E> {
        let fits = i64::try_from(integer).map(Setting::Integer);
        fits.map_err(|_| too_large(integer))
    }

    fn visit_i128<E: de::Error>(self, integer: i128) -> Result<Setting, E> {
        Err(too_large(integer))
    }

    fn visit_u128<E: de::Error>(self, integer: u128) -> Result<Setting, E> {
        Err(too_large(integer))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Setting, E> {
        Ok(Setting::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Setting, E> {
        Ok(Setting::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
        ChoiceVisitor.visit_map(map).map(Setting::Choice)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Setting, A::Error> {
        let mut settings = Vec::new();
        while let Some(setting) = list.next_element::<Setting>()? {
            settings.push(setting);
        }
        let integer = |setting: &Setting| match setting {
            Setting::Integer(integer) => Some(*integer),
            _ => None,
        };
        if let Some(integers) = settings.iter().map(integer).collect() {
            return Ok(Setting::Integers(integers));
        }
        let number = |setting: &Setting| match setting {
            Setting::Integer(integer) => Some(*integer as f64),
            Setting::Number(number) => Some(*number),
            _ => None,
        };
        if let Some(numbers) = settings.iter().map(number).collect() {
            return Ok(Setting::Numbers(numbers));
        }
        let choice = |setting: &Setting| match setting {
            Setting::Choice(choice) => Some(choice.clone()),
            _ => None,
        };
        let choices: Option<Vec<_>> = settings.iter().map(choice).collect();
        choices.map(Setting::Choices).ok_or_else(|| {
            let other = settings.iter().find(|setting| choice(setting).is_none());
            let found = other.map_or(String::new(), Setting::quoted);
            let expected = "numbers alone, or tables with a name alone";
            de::Error::custom(format_args!("found {found} in a list, expected {expected}"))
        })
    }
}

fn too_large<E: de::Error>(integer: impl fmt::Display) -> E {
    let expected = format!("a whole number from {} to {}", i64::MIN, i64::MAX);
    E::custom(format_args!("found {integer}, expected {expected}"))
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ChoiceVisitor)
    }
}

/// Reads a table that has a name.
struct ChoiceVisitor;

impl<'de> Visitor<'de> for ChoiceVisitor {
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with a name, such as { name = \"relu\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Choice, A::Error> {
        let (mut name, mut settings) = (None, BTreeMap::new());
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => name = Some(map.next_value()?),
                _ => drop(settings.insert(key, map.next_value()?)),
            }
        }
        let expected = "found a table without `name`, expected the name of an entry as its `name`";
        let name = name.ok_or_else(|| de::Error::custom(expected))?;
        Ok(Choice { name, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_numbers_the_first_are_shown() {
        let list = |count: i64| Setting::Integers((0..count).collect()).to_string();
        assert_eq!(list(4), "[0, 1, 2, 3]");
        assert_eq!(list(40), "[0, 1, 2, … 37 more]");
    }

    #[test]
    fn settings_are_read_from_files_whatever_they_are() {
        let read = |json: &str| serde_json::from_str::<Setting>(json);
        let elu = Choice::new("elu").with("alpha", Setting::Number(0.5));
        for (json, setting) in [
            ("true", Setting::Flag(true)),
            ("-3", Setting::Integer(-3)),
            ("0.5", Setting::Number(0.5)),
            ("\"relu\"", Setting::Text("relu".into())),
            ("[3, 4]", Setting::Integers(vec![3, 4])),
            ("[0.25, 1]", Setting::Numbers(vec![0.25, 1.0])),
            (
                "{\"alpha\": 0.5, \"name\": \"elu\"}",
                Setting::Choice(elu.clone()),
            ),
            (
                "[{\"name\": \"elu\", \"alpha\": 0.5}]",
                Setting::Choices(vec![elu]),
            ),
        ] {
            assert_eq!(read(json).unwrap(), setting, "{json}");
        }
        for (json, message) in [
            (
                "18446744073709551615",
                "found 18446744073709551615, expected a whole number from -9223372036854775808",
            ),
            ("{\"rate\": 0.2}", "found a table without `name`"),
            ("[3, \"x\"]", "found 3 in a list, expected numbers alone"),
            ("null", "expected true or false, a number, a name"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(message), "{json}: {error}");
        }
    }

    #[test]
    fn errors_show_settings_as_they_are_written() {
        assert_eq!(Setting::Text("1\n6".into()).quoted(), "\"1\\n6\"");
        assert_eq!(Setting::Number(4.0).quoted(), "4.0");
        assert_eq!(Setting::Number(1e-5).quoted(), "1e-5");
        assert_eq!(Setting::Integer(4).quoted(), "4");
    }

    #[test]
    fn settings_are_read_as_a_user_types_them() {
        assert_eq!(Setting::parse("true"), Setting::Flag(true));
        assert_eq!(Setting::parse("3"), Setting::Integer(3));
        assert_eq!(Setting::parse("1e-4"), Setting::Number(1e-4));
        assert_eq!(Setting::parse("relu"), Setting::Text("relu".into()));
    }
}
