//! Rules of a training run: what is no entry of a registry, but one or a few fields of [`TrainingSpec`]: a penalty, a
//! bound on the gradient, how rows become batches, a reason to stop.
//!
//! A rule is described as an entry is, next to the code or the field that it is about, and collected here by kind.
//! Nobody names it: it holds where a flag or a field says so. The ranges that a spec is checked against are those of the
//! descriptions, and so are its defaults (a test compares them).

use crate::error::{Error, Result};
use crate::optimizers::{around, clip, decay};
use crate::spec::{self, RunRule, TrainingSpec};
use crate::{average, constraints, observe};

/// All rules of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Kind in the singular, such as `penalty`.
    pub kind: &'static str,
    /// The same in the plural.
    pub plural: &'static str,
    /// The rules, in the order in which they are listed.
    pub rules: &'static [&'static RunRule],
}

/// All kinds of rules.
pub static RULES: [Rules; 7] = [
    Rules {
        kind: "penalty",
        plural: "penalties",
        rules: &[
            &decay::L2,
            &decay::L2_SUM,
            &decay::L1,
            &decay::ELASTIC_NET,
            &decay::WEIGHT_DECAY,
            &constraints::MAX_NORM,
        ],
    },
    Rules {
        kind: "clipping",
        plural: "clipping",
        rules: &[&clip::CLIP_NORM, &clip::CLIP_VALUE],
    },
    Rules {
        kind: "gradient",
        plural: "gradients",
        rules: &[&spec::batches::REDUCTION, &around::SAM],
    },
    Rules {
        kind: "average",
        plural: "averages",
        rules: &[&average::AVERAGE, &average::EMA, &observe::SMOOTHED_LOSS],
    },
    Rules {
        kind: "batch",
        plural: "batches",
        rules: &[
            &spec::batches::BATCH_SIZE,
            &spec::batches::SHUFFLE,
            &spec::batches::RESHUFFLE,
            &spec::batches::LAST,
            &spec::batches::SAMPLING,
        ],
    },
    Rules {
        kind: "rate",
        plural: "rates",
        rules: &[&spec::rate::REDUCE_ON_PLATEAU, &spec::rate::LINEAR_SCALING],
    },
    Rules {
        kind: "stopping",
        plural: "stopping",
        rules: &[
            &spec::stop::EPOCHS,
            &spec::stop::MAX_STEPS,
            &spec::stop::MAX_TIME,
            &spec::stop::TARGET_LOSS,
            &spec::stop::PATIENCE,
            &spec::stop::MIN_CHANGE,
            &spec::stop::MIN_GRADIENT,
            &spec::stop::DIVERGED,
        ],
    },
];

/// Whether everything that a spec says of the rules is in its range.
///
/// # Errors
/// Names the first that is not.
pub(crate) fn check(spec: &TrainingSpec) -> Result<()> {
    let rules = RULES.iter().flat_map(|kind| kind.rules);
    for (parameter, said) in rules.flat_map(|rule| rule.settings()) {
        let Some(value) = (said.value)(spec) else {
            continue;
        };
        if parameter.domain.admit(&value)?.is_none() {
            let expected = parameter.domain.to_string();
            let error = Error::invalid(said.subject(), value.to_string(), expected);
            return Err(error.at(said.field));
        }
    }
    Ok(())
}
