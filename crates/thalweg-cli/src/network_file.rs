//! `--network FILE`: a network, layer by layer.
//!
//! ```toml
//! input = [1, 28, 28]            # channels, lines, pixels; images need not say
//!
//! [[layers]]
//! name = "conv2d"
//! channels = 6
//! kernel = 5
//! normalization = "batch_norm"   # between layer and activation; weight_norm and spectral_norm wrap the layer
//! activation = "relu"
//! dropout = 0.1                  # behind the activation
//! constraint = { name = "max_norm", limit = 3 }
//!
//! [[layers]]
//! name = "residual"
//! layers = [{ name = "conv2d", channels = 6, kernel = 3, padding = 1, activation = "relu" }]
//!
//! [[layers]]
//! name = "dense"                 # the last one may leave `units` to the data
//! ```
//!
//! Any entry of `thalweg list layers` is a layer. `normalization` and `dropout` are short for layers of their own. A
//! first layer `embedding` may leave its `levels` to the data, and its `widths` to the rule that `thalweg list` tells.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thalweg::activations::ACTIVATIONS;
use thalweg::error::{Error, Invalid};
use thalweg::layers::{self, Shape};
use thalweg::precision::Dtype;
use thalweg::registry::{AUTO, Choice, Setting};
use toml::Spanned;

use crate::exit::{Failure, Result};

/// What the file says.
#[derive(Debug, Clone)]
pub struct NetworkFile {
    path: PathBuf,
    input: Option<[usize; 3]>,
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    line: usize,
    choice: Choice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    input: Option<[usize; 3]>,
    layers: Vec<Spanned<toml::Table>>,
}

/// The layer that reads codes.
pub const EMBEDDING: &str = "embedding";

/// Layers whose place is around the layer that they normalize.
const WRAPPERS: [&str; 2] = ["weight_norm", "spectral_norm"];

impl NetworkFile {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |what: String| {
            let what = what.trim().replace('\n', " ");
            Failure::input(format!("{}: {what}", path.display()))
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| fail(format!("cannot be read: {error}; check the path")))?;
        let line = |place: usize| 1 + text[..place.min(text.len())].matches('\n').count();
        let contents: Contents = toml::from_str(&text).map_err(|error| {
            let place =
                (error.span()).map_or(String::new(), |span| format!("line {}: ", line(span.start)));
            fail(format!("{place}{}", error.message()))
        })?;
        if contents.layers.is_empty() {
            return Err(fail("found no layers, expected [[layers]]".to_owned()));
        }
        let layer = |(index, table): (usize, Spanned<toml::Table>)| {
            let line = line(table.span().start);
            let choice = Choice::deserialize(table.into_inner()).map_err(|error| {
                let number = index + 1;
                fail(format!("line {line}: layer {number}: {}", error.message()))
            })?;
            Ok(Layer { line, choice })
        };
        let layers = contents.layers.into_iter().enumerate().map(layer);
        Ok(Self {
            path: path.to_owned(),
            input: contents.input,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// Whether it begins with an embedding.
    pub fn embeds(&self) -> bool {
        (self.layers.first()).is_some_and(|layer| layer.choice.name == EMBEDDING)
    }

    /// The shape of the input, if it is an image, and the layers, for data whose rows have the shape `rows` and begin
    /// with `codes`, columns and how many codes they have, and a task that wants `outputs` numbers.
    ///
    /// # Errors
    /// Names the file, the line and the layer that does not fit.
    pub fn resolve(
        &self,
        rows: &[usize],
        codes: &[(&str, usize)],
        outputs: usize,
    ) -> Result<(Option<[usize; 3]>, Vec<Choice>)> {
        let name = self.path.display();
        let size: usize = rows.iter().product();
        let image = match (self.input, rows) {
            (Some(input), _) if input.iter().product::<usize>() != size => {
                let found = format!("input = {input:?} for rows of {size} values");
                let expected = "channels · lines · pixels as the data have them";
                return Err(Error::invalid(name.to_string(), found, expected).into());
            }
            (Some(input), _) => Some(input),
            (None, &[height, width]) => Some([1, height, width]),
            (None, &[channels, height, width]) => Some([channels, height, width]),
            _ => None,
        };
        let shape = image.map_or(Shape::flat(size), Shape::image);
        let mut all = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let fail = |error: Error| {
                let error = match error {
                    Error::Invalid(mut invalid) => {
                        // Its number would be that among the layers that this file's stand for.
                        if let Some((_, rest)) = invalid.subject.split_once(": ") {
                            invalid.subject = rest.to_owned();
                        }
                        Error::Invalid(invalid)
                    }
                    other => other,
                };
                let (line, number, kind) = (layer.line, index + 1, &layer.choice.name);
                error.within(format_args!("{name}: line {line}: layer {number} ({kind})"))
            };
            let mut choice = layer.choice.clone();
            if index == 0 {
                choice = with_codes(choice, codes).map_err(|e| fail(e.within("layer")))?;
            }
            let is_last = index + 1 == self.layers.len();
            if is_last && choice.name == "dense" && !choice.settings.contains_key("units") {
                choice = choice.with("units", Setting::Integer(outputs as i64));
            }
            let within = |error: Error| fail(error.within("layer"));
            all.extend(expand(choice).map_err(within)?);
            let nodes = layers::build(shape, &all, Dtype::default()).map_err(fail)?;
            let found = nodes.last().map_or(0, |node| node.output.size());
            if is_last && found != outputs {
                let expected = format!("{outputs}, as the data and the task ask for");
                let error = Error::invalid("layer: outputs", found.to_string(), expected);
                return Err(
                    fail(error.remedy("end with a dense layer that leaves out `units`")).into(),
                );
            }
        }
        Ok((image, all))
    }
}

/// What is said of a layer of the network that a file tells, counted with the layers that short forms stand for, as it is
/// said of its place in the file. Other errors stay as they are.
pub fn locate(file: Option<&Path>, error: Error) -> Error {
    match (file.map(NetworkFile::read), error) {
        (Some(Ok(file)), Error::Invalid(invalid)) => Error::Invalid(Invalid {
            subject: file.place(&invalid.subject).unwrap_or(invalid.subject),
            ..invalid
        }),
        (_, error) => error,
    }
}

impl NetworkFile {
    /// `layer 5 (dense): activation` as `net.toml: line 8: layer 2 (dense): activation`.
    fn place(&self, subject: &str) -> Option<String> {
        let rest = subject.strip_prefix("layer ")?;
        let (number, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let named = rest
            .strip_prefix(" (")
            .and_then(|rest| rest.split_once(')'));
        let (named, rest) = named.map_or((None, rest), |(kind, rest)| (Some(kind), rest));
        let stands_for = |layer: &Layer| expand(layer.choice.clone()).map_or(1, |all| all.len());
        let mut last = 0;
        let (index, layer) = self.layers.iter().enumerate().find(|(_, layer)| {
            last += stands_for(layer);
            number.parse().is_ok_and(|number: usize| number <= last)
        })?;
        let (path, line, kind) = (self.path.display(), layer.line, &layer.choice.name);
        // A layer that a short form of this one stands for.
        let inner = named.filter(|named| named != kind);
        let inner = inner.map_or(String::new(), |named| format!(": {named}"));
        Some(format!(
            "{path}: line {line}: layer {} ({kind}){inner}{rest}",
            index + 1
        ))
    }
}

/// An embedding of these columns.
pub fn embedding(codes: &[(&str, usize)]) -> Choice {
    let list = |number: fn(usize) -> usize| {
        let numbers = codes.iter().map(|(_, levels)| number(*levels) as i64);
        Setting::Integers(numbers.collect())
    };
    Choice::new(EMBEDDING)
        .with("levels", list(|levels| levels))
        .with("widths", list(layers::usual_width))
}

/// The first layer for rows that begin with these codes: an embedding of just these, if there are any.
fn with_codes(choice: Choice, codes: &[(&str, usize)]) -> thalweg::Result<Choice> {
    let refuse = |found: &str, expected: &str, remedy: &str| {
        Err(Error::invalid("codes", found, expected).remedy(remedy))
    };
    match (choice.name == EMBEDDING, codes) {
        (false, []) => Ok(choice),
        (true, []) => refuse(
            "a list of numbers alone",
            "columns of text with many categories",
            "leave the layer out, or choose a smaller --embed-above",
        ),
        (false, [(name, _), ..]) => refuse(
            &format!("the codes of column `{name}`"),
            "an embedding as the first layer",
            "begin the file with it, or leave out --embed-above",
        ),
        (true, codes) => {
            let of_data = embedding(codes);
            let levels = &of_data.settings["levels"];
            if let Some(given) = choice
                .settings
                .get("levels")
                .filter(|given| *given != levels)
            {
                let expected = format!("{levels}, as the data have them");
                return refuse(
                    &format!("levels = {given}"),
                    &expected,
                    "leave `levels` out",
                );
            }
            let auto = [None, Some(&Setting::Text(AUTO.to_owned()))];
            let mut choice = choice.with("levels", levels.clone());
            if auto.contains(&choice.settings.get("widths")) {
                choice = choice.with("widths", of_data.settings["widths"].clone());
            }
            Ok(choice)
        }
    }
}

/// A layer with its short forms written out.
fn expand(mut choice: Choice) -> thalweg::Result<Vec<Choice>> {
    let normalization = take_choice(&mut choice, "normalization")?;
    let dropout = choice.settings.remove("dropout");
    let dropout = dropout.map(|rate| Choice::new("dropout").with("rate", rate));
    if let Some(Setting::Choices(inner)) = choice.settings.get_mut("layers") {
        let each = std::mem::take(inner).into_iter().map(expand);
        *inner = each.collect::<thalweg::Result<Vec<_>>>()?.concat();
    }
    let mut all = match normalization {
        None => vec![choice],
        Some(norm) if WRAPPERS.contains(&norm.name.as_str()) => {
            vec![norm.with("layer", Setting::Choice(choice))]
        }
        Some(norm) => {
            let activation = take_choice(&mut choice, "activation")?;
            if let Some(activation) = &activation
                && !choice.settings.contains_key("initializer")
            {
                // The one that suits the activation, which stands elsewhere now.
                let name = ACTIVATIONS.build(activation, &())?.initializer().to_owned();
                choice = choice.with("initializer", Setting::Text(name));
            }
            let layer = |activation: Choice| {
                Choice::new("activation").with("activation", activation.into())
            };
            [choice, norm]
                .into_iter()
                .chain(activation.map(layer))
                .collect()
        }
    };
    all.extend(dropout);
    Ok(all)
}

/// Takes a setting that names an entry.
fn take_choice(choice: &mut Choice, name: &str) -> thalweg::Result<Option<Choice>> {
    match choice.settings.remove(name) {
        None => Ok(None),
        Some(setting) => match setting.choice() {
            Some(taken) => Ok(Some(taken)),
            None => {
                let found = format!("{name} = {setting}");
                Err(Error::invalid(&*choice.name, found, "the name of an entry"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn message(text: &str, rows: &[usize]) -> String {
        let (_folder, path) = write(text);
        let error = NetworkFile::read(&path).and_then(|file| file.resolve(rows, &[], 10));
        let Err(Failure::Input(line)) = error else {
            panic!("{text} is not refused")
        };
        line.split_once("net.toml: ").unwrap().1.to_owned()
    }

    #[test]
    fn short_forms_are_layers_of_their_own() {
        let (_folder, path) = write(
            "[[layers]]\nname = 'dense'\nunits = 8\nactivation = 'relu'\nnormalization = 'batch_norm'\ndropout = 0.5\n
            [[layers]]\nname = 'residual'\nlayers = [{name = 'dense', units = 8, dropout = 0.1}]\n
            [[layers]]\nname = 'dense'\nnormalization = 'spectral_norm'\nunits = 10\n",
        );
        let (image, layers) = NetworkFile::read(&path)
            .unwrap()
            .resolve(&[4], &[], 10)
            .unwrap();
        let text: Vec<String> = layers.iter().map(Choice::to_string).collect();
        assert_eq!(image, None);
        assert_eq!(
            text,
            [
                "dense(initializer=he_uniform, units=8)",
                "batch_norm",
                "activation(activation=relu)",
                "dropout(rate=0.5)",
                "residual(layers=[dense(units=8), dropout(rate=0.1)])",
                "spectral_norm(layer=dense(units=10))",
            ]
        );
    }

    #[test]
    fn errors_name_file_line_and_layer() {
        let conv = "[[layers]]\nname = 'conv2d'\nchannels = 2\nkernel = 5\ndropout = 0.1\n";
        assert_eq!(
            message(&format!("{conv}{conv}"), &[8, 8]),
            "line 6: layer 2 (conv2d): layer conv2d: found a kernel of 5×5, expected at most its input, 4×4"
        );
        assert!(
            message(conv, &[64])
                .starts_with("line 1: layer 1 (conv2d): layer conv2d: found a list of 64")
        );
        let last = "[[layers]]\nname = 'dense'\nunits = 3\n";
        assert!(
            message(last, &[4]).contains("line 1: layer 1 (dense): outputs: found 3, expected 10")
        );
        assert!(
            message("[[layers]]\nname = 'dense'\nunit = 3\n", &[4])
                .contains("did you mean `units`?")
        );
        assert!(message("layers = 3", &[4]).starts_with("line 1: "));
        assert!(
            message("[[layers]]\nunits = 3", &[4])
                .contains("line 1: layer 1: missing field `name`")
        );
        assert!(
            message("input = [1, 2, 3]\n[[layers]]\nname = 'dense'\n", &[4])
                .contains("input = [1, 2, 3] for rows of 4")
        );
    }
}
