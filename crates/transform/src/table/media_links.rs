//! Pictures and files inside descriptions and comments, and the attachments that they are.
//!
//! A media node names a media id, which is not the attachment's id. `_attachments` of the snapshot
//! has the media id of those whose bytes were fetched; else the node's alternative text is the
//! file's name. Either only counts when one attachment alone has it.
//!
//! The rows of a comment repeat its id, and those of a picture that is shown often the attachment's,
//! within the bound of [`super::repeats`].

use std::borrow::Cow;
use std::collections::HashMap;

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::json::Json;
use crate::node::{Got, Node, Text};
use crate::adf::{MediaRef, media_of};
use crate::table::repeats::{RepeatBudget, Repeated};

pub(super) struct MediaLinks;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    /// `None` for the description.
    comment: Option<Node<'a>>,
    media: MediaRef,
    attachment: Text<'a>,
}

type C = Column<MediaLinks>;

impl Shape for MediaLinks {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("comment_id", "The comment that shows it; NULL for the description.", |r| {
            r.comment.map_or(Got::NONE, |comment| comment.at("id").id())
        }),
        C::text("media_id", "The media service's id.", |r| known(&r.media.id)),
        C::text("attachment_id", "The attachment that it is, where that is known.", |r| {
            r.attachment.borrowed()
        }),
        C::text("alt", "The alternative text, often the file's name.", |r| {
            r.media.alt.as_deref().map(Cow::Borrowed).into()
        }),
    ];
}

impl Mapped for MediaLinks {
    fn rows<'a>(issue: &'a Issue<'a>, _lost: &mut u64) -> Vec<Row<'a>> {
        // Elements that are lost here were counted by the tables they belong to.
        let mut lost = 0;
        let names = Names::of(issue, &mut lost);
        let (mut rows, mut budget) = (Vec::new(), RepeatBudget::new());
        let mut add = |comment: Option<Node<'a>>, document: Node<'a>| {
            let shown = document.value().value.map(media_of).unwrap_or_default();
            let id = |comment: Node<'a>| [comment.at("id").id()];
            let comment = comment.map(|comment| Repeated::new(comment, shown.len(), &mut budget, id));
            rows.extend(shown.into_iter().enumerate().map(|(at, media)| {
                let attachment = names.attachment(&media);
                let bytes = attachment.as_deref().map_or(0, str::len);
                let attachment = if budget.take(bytes, 1) { attachment.into() } else { Got::ODD };
                Row { issue, comment: comment.map(|comment| comment.row(at)), media, attachment }
            }));
        };
        add(None, issue.fields.at("description"));
        for comment in issue.comments.elements.iter().copied() {
            add(Some(comment), comment.at("body"));
        }
        rows
    }
}

/// How a media node finds its attachment.
struct Names<'a> {
    /// `None` where several attachments have that media id.
    by_media: HashMap<&'a str, Option<&'a str>>,
    /// `None` where several attachments have that name.
    by_filename: HashMap<Cow<'a, str>, Option<Cow<'a, str>>>,
}

impl<'a> Names<'a> {
    fn of(issue: &Issue<'a>, lost: &mut u64) -> Self {
        let mut by_media = HashMap::new();
        if let Node::Is(Json::Object(claims)) = issue.at("_attachments") {
            for (id, claim) in claims {
                if let Some(media) = claim.get("media_id").and_then(Json::as_str) {
                    let id = Some(*id);
                    by_media.entry(media).and_modify(|only| *only = None).or_insert(id);
                }
            }
        }
        let mut by_filename = HashMap::new();
        for attachment in issue.fields.at("attachment").objects(lost) {
            if let (Some(name), id) = (filename(attachment), attachment.at("id").id().value) {
                by_filename.entry(name).and_modify(|only| *only = None).or_insert(id);
            }
        }
        Self { by_media, by_filename }
    }

    fn attachment(&self, media: &MediaRef) -> Option<Cow<'a, str>> {
        if let Some(id) = self.by_media.get(media.id.as_str()) {
            return id.map(Cow::Borrowed);
        }
        self.by_filename.get(media.alt.as_deref()?).cloned().flatten()
    }
}

fn filename(attachment: Node<'_>) -> Option<Cow<'_, str>> {
    match attachment.at("filename").text() {
        Text { value, odd: false } => value,
        Text { odd: true, .. } => None,
    }
}
