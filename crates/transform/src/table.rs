//! The tables: names, columns and descriptions. One file per table holds its columns and how each
//! is got from an issue; this file only lists them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::column::{Mapped, Shape};
use crate::field::FieldMap;
use crate::issue::Issue;
use crate::rows::writer::{Findings, TableWriter};

mod repeats;

/// The key under which a column's or table's description stands in the schema's metadata.
const DESCRIPTION: &str = "description";

/// One column, for documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether a row can be without it.
    pub nullable: bool,
    /// One sentence for people and models.
    pub description: String,
}

macro_rules! tables {
    ($($variant:ident $module:ident $doc:literal)*) => {
        $(mod $module;)*

        /// A table of the lake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $(#[doc = $doc] $variant,)*
        }

        impl Table {
            /// All tables, `issues` first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of its folder, and after `jira_` of its view.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)* }
            }

            /// What a row is, in one sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            fn fixed(self) -> Vec<ColumnInfo> {
                match self { $(Self::$variant => infos::<$module::$variant>(),)* }
            }
        }

        /// The rows in the making, one writer per table.
        pub(crate) struct Writers { $($module: TableWriter<$module::$variant>,)* }

        impl Writers {
            pub(crate) fn new() -> Self {
                Self { $($module: TableWriter::new(),)* }
            }

            /// The issue's rows: of one that is there in every table but one, of one that is gone
            /// in that one alone.
            pub(crate) fn append(&mut self, issue: &Issue<'_>) {
                let life = issue.life();
                $(if <$module::$variant as Mapped>::OF == life {
                    self.$module.append(issue);
                })*
            }

            /// Bytes of text held so far.
            pub(crate) fn bytes(&self) -> usize {
                0 $(+ self.$module.bytes())*
            }

            /// The columns of every table and what was found on the way; the writers are empty
            /// afterwards.
            pub(crate) fn finish(&mut self) -> Vec<(Table, Vec<ArrayRef>, Findings)> {
                vec![$({
                    let mut findings = Findings::default();
                    let columns = self.$module.finish(&mut findings);
                    (Table::$variant, columns, findings)
                },)*]
            }
        }
    };
}

tables! {
    Issues issues "An issue as it is now."
    Comments comments "A comment of an issue."
    Attachments attachments "A file attached to an issue."
    Changelog changelog "A field that a change of an issue touched."
    Issuelinks issuelinks "A link from an issue to another one."
    RemoteLinks remote_links "A link from an issue to something outside Jira."
    Worklogs worklogs "A piece of work logged on an issue."
    SlaCycles sla_cycles "One cycle of one SLA metric of an issue."
    CustomFields custom_fields "A custom field of an issue that is not null."
    MediaLinks media_links "A picture or file shown inside a description or comment."
    KeyAliases key_aliases "A former key of an issue."
    DeletedIssues deleted_issues "An issue that is gone; it has no row in any other table."
    Coverage coverage "How much of an issue the copy has."
}

impl Table {
    /// The table of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// The columns in order, those of the operator last.
    pub fn columns(self, map: &FieldMap) -> Vec<ColumnInfo> {
        let mut columns = self.fixed();
        if self == Self::Issues {
            columns.extend(map.extra().iter().map(|extra| ColumnInfo {
                name: extra.column.clone(),
                data_type: DataType::Utf8,
                nullable: true,
                description: extra.doc.clone(),
            }));
        }
        columns
    }

    /// The schema, with the descriptions as metadata.
    pub fn schema(self, map: &FieldMap) -> SchemaRef {
        described(self.columns(map), self.description())
    }

    /// The names of the columns that every site has.
    pub(crate) fn fixed_names(self) -> impl Iterator<Item = String> {
        self.fixed().into_iter().map(|column| column.name)
    }
}

/// A schema that carries the descriptions of its columns, and its own, as metadata.
pub(crate) fn described(columns: Vec<ColumnInfo>, description: &str) -> SchemaRef {
    let about = |text: String| HashMap::from([(DESCRIPTION.to_owned(), text)]);
    let fields = columns.into_iter().map(|column| {
        Field::new(column.name, column.data_type, column.nullable)
            .with_metadata(about(column.description))
    });
    let fields = fields.collect::<Vec<_>>();
    Arc::new(Schema::new_with_metadata(fields, about(description.to_owned())))
}

/// The columns of a kind of rows, for documentation.
pub(crate) fn infos<T: Shape>() -> Vec<ColumnInfo> {
    let columns = T::COLUMNS.iter().map(|column| ColumnInfo {
        name: column.name.to_owned(),
        data_type: column.data_type(),
        nullable: !column.required,
        description: column.doc.to_owned(),
    });
    columns.collect()
}
