//! The cycles of every SLA metric of an issue.
//!
//! The cycles of a metric repeat its name, within the bound of [`super::repeats`].

use std::borrow::Cow;

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::{Got, Node, Text, count};
use crate::sla::{self, State};
use crate::table::repeats::{RepeatBudget, Repeated};

pub(super) struct SlaCycles;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    field: &'a str,
    metric: Node<'a>,
    number: i64,
    state: State,
    cycle: Node<'a>,
}

type C = Column<SlaCycles>;

impl Shape for SlaCycles {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("sla_field_id", "The metric's field.", |r| known(r.field)),
        C::text("sla_name", "The metric's name.", |r| r.name()),
        C::int("cycle", "The cycle's number, from 1.", |r| Got::some(r.number)),
        C::text("state", "Of the cycle: ongoing or completed.", |r| {
            known(match r.state {
                State::Completed => "completed",
                State::Ongoing => "ongoing",
            })
        }),
        C::time("started_at", "When the cycle began.", |r| sla::time(r.cycle.at("startTime"))),
        C::time("stopped_at", "When the cycle ended.", |r| sla::time(r.cycle.at("stopTime"))),
        C::time("breach_at", "When the goal is or was missed.", |r| {
            sla::time(r.cycle.at("breachTime"))
        }),
        C::flag("breached", "Whether the goal was missed.", |r| r.cycle.at("breached").flag()),
        C::flag("paused", "Whether the clock stands still.", |r| r.cycle.at("paused").flag()),
        C::flag("within_calendar_hours", "Whether it is working time now.", |r| {
            r.cycle.at("withinCalendarHours").flag()
        }),
        C::int("goal_millis", "The goal, in ms of working time.", |r| r.millis("goalDuration")),
        C::int("elapsed_millis", "Working time spent, in ms.", |r| r.millis("elapsedTime")),
        C::int("remaining_millis", "Working time left, in ms; negative when late.", |r| {
            r.millis("remainingTime")
        }),
    ];
}

impl Mapped for SlaCycles {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        let (mut rows, mut budget) = (Vec::new(), RepeatBudget::new());
        for (field, metric) in sla::metrics(issue) {
            let cycles = sla::cycles(metric, lost);
            let name = |metric: Node<'a>| [metric.at("name").text()];
            let repeated = Repeated::new(metric, cycles.len(), &mut budget, name);
            rows.extend(cycles.into_iter().enumerate().map(|(at, (state, cycle))| Row {
                issue,
                field,
                metric: repeated.row(at),
                number: count(at).saturating_add(1),
                state,
                cycle,
            }));
        }
        rows
    }
}

impl Row<'_> {
    fn name(&self) -> Text<'_> {
        let own = self.metric.at("name").text();
        let listed = || self.issue.map.field(self.field).map(|field| field.name.as_str());
        Got { value: own.value.or_else(|| listed().map(Cow::Borrowed)), odd: own.odd }
    }

    fn millis(&self, duration: &str) -> Got<i64> {
        self.cycle.at(duration).at("millis").int()
    }
}
