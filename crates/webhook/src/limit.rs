//! First step: how much, how long and how many, before anything is looked at.
//!
//! A body is read up to a bound of bytes, of time and of slowness; requests in flight and the bytes
//! that all of them hold together are bounded too, in all and per client. Who comes when it is full
//! takes the place of the oldest request whose body is still arriving, or is told so at once (503,
//! to come again); nobody waits in a queue, and a part is kept for clients whose deliveries were
//! signed. Content types are not checked, and a compressed body is taken as the bytes that it is:
//! the signature covers those, and Jira does not compress.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http::{Caller, Full, MinimumRate, Place, PlaceLimits, Places};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Refusal;

/// How much the buffer of a body starts with; it grows with what arrives, not with what a header
/// promises.
const FIRST_BYTES: u64 = 64 * 1024;

/// The bounds of requests at the door; those of connections are [`http::Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body. Jira does not send more than 25 MB.
    pub body_bytes: usize,
    /// How long a whole body may take to arrive.
    pub body_wait: Duration,
    /// The slowest body that is waited for.
    pub body_rate: MinimumRate,
    /// Deliveries being read, verified or recorded at the same time.
    pub in_flight: usize,
    /// Those of one client that has signed nothing lately.
    pub in_flight_per_client: usize,
    /// The bytes that all bodies in flight may hold together.
    pub buffer_bytes: usize,
    /// The share of both that only clients may use whose deliveries were signed.
    pub reserved_percent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 25 * 1024 * 1024,
            body_wait: Duration::from_secs(20),
            body_rate: MinimumRate::default(),
            in_flight: 512,
            in_flight_per_client: 64,
            buffer_bytes: 128 * 1024 * 1024,
            reserved_percent: 25,
        }
    }
}

/// A request that kept the limits: whole, and nothing known about it yet.
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The place among the requests in flight, and the bytes of the common buffer. It is given back
    /// when the request is answered and travels with the body, also onto another thread: a caller
    /// who hangs up does not free room that is still in use.
    pub(crate) room: Place,
}

/// Lets requests in as far as the limits allow.
pub(crate) struct Gate {
    body_bytes: usize,
    body_wait: Duration,
    body_rate: MinimumRate,
    places: Places,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        let places = PlaceLimits {
            requests: limits.in_flight,
            bytes: limits.buffer_bytes,
            requests_per_client: limits.in_flight_per_client,
            // Enough for one delivery of any size.
            bytes_per_client: limits.body_bytes.max(limits.buffer_bytes / 4),
            reserved_percent: limits.reserved_percent,
        };
        Self {
            body_bytes: limits.body_bytes,
            body_wait: limits.body_wait,
            body_rate: limits.body_rate,
            places: Places::new(places),
        }
    }

    /// Refuses a request whose header announces more than may come.
    pub(crate) fn check_size(&self, request: &Request) -> Result<(), Refusal> {
        let announced = request.body().size_hint().lower();
        if announced > u64::try_from(self.body_bytes).unwrap_or(u64::MAX) {
            return Err(Refusal::TooLarge);
        }
        Ok(())
    }

    /// Reads a request whole, or says which limit it broke.
    pub(crate) async fn admit(&self, request: Request) -> Result<Received, Refusal> {
        self.check_size(&request)?;
        let (parts, body) = request.into_parts();
        let room = self.places.take(&Caller::of(&parts.extensions))?;
        let read = timeout(self.body_wait, self.read(body, &room));
        let body = tokio::select! {
            biased;
            read = read => read.map_err(|_| Refusal::Timeout)??,
            () = room.revoked() => return Err(Refusal::Busy),
        };
        room.keep()?;
        Ok(Received { headers: parts.headers, body, room })
    }

    async fn read(&self, mut body: Body, room: &Place) -> Result<Bytes, Refusal> {
        let first = body.size_hint().lower().min(FIRST_BYTES);
        let mut read = BytesMut::with_capacity(usize::try_from(first).unwrap_or(0));
        let began = Instant::now();
        loop {
            let too_slow = began + self.body_rate.time_for(read.len());
            let next = timeout_at(too_slow, body.frame()).await.map_err(|_| Refusal::Timeout)?;
            let Some(frame) = next else { return Ok(read.freeze()) };
            let Ok(data) = frame.map_err(Refusal::Cut)?.into_data() else {
                continue; // trailers
            };
            if data.len() > self.body_bytes.saturating_sub(read.len()) {
                return Err(Refusal::TooLarge);
            }
            room.grow(data.len())?;
            read.extend_from_slice(&data);
        }
    }
}

impl From<Full> for Refusal {
    fn from(_: Full) -> Self {
        Self::Busy
    }
}
