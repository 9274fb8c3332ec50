//! What the tests beside optimizers share.

use super::{Chain, MAX_SLOTS, Strip, Time, Transform, WholeTensor};
use crate::kernels::Isa;
use crate::registry::{Choice, Entry, Setting};

/// Twenty updates of an entry whose stages act on each parameter by itself, on every instruction
/// set, against a transcription of its equations: `rule` returns the new parameter from the number
/// of the update, its rate η, the parameter, its gradient and its state, which starts at 0.
pub fn follows(
    entry: &Entry<Chain>,
    settings: &[(&str, Setting)],
    rule: impl Fn(u64, f64, f64, f64, &mut [f64; MAX_SLOTS]) -> f64,
) {
    let choice = (settings.iter()).fold(
        Choice::new(entry.description.name),
        |choice, (name, setting)| choice.with(name, setting.clone()),
    );
    let arguments = entry.description.resolve("optimizer", &choice).unwrap();
    for isa in Isa::available() {
        let chain = (entry.build)(&arguments, &()).unwrap();
        // More than a vector, and not a multiple of one.
        let mut theta: Vec<f64> = (0..21).map(|i| f64::from(i).sin()).collect();
        let mut expected = theta.clone();
        let mut slots = vec![vec![0.0; theta.len()]; chain.stage_slots()];
        let mut state = vec![[0.0; MAX_SLOTS]; theta.len()];
        for step in 1..=20 {
            let rate = 0.1 / step as f64;
            let time = Time::new(step, rate);
            let slope = |i: usize, p: f64| p - (i as f64 + step as f64).cos();
            let mut u: Vec<f64> = (theta.iter().enumerate())
                .map(|(i, p)| slope(i, *p))
                .collect();
            let mut rest = &mut slots[..];
            for stage in &chain.stages {
                let (own, others) = rest.split_at_mut(Transform::<f64>::slots(&**stage));
                rest = others;
                let mut own = own.iter_mut();
                stage.apply(Strip {
                    isa,
                    constants: stage.constants(time, 1),
                    p: &theta,
                    u: &mut u,
                    slots: std::array::from_fn(|_| own.next().map_or(&mut [][..], |slot| slot)),
                    tensor: WholeTensor::default(),
                });
            }
            for (i, (p, u)) in theta.iter_mut().zip(u).enumerate() {
                let gradient = slope(i, expected[i]);
                expected[i] = rule(step, rate, expected[i], gradient, &mut state[i]);
                *p -= rate * u;
                let error = (*p - expected[i]).abs();
                assert!(
                    error < 1e-12,
                    "{choice}, step {step}: {p} is not {}",
                    expected[i]
                );
            }
        }
    }
}
