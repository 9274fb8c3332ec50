//! The corpora of the fuzz targets (`fuzz/`), replayed and damaged: nothing panics, and what is refused is refused in
//! one line.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use thalweg_data::{
    Input, PrepareOptions, ReadOptions, Result, formats, prepare, read_input, summarize,
};

/// A file with its name.
type File = (String, Vec<u8>);

/// The files of each corpus that this build reads, by format; none for what is recognized by its bytes.
fn corpora() -> Vec<(Option<String>, Vec<File>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut corpora = Vec::new();
    for folder in fs::read_dir(corpus).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let mut formats = formats::descriptions().into_iter();
        if name != "any" && !formats.any(|format| format.name == name) {
            continue;
        }
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            (path.display().to_string(), fs::read(path).unwrap())
        };
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(file).collect();
        files.sort();
        corpora.push(((name != "any").then_some(name), files));
    }
    corpora.sort();
    corpora
}

/// Reads a file, and makes datasets of it where that succeeds.
fn survive(format: &Option<String>, name: &str, bytes: &[u8]) -> Result<()> {
    let options = ReadOptions {
        format: format.clone(),
        ..ReadOptions::default()
    };
    let loaded = read_input(Input::bytes(name, bytes.to_vec())?, &options)?;
    summarize(&loaded.train, &Default::default());
    let _ = prepare(&loaded, None, None, &PrepareOptions::default());
    Ok(())
}

fn check(read: &Result<()>, name: &str) {
    if let Err(error) = read {
        let line = error.to_string();
        assert!(line.starts_with(name), "{line}");
        assert!(
            !line.contains(char::is_control) && line.chars().count() < 2000,
            "{line:?}"
        );
    }
}

#[test]
fn every_file_of_the_corpora_is_read_or_refused_in_one_line() {
    let (mut read, mut refused) = (0, 0);
    for (format, files) in corpora() {
        for (name, bytes) in files {
            let result = survive(&format, &name, &bytes);
            check(&result, &name);
            *if result.is_ok() {
                &mut read
            } else {
                &mut refused
            } += 1;
        }
    }
    assert!(read >= 20 && refused >= 5, "{read} read, {refused} refused");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A file with one to four faults: bytes that are others, sizes that are huge, parts that are gone, repeated, or of
/// another file.
fn damaged(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 8] = [
        b"\"",
        b"\n",
        b",",
        b"nan",
        b"1e999",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x80",
        b"{\"a\":[",
    ];
    let mut damaged = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(damaged.len() + 1);
        let end = (at + 1 + random.below(16)).min(damaged.len());
        match random.below(6) {
            0 if at < damaged.len() => damaged[at] ^= 1 << random.below(8),
            1 if at < damaged.len() => damaged[at] = random.next() as u8,
            2 => drop(damaged.drain(at..end)),
            3 => {
                let part = damaged[at..end].repeat(1 + random.below(40));
                damaged.splice(at..at, part);
            }
            4 => {
                let from = random.below(other.len() + 1);
                let to = (from + random.below(64)).min(other.len());
                damaged.splice(at..end, other[from..to].iter().copied());
            }
            _ => drop(damaged.splice(at..end, WORDS[random.below(WORDS.len())].iter().copied())),
        }
    }
    damaged
}

/// Kilobytes that this process has had at most, where the system says so.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// For as many seconds a corpus as `THALWEG_FUZZ_SECONDS` says; for 300 files each without.
#[test]
fn damaged_files_are_read_or_refused_in_one_line_and_in_bounded_memory() {
    let seconds = std::env::var("THALWEG_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = std::env::var("THALWEG_FUZZ_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut random = Random(seed.unwrap_or(14));
    for (format, files) in corpora() {
        let (start, mut count, mut read) = (Instant::now(), 0, 0);
        let goes_on = |count| match seconds {
            Some(seconds) => start.elapsed() < Duration::from_secs(seconds),
            None => count < 300,
        };
        while goes_on(count) {
            let [one, other] = [0; 2].map(|_| &files[random.below(files.len())].1);
            let bytes = damaged(&mut random, one, other);
            if seconds.is_some() {
                // What ends the process is found there.
                fs::write(std::env::temp_dir().join("thalweg-fuzz-last"), &bytes).unwrap();
            }
            let result = survive(&format, "t", &bytes);
            check(&result, "t");
            (count, read) = (count + 1, read + usize::from(result.is_ok()));
        }
        let name = format.as_deref().unwrap_or("any");
        println!(
            "{name}: {count} files, {read} of them read, peak {:?} kB",
            peak()
        );
        assert!(read < count, "{name}");
    }
    assert!(peak().is_none_or(|peak| peak < 2 << 20), "{:?} kB", peak());
}
