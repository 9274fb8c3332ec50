//! Weights of PyTorch train on, predict as in PyTorch, and go back there: `oracles/pytorch/weights.py` has files that
//! PyTorch wrote, and what its networks put out.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::Deserialize;
use thalweg::dataset::{FeaturesRef, TargetsRef, ValuesRef};
use thalweg::weights::to_torch;
use thalweg::{Model, Trainer};

#[derive(Deserialize)]
struct Case {
    name: String,
    module: Option<String>,
    layers: Vec<serde_json::Value>,
    input: Vec<usize>,
    file: String,
    dtype: String,
    x: Vec<f64>,
    y: Vec<f64>,
}

fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/pytorch/weights.json");
    let text = std::fs::read_to_string(path).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    assert_eq!(golden.cases.len(), 7);
    golden.cases
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&self.file[at..at + 2], 16).unwrap();
        (0..self.file.len()).step_by(2).map(digits).collect()
    }

    /// A network file of its layers.
    fn network(&self, folder: &Path) -> PathBuf {
        let mut network = serde_json::json!({ "layers": self.layers });
        if self.input.len() == 3 {
            network["input"] = self.input.clone().into();
        }
        let text = toml::to_string(&network).unwrap();
        let path = folder.join("net.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A model with these weights: an epoch at a rate that changes no bit.
    fn model(&self, dtype: &str) -> Model {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("torch.safetensors");
        std::fs::write(&weights, self.bytes()).unwrap();
        let features = FeaturesRef {
            width: self.input.iter().product(),
            values: ValuesRef::F64(&self.x),
        };
        let targets = TargetsRef::Values {
            width: 2,
            values: &self.y,
        };
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        Trainer::from_rows(features, targets)
            .set("mlp.file", path(&self.network(folder.path())))
            .set("training.dtype", dtype)
            .set("initial_weights", path(&weights))
            .optimizer("sgd")
            .learning_rate(1e-300)
            .epochs(1)
            .fit()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

#[test]
fn weights_of_pytorch_predict_what_they_predict_in_pytorch() {
    for case in cases() {
        let features = FeaturesRef {
            width: case.input.iter().product(),
            values: ValuesRef::F64(&case.x),
        };
        for (dtype, most) in [("f64", 1e-12), ("f32", 1e-6)] {
            let found = case.model(dtype).predict(features).unwrap();
            assert_eq!(found.len(), case.y.len());
            for (found, expected) in found.iter().zip(&case.y) {
                let name = &case.name;
                assert!(
                    (found - expected).abs() <= most,
                    "{name}: {found} is not {expected}"
                );
            }
        }
    }
}

/// The module's text makes the network of the golden file in PyTorch, and the tensors are those that
/// PyTorch wrote itself.
#[test]
fn what_is_exported_is_what_pytorch_writes() {
    let mut checked = 0;
    for case in cases() {
        let Some(module) = &case.module else { continue };
        let dtype = match case.dtype.as_str() {
            "float64" => "f64",
            "float32" => "f32",
            _ => continue,
        };
        let torch = to_torch(&case.model(dtype)).unwrap();
        assert_eq!(torch.module, *module);
        let bytes = case.bytes();
        let (ours, theirs) = (
            SafeTensors::deserialize(&torch.bytes).unwrap(),
            SafeTensors::deserialize(&bytes).unwrap(),
        );
        for (name, view) in theirs.tensors() {
            // PyTorch makes counts of batches itself where a file has none.
            if name.ends_with("num_batches_tracked") {
                continue;
            }
            let found = ours.tensor(&name).unwrap();
            assert_eq!(found, view, "{}: {name}", case.name);
            checked += 1;
        }
        let counts = theirs
            .names()
            .iter()
            .filter(|name| name.ends_with("tracked"))
            .count();
        assert_eq!(ours.len() + counts, theirs.len());
    }
    assert_eq!(checked, 6 + 6 + 8 + 22);
}

#[test]
fn a_layer_without_a_module_is_named() {
    let x = [0.0f32, 1.0, 2.0, 3.0];
    let layers = [
        r#"{"name": "dense", "units": 2}"#,
        r#"{"name": "residual", "layers": [{"name": "dense", "units": 2}]}"#,
        r#"{"name": "dense", "units": 1}"#,
    ];
    let layers = layers.map(|layer| serde_json::from_str(layer).unwrap());
    let y = [0.0, 1.0];
    let model = Trainer::from_rows(
        FeaturesRef::f32(2, &x),
        TargetsRef::Values {
            width: 1,
            values: &y,
        },
    )
    .layers(layers.to_vec())
    .epochs(1)
    .fit()
    .unwrap();
    let error = to_torch(&model).err().unwrap().to_string();
    assert!(error.starts_with("layer 2 (residual): found"), "{error}");
    assert!(
        error.contains("; train a network without that layer, or read the tensors"),
        "{error}"
    );
}
