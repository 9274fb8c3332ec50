//! Integers of more than 64 bits, of which the parser would make numbers that lack digits: they reach it as texts with a
//! mark.

/// Fewer digits are of 64 bits.
const LEAST_DIGITS: usize = 19;
/// The mark, as text and as JSON.
const MARK: char = '\0';
const BEFORE: &[u8] = br#""\u0000"#;

/// Copies JSON, its wide integers as texts with a mark.
#[derive(Debug, Default)]
pub struct Marker {
    in_text: bool,
    is_escaped: bool,
    /// The number at the end, which may go on.
    number: Vec<u8>,
}

impl Marker {
    /// Adds a copy of what comes next.
    pub fn copy(&mut self, json: &[u8], to: &mut Vec<u8>) {
        for &byte in json {
            if self.in_text {
                to.push(byte);
                self.in_text = byte != b'"' || self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
            } else if matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
                self.number.push(byte);
            } else {
                self.finish(to);
                to.push(byte);
                self.in_text = byte == b'"';
            }
        }
    }

    /// Adds the number at the end.
    pub fn finish(&mut self, to: &mut Vec<u8>) {
        let is_wide = is_wide(&self.number);
        if is_wide {
            to.extend_from_slice(BEFORE);
        }
        to.append(&mut self.number);
        if is_wide {
            to.push(b'"');
        }
    }
}

/// The line with marks; none where it needs none.
pub fn marked(line: &str) -> Option<String> {
    if !has_digits(line.as_bytes()) {
        return None;
    }
    let (mut marker, mut copy) = (Marker::default(), Vec::with_capacity(line.len() + 16));
    marker.copy(line.as_bytes(), &mut copy);
    marker.finish(&mut copy);
    String::from_utf8(copy).ok()
}

/// The digits of a text with a mark.
pub fn unmarked(text: &str) -> Option<&str> {
    text.strip_prefix(MARK)
        .filter(|digits| is_wide(digits.as_bytes()))
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
    fn long_integers_outside_texts_are_marked() {
        let line = r#"{"1234567890123456789": -12345678901234567890, "a": "12345678901234567890\"", "b": 1234567890123456789.5}"#;
        let expected = line.replace("-12345678901234567890", r#""\u0000-12345678901234567890""#);
        assert_eq!(marked(line).as_deref(), Some(&*expected));
        assert_eq!(marked(r#"{"a": 123456789012345678, "b": 0.1}"#), None);
        assert_eq!(
            unmarked("\u{0}-12345678901234567890"),
            Some("-12345678901234567890")
        );
        assert_eq!(unmarked("\u{0}12"), None);
        // What is no JSON stays none.
        assert_eq!(
            marked("00012345678901234567890").as_deref(),
            Some("00012345678901234567890")
        );
    }
}
