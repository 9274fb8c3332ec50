//! ZIP archives: a table in one, NumPy's `.npz`, and what else they may be.

use crate::compression;
use crate::error::{Error, Location, Result, quote_list};
use crate::foreign;
use crate::numpy::zip::{self, Member};

/// Whether a file with these first bytes is a ZIP archive.
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// The name and the bytes of the only file in a ZIP archive; `None` for one of NumPy arrays, which
/// is a format of its own.
///
/// # Errors
/// If the archive is damaged or holds something else.
pub fn only_member(file: &str, archive: &[u8]) -> Result<Option<(String, Vec<u8>)>> {
    let fail = |found: &str, expected: &str, remedy: &str| {
        Err(Error::invalid(Location::file(file), found, expected).remedy(remedy))
    };
    let members = match zip::members(archive) {
        Ok(members) => members,
        Err(found) => return fail(found, "a complete archive", "fetch or write the file again"),
    };
    if members.iter().any(|member| member.name.ends_with(".npy")) {
        return Ok(None);
    }
    if let Some((found, remedy)) = foreign::zipped(&members) {
        return fail(found, "a table", remedy);
    }
    let files: Vec<&Member> = (members.iter())
        .filter(|member| is_data(&member.name))
        .collect();
    let [member] = files.as_slice() else {
        let names = quote_list(files.iter().map(|member| member.name.as_str()));
        let found = match files.len() {
            0 => "an archive without files".to_owned(),
            count => format!("{count} files in a ZIP archive ({names})"),
        };
        return fail(&found, "one table in it", "extract it and give the file");
    };
    let bytes = match member.unpack() {
        Ok(bytes) => bytes,
        Err(found) => return fail(found, "a complete archive", "fetch or write the file again"),
    };
    let inner = compression::find(&bytes).map(|compression| compression.name);
    match inner.or_else(|| is_zip(&bytes).then_some("a ZIP archive")) {
        Some(inner) => {
            let found = format!("{inner} inside a ZIP archive");
            fail(&found, "data, compressed once", "extract the archive")
        }
        None => Ok(Some((member.name.clone(), bytes))),
    }
}

/// Whether a member is a file, and none that an operating system adds.
fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    !file.is_empty() && !file.starts_with('.') && !name.starts_with("__MACOSX/")
}
