//! Settings: `config/default.toml` in the binary < a file < `.env` < the environment < flags.
//!
//! Promises: every value knows its origin; an unknown key or a value of the wrong kind stops the
//! start with the key and the remedy; a secret is never part of an error or a listing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use toml::Table;

pub(crate) mod settings;
pub(crate) mod layers;
pub(crate) mod url;

use layers::{Layers, Origin, SECRETS};
pub(crate) use settings::Settings;

/// The defaults, which are also their documentation.
pub(crate) const DEFAULTS: &str = include_str!("../config/default.toml");

/// Names that people already have → our keys.
const FAMILIAR: [(&str, &str); 10] = [
    ("JIRA_DOMAIN", "jira.domain"),
    ("JIRA_EMAIL", "jira.email"),
    ("JIRA_API_TOKEN", "jira.api-token"),
    ("JIRA_CLOUD_ID", "jira.cloud-id"),
    ("JIRA_PROJECT", "jira.projects"),
    ("JIRA_SLA_EMAIL", "sla.email"),
    ("JIRA_SLA_API_TOKEN", "sla.api-token"),
    ("JIRA_WEBHOOK_SECRET", "webhook.secret"),
    ("JIRA_DATA_DIR", "storage.raw-dir"),
    ("JIRA_PARQUET_DIR", "storage.parquet-dir"),
];

/// Variables of ours that are not settings.
const NOT_SETTINGS: [&str; 3] = ["JIRALAKE_CONFIG", "JIRALAKE_TESTDATA", "JIRALAKE_TARGET_DIR"];

/// What a call brings along: its environment and flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The file named by a flag.
    pub(crate) file: Option<PathBuf>,
    /// `KEY=VALUE` flags, in order.
    pub(crate) flags: Vec<(String, String)>,
    /// The environment.
    pub(crate) env: BTreeMap<String, String>,
    /// The folder in which `jiralake.toml` and `.env` are looked for.
    pub(crate) folder: PathBuf,
}

/// The settings and where each came from.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) layers: Layers,
}

/// Resolves all layers.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Config> {
    let mut layers = Layers::new(&DEFAULTS.parse::<Table>().context("config/default.toml")?);
    if let Some(path) = file(sources) {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the settings file {}", path.display()))?;
        // toml's own message repeats the line, which may hold a secret: tell only where it is.
        let table = text.parse::<Table>().map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
            anyhow::anyhow!("{} is not TOML at line {line}: {}", path.display(), error.message())
        })?;
        layers.add_file(&path, &table)?;
    }
    let dotenv = dotenv(&sources.folder.join(".env"))?;
    add_env(&mut layers, &dotenv, Origin::DotEnv)?;
    add_env(&mut layers, &sources.env, Origin::Env)?;
    for (key, value) in &sources.flags {
        layers.set_text(key, value, Origin::Flag)?;
    }
    let settings = Settings::deserialize(toml::Value::Table(layers.table())).map_err(|error| {
        anyhow::anyhow!("{}", layers.redact(&error.to_string()).trim().replace('\n', " "))
    })?;
    Ok(Config { settings, layers })
}

fn file(sources: &Sources) -> Option<PathBuf> {
    let named = sources.file.clone().or_else(|| {
        sources.env.get("JIRALAKE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
    });
    named.or_else(|| Some(sources.folder.join("jiralake.toml")).filter(|path| path.exists()))
}

fn dotenv(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    // The library's error repeats the line, which may hold a secret.
    let unreadable = || anyhow::anyhow!("cannot read {}: a line is not NAME=VALUE", path.display());
    let lines = dotenvy::from_path_iter(path).map_err(|_| unreadable())?;
    lines.collect::<Result<_, _>>().map_err(|_| unreadable())
}

/// Lays one environment over what is there. Familiar names first, so that our own names win.
fn add_env(
    layers: &mut Layers,
    env: &BTreeMap<String, String>,
    origin: fn(String) -> Origin,
) -> anyhow::Result<()> {
    let own: Vec<(String, String)> =
        layers.keys().map(|key| (own_name(key), key.to_owned())).collect();
    let familiar = FAMILIAR.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned()));
    for (name, key) in familiar.chain(own.iter().cloned()) {
        // An empty variable is how people unset one in a compose file.
        if let Some(text) = env.get(&name).filter(|text| !text.is_empty()) {
            layers.set_text(&key, text, origin(name.clone()))?;
        }
        let by_file = format!("{name}_FILE");
        if let Some(path) = env.get(&by_file).filter(|path| !path.is_empty()) {
            if !SECRETS.contains(&key.as_str()) {
                bail!("{by_file} is set, but `{key}` is not a secret: set {name} itself");
            }
            let text = std::fs::read_to_string(path).with_context(|| {
                format!("cannot read the file that {by_file} names: {}", url::shown(path))
            })?;
            layers.set_text(
                &key,
                text.trim_end_matches(['\r', '\n']),
                Origin::SecretFile(by_file),
            )?;
        }
    }
    let known =
        |name: &str| own.iter().any(|(own, _)| name == own || name == format!("{own}_FILE"));
    for name in env.keys().filter(|name| name.starts_with("JIRALAKE_")) {
        if let Some(column) = name.strip_prefix("JIRALAKE_COLUMNS_") {
            let key = format!("columns.{}", column.to_lowercase());
            layers.set_text(
                &key,
                env.get(name).map_or("", String::as_str),
                origin(name.clone()),
            )?;
        } else if !known(name) && !NOT_SETTINGS.contains(&name.as_str()) {
            let near =
                own.iter().map(|(own, _)| (strsim::damerau_levenshtein(own, name), own)).min();
            let hint =
                near.map_or_else(String::new, |(_, near)| format!("; the nearest is {near}"));
            bail!("the environment has {name}, which is no setting{hint}");
        }
    }
    Ok(())
}

fn own_name(key: &str) -> String {
    format!("JIRALAKE_{}", key.replace(['.', '-'], "_").to_uppercase())
}

#[cfg(test)]
mod tests;
