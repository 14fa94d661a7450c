//! Numbers as people read them, and lines for whoever reads standard output.

use std::io::{self, Write};
use std::time::Duration;

use crate::exit::{Exit, Failure};
use crate::terminal::escape;

/// Writes to standard output. A reader that has had enough (`| head`) is no failure of ours.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed("cannot write to standard output", error))
        }
        _ => Ok(()),
    }
}

/// Says why on standard error, whatever a server may have had a part in saying.
pub(crate) fn complain(failure: &Failure) -> Exit {
    let lines: Vec<_> = failure.text.lines().map(escape).collect();
    // Should nobody be there to read it, the exit code still tells.
    let _ = writeln!(io::stderr(), "trunkline: {}", lines.join("\n"));
    failure.exit
}

/// A time with three digits that count: `840 ns`, `12.3 µs`, `1.05 ms`, `10.0 s`.
pub(crate) fn time(time: Duration) -> String {
    let nanos = time.as_nanos();
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => three_digits(nanos as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => three_digits(nanos as f64 / 1e6, "ms"),
        _ => three_digits(time.as_secs_f64(), "s"),
    }
}

/// A number with its thousands set apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes with three digits that count: `64 B`, `7.90 MB`.
pub(crate) fn bytes(bytes: f64) -> String {
    match bytes {
        ..999.5 => format!("{bytes:.0} B"),
        ..999.5e3 => three_digits(bytes / 1e3, "kB"),
        ..999.5e6 => three_digits(bytes / 1e6, "MB"),
        _ => three_digits(bytes / 1e9, "GB"),
    }
}

/// `1 message`, `2 messages`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

fn three_digits(value: f64, unit: &str) -> String {
    match value {
        ..9.995 => format!("{value:.2} {unit}"),
        ..99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_that_count() {
        for (nanos, shown) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (123_456, "123 µs"),
            (9_996_000, "10.0 ms"),
            (1_500_000_000, "1.50 s"),
            (600_000_000_000, "600 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), shown);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), shown);
        }
        assert_eq!(
            (&*plural(1, "message"), &*plural(2000, "message")),
            ("1 message", "2,000 messages")
        );
    }

    #[test]
    fn bytes_have_three_digits_that_count() {
        for (number, shown) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1000.0, "1.00 kB"),
            (7_901_234.0, "7.90 MB"),
            (999_600.0, "1.00 MB"),
            (12e9, "12.0 GB"),
        ] {
            assert_eq!(bytes(number), shown);
        }
    }
}
