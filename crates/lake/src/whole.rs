//! Whether the tables are whole: made to the end, in the shape of this version, with the mapping of
//! today.
//!
//! A month that a table has no file for has no rows in it, so nothing on disk tells a lake from
//! before a table existed, or a rebuild that was cut off, from a whole one. The ledger remembers it
//! in one cursor: what the last rebuild that got to its end was made with. Whatever else stands
//! there, an older shape, a newer one, another mapping, a rebuild that is running or nothing, the
//! tables are made anew at the next start. Fields that the mapping has learned since and that feed
//! no column of their own change no row: they are only noted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, asked};
use crate::mapping::Mapping;
use crate::open::Lake;

/// Raised whenever the same snapshots give other tables, columns or values than before.
const SHAPE: &str = "3";

const CURSOR: &str = "lake.rebuild";

/// How far the tables are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// A rebuild is running; what it did not reach is old or missing.
    Partly,
    /// All of them.
    Whole,
}

/// What the tables were made with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MadeWith {
    shape: String,
    site: String,
    fields: BTreeMap<String, Field>,
}

/// What rows say of a field.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Field {
    name: Option<String>,
    kind: Option<String>,
    columns: Vec<String>,
}

impl MadeWith {
    fn of(mapping: &Mapping) -> Self {
        let fields = mapping.fields.explain().into_iter();
        let fields = fields.map(|field| {
            let transform::Explained { id, name, kind, columns, origin: _ } = field;
            (id, Field { name, kind, columns })
        });
        let site = mapping.site.domain.clone();
        Self { shape: SHAPE.to_owned(), site, fields: fields.collect() }
    }

    /// Whether the rows that were made with this are those that `now` makes.
    fn gives_the_rows_of(&self, now: &Self) -> bool {
        let new = now.fields.iter().filter(|(id, _)| !self.fields.contains_key(*id));
        self.shape == now.shape
            && self.site == now.site
            && self.fields.iter().all(|(id, field)| now.fields.get(id) == Some(field))
            && new.into_iter().all(|(_, field)| field.columns.is_empty())
    }
}

impl Lake {
    pub(crate) async fn note(&self, made: Made) -> Result<(), Error> {
        let text = match made {
            Made::Partly => "running".to_owned(),
            Made::Whole => {
                let with = serde_json::to_string(&MadeWith::of(&self.inner.mapping));
                // Maps of texts always have a JSON form; without one the next start rebuilds.
                with.unwrap_or_default()
            }
        };
        self.inner.ledger.set_cursor(CURSOR, &text).await.map_err(asked("note a rebuild"))
    }

    /// Whether they are; what the mapping has learned since is noted then.
    pub(crate) async fn is_whole(&self) -> Result<bool, Error> {
        let noted = self.inner.ledger.cursor(CURSOR).await.map_err(asked("read a cursor"))?;
        let noted = noted.and_then(|noted| serde_json::from_str::<MadeWith>(&noted).ok());
        let now = MadeWith::of(&self.inner.mapping);
        let whole = noted.as_ref().is_some_and(|noted| noted.gives_the_rows_of(&now));
        if whole && noted.as_ref() != Some(&now) {
            self.note(Made::Whole).await?;
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use transform::{Catalogue, FieldMap, Site};

    use super::*;

    fn with(listed: Value, columns: &[(&str, &str)]) -> MadeWith {
        let listed = Catalogue::of(listed.as_array().unwrap());
        let columns = columns.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned()));
        let fields = Arc::new(FieldMap::new(&columns.collect(), Some(&listed)).unwrap());
        MadeWith::of(&Mapping { site: Site { domain: "x.atlassian.net".to_owned() }, fields })
    }

    #[test]
    fn only_a_new_field_that_feeds_no_column_keeps_the_rows() {
        let plan = json!({"id": "customfield_1", "name": "Plan"});
        let before = with(json!([plan]), &[]);
        let check = |listed: Value, columns: &[(&str, &str)], keeps: bool| {
            let now = with(listed, columns);
            assert_eq!(before.gives_the_rows_of(&now), keeps, "{now:?}");
        };
        check(json!([plan]), &[], true);
        check(json!([plan, {"id": "customfield_2", "name": "New"}]), &[], true);
        check(json!([plan, {"id": "customfield_2", "name": "Severity"}]), &[], false);
        check(json!([{"id": "customfield_1", "name": "Tariff"}]), &[], false);
        check(json!([]), &[], false);
        check(json!([plan]), &[("plan", "customfield_1")], false);
    }
}
