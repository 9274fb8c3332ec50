//! Whether a network fits into memory, before the system finds out.

use thalweg::error::Error;
use thalweg::layers;
use thalweg::precision::Dtype;
use thalweg::spec::NetworkSpec;

use crate::exit::Result;

/// Refuses a network whose weights alone need more memory than there is: a value and a gradient each, and
/// when the model is written, two copies in double precision and the bytes of the file.
pub fn check(network: &NetworkSpec, dtype: Dtype) -> Result<()> {
    let Some(available) = available() else {
        return Ok(());
    };
    let size = match dtype {
        Dtype::F32 | Dtype::Bf16 => 4,
        Dtype::F64 => 8,
    };
    let need = weights(network, dtype).saturating_mul(3 * size + 16);
    if need <= available {
        return Ok(());
    }
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    Err(Error::invalid(
        "network",
        format!("layers that need at least {}", gigabytes(need)),
        format!("at most the {} of free memory", gigabytes(available)),
    )
    .remedy("choose smaller layers")
    .into())
}

fn weights(network: &NetworkSpec, dtype: Dtype) -> u64 {
    let Ok(nodes) = layers::build(network.shape(), &network.layers, dtype) else {
        return u64::MAX;
    };
    let layers = nodes.iter().flat_map(|node| node.part.layers());
    let segments = layers.flat_map(|layer| layer.segments());
    segments.map(|segment| segment.len() as u64).sum()
}

/// Bytes that can be had without swapping, where Linux says so.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use thalweg::registry::Choice;

    use super::*;

    #[test]
    fn a_network_that_no_memory_holds_is_refused() {
        let mlp = |hidden| NetworkSpec::mlp(4, hidden, "relu", 3, Choice::new("mse"));
        assert_eq!(weights(&mlp(&[8]), Dtype::F32), 5 * 8 + 9 * 3);
        assert!(check(&mlp(&[8]), Dtype::F32).is_ok());
        if available().is_some() {
            assert!(check(&mlp(&[1 << 24, 1 << 24]), Dtype::F32).is_err());
        }
    }
}
