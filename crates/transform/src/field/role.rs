//! The columns of `issues` whose field differs from site to site, and how each one is found.

/// `schema.custom` of every SLA metric.
pub(crate) const SLA: &str = "com.atlassian.servicedesk:sd-sla-field";

/// A meaning that some field of the site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Participants,
    Organizations,
    RequestType,
    Satisfaction,
    FirstResponse,
    TimeToResolution,
    Severity,
    Spam,
    Triage,
    Context,
    CustomUrl,
    SlackLink,
    EmailAddress,
    ConfigurationItem,
    TechnicalIssueCategory,
    L3Team,
}

/// How the field of a role is found.
pub(crate) struct Profile {
    pub(crate) role: Role,
    /// The name in the configuration; columns of the role are accepted there too.
    pub(crate) setting: &'static str,
    /// The columns that the field feeds.
    pub(crate) columns: &'static [&'static str],
    /// The id where neither the configuration nor the catalogue tells another.
    pub(crate) default: &'static str,
    /// `schema.custom`, where that tells the field.
    pub(crate) custom: Option<&'static str>,
    /// The name, where that tells the field.
    pub(crate) name: Option<&'static str>,
}

impl Profile {
    /// Whether a name in the configuration means this role.
    pub(crate) fn is_set_by(&self, setting: &str) -> bool {
        self.setting == setting || self.columns.contains(&setting)
    }

    const fn custom(
        role: Role,
        columns: &'static [&'static str],
        default: &'static str,
        custom: &'static str,
    ) -> Self {
        Self { role, setting: first(columns), columns, default, custom: Some(custom), name: None }
    }

    const fn named(
        role: Role,
        columns: &'static [&'static str],
        default: &'static str,
        name: &'static str,
    ) -> Self {
        Self { role, setting: first(columns), columns, default, custom: None, name: Some(name) }
    }

    const fn sla(
        role: Role,
        setting: &'static str,
        columns: &'static [&'static str],
        default: &'static str,
        name: &'static str,
    ) -> Self {
        Self { role, setting, columns, default, custom: Some(SLA), name: Some(name) }
    }
}

const fn first(columns: &'static [&'static str]) -> &'static str {
    match columns {
        [first, ..] => first,
        [] => "",
    }
}

/// All of them, as the contract lists them.
pub(crate) const PROFILES: &[Profile] = &[
    Profile::custom(
        Role::Participants,
        &["participants"],
        "customfield_10156",
        "com.atlassian.servicedesk:sd-request-participants",
    ),
    Profile::custom(
        Role::Organizations,
        &["organizations", "organization_ids"],
        "customfield_10002",
        "com.atlassian.servicedesk:sd-customer-organizations",
    ),
    Profile::custom(
        Role::RequestType,
        &["request_type", "request_status"],
        "customfield_10010",
        "com.atlassian.servicedesk:vp-origin",
    ),
    Profile::custom(
        Role::Satisfaction,
        &["satisfaction"],
        "customfield_10157",
        "com.atlassian.servicedesk:sd-request-feedback",
    ),
    Profile::sla(
        Role::FirstResponse,
        "first_response",
        &["first_response_breached", "first_response_goal_millis", "first_response_elapsed_millis"],
        "customfield_10328",
        "Time to first response",
    ),
    Profile::sla(
        Role::TimeToResolution,
        "time_to_resolution",
        &[
            "time_to_resolution_breached",
            "time_to_resolution_goal_millis",
            "time_to_resolution_elapsed_millis",
        ],
        "customfield_10161",
        "Time to resolution",
    ),
    Profile::named(Role::Severity, &["severity"], "customfield_10004", "Severity"),
    Profile::named(Role::Spam, &["spam"], "customfield_10365", "Spam"),
    Profile::named(Role::Triage, &["triage"], "customfield_10323", "Triage"),
    Profile::named(Role::Context, &["context"], "customfield_10330", "Context"),
    Profile::named(Role::CustomUrl, &["custom_url"], "customfield_10325", "Custom URL"),
    Profile::named(Role::SlackLink, &["slack_link"], "customfield_10350", "Slack link"),
    Profile::named(Role::EmailAddress, &["email_address"], "customfield_10475", "Email address"),
    Profile::named(
        Role::ConfigurationItem,
        &["configuration_item"],
        "customfield_10511",
        "Configuration item",
    ),
    Profile::named(
        Role::TechnicalIssueCategory,
        &["technical_issue_category"],
        "customfield_10676",
        "Technical issue category",
    ),
    Profile::named(Role::L3Team, &["l3_team"], "customfield_11831", "L3 team"),
];
