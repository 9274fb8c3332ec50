//! The health of the layers from epoch to epoch: what they put out, and how large their gradients and
//! updates are beside their weights.

use serde::Serialize;
use thalweg_core::engine::{Engine, LayerReport, Rows};
use thalweg_core::error::Result;
use thalweg_core::source::{Request, RowSource};
use thalweg_core::train::Run;

use crate::thinning::is_recorded;

/// Epochs for each doubling of a run that are looked at.
const EPOCHS: u64 = 64;
/// Rows that are looked at: this share of the training rows, within these bounds, so that a look takes
/// a small part of an epoch.
const SHARE: usize = 32;
const FEWEST: usize = 16;
const MOST: usize = 256;
/// Looks at one batch each, where a batch has fewer rows.
const LOOKS: usize = 16;
/// Layers that are recorded.
const LAYERS: usize = 32;

/// A layer on some training rows: see [`LayerReport`]. Six digits of each number are kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// Where it is in the network.
    pub name: String,
    /// Mean of its outputs.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Share of its units that put out 0 for every row; of batches of few rows, the least of several.
    pub dead: f64,
    /// Norm of its parameters.
    pub weight_norm: f64,
    /// Norm of the loss's gradient with respect to them.
    pub gradient_norm: f64,
    /// Norm of the last update, where it was watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_norm: Option<f64>,
}

impl From<LayerReport> for Layer {
    fn from(report: LayerReport) -> Self {
        Self {
            name: report.name,
            mean: rounded(report.mean),
            deviation: rounded(report.deviation),
            dead: rounded(report.dead),
            weight_norm: rounded(report.weight_norm),
            gradient_norm: rounded(report.gradient_norm),
            update_norm: report.update_norm.map(rounded),
        }
    }
}

fn rounded(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// The rows that are looked at, the same at every epoch.
pub(crate) struct Health {
    /// One list a look.
    looks: Vec<Vec<u32>>,
}

impl Health {
    /// Of a run whose batches have `batch` rows, before its first update.
    ///
    /// # Errors
    /// As [`Engine::watch_updates`].
    pub fn begin(run: &mut Run, batch: usize) -> Result<Self> {
        let looks = run.look(|_, rows, _| looks(rows, batch));
        let health = Self { looks };
        health.before_update(run)?;
        Ok(health)
    }

    /// Watches the update that comes next if it is the last of an epoch that is looked at; such an
    /// update costs a copy of all parameters more.
    pub fn before_update(&self, run: &mut Run) -> Result<()> {
        let (done, all) = (run.sums().steps, run.steps_per_epoch());
        // Steps are 0 between epochs, too.
        if done + 1 == all || (done == 0 && all > 1) {
            let watches = done + 1 == all && is_recorded(run.epoch() as u64 + 1, EPOCHS);
            run.engine().watch_updates(watches)?;
        }
        Ok(())
    }

    /// The layers after an epoch; none where it is not looked at.
    pub fn after_epoch(&self, run: &mut Run) -> Result<Option<Vec<Layer>>> {
        if !is_recorded(run.epoch() as u64, EPOCHS) {
            return Ok(None);
        }
        run.look(|engine, rows, _| self.layers(engine, rows))
            .map(Some)
    }

    fn layers(&self, engine: &mut dyn Engine, rows: &mut dyn RowSource) -> Result<Vec<Layer>> {
        let mut pooled: Vec<Pooled> = Vec::new();
        for look in &self.looks {
            let request = Request {
                rows: Rows::Listed(look),
                ..Request::range(0..0)
            };
            let reports = engine.layers(&rows.batch(request)?)?.into_iter();
            match pooled.is_empty() {
                true => pooled = reports.take(LAYERS).map(Pooled::of).collect(),
                false => (pooled.iter_mut().zip(reports)).for_each(|(all, one)| all.add(&one)),
            }
        }
        Ok(pooled.into_iter().map(Pooled::layer).collect())
    }
}

/// Row numbers, a list for each look: evenly spaced where any row is at hand, else the first ones.
fn looks(rows: &mut dyn RowSource, batch: usize) -> Vec<Vec<u32>> {
    let all = rows.schema().rows;
    let wanted = (all / SHARE).clamp(FEWEST, MOST).min(all);
    let size = batch.clamp(1, wanted.max(1));
    let count = wanted.min(size * (wanted / size).min(LOOKS));
    let place = |i: usize| match rows.chunk() >= all {
        true => i * all / count,
        false => i,
    };
    let places: Vec<u32> = (0..count).map(|i| place(i) as u32).collect();
    places.chunks(size).map(<[u32]>::to_vec).collect()
}

/// The reports of a layer from several looks at as many rows each.
struct Pooled {
    first: LayerReport,
    looks: f64,
    mean: f64,
    squares: f64,
    dead: f64,
    gradient: f64,
}

impl Pooled {
    fn of(report: LayerReport) -> Self {
        Self {
            looks: 1.0,
            mean: report.mean,
            squares: report.deviation.powi(2) + report.mean.powi(2),
            dead: report.dead,
            gradient: report.gradient_norm,
            first: report,
        }
    }

    fn add(&mut self, report: &LayerReport) {
        self.looks += 1.0;
        self.mean += report.mean;
        self.squares += report.deviation.powi(2) + report.mean.powi(2);
        self.dead = self.dead.min(report.dead);
        self.gradient += report.gradient_norm;
    }

    fn layer(self) -> Layer {
        let mean = self.mean / self.looks;
        let pooled = (self.squares / self.looks - mean * mean).max(0.0).sqrt();
        Layer::from(LayerReport {
            mean,
            deviation: match self.looks > 1.0 {
                true => pooled,
                false => self.first.deviation,
            },
            dead: self.dead,
            gradient_norm: self.gradient / self.looks,
            ..self.first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(mean: f64, deviation: f64, dead: f64) -> LayerReport {
        LayerReport {
            name: "layers.0".to_owned(),
            mean,
            deviation,
            dead,
            weight_norm: 2.0,
            gradient_norm: 3.0,
            update_norm: None,
        }
    }

    #[test]
    fn several_looks_have_the_mean_and_deviation_of_all_their_rows() {
        // Values 1, 3 and 5, 11: mean 5, squared distances 16, 4, 0, 36.
        let mut all = Pooled::of(report(2.0, 1.0, 0.5));
        all.add(&report(8.0, 3.0, 0.25));
        let layer = all.layer();
        assert_eq!((layer.mean, layer.deviation), (5.0, rounded(14f64.sqrt())));
        assert_eq!(
            (layer.dead, layer.gradient_norm, layer.weight_norm),
            (0.25, 3.0, 2.0)
        );
    }

    #[test]
    fn six_digits_of_a_number_are_kept() {
        assert_eq!(rounded(1234567.89), 1234570.0);
        assert_eq!(rounded(0.0), 0.0);
        assert!(rounded(f64::NAN).is_nan());
    }
}
