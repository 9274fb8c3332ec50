//! Teaches: how the learning rate may change; the curve of every schedule with its default settings.
//!
//! ```sh
//! cargo run -p thalweg-report --example schedules
//! ```

pub mod common;

use common::{Options, Result};
use thalweg::registry::Choice;
use thalweg::schedules::{Progress, SCHEDULES};
use thalweg_report::plot::{Figure, Panel};

/// Updates of the run, and of an epoch.
const STEPS: u64 = 1000;
const STEPS_PER_EPOCH: u64 = 20;

/// η/η₀ before each update of a run of 50 epochs.
pub fn factors(name: &str) -> thalweg::Result<Vec<f64>> {
    let schedule = SCHEDULES.build(&Choice::new(name), &())?;
    let progress = |step| Progress {
        step,
        steps: STEPS,
        steps_per_epoch: STEPS_PER_EPOCH,
    };
    Ok((0..STEPS)
        .map(|step| schedule.factor(progress(step)))
        .collect())
}

fn main() -> std::process::ExitCode {
    common::main("schedules", run)
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    println!("η/η₀ in a run of 50 epochs, {STEPS_PER_EPOCH} updates each\n");
    print!("{:16}", "update");
    let steps = [1, 50, 250, 500, 750, 1000];
    steps.iter().for_each(|step| print!("{step:>9}"));
    println!();
    let mut figure = Figure::new("Every schedule with its default settings");
    for group in SCHEDULES.descriptions().chunks(3) {
        let mut panel = Panel::new("epoch", "η/η₀").over_y(0.0, 1.05);
        for description in group {
            let factors = factors(description.name)?;
            print!("{:16}", description.name);
            steps
                .iter()
                .for_each(|step| print!("{:>9.4}", factors[step - 1]));
            println!();
            let epochs = (0..).map(|step| f64::from(step) / STEPS_PER_EPOCH as f64);
            panel = panel.line(description.name, epochs.zip(factors));
        }
        figure = figure.panel(panel);
    }
    Ok(figure)
}
