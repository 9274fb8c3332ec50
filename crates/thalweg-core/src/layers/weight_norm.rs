//! Weight normalization: the weights of unit i are w_i = g\[i\]·v_i/‖v_i‖, so that length and
//! direction are learned apart. At the start g\[i\] = ‖v_i‖, so that w is v.
//!
//! ‖w_i‖ is |g\[i\]|, so constraints act on g; penalties and decay act on g and on v, as in
//! PyTorch, where both are parameters.
//!
//! Source: Salimans & Kingma 2016; the mathematics is in `reparametrize.rs`. In files v is `weight`
//! and g is `gain`.

use super::reparametrize::{LAYER, Norm, build};
use super::{Context, Example, Part};
use crate::registry::{Description, Entry};

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "weight_norm",
        summary: "A dense or conv2d layer that learns length and direction of its weights apart",
        equation: "w[i] = g[i]·v[i]/‖v[i]‖",
        source: "Salimans & Kingma 2016",
        parameters: &[LAYER],
    },
    build: |arguments, context| build("weight_norm", Norm::Weight, arguments, context),
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(
        r#"[{"name": "weight_norm", "layer": {"name": "dense", "units": 6, "activation": "tanh"}}]"#,
    ),
    Example::list(
        r#"[{"name": "weight_norm", "layer": {"name": "dense", "units": 2, "activation": "identity"}}]"#,
    ),
    Example::image(
        r#"[{"name": "weight_norm", "layer": {"name": "conv2d", "channels": 3, "kernel": 3, "activation": "tanh"}}]"#,
    ),
];
