//! How slow a peer may be: the first byte, the header, the time between requests, and the reading
//! of answers.
//!
//! Bodies are the application's: it reads them with the same [`MinimumRate`], so that it can still
//! answer what it refuses.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::connections::{Activity, Connection};
use crate::limits::Limits;
use crate::metrics::{ListenerMetrics, TimeoutKind};

/// The slowest sender that is waited for, after a time in which it may stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinimumRate {
    /// The time that every sender has, however little it sends.
    pub grace: Duration,
    /// Bytes per second after it.
    pub bytes_per_second: u32,
}

impl Default for MinimumRate {
    fn default() -> Self {
        Self { grace: Duration::from_secs(3), bytes_per_second: 1024 }
    }
}

impl MinimumRate {
    /// Returns the time after which a sender that has sent `bytes` is too slow.
    pub fn time_for(&self, bytes: usize) -> Duration {
        let micros =
            (bytes as u64).saturating_mul(1_000_000) / u64::from(self.bytes_per_second.max(1));
        self.grace.saturating_add(Duration::from_micros(micros))
    }
}

/// A connection's stream that fails once its peer is too slow.
pub(crate) struct PacedStream<S> {
    stream: S,
    connection: Arc<Connection>,
    limits: Limits,
    metrics: ListenerMetrics,
    /// The activity that `since` belongs to.
    activity: Activity,
    since: Instant,
    /// Bytes of the header that is arriving.
    header_bytes: usize,
    /// Wakes the task when the peer is too slow.
    timer: Pin<Box<Sleep>>,
    /// Wakes the task when the peer has read nothing for too long; set while it does not read.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> PacedStream<S> {
    pub(crate) fn new(
        stream: S,
        connection: Arc<Connection>,
        limits: Limits,
        metrics: ListenerMetrics,
    ) -> Self {
        let since = Instant::now();
        let timer = Box::pin(tokio::time::sleep_until(since + limits.first_byte_wait));
        Self {
            stream,
            connection,
            limits,
            metrics,
            activity: Activity::Fresh,
            since,
            header_bytes: 0,
            timer,
            stalled: None,
        }
    }

    fn received(&mut self, bytes: usize) {
        self.follow();
        match self.activity {
            Activity::Fresh | Activity::Idle if bytes > 0 => {
                self.connection.does(Activity::Header);
                self.follow();
                self.header_bytes = bytes;
            }
            Activity::Header => self.header_bytes = self.header_bytes.saturating_add(bytes),
            Activity::Fresh | Activity::Idle | Activity::Request | Activity::Closing => {}
        }
    }

    /// Notices what the connection does now, and since when.
    fn follow(&mut self) {
        let now = self.connection.activity();
        if now != self.activity {
            (self.activity, self.since) = (now, Instant::now());
        }
    }

    /// Returns the error of a peer that has been silent for too long.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.follow();
        let limits = &self.limits;
        let (kind, wait) = match self.activity {
            Activity::Fresh => (TimeoutKind::FirstByte, limits.first_byte_wait),
            Activity::Idle => (TimeoutKind::Idle, limits.header_wait),
            Activity::Header => {
                let by_rate = limits.header_rate.time_for(self.header_bytes);
                (TimeoutKind::Header, by_rate.min(limits.header_wait))
            }
            Activity::Request | Activity::Closing => return Poll::Pending,
        };
        let until = self.since + wait;
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(cx).map(|()| {
            self.metrics.timed_out(kind);
            io::ErrorKind::TimedOut.into()
        })
    }

    /// Passes on what came of writing; fails if the peer has read nothing for too long.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let wait = self.limits.write_wait;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        stalled.as_mut().poll(cx).map(|()| {
            self.metrics.timed_out(TimeoutKind::Write);
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, into) {
            Poll::Ready(read) => {
                self.received(into.filled().len().saturating_sub(before));
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_too_slow(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PacedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match flushed {
            // A flush says nothing of whether the peer reads.
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.written(cx, flushed),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.does(Activity::Closing);
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(cx, written)
    }
}

#[cfg(test)]
mod tests;
