//! One download: where the bytes are, the bytes themselves, and what the ledger notes of it.

use std::path::PathBuf;
use std::time::Duration;

use jira::client::{Error as Jira, MediaPlace};
use jira::id::{IssueKey, MediaId, Subject};
use lake::Arrived;
use ledger::{Attachment, Ended};
use tracing::warn;

use super::{Came, Downloads};
use crate::Error;
use crate::look::chain;
use crate::policy::{After, Last, Past, Stage, after_download, after_wrong_size};

/// Every download may take this long, and longer by its size at [`SLOWEST`].
const AT_LEAST: Duration = Duration::from_secs(60);

/// Bytes in a second.
const SLOWEST: u64 = 32 * 1024;

/// What became of the bytes.
enum Got {
    /// All of them, in a file without a name.
    Arrived(Arrived),
    /// They were there already; the checksum.
    There(String),
    TooLarge,
    WrongSize(u64),
}

impl Downloads {
    /// Downloads one attachment, unless its file is there already: then only its media id is asked
    /// for. An error is not this attachment's fault.
    pub(super) async fn download(&self, one: &Attachment) -> Result<Came, Error> {
        let there = self.there(one).await?;
        let (place, media) = match self.client.attachment_place(one.id).await {
            Ok(place) => {
                let media = place.media_id().cloned();
                (Some(place), media)
            }
            // Bytes that are not needed need no place.
            Err(Jira::NotFound | Jira::Forbidden | Jira::Rejected { status: 410 })
                if there.is_some() || self.is_too_large(one) =>
            {
                (None, None)
            }
            Err(error) => return self.failed(one, (&error, Stage::Place), None).await,
        };
        let got = match (there, place) {
            (Some(sha256), _) => Got::There(sha256),
            (None, Some(place)) if !self.is_too_large(one) => match self.bytes(one, place).await? {
                Ok(got) => got,
                Err(error) => {
                    return self.failed(one, (&error, Stage::Bytes), media.as_ref()).await;
                }
            },
            (None, _) => Got::TooLarge,
        };
        self.settle(one, got, media.as_ref()).await
    }

    fn is_too_large(&self, one: &Attachment) -> bool {
        one.size.is_some_and(|size| size > self.bounds.most_bytes)
    }

    /// The checksum of a file that is there and as long as it should be: an earlier pass was cut off
    /// before it could note it, or another program has put it there.
    async fn there(&self, one: &Attachment) -> Result<Option<String>, Error> {
        let (Some(size), Some(file)) = (one.size, self.file(one).await?) else { return Ok(None) };
        Ok(self.lake.checksum(&file, size).await?)
    }

    /// Its file, below the present key of its issue.
    async fn file(&self, one: &Attachment) -> Result<Option<PathBuf>, Error> {
        let Some(key) = self.key(one).await? else { return Ok(None) };
        Ok(self.lake.attachment_files(&key).await?.remove(&one.id))
    }

    /// The present key of its issue.
    async fn key(&self, one: &Attachment) -> Result<Option<IssueKey>, Error> {
        let record = self.ledger.issue(&Subject::Id(one.issue)).await?;
        Ok(record.filter(|record| record.deleted_at.is_none()).map(|record| record.key))
    }

    /// The bytes, within a time that depends on how many they are. The outer error is our own
    /// trouble, the inner one Jira's or the network's.
    async fn bytes(&self, one: &Attachment, place: MediaPlace) -> Result<Result<Got, Jira>, Error> {
        let most = one.size.unwrap_or(self.bounds.most_bytes);
        let limit = AT_LEAST.saturating_add(Duration::from_secs(most / SLOWEST));
        let received = tokio::time::timeout(limit, self.receive(one, place, most)).await;
        received.unwrap_or_else(|_| {
            let what = jira::client::Outage::TimedOut;
            Ok(Err(Jira::Unreachable { what, source: None }))
        })
    }

    async fn receive(
        &self,
        one: &Attachment,
        place: MediaPlace,
        most: u64,
    ) -> Result<Result<Got, Jira>, Error> {
        let too_long = || if one.size.is_some() { Got::WrongSize(most) } else { Got::TooLarge };
        let mut download = match self.client.download(place, most).await {
            Ok(download) => download,
            Err(Jira::TooLarge { .. }) => return Ok(Ok(too_long())),
            Err(error) => return Ok(Err(error)),
        };
        let mut incoming = self.lake.incoming(&one.name).await?;
        loop {
            match download.chunk().await {
                Ok(Some(chunk)) => incoming.write(chunk).await?,
                Ok(None) => break,
                Err(Jira::TooLarge { .. }) => return Ok(Ok(too_long())),
                Err(error) => return Ok(Err(error)),
            }
        }
        let arrived = incoming.finish().await?;
        Ok(Ok(match one.size {
            Some(size) if size != arrived.bytes => Got::WrongSize(arrived.bytes),
            _ => Got::Arrived(arrived),
        }))
    }

    /// Gives the file its name and notes it. If the issue moves meanwhile, the file is found and
    /// moved when the issue is told.
    async fn settle(
        &self,
        one: &Attachment,
        got: Got,
        media: Option<&MediaId>,
    ) -> Result<Came, Error> {
        let sha256 = match got {
            Got::Arrived(arrived) => {
                let sha256 = arrived.sha256.clone();
                match self.key(one).await? {
                    Some(key) => self.lake.keep_attachment(arrived, (&key, &one.name)).await?,
                    // Deleted meanwhile, and its attachments with it.
                    None => return Ok(Came::Failed),
                }
                sha256
            }
            Got::There(sha256) => sha256,
            Got::TooLarge => {
                let reason = format!("larger than {} bytes", self.bounds.most_bytes);
                self.note(one, &Ended::TooLarge { reason }, media).await?;
                return Ok(Came::TooLarge);
            }
            Got::WrongSize(bytes) => {
                let reason = format!("{bytes} bytes or more came, and Jira says another number");
                let past = past(one, &reason);
                let after = after_wrong_size(past, (self.back_off, rand::random()));
                return self.carry_out(one, (after, reason), media).await;
            }
        };
        if !self.note(one, &Ended::Stored { sha256 }, media).await? {
            // It was taken out of the issue meanwhile.
            if let Some(file) = self.file(one).await? {
                self.lake.remove_attachment(&file).await?;
            }
        }
        Ok(Came::Stored)
    }

    async fn failed(
        &self,
        one: &Attachment,
        (error, stage): (&Jira, Stage),
        media: Option<&MediaId>,
    ) -> Result<Came, Error> {
        let cause = chain(error);
        let past = past(one, &cause);
        let after = after_download(error, stage, past, (self.back_off, rand::random()));
        self.carry_out(one, (after, cause), media).await
    }

    async fn carry_out(
        &self,
        one: &Attachment,
        (after, cause): (After, String),
        media: Option<&MediaId>,
    ) -> Result<Came, Error> {
        let (ended, came) = match after {
            After::Rest => return Ok(Came::Rest),
            After::Refused => return Err(Error::Jira(Jira::Unauthorized)),
            After::GiveUp(reason) => (Ended::Failed { reason: reason.to_owned() }, Came::Failed),
            After::Again(wait) => {
                let due = self.clock.now().plus(wait);
                (Ended::Again { due, reason: cause.clone() }, Came::Again)
            }
        };
        let (id, attempt) = (one.id, one.attempts);
        warn!(attachment.id = %id, issue.id = %one.issue, attempt, ?after, "attachment {id} did not come: {cause}");
        self.note(one, &ended, media).await?;
        Ok(came)
    }

    async fn note(
        &self,
        one: &Attachment,
        ended: &Ended,
        media: Option<&MediaId>,
    ) -> Result<bool, Error> {
        Ok(self.ledger.attachment_ended(one.id, ended, media).await?)
    }
}

fn past(one: &Attachment, reason: &str) -> Past {
    let same = one.bytes.reason.as_deref() == Some(reason);
    Past { failures: one.attempts, last: if same { Last::Same } else { Last::Other } }
}
