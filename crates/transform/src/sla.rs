//! The value of an SLA field: completed cycles, and perhaps one that is going on.
//!
//! An object with `errorMessage` stands where the account may not read the metric: that is "not
//! fetched", never a value. Every member may be missing.

use std::borrow::Cow;

use jira::time::Instant;

use crate::issue::Issue;
use crate::json::Json;
use crate::node::{Got, Node, Text};

/// A cycle's place in the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Completed,
    Ongoing,
}

/// The fields of an issue that are SLA metrics.
pub(crate) fn metrics<'a>(issue: &'a Issue<'a>) -> impl Iterator<Item = (&'a str, Node<'a>)> {
    let map = issue.map;
    let fields = issue.custom_fields().iter().copied();
    fields.filter(move |(field, value)| map.is_sla(field) || looks_like_sla(*value))
}

/// Whether there is a value at all: not NULL, and not a refusal.
pub(crate) fn is_fetched(metric: Node<'_>) -> bool {
    metric.is_set() && !is_refused(metric)
}

/// A value that only an SLA metric has.
fn looks_like_sla(metric: Node<'_>) -> bool {
    matches!(metric.at("completedCycles"), Node::Is(Json::List(_)))
}

/// Whether the account may not read it.
pub(crate) fn is_refused(metric: Node<'_>) -> bool {
    metric.at("errorMessage").is_set()
}

/// All cycles: the completed ones in order, then the ongoing one.
pub(crate) fn cycles<'a>(metric: Node<'a>, lost: &mut u64) -> Vec<(State, Node<'a>)> {
    if !is_fetched(metric) {
        return Vec::new();
    }
    let completed = metric.at("completedCycles").objects(lost).into_iter();
    let mut cycles: Vec<_> = completed.map(|cycle| (State::Completed, cycle)).collect();
    match metric.at("ongoingCycle") {
        Node::Absent | Node::Is(Json::Null) => {}
        cycle @ Node::Is(Json::Object(_)) => cycles.push((State::Ongoing, cycle)),
        Node::Is(_) | Node::Odd => *lost += 1,
    }
    cycles
}

/// `breached` of the ongoing cycle, else of the last completed one, as `True` or `False`.
pub(crate) fn breached(metric: Node<'_>) -> Text<'static> {
    let flag = current(metric).at("breached").flag();
    flag.map(|breached| Cow::Borrowed(if breached { "True" } else { "False" }))
}

/// A duration of the ongoing cycle, else of the last completed one.
pub(crate) fn millis(metric: Node<'_>, duration: &str) -> Got<i64> {
    current(metric).at(duration).at("millis").int()
}

/// A point in time: its epoch milliseconds, else its texts.
pub(crate) fn time(at: Node<'_>) -> Got<Instant> {
    let millis = at.at("epochMillis").int();
    let instant = millis.value.and_then(Instant::from_millis).map(Got::some);
    let mut texts = [at.at("jira"), at.at("iso8601")].into_iter().filter(|text| text.is_set());
    instant.or_else(|| texts.next().map(Node::time)).unwrap_or(Got {
        value: None,
        // A number that is no instant is odd too.
        odd: millis.odd || millis.value.is_some(),
    })
}

fn current(metric: Node<'_>) -> Node<'_> {
    if is_refused(metric) {
        return Node::Absent;
    }
    let ongoing = metric.at("ongoingCycle");
    if ongoing.is_set() {
        return ongoing;
    }
    match metric.at("completedCycles") {
        Node::Is(Json::List(cycles)) => cycles.last().copied().map_or(Node::Absent, Node::Is),
        Node::Absent | Node::Is(Json::Null) => Node::Absent,
        Node::Is(_) | Node::Odd => Node::Odd,
    }
}
