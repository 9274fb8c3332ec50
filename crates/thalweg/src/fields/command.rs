//! The command that makes a cache again, as a message has it.

use std::path::{Path, absolute};

use serde_json::Value;
use thalweg_data::text::shell_word;
use thalweg_data::{ReadOptions, Source};

use super::{FIELDS, Field, Values, list_argument};

/// The arguments of `thalweg convert` for a cache of a source that is read so, with its rows in an order by that seed: those
/// before its name, and those after it.
pub fn convert_arguments(source: &Source, read: &ReadOptions, shuffle: Option<u64>) -> [String; 2] {
    let mut after = match shuffle {
        None => vec!["--no-shuffle".to_owned()],
        Some(0) => Vec::new(),
        Some(seed) => vec![format!("--seed {seed}")],
    };
    let set = serde_json::to_value(read).unwrap_or_default();
    for (name, value) in set.as_object().into_iter().flatten() {
        let path = format!("data.read.{name}");
        let mut fields = FIELDS.iter().filter(|field| field.path == path);
        after.extend(fields.find_map(|field| argument(field, value)));
    }
    let text = match source {
        Source::Path(path) => whole(path),
        Source::Files(text) => {
            let names = text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            names
                .map(|name| whole(Path::new(name)))
                .collect::<Vec<_>>()
                .join(",")
        }
        Source::Stdin | Source::Builtin(_) => source.to_string(),
    };
    [shell_word(&text), after.join(" ")]
}

fn whole(path: &Path) -> String {
    absolute(path)
        .unwrap_or(path.to_owned())
        .display()
        .to_string()
}

/// The argument of a field with its value.
fn argument(field: &Field, value: &Value) -> Option<String> {
    let name = field.flag?.name;
    if field.placeholder.is_none() {
        return (field.switched().as_ref() == Some(value)).then(|| name.to_owned());
    }
    let text = match (field.values, value) {
        (Values::List, list) => {
            list_argument(&serde_json::from_value::<Vec<String>>(list.clone()).ok()?)
        }
        (Values::Path, Value::String(path)) => shell_word(&whole(Path::new(path))),
        (Values::Character, Value::String(text)) if text == "\t" => "tab".to_owned(),
        (_, Value::String(text)) => shell_word(text),
        (_, value) => value.to_string(),
    };
    // One that begins with a dash is no argument of its own.
    let is_dash = text.trim_start_matches(['\'', '"']).starts_with('-');
    Some(format!("{name}{}{text}", if is_dash { '=' } else { ' ' }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_reading_is_an_argument_of_the_command() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let read = ReadOptions {
            delimiter: Some('\t'),
            header: Some(false),
            encoding: Some("latin1".to_owned()),
            skip: 2,
            names: list(&["a b", "c"]),
            missing: list(&["-9", ""]),
            decimal: Some(','),
            categorical: list(&["c"]),
            sparse: Some(false),
            labels: Some("/data/y.npy".into()),
            ..ReadOptions::default()
        };
        let source = Source::Path("/data/my rows.csv".into());
        let [before, after] = convert_arguments(&source, &read, Some(7));
        assert_eq!(before, "'/data/my rows.csv'");
        for expected in [
            "--seed 7",
            "--delimiter tab",
            "--no-header",
            "--encoding latin1",
            "--skip 2",
            "--columns 'a b,c'",
            "--missing=-9,",
            "--decimal ,",
            "--categorical c",
            "--no-sparse",
            "--labels /data/y.npy",
        ] {
            assert!(after.contains(expected), "{after}");
        }
        let source = Source::parse("/data/a.csv,/data/part-*.csv").unwrap();
        let [before, after] = convert_arguments(&source, &ReadOptions::default(), None);
        assert_eq!(before, "'/data/a.csv,/data/part-*.csv'");
        assert_eq!(after, "--no-shuffle");
        assert_eq!(
            convert_arguments(&source, &ReadOptions::default(), Some(0))[1],
            ""
        );
    }
}
