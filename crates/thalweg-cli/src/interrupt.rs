//! Ctrl-C (and SIGTERM): the first asks training to stop, the second ends the program at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::exit::{Failure, Result};

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// From now on the first signal only asks. Before this, a signal ends the program as usual.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if SIGNALS.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(130);
        }
    })
    .map_err(|error| Failure::Running(format!("signals: {error}")))
}

/// Whether somebody asked to stop.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}
