//! `jiralake transform`: all tables, or one issue's rows, from a folder of raw issue JSON.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::ProgressBar;
use jira::id::IssueKey;
use jira::time::Clock;
use lake::{
    Committed, Lake, Layout, Mapping, Output, Progress, Raw, RawListing, RebuildBounds, Rebuilt,
    Shrink, Tree,
};
use ledger::Ledger;
use serde_json::json;
use transform::Site;

use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::start;
use crate::exit::{Done, Usage};
use crate::{report, telemetry};

/// Rebuild the tables from a folder of raw issue JSON.
#[derive(Debug, Args)]
pub(crate) struct Transform {
    /// The folder of raw snapshots: DIR/issues/KEY.json, or DIR/KEY.json [default: storage.raw-dir]
    #[arg(long, value_name = "DIR")]
    raw_dir: Option<PathBuf>,
    /// Where the tables go [default: storage.parquet-dir, through the lake's catalog]
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// The folder of attachments, DIR/KEY/ID_NAME [default: attachments in the raw folder]
    #[arg(long, value_name = "DIR")]
    attachments_dir: Option<PathBuf>,
    /// Redo the rows of this issue only
    #[arg(long, value_name = "KEY")]
    issue: Option<String>,
    /// With --issue: the issue is gone; take its rows out and note it in deleted_issues
    #[arg(long, requires = "issue")]
    deleted: bool,
    /// MiB of rows that are kept in memory beside the tables in hand; others wait in a temporary file in
    /// the output folder
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    memory: usize,
    /// The tables may lose more than half of their issues, once: what has no snapshot is gone
    #[arg(long)]
    may_shrink: bool,
    /// Say what would be read and written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Transform {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&self.flags())?;
        telemetry::start(&config.settings.log)?;
        let issue = self.issue.as_deref().map(|text| {
            text.parse::<IssueKey>().map_err(|_| {
                Usage(format!(
                    "--issue `{}` is not an issue key such as SUPPORT-15186",
                    report::escaped(text)
                ))
            })
        });
        let task = Task {
            settings: &config.settings,
            of_the_lake: self.is_of_the_lake(common, &config.settings)?,
            layout: start::layout(&config.settings),
            attachments: self.attachments_dir.clone(),
            memory: self.memory.saturating_mul(1024 * 1024),
            shrink: if self.may_shrink { Shrink::Allow } else { Shrink::Refuse },
            what: match issue.transpose()? {
                None => What::All,
                Some(key) if self.deleted => What::Gone(key),
                Some(key) => What::One(key),
            },
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        if self.dry_run {
            return task.dry_run();
        }
        match runtime.block_on(task.run())? {
            Told::All(rebuilt) => {
                tell(&rebuilt, common.json)?;
                Ok(if rebuilt.unreadable.is_empty() { Done::All } else { Done::Partly })
            }
            Told::One(committed) => {
                let (files, took) = (committed.files, report::took(committed.took));
                report::talk(format_args!(
                    "{files} files rewritten in commit {}, {took}",
                    committed.commit
                ));
                Ok(Done::All)
            }
        }
    }

    /// Whether raw folder and tables are those of the configured lake, whose catalog then has to
    /// know. Other folders are written without it.
    fn is_of_the_lake(&self, common: &Common, asked: &Settings) -> anyhow::Result<bool> {
        let home = common.load(&[])?.settings;
        let same = |one: &Path, other: &Path| {
            let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
            absolute(one) == absolute(other)
        };
        let (asked, at_home) = (&asked.storage, &home.storage);
        let tables = same(&asked.parquet_dir, &at_home.parquet_dir);
        let raw = same(&asked.raw_dir, &at_home.raw_dir);
        if !tables || !home.storage.ledger().exists() {
            return Ok(false);
        }
        if !raw || self.attachments_dir.is_some() {
            return Err(Usage(format!(
                "{} belongs to the lake of {}: rebuild it from its own raw folder, or name another --output-dir",
                at_home.parquet_dir.display(),
                home.storage.ledger().display()
            ))
            .into());
        }
        Ok(true)
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let named = [("storage.raw-dir", &self.raw_dir), ("storage.parquet-dir", &self.output_dir)];
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        named.into_iter().filter_map(|(key, path)| Some((key, text(path.as_ref()?)))).collect()
    }
}

/// By this name the lake's lock knows us.
const NAME: &str = "jiralake transform";

/// What there is to tell.
enum Told {
    All(Rebuilt),
    One(Committed),
}

fn shown_on(bar: ProgressBar) -> impl Fn(Progress) + Send + Sync + 'static {
    move |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}

struct Task<'a> {
    settings: &'a Settings,
    of_the_lake: bool,
    layout: Layout,
    attachments: Option<PathBuf>,
    /// Bytes.
    memory: usize,
    shrink: Shrink,
    what: What,
}

/// What is to be made.
enum What {
    All,
    One(IssueKey),
    Gone(IssueKey),
}

impl Task<'_> {
    /// Through the catalog when these tables belong to a ledger, else straight into the folder.
    async fn run(&self) -> anyhow::Result<Told> {
        let raw = self.layout.raw.as_path();
        if !raw.is_dir() {
            bail!("the raw folder {} is not there; name it with --raw-dir", raw.display());
        }
        let site = Site { domain: self.settings.jira.domain.clone() };
        let mapping = Mapping { site, fields: Arc::new(start::field_map(self.settings)?) };
        if self.of_the_lake {
            let path = self.settings.storage.ledger();
            let clock = Clock::system();
            let ledger = Ledger::open(&path, clock.clone())
                .await
                .with_context(|| format!("cannot open the ledger {}", path.display()))?;
            let lake =
                Lake::open(self.layout.clone(), ledger.clone(), mapping, NAME, clock).await?;
            let told = match &self.what {
                What::All => {
                    let shown = shown_on(report::progress(0, "transform"));
                    lake.rebuild_with(shown, self.shrink).await.map(Told::All)
                }
                What::One(key) => lake.redo(key).await.map(Told::One),
                What::Gone(key) => lake.bury(key).await.map(Told::One),
            };
            ledger.close().await;
            return Ok(told?);
        }
        let mut raw = Raw::at(raw)?;
        if let Some(attachments) = &self.attachments {
            raw = raw.with_attachments(attachments.clone());
        }
        let output = Output { folder: self.layout.parquet.clone(), style: self.layout.style };
        let tree = Tree::open(raw, output, mapping, NAME, Clock::system()).await?;
        let rebuilt = match &self.what {
            What::All => {
                let shown = shown_on(report::progress(0, "transform"));
                let bounds = RebuildBounds { memory: self.memory, shrink: self.shrink };
                tree.rebuild_as(bounds, shown).await?
            }
            What::One(key) => tree.redo(key).await?,
            What::Gone(key) => tree.bury(key).await?,
        };
        Ok(Told::All(rebuilt))
    }

    fn dry_run(&self) -> anyhow::Result<Done> {
        let raw = Raw::at(&self.layout.raw)?;
        let RawListing { snapshots, unreadable, ignored } = raw.list()?;
        let files = snapshots.len();
        tell_unread(&unreadable, &ignored);
        report::data(format_args!(
            "would read {files} snapshots in {} and write the tables to {}",
            self.layout.raw.display(),
            self.layout.parquet.display()
        ))?;
        Ok(if unreadable.is_empty() { Done::All } else { Done::Partly })
    }
}

/// How many ignored entries are named.
const EXAMPLES: usize = 3;

fn tell_unread(unreadable: &[(String, String)], ignored: &[String]) {
    for (file, reason) in unreadable {
        let (file, reason) = (report::escaped(file), report::escaped(reason));
        report::talk(format_args!("not readable: {file}: {reason}"));
    }
    if !ignored.is_empty() {
        let examples = ignored.iter().take(EXAMPLES).map(|name| report::escaped(name).to_string());
        let examples = examples.collect::<Vec<_>>().join(", ");
        report::talk(format_args!(
            "ignored {} entries of the raw folder that are not named like snapshots, such as {examples}",
            ignored.len()
        ));
    }
}

fn tell(rebuilt: &Rebuilt, as_json: bool) -> anyhow::Result<()> {
    tell_unread(&rebuilt.unreadable, &rebuilt.ignored);
    for file in &rebuilt.superseded {
        report::talk(format_args!("older copy of an issue, left out: {}", report::escaped(file)));
    }
    for (table, column, count) in rebuilt.oddities.iter() {
        report::talk(format_args!("odd values: {}.{column}: {count}", table.name()));
    }
    if as_json {
        let rows: serde_json::Map<_, _> = rebuilt
            .rows
            .iter()
            .map(|(table, rows)| (table.name().to_owned(), json!(rows)))
            .collect();
        let unreadable: Vec<_> = rebuilt
            .unreadable
            .iter()
            .map(|(file, reason)| json!({"file": file, "reason": reason}))
            .collect();
        report::data(json!({
            "issues": rebuilt.issues, "rows": rows, "months": rebuilt.months,
            "files": rebuilt.files, "unreadable": unreadable,
            "superseded": rebuilt.superseded, "ignored": rebuilt.ignored, "kept": rebuilt.kept, "took_ms": rebuilt.took.as_millis(),
        }))?;
        return Ok(());
    }
    for (table, rows) in &rebuilt.rows {
        report::data(format_args!("{:<14} {rows:>10} rows", table.name()))?;
    }
    report::talk(format_args!(
        "{} issues in {} months, {} files, {}; {} files could not be read",
        rebuilt.issues,
        rebuilt.months,
        rebuilt.files,
        report::took(rebuilt.took),
        rebuilt.unreadable.len()
    ));
    Ok(())
}
