//! The dimensions: lists of what issues refer to, one file each, replaced whole. Made from the
//! entries as Jira's lists give them.
//!
//! Each id once (of two entries with one id the first counts), in the order of the ids. An odd
//! value costs its column, an entry without an id loses itself; both are counted.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use serde_json::Value;

use crate::column::Shape;
use crate::field::FieldMap;
use crate::field::id::FieldId;
use crate::json::{Arena, Json};
use crate::node::{Got, Node};
use crate::rows::writer::{Findings, TEXT_BYTES, TableWriter};
use crate::table::{ColumnInfo, described, infos};

/// A dimension's rows, and what was strange about its entries.
#[derive(Debug, Clone)]
pub struct Entries {
    /// The rows.
    pub batch: RecordBatch,
    /// Entries that could not be rows.
    pub lost: u64,
    /// Columns with values of an unexpected type, and how many.
    pub odd: BTreeMap<&'static str, u64>,
}

/// A kind of entries.
pub(crate) trait Listed: Shape {
    /// The member that identifies an entry.
    const ID: &'static str;

    /// An entry's row. `feeds` tells for a field's id which columns it feeds.
    fn row<'a>(entry: Node<'a>, feeds: &'a HashMap<String, String>) -> Self::Row<'a>;
}

macro_rules! dimensions {
    ($($variant:ident $module:ident $doc:literal)*) => {
        $(mod $module;)*

        /// A list of what issues refer to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Dimension {
            $(#[doc = $doc] $variant,)*
        }

        impl Dimension {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of its file, and after `jira_` of its view.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)* }
            }

            /// What a row is, in one sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            /// The columns in order.
            pub fn columns(self) -> Vec<ColumnInfo> {
                match self { $(Self::$variant => infos::<$module::$variant>(),)* }
            }

            /// The rows of these entries. Fails when a column's text would exceed 2 GiB.
            pub fn rows(self, entries: &[Value], map: &FieldMap) -> Result<Entries, ArrowError> {
                match self { $(Self::$variant => made::<$module::$variant>(self, entries, map),)* }
            }
        }
    };
}

dimensions! {
    Projects projects "A project of the site."
    Users users "An account of the site."
    Statuses statuses "A status that issues can have."
    Fields fields "A field that issues can have."
    Organizations organizations "A customer organization of the service desks."
}

impl Dimension {
    /// The schema, with the descriptions as metadata.
    pub fn schema(self) -> SchemaRef {
        described(self.columns(), self.description())
    }
}

fn made<T: Listed>(
    dimension: Dimension,
    entries: &[Value],
    map: &FieldMap,
) -> Result<Entries, ArrowError> {
    let feeds = map.explain().into_iter().filter(|field| !field.columns.is_empty());
    let feeds = feeds.map(|field| (field.id, field.columns.join(", "))).collect();
    let (mut by_id, mut lost) = (BTreeMap::new(), 0);
    let arena = Arena::new();
    for entry in entries.iter().map(|entry| Node::Is(Json::of(entry, &arena))) {
        match entry.at(T::ID).id() {
            Got { value: Some(id), odd: false } if !id.is_empty() => {
                by_id.entry(FieldId::new(&id)).or_insert(entry);
            }
            Got { .. } => lost += 1,
        }
    }
    let mut writer = TableWriter::<T>::new();
    for entry in by_id.into_values() {
        writer.push(&T::row(entry, &feeds));
    }
    let mut findings = Findings::default();
    let columns: Vec<ArrayRef> = writer.finish(&mut findings);
    if findings.full {
        return Err(ArrowError::OffsetOverflowError(TEXT_BYTES));
    }
    let odd = findings.odd.into_iter().filter(|(_, count)| *count > 0);
    let odd = odd.filter_map(|(column, count)| Some((column?, count))).collect();
    Ok(Entries { batch: RecordBatch::try_new(dimension.schema(), columns)?, lost, odd })
}
