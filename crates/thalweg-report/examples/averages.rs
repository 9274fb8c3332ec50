//! Teaches: exponentially weighted averages v_t = βv_{t−1} + (1 − β)x_t, how far they look back, and why they
//! are corrected for their start at 0.
//!
//! ```sh
//! cargo run -p thalweg-report --example averages
//! ```

pub mod common;

use common::{Options, Result};
use thalweg::average::Average;
use thalweg::random::{Purpose, Stream};
use thalweg_report::plot::{Figure, Panel};

fn main() -> std::process::ExitCode {
    common::main("averages", run)
}

/// v_t and v̂_t = v_t/(1 − βᵗ) of a sequence.
pub fn averages(beta: f64, xs: &[f64]) -> Vec<(f64, f64)> {
    let mut average = Average::new(beta);
    (xs.iter())
        .filter_map(|x| {
            average.add(*x);
            Some((average.raw(), average.value()?))
        })
        .collect()
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    println!("1/e = {:.6}", 1.0 / std::f64::consts::E);
    println!(
        "{:>5} {:>16} {:>12} {:>10}",
        "β", "window 1/(1−β)", "β^window", "half-life"
    );
    for beta in [0.5, 0.9, 0.98, 0.999] {
        let average = Average::new(beta);
        let (window, half_life) = (average.window(), average.half_life());
        println!(
            "{beta:>5} {window:>16.0} {:>12.6} {half_life:>10.3}",
            beta.powf(window)
        );
    }

    // Half a year of temperatures.
    let mut random = Stream::new(0, Purpose::Synthesize, 0).sequence();
    let days: Vec<f64> = (0..180)
        .map(|day| 12.0 - 9.0 * (f64::from(day) / 58.0).cos() + 2.5 * random.normal())
        .collect();
    let over_days = |values: Vec<f64>| {
        values
            .into_iter()
            .enumerate()
            .map(|(t, v)| (t as f64 + 1.0, v))
    };
    let corrected = |beta| {
        averages(beta, &days)
            .into_iter()
            .map(|(_, corrected)| corrected)
    };
    let raw = averages(0.98, &days).into_iter().map(|(raw, _)| raw);
    println!("\nfirst days, β = 0.98:");
    println!("{:>3} {:>8} {:>8} {:>11}", "t", "x", "v", "v/(1 − βᵗ)");
    for (t, (v, corrected)) in averages(0.98, &days).iter().take(5).enumerate() {
        println!("{:>3} {:>8.3} {v:>8.3} {corrected:>11.3}", t + 1, days[t]);
    }
    let panel = Panel::new("day t", "temperature, °C")
        .points("x", over_days(days.clone()))
        .line("β = 0.9, corrected", over_days(corrected(0.9).collect()))
        .line("β = 0.98, corrected", over_days(corrected(0.98).collect()))
        .dashed("β = 0.98, from 0", over_days(raw.collect()));
    Ok(Figure::new("Averages that forget").panel(panel))
}
