//! Unfolding a network: parts and their layers become steps over row blocks, with places in the
//! arena and in θ.

use super::{At, Factors, Plan, PlannedLayer, PlannedTile, Step};
use crate::cpu::precision::Precision;
use crate::kernels::Isa;
use crate::layers::{AnyLayer, Node, Order, Part, Pointwise, Reorder};
use crate::shape::{Shape, stride};

impl Plan {
    /// Room in the arena for rows of so many values.
    pub(super) fn rows(&mut self, stride: usize) -> usize {
        let start = self.arena;
        self.arena += self.capacity * stride;
        start
    }

    /// Puts parts of the network behind what has been planned, for rows at `at`. Returns where rows
    /// come out.
    pub(super) fn unfold<T: Precision>(
        &mut self,
        isa: Isa,
        path: &str,
        nodes: Vec<Node>,
        mut at: At,
    ) -> At {
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
            Part::Layer(mut layer) => {
                let activation = match self.is_split {
                    true => layer.take_activation(),
                    false => None,
                };
                let shape = layer.facts().output;
                let at = self.add_layer::<T>(isa, path, layer, at);
                match activation {
                    Some(activation) => {
                        let layer = Box::new(Pointwise { shape, activation });
                        self.add_layer::<T>(isa, path, layer, at)
                    }
                    None => at,
                }
            }
            Part::Residual { body, projection } => {
                let at = self.reorder::<T>(isa, at, Order::Rows);
                let fork = self.steps.len();
                let width = stride(at.size);
                let end = self.unfold::<T>(isa, &format!("{path}."), body, at);
                let end = self.reorder::<T>(isa, end, Order::Rows);
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
                        let skip = self.add::<T>(isa, &path, *part, bridge);
                        self.reorder::<T>(isa, skip, Order::Rows)
                    }
                };
                let output_stride = stride(end.size);
                let (output, gradient) = (self.rows(output_stride), self.rows(output_stride));
                if let (false, Some(to)) = (has_projection, at.gradient) {
                    let from = gradient;
                    let stride = width;
                    self.insert(fork, Step::Fork { from, to, stride });
                }
                // A body without trained parameters, and none before it, has no gradient; this is
                // never read.
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
                    order: Order::Rows,
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

    /// Puts rows in the order that is wanted, if they are not.
    pub(super) fn reorder<T: Precision>(&mut self, isa: Isa, at: At, into: Order) -> At {
        if into == Order::Any || into == at.order {
            return at;
        }
        let shape = Shape::flat(at.size);
        let at = self.add_layer::<T>(isa, "", Box::new(Reorder { shape, into }), at);
        At { order: into, ..at }
    }

    fn add_layer<T: Precision>(
        &mut self,
        isa: Isa,
        path: &str,
        layer: Box<dyn AnyLayer>,
        at: At,
    ) -> At {
        let facts = layer.facts();
        let at = self.reorder::<T>(isa, at, facts.order);
        let sizes = T::layer(&*layer).plan(isa);
        let size = facts.output.size();
        let output_stride = facts.output_stride;
        let is_trained = layer.is_trained();
        let planned = PlannedLayer {
            path: path.to_owned(),
            input_stride: match facts.reads_features {
                true => 0,
                false => stride(at.size),
            },
            output_stride,
            stash_stride: sizes.stash,
            output_order: at.order,
            input: at.values,
            input_gradient: at.gradient,
            output: self.rows(output_stride),
            gradient: self.rows(output_stride),
            stash: self.rows(sizes.stash),
            parameters: self.parameters..self.parameters + sizes.parameters,
            derived: self.derived..self.derived + sizes.derived,
            prepared: self.prepared..self.prepared + facts.prepared,
            summary: self.summary..self.summary + facts.statistics,
            factors: vec![Factors::NONE; layer.segments().len()],
            layer,
            facts,
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
            order: at.order,
        };
        self.layers.push(planned);
        output
    }
}
