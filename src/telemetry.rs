//! Log lines on stderr: one per step, text or JSON. Never bodies, secrets, names or e-mail.
//!
//! A log that cannot be written (a full disk, a closed pipe) MUST NOT end or stop anything: its lines
//! are lost, counted, and the number is logged once the log can be written again.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::settings::{Log, LogFormat};
use crate::config::url::shown;

/// Log lines that could not be written since the last one that could.
static LOST_LINES: AtomicU64 = AtomicU64::new(0);

/// Starts logging; once per process.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    // sqlx tells each statement at `debug`; that is not what a person who asks for `debug` wants.
    let filter = EnvFilter::try_new(format!("sqlx=warn,hyper=info,{}", log.level))
        .with_context(|| format!("log.level: `{}` is not a level or filter", shown(&log.level)))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // The subscriber reports its own failures by `eprintln!`, which panics where stderr has failed.
        .log_internal_errors(false)
        .with_writer(|| LogWriter { output: io::stderr(), lost: &LOST_LINES });
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_timer(SystemTime).try_init(),
        LogFormat::Text => lines
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .with_timer(SystemTime)
            .try_init(),
    }
    .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// A writer that never fails: the subscriber writes each line by one call.
struct LogWriter<'a, W> {
    output: W,
    lost: &'a AtomicU64,
}

impl<W: Write> Write for LogWriter<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.output.write_all(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "{lost} log lines could not be written before this one");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // A line that was not flushed was counted, or stays in no buffer: stderr has none.
        drop(self.output.flush());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails while there is no room.
    struct Disk<'a> {
        room: &'a mut usize,
        written: &'a mut Vec<u8>,
    }

    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(*self.room);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *self.room -= taken;
            self.written.extend_from_slice(bytes.get(..taken).unwrap());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_full_disk_under_the_log_loses_lines_counts_them_and_fails_nothing() {
        let (mut room, mut written, lost) = (7, Vec::new(), AtomicU64::new(0));
        let mut log = |room: &mut usize, line: &[u8]| {
            let mut writer =
                LogWriter { output: Disk { room, written: &mut written }, lost: &lost };
            writer.write_all(line).unwrap();
            writer.flush().unwrap();
            lost.load(Ordering::Relaxed)
        };
        assert_eq!(log(&mut room, b"one\n"), 0);
        assert_eq!(log(&mut room, b"two, cut\n"), 1);
        assert_eq!(log(&mut room, b"three\n"), 2);
        room = 100;
        assert_eq!(log(&mut room, b"four\n"), 0, "they are reported");
        assert_eq!(written, b"one\ntwofour\n");
    }
}
