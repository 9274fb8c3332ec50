//! What can be wrong with a user's data, as values that print as one clear line:
//! `adult.csv:17: column "age": found "abc", expected a number; remedy`.
//!
//! Messages and notes name an option by its path in a config file, in backticks: ``
//! `data.target.column` ``. This crate knows no command line; one that has a flag for the option
//! puts it in place of the path.

use std::fmt;

use crate::text::{list_item, shell_word};

/// The result of anything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure to make datasets out of files. Every variant prints as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data or the request are not as they should be.
    #[error("{0}")]
    Invalid(Box<Invalid>),
    /// The operating system could not read a file.
    #[error("{file}: cannot be read: {source}{}", remedy_of(.source))]
    Io {
        /// The file, as the user named it.
        file: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

fn remedy_of(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "; check the path",
        std::io::ErrorKind::PermissionDenied => "; check its permissions",
        _ => "",
    }
}

/// Where something was found. Empty parts are left out of the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The option, by its path in a config file; nothing else is set then.
    pub field: Option<&'static str>,
    /// The file, as the user named it.
    pub file: String,
    /// Line of a text file, counted from 1.
    pub line: Option<u64>,
    /// Row of a file without lines, counted from 1.
    pub row: Option<u64>,
    /// Name of the column.
    pub column: Option<String>,
}

impl Location {
    /// An option, by its path in a config file, such as `data.target.task`.
    pub fn field(field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..Self::default()
        }
    }

    /// A whole file.
    pub fn file(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            ..Self::default()
        }
    }

    /// A line of it, counted from 1.
    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// A column of it.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field {
            return write!(f, "`{field}`");
        }
        f.write_str(&escape(&self.file, MAX_PATH))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let mut separator = if self.file.is_empty() { "" } else { ": " };
        if let Some(row) = self.row {
            write!(f, "{separator}row {row}")?;
            separator = ": ";
        }
        if let Some(column) = &self.column {
            write!(f, "{separator}column {}", quote(column))?;
        }
        Ok(())
    }
}

/// Where, what was found, what was expected, and what to do: the parts of one clear line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Where it was found.
    pub location: Location,
    /// What was found. Text from files goes through [`quote`].
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.location != Location::default() {
            write!(f, "{}: ", self.location)?;
        }
        // What a library says of a damaged file may have bytes of that file.
        let [found, expected] = [&self.found, &self.expected].map(|text| escape(text, MAX_PART));
        write!(f, "found {found}, expected {expected}")?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", escape(&self.remedy, MAX_PART))?;
        }
        Ok(())
    }
}

impl Error {
    /// An [`Invalid`] without a remedy.
    pub fn invalid(
        location: Location,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Error::Invalid(Box::new(Invalid {
            location,
            found: found.into(),
            expected: expected.into(),
            remedy: String::new(),
        }))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        if let Error::Invalid(invalid) = &mut self {
            invalid.remedy = remedy.into();
        }
        self
    }

    /// Reading `file` failed. An error of a decompressor is a fault of the data.
    pub fn reading(file: &str, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{
            FileTooLarge, InvalidData, InvalidInput, UnexpectedEof, Unsupported,
        };
        if source
            .get_ref()
            .is_some_and(|inner| inner.is::<CutCharacter>())
        {
            let location = Location::file(file);
            let error = Self::invalid(location, source.to_string(), "a complete file");
            return error.remedy("fetch or write the file again");
        }
        if matches!(source.kind(), FileTooLarge | Unsupported) {
            let error = Self::invalid(Location::file(file), source.to_string(), "a file of data");
            return error.remedy("decompress the file yourself if it is right");
        }
        if matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof) {
            return Self::invalid(
                Location::file(file),
                format!("damaged or truncated compressed data ({source})"),
                "a complete file",
            )
            .remedy("fetch or write the file again");
        }
        Error::Io {
            file: escape(file, MAX_PATH),
            source,
        }
    }
}

/// Something the user should know about although nothing failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Whether it may spoil results, or only informs.
    pub warning: bool,
    /// One line.
    pub text: String,
}

impl Note {
    /// A choice that was made, for information.
    pub fn info(text: impl Into<String>) -> Self {
        Self {
            warning: false,
            text: text.into(),
        }
    }

    /// Something that may spoil results.
    pub fn warning(text: impl Into<String>) -> Self {
        Self {
            warning: true,
            text: text.into(),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning" } else { "note" };
        write!(f, "{kind}: {}", self.text)
    }
}

const MAX_TEXT: usize = 60;
const MAX_PATH: usize = 400;
const MAX_PART: usize = 1000;
const MAX_NAMES: usize = 10;

/// `text` in double quotes, on one line, shortened to about 60 characters.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text, MAX_TEXT))
}

/// `text` as an item of a list of the command line, in quotes for a shell, as far as it fits on a line.
pub(crate) fn quote_item(text: &str) -> String {
    let is_plain =
        text.chars().count() <= MAX_TEXT && !text.contains(['"', '$', '`', '\\', '!', ',']);
    let item = list_item(text);
    match is_plain || escape(&item, MAX_PATH) != item {
        true => quote(text),
        false => shell_word(&item),
    }
}

/// What is wrong with the end of a text.
#[derive(Debug, thiserror::Error)]
#[error("text in UTF-16 that ends inside a character")]
pub(crate) struct CutCharacter;

/// Some of `names`, quoted and separated by commas: `"a", "b" and 7 more`.
pub fn quote_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(MAX_NAMES).map(quote).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The nearest of `names` as a remedy; empty if none is near.
pub(crate) fn did_you_mean<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    // The edit distance to a megabyte of text takes minutes and is of no use.
    if found.len() > 4 * MAX_TEXT {
        return String::new();
    }
    let short = names.into_iter().filter(|name| name.len() <= 4 * MAX_TEXT);
    escape(
        &thalweg_core::registry::did_you_mean(found, short),
        MAX_PATH,
    )
}

/// `text` without control characters, cut to `limit` characters.
fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == limit {
            escaped.push('…');
            break;
        }
        // Line and paragraph separators and directional marks also break a line on some terminals.
        if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{feff}') {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_file_line_column_found_expected_and_remedy() {
        let location = Location::file("adult.csv").line(17).column("age");
        let error = Error::invalid(location, quote("abc"), "a number").remedy("correct the cell");
        assert_eq!(
            error.to_string(),
            r#"adult.csv:17: column "age": found "abc", expected a number; correct the cell"#
        );
    }

    #[test]
    fn items_of_remedies_are_words_of_a_shell() {
        let long = "x".repeat(100);
        for (text, expected) in [
            ("n. d.", "\"n. d.\"".to_owned()),
            ("5$", "'5$'".to_owned()),
            ("it's `5`", "'it'\\''s `5`'".to_owned()),
            ("a, b", "'\"a, b\"'".to_owned()),
            ("\"a\", b", "'\"\"\"a\"\", b\"'".to_owned()),
            (&long, long.clone()),
        ] {
            assert_eq!(quote_item(text), expected);
        }
        assert!(!quote_item("a\nb, c").contains('\n'));
    }

    #[test]
    fn messages_stay_on_one_short_line_whatever_the_cell_holds() {
        let cell = format!("a\nb\r\u{1b}[31m{}", "x".repeat(1_000_000));
        let message = Error::invalid(Location::file("f\n"), quote(&cell), "a number").to_string();
        assert!(message.chars().count() < 200, "{message}");
        assert!(!message.chars().any(char::is_control), "{message}");
        let said = format!("damaged data (a field named a\0\u{6}\n{cell})");
        let message = Error::invalid(Location::file("f"), said, "a complete file").to_string();
        assert!(message.chars().count() < 1100, "{message}");
        assert!(!message.chars().any(char::is_control), "{message}");
    }
}
