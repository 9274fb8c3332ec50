//! Integers of more than 64 bits, of which the parser would make numbers that lack digits: they
//! reach it as texts with a mark. A text of the file that begins with the mark gets it twice.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr_iter, memrchr};

/// Fewer digits are of 64 bits.
const LEAST_DIGITS: usize = 19;
/// The mark, as text and as JSON, which has no other spelling of it.
const MARK: char = '\0';
const ESCAPED: &[u8] = br"\u0000";

/// Copies JSON, its wide integers as texts with a mark.
#[derive(Debug, Default)]
pub struct Marker {
    in_text: bool,
    is_escaped: bool,
    /// How much of a mark a text is so far, until it is seen to begin otherwise.
    start: Option<usize>,
    /// Whether an object, else an array, is open, of each that is.
    objects: Vec<bool>,
    /// Whether the next text or number is a key.
    is_key: bool,
    /// The number at the end, which may go on.
    number: Vec<u8>,
    /// Where the copy has how many bytes more, since these were taken.
    pub added: Vec<(usize, usize)>,
}

impl Marker {
    /// Adds a copy of what comes next.
    pub fn copy(&mut self, json: &[u8], to: &mut Vec<u8>) {
        for &byte in json {
            if self.in_text {
                to.push(byte);
                self.in_text = byte != b'"' || self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                if let Some(length) = self.start {
                    self.look_at_start(byte, length, to);
                }
            } else if matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
                self.number.push(byte);
            } else {
                self.finish(to);
                to.push(byte);
                self.look_at(byte);
            }
        }
    }

    /// Adds the number at the end.
    pub fn finish(&mut self, to: &mut Vec<u8>) {
        let is_wide = !self.is_key && is_wide(&self.number);
        if is_wide {
            to.push(b'"');
            to.extend_from_slice(ESCAPED);
        }
        to.append(&mut self.number);
        if is_wide {
            to.push(b'"');
            self.added.push((to.len(), 2 + ESCAPED.len()));
        }
    }

    /// Doubles the mark where it ends with this byte.
    fn look_at_start(&mut self, byte: u8, length: usize, to: &mut Vec<u8>) {
        self.start = (byte == ESCAPED[length]).then_some(length + 1);
        if self.start == Some(ESCAPED.len()) {
            self.start = None;
            to.extend_from_slice(ESCAPED);
            self.added.push((to.len(), ESCAPED.len()));
        }
    }

    /// What a byte between texts and numbers means for those that follow.
    fn look_at(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.in_text = true;
                self.start = (!self.is_key).then_some(0);
            }
            b'{' | b'[' => {
                self.is_key = byte == b'{';
                self.objects.push(self.is_key);
            }
            b'}' | b']' => drop(self.objects.pop()),
            b',' => self.is_key = self.objects.last() == Some(&true),
            b':' => self.is_key = false,
            _ => {}
        }
    }
}

/// The line with marks; none where it needs none.
pub fn marked(line: &str) -> Option<String> {
    static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(ESCAPED));
    if !has_digits(line.as_bytes()) && FINDER.find(line.as_bytes()).is_none() {
        return None;
    }
    let (mut marker, mut copy) = (Marker::default(), Vec::with_capacity(line.len() + 16));
    marker.copy(line.as_bytes(), &mut copy);
    marker.finish(&mut copy);
    String::from_utf8(copy).ok()
}

/// What a text of the copy is.
#[derive(Debug, PartialEq)]
pub enum Unmarked<'a> {
    /// An integer with these digits.
    Integer(&'a str),
    /// This text of the file.
    Text(&'a str),
}

/// A text of the copy without its mark.
pub fn unmarked(text: &str) -> Unmarked<'_> {
    match text.strip_prefix(MARK) {
        None => Unmarked::Text(text),
        Some(own) if own.starts_with(MARK) => Unmarked::Text(own),
        Some(digits) => Unmarked::Integer(digits),
    }
}

/// Where the copy that is read has more bytes than the file: of the last block, and of the line on
/// which that begins.
#[derive(Debug)]
pub struct Places {
    /// Where the next byte of the copy stands; lines count from 1, characters before it from 0.
    line: usize,
    column: usize,
    /// Line and character behind bytes that were added, and how many these are.
    added: Vec<(usize, usize, usize)>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            line: 1,
            column: 0,
            added: Vec::new(),
        }
    }
}

impl Places {
    /// Goes on to the next block of the copy, where the parser has read all before it.
    pub fn advance(&mut self, block: &[u8], added: impl Iterator<Item = (usize, usize)>) {
        let of_line = self.added.iter().filter(|(line, ..)| *line == self.line);
        let before = of_line.map(|(.., bytes)| bytes).sum();
        self.added.clear();
        self.added.push((self.line, self.column, before));
        let mut from = 0;
        for (at, bytes) in added {
            self.pass(&block[from..at]);
            self.added.push((self.line, self.column, bytes));
            from = at;
        }
        self.pass(&block[from..]);
    }

    fn pass(&mut self, bytes: &[u8]) {
        match memrchr(b'\n', bytes) {
            Some(last) => {
                self.line += memchr_iter(b'\n', bytes).count();
                self.column = bytes.len() - last - 1;
            }
            None => self.column += bytes.len(),
        }
    }

    /// The character of the file that is this one of the copy.
    pub fn in_file(&self, line: usize, column: usize) -> usize {
        let is_before = |place: &&(usize, usize, usize)| place.0 == line && place.1 <= column;
        let added: usize = (self.added.iter().filter(is_before))
            .map(|(.., bytes)| bytes)
            .sum();
        column.saturating_sub(added)
    }
}

/// Whether a number is an integer of many digits.
fn is_wide(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    digits.len() >= LEAST_DIGITS && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit)
}

/// Whether so many digits stand one after the other, which one byte of so many shows.
fn has_digits(line: &[u8]) -> bool {
    let mut at = LEAST_DIGITS - 1;
    while let Some(byte) = line.get(at) {
        if byte.is_ascii_digit() {
            let is_digit = |byte: &&u8| byte.is_ascii_digit();
            let before = line[..at].iter().rev().take_while(is_digit).count();
            let behind = line[at..].iter().take_while(is_digit).count();
            if before + behind >= LEAST_DIGITS {
                return true;
            }
            at += behind;
        }
        at += LEAST_DIGITS;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn marks_are_those_of_the_line_however_it_comes(
            cells in proptest::collection::vec("-?[1-9][0-9]{15,22}|\"([0-9]|\\\\\\\\|\\\\\"){0,25}\"|-?0\\.[0-9]{20}|true|[0-9]{1,3}e5", 0..6),
            cut in 0usize..60,
        ) {
            let line = format!("[{}]", cells.join(","));
            let (mut marker, mut copy) = (Marker::default(), Vec::new());
            let (first, rest) = line.as_bytes().split_at(cut.min(line.len()));
            marker.copy(first, &mut copy);
            marker.copy(rest, &mut copy);
            marker.finish(&mut copy);
            let added: usize = marker.added.iter().map(|(_, bytes)| bytes).sum();
            prop_assert_eq!(copy.len(), line.len() + added);
            let copy = String::from_utf8(copy).unwrap();
            let expected = cells.iter().map(|cell| {
                let digits = cell.trim_start_matches('-');
                match digits.len() > 18 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    true => format!("\"\\u0000{cell}\""),
                    false => cell.clone(),
                }
            });
            let expected = format!("[{}]", expected.collect::<Vec<_>>().join(","));
            prop_assert_eq!(&copy, &expected);
            match marked(&line) {
                Some(whole) => prop_assert_eq!(whole, copy),
                None => prop_assert_eq!(line, copy),
            }
        }
    }

    #[test]
    fn keys_stay_and_a_mark_of_the_file_is_doubled() {
        const DIGITS: &str = "1234567890123456789";
        let same = format!("{{{DIGITS}:1,\"a\":[{{}},{{\"b\":2 , {DIGITS}:0}}]}}");
        assert_eq!(marked(&same), Some(same));
        let nested = format!("[{{\"a\":[{DIGITS}],\"\\u0000\":{{}}}}, {DIGITS}]");
        let expected = nested.replace(DIGITS, &format!("\"\\u0000{DIGITS}\""));
        assert_eq!(marked(&nested), Some(expected));
        // In two parts, wherever it is cut.
        let line = format!("{{\"\\u0000\": \"\\u0000{DIGITS}\", \"a\": \"x\\u0000\"}}");
        let expected = line.replace(": \"\\u0000", ": \"\\u0000\\u0000");
        for cut in 0..line.len() {
            let (mut marker, mut copy) = (Marker::default(), Vec::new());
            marker.copy(&line.as_bytes()[..cut], &mut copy);
            marker.copy(&line.as_bytes()[cut..], &mut copy);
            marker.finish(&mut copy);
            assert_eq!(String::from_utf8(copy).as_deref(), Ok(&*expected));
        }
        let own = format!("\0{DIGITS}");
        assert_eq!(unmarked(&format!("\0{own}")), Unmarked::Text(&own));
    }

    #[test]
    fn long_integers_outside_texts_are_marked() {
        let line = r#"{"1234567890123456789": -12345678901234567890, "a": "12345678901234567890\"", "b": 1234567890123456789.5}"#;
        let expected = line.replace("-12345678901234567890", r#""\u0000-12345678901234567890""#);
        assert_eq!(marked(line).as_deref(), Some(&*expected));
        assert_eq!(marked(r#"{"a": 123456789012345678, "b": 0.1}"#), None);
        let digits = "-12345678901234567890";
        assert_eq!(unmarked(&format!("\0{digits}")), Unmarked::Integer(digits));
        assert_eq!(unmarked(digits), Unmarked::Text(digits));
        // What is no JSON stays none.
        assert_eq!(
            marked("00012345678901234567890").as_deref(),
            Some("00012345678901234567890")
        );
    }
}
