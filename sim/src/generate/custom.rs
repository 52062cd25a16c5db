//! The values of an issue's custom fields: the desk's own, and the sediment, which is mostly null.

use serde_json::{Value, json};

use super::adf;
use super::catalogue::{Field, Kind};
use super::comments::scene;
use super::dice::Dice;
use super::document::compose;
use super::histories::Ending;
use super::outline::Outline;
use super::people::{ORGANIZATIONS, Person};
use super::prose::{self, Writer};
use super::sla::Clocks;
use super::voices::Voice;
use super::{World, project_id};

const DAY: i64 = 86_400_000;

/// What the values are made from.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) world: &'a World,
    pub(crate) outline: &'a Outline,
    pub(crate) ending: &'a Ending,
    pub(crate) clocks: &'a Clocks<'a>,
    pub(crate) reporter: &'a Person,
}

impl Ground<'_> {
    /// The value of the field.
    pub(crate) fn value(&self, field: &Field, dice: &mut Dice) -> Value {
        match field.kind {
            Kind::Sla => self.clocks.value(field.number, &field.name),
            Kind::RequestType => self.request_type(dice),
            Kind::Organizations => self.organizations(dice),
            Kind::Participants => {
                self.ending.participants.iter().map(|person| person.value.clone()).collect()
            }
            Kind::Feedback => self.feedback().map_or(Value::Null, |rating| {
                json!({ "rating": rating, "comment": { "body": prose::fill(dice, "Thanks! {n}") } })
            }),
            Kind::FeedbackDate => match (self.feedback(), self.ending.resolved) {
                (Some(_), Some((_, at))) => json!(self.world.options.zone.stamp(at + 3_600_000)),
                _ => Value::Null,
            },
            Kind::Language => language(self.outline.voice),
            Kind::Sentiment if dice.often(400) => {
                json!({ "id": "2000", "name": dice.pick(&["Positive", "Neutral", "Negative"]) })
            }
            Kind::Rank => json!(format!("0|i{:05x}:", self.outline.n)),
            Kind::Development => json!("{}"),
            Kind::EpicLink => json!({
                "hasEpicLinkFieldDependency": false,
                "showField": false,
                "nonEditableReason": {
                    "reason": "PLUGIN_LICENSE_ERROR",
                    "message": "The Epic Link is only available to Jira Software users.",
                },
            }),
            _ => self.named(field, dice),
        }
    }

    /// The fields that the desk uses on many of its tickets.
    fn named(&self, field: &Field, dice: &mut Dice) -> Value {
        let often = match field.number {
            10_004 => {
                return self.ending.severity.map_or(Value::Null, |name| self.choice(field, name));
            }
            10_323 | 10_475 | 10_676 => 450,
            10_330 | 10_511 => 350,
            10_325 | 10_350 | 11_831 | 10_701 => 200,
            10_365 => 60,
            _ => 45,
        };
        if dice.often(often) { self.ordinary(field, dice) } else { Value::Null }
    }

    fn ordinary(&self, field: &Field, dice: &mut Dice) -> Value {
        let zone = self.world.options.zone;
        let near = self.outline.created + dice.between(-30, 90) * DAY;
        match field.kind {
            Kind::Text if field.number == 10_475 => {
                json!(format!("caller{}@customer.example", dice.below(900)))
            }
            Kind::Text => {
                let line = self.outline.voice.line(dice).unwrap_or("{app} on {host}");
                json!(prose::fill(dice, line))
            }
            Kind::Area => {
                let scene = scene(self.world, self.outline, self.outline.created);
                compose(dice, scene, Writer::Reporter, 2, &[])
            }
            Kind::Url => json!(format!(
                "https://desk.example.com/t/{:08x}?view=full&token={:08x}",
                dice.next() >> 32,
                dice.next() >> 32
            )),
            Kind::Number if dice.often(500) => json!(dice.between(0, 40)),
            Kind::Number => json!(f64::from(u32::try_from(dice.below(4000)).unwrap_or(0)) / 8.0),
            Kind::Date => json!(zone.day(near)),
            Kind::DateTime => json!(zone.stamp(near)),
            Kind::Choice if field.number == 10_365 => self.choice(field, "Yes"),
            Kind::Choice => self.choice(field, dice.pick(&OPTIONS)),
            Kind::Choices | Kind::Flagged => self.choices(field, dice),
            Kind::Cascade => {
                let mut value = self.choice(field, "Europe");
                if let Some(members) = value.as_object_mut() {
                    members.insert("child".to_owned(), self.choice(field, "Nordics"));
                }
                value
            }
            Kind::User => self.agent(dice),
            Kind::Users => json!([self.agent(dice), self.agent(dice)]),
            Kind::Labels => json!(["import-2024", "überprüft"]),
            Kind::Group => json!({ "name": "desk-approvers", "groupId": dice.uuid() }),
            Kind::Version => {
                json!({ "id": "10100", "name": prose::fill(dice, "{ver}"), "archived": false })
            }
            Kind::Sprint => json!([{
                "id": dice.between(1, 90), "name": "Desk sprint", "state": "active", "boardId": 4,
                "goal": "", "startDate": "2026-01-12T08:00:00.000Z",
                "endDate": "2026-01-26T08:00:00.000Z",
            }]),
            Kind::Team => json!({ "id": dice.uuid(), "name": "Second line", "isVisible": true }),
            Kind::Assets => json!([{
                "workspaceId": "2b1f5f5e-6f0b-4f4b-9b57-0c1d2e3f4a5b",
                "id": format!("2b1f5f5e:{}", dice.between(1, 500)),
                "objectId": dice.between(1, 500).to_string(),
            }]),
            Kind::Approvals => json!([{
                "id": dice.between(1, 999).to_string(), "name": "Waiting for approval",
                "finalDecision": dice.pick(&["approved", "declined", "pending"]),
                "canAnswerApproval": false,
                "approvers": [{ "approver": self.agent(dice), "approverDecision": "pending" }],
            }]),
            _ => Value::Null,
        }
    }

    fn agent(&self, dice: &mut Dice) -> Value {
        self.world.people.agent(dice).value.clone()
    }

    fn choice(&self, field: &Field, name: &str) -> Value {
        let sum: u64 = name.bytes().map(u64::from).sum();
        let id = 11_000 + u64::from(field.number % 1000) * 100 + sum % 97;
        json!({
            "self": format!("{}/rest/api/3/customFieldOption/{id}", self.world.site()),
            "value": name,
            "id": id.to_string(),
        })
    }

    fn choices(&self, field: &Field, dice: &mut Dice) -> Value {
        let mut values = vec![self.choice(field, dice.pick(&OPTIONS))];
        if dice.often(400) {
            values.push(self.choice(field, "Another, with a comma"));
        }
        json!(values)
    }

    /// A rating, mostly good, for a third of the finished tickets; the same for field and date.
    fn feedback(&self) -> Option<u8> {
        let mut own = Dice::of(self.world.options.seed, self.outline.n, "feedback");
        self.ending.resolved?;
        own.often(330).then(|| own.pick(&[5, 5, 5, 4, 4, 3, 2, 1]))
    }

    fn organizations(&self, dice: &mut Dice) -> Value {
        let mut at = vec![self.reporter.organization];
        if dice.often(80) {
            at.push((self.reporter.organization + 1) % ORGANIZATIONS.len());
        }
        if dice.often(250) {
            at.clear();
        }
        let site = self.world.site();
        at.iter()
            .filter_map(|at| {
                let name = ORGANIZATIONS.get(*at)?;
                let id = (at + 1).to_string();
                let own = format!("{site}/rest/servicedeskapi/organization/{id}");
                Some(json!({ "id": id, "name": name, "_links": { "self": own } }))
            })
            .collect()
    }

    fn request_type(&self, dice: &mut Dice) -> Value {
        if self.outline.parent.is_some() || dice.often(40) {
            return Value::Null;
        }
        let (site, id) = (self.world.site(), self.outline.id);
        let desk = self.outline.project + 1;
        let since = self.ending.category_changed.unwrap_or(self.outline.created);
        let status = self.outline.status;
        let mut value = json!({
            "_links": {
                "jiraRest": format!("{site}/rest/api/2/issue/{id}"),
                "web": format!("{site}/servicedesk/customer/portal/{desk}/{}", self.outline.key),
                "agent": format!("{site}/browse/{}", self.outline.key),
                "self": format!("{site}/rest/servicedeskapi/request/{id}"),
            },
            "currentStatus": {
                "status": status.name,
                "statusCategory": status.category.portal(),
                "statusDate": self.world.options.zone.forms(since),
            },
        });
        // The type of old requests may have been deleted.
        if let Some(members) = value.as_object_mut()
            && !dice.often(20)
        {
            members.insert("requestType".to_owned(), self.portal_type(desk, dice));
        }
        value
    }

    fn portal_type(&self, desk: usize, dice: &mut Dice) -> Value {
        let site = self.world.site();
        let (id, name) = dice.pick(&[
            ("21", "Get IT help"),
            ("22", "Report a system problem"),
            ("23", "Request access"),
            ("24", "Ask about an invoice"),
            ("25", "お問い合わせ"),
        ]);
        let icon = |size: &str| {
            format!(
                "{site}/rest/api/2/universal_avatar/view/type/SD_REQTYPE/avatar/10{id}?size={size}"
            )
        };
        json!({
            "_expands": ["field"],
            "id": id,
            "_links": { "self": format!("{site}/rest/servicedeskapi/servicedesk/{desk}/requesttype/{id}") },
            "name": name,
            "description": "Tell us what is wrong and we will find somebody who can help.",
            "helpText": "",
            "defaultName": name,
            "issueTypeId": self.outline.kind.0,
            "serviceDeskId": desk.to_string(),
            "portalId": desk.to_string(),
            "projectId": project_id(self.outline.project),
            "groupIds": ["9"],
            "icon": { "id": format!("10{id}"), "_links": { "iconUrls": {
                "48x48": icon("large"), "24x24": icon("small"),
                "16x16": icon("xsmall"), "32x32": icon("medium"),
            } } },
        })
    }
}

const OPTIONS: [&str; 8] = [
    "Yes",
    "No",
    "Hardware",
    "Software",
    "Third party",
    "業務影響あり",
    "N/A",
    "Tier 2 / \"gold\"",
];

fn language(voice: Voice) -> Value {
    let (code, name) = match voice {
        Voice::EastAsian => ("ja", "日本語"),
        Voice::RightToLeft => ("ar", "العربية"),
        Voice::English | Voice::Emoji | Voice::Hostile => ("en", "English"),
    };
    json!({ "languageCode": code, "displayName": name })
}

/// The `environment` field: a short document, mostly null.
pub(crate) fn environment(dice: &mut Dice) -> Value {
    if !dice.often(80) {
        return Value::Null;
    }
    adf::doc(vec![adf::line(&prose::fill(dice, "{app} {ver} on {host}"))])
}
