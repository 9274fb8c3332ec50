//! How much memory the process may take: what the system, its limits and the container leave, or what the user says.

use std::fs::read_to_string;
use std::path::Path;

use thalweg_data::ingest::need;
use thalweg_data::{Note, ReadOptions, Source};

use crate::error::Result;

/// Bytes that can be had without swapping, within the limits of the process and of its control group; none where the
/// system does not report it.
pub fn available() -> Option<u64> {
    available_beside(0)
}

/// The same where so many bytes of the address space are taken without being used.
pub(crate) fn available_beside(address_space: u64) -> Option<u64> {
    let free = kibibytes("/proc/meminfo", "MemAvailable:")?;
    let taken = kibibytes("/proc/self/status", "VmSize:").unwrap_or(0) + address_space;
    let limit = limit("Max address space").map(|limit| limit.saturating_sub(taken));
    let all = [Some(free), limit, of_group(Path::new("/sys/fs/cgroup"))];
    all.into_iter().flatten().min()
}

/// The most bytes of memory that the process had at once.
pub fn peak() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// Bytes of memory that the process has now.
pub fn resident() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Reads a size such as `2G`, `500M` or `1.5GiB`: K, M, G and T are powers of 1024.
///
/// # Errors
/// Says what is expected.
pub fn parse(text: &str) -> std::result::Result<u64, String> {
    let fail = || "expected a size such as 2G or 500M".to_owned();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| fail())?;
    let unit = unit.trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(fail()),
    };
    let bytes = number * 1024f64.powi(power);
    match bytes >= LEAST as f64 && bytes < u64::MAX as f64 {
        true => Ok(bytes as u64),
        false => Err(format!("expected at least {}", text_of(LEAST))),
    }
}

/// Less is no use: the program itself takes as much.
const LEAST: u64 = 32 << 20;

/// Bytes in the unit that suits them: `1.5 GiB`.
pub fn text_of(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    let number = bytes as f64 / 1024f64.powi(power as i32);
    match power > 0 && number < 99.95 {
        true => format!("{number:.1} {}", units[power as usize]),
        false => format!("{number:.0} {}", units[power as usize]),
    }
}

/// Bytes that an ingest may take beside what the process has, of this cap or of what is free.
pub fn room_to_ingest(cap: Option<u64>) -> u64 {
    let room = match cap {
        Some(cap) => cap.saturating_sub(resident().unwrap_or(0)),
        None => available().unwrap_or(1 << 30).min(1 << 30),
    };
    room.max(LEAST / 4)
}

/// A warning where a source is read whole, so that a cap, or what is free, will not hold.
///
/// # Errors
/// If it cannot be read.
pub fn note_on_whole(
    source: &Source,
    read: &ReadOptions,
    cap: Option<u64>,
) -> Result<Option<Note>> {
    let is_stream = match source {
        Source::Path(path) => path.exists() && !path.is_file() && !path.is_dir(),
        source => *source == Source::Stdin,
    };
    if is_stream {
        return Ok(cap.map(|_| {
            Note::warning(format!(
                "{source}: what is read but once is held whole, whatever `options.memory` says; save it as a file, which is read \
                 in pieces"
            ))
        }));
    }
    let found = need(source, read, 4)?.filter(|need| !need.in_pieces);
    let Some((need, cap)) = found.zip(cap.or_else(available)) else {
        return Ok(None);
    };
    let [bytes, most] = [need.bytes, cap].map(text_of);
    Ok((need.bytes > cap).then(|| {
        Note::warning(format!(
            "{source}: files of its format are read whole: the process will take about {bytes} of memory, and may take {most}; \
             save the rows as CSV, JSON lines, Parquet or .npy in C order, which are read in pieces"
        ))
    }))
}

/// A number of kibibytes in a file of the system, in bytes.
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    field(path, name)?.checked_mul(1024)
}

/// A limit of the process in bytes; none if it is unlimited.
fn limit(name: &str) -> Option<u64> {
    field("/proc/self/limits", name)
}

fn field(path: &str, name: &str) -> Option<u64> {
    let text = read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What the control group of the process and those around it leave, of either version.
fn of_group(root: &Path) -> Option<u64> {
    let groups = read_to_string("/proc/self/cgroup").ok()?;
    let left = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (controllers, path) = (parts.nth(1)?, parts.next()?.trim_start_matches('/'));
        let (root, most, current) = match controllers {
            "" => (root.to_owned(), "memory.max", "memory.current"),
            "memory" => (
                root.join("memory"),
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            ),
            _ => return None,
        };
        let number =
            |path: &Path| -> Option<u64> { read_to_string(path).ok()?.trim().parse().ok() };
        // In a container the path may be one of the host.
        let folder = Some(root.join(path))
            .filter(|folder| folder.exists())
            .unwrap_or_else(|| root.clone());
        let within = folder
            .ancestors()
            .take_while(|folder| folder.starts_with(&root));
        let of = |folder: &Path| {
            let most = number(&folder.join(most))?;
            Some(most.saturating_sub(number(&folder.join(current)).unwrap_or(0)))
        };
        within.filter_map(of).min()
    });
    left.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("2G", 2 << 30),
            ("500m", 500 << 20),
            ("1.5GiB", 3 << 29),
            ("99999999", 99_999_999),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in ["", "G", "-1G", "2X", "1K", "nan", "1e99T"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            [text_of(5), text_of(148 << 20), text_of(3 << 29)],
            ["5 B", "148 MiB", "1.5 GiB"]
        );
    }

    #[test]
    fn a_process_takes_some_memory_and_leaves_some() {
        if Path::new("/proc/self/status").exists() {
            let (now, peak) = (resident().unwrap(), peak().unwrap());
            assert!(now > 0 && peak >= now && available().is_some());
        }
    }
}
