//! Who works on and who writes to the help desk: agents, customers and apps.
//!
//! Some hide their e-mail address (the member is absent then), some are customers of the portal
//! only, some have left. Account ids come in the three forms that Jira has issued.

use serde_json::{Value, json};

use super::dice::Dice;

/// One account.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) account_id: String,
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) organization: usize,
}

/// All accounts of the site.
#[derive(Debug)]
pub(crate) struct People {
    agents: Vec<Person>,
    customers: Vec<Person>,
    apps: Vec<Person>,
    /// Stands in where a group has nobody, as Jira does for accounts that were erased.
    former: Person,
}

/// The organizations that customers belong to.
pub(crate) const ORGANIZATIONS: [&str; 14] = [
    "Northwind Logistics",
    "Kestrel & Sons",
    "Harbour Bank plc",
    "Blue Fjord Seafood AS",
    "Ministry of Transport",
    "Acme \"Rockets\" Inc.",
    "株式会社みどり商事",
    "مجموعة الواحة",
    "Université de Lorme",
    "Zażółć Sp. z o.o.",
    "O'Hara Dental",
    "Tallgrass Energy",
    "St. Brigid's Hospital",
    "Umbrella/Parasol GmbH",
];

const GIVEN: [&str; 24] = [
    "Maya", "Tomás", "Ingrid", "Kwame", "Zoë", "Łukasz", "Priya", "Olivia", "Björn", "Fatima",
    "Jonas", "Chloé", "Arjun", "Siobhán", "Mateo", "Hana", "Dmitri", "Aisha", "Noah", "Renée",
    "Viktor", "Imani", "Søren", "Beatriz",
];
const FAMILY: [&str; 24] = [
    "Lindqvist",
    "O'Brien",
    "Mensah",
    "Kowalski",
    "García",
    "Iyer",
    "Bianchi",
    "Haddad",
    "Novák",
    "Schmidt",
    "Nakamura",
    "de Vries",
    "Okafor",
    "Müller",
    "Papadakis",
    "Ferreira",
    "Nguyễn",
    "Sørensen",
    "Dubois",
    "Horvat",
    "Smith",
    "Yıldız",
    "MacLeod",
    "Ivanova",
];
const OTHER_SCRIPTS: [&str; 8] = [
    "田中 美咲",
    "王小明",
    "김서연",
    "محمد العلي",
    "נועה לוי",
    "Анна Петрова",
    "สมชาย ใจดี",
    "Ⓜ️ Team 🚀",
];
const ZONES: [&str; 6] =
    ["Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo", "Asia/Dubai", "Etc/GMT"];

/// What kind of account it is; the wire has the same words in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Agent,
    Customer,
    App,
}

impl People {
    /// The accounts of a site with that many issues.
    pub(crate) fn new(site: &str, seed: u64, issues: u32) -> Self {
        let customers = 40 + (issues / 25).min(1500);
        let make = |kind, numbers: std::ops::Range<u32>| {
            numbers.map(|n| person(site, seed, n, kind)).collect()
        };
        Self {
            agents: make(Kind::Agent, 0..16),
            customers: make(Kind::Customer, 100..100 + customers),
            apps: make(Kind::App, 50..53),
            former: former(site),
        }
    }

    /// An agent of the desk.
    pub(crate) fn agent(&self, dice: &mut Dice) -> &Person {
        self.agents.get(dice.below(self.agents.len())).unwrap_or(&self.former)
    }

    /// A customer of the portal.
    pub(crate) fn customer(&self, dice: &mut Dice) -> &Person {
        self.customers.get(dice.below(self.customers.len())).unwrap_or(&self.former)
    }

    /// An app account.
    pub(crate) fn app(&self, dice: &mut Dice) -> &Person {
        self.apps.get(dice.below(self.apps.len())).unwrap_or(&self.former)
    }

    /// Every account, agents first.
    pub(crate) fn all(&self) -> Vec<Value> {
        let everyone = self.agents.iter().chain(&self.apps).chain(&self.customers);
        everyone.map(|person| person.value.clone()).collect()
    }
}

fn former(site: &str) -> Person {
    let account_id = "unknown".to_owned();
    let value = json!({
        "self": format!("{site}/rest/api/3/user?accountId={account_id}"),
        "accountId": account_id,
        "displayName": "Former user",
        "active": false,
        "accountType": "atlassian",
    });
    Person { account_id, name: "Former user".to_owned(), value, organization: 0 }
}

fn person(site: &str, seed: u64, n: u32, kind: Kind) -> Person {
    let mut dice = Dice::of(seed, n, "person");
    let name = match kind {
        Kind::App => {
            dice.pick(&["Automation for Jira", "Mail handler", "Deploy Bot 🤖"]).to_owned()
        }
        Kind::Agent | Kind::Customer if dice.often(110) => dice.pick(&OTHER_SCRIPTS).to_owned(),
        Kind::Agent | Kind::Customer => {
            format!("{} {}", dice.pick(&GIVEN), dice.pick(&FAMILY))
        }
    };
    let (account_id, account_type) = match kind {
        Kind::Agent if dice.often(300) => (format!("5b{:022x}", dice.next()), "atlassian"),
        Kind::Agent => (format!("712020:{}", dice.uuid()), "atlassian"),
        Kind::App => (format!("557058:{}", dice.uuid()), "app"),
        Kind::Customer => (format!("qm:{}:{}", dice.uuid(), dice.uuid()), "customer"),
    };
    let face = format!("https://avatars.example.net/{n:04}");
    let mut value = json!({
        "self": format!("{site}/rest/api/3/user?accountId={}", account_id.replace(':', "%3A")),
        "accountId": account_id,
        "avatarUrls": {
            "48x48": format!("{face}/48"),
            "24x24": format!("{face}/24"),
            "16x16": format!("{face}/16"),
            "32x32": format!("{face}/32"),
        },
        "displayName": name,
        "active": !dice.often(60),
        "timeZone": dice.pick(&ZONES),
        "accountType": account_type,
    });
    let shows_email = match kind {
        Kind::Agent => dice.often(850),
        Kind::Customer => dice.often(600),
        Kind::App => false,
    };
    if shows_email && let Some(members) = value.as_object_mut() {
        members.insert("emailAddress".to_owned(), json!(format!("person{n}@example.com")));
    }
    Person { account_id, name, value, organization: dice.below(ORGANIZATIONS.len()) }
}

#[cfg(test)]
mod tests {
    use super::People;

    #[test]
    fn accounts_have_distinct_ids_and_some_hide_their_address() {
        let all = People::new("https://example.atlassian.net", 3, 500).all();
        let mut ids: Vec<&str> = all.iter().filter_map(|user| user["accountId"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
        let hidden = all.iter().filter(|user| user.get("emailAddress").is_none()).count();
        assert!(hidden > 5 && hidden < all.len() - 5, "{hidden} of {}", all.len());
        for kind in ["atlassian", "customer", "app"] {
            assert!(all.iter().any(|user| user["accountType"] == kind), "{kind}");
        }
    }
}
