//! Jira's timestamps, and the clock that everything else is given.
//!
//! Timestamps look like `2026-02-03T12:06:52.829+0100`: the offset has no colon and the zone is
//! the site's or the caller's, never assumed to be UTC. An instant is kept as UTC with
//! milliseconds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};

use crate::id::Malformed;

/// An instant, UTC, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// From epoch milliseconds, as webhooks and SLA values carry them. Out of the calendar's range
    /// (about ±262,000 years) is `None`.
    pub fn from_millis(millis: i64) -> Option<Self> {
        DateTime::<Utc>::from_timestamp_millis(millis).map(|_| Self(millis))
    }

    /// Parses Jira's form, with or without fraction and with any of `+0100`, `+01:00` and `Z`.
    pub fn parse(text: &str) -> Option<Self> {
        plain(text).or_else(|| {
            DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z")
                .ok()
                .map(|at| Self(at.timestamp_millis()))
        })
    }

    /// Epoch milliseconds.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Epoch microseconds, the unit of the tables.
    pub fn micros(self) -> i64 {
        self.0.saturating_mul(1000)
    }

    /// The UTC date, `YYYY-MM-DD`.
    pub fn date(self) -> String {
        self.utc().format("%Y-%m-%d").to_string()
    }

    /// ISO 8601 in UTC with milliseconds, `2026-02-03T11:06:52.829Z`.
    pub fn iso(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Jira's own form, in UTC: `2026-02-03T11:06:52.829+0000`.
    pub fn jira(self) -> String {
        self.utc().format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string()
    }

    /// This instant later by a duration; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant that the machine's clock shows. One before 1970 is negative, and one outside the
    /// calendar is its first or last instant: a wrong clock MUST NOT end the program.
    fn of_system(time: SystemTime) -> Self {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let millis = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        };
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        Self(millis.clamp(first.timestamp_millis(), last.timestamp_millis()))
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

/// The forms in which Jira and we write nearly all instants, `2026-02-03T12:06:52.829+0100` and
/// `2026-02-03T11:06:52.829Z`, read by their places: a rebuild reads millions. What is not quite of
/// them is left to the full parser.
fn plain(text: &str) -> Option<Instant> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        bytes.get(from..to)?.iter().try_fold(0_u32, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
        })
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if !marks.iter().all(|(at, mark)| bytes.get(*at) == Some(mark)) {
        return None;
    }
    let date =
        NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
    let local =
        date.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?)?;
    let offset = match bytes.get(23..)? {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, _, _] => {
            let (hours, minutes) = (number(24, 26)?, number(26, 28)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = 60_000 * i64::from(60 * hours + minutes);
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    Some(Instant(local.and_utc().timestamp_millis() - offset))
}

/// The partition of an issue: the UTC month of its creation, or `unknown` when that is unreadable.
/// Safe in a path: nothing else can become one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Option<NaiveDate>);

impl Month {
    /// The month of issues without a readable `created`.
    pub const UNKNOWN: Self = Self(None);

    /// The UTC month of an instant; years outside 1 to 9999 count as unreadable.
    pub fn of(created: Option<Instant>) -> Self {
        let date = created.map(|at| at.utc().date_naive());
        Self(
            date.filter(|date| (1..=9999).contains(&date.year())).and_then(|date| date.with_day(1)),
        )
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(first) => write!(f, "{:04}-{:02}", first.year(), first.month()),
            None => f.write_str("unknown"),
        }
    }
}

impl FromStr for Month {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let month = if text == "unknown" {
            Self::UNKNOWN
        } else {
            Self(NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok())
        };
        if month.to_string() == text { Ok(month) } else { Err(Malformed::new("month")) }
    }
}

/// Whether a text is a calendar date in Jira's form, `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    // The parser would also take a sign, and a day of one digit.
    let is_placed = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10
        && text.bytes().enumerate().all(is_placed)
        && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Tells the time. Passed in, so that tests can own it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
        Self::new(|| Instant::of_system(SystemTime::now()))
    }

    /// A clock that tells what `now` tells.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, iso: Option<&str>) {
        assert_eq!(Instant::parse(text).map(Instant::iso).as_deref(), iso, "{text}");
    }

    #[test]
    fn offsets_are_honoured_and_milliseconds_kept() {
        check("2026-02-03T12:06:52.829+0100", Some("2026-02-03T11:06:52.829Z"));
        check("2026-02-03T12:06:52.829+01:00", Some("2026-02-03T11:06:52.829Z"));
        check("2025-03-12T01:36:46.600Z", Some("2025-03-12T01:36:46.600Z"));
        check("2026-07-06T18:02:13+0900", Some("2026-07-06T09:02:13.000Z"));
        check("2026-02-03T12:06:52.829-0330", Some("2026-02-03T15:36:52.829Z"));
        check("2026-02-03", None);
        check("2026-02-30T12:06:52.829+0100", None);
        check("2026-02-03T12:06:52.829", None);
        check("yesterday", None);
    }

    #[test]
    fn a_clock_before_1970_or_after_all_calendars_shows_an_instant() {
        let second = Duration::from_secs(1);
        let shown = |time| Instant::of_system(time).iso();
        assert_eq!(shown(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(UNIX_EPOCH - second), "1969-12-31T23:59:59.000Z");
        assert_eq!(shown(UNIX_EPOCH + second), "1970-01-01T00:00:01.000Z");
        let far = Duration::from_secs(u64::from(u32::MAX) * 3_000);
        for time in [UNIX_EPOCH + far, UNIX_EPOCH - far] {
            let shown = Instant::of_system(time);
            assert!(Instant::from_millis(shown.millis()).is_some(), "{shown:?}");
            assert!(shown.iso() != "1970-01-01T00:00:00.000Z");
            shown.plus(Duration::MAX).iso();
        }
    }

    #[test]
    fn nearly_all_are_read_by_their_places() {
        for text in ["2026-02-03T12:06:52.829+0100", "2025-03-12T01:36:46.600Z"] {
            assert_eq!(plain(text), Instant::parse(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_plain_form_is_what_the_full_parser_reads(
            (year, month, day) in (0..10_000_u32, 0..14_u32, 0..33_u32),
            (hour, minute, second, milli) in (0..26_u32, 0..62_u32, 0..62_u32, 0..1000_u32),
            zone in "([-+ Z][0-9]{4}|Z|z|[+-][0-2][0-9][0-5][0-9])",
        ) {
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}{zone}"
            );
            if let Some(plain) = plain(&text) {
                let full = DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%#z").unwrap();
                assert_eq!(plain.millis(), full.timestamp_millis(), "{text}");
            }
        }
    }

    #[test]
    fn the_month_is_the_utc_month() {
        let month = |text| Month::of(Instant::parse(text)).to_string();
        assert_eq!(month("2026-03-01T00:30:00.000+0100"), "2026-02");
        assert_eq!(month("2026-02-28T23:30:00.000-0100"), "2026-03");
        assert_eq!(month("2024-02-29T23:59:59.999+0000"), "2024-02");
        assert_eq!(month("last week"), "unknown");
    }

    #[test]
    fn a_month_is_read_back_and_nothing_else_is() {
        for good in ["2026-02", "unknown", "0999-12"] {
            assert_eq!(good.parse::<Month>().map(|m| m.to_string()), Ok(good.into()));
        }
        for bad in ["2026-13", "2026-2", "", "Unknown", "../2026-02", "2026-02-01", "+2026-02"] {
            assert!(bad.parse::<Month>().is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_are_calendar_dates() {
        assert!(is_date("2026-02-28"));
        for bad in [
            "2026-02-30",
            "2026-2-28",
            "28/02/2026",
            "2026-02-28T00:00",
            "",
            "-2024-02-2",
            "+2026-2-28",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
