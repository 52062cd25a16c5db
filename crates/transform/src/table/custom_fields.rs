//! Every custom field of an issue that says something, also those that feed a column of `issues`.

use std::borrow::Cow;

use crate::column::{Column, Mapped, Shape, known};
use crate::field::catalogue::Field;
use crate::issue::Issue;
use crate::node::Node;
use crate::sla;

pub(super) struct CustomFields;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    id: &'a str,
    field: Option<&'a Field>,
    value: Node<'a>,
}

type C = Column<CustomFields>;

impl Shape for CustomFields {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("field_id", "The field's id.", |r| known(r.id)),
        C::text("field_name", "The field's name.", |r| {
            let name = r.field.map(|field| field.name.as_str());
            name.filter(|name| !name.is_empty()).map(Cow::Borrowed).into()
        }),
        C::text("field_type", "What kind of field it is, as Jira's schema says.", |r| {
            r.field.and_then(|field| field.custom.as_deref()).map(Cow::Borrowed).into()
        }),
        C::text("value_text", "The value as a person would read it.", |r| {
            r.value.readable().into()
        }),
        C::text("value_json", "The value as Jira gave it, as JSON.", |r| {
            r.value.value().map(|value| Cow::Owned(value.text()))
        }),
    ];
}

impl Mapped for CustomFields {
    fn rows<'a>(issue: &'a Issue<'a>, _lost: &mut u64) -> Vec<Row<'a>> {
        let said = |(_, value): &(&str, Node<'a>)| {
            let empty = value.value().value.is_some_and(|v| v.as_list().is_some_and(<[_]>::is_empty));
            value.is_set() && !empty && !sla::is_refused(*value)
        };
        let fields = issue.custom_fields().iter().copied().filter(said);
        fields.map(|(id, value)| Row { issue, id, field: issue.map.field(id), value }).collect()
    }
}
