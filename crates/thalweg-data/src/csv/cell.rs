//! A cell of a record.

use std::borrow::Cow;
use std::ops::Range;

/// A cell as a range of bytes in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    start: u32,
    end: u32,
    /// Whether quotes inside are doubled and must be undone.
    escaped: bool,
    quoted: bool,
}

impl Cell {
    /// A cell without quotes.
    pub fn new(start: usize, end: usize) -> Self {
        // Callers give up on longer records.
        let [start, end] = [start, end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        Self {
            start,
            end,
            escaped: false,
            quoted: false,
        }
    }

    /// A cell in quotes; `escaped` where others inside are doubled.
    pub fn quoted(start: usize, end: usize, escaped: bool) -> Self {
        Self {
            escaped,
            quoted: true,
            ..Self::new(start, end)
        }
    }

    /// The same of bytes before which there are so many others.
    pub fn shifted(self, by: usize) -> Self {
        let by = by as u32;
        Self {
            start: self.start + by,
            end: self.end + by,
            ..self
        }
    }

    /// Where its bytes are, quotes around it left out.
    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether there is nothing in it, not even quotes.
    pub fn is_blank(self) -> bool {
        self.start == self.end && !self.quoted
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of the cell, quotes undone.
    pub fn bytes(self, record: &[u8]) -> Cow<'_, [u8]> {
        let raw = &record[self.range()];
        if !self.escaped {
            return Cow::Borrowed(raw);
        }
        let mut bytes = Vec::with_capacity(raw.len());
        let mut rest = raw.iter();
        while let Some(&b) = rest.next() {
            bytes.push(b);
            if b == b'"' {
                rest.next();
            }
        }
        Cow::Owned(bytes)
    }

    /// Where its bytes are, unless quotes must be undone.
    #[inline]
    pub fn plain(self) -> Option<Range<usize>> {
        (!self.escaped).then(|| self.range())
    }

    /// The text of the cell, quotes undone.
    #[inline]
    pub fn text(self, record: &str) -> Cow<'_, str> {
        let raw = record.get(self.range()).unwrap_or_default();
        if self.escaped {
            undoubled(raw)
        } else {
            Cow::Borrowed(raw)
        }
    }
}

#[cold]
fn undoubled(raw: &str) -> Cow<'_, str> {
    Cow::Owned(raw.replace("\"\"", "\""))
}
