//! Moving an issue to another project, and renaming a project's key: the ids stay, the keys are new, the
//! old ones keep answering.

use serde_json::{Value, json};

use super::edit::{item, item_without_field};
use super::{Site, State};
use crate::error::Error;
use crate::json::Members;

impl Site {
    /// Moves an issue to a project and answers its new key.
    pub fn move_to(&self, issue: &str, project: &str) -> Result<String, Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let target = State::named(&edit.state.furniture.projects, "key", project)
                .ok_or_else(|| Error::missing("project", project))?
                .clone();
            let new_key = edit.state.new_key(project);
            let moved = edit.issue(id)?;
            let old_key = std::mem::replace(&mut moved.key, new_key.clone());
            moved.former_keys.push(old_key.clone());
            let old_project = moved.fields.insert("project".to_owned(), target.clone());
            let old_project = old_project.unwrap_or(Value::Null);
            edit.state.keys.insert(new_key.to_uppercase(), id);
            let named =
                |project: &Value| (project.member("id").clone(), project.member("name").clone());
            let key = |key: &str| (Value::Null, json!(key));
            let workflow = |id: &str, name: &str| (json!(id), json!(name));
            let items = vec![
                item("project", named(&old_project), named(&target)),
                item_without_field(
                    "Workflow",
                    workflow("12552", "Support workflow"),
                    workflow("15190", "Operations workflow"),
                ),
                item_without_field("Key", key(&old_key), key(&new_key)),
            ];
            let history = edit.record(id, items)?;
            edit.touch(id)?;
            edit.announce_issue(id, "jira:issue_updated", "issue_moved", Some(&history))?;
            Ok(new_key)
        })
    }

    /// Renames a project's key: all its issues have new keys, and nothing else about them changes. Jira
    /// sends no webhook for an issue then, and leaves `updated` and the histories as they are.
    pub fn rename_project(&self, project: &str, key: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let projects = &mut edit.state.furniture.projects;
            let renamed = projects.iter_mut().find(|it| *it.member("key") == project);
            let renamed = renamed.ok_or_else(|| Error::missing("project", project))?;
            renamed.set("key", json!(key));
            let renamed = renamed.clone();
            let prefix = format!("{project}-");
            let of = |key: &str| key.strip_prefix(&prefix).map(str::to_owned);
            let all = edit.state.issues.iter();
            let found: Vec<_> =
                all.filter_map(|(id, issue)| Some((*id, of(&issue.key)?))).collect();
            let last = edit.state.numbers.get(project).copied().unwrap_or_default();
            edit.state.numbers.insert(key.to_owned(), last);
            for (id, number) in found {
                let (new_key, now) = (format!("{key}-{number}"), edit.now);
                let issue = edit.issue(id)?;
                let old_key = std::mem::replace(&mut issue.key, new_key.clone());
                issue.former_keys.push(old_key);
                issue.fields.insert("project".to_owned(), renamed.clone());
                let updated = issue.updated;
                edit.state.keys.insert(new_key.to_uppercase(), id);
                edit.state.index_as(id, new_key, updated, now);
            }
            Ok(())
        })
    }
}
