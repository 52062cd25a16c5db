//! The shapes of Jira's answers, as far as they are read.
//!
//! Tolerant: further members are ignored and an odd optional member costs itself only; what cannot
//! be missing (a page's list, an account's id) makes the answer unreadable, which is never the same
//! as empty. No network here: the feature `client` fetches these.

mod account;
mod bulk;
mod field;
mod pages;
mod search;

pub use account::{Myself, ServerInfo, TenantInfo};
pub use bulk::{BulkChangelogs, BulkIssues};
pub use field::{Field, FieldId, FieldSchema};
pub use pages::Page;
pub use search::{Found, FoundPage, SearchPage};

use serde_json::Value;

/// A member that is a text, else nothing.
fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}
