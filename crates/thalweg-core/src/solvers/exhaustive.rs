//! Exhaustive search: C(θ) at every point of a grid over all parameters, θ ← the lowest. Each of the one or two
//! parameters takes n values from a to b, equally far apart: a + (b − a)·k/(n − 1).
//!
//! It draws the error surface ([`surface`]) and finds the grid's lowest point; nothing between the points is seen. It
//! takes one iteration, which is the last. With more parameters it would not end: n values each make nᵈ points.
//! Source: Bergstra & Bengio 2012, on grids.

use super::{Advance, Objective, Point, SOLVERS, Solver};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};
use crate::search::{Axis, Surface, over};
use crate::source::RowSource;
use crate::spec::TrainingSpec;

/// The most parameters that it takes.
pub(super) const MOST: usize = 2;

/// See the module's text.
struct Exhaustive {
    from: f64,
    to: f64,
    points: usize,
}

impl Exhaustive {
    fn new(arguments: &Arguments) -> Result<Self> {
        let (from, to) = (arguments.number("from"), arguments.number("to"));
        if from >= to {
            let found = format!("from = {from} and to = {to}");
            let subject = format!("optimizer {}", ENTRY.description.name);
            return Err(Error::invalid(subject, found, "from < to"));
        }
        Ok(Self {
            from,
            to,
            points: arguments.integer("points"),
        })
    }

    /// C over the grid. The engine stays at its last point.
    fn surface(&self, objective: &mut Objective, start: &[f64]) -> Result<Surface> {
        let axis = |parameter| Axis::linear(parameter, self.from, self.to, self.points);
        let axes: Vec<Axis> = (0..start.len()).map(axis).collect();
        over(&axes, start, |parameters| objective.loss_at(parameters))
    }
}

impl Solver for Exhaustive {
    fn advance(&mut self, objective: &mut Objective, from: &Point) -> Result<Advance> {
        let surface = self.surface(objective, &from.parameters)?;
        let Some((lowest, _)) = surface.lowest().filter(|(_, loss)| loss.is_finite()) else {
            return Ok(Advance::Stuck);
        };
        objective.at(&lowest).map(Advance::Searched)
    }
}

/// The error surface that an exhaustive search goes over: what it minimizes, at every point of its grid. None for
/// another optimizer. The engine, made from `spec`, is afterwards as it was.
///
/// # Errors
/// If there are more than two parameters, or the data do not fit the network.
pub fn surface(
    engine: &mut dyn Engine,
    source: &mut dyn RowSource,
    spec: &TrainingSpec,
) -> Result<Option<Surface>> {
    if spec.optimizer.name != ENTRY.description.name {
        return Ok(None);
    }
    let solver = Exhaustive::new(&SOLVERS.resolve(&spec.optimizer)?)?;
    let start = engine.save()?;
    let mut objective = Objective::new(&mut *engine, source, spec);
    let surface = solver.surface(&mut objective, &start.parameters);
    engine.load(&start)?;
    surface.map(Some)
}

/// The refusal of a network with so many parameters.
pub(super) fn too_many(parameters: usize) -> Error {
    let subject = format!("optimizer {}", ENTRY.description.name);
    Error::invalid(
        subject,
        format!("{parameters} parameters"),
        format!("at most {MOST}, such as weight and bias of a linear model of one input"),
    )
    .remedy("leave out the hidden layers (`mlp.hidden` none) and all inputs but one (`data.fit.drop`), or choose another `optimizer`")
}

pub(super) const ENTRY: Entry<Box<dyn Solver>> = Entry {
    description: Description {
        name: "exhaustive",
        summary: "The lowest point of a grid over one or two parameters; draws the error surface",
        equation: "θ ← argmin C over θᵢ = a + (b − a)·k/(n − 1), k = 0 … n − 1",
        source: "the lecture notes; Bergstra & Bengio 2012",
        parameters: &[
            Parameter {
                name: "from",
                summary: "a, the least value of each parameter, as the network sees it: of scaled data",
                default: Default::Number(-4.0),
                domain: Domain::FINITE,
            },
            Parameter {
                name: "to",
                summary: "b, the largest",
                default: Default::Number(4.0),
                domain: Domain::FINITE,
            },
            Parameter {
                name: "points",
                summary: "n, values of each parameter",
                default: Default::Integer(81),
                domain: Domain::Integer(2, 1001),
            },
        ],
    },
    build: |arguments, ()| Ok(Box::new(Exhaustive::new(arguments)?)),
};
