//! `jiralake fields`: every field of the site, and the columns that it feeds. From the catalogue
//! beside the raw snapshots; no network.

use clap::Args;
use serde_json::json;
use transform::{Explained, FieldMap, Origin};

use crate::cli::Common;
use crate::daemon::start;
use crate::exit::Done;
use crate::report;

/// Every field of the site: id, name, type, and the columns that it feeds.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// Only fields that feed a column
    #[arg(long)]
    used: bool,
}

/// One field, as it is printed.
struct Line {
    explained: Explained,
    /// `schema.type`.
    kind: Option<String>,
    /// `schema.custom`.
    custom: Option<String>,
}

impl Fields {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let map = start::field_map(&config.settings)?;
        if map.field("summary").is_none() {
            report::talk(
                "there is no catalogue of the site's fields yet (`jiralake serve` fetches it): \
                 these are the built-in defaults",
            );
        }
        let lines = map.explain().into_iter().map(|explained| Line::of(explained, &map));
        let lines = lines.filter(|line| !self.used || !line.explained.columns.is_empty());
        let lines: Vec<Line> = lines.collect();
        if common.json {
            for line in &lines {
                report::data(line.json())?;
            }
            return Ok(Done::All);
        }
        let head = ["id", "name", "type", "custom type", "columns", "because of"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(lines.iter().map(Line::cells));
        report::aligned(&rows, rows.first().map_or(0, Vec::len))?;
        Ok(Done::All)
    }
}

impl Line {
    fn of(explained: Explained, map: &FieldMap) -> Self {
        let field = map.field(&explained.id);
        let kind = field.and_then(|field| field.kind.clone());
        let custom = field.and_then(|field| field.custom.clone());
        Self { explained, kind, custom }
    }

    fn json(&self) -> serde_json::Value {
        let Explained { id, name, columns, origin, .. } = &self.explained;
        json!({"id": id, "name": name, "type": self.kind, "custom": self.custom,
            "columns": columns, "origin": origin.map(word)})
    }

    fn cells(&self) -> Vec<String> {
        let Explained { id, name, columns, origin, .. } = &self.explained;
        let or_none = |text: &Option<String>| match text {
            Some(text) => report::escaped(text),
            None => "-".to_owned(),
        };
        let columns = if columns.is_empty() { "-".to_owned() } else { columns.join(", ") };
        let origin = origin.map_or("-", word).to_owned();
        let (kind, custom) = (or_none(&self.kind), or_none(&self.custom));
        vec![report::escaped(id), or_none(name), kind, custom, columns, origin]
    }
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Configuration => "configuration",
        Origin::Catalogue => "catalogue",
        Origin::Default => "default",
        Origin::Jira => "jira",
    }
}
