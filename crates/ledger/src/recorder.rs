//! Group commit: one task takes all deliveries that wait, writes them in one transaction and then
//! answers them all.
//!
//! Promises: an answer `Ok` comes after the fsync (G1). When the transaction fails, none of its
//! deliveries is acknowledged and nothing of them is stored; the next group is tried anew, unless the
//! disk failed (G8). What waits is bounded in number and bytes; beyond that it answers
//! [`Error::Busy`] at once.

use std::sync::Arc;

use bytes::Bytes;
use jira::id::{IssueId, Subject};
use jira::time::Instant;
use sqlx::SqliteConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::open::Store;
use crate::{Error, Ledger, NewDelivery, Recorded, body, full};

mod group;

/// Deliveries that may wait.
const WAITING: usize = 4096;
/// Bytes of bodies that may wait, before compression, in KiB.
const WAITING_KIB: usize = 512 * 1024;
/// Deliveries in one transaction.
const GROUP: usize = 512;
/// Bytes of compressed bodies in one transaction.
const GROUP_BYTES: usize = 64 * 1024 * 1024;
/// Longest text kept from a header or a body.
const TEXT: usize = 255;

/// The way to the task. Clones lead to the same task; it ends when the last is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    sender: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
}

enum Message {
    Record(Box<Entry>),
    /// Write what waits, take nothing more, answer, end.
    Close(oneshot::Sender<()>),
}

/// A delivery that waits, and whom to answer.
struct Entry {
    delivery: NewDelivery,
    packed: Vec<u8>,
    answer: oneshot::Sender<Result<Recorded, Error>>,
    /// Its share of the bytes that may wait.
    _room: OwnedSemaphorePermit,
}

impl Ledger {
    /// Writes a delivery down and raises the work it points at; returns after the fsync. A delivery
    /// whose identifier is known is counted with the first one and raises nothing.
    pub async fn record(&self, delivery: NewDelivery) -> Result<Recorded, Error> {
        if let Some(error) = self.store.failed() {
            return Err(error.clone());
        }
        self.recorder.record(delivery).await
    }
}

impl Recorder {
    /// Starts the task on the current runtime.
    pub(crate) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(run(store, receiver));
        Self { sender, room: Arc::new(Semaphore::new(WAITING_KIB)) }
    }

    async fn record(&self, mut delivery: NewDelivery) -> Result<Recorded, Error> {
        let bytes = delivery.body.len();
        let kib = u32::try_from(bytes / 1024 + 1).map_err(|_| Error::TooLarge { bytes })?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).map_err(|_| Error::Busy)?;
        let packed = body::compress(delivery.body.clone()).await?;
        bound(&mut delivery);
        let (answer, answered) = oneshot::channel();
        let entry = Box::new(Entry { delivery, packed, answer, _room: room });
        self.sender.try_send(Message::Record(entry)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        // The task answers all it takes; it is gone only when the runtime is.
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Returns when everything that waited is written and answered.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.sender.send(Message::Close(done)).await.is_ok() && closed.await.is_err() {
            tracing::warn!("the recorder ended before it was closed");
        }
    }
}

async fn run(store: Store, mut receiver: mpsc::Receiver<Message>) {
    let mut closers = Vec::new();
    let mut full = store.full.changes();
    while let Some(first) = next(&store, &mut receiver, &mut full).await {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Record(entry) => {
                    bytes += entry.packed.len();
                    group.push(*entry);
                }
                Message::Close(done) => {
                    receiver.close();
                    closers.push(done);
                }
            }
            let room = group.len() < GROUP && bytes < GROUP_BYTES;
            next = if room { receiver.try_recv().ok() } else { None };
        }
        if !group.is_empty() {
            settle(&store, group).await;
        }
    }
    for done in closers {
        if done.send(()).is_err() {
            tracing::debug!("nobody waits any more for the recorder to close");
        }
    }
}

/// The next message; while the disk is full, its space is tried meanwhile.
async fn next(
    store: &Store,
    receiver: &mut mpsc::Receiver<Message>,
    full: &mut watch::Receiver<Option<Instant>>,
) -> Option<Message> {
    loop {
        let is_full = full.borrow_and_update().is_some();
        tokio::select! {
            biased;
            message = receiver.recv() => return message,
            changed = full.changed() => if changed.is_err() {
                return receiver.recv().await;
            },
            () = tokio::time::sleep(full::TRY_EVERY), if is_full => full::probe(store).await,
        }
    }
}

/// Writes a group and answers it.
async fn settle(store: &Store, group: Vec<Entry>) {
    let written = write(store, &group).await.map_err(|error| store.note(error));
    if let Err(error) = &written {
        tracing::error!(
            deliveries = group.len(),
            error = error as &dyn std::error::Error,
            "deliveries could not be written, none of the group is acknowledged"
        );
    }
    let mut answers = match written {
        Ok(recorded) => recorded.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); group.len()],
    };
    for entry in group.into_iter().rev() {
        let answer = answers.pop().unwrap_or(Err(Error::Closed));
        if entry.answer.send(answer).is_err() {
            tracing::debug!("a sender went away before its delivery was answered");
        }
    }
}

/// Records a delivery and takes it back, so that nothing is kept of it.
pub(crate) async fn rehearse(store: &Store) -> Result<(), Error> {
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().map_err(|_| Error::Busy)?;
    let body = Bytes::from_static(b"{}");
    let packed = body::compress(body.clone()).await?;
    let issue = IssueId::new(1).map_err(|_| Error::unreadable("an issue id"))?;
    let delivery = NewDelivery {
        received_at: store.clock.now(),
        identifier: Some("rehearsal".to_owned()),
        event: Some("rehearsal".to_owned()),
        retry: None,
        flow: None,
        subjects: vec![Subject::Id(issue)],
        deleted: false,
        body,
    };
    let (answer, _nobody) = oneshot::channel();
    let mut tx = store.begin().await?;
    group::insert(&mut tx, &[Entry { delivery, packed, answer, _room: room }]).await?;
    Ok(tx.rollback().await?)
}

async fn write(store: &Store, group: &[Entry]) -> Result<Vec<Recorded>, Error> {
    // A group that was taken before the disk failed must not be acknowledged after it.
    if let Some(error) = store.failed() {
        return Err(error.clone());
    }
    let mut tx = store.begin().await?;
    let recorded = group::insert(&mut tx, group).await?;
    store.finish(tx).await?;
    if let (Some(mark), Some(last)) = (store.mark.get(), recorded.iter().map(|one| one.seq).max()) {
        mark.acknowledge(last, store.clock.now().millis());
    }
    store.wake();
    Ok(recorded)
}

/// Adds to a sum that outlives its rows.
pub(crate) async fn tally(tx: &mut SqliteConnection, name: &str, n: i64) -> Result<(), Error> {
    sqlx::query("UPDATE tallies SET n = n + $2 WHERE name = $1")
        .bind(name)
        .bind(n)
        .execute(tx)
        .await?;
    Ok(())
}

/// Texts come from headers and bodies: nothing of unbounded length is stored beside the body.
fn bound(delivery: &mut NewDelivery) {
    // Cutting an identifier could make two of them equal, so an odd one does not count at all.
    delivery.identifier.take_if(|text| text.is_empty() || text.len() > TEXT);
    for text in [&mut delivery.event, &mut delivery.flow].into_iter().flatten() {
        *text = text.chars().take(TEXT).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use bytes::Bytes;
    use jira::time::{Clock, Instant};
    use tempfile::TempDir;
    use tokio::task::JoinHandle;

    use super::*;

    async fn ledger() -> (TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Instant::from_millis(1_000).unwrap());
        let ledger = Ledger::open(&folder.path().join("ledger.db"), clock).await.unwrap();
        (folder, ledger)
    }

    /// A delivery of a kilobyte that does not compress.
    fn delivery(n: u64) -> NewDelivery {
        let mut word = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let noise = (0..1024).map(|_| {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            word.to_le_bytes()[0]
        });
        NewDelivery {
            received_at: Instant::from_millis(1_000).unwrap(),
            identifier: Some(format!("n{n}")),
            event: None,
            retry: None,
            flow: None,
            subjects: vec!["7".parse().unwrap()],
            deleted: false,
            body: Bytes::from_iter(noise),
        }
    }

    type Answers = Vec<JoinHandle<Result<Recorded, Error>>>;

    /// Lets deliveries wait behind a write that the caller holds: the first is taken by the task, the
    /// others are in the channel.
    async fn wait(ledger: &Ledger, numbers: RangeInclusive<u64>) -> Answers {
        let mut answers = vec![];
        for n in numbers {
            let ledger = ledger.clone();
            answers.push(tokio::spawn(async move { ledger.record(delivery(n)).await }));
            if n == 1 {
                // One thread: after some turns the delivery is sent and taken.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        }
        while ledger.recorder.sender.capacity() > WAITING + 1 - answers.len() {
            tokio::task::yield_now().await;
        }
        answers
    }

    async fn pragma(ledger: &Ledger, pragma: &'static str) {
        sqlx::query(pragma).execute(&ledger.store.write).await.unwrap();
    }

    #[tokio::test]
    async fn on_a_full_disk_nothing_is_acknowledged_and_recovery_is_automatic() {
        let (_folder, ledger) = ledger().await;
        pragma(&ledger, "PRAGMA max_page_count = 60").await;
        let mut acknowledged = 0;
        let error = loop {
            match ledger.record(delivery(acknowledged)).await {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
            assert!(acknowledged < 200, "the limit was not met");
        };
        assert!(matches!(error, Error::Full(_)), "{error:?}");
        assert_eq!(ledger.full_since(), Instant::from_millis(1_000));
        let group = (0..20).map(|n| ledger.record(delivery(1_000 + n)));
        let group: Vec<_> = group.map(Box::pin).collect();
        pragma(&ledger, "PRAGMA max_page_count = 1").await;
        let mut failed = 0;
        for answer in group {
            failed += u64::from(answer.await.is_err());
        }
        let counts = ledger.counts().await.unwrap();
        assert_eq!(counts.received, acknowledged + 20 - failed, "the rest left no trace");
        assert!(counts.add_up() && failed > 0);
        assert!(ledger.failed().is_none());
        pragma(&ledger, "PRAGMA max_page_count = 100000").await;
        let ends = async {
            while ledger.full_since().is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let without_traffic = tokio::time::timeout(std::time::Duration::from_secs(60), ends).await;
        without_traffic.expect("the state ends by itself");
        ledger.record(delivery(2_000)).await.unwrap();
        assert_eq!(ledger.counts().await.unwrap().received, counts.received + 1);
    }

    #[tokio::test]
    async fn one_delivery_that_fails_fails_its_group_and_not_the_next() {
        let (_folder, ledger) = ledger().await;
        pragma(
            &ledger,
            "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.identifier = 'n3'
             BEGIN SELECT RAISE(ROLLBACK, 'refused'); END",
        )
        .await;
        let tx = ledger.store.begin().await.unwrap();
        let waiting = wait(&ledger, 1..=5).await;
        drop(tx);
        let mut answers = vec![];
        for answer in waiting {
            answers.push(answer.await.unwrap().is_ok());
        }
        // The first was taken alone while the others waited.
        assert_eq!(answers, [true, false, false, false, false]);
        assert_eq!(ledger.counts().await.unwrap().received, 1);
        assert!(ledger.record(delivery(9)).await.is_ok(), "the connection is usable again");
        assert!(ledger.record(delivery(2)).await.is_ok(), "Jira's retry is taken");
        assert_eq!(ledger.counts().await.unwrap().received, 3);
    }

    #[tokio::test]
    async fn after_a_disk_failure_nothing_more_is_acknowledged() {
        let (folder, ledger) = ledger().await;
        ledger.record(delivery(1)).await.unwrap();
        // The log loses its end under the ledger's feet: pages that it knows of cannot be read.
        let wal = folder.path().join("ledger.db-wal");
        std::fs::OpenOptions::new().write(true).open(wal).unwrap().set_len(40).unwrap();
        pragma(&ledger, "PRAGMA shrink_memory").await;
        let error = ledger.record(delivery(2)).await.unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert!(matches!(ledger.failed(), Some(Error::Io(_))));
        assert!(matches!(ledger.record(delivery(3)).await, Err(Error::Io(_))));
    }

    #[tokio::test]
    async fn a_group_is_bounded_in_bytes_and_number() {
        let (_folder, ledger) = ledger().await;
        let held = ledger.store.begin().await.unwrap();
        let waiting = wait(&ledger, 1..=1_501).await;
        let groups = ledger.wakeups();
        let before = *groups.borrow();
        drop(held);
        for answer in waiting {
            answer.await.unwrap().unwrap();
        }
        // The first alone, then 1,500 by 512.
        assert_eq!(*groups.borrow() - before, 4);
    }
}
