//! Currencies, before or after the amount.

use super::{Mark, Stripped};

pub static MARK: Mark = Mark {
    #[cfg(test)]
    example: ("$240", 240.0),
    strip: |cell| {
        SYMBOLS.iter().find_map(|symbol| {
            let rest = cell
                .strip_prefix(symbol)
                .or_else(|| cell.strip_suffix(symbol))?;
            Some(Stripped::of(rest, symbol))
        })
    },
    is_unit: true,
};

/// Those that begin or end as another one come before it.
static SYMBOLS: [&str; 27] = [
    "US$", "R$", "A$", "C$", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₴", "₪", "₫", "฿", "zł",
    "Kč", "kr", "EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "SEK",
];
