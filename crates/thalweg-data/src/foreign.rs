//! Files that are not read: recognized by their first bytes, and named with the way out.

use crate::error::{Error, Location};
use crate::numpy::zip::Member;

/// A kind of file that is not read.
struct Foreign {
    is: fn(&[u8]) -> bool,
    found: &'static str,
    remedy: &'static str,
}

const SAVE_AS_CSV: &str = "save the sheet as CSV";
const WITH_PANDAS: &str = "read it with pandas and write it with DataFrame.to_parquet or to_csv";
const EXTRACT: &str = "extract it and give the file";
#[cfg(not(feature = "images"))]
const FOLDER: &str = "build with the feature images, or write the pixels with numpy.savez";

macro_rules! foreign {
    ($($(#[$cfg:meta])? $found:literal, $remedy:expr, $is:expr;)*) => {
        &[$($(#[$cfg])? Foreign { is: $is, found: $found, remedy: $remedy }),*]
    };
}

/// All kinds; the first that fits counts.
static FOREIGN: &[Foreign] = foreign! {
    "an HTML page", "download the file itself (on GitHub: Raw)", |head| {
        let start = text_start(head);
        let tags = ["<!doctype html", "<html", "<head", "<body", "<table", "<meta", "<style", "<div", "<script", "<!--"];
        tags.iter().map(|tag| tag.as_bytes()).any(|tag| {
            (start.get(..tag.len())).is_some_and(|found| found.eq_ignore_ascii_case(tag))
        })
    };
    "an XML document", "convert it to CSV or JSON lines", |head| {
        text_start(head).starts_with(b"<?xml")
    };
    "a Markdown table", "remove its second line and the bars at the ends of its lines", |head| {
        let mut lines = text_start(head).split(|byte| *byte == b'\n');
        let is_rule = |line: &[u8]| {
            line.windows(3).any(|three| three == b"---") && line.iter().all(|byte| b"|-: \t\r".contains(byte))
        };
        lines.next().is_some_and(|names| names.contains(&b'|')) && lines.next().is_some_and(is_rule)
    };
    "a table drawn with lines, as psql, mysql and SAP print it", "write it as text: psql --csv, mysql --batch, in SAP with tabs", |head| {
        let mut lines = text_start(head).split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let is_rule = |line: &[u8], ends: &[u8]| {
            let is_drawn = line.iter().all(|byte| b"-+|".contains(byte)) && line.len() > 8;
            is_drawn && ends.iter().any(|end| line.first() == Some(end))
        };
        let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let is_boxed = is_rule(first, b"+-") && second.starts_with(b"|");
        is_boxed || (first.contains(&b'|') && is_rule(second, b"-") && second.windows(3).any(|three| three == b"-+-"))
    };
    "a Git LFS pointer, not the file that it points to", "fetch the file with git lfs pull", |head| {
        head.starts_with(b"version https://git-lfs.github.com/spec/")
    };
    "an Excel file of before 2007 or another old Office document", SAVE_AS_CSV, |head| {
        head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    };
    "a Python pickle", "load it in Python and write it with DataFrame.to_csv or numpy.savez", |head| {
        matches!(head, [0x80, 2 | 3, ..] | [0x80, 4 | 5, 0x95, ..])
    };
    "an SQLite database", "write a table of it with sqlite3 -csv -header FILE 'select * from TABLE'", |head| {
        head.starts_with(b"SQLite format 3\0")
    };
    "an HDF5 file", WITH_PANDAS, |head| head.starts_with(b"\x89HDF\r\n\x1a\n");
    "a MATLAB file", "load it with scipy.io.loadmat and write it with numpy.savez", |head| {
        head.starts_with(b"MATLAB 5.0 MAT-file")
    };
    "an R data file", "write it in R with write.csv", |head| {
        ["RDX2\n", "RDX3\n", "X\n\0\0\0\x02", "X\n\0\0\0\x03"].iter().any(|m| head.starts_with(m.as_bytes()))
    };
    "a Stata file", WITH_PANDAS, |head| head.starts_with(b"<stata_dta>");
    "an SPSS file", WITH_PANDAS, |head| head.starts_with(b"$FL2") || head.starts_with(b"$FL3");
    "an ORC file", WITH_PANDAS, |head| head.starts_with(b"ORC\x11") || head.starts_with(b"ORC\n");
    "an Avro file", WITH_PANDAS, |head| head.starts_with(b"Obj\x01");
    "a Feather file of version 1", "write it again with version 2 of Feather, or as Parquet", |head| {
        head.starts_with(b"FEA1")
    };
    #[cfg(not(feature = "columnar"))]
    "a Parquet or Arrow file", "convert it to CSV, or build with the feature columnar", |head| {
        head.starts_with(b"PAR1") || head.starts_with(b"ARROW1")
    };
    "a PDF document", "copy its table into a CSV file", |head| head.starts_with(b"%PDF-");
    #[cfg(not(feature = "images"))]
    "a PNG image", FOLDER, |head| head.starts_with(b"\x89PNG\r\n\x1a\n");
    #[cfg(not(feature = "images"))]
    "a JPEG image", FOLDER, |head| head.starts_with(b"\xff\xd8\xff");
    "a GIF image", "convert images to PNG, a folder for each class", |head| head.starts_with(b"GIF8");
    "a BMP image", "convert images to PNG, a folder for each class", |head| {
        head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4])
    };
    "a WebP image", "convert images to PNG, a folder for each class", |head| {
        head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
    };
    "a TIFF image", "convert images to PNG, a folder for each class", |head| {
        head.starts_with(b"II*\0") || head.starts_with(b"MM\0*")
    };
    "a tar archive", EXTRACT, |head| head.get(257..262) == Some(b"ustar");
    "a 7z archive", EXTRACT, |head| head.starts_with(b"7z\xbc\xaf\x27\x1c");
    "a RAR archive", EXTRACT, |head| head.starts_with(b"Rar!\x1a\x07");
    "an LZ4 file", "decompress it with lz4 -d", |head| head.starts_with(b"\x04\x22\x4d\x18");
    "a file compressed with compress", "decompress it with uncompress", |head| head.starts_with(b"\x1f\x9d");
    "a model in safetensors format, not data", "give the table or images", |head| {
        let length = head.first_chunk().map(|length| u64::from_le_bytes(*length));
        length.is_some_and(|length| length < 1 << 27) && head.get(8..10) == Some(b"{\"")
    };
};

/// The bytes after a byte order mark and white space.
fn text_start(head: &[u8]) -> &[u8] {
    (head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)).trim_ascii_start()
}

/// The error for a file that is recognized and not read.
pub fn refusal(file: &str, head: &[u8]) -> Option<Error> {
    let kind = FOREIGN.iter().find(|kind| (kind.is)(head))?;
    let error = Error::invalid(Location::file(file), kind.found, "a table");
    Some(error.remedy(kind.remedy))
}

/// What a ZIP archive is if it is a document of a program, and the way out.
pub fn zipped(members: &[Member<'_>]) -> Option<(&'static str, &'static str)> {
    let any = |is: fn(&str) -> bool| members.iter().any(|member| is(&member.name));
    if any(|name| name.starts_with("xl/")) {
        Some(("an Excel file", SAVE_AS_CSV))
    } else if any(|name| name == "[Content_Types].xml") {
        Some(("an Office document", "save its table as CSV"))
    } else if any(|name| name == "META-INF/manifest.xml") {
        Some(("an OpenDocument file", SAVE_AS_CSV))
    } else if any(|name| name == "data.pkl" || name.ends_with("/data.pkl")) {
        let remedy = "load it with torch.load and write the tensors with numpy.savez";
        Some(("a file of torch.save", remedy))
    } else {
        None
    }
}
