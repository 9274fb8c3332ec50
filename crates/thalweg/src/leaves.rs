//! Nested data as a list of entries.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The entries of nested objects, and of lists of objects, by their paths such as
/// `training.optimizer.name`; absent ones are left out.
pub fn leaves(data: &impl Serialize) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flatten(
        "",
        &serde_json::to_value(data).unwrap_or_default(),
        &mut all,
    );
    all
}

fn flatten(path: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    let join = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match value {
        Value::Object(map) => {
            map.iter()
                .for_each(|(name, value)| flatten(&join(name), value, all));
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            let numbered = list.iter().enumerate();
            numbered.for_each(|(i, value)| flatten(&join(&i.to_string()), value, all));
        }
        Value::Null => {}
        Value::String(text) => drop(all.insert(path.to_owned(), text.clone())),
        other => drop(all.insert(path.to_owned(), other.to_string())),
    }
}
