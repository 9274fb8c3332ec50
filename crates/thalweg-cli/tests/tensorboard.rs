//! Event files, read back by TensorBoard's own package. Without it the test is ignored; `cargo xtask test`
//! installs it and sets THALWEG_PYTHON.

mod common;

use std::process::Command;

use common::{Workplace, events};
use serde_json::Value;

const READ: &str = "
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
tags = events.Tags()['scalars']
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags}))
";

/// All scalars of the event file in a run's folder.
fn scalars(place: &Workplace, run: &str) -> Value {
    let python = std::env::var("THALWEG_PYTHON").expect("THALWEG_PYTHON, with tensorboard");
    let folder = place.path(run);
    let output = Command::new(python).args(["-c", READ]).arg(folder).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values that the log has of an event, with the number that `place` names.
fn logged(log: &[Value], place: &str, value: impl Fn(&Value) -> Value) -> Value {
    let of_event = log.iter().filter(|line| line["event"] == place);
    let pairs = of_event.map(|line| (line[place].clone(), value(line)));
    let rounded = |x: Value| Value::from(f64::from(x.as_f64().unwrap() as f32));
    pairs
        .map(|(n, x)| Value::from(vec![n, rounded(x)]))
        .collect()
}

#[test]
#[ignore = "needs Python with tensorboard"]
fn tensorboard_reads_what_the_log_has() {
    let place = Workplace::new();
    place.train("builtin:iris --hidden 6 --epochs 12 --log-steps --tensorboard --out a");
    let (read, log) = (scalars(&place, "a"), events(&place.text("a/log.jsonl")));
    let epoch = |name: &'static str| logged(&log, "epoch", move |line| line[name].clone());
    let step = |name: &'static str| logged(&log, "step", move |line| line[name].clone());
    for name in [
        "train_loss",
        "validation_loss",
        "lr",
        "gradient_norm",
        "seconds",
    ] {
        assert_eq!(read[format!("epoch/{name}")], epoch(name), "{name}");
    }
    for name in ["loss", "lr", "gradient_norm"] {
        assert_eq!(read[format!("step/{name}")], step(name), "{name}");
    }
    let dead = logged(&log, "epoch", |line| line["layers"][1]["dead"].clone());
    assert_eq!(read["dead/layers.1"], dead);
}
