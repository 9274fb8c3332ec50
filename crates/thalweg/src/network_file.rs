//! A network, layer by layer, as a file states it (`--network FILE`).
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
//! name = "dense"                 # the last one may leave `units` to the data, as `batch_ensemble` may
//! ```
//!
//! Any entry of `thalweg list layers` is a layer. `normalization` and `dropout` are short for
//! layers of their own. A first layer `embedding` may leave its `levels` to the data, and its
//! `widths` to the rule of `thalweg list layers`; an embedding of numbers, first or right behind it,
//! its `columns`, and the bins of these.

mod places;

use std::path::Path;

use serde::Deserialize;
use thalweg_core::activations::ACTIVATIONS;
use thalweg_core::error::Error;
use thalweg_core::layers::{self, LAYERS};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{AUTO, AnyRegistry, Choice, Setting, did_you_mean};
use thalweg_core::shape::Shape;

use crate::error::Result;
use crate::toml_file::TomlFile;

/// A network as it is written in a file, with its short forms.
#[derive(Debug, Clone)]
pub struct NetworkFile {
    file: Option<TomlFile>,
    /// The table that the layers are in; empty: the file itself.
    table: &'static str,
    input: Option<[usize; 3]>,
    layers: Vec<Choice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    input: Option<[usize; 3]>,
    layers: Vec<Choice>,
}

/// The layer that reads codes.
pub const EMBEDDING: &str = "embedding";

/// The layer of members that share their weights.
pub const MEMBERS: &str = "batch_ensemble";

/// The short form for a layer that normalizes.
const NORMALIZATION: &str = "normalization";

/// Layers whose place is around the layer that they normalize.
const WRAPPERS: [&str; 2] = ["weight_norm", "spectral_norm"];

impl NetworkFile {
    /// Reads a file of a network alone.
    pub fn read(path: &Path) -> Result<Self> {
        let file = TomlFile::read(path)?;
        let Contents { input, layers } = file.parse()?;
        match layers.is_empty() {
            true => Err(file.fail(None, "found no layers, expected [[layers]]")),
            false => Ok(Self {
                file: Some(file),
                table: "",
                input,
                layers,
            }),
        }
    }

    /// The layers of a config file.
    pub fn of_config(file: TomlFile, layers: Vec<Choice>) -> Self {
        Self {
            file: Some(file),
            table: "network",
            input: None,
            layers,
        }
    }

    /// Layers that are in no file.
    pub fn of_layers(layers: Vec<Choice>) -> Self {
        Self {
            file: None,
            table: "",
            input: None,
            layers,
        }
    }

    /// Whether it begins with an embedding.
    pub fn embeds(&self) -> bool {
        (self.layers.first()).is_some_and(|layer| layer.name == EMBEDDING)
    }

    /// The layers with their short forms written out.
    ///
    /// # Errors
    /// Names the file, the line and the layer whose short forms are not valid.
    pub fn written_out(&self) -> thalweg_core::Result<Vec<Choice>> {
        let layers = self.layers.iter().enumerate();
        let each = layers.map(|(index, layer)| {
            expand(layer.clone()).map_err(|error| self.of_layer(index, error))
        });
        Ok(each.collect::<thalweg_core::Result<Vec<_>>>()?.concat())
    }

    /// The shape of the input, if it is an image, and the layers, for data whose rows have the
    /// shape `rows` and begin with `codes`, columns and how many codes they have, and a task that
    /// wants `outputs` numbers. `of_data` fills in what a layer behind others leaves to the data.
    ///
    /// # Errors
    /// Names the file, the line and the layer that does not fit.
    pub fn resolve(
        &self,
        rows: &[usize],
        codes: &[(&str, usize)],
        outputs: usize,
        of_data: &dyn Fn(Choice, &[Choice]) -> thalweg_core::Result<Choice>,
    ) -> Result<(Option<[usize; 3]>, Vec<Choice>)> {
        let size: usize = rows.iter().product();
        let values = |input: [usize; 3]| input.iter().try_fold(1usize, |a, b| a.checked_mul(*b));
        let image = match (self.input, rows) {
            (Some(input), _) if values(input) != Some(size) => {
                let found = format!("input = {input:?} for rows of {size} values");
                let expected = "channels · lines · pixels as the data have them";
                let error = Error::invalid("network", found, expected).at("input");
                return Err(self.locate(error).into());
            }
            (Some(input), _) => Some(input),
            (None, &[height, width]) => Some([1, height, width]),
            (None, &[channels, height, width]) => Some([channels, height, width]),
            _ => None,
        };
        let shape = image.map_or(Shape::flat(size), Shape::image);
        let mut all = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let fail = |error: Error| self.of_layer(index, error);
            let mut choice = layer.clone();
            if index == 0 {
                choice = with_codes(choice, codes).map_err(fail)?;
            }
            choice = of_data(choice, &all).map_err(fail)?;
            let is_last = index + 1 == self.layers.len();
            if is_last && has_units(&choice.name) && !choice.settings.contains_key("units") {
                choice = choice.with("units", Setting::Integer(outputs as i64));
            }
            all.extend(expand(choice).map_err(fail)?);
            let nodes = layers::build(shape, &all, Dtype::default());
            let nodes = nodes.map_err(|error| self.locate(error))?;
            let found = nodes.last().map_or(0, |node| node.outputs());
            if is_last && found != outputs {
                let expected = format!("{outputs}, as the data and the task ask for");
                let error = Error::invalid("outputs", found.to_string(), expected).at("units");
                return Err(
                    fail(error.remedy("end with a dense layer that leaves out `units`")).into(),
                );
            }
        }
        Ok((image, all))
    }

    /// An error with the place in the file, if there is one.
    fn within_file(&self, error: Error) -> Error {
        match &self.file {
            Some(file) => file.locate(self.table, error),
            None => error,
        }
    }

    /// An error of the layer `index` of this file.
    fn of_layer(&self, index: usize, error: Error) -> Error {
        let layer = format!("layer {} ({})", index + 1, self.layers[index].name);
        let error = error.within(layer).at(&format!("layers.{index}"));
        self.within_file(error)
    }
}

/// Whether a last layer of this name may leave its `units` to the data.
pub(crate) fn has_units(name: &str) -> bool {
    ["dense", MEMBERS].contains(&name)
}

/// Divides a network of dense layers among members that share the weights of the hidden ones; each has
/// an output layer of its own.
pub(crate) fn divide(layers: &mut [Choice], members: usize) {
    let last = layers.iter().rposition(|layer| has_units(&layer.name));
    for (index, layer) in layers.iter_mut().enumerate() {
        if has_units(&layer.name) {
            layer.name = MEMBERS.to_owned();
            let mut set = |name: &str, setting| layer.settings.insert(name.to_owned(), setting);
            set("members", Setting::Integer(members as i64));
            set("shared", Setting::Flag(Some(index) != last));
        }
    }
}

/// The name of a dense first layer of sparse or of dense rows.
pub(crate) fn dense(are_sparse: bool) -> &'static str {
    if are_sparse { "sparse" } else { "dense" }
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

/// The first layer for rows that begin with these codes: an embedding of just these, if there are
/// any.
fn with_codes(choice: Choice, codes: &[(&str, usize)]) -> thalweg_core::Result<Choice> {
    let refuse = |found: &str, expected: &str, remedy: &str| {
        Err(Error::invalid("codes", found, expected).remedy(remedy))
    };
    match (choice.name == EMBEDDING, codes) {
        (false, []) => Ok(choice),
        (true, []) => refuse(
            "a list of numbers alone",
            "columns of text with many categories",
            "leave the layer out, or choose a smaller `data.fit.embed_above`",
        ),
        (false, [(name, _), ..]) => refuse(
            &format!("the codes of column `{name}`"),
            "an embedding as the first layer",
            "begin the network with it, or leave out `data.fit.embed_above`",
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
fn expand(mut choice: Choice) -> thalweg_core::Result<Vec<Choice>> {
    let normalization = take_choice(&mut choice, NORMALIZATION)?;
    if let Some(norm) = &normalization {
        let names = LAYERS.descriptions().into_iter().map(|layer| layer.name);
        let norms: Vec<&str> = names.filter(|name| name.ends_with("_norm")).collect();
        if !norms.contains(&norm.name.as_str()) {
            let expected = format!("one of {}", norms.join(", "));
            let error = Error::invalid(NORMALIZATION, &norm.name, expected);
            let remedy = did_you_mean(&norm.name, norms);
            return Err(error.remedy(remedy).at(NORMALIZATION));
        }
        if norm.settings.contains_key("layer") {
            let error = Error::invalid(NORMALIZATION, "a `layer`", "none: it is this layer's");
            return Err(error.remedy("leave it out").at("layer").at(NORMALIZATION));
        }
    }
    let dropout = choice.settings.remove("dropout");
    let dropout = dropout.map(|rate| Choice::new("dropout").with("rate", rate));
    if let Some(Setting::Choices(inner)) = choice.settings.get_mut("layers") {
        let each = std::mem::take(inner).into_iter().enumerate();
        let each = each.map(|(index, layer)| {
            let name = format!("layer {} ({})", index + 1, layer.name);
            expand(layer).map_err(|error| error.within(name).at(&format!("layers.{index}")))
        });
        *inner = each.collect::<thalweg_core::Result<Vec<_>>>()?.concat();
    }
    let mut all = match normalization {
        None => vec![choice],
        Some(norm) if WRAPPERS.contains(&norm.name.as_str()) => {
            vec![norm.with("layer", Setting::Choice(choice))]
        }
        Some(norm) => {
            let activation = take_choice(&mut choice, "activation")?;
            let description = LAYERS.describe(&choice.name)?;
            let has_weights =
                (description.parameters.iter()).any(|parameter| parameter.name == "initializer");
            if let Some(activation) = &activation
                && has_weights
                && !choice.settings.contains_key("initializer")
            {
                // The one that suits the activation, which stands elsewhere now.
                let built = ACTIVATIONS.build(activation, &());
                let name = built.map_err(|error| error.at("activation"))?.initializer();
                choice = choice.with("initializer", Setting::Text(name.to_owned()));
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
fn take_choice(choice: &mut Choice, name: &str) -> thalweg_core::Result<Option<Choice>> {
    match choice.settings.remove(name) {
        None => Ok(None),
        Some(setting) => match setting.choice() {
            Some(taken) => Ok(Some(taken)),
            None => Err(Error::invalid(name, setting.to_string(), "the name of an entry").at(name)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn message(text: &str, rows: &[usize]) -> String {
        let (_folder, path) = write(text);
        let error = NetworkFile::read(&path)
            .and_then(|file| file.resolve(rows, &[], 10, &|layer, _| Ok(layer)));
        let Err(error) = error else {
            panic!("{text} is not refused")
        };
        assert!(error.is_input());
        let line = error.to_string();
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
            .resolve(&[4], &[], 10, &|layer, _| Ok(layer))
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
            "line 6: layer 2 (conv2d): found a kernel of 5×5, expected at most its input, 4×4"
        );
        assert!(message(conv, &[64]).starts_with("line 1: layer 1 (conv2d): found a list of 64"));
        let last = "[[layers]]\nname = 'dense'\nunits = 3\n";
        assert!(
            message(last, &[4]).contains("line 3: layer 1 (dense): outputs: found 3, expected 10")
        );
        assert!(
            message("[[layers]]\nname = 'dense'\nunit = 3\n", &[4])
                .contains("did you mean `units`?")
        );
        assert!(message("layers = 3", &[4]).starts_with("line 1: "));
        assert!(
            message("[[layers]]\nunits = 3", &[4]).contains("line 1: found a table without `name`")
        );
        assert!(
            message("input = [1, 2, 3]\n[[layers]]\nname = 'dense'\n", &[4])
                .contains("input = [1, 2, 3] for rows of 4")
        );
    }
}
