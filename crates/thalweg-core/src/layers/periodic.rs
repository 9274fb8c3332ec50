//! Periodic embedding of numbers: y = (x, e₁, e₂, …), the inputs as they are, and for each embedded
//! column x a vector e of d values from k waves with trained frequencies f:
//! - `pbld`: e = W·h + c with h = cos z, z = 2πf·x + b, b trained and from U(−π, π) at first
//!   (Holzmüller, Grinsztajn & Steinwart 2024, RealMLP);
//! - `plr`: e = relu(W·h + c) with h = (cos z, sin z), z = 2πf·x (Gorishniy, Rubachev & Babenko 2022,
//!   who leave out x).
//!
//! f begins as N(0, σ²), W and c as U(±1/√(length of h)). Each column has its own f, b, W and c. With
//! dh = Wᵀ·de: dz = −sin z ⊙ dh (plr: + cos z ⊙ dh of the sines), df = 2πx·dz, db = dz,
//! dx = dy + 2πf·dz.

mod tangent;

use super::numbers::{COLUMNS, WIDTH, columns};
use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Part, Role, SecondOrder, Segment,
    Tile, Trace, Weights, vectors,
};
use crate::error::Result;
use crate::kernels::turns::cos_sin;
use crate::kernels::{Arch, Isa, Kernel};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

const TURN: f64 = 2.0 * std::f64::consts::PI;

const FREQUENCY: usize = 0;
const WEIGHT: usize = 1;
const BIAS: usize = 2;
/// Of `pbld` alone.
const PHASE: usize = 3;

/// See the module's text.
pub(super) struct Periodic {
    inputs: usize,
    /// The inputs that are embedded.
    columns: Vec<usize>,
    /// k.
    waves: usize,
    /// d.
    width: usize,
    sigma: f64,
    is_pbld: bool,
    /// Where each segment begins in the layer's part of θ.
    starts: [usize; 4],
}

/// The parameters, segment by segment: \[columns, k\], \[columns, d, length of h\], \[columns, d\],
/// \[columns, k\].
struct Tensors<'a, T> {
    frequency: &'a [T],
    weight: &'a [T],
    bias: &'a [T],
    phase: &'a [T],
}

/// What a column leaves in the stash of a row.
struct Waves<'a, T> {
    /// h; cos z and sin z, which it begins with.
    h: &'a [T],
    cos: &'a [T],
    sin: &'a [T],
    /// From the backward pass.
    dz: &'a [T],
}

impl Periodic {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let mut layer = Self {
            inputs: context.input.size(),
            columns: columns("periodic", arguments, context)?,
            waves: arguments.integer("frequencies"),
            width: arguments.integer("width"),
            sigma: arguments.number("sigma"),
            is_pbld: arguments.text("form") == "pbld",
            starts: [0; 4],
        };
        let starts = vectors::starts(&layer.segments());
        for (start, of_segment) in layer.starts.iter_mut().zip(starts) {
            *start = of_segment;
        }
        Ok(Part::layer(layer))
    }

    fn output(&self) -> Shape {
        Shape::flat(self.inputs + self.columns.len() * self.width)
    }

    /// Length of h.
    fn length(&self) -> usize {
        self.waves * if self.is_pbld { 1 } else { 2 }
    }

    /// Values of a column, and of a row, in the stash.
    fn kept(&self) -> usize {
        3 * self.waves
    }

    fn stash(&self) -> usize {
        stride(self.columns.len() * self.kept())
    }

    fn tensors<'a, T>(&self, parameters: &'a [T]) -> Tensors<'a, T> {
        let count = self.columns.len();
        let of = |segment: usize, length: usize| &parameters[self.starts[segment]..][..length];
        Tensors {
            frequency: of(FREQUENCY, count * self.waves),
            weight: of(WEIGHT, count * self.width * self.length()),
            bias: of(BIAS, count * self.width),
            phase: match self.is_pbld {
                true => of(PHASE, count * self.waves),
                false => &[],
            },
        }
    }

    /// What column `number` left in the stash of a row.
    fn waves<'a, T>(&self, stash: &'a [T], number: usize) -> Waves<'a, T> {
        let own = &stash[number * self.kept()..][..self.kept()];
        let (waves, dz) = own.split_at(2 * self.waves);
        let (cos, sin) = waves.split_at(self.waves);
        Waves {
            h: &waves[..self.length()],
            cos,
            sin,
            dz,
        }
    }

    /// Where e of a column is in a row that goes out.
    fn place(&self, number: usize) -> std::ops::Range<usize> {
        let start = self.inputs + number * self.width;
        start..start + self.width
    }

    /// The part of row number `row` in a buffer with rows of `stride` values.
    fn row<T>(buffer: &[T], row: usize, stride: usize) -> &[T] {
        &buffer[row * stride..][..stride]
    }

    /// Adds to the gradient of a tile, for each row and each line of its segment (the k frequencies
    /// of a column, the weights of one of its values, …), a factor times a vector.
    fn add_lines<'a, T: LayerScalar>(
        &self,
        rows: usize,
        tile: &Tile,
        gradient: &mut [T],
        of: impl Fn(usize, usize) -> (T, &'a [T]),
    ) {
        let (count, line) = match tile.segment {
            FREQUENCY | PHASE => (self.columns.len(), self.waves),
            WEIGHT => (self.columns.len() * self.width, self.length()),
            _ => (self.columns.len(), self.width),
        };
        let range = tile.within(count * line);
        for row in 0..rows {
            let mut at = range.start;
            while at < range.end {
                let (number, from) = (at / line, at % line);
                let to = line.min(from + range.end - at);
                let (factor, vector) = of(row, number);
                let own = &mut gradient[at - range.start..][..to - from];
                for (gradient, value) in own.iter_mut().zip(&vector[from..to]) {
                    *gradient += factor * *value;
                }
                at += to - from;
            }
        }
    }
}

impl Geometry for Periodic {
    fn facts(&self) -> Facts {
        let output = self.output();
        let of_column = self.waves * 8 + self.width * self.length();
        Facts::new(output, output.size() + self.columns.len() * of_column)
    }

    fn segments(&self) -> Vec<Segment> {
        let (count, waves) = (self.columns.len(), self.waves);
        let of = |name, shape| Segment::new(name, shape, Role::Curves);
        let mut segments = vec![
            of("frequency", vec![count, waves]).undecayed(),
            of("weight", vec![count, self.width, self.length()]),
            of("bias", vec![count, self.width]).undecayed(),
        ];
        if self.is_pbld {
            segments.push(of("phase", vec![count, waves]).undecayed());
        }
        segments
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        let bound = match segment {
            PHASE => std::f64::consts::PI,
            _ => (self.length() as f64).sqrt().recip(),
        };
        let count = self.segments()[segment].len();
        let draw = |_| match segment {
            FREQUENCY => self.sigma * random.normal(),
            _ => bound * (2.0 * random.uniform() - 1.0),
        };
        (0..count).map(draw).collect()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

/// x → y of a block.
struct Embed<'a, T> {
    layer: &'a Periodic,
    rows: usize,
    tensors: Tensors<'a, T>,
    x: &'a [T],
    y: &'a mut [T],
    stash: &'a mut [T],
}

impl<T: LayerScalar> Kernel for Embed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let Self { layer, tensors, .. } = self;
        let (waves, width, length) = (layer.waves, layer.width, layer.length());
        let radians = T::from_f64(1.0 / TURN);
        let x = self.x.chunks_exact(stride(layer.inputs));
        let y = self.y.chunks_exact_mut(stride(layer.output().size()));
        let rows = x.zip(y).zip(self.stash.chunks_exact_mut(layer.stash()));
        for ((x, y), stash) in rows.take(self.rows) {
            y[..layer.inputs].copy_from_slice(&x[..layer.inputs]);
            y[layer.output().size()..].fill(T::ZERO);
            let stashes = stash.chunks_exact_mut(layer.kept());
            for ((number, input), stash) in layer.columns.iter().enumerate().zip(stashes) {
                let x = x[*input];
                let frequency = &tensors.frequency[number * waves..][..waves];
                let (cos, rest) = stash.split_at_mut(waves);
                let out = cos.iter_mut().zip(rest).zip(frequency);
                match layer.is_pbld {
                    true => {
                        let phase = &tensors.phase[number * waves..][..waves];
                        for (((cos, sin), frequency), phase) in out.zip(phase) {
                            let t = frequency.mul_add::<A>(x, *phase * radians);
                            (*cos, *sin) = cos_sin::<A, T>(t);
                        }
                    }
                    false => {
                        for ((cos, sin), frequency) in out {
                            (*cos, *sin) = cos_sin::<A, T>(*frequency * x);
                        }
                    }
                }
                let weights = &tensors.weight[number * width * length..][..width * length];
                let parts = weights
                    .chunks_exact(length)
                    .zip(&tensors.bias[number * width..]);
                for (e, (weights, bias)) in y[layer.place(number)].iter_mut().zip(parts) {
                    let pairs = weights.iter().zip(&stash[..length]);
                    let sum = pairs.fold(*bias, |sum, (w, h)| w.mul_add::<A>(*h, sum));
                    let is_cut = !layer.is_pbld && sum < T::ZERO;
                    *e = if is_cut { T::ZERO } else { sum };
                }
            }
        }
    }
}

impl<T: LayerScalar> Layer<T> for Periodic {
    fn plan(&self, _: Isa) -> LayerPlan {
        vectors::plan(&self.segments(), self.stash())
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        self.starts[segment] + index
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        block.isa.run(Embed {
            layer: self,
            rows: block.rows,
            tensors: self.tensors(weights.parameters),
            x,
            y,
            stash,
        });
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
        let tensors = self.tensors(weights.parameters);
        let (input, output) = (stride(self.inputs), stride(self.output().size()));
        let (waves, length) = (self.waves, self.length());
        for row in 0..block.rows {
            let dy = &mut dy[row * output..][..output];
            let y = Self::row(trace.y, row, output);
            let mut dx = dx.as_mut().map(|dx| &mut dx[row * input..][..input]);
            if let Some(dx) = &mut dx {
                dx[..self.inputs].copy_from_slice(&dy[..self.inputs]);
                dx[self.inputs..].fill(T::ZERO);
            }
            let stashes = stash[row * self.stash()..].chunks_exact_mut(self.kept());
            for ((number, column), stash) in self.columns.iter().enumerate().zip(stashes) {
                let place = self.place(number);
                let (dy, y) = (&mut dy[place.clone()], &y[place]);
                if !self.is_pbld {
                    cut(dy, y);
                }
                let weight = &tensors.weight[number * self.width * length..];
                let (kept, dz) = stash.split_at_mut(2 * waves);
                let (cos, sin) = kept.split_at(waves);
                dz.fill(T::ZERO);
                for (dy, weight) in dy.iter().zip(weight.chunks_exact(length)) {
                    for (f, dz) in dz.iter_mut().enumerate() {
                        *dz -= sin[f] * weight[f] * *dy;
                        if !self.is_pbld {
                            *dz += cos[f] * weight[waves + f] * *dy;
                        }
                    }
                }
                if let Some(dx) = &mut dx {
                    let frequency = &tensors.frequency[number * waves..];
                    let pairs = frequency.iter().zip(&*dz);
                    let sum = pairs.fold(T::ZERO, |sum, (f, dz)| sum + *f * *dz);
                    dx[*column] += T::from_f64(TURN) * sum;
                }
            }
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        let (input, output) = (stride(self.inputs), stride(self.output().size()));
        self.add_lines(batch.rows, tile, gradient, |row, line| {
            let stash = Self::row(stash, row, self.stash());
            let dy = Self::row(dy, row, output);
            let x = |number: usize| Self::row(trace.x, row, input)[self.columns[number]];
            match tile.segment {
                FREQUENCY => (T::from_f64(TURN) * x(line), self.waves(stash, line).dz),
                PHASE => (T::ONE, self.waves(stash, line).dz),
                WEIGHT => (
                    dy[self.inputs + line],
                    self.waves(stash, line / self.width).h,
                ),
                _ => (T::ONE, &dy[self.place(line)]),
            }
        });
    }
}

/// 0 where relu put 0 out.
fn cut<T: LayerScalar>(dy: &mut [T], y: &[T]) {
    for (dy, y) in dy.iter_mut().zip(y) {
        if *y <= T::ZERO {
            *dy = T::ZERO;
        }
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "periodic",
        summary: "Numbers with a learned periodic vector of each beside them; in front of all but an embedding of categories",
        equation: "y = (x, e₁, e₂, …); pbld: e = W·cos(2πf·x + b) + c; plr: e = relu(W·(cos 2πf·x, sin 2πf·x) + c)",
        source: "Gorishniy, Rubachev & Babenko 2022; Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[
            Parameter {
                name: "form",
                summary: "which of them",
                default: Default::Text("pbld"),
                domain: Domain::Word(&["pbld", "plr"]),
            },
            Parameter {
                name: "frequencies",
                summary: "number of f for each column",
                default: Default::Integer(16),
                domain: Domain::Integer(1, 1024),
            },
            Parameter {
                name: "sigma",
                summary: "deviation of f at first: the larger, the faster may y change with x",
                default: Default::Number(0.1),
                domain: Domain::POSITIVE,
            },
            WIDTH,
            COLUMNS,
        ],
    },
    build: Periodic::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(
        r#"[{"name": "periodic", "columns": [4, 0], "frequencies": 5, "sigma": 0.7}, {"name": "dense", "units": 4, "activation": "tanh"}]"#,
    )
    .first(),
    Example::list(r#"[{"name": "periodic", "columns": [1, 5, 2], "frequencies": 3, "width": 2, "sigma": 0.4}]"#),
    Example::list(
        r#"[{"name": "periodic", "form": "plr", "columns": [1, 5], "frequencies": 3, "width": 4, "sigma": 0.4}]"#,
    )
    .kinked(),
];
