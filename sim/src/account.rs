//! The accounts that may call the site.

use crate::time::Zone;

/// A caller with an API token.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user name of Basic authentication.
    pub email: String,
    /// The password of Basic authentication.
    pub token: String,
    /// What `/myself` and `X-AAccountId` say.
    pub account_id: String,
    /// The name that people see.
    pub display_name: String,
    /// The zone of the profile: JQL dates are read in it.
    pub zone: Zone,
    /// What the account may read of SLA fields.
    pub sla: SlaAccess,
    /// Where the token is valid.
    pub token_kind: TokenKind,
}

/// What an account may read of SLA fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlaAccess {
    /// With an agent licence: the values.
    Values,
    /// Without: an object with `errorMessage` in place of each value.
    Refused,
}

/// Where a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// On the site and through the gateway.
    Classic,
    /// Only through the gateway; on the site the caller is nobody.
    Scoped,
}

impl Account {
    /// The account that reads everything but SLA values.
    pub fn main() -> Self {
        Self {
            email: "sync@example.com".to_owned(),
            token: "main-token".to_owned(),
            account_id: "712020:00000000-0000-4000-8000-00000000000a".to_owned(),
            display_name: "Sync Account".to_owned(),
            zone: Zone::new("Asia/Kolkata", 330),
            sla: SlaAccess::Refused,
            token_kind: TokenKind::Classic,
        }
    }

    /// The service account with an agent licence.
    pub fn service() -> Self {
        Self {
            email: "sla@example.com".to_owned(),
            token: "service-token".to_owned(),
            account_id: "712020:00000000-0000-4000-8000-00000000000b".to_owned(),
            display_name: "SLA Service Account".to_owned(),
            zone: Zone::new("Asia/Tokyo", 540),
            sla: SlaAccess::Values,
            token_kind: TokenKind::Classic,
        }
    }
}
