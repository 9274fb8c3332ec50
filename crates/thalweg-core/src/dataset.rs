//! Rows in memory, as the engine takes them: dense features, targets, weights.

/// The features of many rows, row-major: value `(row, j)` is at `row * width + j`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Values a row.
    pub width: usize,
    /// The values themselves.
    pub values: Values,
}

/// How feature values are stored. What the network sees is always a floating-point number.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Bytes, such as pixels, that stay bytes until a batch is gathered: x = byte·scale + offset.
    U8 {
        /// Row-major bytes.
        bytes: Vec<u8>,
        /// Multiplies the byte.
        scale: f32,
        /// Is added after that.
        offset: f32,
    },
}

impl Features {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        let values = match &self.values {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::U8 { bytes, .. } => bytes.len(),
        };
        values.checked_div(self.width).unwrap_or(0)
    }

    /// The values of one row, as a network sees them.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f64> {
        (row * self.width..(row + 1) * self.width).map(|i| match &self.values {
            Values::F32(values) => values[i].into(),
            Values::F64(values) => values[i],
            Values::U8 {
                bytes,
                scale,
                offset,
            } => (f32::from(bytes[i]) * scale + offset).into(),
        })
    }
}

/// What the network should answer for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// One class index a row: binary (0 or 1) and multiclass tasks.
    Classes(Vec<u32>),
    /// `width` numbers a row, row-major: regression targets, or 0/1 for each label of a multi-label task.
    Values {
        /// Targets a row.
        width: usize,
        /// Row-major values.
        values: Vec<f64>,
    },
}

impl Targets {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { width, values } => values.len().checked_div(*width).unwrap_or(0),
        }
    }
}

/// Features with targets and, where rows count differently, weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What the network sees.
    pub features: Features,
    /// What it should answer; as many rows as `features`.
    pub targets: Targets,
    /// Weight of each row in the loss (non-negative); all 1 when absent.
    pub weights: Option<Vec<f32>>,
}

impl Dataset {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }
}
