//! The tables as people read them: DuckDB from PyPI, with the plain glob and through `views.sql`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::world::World;

/// DuckDB's package in a virtual environment of its own, beside the compiled tests. `None` where it
/// cannot be had: no Python, or no way to the package registry.
fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = PYTHON.get_or_init(|| {
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("duckdb");
        let python = home.join("bin/python");
        let works = || {
            let import = Command::new(&python).args(["-c", "import duckdb"]).status();
            import.is_ok_and(|status| status.success())
        };
        if !works() {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&home).status();
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb"];
            made.ok()?.success().then_some(())?;
            Command::new(&python).args(pip).status().ok()?.success().then_some(())?;
        }
        works().then_some(python)
    });
    if made.is_none() {
        eprintln!("skipped: DuckDB's Python package cannot be installed here");
    }
    made.clone()
}

/// Runs statements; answers the last one's rows.
fn query(python: &PathBuf, statements: &[&str]) -> Value {
    let script = "import duckdb, json, sys\n\
        c = duckdb.connect()\n\
        for s in sys.argv[1:]:\n    r = c.execute(s)\n\
        print(json.dumps(r.fetchall(), default=str))";
    let output = Command::new(python).args(["-c", script]).args(statements).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{statements:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

const TABLES: [&str; 13] = [
    "issues",
    "comments",
    "attachments",
    "changelog",
    "issuelinks",
    "remote_links",
    "worklogs",
    "sla_cycles",
    "custom_fields",
    "media_links",
    "key_aliases",
    "deleted_issues",
    "coverage",
];

async fn reads_equal(layout: &str, pattern: &str) {
    let Some(python) = python() else { return };
    let options = sim::Options { issues: 30, ..sim::Options::default() };
    let world = World::with(options, &[("JIRALAKE_STORAGE_LAYOUT", layout)]).await;
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    world.quiet().await;
    let folder = world.parquet();
    let views = std::fs::read_to_string(folder.join("views.sql")).unwrap();
    for table in TABLES {
        let by_view = query(&python, &[&views, &format!("SELECT count(*) FROM jira_{table}")]);
        let there = folder.join(table).is_dir();
        let glob = format!("SELECT count(*) FROM '{}/{table}/{pattern}'", folder.display());
        let by_glob = if there { query(&python, &[&glob]) } else { serde_json::json!([[0]]) };
        assert_eq!(by_view, by_glob, "{layout}: {table}");
    }
    for dimension in ["projects", "users", "statuses", "fields", "organizations"] {
        let count = format!("SELECT count(*) >= 0 FROM jira_{dimension}");
        let counted = query(&python, &[&views, &count]);
        assert_eq!(counted, serde_json::json!([[true]]), "{layout}: {dimension}");
    }
    let issues =
        query(&python, &[&views, "SELECT count(*), count(DISTINCT issue_id) FROM jira_issues"]);
    let wanted = world.sim.site().truth().len();
    assert_eq!(issues, serde_json::json!([[wanted, wanted]]), "{layout}");
    let comments = "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'jira_issues' AND comment IS NULL";
    assert_eq!(
        query(&python, &[&views, comments]),
        serde_json::json!([[0]]),
        "every column is described"
    );
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_the_flat_layout_by_glob_and_by_views() {
    reads_equal("flat", "*.parquet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_the_hive_layout_by_glob_and_by_views() {
    reads_equal("hive", "*/*.parquet").await;
}
