//! How what was fitted to rows differs from what was fitted to others, for messages.

use std::collections::{HashMap, HashSet};

use super::{Encoding, Preprocessing};
use crate::error::quote;

impl Preprocessing {
    /// What columns are here and not in `before`, or what else the first difference is; none if all is the same.
    pub fn difference(&self, before: &Self) -> Option<String> {
        if self == before {
            return None;
        }
        let (more, less) = (self.own_column(before), before.own_column(self));
        Some(match (more, less, self.other_values(before)) {
            (Some(more), Some(less), _) => format!("the column {more} and no column {less}"),
            (Some(more), None, _) => format!("one more column, {more}"),
            (None, Some(less), _) => format!("no column {less}"),
            _ if self.columns != before.columns => "its columns in another order".to_owned(),
            (.., Some(name)) => format!("other values in column {name}"),
            _ => "other targets or weights".to_owned(),
        })
    }

    /// The first column that another has not.
    fn own_column(&self, other: &Self) -> Option<String> {
        let others: HashSet<&String> = other.columns.iter().collect();
        let mut own = self.columns.iter().filter(|name| !others.contains(name));
        own.next().map(|name| quote(name))
    }

    /// The first column that is read or encoded in another way.
    fn other_values(&self, before: &Self) -> Option<String> {
        let encodings = |of: &Self| -> HashMap<String, Encoding> {
            let inputs = of.inputs.iter();
            inputs
                .map(|input| (input.name.clone(), input.encoding.clone()))
                .collect()
        };
        let (ours, theirs) = (encodings(self), encodings(before));
        let is_other = |name: &&String| {
            ours.get(*name) != theirs.get(*name)
                || self.readings.get(*name) != before.readings.get(*name)
        };
        self.columns.iter().find(is_other).map(|name| quote(name))
    }
}
