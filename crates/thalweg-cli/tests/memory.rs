//! Networks that a limit of memory does not hold: one line and exit code 2, wherever the limit lies.

#![cfg(target_os = "linux")]

mod common;

use std::process::Command;

use common::Workplace;

#[test]
fn a_limit_of_memory_refuses_in_one_line_and_never_aborts() {
    let place = Workplace::new();
    let rows: String = (0..60).map(|i| format!("{i},{}\n", i * i % 17)).collect();
    place.write("d.csv", format!("x,y\n{rows}"));
    let (mut done, mut refused) = (0, 0);
    let limits = (50_000..500_000).step_by(50_000);
    let runs = limits.flat_map(|limit| {
        [1, 2].map(|threads| {
            (
                limit,
                format!("--threads {threads} --out {limit}-{threads}"),
            )
        })
    });
    for (limit, options) in runs {
        let line = format!(
            "ulimit -v {limit} && exec \"$0\" train d.csv --hidden 1024,1024 --epochs 1 --quiet {options}"
        );
        let ended = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_thalweg")])
            .current_dir(place.path("."))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        match ended.status.code() {
            Some(0) => done += 1,
            Some(2) => {
                let lines = told.lines().filter(|line| !line.starts_with("note:"));
                let lines: Vec<&str> = lines.collect();
                assert!(
                    matches!(lines[..], [line] if line.contains("memory")),
                    "{limit}: {told}"
                );
                refused += 1;
            }
            other => panic!("{limit}: {other:?}: {told}"),
        }
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
}
