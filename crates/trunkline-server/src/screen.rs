//! [`Screen`]: every request over plain HTTP is read by our reader before hyper's, and ends where both say.
//!
//! hyper is laxer than a port should be that stands behind proxies: it takes lines that end with LF alone, a length
//! beside a transfer coding, and codings that it does not know, if `chunked` is the last. Two readers that disagree on
//! where a request ends let one client put words into the mouth of another. So there is one way to write each
//! request, the first of a connection or the hundredth.

use trunkline::handshake::{HeadLimits, RequestHead, RequestParser};

use crate::chunks::Chunks;

/// Digits of a `Content-Length`: more than any body has that is taken.
const LENGTH_DIGITS_MAX: usize = 15;

/// Follows what a client sends from one request to the next. Nothing is kept but the head that is on its way.
#[derive(Debug)]
pub(crate) struct Screen(State);

#[derive(Debug)]
enum State {
    /// Boxed, as it is large and most of a body comes without.
    Head(Box<RequestParser>),
    Body(u64),
    Chunked(Chunks),
    /// A WebSocket was asked for: what follows are frames, or nobody reads it.
    Open,
    Refused,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self(State::head())
    }

    /// Looks at what goes on to hyper.
    ///
    /// # Errors
    /// From where on it must not: the rest is wrong, or of a head or body that is.
    pub(crate) fn look_at(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|it| !it.is_empty()) {
            let Some(taken) = self.take(rest) else {
                self.0 = State::Refused;
                return Err(at);
            };
            at += taken;
        }
        Ok(())
    }

    /// Whether something did not pass. What is looked at then is of nobody's making but ours.
    pub(crate) const fn has_refused(&self) -> bool {
        matches!(self.0, State::Refused)
    }

    /// Takes what belongs together, and says how much that was; `None` if it is wrong.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self.0 {
            State::Head(parser) => {
                let progress = parser.handle_input(bytes).ok()?;
                if let Some(head) = progress.done {
                    self.0 = State::behind(&head)?;
                }
                Some(progress.taken)
            }
            State::Body(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |it| it.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.0 = State::head();
                }
                Some(taken)
            }
            State::Chunked(chunks) => {
                let taken = chunks.take(bytes).ok()?;
                if chunks.is_over() {
                    self.0 = State::head();
                }
                Some(taken)
            }
            State::Open | State::Refused => Some(bytes.len()),
        }
    }
}

impl State {
    fn head() -> Self {
        Self::Head(Box::new(RequestParser::new(HeadLimits::default()).with_http_1_0()))
    }

    /// What stands behind a head (RFC 9112 §6.3); `None` if the head says so in two ways, or in one that we do not
    /// know.
    fn behind(head: &RequestHead) -> Option<Self> {
        if head.asks_for_websocket() {
            return Some(Self::Open);
        }
        let headers = head.headers();
        let mut lengths = headers.values("Content-Length");
        let mut codings = headers.values("Transfer-Encoding");
        let only = (lengths.next(), lengths.next(), codings.next(), codings.next());
        match only {
            (None, None, None, None) => Some(Self::head()),
            (Some(length), None, None, None) => match length_of(length)? {
                0 => Some(Self::head()),
                bytes => Some(Self::Body(bytes)),
            },
            (None, None, Some(coding), None)
                if coding.eq_ignore_ascii_case(b"chunked") && !head.is_http_1_0() =>
            {
                Some(Self::Chunked(Chunks::new()))
            }
            _ => None,
        }
    }
}

/// Digits, and nothing else.
fn length_of(value: &[u8]) -> Option<u64> {
    let is_number = value.len() <= LENGTH_DIGITS_MAX && value.iter().all(u8::is_ascii_digit);
    if is_number { str::from_utf8(value).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From where on `bytes` do not pass, whole and cut in two at every byte.
    #[track_caller]
    fn check(bytes: &[u8], expected: Result<(), usize>) {
        assert_eq!(Screen::new().look_at(bytes), expected, "{}", bytes.escape_ascii());
        for cut in 0..=bytes.len() {
            let mut screen = Screen::new();
            let (first, second) = bytes.split_at(cut);
            let passes = screen.look_at(first).and_then(|()| screen.look_at(second));
            let shown = bytes.escape_ascii();
            assert_eq!(passes.is_ok(), expected.is_ok(), "{shown} cut at {cut}");
            assert_eq!(screen.has_refused(), expected.is_err(), "{shown} cut at {cut}");
        }
    }

    const GOOD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn requests_follow_each_other_whatever_their_bodies_are() {
        let requests = [
            GOOD,
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nGET",
            GOOD,
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\u{1}\u{2}",
        ];
        check(requests.concat().as_bytes(), Ok(()));
    }

    #[test]
    fn a_body_has_one_length() {
        let wrong = [
            "Content-Length: 2\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 2",
            "Content-Length: 2\r\nContent-Length: 2",
            "Content-Length: 2, 2",
            "Content-Length: +2",
            "Content-Length: 0x2",
            "Content-Length:",
            "Content-Length: 1000000000000000",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked;a=b",
            "Transfer-Encoding:",
        ];
        for headers in wrong {
            let request =
                format!("{GOOD}POST / HTTP/1.1\r\n{headers}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
            check(request.as_bytes(), Err(GOOD.len()));
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        check(old.as_bytes(), Err(0));
    }

    #[test]
    fn what_our_reader_refuses_does_not_pass() {
        let wrong = [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET /# HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ];
        for request in wrong {
            check(format!("{GOOD}{request}").as_bytes(), Err(GOOD.len()));
        }
    }
}
