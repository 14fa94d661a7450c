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
}
