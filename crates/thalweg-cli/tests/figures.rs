//! Every figure of a page draws the numbers of the run: those of its log, of its model, of the file it was
//! trained on, or what can be worked out from its own points.

use std::fmt::Write;

use crate::common::{Workplace, events};
use serde_json::Value;
use thalweg_core::dataset::Values;

fn page(place: &Workplace, path: &str) -> Value {
    thalweg_report::data(&place.text(path)).unwrap_or_else(|| panic!("{path}: no data"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().filter_map(Value::as_f64).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
}

/// The bytes of a picture.
fn bytes(picture: &Value) -> Vec<u8> {
    let text = picture["pixels"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The f32 values of a tensor in a file of safetensors: a length, a header of JSON, the bytes.
fn tensor(file: &[u8], name: &str) -> Vec<f64> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let place = numbers(&header[name]["data_offsets"]);
    let bytes = &file[8 + length..][place[0] as usize..place[1] as usize];
    let value = |four: &[u8]| f32::from_le_bytes(four.try_into().unwrap()).into();
    bytes.chunks_exact(4).map(value).collect()
}

#[test]
fn updates_and_layers_are_those_of_the_log_and_averages_are_worked_out_from_them() {
    let place = Workplace::new();
    place.train("builtin:digits --preset fast --epochs 3 --log-steps --out a");
    let data = page(&place, "a/report.html");
    let log = events(&place.text("a/log.jsonl"));
    let of =
        |kind: &str| -> Vec<&Value> { log.iter().filter(|event| event["event"] == kind).collect() };
    let (steps, epochs) = (of("step"), of("epoch"));
    let series = data["steps"]["series"].as_object().unwrap();
    for name in ["step", "loss", "lr", "gradient_norm"] {
        let logged: Vec<&Value> = steps.iter().map(|step| &step[name]).collect();
        let drawn: Vec<&Value> = list(&series[name]).iter().collect();
        assert!(drawn.len() > 30 && drawn == logged, "{name}");
    }
    // Σ βⁿ⁻ⁱ xᵢ / Σ βⁿ⁻ⁱ, not step by step but of all.
    let losses: Vec<f64> = numbers(&series["loss"]);
    let beta = 1.0 - 1.0 / data["steps"]["window"].as_f64().unwrap();
    for (n, average) in numbers(&data["steps"]["averages"]["loss"])
        .into_iter()
        .enumerate()
    {
        let weights: Vec<f64> = (0..=n).map(|i| beta.powi((n - i) as i32)).collect();
        let sum: f64 = weights.iter().zip(&losses).map(|(w, x)| w * x).sum();
        let expected = sum / weights.iter().sum::<f64>();
        assert!((average - expected).abs() < 1e-9 * expected.abs(), "{n}");
    }
    let layers = &data["layers"];
    assert_eq!(list(&layers["names"]).len(), 3, "{layers}");
    let quantities = [
        "mean",
        "deviation",
        "dead",
        "weight_norm",
        "gradient_norm",
        "update_norm",
    ];
    for quantity in quantities {
        for (layer, drawn) in list(&layers[quantity]).iter().enumerate() {
            let logged = epochs.iter().map(|epoch| &epoch["layers"][layer][quantity]);
            let logged: Vec<&Value> = logged.collect();
            assert_eq!(
                list(drawn).iter().collect::<Vec<_>>(),
                logged,
                "{quantity} {layer}"
            );
        }
    }
}

#[test]
fn pictures_are_the_rows_of_the_file_and_the_weights_of_the_model() {
    let place = Workplace::new();
    place.train("builtin:digits --preset fast --hidden 5 --epochs 2 --dtype f32 --out a");
    let inspection = &page(&place, "a/report.html")["inspection"];
    let file = thalweg_data::read(
        &thalweg_data::Source::parse("builtin:digits").unwrap(),
        &thalweg_data::ReadOptions::default(),
    );
    let table = file.unwrap().train;
    let thalweg_data::ColumnData::Block(images) = &table.column("pixels").unwrap().data else {
        panic!("images")
    };
    let all: Vec<f64> = match &images.values {
        Values::U8 { bytes, .. } => bytes.iter().map(|byte| f64::from(*byte)).collect(),
        Values::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        _ => panic!("numbers"),
    };
    for worst in list(&inspection["worst"]) {
        let row = worst["row"].as_u64().unwrap() as usize - 1;
        let own = &all[64 * row..][..64];
        let low = own.iter().copied().fold(f64::INFINITY, f64::min);
        let high = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (shown, own) in bytes(&worst["image"]).into_iter().zip(own) {
            let expected = 255.0 * (own - low) / (high - low);
            assert!(
                (f64::from(shown) - expected).abs() <= 0.51,
                "{row}: {shown} {expected}"
            );
        }
    }
    let weights = tensor(&place.read("a/model.safetensors"), "layers.0.weight");
    let filters = &inspection["filters"];
    let bound = weights.iter().fold(0.0, |bound: f64, x| bound.max(x.abs()));
    assert!((filters["bound"].as_f64().unwrap() - bound).abs() < 1e-6 * bound);
    let drawn: Vec<u8> = list(&filters["filters"]).iter().flat_map(bytes).collect();
    assert_eq!(drawn.len(), 5 * 64);
    for (byte, weight) in drawn.iter().zip(&weights) {
        let expected = 255.0 * (weight / bound / 2.0 + 0.5);
        assert!(
            (f64::from(*byte) - expected).abs() <= 0.51,
            "{byte} {expected}"
        );
    }
}

#[test]
fn distances_and_errors_by_column_are_those_of_the_points() {
    let place = Workplace::new();
    let end = place.train("builtin:diabetes --preset fast --epochs 5 --out a");
    let data = page(&place, "a/report.html");
    let target = &data["inspection"]["numbers"][0];
    let mut distances: Vec<f64> = (list(&target["points"]).iter().map(numbers))
        .map(|point| (point[1] - point[0]).abs())
        .collect();
    distances.sort_by(f64::total_cmp);
    let shown = numbers(&target["distances"]);
    assert_eq!(shown.len(), 11);
    for (tenth, distance) in shown.iter().enumerate() {
        assert!(
            close(*distance, distances[(distances.len() - 1) * tenth / 10]),
            "{tenth}"
        );
    }
    // The mean over the bins of any column is that over all rows.
    let mae = end["test"]["mae"].as_f64().unwrap();
    let columns = list(&data["inspection"]["by_column"]);
    assert_eq!(columns.len(), 10);
    for column in columns {
        let sum = |of: &dyn Fn(&Value) -> f64| list(&column["bins"]).iter().map(of).sum::<f64>();
        let rows = sum(&|bin| bin["rows"].as_f64().unwrap());
        let errors = sum(&|bin| bin["rows"].as_f64().unwrap() * bin["error"].as_f64().unwrap());
        assert!(
            close(errors / rows, mae),
            "{}: {}",
            column["name"],
            errors / rows
        );
        assert_eq!(rows as usize, distances.len());
    }
}

#[test]
fn a_precision_recall_curve_has_its_area_and_bins_of_calibration_have_their_error() {
    let place = Workplace::new();
    let end = place.train("builtin:breast-cancer --preset fast --epochs 4 --out a");
    let data = page(&place, "a/report.html");
    let classes = &data["inspection"]["classes"];
    let curve = &classes["curves"][0];
    let positives = curve["positives"].as_f64().unwrap();
    let (mut area, mut before) = (0.0, 0.0);
    for point in list(&curve["points"]).iter().map(numbers) {
        let (recall, precision) = (
            point[1] / positives,
            point[1] / (point[1] + point[2]).max(1.0),
        );
        area += (recall - before) * precision;
        before = recall;
    }
    let average = curve["average_precision"].as_f64().unwrap();
    assert!(close(area, average), "{area} {average}");
    assert!(close(
        average,
        end["test"]["average_precision"].as_f64().unwrap()
    ));
    let bins = list(&classes["calibration"]);
    let of = |bin: &Value, name: &str| bin[name].as_f64().unwrap();
    let rows: f64 = bins.iter().map(|bin| of(bin, "weight")).sum();
    let gap = |bin: &Value| of(bin, "weight") * (of(bin, "predicted") - of(bin, "observed")).abs();
    let error = bins.iter().map(gap).sum::<f64>() / rows;
    assert!(
        close(error, classes["calibration_error"].as_f64().unwrap()),
        "{error}"
    );
    let observed: f64 = bins
        .iter()
        .map(|bin| of(bin, "weight") * of(bin, "observed"))
        .sum();
    assert!(close(observed, positives));
}

#[test]
fn predictions_out_of_fold_are_those_that_are_written() {
    let place = Workplace::new();
    let line = "--folds 3 --epochs 2 --preset fast --report c.html --predictions p.csv --quiet";
    place.succeed(&format!("cv builtin:diabetes {line}"));
    let text = place.text("p.csv");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let at = |name: &str| names.iter().position(|other| *other == name).unwrap();
    let columns = ["row", "target", "target_predicted"].map(at);
    let written: Vec<[f64; 3]> = lines
        .map(|cells| columns.map(|column| cells[column].parse().unwrap()))
        .collect();
    let data = page(&place, "c.html");
    let drawn = list(&data["points"]);
    assert_eq!(drawn.len(), written.len());
    for (drawn, written) in drawn.iter().map(numbers).zip(written) {
        assert!(
            drawn
                .iter()
                .zip(written)
                .all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs())
        );
    }
    place.succeed(&format!("cv builtin:iris {line}"));
    let data = page(&place, "c.html");
    let classes: Vec<&str> = list(&data["confusion"]["classes"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut counts = vec![vec![0u64; classes.len()]; classes.len()];
    let text = place.text("p.csv");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let truth = names
        .iter()
        .position(|name| names.contains(&format!("{name}_predicted").as_str()));
    let truth = truth.unwrap();
    let predicted = format!("{}_predicted", names[truth]);
    let predicted = names.iter().position(|name| *name == predicted).unwrap();
    for cells in lines {
        let class = |column: usize| {
            classes
                .iter()
                .position(|name| *name == cells[column])
                .unwrap()
        };
        counts[class(truth)][class(predicted)] += 1;
    }
    assert_eq!(data["confusion"]["matrix"], serde_json::json!(counts));
}

#[test]
fn curves_of_a_comparison_are_those_of_the_logs() {
    let place = Workplace::new();
    place.train("builtin:iris --preset fast --epochs 6 --out a");
    place.train("builtin:iris --preset fast --hidden 8,7,6 --activation tanh --epochs 9 --out b");
    let told = place.succeed("compare a b --report c.html").stdout;
    assert!(told.contains("4 layers, 8-7-6-3"), "{told}");
    assert!(told.contains("settings of layers differ"), "{told}");
    assert!(!told.contains("network.layers.0"), "{told}");
    for (run, name) in list(&page(&place, "c.html")["runs"]).iter().zip(["a", "b"]) {
        let log = events(&place.text(&format!("{name}/log.jsonl")));
        let epochs = log.iter().filter(|event| event["event"] == "epoch");
        for loss in ["train_loss", "validation_loss"] {
            let logged: Vec<&Value> = epochs.clone().map(|epoch| &epoch[loss]).collect();
            let drawn = list(&run["curves"]["series"][loss]);
            assert_eq!(drawn.iter().collect::<Vec<_>>(), logged, "{name}: {loss}");
        }
    }
}

#[test]
fn a_model_of_quantiles_depends_on_a_column_by_its_median() {
    let place = Workplace::new();
    let mut text = "x,y\n".to_owned();
    (0..300).for_each(|i| writeln!(text, "{},{}.5", i % 60, 100 + i % 60).unwrap());
    place.write("d.csv", text);
    place.train("d.csv --target y --preset fast --interval 0.8 --epochs 8 --out a");
    let data = page(&place, "a/report.html");
    let outputs = &data["inspection"]["dependence"][0]["outputs"];
    let means = numbers(&outputs[0]["means"]);
    assert_eq!((list(outputs).len(), means.len()), (1, 9), "{outputs}");
    assert!(
        means.iter().all(|mean| (90.0..170.0).contains(mean)),
        "{means:?}"
    );
}

#[test]
fn importance_reasons_and_notes_are_those_that_the_commands_print() {
    let place = Workplace::new();
    let rows = |count: usize| {
        let mut text = "a,b,c,y\n".to_owned();
        for i in 0..count {
            let (a, b, c) = ((i * 7) % 11, (i * 5) % 13, (i * 3) % 17);
            writeln!(text, "{a},{b},{c},{}.5", 3 * a + b).unwrap();
        }
        text
    };
    place.write("d.csv", rows(300));
    place.write("t.csv", rows(40));
    let run = "train d.csv --target y --task regression --test t.csv --preset fast --epochs 120";
    let said = place.succeed(&format!("{run} --patience 120 --out a"));
    let data = page(&place, "a/report.html");
    let told = place.succeed("importance a t.csv --json").stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let drawn = &data["inspection"]["importance"];
    for field in ["score", "metric", "columns"] {
        assert_eq!(drawn[field], told[field], "{field}: {drawn}");
    }
    assert_eq!(
        drawn["score"],
        data["end"]["test"][drawn["metric"].as_str().unwrap()]
    );
    let reasons = list(&data["reasons"]);
    assert!(reasons.len() > 4, "{data}");
    for reason in reasons {
        let of = |field: &str| reason[field].as_str().unwrap();
        let line = said
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("--{} ", of("flag"))));
        let line = line.unwrap_or_else(|| panic!("{reason}: {}", said.stdout));
        assert!(
            line.contains(of("choice")) && line.ends_with(of("why")),
            "{line}: {reason}"
        );
    }
    let notes = list(&data["notes"]);
    assert!(!notes.is_empty());
    for note in notes {
        let text = note["text"].as_str().unwrap();
        assert!(said.stderr.contains(text), "{text}: {}", said.stderr);
    }
}
