//! Raw files on disk, as a program that copied the site would have left them.
//!
//! Every file is written beside its name and renamed, so a reader never sees half of one. Nothing
//! is synced: a corpus that a power cut damaged is generated again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::{Generated, Generator, Zone, html};

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Corpus {
    /// Issue files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why a corpus is not complete.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("cannot write `{path}`")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Writes `issues/KEY.json` for every ticket and `fields.json` below the folder, with all
/// processors, and tells how many issues are written whenever that changes. Nothing else in the
/// folder is touched; the first error ends it.
pub fn write_corpus(
    generator: &Generator,
    out: &Path,
    progress: &mut dyn FnMut(u32),
) -> Result<Corpus, Error> {
    let folder = out.join("issues");
    create_folder(&folder).map_err(|source| failed(&folder, source))?;
    let mut fields = generator.fields();
    fields.extend(generator.project_fields());
    write_json(&out.join("fields.json"), &json!({ "fields": fields }))?;

    let workers = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU32::new(0);
    // Bounded, so that a slow listener slows the writers instead of filling memory.
    let (sender, written) = mpsc::sync_channel(workers * 4);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next, folder) = (sender.clone(), &next, &folder);
            scope.spawn(move || write_issues(generator, folder, next, &sender));
        }
        drop(sender);
        let mut corpus = Corpus::default();
        for result in written {
            match result {
                Ok(bytes) => {
                    corpus.files += 1;
                    corpus.bytes += bytes;
                    progress(u32::try_from(corpus.files).unwrap_or(u32::MAX));
                }
                Err(error) => {
                    next.store(u32::MAX, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(corpus)
    })
}

fn write_issues(
    generator: &Generator,
    folder: &Path,
    next: &AtomicU32,
    sender: &mpsc::SyncSender<Result<u64, Error>>,
) {
    let take = |n: u32| (n < generator.options().issues).then(|| n + 1);
    while let Ok(n) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
        let issue = generator.issue(n);
        let path = folder.join(format!("{}.json", issue.key));
        let result = write_json(&path, &raw(generator, issue));
        let ends = result.is_err();
        // The receiver is gone only when another worker has failed.
        if sender.send(result).is_err() || ends {
            return;
        }
    }
}

/// The raw snapshot of a ticket, complete, as it was fetched at the site's present.
pub fn raw(generator: &Generator, issue: Generated) -> Value {
    let options = generator.options();
    let (site, id) = (&options.site_url, issue.id.to_string());
    let synced_at = DateTime::from_timestamp_millis(options.until)
        .map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
    let mut snapshot = json!({
        "id": id,
        "key": issue.key,
        "self": format!("{site}/rest/api/3/issue/{id}"),
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "_synced_at": synced_at,
        "_parts": parts(&issue, &synced_at),
    });
    let mut rendered = issue.rendered_fields;
    if let Some(members) = rendered.as_object_mut()
        && !generator.world.is_lean()
    {
        let shown = issue.comments.iter().map(|comment| rendered_comment(comment, options.zone));
        members.insert("comment".to_owned(), page("comments", shown.collect()));
        members.insert("worklog".to_owned(), page("worklogs", Vec::new()));
    }
    let mut fields = issue.fields;
    fields.insert("comment".to_owned(), page("comments", issue.comments));
    fields.insert("worklog".to_owned(), page("worklogs", issue.worklogs.clone()));
    let newest_first = issue.histories.into_iter().rev().collect();
    // Moved in rather than named in `json!`, which would copy them.
    if let Some(members) = snapshot.as_object_mut() {
        members.insert("fields".to_owned(), Value::Object(fields));
        members.insert("renderedFields".to_owned(), rendered);
        members.insert("changelog".to_owned(), page("histories", newest_first));
        members.insert("_remote_links".to_owned(), Value::Array(issue.remote_links));
        members.insert("_worklogs".to_owned(), Value::Array(issue.worklogs));
    }
    snapshot
}

/// A page that holds everything there is.
fn page(name: &str, items: Vec<Value>) -> Value {
    let mut page = Map::new();
    page.insert("startAt".to_owned(), json!(0));
    page.insert("maxResults".to_owned(), json!(items.len()));
    page.insert("total".to_owned(), json!(items.len()));
    page.insert(name.to_owned(), Value::Array(items));
    Value::Object(page)
}

/// The comment with HTML instead of a document and times for people.
fn rendered_comment(comment: &Value, zone: Zone) -> Value {
    let mut comment = comment.clone();
    if let Some(members) = comment.as_object_mut() {
        let body = members.get("body").map(html).unwrap_or_default();
        members.insert("body".to_owned(), json!(body));
        for name in ["created", "updated"] {
            let at = members
                .get(name)
                .and_then(Value::as_str)
                .and_then(|stamp| DateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M:%S%.f%z").ok());
            let friendly = at.map(|at| zone.friendly(at.timestamp_millis()));
            members.insert(name.to_owned(), json!(friendly));
        }
    }
    comment
}

fn parts(issue: &Generated, fetched_at: &str) -> Value {
    let attachments = issue.fields.get("attachment").and_then(Value::as_array).map_or(0, Vec::len);
    let part = |have: usize| {
        json!({
            "fetched_at": fetched_at, "complete": true, "total": have, "have": have, "reason": null,
        })
    };
    json!({
        "comments": part(issue.comments.len()),
        "changelog": part(issue.histories.len()),
        "worklogs": part(issue.worklogs.len()),
        "remote_links": part(issue.remote_links.len()),
        "attachments": part(attachments),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a corpus is made again rather than recovered, and the simulator shares no code with what it tests"
)]
fn write_json(path: &Path, value: &Value) -> Result<u64, Error> {
    let beside = path.with_extension("json.tmp");
    let bytes = write_pretty(&beside, value).map_err(|source| failed(&beside, source))?;
    fs::rename(&beside, path).map_err(|source| failed(path, source))?;
    Ok(bytes)
}

/// Like everything that jiralake writes, a corpus is readable by owner and group alone.
fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o770);
    builder.recursive(true).create(folder)
}

fn write_pretty(path: &Path, value: &Value) -> io::Result<u64> {
    let text = serde_json::to_vec_pretty(value)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o660);
    let mut file = BufWriter::new(options.open(path)?);
    file.write_all(&text)?;
    file.write_all(b"\n")?;
    file.flush()?;
    Ok(u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_add(1))
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}
