//! What is to be sent: from a pipe or a file, read by a thread of its own, as standard input cannot be
//! waited for in any other way on every system.

use std::io::{self, BufRead, Read};
use std::thread;

use tokio::sync::mpsc;

use super::keyboard::hex;
use crate::args::Input;
use crate::exit::{Exit, Failure};

/// Lines or parts that are read ahead of what the connection takes.
const READ_AHEAD: usize = 16;

/// Bytes in one part of a message that is as long as the input.
const PART_BYTES: usize = 64 << 10;

/// Something to send, or to do.
#[derive(Debug)]
pub(super) enum Typed {
    /// A line. From a keyboard, it may be a command.
    Text(String),
    Binary(Vec<u8>),
    /// A part of the one message that the whole input is.
    Part(Vec<u8>),
    Failed(Failure),
}

/// Reads standard input to its end.
pub(super) fn from_stdin(kind: Input) -> mpsc::Receiver<Typed> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    thread::spawn(move || {
        // Whoever gave up on the other end needs no more of it.
        let _ = read(io::stdin().lock(), kind, |typed| sender.blocking_send(typed).map_err(|_| ()));
    });
    receiver
}

/// Hands what `input` holds to `send` until that fails.
fn read(
    mut input: impl BufRead,
    kind: Input,
    mut send: impl FnMut(Typed) -> Result<(), ()>,
) -> Result<(), ()> {
    let mut number = 0_u64;
    if kind == Input::Raw {
        // A file without a byte in it is a message without one.
        send(Typed::Part(Vec::new()))?;
    }
    loop {
        let next = match kind {
            Input::Raw => part(&mut input),
            Input::Text | Input::Hex => {
                number += 1;
                line(&mut input).and_then(|line| match line {
                    Some(line) => typed(line, kind, number).map(Some),
                    None => Ok(None),
                })
            }
        };
        match next {
            Ok(Some(typed)) => send(typed)?,
            Ok(None) => return Ok(()),
            Err(failure) => return send(Typed::Failed(failure)),
        }
    }
}

/// The next line without its end, or `None` behind the last.
fn line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    if input.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(Some(line))
}

fn typed(line: Vec<u8>, kind: Input, number: u64) -> Result<Typed, Failure> {
    let text = String::from_utf8(line).map_err(|_| {
        wrong(number, "is not UTF-8, as text has to be (--input hex or raw sends bytes)")
    })?;
    match kind {
        Input::Hex => Ok(Typed::Binary(hex(&text).map_err(|why| wrong(number, &why))?)),
        Input::Text | Input::Raw => Ok(Typed::Text(text)),
    }
}

fn part(input: &mut impl Read) -> Result<Option<Typed>, Failure> {
    // What there is goes out at once: the rest may take a while to be made.
    let mut part = vec![0; PART_BYTES];
    let read = loop {
        match input.read(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read.map_err(unreadable)?,
        }
    };
    part.truncate(read);
    Ok((read > 0).then_some(Typed::Part(part)))
}

fn unreadable(error: io::Error) -> Failure {
    Failure::failed("cannot read standard input", error)
}

fn wrong(number: u64, why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("line {number} of standard input: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], kind: Input) -> Vec<Typed> {
        let mut all = Vec::new();
        let read = read(input, kind, |typed| {
            all.push(typed);
            Ok(())
        });
        assert_eq!(read, Ok(()));
        all
    }

    #[test]
    fn each_line_is_a_text_whatever_its_end() {
        let read = all(b"a\n\nb\r\n/close\nlast", Input::Text);
        let texts: Vec<_> = read
            .iter()
            .map(|it| match it {
                Typed::Text(text) => text.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, ["a", "", "b", "/close", "last"]);
    }

    #[test]
    fn what_cannot_be_sent_ends_the_input_with_its_line() {
        for (input, kind, line) in [
            (&b"a\n\xff\nb\n"[..], Input::Text, "line 2 "),
            (b"00\n0g\n", Input::Hex, "line 2 "),
            (b"0\n", Input::Hex, "line 1 "),
        ] {
            let read = all(input, kind);
            let Some(Typed::Failed(failure)) = read.last() else { panic!("{read:?}") };
            assert!(failure.text.starts_with(line), "{}", failure.text);
        }
    }

    #[test]
    fn raw_input_comes_in_parts_that_add_up() {
        let input: Vec<u8> = (0..=255).cycle().take(PART_BYTES * 2 + 5).collect();
        let mut joined = Vec::new();
        for typed in all(&input, Input::Raw) {
            let Typed::Part(part) = typed else { panic!("{typed:?}") };
            assert!(part.len() <= PART_BYTES);
            joined.extend(part);
        }
        assert_eq!(joined, input);
        assert_eq!(all(b"", Input::Raw).len(), 1, "an empty message");
    }
}
