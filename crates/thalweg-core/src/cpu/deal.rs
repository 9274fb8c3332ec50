//! Who does what: pieces of work with numbers, dealt out to a team.
//!
//! Every member has neighbouring pieces of its own, so that what it works on step after step stays in its core's caches.
//! Cores are not equally fast: another program or another guest of the machine may use part of one. Who has done its own
//! pieces therefore takes over what others have not begun. That decides who computes a number, and never how.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::team::Member;

/// Pieces of work of a job.
#[derive(Debug)]
pub(super) struct Deal(Vec<Hand>);

/// The pieces of a member, on a cache line of their own (processors fetch these in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Hand {
    own: Range<usize>,
    /// How many of them somebody has taken, or more.
    taken: AtomicUsize,
}

impl Deal {
    /// For a team of so many, with nothing to do.
    pub fn new(members: usize) -> Self {
        Self((0..members).map(|_| Hand::default()).collect())
    }

    /// Deals out anew, before a job: to each member these pieces.
    pub fn deal(&mut self, shares: impl Iterator<Item = Range<usize>>) {
        for (hand, own) in self.0.iter_mut().zip(shares) {
            *hand = Hand {
                own,
                taken: AtomicUsize::new(0),
            };
        }
    }

    /// What a member does next: the first of its own pieces that nobody has taken, or else of another's.
    fn take(&self, member: Member) -> Option<usize> {
        let (before, from) = self.0.split_at(member.index);
        from.iter().chain(before).find_map(Hand::take)
    }
}

impl Hand {
    fn take(&self) -> Option<usize> {
        let piece = self.own.start + self.taken.fetch_add(1, Ordering::Relaxed);
        (piece < self.own.end).then_some(piece)
    }
}

/// The pieces that a member does: what it takes of a deal, or just its own where there is none.
pub(super) fn pieces(
    deal: Option<&Deal>,
    member: Member,
    mut own: Range<usize>,
) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || match deal {
        Some(deal) => deal.take(member),
        None => own.next(),
    })
}

/// The share of a member of so many pieces, dealt out evenly.
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
            let mut deal = Deal::new(members);
            for (round, count) in [0, 1, 2, 7, 40].into_iter().enumerate() {
                deal.deal((0..members).map(|member| share(count, member, members)));
                let taken: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                team.run(&|member| {
                    if member.index == round % members {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    for piece in pieces(Some(&deal), member, 0..0) {
                        taken[piece].fetch_add(1, Ordering::Relaxed);
                    }
                });
                assert!(taken.into_iter().all(|count| count.into_inner() == 1));
            }
        }
    }

    #[test]
    fn members_take_what_another_never_begins() {
        let mut team = Team::new(2).unwrap();
        let mut deal = Deal::new(2);
        deal.deal([0..3, 3..8].into_iter());
        let taken = AtomicUsize::new(0);
        team.run(&|member| {
            if member.index == 0 {
                taken.fetch_add(pieces(Some(&deal), member, 0..0).count(), Ordering::Relaxed);
            }
        });
        assert_eq!(taken.into_inner(), 8);
    }
}
