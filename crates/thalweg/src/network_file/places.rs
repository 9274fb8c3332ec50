//! From layers as a spec counts them, short forms written out, to their places in the file that has
//! the short forms.

use thalweg_core::error::{Error, Invalid};
use thalweg_core::registry::{Choice, Setting, did_you_mean};

use super::{NORMALIZATION, NetworkFile, WRAPPERS, expand};

/// The fields of a network and of its file.
const OF_NETWORK: [&str; 5] = ["input", "inputs", "image", "layers", "loss"];

/// Where a layer or a setting of it stands.
#[derive(Default)]
struct Trace {
    /// The layers, from the outermost on, as errors call them.
    layers: Vec<String>,
    /// The keys that lead there.
    place: Vec<String>,
    /// Whether the last key is one of a layer that may have short forms.
    is_in_layer: bool,
}

/// Of what else the engine refuses, such as how rows are sampled, nothing stands in the file.
fn is_of_network(invalid: &Invalid) -> bool {
    match invalid.place.first() {
        Some(name) => OF_NETWORK.contains(&name.as_str()),
        None => invalid.subject == "network",
    }
}

impl NetworkFile {
    /// Whether an error is one of the network.
    pub fn knows(error: &Error) -> bool {
        matches!(error, Error::Invalid(invalid) if is_of_network(invalid))
    }

    /// An error of the network with its place in this file: `layer 5 (dense):
    /// activation` as `net.toml: line 8: layer 2 (dense): activation`.
    pub fn locate(&self, error: Error) -> Error {
        let Error::Invalid(mut invalid) = error else {
            return error;
        };
        if !is_of_network(&invalid) {
            return Error::Invalid(invalid);
        }
        let trace = Trace::of(&self.layers, &invalid.place);
        if !trace.layers.is_empty() {
            invalid.subject = subject(&trace, &invalid);
            if let Some(name) = invalid.found.strip_prefix("setting `")
                && trace.is_in_layer
                && invalid.remedy.is_empty()
            {
                let name = name.trim_end_matches('`');
                invalid.remedy = did_you_mean(name, [NORMALIZATION, "dropout"]);
            }
            invalid.place = trace.place;
        }
        self.within_file(Error::Invalid(invalid))
    }
}

/// `layer 3 (residual): layer 5 (dropout): rate` with the layers of the file. Of other subjects,
/// such as `optimizer lbfgs`, nothing changes.
fn subject(trace: &Trace, invalid: &Invalid) -> String {
    let mut rest: &str = &invalid.subject;
    if !rest.starts_with("layer") {
        return invalid.subject.clone();
    }
    while let Some(behind) = rest.strip_prefix("layer") {
        let (this, behind) = behind.split_at(behind.find(": ").unwrap_or(behind.len()));
        // `layer 2 (dense) and loss hinge`.
        if let Some(and) = this.find(" and ") {
            return format!("{}{}", trace.layers.join(": "), &this[and..]);
        }
        let kind = this.trim();
        let is_traced = kind.is_empty()
            || kind.starts_with(|first: char| first.is_ascii_digit())
            || (trace.layers.iter())
                .any(|layer| layer == kind || layer.contains(&format!("({kind})")));
        if !is_traced {
            break;
        }
        rest = behind.trim_start_matches(": ");
    }
    let rest = (!rest.is_empty()).then_some(rest);
    let parts = trace.layers.iter().map(String::as_str).chain(rest);
    parts.collect::<Vec<_>>().join(": ")
}

impl Trace {
    /// Follows a place through the layers of the file.
    fn of(layers: &[Choice], place: &[String]) -> Self {
        let mut trace = Self::default();
        trace.follow(layers, place);
        trace
    }

    fn follow(&mut self, layers: &[Choice], place: &[String]) {
        let found = match place {
            [name, number, ..] if name == "layers" => number.parse().ok(),
            _ => None,
        };
        let found = found.and_then(|number: usize| layer_with(layers, number));
        let Some((index, written)) = found else {
            self.is_in_layer = place.len() == 1;
            self.place.extend_from_slice(place);
            return;
        };
        let (layer, mut below) = (&layers[index], &place[2..]);
        let number = index + 1;
        self.layers.push(format!("layer {number} ({})", layer.name));
        self.place.extend(["layers".to_owned(), index.to_string()]);
        if written.name != layer.name {
            let is_wrapper = WRAPPERS.contains(&written.name.as_str());
            if let (true, Some(("layer", inner))) = (is_wrapper, split_first(below)) {
                // The layer of the file is in there.
                below = inner;
            } else {
                let key = match written.name.as_str() {
                    name @ ("dropout" | "activation") => name,
                    _ => NORMALIZATION,
                };
                self.place.push(key.to_owned());
                let is_named = below.first().is_some_and(|below| below == key);
                if !is_named {
                    self.layers.push(written.name);
                }
            }
        }
        match layer.settings.get("layers") {
            Some(Setting::Choices(inner)) => self.follow(inner, below),
            _ => {
                self.is_in_layer = below.len() == 1;
                self.place.extend_from_slice(below);
            }
        }
    }
}

fn split_first(place: &[String]) -> Option<(&str, &[String])> {
    place
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
}

/// The layer of the file that the layer `number` of the spec is or is written for, and what is
/// written there.
fn layer_with(layers: &[Choice], mut number: usize) -> Option<(usize, Choice)> {
    for (index, layer) in layers.iter().enumerate() {
        let mut written = expand(layer.clone()).unwrap_or_else(|_| vec![layer.clone()]);
        if number < written.len() {
            return Some((index, written.swap_remove(number)));
        }
        number -= written.len();
    }
    None
}
