//! The quarantine: work that was in flight when the process died is taken alone, so that a second
//! death proves that it was the reason.
//!
//! Suspects begin only after the process has lived for a while: whoever kills it again and again from
//! outside parks nothing. They take turns with the others. A turn of the others is at least as long
//! as the turn of suspects before it, so neither side starves.

use std::time::Duration;

use tokio::time::Instant;

use super::Loop;
use crate::look::chain;

/// A turn of suspects takes no new one after this, and a turn of the others lasts at least so long.
const TURN: Duration = Duration::from_secs(1);

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Everybody but suspects; suspects wait until this.
    Others(Instant),
    /// What is in flight ends, and nothing begins.
    Draining,
    /// Suspects, since this.
    Suspects(Instant),
}

impl Turn {
    /// The turn after this one at `now`, and whether suspects may be leased in it.
    fn next(self, now: Instant, in_flight: usize, has_due_suspects: bool) -> (Self, Step) {
        match self {
            Self::Others(until) if now < until => (self, Step::LeaseOthers),
            Self::Others(_) if !has_due_suspects => (Self::Others(now + TURN), Step::LeaseOthers),
            Self::Suspects(since) if in_flight == 0 && now - since >= TURN => {
                (Self::Others(now + TURN.max(now - since)), Step::LeaseOthers)
            }
            Self::Others(_) | Self::Draining | Self::Suspects(_) if in_flight > 0 => {
                (if matches!(self, Self::Others(_)) { Self::Draining } else { self }, Step::Wait)
            }
            Self::Suspects(_) if has_due_suspects => (self, Step::LeaseSuspects),
            Self::Suspects(since) => (Self::Others(now + TURN.max(now - since)), Step::LeaseOthers),
            Self::Others(_) | Self::Draining => (Self::Suspects(now), Step::LeaseSuspects),
        }
    }
}

/// What the loop does in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    LeaseOthers,
    LeaseSuspects,
    Wait,
}

impl Loop {
    /// Whose turn it is now. Asks the ledger at most once in a turn of the others.
    pub(super) async fn take_turn(&mut self) -> Step {
        let now = Instant::now();
        let is_asked = match self.turn {
            Turn::Others(until) => now >= until,
            Turn::Draining => false,
            Turn::Suspects(_) => self.in_flight() == 0,
        };
        let has_due_suspects = if is_asked {
            match self.looker.ledger.has_due_suspects().await {
                Ok(has) => has,
                Err(error) => {
                    self.hold_for_ledger(&error);
                    return Step::Wait;
                }
            }
        } else {
            false
        };
        let (turn, step) = self.turn.next(now, self.in_flight(), has_due_suspects);
        self.turn = turn;
        step
    }

    /// Leases the next suspects and looks at them.
    pub(super) async fn lease_suspects(&mut self) {
        let until = self.lease_end();
        match self.looker.ledger.lease_suspects(until).await {
            Ok(leased) => {
                if let [work] = leased.as_slice() {
                    let subject = &work.subject;
                    tracing::info!(issue = %subject, "{subject} was in flight when jiralake died: it is taken alone");
                }
                self.begin(leased, 1);
            }
            Err(error) => {
                tracing::debug!("no suspect was leased: {}", chain(&error));
                self.hold_for_ledger(&error);
            }
        }
    }

    /// When the loop has to look again at whose turn it is.
    pub(super) fn until_turn_ends(&self) -> Option<Duration> {
        match self.turn {
            Turn::Others(until) => Some(until - Instant::now()),
            // The end of what is in flight wakes the loop.
            Turn::Draining | Turn::Suspects(_) => None,
        }
    }

    fn in_flight(&self) -> usize {
        let commits = self.committing + usize::from(self.commit.is_some());
        self.looks.len() + self.bulks.len() + self.ready.len() + commits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn suspects_begin_when_their_time_has_come_and_nothing_else_is_in_flight() {
        let start = Instant::now();
        let turn = Turn::Others(start + 5 * TURN);
        assert_eq!(turn.next(start + 5 * TURN - MS, 3, true), (turn, Step::LeaseOthers));
        let due = start + 5 * TURN;
        assert_eq!(turn.next(due, 3, false), (Turn::Others(due + TURN), Step::LeaseOthers));
        assert_eq!(turn.next(due, 3, true), (Turn::Draining, Step::Wait));
        assert_eq!(Turn::Draining.next(due, 1, false), (Turn::Draining, Step::Wait));
        let begun = (Turn::Suspects(due), Step::LeaseSuspects);
        assert_eq!(Turn::Draining.next(due, 0, false), begun);
        assert_eq!(turn.next(due, 0, true), begun);
    }

    #[test]
    fn suspects_are_alone_and_give_way_after_a_second_or_for_as_long_as_they_took() {
        let since = Instant::now();
        let turn = Turn::Suspects(since);
        assert_eq!(turn.next(since + 9 * TURN, 1, true), (turn, Step::Wait), "one is in flight");
        assert_eq!(turn.next(since + TURN - MS, 0, true), (turn, Step::LeaseSuspects));
        let others = |at: Instant, turns: u32| (Turn::Others(at + turns * TURN), Step::LeaseOthers);
        assert_eq!(turn.next(since + TURN, 0, true), others(since + TURN, 1));
        assert_eq!(turn.next(since + MS, 0, false), others(since + MS, 1), "none is left");
        assert_eq!(turn.next(since + 9 * TURN, 0, true), others(since + 9 * TURN, 9));
    }
}
