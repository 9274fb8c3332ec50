//! A model's weights as `torch.nn.Sequential` has them.

use std::collections::HashMap;

use safetensors::tensor::{Dtype as FileDtype, TensorView};
use thalweg_core::error::Error;
use thalweg_core::layers;
use thalweg_core::memory;
use thalweg_core::model_file::Tensor;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::shape::Shape;
use thalweg_core::spec::NetworkSpec;

use crate::error::Result;
use crate::model::Model;

/// The weights of a model, and the module that takes them.
pub struct Torch {
    /// A safetensors file whose tensors have the names of the module's `state_dict`.
    pub bytes: Vec<u8>,
    /// The module, as an expression of Python. It puts out what the loss takes: of classes and labels, logits.
    pub module: String,
}

/// Writes the weights for PyTorch. Preprocessing is no part of the module: it takes rows as the
/// network sees them.
///
/// # Errors
/// Names the layer that `torch.nn.Sequential` has no module for.
pub fn to_torch(model: &Model) -> Result<Torch> {
    let members = model.description().members.len();
    if members > 0 {
        let found = format!("an ensemble of {members} members");
        let error = Error::invalid(
            model.path().display().to_string(),
            found,
            "a single network",
        );
        let remedy =
            "read the tensors members.M.layers.I.weight of the model file, which is safetensors";
        return Err(error.remedy(remedy).into());
    }
    let network = &model.description().network;
    let mut modules = Vec::new();
    let mut numbers = HashMap::new();
    for index in 0..network.layers.len() {
        let before = shape_before(network, index)?;
        let after = shape_before(network, index + 1)?;
        let layer = &network.layers[index];
        let all = modules_of(layer, before, after).ok_or_else(|| {
            let subject = format!("layer {} ({})", index + 1, layer.name);
            let expected = "one that torch.nn.Sequential has a module for";
            let error = Error::invalid(subject, layer.to_string(), expected);
            let remedy = format!(
                "{}, or read the tensors layers.I.weight of the model file, which is safetensors",
                plain(network)
            );
            error.remedy(remedy).at(&format!("network.layers.{index}"))
        })?;
        // The tensors belong to the module that is neither the flattening before nor the activation.
        let skipped = all
            .iter()
            .take_while(|text| text.starts_with("Flatten"))
            .count();
        numbers.insert(format!("layers.{index}"), modules.len() + skipped);
        modules.extend(all);
    }
    let dtype = match model.description().training.dtype {
        Dtype::F64 => FileDtype::F64,
        Dtype::F32 | Dtype::Bf16 => FileDtype::F32,
    };
    let mut stored = Vec::new();
    for Tensor {
        name,
        shape,
        values,
    } in model.tensors()
    {
        let (layer, role) = name.rsplit_once('.').unwrap_or(("", name));
        let number = numbers.get(layer).copied().unwrap_or_default();
        stored.push((
            format!("{number}.{role}"),
            shape.clone(),
            bytes_of(values, dtype)?,
        ));
    }
    let unfit = |error: safetensors::SafeTensorError| {
        Error::invalid("model", error.to_string(), "tensors that fit their shapes")
    };
    let views = stored.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.clone(), bytes).map_err(unfit)?;
        Ok((name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, Error>>()?;
    let modules: Vec<String> = modules
        .iter()
        .map(|text| format!("torch.nn.{text}"))
        .collect();
    let module = format!("torch.nn.Sequential({})", modules.join(", "));
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(Torch {
        bytes: safetensors::serialize(views, Some(metadata)).map_err(unfit)?,
        module,
    })
}

/// How to train a network of modules alone, in the place of this one.
fn plain(network: &NetworkSpec) -> String {
    let has = |names: &[&str]| {
        let mut layers = network.layers.iter();
        layers.any(|layer| names.contains(&layer.name.as_str()))
    };
    let embeds = has(&["embedding"]).then_some("`data.fit.embed_above` none");
    let of_numbers = has(&["piecewise_linear", "periodic"]).then_some("`mlp.embed_numbers` none");
    let of_preset = has(&["scale", "parametric", "select"]).then_some("`preset` fast");
    let all: Vec<&str> = (of_preset.or(of_numbers).into_iter())
        .chain(embeds)
        .collect();
    match all[..] {
        [] => "train a network without that layer".to_owned(),
        _ => format!("train a plain network by {}", all.join(" and ")),
    }
}

fn bytes_of(values: &[f64], dtype: FileDtype) -> Result<Vec<u8>, Error> {
    let mut bytes = memory::room(8 * values.len())?;
    match dtype {
        FileDtype::F64 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        _ => bytes.extend(
            values
                .iter()
                .flat_map(|value| (*value as f32).to_le_bytes()),
        ),
    }
    Ok(bytes)
}

/// The shape of rows before the layer `index`.
fn shape_before(network: &NetworkSpec, index: usize) -> Result<Shape> {
    let nodes = layers::build(network.shape(), &network.layers[..index], Dtype::default())?;
    Ok(nodes.last().map_or(network.shape(), |node| node.output))
}

/// The modules that compute what a layer does; `None` where there are none.
fn modules_of(layer: &Choice, before: Shape, after: Shape) -> Option<Vec<String>> {
    let number = |name: &str| match layer.settings.get(name) {
        Some(Setting::Integer(number)) => Some(*number as f64),
        Some(Setting::Number(number)) => Some(*number),
        _ => None,
    };
    let flag = |name: &str| match layer.settings.get(name) {
        Some(Setting::Flag(false)) => "False",
        _ => "True",
    };
    let count = |name: &str, usual: f64| number(name).unwrap_or(usual);
    let mut all = Vec::new();
    match layer.name.as_str() {
        "dense" | "sparse" => {
            if !before.is_flat() {
                all.push("Flatten()".to_owned());
            }
            let (inputs, units) = (before.size(), after.size());
            all.push(format!("Linear({inputs}, {units}, bias={})", flag("bias")));
        }
        "conv2d" => all.push(format!(
            "Conv2d({}, {}, {}, stride={}, padding={}, groups={}, bias={})",
            before.channels,
            after.channels,
            number("kernel")?,
            count("stride", 1.0),
            count("padding", 0.0),
            count("groups", 1.0),
            flag("bias")
        )),
        name @ ("max_pool" | "average_pool") => {
            let kind = if name == "max_pool" { "Max" } else { "Avg" };
            let kernel = number("kernel")?;
            let stride = number("stride")
                .filter(|stride| *stride > 0.0)
                .unwrap_or(kernel);
            let padding = count("padding", 0.0);
            // The padding of PyTorch is at most half the window.
            if 2.0 * padding > kernel {
                return None;
            }
            all.push(format!(
                "{kind}Pool2d({kernel}, stride={stride}, padding={padding})"
            ));
        }
        "global_average_pool" => {
            all.extend(["AdaptiveAvgPool2d(1)".to_owned(), "Flatten()".to_owned()]);
        }
        "flatten" => all.push("Flatten()".to_owned()),
        "unflatten" => all.push(format!(
            "Unflatten(1, ({}, {}, {}))",
            after.channels, after.height, after.width
        )),
        "dropout" => all.push(format!("Dropout({})", count("rate", 0.5))),
        "activation" => {}
        name => all.push(norm_of(name, before, &number, flag("affine"))?),
    }
    if let Some(activation) = layer.settings.get("activation") {
        all.extend(activation_of(&activation.choice()?)?);
    }
    Some(all)
}

/// The module of a layer that normalizes.
fn norm_of(
    name: &str,
    before: Shape,
    number: &dyn Fn(&str) -> Option<f64>,
    affine: &str,
) -> Option<String> {
    let (channels, epsilon) = (before.channels, number("epsilon").unwrap_or(1e-5));
    Some(match name {
        "batch_norm" => {
            let kind = if before.is_flat() { 1 } else { 2 };
            let momentum = number("momentum").unwrap_or(0.1);
            format!("BatchNorm{kind}d({channels}, eps={epsilon}, momentum={momentum})")
        }
        "group_norm" => {
            let groups = number("groups")?;
            format!("GroupNorm({groups}, {channels}, eps={epsilon}, affine={affine})")
        }
        "instance_norm" if !before.is_flat() => {
            format!("InstanceNorm2d({channels}, eps={epsilon}, affine={affine})")
        }
        "layer_norm" if before.is_flat() => {
            let size = before.size();
            format!("LayerNorm({size}, eps={epsilon}, elementwise_affine={affine})")
        }
        _ => return None,
    })
}

/// The module of an activation; none of the identity.
fn activation_of(choice: &Choice) -> Option<Option<String>> {
    let setting = |name: &str, usual: f64| match choice.settings.get(name) {
        Some(Setting::Integer(number)) => *number as f64,
        Some(Setting::Number(number)) => *number,
        _ => usual,
    };
    Some(Some(match choice.name.as_str() {
        "identity" => return Some(None),
        "relu" => "ReLU()".to_owned(),
        "leaky_relu" => format!("LeakyReLU({})", setting("negative_slope", 0.01)),
        "elu" => format!("ELU({})", setting("alpha", 1.0)),
        "selu" => "SELU()".to_owned(),
        "gelu" => "GELU()".to_owned(),
        "gelu_tanh" => "GELU(approximate='tanh')".to_owned(),
        "silu" => "SiLU()".to_owned(),
        "mish" => "Mish()".to_owned(),
        "softplus" => "Softplus()".to_owned(),
        "sigmoid" => "Sigmoid()".to_owned(),
        "hard_sigmoid" => "Hardsigmoid()".to_owned(),
        "tanh" => "Tanh()".to_owned(),
        "softmax" => "Softmax(1)".to_owned(),
        _ => return None,
    }))
}
