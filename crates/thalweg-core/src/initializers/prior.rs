//! Output biases at the prior: with weights that are still small, the network begins by answering
//! with the shares of the classes (b = log p for softmax, log(p/(1 − p)) for a sigmoid) or with the
//! mean of the targets (b = mean, or its logarithm behind an exponential), and does not spend its
//! first updates on learning them.
//!
//! Shares are weighted as the loss weighs rows, so that balanced class weights give equal shares. A
//! class that no row has counts as half a row. Losses by margins keep biases of 0. Source: Karpathy
//! 2019, A Recipe for Training Neural Networks; Lin et al. 2017, section 4.1.

use std::ops::Range;

use crate::engine::{Engine, ParameterInfo};
use crate::error::Result;
use crate::losses::{LOSSES, Link};
use crate::metrics::best_constant;
use crate::registry::{Default, Description, Domain, Parameter, Setting};
use crate::source::RowSource;
use crate::spec::NetworkSpec;

/// Layers whose last tensor is what is added to their outputs.
const WITH_BIAS: [&str; 3] = ["dense", "sparse", "batch_ensemble"];

/// Its description in lists.
pub const OUTPUT_BIAS: Description = Description {
    name: "output_bias",
    summary: "Where the biases of the output layer begin: at the prior of the classes, or at 0",
    equation: "b = log p for softmax, log(p/(1 − p)) for a sigmoid, the mean of the targets else",
    source: "Karpathy 2019; Lin et al. 2017, section 4.1",
    parameters: &[Parameter {
        name: "output_bias",
        summary: "`thalweg train` takes prior for losses that have one",
        default: Default::Text("zero"),
        domain: Domain::Word(&["prior", "zero"]),
    }],
};

/// Sets the biases of the last layer of `engine`, made from `network` and not yet trained, to the
/// prior of the rows of `training`. Tells whether there was something to set: a network whose last
/// layer has no bias, or an activation, or whose loss is by margins, stays as it is.
///
/// # Errors
/// If `network` is not valid or not that of the engine, or the rows cannot be read.
pub fn start_at_prior(
    engine: &mut dyn Engine,
    network: &NetworkSpec,
    training: &mut dyn RowSource,
) -> Result<bool> {
    let Some((range, link)) = output_bias(&engine.parameters(), network)? else {
        return Ok(false);
    };
    let least = 0.5 / training.schema().rows.max(1) as f64;
    let prior = |p: f64| match link {
        Link::Identity | Link::Quantiles(_) => p,
        Link::Exponential => p.max(least).ln(),
        Link::Softmax => p.max(least).ln(),
        Link::Sigmoid => {
            let p = p.clamp(least, 1.0 - least);
            (p / (1.0 - p)).ln()
        }
        Link::Margin | Link::Scores => 0.0,
    };
    if matches!(link, Link::Margin | Link::Scores) {
        return Ok(false);
    }
    let mut parameters = engine.save_parameters()?;
    let outputs = match network
        .layers
        .last()
        .and_then(|last| last.settings.get("units"))
    {
        Some(Setting::Integer(units)) => *units as usize,
        _ => range.len(),
    };
    let constant = best_constant(training, link, outputs)?;
    for (bias, p) in parameters[range].iter_mut().zip(constant.iter().cycle()) {
        *bias = prior(*p);
    }
    engine.load_parameters(&parameters)?;
    Ok(true)
}

/// Where θ has the biases of a linear last layer, of members one's behind the other's, and the link of
/// the loss; none if the last layer has no bias, or an activation. `tensors` are those of an engine made from `network`.
///
/// # Errors
/// If `network` is not valid.
pub fn output_bias(
    tensors: &[ParameterInfo],
    network: &NetworkSpec,
) -> Result<Option<(Range<usize>, Link)>> {
    let network = network.resolve()?;
    let link = LOSSES.build(&network.loss, &())?.link();
    let name = format!("layers.{}.bias", network.layers.len() - 1);
    let is_dense =
        (network.layers.last()).is_some_and(|last| WITH_BIAS.contains(&last.name.as_str()));
    let activation = (network.layers.last()).and_then(|last| last.settings.get("activation"));
    let is_linear = (activation.and_then(|activation| activation.choice()))
        .is_some_and(|activation| activation.name == "identity");
    let size = |tensor: &ParameterInfo| tensor.shape.iter().product::<usize>();
    let end: usize = tensors.iter().map(size).sum();
    let bias = tensors
        .last()
        .filter(|tensor| tensor.name == name && is_dense && is_linear);
    Ok(bias.map(|bias| (end - size(bias)..end, link)))
}
