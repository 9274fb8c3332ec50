//! Floating-point types of network inputs.

/// What network inputs are stored as.
pub trait Element: Copy + Default + Send + Sync {
    /// The nearest value; infinite where `x` is too large.
    fn from_f64(x: f64) -> Self;

    /// Whether it is a number and finite.
    fn is_finite(self) -> bool;
}

impl Element for f32 {
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Element for f64 {
    fn from_f64(x: f64) -> Self {
        x
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}
