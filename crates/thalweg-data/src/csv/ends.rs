//! Where cells of many records end, found 64 bytes at a time.

use super::records::{Cell, MAX_CELLS};

/// Cuts records with plain quotes; others are left to [`scan`](super::records::scan).
pub struct Ends<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    /// Before it everything is cut.
    start: usize,
    next: Next,
}

/// The places of delimiters, line ends and quotes that come next.
#[derive(Clone, Copy)]
struct Next {
    /// The number of 64 bytes, and a bit for each place that comes next in them.
    chunk: usize,
    places: u64,
}

impl<'a> Ends<'a> {
    /// From the first of these bytes on.
    pub fn of(bytes: &'a [u8], delimiter: u8) -> Self {
        let next = Next {
            chunk: 0,
            places: places(bytes, delimiter),
        };
        Self {
            bytes,
            delimiter,
            start: 0,
            next,
        }
    }

    /// Cuts the record that begins at `start` into `cells`, which are counted from the first byte,
    /// and gives its length and lines; none where it has no end, or a quote elsewhere than around cells.
    #[inline]
    pub fn cut(&mut self, start: usize, cells: &mut Vec<Cell>) -> Option<(usize, u64)> {
        cells.clear();
        let mut next = self.next;
        if start != self.start {
            let chunk = start / 64;
            let all = places(self.bytes.get(64 * chunk..)?, self.delimiter);
            let places = all & (u64::MAX << (start % 64));
            next = Next { chunk, places };
        }
        let (mut from, mut lines) = (start, 1);
        loop {
            let mut end = self.take(&mut next)?;
            if self.bytes[end] == b'"' {
                let (cell, after) = self.quoted(from, end, &mut next, &mut lines)?;
                cells.push(cell);
                end = after;
            } else {
                cells.push(trimmed(&self.bytes[from..end], from, self.delimiter));
            }
            from = end + 1;
            let byte = self.bytes[end];
            if byte == self.delimiter && cells.len() <= MAX_CELLS {
                continue;
            }
            if byte == self.delimiter {
                return None;
            }
            if byte == b'\r' && *self.bytes.get(from)? == b'\n' {
                self.take(&mut next)?;
                from += 1;
            }
            (self.start, self.next) = (from, next);
            return Some((from - start, lines));
        }
    }

    /// The next place; none at the end.
    #[inline]
    fn take(&self, next: &mut Next) -> Option<usize> {
        while next.places == 0 {
            next.chunk += 1;
            let rest = self.bytes.get(64 * next.chunk..)?;
            if rest.is_empty() {
                return None;
            }
            next.places = places(rest, self.delimiter);
        }
        let place = 64 * next.chunk + next.places.trailing_zeros() as usize;
        next.places &= next.places - 1;
        Some(place)
    }

    /// The cell from `from` on that the quote at `open` opens, and where it ends.
    #[inline]
    fn quoted(
        &self,
        from: usize,
        open: usize,
        next: &mut Next,
        lines: &mut u64,
    ) -> Option<(Cell, usize)> {
        let is_blank = |bytes: &[u8]| bytes.iter().all(|byte| is_blank(*byte, self.delimiter));
        if !is_blank(&self.bytes[from..open]) {
            return None;
        }
        let (mut close, mut escaped) = (self.take(next)?, false);
        loop {
            let place = self.take(next)?;
            match self.bytes[close] {
                b'"' if self.bytes[place] == b'"' => {
                    if place != close + 1 {
                        return None;
                    }
                    escaped = true;
                    close = self.take(next)?;
                }
                b'"' => {
                    let cell = Cell::quoted(open + 1, close, escaped);
                    return is_blank(&self.bytes[close + 1..place]).then_some((cell, place));
                }
                byte => {
                    *lines += u64::from(byte == b'\n');
                    close = place;
                }
            }
        }
    }
}

fn is_blank(byte: u8, delimiter: u8) -> bool {
    byte == b' ' || (byte == b'\t' && byte != delimiter)
}

/// The cell of these bytes, from `start` on, without blanks around it.
#[inline]
fn trimmed(bytes: &[u8], start: usize, delimiter: u8) -> Cell {
    match bytes {
        [first, .., last] if *first > b' ' && *last > b' ' => Cell::new(start, start + bytes.len()),
        bytes => {
            let is_blank = |byte: &&u8| is_blank(**byte, delimiter);
            let before = bytes.iter().take_while(is_blank).count();
            let after = bytes[before..].iter().rev().take_while(is_blank).count();
            Cell::new(start + before, start + bytes.len() - after)
        }
    }
}

/// A bit for each of the first 64 bytes, that of the first the lowest: 1 for those at which a cell may end.
#[inline]
fn places(bytes: &[u8], delimiter: u8) -> u64 {
    let is_end = |byte: u8| u8::from(byte == delimiter || matches!(byte, b'\n' | b'\r' | b'"'));
    match bytes.first_chunk() {
        Some(bytes) => bits(&bytes.map(is_end)),
        None => (bytes.iter().rev()).fold(0, |bits, byte| bits << 1 | u64::from(is_end(*byte))),
    }
}

/// A bit for each byte, 0 or 1; that of the first is the lowest.
#[inline]
fn bits(bytes: &[u8; 64]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let of_word = |word: &[u8; 8]| {
        // Byte i comes to bit 56 + i.
        u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    words
        .iter()
        .rev()
        .fold(0, |bits, word| bits << 8 | of_word(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::csv::records::{Scan, scan};

    /// Whether every record is cut as one by one, as far as it is cut; how many are.
    fn cut(text: &str, delimiter: u8) -> Result<usize, TestCaseError> {
        let bytes = text.as_bytes();
        let mut ends = Ends::of(bytes, delimiter);
        let (mut own, mut others, mut start, mut count) = (Vec::new(), Vec::new(), 0, 0);
        while let Scan::Record(length, lines) = scan(&bytes[start..], delimiter, false, &mut others)
        {
            others
                .iter_mut()
                .for_each(|cell| *cell = cell.shifted(start));
            match ends.cut(start, &mut own) {
                Some(cut) => {
                    prop_assert_eq!(
                        (cut, &own),
                        ((length, lines), &others),
                        "{} of {:?}",
                        start,
                        text
                    );
                    count += 1;
                }
                None => {
                    let record = &text[start..start + length];
                    prop_assert!(record.contains('"') || start + length == text.len());
                }
            }
            start += length;
        }
        Ok(count)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn records_are_cut_as_one_by_one(text in "[a,; \t\"\r\n]{0,200}", delimiter in prop::sample::select(vec![b',', b';', b'\t'])) {
            cut(&text, delimiter)?;
        }

        #[test]
        fn cells_in_plain_quotes_are_cut(rows in proptest::collection::vec("(a{0,3}| ?\"([a,;\n]|\"\"){0,40}\" ?)(,(b|\"b{0,30}\")){0,3}\r?\n", 1..20)) {
            let text = format!("{}x", rows.concat());
            prop_assert_eq!(cut(&text, b',')?, rows.len(), "{:?}", text);
        }
    }
}
