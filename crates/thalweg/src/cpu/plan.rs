//! The plan: every size and place, worked out once before training.
//!
//! How rows are cut into blocks and θ into items does not depend on the number of threads, so nothing that is
//! computed does; only the room for rows and the shares of the members do.

use std::ops::Range;

use crate::error::Result;
use crate::kernels::Isa;
use crate::layers::{self, AnyLayer, Segment, Tile, stride};
use crate::precision::{Dtype, Precision};
use crate::spec::NetworkSpec;

/// Rows in a block, at most: their activations stay in the caches of one core.
pub(super) const BLOCK_ROWS: usize = 64;

/// Neighbouring tiles are put together into items of up to this many parameters.
const ITEM: usize = 4096;

/// A step of less work than this runs on one thread: about twice the cost of two meetings of the team. In
/// floating-point operations at the rate of products.
const TEAM_WORK: usize = 400_000;

/// What a row costs beside products (gathering, activations, loss), in the same measure.
const ROW_WORK: usize = 2_000;

/// A layer and where its things lie.
pub(super) struct PlannedLayer {
    pub layer: Box<dyn AnyLayer>,
    /// Values that a row takes in the input and in the output.
    pub input_stride: usize,
    pub output_stride: usize,
    pub stash_stride: usize,
    /// Where its rows begin in the arena: input, output, gradient of the output, stash. The gradient of
    /// the input is that of the output of the layer before.
    pub input: usize,
    pub output: usize,
    pub gradient: usize,
    pub stash: usize,
    /// Its part of θ and of the derived values.
    pub parameters: Range<usize>,
    pub derived: Range<usize>,
}

/// A tile, by layer.
pub(super) struct PlannedTile {
    pub layer: usize,
    pub tile: Tile,
}

/// A contiguous piece of θ that one thread updates at once: gradient, optimizer, derived values.
pub(super) struct Item {
    /// Its place in θ.
    pub range: Range<usize>,
    /// Its tiles.
    pub tiles: Range<usize>,
    /// Of a chain that treats parameters differently: see [`crate::optimizers::Part::contains`].
    pub is_weight: bool,
    pub is_matrix: bool,
}

/// Where items end, beside their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Anywhere.
    Nowhere,
    /// Between weights and other parameters, and between matrices and others.
    Parts,
    /// Between tensors.
    Tensors,
}

/// A tensor of parameters: a segment of a layer, whose tiles are neighbours.
pub(super) struct Tensor {
    /// Its place in θ, padding included.
    pub range: Range<usize>,
    pub is_weight: bool,
    pub is_matrix: bool,
    /// As a matrix: units, and parameters of a unit.
    pub rows: usize,
    pub columns: usize,
    /// Where in its place each parameter stands, unit by unit.
    pub places: Vec<u32>,
}

/// Whether a segment holds weights, and whether these are a matrix.
fn kind(segment: &Segment) -> (bool, bool) {
    (segment.decays, segment.decays && segment.shape.len() >= 2)
}

pub(super) struct Plan {
    pub layers: Vec<PlannedLayer>,
    pub tiles: Vec<PlannedTile>,
    pub items: Vec<Item>,
    /// Length of θ with padding.
    pub parameters: usize,
    pub derived: usize,
    /// Length of the arena for the rows of a batch.
    pub arena: usize,
    /// Rows that the arena holds.
    pub capacity: usize,
    /// Rows of a batch, at most.
    pub batch_size: usize,
    /// Rows of a block in a step.
    pub block_rows: usize,
    /// Threads that work on a step.
    pub members: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Plan {
    /// Plans a network for batches of up to `batch_size` rows and up to `threads` threads, with
    /// items that end at a cut.
    pub fn new<T: Precision>(
        network: &NetworkSpec,
        dtype: Dtype,
        isa: Isa,
        batch_size: usize,
        threads: usize,
        cut: Cut,
    ) -> Result<Self> {
        let built = layers::build(network.shape(), &network.layers, dtype)?;
        // Forward, and twice as much back, but for the first layer's input.
        let costs = || built.iter().map(|layer| layer.cost());
        let products = 3 * costs().sum::<usize>() - costs().next().unwrap_or(0);
        let is_team_work = (2 * products + ROW_WORK).saturating_mul(batch_size) >= TEAM_WORK;
        let members = if is_team_work { threads } else { 1 };
        let capacity = batch_size.max(members * BLOCK_ROWS);
        let mut plan = Plan {
            layers: Vec::new(),
            tiles: Vec::new(),
            items: Vec::new(),
            parameters: 0,
            derived: 0,
            arena: capacity * stride(network.inputs),
            capacity,
            batch_size,
            block_rows: block_rows(batch_size, is_team_work),
            members,
            inputs: network.inputs,
            outputs: network.inputs,
        };
        let mut input = 0;
        for layer in built {
            let sizes = T::layer(&*layer).plan(isa);
            let output_stride = stride(layer.output().size());
            let mut rows_of = |stride: usize| {
                let start = plan.arena;
                plan.arena += capacity * stride;
                start
            };
            let planned = PlannedLayer {
                input_stride: stride(plan.outputs),
                output_stride,
                stash_stride: sizes.stash,
                input,
                output: rows_of(output_stride),
                gradient: rows_of(output_stride),
                stash: rows_of(sizes.stash),
                parameters: plan.parameters..plan.parameters + sizes.parameters,
                derived: plan.derived..plan.derived + sizes.derived,
                layer,
            };
            let index = plan.layers.len();
            plan.tiles.extend(
                sizes
                    .tiles
                    .into_iter()
                    .map(|tile| PlannedTile { layer: index, tile }),
            );
            plan.parameters = planned.parameters.end;
            // Layers begin on a cache line, so that no two threads write to the same one.
            plan.derived = planned.derived.end.next_multiple_of(16);
            plan.outputs = planned.layer.output().size();
            input = planned.output;
            plan.layers.push(planned);
        }
        plan.items = plan.group_tiles(cut);
        Ok(plan)
    }

    /// Where a tile begins in θ.
    pub fn tile_start(&self, tile: &PlannedTile) -> usize {
        self.layers[tile.layer].parameters.start + tile.tile.start
    }

    fn group_tiles(&self, cut: Cut) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut last_key = None;
        for (index, planned) in self.tiles.iter().enumerate() {
            let start = self.tile_start(planned);
            let end = start + planned.tile.len();
            let segments = self.layers[planned.layer].layer.segments();
            let (is_weight, is_matrix) = kind(&segments[planned.tile.segment]);
            let key = match cut {
                Cut::Nowhere => (0, 0),
                Cut::Parts => (is_weight.into(), is_matrix.into()),
                Cut::Tensors => (planned.layer, planned.tile.segment),
            };
            match items.last_mut() {
                Some(item) if end - item.range.start <= ITEM && last_key == Some(key) => {
                    item.range.end = end;
                    item.tiles.end = index + 1;
                }
                _ => items.push(Item {
                    range: start..end,
                    tiles: index..index + 1,
                    is_weight,
                    is_matrix,
                }),
            }
            last_key = Some(key);
        }
        items
    }

    /// The tensors of all layers.
    pub fn tensors<T: Precision>(&self, isa: Isa) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        for (index, planned) in self.layers.iter().enumerate() {
            for (number, segment) in planned.layer.segments().iter().enumerate() {
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
                    is_weight,
                    is_matrix,
                    rows,
                    columns: segment.len() / rows,
                    places: (0..segment.len()).map(place).collect(),
                    range,
                });
            }
        }
        tensors
    }

    /// Shares the items out: for each member a run of neighbours, of about equal length in θ.
    pub fn share_items(&self) -> Vec<Range<usize>> {
        let members = self.members;
        let mut first = 0;
        (1..=members)
            .map(|member| {
                let limit = self.parameters * member / members;
                let rest = &self.items[first..];
                let middle = |item: &Item| (item.range.start + item.range.end) / 2;
                let count = match member == members {
                    true => rest.len(),
                    false => rest.iter().take_while(|item| middle(item) < limit).count(),
                };
                let share = first..first + count;
                first = share.end;
                share
            })
            .collect()
    }
}

/// Blocks of equal size, an even number of them where a second thread would help.
fn block_rows(batch_size: usize, is_team_work: bool) -> usize {
    let blocks = batch_size.div_ceil(BLOCK_ROWS);
    let blocks = if is_team_work {
        blocks.next_multiple_of(2)
    } else {
        blocks
    };
    batch_size.div_ceil(blocks).next_multiple_of(4)
}
