//! The model whose weights a new run begins with. It is trained anew by a recipe of its own; unless the request
//! says otherwise, its network is that of the model, and its columns are scaled in the same way.

use thalweg_core::spec::NetworkSpec;
use thalweg_data::{Encoding, Note, Scaling};

use crate::config::{Config, DataConfig, IN_MEMORY};
use crate::continuation::Continuation;
use crate::model::{Description, Model};
use crate::origin::Origin;
use crate::preset::Reason;
use crate::request::Request;
use crate::rows::RunRows;

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
    /// Whether the network is that of the model.
    gives_network: bool,
}

impl Start {
    /// The model of `initial_weights` in the request or in its base config; none for a run that `continues` another.
    /// Columns of a file get the scaling of the model. A file of another program has no layers or scaling to take, and
    /// a damaged file is refused when its weights are loaded.
    pub fn of(
        request: &Request,
        base: Option<&Config>,
        continues: bool,
        data: &mut DataConfig,
    ) -> Self {
        let path = (request.path("initial_weights"))
            .or_else(|| base.and_then(|base| base.initial_weights.clone()));
        let model = path
            .filter(|_| !continues)
            .and_then(|path| Model::load(path).ok());
        let has_layers = request.has_network()
            || request.has_settings("activation")
            || OF_LAYERS.iter().any(|path| request.has(path));
        let is_single = |model: &&Model| model.description().members.is_empty();
        let may_give = base.is_none() && !has_layers;
        let giving = model.as_ref().filter(is_single).filter(|_| may_give);
        if let Some(scaling) = giving.and_then(scaling)
            && data.source != IN_MEMORY
            && !request.has("data.fit.scaling")
        {
            data.fit.scaling = scaling;
        }
        Self {
            gives_network: giving.is_some(),
            model,
        }
    }

    /// What the model, or the one that the run `continues`, knows of its training rows.
    pub fn origins(&self, continues: Option<&Continuation>) -> Vec<Origin> {
        let own = self.model.as_ref().map(Model::description);
        let begun_with = continues.map(Continuation::description).or(own);
        begun_with.map_or(Vec::new(), Description::as_origins)
    }

    /// Gives a network of as many inputs the layers of the model, if it is to have these.
    pub fn apply(
        &self,
        network: &mut NetworkSpec,
        rows: &RunRows,
        reasons: &mut Vec<Reason>,
    ) -> Option<Note> {
        let model = self.model.as_ref().filter(|_| self.gives_network)?;
        let theirs = &model.description().network;
        let inputs = rows.preprocessing.input_width();
        if theirs.inputs != inputs || theirs.layers == network.layers {
            return None;
        }
        (network.image, network.layers) = (theirs.image, theirs.layers.clone());
        reasons.retain(|reason| !reason.field.starts_with("mlp."));
        let path = model.path().display();
        Some(Note::info(format!(
            "the layers are those of {path}, with whose weights they begin"
        )))
    }
}

/// How a model scales columns, where that is not the usual way.
fn scaling(model: &Model) -> Option<Scaling> {
    let inputs = &model.description().preprocessing.inputs;
    let numbers = inputs.iter().find_map(|input| match &input.encoding {
        Encoding::Numeric(numbers) => Some(numbers),
        _ => None,
    })?;
    match (numbers.clip, &numbers.curve) {
        (true, _) => Some(Scaling::Robust),
        (_, Some(_)) => Some(Scaling::Quantile),
        _ => None,
    }
}
