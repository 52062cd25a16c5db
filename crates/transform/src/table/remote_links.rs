//! Links to things outside Jira, which are fetched beside the issue.

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::Node;
use crate::order::oldest_first;

pub(super) struct RemoteLinks;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    link: Node<'a>,
}

type C = Column<RemoteLinks>;

impl Shape for RemoteLinks {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("remote_link_id", "Jira's id of the link.", |r| r.link.at("id").id()),
        C::text("url", "Where it leads.", |r| r.link.at("object").at("url").text()),
        C::text("title", "Its title.", |r| r.link.at("object").at("title").text()),
        C::text("application_name", "Name of the application it leads to.", |r| {
            r.link.at("application").at("name").text()
        }),
        C::text("application_type", "Kind of that application.", |r| {
            r.link.at("application").at("type").text()
        }),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("global_id", "The application's own id of the link.", |r| {
            r.link.at("globalId").text()
        }),
        C::text("relationship", "How the issue relates to it.", |r| {
            r.link.at("relationship").text()
        }),
        C::text("summary", "What it is about.", |r| r.link.at("object").at("summary").text()),
        C::flag("resolved", "Whether the thing it leads to is resolved.", |r| {
            r.link.at("object").at("status").at("resolved").flag()
        }),
    ];
}

impl Mapped for RemoteLinks {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        let links = oldest_first(issue.at("_remote_links"), lost);
        links.into_iter().map(|link| Row { issue, link }).collect()
    }
}
