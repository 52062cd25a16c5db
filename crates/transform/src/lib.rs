//! The mapping: a raw snapshot in, rows out.
//!
//! Pure: no clock, disk or network. The same snapshot, field mapping and stored files give the
//! same rows, whatever else happened, so that the tables can always be rebuilt.
//!
//! An odd value costs its own column, an odd element its own row; neither ever costs the issue.
//! Both are counted in [`Oddities`].

pub mod adf;
pub mod redact;
mod json;
mod snapshot;
mod view;
mod wanted;
mod deletion;
mod field;
mod node;
mod order;
mod sla;
mod attachment;
mod issue;
mod stored;
mod column;
mod table;
mod rows;
mod dimension;

pub use attachment::{attachment_file_name, hierarchical_path};
pub use deletion::{Deletion, Evidence, Reason};
pub use dimension::{Dimension, Entries};
pub use field::catalogue::{Catalogue, Field};
pub use field::explain::Explained;
pub use field::text::readable;
pub use field::{FieldMap, Origin, Unknown};
pub use issue::{Site, StoredFile};
pub use json::{Arena, Json, Member, Number};
pub use rows::{Oddities, RowBuilders, Rows, issue_ids};
pub use snapshot::{Snapshot, Unreadable};
pub use table::{ColumnInfo, Table};
pub use view::View;
pub use wanted::Wanted;
