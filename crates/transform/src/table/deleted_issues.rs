//! Issues that are gone. A tombstone has its one row here and none in any other table.

use crate::column::{Column, Life, Mapped, Shape, known};
use crate::deletion;
use crate::issue::Issue;
use crate::node::Text;

pub(super) struct DeletedIssues;

type C = Column<DeletedIssues>;

impl Shape for DeletedIssues {
    type Row<'a> = &'a Issue<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_id", "The issue's id, which never changes.", |i| known(&i.id)),
        C::text("issue_key", "The last key that it had.", |i| known(i.key())),
        C::text("project_key", "Key of its project.", |i| i.project()),
        C::text("summary", "The title that it had.", |i| i.fields.at("summary").text()),
        C::time("created_at", "When it was created.", |i| i.fields.at("created").time()),
        C::time("deleted_at", "When it was found to be gone.", |i| i.at(deletion::AT).time()),
        C::text("evidence", "What pointed to it: webhook or census.", |i| {
            i.at(deletion::EVIDENCE).text()
        }),
        C::text("reason", "deleted, or gone: deleted, hidden or moved out of sight.", |i| {
            i.at(deletion::REASON).text()
        }),
    ];
}

impl Mapped for DeletedIssues {
    const OF: Life = Life::Gone;

    fn rows<'a>(issue: &'a Issue<'a>, _lost: &mut u64) -> Vec<&'a Issue<'a>> {
        vec![issue]
    }
}

impl<'a> Issue<'a> {
    /// As Jira said; a tombstone without fields has its key.
    fn project(&'a self) -> Text<'a> {
        let said = self.fields.at("project").at("key");
        if said.is_set() { said.text() } else { known(self.snapshot.key().project()) }
    }
}
