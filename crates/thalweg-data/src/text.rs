//! Counts as people read them, and words as a shell does.

/// `1`, `1,797`.
pub fn whole(n: usize) -> String {
    grouped(&n.to_string())
}

/// A text as one word of a shell.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-.,:/+%@".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// An item of a list that is separated by commas: in double quotes where it has a comma or begins with a quote.
pub fn list_item(text: &str) -> String {
    match text.contains(',') || text.starts_with('"') {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Digits in groups of three.
pub fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
