//! Customer organizations, as `GET /rest/servicedeskapi/organization` lists them, with the details
//! that the customer service API has of them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Listed;
use crate::column::{Column, Shape};
use crate::node::Node;

pub(super) struct Organizations;

type C = Column<Organizations>;

impl Shape for Organizations {
    type Row<'a> = Node<'a>;

    const COLUMNS: &'static [C] = &[
        C::required("organization_id", "Jira's id of the organization.", |o| o.at("id").id()),
        C::text("name", "The organization's name.", |o| o.at("name").text()),
        C::text("uuid", "Its id on the Atlassian platform, where Jira gives it.", |o| {
            o.at("uuid").text()
        }),
        C::text("details_json", "Its details as Jira gave them, as JSON.", |o| {
            o.at("details").value().map(|details| Cow::Owned(details.text()))
        }),
    ];
}

impl Listed for Organizations {
    const ID: &'static str = "id";

    fn row<'a>(entry: Node<'a>, _feeds: &'a HashMap<String, String>) -> Node<'a> {
        entry
    }
}
