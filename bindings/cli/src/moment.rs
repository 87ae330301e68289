//! Moments in words. Proleptic Gregorian, UTC, no leap seconds, as `NumericDate` is (RFC 7519 §2).

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::UnixSeconds;

/// The time that a command goes by: the one that the user fixed, or the system's.
pub(crate) fn now(fixed: Option<u64>) -> UnixSeconds {
    let system = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    UnixSeconds::new(fixed.unwrap_or_else(system))
}

const DAY: u64 = 24 * 60 * 60;

/// `2027-01-15T08:00:00Z`; moments beyond the year 9999 stay numbers.
pub(crate) fn utc(moment: UnixSeconds) -> String {
    let seconds = moment.as_u64();
    let (days, of_day) = (seconds / DAY, seconds % DAY);
    // Days are counted from 0000-03-01, so that a leap day is the last day of its year and an era has 146097 of them.
    let shifted = days.saturating_add(719_468);
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = (year_of_era + era.saturating_mul(400)).saturating_add(u64::from(month <= 2));
    if year > 9999 {
        return format!("{seconds} seconds after 1970");
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `in 5 minutes`, `3 days ago`, `now`.
pub(crate) fn relative(moment: UnixSeconds, now: UnixSeconds) -> String {
    let distance = moment.as_u64().abs_diff(now.as_u64());
    if distance == 0 {
        return "now".to_owned();
    }
    let units = [(DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| distance >= *unit).unwrap_or((1, "second"));
    let count = distance / unit;
    let plural = if count == 1 { "" } else { "s" };
    if moment > now { format!("in {count} {name}{plural}") } else { format!("{count} {name}{plural} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 seconds after 1970"),
            (u64::MAX, "18446744073709551615 seconds after 1970"),
        ] {
            assert_eq!(utc(UnixSeconds::new(seconds)), text);
        }
    }

    #[test]
    fn distances() {
        let at = |moment, now| relative(UnixSeconds::new(moment), UnixSeconds::new(now));
        assert_eq!(at(10, 10), "now");
        assert_eq!(at(11, 10), "in 1 second");
        assert_eq!(at(10, 130), "2 minutes ago");
        assert_eq!(at(u64::MAX, 0), "in 213503982334601 days");
    }
}
