//! The registry: everything a user can name, described once.
//!
//! A layer, activation, loss, optimizer, schedule, initializer or metric is one file that ends in an
//! [`Entry`], plus one line in its folder's `mod.rs`. Help texts, `thalweg list`, "did you mean",
//! validation of names and ranges, and resolved configurations all come from the entry, so they cannot
//! drift from the code.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

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

/// What a hyper-parameter may be.
#[derive(Debug, Clone, Copy)]
pub enum Domain {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second value.
    Integer(i64, i64),
    /// A number in an interval; `open` leaves out the respective end.
    Number {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// Whether the lower and the upper end themselves are forbidden.
        open: (bool, bool),
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// An entry of another registry (or of the same one, which is why it is a function that tells), by its name
    /// or with settings of its own.
    Choice(fn() -> &'static dyn Kind),
    /// The same, or `auto`: the one that suits.
    ChoiceOrAuto(fn() -> &'static dyn Kind),
    /// Entries of a registry, in order; at least one.
    Choices(fn() -> &'static dyn Kind),
}

/// The word that leaves a [`Domain::ChoiceOrAuto`] to the entry that asks.
pub const AUTO: &str = "auto";

impl Domain {
    /// Finite numbers.
    pub const FINITE: Domain = Domain::Number {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
        open: (true, true),
    };
    /// Numbers ≥ 0.
    pub const NON_NEGATIVE: Domain = Domain::Number {
        low: 0.0,
        high: f64::INFINITY,
        open: (false, true),
    };
    /// Numbers > 0.
    pub const POSITIVE: Domain = Domain::Number {
        low: 0.0,
        high: f64::INFINITY,
        open: (true, true),
    };
    /// Decay rates of moving averages: 0 ≤ β < 1.
    pub const DECAY: Domain = Domain::Number {
        low: 0.0,
        high: 1.0,
        open: (false, true),
    };
    /// Fractions: 0 ≤ x ≤ 1.
    pub const FRACTION: Domain = Domain::Number {
        low: 0.0,
        high: 1.0,
        open: (false, false),
    };

    /// The registry that a choice is from.
    pub fn kind(self) -> Option<&'static dyn Kind> {
        match self {
            Domain::Choice(kind) | Domain::ChoiceOrAuto(kind) => Some(kind()),
            _ => None,
        }
    }

    /// Whether a number is in it.
    pub fn contains(self, x: f64) -> bool {
        matches!(self.admit(&Setting::Number(x)), Ok(Some(_)))
    }

    /// `setting` as this domain stores it (a whole number is a fine number, a choice has every setting that
    /// its entry has), or `None`.
    ///
    /// # Errors
    /// If it is a choice, and its entry or a setting of it is not valid.
    fn admit(self, setting: &Setting) -> Result<Option<Setting>> {
        let inside = |x: f64| match self {
            Domain::Number { low, high, open } => {
                (if open.0 { x > low } else { x >= low })
                    && (if open.1 { x < high } else { x <= high })
            }
            _ => false,
        };
        Ok(match (self, setting) {
            (Domain::Flag, Setting::Flag(_)) => Some(setting.clone()),
            (Domain::Integer(low, high), Setting::Integer(i)) if (low..=high).contains(i) => {
                Some(setting.clone())
            }
            (Domain::Number { .. }, Setting::Integer(i)) if inside(*i as f64) => {
                Some(Setting::Number(*i as f64))
            }
            (Domain::Number { .. }, Setting::Number(x)) if inside(*x) => Some(setting.clone()),
            (Domain::Word(words), Setting::Text(word)) if words.contains(&word.as_str()) => {
                Some(setting.clone())
            }
            (Domain::ChoiceOrAuto(_), Setting::Text(name)) if name == AUTO => Some(setting.clone()),
            (Domain::Choice(kind) | Domain::ChoiceOrAuto(kind), _) => match setting.choice() {
                Some(choice) => {
                    let kind = kind();
                    let description = kind.describe(&choice.name)?;
                    let resolved = description.resolve(kind.name(), &choice)?;
                    Some(resolved.into_choice().into())
                }
                None => None,
            },
            (Domain::Choices(kind), Setting::Choices(choices)) if !choices.is_empty() => {
                let kind = kind();
                let resolve = |(index, choice): (usize, &Choice)| {
                    let resolved = kind
                        .describe(&choice.name)
                        .and_then(|description| description.resolve(kind.name(), choice))
                        .map_err(|error| {
                            error.within(format_args!("{} {}", kind.name(), index + 1))
                        })?;
                    Ok(resolved.into_choice())
                };
                let resolved = choices.iter().enumerate().map(resolve);
                Some(Setting::Choices(resolved.collect::<Result<_>>()?))
            }
            _ => None,
        })
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Domain::Flag => f.write_str("true or false"),
            Domain::Integer(low, i64::MAX) => write!(f, "a whole number ≥ {low}"),
            Domain::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Domain::Number { low, high, open } => {
                let left = if open.0 { ">" } else { "≥" };
                let right = if open.1 { "<" } else { "≤" };
                match (low.is_finite(), high.is_finite()) {
                    (false, false) => f.write_str("a number"),
                    (false, true) => write!(f, "a number {right} {high}"),
                    (true, false) => write!(f, "a number {left} {low}"),
                    (true, true) => write!(f, "a number {left} {low} and {right} {high}"),
                }
            }
            Domain::Word(words) => f.write_str(&words.join(" or ")),
            Domain::Choice(kind) => write!(f, "an entry of `thalweg list {}`", kind().name()),
            Domain::ChoiceOrAuto(kind) => {
                write!(f, "auto or an entry of `thalweg list {}`", kind().name())
            }
            Domain::Choices(kind) => {
                write!(f, "a list of entries of `thalweg list {}`", kind().name())
            }
        }
    }
}

/// The default of a hyper-parameter, as a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// There is none: the user must say.
    Required,
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
            Default::Required => None,
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
    /// Value when the user says nothing.
    pub default: Default,
    /// Values it may have.
    pub domain: Domain,
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
    fn parameter(&self, kind: &str, name: &str) -> Result<&'static Parameter> {
        let parameters = self.parameters;
        let found = parameters.iter().find(|parameter| parameter.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
            let expected = match names.as_slice() {
                [] => "no setting (it has none)".to_owned(),
                names => format!("one of {}", names.join(", ")),
            };
            let subject = format!("{kind} {}", self.name);
            Error::invalid(subject, format!("setting `{name}`"), expected)
                .remedy(did_you_mean(name, names))
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
            let admitted = parameter.domain.admit(&setting);
            let Some(setting) = admitted.map_err(|error| error.within(subject()))? else {
                return Err(Error::invalid(
                    subject(),
                    format!("{} = {setting}", parameter.name),
                    parameter.domain.to_string(),
                ));
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

/// An entry asked for a setting that its description does not declare: a mistake in that entry's file.
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

    /// A parameter with a [`Domain::Integer`] that is not negative.
    pub fn integer(&self, name: &str) -> usize {
        match self.0.settings.get(name) {
            Some(Setting::Integer(integer)) => usize::try_from(*integer).unwrap_or(0),
            _ => unreachable!("{UNDECLARED}: integer `{name}`"),
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

/// A row of a registry: its description and how it is made from validated settings and, for a layer,
/// the place where it stands.
pub struct Entry<B, Place = ()> {
    /// What it is.
    pub description: Description,
    /// Makes it.
    pub build: fn(&Arguments, &Place) -> Result<B>,
}

/// All entries of one kind.
pub struct Registry<B: 'static, Place: 'static = ()> {
    /// Kind in the singular, such as `optimizer`.
    pub kind: &'static str,
    /// The entries, in the order in which they are listed.
    pub entries: &'static [&'static Entry<B, Place>],
}

/// A registry, whatever its entries make: what a setting that names an entry is validated by.
pub trait Kind: Sync {
    /// The kind in the singular, such as `optimizer`.
    fn name(&self) -> &'static str;
    /// The entry of that name.
    ///
    /// # Errors
    /// If there is none; suggests the nearest.
    fn describe(&self, name: &str) -> Result<&'static Description>;
}

impl fmt::Debug for dyn Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<B, Place> Kind for Registry<B, Place> {
    fn name(&self) -> &'static str {
        self.kind
    }

    fn describe(&self, name: &str) -> Result<&'static Description> {
        Ok(&self.find(name)?.description)
    }
}

impl<B, Place> Registry<B, Place> {
    /// The entry of that name, or an error that suggests the nearest.
    pub fn find(&self, name: &str) -> Result<&'static Entry<B, Place>> {
        (self.entries.iter().copied())
            .find(|entry| entry.description.name == name)
            .ok_or_else(|| {
                unknown(
                    self.kind,
                    name,
                    self.entries.iter().map(|e| e.description.name),
                )
            })
    }

    /// The choice with every default written out, validated.
    pub fn resolve(&self, choice: &Choice) -> Result<Arguments> {
        self.find(&choice.name)?
            .description
            .resolve(self.kind, choice)
    }

    /// Validates the choice and makes it for `place`.
    pub fn build(&self, choice: &Choice, place: &Place) -> Result<B> {
        let entry = self.find(&choice.name)?;
        (entry.build)(&entry.description.resolve(self.kind, choice)?, place)
    }

    /// The descriptions of all entries.
    pub fn descriptions(&self) -> Vec<&'static Description> {
        self.entries
            .iter()
            .map(|entry| &entry.description)
            .collect()
    }
}

/// The error for a name that is not among `names`.
pub fn unknown<'a>(
    kind: &str,
    found: &str,
    names: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Error {
    let names = names.into_iter();
    let all: Vec<&str> = names.clone().collect();
    Error::invalid(
        kind,
        format!("`{found}`"),
        format!("one of {}", all.join(", ")),
    )
    .remedy(did_you_mean(found, names))
}

/// `did you mean X?` when one of `names` is near to `found`, else nothing.
pub fn did_you_mean<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let normal = |s: &str| s.to_lowercase().replace(['-', '_', ' '], "");
    let found = normal(found);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&found, &normal(name)), name))
        .min()
        .filter(|&(distance, _)| distance <= 1 + found.chars().count() / 4)
        .map_or(String::new(), |(_, name)| format!("did you mean `{name}`?"))
}

/// Declares the entries of a folder: one line a file.
macro_rules! entries {
    ($(#[$doc:meta])* $name:ident: $kind:literal => $build:ty $(, $place:ty)?; $($file:ident),+ $(,)?) => {
        $(mod $file;)+
        $(#[$doc])*
        pub static $name: $crate::registry::Registry<$build $(, $place)?> = $crate::registry::Registry {
            kind: $kind,
            entries: &[$(&$file::ENTRY),+],
        };
    };
}
pub(crate) use entries;

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: Description = Description {
        name: "adam",
        summary: "",
        equation: "",
        source: "",
        parameters: &[
            Parameter {
                name: "beta1",
                summary: "",
                default: Default::Number(0.9),
                domain: Domain::DECAY,
            },
            Parameter {
                name: "units",
                summary: "",
                default: Default::Required,
                domain: Domain::Integer(1, i64::MAX),
            },
        ],
    };

    fn message(choice: Choice) -> String {
        DESCRIPTION
            .resolve("optimizer", &choice)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn defaults_fill_what_the_user_left_out() {
        let choice = Choice::new("adam").with("units", Setting::Integer(3));
        let arguments = DESCRIPTION.resolve("optimizer", &choice).unwrap();
        assert_eq!(arguments.number("beta1"), 0.9);
        assert_eq!(arguments.integer("units"), 3);
        assert_eq!(
            arguments.into_choice().to_string(),
            "adam(beta1=0.9, units=3)"
        );
    }

    #[test]
    fn what_does_not_fit_is_named_in_one_line() {
        let choice = Choice::new("adam").with("units", Setting::Integer(3));
        assert_eq!(
            message(choice.clone().with("beta1", Setting::Number(1.0))),
            "optimizer adam: found beta1 = 1, expected a number ≥ 0 and < 1"
        );
        assert_eq!(
            message(choice.with("beta_1", Setting::Number(0.5))),
            "optimizer adam: found setting `beta_1`, expected one of beta1, units; did you mean `beta1`?"
        );
        assert_eq!(
            message(Choice::new("adam")),
            "optimizer adam: found no `units`, expected a whole number ≥ 1"
        );
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        let names = ["adam", "rmsprop", "sgd"];
        assert_eq!(did_you_mean("Adma", names), "did you mean `adam`?");
        assert_eq!(did_you_mean("rms-prop", names), "did you mean `rmsprop`?");
        assert_eq!(did_you_mean("lbfgs", names), "");
    }

    /// A registry of one entry, `outer`, whose setting `inner` names an entry of this registry.
    struct Nested;
    static OUTER: Description = Description {
        name: "outer",
        summary: "",
        equation: "",
        source: "",
        parameters: &[Parameter {
            name: "inner",
            summary: "",
            default: Default::Text("adam"),
            domain: Domain::ChoiceOrAuto(|| &Nested),
        }],
    };
    impl Kind for Nested {
        fn name(&self) -> &'static str {
            "kind"
        }
        fn describe(&self, name: &str) -> Result<&'static Description> {
            match name {
                "outer" => Ok(&OUTER),
                "adam" => Ok(&DESCRIPTION),
                other => Err(unknown("kind", other, ["outer", "adam"])),
            }
        }
    }

    #[test]
    fn settings_of_settings_are_set_by_paths_validated_and_written_out() {
        let mut choice = Choice::new("outer");
        choice
            .set(&Nested, "inner.units", Setting::Integer(3))
            .unwrap();
        let resolved = OUTER.resolve("kind", &choice).unwrap();
        let inner = resolved.choice("inner");
        assert_eq!(inner.settings["beta1"], Setting::Number(0.9));
        assert_eq!(inner.settings["units"], Setting::Integer(3));
        // Through a file and back, and resolved again, it is the same.
        let choice = resolved.into_choice();
        let json = serde_json::to_string(&choice).unwrap();
        let read: Choice = serde_json::from_str(&json).unwrap();
        assert_eq!(read, choice);
        assert_eq!(OUTER.resolve("kind", &read).unwrap().into_choice(), choice);

        let auto = Choice::new("outer").with("inner", AUTO.into());
        assert_eq!(OUTER.resolve("kind", &auto).unwrap().into_choice(), auto);
        let refused = |path: &str| {
            let mut choice = Choice::new("outer");
            let set = choice.set(&Nested, path, Setting::Integer(1));
            let resolved = set.and_then(|()| OUTER.resolve("kind", &choice));
            resolved.err().unwrap().to_string()
        };
        assert!(refused("iner.units").contains("did you mean `inner`?"));
        assert!(refused("inner.unit").contains("kind outer: kind adam: found setting `unit`"));
        assert!(refused("inner.units.x").contains("no settings of its own"));
        assert!(refused("inner").contains("found inner = 1, expected auto or an entry"));
    }

    #[test]
    fn settings_are_read_as_a_user_types_them() {
        assert_eq!(Setting::parse("true"), Setting::Flag(true));
        assert_eq!(Setting::parse("3"), Setting::Integer(3));
        assert_eq!(Setting::parse("1e-4"), Setting::Number(1e-4));
        assert_eq!(Setting::parse("relu"), Setting::Text("relu".into()));
    }
}
