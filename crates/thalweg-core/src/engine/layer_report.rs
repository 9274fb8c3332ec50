//! What an engine can tell of its layers.

/// One layer as it computes a batch: see [`Engine::layers`](super::Engine::layers).
///
/// An *activation* is a value of the layer's output, behind the activation function that belongs to
/// the layer, in evaluation (running statistics, nothing dropped). A *unit* is a value of a list,
/// or a channel of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerReport {
    /// What the names of its parameters begin with, such as `layers.0`.
    pub name: String,
    /// Mean of the activations over all rows and values; rows count the same whatever their
    /// weights.
    pub mean: f64,
    /// Their standard deviation: the root of the mean squared distance from the mean.
    pub deviation: f64,
    /// Share of the units whose activations are exactly 0 in every row (and at every pixel): units
    /// that a ReLU has cut off for this batch.
    pub dead: f64,
    /// L2 norm of its trained parameters; 0 where it has none. So are the following.
    pub weight_norm: f64,
    /// L2 norm of the gradient of what is evaluated: see
    /// [`Engine::evaluation_gradient`](super::Engine::evaluation_gradient).
    pub gradient_norm: f64,
    /// L2 norm of the last update, the change of its trained parameters in the last step. Absent if
    /// no step was watched: see [`Engine::watch_updates`](super::Engine::watch_updates).
    pub update_norm: Option<f64>,
}
