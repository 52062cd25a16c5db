//! The schema of every table, written out by hand: name, type, and `!` where a row cannot be
//! without it.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use transform::{Dimension, FieldMap, Table};

const ISSUES: &str = "issue_key:str! issue_id:str! issue_url:str summary:str description:str \
    issue_type:str status:str status_category:str priority:str resolution:str project_key:str \
    project_name:str creator_email:str creator_name:str reporter_email:str reporter_name:str \
    assignee_email:str assignee_name:str created_at:ts updated_at:ts resolved_at:ts due_date:str \
    labels:str attachment_count:i64 comment_count:i64 issuelink_count:i64 request_type:str \
    request_status:str severity:str triage:str configuration_item:str participants:str \
    organizations:str spam:str context:str custom_url:str slack_link:str \
    technical_issue_category:str email_address:str satisfaction:i64 first_response_breached:str \
    first_response_goal_millis:i64 first_response_elapsed_millis:i64 \
    time_to_resolution_breached:str time_to_resolution_goal_millis:i64 \
    time_to_resolution_elapsed_millis:i64 l3_team:str _synced_at:str _raw_file:str";

const ISSUES_AFTER: &str = "organization_ids:str parent_key:str components:str fix_versions:str \
    affects_versions:str environment:str security_level:str creator_account_id:str \
    reporter_account_id:str assignee_account_id:str time_spent_seconds:i64 \
    original_estimate_seconds:i64 remaining_estimate_seconds:i64 status_changed_at:ts \
    watch_count:i64 vote_count:i64";

const COMMENTS: &str = "comment_id:str issue_key:str author_email:str author_name:str body:str \
    created_at:ts updated_at:ts update_author_email:str issue_id:str author_account_id:str \
    public_visibility:bool parent_comment_id:str position:i64";

const ATTACHMENTS: &str = "attachment_id:str issue_key:str filename:str local_path:str \
    hierarchical_path:str size_bytes:i64 mime_type:str author_email:str created_at:ts \
    content_url:str thumbnail_url:str issue_id:str author_account_id:str media_id:str sha256:str \
    state:str";

const CHANGELOG: &str = "change_id:str issue_key:str author_email:str author_name:str \
    field_name:str field_type:str from_value:str to_value:str changed_at:ts issue_id:str \
    field_id:str from_id:str to_id:str author_account_id:str item:i64";

const ISSUELINKS: &str = "issue_key:str link_id:str link_type:str direction:str \
    linked_issue_key:str linked_issue_summary:str linked_issue_status:str \
    linked_issue_priority:str issue_id:str linked_issue_id:str relation:str";

const REMOTE_LINKS: &str = "issue_key:str remote_link_id:str url:str title:str \
    application_name:str application_type:str issue_id:str global_id:str relationship:str \
    summary:str resolved:bool";

const WORKLOGS: &str = "worklog_id:str issue_key:str issue_id:str author_email:str \
    author_name:str author_account_id:str comment:str started_at:ts created_at:ts updated_at:ts \
    time_spent_seconds:i64";

const SLA_CYCLES: &str = "issue_key:str issue_id:str sla_field_id:str sla_name:str cycle:i64 \
    state:str started_at:ts stopped_at:ts breach_at:ts breached:bool paused:bool \
    within_calendar_hours:bool goal_millis:i64 elapsed_millis:i64 remaining_millis:i64";

const CUSTOM_FIELDS: &str = "issue_key:str issue_id:str field_id:str field_name:str \
    field_type:str value_text:str value_json:str";

const MEDIA_LINKS: &str =
    "issue_key:str issue_id:str comment_id:str media_id:str attachment_id:str alt:str";

const KEY_ALIASES: &str = "issue_id:str issue_key:str former_key:str moved_at:ts";

const DELETED_ISSUES: &str = "issue_id:str issue_key:str project_key:str summary:str \
    created_at:ts deleted_at:ts evidence:str reason:str";

const COVERAGE: &str = "issue_id:str issue_key:str updated_at:ts synced_at:ts source:str \
    comments_have:i64 comments_total:i64 comments_complete:bool comments_fetched_at:ts \
    comments_reason:str \
    changelog_have:i64 changelog_total:i64 changelog_complete:bool changelog_fetched_at:ts \
    changelog_reason:str \
    worklogs_have:i64 worklogs_total:i64 worklogs_complete:bool worklogs_fetched_at:ts \
    worklogs_reason:str \
    remote_links_have:i64 remote_links_total:i64 remote_links_complete:bool remote_links_fetched_at:ts \
    remote_links_reason:str \
    attachments_have:i64 attachments_total:i64 attachments_complete:bool attachments_fetched_at:ts \
    attachments_reason:str \
    sla_have:i64 sla_total:i64 sla_complete:bool sla_fetched_at:ts \
    sla_reason:str \
    project_key:str";

const PROJECTS: &str = "project_id:str! project_key:str name:str project_type:str style:str \
    lead_account_id:str is_private:bool archived:bool category_name:str";

const USERS: &str = "account_id:str! email:str display_name:str active:bool account_type:str \
    time_zone:str";

const STATUSES: &str = "status_id:str! name:str category_key:str category_name:str project_id:str";

const FIELDS: &str = "field_id:str! name:str custom:bool schema_type:str schema_custom:str \
    feeds_column:str";

const ORGANIZATIONS: &str = "organization_id:str! name:str uuid:str details_json:str";

fn check(table: Table, name: &str, wanted: &[&str]) {
    assert_eq!(table.name(), name);
    check_schema(&table.schema(&super::map(None)), name, wanted);
}

fn check_schema(schema: &Schema, name: &str, wanted: &[&str]) {
    let found = schema.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Utf8 => "str",
            DataType::Int64 => "i64",
            DataType::Boolean => "bool",
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => "ts",
            other => panic!("{}: {other}", field.name()),
        };
        let required = if field.is_nullable() { "" } else { "!" };
        format!("{}:{kind}{required}", field.name())
    });
    let wanted = wanted.iter().flat_map(|part| part.split_whitespace());
    assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{name}");
}

#[test]
fn every_table_has_the_columns_of_the_contract_in_their_order() {
    assert_eq!(ISSUES.split_whitespace().count(), 49);
    check(Table::Issues, "issues", &[ISSUES, ISSUES_AFTER]);
    check(Table::Comments, "comments", &[COMMENTS]);
    check(Table::Attachments, "attachments", &[ATTACHMENTS]);
    check(Table::Changelog, "changelog", &[CHANGELOG]);
    check(Table::Issuelinks, "issuelinks", &[ISSUELINKS]);
    check(Table::RemoteLinks, "remote_links", &[REMOTE_LINKS]);
    check(Table::Worklogs, "worklogs", &[WORKLOGS]);
    check(Table::SlaCycles, "sla_cycles", &[SLA_CYCLES]);
    check(Table::CustomFields, "custom_fields", &[CUSTOM_FIELDS]);
    check(Table::MediaLinks, "media_links", &[MEDIA_LINKS]);
    check(Table::KeyAliases, "key_aliases", &[KEY_ALIASES]);
    check(Table::DeletedIssues, "deleted_issues", &[DELETED_ISSUES]);
    check(Table::Coverage, "coverage", &[COVERAGE]);
    assert_eq!(Table::ALL.len(), 13);
}

#[test]
fn every_dimension_has_the_columns_of_the_contract_in_their_order() {
    let all = [
        (Dimension::Projects, "projects", PROJECTS),
        (Dimension::Users, "users", USERS),
        (Dimension::Statuses, "statuses", STATUSES),
        (Dimension::Fields, "fields", FIELDS),
        (Dimension::Organizations, "organizations", ORGANIZATIONS),
    ];
    for (dimension, name, wanted) in all {
        assert_eq!(dimension.name(), name);
        check_schema(&dimension.schema(), name, &[wanted]);
    }
    assert_eq!(Dimension::ALL, all.map(|(dimension, _, _)| dimension));
}

#[test]
fn columns_of_the_operator_come_last_and_are_text() {
    let columns = BTreeMap::from([
        ("team".to_owned(), "customfield_7".to_owned()),
        ("status".to_owned(), "customfield_8".to_owned()),
    ]);
    let map = FieldMap::new(&columns, None).unwrap();
    let names: Vec<_> = Table::Issues.columns(&map).into_iter().skip(49 + 16).collect();
    let names: Vec<_> = names.iter().map(|c| (c.name.as_str(), &c.data_type, c.nullable)).collect();
    assert_eq!(names, [("cf_status", &DataType::Utf8, true), ("team", &DataType::Utf8, true)]);
    assert_eq!(Table::Comments.columns(&map).len(), 13);
}

#[test]
fn every_table_and_column_says_what_it_is() {
    let tables = Table::ALL.iter().map(|table| table.schema(&super::map(None)));
    for schema in tables.chain(Dimension::ALL.iter().map(|dimension| dimension.schema())) {
        assert!(schema.metadata()["description"].ends_with('.'), "{schema:?}");
        for field in schema.fields() {
            let about = &field.metadata()["description"];
            assert!(about.ends_with('.') && about.len() > 8, "{}: {about}", field.name());
        }
    }
    for table in Table::ALL {
        assert_eq!(Table::named(table.name()), Some(*table));
    }
    assert_eq!(Table::named("Issues"), None);
}
