//! How a column is read, as a config and a model keep it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The readings of columns, by their names.
pub type Readings = BTreeMap<String, Reading>;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadAs {
    /// Numbers.
    Numbers,
    /// Categories, spelled as in the file.
    Text,
    /// Points in time.
    Dates,
}

/// How the cells of a column are read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// As what.
    #[serde(rename = "as")]
    pub kind: ReadAs,
    /// Numbers: the decimal sign.
    #[serde(default = "point", skip_serializing_if = "is_point")]
    pub decimal: char,
    /// Numbers: the sign between groups of three digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Numbers: what is written around them, such as `$` or `%`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Cells that mean "missing" in this column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Dates: the order of their parts: `ymd`, `dmy` or `mdy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<DateOrder>,
    /// Whether an option says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// The evidence, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// The order of year, month and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// 2022-12-31.
    Ymd,
    /// 31.12.2022.
    Dmy,
    /// 12/31/2022.
    Mdy,
}

fn point() -> char {
    '.'
}

fn is_point(sign: &char) -> bool {
    *sign == '.'
}

impl Reading {
    /// A reading without particulars.
    pub fn of(kind: ReadAs, why: impl Into<String>) -> Self {
        Self {
            kind,
            decimal: point(),
            thousands: None,
            marks: Vec::new(),
            missing: Vec::new(),
            order: None,
            asked: false,
            why: why.into(),
        }
    }

    /// Whether more than plain numbers is read: marks, groups of digits, or a decimal comma.
    pub(crate) fn is_marked(&self) -> bool {
        !self.marks.is_empty() || self.thousands.is_some() || self.is_not_plain()
    }

    /// Whether a number without marks, such as `1.017`, may mean another number than a program
    /// reads.
    pub(crate) fn is_not_plain(&self) -> bool {
        self.decimal != '.' || self.thousands == Some('.')
    }
}
