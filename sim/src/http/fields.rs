//! Which fields a caller asked for.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::json::Members;
use crate::site::State;

/// What an endpoint answers when nothing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    All,
    Navigable,
    Nothing,
}

/// A parsed `fields` parameter.
#[derive(Debug)]
pub(crate) struct Selection {
    base: Default,
    named: BTreeSet<String>,
    excluded: BTreeSet<String>,
}

impl Selection {
    pub(crate) fn parse(asked: &[String], default: Default) -> Self {
        let mut base = None;
        let mut named = BTreeSet::new();
        let mut excluded = BTreeSet::new();
        for field in asked.iter().flat_map(|field| field.split(',')).map(str::trim) {
            match (field, field.strip_prefix('-')) {
                ("*all", _) => base = Some(Default::All),
                ("*navigable", _) => base = base.or(Some(Default::Navigable)),
                (_, Some(name)) => {
                    excluded.insert(name.to_owned());
                }
                ("", None) => {}
                (name, None) => {
                    named.insert(name.to_owned());
                }
            }
        }
        let base = match base {
            Some(base) => base,
            // Names alone are the whole answer; exclusions alone are taken from the default.
            None if named.is_empty() => default,
            None => Default::Nothing,
        };
        Self { base, named, excluded }
    }

    /// Whether no more than id and key is asked for.
    pub(crate) fn is_bare(&self) -> bool {
        self.base == Default::Nothing && self.named.iter().all(|name| name == "id" || name == "key")
    }

    /// Whether only ids are asked for, without keys.
    pub(crate) fn is_id_only(&self) -> bool {
        self.is_bare() && !self.named.contains("key")
    }

    pub(crate) fn apply(&self, state: &State, fields: Map<String, Value>) -> Map<String, Value> {
        let hidden = |name: &str| {
            let known = State::named(&state.furniture.fields, "id", name);
            known.is_some_and(|field| field.member("navigable") == false)
        };
        let wanted = |name: &str| match self.base {
            _ if self.excluded.contains(name) => false,
            _ if self.named.contains(name) => true,
            Default::All => true,
            Default::Navigable => !hidden(name),
            Default::Nothing => false,
        };
        fields.into_iter().filter(|(name, _)| wanted(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Default, Selection};
    use crate::site::{Furniture, State};

    fn check(asked: &[&str], default: Default, expected: &[&str]) {
        let state = State::new(Furniture::small("http://site"), 1);
        let names = ["summary", "comment", "description"];
        let fields: Map<_, _> = names.iter().map(|name| ((*name).to_owned(), json!(1))).collect();
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        let selected = Selection::parse(&asked, default).apply(&state, fields);
        let selected: Vec<&str> = selected.keys().map(String::as_str).collect();
        assert_eq!(selected, expected, "{asked:?}");
    }

    #[test]
    fn fields_are_selected_as_they_are_asked_for() {
        check(&[], Default::All, &["comment", "description", "summary"]);
        check(&[], Default::Navigable, &["description", "summary"]);
        check(&[], Default::Nothing, &[]);
        check(&["summary,comment"], Default::All, &["comment", "summary"]);
        check(&["-description"], Default::All, &["comment", "summary"]);
        check(&["*navigable", "comment"], Default::All, &["comment", "description", "summary"]);
        check(&["*all", "-comment"], Default::Nothing, &["description", "summary"]);
        check(&["unknown"], Default::All, &[]);
    }
}
