//! The clocks of the desk: one value per SLA field, in every form that Jira gives it.
//!
//! Elapsed time is time within working hours, a third of the time on the wall, so nothing that
//! recomputes it from the timestamps will agree, as on a real site.

use serde_json::{Value, json};

use super::World;
use super::dice::Dice;
use super::outline::Outline;
use super::story::Story;
use super::workflow;

const HOUR: i64 = 3_600_000;
/// Wall time passes this many times faster than working time.
const WORKING_SHARE: i64 = 3;

/// What the clocks of a ticket run on.
#[derive(Debug)]
pub(crate) struct Clocks<'a> {
    pub(crate) world: &'a World,
    pub(crate) outline: &'a Outline,
    pub(crate) story: &'a Story,
    /// When an agent first answered in public.
    pub(crate) first_reply: Option<i64>,
}

/// A span in which a clock ran; without an end it still runs.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: i64,
    stop: Option<i64>,
    goal: i64,
    paused: bool,
}

impl Clocks<'_> {
    /// The value of the SLA field of that number and name.
    pub(crate) fn value(&self, number: u32, name: &str) -> Value {
        let mut dice = Dice::of(self.world.options.seed, self.outline.n, name);
        let runs = match number {
            10_328 => self.first_response(),
            10_161 => self.resolution(),
            10_163 => self.after_resolution(),
            10_329 => self.waiting(),
            _ => return Value::Null,
        };
        // Small files leave the minor metrics out.
        if self.world.is_lean() && !matches!(number, 10_328 | 10_161) {
            return Value::Null;
        }
        // Subtasks have no clocks; and some requests of every desk fall outside its metrics.
        if self.outline.parent.is_some() || dice.often(50) {
            return Value::Null;
        }
        // The metric applies, but its start condition was never met.
        let runs = if dice.often(30) { Vec::new() } else { runs };
        self.object(number, name, &runs, &mut dice)
    }

    fn goal(&self) -> i64 {
        match self.outline.priority.0 {
            "1" => HOUR,
            "2" => 4 * HOUR,
            "3" => 8 * HOUR,
            _ => 16 * HOUR,
        }
    }

    fn first_response(&self) -> Vec<Run> {
        let start = self.outline.created;
        vec![Run { start, stop: self.first_reply, goal: self.goal(), paused: false }]
    }

    /// From creation to resolution, and again after each reopening.
    fn resolution(&self) -> Vec<Run> {
        let goal = self.goal() * 5;
        let mut runs = Vec::new();
        let mut start = Some(self.outline.created);
        for (at, from, to) in self.story.steps() {
            if to.is_done() {
                if let Some(start) = start.take() {
                    runs.push(Run { start, stop: Some(at), goal, paused: false });
                }
            } else if from.is_done() {
                start = Some(at);
            }
        }
        if let Some(start) = start {
            let paused = self.outline.status == workflow::CUSTOMER;
            runs.push(Run { start, stop: None, goal, paused });
        }
        runs
    }

    /// From resolution to closing.
    fn after_resolution(&self) -> Vec<Run> {
        self.between(|status| status == workflow::RESOLVED, 40 * HOUR)
    }

    fn waiting(&self) -> Vec<Run> {
        self.between(|status| status == workflow::CUSTOMER, 24 * HOUR)
    }

    fn between(&self, inside: impl Fn(workflow::Status) -> bool, goal: i64) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut start = inside(self.story.first_status).then_some(self.outline.created);
        for (at, _, to) in self.story.steps() {
            match start {
                None if inside(to) => start = Some(at),
                Some(since) if !inside(to) => {
                    runs.push(Run { start: since, stop: Some(at), goal, paused: false });
                    start = None;
                }
                None | Some(_) => {}
            }
        }
        runs.extend(start.map(|start| Run { start, stop: None, goal, paused: false }));
        runs
    }

    fn object(&self, number: u32, name: &str, runs: &[Run], dice: &mut Dice) -> Value {
        let cycle = |run: &Run| self.cycle(*run);
        let completed: Vec<Value> =
            runs.iter().filter(|run| run.stop.is_some()).map(cycle).collect();
        let ongoing = runs.iter().find(|run| run.stop.is_none()).map(cycle);
        let id = number - 10_100;
        let link = format!(
            "{}/rest/servicedeskapi/request/{}/sla/{id}",
            self.world.site(),
            self.outline.id
        );
        let format = if dice.often(950) { "NEW_SLA_FORMAT" } else { "OLD_SLA_FORMAT" };
        let mut object = json!({
            "id": id.to_string(),
            "name": name,
            "_links": { "self": link },
            "completedCycles": completed,
            "slaDisplayFormat": format,
        });
        if let (Some(ongoing), Some(members)) = (ongoing, object.as_object_mut()) {
            members.insert("ongoingCycle".to_owned(), ongoing);
        }
        object
    }

    fn cycle(&self, run: Run) -> Value {
        let zone = self.world.options.zone;
        let now = self.world.options.until.max(run.start);
        let elapsed = (run.stop.unwrap_or(now) - run.start) / WORKING_SHARE;
        let remaining = run.goal - elapsed;
        let breach = run.start + run.goal * WORKING_SHARE;
        let mut cycle = json!({
            "startTime": zone.forms(run.start),
            "breached": remaining < 0,
            "goalDuration": duration(run.goal),
            "elapsedTime": duration(elapsed),
            "remainingTime": duration(remaining),
        });
        if let Some(members) = cycle.as_object_mut() {
            if !run.paused {
                members.insert("breachTime".to_owned(), zone.forms(breach));
            }
            if let Some(stop) = run.stop {
                members.insert("stopTime".to_owned(), zone.forms(stop));
            } else {
                let working = (8..18).contains(&zone.hour(now));
                members.insert("paused".to_owned(), json!(run.paused));
                members.insert("withinCalendarHours".to_owned(), json!(working));
            }
        }
        cycle
    }
}

fn duration(millis: i64) -> Value {
    let sign = if millis < 0 { "-" } else { "" };
    let (hours, minutes) = (millis.abs() / HOUR, millis.abs() % HOUR / 60_000);
    json!({ "millis": millis, "friendly": format!("{sign}{hours}h {minutes}m") })
}
