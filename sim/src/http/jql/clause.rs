//! From words to restrictions, and from restrictions to issues.

use super::words::{Kind, Word, split};
use crate::json::Members;
use crate::site::State;
use crate::time::Zone;

/// How deep parentheses may be.
const DEPTH: usize = 32;
/// How many fields a query may be ordered by.
const MOST_ORDERS: usize = 7;

/// What is needed to read a query.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) state: &'a State,
    pub(crate) zone: &'a Zone,
    pub(crate) now: i64,
}

/// A query that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// `None` is an unbounded query.
    restriction: Option<Clause>,
    pub(crate) orders: Vec<(Order, Direction)>,
}

/// What can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Created,
    Updated,
    Id,
    Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// An issue as the search index knows it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) status: String,
    pub(crate) category: String,
}

#[derive(Clone, Debug)]
enum Clause {
    And(Vec<Clause>),
    Or(Vec<Clause>),
    Not(Box<Clause>),
    Project(Vec<String>),
    Ids(Vec<i64>),
    Id(Comparison, i64),
    Status(Vec<String>),
    Category(Vec<String>),
    Created(Comparison, i64),
    Updated(Comparison, i64),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// Reads a query; the error is Jira's message.
pub(crate) fn parse(jql: &str, setting: Setting<'_>) -> Result<Query, String> {
    let words = split(jql).map_err(|at| {
        format!("Error in the JQL Query: The quoted string has not been completed. (line 1, character {})", at + 1)
    })?;
    let mut parser = Parser { words, at: 0, setting, depth: 0 };
    let restriction = match parser.peek() {
        None => None,
        Some(word) if word.is("order") => None,
        Some(_) => Some(parser.any_of()?),
    };
    let orders = parser.orders()?;
    match parser.peek() {
        None => Ok(Query { restriction, orders }),
        Some(word) => Err(unexpected(word)),
    }
}

fn unexpected(word: &Word) -> String {
    format!(
        "Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{}'. (line 1, character {})",
        word.text,
        word.at + 1
    )
}

impl Query {
    pub(crate) fn is_bounded(&self) -> bool {
        self.restriction.is_some()
    }

    pub(crate) fn matches(&self, row: &Row) -> bool {
        self.restriction.as_ref().is_none_or(|clause| clause.matches(row))
    }
}

impl Clause {
    fn matches(&self, row: &Row) -> bool {
        let same = |list: &[String], is: &str| list.iter().any(|one| one.eq_ignore_ascii_case(is));
        match self {
            Self::And(all) => all.iter().all(|clause| clause.matches(row)),
            Self::Or(any) => any.iter().any(|clause| clause.matches(row)),
            Self::Not(clause) => !clause.matches(row),
            Self::Project(keys) => row.key.rsplit_once('-').is_some_and(|(it, _)| same(keys, it)),
            Self::Ids(ids) => ids.contains(&row.id),
            Self::Id(comparison, id) => comparison.holds(row.id, *id),
            Self::Status(names) => same(names, &row.status),
            Self::Category(names) => same(names, &row.category),
            Self::Created(comparison, at) => comparison.holds(row.created, *at),
            Self::Updated(comparison, at) => comparison.holds(row.updated, *at),
        }
    }
}

impl Comparison {
    fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            "=" => Self::Equal,
            ">=" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

struct Parser<'a> {
    words: Vec<Word>,
    at: usize,
    setting: Setting<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += usize::from(word.is_some());
        word
    }

    /// Takes the next word if it is this keyword.
    fn take(&mut self, keyword: &str) -> bool {
        let is = self.peek().is_some_and(|word| word.is(keyword) || word.is_sign(keyword));
        self.at += usize::from(is);
        is
    }

    fn any_of(&mut self) -> Result<Clause, String> {
        let mut any = vec![self.all_of()?];
        while self.take("or") {
            any.push(self.all_of()?);
        }
        Ok(Clause::Or(any))
    }

    fn all_of(&mut self) -> Result<Clause, String> {
        let mut all = vec![self.one()?];
        while self.take("and") {
            all.push(self.one()?);
        }
        Ok(Clause::And(all))
    }

    fn one(&mut self) -> Result<Clause, String> {
        if self.take("not") {
            return Ok(Clause::Not(Box::new(self.one()?)));
        }
        if !self.take("(") {
            return self.restriction();
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("Error in the JQL Query: The query is nested too deeply.".to_owned());
        }
        let clause = self.any_of()?;
        self.depth -= 1;
        match self.next() {
            Some(word) if word.is_sign(")") => Ok(clause),
            Some(word) => Err(unexpected(&word)),
            None => {
                Err("Error in the JQL Query: Expecting ')' at the end of the query.".to_owned())
            }
        }
    }

    fn restriction(&mut self) -> Result<Clause, String> {
        let field = self.next().ok_or_else(|| {
            "Error in the JQL Query: Expecting a field name at the end of the query.".to_owned()
        })?;
        if field.kind == Kind::Sign {
            let (text, at) = (&field.text, field.at + 1);
            return Err(format!(
                "Error in the JQL Query: Expecting a field name but got '{text}'. (line 1, character {at})"
            ));
        }
        let negated = self.take("not");
        let sign = self.next().ok_or_else(|| {
            "Error in the JQL Query: Expecting operator at the end of the query.".to_owned()
        })?;
        let many = sign.is("in");
        let values = if many { self.list()? } else { vec![self.value()?] };
        let (negated, sign) = match sign.text.as_str() {
            "!=" => (true, "=".to_owned()),
            _ if many => (negated, "=".to_owned()),
            other => (negated, other.to_owned()),
        };
        let clause = self.compare(&field.text, &sign, &values)?;
        Ok(if negated { Clause::Not(Box::new(clause)) } else { clause })
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.take("(") {
            return Err("Error in the JQL Query: Expecting '(' after 'IN'.".to_owned());
        }
        let mut values = vec![self.value()?];
        while self.take(",") {
            values.push(self.value()?);
        }
        match self.take(")") {
            true => Ok(values),
            false => Err("Error in the JQL Query: Expecting ')' after a list.".to_owned()),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        match self.next() {
            Some(word) if word.kind != Kind::Sign => Ok(word.text),
            Some(word) => Err(format!(
                "Error in the JQL Query: Expecting either a value, list or function but got '{}'. (line 1, character {})",
                word.text,
                word.at + 1
            )),
            None => Err("Error in the JQL Query: Expecting either a value, list or function before the end of the query.".to_owned()),
        }
    }

    fn compare(&self, field: &str, sign: &str, values: &[String]) -> Result<Clause, String> {
        let first = values.first().map(String::as_str).unwrap_or_default();
        let comparison = Comparison::of(sign).ok_or_else(|| {
            format!("The operator '{sign}' is not supported by the '{field}' field.")
        })?;
        match (field.to_ascii_lowercase().as_str(), comparison) {
            ("created" | "createddate", _) => {
                Ok(Clause::Created(comparison, self.date(field, first)?))
            }
            ("updated" | "updateddate", _) => {
                Ok(Clause::Updated(comparison, self.date(field, first)?))
            }
            ("project", Comparison::Equal) => self.projects(values),
            ("issuekey" | "key" | "issue" | "id", Comparison::Equal) => self.issues(field, values),
            ("id" | "issuekey" | "key" | "issue", _) => match first.parse() {
                Ok(id) => Ok(Clause::Id(comparison, id)),
                Err(_) => {
                    Err(format!("The value '{first}' cannot be compared for the field '{field}'."))
                }
            },
            ("status", Comparison::Equal) => Ok(Clause::Status(values.to_vec())),
            ("statuscategory", Comparison::Equal) => Ok(Clause::Category(values.to_vec())),
            ("project" | "status" | "statuscategory", _) => {
                Err(format!("The operator '{sign}' is not supported by the '{field}' field."))
            }
            _ => Err(format!(
                "Field '{field}' does not exist or you do not have permission to view it."
            )),
        }
    }

    fn projects(&self, values: &[String]) -> Result<Clause, String> {
        let known = &self.setting.state.furniture.projects;
        let key = |value: &String| {
            ["key", "id", "name"]
                .iter()
                .find_map(|member| State::named(known, member, value))
                .and_then(|project| project.member("key").as_str().map(str::to_owned))
                .ok_or_else(|| {
                    format!("The value '{value}' does not exist for the field 'project'.")
                })
        };
        Ok(Clause::Project(values.iter().map(key).collect::<Result<_, _>>()?))
    }

    fn issues(&self, field: &str, values: &[String]) -> Result<Clause, String> {
        let id = |value: &String| {
            let seen = self.setting.state.visible(value).map(|issue| issue.id);
            seen.ok_or_else(|| match value.parse::<i64>() {
                Ok(_) => {
                    format!("A value with ID '{value}' does not exist for the field '{field}'.")
                }
                Err(_) => {
                    format!("An issue with key '{value}' does not exist for field '{field}'.")
                }
            })
        };
        Ok(Clause::Ids(values.iter().map(id).collect::<Result<_, _>>()?))
    }

    fn date(&self, field: &str, text: &str) -> Result<i64, String> {
        let read = relative(text)
            .map(|ms| self.setting.now.saturating_add(ms))
            .or_else(|| self.setting.zone.query_date(text));
        read.ok_or_else(|| {
            format!(
                "Date value '{text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
            )
        })
    }

    fn orders(&mut self) -> Result<Vec<(Order, Direction)>, String> {
        let mut orders = Vec::new();
        if !self.take("order") {
            return Ok(orders);
        }
        if !self.take("by") {
            return Err("Error in the JQL Query: Expecting 'BY' after 'ORDER'.".to_owned());
        }
        loop {
            let name = self.value()?;
            let order = match name.to_ascii_lowercase().as_str() {
                "created" | "createddate" => Order::Created,
                "updated" | "updateddate" => Order::Updated,
                "id" => Order::Id,
                "key" | "issuekey" | "issue" => Order::Key,
                _ => return Err(format!("Not able to sort using field '{name}'.")),
            };
            let down = self.take("desc");
            let up = !down && self.take("asc");
            // Without a word, keys and ids go up and dates go down.
            let newest_first = matches!(order, Order::Created | Order::Updated) && !up;
            let direction = if down || newest_first { Direction::Down } else { Direction::Up };
            orders.push((order, direction));
            if !self.take(",") {
                break;
            }
        }
        match orders.len() {
            0..=MOST_ORDERS => Ok(orders),
            _ => Err("JQL can be ordered by at most 7 fields.".to_owned()),
        }
    }
}

/// `-15m`, `-2h`, `-1d`, `-1w`, also several with spaces, in milliseconds.
fn relative(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut sign = 1;
    for (at, part) in text.split_whitespace().enumerate() {
        let unsigned = part.strip_prefix(['-', '+']).unwrap_or(part);
        if at == 0 && part.starts_with('-') {
            sign = -1;
        }
        let unit = unsigned.chars().last()?;
        let number: i64 = unsigned.strip_suffix(unit)?.parse().ok()?;
        let ms = match unit {
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(ms)?)?;
    }
    (!text.trim().is_empty()).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::{Row, Setting, parse};
    use crate::site::{Furniture, State};
    use crate::time::{Zone, parse as instant};

    fn matched(jql: &str) -> Result<bool, String> {
        let state = State::new(Furniture::small("http://site"), 1);
        let zone = Zone::new("Asia/Kolkata", 330);
        let now = instant("2026-02-03T12:00:30.000+0000").unwrap();
        let row = Row {
            id: 7,
            key: "SUPPORT-3".to_owned(),
            created: instant("2026-02-01T00:00:00.000+0000").unwrap(),
            updated: instant("2026-02-03T11:50:00.000+0000").unwrap(),
            status: "Open".to_owned(),
            category: "To Do".to_owned(),
        };
        let query = parse(jql, Setting { state: &state, zone: &zone, now })?;
        Ok(query.is_bounded() && query.matches(&row))
    }

    #[test]
    fn restrictions_hold_or_do_not() {
        for (jql, holds) in [
            ("project = SUPPORT", true),
            ("project = \"Support\" AND updated >= -15m", true),
            ("project in (OPS, SUPPORT) order by updated ASC, id ASC", true),
            ("project = OPS", false),
            ("updated >= -10m", false),
            ("updated >= \"-11m\"", true),
            // 11:50 UTC is 17:20 in the caller's zone.
            ("updated >= \"2026-02-03 17:20\"", true),
            ("updated >= \"2026-02-03 17:21\"", false),
            ("created >= 2026/02/01 AND created < \"2026-02-02\"", true),
            ("id > 6 AND id <= 7", true),
            ("(project = OPS OR status = open) AND NOT statusCategory = Done", true),
            ("project != SUPPORT", false),
            ("project not in (OPS)", true),
            ("", false),
            ("ORDER BY updated", false),
        ] {
            assert_eq!(matched(jql), Ok(holds), "{jql}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_jiras_words() {
        for (jql, message) in [
            ("project = NONE", "The value 'NONE' does not exist for the field 'project'."),
            (
                "colour = red",
                "Field 'colour' does not exist or you do not have permission to view it.",
            ),
            (
                "project = SUPPORT x",
                "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'x'. (line 1, character 19)",
            ),
            (
                "project = SUPPORT AND",
                "Error in the JQL Query: Expecting a field name at the end of the query.",
            ),
            ("issuekey in (NO-1)", "An issue with key 'NO-1' does not exist for field 'issuekey'."),
        ] {
            assert_eq!(matched(jql), Err(message.to_owned()), "{jql}");
        }
        assert!(matched("updated >= \"2026-02-03 17:20:01\"").is_err(), "no seconds");
        let many = "project = OPS ORDER BY ".to_owned() + &["id"; 8].join(", ");
        assert_eq!(matched(&many), Err("JQL can be ordered by at most 7 fields.".to_owned()));
    }
}
