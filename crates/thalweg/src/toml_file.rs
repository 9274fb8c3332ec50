//! A TOML file, and the lines on which its keys stand, so that every error of a setting names
//! its place.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thalweg_core::error::Error;
use thalweg_core::registry::did_you_mean;
use toml::de::{DeTable, DeValue};

use crate::error::{Result, input};

/// A file and its text.
#[derive(Debug, Clone)]
pub struct TomlFile {
    path: PathBuf,
    text: String,
}

impl TomlFile {
    /// Reads the text.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |what: String| input(format!("{}: {what}", path.display()));
        let bytes = std::fs::read(path)
            .map_err(|error| fail(format!("cannot be read: {error}; check the path")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            fail(format!(
                "line {line}: found bytes that are no UTF-8, expected TOML, which is text in UTF-8; save it as that"
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// The contents of the text.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let line = error.span().map(|span| self.line_at(span.start));
            self.fail(line, plain(error.message()))
        })
    }

    /// A failure of this file, on some line of it.
    pub fn fail(&self, line: Option<usize>, what: impl std::fmt::Display) -> crate::Error {
        input(format!("{}: {what}", self.name(line)))
    }

    /// Puts path and line in front of an error of a setting, whose place is below `table`.
    pub fn locate(&self, table: &str, error: Error) -> Error {
        let Error::Invalid(invalid) = &error else {
            return error;
        };
        let names = table.split('.').filter(|name| !name.is_empty());
        let place: Vec<&str> = names
            .chain(invalid.place.iter().map(String::as_str))
            .collect();
        let name = self.name(self.line(&place));
        error.within(name)
    }

    /// `net.toml: line 3`.
    fn name(&self, line: Option<usize>) -> String {
        let line = line.map_or(String::new(), |line| format!(": line {line}"));
        format!("{}{line}", self.path.display())
    }

    /// The line of the key or the table to which these names lead, from the outermost table on.
    /// Names that nothing has are passed over.
    pub fn line(&self, place: &[&str]) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let (mut within, mut line) = (DeValue::Table(table.into_inner()), None);
        for name in place {
            let found = match &within {
                DeValue::Table(table) => {
                    let key = table.keys().find(|key| key.get_ref() == name);
                    key.and_then(|key| Some((key.span(), table.get(key)?.get_ref().clone())))
                }
                DeValue::Array(list) => {
                    let item = name.parse().ok().and_then(|index: usize| list.get(index));
                    item.map(|item| (item.span(), item.get_ref().clone()))
                }
                _ => None,
            };
            if let Some((span, value)) = found {
                line = Some(self.line_at(span.start));
                within = value;
            }
        }
        line
    }

    fn line_at(&self, place: usize) -> usize {
        let before = &self.text.as_bytes()[..place.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// serde's messages in the form of all others: what was found, and what was expected.
fn plain(message: &str) -> String {
    let message = message.trim().replace('\n', " ");
    let split = |message: &str, before: &str, between: &str| -> Option<(String, String)> {
        let (found, expected) = message.strip_prefix(before)?.split_once(between)?;
        Some((found.to_owned(), expected.to_owned()))
    };
    if let Some((found, expected)) = split(&message, "invalid type: ", ", expected ")
        .or_else(|| split(&message, "invalid value: ", ", expected "))
        .or_else(|| split(&message, "invalid length ", ", expected "))
    {
        // `integer `3` as i128` is 3.
        let value = found
            .split_once('`')
            .and_then(|(_, rest)| rest.rsplit_once('`'));
        let found = match (value, found.as_str()) {
            (Some((value, _)), _) => value,
            (None, "map") => "a table",
            (None, "sequence") => "a list",
            (None, other) => other.strip_prefix("string ").unwrap_or(other),
        };
        let expected = match expected.as_str() {
            "usize" | "u64" | "u32" => "a whole number ≥ 0",
            "i64" => "a whole number",
            "f64" | "f32" => "a number",
            "a boolean" => "true or false",
            "a string" | "wanted string or table" => "a name in quotes",
            "a sequence" => "a list",
            other => other.strip_prefix("an array of length ").unwrap_or(other),
        };
        return match message.starts_with("invalid length") {
            true => format!("found a list of {found}, expected one of {expected}"),
            false => format!("found {found}, expected {expected}"),
        };
    }
    if message == "wanted string or table" {
        return "found something else, expected a name in quotes".to_owned();
    }
    for kind in ["unknown field `", "unknown variant `"] {
        if let Some((found, expected)) = split(&message, kind, "`, expected ") {
            let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            let remedy = match did_you_mean(&found, names.iter().copied()) {
                text if text.is_empty() => text,
                text => format!("; {text}"),
            };
            let one_of = if names.len() > 1 { "one of " } else { "" };
            return format!(
                "found `{found}`, expected {one_of}{}{remedy}",
                names.join(", ")
            );
        }
    }
    match message.strip_prefix("missing field ") {
        Some(name) => format!("found no {name}, expected one"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_lines() {
        let file = TomlFile {
            path: "x.toml".into(),
            text: "a = 1\n[[layers]]\nname = 'dense'\n\n[[layers]]\nunits = 3\nb = { c = 4 }\n[t]\nd = 1\n".into(),
        };
        for (place, line) in [
            (&["a"][..], Some(1)),
            (&["layers", "1"], Some(5)),
            (&["layers", "1", "units"], Some(6)),
            // Passed over: what nothing has.
            (&["layers", "1", "layer", "units"], Some(6)),
            (&["layers", "1", "b", "c"], Some(7)),
            (&["layers", "1", "rate"], Some(5)),
            (&["t", "d"], Some(9)),
            (&["other"], None),
        ] {
            assert_eq!(file.line(place), line, "{place:?}");
        }
    }

    #[test]
    fn messages_of_serde_have_the_form_of_all_others() {
        for (serde, ours) in [
            (
                "invalid type: string \"x\", expected usize",
                "found \"x\", expected a whole number ≥ 0",
            ),
            (
                "unknown field `sed`, expected one of `test`, `seed`",
                "found `sed`, expected one of test, seed; did you mean `seed`?",
            ),
            ("missing field `data`", "found no `data`, expected one"),
            (
                "invalid type: integer `999` as i128, expected usize",
                "found 999, expected a whole number ≥ 0",
            ),
            (
                "invalid length 2, expected an array of length 3",
                "found a list of 2, expected one of 3",
            ),
            (
                "invalid type: map, expected a sequence",
                "found a table, expected a list",
            ),
            ("something else\n", "something else"),
        ] {
            assert_eq!(plain(serde), ours);
        }
    }
}
