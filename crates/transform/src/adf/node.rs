//! Reading a node: whatever has an unexpected type counts as absent.

use jira::time::{Instant, is_date};

use crate::json::{Json, Member};

/// A JSON object that stands where a node should be.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(&'a [Member<'a>]);

impl<'a> Node<'a> {
    pub(super) fn of(value: Json<'a>) -> Option<Self> {
        value.as_object().map(Self)
    }

    fn get(self, name: &str) -> Option<Json<'a>> {
        Json::Object(self.0).get(name)
    }

    /// Whether this may be a node at all, and not some other object of Jira's.
    pub(super) fn looks_like_one(self) -> bool {
        !self.kind().is_empty() || self.get("content").and_then(Json::as_list).is_some()
    }

    pub(super) fn kind(self) -> &'a str {
        self.get("type").and_then(Json::as_str).unwrap_or_default()
    }

    pub(super) fn text(self) -> Option<&'a str> {
        self.get("text")?.as_str()
    }

    pub(super) fn children(self) -> &'a [Json<'a>] {
        self.get("content").and_then(Json::as_list).unwrap_or_default()
    }

    pub(super) fn attr(self, name: &str) -> Option<Json<'a>> {
        self.get("attrs")?.get(name)
    }

    /// An attribute that is a text and not blank.
    pub(super) fn attr_text(self, name: &str) -> Option<&'a str> {
        not_blank(self.attr(name)?)
    }

    /// The target of the node's link mark.
    pub(super) fn href(self) -> Option<&'a str> {
        let marks = self.get("marks")?.as_list()?;
        let links = marks.iter().copied().filter_map(Node::of).filter(|mark| mark.kind() == "link");
        links.filter_map(|mark| mark.attr_text("href")).next().map(str::trim)
    }

    /// What a smart link leads to: its URL, or at least the name of the thing.
    pub(super) fn card(self) -> Option<&'a str> {
        let data = |name| self.attr("data").and_then(|data| data.get(name)).and_then(not_blank);
        self.attr_text("url")
            .or_else(|| data("url"))
            .or_else(|| data("@id"))
            .or_else(|| data("name"))
            .map(str::trim)
    }

    /// `@name`; Jira writes the name with and without the sign.
    pub(super) fn mention(self) -> Option<String> {
        let name = |attr| self.attr_text(attr).map(|text| text.trim().trim_start_matches('@'));
        let name = name("text").filter(|name| !name.is_empty()).or_else(|| name("id"))?;
        Some(format!("@{name}"))
    }

    /// `YYYY-MM-DD` in UTC, which is how Jira means the timestamp.
    pub(super) fn date(self) -> Option<String> {
        let stamp = self.attr("timestamp")?;
        let millis = stamp.as_i64().or_else(|| stamp.as_str()?.trim().parse().ok());
        let date = match millis {
            Some(millis) => Instant::from_millis(millis)?.date(),
            None => stamp.as_str()?.trim().to_owned(),
        };
        is_date(&date).then_some(date)
    }

    /// The alternative text or file name of a media node; of an external image at least its URL.
    pub(super) fn media_name(self) -> Option<&'a str> {
        ["alt", "__fileName", "fileName", "name", "url"]
            .into_iter()
            .find_map(|name| self.attr_text(name))
    }

    /// The number of an ordered list's first item.
    pub(super) fn first_number(self) -> u64 {
        let order = self.attr("order");
        let written = |order: Json<'_>| order.as_str()?.trim().parse().ok();
        order.and_then(|order| order.as_u64().or_else(|| written(order))).unwrap_or(1)
    }
}

fn not_blank(value: Json<'_>) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}
