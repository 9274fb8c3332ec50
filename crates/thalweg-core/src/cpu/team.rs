//! A persistent team of threads for steps that last microseconds.
//!
//! Threads are started once. Between jobs they spin for a short while, because the next step
//! usually follows at once, and then sleep. A job is a closure that every member runs with its own
//! number; the calling thread is member 0. Inside a job members can wait for each other at a
//! barrier, or all but the caller can signal it and go on.

use std::cell::UnsafeCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use super::cores;

/// Spins before a waiting thread offers its core to others: about 10 µs. The thread that it waits
/// for may need that very core.
const SPINS: u32 = 1_000;
/// Offers before a thread without a job goes to sleep: about a millisecond.
const YIELDS: u32 = 2_000;

type Job<'a> = dyn Fn(Member) + Sync + 'a;

/// The threads and their shared state.
pub(super) struct Team {
    shared: Arc<SharedState>,
    threads: Vec<JoinHandle<()>>,
}

struct SharedState {
    start: Start,
    finished: Counter,
    barrier: Barrier,
    /// Members that have signalled the caller.
    signals: Counter,
    size: usize,
    /// Set when a member panics in a job: those that wait stop waiting.
    panicked: AtomicBool,
    /// Members that sleep, or are about to.
    asleep: AtomicUsize,
    /// 1 + the core of the caller when it last woke a member; 0 if unknown.
    caller_core: AtomicUsize,
    /// How long to spin; 0 where there are more members than cores.
    spins: u32,
}

/// Starts a job. It has cache lines of its own, as the counters that follow do: one member writes
/// them while the others spin on them. (Processors fetch lines in pairs.)
#[repr(align(128))]
struct Start {
    /// Counts jobs; a change starts one. The highest value ends the team.
    count: AtomicU32,
    job: UnsafeCell<Option<*const Job<'static>>>,
}

#[repr(align(128))]
struct Counter(AtomicUsize);

// SAFETY: `job` is written by the caller of `run` while all others wait for `count`, which orders
// the write.
unsafe impl Sync for SharedState {}
// SAFETY: the pointer in `job` is only followed while `run` keeps its closure alive.
unsafe impl Send for SharedState {}

const STOP: u32 = u32::MAX;

#[repr(align(128))]
struct Barrier {
    arrived: AtomicUsize,
    generation: AtomicU32,
}

/// One thread's part in a job.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    /// Its number, from 0.
    pub index: usize,
    shared: &'a SharedState,
}

impl SharedState {
    /// Waits until `done`: spins first, then offers its core to others.
    fn wait(&self, done: impl Fn() -> bool) {
        for _ in 0..self.spins {
            if done() {
                return;
            }
            std::hint::spin_loop();
        }
        while !done() {
            thread::yield_now();
        }
    }
}

impl Member<'_> {
    /// Members of the team.
    pub fn count(&self) -> usize {
        self.shared.size
    }

    /// Waits until every member has arrived here.
    ///
    /// # Panics
    /// If another member panicked and will never arrive.
    pub fn barrier(&self) {
        let shared = self.shared;
        if shared.size == 1 {
            return;
        }
        let barrier = &shared.barrier;
        let generation = barrier.generation.load(Ordering::Relaxed);
        if barrier.arrived.fetch_add(1, Ordering::AcqRel) + 1 == shared.size {
            barrier.arrived.store(0, Ordering::Relaxed);
            barrier
                .generation
                .store(generation.wrapping_add(1), Ordering::Release);
            return;
        }
        let passed = || barrier.generation.load(Ordering::Acquire) != generation;
        shared.wait(|| passed() || shared.panicked.load(Ordering::Acquire));
        if !passed() {
            // Not `panic!`: the first member's message is the one to print.
            resume_unwind(Box::new("another member of the team panicked"));
        }
    }

    /// Signals the caller, who waits in [`Member::wait_for_all`], and goes on. For all members but
    /// the caller.
    pub fn signal(&self) {
        self.shared.signals.0.fetch_add(1, Ordering::Release);
    }

    /// Waits until every other member has signalled. For the caller alone.
    ///
    /// # Panics
    /// If another member panicked and will never do so.
    pub fn wait_for_all(&self) {
        let shared = self.shared;
        if shared.size == 1 {
            return;
        }
        let all = || shared.signals.0.load(Ordering::Acquire) == shared.size - 1;
        shared.wait(|| all() || shared.panicked.load(Ordering::Acquire));
        if !all() {
            resume_unwind(Box::new("another member of the team panicked"));
        }
        shared.signals.0.store(0, Ordering::Relaxed);
    }
}

impl Team {
    /// Starts `size` − 1 threads.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(size: usize) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(SharedState {
            start: Start {
                count: AtomicU32::new(0),
                job: UnsafeCell::new(None),
            },
            finished: Counter(AtomicUsize::new(0)),
            signals: Counter(AtomicUsize::new(0)),
            size: size.max(1),
            barrier: Barrier {
                arrived: AtomicUsize::new(0),
                generation: AtomicU32::new(0),
            },
            panicked: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            caller_core: AtomicUsize::new(0),
            spins: if size <= cores { SPINS } else { 0 },
        });
        let mut team = Self {
            shared,
            threads: Vec::new(),
        };
        for index in 1..size {
            let shared = Arc::clone(&team.shared);
            let thread = thread::Builder::new()
                .name(format!("thalweg-{index}"))
                .spawn(move || work(&shared, index))?;
            team.threads.push(thread);
        }
        Ok(team)
    }

    /// Runs `job` once on every member, and returns when all have finished.
    ///
    /// # Panics
    /// If the job panicked in a member.
    pub fn run(&mut self, job: &Job) {
        let shared = &*self.shared;
        if shared.size == 1 {
            return job(Member { index: 0, shared });
        }
        // SAFETY: the lifetime is erased, but no member follows the pointer after it has counted
        // itself as finished, and this function neither returns nor unwinds before all have.
        let erased = unsafe { std::mem::transmute::<*const Job, *const Job<'static>>(job) };
        // SAFETY: the members wait for `count` and do not look at `job` now.
        unsafe { *shared.start.job.get() = Some(erased) };
        shared.finished.0.store(0, Ordering::Relaxed);
        if shared.asleep.load(Ordering::Relaxed) > 0 {
            let core = cores::current().map_or(0, |core| core + 1);
            shared.caller_core.store(core, Ordering::Relaxed);
        }
        let next = shared.start.count.load(Ordering::Relaxed).wrapping_add(1) % STOP;
        shared.start.count.store(next, Ordering::Release);
        for handle in &self.threads {
            // Costs a few nanoseconds when the thread is awake.
            handle.thread().unpark();
        }
        let result = attempt(shared, 0, job);
        shared.wait(|| shared.finished.0.load(Ordering::Acquire) == shared.size - 1);
        if shared.panicked.swap(false, Ordering::AcqRel) {
            // Members that stopped waiting have counted themselves at the barrier.
            shared.barrier.arrived.store(0, Ordering::Relaxed);
            shared.signals.0.store(0, Ordering::Relaxed);
            match result {
                Err(payload) => resume_unwind(payload),
                Ok(()) => panic!("a thread of the team panicked"),
            }
        }
    }
}

/// Runs a member's part. A panic is recorded, so that no thread waits for this member, and
/// returned.
fn attempt(shared: &SharedState, index: usize, job: &Job) -> thread::Result<()> {
    let member = Member { index, shared };
    let result = catch_unwind(AssertUnwindSafe(|| job(member)));
    if result.is_err() {
        shared.panicked.store(true, Ordering::Release);
    }
    result
}

/// A thread's loop: wait for a job, run it, count it as finished.
fn work(shared: &SharedState, index: usize) {
    let mut seen = 0;
    loop {
        let mut looks = 0;
        let mut slept = false;
        let started = loop {
            let started = shared.start.count.load(Ordering::Acquire);
            if started != seen {
                break started;
            }
            looks += 1;
            if looks < shared.spins {
                std::hint::spin_loop();
            } else if looks < shared.spins + YIELDS {
                thread::yield_now();
            } else {
                shared.asleep.fetch_add(1, Ordering::Relaxed);
                thread::park();
                shared.asleep.fetch_sub(1, Ordering::Relaxed);
                slept = true;
            }
        };
        if started == STOP {
            return;
        }
        seen = started;
        if slept
            && let Some(core) = shared.caller_core.load(Ordering::Relaxed).checked_sub(1)
            && cores::current() == Some(core)
        {
            cores::leave(core);
        }
        // SAFETY: `run` set the job before it changed `count` and keeps it alive until this member
        // has counted itself as finished.
        let job = unsafe { (*shared.start.job.get()).map(|job| &*job) };
        if let Some(job) = job {
            // `run` reports a panic.
            let _ = attempt(shared, index, job);
        }
        shared.finished.0.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.start.count.store(STOP, Ordering::Release);
        for handle in self.threads.drain(..) {
            handle.thread().unpark();
            // A panic in a job was reported by `run` already.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_runs_every_job_and_waits_at_the_barrier() {
        for size in [1, 2, 3, 5] {
            let mut team = Team::new(size).unwrap();
            let before = AtomicUsize::new(0);
            for round in 1..=200 {
                team.run(&|member: Member| {
                    before.fetch_add(1, Ordering::Relaxed);
                    member.barrier();
                    // Past the barrier every member has counted once.
                    assert_eq!(before.load(Ordering::Relaxed), round * member.count());
                    member.barrier();
                });
            }
            assert_eq!(before.into_inner(), 200 * size);
        }
    }

    #[test]
    fn a_panic_in_any_member_ends_the_job_and_not_the_team() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        for size in [1, 2, 3] {
            let mut team = Team::new(size).unwrap();
            for culprit in 0..size {
                for late in [false, true] {
                    let mut signalled = || {
                        team.run(&|member: Member| {
                            assert!(member.index != culprit || late, "on purpose");
                            match member.index {
                                0 => member.wait_for_all(),
                                _ => member.signal(),
                            }
                            assert!(member.index != culprit, "on purpose");
                        });
                    };
                    assert!(catch_unwind(AssertUnwindSafe(&mut signalled)).is_err());
                    let mut job = || {
                        team.run(&|member: Member| {
                            if late {
                                member.barrier();
                            }
                            assert!(member.index != culprit, "on purpose");
                            member.barrier();
                        });
                    };
                    assert!(catch_unwind(AssertUnwindSafe(&mut job)).is_err());
                    let runs = AtomicUsize::new(0);
                    team.run(&|member: Member| {
                        member.barrier();
                        runs.fetch_add(1, Ordering::Relaxed);
                    });
                    assert_eq!(runs.into_inner(), size);
                }
            }
        }
        std::panic::set_hook(hook);
    }

    #[test]
    fn the_caller_waits_for_signals_and_the_others_go_on() {
        for size in [1, 2, 3] {
            let mut team = Team::new(size).unwrap();
            let done = AtomicUsize::new(0);
            for round in 1..=200 {
                team.run(&|member: Member| {
                    if member.index > 0 {
                        done.fetch_add(1, Ordering::Relaxed);
                        member.signal();
                    } else {
                        member.wait_for_all();
                        assert_eq!(done.load(Ordering::Relaxed), round * (size - 1));
                    }
                });
            }
        }
    }

    #[test]
    fn a_team_wakes_up_after_a_pause() {
        let mut team = Team::new(2).unwrap();
        let runs = AtomicUsize::new(0);
        for _ in 0..3 {
            team.run(&|_| {
                runs.fetch_add(1, Ordering::Relaxed);
            });
            thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(runs.into_inner(), 6);
    }
}
