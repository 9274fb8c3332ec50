//! Where cells of many records end, found 64 bytes at a time.

use std::ops::Range;

use super::cell::Cell;
use super::records::MAX_CELLS;

/// Cuts records with plain quotes; others are left to [`scan`](super::records::scan).
pub struct Ends<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    /// All delimiters, line ends and quotes, and the first of them that comes next.
    places: &'a [u32],
    next: usize,
    /// Before it everything is cut.
    start: usize,
}

impl<'a> Ends<'a> {
    /// From the first of these bytes on; `room` is for the places.
    pub fn of(bytes: &'a [u8], delimiter: u8, room: &'a mut Vec<u32>) -> Self {
        Self {
            bytes,
            delimiter,
            places: find(bytes, delimiter, room),
            next: 0,
            start: 0,
        }
    }

    /// Where each cell of the record that begins at `start` ends, and the record, if it is that many cells on a line,
    /// without quotes.
    #[inline]
    pub fn plain(&mut self, start: usize, cells: usize) -> Option<(&'a [u32], usize)> {
        if start != self.start {
            return None;
        }
        let places = self.places.get(self.next..self.next + cells)?;
        let (&last, others) = places.split_last()?;
        let is_delimiter = |place: &u32| self.bytes[*place as usize] == self.delimiter;
        // Nearly all are: a guess at each would be one too many.
        if !others
            .iter()
            .fold(true, |all, place| all & is_delimiter(place))
        {
            return None;
        }
        let mut next = self.next + cells;
        let end = self.after_line(last as usize, &mut next)?;
        (self.start, self.next) = (end, next);
        Some((places, end))
    }

    /// Cuts the record that begins at `start` into `cells`, which are counted from the first byte,
    /// and gives its length and lines; none where it has no end, or a quote elsewhere than around cells.
    #[inline]
    pub fn cut(&mut self, start: usize, cells: &mut Vec<Cell>) -> Option<(usize, u64)> {
        cells.clear();
        let mut next = match start == self.start {
            true => self.next,
            false => self
                .places
                .partition_point(|place| (*place as usize) < start),
        };
        let (mut from, mut lines) = (start, 1);
        loop {
            let mut end = self.take(&mut next)?;
            if self.bytes[end] == b'"' {
                let (cell, after) = self.quoted(from, end, &mut next, &mut lines)?;
                cells.push(cell);
                end = after;
            } else {
                cells.push(trimmed(self.bytes, from..end, self.delimiter));
            }
            if self.bytes[end] != self.delimiter {
                let end = self.after_line(end, &mut next)?;
                (self.start, self.next) = (end, next);
                return Some((end - start, lines));
            }
            if cells.len() > MAX_CELLS {
                return None;
            }
            from = end + 1;
        }
    }

    /// Behind the line that ends at a place; none where it is no line end, or may be half of one.
    #[inline]
    fn after_line(&self, place: usize, next: &mut usize) -> Option<usize> {
        match self.bytes[place] {
            b'\n' => Some(place + 1),
            b'\r' if *self.bytes.get(place + 1)? == b'\n' => {
                *next += 1;
                Some(place + 2)
            }
            b'\r' => Some(place + 1),
            _ => None,
        }
    }

    /// The next place; none at the end.
    #[inline]
    fn take(&self, next: &mut usize) -> Option<usize> {
        let place = *self.places.get(*next)?;
        *next += 1;
        Some(place as usize)
    }

    /// The cell from `from` on that the quote at `open` opens, and where it ends.
    #[inline]
    fn quoted(
        &self,
        from: usize,
        open: usize,
        next: &mut usize,
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

/// The cell between two places, without blanks around it.
#[inline]
pub fn trimmed(bytes: &[u8], range: Range<usize>, delimiter: u8) -> Cell {
    let Range { start, end } = range;
    match &bytes[range] {
        [first, .., last] if *first > b' ' && *last > b' ' => Cell::new(start, end),
        bytes => {
            let is_blank = |byte: &&u8| is_blank(**byte, delimiter);
            let before = bytes.iter().take_while(is_blank).count();
            let after = bytes[before..].iter().rev().take_while(is_blank).count();
            Cell::new(start + before, end - after)
        }
    }
}

/// All places at which a cell may end.
fn find<'a>(bytes: &[u8], delimiter: u8, room: &'a mut Vec<u32>) -> &'a [u32] {
    let mut count = 0;
    for start in (0..bytes.len()).step_by(64) {
        let mut bits = places(&bytes[start..], delimiter);
        let here = bits.count_ones() as usize;
        if room.len() < count + 64 {
            room.resize(2 * room.len() + 64, 0);
        }
        // Eight at once, though there may be fewer: how many there are is hard to guess.
        for eight in room[count..count + here.next_multiple_of(8)]
            .as_chunks_mut::<8>()
            .0
        {
            for place in eight {
                *place = start as u32 + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
        }
        count += here;
    }
    &room[..count]
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
        let (mut room, mut also) = (vec![7; 3], Vec::new());
        let mut ends = Ends::of(bytes, delimiter, &mut room);
        let mut plain = Ends::of(bytes, delimiter, &mut also);
        let (mut own, mut others, mut start, mut count) = (Vec::new(), Vec::new(), 0, 0);
        while let Scan::Record(length, lines) = scan(&bytes[start..], delimiter, false, &mut others)
        {
            others
                .iter_mut()
                .for_each(|cell| *cell = cell.shifted(start));
            (plain.start, plain.next) = (
                start,
                ends.places.partition_point(|at| (*at as usize) < start),
            );
            let record = &text[start..start + length];
            if let Some((places, end)) = plain.plain(start, others.len()) {
                let from = std::iter::once(start).chain(places.iter().map(|at| *at as usize + 1));
                let cells = from
                    .zip(places)
                    .map(|(from, at)| trimmed(bytes, from..*at as usize, delimiter));
                prop_assert!(
                    cells.eq(others.iter().copied())
                        && end == start + length
                        && !record.contains('"')
                );
                prop_assert_eq!(plain.plain(end, usize::MAX / 2), None);
            } else {
                prop_assert!(record.contains('"'), "{:?}", record);
            }
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
