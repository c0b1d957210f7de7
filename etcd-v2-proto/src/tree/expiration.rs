//! Expiration times as servers write them.

use std::time::{Duration, SystemTime};

/// Reads an RFC 3339 time, in UTC or, as servers of the 0.4 series write it, with an offset.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    if let Some(local) = text.strip_suffix('Z') {
        return parse_utc(local);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let &[sign, h1, h0, b':', m1, m0] = offset.as_bytes() else { return None };
    let offset = Duration::from_secs(60 * (60 * two_digits(h1, h0, 23)? + two_digits(m1, m0, 59)?));
    match sign {
        b'+' => parse_utc(local)?.checked_sub(offset),
        b'-' => parse_utc(local)?.checked_add(offset),
        _ => None,
    }
}

fn parse_utc(text: &str) -> Option<SystemTime> {
    // The crate does not look at all that comes after the seconds.
    let (_, fraction) = text.split_at_checked("2026-11-22T14:12:57".len())?;
    let fraction = fraction.strip_prefix('.').or_else(|| fraction.is_empty().then_some("0"))?;
    let is_number =
        (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| humantime::parse_rfc3339_weak(text).ok())?
}

fn two_digits(tens: u8, ones: u8, most: u64) -> Option<u64> {
    let digit = |byte: u8| char::from(byte).to_digit(10).map(u64::from);
    Some(digit(tens)? * 10 + digit(ones)?).filter(|number| *number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since the epoch and nanoseconds beyond them.
    fn time(text: &str) -> Option<(u64, u32)> {
        let since = parse(text)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some((since.as_secs(), since.subsec_nanos()))
    }

    #[test]
    fn fractions_have_up_to_nine_digits() {
        assert_eq!(time("2026-11-22T14:12:57.543150811Z"), Some((1_795_356_777, 543_150_811)));
        assert_eq!(time("2026-11-22T14:12:57.5Z"), Some((1_795_356_777, 500_000_000)));
        assert_eq!(time("2026-11-22T14:12:57Z"), Some((1_795_356_777, 0)));
    }

    #[test]
    fn offsets_lead_to_the_same_instant() {
        let utc = time("2013-12-04T12:01:21.874888581Z");
        assert_eq!(time("2013-12-04T14:01:21.874888581+02:00"), utc);
        assert_eq!(time("2013-12-04T04:01:21.874888581-08:00"), utc);
        assert_eq!(time("2013-12-04T17:46:21.874888581+05:45"), utc);
        assert_eq!(time("2013-12-04T12:01:21.874888581+00:00"), utc);
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "Z",
            "soon",
            "2026-11-22",
            "2026-11-22T14:12:57",
            "2026-11-22T14:12:57+2:00",
            "2026-11-22T14:12:57+24:00",
            "2026-11-22T14:12:57+01:60",
            "2026-11-22T14:12:57+01-00",
            "2026-11-22T14:12:57*01:00",
            "2026-11-22T14:12:57Z+01:00",
            "2026-13-22T14:12:57Z",
            "2026-11-22T14:12:57.Z",
            "2026-11-22T14:12:57.1234567890Z",
            "2026-11-22T14:12:57ZabcdZ",
            "0001-01-01T00:00:00Z",
            "2026-11-22T14:12:57.ä0:00",
            "ääääääääää",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
