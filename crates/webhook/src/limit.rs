//! First step: how much, how long and how many, before anything is looked at.
//!
//! A body is read up to a bound of bytes and of time; requests in flight and the bytes that all of
//! them hold together are bounded too. Who comes when it is full is told so at once (503, to come
//! again); nobody waits in a queue. Content types are not checked, and a compressed body is taken
//! as the bytes that it is: the signature covers those, and Jira does not compress.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Refusal;

/// How much the buffer of a body starts with; it grows with what arrives, not with what a header
/// promises.
const FIRST_BYTES: u64 = 64 * 1024;

/// The bounds of the door and of the connections behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body. Jira does not send more than 25 MB.
    pub body_bytes: usize,
    /// How long a whole body may take to arrive.
    pub body_wait: Duration,
    /// Deliveries being read, verified or recorded at the same time.
    pub in_flight: usize,
    /// The bytes that all bodies in flight may hold together.
    pub buffer_bytes: usize,
    /// How long the header of a request may take, and how long a connection may idle between two.
    pub header_wait: Duration,
    /// Open connections; who comes later waits to be accepted.
    pub connections: usize,
    /// How long requests in hand may take to finish once the program is asked to stop.
    pub stop_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 25 * 1024 * 1024,
            body_wait: Duration::from_secs(20),
            in_flight: 512,
            buffer_bytes: 128 * 1024 * 1024,
            header_wait: Duration::from_secs(20),
            connections: 1024,
            stop_wait: Duration::from_secs(6),
        }
    }
}

/// A request that kept the limits: whole, and nothing known about it yet.
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Given back when the request is answered. It travels with the body, also onto another
    /// thread: a caller who hangs up does not free room that is still in use.
    pub(crate) room: Room,
}

/// A place among the requests in flight, and the bytes taken from the common buffer.
pub(crate) struct Room {
    _place: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
}

/// Lets requests in as far as the limits allow.
pub(crate) struct Gate {
    body_bytes: usize,
    body_wait: Duration,
    places: Arc<Semaphore>,
    buffer: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            body_bytes: limits.body_bytes,
            body_wait: limits.body_wait,
            places: Arc::new(Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS))),
            buffer: Arc::new(Semaphore::new(limits.buffer_bytes.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads a request whole, or says which limit it broke.
    pub(crate) async fn admit(&self, request: Request) -> Result<Received, Refusal> {
        let (parts, body) = request.into_parts();
        if body.size_hint().lower() > u64::try_from(self.body_bytes).unwrap_or(u64::MAX) {
            return Err(Refusal::TooLarge);
        }
        let mut room = Room { _place: take(&self.places, 1)?, bytes: take(&self.buffer, 0)? };
        let body = tokio::time::timeout(self.body_wait, self.read(body, &mut room))
            .await
            .map_err(|_| Refusal::Timeout)??;
        Ok(Received { headers: parts.headers, body, room })
    }

    async fn read(&self, mut body: Body, room: &mut Room) -> Result<Bytes, Refusal> {
        let first = body.size_hint().lower().min(FIRST_BYTES);
        let mut read = BytesMut::with_capacity(usize::try_from(first).unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Refusal::Cut)?.into_data() else {
                continue; // trailers
            };
            if data.len() > self.body_bytes.saturating_sub(read.len()) {
                return Err(Refusal::TooLarge);
            }
            let bytes = u32::try_from(data.len()).map_err(|_| Refusal::TooLarge)?;
            room.bytes.merge(take(&self.buffer, bytes)?);
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }
}

fn take(from: &Arc<Semaphore>, permits: u32) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(from).try_acquire_many_owned(permits).map_err(|_| Refusal::Busy)
}
