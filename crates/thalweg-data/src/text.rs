//! Counts as people read them.

/// `1`, `1,797`.
pub fn whole(n: usize) -> String {
    grouped(&n.to_string())
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
