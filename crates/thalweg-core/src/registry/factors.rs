//! Factors by name, such as `bias=0.1,layers.2=0.5`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Factors ≥ 0 of tensors, by their role or by the layer or tensor that a path such as `layers.2`
/// names; in files and on command lines a text such as `bias=0.1,layers.2=0.5`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Factors(BTreeMap<String, f64>);

impl Factors {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, each of a role or a path.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The product of all factors of a tensor: by its role, and by the paths that lead to it.
    pub fn of(&self, tensor: &str, role: &str) -> f64 {
        let own = self.0.iter();
        let own = own.filter(|(name, _)| *name == role || leads_to(name, tensor));
        own.map(|(_, factor)| factor).product()
    }
}

/// Whether a path is that of the tensor, or of a layer that it is in.
pub(crate) fn leads_to(path: &str, tensor: &str) -> bool {
    let rest = tensor.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl FromStr for Factors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut factors = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let pair = part.split_once('=').map(|(name, factor)| {
                let factor = factor.trim().parse::<f64>();
                (
                    name.trim(),
                    factor.ok().filter(|x| x.is_finite() && *x >= 0.0),
                )
            });
            let Some((name, Some(factor))) = pair.filter(|(name, _)| !name.is_empty()) else {
                return Err(format!(
                    "found {part:?}, expected NAME=FACTOR with a factor ≥ 0"
                ));
            };
            if factors.insert(name.to_owned(), factor).is_some() {
                return Err(format!("found {name:?} twice, expected a factor for each"));
            }
        }
        Ok(Self(factors))
    }
}

impl TryFrom<String> for Factors {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, factor)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{name}={factor}")?;
        }
        Ok(())
    }
}

impl From<Factors> for String {
    fn from(factors: Factors) -> Self {
        factors.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_role_and_paths_multiply() {
        let factors: Factors = "layers.1=0.5, bias=0.1,layers.1.weight=4".parse().unwrap();
        assert_eq!(
            factors.to_string(),
            "bias=0.1,layers.1=0.5,layers.1.weight=4"
        );
        assert_eq!(factors.of("layers.1.bias", "bias"), 0.1 * 0.5);
        assert_eq!(factors.of("layers.1.weight", "weight"), 2.0);
        assert_eq!(factors.of("layers.10.weight", "weight"), 1.0);
        assert_eq!(Factors::default().of("layers.1.bias", "bias"), 1.0);
        for wrong in [
            "bias",
            "bias=",
            "=1",
            "bias=-1",
            "bias=inf",
            "bias=1,bias=2",
        ] {
            assert!(wrong.parse::<Factors>().is_err(), "{wrong}");
        }
    }
}
