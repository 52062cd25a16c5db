//! When what happened to a ticket: its beats, oldest first.
//!
//! The story ends where the outline says: the last step leads to the outline's status.

use super::World;
use super::dice::Dice;
use super::outline::{Link, Outline, links_from};
use super::workflow::{self, Status};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// Somebody wrote a comment.
    Comment,
    /// The ticket went from one status to another.
    Step(Status, Status),
    /// Another assignee.
    Assign,
    /// Another priority.
    Priority,
    /// Another summary.
    Summary,
    /// Another description.
    Description,
    /// One more label.
    Label,
    /// Another severity.
    Severity,
    /// One more participant.
    Participant,
    /// A new place in the backlog.
    Rank,
    /// A link to another ticket was made.
    Linked(Link),
    /// The ticket came from another project.
    Moved,
}

/// One thing and its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beat {
    pub(crate) at: i64,
    pub(crate) what: What,
}

/// All that happened to a ticket.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) beats: Vec<Beat>,
    /// The status at creation.
    pub(crate) first_status: Status,
}

impl Story {
    /// The story of the ticket.
    pub(crate) fn of(world: &World, outline: &Outline) -> Self {
        let mut dice = Dice::of(world.options.seed, outline.n, "story");
        if outline.is_newborn(world) {
            return Self { beats: Vec::new(), first_status: outline.status };
        }
        let steps =
            dice.tail(&[(300, 1, 2), (550, 2, 5), (120, 6, 12), (25, 13, 40), (5, 60, 110)]);
        let way = workflow::way(&mut dice, outline.status, world.scaled(steps));
        let mut steps: Vec<What> =
            way.iter().zip(way.iter().skip(1)).map(|(from, to)| What::Step(*from, *to)).collect();
        steps.reverse();
        // Steps must keep their order: they are dealt into the places that are left open for them.
        let mut whats: Vec<Option<What>> =
            others(world, outline, &mut dice).into_iter().map(Some).collect();
        whats.extend(steps.iter().map(|_| None));
        dice.shuffle(&mut whats);
        let times = times(world, outline, whats.len(), &mut dice);
        let beats = times
            .into_iter()
            .zip(whats)
            .filter_map(|(at, what)| Some(Beat { at, what: what.or_else(|| steps.pop())? }))
            .collect();
        let first_status = way.first().copied().unwrap_or(outline.status);
        Self { beats, first_status }
    }

    /// When comments were written, oldest first.
    pub(crate) fn comment_times(&self) -> Vec<i64> {
        self.beats
            .iter()
            .filter(|beat| matches!(beat.what, What::Comment))
            .map(|beat| beat.at)
            .collect()
    }

    /// The steps with their times, oldest first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (i64, Status, Status)> + '_ {
        self.beats.iter().filter_map(|beat| match beat.what {
            What::Step(from, to) => Some((beat.at, from, to)),
            _ => None,
        })
    }
}

fn others(world: &World, outline: &Outline, dice: &mut Dice) -> Vec<What> {
    let comments = dice.tail(&[
        (70, 0, 0),
        (110, 1, 1),
        (690, 2, 8),
        (90, 9, 20),
        (20, 21, 60),
        (8, 61, 99),
        (9, 101, 160),
        (3, 240, 260),
    ]);
    let edits = dice.tail(&[
        (250, 1, 3),
        (590, 4, 9),
        (132, 10, 20),
        (16, 21, 80),
        (9, 90, 160),
        (3, 280, 310),
    ]);
    let mut whats = vec![What::Comment; usize::try_from(world.scaled(comments)).unwrap_or(0)];
    for _ in 0..world.scaled(edits) {
        whats.push(match dice.below(100) {
            0..28 => What::Assign,
            28..40 => What::Priority,
            40..46 => What::Summary,
            46..52 => What::Description,
            52..68 => What::Label,
            68..80 => What::Severity,
            80..94 => What::Participant,
            _ => What::Rank,
        });
    }
    whats.extend(links_from(world, outline.n).into_iter().map(What::Linked));
    if dice.often(25) && world.options.projects.len() > 1 {
        whats.push(What::Moved);
    }
    whats
}

/// That many times between creation and the end of the story, denser at the beginning.
fn times(world: &World, outline: &Outline, count: usize, dice: &mut Dice) -> Vec<i64> {
    let until = world.options.until;
    let life = if outline.status.is_done() {
        dice.tail(&[
            (250, 40 * MINUTE, DAY),
            (450, DAY, 7 * DAY),
            (230, 7 * DAY, 30 * DAY),
            (70, 30 * DAY, 120 * DAY),
        ])
    } else {
        (until - outline.created) / 100 * dice.between(5, 99)
    };
    let end = outline.created.saturating_add(life).min(until);
    let span = (end - outline.created).max(1);
    let mut times: Vec<i64> = (0..count)
        .map(|_| {
            let share = dice.between(1, 1000);
            let near = outline.created + span / 1000 * share / 1000 * share;
            (near + dice.between(1, (span / 1000).max(1))).min(end)
        })
        .collect();
    times.sort_unstable();
    times
}
