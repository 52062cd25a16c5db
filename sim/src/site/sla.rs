//! SLA values: stored as Jira answers them, with the running cycle counted on by the clock.
//!
//! The simulated calendar works around the clock, so elapsed time is wall time. No webhook is
//! ever sent because time passed.

use serde_json::{Value, json};

use super::Place;

use crate::json::Members;

/// What a caller without an agent licence gets in place of a value.
pub(crate) fn refused() -> Value {
    json!({"errorMessage": "You do not have permission to view this SLA. An agent licence is required."})
}

/// A metric whose first cycle starts now.
pub(crate) fn start(place: &Place, issue: i64, metric: i64, name: &str, goal_ms: i64) -> Value {
    let now = place.clock.now();
    json!({
        "id": metric.to_string(), "name": name,
        "_links": {"self": format!("{}/rest/servicedeskapi/request/{issue}/sla/{metric}", place.url)},
        "completedCycles": [],
        "ongoingCycle": {
            "startTime": moment(place, now), "breachTime": moment(place, now + goal_ms),
            "breached": false, "paused": false, "withinCalendarHours": true,
            "goalDuration": duration(goal_ms), "elapsedTime": duration(0), "remainingTime": duration(goal_ms),
        },
        "slaDisplayFormat": "NEW_SLA_FORMAT",
    })
}

/// The value as it is now: the running cycle has grown, everything else is as stored.
pub(crate) fn at(value: &Value, place: &Place) -> Value {
    let mut value = value.clone();
    let now = place.clock.now();
    let Some(cycle) = value.get_mut("ongoingCycle").filter(|cycle| cycle.member("paused") != true)
    else {
        return value;
    };
    let (Some(start), Some(goal)) = (
        cycle.member("startTime").member("epochMillis").as_i64(),
        cycle.member("goalDuration").member("millis").as_i64(),
    ) else {
        return value;
    };
    let elapsed = now.saturating_sub(start).max(0);
    cycle.set("elapsedTime", duration(elapsed));
    cycle.set("remainingTime", duration(goal.saturating_sub(elapsed)));
    cycle.set("breached", json!(elapsed > goal));
    value
}

/// The value after its running cycle was completed now; unchanged if none runs.
pub(crate) fn complete(value: &Value, place: &Place) -> Value {
    let mut value = at(value, place);
    let Some(Value::Object(mut cycle)) = value.get_mut("ongoingCycle").map(Value::take) else {
        return value;
    };
    cycle.remove("paused");
    cycle.remove("withinCalendarHours");
    cycle.insert("stopTime".to_owned(), moment(place, place.clock.now()));
    if let Some(members) = value.as_object_mut() {
        members.remove("ongoingCycle");
    }
    if let Some(Value::Array(completed)) = value.get_mut("completedCycles") {
        completed.push(Value::Object(cycle));
    }
    value
}

fn moment(place: &Place, ms: i64) -> Value {
    json!({
        "iso8601": place.zone.iso(ms), "jira": place.zone.stamp(ms),
        "friendly": place.zone.friendly(ms), "epochMillis": ms,
    })
}

fn duration(ms: i64) -> Value {
    let minutes = ms / 60_000;
    json!({"millis": ms, "friendly": format!("{}h {}m", minutes / 60, (minutes % 60).abs())})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{at, complete, start};
    use crate::clock::Clock;
    use crate::site::Place;
    use crate::time::Zone;

    #[test]
    fn a_running_cycle_grows_with_the_clock_and_breaches() {
        let clock = Clock::default();
        clock.stop_at(1_770_000_000_000);
        let place = Place {
            url: "http://site".to_owned(),
            media_url: String::new(),
            cloud_id: String::new(),
            zone: Zone::new("Africa/Lagos", 60),
            clock: clock.clone(),
        };
        let value = start(&place, 1, 2, "Time to resolution", 3_600_000);
        clock.advance(Duration::from_secs(1800));
        assert_eq!(at(&value, &place)["ongoingCycle"]["elapsedTime"]["millis"], 1_800_000);
        assert_eq!(at(&value, &place)["ongoingCycle"]["breached"], false);
        clock.advance(Duration::from_secs(1801));
        assert_eq!(at(&value, &place)["ongoingCycle"]["remainingTime"]["millis"], -1_000);
        let done = complete(&value, &place);
        assert_eq!(done["completedCycles"][0]["breached"], true);
        assert!(done.get("ongoingCycle").is_none());
    }
}
