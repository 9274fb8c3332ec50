//! Static partition with work stealing: pieces of work, by number, for the members of a team.
//!
//! Each member owns a range of neighbouring pieces, so that what it works on step after step stays
//! in its core's caches. Cores are not equally fast (another program or guest may use part of one),
//! so a member whose own pieces are done takes pieces of others that are not begun. That decides
//! who computes a number, and never how.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::team::Member;

/// A queue of pieces for each member.
#[derive(Debug)]
pub(super) struct Queues(Vec<Queue>);

/// The pieces of one member, on a cache line of their own (processors fetch these in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Queue {
    own: Range<usize>,
    /// How many of them have been taken, or more.
    taken: AtomicUsize,
}

impl Queues {
    /// For a team of so many members; empty.
    pub fn new(members: usize) -> Self {
        Self((0..members).map(|_| Queue::default()).collect())
    }

    /// Refills the queues before a job: to each member these pieces.
    pub fn fill(&mut self, shares: impl Iterator<Item = Range<usize>>) {
        for (queue, own) in self.0.iter_mut().zip(shares) {
            *queue = Queue {
                own,
                taken: AtomicUsize::new(0),
            };
        }
    }

    /// The next piece of a member: the first of its own that is not taken, or else of another's.
    fn take(&self, member: Member) -> Option<usize> {
        let (before, from) = self.0.split_at(member.index);
        from.iter().chain(before).find_map(Queue::take)
    }
}

impl Queue {
    fn take(&self) -> Option<usize> {
        let piece = self.own.start + self.taken.fetch_add(1, Ordering::Relaxed);
        (piece < self.own.end).then_some(piece)
    }
}

/// The pieces that a member works on: those that it takes from queues, or just its own where there
/// are none.
pub(super) fn pieces(
    queues: Option<&Queues>,
    member: Member,
    mut own: Range<usize>,
) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || match queues {
        Some(queues) => queues.take(member),
        None => own.next(),
    })
}

/// A member's share of so many pieces, in even parts.
pub(super) fn share(pieces: usize, member: usize, members: usize) -> Range<usize> {
    pieces * member / members..pieces * (member + 1) / members
}

#[cfg(test)]
mod tests {
    use super::super::team::Team;
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_piece_is_taken_once_however_late_a_member_is() {
        for members in [1, 2, 3] {
            let mut team = Team::new(members).unwrap();
            let mut queues = Queues::new(members);
            for (round, count) in [0, 1, 2, 7, 40].into_iter().enumerate() {
                queues.fill((0..members).map(|member| share(count, member, members)));
                let taken: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                team.run(&|member| {
                    if member.index == round % members {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    for piece in pieces(Some(&queues), member, 0..0) {
                        taken[piece].fetch_add(1, Ordering::Relaxed);
                    }
                });
                assert!(taken.into_iter().all(|count| count.into_inner() == 1));
            }
        }
    }

    #[test]
    fn members_take_pieces_that_another_never_begins() {
        let mut team = Team::new(2).unwrap();
        let mut queues = Queues::new(2);
        queues.fill([0..3, 3..8].into_iter());
        let taken = AtomicUsize::new(0);
        team.run(&|member| {
            if member.index == 0 {
                taken.fetch_add(
                    pieces(Some(&queues), member, 0..0).count(),
                    Ordering::Relaxed,
                );
            }
        });
        assert_eq!(taken.into_inner(), 8);
    }
}
