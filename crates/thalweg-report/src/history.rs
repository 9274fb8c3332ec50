//! A run's log as curves: a bounded number of points, and averages over all of them.

use std::io::{self, BufRead, BufReader};

use serde_json::{Map, Value, json};
use thalweg::run_folder::{LOG, RunFolder};

/// Epochs that the page of a run has, its updates, and the epochs at which its layers are shown.
pub(crate) const EPOCHS: usize = 400;
const STEPS: usize = 800;
const LAYER_EPOCHS: usize = 120;
/// Layers that are shown.
const LAYERS: usize = 12;
/// Members whose losses are shown, and epochs of each.
const MEMBERS: usize = 12;
const MEMBER_EPOCHS: usize = 120;
/// Fewer points are shown as they are.
const FEWEST_TO_AVERAGE: usize = 30;
/// What is averaged.
const AVERAGED: [&str; 5] = [
    "train_loss",
    "validation_loss",
    "validation_score",
    "gradient_norm",
    "rows_per_second",
];
const AVERAGED_STEPS: [&str; 2] = ["loss", "gradient_norm"];

type Event = Map<String, Value>;

/// The log of a run.
#[derive(Default)]
pub(crate) struct History {
    /// The first line.
    pub start: Value,
    /// The last line, if the run has ended.
    pub end: Option<Value>,
    epochs: Vec<Event>,
    /// The epochs of each member of an ensemble.
    members: Vec<Vec<Event>>,
    steps: Vec<Event>,
}

impl History {
    /// Reads the log of a run's folder; a line that is damaged ends it.
    pub fn read(folder: &RunFolder) -> io::Result<Self> {
        let file = std::fs::File::open(folder.file(LOG))?;
        let mut history = Self::default();
        for line in BufReader::new(file).lines() {
            if !history.add(&line?) {
                break;
            }
        }
        Ok(history)
    }

    /// Takes in a line; whether it is whole.
    pub fn add(&mut self, line: &str) -> bool {
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            return false;
        };
        match event.get("event").and_then(Value::as_str) {
            Some("start") => self.start = Value::Object(event),
            Some("epoch") => self.epochs.push(event),
            Some("member_epoch") => self.add_to_member(event),
            Some("step") => self.steps.push(event),
            Some("end") => self.end = Some(Value::Object(event)),
            _ => {}
        }
        true
    }

    fn add_to_member(&mut self, mut event: Event) {
        let member = event.remove("member").and_then(|member| member.as_u64());
        // They come in order; a number out of it is of a damaged line.
        let member = (member.unwrap_or(0) as usize).min(self.members.len());
        if member == self.members.len() {
            self.members.push(Vec::new());
        }
        self.members[member].push(event);
    }

    /// What is known of a run by its start and its epochs.
    pub fn of(start: Value, epochs: Vec<Event>) -> Self {
        Self {
            start,
            epochs,
            ..Self::default()
        }
    }

    /// The epochs; of an ensemble those of its first member.
    pub fn epochs(&self) -> &[Event] {
        match self.members.first() {
            Some(first) => first,
            None => &self.epochs,
        }
    }

    /// The epochs of each member of an ensemble.
    pub fn members(&self) -> &[Vec<Event>] {
        &self.members
    }

    /// The losses of some members, a name and a list over the epochs each.
    pub fn member_curves(&self) -> Value {
        let curves = |(number, epochs): (usize, &Vec<Event>)| {
            let shown = spaced(epochs.len(), MEMBER_EPOCHS, None);
            let mut curves = series(epochs, &shown, "epoch", &["train_loss", "validation_loss"]);
            if let Some(series) = curves["series"].as_object_mut() {
                series.retain(|name, _| name == "epoch" || name.ends_with("_loss"));
            }
            json!({ "name": format!("member {}", number + 1), "curves": curves })
        };
        let members = self.members.iter().take(MEMBERS).enumerate();
        members.map(curves).collect()
    }

    /// The curves: a list for each number that an epoch reports, and averages. They are
    /// of about `most` epochs, evenly spaced, the first, the best and the last among them.
    pub fn curves(&self, most: usize) -> Value {
        let best = self.end.as_ref().and_then(|end| end["best_epoch"].as_u64());
        let is_best =
            |event: &Event| best.is_some() && event.get("epoch").and_then(Value::as_u64) == best;
        let best = self.epochs().iter().position(is_best);
        let shown = spaced(self.epochs().len(), most, best);
        let mut curves = series(self.epochs(), &shown, "epoch", &AVERAGED);
        curves["epochs"] = json!(self.epochs().len());
        curves
    }

    /// The same for the updates that are recorded; none where there are too few.
    pub fn steps(&self) -> Value {
        match self.steps.len() {
            0 | 1 => Value::Null,
            count => series(
                &self.steps,
                &spaced(count, STEPS, None),
                "step",
                &AVERAGED_STEPS,
            ),
        }
    }

    /// What the layers were from epoch to epoch: their names, the epochs, and for each quantity a list for
    /// each layer; none where they were not looked at.
    pub fn layers(&self) -> Value {
        let all = |event: &Event| {
            Some((
                event.get("epoch")?.clone(),
                event.get("layers")?.as_array()?.clone(),
            ))
        };
        let looks: Vec<(Value, Vec<Value>)> = self.epochs().iter().filter_map(all).collect();
        let Some(first) = looks
            .first()
            .and_then(|(_, layers)| Some((layers.len(), layers.first()?)))
        else {
            return Value::Null;
        };
        let (count, layer) = first;
        let quantities: Vec<String> = layer
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect();
        let looks: Vec<_> = (spaced(looks.len(), LAYER_EPOCHS, None).into_iter())
            .map(|look| &looks[look])
            .collect();
        let shown = spaced(count, LAYERS, None);
        let of = |quantity: &str| -> Value {
            let layer = |&layer: &usize| -> Value {
                looks
                    .iter()
                    .map(|(_, layers)| layers[layer][quantity].clone())
                    .collect()
            };
            shown.iter().map(layer).collect()
        };
        let mut data: Map<String, Value> = (quantities.iter())
            .filter(|quantity| *quantity != "name")
            .map(|quantity| (quantity.clone(), of(quantity)))
            .collect();
        data.insert(
            "names".to_owned(),
            shown
                .iter()
                .map(|&i| looks[0].1[i]["name"].clone())
                .collect(),
        );
        data.insert(
            "epoch".to_owned(),
            looks.iter().map(|(epoch, _)| epoch.clone()).collect(),
        );
        data.insert("count".to_owned(), json!(count));
        Value::Object(data)
    }
}

/// The numbers of the events that are shown, a list each, and averages over all events; `place` is where
/// each of them lies.
fn series(events: &[Event], shown: &[usize], place: &str, averaged: &[&str]) -> Value {
    let is_number = |name: &&String| {
        let mut values = events.iter().filter_map(|event| event.get(*name));
        values.all(|value| value.is_number() || value.is_null())
    };
    let names = events
        .last()
        .into_iter()
        .flat_map(Map::keys)
        .filter(is_number);
    let column = |name: &String| -> Value {
        let value = |&index: &usize| events[index].get(name).cloned().unwrap_or_default();
        shown.iter().map(value).collect()
    };
    let series: Map<String, Value> = names.map(|name| (name.clone(), column(name))).collect();
    let numbers = |name: &str| -> Option<Vec<f64>> {
        events
            .iter()
            .map(|event| event.get(name)?.as_f64())
            .collect()
    };
    let places = numbers(place).unwrap_or_default();
    let length = places.last().unwrap_or(&0.0) - places.first().unwrap_or(&0.0) + 1.0;
    let window = (length / 50.0).max(2.0);
    let average = |name: &&str| {
        let all = averages(
            &places,
            &numbers(name).filter(|_| events.len() >= FEWEST_TO_AVERAGE)?,
            window,
        );
        let shown: Value = shown.iter().map(|&index| json!(all[index])).collect();
        Some(((*name).to_owned(), shown))
    };
    let averages: Map<String, Value> = averaged.iter().filter_map(average).collect();
    json!({ "window": window, "series": series, "averages": averages })
}

/// Exponentially weighted averages whose weights fall to 1/e in `window`, corrected for their start; at
/// neighbouring places they are those of [`thalweg_core::average`].
fn averages(places: &[f64], values: &[f64], window: f64) -> Vec<f64> {
    let beta = 1.0 - 1.0 / window;
    let (mut sum, mut weights, mut last) = (0.0, 0.0, None);
    let average = |(place, value): (&f64, &f64)| {
        let kept = beta.powf(place - last.unwrap_or(place - 1.0));
        last = Some(*place);
        (sum, weights) = (
            kept * sum + (1.0 - kept) * value,
            kept * weights + 1.0 - kept,
        );
        sum / weights
    };
    places.iter().zip(values).map(average).collect()
}

/// Indices below `count`, evenly spaced.
fn spaced(count: usize, most: usize, wanted: Option<usize>) -> Vec<usize> {
    let most = count.min(most);
    let mut shown: Vec<usize> = (0..most)
        .map(|place| match most {
            1 => 0,
            _ => place * (count - 1) / (most - 1),
        })
        .chain(wanted)
        .collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_core::average::Average;

    #[test]
    fn long_runs_keep_their_first_best_and_last_epoch() {
        assert!(spaced(0, 400, None).is_empty());
        assert_eq!(spaced(1, 400, Some(0)), [0usize]);
        assert_eq!(spaced(3, 400, None), [0usize, 1, 2]);
        let shown = spaced(100_000, 400, Some(77_777));
        assert_eq!((shown[0], shown.last()), (0, Some(&99_999)));
        assert!(shown.contains(&77_777) && shown.len() == 401);
    }

    #[test]
    fn averages_are_corrected_for_their_start_and_forget_by_distance() {
        let places: Vec<f64> = (1..=50).map(f64::from).collect();
        let values: Vec<f64> = places.iter().map(|x| 3.0 + x.sin()).collect();
        let mut expected = Average::with_window(8.0);
        for (value, average) in values.iter().zip(averages(&places, &values, 8.0)) {
            expected.add(*value);
            assert!((expected.value().unwrap() - average).abs() < 1e-12);
        }
        // After a gap that is much longer than the window, what was before is forgotten.
        let averages = averages(&[1.0, 2.0, 900.0], &[5.0, 5.0, 1.0], 8.0);
        assert!((averages[1] - 5.0).abs() < 1e-12 && (averages[2] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_layers_of_a_log_are_lists_over_the_epochs() {
        let mut history = History::default();
        for epoch in 1..=3 {
            let layers = json!([{ "name": "a", "mean": epoch }, { "name": "b", "mean": -epoch }]);
            history.add(&json!({ "event": "epoch", "epoch": epoch, "layers": layers }).to_string());
        }
        let layers = history.layers();
        assert_eq!(layers["names"], json!(["a", "b"]));
        assert_eq!(layers["mean"], json!([[1, 2, 3], [-1, -2, -3]]));
        assert_eq!(layers["epoch"], json!([1, 2, 3]));
        assert!(History::default().layers().is_null());
    }
}
