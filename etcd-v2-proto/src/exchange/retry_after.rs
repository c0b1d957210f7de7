//! When a server wants to be tried again.
//!
//! `Retry-After` is a number of seconds or a date. The core has no clock of its own: a date counts from the
//! `Date` of the same response, so that it does not matter whose clock is right. A date without that, or in
//! one of the obsolete forms, is ignored.

use std::time::Duration;

use http::response::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};

/// More is not waited for, whatever a server wants.
const LONGEST: Duration = Duration::from_secs(60);

/// The pause that a response with status 429 or 503 asks for.
pub(super) fn retry_after(head: &Parts) -> Option<Duration> {
    if !matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let text = text(&head.headers, &header::RETRY_AFTER)?;
    let seconds = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean a long time.
        text.parse().unwrap_or(u64::MAX)
    } else {
        let now = text_date(&head.headers)?;
        date(text)?.saturating_sub(now)
    };
    Some(Duration::from_secs(seconds).min(LONGEST))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn text_date(headers: &HeaderMap) -> Option<u64> {
    date(text(headers, &header::DATE)?)
}

/// The seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, text) = text.split_once(", ")?;
    let mut words = text.split(' ');
    let mut word = || words.next();
    let (day, month, year, time, zone) = (word()?, word()?, word()?, word()?, word()?);
    if zone != "GMT" || word().is_some() {
        return None;
    }
    let number = |text: &str, digits: usize, most: u64| {
        let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u64| is_number && *number <= most)
    };
    let (day, year) = (number(day, 2, 31)?, number(year, 4, 9999).filter(|year| *year >= 1970)?);
    let month = u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let mut parts = time.split(':');
    let mut part = |most| number(parts.next()?, 2, most);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    // Years that begin in March have their leap day at the end.
    let shifted = (month + 10) % 12;
    let year = year - u64::from(month < 2);
    let days_before_year = 365 * year + year / 4 - year / 100 + year / 400;
    let days_before_month = (153 * shifted + 2) / 5;
    let days = (days_before_year + days_before_month + day).checked_sub(DAYS_BEFORE_1970)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from March of the year 0 to 1970, counted as above.
const DAYS_BEFORE_1970: u64 = 719_469;

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn asked(status: u16, headers: &[(&str, &str)]) -> Option<u64> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (parts, ()) = response.body(()).unwrap().into_parts();
        retry_after(&parts).map(|pause| pause.as_secs())
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Thu, 31 Dec 2026 23:59:59 GMT", 1_798_761_599),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(date(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_pause_is_a_number_or_a_date_after_that_of_the_response() {
        const NOW: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("Retry-After", "Sun, 06 Nov 1994 08:49:40 GMT");
        assert_eq!(asked(429, &[("Retry-After", "2")]), Some(2));
        assert_eq!(asked(503, &[("Retry-After", " 0 ")]), Some(0));
        assert_eq!(asked(503, &[("Retry-After", "99999999999999999999999")]), Some(60));
        assert_eq!(asked(503, &[NOW, later]), Some(3));
        assert_eq!(asked(503, &[later]), None, "it is unknown when that is");
        assert_eq!(asked(503, &[later, ("Date", "soon")]), None);
        let before = ("Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT");
        assert_eq!(asked(429, &[NOW, before]), Some(0));
        for nonsense in ["", "-1", "1.5", "soon"] {
            assert_eq!(asked(429, &[NOW, ("Retry-After", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(asked(404, &[("Retry-After", "2")]), None);
    }
}
