//! Opening: what is there is kept, what cannot be read is an error and stays as it is.

use std::path::Path;

use ledger::{Error, Ledger};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::bench::{Bench, id};

async fn raw(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.unwrap()
}

#[tokio::test]
async fn a_closed_ledger_has_written_what_waited_and_takes_nothing_more() {
    let bench = Bench::new().await;
    let ledger = bench.ledger.clone();
    let waiting = tokio::spawn({
        let delivery = bench.delivery(&[id(1)]);
        async move { ledger.record(delivery).await }
    });
    tokio::task::yield_now().await;
    bench.ledger.close().await;
    let answered = waiting.await.unwrap();
    let refused = bench.ledger.record(bench.delivery(&[id(1)])).await;
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    assert!(matches!(bench.ledger.counts().await, Err(Error::Closed)));
    bench.ledger.close().await;
    let again = Ledger::open(&bench.path(), bench.clock()).await.unwrap();
    let received = again.counts().await.unwrap().received;
    assert_eq!(received, u64::from(answered.is_ok()));
    let log = bench.folder.path().join("ledger.db-wal");
    assert!(!log.exists() || log.metadata().unwrap().len() == 0, "the log was folded in");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_by_name() {
    let bench = Bench::new().await;
    bench.ledger.close().await;
    let pool = raw(&bench.path()).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', 1, x'00', 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let refused = Ledger::open(&bench.path(), bench.clock()).await;
    assert!(matches!(refused, Err(Error::Newer { migration: 9999 })), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_unreadable_and_left_alone() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join("other.db");
    let text = "this is not a database, but somebody may want it. ".repeat(100);
    #[expect(clippy::disallowed_methods, reason = "a test's own file need not be durable")]
    std::fs::write(&path, &text).unwrap();
    let refused = Ledger::open(&path, bench.clock()).await;
    assert!(matches!(refused, Err(Error::Unreadable { .. })), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_stored_value_that_makes_no_sense_is_an_error_not_a_default() {
    let bench = Bench::new().await;
    bench.record(&[id(1)]).await;
    let pool = raw(&bench.path()).await;
    for damage in
        ["UPDATE work SET subject = 'not a subject'", "UPDATE delivery_subjects SET subject = ''"]
    {
        sqlx::query(damage).execute(&pool).await.unwrap();
    }
    let lost = sqlx::query("UPDATE work SET priority = 77").execute(&pool).await;
    assert!(lost.is_err(), "work that no lease would find cannot be stored");
    let until = bench.clock().now();
    assert!(matches!(bench.ledger.lease(1, until).await, Err(Error::Unreadable { .. })));
    assert!(matches!(bench.ledger.delivery(1).await, Err(Error::Unreadable { .. })));
    sqlx::query("DELETE FROM bodies").execute(&pool).await.unwrap();
    sqlx::query("UPDATE delivery_subjects SET subject = '1'").execute(&pool).await.unwrap();
    assert!(matches!(bench.ledger.delivery(1).await, Err(Error::Unreadable { .. })));
}

#[tokio::test]
async fn the_folder_must_exist() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join("missing").join("ledger.db");
    let refused = Ledger::open(&path, bench.clock()).await;
    assert!(matches!(refused, Err(Error::Io(_))), "{refused:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_owner_and_group_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new().await;
    bench.record(&[id(1)]).await;
    for name in ["ledger.db", "ledger.db-wal"] {
        let mode = bench.folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{name}: {mode:o}");
    }
}
