//! A persistent team of threads for steps that last microseconds.
//!
//! Threads are started once. Between jobs they spin for a short while, because the next step usually
//! follows at once, and then sleep. A job is a closure that every member runs with its own number; the
//! calling thread is member 0. Members can meet at a barrier inside a job, or hand in what the caller collects and go on.
//!
//! Where another program holds a core, a meeting lasts until the system takes that core back: milliseconds, in place
//! of a step's microseconds. The caller alone is faster then. It notices by the clock ([`Patience`]), works alone for a
//! while, and tries again with the team.

use std::cell::UnsafeCell;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cores;
use super::patience::{Patience, Way};

/// Looks at a flag before a waiting thread offers its core to others: about 10 µs. The one that it waits for
/// may need that very core.
const SPINS: u32 = 1_000;
/// Offers before a thread without a job goes to sleep: about a millisecond.
const YIELDS: u32 = 2_000;

type Job<'a> = dyn Fn(Member) + Sync + 'a;

/// The threads and what they share.
pub(super) struct Team {
    shared: Arc<SharedState>,
    patience: Patience,
    threads: Vec<JoinHandle<()>>,
}

struct SharedState {
    start: Start,
    finished: Counter,
    barrier: Barrier,
    /// Members that have handed in.
    handed_in: Counter,
    size: usize,
    /// Set when a member panics in a job: those that wait at the barrier give up.
    panicked: AtomicBool,
    /// Members that sleep, or are about to.
    asleep: AtomicUsize,
    /// Core of the caller when it last woke somebody, and one more; 0 if unknown.
    caller_core: AtomicUsize,
    /// The longest time that somebody waited in this job, in microseconds, spinning aside.
    waited: AtomicU32,
    /// How long to spin; 0 where there are more members than cores.
    spins: u32,
}

/// What a job begins with. What one member writes while others wait for it has cache lines of its own, as those that
/// follow do (processors fetch them in pairs).
#[repr(align(128))]
struct Start {
    /// Counts jobs; a change starts one. The highest value ends the team.
    count: AtomicU32,
    job: UnsafeCell<Option<*const Job<'static>>>,
}

#[repr(align(128))]
struct Counter(AtomicUsize);

// SAFETY: `job` is written by the caller of `run` while all others wait for `count`, which orders it.
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
    /// How many do the job: the whole team, or the caller alone.
    count: usize,
    shared: &'a SharedState,
}

impl SharedState {
    /// Waits until `done`, spinning first, and then by the clock.
    fn wait(&self, done: impl Fn() -> bool) {
        for _ in 0..self.spins {
            if done() {
                return;
            }
            std::hint::spin_loop();
        }
        let start = Instant::now();
        while !done() {
            thread::yield_now();
        }
        let waited = start.elapsed().as_micros().min(u32::MAX.into()) as u32;
        self.waited.fetch_max(waited, Ordering::Relaxed);
    }
}

impl Member<'_> {
    /// Members that do the job.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What it has to do of things of which neighbours have been shared out among the whole team.
    pub fn share(&self, shares: &[Range<usize>]) -> Range<usize> {
        match self.count {
            1 => shares[0].start..shares[shares.len() - 1].end,
            _ => shares[self.index].clone(),
        }
    }

    /// Waits until every member has come here.
    ///
    /// # Panics
    /// If another member panicked and will never come.
    pub fn meet(&self) {
        let shared = self.shared;
        if self.count == 1 {
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

    /// Tells the caller that what it collects is there, and goes on. For all members but the caller.
    pub fn hand_in(&self) {
        self.shared.handed_in.0.fetch_add(1, Ordering::Release);
    }

    /// Waits until every other member has handed in. For the caller alone.
    ///
    /// # Panics
    /// If another member panicked and will never do so.
    pub fn collect(&self) {
        let shared = self.shared;
        if self.count == 1 {
            return;
        }
        let all = || shared.handed_in.0.load(Ordering::Acquire) == shared.size - 1;
        shared.wait(|| all() || shared.panicked.load(Ordering::Acquire));
        if !all() {
            resume_unwind(Box::new("another member of the team panicked"));
        }
        shared.handed_in.0.store(0, Ordering::Relaxed);
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
            handed_in: Counter(AtomicUsize::new(0)),
            size: size.max(1),
            barrier: Barrier {
                arrived: AtomicUsize::new(0),
                generation: AtomicU32::new(0),
            },
            panicked: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            waited: AtomicU32::new(0),
            caller_core: AtomicUsize::new(0),
            spins: if size <= cores { SPINS } else { 0 },
        });
        let mut team = Self {
            shared,
            patience: Patience::new(),
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

    /// Runs `job` once on every member, or on the caller alone as if there were no others, and returns when all have
    /// finished.
    ///
    /// # Panics
    /// If the job panicked in a member.
    pub fn run(&mut self, job: &Job) {
        let alone = Member {
            index: 0,
            count: 1,
            shared: &self.shared,
        };
        if self.shared.size == 1 {
            job(alone);
        } else if self.patience.next == Way::Together {
            self.run_together(job);
            let waited = self.shared.waited.swap(0, Ordering::Relaxed);
            self.patience.together(Duration::from_micros(waited.into()));
        } else {
            let start = Instant::now();
            job(alone);
            self.patience.alone(start.elapsed());
        }
    }

    /// Makes the caller do the next jobs alone.
    #[cfg(test)]
    pub fn work_alone(&mut self, jobs: u32) {
        self.patience.next = Way::Alone(jobs);
    }

    fn run_together(&mut self, job: &Job) {
        let shared = &*self.shared;
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
            // Members that gave up at the barrier have counted themselves there.
            shared.barrier.arrived.store(0, Ordering::Relaxed);
            shared.handed_in.0.store(0, Ordering::Relaxed);
            match result {
                Err(payload) => resume_unwind(payload),
                Ok(()) => panic!("a thread of the team panicked"),
            }
        }
    }
}

/// Runs a member's part. A panic is noted, so that nobody waits for this member, and given back.
fn attempt(shared: &SharedState, index: usize, job: &Job) -> thread::Result<()> {
    let member = Member {
        index,
        count: shared.size,
        shared,
    };
    let result = catch_unwind(AssertUnwindSafe(|| job(member)));
    if result.is_err() {
        shared.panicked.store(true, Ordering::Release);
    }
    result
}

/// The life of a thread: wait for a job, do it, count.
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
        // SAFETY: `run` set the job before it changed `count` and keeps it alive until this member has
        // counted itself as finished.
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
    fn every_member_runs_every_job_and_meets_the_others() {
        for size in [1, 2, 3, 5] {
            let mut team = Team::new(size).unwrap();
            let before = AtomicUsize::new(0);
            for round in 1..=200 {
                team.run_together(&|member: Member| {
                    before.fetch_add(1, Ordering::Relaxed);
                    member.meet();
                    // Past the barrier everyone has counted, and nobody counts twice.
                    assert_eq!(before.load(Ordering::Relaxed), round * member.count());
                    member.meet();
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
                    let mut collected = || {
                        team.run_together(&|member: Member| {
                            assert!(member.index != culprit || late, "on purpose");
                            match member.index {
                                0 => member.collect(),
                                _ => member.hand_in(),
                            }
                            assert!(member.index != culprit, "on purpose");
                        });
                    };
                    assert!(catch_unwind(AssertUnwindSafe(&mut collected)).is_err());
                    let mut job = || {
                        team.run_together(&|member: Member| {
                            if late {
                                member.meet();
                            }
                            assert!(member.index != culprit, "on purpose");
                            member.meet();
                        });
                    };
                    assert!(catch_unwind(AssertUnwindSafe(&mut job)).is_err());
                    let runs = AtomicUsize::new(0);
                    team.run_together(&|member: Member| {
                        member.meet();
                        runs.fetch_add(1, Ordering::Relaxed);
                    });
                    assert_eq!(runs.into_inner(), size);
                }
            }
        }
        std::panic::set_hook(hook);
    }

    #[test]
    fn the_caller_collects_what_others_hand_in_and_they_do_not_wait() {
        for size in [1, 2, 3] {
            let mut team = Team::new(size).unwrap();
            let done = AtomicUsize::new(0);
            for round in 1..=200 {
                team.run_together(&|member: Member| {
                    if member.index > 0 {
                        done.fetch_add(1, Ordering::Relaxed);
                        member.hand_in();
                    } else {
                        member.collect();
                        assert_eq!(done.load(Ordering::Relaxed), round * (size - 1));
                    }
                });
            }
        }
    }

    #[test]
    fn a_member_that_is_late_is_noticed_and_the_caller_goes_on_alone() {
        let mut team = Team::new(2).unwrap();
        let members = AtomicUsize::new(0);
        team.run(&|member: Member| {
            if member.index == 1 {
                thread::sleep(Duration::from_millis(200));
            }
            member.meet();
        });
        for _ in 0..10 {
            team.run(&|member: Member| {
                assert_eq!((member.index, member.count()), (0, 1));
                member.meet();
                members.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(members.into_inner(), 10);
    }

    #[test]
    fn a_team_wakes_up_after_a_pause() {
        let mut team = Team::new(2).unwrap();
        let runs = AtomicUsize::new(0);
        for _ in 0..3 {
            team.run_together(&|_| {
                runs.fetch_add(1, Ordering::Relaxed);
            });
            thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(runs.into_inner(), 6);
    }
}
