//! Projects, as `GET /project/search` lists them.

use std::collections::HashMap;

use super::Listed;
use crate::column::{Column, Shape};
use crate::node::Node;

pub(super) struct Projects;

type C = Column<Projects>;

impl Shape for Projects {
    type Row<'a> = Node<'a>;

    const COLUMNS: &'static [C] = &[
        C::required("project_id", "Jira's id of the project.", |p| p.at("id").id()),
        C::text("project_key", "The project's key.", |p| p.at("key").text()),
        C::text("name", "The project's name.", |p| p.at("name").text()),
        C::text("project_type", "Kind of project: software, service_desk, business.", |p| {
            p.at("projectTypeKey").text()
        }),
        C::text("style", "Who manages it: classic (the company) or next-gen (the team).", |p| {
            p.at("style").text()
        }),
        C::text("lead_account_id", "Account of who leads it.", |p| {
            p.at("lead").at("accountId").text()
        }),
        C::flag("is_private", "Whether only its members see it.", |p| p.at("isPrivate").flag()),
        C::flag("archived", "Whether it is archived; NULL where Jira does not say.", |p| {
            p.at("archived").flag()
        }),
        C::text("category_name", "Name of the project category.", |p| {
            p.at("projectCategory").at("name").text()
        }),
    ];
}

impl Listed for Projects {
    const ID: &'static str = "id";

    fn row<'a>(entry: Node<'a>, _feeds: &'a HashMap<String, String>) -> Node<'a> {
        entry
    }
}
