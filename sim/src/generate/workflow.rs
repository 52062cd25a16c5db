//! The desk's statuses, and the ways a ticket takes through them.

use serde_json::{Value, json};

use super::dice::Dice;

/// A status with the category that Jira puts it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Status {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) category: Category,
}

/// The three categories that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Category {
    #[default]
    ToDo,
    InProgress,
    Done,
}

impl Category {
    /// The category as issues carry it.
    pub(crate) fn value(self, site: &str) -> Value {
        let (id, key, color, name) = match self {
            Self::ToDo => (2, "new", "blue-gray", "To Do"),
            Self::InProgress => (4, "indeterminate", "yellow", "In Progress"),
            Self::Done => (3, "done", "green", "Done"),
        };
        json!({
            "self": format!("{site}/rest/api/3/statuscategory/{id}"),
            "id": id, "key": key, "colorName": color, "name": name,
        })
    }

    /// The word that the portal uses.
    pub(crate) fn portal(self) -> &'static str {
        match self {
            Self::ToDo => "NEW",
            Self::InProgress => "INDETERMINATE",
            Self::Done => "DONE",
        }
    }
}

const OPEN: Status = Status { id: 1, name: "Open", category: Category::ToDo };
const WAITING: Status =
    Status { id: 10_010, name: "Waiting for support", category: Category::ToDo };
const WORKING: Status = Status { id: 3, name: "In Progress", category: Category::InProgress };
const PENDING: Status = Status { id: 10_013, name: "Pending", category: Category::InProgress };
const ESCALATED: Status = Status { id: 10_012, name: "Escalated", category: Category::InProgress };
const CANCELED: Status = Status { id: 10_014, name: "Canceled", category: Category::Done };
const CLOSED: Status = Status { id: 6, name: "Closed", category: Category::Done };

/// The status in which the clocks of the desk stand still.
pub(crate) const CUSTOMER: Status =
    Status { id: 10_011, name: "Waiting for customer", category: Category::InProgress };
/// The status in which the desk has answered.
pub(crate) const RESOLVED: Status = Status { id: 5, name: "Resolved", category: Category::Done };

/// Every status of the desk.
pub(crate) const ALL: [Status; 9] =
    [OPEN, WAITING, WORKING, CUSTOMER, PENDING, ESCALATED, RESOLVED, CLOSED, CANCELED];

impl Status {
    /// The status as issues carry it.
    pub(crate) fn value(self, site: &str) -> Value {
        json!({
            "self": format!("{site}/rest/api/3/status/{}", self.id),
            "description": "",
            "iconUrl": format!("{site}/images/icons/statuses/generic.png"),
            "name": self.name,
            "id": self.id.to_string(),
            "statusCategory": self.category.value(site),
        })
    }

    /// Whether a ticket in this status carries a resolution.
    pub(crate) fn is_done(self) -> bool {
        self.category == Category::Done
    }
}

/// The status a ticket is in at the end; young tickets are mostly open.
pub(crate) fn last_status(dice: &mut Dice, age_days: i64) -> Status {
    let open = match age_days {
        ..=2 => 850,
        3..=14 => 450,
        15..=60 => 150,
        _ => 40,
    };
    if dice.often(open) {
        return dice
            .pick(&[OPEN, WAITING, WAITING, WORKING, WORKING, CUSTOMER, PENDING, ESCALATED]);
    }
    dice.pick(&[RESOLVED, RESOLVED, RESOLVED, CLOSED, CLOSED, CANCELED])
}

/// A way that ends in `last`: the first entry is the status at creation, and neighbours differ.
pub(crate) fn way(dice: &mut Dice, last: Status, steps: i64) -> Vec<Status> {
    let mut way = vec![last];
    let mut ahead = last;
    for _ in 0..steps {
        ahead = before(dice, ahead);
        way.push(ahead);
    }
    // A ticket is never born finished, nor in a status that somebody has to put it in.
    if ahead != OPEN && ahead != WAITING {
        way.push(WAITING);
    }
    way.reverse();
    way
}

fn before(dice: &mut Dice, status: Status) -> Status {
    let candidates: &[Status] = match status.name {
        "Closed" => &[RESOLVED, RESOLVED, RESOLVED, WORKING],
        "Resolved" => &[WORKING, WORKING, CUSTOMER, WAITING, ESCALATED],
        "Canceled" => &[WAITING, CUSTOMER, OPEN],
        // Coming back from Resolved is a reopened ticket: its SLA has several cycles.
        "Waiting for support" => &[CUSTOMER, CUSTOMER, CUSTOMER, RESOLVED, PENDING, OPEN],
        "Open" => &[RESOLVED, WAITING],
        "Waiting for customer" => &[WORKING, WAITING, WAITING, ESCALATED],
        "Escalated" => &[WORKING, WAITING],
        "Pending" => &[WORKING, WAITING],
        _ => &[WAITING, WAITING, CUSTOMER, PENDING, ESCALATED],
    };
    dice.pick(candidates)
}

#[cfg(test)]
mod tests {
    use super::{ALL, Dice, way};

    #[test]
    fn every_way_ends_where_it_should_and_never_stands_still() {
        let mut dice = Dice::of(5, 0, "ways");
        for last in ALL {
            for steps in 0..40 {
                let way = way(&mut dice, last, steps);
                assert_eq!(way.last(), Some(&last));
                assert!(way.windows(2).all(|pair| pair[0] != pair[1]), "{way:?}");
                assert!(!way[0].is_done(), "{way:?}");
            }
        }
    }
}
