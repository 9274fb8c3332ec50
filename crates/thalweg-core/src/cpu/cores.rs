//! Which core a thread runs on.
//!
//! A thread that slept often wakes on the core of the thread that woke it. Then two members of a
//! team share one core, with another core idle, until the scheduler notices: some milliseconds,
//! longer than many epochs. So a member that wakes on its caller's core moves away, once; after
//! that the scheduler may move it. Linux only.

/// The core of the calling thread, if that can be known.
pub(super) fn current() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the call has no arguments and writes no memory.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Moves the calling thread away from `core`, if its affinity allows another.
pub(super) fn leave(core: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the sets are plain bits, for which zero is a value, and the calls access no more than
    // `size` bytes. If a call fails, the thread stays where it is.
    unsafe {
        let size = size_of::<libc::cpu_set_t>();
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if core >= libc::CPU_SETSIZE as usize || libc::sched_getaffinity(0, size, &mut allowed) != 0
        {
            return;
        }
        let mut others = allowed;
        libc::CPU_CLR(core, &mut others);
        if libc::CPU_COUNT(&others) > 0 && libc::sched_setaffinity(0, size, &others) == 0 {
            libc::sched_setaffinity(0, size, &allowed);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leaves_its_core_and_keeps_its_choice_of_cores() {
        let choice = || std::thread::available_parallelism().unwrap().get();
        let before = choice();
        if before > 1 {
            // The system may move the thread back at any time, so one success of several is asked
            // for.
            let moved = (0..20).any(|_| {
                let core = current().unwrap();
                leave(core);
                current() != Some(core)
            });
            assert!(moved);
        }
        assert_eq!(choice(), before);
    }
}
