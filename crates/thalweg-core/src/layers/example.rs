//! Examples of layers: small networks that show how a layer is used. The tests over the registry
//! train them and compare their first and second derivatives with finite differences.

use crate::registry::Choice;

/// A network around a layer, without its output layer.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Channels, lines and pixels of its input; none: a list of six values.
    pub image: Option<[usize; 3]>,
    /// The layers as JSON: a list of objects with a `name`.
    pub layers: &'static str,
    /// Whether a layer stands in front of these, so that the gradient of their input is wanted.
    pub has_front: bool,
    /// Whether it has kinks where values are close to each other, so that differences need small
    /// steps.
    pub has_kinks: bool,
}

impl Example {
    /// Layers behind a dense layer of seven units, on lists of six values.
    pub const fn list(layers: &'static str) -> Self {
        Self {
            image: None,
            layers,
            has_front: true,
            has_kinks: false,
        }
    }

    /// Layers behind a convolution to four channels of 5×4, on images of 2×6×5.
    pub const fn image(layers: &'static str) -> Self {
        Self {
            image: Some([2, 6, 5]),
            ..Self::list(layers)
        }
    }

    /// The same layers on images of another size.
    #[must_use]
    pub const fn on(self, image: [usize; 3]) -> Self {
        Self {
            image: Some(image),
            ..self
        }
    }

    /// The same layers in front of all.
    #[must_use]
    pub const fn first(self) -> Self {
        Self {
            has_front: false,
            ..self
        }
    }

    /// The same, where differences need small steps.
    #[must_use]
    pub const fn kinked(self) -> Self {
        Self {
            has_kinks: true,
            ..self
        }
    }

    /// All its layers, that in front included.
    ///
    /// # Errors
    /// If the text is not a list of choices in JSON.
    pub fn network(&self) -> serde_json::Result<Vec<Choice>> {
        let front = match (self.has_front, self.image) {
            (false, _) => "[]",
            (true, None) => r#"[{"name": "dense", "units": 7, "activation": "tanh"}]"#,
            (true, Some(_)) => {
                r#"[{"name": "conv2d", "channels": 4, "kernel": 2, "activation": "tanh"}]"#
            }
        };
        let mut layers: Vec<Choice> = serde_json::from_str(front)?;
        layers.extend(serde_json::from_str::<Vec<Choice>>(self.layers)?);
        Ok(layers)
    }
}
