//! The plan: every size and place, worked out once before training.
//!
//! How rows are cut into blocks and θ into items does not depend on the number of threads, so nothing that is
//! computed does; only the room for rows and the shares of the members do.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::{self, AnyLayer, Node, Part, Tile, stride};
use crate::precision::Precision;
use crate::spec::NetworkSpec;

/// Rows in a block, at most: their activations stay in the caches of one core.
const BLOCK_ROWS: usize = 64;

/// Neighbouring tiles are put together into items of up to this many parameters.
const ITEM: usize = 4096;

/// A step of fewer floating-point operations than this runs on one thread: about twice the cost of two
/// meetings of the team.
const TEAM_FLOPS: usize = 400_000;

/// A row block of a network with images takes up to about this many values, so that it stays in the caches.
const BLOCK_VALUES: usize = 1 << 18;

/// A layer and where its things lie.
pub(super) struct PlannedLayer {
    /// What the names of its tensors begin with.
    pub path: String,
    pub layer: Box<dyn AnyLayer>,
    /// Values that a row takes in the input and in the output.
    pub input_stride: usize,
    pub output_stride: usize,
    pub stash_stride: usize,
    /// Where its rows begin in the arena: input, output, gradient of the output, stash. The gradient of
    /// the input, where it is wanted, is that of the output of the layer before.
    pub input: usize,
    pub input_gradient: Option<usize>,
    pub output: usize,
    pub gradient: usize,
    pub stash: usize,
    /// Its part of θ, of the derived values, of the prepared numbers, and of a block's summaries.
    pub parameters: Range<usize>,
    pub derived: Range<usize>,
    pub prepared: Range<usize>,
    pub summary: Range<usize>,
}

/// One thing that happens to a row block.
pub(super) enum Step {
    /// It goes through the layer of this index.
    Layer(usize),
    /// A residual block begins: on the way back, the gradient at `from` is added to that at `to`.
    Fork {
        from: usize,
        to: usize,
        stride: usize,
    },
    /// A residual block ends: values at `body` and `skip` are added up into `output`; on the way back, the
    /// gradient of the output becomes that of the body and, where there is a projection, of the skip.
    Join {
        body: usize,
        skip: usize,
        output: usize,
        gradient: usize,
        body_gradient: usize,
        skip_gradient: Option<usize>,
        stride: usize,
    },
}

/// Where rows lie in the arena: their values, their gradients where these are wanted, and values of a row.
#[derive(Clone, Copy)]
struct At {
    values: usize,
    gradient: Option<usize>,
    size: usize,
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
    /// Whether decay acts on it.
    pub decays: bool,
    /// Whether it is learned by gradients; else its layers track it.
    pub is_trained: bool,
}

pub(super) struct Plan {
    pub layers: Vec<PlannedLayer>,
    /// What happens to a row block, in order.
    pub steps: Vec<Step>,
    /// The steps between two meetings of the team. All runs but the first begin with a layer that couples rows.
    pub runs: Vec<Range<usize>>,
    /// Numbers that layers prepare before a pass, and those that a block of rows tells the batch.
    pub prepared: usize,
    pub summary: usize,
    /// Where the last layer's output and its gradient lie.
    pub output: usize,
    pub output_gradient: usize,
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
    /// Rows of a block in a step, and at most in an evaluation.
    pub block_rows: usize,
    pub evaluation_rows: usize,
    /// Threads that work on a step.
    pub members: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Plan {
    /// Plans a network for batches of up to `batch_size` rows and up to `threads` threads. `split_decay`
    /// keeps parameters that decay apart from those that do not.
    pub fn new<T: Precision>(
        network: &NetworkSpec,
        isa: Isa,
        batch_size: usize,
        threads: usize,
        split_decay: bool,
    ) -> Result<Self> {
        let built = layers::build(network.shape(), &network.layers)?;
        let all: Vec<&dyn AnyLayer> = (built.iter()).flat_map(|node| node.part.layers()).collect();
        for (index, layer) in all.iter().enumerate() {
            if layer.least_rows() > batch_size {
                let number = place_of(&built, index);
                let subject = format!("layer {number} ({})", network.layers[number - 1].name);
                let found = format!("a batch size of {batch_size}");
                let expected = format!("at least {}: it compares rows", layer.least_rows());
                return Err(Error::invalid(subject, found, expected).remedy("raise --batch-size"));
            }
        }
        // Forward, and twice as much back, but for the first layer's input.
        let costs = || all.iter().map(|layer| layer.cost());
        let products = 3 * costs().sum::<usize>() - costs().next().unwrap_or(0);
        let is_team_work = (2 * products).saturating_mul(batch_size) >= TEAM_FLOPS;
        let members = if is_team_work { threads } else { 1 };
        let has_images = all.iter().any(|layer| layer.reuse() > 1);
        // One row tells how many values a row takes.
        let row = Self::for_rows::<T>(network, isa, 1)?.arena;
        let most = match has_images {
            true => (BLOCK_VALUES / row).clamp(4, BLOCK_ROWS),
            false => BLOCK_ROWS,
        };
        let mut plan = Self::for_rows::<T>(network, isa, batch_size.max(members * most))?;
        plan.batch_size = batch_size;
        plan.members = members;
        plan.block_rows = block_rows(batch_size, is_team_work, most);
        plan.evaluation_rows = most;
        plan.items = plan.group_tiles(split_decay);
        Ok(plan)
    }

    /// Where everything lies in an arena for `capacity` rows.
    fn for_rows<T: Precision>(network: &NetworkSpec, isa: Isa, capacity: usize) -> Result<Self> {
        let mut plan = Plan {
            layers: Vec::new(),
            steps: Vec::new(),
            runs: Vec::new(),
            prepared: 0,
            summary: 0,
            output: 0,
            output_gradient: 0,
            tiles: Vec::new(),
            items: Vec::new(),
            parameters: 0,
            derived: 0,
            arena: capacity * stride(network.inputs),
            capacity,
            batch_size: 0,
            block_rows: 0,
            evaluation_rows: 0,
            members: 1,
            inputs: network.inputs,
            outputs: network.inputs,
        };
        let built = layers::build(network.shape(), &network.layers)?;
        let input = At {
            values: 0,
            gradient: None,
            size: network.inputs,
        };
        let output = plan.unfold::<T>(isa, "", built, input);
        plan.output = output.values;
        plan.outputs = output.size;
        // Without parameters the loss still has to leave its gradient somewhere.
        plan.output_gradient = match output.gradient {
            Some(gradient) => gradient,
            None => plan.rows(stride(output.size)),
        };
        let first = plan
            .runs
            .iter()
            .map(|run| run.start)
            .chain([plan.steps.len()]);
        let starts: Vec<usize> = [0].into_iter().chain(first).collect();
        plan.runs = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        Ok(plan)
    }

    /// Room in the arena for rows of so many values.
    fn rows(&mut self, stride: usize) -> usize {
        let start = self.arena;
        self.arena += self.capacity * stride;
        start
    }

    /// Puts parts of the network behind what has been planned, for rows at `at`. Returns where rows come out.
    fn unfold<T: Precision>(&mut self, isa: Isa, path: &str, nodes: Vec<Node>, mut at: At) -> At {
        for node in nodes {
            at = self.add::<T>(isa, &format!("{path}{}", node.path), node.part, at);
        }
        at
    }

    fn add<T: Precision>(&mut self, isa: Isa, path: &str, part: Part, at: At) -> At {
        match part {
            Part::View(_) => at,
            Part::Sequence(parts) => {
                (parts.into_iter()).fold(at, |at, part| self.add::<T>(isa, path, part, at))
            }
            Part::Layer(layer) => self.add_layer::<T>(isa, path, layer, at),
            Part::Residual { body, projection } => {
                let fork = self.steps.len();
                let width = stride(at.size);
                let end = self.unfold::<T>(isa, &format!("{path}."), body, at);
                let has_projection = projection.is_some();
                let skip = match projection {
                    None => at,
                    Some(part) => {
                        let gradient = at.gradient.map(|_| self.rows(width));
                        let path = format!("{path}.projection");
                        let bridge = At { gradient, ..at };
                        if let (Some(to), Some(from)) = (at.gradient, gradient) {
                            let stride = width;
                            self.insert(fork, Step::Fork { from, to, stride });
                        }
                        self.add::<T>(isa, &path, *part, bridge)
                    }
                };
                let output_stride = stride(end.size);
                let (output, gradient) = (self.rows(output_stride), self.rows(output_stride));
                if let (false, Some(to)) = (has_projection, at.gradient) {
                    let from = gradient;
                    let stride = width;
                    self.insert(fork, Step::Fork { from, to, stride });
                }
                // A body that nothing trained stands in has no gradient of its own, and nobody reads this.
                let body_gradient = end.gradient.unwrap_or(gradient);
                self.steps.push(Step::Join {
                    body: end.values,
                    skip: skip.values,
                    output,
                    gradient,
                    body_gradient,
                    skip_gradient: skip.gradient.filter(|_| has_projection),
                    stride: output_stride,
                });
                let wants = end.gradient.is_some() || skip.gradient.is_some();
                At {
                    values: output,
                    gradient: wants.then_some(gradient),
                    size: end.size,
                }
            }
        }
    }

    /// Puts a step in front of those from `index` on.
    fn insert(&mut self, index: usize, step: Step) {
        self.steps.insert(index, step);
        for run in &mut self.runs {
            if run.start >= index {
                *run = run.start + 1..run.end;
            }
        }
    }

    fn add_layer<T: Precision>(
        &mut self,
        isa: Isa,
        path: &str,
        layer: Box<dyn AnyLayer>,
        at: At,
    ) -> At {
        let sizes = T::layer(&*layer).plan(isa);
        let size = layer.output().size();
        let output_stride = stride(size);
        let segments = 0..layer.segments().len();
        let is_trained = segments.clone().any(|segment| layer.is_trained(segment));
        let planned = PlannedLayer {
            path: path.to_owned(),
            input_stride: stride(at.size),
            output_stride,
            stash_stride: sizes.stash,
            input: at.values,
            input_gradient: at.gradient,
            output: self.rows(output_stride),
            gradient: self.rows(output_stride),
            stash: self.rows(sizes.stash),
            parameters: self.parameters..self.parameters + sizes.parameters,
            derived: self.derived..self.derived + sizes.derived,
            prepared: self.prepared..self.prepared + layer.prepared(),
            summary: self.summary..self.summary + layer.summary(),
            layer,
        };
        let index = self.layers.len();
        if !planned.summary.is_empty() {
            self.runs.push(self.steps.len()..self.steps.len());
        }
        self.steps.push(Step::Layer(index));
        let tiles = sizes.tiles.into_iter();
        self.tiles
            .extend(tiles.map(|tile| PlannedTile { layer: index, tile }));
        self.parameters = planned.parameters.end;
        // Layers begin on a cache line, so that no two threads write to the same one.
        self.derived = planned.derived.end.next_multiple_of(16);
        self.prepared = planned.prepared.end;
        self.summary = planned.summary.end;
        let wants = is_trained || at.gradient.is_some();
        let output = At {
            values: planned.output,
            gradient: wants.then_some(planned.gradient),
            size,
        };
        self.layers.push(planned);
        output
    }

    /// Where a tile begins in θ.
    pub fn tile_start(&self, tile: &PlannedTile) -> usize {
        self.layers[tile.layer].parameters.start + tile.tile.start
    }

    fn group_tiles(&self, split_decay: bool) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for (index, planned) in self.tiles.iter().enumerate() {
            let start = self.tile_start(planned);
            let end = start + planned.tile.len();
            let segments = self.layers[planned.layer].layer.segments();
            let decays = segments[planned.tile.segment].decays;
            let layer = &self.layers[planned.layer].layer;
            let is_trained = layer.is_trained(planned.tile.segment);
            match items.last_mut() {
                // A tile of a layer that uses its parameters at many places is work enough.
                Some(item)
                    if end - item.range.start <= ITEM
                        && (item.decays == decays || !split_decay)
                        && item.is_trained == is_trained
                        && self.reuse(item.tiles.end - 1) * layer.reuse() == 1 =>
                {
                    item.range.end = end;
                    item.tiles.end = index + 1;
                }
                _ => items.push(Item {
                    range: start..end,
                    tiles: index..index + 1,
                    decays,
                    is_trained,
                }),
            }
        }
        items
    }

    /// How often a row uses a parameter of a tile.
    fn reuse(&self, tile: usize) -> usize {
        self.layers[self.tiles[tile].layer].layer.reuse()
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

/// The number, in its list, of the entry that the unfolded layer `index` comes from, or of the block that it is in.
fn place_of(nodes: &[Node], index: usize) -> usize {
    let mut layers = 0;
    let ends = nodes.iter().map(|node| {
        layers += node.part.layers().len();
        layers
    });
    1 + ends.take_while(|end| *end <= index).count()
}

/// Blocks of equal size, an even number of them where a second thread would help.
fn block_rows(batch_size: usize, is_team_work: bool, most: usize) -> usize {
    let blocks = batch_size.div_ceil(most);
    let blocks = if is_team_work {
        blocks.next_multiple_of(2)
    } else {
        blocks
    };
    batch_size.div_ceil(blocks).next_multiple_of(4)
}
