//! When the team is worth waiting for.
//!
//! After a job in which somebody waited long, the caller does the next one alone and by the clock. If the wait took
//! more time than that job and what the team had saved since the last such wait, the caller goes on alone, each time
//! for twice as many jobs. If not, the wait was a rare one, or a wait is long only when it takes longer than that job
//! did: large jobs are not shared out evenly to the microsecond. Jobs differ, so that measure shrinks again, slowly.

use std::time::Duration;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Patience {
    /// How the next job is done.
    pub next: Way,
    /// What a long wait is.
    long: Duration,
    /// For how many jobs the caller goes on alone when it next finds the team too slow.
    rest: u32,
    /// Jobs of the team since somebody last waited long.
    good: u32,
}

/// How a job is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    /// By the whole team.
    Together,
    /// By the caller alone and by the clock, after somebody waited so long.
    Trial(Duration),
    /// By the caller alone, for so many jobs.
    Alone(u32),
}

impl Patience {
    /// Shorter waits are usual for any job.
    const LONG: Duration = Duration::from_micros(100);
    const FEWEST: u32 = 64;
    const MOST: u32 = 1 << 16;
    /// The other core may be free again long before so many large jobs are done.
    const MOST_TIME: Duration = Duration::from_secs(1);

    pub fn new() -> Self {
        Self {
            next: Way::Together,
            long: Self::LONG,
            rest: Self::FEWEST,
            good: 0,
        }
    }

    /// After a job of the whole team, in which somebody waited so long.
    pub fn together(&mut self, waited: Duration) {
        if waited > self.long {
            self.next = Way::Trial(waited);
            return;
        }
        if waited > Self::LONG {
            self.long = (self.long - self.long / 64).max(Self::LONG);
        }
        self.good = self.good.saturating_add(1);
        if self.good >= Self::FEWEST {
            self.rest = Self::FEWEST;
        }
    }

    /// After a job that the caller did alone in so much time.
    pub fn alone(&mut self, took: Duration) {
        self.next = match self.next {
            Way::Trial(waited) => self.decide(waited, took),
            Way::Alone(jobs) if jobs > 1 => Way::Alone(jobs - 1),
            _ => Way::Together,
        };
    }

    /// What follows a long wait, now that it is known how long the caller alone takes.
    fn decide(&mut self, waited: Duration, took: Duration) -> Way {
        // Two members save half of a job, more of them more.
        let saved = (took / 2).saturating_mul(std::mem::take(&mut self.good));
        if waited <= took.saturating_add(saved) {
            self.long = took.max(Self::LONG);
            return Way::Together;
        }
        let jobs = Self::MOST_TIME.as_nanos() / took.as_nanos().max(1);
        let rest = self.rest.min(jobs.min(u32::MAX.into()) as u32).max(1);
        self.long = Self::LONG;
        self.rest = (2 * self.rest).min(Self::MOST);
        Way::Alone(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_works_alone_only_where_waiting_takes_longer_than_the_job() {
        let (long, job) = (Duration::from_millis(3), Duration::from_micros(20));
        let mut patience = Patience::new();
        let alone = |patience: &mut Patience, took| {
            let mut count = 0;
            while patience.next != Way::Together {
                patience.alone(took);
                count += 1;
            }
            count
        };
        patience.together(Duration::from_micros(90));
        assert_eq!(patience.next, Way::Together);
        // Each time that the team is still too slow, twice as long, up to a limit; a trial counts too.
        for rest in [64, 128, 256] {
            patience.together(long);
            assert_eq!(alone(&mut patience, job), rest + 1);
        }
        for _ in 0..20 {
            patience.together(long);
            alone(&mut patience, job);
        }
        assert_eq!(patience.rest, Patience::MOST);
        // A job that takes longer than the wait is worth the wait, for many jobs.
        patience.together(long);
        assert_eq!(alone(&mut patience, Duration::from_millis(30)), 1);
        let bearable = (0..1000).take_while(|_| {
            patience.together(long);
            patience.next == Way::Together
        });
        assert!((100..200).contains(&bearable.count()));
        assert!(alone(&mut patience, job) > 1);
        // However many jobs, not longer than a second.
        for (took, most) in [(2, 501), (500, 3)] {
            let mut patience = Patience {
                rest: Patience::MOST,
                ..Patience::new()
            };
            patience.together(Duration::from_secs(3));
            assert_eq!(alone(&mut patience, Duration::from_millis(took)), most);
        }
        // Good for a while: how often it was too slow is forgotten.
        for _ in 0..100 {
            patience.together(Duration::ZERO);
        }
        patience.together(long);
        assert_eq!(alone(&mut patience, job), 65);
        // A wait that took less than the jobs before it had saved is a rare one.
        for (jobs, trials) in [(297, 65), (298, 1)] {
            for _ in 0..jobs {
                patience.together(Duration::ZERO);
            }
            patience.together(long);
            assert_eq!(alone(&mut patience, job), trials, "{jobs} jobs");
        }
    }
}
