//! Bytes on their way to disk: written and summed on a blocking thread while more of them come.
//!
//! Promises: what has arrived is durable under a temporary name that nobody else has; dropped at any
//! point before it is kept, it leaves nothing behind (after a crash, the sweep removes it); no more
//! than a few pieces wait in memory.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::durable::Temp;
use crate::error::{Error, disk};

/// Pieces that wait for the disk; each is below a megabyte.
const PIECES: usize = 8;

/// A file that is being received.
#[derive(Debug)]
pub struct Incoming {
    pieces: mpsc::Sender<Piece>,
    written: JoinHandle<Result<Option<Arrived>, Error>>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// A file that is whole and durable, and has no name yet.
#[derive(Debug)]
pub struct Arrived {
    /// Its length.
    pub bytes: u64,
    /// Its checksum in hex.
    pub sha256: String,
    pub(crate) temp: Temp,
}

impl Incoming {
    /// A temporary file in the target's folder.
    pub(crate) fn beside(target: &Path) -> Result<Self, Error> {
        let (temp, file) = Temp::beside(target).map_err(disk("make a file beside", target))?;
        share(&file).map_err(disk("open to the group", target))?;
        let (pieces, coming) = mpsc::channel(PIECES);
        let written = tokio::task::spawn_blocking(move || receive(temp, file, coming));
        Ok(Self { pieces, written })
    }

    /// Takes the next piece; waits for the disk.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        if self.pieces.send(Piece::Bytes(bytes)).await.is_ok() {
            return Ok(());
        }
        // Nobody receives any more: the disk has failed, and says how.
        match (&mut self.written).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) => Err(unfinished()),
            Err(source) => Err(Error::CutOff { source }),
        }
    }

    /// The bytes are all there.
    pub async fn finish(self) -> Result<Arrived, Error> {
        let Self { pieces, written } = self;
        // If nobody receives it the answer says why.
        drop(pieces.send(Piece::End).await);
        let arrived = written.await.map_err(|source| Error::CutOff { source })??;
        arrived.ok_or_else(unfinished)
    }
}

/// The group may read and write it (0660), whatever the process's mask says.
#[cfg(unix)]
fn share(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o660))
}

#[cfg(not(unix))]
fn share(_: &File) -> std::io::Result<()> {
    Ok(())
}

fn unfinished() -> Error {
    let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Error::Disk { doing: "finish", path: "an attachment".into(), source }
}

/// `None`: the sender is gone before the end.
fn receive(
    temp: Temp,
    mut file: File,
    mut coming: mpsc::Receiver<Piece>,
) -> Result<Option<Arrived>, Error> {
    let (mut bytes, mut sum) = (0, Sha256::new());
    loop {
        match coming.blocking_recv() {
            None => return Ok(None),
            Some(Piece::Bytes(piece)) => {
                file.write_all(&piece).map_err(disk("write", temp.path()))?;
                sum.update(&piece);
                bytes += piece.len() as u64;
            }
            Some(Piece::End) => break,
        }
    }
    file.sync_all().map_err(disk("write", temp.path()))?;
    Ok(Some(Arrived { bytes, sha256: hex::encode(sum.finalize()), temp }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = crate::durable::list(folder).unwrap();
        entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_arrives_is_summed_and_has_no_name_before_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("A-1/9_a.txt");
        let mut incoming = Incoming::beside(&dir.path().join("9_a.txt")).unwrap();
        incoming.write(Bytes::from_static(b"ab")).await.unwrap();
        incoming.write(Bytes::from_static(b"c")).await.unwrap();
        let arrived = incoming.finish().await.unwrap();
        assert_eq!(arrived.bytes, 3);
        assert_eq!(
            arrived.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(!target.exists());
        std::fs::create_dir(dir.path().join("A-1")).unwrap();
        arrived.temp.publish(&target).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"abc");
        assert_eq!(files(dir.path()), ["A-1"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&target).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o660);
        }
    }

    #[tokio::test]
    async fn what_is_dropped_on_its_way_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut incoming = Incoming::beside(&dir.path().join("9_a.txt")).unwrap();
        incoming.write(Bytes::from_static(b"ab")).await.unwrap();
        let Incoming { pieces, written } = incoming;
        drop(pieces);
        assert!(written.await.unwrap().unwrap().is_none());
        assert_eq!(files(dir.path()), [""; 0]);
    }
}
