//! Layers of settings: each key's value and where it came from.
//!
//! The defaults define which keys there are and of which kind; everything above must fit, or the
//! start stops with the key, the value (never a secret's) and the remedy.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::url::{hides_something, redacted, shown, without_credentials};

/// Keys whose values are never printed.
pub(crate) const SECRETS: [&str; 4] =
    ["jira.api-token", "sla.api-token", "webhook.secret", "webhook.previous-secret"];

/// Keys whose values are URLs: shown without credentials.
pub(crate) const URLS: [&str; 4] =
    ["jira.base-url", "jira.gateway-url", "webhook.public-url", "attachments.media-hosts"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `config/default.toml`, inside the binary.
    Default,
    /// The person's own file.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
    /// A variable in the `.env` file.
    DotEnv(String),
    /// The content of the file that a `…_FILE` variable names.
    SecretFile(String),
    /// A flag of this call.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::DotEnv(name) => write!(f, ".env {name}"),
            Self::SecretFile(name) => write!(f, "file named by {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("{origin}: there is no setting `{key}`{}", suggestion(.near))]
    Unknown { key: String, near: Option<String>, origin: Origin },
    #[error("{origin}: `{key}` must be {wanted}, not {given}")]
    WrongKind { key: String, wanted: &'static str, given: String, origin: Origin },
    #[error(
        "{origin}: `{key}` is an address with a password, query or fragment, which do not belong there"
    )]
    Credentials { key: String, origin: Origin },
}

fn suggestion(near: &Option<String>) -> String {
    near.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// The values of all keys, flat (`webhook.listen`), with their origins.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
}

impl Layers {
    /// The lowest layer, which defines the keys.
    pub(crate) fn new(defaults: &Table) -> Self {
        let values = flatten(defaults).into_iter();
        Self { values: values.map(|(key, value)| (key, (value, Origin::Default))).collect() }
    }

    /// Lays a parsed file over what is there.
    pub(crate) fn add_file(&mut self, path: &Path, table: &Table) -> Result<(), Unfit> {
        for (key, value) in flatten(table) {
            self.set(&key, value, Origin::File(path.to_owned()))?;
        }
        Ok(())
    }

    /// Sets a key from a text, which is read as the kind that the default has.
    pub(crate) fn set_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), Unfit> {
        let value = match self.values.get(key).map(|(value, _)| value) {
            Some(Value::Integer(_)) => text.trim().parse().map(Value::Integer).ok(),
            Some(Value::Boolean(_)) => text.trim().parse().map(Value::Boolean).ok(),
            Some(Value::Array(_)) => Some(Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(Value::from)
                    .collect(),
            )),
            _ => None,
        };
        self.set(key, value.unwrap_or_else(|| Value::String(text.to_owned())), origin)
    }

    /// Sets a key from a value.
    fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), Unfit> {
        let wanted = match self.values.get(key) {
            Some((known, _)) => kind(known),
            None if key.starts_with("columns.") => "a text",
            None => {
                let (near, key) = (self.nearest(key), shown(key).into_owned());
                return Err(Unfit::Unknown { near, key, origin });
            }
        };
        if hides(key, &value) {
            return Err(Unfit::Credentials { key: key.to_owned(), origin });
        }
        if kind(&value) != wanted {
            let given = match SECRETS.contains(&key) {
                true => kind(&value).into(),
                false => format!("`{}`", presentable(key, &value)),
            };
            return Err(Unfit::WrongKind { key: key.to_owned(), wanted, given, origin });
        }
        self.values.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    /// Every key, in order, with its value as text (secrets as `(set)` or empty) and its origin.
    pub(crate) fn listing(&self) -> impl Iterator<Item = (&str, String, &Origin)> {
        self.values.iter().map(|(key, (value, origin))| {
            let secret = SECRETS.contains(&key.as_str());
            let shown = match value {
                Value::String(text) if secret && !text.trim().is_empty() => "(set)".to_owned(),
                value => presentable(key, value).to_string(),
            };
            (key.as_str(), shown, origin)
        })
    }

    /// Returns a message without the credentials of any value that it repeats.
    pub(crate) fn redact(&self, message: &str) -> String {
        redacted(message.to_owned(), self.values.values().flat_map(|(value, _)| texts(value)))
    }

    /// Where a key's value came from.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|(_, origin)| origin)
    }

    /// The keys that there are.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The values as one nested table.
    pub(crate) fn table(&self) -> Table {
        let mut root = Table::new();
        root.insert("columns".to_owned(), Value::Table(Table::new()));
        for (key, (value, _)) in &self.values {
            let (section, name) = key.split_once('.').unwrap_or(("", key));
            let section =
                root.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(name.to_owned(), value.clone());
            }
        }
        root
    }

    /// The known key that is most like an unknown one, if any is near.
    fn nearest(&self, key: &str) -> Option<String> {
        let scored = self.keys().map(|known| (strsim::damerau_levenshtein(known, key), known));
        scored.min().filter(|(distance, _)| *distance <= 4).map(|(_, known)| known.to_owned())
    }
}

/// The texts of a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Table(table) => table.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a value that is not a secret or a URL contains credentials: it would be shown, logged and
/// become part of paths.
fn hides(key: &str, value: &Value) -> bool {
    let hides = |text: &str| match key {
        "jira.domain" => text.contains(['@', '?', '#']),
        _ => hides_something(text),
    };
    let may = SECRETS.contains(&key) || URLS.contains(&key);
    !may && texts(value).into_iter().any(hides)
}

/// A value as it may be shown.
fn presentable(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if URLS.contains(&key) => {
            Value::String(without_credentials(text).into_owned())
        }
        Value::String(text) => Value::String(shown(text).into_owned()),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| presentable(key, item)).collect())
        }
        Value::Table(table) => {
            let members = table.iter();
            let shown =
                members.map(|(name, value)| (shown(name).into_owned(), presentable(key, value)));
            Value::Table(shown.collect())
        }
        value => value.clone(),
    }
}

fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(inner) => {
                flat.extend(inner.iter().map(|(key, v)| (format!("{section}.{key}"), v.clone())));
            }
            value => flat.push((section.clone(), value.clone())),
        }
    }
    flat
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::Array(items) if items.iter().all(Value::is_str) => "a list of texts",
        Value::Array(_) => "a list of other values",
        Value::Float(_) => "a number with a fraction",
        Value::Datetime(_) => "a date",
        Value::Table(_) => "a section",
    }
}
