//! Accounts, as `GET /users/search` lists them: people, apps and customers.

use std::collections::HashMap;

use super::Listed;
use crate::column::{Column, Shape};
use crate::node::Node;

pub(super) struct Users;

type C = Column<Users>;

impl Shape for Users {
    type Row<'a> = Node<'a>;

    const COLUMNS: &'static [C] = &[
        C::required("account_id", "The account's id.", |u| u.at("accountId").id()),
        C::text("email", "The address, where it is visible.", |u| u.email()),
        C::text("display_name", "The name that people see.", |u| u.at("displayName").text()),
        C::flag("active", "Whether the account can be used.", |u| u.at("active").flag()),
        C::text("account_type", "Kind of account: atlassian, app or customer.", |u| {
            u.at("accountType").text()
        }),
        C::text("time_zone", "The account's time zone, where it is visible.", |u| {
            u.at("timeZone").text()
        }),
    ];
}

impl Listed for Users {
    const ID: &'static str = "accountId";

    fn row<'a>(entry: Node<'a>, _feeds: &'a HashMap<String, String>) -> Node<'a> {
        entry
    }
}
