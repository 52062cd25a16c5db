//! The REST v2 form that webhook bodies have: wiki strings in place of documents, v2 links.

use serde_json::{Map, Value, json};

use crate::adf;

/// The fields that the issue of a comment event has.
const SHORT: [&str; 6] = ["summary", "issuetype", "project", "assignee", "priority", "status"];

/// Members that hold a link into the API.
const LINKS: [&str; 8] =
    ["self", "content", "thumbnail", "iconUrl", "48x48", "32x32", "24x24", "16x16"];

/// A REST user as envelopes have it: without e-mail, locale and groups.
pub(crate) fn actor(user: &Value) -> Value {
    let mut user = v2(user);
    if let Some(members) = user.as_object_mut() {
        for private in ["emailAddress", "locale", "groups", "applicationRoles", "expand"] {
            members.remove(private);
        }
    }
    user
}

/// An issue. Its `self` has no `/issue/`: nobody should parse it.
pub(crate) fn issue(site: &str, id: i64, key: &str, fields: Map<String, Value>) -> Value {
    json!({
        "id": id.to_string(), "self": format!("{site}/rest/api/2/{id}"), "key": key,
        "fields": v2(&Value::Object(fields)),
    })
}

/// The six fields of the short issue.
pub(crate) fn short_fields(fields: &Map<String, Value>) -> Map<String, Value> {
    let value = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
    SHORT.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}

/// A v3 value in its v2 form.
pub(crate) fn v2(value: &Value) -> Value {
    match value {
        document if adf::is_document(document) => json!(adf::to_wiki(document)),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                (name, Value::String(url)) if LINKS.contains(&name) => {
                    (name.to_owned(), json!(url.replacen("/rest/api/3/", "/rest/api/2/", 1)))
                }
                _ => (name.clone(), v2(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(v2).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::v2;
    use crate::adf;

    #[test]
    fn documents_become_strings_wherever_they_are() {
        let comment = json!({"self": "http://site/rest/api/3/issue/1/comment/2", "body": adf::from_text("hi")});
        assert_eq!(
            v2(&json!([comment])),
            json!([{"self": "http://site/rest/api/2/issue/1/comment/2", "body": "hi"}])
        );
    }
}
