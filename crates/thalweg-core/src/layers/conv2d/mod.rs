//! Convolution (in fact correlation): y\[o, i, j\] = φ(b\[o\] + Σ W\[o, c, a, e\]·x\[c, i·s + a −
//! p, j·s + e − p\]), summed over the channels c of the group of o and the window's lines a and
//! pixels e; x is 0 outside.
//!
//! Backward, with dz = dy ⊙ φ′(z): dx\[c, u, v\] = Σ W\[o, c, a, e\]·dz\[o, i, j\] over i·s + a − p
//! = u and j·s + e − p = v; dW\[o, c, a, e\] = Σ dz\[o, i, j\]·x\[c, i·s + a − p, j·s + e − p\]
//! over rows and positions; db\[o\] = Σ dz\[o, i, j\]. Source: LeCun, Bottou, Bengio & Haffner
//! 1998; conventions as PyTorch's `Conv2d`.
//!
//! Rows come in packs, so that a pixel is a vector: see `kernels/correlate/`. All three are
//! correlations whose operands are read in place (`axes.rs`); only an image that is padded is
//! copied, with its padding, into the stash. W is stored as files have it, \[o, c, a, e\].

mod axes;

use super::network::MOST_WEIGHTS;
use super::units::{self, Units, WEIGHT};
use super::window::{KERNEL, PADDING, STRIDE, Window};
use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Order, Part, SecondOrder, Segment,
    Tile, Trace, WeightLayout, Weights, activation::Pointwise, vectors,
};
use crate::activations::{AnyActivation, RowShape};
use crate::constraints::{CONSTRAINT, Constraint};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::kernels::correlate::{self, Axis, Correlation, Overlaps, UNITS};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// See the module's text.
struct Conv2d {
    input: Shape,
    groups: usize,
    window: Window,
    units: Units,
    /// Lines and pixels on the way forward, and those on the way back that belong together.
    forward: [Axis; 2],
    backward: Vec<[Axis; 2]>,
    /// The padded pixel where each weight of a unit begins to look.
    offsets: Vec<usize>,
}

impl Conv2d {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let (input, channels) = (context.input, arguments.integer("channels"));
        let window = Window::new("conv2d", arguments, input)?;
        let groups = arguments.integer("groups");
        if input.channels % groups != 0 || channels % groups != 0 {
            let found = format!(
                "{groups} groups of {} to {channels} channels",
                input.channels
            );
            let expected = "a number of groups that divides both";
            return Err(Error::invalid("layer conv2d", found, expected));
        }
        let (k, inputs) = (window.kernel, input.channels / groups);
        let weights = [channels, inputs, k, k]
            .into_iter()
            .fold(1usize, usize::saturating_mul);
        if weights > MOST_WEIGHTS {
            let found = format!("{channels} channels of {inputs}×{k}×{k} weights");
            let expected = format!("at most {MOST_WEIGHTS} in all");
            return Err(Error::invalid("layer conv2d", found, expected));
        }
        let sides = [
            axes::Side {
                image: input.height,
                outputs: window.height,
                weight: k,
            },
            axes::Side {
                image: input.width,
                outputs: window.width,
                weight: 1,
            },
        ];
        let [lines, pixels] = sides.map(|side| axes::backward(&window, side));
        let pairs = |line: Axis| pixels.iter().map(move |pixel| [line, *pixel]);
        let mut units = Units::read(arguments, channels, vec![channels, inputs, k, k])?;
        // One that treats a row as a whole wants it in another order.
        let is_outside = units.activation.couples_values();
        let activation = is_outside.then(|| units.take_activation());
        let mut layer = Conv2d {
            input,
            groups,
            window,
            units,
            forward: sides.map(|side| axes::forward(&window, side)),
            backward: lines.into_iter().flat_map(pairs).collect(),
            offsets: Vec::new(),
        };
        let (_, line, plane) = layer.image();
        let offset = |i: usize| i / (k * k) * plane + i / k % k * line + i % k;
        layer.offsets = (0..inputs * k * k).map(offset).collect();
        let shape = layer.output();
        let layer = Part::layer(layer);
        Ok(match activation {
            None => layer,
            Some(activation) => {
                Part::Sequence(vec![layer, Part::layer(Pointwise { shape, activation })])
            }
        })
    }

    /// Input and output channels of a group.
    fn group(&self) -> (usize, usize) {
        (
            self.input.channels / self.groups,
            self.units.count / self.groups,
        )
    }

    /// The padded image: its values, and those of a line and of a channel.
    fn image(&self) -> (usize, usize, usize) {
        let padding = 2 * self.window.padding;
        let line = self.input.width + padding;
        let plane = (self.input.height + padding) * line;
        (self.input.channels * plane, line, plane)
    }

    /// Values of a row in the stash: the padded image, if there is padding, and z, if the
    /// activation wants it.
    fn stash<T: LayerScalar>(&self) -> [usize; 2] {
        let image = match self.window.padding {
            0 => 0,
            _ => stride(self.image().0),
        };
        let z = match self.units.activation::<T>().keeps_input() {
            true => stride(self.output().size()),
            false => 0,
        };
        [image, z]
    }

    /// Where a pack has its values in the stash.
    fn split<'a, T: LayerScalar>(
        &self,
        block: Block,
        pack: usize,
        stash: &'a mut [T],
    ) -> (&'a mut [T], &'a mut [T]) {
        let lanes = block.isa.lanes::<T>();
        let [image, z] = self.stash::<T>().map(|values| values * lanes);
        let stash = &mut stash[pack * block.stash * lanes..][..image + z];
        stash.split_at_mut(image)
    }

    /// Copies a pack with zeros around each image.
    fn pad<T: LayerScalar>(&self, lanes: usize, x: &[T], image: &mut [T]) {
        let (padding, (_, line, plane)) = (self.window.padding, self.image());
        let lines = x.chunks_exact(self.input.width * lanes);
        image.fill(T::ZERO);
        for (k, x) in lines
            .take(self.input.channels * self.input.height)
            .enumerate()
        {
            let (channel, y) = (k / self.input.height, k % self.input.height);
            let start = channel * plane + (y + padding) * line + padding;
            image[start * lanes..][..x.len()].copy_from_slice(x);
        }
    }

    fn rows(&self) -> RowShape {
        let width = self.output().size();
        RowShape {
            width,
            stride: stride(width),
        }
    }
}

impl Conv2d {
    fn output(&self) -> Shape {
        self.window.output(self.units.count)
    }
}

impl Geometry for Conv2d {
    fn facts(&self) -> Facts {
        let reuse = self.output().area();
        Facts {
            order: Order::Packs,
            reuse,
            is_probability: self.units.activation.is_probability(),
            ..Facts::new(self.output(), self.units.weights() * reuse)
        }
    }

    fn segments(&self) -> Vec<Segment> {
        self.units.segments()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        let fan_out = self.group().1 * self.window.kernel * self.window.kernel;
        self.units.initialize(segment, fan_out, random)
    }

    fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        self.units.constraint(segment)
    }

    fn check_trainable(&self) -> Result<()> {
        self.units.activation.check_trainable()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Bilinear)
    }

    fn take_activation(&mut self) -> Option<Box<dyn AnyActivation>> {
        Some(self.units.take_activation())
    }
}

impl<T: LayerScalar> Layer<T> for Conv2d {
    fn plan(&self, _: Isa) -> LayerPlan {
        let segments = self.segments();
        let starts = vectors::starts(&segments);
        let (weights, fan_in) = (self.units.weights(), self.units.fan_in());
        // A few units of one group; the last tile has the padding, as a row of its own.
        let units = self.group().1;
        let mut tiles: Vec<Tile> = (0..self.units.count)
            .step_by(units)
            .flat_map(|first| (0..units).step_by(UNITS).map(move |unit| first + unit))
            .map(|row| Tile {
                start: row * fan_in,
                segment: WEIGHT,
                row,
                rows: UNITS.min(units - row % units),
                column: 0,
                columns: fan_in,
            })
            .collect();
        if starts[1] > weights {
            tiles.push(Tile {
                start: weights,
                segment: WEIGHT,
                row: self.units.count,
                rows: 1,
                column: 0,
                columns: starts[1] - weights,
            });
        }
        if self.units.has_bias {
            tiles.extend(vectors::tiles(1, starts[1], self.units.count));
        }
        LayerPlan {
            parameters: starts[segments.len()],
            derived: 0,
            stash: self.stash::<T>().iter().sum(),
            tiles,
        }
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        vectors::locate(&self.segments(), segment, index)
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let (lanes, output) = (block.isa.lanes::<T>(), self.output());
        let ((inputs, units), (_, line, plane)) = (self.group(), self.image());
        let bias = weights
            .parameters
            .get(vectors::padded(self.units.weights())..);
        let packs = x.chunks_exact(stride(self.input.size()) * lanes);
        let packs = packs.zip(y.chunks_exact_mut(stride(output.size()) * lanes));
        for (pack, (x, y)) in packs.take(block.packs::<T>()).enumerate() {
            let (image, z) = self.split(block, pack, stash);
            let image: &[T] = match self.window.padding {
                0 => x,
                _ => {
                    self.pad(lanes, x, image);
                    image
                }
            };
            for group in 0..self.groups {
                let first = group * units;
                Correlation {
                    rows: units,
                    channels: inputs,
                    lines: self.forward[0],
                    pixels: self.forward[1],
                    weights: &weights.parameters[first * self.units.fan_in()..],
                    a: (self.units.fan_in(), self.window.kernel * self.window.kernel),
                    input: &image[group * inputs * plane * lanes..],
                    b: (plane, line),
                    start: bias
                        .filter(|_| self.units.has_bias)
                        .map(|bias| &bias[first..]),
                    output: &mut y[first * output.area() * lanes..],
                    c: (output.area(), output.width),
                }
                .run(block.isa);
            }
            y[output.size() * lanes..].fill(T::ZERO);
            if !z.is_empty() {
                z.copy_from_slice(y);
            }
            self.units
                .activation::<T>()
                .forward(block.isa, self.rows(), y);
        }
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        mut dx: Option<&mut [T]>,
    ) {
        let (lanes, shape, output) = (block.isa.lanes::<T>(), self.input, self.output());
        let (inputs, units) = self.group();
        let area = self.window.kernel * self.window.kernel;
        let [wide_x, wide_y] = [shape, output].map(|shape| stride(shape.size()) * lanes);
        for pack in 0..block.packs::<T>() {
            let (_, z) = self.split(block, pack, stash);
            let range = pack * wide_y..(pack + 1) * wide_y;
            let dz = &mut dy[range.clone()];
            let at = if z.is_empty() { &trace.y[range] } else { z };
            self.units
                .activation::<T>()
                .backward(block.isa, self.rows(), at, dz);
            let Some(dx) = dx.as_deref_mut() else {
                continue;
            };
            let dx = &mut dx[pack * wide_x..(pack + 1) * wide_x];
            for group in 0..self.groups {
                for [lines, pixels] in &self.backward {
                    Correlation {
                        rows: inputs,
                        channels: units,
                        lines: *lines,
                        pixels: *pixels,
                        weights: &weights.parameters[group * units * self.units.fan_in()..],
                        a: (area, self.units.fan_in()),
                        input: &dz[group * units * output.area() * lanes..],
                        b: (output.area(), output.width),
                        start: None,
                        output: &mut dx[group * inputs * shape.area() * lanes..],
                        c: (shape.area(), shape.width),
                    }
                    .run(block.isa);
                }
            }
            dx[shape.size() * lanes..].fill(T::ZERO);
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        stash: &[T],
        dz: &[T],
        gradient: &mut [T],
    ) {
        let (lanes, packs, output) = (batch.isa.lanes::<T>(), batch.packs::<T>(), self.output());
        let (wide, area) = (stride(output.size()) * lanes, output.area() * lanes);
        if tile.segment != WEIGHT {
            gradient.fill(T::ZERO);
            let channels = tile.within(self.units.count);
            for dz in dz.chunks_exact(wide).take(packs) {
                for (gradient, channel) in gradient.iter_mut().zip(channels.clone()) {
                    *gradient += correlate::sum(batch.isa, &dz[channel * area..][..area]);
                }
            }
            return;
        }
        if tile.row == self.units.count {
            gradient.fill(T::ZERO);
            return;
        }
        let ((inputs, units), (_, line, plane)) = (self.group(), self.image());
        let (image, distance) = match self.window.padding {
            0 => (trace.x, stride(self.input.size())),
            _ => (stash, batch.stash),
        };
        let group = tile.row / units;
        Overlaps {
            packs,
            units: tile.rows,
            size: (output.height, output.width),
            step: self.window.stride,
            line,
            a: (&dz[tile.row * area..], wide),
            b: (&image[group * inputs * plane * lanes..], distance * lanes),
            offsets: &self.offsets,
            c: gradient,
        }
        .run(batch.isa);
    }

    fn weight_layout(&self, tile: &Tile) -> Option<WeightLayout> {
        (tile.segment == WEIGHT && tile.row < self.units.count).then(|| WeightLayout {
            units: tile.row..tile.row + tile.rows,
            inputs: 0..tile.columns,
            unit_stride: tile.columns,
            input_stride: 1,
        })
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "conv2d",
        summary: "Every output channel looks at every place of the image through the same window",
        equation: "y[o, i, j] = φ(b[o] + Σ W[o, c, a, e]·x[c, i·stride + a − padding, j·stride + e − padding])",
        source: "LeCun et al. 1998",
        parameters: &[
            Parameter {
                name: "channels",
                summary: "output channels",
                default: Default::Required,
                domain: Domain::Integer(1, 1 << 24),
            },
            KERNEL,
            STRIDE,
            PADDING,
            Parameter {
                name: "groups",
                summary: "groups of channels that see only each other",
                default: Default::Integer(1),
                domain: Domain::Integer(1, 1 << 24),
            },
            units::ACTIVATION,
            units::BIAS,
            units::INITIALIZER,
            CONSTRAINT,
        ],
    },
    build: Conv2d::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::image(r#"[{"name": "conv2d", "channels": 3, "kernel": 3, "activation": "tanh"}]"#),
    Example::image(r#"[{"name": "conv2d", "channels": 4, "kernel": 1, "activation": "tanh"}, {"name": "conv2d", "channels": 3, "kernel": 3, "activation": "tanh", "padding": 1}]"#).on([3, 1, 1]).first(),
    Example::image(r#"[{"name": "conv2d", "channels": 6, "kernel": 3, "activation": "gelu", "stride": 2, "padding": 1, "groups": 2}]"#),
    Example::image(r#"[{"name": "conv2d", "channels": 6, "kernel": 3, "activation": "tanh", "stride": 2, "padding": 1, "groups": 2}]"#),
    Example::image(r#"[{"name": "conv2d", "channels": 2, "kernel": 1, "activation": "identity", "bias": false}]"#),
];
