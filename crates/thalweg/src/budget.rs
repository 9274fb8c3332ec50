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
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = of_group(&groups, Path::new("/sys/fs/cgroup"));
    let all = [Some(free), limit, group];
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

/// What the control groups of a process and those around them leave, of either version.
fn of_group(groups: &str, root: &Path) -> Option<u64> {
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
            let taken = number(&folder.join(current)).unwrap_or(0);
            Some(most.saturating_sub(taken.saturating_sub(reclaimable(folder))))
        };
        within.filter_map(of).min()
    });
    left.min()
}

/// Bytes of files in the page cache that a group counts as its own, which the system takes back where memory is wanted.
fn reclaimable(group: &Path) -> u64 {
    let text = read_to_string(group.join("memory.stat")).unwrap_or_default();
    let pairs: Vec<(&str, &str)> = (text.lines())
        .filter_map(|line| line.split_once(' '))
        .collect();
    let number = |name: &str| -> Option<u64> {
        let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
        value.parse().ok()
    };
    // In the first version those of the groups within have a name of their own.
    let all = ["inactive_file", "active_file"].map(|name| {
        let with_others = number(&format!("total_{name}"));
        with_others.or(number(name)).unwrap_or(0)
    });
    all.iter().sum()
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
    fn a_control_group_leaves_what_it_and_those_around_it_do_not_take_but_for_the_page_cache() {
        let root = std::env::temp_dir().join(format!("thalweg-groups-{}", std::process::id()));
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a/memory.max", "1000\n");
        write("a/memory.current", "900\n");
        write(
            "a/memory.stat",
            "anon 300\ninactive_file 350\nactive_file 250\n",
        );
        write("a/b/memory.max", "max\n");
        let first = "memory/memory";
        write(&format!("{first}.limit_in_bytes"), "5000\n");
        write(&format!("{first}.usage_in_bytes"), "1000\n");
        write(
            &format!("{first}.stat"),
            "active_file 7\ntotal_active_file 400\n",
        );
        let left = [
            "0::/a/b",
            "4:memory:/elsewhere",
            "0::/\n4:memory:/",
            "3:cpu:/",
        ];
        let left = left.map(|groups| of_group(groups, &root));
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(left, [Some(700), Some(4400), Some(4400), None]);
    }

    #[test]
    fn a_process_takes_some_memory_and_leaves_some() {
        if Path::new("/proc/self/status").exists() {
            let (now, peak) = (resident().unwrap(), peak().unwrap());
            assert!(now > 0 && peak >= now && available().is_some());
        }
    }
}
