//! Times of blocks and votes as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// RFC 3339 in the local zone, the fraction without zeros at its end: `2025-01-27T18:45:00.199-06:00`.
pub(crate) fn local(unix_ms: i64) -> String {
    in_zone(unix_ms, TimeZone::system())
}

/// RFC 3339 in UTC, whole seconds: `2025-02-01T17:21:29Z`.
pub(crate) fn utc_seconds(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

fn in_zone(unix_ms: i64, zone: TimeZone) -> String {
    let time = Timestamp::from_millisecond(unix_ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned_datetime(zone);
    let fraction = format!("{:03}", unix_ms.rem_euclid(1000));
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    let offset = time.strftime("%:z").to_string();
    let offset = if offset == "+00:00" { "Z".to_owned() } else { offset };
    format!("{}{fraction}{offset}", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_trimmed_and_zones_shown() {
        let west = TimeZone::fixed(jiff::tz::offset(-6));
        assert_eq!(in_zone(1_738_025_100_199, west.clone()), "2025-01-27T18:45:00.199-06:00");
        assert_eq!(in_zone(1_738_025_100_190, west.clone()), "2025-01-27T18:45:00.19-06:00");
        assert_eq!(in_zone(1_738_025_100_000, west), "2025-01-27T18:45:00-06:00");
        assert_eq!(in_zone(0, TimeZone::UTC), "1970-01-01T00:00:00Z");
        assert_eq!(utc_seconds(1_738_430_489_999), "2025-02-01T17:21:29Z");
    }
}
