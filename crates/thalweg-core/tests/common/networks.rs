//! Networks of a few layers, and the examples of the registry with rows for them.

use thalweg_core::dataset::{Dataset, Values};
use thalweg_core::layers::EXAMPLES;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::NetworkSpec;

use super::{dataset, dense, network};

/// Images of 2 channels.
pub const IMAGE: [usize; 3] = [2, 6, 5];

/// A layer with settings that are numbers; whole ones are integers.
pub fn layer(name: &str, settings: &[(&str, f64)]) -> Choice {
    let of = |choice: Choice, (name, value): &(&str, f64)| {
        let setting = match value.fract() == 0.0 {
            true => Setting::Integer(*value as i64),
            false => Setting::Number(*value),
        };
        choice.with(name, setting)
    };
    settings.iter().fold(Choice::new(name), of)
}

pub fn conv(channels: usize, kernel: usize, activation: &str) -> Choice {
    let settings = [("channels", channels as f64), ("kernel", kernel as f64)];
    layer("conv2d", &settings).with("activation", activation.into())
}

/// A layer around another.
pub fn wrapped(name: &str, inner: Choice) -> Choice {
    Choice::new(name).with("layer", Setting::Choice(inner))
}

pub fn residual(layers: Vec<Choice>) -> Choice {
    Choice::new("residual").with("layers", Setting::Choices(layers))
}

pub fn embedding(levels: &[i64], widths: Option<&[i64]>) -> Choice {
    let choice = Choice::new("embedding").with("levels", Setting::Integers(levels.to_vec()));
    match widths {
        Some(widths) => choice.with("widths", Setting::Integers(widths.to_vec())),
        None => choice,
    }
}

/// With an output layer of three classes, for images or rows of 6 values.
pub fn whole(image: Option<[usize; 3]>, mut layers: Vec<Choice>) -> NetworkSpec {
    layers.push(dense(3, "identity"));
    let inputs = image.map_or(6, |image| image.iter().product());
    NetworkSpec {
        image,
        ..network(inputs, "cross_entropy", layers)
    }
}

/// Rows for such a network, with codes where its first layer reads codes.
pub fn rows_for(network: &NetworkSpec, count: usize) -> Dataset {
    let mut dataset = dataset("cross_entropy", network.inputs, 3, count, 5);
    if let (Some(Setting::Integers(levels)), Values::F64(values)) = (
        network.layers[0].settings.get("levels"),
        &mut dataset.features.values,
    ) {
        for (row, values) in values.chunks_exact_mut(network.inputs).enumerate() {
            for (column, (value, levels)) in values.iter_mut().zip(levels).enumerate() {
                *value = ((row * (2 * column + 1)) as i64 % levels) as f64;
            }
        }
    }
    dataset
}

/// The networks of all examples of the registry, with the layer that each is an example of.
pub fn examples() -> impl Iterator<Item = (&'static str, thalweg_core::layers::Example, NetworkSpec)>
{
    EXAMPLES.iter().flat_map(|(name, examples)| {
        assert!(!examples.is_empty(), "layer {name} has no example");
        examples.iter().map(move |example| {
            let layers = example.network();
            let layers = layers.unwrap_or_else(|error| panic!("example of {name}: {error}"));
            assert!(
                example.layers.contains(name),
                "an example of {name} without it"
            );
            (*name, *example, whole(example.image, layers))
        })
    })
}
