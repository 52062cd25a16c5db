//! The site's fields: what `GET /field` lists, and the custom fields that every issue carries.
//!
//! The ids of the help desk's own fields are the ones a desk of this kind really has; the rest is
//! the sediment of many years of administration. Two names occur twice, as they do in life.

use serde_json::{Value, json};

use super::dice::Dice;

/// What a custom field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    #[default]
    Text,
    Area,
    Url,
    Number,
    Date,
    DateTime,
    Choice,
    Choices,
    Cascade,
    User,
    Users,
    Labels,
    Group,
    Version,
    Sprint,
    Rank,
    EpicLink,
    Flagged,
    Development,
    Team,
    Assets,
    Sla,
    Organizations,
    Participants,
    RequestType,
    Feedback,
    FeedbackDate,
    Language,
    Approvals,
    Sentiment,
    Entitlement,
}

/// A custom field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The fields of a desk of this kind, by the number in their id.
const NAMED: [(u32, &str, Kind); 40] = [
    (10000, "Development", Kind::Development),
    (10001, "Team", Kind::Team),
    (10002, "Organizations", Kind::Organizations),
    (10004, "Severity", Kind::Choice),
    (10010, "Request Type", Kind::RequestType),
    (10014, "Epic Link", Kind::EpicLink),
    (10015, "Start date", Kind::Date),
    (10016, "Story point estimate", Kind::Number),
    (10019, "Rank", Kind::Rank),
    (10020, "Sprint", Kind::Sprint),
    (10021, "Flagged", Kind::Flagged),
    (10034, "Approvals", Kind::Approvals),
    (10045, "Request language", Kind::Language),
    (10055, "Sentiment", Kind::Sentiment),
    (10060, "Affected services", Kind::Assets),
    (10061, "Entitlement", Kind::Entitlement),
    (10156, "Request participants", Kind::Participants),
    (10157, "Satisfaction", Kind::Feedback),
    (10158, "Satisfaction date", Kind::FeedbackDate),
    (10161, "Time to resolution", Kind::Sla),
    (10162, "Time to approve normal change", Kind::Sla),
    (10163, "Time to close after resolution", Kind::Sla),
    (10323, "Triage", Kind::Choices),
    (10325, "Custom URL", Kind::Url),
    (10328, "Time to first response", Kind::Sla),
    (10329, "Time waiting for customer", Kind::Sla),
    (10330, "Context", Kind::Area),
    (10350, "Slack link", Kind::Url),
    (10365, "Spam", Kind::Choice),
    (10401, "Team", Kind::Choice),
    (10402, "Start date", Kind::DateTime),
    (10475, "Email address", Kind::Text),
    (10490, "Region", Kind::Cascade),
    (10511, "Configuration item", Kind::Choices),
    (10512, "Approver group", Kind::Group),
    (10530, "Fixed in build", Kind::Version),
    (10676, "Technical issue category", Kind::Choice),
    (10701, "影響範囲", Kind::Choice),
    (10702, "Reviewers", Kind::Users),
    (11831, "L3 team", Kind::Choice),
];

const OWNERS: [&str; 12] = [
    "Customer",
    "Vendor",
    "Internal",
    "Legacy",
    "Hardware",
    "Network",
    "Contract",
    "Release",
    "Security",
    "Root cause",
    "Rollout",
    "Audit",
];
const MATTERS: [&str; 12] = [
    "reference",
    "owner",
    "deadline",
    "category",
    "note",
    "impact",
    "cost centre",
    "contact",
    "environment",
    "score",
    "link",
    "checked on",
];
const ORDINARY: [Kind; 12] = [
    Kind::Text,
    Kind::Choice,
    Kind::Number,
    Kind::Date,
    Kind::Choice,
    Kind::User,
    Kind::Area,
    Kind::Choices,
    Kind::Url,
    Kind::DateTime,
    Kind::Labels,
    Kind::Text,
];

/// Fields that are always there: id, name, type, items.
const SYSTEM: [(&str, &str, &str, &str); 44] = [
    ("aggregateprogress", "Σ Progress", "progress", ""),
    ("aggregatetimeestimate", "Σ Remaining Estimate", "number", ""),
    ("aggregatetimeoriginalestimate", "Σ Original Estimate", "number", ""),
    ("aggregatetimespent", "Σ Time Spent", "number", ""),
    ("assignee", "Assignee", "user", ""),
    ("attachment", "Attachment", "array", "attachment"),
    ("comment", "Comment", "comments-page", ""),
    ("components", "Components", "array", "component"),
    ("created", "Created", "datetime", ""),
    ("creator", "Creator", "user", ""),
    ("description", "Description", "string", ""),
    ("duedate", "Due date", "date", ""),
    ("environment", "Environment", "string", ""),
    ("fixVersions", "Fix versions", "array", "version"),
    ("issuekey", "Key", "", ""),
    ("issuelinks", "Linked Issues", "array", "issuelinks"),
    ("issuerestriction", "Restrict to", "issuerestriction", ""),
    ("issuetype", "Issue Type", "issuetype", ""),
    ("labels", "Labels", "array", "string"),
    ("lastViewed", "Last Viewed", "datetime", ""),
    ("parent", "Parent", "", ""),
    ("priority", "Priority", "priority", ""),
    ("progress", "Progress", "progress", ""),
    ("project", "Project", "project", ""),
    ("reporter", "Reporter", "user", ""),
    ("resolution", "Resolution", "resolution", ""),
    ("resolutiondate", "Resolved", "datetime", ""),
    ("security", "Security Level", "securitylevel", ""),
    ("status", "Status", "status", ""),
    ("statusCategory", "Status Category", "statusCategory", ""),
    ("statuscategorychangedate", "Status Category Changed", "datetime", ""),
    ("subtasks", "Sub-tasks", "array", "issuelinks"),
    ("summary", "Summary", "string", ""),
    ("thumbnail", "Images", "", ""),
    ("timeestimate", "Remaining Estimate", "number", ""),
    ("timeoriginalestimate", "Original estimate", "number", ""),
    ("timespent", "Time Spent", "number", ""),
    ("timetracking", "Time tracking", "timetracking", ""),
    ("updated", "Updated", "datetime", ""),
    ("versions", "Affects versions", "array", "version"),
    ("votes", "Votes", "votes", ""),
    ("watches", "Watchers", "watches", ""),
    ("worklog", "Log Work", "array", "worklog"),
    ("workratio", "Work Ratio", "number", ""),
];

/// How many of the fields only `GET /field/search` shows: those of a team-managed project.
const PROJECT_FIELDS: usize = 3;

/// That many custom fields, in the order of their ids; never fewer than the desk's own.
pub(crate) fn custom(seed: u64, count: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = NAMED
        .iter()
        .map(|(number, name, kind)| field(*number, (*name).to_owned(), *kind))
        .collect();
    let mut dice = Dice::of(seed, 0, "catalogue");
    let mut number = 10_703;
    for (at, (owner, matter)) in MATTERS
        .iter()
        .flat_map(|matter| OWNERS.iter().map(move |owner| (owner, matter)))
        .enumerate()
    {
        if fields.len() >= count {
            break;
        }
        number += u32::try_from(dice.between(1, 7)).unwrap_or(1);
        let kind = ORDINARY.get(at % ORDINARY.len()).copied().unwrap_or_default();
        fields.push(field(number, format!("{owner} {matter}"), kind));
    }
    fields.sort_by_key(|field| field.number);
    fields
}

fn field(number: u32, name: String, kind: Kind) -> Field {
    Field { number, id: format!("customfield_{number}"), name, kind }
}

/// What `GET /field` answers: without the fields of the team-managed project.
pub(crate) fn listed(custom: &[Field]) -> Vec<Value> {
    let shared = custom.len().saturating_sub(PROJECT_FIELDS);
    SYSTEM.iter().map(system).chain(custom.iter().take(shared).map(entry)).collect()
}

/// What `GET /field/search` shows in addition.
pub(crate) fn scoped(custom: &[Field], project_id: &str) -> Vec<Value> {
    let shared = custom.len().saturating_sub(PROJECT_FIELDS);
    custom
        .iter()
        .skip(shared)
        .map(|field| {
            let mut entry = entry(field);
            if let Some(members) = entry.as_object_mut() {
                let scope = json!({ "type": "PROJECT", "project": { "id": project_id } });
                members.insert("scope".to_owned(), scope);
            }
            entry
        })
        .collect()
}

fn system((id, name, kind, items): &(&str, &str, &str, &str)) -> Value {
    let mut entry = json!({
        "id": id, "key": id, "name": name, "custom": false, "orderable": !kind.is_empty(),
        "navigable": true, "searchable": !kind.is_empty(), "clauseNames": [id],
    });
    if let Some(members) = entry.as_object_mut()
        && !kind.is_empty()
    {
        let mut schema = json!({ "type": kind, "system": id });
        if let Some(inner) = schema.as_object_mut()
            && !items.is_empty()
        {
            inner.insert("items".to_owned(), json!(items));
        }
        members.insert("schema".to_owned(), schema);
    }
    entry
}

fn entry(field: &Field) -> Value {
    let ((kind, items), (maker, name)) = (field.kind.shape(), field.kind.custom());
    let custom = format!("{maker}:{name}");
    let mut schema = json!({ "type": kind, "custom": custom, "customId": field.number });
    if let Some(members) = schema.as_object_mut()
        && !items.is_empty()
    {
        members.insert("items".to_owned(), json!(items));
    }
    json!({
        "id": field.id,
        "key": field.id,
        "name": field.name,
        "untranslatedName": field.name,
        "custom": true,
        "orderable": true,
        "navigable": true,
        "searchable": true,
        "clauseNames": [format!("cf[{}]", field.number), field.name],
        "schema": schema,
    })
}

const PLATFORM: &str = "com.atlassian.jira.plugin.system.customfieldtypes";
const BOARDS: &str = "com.pyxis.greenhopper.jira";
const DESK: &str = "com.atlassian.servicedesk";

impl Kind {
    /// `schema.type` and `schema.items`, empty where there is none.
    fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::Text | Self::Area | Self::Url => ("string", ""),
            Self::Number => ("number", ""),
            Self::Date => ("date", ""),
            Self::DateTime | Self::FeedbackDate => ("datetime", ""),
            Self::Choice => ("option", ""),
            Self::Choices | Self::Flagged => ("array", "option"),
            Self::Cascade => ("option-with-child", ""),
            Self::User => ("user", ""),
            Self::Users | Self::Participants => ("array", "user"),
            Self::Labels => ("array", "string"),
            Self::Group => ("group", ""),
            Self::Version => ("version", ""),
            Self::Sprint => ("array", "json"),
            Self::Rank | Self::EpicLink | Self::Development => ("any", ""),
            Self::Team => ("team", ""),
            Self::Assets => ("array", "cmdb-object-field"),
            Self::Sla => ("sd-servicelevelagreement", ""),
            Self::Organizations => ("array", "sd-customerorganization"),
            Self::RequestType => ("sd-customerrequesttype", ""),
            Self::Feedback => ("sd-feedback", ""),
            Self::Language => ("sd-request-lang", ""),
            Self::Approvals => ("sd-approvals", ""),
            Self::Sentiment => ("array", "sd-sentiment"),
            Self::Entitlement => ("array", "sd-entitlement"),
        }
    }

    /// The two parts of `schema.custom`: who made the field type, and its name.
    fn custom(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => (PLATFORM, "textfield"),
            Self::Area => (PLATFORM, "textarea"),
            Self::Url => (PLATFORM, "url"),
            Self::Number => (PLATFORM, "float"),
            Self::Date => (PLATFORM, "datepicker"),
            Self::DateTime => (PLATFORM, "datetime"),
            Self::Choice => (PLATFORM, "select"),
            Self::Choices => (PLATFORM, "multiselect"),
            Self::Cascade => (PLATFORM, "cascadingselect"),
            Self::User => (PLATFORM, "userpicker"),
            Self::Users => (PLATFORM, "multiuserpicker"),
            Self::Labels => (PLATFORM, "labels"),
            Self::Group => (PLATFORM, "grouppicker"),
            Self::Version => (PLATFORM, "version"),
            Self::Flagged => (PLATFORM, "multicheckboxes"),
            Self::Team => (PLATFORM, "atlassian-team"),
            Self::Sprint => (BOARDS, "gh-sprint"),
            Self::Rank => (BOARDS, "gh-lexo-rank"),
            Self::EpicLink => (BOARDS, "gh-epic-link"),
            Self::Development => {
                ("com.atlassian.jira.plugins.jira-development-integration-plugin", "devsummarycf")
            }
            Self::Assets => ("com.atlassian.jira.plugins.cmdb", "cmdb-object-cftype"),
            Self::Sla => (DESK, "sd-sla-field"),
            Self::Organizations => (DESK, "sd-customer-organizations"),
            Self::Participants => (DESK, "sd-request-participants"),
            Self::RequestType => (DESK, "vp-origin"),
            Self::Feedback => (DESK, "sd-request-feedback"),
            Self::FeedbackDate => (DESK, "sd-request-feedback-date"),
            Self::Language => (
                "com.atlassian.servicedesk.servicedesk-lingo-integration-plugin",
                "sd-request-language",
            ),
            Self::Approvals => ("com.atlassian.servicedesk.approvals-plugin", "sd-approvals"),
            Self::Sentiment => ("com.atlassian.servicedesk.sentiment", "sd-sentiment"),
            Self::Entitlement => {
                ("com.atlassian.servicedesk.customer-context", "sd-csm-entitlement")
            }
        }
    }
}
