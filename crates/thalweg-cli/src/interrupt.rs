//! Ctrl-C (and SIGTERM): the first asks training to stop, a later one ends the program at once.
//!
//! SIGHUP is left as it is, so that `nohup` works.

use std::io::{self, Write};
#[cfg(unix)]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use thalweg_core::train::Flow;

/// One request to stop may come as several signals: to the process and to its group.
const ONE_WISH: Duration = Duration::from_secs(1);

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on the first signal only asks. Before this, a signal ends the program as usual.
pub fn listen(bar: ProgressBar) -> io::Result<()> {
    let mut first: Option<Instant> = None;
    each_signal(move || match first {
        None => {
            first = Some(Instant::now());
            REQUESTED.store(true, Ordering::Relaxed);
            let text = "interrupted: finishing the step and saving; again to stop at once";
            let _ = bar.suspend(|| writeln!(io::stderr(), "{text}"));
        }
        Some(first) if first.elapsed() >= ONE_WISH => std::process::exit(130),
        Some(_) => {}
    })
}

/// Whether a stop was requested.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Ctrl-C ends a run.
pub fn flow() -> Flow {
    match requested() {
        true => Flow::Stop,
        false => Flow::Continue,
    }
}

/// Writing beyond the limit on the size of files fails, with an error, and does not end the program.
pub fn ignore_size_limit() {
    #[cfg(unix)]
    // Without the handler the program ends as it does without this.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

#[cfg(unix)]
fn each_signal(mut act: impl FnMut() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let watch = move || signals.forever().for_each(|_| act());
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)
        .map(drop)
}

#[cfg(not(unix))]
fn each_signal(act: impl FnMut() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(act).map_err(io::Error::other)
}
