//! The registry: everything a user can name, described once.
//!
//! A layer, activation, loss, optimizer, schedule, initializer or metric is one file that ends in
//! an [`Entry`], plus one line in its folder's `mod.rs`. Help texts, `thalweg list`, "did you
//! mean", validation of names and ranges, and resolved configurations all come from the entry, so
//! they cannot drift from the code.
//!
//! - [`Setting`] and [`Choice`] are what users write, in files and on the command line;
//! - [`Description`], [`Parameter`], [`Default`](enum@Default) and [`Domain`] are what entries
//!   declare;
//! - [`Arguments`] is what an entry is built from: the one validated against the other.
//!
//! The fields of a training run (penalties, batches, stopping, …) are described in the same terms:
//! see [`crate::spec::Field`].

use std::fmt;

use crate::error::{Error, Result};

mod description;
mod domain;
mod factors;
mod setting;

pub use description::{Arguments, Default, Description, Parameter};
pub use domain::{AUTO, Domain};
pub use factors::Factors;
pub(crate) use factors::leads_to;
pub use setting::{Choice, Setting};

/// A row of a registry: its description and how it is made from validated settings and, for a
/// layer, its context.
pub struct Entry<B, Context = ()> {
    /// What it is.
    pub description: Description,
    /// Makes it.
    pub build: fn(&Arguments, &Context) -> Result<B>,
}

/// All entries of one kind.
pub struct Registry<B: 'static, Context: 'static = ()> {
    /// AnyRegistry in the singular, such as `optimizer`.
    pub kind: &'static str,
    /// The entries, in the order in which they are listed.
    pub entries: &'static [&'static Entry<B, Context>],
}

/// A registry, whatever its entries make: what a setting that names an entry is validated by.
pub trait AnyRegistry: Sync {
    /// The kind in the singular, such as `optimizer`.
    fn name(&self) -> &'static str;
    /// The entry of that name.
    ///
    /// # Errors
    /// If there is none; suggests the nearest.
    fn describe(&self, name: &str) -> Result<&'static Description>;
}

impl fmt::Debug for dyn AnyRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<B, Context> AnyRegistry for Registry<B, Context> {
    fn name(&self) -> &'static str {
        self.kind
    }

    fn describe(&self, name: &str) -> Result<&'static Description> {
        Ok(&self.find(name)?.description)
    }
}

impl<B, Context> Registry<B, Context> {
    /// The entry of that name, or an error that suggests the nearest.
    pub fn find(&self, name: &str) -> Result<&'static Entry<B, Context>> {
        (self.entries.iter().copied())
            .find(|entry| entry.description.name == name)
            .ok_or_else(|| {
                unknown(
                    self.kind,
                    name,
                    self.entries.iter().map(|e| e.description.name),
                )
                .at("name")
            })
    }

    /// The choice with every default written out, validated.
    pub fn resolve(&self, choice: &Choice) -> Result<Arguments> {
        self.find(&choice.name)?
            .description
            .resolve(self.kind, choice)
    }

    /// Validates the choice and makes it for `context`.
    pub fn build(&self, choice: &Choice, context: &Context) -> Result<B> {
        let entry = self.find(&choice.name)?;
        (entry.build)(&entry.description.resolve(self.kind, choice)?, context)
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
        format!("`{}`", found.escape_debug()),
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
        .filter(|&(distance, _)| {
            // Of a name that is another letter, nothing is alike.
            let length = found.chars().count();
            distance <= 1 + length / 4 && distance < length
        })
        .map_or(String::new(), |(_, name)| format!("did you mean `{name}`?"))
}

/// Declares the entries of a folder: one line a file. `with` collects the examples beside each
/// entry as well.
macro_rules! entries {
    (
        $(#[$doc:meta])* $name:ident: $kind:literal => $build:ty, $place:ty;
        with $(#[$of:meta])* $examples:ident: $example:ty; $($file:ident),+ $(,)?
    ) => {
        $crate::registry::entries! {
            $(#[$doc])* $name: $kind => $build, $place; $($file),+
        }
        $(#[$of])*
        pub static $examples: &[(&str, &[$example])] =
            &[$(($file::ENTRY.description.name, $file::EXAMPLES)),+];
    };
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
            "optimizer adam: found beta1 = 1.0, expected a number ≥ 0 and < 1"
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
    impl AnyRegistry for Nested {
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
}
