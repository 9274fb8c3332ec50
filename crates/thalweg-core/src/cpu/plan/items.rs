//! Items: θ in pieces, each of which one thread updates at once; and the tensors that some
//! optimizers see whole.

use std::ops::Range;

use super::{Cut, Item, Plan, Tensor};
use crate::cpu::precision::Precision;
use crate::kernels::Isa;
use crate::layers::Segment;

/// Neighbouring tiles are put together into items of up to this many parameters.
const ITEM: usize = 4096;

/// Whether a segment holds weights, and whether these are a matrix.
fn kind(segment: &Segment) -> (bool, bool) {
    (segment.decays, segment.role.is_matrix())
}

impl Plan {
    /// Puts neighbouring tiles together.
    pub(super) fn group_tiles(&self, cut: Cut) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut last_key = None;
        for (index, planned) in self.tiles.iter().enumerate() {
            let start = self.tile_start(planned);
            let end = start + planned.tile.len();
            let layer = &self.layers[planned.layer];
            let segments = layer.layer.segments();
            let is_trained = segments[planned.tile.segment].is_trained;
            let (is_weight, is_matrix) = kind(&segments[planned.tile.segment]);
            let part = match cut {
                Cut::Nowhere => (0, 0),
                Cut::Parts => (is_weight.into(), is_matrix.into()),
                Cut::Tensors => (planned.layer, planned.tile.segment),
            };
            let factors = layer.factors[planned.tile.segment];
            let key = Some((part, is_trained, factors));
            match items.last_mut() {
                // A tile of a layer that uses its parameters at many places is work enough.
                Some(item)
                    if end - item.range.start <= ITEM
                        && last_key == key
                        && self.reuse(item.tiles.end - 1) * layer.facts.reuse == 1
                        && !layer.facts.reads_features =>
                {
                    item.range.end = end;
                    item.tiles.end = index + 1;
                }
                _ => items.push(Item {
                    range: start..end,
                    tiles: index..index + 1,
                    is_weight,
                    is_matrix,
                    is_trained,
                    factors,
                }),
            }
            last_key = key;
        }
        items
    }

    /// How often a row uses a parameter of a tile.
    fn reuse(&self, tile: usize) -> usize {
        self.layers[self.tiles[tile].layer].facts.reuse
    }

    /// The trained tensors of all layers.
    pub fn tensors<T: Precision>(&self, isa: Isa) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        for (index, planned) in self.layers.iter().enumerate() {
            let segments = planned.layer.segments();
            let trained = (segments.iter().enumerate()).filter(|(_, segment)| segment.is_trained);
            for (number, segment) in trained {
                let tiles = (self.tiles.iter())
                    .filter(|tile| tile.layer == index && tile.tile.segment == number);
                let ranges = tiles.map(|tile| {
                    let start = self.tile_start(tile);
                    start..start + tile.tile.len()
                });
                let Some(range) = ranges.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
                else {
                    continue;
                };
                let (is_weight, is_matrix) = kind(segment);
                let rows = segment.shape.first().copied().unwrap_or(1).max(1);
                let place = |index| {
                    let at = T::layer(&*planned.layer).locate(isa, number, index);
                    (planned.parameters.start + at - range.start) as u32
                };
                tensors.push(Tensor {
                    of: (index, number),
                    is_weight,
                    is_matrix,
                    factors: planned.factors[number],
                    is_constrained: segment.role.is_constrained(),
                    rows,
                    columns: segment.len() / rows,
                    places: (0..segment.len()).map(place).collect(),
                    range,
                });
            }
        }
        tensors
    }

    /// Shares the items out: for each member a run of neighbours, of about equal work.
    pub fn share_items(&self) -> Vec<Range<usize>> {
        let members = self.members;
        let work = |item: &Item| item.range.len() * self.reuse(item.tiles.start);
        let total: usize = self.items.iter().map(work).sum();
        let (mut first, mut done) = (0, 0);
        (1..=members)
            .map(|member| {
                let limit = total * member / members;
                let start = first;
                while let Some(item) = self.items.get(first) {
                    if member < members && done + work(item) / 2 >= limit {
                        break;
                    }
                    done += work(item);
                    first += 1;
                }
                start..first
            })
            .collect()
    }
}
