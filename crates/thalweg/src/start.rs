//! The model whose weights a new run begins with. It is trained anew by a recipe of its own; unless the request
//! says otherwise, its network is that of the model, and its columns are scaled in the same way.

use thalweg_core::spec::NetworkSpec;
use thalweg_data::{Encoding, Note, Scaling};

use crate::config::Config;
use crate::model::{Description, Model};
use crate::request::Request;

/// Fields that say what the network is.
const OF_LAYERS: [&str; 6] = [
    "mlp.hidden",
    "mlp.activation",
    "mlp.dropout",
    "mlp.initializer",
    "mlp.embed_numbers",
    "mlp.scale_layer",
];

/// See the module's text.
pub(crate) struct Start {
    model: Option<Model>,
    /// Whether the network, and the scaling of columns, are those of the model.
    gives_network: bool,
    gives_scaling: bool,
}

impl Start {
    /// Of a run that is requested, over a config or over a model that it `continues`. Weights of other
    /// programs say nothing of rows and layers, and a file that is damaged is refused where its weights are read.
    pub fn of(request: &Request, base: Option<&Config>, continues: bool) -> Self {
        let path = (request.path("initial_weights"))
            .or_else(|| base.and_then(|base| base.initial_weights.clone()));
        let model = path
            .filter(|_| !continues)
            .and_then(|path| Model::load(path).ok());
        let has_layers = request.has_network()
            || request.has_settings("activation")
            || OF_LAYERS.iter().any(|path| request.has(path));
        let is_single = |model: &Model| model.description().members.is_empty();
        let gives_network = base.is_none() && !has_layers && model.as_ref().is_some_and(is_single);
        Self {
            model,
            gives_network,
            gives_scaling: gives_network && !request.has("data.fit.scaling"),
        }
    }

    /// The description of the model.
    pub fn model(&self) -> Option<&Description> {
        self.model.as_ref().map(Model::description)
    }

    /// How the model scales columns, where the run is to scale them alike.
    pub fn scaling(&self) -> Option<Scaling> {
        let model = self.model().filter(|_| self.gives_scaling)?;
        let numbers =
            model
                .preprocessing
                .inputs
                .iter()
                .find_map(|input| match &input.encoding {
                    Encoding::Numeric(numbers) => Some(numbers),
                    _ => None,
                })?;
        match (numbers.clip, &numbers.curve) {
            (true, _) => Some(Scaling::Robust),
            (_, Some(_)) => Some(Scaling::Quantile),
            _ => None,
        }
    }

    /// Gives a network of as many inputs the layers of the model, if it is to have these.
    pub fn apply(&self, network: &mut NetworkSpec, inputs: usize) -> Option<Note> {
        let model = self.model.as_ref().filter(|_| self.gives_network)?;
        let theirs = &model.description().network;
        if theirs.inputs != inputs || theirs.layers == network.layers {
            return None;
        }
        (network.image, network.layers) = (theirs.image, theirs.layers.clone());
        let path = model.path().display();
        Some(Note::info(format!(
            "the layers are those of {path}, with whose weights they begin"
        )))
    }
}
