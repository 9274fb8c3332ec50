//! Which tensor of a file is which of a network.
//!
//! Names decide where the network's are all there, or a mapping says which they are. Else tensors go by layer: those whose
//! names differ in the last part alone are one layer, layers go by their shapes, and those of equal shapes by the numbers
//! in their names. An output layer of another width is left as it was drawn.

use thalweg_core::engine::ParameterInfo;
use thalweg_core::error::Error;
use thalweg_core::model_file::Tensor;
use thalweg_data::Note;

use super::file::{TensorFile, natural};
use crate::error::Result;

/// Names of tensors or layers in a file, and what they are called here.
pub type Names = Vec<(String, String)>;

/// Reads `THEIRS=OURS` of each text.
///
/// # Errors
/// If a text is none such.
pub fn names(texts: &[String]) -> Result<Names> {
    let pair = |text: &String| match text.split_once('=') {
        Some((theirs, ours)) if !theirs.is_empty() && !ours.is_empty() => {
            Ok((theirs.to_owned(), ours.to_owned()))
        }
        _ => {
            let expected = "THEIRS=OURS such as fc1=layers.0";
            let error = Error::invalid("`weight_names`", format!("`{text}`"), expected);
            Err(error.at("weight_names").into())
        }
    };
    texts.iter().map(pair).collect()
}

/// Parameters from a file, and what should be known of them.
#[derive(Debug)]
pub struct Assigned {
    /// θ, in the order of the tensors of the network.
    pub parameters: Vec<f64>,
    /// How they were found.
    pub notes: Vec<Note>,
}

/// The most misfits that a message lists.
const MOST: usize = 6;

/// Tensors of one layer: where its names end, and their indices.
struct Layer {
    name: String,
    members: Vec<usize>,
}

/// Puts the tensors of a file into `drawn`, the parameters of a network of these tensors.
///
/// # Errors
/// Names every tensor that does not fit.
pub fn assign(
    file: &TensorFile,
    names: &Names,
    infos: &[ParameterInfo],
    drawn: Vec<f64>,
) -> Result<Assigned> {
    let theirs: Vec<String> = (file.tensors.iter())
        .map(|tensor| renamed(&tensor.name, names))
        .collect();
    check_names(file, names, infos)?;
    let mut assigning = Assigning {
        file,
        infos,
        theirs: &theirs,
        found: vec![None; infos.len()],
        anew: None,
        notes: Vec::new(),
    };
    let by_name = |info: &ParameterInfo| theirs.iter().position(|name| *name == info.name);
    match infos.iter().map(by_name).collect::<Option<Vec<usize>>>() {
        Some(all) => assigning.by_name(&all)?,
        None => assigning.by_layer(names)?,
    }
    assigning.finish(drawn)
}

struct Assigning<'a> {
    file: &'a TensorFile,
    infos: &'a [ParameterInfo],
    /// The names in the file, as the mapping has them.
    theirs: &'a [String],
    /// The tensor of the file for each of the network.
    found: Vec<Option<usize>>,
    /// The output layer, where it is left as it was drawn.
    anew: Option<String>,
    notes: Vec<Note>,
}

impl Assigning<'_> {
    fn by_name(&mut self, all: &[usize]) -> Result<()> {
        let fits = |index: usize| self.file.tensors[all[index]].shape == self.infos[index].shape;
        let last = self.last_layer();
        let mut misfits: Vec<usize> = (0..all.len()).filter(|index| !fits(*index)).collect();
        let is_output =
            |index: &usize| last.members.contains(index) && self.is_wider(all[*index], *index);
        if !misfits.is_empty() && misfits.iter().all(is_output) {
            self.anew = Some(last.name.clone());
            misfits.clear();
        }
        if !misfits.is_empty() {
            let pairs = misfits
                .into_iter()
                .map(|index| (Some(all[index]), Some(index)));
            return Err(self.misfit(pairs.collect()));
        }
        let kept = |index: &usize| self.anew.is_none() || !last.members.contains(index);
        for index in (0..all.len()).filter(kept).collect::<Vec<_>>() {
            self.found[index] = Some(all[index]);
        }
        let rest = (0..self.file.tensors.len()).filter(|index| !all.contains(index));
        self.not_used(&rest.collect::<Vec<_>>());
        Ok(())
    }

    /// A warning on tensors of the file that are none of the network's.
    fn not_used(&mut self, rest: &[usize]) {
        let names = rest
            .iter()
            .map(|index| self.file.tensors[*index].name.as_str());
        if !rest.is_empty() {
            let names = names.collect::<Vec<_>>().join(", ");
            let text = format!("{}: not used: {names}", self.file.path.display());
            self.notes.push(Note::warning(text));
        }
    }

    fn by_layer(&mut self, names: &Names) -> Result<()> {
        let ours = layers(self.infos.iter().map(|info| info.name.as_str()));
        let theirs = layers(self.theirs.iter().map(String::as_str));
        // A file may have buffers beside its weights.
        let has_weights = |layer: &Layer| {
            let mut members = layer.members.iter();
            members.any(|index| ["weight", "bias"].contains(&role(&self.theirs[*index])))
        };
        let is_layer = |layer: &Layer| {
            has_weights(layer) || ours.iter().any(|own| self.has_roles_of(layer, own))
        };
        let (theirs, others): (Vec<_>, Vec<_>) = theirs.into_iter().partition(is_layer);
        let others: Vec<usize> = others.into_iter().flat_map(|layer| layer.members).collect();
        if ours.len() != theirs.len() {
            return Err(self.misfit(self.what_is_left(&ours, theirs, &others)));
        }
        let (order, is_last_anew) = self.order(&ours, &theirs, names)?;
        let mut pairs = Vec::new();
        for (number, (layer, other)) in ours.iter().zip(order).enumerate() {
            let other = &theirs[other];
            if layer.name != other.name {
                pairs.push(format!("{} → {}", other.name, layer.name));
            }
            if is_last_anew && number + 1 == ours.len() {
                self.anew = Some(layer.name.clone());
                continue;
            }
            for (other, index) in self.by_role(other, layer) {
                if let Some(index) = index {
                    self.found[index] = other;
                }
            }
        }
        if !pairs.is_empty() {
            let text = format!(
                "weights of {}: {}",
                self.file.path.display(),
                pairs.join(", ")
            );
            self.notes.push(Note::info(text));
        }
        self.not_used(&others);
        Ok(())
    }

    /// Whether a layer of the file has what one of the network has, whatever the shapes.
    fn has_roles_of(&self, layer: &Layer, own: &Layer) -> bool {
        let roles = |mut all: Vec<&'_ str>| {
            all.sort_unstable();
            all.join(" ")
        };
        let theirs = layer.members.iter().map(|index| role(&self.theirs[*index]));
        let ours = own
            .members
            .iter()
            .map(|index| role(&self.infos[*index].name));
        roles(theirs.collect()) == roles(ours.collect())
    }

    /// Tensors of the network and of the file that have no layer of the same shapes on the other side,
    /// where these are more on one side.
    fn what_is_left(
        &self,
        ours: &[Layer],
        mut theirs: Vec<Layer>,
        others: &[usize],
    ) -> Vec<(Option<usize>, Option<usize>)> {
        let mut missing = Vec::new();
        for layer in ours {
            let wanted = self.signature_of_ours(layer);
            let same = |other: &Layer| self.signature_of_theirs(other) == wanted;
            match theirs.iter().position(same) {
                Some(at) => drop(theirs.remove(at)),
                None => missing.extend(layer.members.iter().map(|index| (None, Some(*index)))),
            }
        }
        let left = theirs.iter().flat_map(|layer| layer.members.iter());
        let left = left.chain(others).map(|index| (Some(*index), None));
        missing.into_iter().chain(left).collect()
    }

    /// The layer of the file for each of the network, and whether the last is of another width.
    fn order(&self, ours: &[Layer], theirs: &[Layer], names: &Names) -> Result<(Vec<usize>, bool)> {
        let wanted: Vec<_> = ours
            .iter()
            .map(|layer| self.signature_of_ours(layer))
            .collect();
        let there: Vec<_> = theirs
            .iter()
            .map(|layer| self.signature_of_theirs(layer))
            .collect();
        let mut order: Vec<Option<usize>> = vec![None; ours.len()];
        for (number, layer) in ours.iter().enumerate() {
            let is_named = |other: &Layer| other.name == layer.name && !names.is_empty();
            order[number] = theirs.iter().position(is_named);
        }
        for number in 0..ours.len() {
            if order[number].is_none() {
                let mut all = (0..theirs.len()).filter(|other| !order.contains(&Some(*other)));
                order[number] = all.find(|other| there[*other] == wanted[number]);
            }
        }
        let fits = |order: &[Option<usize>], number: usize| {
            order[number].is_some_and(|other| there[other] == wanted[number])
        };
        let last = ours.len() - 1;
        let mut is_anew = false;
        if (0..last).all(|number| fits(&order, number)) && !fits(&order, last) {
            let rest = (0..theirs.len()).find(|other| !order[..last].contains(&Some(*other)));
            let is_wider = |other: &usize| {
                let mut pairs = self.by_role(&theirs[*other], &ours[last]).into_iter();
                pairs.all(|pair| matches!(pair, (Some(j), Some(i)) if self.is_wider(j, i)))
            };
            order[last] = rest.filter(is_wider);
            is_anew = order[last].is_some();
        }
        let complete: Option<Vec<usize>> = order.iter().copied().collect();
        match complete {
            Some(complete) if is_anew || (0..ours.len()).all(|number| fits(&order, number)) => {
                self.check_order(&complete, &there, theirs)?;
                Ok((complete, is_anew))
            }
            _ => {
                let pairs = ours.iter().zip(theirs);
                let pairs = pairs.flat_map(|(layer, other)| self.by_role(other, layer));
                let misfits = pairs.filter(|(other, index)| match (other, index) {
                    (Some(other), Some(index)) => {
                        self.file.tensors[*other].shape != self.infos[*index].shape
                    }
                    _ => true,
                });
                Err(self.misfit(misfits.collect()))
            }
        }
    }

    /// Layers of equal shapes go by the numbers in their names: names that differ in more say
    /// nothing of their order.
    fn check_order<T: PartialEq>(
        &self,
        order: &[usize],
        there: &[T],
        theirs: &[Layer],
    ) -> Result<()> {
        let letters = |name: &str| name.replace(|c: char| c.is_ascii_digit(), "");
        for (number, first) in order.iter().enumerate() {
            let mut others = order[number + 1..].iter();
            let is_unclear = |other: &&usize| {
                there[**other] == there[*first]
                    && letters(&theirs[**other].name) != letters(&theirs[*first].name)
            };
            if let Some(other) = others.find(is_unclear) {
                let names = [&theirs[*first].name, &theirs[*other].name];
                let found = format!("layers {} and {} of the same shapes", names[0], names[1]);
                let place = self.file.path.display().to_string();
                let error = Error::invalid(place, found, "names that say which comes first");
                let remedy = format!(
                    "say which is which by `weight_names` {}=layers.0,…",
                    names[0]
                );
                return Err(error.remedy(remedy).into());
            }
        }
        Ok(())
    }

    /// The members of a layer of the file and of one of the network that are the same to it, and
    /// those that only one of them has.
    fn by_role(&self, other: &Layer, layer: &Layer) -> Vec<(Option<usize>, Option<usize>)> {
        let ours = |index: &usize| role(&self.infos[*index].name);
        let theirs = |index: &usize| role(&self.theirs[*index]);
        let twin = |index: &usize| {
            other
                .members
                .iter()
                .find(|i| theirs(i) == ours(index))
                .copied()
        };
        let is_alone = |i: &&usize| !layer.members.iter().any(|index| ours(index) == theirs(i));
        let alone = other.members.iter().filter(is_alone);
        (layer
            .members
            .iter()
            .map(|index| (twin(index), Some(*index))))
        .chain(alone.map(|other| (Some(*other), None)))
        .collect()
    }

    fn signature_of_ours(&self, layer: &Layer) -> Vec<(&str, &[usize])> {
        let infos = layer.members.iter().map(|index| &self.infos[*index]);
        signature(infos.map(|info| (role(&info.name), &info.shape[..])))
    }

    fn signature_of_theirs(&self, layer: &Layer) -> Vec<(&str, &[usize])> {
        let of = |index: &usize| {
            (
                role(&self.theirs[*index]),
                &self.file.tensors[*index].shape[..],
            )
        };
        signature(layer.members.iter().map(of))
    }

    /// The last layer of the network.
    fn last_layer(&self) -> Layer {
        let mut all = layers(self.infos.iter().map(|info| info.name.as_str()));
        all.pop().unwrap_or(Layer {
            name: String::new(),
            members: Vec::new(),
        })
    }

    /// Whether a tensor of the file is one of the network's for another number of outputs.
    fn is_wider(&self, other: usize, index: usize) -> bool {
        let (theirs, ours) = (&self.file.tensors[other].shape, &self.infos[index].shape);
        theirs.len() == ours.len() && theirs.get(1..) == ours.get(1..)
    }

    /// Every tensor that does not fit: of the file, of the network, or one of each.
    fn misfit(&self, pairs: Vec<(Option<usize>, Option<usize>)>) -> crate::Error {
        let mut is_transposed = false;
        let tensor = |index: usize| {
            let Tensor { name, shape, .. } = &self.file.tensors[index];
            format!("{name} {shape:?}")
        };
        let info =
            |index: usize| format!("{} {:?}", self.infos[index].name, self.infos[index].shape);
        let more = pairs.len().saturating_sub(MOST);
        let lines = pairs.into_iter().take(MOST).map(|pair| match pair {
            (Some(other), Some(index)) => {
                let (theirs, ours) = (&self.file.tensors[other].shape, &self.infos[index].shape);
                is_transposed |= theirs.len() == 2 && theirs.iter().eq(ours.iter().rev());
                format!("{} for {}", tensor(other), info(index))
            }
            (Some(other), None) => format!("{} for nothing", tensor(other)),
            (None, index) => format!("nothing for {}", index.map_or(String::new(), info)),
        });
        let mut found = lines.collect::<Vec<_>>().join(", ");
        if more > 0 {
            found.push_str(&format!(" and {more} more"));
        }
        if let [first, ..] = self.file.left_out.as_slice() {
            found.push_str(&format!(
                ", beside tensors of whole numbers such as {first}"
            ));
        }
        let place = self.file.path.display().to_string();
        let error = Error::invalid(place, found, "the tensors of the network");
        let remedy = match is_transposed {
            true => "transpose the weights: they are [outputs, inputs] here, as in PyTorch",
            false => {
                "set the layers to those of the file (`mlp.hidden`), or its names by `weight_names`"
            }
        };
        error.remedy(remedy).into()
    }

    fn finish(mut self, mut parameters: Vec<f64>) -> Result<Assigned> {
        let mut start = 0;
        for (info, found) in self.infos.iter().zip(&self.found) {
            let size: usize = info.shape.iter().product();
            if let Some(found) = found {
                let Tensor { name, values, .. } = &self.file.tensors[*found];
                if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                    let place = format!("{}: {name}", self.file.path.display());
                    return Err(Error::invalid(place, value.to_string(), "finite numbers").into());
                }
                parameters[start..start + size].copy_from_slice(values);
            }
            start += size;
        }
        let path = self.file.path.display();
        if let Some(name) = &self.anew {
            let info = self
                .infos
                .iter()
                .rev()
                .find(|info| info.name.starts_with(name));
            let outputs = info.and_then(|info| info.shape.first()).unwrap_or(&0);
            self.notes.push(Note::warning(format!(
                "the output layer ({name}) is drawn anew, for it has {outputs} outputs and that of {path} has others"
            )));
        }
        if self.file.is_changed {
            self.notes.push(Note::warning(format!(
                "{path}: its checksum differs: it was changed after it was written; the weights are taken as they are"
            )));
        }
        Ok(Assigned {
            parameters,
            notes: self.notes,
        })
    }
}

/// The layer that a name belongs to, and what it is there.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// What a tensor is to its layer, by the names of any program.
fn role(name: &str) -> &str {
    match split(name).1 {
        "gamma" | "scale" | "kernel" => "weight",
        "beta" | "shift" => "bias",
        other => other,
    }
}

fn signature<'a>(all: impl Iterator<Item = (&'a str, &'a [usize])>) -> Vec<(&'a str, &'a [usize])> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all
}

/// Names by layer, in the order of their first.
fn layers<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Layer> {
    let mut all: Vec<Layer> = Vec::new();
    for (index, name) in names.enumerate() {
        let (layer, _) = split(name);
        match all.iter_mut().find(|known| known.name == layer) {
            Some(known) => known.members.push(index),
            None => all.push(Layer {
                name: layer.to_owned(),
                members: vec![index],
            }),
        }
    }
    all.sort_by_cached_key(|layer| natural(&layer.name));
    all
}

/// A name as a mapping has it: of a whole tensor, or of its layer.
fn renamed(name: &str, names: &Names) -> String {
    let found = names.iter().find_map(|(theirs, ours)| {
        let rest = name.strip_prefix(theirs.as_str())?;
        (rest.is_empty() || rest.starts_with('.')).then(|| format!("{ours}{rest}"))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// Every name of the mapping has to be there, on either side.
fn check_names(file: &TensorFile, names: &Names, infos: &[ParameterInfo]) -> Result<()> {
    let refuse = |found: &str, expected: String| {
        let error = Error::invalid("`weight_names`", format!("`{found}`"), expected);
        Err(error.at("weight_names").into())
    };
    for name in names {
        let is_ours = |info: &ParameterInfo| {
            let rest = info.name.strip_prefix(name.1.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !infos.iter().any(is_ours) {
            let all = layers(infos.iter().map(|info| info.name.as_str()));
            let all: Vec<String> = all.into_iter().map(|layer| layer.name).collect();
            return refuse(
                &name.1,
                format!("layers of the network: {}", all.join(", ")),
            );
        }
        let is_there = |tensor: &Tensor| {
            renamed(&tensor.name, &vec![name.clone()]) != tensor.name || name.0 == name.1
        };
        if !file.tensors.iter().any(is_there) {
            let all: Vec<&str> = file
                .tensors
                .iter()
                .map(|tensor| tensor.name.as_str())
                .collect();
            let expected = format!("names of {}: {}", file.path.display(), all.join(", "));
            return refuse(&name.0, expected);
        }
    }
    Ok(())
}
