//! `Retry-After` (RFC 9110 §10.2.3): when a server wants to be asked again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trunkline_proto::handshake::Response;

/// How long the server asks to wait, if it does and can be understood.
///
/// A date is measured from the server's own `Date`, if there is one: the clocks of the two need not agree.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header("Retry-After")?;
    if value.iter().all(u8::is_ascii_digit) {
        return parse_seconds(value).map(Duration::from_secs);
    }
    let then = parse_date(value)?;
    let now = response.header("Date").and_then(parse_date).unwrap_or_else(clock);
    Some(Duration::from_secs(then.saturating_sub(now)))
}

fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Digits; more of them than fit are as good as for ever.
fn parse_seconds(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.is_empty())?;
    Some(digits.parse().unwrap_or(u64::MAX))
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970. Of the three forms of RFC 9110 §5.6.7 it is the
/// only one that may still be sent; what else comes is as good as no header.
fn parse_date(value: &[u8]) -> Option<u64> {
    let date: &[u8; 29] = value.try_into().ok()?;
    let [_, _, _, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', time @ ..] =
        *date
    else {
        return None;
    };
    let [h1, h2, b':', i1, i2, b':', s1, s2, b' ', b'G', b'M', b'T'] = time else { return None };
    let month = MONTHS.iter().position(|month| **month == [m1, m2, m3])?;
    let (year, day) = (number(&[y1, y2, y3, y4])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?);
    // 60 is a leap second.
    if year < 1970 || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(((days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number * 10 + u64::from(char::from(*digit).to_digit(10)?))
    })
}

/// Days from the first of January 1970 to the first of a month (0 to 11).
fn days_before(year: u64, month: usize) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days_until = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(is_leap && month >= 2);
    (year - 1970) * 365 + leap_days_until(year - 1) - leap_days_until(1969)
        + BEFORE[month]
        + leap_day
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trunkline_proto::handshake::{ClientConfig, ClientHandshake, HandshakeError};

    use super::*;

    fn check(headers: &str, expect: Option<u64>) {
        let url = "ws://localhost/".parse().unwrap();
        let config = Arc::new(ClientConfig::default());
        let mut handshake = ClientHandshake::new(&url, config, [0; 16]).unwrap();
        let answer = format!("HTTP/1.1 503 No\r\n{headers}Content-Length: 0\r\n\r\n");
        match handshake.handle_input(answer.as_bytes()).unwrap_err() {
            HandshakeError::Refused(response) => {
                assert_eq!(retry_after(&response), expect.map(Duration::from_secs), "{headers}");
            }
            error => panic!("{error:?}"),
        }
    }

    #[test]
    fn s10_2_3_seconds() {
        check("", None);
        check("Retry-After: 0\r\n", Some(0));
        check("Retry-After: 120\r\n", Some(120));
        check("Retry-After: 18446744073709551616\r\n", Some(u64::MAX));
        for wrong in ["", "-1", "1.5", "soon", "1 2", "+1"] {
            check(&format!("Retry-After: {wrong}\r\n"), None);
        }
    }

    #[test]
    fn s10_2_3_date_is_measured_from_the_servers_own() {
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        let at = |then: &str| format!("{date}Retry-After: {then}\r\n");
        check(&at("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        check(&at("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        check(&at("Mon, 07 Nov 1994 08:49:37 GMT"), Some(86_400));
        check(&at("Sun, 06 Nov 1994 08:49:36 GMT"), Some(0));
        check(&at("Sun, 06 Nov 1994 08:49:61 GMT"), None);
        check(&at("Sun, 32 Nov 1994 08:49:37 GMT"), None);
        check(&at("Sun, 06 Nox 1994 08:49:37 GMT"), None);
        check(&at("Sun Nov  6 08:49:37 1994"), None);
        // Long past by our own clock.
        check("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(0));
    }

    #[test]
    fn s5_6_7_dates_are_seconds_since_1970() {
        for (date, expect) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Fri, 31 Dec 2027 12:00:00 GMT", 1_830_254_400),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(parse_date(date.as_bytes()), Some(expect), "{date}");
        }
    }
}
