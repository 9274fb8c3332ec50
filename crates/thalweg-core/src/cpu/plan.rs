//! The plan: every size and place, computed once before training.
//!
//! How rows are cut into blocks and θ into items does not depend on the number of threads, so
//! nothing that is computed does; only the room for rows and the shares of the members do.

mod factors;
mod items;
mod unfold;

use std::ops::Range;

use super::precision::Precision;
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::{self, AnyLayer, Facts, Node, Order, Part, Tile, USUAL_NON_ZEROS};
use crate::precision::Dtype;
use crate::shape::stride;
use crate::spec::{NetworkSpec, TrainingSpec};

/// Rows in a block, at most: their activations stay in the caches of one core.
const BLOCK_ROWS: usize = 64;

/// How many times as many where every block sums its gradient, so that fewer of these are written
/// and added up. Such networks are small, and so are their rows, unless they have images.
const SUMMED: usize = 2;

/// A step of less work than this runs on one thread: about twice the cost of two barriers. In
/// floating-point operations at the rate of products.
const TEAM_WORK: usize = 400_000;

/// What a row costs beside products (gathering, activations, loss), in the same measure.
const ROW_WORK: usize = 2_000;

/// What a parameter costs an update beside products (optimizer, descent, derived values).
const PARAMETER_WORK: usize = 50;

/// A row block of a network with images takes up to about this many values, so that it stays in the
/// caches.
const BLOCK_VALUES: usize = 1 << 18;

/// A gradient is added up from those of the row blocks where a block leaves behind more than this
/// many times the values that θ has.
const TRAFFIC: usize = 4;

/// Up to so many values in the gradients of all row blocks the caller adds them up and updates θ
/// alone. That takes no longer than a barrier and the transfer of θ to the other cores.
const CALLERS_UPDATE: usize = 4096;

/// A layer and its places in memory.
pub(super) struct PlannedLayer {
    /// What the names of its tensors begin with; empty if it is none of the network's.
    pub path: String,
    pub layer: Box<dyn AnyLayer>,
    pub facts: Facts,
    /// Values that a row takes in the input and in the output.
    pub input_stride: usize,
    pub output_stride: usize,
    pub stash_stride: usize,
    /// How its rows lie in the output.
    pub output_order: Order,
    /// Where its rows begin in the arena: input, output, gradient of the output, stash. The
    /// gradient of the input, where it is wanted, is that of the output of the layer before.
    pub input: usize,
    pub input_gradient: Option<usize>,
    pub output: usize,
    pub gradient: usize,
    pub stash: usize,
    /// Its part of θ, of the derived values, of the prepared numbers, and of a block's statistics.
    pub parameters: Range<usize>,
    pub derived: Range<usize>,
    pub prepared: Range<usize>,
    pub summary: Range<usize>,
    /// Of each segment, where it is trained.
    pub factors: Vec<Factors>,
}

/// What multiplies the learning rate and the decay of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factors {
    pub rate: f64,
    /// Of λ alone: decoupled decay is θ ← θ − η·rate·decay·λ·θ.
    pub decay: f64,
}

/// A tile, by layer.
pub(super) struct PlannedTile {
    pub layer: usize,
    pub tile: Tile,
}

/// One step of a row block through the network.
pub(super) enum Step {
    /// It goes through the layer of this index.
    Layer(usize),
    /// A residual block begins: in the backward pass, the gradient at `from` is added to that at
    /// `to`.
    Fork {
        from: usize,
        to: usize,
        stride: usize,
    },
    /// A residual block ends: values at `body` and `skip` are added up into `output`; in the
    /// backward pass, the gradient of the output becomes that of the body and, where there is a
    /// projection, of the skip.
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

/// Where rows lie in the arena: their values, their gradients where these are needed, values of a
/// row; and how.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub values: usize,
    pub gradient: Option<usize>,
    pub size: usize,
    pub order: Order,
}

/// A contiguous piece of θ that one thread updates at once: gradient, optimizer, derived values.
pub(super) struct Item {
    /// Its place in θ.
    pub range: Range<usize>,
    /// Its tiles.
    pub tiles: Range<usize>,
    /// Of a chain that treats parameters differently: see [`crate::optimizers::Scope::contains`].
    pub is_weight: bool,
    pub is_matrix: bool,
    /// Whether it is trained by gradients; else its layers track it.
    pub is_trained: bool,
    pub factors: Factors,
}

/// Where items end, beside their size and where what is trained ends.
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
    /// Its layer and its segment of it.
    pub of: (usize, usize),
    pub is_weight: bool,
    pub is_matrix: bool,
    pub factors: Factors,
    /// Whether constraints act on its rows.
    pub is_constrained: bool,
    /// As a matrix: units, and parameters of a unit.
    pub rows: usize,
    pub columns: usize,
    /// Where in its place each parameter stands, unit by unit.
    pub places: Vec<u32>,
}

/// How the rows of a batch are cut into blocks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Blocking {
    /// Rows of a block, at most.
    pub rows: usize,
    /// Whether the blocks of a member take the same room in the arena, one after the other; else
    /// each keeps its own, because its rows are read again.
    pub reuses_room: bool,
}

impl Blocking {
    /// Blocks of so many rows.
    pub fn count(&self, rows: usize) -> usize {
        rows.div_ceil(self.rows)
    }
}

/// Every size and place of a network in an engine.
pub(super) struct Plan {
    /// Whether activations that are fused into layers have been split off, as second derivatives
    /// want.
    pub is_split: bool,
    pub layers: Vec<PlannedLayer>,
    /// The steps of a row block, in order.
    pub steps: Vec<Step>,
    /// The steps between two barriers. All runs but the first begin with a layer that couples rows.
    pub runs: Vec<Range<usize>>,
    /// Length of what layers prepare before a pass, and of the statistics of a row block.
    pub prepared: usize,
    pub summary: usize,
    /// Where the last layer's output and its gradient lie.
    pub output: usize,
    pub output_gradient: usize,
    /// Values from one row of them to the next.
    pub output_stride: usize,
    pub tiles: Vec<PlannedTile>,
    pub items: Vec<Item>,
    /// Items that each member updates.
    pub shares: Vec<Range<usize>>,
    /// Length of θ with padding.
    pub parameters: usize,
    pub derived: usize,
    /// Length of the arena for the rows of a batch.
    pub arena: usize,
    /// Rows that the arena holds.
    pub capacity: usize,
    /// Rows of a batch, at most.
    pub batch_size: usize,
    /// Rows of a pack, where layers want their rows in packs; else 1.
    pack: usize,
    /// How a step cuts its rows, and an evaluation.
    pub blocking: Blocking,
    pub evaluation: Blocking,
    /// Whether the gradient is added up from those of the row blocks: see [`Plan::saves_traffic`];
    /// or is that of the only row, which leaves it in the same place.
    pub adds_blocks: bool,
    /// Whether batches are single rows that go through [`OneRow`](crate::layers::OneRow) layers.
    pub takes_one_row: bool,
    /// Threads that work on a step.
    pub members: usize,
    /// Whether θ is so small that the caller updates it alone, from the gradients of the blocks and
    /// nothing that is left in the arena.
    pub caller_updates: bool,
    pub inputs: usize,
    /// Of a member, where the network ends in several.
    pub outputs: usize,
    /// Members whose outputs the last layer puts out: see [`Facts::members`].
    pub ensemble: usize,
    /// Whether features are copied into the arena: the first layer does not read them itself.
    pub gathers_features: bool,
}

impl PlannedLayer {
    /// Which of the network's layers it is or is in.
    pub fn number(&self) -> usize {
        let mut numbers = self.path.split('.').filter_map(|part| part.parse().ok());
        numbers.next().unwrap_or(0)
    }
}

impl Plan {
    /// Plans a network for batches of up to `batch_size` rows, augmented or not, and up to
    /// `threads` threads, with items that end at a cut and where factors of the training change.
    pub fn new<T: Precision>(
        network: &NetworkSpec,
        training: &TrainingSpec,
        isa: Isa,
        batch_size: usize,
        threads: usize,
        cut: Cut,
        is_augmented: bool,
    ) -> Result<Self> {
        let dtype = training.dtype;
        // For one row: what it takes and costs.
        let one = Self::for_rows::<T>(network, dtype, isa, 1, false)?;
        let layers = || one.layers.iter();
        if let Some(planned) = layers().find(|planned| planned.facts.least_rows > batch_size) {
            let found = format!("a batch size of {batch_size}");
            let least = planned.facts.least_rows;
            let expected = format!("at least {least}: it compares rows");
            let name = &network.layers[planned.number()].name;
            let error = Error::invalid(format!("layer {name}"), found, expected);
            let error = error.of_layer(planned.number(), name);
            return Err(error.remedy("raise `batch_size`"));
        }
        // Forward, and twice as much back, but for the first layer's input.
        let costs = || layers().map(|planned| planned.facts.cost);
        let first = costs().find(|cost| *cost > 0).unwrap_or(0);
        let products = 3 * costs().sum::<usize>() - first;
        let row_work = (2 * products + ROW_WORK).saturating_mul(batch_size);
        let update_work = PARAMETER_WORK * one.parameters;
        let is_team_work = row_work.saturating_add(update_work) >= TEAM_WORK;
        let members = if is_team_work { threads } else { 1 };
        let has_packs = layers().any(|planned| planned.facts.order == Order::Packs);
        let pack = if has_packs { isa.lanes::<T>() } else { 1 };
        let multiple = pack.max(4);
        let (most, summed) = match layers().any(|planned| planned.facts.reuse > 1) {
            true => ((BLOCK_VALUES / one.arena).clamp(multiple, BLOCK_ROWS), 1),
            false => (BLOCK_ROWS, SUMMED),
        };
        let most = most - most % multiple;
        let capacity = (batch_size.max(members * summed * most)).next_multiple_of(pack);
        let mut plan = Self::for_rows::<T>(network, dtype, isa, capacity, false)?;
        plan.batch_size = batch_size;
        plan.members = members;
        plan.pack = pack;
        plan.blocking.rows = block_rows(batch_size, is_team_work, most, multiple);
        plan.evaluation = Blocking {
            rows: most,
            reuses_room: true,
        };
        plan.set_factors(training);
        plan.items = plan.group_tiles(cut);
        plan.shares = plan.share_items();
        plan.takes_one_row =
            batch_size == 1 && !is_team_work && !is_augmented && plan.can_take_one_row::<T>();
        plan.adds_blocks = plan.takes_one_row;
        if plan.saves_traffic() {
            plan.adds_blocks = true;
            plan.blocking = Blocking {
                rows: block_rows(batch_size, is_team_work, summed * most, multiple),
                reuses_room: true,
            };
        }
        let update = plan.parameters * plan.blocks();
        plan.caller_updates = plan.members > 1
            && plan.adds_blocks
            && update <= CALLERS_UPDATE
            && !matches!(cut, Cut::Tensors);
        Ok(plan)
    }

    /// Whether every row block should compute the gradient of its own rows, while these are in the
    /// caches of one core. Then a gradient as long as θ is kept for each block, and the values of
    /// all rows need not be transferred to the threads that update θ. Where rows are coupled,
    /// gradients need the whole batch.
    fn saves_traffic(&self) -> bool {
        let values = |planned: &PlannedLayer| {
            let input = match planned.facts.reads_features {
                true => USUAL_NON_ZEROS.min(self.inputs),
                false => planned.input_stride,
            };
            input + planned.output_stride + planned.stash_stride
        };
        let left: usize = self.layers.iter().map(values).sum();
        self.runs.len() == 1
            && self.blocks() > 1
            && TRAFFIC * self.parameters <= left * self.blocking.rows
    }

    /// Row blocks of a full batch.
    pub fn blocks(&self) -> usize {
        self.blocking.count(self.batch_size)
    }

    /// Whether every layer takes a single row by itself.
    fn can_take_one_row<T: Precision>(&self) -> bool {
        let is_layer = |step: &Step| matches!(step, Step::Layer(_));
        let takes_row = |planned: &PlannedLayer| T::layer(&*planned.layer).one_row().is_some();
        self.steps.iter().all(is_layer) && self.layers.iter().all(takes_row)
    }

    /// The length of the longest item, in whole cache lines.
    pub fn item_length(&self) -> usize {
        let lengths = self.items.iter().map(|item| item.range.len());
        lengths.max().unwrap_or(0).next_multiple_of(64)
    }

    /// Values of the gradients of all row blocks, where they are kept.
    pub fn partials(&self) -> usize {
        match self.adds_blocks {
            true => self.parameters * self.blocks(),
            false => 0,
        }
    }

    /// The plan of the same steps in double precision for second derivatives: activations are split
    /// off, and the rows of a batch, their blocks and the members are those of this plan.
    pub fn second_order(&self, network: &NetworkSpec, isa: Isa) -> Result<Self> {
        let pack = match self.pack {
            1 => 1,
            _ => isa.lanes::<f64>(),
        };
        let capacity = self.batch_size.next_multiple_of(pack);
        let mut plan = Self::for_rows::<f64>(network, Dtype::F64, isa, capacity, true)?;
        plan.batch_size = self.batch_size;
        plan.pack = pack;
        plan.members = self.members;
        plan.blocking.rows = self.blocking.rows;
        plan.items = plan.group_tiles(Cut::Nowhere);
        plan.shares = plan.share_items();
        Ok(plan)
    }

    /// Where everything lies in an arena for `capacity` rows.
    fn for_rows<T: Precision>(
        network: &NetworkSpec,
        dtype: Dtype,
        isa: Isa,
        capacity: usize,
        is_split: bool,
    ) -> Result<Self> {
        let mut plan = Plan {
            is_split,
            layers: Vec::new(),
            steps: Vec::new(),
            runs: Vec::new(),
            prepared: 0,
            summary: 0,
            output: 0,
            output_gradient: 0,
            output_stride: 0,
            tiles: Vec::new(),
            items: Vec::new(),
            shares: Vec::new(),
            parameters: 0,
            derived: 0,
            arena: 0,
            capacity,
            batch_size: 0,
            pack: 1,
            blocking: Blocking::default(),
            evaluation: Blocking::default(),
            adds_blocks: false,
            takes_one_row: false,
            members: 1,
            caller_updates: false,
            inputs: network.inputs,
            outputs: network.inputs,
            ensemble: 1,
            gathers_features: true,
        };
        let built = layers::build(network.shape(), &network.layers, dtype)?;
        if let [
            Node {
                part: Part::Layer(first),
                ..
            },
            ..,
        ] = &built[..]
        {
            plan.gathers_features = !first.facts().reads_features;
        }
        plan.ensemble = built.last().map_or(1, |last| last.members);
        if plan.gathers_features {
            plan.arena = capacity * stride(network.inputs);
        }
        let input = At {
            values: 0,
            gradient: None,
            size: network.inputs,
            order: Order::Rows,
        };
        let output = plan.unfold::<T>(isa, "", built, input);
        let output = plan.reorder::<T>(isa, output, Order::Rows);
        plan.output = output.values;
        plan.outputs = output.size / plan.ensemble;
        let last = (plan.layers.last()).filter(|last| last.output == output.values);
        plan.output_stride = last.map_or(stride(output.size), |last| last.output_stride);
        // Without parameters the loss still has to leave its gradient somewhere.
        plan.output_gradient = match output.gradient {
            Some(gradient) => gradient,
            None => plan.rows(plan.output_stride),
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

    /// Where each parameter stands in θ, in the order of
    /// [`State::parameters`](crate::engine::State::parameters), and whether it is trained.
    pub fn places<T: Precision>(&self, isa: Isa) -> impl Iterator<Item = (usize, bool)> {
        self.layers.iter().flat_map(move |planned| {
            let layer = &planned.layer;
            (layer.segments().into_iter().enumerate()).flat_map(move |(segment, info)| {
                let is_trained = info.is_trained;
                (0..info.len()).map(move |index| {
                    let at = T::layer(&**layer).locate(isa, segment, index);
                    (planned.parameters.start + at, is_trained)
                })
            })
        })
    }

    /// How many values they are, without padding.
    pub fn values(&self) -> usize {
        let layers = self.layers.iter();
        let segments = layers.flat_map(|planned| planned.layer.segments());
        segments.map(|segment| segment.len()).sum()
    }

    /// Rows for which there is room where so many are: whole packs.
    pub fn room(&self, rows: usize) -> usize {
        rows.next_multiple_of(self.pack)
    }

    /// Where a tile begins in θ.
    pub fn tile_start(&self, tile: &PlannedTile) -> usize {
        self.layers[tile.layer].parameters.start + tile.tile.start
    }
}

/// Blocks of equal size, an even number of them where a second thread would help. They begin at
/// multiples of four rows, because layers may pair a batch's rows 2k and 2k + 1 (bf16), and of
/// whole packs.
fn block_rows(batch_size: usize, is_team_work: bool, most: usize, multiple: usize) -> usize {
    let blocks = batch_size.div_ceil(most);
    let blocks = if is_team_work {
        blocks.next_multiple_of(2)
    } else {
        blocks
    };
    batch_size.div_ceil(blocks).next_multiple_of(multiple)
}
