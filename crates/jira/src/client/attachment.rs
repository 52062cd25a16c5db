//! The bytes of an attachment: first where they are, then the bytes themselves.
//!
//! Promises: the credentials go to Jira only, never to the media host; no redirect is followed, the
//! one that is looked at must lead to an allowed host; the bytes come as they are stored, in pieces,
//! and never more of them than the caller allows. Neither an address nor its token is ever shown.
//!
//! A download has no time-out as a whole, only one for each of its pieces: how long it may take as a
//! whole depends on its size, which the caller knows. The media host is not Jira's API, so that the
//! number of downloads side by side is the caller's to bound as well.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use secrecy::ExposeSecret;
use url::Url;

use super::ask::{Call, Sent};
use super::error::{Error, Outage, Scope};
use super::{Client, throttle};
use crate::id::{AttachmentId, MediaId};
use crate::time::Clock;

/// Where the bytes of an attachment are, for a short while: not to be kept.
pub struct MediaPlace {
    media_id: Option<MediaId>,
    source: Source,
}

enum Source {
    /// On the media host; the address holds a token.
    Media(Url),
    /// Jira has begun to send them itself.
    Jira(Response),
}

impl MediaPlace {
    /// The id by which texts show the file; not known when Jira sends the bytes itself.
    pub fn media_id(&self) -> Option<&MediaId> {
        self.media_id.as_ref()
    }
}

impl fmt::Debug for MediaPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPlace").field("media_id", &self.media_id).finish_non_exhaustive()
    }
}

/// The bytes of an attachment, as they come.
pub struct Download {
    response: Response,
    left: u64,
    most_bytes: u64,
}

impl Download {
    /// How many bytes are announced; only what came counts.
    pub fn announced(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece, of the size of the transport's buffers (below a megabyte); none at the end. A
    /// body that breaks off before its announced length is an error; one without a length may end
    /// too early unnoticed, and has to be compared with the size that the issue names.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(chunk) = self.response.chunk().await? else { return Ok(None) };
        let left = self.left.checked_sub(chunk.len() as u64);
        self.left = left.ok_or_else(|| too_large(self.most_bytes))?;
        Ok(Some(chunk))
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { response, left, most_bytes } = self;
        f.debug_struct("Download")
            .field("status", &response.status().as_u16())
            .field("left", left)
            .field("most_bytes", most_bytes)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Where the bytes of an attachment are, and under which id texts show them. Not found, or
    /// forbidden, it may be gone like any issue; 410 is [`Error::Rejected`].
    pub async fn attachment_place(&self, id: AttachmentId) -> Result<MediaPlace, Error> {
        let url = self.url(&["attachment", "content", &id.to_string()]);
        let account = &self.inner.account;
        let request = self.inner.media.request(Method::GET, url);
        let request = request.basic_auth(&account.email, Some(account.token.expose_secret()));
        let expected = self.answered_to();
        let call = Call { name: "attachment_content", method: Method::GET, request };
        // Its place in flight is free again with the answer: a body that follows is a download.
        let Sent { response, checked, .. } = self.send(call, expected.as_ref()).await?;
        match checked {
            Ok(()) => {
                let response = plain(response)?;
                Ok(MediaPlace { media_id: None, source: Source::Jira(response) })
            }
            Err(Error::Rejected { status: 302 | 303 | 307 }) => {
                let (url, media_id) = account.media.locate(response.headers())?;
                Ok(MediaPlace { media_id, source: Source::Media(url) })
            }
            Err(other) => Err(other),
        }
    }

    /// Begins to download at most `most_bytes`. [`Error::Forbidden`] can mean that the place was
    /// kept too long.
    pub async fn download(&self, place: MediaPlace, most_bytes: u64) -> Result<Download, Error> {
        let response = match place.source {
            Source::Jira(response) => response,
            Source::Media(url) => {
                super::ask::check_clock(Clock::system().now())?;
                let response = self.inner.media.get(url).send().await?;
                check_media(&response)?;
                plain(response)?
            }
        };
        if response.content_length().is_some_and(|bytes| bytes > most_bytes) {
            return Err(too_large(most_bytes));
        }
        Ok(Download { response, left: most_bytes, most_bytes })
    }
}

/// The media host's status. It knows no accounts: what it refuses is the token in the address, which
/// must not look as if Jira had refused the credentials.
fn check_media(response: &Response) -> Result<(), Error> {
    let (status, headers) = (response.status(), response.headers());
    let wait = throttle::wait(headers);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::Forbidden),
        StatusCode::NOT_FOUND => Err(Error::NotFound),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Throttled { wait, scope: Scope::Endpoint }),
        StatusCode::SERVICE_UNAVAILABLE if headers.contains_key(RETRY_AFTER) => {
            Err(Error::Throttled { wait, scope: Scope::Endpoint })
        }
        StatusCode::REQUEST_TIMEOUT => {
            Err(Error::Unreachable { what: Outage::TimedOut, source: None })
        }
        other if other.is_server_error() => Err(Error::Server { status: other.as_u16(), wait }),
        other if other.is_success() => Ok(()),
        other => Err(Error::Rejected { status: other.as_u16() }),
    }
}

/// A whole body, as it is stored: compression was not asked for, and a part was not either.
fn plain(response: Response) -> Result<Response, Error> {
    if response.status() != StatusCode::OK {
        return Err(Error::Malformed { what: "the attachment's answer is not a whole file" });
    }
    if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Error::Malformed { what: "the attachment is encoded" });
    }
    Ok(response)
}

fn too_large(most_bytes: u64) -> Error {
    Error::TooLarge { limit_bytes: usize::try_from(most_bytes).unwrap_or(usize::MAX) }
}
