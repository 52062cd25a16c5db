//! Fields, as `GET /field` and `GET /field/search` list them, and the columns that they feed.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Listed;
use crate::column::{Column, Shape};
use crate::field::id::custom_number;
use crate::node::{Got, Node};

pub(super) struct Fields;

pub(crate) struct Row<'a> {
    field: Node<'a>,
    feeds: Option<&'a str>,
}

type C = Column<Fields>;

impl Shape for Fields {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::required("field_id", "The field's id.", |r| r.field.at("id").id()),
        C::text("name", "The name that people see.", |r| r.field.at("name").text()),
        C::flag("custom", "Whether the site made it; Jira's own fields are the others.", |r| {
            // The second list does not say, but the ids of custom fields are all of one form.
            let said = r.field.at("custom");
            let id = r.field.at("id").id().value;
            let is_custom = || Got::some(id.is_some_and(|id| custom_number(&id).is_some()));
            if said.is_set() { said.flag() } else { is_custom() }
        }),
        C::text("schema_type", "Type of its values: option, array, string.", |r| {
            r.field.at("schema").at("type").text()
        }),
        C::text("schema_custom", "What kind of custom field it is.", |r| {
            r.field.at("schema").at("custom").text()
        }),
        C::text("feeds_column", "The columns of issues that it feeds, separated by commas.", |r| {
            r.feeds.map(Cow::Borrowed).into()
        }),
    ];
}

impl Listed for Fields {
    const ID: &'static str = "id";

    fn row<'a>(field: Node<'a>, feeds: &'a HashMap<String, String>) -> Row<'a> {
        let id = field.at("id").id().value;
        Row { field, feeds: id.and_then(|id| feeds.get(&*id)).map(String::as_str) }
    }
}
