//! Statuses. `GET /status` gives the category as an object, `GET /statuses/search` as a word of
//! its own; the category's key is the same from both.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Listed;
use crate::column::{Column, Shape, known};
use crate::json::Json;
use crate::node::{Got, Node, Text};

pub(super) struct Statuses;

type C = Column<Statuses>;

impl Shape for Statuses {
    type Row<'a> = Node<'a>;

    const COLUMNS: &'static [C] = &[
        C::required("status_id", "Jira's id of the status.", |s| s.at("id").id()),
        C::text("name", "The status's name.", |s| s.at("name").text()),
        C::text("category_key", "Key of its category: new, indeterminate, done.", |s| key(*s)),
        C::text("category_name", "Name of its category, where Jira gives it.", |s| {
            match s.at("statusCategory") {
                Node::Is(Json::Text(_)) => Got::NONE,
                category => category.at("name").text(),
            }
        }),
        C::text("project_id", "The project that alone has it; NULL for one of all projects.", |s| {
            s.at("scope").at("project").at("id").id()
        }),
    ];
}

impl Listed for Statuses {
    const ID: &'static str = "id";

    fn row<'a>(entry: Node<'a>, _feeds: &'a HashMap<String, String>) -> Node<'a> {
        entry
    }
}

fn key(status: Node<'_>) -> Text<'_> {
    match status.at("statusCategory") {
        Node::Is(Json::Text(word)) => match word {
            "TODO" => known("new"),
            "IN_PROGRESS" => known("indeterminate"),
            "DONE" => known("done"),
            other => Got::some(Cow::Borrowed(other)),
        },
        category => category.at("key").text(),
    }
}
