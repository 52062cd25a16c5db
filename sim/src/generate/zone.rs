//! Times as the site writes them: an offset without a colon, in a zone that is not UTC.

use chrono::{DateTime, Datelike, FixedOffset, TimeZone, Timelike};
use serde_json::{Value, json};

/// The site's zone, a fixed number of minutes east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    minutes: i32,
}

impl Zone {
    /// A zone that many minutes east of UTC; anything beyond 14 hours is taken as 14 hours.
    pub fn east(minutes: i32) -> Self {
        Self { minutes: minutes.clamp(-14 * 60, 14 * 60) }
    }

    /// Minutes east of UTC.
    pub fn minutes(self) -> i32 {
        self.minutes
    }

    /// `2026-02-03T12:06:52.829+0100`, the form of issue, comment and change timestamps.
    pub fn stamp(self, epoch_ms: i64) -> String {
        self.format(epoch_ms, "%Y-%m-%dT%H:%M:%S%.3f%z")
    }

    /// `2026-02-03T12:06:52+0100`, the form of `iso8601` members.
    pub(crate) fn seconds(self, epoch_ms: i64) -> String {
        self.format(epoch_ms, "%Y-%m-%dT%H:%M:%S%z")
    }

    /// `2026-02-03`, the form of date pickers.
    pub(crate) fn day(self, epoch_ms: i64) -> String {
        self.format(epoch_ms, "%Y-%m-%d")
    }

    /// `03/Feb/26 12:06 PM`, the form for people.
    pub(crate) fn friendly(self, epoch_ms: i64) -> String {
        self.format(epoch_ms, "%d/%b/%y %-I:%M %p")
    }

    /// The four forms of one instant that service desk objects carry.
    pub(crate) fn forms(self, epoch_ms: i64) -> Value {
        json!({
            "iso8601": self.seconds(epoch_ms),
            "jira": self.stamp(epoch_ms),
            "friendly": self.friendly(epoch_ms),
            "epochMillis": epoch_ms,
        })
    }

    /// The hour of the day, 0 to 23.
    pub(crate) fn hour(self, epoch_ms: i64) -> u32 {
        self.local(epoch_ms).map_or(0, |time| time.hour())
    }

    /// When the local month of the instant began.
    pub(crate) fn month_start(self, epoch_ms: i64) -> i64 {
        self.local(epoch_ms)
            .and_then(|time| {
                time.timezone()
                    .with_ymd_and_hms(time.year(), time.month(), 1, 0, 0, 0)
                    .single()
                    .map(|start| start.timestamp_millis())
            })
            .unwrap_or(epoch_ms)
    }

    fn local(self, epoch_ms: i64) -> Option<DateTime<FixedOffset>> {
        let offset = FixedOffset::east_opt(self.minutes.saturating_mul(60))?;
        DateTime::from_timestamp_millis(epoch_ms).map(|time| time.with_timezone(&offset))
    }

    fn format(self, epoch_ms: i64, form: &str) -> String {
        self.local(epoch_ms).map_or_else(String::new, |time| time.format(form).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn a_stamp_carries_milliseconds_and_an_offset_without_a_colon() {
        let at = 1_770_116_812_829;
        assert_eq!(Zone::east(60).stamp(at), "2026-02-03T12:06:52.829+0100");
        assert_eq!(Zone::east(-570).stamp(at), "2026-02-03T01:36:52.829-0930");
        assert_eq!(Zone::east(60).friendly(at), "03/Feb/26 12:06 PM");
    }

    #[test]
    fn a_month_starts_at_local_midnight() {
        let zone = Zone::east(60);
        let start = zone.month_start(1_770_116_812_829);
        assert_eq!(zone.stamp(start), "2026-02-01T00:00:00.000+0100");
    }
}
