//! Networks whose members share their weights: how they begin, and that threads and interruptions
//! change no bit of them. What they compute, `oracles/members.rs` compares.

use crate::common::networks::rows_for;
use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::engine::Batch;
use thalweg_core::observe::EpochReport;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, Flow, Observer, Run, train};

fn members(members: i64, units: i64) -> Choice {
    Choice::new("batch_ensemble")
        .with("members", Setting::Integer(members))
        .with("units", Setting::Integer(units))
}

fn own(layer: Choice) -> Choice {
    layer.with("shared", Setting::Flag(false))
}

/// Eight members with dropout, and outputs of their own.
fn eight(loss: &str, outputs: i64) -> NetworkSpec {
    let layers = vec![
        members(8, 20).with("activation", "relu".into()),
        Choice::new("dropout").with("rate", Setting::Number(0.2)),
        members(8, 17).with("activation", "silu".into()),
        own(members(8, outputs)),
    ];
    network(9, loss, layers)
}

#[test]
fn threads_and_interruptions_change_no_bit_of_members() {
    struct Interrupt(Option<Checkpoint>);
    impl Observer for Interrupt {
        fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> thalweg_core::Result<Flow> {
            self.0 = run.checkpoint()?;
            Ok(Flow::Stop)
        }
    }
    for (dtype, loss, outputs) in [
        (Dtype::F64, "mse", 2),
        (Dtype::F32, "cross_entropy", 3),
        (Dtype::Bf16, "logistic", 1),
    ] {
        let network = eight(loss, outputs);
        let spec = TrainingSpec {
            optimizer: Choice::new("adam"),
            shuffle: true,
            seed: 7,
            dtype,
            ..descent(1e-2, 96, 3)
        };
        // The last batch has one row.
        let data = dataset(loss, 9, outputs as usize, 2 * 96 + 1, 5);
        let begin = |threads| {
            let engine = cpu::engine(&network, &spec, threads).unwrap();
            Run::new(engine, &spec, &data, None).unwrap()
        };
        let end = |mut run: Run| {
            train(&mut run, &mut ()).unwrap();
            let mut engine = run.into_engine();
            let loss = engine.evaluate(&Batch::all(&data), None).unwrap();
            (bits(&engine.save().unwrap().parameters), loss.to_bits())
        };
        let one = end(begin(1));
        assert!(one.0.iter().all(|p| f64::from_bits(*p).is_finite()));
        for threads in [2, 5] {
            assert_eq!(end(begin(threads)), one, "{dtype}: {threads} threads");
        }
        let mut interrupt = Interrupt(None);
        train(&mut begin(2), &mut interrupt).unwrap();
        let mut resumed = begin(1);
        resumed.resume(&interrupt.0.unwrap()).unwrap();
        assert_eq!(end(resumed), one, "{dtype}: resumed");
    }
}

#[test]
fn only_the_first_factors_are_drawn_and_all_others_are_1() {
    let engine = engine(&eight("mse", 1), &descent(0.1, 4, 1));
    let all = engine.save_parameters().unwrap();
    let mut rest = &all[..];
    let mut found = Vec::new();
    for info in engine.parameters() {
        let (values, more) = rest.split_at(info.shape.iter().product());
        rest = more;
        match &*info.name {
            "layers.0.r" => {
                assert!(values.iter().all(|r| r.abs() == 1.0));
                // 72 signs that are not all alike, nor those of one member as of another.
                let negative = values.iter().filter(|r| **r < 0.0).count();
                assert!((20..52).contains(&negative), "{negative}");
                assert_ne!(values[..9], values[9..18]);
            }
            name if name.ends_with(".r") || name.ends_with(".s") => {
                assert!(values.iter().all(|factor| *factor == 1.0), "{name}");
            }
            "layers.3.weight" => assert_eq!(info.shape, [8, 17]),
            _ => {}
        }
        found.push(info.name);
    }
    let of = |layer: usize, names: &[&str]| {
        names
            .iter()
            .map(|n| format!("layers.{layer}.{n}"))
            .collect::<Vec<_>>()
    };
    let shared = ["r", "weight", "s", "bias"];
    let expected = [of(0, &shared), of(2, &shared), of(3, &["weight", "bias"])].concat();
    assert_eq!(found, expected);
}

#[test]
fn a_network_answers_with_one_member_s_outputs_where_it_ends_in_members() {
    let outputs = |layers: Vec<Choice>| {
        let network = network(6, "mse", layers);
        let rows = rows_for(&network, 3);
        let mut engine = engine(&network, &descent(0.1, 4, 1));
        engine.predict(&rows.features).unwrap().len() / 3
    };
    assert_eq!(outputs(vec![members(4, 5)]), 5);
    assert_eq!(outputs(vec![members(4, 5), Choice::new("scale")]), 5);
    assert_eq!(outputs(vec![members(4, 5), dense(20, "identity")]), 20);
    let message = message(cpu::engine(
        &network(6, "mse", vec![members(4, 6), members(8, 1)]),
        &descent(0.1, 4, 1),
        1,
    ));
    assert!(
        message.contains("layer 2 (batch_ensemble)")
            && message.contains("8 members behind 4, expected as many as before"),
        "{message}"
    );
}
