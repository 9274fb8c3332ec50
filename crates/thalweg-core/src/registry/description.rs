//! Entries described, and settings validated against that: every default written out, every value
//! in its domain.

use std::collections::BTreeMap;

use super::{AUTO, Choice, Domain, Setting, did_you_mean};
use crate::error::{Error, Result};

/// The default of a hyper-parameter, as a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// There is none: the user must set it.
    Required,
    /// There is none: what it belongs to is off until it is set.
    Off,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A name.
    Text(&'static str),
}

impl Default {
    /// The default as a setting, if there is one.
    pub fn setting(self) -> Option<Setting> {
        match self {
            Default::Required | Default::Off => None,
            Default::Flag(flag) => Some(Setting::Flag(flag)),
            Default::Integer(integer) => Some(Setting::Integer(integer)),
            Default::Number(number) => Some(Setting::Number(number)),
            Default::Text(text) => Some(Setting::Text(text.to_owned())),
        }
    }
}

/// A hyper-parameter of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Name, in PyTorch's words where PyTorch has it.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Value when the user sets none.
    pub default: Default,
    /// Values it may have.
    pub domain: Domain,
}

impl Parameter {
    /// A hyper-parameter.
    pub const fn new(
        name: &'static str,
        summary: &'static str,
        default: Default,
        domain: Domain,
    ) -> Self {
        Self {
            name,
            summary,
            default,
            domain,
        }
    }
}

/// What help texts, lists and validation need to know of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// The name users type.
    pub name: &'static str,
    /// One line on what it is and when to take it.
    pub summary: &'static str,
    /// The equation it implements.
    pub equation: &'static str,
    /// Where the equation comes from.
    pub source: &'static str,
    /// Its hyper-parameters.
    pub parameters: &'static [Parameter],
}

impl Description {
    /// The parameter of that name, or an error that suggests the nearest.
    pub(super) fn parameter(&self, kind: &str, name: &str) -> Result<&'static Parameter> {
        let parameters = self.parameters;
        let found = parameters.iter().find(|parameter| parameter.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
            let expected = match names.as_slice() {
                [] => "no setting (it has none)".to_owned(),
                names => format!("one of {}", names.join(", ")),
            };
            let subject = format!("{kind} {}", self.name);
            Error::invalid(
                subject,
                format!("setting `{}`", name.escape_debug()),
                expected,
            )
            .remedy(did_you_mean(name, names))
            .at(name)
        })
    }

    /// Every parameter of this entry with the user's settings or defaults, validated.
    pub fn resolve(&self, kind: &str, choice: &Choice) -> Result<Arguments> {
        let subject = || format!("{kind} {}", self.name);
        for name in choice.settings.keys() {
            self.parameter(kind, name)?;
        }
        let mut settings = BTreeMap::new();
        for parameter in self.parameters {
            let given = choice.settings.get(parameter.name);
            let Some(setting) = given.cloned().or_else(|| parameter.default.setting()) else {
                return Err(Error::invalid(
                    subject(),
                    format!("no `{}`", parameter.name),
                    parameter.domain.to_string(),
                ));
            };
            let name = parameter.name;
            let admitted = parameter.domain.admit(&setting);
            let admitted = admitted.map_err(|error| error.within(subject()).at(name))?;
            let Some(setting) = admitted else {
                let found = format!("{name} = {}", setting.quoted());
                let expected = parameter.domain.to_string();
                return Err(Error::invalid(subject(), found, expected).at(name));
            };
            settings.insert(parameter.name.to_owned(), setting);
        }
        Ok(Arguments(Choice {
            name: self.name.to_owned(),
            settings,
        }))
    }
}

/// The settings of an entry after validation: every parameter is there and in its domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments(Choice);

/// An entry asked for a setting that its description does not declare: a mistake in that entry's
/// file.
const UNDECLARED: &str = "entries only ask for parameters that they declare";

impl Arguments {
    /// The resolved choice, with every default written out.
    pub fn into_choice(self) -> Choice {
        self.0
    }

    /// A parameter with a [`Domain::Number`].
    pub fn number(&self, name: &str) -> f64 {
        match self.0.settings.get(name) {
            Some(Setting::Number(number)) => *number,
            _ => unreachable!("{UNDECLARED}: number `{name}`"),
        }
    }

    /// A parameter with [`Domain::Numbers`] or [`Domain::NumbersOrAuto`]; empty if it is left to
    /// the entry.
    pub fn numbers(&self, name: &str) -> &[f64] {
        match self.0.settings.get(name) {
            Some(Setting::Numbers(numbers)) => numbers,
            Some(Setting::Text(word)) if word == AUTO => &[],
            _ => unreachable!("{UNDECLARED}: numbers `{name}`"),
        }
    }

    /// A parameter with a [`Domain::Integer`] that is not negative.
    pub fn integer(&self, name: &str) -> usize {
        match self.0.settings.get(name) {
            Some(Setting::Integer(integer)) => usize::try_from(*integer).unwrap_or(0),
            _ => unreachable!("{UNDECLARED}: integer `{name}`"),
        }
    }

    /// A parameter with [`Domain::Integers`] or [`Domain::IntegersOrAuto`], none of them negative;
    /// none if it is left to the entry.
    pub fn integers(&self, name: &str) -> Option<Vec<usize>> {
        match self.0.settings.get(name) {
            Some(Setting::Integers(list)) => {
                let integer = |i: &i64| usize::try_from(*i).unwrap_or(0);
                Some(list.iter().map(integer).collect())
            }
            Some(Setting::Text(word)) if word == AUTO => None,
            _ => unreachable!("{UNDECLARED}: integers `{name}`"),
        }
    }

    /// A parameter with a [`Domain::Flag`].
    pub fn flag(&self, name: &str) -> bool {
        match self.0.settings.get(name) {
            Some(Setting::Flag(flag)) => *flag,
            _ => unreachable!("{UNDECLARED}: flag `{name}`"),
        }
    }

    /// A parameter with a [`Domain::Word`].
    pub fn text(&self, name: &str) -> &str {
        match self.0.settings.get(name) {
            Some(Setting::Text(text)) => text,
            _ => unreachable!("{UNDECLARED}: text `{name}`"),
        }
    }

    /// A parameter with a [`Domain::Choice`] or a [`Domain::ChoiceOrAuto`].
    pub fn choice(&self, name: &str) -> Choice {
        match self.0.settings.get(name).and_then(Setting::choice) {
            Some(choice) => choice,
            None => unreachable!("{UNDECLARED}: choice `{name}`"),
        }
    }

    /// A parameter with a [`Domain::Choices`].
    pub fn choices(&self, name: &str) -> &[Choice] {
        match self.0.settings.get(name) {
            Some(Setting::Choices(choices)) => choices,
            _ => unreachable!("{UNDECLARED}: choices `{name}`"),
        }
    }
}
