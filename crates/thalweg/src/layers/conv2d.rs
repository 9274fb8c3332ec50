//! Convolution (in fact correlation): y\[o, i, j\] = φ(b\[o\] + Σ W\[o, c, a, e\]·x\[c, i·s + a − p, j·s + e − p\]),
//! summed over the channels c of the group of o and the window's lines a and pixels e; x is 0 outside.
//!
//! Backward, with dz = dy ⊙ φ′(z): dx\[c, u, v\] = Σ W\[o, c, a, e\]·dz\[o, i, j\] over i·s + a − p = u and
//! j·s + e − p = v; dW\[o, c, a, e\] = Σ dz\[o, i, j\]·x\[c, i·s + a − p, j·s + e − p\] over rows and positions;
//! db\[o\] = Σ dz\[o, i, j\]. Source: LeCun, Bottou, Bengio & Haffner 1998; conventions as PyTorch's `Conv2d`.
//!
//! The forward pass copies a row with its padding into the stash. In such an image, lines one after the other,
//! a shift of the window is a shift in memory, and a position is one number p = i·(padded width) + j: see
//! `kernels/correlate.rs`. Positions at the end of a line whose window would reach into the next line are
//! computed and left out. A stride s > 1 computes all positions and takes every s-th, which costs s² times
//! the products of the positions that count. dz is laid out in the same way, with zeros at positions that
//! do not count and for one window in front; W is stored as files have it, \[o, c, a, e\].

use super::window::{KERNEL, PADDING, STRIDE, Window};
use super::{
    Block, Geometry, Layer, Matrix, Part, Place, Plan, Segment, Shape, Tile, Trace, Weights,
    stride, vectors,
};
use crate::activations::{ACTIVATIONS, Activation, AnyActivation, RowShape};
use crate::constraints::{self, CONSTRAINT, Constraint};
use crate::error::{Error, Result};
use crate::initializers::{INITIALIZERS, Initializer};
use crate::kernels::correlate::{Correlation, Overlaps, Step, UNITS};
use crate::kernels::lines::{self, Lines};
use crate::kernels::{Isa, moments};
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Choice, Default, Description, Domain, Entry, Parameter};

const WEIGHT: usize = 0;
/// Values of the widest vector: what kernels may read and write behind the last position.
const SLACK: usize = 16;

/// See the module's text.
struct Conv2d {
    input: Shape,
    channels: usize,
    groups: usize,
    window: Window,
    has_bias: bool,
    activation: Box<dyn AnyActivation>,
    initializer: Box<dyn Initializer>,
    constraint: Option<Box<dyn Constraint>>,
    /// The input and dz with their padding.
    image: Padded,
    gradient: Padded,
    /// The reductions of the forward and the backward pass, for one group.
    forward: Vec<Step>,
    backward: Vec<Step>,
}

/// How an image lies in the stash.
#[derive(Debug, Clone, Copy)]
struct Padded {
    /// Values of a line and of a channel.
    line: usize,
    plane: usize,
    /// Where the first value of a channel is.
    origin: usize,
}

impl Conv2d {
    fn build(arguments: &Arguments, place: &Place) -> Result<Part> {
        let (input, channels) = (place.input, arguments.integer("channels"));
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
        let activation = ACTIVATIONS.build(&arguments.choice("activation"), &())?;
        let initializer = match arguments.choice("initializer") {
            choice if choice.name == AUTO => Choice::new(activation.initializer()),
            choice => choice,
        };
        let (k, padding) = (window.kernel, window.padding);
        let line = input.width + 2 * padding;
        let plane = line * (input.height + 2 * padding);
        let reach = (k - 1) * (line + 1);
        let image = Padded {
            line,
            plane,
            origin: padding * (line + 1),
        };
        let gradient = Padded {
            line,
            plane: (reach + plane + 2 * SLACK).next_multiple_of(SLACK),
            origin: reach,
        };
        let window_steps = |channels: usize, step: &dyn Fn(usize, usize, usize) -> Step| {
            let shifts = |c| (0..k * k).map(move |i| (c, i / k, i % k));
            (0..channels)
                .flat_map(shifts)
                .map(|(c, a, e)| step(c, a, e))
                .collect::<Vec<Step>>()
        };
        let (inputs, outputs) = (input.channels / groups, channels / groups);
        Ok(Part::layer(Conv2d {
            input,
            channels,
            groups,
            window,
            has_bias: arguments.flag("bias"),
            activation,
            initializer: INITIALIZERS.build(&initializer, &())?,
            constraint: constraints::of(arguments)?,
            image,
            gradient,
            forward: window_steps(inputs, &|c, a, e| Step {
                a: (c * k + a) * k + e,
                b: c * plane + a * line + e,
            }),
            backward: window_steps(outputs, &|o, a, e| Step {
                a: o * inputs * k * k + a * k + e,
                b: o * gradient.plane + reach - (a * line + e),
            }),
        }))
    }

    /// Weights of an output channel.
    fn fan_in(&self) -> usize {
        self.forward.len()
    }

    /// Input and output channels of a group.
    fn group(&self) -> (usize, usize) {
        (
            self.input.channels / self.groups,
            self.channels / self.groups,
        )
    }

    /// Positions with a stride of 1, from the first to the last that counts.
    fn positions(&self) -> usize {
        let last = |outputs: usize| (outputs - 1) * self.window.stride;
        last(self.window.height) * self.image.line + last(self.window.width) + 1
    }

    /// Length of the padded input, of dz, and of a padded gradient of the input.
    fn lengths(&self) -> [usize; 3] {
        let planes = self.input.channels * self.image.plane;
        [
            (planes + SLACK).next_multiple_of(SLACK),
            self.channels * self.gradient.plane,
            self.input.channels * self.input_row(),
        ]
    }

    /// Values that a channel of the padded gradient of the input takes, from the first that counts on.
    fn input_row(&self) -> usize {
        (self.input.height * self.image.line).next_multiple_of(SLACK)
    }

    /// Of each row of the stash: the padded input, dz, the padded gradient of the input, and z.
    fn split<'a, T>(&self, stash: &'a mut [T]) -> [&'a mut [T]; 4] {
        let [input, gradient, input_gradient] = self.lengths();
        let (input, rest) = stash.split_at_mut(input);
        let (gradient, rest) = rest.split_at_mut(gradient);
        let (input_gradient, z) = rest.split_at_mut(input_gradient);
        [input, gradient, input_gradient, z]
    }

    fn rows(&self) -> RowShape {
        let width = self.output().size();
        RowShape {
            width,
            stride: stride(width),
        }
    }

    fn activation<T: Precision>(&self) -> &dyn Activation<T> {
        T::activation(&*self.activation)
    }

    fn stash<T: Precision>(&self) -> usize {
        let z = match self.activation::<T>().keeps_input() {
            true => stride(self.output().size()),
            false => 0,
        };
        self.lengths().iter().sum::<usize>() + z
    }
}

impl Geometry for Conv2d {
    fn output(&self) -> Shape {
        self.window.output(self.channels)
    }

    fn segments(&self) -> Vec<Segment> {
        let k = self.window.kernel;
        let weight = Segment {
            name: "weight".into(),
            shape: vec![self.channels, self.group().0, k, k],
            decays: true,
        };
        let bias = Segment {
            name: "bias".into(),
            shape: vec![self.channels],
            decays: false,
        };
        [weight]
            .into_iter()
            .chain(self.has_bias.then_some(bias))
            .collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        if segment != WEIGHT {
            return vec![0.0; self.channels];
        }
        let mut weights = vec![0.0; self.channels * self.fan_in()];
        let fan_out = self.group().1 * self.window.kernel * self.window.kernel;
        self.initializer
            .fill(self.fan_in(), fan_out, random, &mut weights);
        weights
    }

    fn cost(&self) -> usize {
        self.channels * self.fan_in() * self.positions()
    }

    fn reuse(&self) -> usize {
        self.positions()
    }

    fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        (segment == WEIGHT)
            .then_some(self.constraint.as_deref())
            .flatten()
    }

    fn check_trainable(&self) -> Result<()> {
        self.activation.check_trainable()
    }

    fn is_probability(&self) -> bool {
        self.activation.is_probability()
    }
}

impl<T: Precision> Layer<T> for Conv2d {
    fn plan(&self, _: Isa) -> Plan {
        let segments = self.segments();
        let starts = vectors::starts(&segments);
        let fan_in = self.fan_in();
        // A few units of one group; the last tile has the padding, as a row of its own.
        let units = self.group().1;
        let mut tiles: Vec<Tile> = (0..self.channels)
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
        let weights = self.channels * fan_in;
        if starts[1] > weights {
            tiles.push(Tile {
                start: weights,
                segment: WEIGHT,
                row: self.channels,
                rows: 1,
                column: 0,
                columns: starts[1] - weights,
            });
        }
        if self.has_bias {
            tiles.extend(vectors::tiles(1, starts[1], self.channels));
        }
        Plan {
            parameters: starts[segments.len()],
            derived: 0,
            stash: self.stash::<T>(),
            tiles,
        }
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        vectors::locate(&self.segments(), segment, index)
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let (shape, output, step) = (self.input, self.output(), self.window.stride);
        let (inputs, units) = self.group();
        let weight = self.channels * self.fan_in();
        let bias = weights.parameters.get(vectors::padded(weight)..);
        let rows = x.chunks_exact(stride(shape.size()));
        let rows = rows.zip(y.chunks_exact_mut(stride(output.size())));
        let rows = rows.zip(stash.chunks_exact_mut(block.stash));
        for ((x, y), stash) in rows.take(block.rows) {
            let [image, scratch, _, z] = self.split(&mut stash[..self.stash::<T>()]);
            image.fill(T::ZERO);
            let planes = image.chunks_exact_mut(self.image.plane);
            for (plane, x) in planes.zip(x.chunks_exact(shape.area()).take(shape.channels)) {
                let lines = Lines {
                    count: shape.height,
                    width: shape.width,
                    from: shape.width,
                    to: self.image.line,
                };
                lines::copy(block.isa, lines, x, &mut plane[self.image.origin..]);
            }
            for group in 0..self.groups {
                let first = group * units;
                Correlation {
                    rows: units,
                    length: self.positions(),
                    steps: &self.forward,
                    a: &weights.parameters[first * self.fan_in()..],
                    a_row: self.fan_in(),
                    b: &image[group * inputs * self.image.plane..],
                    start: bias.filter(|_| self.has_bias).map(|bias| &bias[first..]),
                    c: &mut scratch[first * self.gradient.plane..],
                    c_row: self.gradient.plane,
                }
                .run(block.isa);
            }
            let planes = scratch.chunks_exact(self.gradient.plane);
            for (y, plane) in y.chunks_exact_mut(output.area()).zip(planes) {
                if step == 1 {
                    let lines = Lines {
                        count: output.height,
                        width: output.width,
                        from: self.image.line,
                        to: output.width,
                    };
                    lines::copy(block.isa, lines, plane, y);
                    continue;
                }
                let lines = plane.chunks(self.image.line * step);
                for (y, line) in y.chunks_exact_mut(output.width).zip(lines) {
                    for (y, z) in y.iter_mut().zip(line.iter().step_by(step)) {
                        *y = *z;
                    }
                }
            }
            y[output.size()..].fill(T::ZERO);
            if !z.is_empty() {
                let length = y.len();
                z[..length].copy_from_slice(y);
            }
        }
        let values = block.rows * stride(output.size());
        let y = &mut y[..values];
        self.activation::<T>().forward(block.isa, self.rows(), y);
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
        let (shape, output, step) = (self.input, self.output(), self.window.stride);
        let (inputs, units) = self.group();
        let row = stride(output.size());
        for index in 0..block.rows {
            let stash = &mut stash[index * block.stash..][..self.stash::<T>()];
            let [_, dz, scratch, z] = self.split(stash);
            let range = index * row..(index + 1) * row;
            let dy = &mut dy[range.clone()];
            let at = match z.is_empty() {
                true => &trace.y[range],
                false => &z[..row],
            };
            let activation = self.activation::<T>();
            activation.backward(block.isa, self.rows(), at, dy);
            dz.fill(T::ZERO);
            let planes = dz.chunks_exact_mut(self.gradient.plane);
            for (plane, dy) in planes.zip(dy.chunks_exact(output.area())) {
                let plane = &mut plane[self.gradient.origin..];
                if step == 1 {
                    let lines = Lines {
                        count: output.height,
                        width: output.width,
                        from: output.width,
                        to: self.image.line,
                    };
                    lines::copy(block.isa, lines, dy, plane);
                    continue;
                }
                let lines = plane.chunks_mut(self.image.line * step);
                for (line, dy) in lines.zip(dy.chunks_exact(output.width)) {
                    for (z, dy) in line.iter_mut().step_by(step).zip(dy) {
                        *z = *dy;
                    }
                }
            }
            let Some(dx) = dx.as_deref_mut() else {
                continue;
            };
            let k = self.window.kernel;
            for group in 0..self.groups {
                Correlation {
                    rows: inputs,
                    length: (shape.height - 1) * self.image.line + shape.width,
                    steps: &self.backward,
                    a: &weights.parameters[group * units * self.fan_in()..],
                    a_row: k * k,
                    b: &dz[group * units * self.gradient.plane + self.image.origin..],
                    start: None,
                    c: &mut scratch[group * inputs * self.input_row()..],
                    c_row: self.input_row(),
                }
                .run(block.isa);
            }
            let dx = &mut dx[index * stride(shape.size())..][..stride(shape.size())];
            let planes = scratch.chunks_exact(self.input_row());
            for (dx, plane) in dx.chunks_exact_mut(shape.area()).zip(planes) {
                let lines = Lines {
                    count: shape.height,
                    width: shape.width,
                    from: self.image.line,
                    to: shape.width,
                };
                lines::copy(block.isa, lines, plane, dx);
            }
            dx[shape.size()..].fill(T::ZERO);
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        _: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        let output = self.output();
        if tile.segment != WEIGHT {
            gradient.fill(T::ZERO);
            let channels = tile.column..self.channels.min(tile.column + tile.columns);
            for row in dy.chunks_exact(stride(output.size())).take(batch.rows) {
                for (gradient, channel) in gradient.iter_mut().zip(channels.clone()) {
                    let dz = &row[channel * output.area()..][..output.area()];
                    *gradient += T::from_f64(moments::sum(batch.isa, dz));
                }
            }
            return;
        }
        if tile.row == self.channels {
            gradient.fill(T::ZERO);
            return;
        }
        let (inputs, units) = self.group();
        let [image, ..] = self.lengths();
        let group = tile.row / units;
        Overlaps {
            rows: batch.rows,
            row: batch.stash,
            units: tile.rows,
            length: self.positions(),
            a: &stash[image + tile.row * self.gradient.plane + self.gradient.origin..],
            a_unit: self.gradient.plane,
            b: &stash[group * inputs * self.image.plane..],
            steps: &self.forward,
            c: gradient,
        }
        .run(batch.isa);
    }

    fn matrix(&self, tile: &Tile) -> Option<Matrix> {
        (tile.segment == WEIGHT && tile.row < self.channels).then(|| Matrix {
            units: tile.row..tile.row + tile.rows,
            inputs: 0..tile.columns,
            unit_stride: tile.columns,
            input_stride: 1,
        })
    }
}

pub(super) const ENTRY: Entry<Part, Place> = Entry {
    description: Description {
        name: "conv2d",
        summary: "Every output channel looks at every place of the image through the same window",
        equation: "y[o, i, j] = φ(b[o] + Σ W[o, c, a, e]·x[c, i·stride + a − padding, j·stride + e − padding])",
        source: "LeCun et al. 1998",
        parameters: &[
            Parameter {
                name: "channels",
                summary: "channels that it puts out",
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
            Parameter {
                name: "activation",
                summary: "φ",
                default: Default::Text("identity"),
                domain: Domain::Choice(|| &ACTIVATIONS),
            },
            Parameter {
                name: "bias",
                summary: "whether there is a b",
                default: Default::Flag(true),
                domain: Domain::Flag,
            },
            Parameter {
                name: "initializer",
                summary: "of W; auto is the one that suits the activation",
                default: Default::Text("auto"),
                domain: Domain::ChoiceOrAuto(|| &INITIALIZERS),
            },
            CONSTRAINT,
        ],
    },
    build: Conv2d::build,
};
