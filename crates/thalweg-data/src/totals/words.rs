//! What rows of sums are called.

/// Words for sums and means.
const WORDS: [&str; 33] = [
    "total",
    "totals",
    "totale",
    "totales",
    "totaal",
    "subtotal",
    "sum",
    "sums",
    "summe",
    "summen",
    "gesamt",
    "gesamtsumme",
    "gesamtergebnis",
    "insgesamt",
    "zusammen",
    "zwischensumme",
    "somme",
    "suma",
    "somma",
    "soma",
    "average",
    "averages",
    "avg",
    "mean",
    "durchschnitt",
    "mittelwert",
    "moyenne",
    "promedio",
    "media",
    "média",
    "итого",
    "合计",
    "合計",
];
/// Those of them that name other things, too: media, an average product.
const AMBIGUOUS: [&str; 9] = [
    "sum", "average", "averages", "avg", "mean", "media", "média", "soma", "promedio",
];
/// Other texts are longer.
const MOST_WORDS: usize = 4;
/// Whether a cell is nothing but a word for sums that hardly names anything else.
pub fn is_plain_total(cell: &str) -> bool {
    let mut words = cell
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let is_ambiguous = |word: &str| AMBIGUOUS.contains(&word.to_lowercase().as_str());
    matches!((words.next(), words.next()), (Some(word), None) if !is_ambiguous(word))
}

/// Whether a cell calls its row one of sums: `Total`, `Grand total`, `Total général`, `Summe:`.
pub fn is_total(cell: &str) -> bool {
    let mut words = cell
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let is_one = |word: &str| {
        let is = |one: &str| match word.is_ascii() {
            true => word.eq_ignore_ascii_case(one),
            false => word.to_lowercase() == one,
        };
        WORDS.into_iter().any(is)
    };
    let Some(first) = words.next() else {
        return false;
    };
    let rest: Vec<&str> = words.take(MOST_WORDS).collect();
    rest.len() < MOST_WORDS && (is_one(first) || rest.last().is_some_and(|last| is_one(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_call_a_row_one_of_sums() {
        for cell in [
            "Total",
            " TOTAL:",
            "Grand total",
            "Total général",
            "Gesamt",
            "Summe.",
            "Gesamt (alle)",
            "Sub-total",
            "ИТОГО",
            "Moyenne",
        ] {
            assert!(is_total(cell), "{cell}");
        }
        for cell in [
            "",
            "totally",
            "the total of all five parts",
            "Gesamtschule",
            "summer",
            "12",
        ] {
            assert!(!is_total(cell), "{cell}");
        }
    }
}
