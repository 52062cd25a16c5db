//! Jira's forms of time: offsets without a colon, in a zone that is not UTC.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};

/// A time zone without daylight saving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The name that profiles show, `Asia/Kolkata`.
    pub name: String,
    /// Minutes east of Greenwich.
    pub offset_minutes: i32,
}

impl Zone {
    /// A zone by name and offset.
    pub fn new(name: &str, offset_minutes: i32) -> Self {
        Self { name: name.to_owned(), offset_minutes }
    }

    fn offset(&self) -> Option<FixedOffset> {
        FixedOffset::east_opt(self.offset_minutes.saturating_mul(60))
    }

    fn local(&self, ms: i64) -> Option<DateTime<FixedOffset>> {
        let utc = DateTime::<Utc>::from_timestamp_millis(ms)?;
        Some(utc.with_timezone(&self.offset()?))
    }

    /// `2026-02-03T12:06:52.829+0100`.
    pub fn stamp(&self, ms: i64) -> String {
        self.format(ms, "%Y-%m-%dT%H:%M:%S%.3f%z")
    }

    /// `2026-02-03T12:06:52+0100`, as SLA values have it.
    pub fn iso(&self, ms: i64) -> String {
        self.format(ms, "%Y-%m-%dT%H:%M:%S%z")
    }

    /// A localised form that nobody should parse, `03/Feb/26 12:06 PM`.
    pub fn friendly(&self, ms: i64) -> String {
        self.format(ms, "%d/%b/%y %I:%M %p")
    }

    fn format(&self, ms: i64, form: &str) -> String {
        self.local(ms).map(|at| at.format(form).to_string()).unwrap_or_default()
    }

    /// Reads a date of a query, `yyyy-MM-dd HH:mm` or `yyyy-MM-dd`, also with slashes, in this
    /// zone. Epoch milliseconds.
    pub fn query_date(&self, text: &str) -> Option<i64> {
        let text = text.replace('/', "-");
        let local = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M")
            .ok()
            .or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
        let at = self.offset()?.from_local_datetime(&local).single()?;
        Some(at.timestamp_millis())
    }
}

/// Epoch milliseconds of a timestamp as Jira writes it.
pub(crate) fn parse(stamp: &str) -> Option<i64> {
    DateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M:%S%.f%#z").ok().map(|at| at.timestamp_millis())
}

/// The form of the `Date` header.
pub(crate) fn http_date(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .map(|at| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Zone, http_date, parse};

    #[test]
    fn a_stamp_has_an_offset_without_a_colon() {
        let zone = Zone::new("Asia/Kolkata", 330);
        assert_eq!(zone.stamp(1_770_116_812_829), "2026-02-03T16:36:52.829+0530");
        assert_eq!(parse("2026-02-03T16:36:52.829+0530"), Some(1_770_116_812_829));
    }

    #[test]
    fn a_query_date_is_read_in_the_zone_to_the_minute() {
        let zone = Zone::new("Asia/Kolkata", 330);
        assert_eq!(zone.query_date("2026-02-03 16:36"), Some(1_770_116_760_000));
        assert_eq!(zone.query_date("2026/02/03"), parse("2026-02-03T00:00:00.000+0530"));
        assert_eq!(zone.query_date("2026-02-03 16:36:01"), None);
    }

    #[test]
    fn the_date_header_is_in_greenwich_time() {
        assert_eq!(http_date(1_770_116_812_829), "Tue, 03 Feb 2026 11:06:52 GMT");
    }
}
