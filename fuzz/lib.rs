//! What every target does with its bytes.

use thalweg_data::{Input, PrepareOptions, ReadOptions, formats, prepare, summarize};

/// Lets panics that a reader catches pass: crates that it calls may panic on damage, and that is an
/// error as any other. Those that leave it still end the process.
pub fn allow_caught_panics() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Files that expand to more are skipped: one that is refused at 256 MiB takes a second, in which thousands of
/// small ones are read. The tests have such files.
const MOST: u64 = 1 << 16;

/// Reads the bytes as a file of that format, and makes datasets of it where that succeeds. Nothing
/// may panic, and an error is one short line.
pub fn read(format: Option<&str>, bytes: &[u8]) {
    let options = ReadOptions {
        format: format.map(str::to_owned),
        ..ReadOptions::default()
    };
    let input = || Input::bytes("t", bytes.to_vec());
    if input()
        .and_then(|mut input| input.take(MOST))
        .is_ok_and(|all| all.len() as u64 == MOST)
    {
        return;
    }
    let loaded = input().and_then(|input| formats::read(input, &options));
    match loaded {
        Ok(loaded) => {
            summarize(&loaded.train, &Default::default());
            let _ = prepare(&loaded, None, None, &PrepareOptions::default());
        }
        Err(error) => {
            let line = error.to_string();
            assert!(
                !line.contains(char::is_control) && line.chars().count() < 2000,
                "{line:?}"
            );
        }
    }
}
