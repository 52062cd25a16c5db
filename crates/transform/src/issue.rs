//! What the rows of one issue are made from: its snapshot, and what is known around it.

use std::collections::BTreeMap;

use crate::column::Life;
use crate::field::FieldMap;
use crate::field::id::custom_number;
use crate::field::role::Role;
use crate::json::{Indexed, Json};
use crate::node::Node;
use crate::order::Once;
use crate::view::View;

/// The site that the snapshots come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its host, `example.atlassian.net`, as people open issues in a browser.
    pub domain: String,
}

/// An attachment whose bytes are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Where, as the table shall say.
    pub local_path: String,
    /// The checksum in hex, where it is known.
    pub sha256: Option<String>,
}

/// The fields of an issue, of which columns ask for many.
pub(crate) struct Fields<'a> {
    node: Node<'a>,
    indexed: Option<Indexed<'a>>,
}

impl<'a> Fields<'a> {
    fn of(node: Node<'a>) -> Self {
        let members = if let Node::Is(json) = node { json.as_object() } else { None };
        Self { node, indexed: members.map(Indexed::of) }
    }

    /// The field of that id, as [`Node::at`] has it.
    pub(crate) fn at(&self, id: &str) -> Node<'a> {
        match &self.indexed {
            Some(members) => members.get(id).map_or(Node::Absent, Node::Is),
            None => self.node.at(id),
        }
    }
}

/// One issue in hand.
pub(crate) struct Issue<'a> {
    pub(crate) snapshot: &'a View<'a>,
    pub(crate) fields: Fields<'a>,
    pub(crate) site: &'a Site,
    pub(crate) map: &'a FieldMap,
    /// By attachment id.
    pub(crate) files: &'a BTreeMap<String, StoredFile>,
    pub(crate) id: String,
    /// Its thread of comments.
    pub(crate) comments: Once<'a>,
    /// Its history.
    pub(crate) changes: Once<'a>,
    custom: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Issue<'a> {
    pub(crate) fn new(
        snapshot: &'a View<'a>,
        site: &'a Site,
        map: &'a FieldMap,
        files: &'a BTreeMap<String, StoredFile>,
    ) -> Self {
        let id = snapshot.id().to_string();
        let custom = custom_fields(snapshot.fields());
        let fields = Fields::of(snapshot.fields());
        let comments = Once::of(fields.at("comment").at("comments"));
        let changes = Once::of(snapshot.node().at("changelog").at("histories"));
        Self { snapshot, fields, site, map, files, id, comments, changes, custom }
    }

    /// Whether it is still there: the snapshot itself says so.
    pub(crate) fn life(&self) -> Life {
        if self.snapshot.deleted_at().is_some() { Life::Gone } else { Life::Live }
    }

    pub(crate) fn key(&self) -> &str {
        self.snapshot.key().as_str()
    }

    /// A member beside `fields`.
    pub(crate) fn at(&self, name: &str) -> Node<'a> {
        self.snapshot.node().at(name)
    }

    /// The custom fields of the issue that are not null, by number.
    pub(crate) fn custom_fields(&self) -> &[(&'a str, Node<'a>)] {
        &self.custom
    }

    /// The field that has this role on the site.
    pub(crate) fn role(&self, role: Role) -> Node<'a> {
        self.map.role(role).map_or(Node::Absent, |id| self.fields.at(id))
    }
}

fn custom_fields(fields: Node<'_>) -> Vec<(&str, Node<'_>)> {
    let Node::Is(Json::Object(fields)) = fields else {
        return Vec::new();
    };
    let set = fields.iter().filter(|(_, value)| !matches!(value, Json::Null));
    let custom = set
        .filter_map(|(id, value)| custom_number(id).map(|number| (number, *id, Node::Is(*value))));
    let mut custom: Vec<_> = custom.collect();
    custom.sort_by_key(|(number, id, _)| (*number, *id));
    custom.into_iter().map(|(_, id, value)| (id, value)).collect()
}
