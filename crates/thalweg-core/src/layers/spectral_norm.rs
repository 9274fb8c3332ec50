//! Spectral normalization: W/σ, where σ = uᵀWv estimates the largest singular value of W (as a
//! matrix with one row for each unit). Before each training step one power iteration, u ← Wv/‖Wv‖
//! and v ← Wᵀu/‖Wᵀu‖, brings u and v nearer to the singular vectors; gradients take them as
//! constants. Evaluation uses them as they are.
//!
//! Source: Miyato, Kataoka, Koyama & Yoshida 2018, in the order of PyTorch, with 15 iterations
//! before the first step; the mathematics is in `reparametrize.rs`. In files u is `left` and v is
//! `right`; neither is trained.

use super::reparametrize::{LAYER, Norm, build};
use super::{Context, Example, Part};
use crate::registry::{Description, Entry};

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "spectral_norm",
        summary: "A dense or conv2d layer whose weights are divided by their largest singular value",
        equation: "y = φ(x·(W/σ)ᵀ + b), σ = uᵀWv, one power iteration a step",
        source: "Miyato et al. 2018",
        parameters: &[LAYER],
    },
    build: |arguments, context| build("spectral_norm", Norm::Spectral, arguments, context),
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(
        r#"[{"name": "spectral_norm", "layer": {"name": "dense", "units": 6, "activation": "tanh"}}]"#,
    ),
    Example::list(
        r#"[{"name": "spectral_norm", "layer": {"name": "dense", "units": 2, "activation": "identity"}}]"#,
    ),
    Example::image(
        r#"[{"name": "spectral_norm", "layer": {"name": "conv2d", "channels": 3, "kernel": 3, "activation": "tanh"}}]"#,
    ),
];
