//! Lengths of time as people write them.

use std::time::Duration;

/// Longer than anyone waits, and far from where sums of times end: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads `1500ms`, `10s`, `2m` or `1h`; a number alone is of seconds. Fractions are fine.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a number with ms, s, m or h, such as 10s".into()),
    };
    let number: f64 =
        digits.parse().map_err(|_| String::from("write a number first, such as 10s"))?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err("write a time from 0 to a year".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("0", ms(0)),
            ("10", ms(10_000)),
            ("1500ms", ms(1500)),
            ("0.5s", ms(500)),
            ("2m", ms(120_000)),
            ("1h", ms(3_600_000)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "s", "-1s", "1d", "1 s", "NaN", "inf", "1e300", "9000h", "١s", "1sé"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
