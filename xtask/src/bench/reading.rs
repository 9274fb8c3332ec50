//! `cargo xtask bench --reading`: files to typed columns beside polars and pyarrow, and a file to the first update.
//!
//! Contestants are processes that read the file when asked, in turns. What happens once in a process, the first update and the
//! peak of memory, is measured in a process of its own.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use thalweg::data::{ColumnData, ReadOptions, Source, Table, read};
use thalweg_bench::{Epoch, Spread};
use thalweg_core::random::{Purpose, Sequence, Stream};
use thalweg_core::train::Flow;

use super::contestant::Contestant;
use super::{REST, executable};
use crate::Result;
use crate::process::{command, output, target};
use crate::python::Environment;

/// A file that is read.
struct Case {
    name: &'static str,
    /// The peer, and how many times its time is the goal.
    peer: &'static str,
    most: f64,
    write: fn(&mut dyn Write, &mut Sequence) -> std::io::Result<()>,
    header: &'static str,
}

/// Rows of each file: that of numbers has about 220 MB.
const ROWS: usize = 1_000_000;
const TURNS: usize = 9;
/// What may be taken beside the columns: blocks of the file and their columns on two threads.
const WINDOW: f64 = 16e6;
/// The goal of the first update, in times of polars' reading.
const FIRST_UPDATE: f64 = 1.8;

static CASES: [Case; 3] = [
    Case {
        name: "numbers",
        peer: "polars",
        most: 1.0,
        header: "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,z,aa,ab,ac,y",
        write: |out, random| {
            for place in 0..28 {
                match place % 7 {
                    3 => write!(out, "{},", random.below(1000))?,
                    place => {
                        let decimals = 5 - place % 4;
                        let x = random.normal() * 10f64.powi((place % 4) as i32);
                        write!(out, "{x:.decimals$},")?;
                    }
                }
            }
            writeln!(out, "{}", random.below(2))
        },
    },
    Case {
        name: "text",
        peer: "polars",
        most: 1.0,
        header: TEXTS,
        write: |out, random| texts(out, random, ""),
    },
    Case {
        name: "quoted",
        peer: "polars",
        most: 1.0,
        header: TEXTS,
        write: |out, random| texts(out, random, "\""),
    },
];

const TEXTS: &str = "color,city,customer,product,street,answer,group,remark,y";
const WORDS: [&str; 6] = [
    "north",
    "south east",
    "green hill",
    "alpha",
    "order",
    "cust",
];

/// Texts of 3 to 20,000 kinds.
fn texts(out: &mut dyn Write, random: &mut Sequence, quote: &str) -> std::io::Result<()> {
    for kinds in [3, 6, 20_000, 1000, 3000, 2, 300, 50] {
        let kind = random.below(kinds);
        let word = WORDS[kind as usize % WORDS.len()];
        write!(out, "{quote}{word} {kind}{quote},")?;
    }
    writeln!(
        out,
        "{quote}{}{quote}",
        ["cat", "dog"][random.below(2) as usize]
    )
}

/// What is measured in a process of its own.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Once {
    /// Bytes of the typed columns.
    columns: f64,
    /// By how much reading raised the peak of memory.
    peak: f64,
    /// From the file to the first update; 0 where there was none.
    first_update: f64,
}

/// `xtask bench-reader FILE`: reads it for every line `epoch`; `loss` is the number of rows.
pub fn serve(path: &str) -> Result<()> {
    let mut answers = std::io::stdout().lock();
    let mut answer = |line: &str| {
        let written = writeln!(answers, "{line}").and_then(|()| answers.flush());
        written.map_err(|error| error.to_string())
    };
    answer("ready")?;
    for _ in std::io::stdin()
        .lock()
        .lines()
        .map_while(|line| line.ok().filter(|line| line == "epoch"))
    {
        let start = Instant::now();
        let table = table(path)?;
        let epoch = Epoch {
            seconds: start.elapsed().as_secs_f64(),
            loss: table.rows as f64,
        };
        answer(&serde_json::to_string(&epoch).map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

/// `xtask bench-first FILE`: prints what a process reads once, and trains on it up to the first update.
pub fn once(path: &str) -> Result<()> {
    let before = memory("VmRSS:")?;
    let columns = bytes(&table(path)?);
    let peak = memory("VmHWM:")? - before;
    let (start, mut first_update) = (Instant::now(), 0.0);
    let run = thalweg::Trainer::from_file(path)
        .hidden(&[32])
        .on_step(|_, _| {
            first_update = start.elapsed().as_secs_f64();
            Flow::Stop
        });
    run.fit().map_err(|error| error.to_string())?;
    let once = Once {
        columns,
        peak,
        first_update,
    };
    println!(
        "{}",
        serde_json::to_string(&once).map_err(|error| error.to_string())?
    );
    Ok(())
}

fn table(path: &str) -> Result<Table> {
    let source = Source::parse(path).map_err(|error| error.to_string())?;
    let loaded = read(&source, &ReadOptions::default()).map_err(|error| error.to_string())?;
    Ok(loaded.train)
}

fn bytes(table: &Table) -> f64 {
    let of_column = |data: &ColumnData| match data {
        ColumnData::Numeric(values) | ColumnData::Time(values) => 8 * values.len(),
        ColumnData::Text(text) => {
            let levels = text
                .levels
                .iter()
                .map(|level| size_of::<String>() + level.len());
            4 * text.codes.len() + levels.sum::<usize>()
        }
        ColumnData::Block(block) => 8 * block.width() * table.rows,
    };
    table
        .columns
        .iter()
        .map(|column| of_column(&column.data))
        .sum::<usize>() as f64
}

/// Bytes of this process, of a line of `/proc/self/status`.
fn memory(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes
        .map(|kilobytes| 1024.0 * kilobytes)
        .ok_or_else(|| format!("no {name} in /proc/self/status"))
}

/// Measures all files; the section of `bench/RESULTS.md`.
pub fn measure(python: &Environment, quick: bool) -> Result<String> {
    let folder = target().join("bench-data").join("reading");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (rows, turns) = if quick { (2000, 1) } else { (ROWS, TURNS) };
    let mut text = HEAD.to_owned();
    let mut polars = Spread::of(&[]);
    for case in &CASES {
        let path = folder.join(format!("{}-{rows}.csv", case.name));
        write(case, &path, rows)?;
        let times = take_turns(python, &path, case.peer, turns)?;
        if case.name == "numbers" {
            polars = times[1];
        }
        let size = std::fs::metadata(&path).map_or(0, |file| file.len()) as f64 / 1e6;
        text += &row(
            &format!("CSV of {}, {size:.0} MB", case.name),
            case.peer,
            times,
            case.most,
        );
    }
    for name in ["numbers", "text"] {
        let [csv, parquet] =
            ["csv", "parquet"].map(|ending| folder.join(format!("{name}-{rows}.{ending}")));
        if !parquet.exists() {
            output(peer(python, "write", &csv).arg(&parquet))?;
        }
        let times = take_turns(python, &parquet, "pyarrow", turns)?;
        text += &row(&format!("Parquet of {name}"), "pyarrow", times, 1.2);
    }
    let numbers = folder.join(format!("numbers-{rows}.csv"));
    let mut seconds = Vec::new();
    let mut last = None;
    for _ in 0..turns {
        let once: Once = first(&numbers)?;
        seconds.push(once.first_update);
        last = Some(once);
    }
    text += &row(
        "CSV of numbers, to the first update",
        "polars, reading",
        [Spread::of(&seconds), polars],
        FIRST_UPDATE,
    );
    text += "\n| peak of memory beyond that of the process, MB | columns, MB | goal, MB |\n|---|---|---|\n";
    let text_file = first(&folder.join(format!("text-{rows}.csv")))?;
    for (name, once) in [("numbers", last), ("text", Some(text_file))] {
        let Some(Once { columns, peak, .. }) = once else {
            continue;
        };
        let most = 2.0 * columns + WINDOW;
        let met = if peak <= most { "✓" } else { "–" };
        let [peak, columns, most] = [peak, columns, most].map(|bytes| bytes / 1e6);
        let _ = writeln!(
            text,
            "| CSV of {name}: {peak:.0} | {columns:.0} | ≤ {most:.0} {met} |"
        );
    }
    Ok(text + HOW_TO_READ)
}

fn first(path: &Path) -> Result<Once> {
    let printed = output(command(executable()?).arg("bench-first").arg(path))?;
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| format!("bench-first printed `{printed}`: {error}"))
}

fn write(case: &Case, path: &Path, rows: usize) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let partial = path.with_extension("part");
    let mut out = BufWriter::new(File::create(&partial).map_err(failed)?);
    let mut random = Stream::new(1, Purpose::Synthesize, 0).sequence();
    writeln!(out, "{}", case.header).map_err(failed)?;
    (0..rows)
        .try_for_each(|_| (case.write)(&mut out, &mut random))
        .map_err(failed)?;
    out.flush().map_err(failed)?;
    std::fs::rename(partial, path).map_err(failed)
}

fn peer(python: &Environment, task: &str, path: &Path) -> Command {
    let mut process = python.python();
    process
        .args(["bench/peers/reading_peer.py", task])
        .arg(path);
    process
}

/// The times of Thalweg and of a peer.
fn take_turns(
    python: &Environment,
    path: &PathBuf,
    peer_name: &'static str,
    turns: usize,
) -> Result<[Spread; 2]> {
    let mut own = command(executable()?);
    own.arg("bench-reader").arg(path);
    let mut contestants = [
        Contestant::start("Thalweg", own)?,
        Contestant::start(peer_name, peer(python, peer_name, path))?,
    ];
    let mut seconds = [Vec::new(), Vec::new()];
    for turn in 0..=turns {
        let mut rows = Vec::new();
        for (contestant, seconds) in contestants.iter_mut().zip(&mut seconds) {
            let epoch = contestant.epoch()?;
            rows.push(epoch.loss);
            if turn > 0 {
                seconds.push(epoch.seconds);
            }
            std::thread::sleep(REST);
        }
        if rows[0] != rows[1] {
            return Err(format!(
                "{}: {} and {} rows",
                path.display(),
                rows[0],
                rows[1]
            ));
        }
    }
    Ok(seconds.map(|seconds| Spread::of(&seconds)))
}

fn row(what: &str, peer: &str, [own, other]: [Spread; 2], most: f64) -> String {
    let times = |times: Spread| format!("{:.3} ({:.3})", times.median, times.fastest);
    let ratio = own.median / other.median;
    let met = if ratio <= most { "✓" } else { "–" };
    let fastest = own.fastest / other.fastest;
    let (own, other) = (times(own), times(other));
    format!("| {what} | {own} | {peer} | {other} | {ratio:.2} ({fastest:.2}) | ≤ {most} {met} |\n")
}

const HEAD: &str = "\
| file | Thalweg, s | peer | its time, s | × | goal |
|---|---|---|---|---|---|
";

const HOW_TO_READ: &str = "
A file from the page cache to typed columns, in turns, on all threads: median (fastest) of nine turns after one that \
warms up; × is Thalweg's time by the peer's. Thalweg looks at all cells of a column before it decides how it is read, \
and numbers the distinct texts of a column; polars and pyarrow do not. Numbers: 28 columns of one to four decimals \
and whole numbers, and a class. Texts: eight columns of 2 to 20,000 kinds, and a class; quoted: the same with each \
cell in quotes. Parquet as pyarrow writes it. The first update is that of a network of one hidden layer: reading, \
split, checks, scaling and a linear model beside it stand before it. Peaks are those of a process that reads once; the \
goal is twice the columns and 16 MB for blocks of the file.
";
