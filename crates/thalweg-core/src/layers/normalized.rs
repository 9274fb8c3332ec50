//! A group of n normalized values, differentiated along a direction: what all normalizations share.
//!
//! x̂ = (x − μ)·s with s = 1/√(σ² + ε), and E the mean over the group. Backward, with g the
//! gradient of x̂: dx = s·(g − E g − x̂·E(x̂g)). With p = E(x̂ẋ), ṡ = −s²·p, so that x̂˙ = s·(ẋ − E
//! ẋ − x̂·p) and dẋ = s·(ġ − E ġ − x̂·(E(x̂g))˙ − x̂˙·E(x̂g)) − s·p·dx, where (E(x̂g))˙ = E(x̂ġ) +
//! E(x̂˙g).

/// See the module's text. With constants for statistics, all means are taken as 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normalized {
    /// μ and s.
    pub mean: f64,
    pub inverse: f64,
    /// E ẋ and p.
    pub mean_dot: f64,
    pub slope_dot: f64,
}

/// E g, E(x̂g), and the derivatives of both.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Means {
    pub g: f64,
    pub product: f64,
    pub g_dot: f64,
    pub product_dot: f64,
}

impl Means {
    /// Sums become means over n values.
    pub fn over(self, n: f64) -> Self {
        Self {
            g: self.g / n,
            product: self.product / n,
            g_dot: self.g_dot / n,
            product_dot: self.product_dot / n,
        }
    }
}

impl Normalized {
    /// x̂ and x̂˙.
    pub fn value(self, x: f64, x_dot: f64) -> [f64; 2] {
        let normal = (x - self.mean) * self.inverse;
        let moved = self.inverse * (x_dot - self.mean_dot - normal * self.slope_dot);
        [normal, moved]
    }

    /// dẋ.
    pub fn gradient(self, [x, x_dot]: [f64; 2], [g, g_dot]: [f64; 2], means: Means) -> f64 {
        let [normal, moved] = self.value(x, x_dot);
        let dx = self.inverse * (g - means.g - normal * means.product);
        let across = normal * means.product_dot + moved * means.product;
        self.inverse * (g_dot - means.g_dot - across - self.slope_dot * dx)
    }
}
