//! Which field feeds which column: the operator's configuration, else the site's catalogue, else
//! the built-in defaults.
//!
//! A default id that the catalogue knows as something else is not used: on another site the same
//! number is another field, and a wrong value is worse than none.

pub(crate) mod catalogue;
pub(crate) mod explain;
pub(crate) mod id;
pub(crate) mod role;
pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::table::Table;
use catalogue::{Catalogue, Field, folded};
use id::{FieldId, custom_number};
use role::{PROFILES, Profile, Role, SLA};

/// Longest name of an operator's column.
const NAME_BYTES: usize = 63;

/// A setting under `[columns]` that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The column's name would not be a safe SQL name.
    #[error(
        "column `{column}` is not a column name: use a-z, 0-9 and _, start with a letter, at most 63 characters"
    )]
    Name {
        /// The name in the configuration.
        column: String,
    },
    /// Nothing of the site answers to that.
    #[error(
        "column `{column}` wants the field `{field}`, which the site does not list: use an id such as customfield_10004, or a name that `jiralake fields` prints"
    )]
    Field {
        /// The name in the configuration.
        column: String,
        /// The id or name it asks for.
        field: String,
    },
    /// Two settings would fill the same column.
    #[error("column `{column}` is set twice")]
    Twice {
        /// The name in the configuration.
        column: String,
    },
}

/// Where a mapping comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The operator's configuration.
    Configuration,
    /// The site's catalogue.
    Catalogue,
    /// The built-in ids.
    Default,
    /// Jira's own fields, the same on every site.
    Jira,
}

/// A column that the operator added to `issues`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) column: String,
    pub(crate) field: String,
    pub(crate) doc: String,
}

/// The mapping of one site, made once and used for every issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMap {
    catalogue: Catalogue,
    roles: BTreeMap<Role, (String, Origin)>,
    extra: Vec<Extra>,
    slas: BTreeSet<FieldId>,
}

impl FieldMap {
    /// `columns` maps a column to a field id or name. Without a catalogue only ids are understood.
    pub fn new(
        columns: &BTreeMap<String, String>,
        catalogue: Option<&Catalogue>,
    ) -> Result<Self, Unknown> {
        let mut map = Self {
            catalogue: catalogue.cloned().unwrap_or_default(),
            roles: BTreeMap::new(),
            extra: Vec::new(),
            slas: BTreeSet::new(),
        };
        for (column, wanted) in columns {
            map.configure(column, wanted)?;
        }
        for profile in PROFILES {
            if !map.roles.contains_key(&profile.role)
                && let Some(found) = find(profile, &map.catalogue)
            {
                map.roles.insert(profile.role, found);
            }
        }
        let listed = map.catalogue.fields().filter(|field| field.custom.as_deref() == Some(SLA));
        let listed = listed.map(|field| field.id.as_str());
        let used = [Role::FirstResponse, Role::TimeToResolution];
        let used = used.iter().filter_map(|role| map.role(*role));
        map.slas = listed.chain(used).map(FieldId::new).collect();
        Ok(map)
    }

    /// The ids of the fields that are SLA metrics.
    pub fn sla_fields(&self) -> impl Iterator<Item = &str> {
        self.slas.iter().map(FieldId::as_str)
    }

    /// The names of the operator's columns, as they stand after the others in `issues`.
    pub fn extra_columns(&self) -> impl Iterator<Item = &str> {
        self.extra.iter().map(|extra| extra.column.as_str())
    }

    /// What the catalogue says of a field.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.catalogue.get(id)
    }

    pub(crate) fn role(&self, role: Role) -> Option<&str> {
        self.roles.get(&role).map(|(id, _)| id.as_str())
    }

    /// The ids of the fields whose columns the site decides: those of roles and of the operator.
    pub(crate) fn named_fields(&self) -> impl Iterator<Item = &str> {
        let roles = self.roles.values().map(|(id, _)| id.as_str());
        let extra = self.extra.iter().map(|extra| extra.field.as_str());
        roles.chain(extra).collect::<BTreeSet<_>>().into_iter()
    }

    pub(crate) fn is_sla(&self, id: &str) -> bool {
        self.slas.contains(&FieldId::new(id))
    }

    pub(crate) fn extra(&self) -> &[Extra] {
        &self.extra
    }

    fn configure(&mut self, column: &str, wanted: &str) -> Result<(), Unknown> {
        let field = self.resolve(column, wanted)?;
        if let Some(profile) = PROFILES.iter().find(|profile| profile.is_set_by(column)) {
            let taken = self.roles.insert(profile.role, (field, Origin::Configuration));
            return taken.map_or(Ok(()), |_| Err(Unknown::Twice { column: column.to_owned() }));
        }
        if !is_column_name(column) {
            return Err(Unknown::Name { column: column.to_owned() });
        }
        let clash = Table::Issues.fixed_names().any(|name| name == column);
        let name = if clash { format!("cf_{column}") } else { column.to_owned() };
        if self.extra.iter().any(|extra| extra.column == name) {
            return Err(Unknown::Twice { column: name });
        }
        let known = self.catalogue.get(&field).map_or(field.as_str(), |field| &field.name);
        let doc = format!("The field `{known}` ({field}), as text.");
        self.extra.push(Extra { column: name, field, doc });
        self.extra.sort_by(|a, b| a.column.cmp(&b.column));
        Ok(())
    }

    /// The id that a setting's value means: an id of the site, any custom field id, or a name.
    fn resolve(&self, column: &str, wanted: &str) -> Result<String, Unknown> {
        let wanted = wanted.trim();
        let known = self.catalogue.get(wanted).or_else(|| self.catalogue.named(wanted));
        match known {
            Some(field) => Ok(field.id.clone()),
            None if custom_number(wanted).is_some() => Ok(wanted.to_owned()),
            None => Err(Unknown::Field { column: column.to_owned(), field: wanted.to_owned() }),
        }
    }
}

fn find(profile: &Profile, catalogue: &Catalogue) -> Option<(String, Origin)> {
    let mut custom = catalogue.fields().filter(|field| custom_number(&field.id).is_some());
    if let Some(field) = custom.find(|field| fits(profile, field)) {
        return Some((field.id.clone(), Origin::Catalogue));
    }
    let contradicted = catalogue.get(profile.default).is_some();
    (!contradicted).then(|| (profile.default.to_owned(), Origin::Default))
}

fn fits(profile: &Profile, field: &Field) -> bool {
    profile.custom.is_none_or(|custom| field.custom.as_deref() == Some(custom))
        && profile.name.is_none_or(|name| folded(&field.name) == folded(name))
}

fn is_column_name(name: &str) -> bool {
    let rest = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    name.len() <= NAME_BYTES
        && matches!(name.as_bytes(), [first, others @ ..]
            if first.is_ascii_lowercase() && others.iter().all(rest))
}
