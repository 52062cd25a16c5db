//! Issues: one row each. The first 49 columns are a fixed contract; new ones come after them.

use std::borrow::Cow;

use crate::column::{Column, Mapped, Shape, known};
use crate::field::role::Role;
use crate::field::text::Element;
use crate::issue::Issue;
use crate::json::Json;
use crate::node::{Got, Node, Text, count};
use crate::sla;

pub(super) struct Issues;

type C = Column<Issues>;

impl Shape for Issues {
    type Row<'a> = &'a Issue<'a>;

    const COLUMNS: &'static [C] = &[
        C::required("issue_key", "The issue's current key.", |i| known(i.key())),
        C::required("issue_id", "The issue's id, which never changes.", |i| known(&i.id)),
        C::text("issue_url", "Where people open the issue.", |i| {
            let url = format!("https://{}/browse/{}", i.site.domain, i.key());
            Got::some(Cow::Owned(url))
        }),
        C::text("summary", "The issue's title.", |i| i.fields.at("summary").text()),
        C::text("description", "The description as plain text.", |i| match i.fields.at("description") {
            Node::Is(Json::Null) => known(""),
            description => description.prose(),
        }),
        C::text("issue_type", "Name of the issue type.", |i| i.name("issuetype")),
        C::text("status", "Name of the status.", |i| i.name("status")),
        C::text("status_category", "Name of the status category.", |i| {
            i.fields.at("status").at("statusCategory").at("name").text()
        }),
        C::text("priority", "Name of the priority.", |i| i.name("priority")),
        C::text("resolution", "Name of the resolution; NULL while unresolved.", |i| {
            i.name("resolution")
        }),
        C::text("project_key", "Key of the project.", |i| i.fields.at("project").at("key").text()),
        C::text("project_name", "Name of the project.", |i| i.name("project")),
        C::text("creator_email", "Who created it, where the address is visible.", |i| {
            i.fields.at("creator").email()
        }),
        C::text("creator_name", "Display name of who created it.", |i| i.person("creator")),
        C::text("reporter_email", "Who reported it, where the address is visible.", |i| {
            i.fields.at("reporter").email()
        }),
        C::text("reporter_name", "Display name of who reported it.", |i| i.person("reporter")),
        C::text("assignee_email", "Who works on it, where the address is visible.", |i| {
            i.fields.at("assignee").email()
        }),
        C::text("assignee_name", "Display name of who works on it.", |i| i.person("assignee")),
        C::time("created_at", "When it was created.", |i| i.fields.at("created").time()),
        C::time("updated_at", "When it last changed.", |i| i.fields.at("updated").time()),
        C::time("resolved_at", "When it was resolved.", |i| i.fields.at("resolutiondate").time()),
        C::text("due_date", "The day it is due, YYYY-MM-DD.", |i| i.fields.at("duedate").text()),
        C::text("labels", "JSON array of the labels.", |i| i.labels()),
        C::int("attachment_count", "How many files are attached.", |i| i.length("attachment")),
        C::int("comment_count", "How many comments Jira counts.", |i| {
            i.fields.at("comment").at("total").int().or(0)
        }),
        C::int("issuelink_count", "How many links to other issues it has.", |i| {
            i.length("issuelinks")
        }),
        C::text("request_type", "Name of the service desk request type.", |i| {
            i.role(Role::RequestType).at("requestType").at("name").text()
        }),
        C::text("request_status", "The status that customers see.", |i| {
            i.role(Role::RequestType).at("currentStatus").at("status").text()
        }),
        C::text("severity", "Severity.", |i| i.role(Role::Severity).option()),
        C::text("triage", "JSON array of the triage options.", |i| {
            i.role(Role::Triage).json_texts(Node::option)
        }),
        C::text("configuration_item", "JSON array of the configuration items.", |i| {
            i.role(Role::ConfigurationItem).json_texts(Node::option)
        }),
        C::text(
            "participants",
            "JSON array of the request participants' e-mail addresses, null where hidden.",
            |i| i.role(Role::Participants).json_list(address),
        ),
        C::text("organizations", "JSON array of the customer organizations' names.", |i| {
            i.role(Role::Organizations).json_texts(Node::option)
        }),
        C::text("spam", "The spam option.", |i| i.role(Role::Spam).option()),
        C::text("context", "The context as plain text.", |i| {
            i.role(Role::Context).prose().filter(|text| !text.is_empty())
        }),
        C::text("custom_url", "The custom URL.", |i| i.role(Role::CustomUrl).text()),
        C::text("slack_link", "The link to the Slack thread.", |i| {
            i.role(Role::SlackLink).option()
        }),
        C::text("technical_issue_category", "Category of the technical issue.", |i| {
            i.role(Role::TechnicalIssueCategory).option()
        }),
        C::text("email_address", "The e-mail address in the request.", |i| {
            i.role(Role::EmailAddress).option()
        }),
        C::int("satisfaction", "The customer's rating, 1 to 5.", |i| {
            i.role(Role::Satisfaction).at("rating").int()
        }),
        C::text("first_response_breached", "Whether the first response was late: True, False.", |i| {
            sla::breached(i.role(Role::FirstResponse))
        }),
        C::int("first_response_goal_millis", "Goal of the first response, in ms.", |i| {
            sla::millis(i.role(Role::FirstResponse), "goalDuration")
        }),
        C::int(
            "first_response_elapsed_millis",
            "Working time spent towards the first response, in ms.",
            |i| sla::millis(i.role(Role::FirstResponse), "elapsedTime"),
        ),
        C::text("time_to_resolution_breached", "Whether the resolution was late: True, False.", |i| {
            sla::breached(i.role(Role::TimeToResolution))
        }),
        C::int("time_to_resolution_goal_millis", "Goal of the resolution, in ms.", |i| {
            sla::millis(i.role(Role::TimeToResolution), "goalDuration")
        }),
        C::int(
            "time_to_resolution_elapsed_millis",
            "Working time spent towards the resolution, in ms.",
            |i| sla::millis(i.role(Role::TimeToResolution), "elapsedTime"),
        ),
        C::text("l3_team", "The third-level team.", |i| i.role(Role::L3Team).option()),
        C::text("_synced_at", "When this state was fetched, ISO 8601 in UTC.", |i| {
            i.at("_synced_at").text()
        }),
        C::text("_raw_file", "Name of the raw snapshot.", |i| known(i.snapshot.file())),
        C::text("organization_ids", "JSON array of the customer organizations' ids.", |i| {
            i.role(Role::Organizations).json_texts(|organization| organization.at("id").id())
        }),
        C::text("parent_key", "Key of the parent issue.", |i| i.fields.at("parent").at("key").text()),
        C::text("components", "JSON array of the components' names.", |i| i.names("components")),
        C::text("fix_versions", "JSON array of the versions that fix it.", |i| {
            i.names("fixVersions")
        }),
        C::text("affects_versions", "JSON array of the versions that have it.", |i| {
            i.names("versions")
        }),
        C::text("environment", "The environment as plain text.", |i| {
            i.fields.at("environment").prose()
        }),
        C::text("security_level", "Name of the security level.", |i| i.name("security")),
        C::text("creator_account_id", "Account of who created it.", |i| i.account("creator")),
        C::text("reporter_account_id", "Account of who reported it.", |i| i.account("reporter")),
        C::text("assignee_account_id", "Account of who works on it.", |i| i.account("assignee")),
        C::int("time_spent_seconds", "Logged work, in seconds.", |i| {
            i.fields.at("timespent").int()
        }),
        C::int("original_estimate_seconds", "First estimate, in seconds.", |i| {
            i.fields.at("timeoriginalestimate").int()
        }),
        C::int("remaining_estimate_seconds", "Estimate of what is left, in seconds.", |i| {
            i.fields.at("timeestimate").int()
        }),
        C::time("status_changed_at", "When the status category last changed.", |i| {
            i.fields.at("statuscategorychangedate").time()
        }),
        C::int("watch_count", "How many people watch it.", |i| {
            i.fields.at("watches").at("watchCount").int()
        }),
        C::int("vote_count", "How many people voted for it.", |i| {
            i.fields.at("votes").at("votes").int()
        }),
    ];
}

impl Mapped for Issues {
    fn rows<'a>(issue: &'a Issue<'a>, _lost: &mut u64) -> Vec<&'a Issue<'a>> {
        vec![issue]
    }
}

/// Short ways to what several columns share.
impl<'a> Issue<'a> {
    fn name(&self, field: &str) -> Text<'a> {
        self.fields.at(field).at("name").text()
    }

    fn person(&self, field: &str) -> Text<'a> {
        self.fields.at(field).at("displayName").text()
    }

    fn account(&self, field: &str) -> Text<'a> {
        self.fields.at(field).at("accountId").text()
    }

    fn names(&self, field: &str) -> Text<'a> {
        self.fields.at(field).json_texts(|element| element.at("name").text())
    }

    fn length(&self, field: &str) -> Got<i64> {
        let mut lost = 0;
        let length = self.fields.at(field).list(&mut lost).len();
        if lost > 0 { Got::ODD } else { Got::some(count(length)) }
    }

    fn labels(&self) -> Text<'a> {
        match self.fields.at("labels") {
            Node::Absent => known("[]"),
            labels => labels.json_texts(Node::text),
        }
    }
}

fn address<'a>(person: Node<'a>) -> Got<Option<Element<'a>>> {
    match person.email() {
        Got { value, odd: false } => Got::some(Some(value)),
        Got { odd: true, .. } => Got::ODD,
    }
}
