//! The header of an `.npy` file: `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.

/// Type and shape of the data behind a header.
pub struct Header {
    /// `b`, `i`, `u`, `f`, `S` or `U`, as in NumPy's `dtype.kind`.
    pub kind: u8,
    /// Bytes of an element.
    pub size: usize,
    /// Whether elements are big-endian.
    pub big_endian: bool,
    /// Whether the first index runs fastest.
    pub fortran_order: bool,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Where the elements begin in the file.
    pub start: u64,
}

impl Header {
    /// Reads a header; `None` if it is none, or of elements that are neither numbers nor strings.
    pub fn parse(text: &str) -> Option<Self> {
        let quoted = value(text, "descr")?.strip_prefix('\'')?;
        let (descr, _) = quoted.split_once('\'')?;
        let &[order, kind, ..] = descr.as_bytes() else {
            return None;
        };
        let number: usize = descr.get(2..)?.parse().ok()?;
        let size = match (kind, number) {
            (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1) | (b'S', _) => number,
            (b'U', _) => number.checked_mul(4)?,
            _ => return None,
        };
        let lengths = (shape(text)?.split(',').map(str::trim)).filter(|n| !n.is_empty());
        let lengths = lengths.map(|n| n.trim_end_matches('L').parse().ok());
        Some(Self {
            kind,
            size,
            big_endian: order == b'>',
            fortran_order: value(text, "fortran_order")?.starts_with("True"),
            shape: lengths.collect::<Option<_>>()?,
            start: 0,
        })
    }

    /// Length of the first dimension.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Whether the elements of a row do not lie side by side.
    pub fn is_by_columns(&self) -> bool {
        self.fortran_order && self.shape.len() > 1
    }

    /// Whether there are integers that f64 may not hold.
    pub fn is_long(&self) -> bool {
        matches!(self.kind, b'i' | b'u') && self.size == 8
    }

    /// That of so many of the rows.
    pub fn of_rows(&self, rows: usize) -> Self {
        let rest = self.shape.get(1..).unwrap_or_default();
        Self {
            shape: [&[rows], rest].concat(),
            ..*self
        }
    }

    /// Number of elements, and of their bytes; `None` if a `usize` does not hold them.
    pub fn count(&self) -> Option<(usize, usize)> {
        let product = |product: usize, &n: &usize| product.checked_mul(n);
        let count = self.shape.iter().try_fold(1, product)?;
        Some((count, count.checked_mul(self.size)?))
    }
}

/// The text behind a key of the header.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(&format!("'{key}':"))?;
    Some(value.trim_start())
}

/// The lengths between the parentheses of the shape.
pub fn shape(text: &str) -> Option<&str> {
    let (shape, _) = value(text, "shape")?.strip_prefix('(')?.split_once(')')?;
    Some(shape)
}
