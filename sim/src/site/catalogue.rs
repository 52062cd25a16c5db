//! The field catalogue of a site without a generated one: the system fields, the service desk
//! fields and a few plain custom fields. Two of them are missing from `GET /field`, as
//! project-scoped fields are, and two have the same name.

use serde_json::{Value, json};

use crate::json::Members;

const SYSTEM: &[(&str, &str, &str)] = &[
    ("summary", "Summary", "string"),
    ("description", "Description", "string"),
    ("environment", "Environment", "string"),
    ("issuetype", "Issue Type", "issuetype"),
    ("project", "Project", "project"),
    ("status", "Status", "status"),
    ("statusCategory", "Status Category", "statusCategory"),
    ("statuscategorychangedate", "Status Category Changed", "datetime"),
    ("priority", "Priority", "priority"),
    ("resolution", "Resolution", "resolution"),
    ("resolutiondate", "Resolved", "datetime"),
    ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"),
    ("lastViewed", "Last Viewed", "datetime"),
    ("duedate", "Due date", "date"),
    ("creator", "Creator", "user"),
    ("reporter", "Reporter", "user"),
    ("assignee", "Assignee", "user"),
    ("labels", "Labels", "array"),
    ("components", "Components", "array"),
    ("fixVersions", "Fix versions", "array"),
    ("versions", "Affects versions", "array"),
    ("issuelinks", "Linked Issues", "array"),
    ("subtasks", "Sub-tasks", "array"),
    ("attachment", "Attachment", "array"),
    ("comment", "Comment", "comments-page"),
    ("worklog", "Log Work", "array"),
    ("timetracking", "Time tracking", "timetracking"),
    ("timespent", "Time Spent", "number"),
    ("timeestimate", "Remaining Estimate", "number"),
    ("timeoriginalestimate", "Original estimate", "number"),
    ("security", "Security Level", "securitylevel"),
    ("watches", "Watchers", "watches"),
    ("votes", "Votes", "votes"),
    ("workratio", "Work Ratio", "number"),
    ("progress", "Progress", "progress"),
    ("issuerestriction", "Restrict to", "issuerestriction"),
];

const CUSTOM: &[(u32, &str, &str, &str)] = &[
    (10002, "Organizations", "array", "com.atlassian.servicedesk:sd-customer-organizations"),
    (10156, "Request participants", "array", "com.atlassian.servicedesk:sd-request-participants"),
    (10010, "Request Type", "sd-customerrequesttype", "com.atlassian.servicedesk:vp-origin"),
    (10157, "Satisfaction", "sd-feedback", "com.atlassian.servicedesk:sd-request-feedback"),
    (10328, "Time to first response", "sd-servicelevelagreement", SLA),
    (10161, "Time to resolution", "sd-servicelevelagreement", SLA),
    (10019, "Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank"),
    (10004, "Severity", "option", SELECT),
    (10365, "Spam", "option", SELECT),
    (10323, "Triage", "array", "com.atlassian.jira.plugin.system.customfieldtypes:multiselect"),
    (10330, "Context", "string", "com.atlassian.jira.plugin.system.customfieldtypes:textarea"),
    (10325, "Custom URL", "string", "com.atlassian.jira.plugin.system.customfieldtypes:url"),
    (10900, "Severity", "string", "com.atlassian.jira.plugin.system.customfieldtypes:textfield"),
    (11831, "L3 team", "option", SELECT),
];

/// The type of SLA fields.
pub(crate) const SLA: &str = "com.atlassian.servicedesk:sd-sla-field";
const SELECT: &str = "com.atlassian.jira.plugin.system.customfieldtypes:select";

/// Fields that `GET /field` leaves out and `GET /field/search` lists.
const SCOPED: &[u32] = &[10325, 11831];

/// The whole catalogue.
pub(crate) fn fields() -> Vec<Value> {
    let system = SYSTEM.iter().map(|(id, name, kind)| {
        let hidden = ["comment", "worklog", "timetracking", "issuerestriction"].contains(id);
        json!({
            "id": id, "key": id, "name": name, "custom": false, "orderable": true,
            "navigable": !hidden, "searchable": true, "clauseNames": [id],
            "schema": {"type": kind, "system": id},
        })
    });
    let custom = CUSTOM.iter().map(|(id, name, kind, custom)| {
        let mut field = json!({
            "id": format!("customfield_{id}"), "key": format!("customfield_{id}"), "name": name,
            "untranslatedName": name, "custom": true, "orderable": true, "navigable": true,
            "searchable": true, "clauseNames": [format!("cf[{id}]"), name],
            "schema": {"type": kind, "custom": custom, "customId": id},
        });
        if SCOPED.contains(id) {
            field.set("scope", json!({"type": "PROJECT", "project": {"id": "10001"}}));
        }
        field
    });
    system.chain(custom).collect()
}
