//! What claims or packs more than it holds is refused, and takes little memory until then: a program of its own,
//! as it watches its whole process.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use thalweg_data::{ReadOptions, Source, read};

const MIB: usize = 1 << 20;
/// What docs/formats.md states.
const CAP: usize = 1 << 30;

/// A file: its name, what stands in it once, what follows so often, and the end.
struct Claim<'a>(&'a str, &'a [u8], (&'a [u8], usize), &'a [u8]);

impl Claim<'_> {
    fn write(&self, folder: &Path) -> String {
        let Self(name, head, (part, bytes), end) = self;
        let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
        let block = part.repeat((MIB / part.len().max(1)).max(1));
        file.write_all(head).unwrap();
        for _ in 0..bytes.div_ceil(block.len().max(1)) {
            file.write_all(&block).unwrap();
        }
        file.write_all(end).unwrap();
        folder.join(name).display().to_string()
    }
}

/// A gzip file of 10 GB: `head`, and a text over and over.
fn bomb(head: &[u8], text: &[u8]) -> Vec<u8> {
    let member = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let part = member(&text.repeat(10 * MIB / text.len()));
    [member(head), part.repeat(1000)].concat()
}

/// Kilobytes of this process now, or the most since they were reset.
fn kilobytes(field: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The message of a refusal, and the bytes that it took; none where the system does not say.
fn refusal(path: &str) -> (String, Option<usize>) {
    let is_reset = fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = kilobytes("VmRSS:");
    let source = Source::parse(path).unwrap();
    let read = read(&source, &ReadOptions::default());
    let most = kilobytes("VmHWM:").filter(|_| is_reset);
    let message = match read {
        Ok(loaded) => panic!("{path}: {} rows are read", loaded.train.rows),
        Err(error) => error.to_string(),
    };
    let taken = most
        .zip(before)
        .map(|(most, before)| 1024 * most.saturating_sub(before));
    (message, taken)
}

#[test]
fn what_claims_more_than_it_holds_is_refused_in_bounded_memory() {
    let folder = std::env::temp_dir().join(format!("thalweg-memory-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let npy = |header: &str| {
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
    };
    let array = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }");
    let empty = npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }");
    let names: Vec<u8> = (0..1_500_000)
        .flat_map(|i| format!("c{i},").into_bytes())
        .collect();
    let arff = |count: usize, end: &str| {
        let attributes = (0..count).map(|i| format!("@attribute c{i} real\n"));
        format!("@relation t\n{}{end}", attributes.collect::<String>()).into_bytes()
    };
    let (attributes, sparse) = (arff(1_500_000, ""), arff(20_000, "@data\n"));
    let wide: Vec<u8> = (0..100_000)
        .flat_map(|i| format!("\"c{i}\": 1, ").into_bytes())
        .collect();
    let wide = [&b"{"[..], &wide, b"\"z\": 1}\n"].concat();
    let long = 70 * MIB;
    let claims = [
        (
            Claim("endless.csv", b"a,b\n1,2\n", (b"x", long), b""),
            "more than 67,108,864 bytes",
        ),
        (
            Claim("quote.csv", b"a,b\n1,2\n1,\"", (b"x\n", long), b""),
            "more than 67,108,864 bytes",
        ),
        (
            Claim("header.csv", b"a", (b",", 40 * MIB), b"\n"),
            "more than 1,048,576 columns",
        ),
        (
            Claim("names.csv", &names, (b"", 0), b"\n1\n"),
            "more than 1,048,576 columns",
        ),
        (
            Claim("row.csv", b"a,b\n1,2\n", (b",", 40 * MIB), b"\n"),
            "more than 1,048,576 columns",
        ),
        (
            Claim(
                "endless.jsonl",
                b"{\"a\": 1}\n{\"a\": \"",
                (b"x", long),
                b"",
            ),
            "more than 67,108,864 bytes",
        ),
        (
            Claim(
                "endless.json",
                b"[{\"a\": 1}, {\"a\": \"",
                (b"x", long),
                b"",
            ),
            "more than 67,108,864 bytes",
        ),
        (
            Claim("wide.jsonl", &wide, (b"{}\n", 3 * MIB), b""),
            "hardly any row shares",
        ),
        (
            Claim("names.arff", &attributes, (b"", 0), b""),
            "more than 1,048,576 columns",
        ),
        (
            Claim(
                "endless.arff",
                b"@relation t\n@attribute a {",
                (b"x,", long),
                b"",
            ),
            "more than 67,108,864 bytes",
        ),
        (
            Claim("sparse.arff", &sparse, (b"{}\n", 3 * MIB), b""),
            "hardly any cell",
        ),
        (
            Claim("endless.svm", b"1 1:1\n1 ", (b"1", long), b""),
            "more than 67,108,864 bytes",
        ),
        (
            Claim("index.svm", b"1 1:1\n1 1000000000000:1\n", (b"", 0), b""),
            "1000000000000",
        ),
        (
            Claim(
                "dense.svm",
                b"1 1:1\n",
                (b"1 2:1 3:1\n", MIB),
                b"1 4000000000:1\n1 4294967295:1\n",
            ),
            "4294967295",
        ),
        (Claim("array.npy", &array, (b"", 0), b""), "array.npy"),
        (Claim("empty.npy", &empty, (b"", 0), b""), "empty.npy"),
        (
            Claim(
                "header.npy",
                b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
                (b" ", long),
                b"",
            ),
            "header.npy",
        ),
        (
            Claim(
                "images.idx",
                b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                (b"x", 9),
                b"",
            ),
            "images.idx",
        ),
        (
            Claim("rows.idx", b"\0\0\x0e\x01\xff\xff\xff\xff", (b"x", 9), b""),
            "rows.idx",
        ),
        (
            Claim(
                "footer.parquet",
                b"PAR1",
                (b"x", 99),
                b"\xff\xff\xff\x7fPAR1",
            ),
            "footer.parquet",
        ),
        (
            Claim(
                "message.arrow",
                b"ARROW1\0\0\xff\xff\xff\xff\xff\xff\xff\x7f",
                (b"x", 99),
                b"",
            ),
            "message.arrow",
        ),
        (
            Claim("a.csv.gz", &bomb(b"a,b\n", b"1,2\n"), (b"", 0), b""),
            "expand more than 250 times",
        ),
        (
            Claim(
                "a.jsonl.gz",
                &bomb(b"{\"a\":1,\"b\":2}\n", b"{}\n"),
                (b"", 0),
                b"",
            ),
            "hardly any row shares",
        ),
        (
            Claim(
                "a.arff.gz",
                &bomb(&arff(64, "@data\n"), b"{}\n"),
                (b"", 0),
                b"",
            ),
            "hardly any cell",
        ),
        (
            Claim("a.svm.gz", &bomb(b"1 1:1\n", b"1 1:1\n"), (b"", 0), b""),
            "a.svm.gz",
        ),
        (
            Claim("a.npy.gz", &bomb(&array, &[0; 100]), (b"", 0), b""),
            "expand more than 250 times",
        ),
    ];
    let mut wrong = Vec::new();
    for (claim, expected) in &claims {
        let path = claim.write(&folder);
        let (start, (message, taken)) = (std::time::Instant::now(), refusal(&path));
        println!(
            "{}: {taken:?} bytes, {:.1?}: {message}",
            claim.0,
            start.elapsed()
        );
        let is_small = taken.is_none_or(|taken| taken < CAP);
        if !message.contains(expected) || !is_small || message.lines().count() != 1 {
            wrong.push(format!("{}: {taken:?} bytes: {message}", claim.0));
        }
        fs::remove_file(path).unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
