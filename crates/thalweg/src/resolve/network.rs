//! The network: that of a config or of the preset, as the request changes it and the data want it.

use std::path::Path;

use serde_json::Value;
use thalweg_core::error::Error;
use thalweg_core::layers::{self, LAYERS};
use thalweg_core::registry::{AUTO, AnyRegistry, Choice, Setting};
use thalweg_core::spec::NetworkSpec;
use thalweg_data::{Note, Preprocessing};

use crate::config::Config;
use crate::error::Result;
use crate::network_file::{EMBEDDING, NetworkFile, dense, divide, embedding, has_units};
use crate::numbers;
use crate::request::{NONE, Request};
use crate::rows::RunRows;

/// The layer of factors in front of the first dense one.
const SCALE: &str = "scale";

/// Changes the network as requested, for these rows; gives the layers that the request states, if
/// it does.
pub fn apply(
    request: &Request,
    network: &mut NetworkSpec,
    rows: &RunRows,
) -> Result<Option<NetworkFile>> {
    let preprocessing = &rows.preprocessing;
    let (codes, outputs) = (preprocessing.codes(), preprocessing.output_width());
    network.inputs = preprocessing.input_width();
    read_rows(network, false);
    let file = request.network()?;
    match &file {
        Some(file) => {
            let shape = preprocessing.input_shape();
            let fill = |layer: Choice, before: &[Choice]| of_data(layer, before, rows);
            (network.image, network.layers) = file.resolve(&shape, &codes, outputs, &fill)?;
        }
        None => {
            shape(network, request, outputs)?;
            embed(network, &codes);
            check_numbers(request, network)?;
            numbers::fill_all(network, rows)?;
        }
    }
    read_rows(network, preprocessing.is_sparse());
    Ok(file)
}

/// Lets a dense first layer read sparse rows, or dense ones. Other layers see the rows of a batch as dense ones.
fn read_rows(network: &mut NetworkSpec, are_sparse: bool) {
    if let Some(first) = network.layers.first_mut()
        && layers::is_dense(&first.name)
    {
        first.name = dense(are_sparse).to_owned();
    }
}

/// Refuses to change the hidden layers of a network that are not all alike: it would reach some of
/// them alone.
pub fn check_plain(request: &Request, network: Option<&NetworkSpec>) -> Result<()> {
    let is_alike =
        |layer: &Choice| is_front(layer) || is_of_units(layer) || layer.name == "dropout";
    let other = network.and_then(|network| network.layers.iter().find(|layer| !is_alike(layer)));
    let is_linear = !request.has("mlp.hidden")
        && network.is_some_and(|network| {
            let layers = network.layers.iter();
            layers.filter(|layer| is_of_units(layer)).count() <= 1
        });
    let changes = |name: &&str| request.has(&format!("mlp.{name}")) || request.has_settings(name);
    let names = ["activation", "dropout", "members", "initializer", "hidden"];
    let Some(name) = names.iter().find(|name| changes(name)) else {
        return Ok(());
    };
    let path = format!("`mlp.{name}`");
    match other {
        None if is_linear && ["activation", "dropout", "members"].contains(name) => {
            let found = "a network without hidden layers";
            let error = Error::invalid(path, found, "hidden layers");
            Err(error
                .remedy("give `mlp.hidden` too, or leave it out")
                .into())
        }
        Some(layer) => {
            let found = format!("a network with the layer {}", layer.name);
            let error = Error::invalid(path, found, "dense layers alone");
            let remedy = "write it into the layers of the config, or of a file for `mlp.file`";
            Err(error.remedy(remedy).into())
        }
        None => Ok(()),
    }
}

/// Refuses a network of a config file that does not fit the data of the same file. Other data, by
/// arguments, get a network that fits.
pub fn check_fits(network: &NetworkSpec, preprocessing: &Preprocessing, path: &Path) -> Result<()> {
    let units = network
        .layers
        .last()
        .map(|layer| layer.settings.get("units"));
    let units = match units {
        Some(Some(Setting::Integer(units))) => *units as usize,
        _ => preprocessing.output_width(),
    };
    for (entry, found, expected) in [
        (
            "network.inputs",
            network.inputs,
            preprocessing.input_width(),
        ),
        (
            "units of the last layer",
            units,
            preprocessing.output_width(),
        ),
    ] {
        if found != expected {
            let place = format!("{}: {entry}", path.display());
            let expected = format!("{expected}, as the data and the task ask for");
            let error = Error::invalid(place, found.to_string(), expected);
            return Err(error.remedy("correct it, or the data section").into());
        }
    }
    let codes = preprocessing.codes();
    let wanted = (!codes.is_empty()).then(|| embedding(&codes));
    let (found, expected) = (embedded(network), wanted.as_ref().and_then(levels));
    if found != expected {
        let tell = |levels: Option<Setting>| match levels {
            Some(levels) => format!("an embedding of {levels} codes"),
            None => "no embedding".to_owned(),
        };
        let place = format!("{}: layer 1", path.display());
        let expected = format!("{}, as the data ask for", tell(expected));
        let error = Error::invalid(place, tell(found), expected);
        return Err(error.remedy("correct it, or data.fit.embed_above").into());
    }
    Ok(())
}

/// Refuses a network that puts out other than what the task asks for.
pub fn check_outputs(config: &Config, expected: usize) -> Result<()> {
    let network = &config.network;
    let nodes = layers::build(network.shape(), &network.layers, config.training.dtype)?;
    let found = nodes.last().map_or(network.inputs, |node| node.outputs());
    if found != expected {
        let found = format!("a network of {found} outputs");
        let expected = format!("{expected}, as the data and the task ask for");
        let error = Error::invalid("network", found, expected);
        return Err(error
            .remedy("give `mlp.file`, or another `options.base`")
            .into());
    }
    Ok(())
}

/// A layer of a file with what it leaves to the data.
fn of_data(layer: Choice, before: &[Choice], rows: &RunRows) -> thalweg_core::Result<Choice> {
    if !numbers::is_left(&layer) {
        return Ok(layer);
    }
    let subject = layer.name.clone();
    numbers::fill(layer, before, rows)?.ok_or_else(|| {
        let found = "rows without numbers of more than two values";
        Error::invalid(subject, found, "such numbers").remedy("leave the layer out")
    })
}

/// Whether a layer is one of units that see every input, or of such units of members.
fn is_of_units(layer: &Choice) -> bool {
    has_units(&layer.name) || layers::is_dense(&layer.name)
}

/// Whether a layer stands in front of the hidden layers: an embedding, or a scale.
fn is_front(layer: &Choice) -> bool {
    layer.name == EMBEDDING || layer.name == SCALE || numbers::embeds(layer)
}

/// Refuses settings of an embedding of numbers where there is none.
fn check_numbers(request: &Request, network: &NetworkSpec) -> Result<()> {
    if !request.has_settings("embed_numbers") || network.layers.iter().any(numbers::embeds) {
        return Ok(());
    }
    let found = "embed_numbers.… for a network that embeds no numbers";
    let error = Error::invalid("`setting`", found, "one that does");
    Err(error
        .remedy("give `mlp.embed_numbers` too, or leave it out")
        .into())
}

/// A note where numbers were to be embedded and there are none.
pub fn note_on_numbers(request: &Request, network: &NetworkSpec) -> Option<Note> {
    let is_wanted = (request.choice("mlp.embed_numbers")).is_some_and(|choice| choice.name != NONE);
    (is_wanted && !network.layers.iter().any(numbers::embeds)).then(|| {
        Note::warning("no numbers are embedded: no input is a number of more than two values, and pixels are none")
    })
}

/// The layers in front as the request changes them.
fn front(network: &NetworkSpec, request: &Request) -> Result<Vec<Choice>> {
    let layers = network.layers.iter();
    let mut front: Vec<Choice> = layers
        .take_while(|layer| is_front(layer))
        .cloned()
        .collect();
    if let Some(choice) = request.choice("mlp.embed_numbers") {
        let at = usize::from(front.first().is_some_and(|first| first.name == EMBEDDING));
        front.retain(|layer| !numbers::embeds(layer));
        front.splice(at..at, (choice.name != NONE).then_some(choice));
    }
    for layer in front.iter_mut().filter(|layer| numbers::embeds(layer)) {
        if request.has_settings("embed_numbers") {
            numbers::forget(layer);
            *layer = request.with_settings(layer.clone(), "embed_numbers")?;
        }
    }
    if let Some(has_scale) = request.get("mlp.scale_layer").and_then(Value::as_bool) {
        front.retain(|layer| layer.name != SCALE);
        front.extend(has_scale.then(|| Choice::new(SCALE)));
    }
    Ok(front)
}

/// The layers in front, hidden layers of the widths that are set, or those that are there,
/// with the activation, the dropout and the initializer of the request; an output layer that fits.
fn shape(network: &mut NetworkSpec, request: &Request, outputs: usize) -> Result<()> {
    let widths = request.hidden();
    let in_front = front(network, request)?;
    network.layers.splice(
        ..network
            .layers
            .iter()
            .take_while(|layer| is_front(layer))
            .count(),
        [],
    );
    let plain = |units: usize| Choice::new("dense").with("units", Setting::Integer(units as i64));
    let last = network.layers.pop().unwrap_or_else(|| plain(outputs));
    let dropout = network
        .layers
        .iter()
        .find(|layer| layer.name == "dropout")
        .cloned();
    let dropout = match request.get("mlp.dropout").and_then(|rate| rate.as_f64()) {
        Some(rate) => Some(Choice::new("dropout").with("rate", Setting::Number(rate))),
        None => dropout.filter(|_| widths.is_some()),
    };
    if let Some(widths) = widths {
        let model = network
            .layers
            .iter()
            .find(|layer| has_units(&layer.name))
            .cloned();
        let model = model.unwrap_or_else(|| plain(1).with("activation", "relu".into()));
        let layer = |&units: &usize| {
            let units = Setting::Integer(units as i64);
            model.clone().with("units", units)
        };
        network.layers = widths.iter().map(layer).collect();
        network.image = None;
    }
    for layer in &mut network.layers {
        change(layer, "activation", request)?;
    }
    if let Some(dropout) = dropout {
        network.layers.retain(|layer| layer.name != "dropout");
        let layers = network.layers.drain(..).collect::<Vec<Choice>>();
        for layer in layers {
            let is_hidden = has_units(&layer.name);
            network.layers.push(layer);
            network.layers.extend(is_hidden.then(|| dropout.clone()));
        }
    }
    network.layers.push(match has_units(&last.name) {
        true => last.with("units", Setting::Integer(outputs as i64)),
        false => last,
    });
    if let Some(members) = request.count("mlp.members") {
        let layers = network.layers.iter();
        if layers.filter(|layer| has_units(&layer.name)).count() < 2 {
            let found = "a network without hidden layers";
            let error = Error::invalid("`mlp.members`", found, "hidden layers");
            return Err(error.remedy("leave it out, or `mlp.hidden`").into());
        }
        divide(&mut network.layers, members);
    }
    for layer in &mut network.layers {
        change(layer, "initializer", request)?;
    }
    network.layers.splice(..0, in_front);
    Ok(())
}

/// Gives a layer the choice of the request for its setting `section`, if it has one.
fn change(layer: &mut Choice, section: &str, request: &Request) -> Result<()> {
    let name = request.choice(&format!("mlp.{section}"));
    let description = LAYERS.describe(&layer.name)?;
    let parameter = (description.parameters.iter()).find(|parameter| parameter.name == section);
    let Some(parameter) = parameter else {
        return Ok(());
    };
    if name.is_none() && !request.has_settings(section) {
        return Ok(());
    }
    let given = (layer.settings.get(section).cloned()).or_else(|| parameter.default.setting());
    let choice = match name {
        Some(choice) => choice,
        None => given
            .and_then(|given| given.choice())
            .unwrap_or_else(|| Choice::new(AUTO)),
    };
    let choice = request.with_settings(choice, section)?;
    layer.settings.insert(section.to_owned(), choice.into());
    Ok(())
}

/// Begins the network with an embedding of the columns of codes, if there are any; one that is
/// there for just these stays as it is.
fn embed(network: &mut NetworkSpec, codes: &[(&str, usize)]) {
    let wanted = (!codes.is_empty()).then(|| embedding(codes));
    let is_there = embedded(network).is_some();
    if embedded(network) != wanted.as_ref().and_then(levels) {
        network.layers.splice(0..usize::from(is_there), wanted);
    }
}

/// How many codes each column has that the network embeds, if it embeds any.
fn embedded(network: &NetworkSpec) -> Option<Setting> {
    let first = network.layers.first()?;
    (first.name == EMBEDDING).then(|| levels(first)).flatten()
}

fn levels(layer: &Choice) -> Option<Setting> {
    layer.settings.get("levels").cloned()
}
